"""How are thousands of histories tried, on all cores or many machines, and what is kept of them?

Seeds are handed out in small lots to processes that are started afresh (`spawn`: nothing is inherited), and what comes
back is added up and, where asked for, written into one SQLite file as it comes. A sum does not depend on who was done
first.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from typing import Final

import msgspec

from trueup.errors import InvariantBroken
from trueup.simulation.beside import Making
from trueup.simulation.check_values import Violation
from trueup.simulation.drawing import draw
from trueup.simulation.faults import FAULTS
from trueup.simulation.healing import Healing
from trueup.simulation.results import Results
from trueup.simulation.run import Outcome, simulate
from trueup.simulation.scenario import Faults
from trueup.simulation.tally import in_order

BESIDE_EVERY: Final = 16
"""Of so many seeds one is played with what is to stand beside the journal, where there is such a thing: it takes longer
than the history itself."""
LOT_SEEDS: Final = 20
"""Seeds that a process is given at a time."""


class Broken(msgspec.Struct, frozen=True):
    """One violation, and the seed that repeats it."""

    law: int
    seed: int
    what: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign came to."""

    runs: int
    steps: int
    violations: tuple[Broken, ...]
    """By seed."""
    faults: dict[str, int]
    """By name, how often each had an effect; 0 for those that never had any."""
    coverage: dict[str, int]

    @property
    def untried(self) -> tuple[str, ...]:
        """Faults that never had an effect: nothing was learnt of them."""
        return tuple(name for name, count in self.faults.items() if not count)


class Lot(msgspec.Struct, frozen=True):
    """Some seeds, and how they are drawn."""

    seeds: tuple[int, ...]
    faults: Faults = "all"
    minutes: int | None = None
    beside: Making | None = None


def play(lot: Lot) -> list[Outcome]:
    """Every seed of a lot, in order. What breaks the simulation itself is a violation like any other."""
    return [_outcome(seed, lot) for seed in lot.seeds]


def _outcome(seed: int, lot: Lot) -> Outcome:
    try:
        beside = None if seed % BESIDE_EVERY else lot.beside
        return simulate(draw(seed, lot.faults, lot.minutes), beside=beside)
    except (Exception, InvariantBroken) as error:  # noqa: BLE001 - a run that cannot be played is a finding, too
        broken = Violation(0, f"the run ended with {type(error).__name__}: {error}")
        return Outcome(
            seed=seed, steps=0, virtual_ms=0, violations=(broken,), faults={}, coverage={}, digest="", healing=Healing()
        )


def lots(seeds: Sequence[int], like: Lot, size: int = LOT_SEEDS) -> list[Lot]:
    """The seeds, shared out, each lot like the given one."""
    shared = (tuple(seeds[start : start + size]) for start in range(0, len(seeds), size))
    return [msgspec.structs.replace(like, seeds=some) for some in shared]


def campaign(
    seeds: Sequence[int],
    *,
    faults: Faults = "all",
    minutes: int | None = None,
    workers: int | None = None,
    results: Path | None = None,
    on_progress: Callable[[int], object] | None = None,
    scheduler: str | None = None,
    beside: Making | None = None,
) -> Summary:
    """Try every seed and add up what came of it.

    seeds        each stands for one history (`drawing.draw`)
    workers      processes; None: as many as there are cores; 1: none beside this one
    results      an SQLite file to write every run into, kept also where the campaign is broken off
    on_progress  called with the number of runs that have just been finished
    scheduler    the address of a Dask scheduler, which has the work done by its workers instead
    beside       makes what stands beside the journal of each seed that `BESIDE_EVERY` divides, and is judged, too

    Raises ImportError where Dask is wanted and not installed, sqlite3.Error where `results` cannot be written.
    """
    shared = lots(seeds, Lot((), faults, minutes, beside))
    if scheduler is not None:
        from trueup.simulation.many import played_by_dask

        played = played_by_dask(scheduler, shared)
    else:
        count = min(len(shared), workers or cpu_count() or 1)
        played = map(play, shared) if count <= 1 else _played_by_processes(shared, count)
    adding = _Adding()
    with Results(results) as kept:
        for outcomes in played:
            adding.add(outcomes)
            kept.write(outcomes)
            if on_progress is not None:
                on_progress(len(outcomes))
    return adding.summary()


def _played_by_processes(shared: Sequence[Lot], workers: int) -> Iterator[list[Outcome]]:
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_deaf)
    try:
        for future in as_completed([pool.submit(play, lot) for lot in shared]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)  # a campaign that is broken off ends with the lots at hand


def _deaf() -> None:
    """Ctrl-C is for whoever hands out the seeds: a process that has some plays them to their end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Adding:
    """Sums, whatever the order."""

    def __init__(self) -> None:
        self.runs = 0
        self.steps = 0
        self.violations: list[Broken] = []
        self.faults: Counter[str] = Counter(dict.fromkeys(FAULTS, 0))
        self.coverage: Counter[str] = Counter()

    def add(self, outcomes: Iterable[Outcome]) -> None:
        for one in outcomes:
            self.runs += 1
            self.steps += one.steps
            self.violations += [Broken(broken.law, one.seed, broken.what) for broken in one.violations]
            self.faults.update(one.faults)
            self.coverage.update(one.coverage)

    def summary(self) -> Summary:
        return Summary(
            runs=self.runs,
            steps=self.steps,
            violations=tuple(sorted(self.violations, key=lambda one: (one.seed, one.law, one.what))),
            faults=in_order(self.faults),
            coverage=in_order(self.coverage),
        )
