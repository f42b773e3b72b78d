"""What becomes of a mutant when the tests that reach it run?

mutmut forks a process for each, which already holds every module and test, switches the one mutant on and runs pytest
until the first failure, fastest tests first.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path

from mutmut.__main__ import create_mutants
from mutmut.configuration import config
from mutmut.core import MutmutProgrammaticFailException
from mutmut.mutation.data import MutantLineSpans, SourceFileMutationData
from mutmut.mutation.diff_apply import generated_function_names
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.runners.harness import CollectTestsFailedException, PytestRunner
from mutmut.state import state
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths
from mutmut.workers.isolation import ForkRunner

from mutation.drawn import Mutant
from mutation.told import KILLED, SURVIVED, TIMEOUT, UNREACHED

FIRST_TESTS = 25
LOOKS_S = (0.0, 8.0, 80.0)
"""How long the tests of one mutant may take, as they took on sound code, the fastest first. Most mutants die in a first
look by a few tests, which are soon collected; what lives is looked at by more, and then by more. Only what nearly
every test runs has more than that."""


def generate() -> None:
    """Makes the mutants of every module that changed since they were made last.

    What an interruption left half written would be taken for made, so then everything is made anew.
    """
    unfinished = Path("mutants/unfinished")
    if unfinished.exists():
        shutil.rmtree("mutants")
    unfinished.parent.mkdir(exist_ok=True)
    unfinished.touch()
    set_mutant_under_test("mutant_generation")
    with contextlib.redirect_stdout(io.StringIO()):
        copy_src_dir()
        copy_also_copy_files()
        setup_source_paths()
        create_mutants(1)
    unfinished.unlink()


def names(path: str) -> list[str]:
    """Every mutant of one file."""
    data = SourceFileMutationData(path=path)
    data.load()
    return list(data.exit_code_by_key)


def texts(path: str, name: str) -> tuple[str, str]:
    """The function of a mutant, sound and mutated, both called "_"."""
    index = MutantLineSpans.load(path)
    if index is None:
        raise SystemExit(f"mutmut left no index of {path}: run scripts/mutate --fresh.")
    mangled = generated_function_names(name)
    was, now = index.read_function_sources(mangled)
    return was.replace(mangled[0], "_"), now.replace(mangled[1], "_")


def looks(tests: Sequence[str], seconds: Mapping[str, float]) -> list[list[str]]:
    """The tests in the order they are run in, look by look, as far as time allows."""
    taken: list[list[str]] = [[] for _ in LOOKS_S]
    spent = 0.0
    for n, test in enumerate(sorted(tests, key=lambda one: (seconds[one], one))):
        look = 0 if n < FIRST_TESTS else next((n for n, allowed in enumerate(LOOKS_S) if spent < allowed), None)
        if look is None:
            break
        taken[look].append(test)
        spent += seconds[test]
    return taken


def warm() -> ForkRunner:
    """A runner whose process holds all modules and tests already."""
    runner = ForkRunner(max_workers=1, test_runner=PytestRunner())
    set_mutant_under_test("list_all_tests")
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            runner.list_all_tests()
    except CollectTestsFailedException:
        raise SystemExit(f"{said.getvalue()}\nThe tests cannot be collected in the copy: see above.") from None
    return runner


def prove(runner: ForkRunner, tests: set[str]) -> None:
    """Stops everything where sound code would count as a kill, or broken code as none.

    A test that passed on these very mutants, none of them switched on, need not do so again.
    """
    kept, times = Path("proven.json"), {path: path.stat().st_mtime_ns for path in Path("mutants").rglob("*.py")}
    made = {str(path): at for path, at in sorted(times.items()) if not path.name.startswith("test_")}
    known = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    now = {test: times[Path("mutants") / test.partition("::")[0]] for test in sorted(tests)}
    proven: dict[str, int] = known["tests"] if known.get("made") == made else {}
    if not (doubted := [test for test, at in now.items() if proven.get(test) != at]):
        return
    set_mutant_under_test("")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = runner.run_clean_tests(doubted)
    if code:
        raise SystemExit(f"{said.getvalue()}\nTests fail without any mutant: nothing can be measured. Mend them first.")
    set_mutant_under_test("fail")
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            broken = runner.run_forced_fail()
        except MutmutProgrammaticFailException:
            broken = 1
    set_mutant_under_test("")
    if not broken:
        raise SystemExit("Every mutated function was broken, and no test failed: nothing can be measured.")
    kept.write_text(json.dumps({"made": made, "tests": proven | now}), "utf-8")


def outcomes(
    runner: ForkRunner, mutants: Sequence[Mutant], seconds: Mapping[str, float], *, workers: int, quick: bool
) -> Iterator[tuple[Mutant, str]]:
    """Each mutant and what became of it, in the order they end."""
    runner.max_workers = workers
    state().duration_by_test = dict(seconds)
    waiting = [(mutant, looks(mutant.tests, seconds)[: -1 if quick else None]) for mutant in reversed(mutants)]
    running: dict[str, tuple[Mutant, list[list[str]]]] = {}

    def ended() -> Iterator[tuple[Mutant, str]]:
        result = runner.wait_for_result()
        mutant, further = running.pop(result.mutant_name)
        status = status_by_exit_code[result.exit_code]
        if status == "no tests":
            raise SystemExit(f"{mutant.name}: pytest finds none of its tests. Run scripts/mutate --fresh.")
        further = [look for look in further if look]
        if status == SURVIVED and further:
            waiting.append((mutant, further))
        else:
            yield mutant, status if status in (TIMEOUT, SURVIVED) else KILLED  # a crash is a kill too

    runner.startup()
    try:
        while waiting or runner.pending_count():
            if not waiting or not runner.has_capacity():
                yield from ended()
                continue
            mutant, (tests, *further) = waiting.pop()
            if not tests:
                yield mutant, UNREACHED
                continue
            spent = sum(seconds[test] for test in tests)
            limit = ceil((spent + config().timeout_constant) * config().timeout_multiplier)
            running[mutant.name] = (mutant, further)
            runner.submit(mutant.name, tests, limit, spent)
    finally:
        runner.stop_all_workers()
        runner.shutdown()
