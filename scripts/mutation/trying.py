"""How is one run put together, module by module?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from mutation import drawn, told, tried

LAST = Path("verdicts.json")


def run(modules: Mapping[str, str], options: argparse.Namespace, reached: Path) -> int:
    """Draws, tries and tells. 1 when something lives that is not known to be equivalent."""
    measured = json.loads(reached.read_text("utf-8"))
    known = told.reasons()
    alive = {one["name"] for one in json.loads(LAST.read_text("utf-8"))} if options.alive else None
    told.say(f"making mutants; {len(measured['unfit'])} tests do not pass here and are left out")
    tried.generate()
    plan: dict[str, tuple[int, list[drawn.Mutant]]] = {}
    for module, path in modules.items():
        every = tried.names(path)
        some = drawn.draw(every, options.seed, None if options.all else options.per_module)
        taken = [name for name in some if alive is None or name in alive]
        plan[module] = (
            len(every),
            [drawn.looked_at(module, path, name, tried.texts(path, name), measured["lines"]) for name in taken],
        )
    told.say("loading the tests")
    runner = tried.warm()
    every_one = [one for _, some in plan.values() for one in some]
    needed = {test for one in every_one for test in tried.fastest(one.tests, measured["seconds"])}
    told.say(f"{len(needed)} tests on sound code, then on broken code")
    tried.prove(runner, sorted(needed))
    rows: list[told.Row] = []
    living: list[told.Verdict] = []
    for module, (total, mutants) in plan.items():
        verdicts = []
        for mutant, status in tried.outcomes(runner, mutants, measured["seconds"], options.workers):
            verdict = told.judged(mutant, status, known)
            verdicts.append(verdict)
            if status in (told.SURVIVED, told.UNREACHED) and not verdict.equivalent:
                living.append(verdict)
                print(told.shown(verdict), flush=True)
        rows.append(told.row(module, total, verdicts))
        told.say(" ".join(map(str, rows[-1])))
        LAST.write_text(json.dumps([asdict(one.mutant) for one in living]), "utf-8")
    print(f"\n{told.table(rows)}\n\n{told.score(rows)}")
    return 1 if living else 0
