"""How is a ratio measured so that a noisy machine cannot fake it?

What is compared is run in turn, A B A B, and the medians are divided: a slow spell of the machine hits both.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Measured(NamedTuple):
    """One promise beside what was found."""

    work: str
    what: str
    """What the figure is a ratio of, or its unit."""
    value: float
    bound: float | None
    at_least: bool = False
    detail: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the bound holds; None where there is none."""
        if self.bound is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turn(
    works: Sequence[Callable[[], object]], *, rounds: int, warm: int = 2, upkeep: Callable[[], object] | None = None
) -> list[float]:
    """The median seconds of each, all run in turn.

    upkeep  what the process does now and then in its own time: done every hundred rounds, and not measured
    """
    for _ in range(warm):
        for work in works:
            work()
    gc.collect()
    times: list[list[float]] = [[] for _ in works]
    for turn in range(rounds):
        if upkeep is not None and turn % 100 == 0:
            upkeep()
        for place, work in enumerate(works):
            times[place].append(seconds(work))
    return [statistics.median(one) for one in times]
