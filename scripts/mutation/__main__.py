"""Tries mutants of the pure core: `scripts/mutate [MODULE…] [--seed N] [--per-module N | --all] [--fresh]`."""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mutation import place, told


def main() -> int:
    """0 when every mutant that was tried is killed or known to be equivalent, 1 when some live."""
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="as in scripts/pure_core.txt: reconciliation/*.py")
    parser.add_argument("--seed", type=int, default=1, help="which mutants are drawn (1)")
    parser.add_argument("--per-module", type=int, default=12, help="how many of each module (12)")
    parser.add_argument("--all", action="store_true", help="every mutant: hours")
    parser.add_argument("--workers", type=int, default=1, help="mutants that run at once (1)")
    parser.add_argument("--fresh", action="store_true", help="forget what was made and measured before")
    parser.add_argument("--alive", action="store_true", help="try only what the last run left alive")
    parser.add_argument("--quick", action="store_true", help="one look at each; --alive may look again later")
    parser.add_argument("--doubt", action="store_true", help="try also what equivalent.toml says nobody can kill")
    options = parser.parse_args()

    modules = {
        module: path
        for module, path in place.core().items()
        if not options.modules or any(fnmatch.fnmatch(module, pattern) for pattern in options.modules)
    }
    if not modules:
        parser.error(f"no module of scripts/pure_core.txt is called {' or '.join(options.modules)}")
    told.say("copying")
    place.prepare(fresh=options.fresh)
    os.chdir(place.WORK)
    reached = measure(options.fresh)
    # from here on mutmut may be imported: it reads its settings where it stands, at once
    from mutation import trying

    return trying.run(modules, options, reached)


def listed(name: str, tests: Sequence[str]) -> bool:
    """Whether a file is one of tests that are listed, by itself or by its folder."""
    return name.rpartition("/")[2].startswith("test_") and name.startswith(tuple(tests))


def measure(fresh: bool) -> Path:
    """Which tests reach which line. Where nothing but files of tests changed since, only these are run again."""
    into = place.WORK / "reached.json"
    now = {
        path.relative_to(place.WORK).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("src", "tests")
        for path in (place.WORK / folder).rglob("*.py")
    }
    known: dict[str, Any] = {"made_from": {}, "listed": []}
    if into.exists() and not fresh:
        known = json.loads(into.read_text("utf-8"))
    before: dict[str, str] = known["made_from"]
    changed = {name for name in now.keys() | before.keys() if now.get(name) != before.get(name)}
    changed |= {name for name in now if listed(name, place.TESTS) and not listed(name, known["listed"])}
    if not changed:
        return into
    alone = all(name.rpartition("/")[2].startswith("test_") for name in changed)
    tests = sorted(name for name in changed & now.keys() if listed(name, place.TESTS)) if alone else place.TESTS
    told.say(f"running {'what changed of the tests' if alone else 'the tests'} once, to see what each of them reaches")
    asked = {
        "files": list(place.core().values()),
        "tests": tests,
        "into": str(into),
        "made_from": now,
        "listed": place.TESTS,
        "forget": sorted(changed) if alone else None,
    }
    command = [sys.executable, str(Path(__file__).with_name("reached.py")), json.dumps(asked)]
    if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode not in (0, 1):
        raise SystemExit(f"The tests do not run in {place.WORK}: try python -m pytest {' '.join(tests)} there.")
    return into


if __name__ == "__main__":
    raise SystemExit(main())
