"""How is one run put together, module by module?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from mutation import drawn, told, tried

LAST = Path("verdicts.json")


def run(modules: Mapping[str, str], options: argparse.Namespace, reached: Path) -> int:
    """Draws, tries and tells. 1 when something lives that is not known to be equivalent."""
    measured = json.loads(reached.read_text("utf-8"))
    known = told.reasons()
    last: dict[str, str] = json.loads(LAST.read_text("utf-8")) if LAST.exists() else {}
    dead = {key for key, status in last.items() if status in (told.KILLED, told.TIMEOUT) and options.alive}
    told.say(f"making mutants; {len(measured['unfit'])} tests do not pass here and are left out")
    tried.generate()
    plan: dict[str, tuple[int, list[drawn.Mutant]]] = {}
    for module, path in modules.items():
        every = tried.names(path)
        some = drawn.draw(every, options.seed, None if options.all else options.per_module)
        plan[module] = (
            len(every),
            [drawn.looked_at(module, path, name, tried.texts(path, name), measured["lines"]) for name in some],
        )

    def is_tried(one: drawn.Mutant) -> bool:
        return one.key not in dead and (options.doubt or not told.judged(one, told.SURVIVED, known).equivalent)

    told.say("loading the tests")
    runner = tried.warm()
    trying = [one for _, some in plan.values() for one in some if is_tried(one)]
    needed = {test for one in trying for look in tried.looks(one.tests, measured["seconds"]) for test in look}
    told.say(f"{len(needed)} tests on sound code, then on broken code")
    tried.prove(runner, needed)
    rows: list[told.Row] = []
    for module, (total, mutants) in plan.items():
        some = [one for one in mutants if is_tried(one)]
        verdicts = [
            told.judged(one, last[one.key] if one.key in dead else told.SURVIVED, known)
            for one in mutants
            if not is_tried(one)
        ]
        how = {"workers": options.workers, "quick": options.quick}
        for mutant, status in tried.outcomes(runner, some, measured["seconds"], **how):
            verdicts.append(told.judged(mutant, status, known))
            last[mutant.key] = status
            if verdicts[-1].lives:
                print(told.shown(verdicts[-1]), flush=True)
        rows.append(told.row(module, total, verdicts))
        told.say(" ".join(map(str, rows[-1])))
        LAST.write_text(json.dumps(last), "utf-8")
    print(f"\n{told.table(rows)}\n\n{told.score(rows)}")
    return 1 if any(one[6] or one[7] for one in rows) else 0
