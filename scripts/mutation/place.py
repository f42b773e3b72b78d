"""Where are mutants made and run, so that nothing in the checkout ever changes?

In `var/mutation/work`: a copy of what the checkout holds now, with the three packages under `src/`, because mutmut
takes the name of a module from its path and knows no other root. Files that did not change keep their times, so that
mutmut makes anew only the mutants of what changed.
"""

from __future__ import annotations

import filecmp
import json
import shutil
import subprocess
from pathlib import Path

from _pure_core import PACKAGE, ROOT, pure_core

WORK = ROOT / "var" / "mutation" / "work"
PACKAGES = {
    "engine/trueup/": "src/trueup/",
    "projections/trueup_projections/": "src/trueup_projections/",
    "adapters/trueup_adapters/": "src/trueup_adapters/",
}
TESTS = [
    "tests/core",
    "tests/laws",
    "tests/lessons",
    "tests/causes",
    "tests/telling",
    "tests/gate",
    "tests/examined",
    "tests/replay",
    "tests/incident",
    "tests/golden",
    "tests/alerts/test_progress.py",
    "tests/books/test_differing.py",
    "tests/books/test_learned.py",
    "tests/books/test_orders_differing.py",
    "tests/books/test_orders_settled.py",
    "tests/books/test_orders_stories.py",
]
"""What counts for the core and runs inside one process. What starts processes and sockets would not see a mutant."""


FIRST = ("reconciliation/", "evidence", "compare", "orders", "protection", "gate", "breaker", "tally", "policy")
"""What decides comes before what tells: whoever stops early knows the more important half."""


def core() -> dict[str, str]:
    """Name of each module of the pure core, as `reconciliation/decide.py`, and its path in the copy."""
    listed = [one.relative_to(PACKAGE).as_posix() for one in pure_core()]
    return {one: f"src/trueup/{one}" for one in sorted(listed, key=lambda one: (not one.startswith(FIRST), one))}


def prepare(*, fresh: bool) -> None:
    """Brings the copy up to the checkout: tracked files and new ones that git does not ignore."""
    if fresh:
        shutil.rmtree(WORK, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    wanted = {placed(name): ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    for name, source in wanted.items():
        target = WORK / name
        if name == "pyproject.toml":
            configure(source.read_text("utf-8"), target)
        elif not target.exists() or not filecmp.cmp(source, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    for folder in ("src", "tests", "docs", "scripts"):
        for path in (WORK / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and path.relative_to(WORK).as_posix() not in wanted:
                path.unlink()
                (WORK / "mutants" / path.relative_to(WORK)).unlink(missing_ok=True)


def placed(name: str) -> str:
    """Where a file of the checkout lies in the copy."""
    for folder, moved in PACKAGES.items():
        if name.startswith(folder):
            return moved + name.removeprefix(folder)
    return name


def configure(project: str, target: Path) -> None:
    """The project's own settings, and mutmut's: only the core is mutated, everything that a test reads is copied."""
    settings = {
        "source_paths": ["src"],
        "only_mutate": sorted(core().values()),
        "also_copy": ["docs", "scripts", ".ci", *(path.name for path in sorted(ROOT.glob("*.md"))), "LICENSE"],
        "pytest_add_cli_args": ["-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": TESTS,
        "use_git_change_detection": False,
        "timeout_multiplier": 5.0,
        "timeout_constant": 3.0,
    }
    text = "\n[tool.mutmut]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(project + text, "utf-8")
