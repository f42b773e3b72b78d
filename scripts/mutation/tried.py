"""What becomes of a mutant when the tests that reach it run?

mutmut forks a process for each, which already holds every module and test, switches the one mutant on and runs pytest
until the first failure, fastest tests first.
"""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path

from mutmut.__main__ import create_mutants, run_forced_fail_test
from mutmut.configuration import config
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

SECONDS_MAX = 40.0
"""Of tests, as they took unmutated. Only what is run by nearly everything has more: it is killed at once, or is
equivalent. The fastest are taken."""


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


def fastest(tests: Sequence[str], seconds: Mapping[str, float]) -> list[str]:
    """The tests in the order they are run in, as far as time allows; at least one where there is one."""
    taken: list[str] = []
    spent = 0.0
    for test in sorted(tests, key=lambda one: (seconds[one], one)):
        spent += seconds[test]
        if taken and spent > SECONDS_MAX:
            break
        taken.append(test)
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


def prove(runner: ForkRunner, tests: Sequence[str]) -> None:
    """Stops everything where sound code would count as a kill, or broken code as none."""
    set_mutant_under_test("")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = runner.run_clean_tests(tests)
    if code:
        raise SystemExit(f"{said.getvalue()}\nTests fail without any mutant: nothing can be measured. Mend them first.")
    run_forced_fail_test(runner)


def outcomes(
    runner: ForkRunner, mutants: Sequence[Mutant], seconds: Mapping[str, float], workers: int
) -> Iterator[tuple[Mutant, str]]:
    """Each mutant and what became of it, in the order they end."""
    runner.max_workers = workers
    state().duration_by_test = dict(seconds)
    running: dict[str, Mutant] = {}

    def ended() -> tuple[Mutant, str]:
        result = runner.wait_for_result()
        mutant, status = running.pop(result.mutant_name), status_by_exit_code[result.exit_code]
        if status == "no tests":
            raise SystemExit(f"{mutant.name}: pytest finds none of its tests. Run scripts/mutate --fresh.")
        return mutant, status if status in (TIMEOUT, SURVIVED) else KILLED  # a crash is a kill too

    runner.startup()
    try:
        for mutant in mutants:
            tests = fastest(mutant.tests, seconds)
            if not tests:
                yield mutant, UNREACHED
                continue
            while not runner.has_capacity():
                yield ended()
            spent = sum(seconds[test] for test in tests)
            limit = ceil((spent + config().timeout_constant) * config().timeout_multiplier)
            running[mutant.name] = mutant
            runner.submit(mutant.name, tests, limit, spent)
        while runner.pending_count():
            yield ended()
    finally:
        runner.stop_all_workers()
        runner.shutdown()
