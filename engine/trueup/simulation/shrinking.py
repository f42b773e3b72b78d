"""What is the shortest history that still fails?

Happenings are left out, many at a time and then one by one, as long as the same law is broken; then the settings are
made plainer. What remains is what a person reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from trueup.simulation.beside import Making
from trueup.simulation.run import simulate
from trueup.simulation.scenario import Happening, Scenario

TRIES_MAX: Final = 300
"""Histories that shrinking plays at most (law 12)."""


def shrink(
    scenario: Scenario, laws: frozenset[int], *, tries_max: int | None = None, beside: Making | None = None
) -> Scenario:
    """The shortest scenario found that still breaks one of these laws; the given one where nothing can be left out.

    tries_max   how many histories may be played for it; None: `TRIES_MAX`
    beside      what stood beside the journal, where that was judged, too
    """
    search = _Search(laws, TRIES_MAX if tries_max is None else tries_max, None)
    if beside is not None and not search.fails(scenario):
        search.beside = beside  # only by it is the law broken; without it a history takes half the time
    scenario = search.fewer(scenario)
    for plainer in _plainer(scenario):
        changed = msgspec.structs.replace(scenario, settings=plainer(scenario))
        if changed != scenario and search.fails(changed):
            scenario = changed
    return search.fewer(scenario)


class _Search:
    """Tries shorter ones, as often as it may."""

    def __init__(self, laws: frozenset[int], tries_max: int, beside: Making | None) -> None:
        self._laws = laws
        self.beside = beside
        self._left = tries_max

    def fails(self, scenario: Scenario) -> bool:
        """Whether a history still breaks one of the laws; no, once enough were tried."""
        if not self._left:
            return False
        self._left -= 1
        return any(one.law in self._laws for one in simulate(scenario, beside=self.beside).violations)

    def fewer(self, scenario: Scenario) -> Scenario:
        """With as many happenings left out as can be, larger parts first."""
        kept = scenario.happenings
        size = max(1, len(kept) // 2)
        while kept and self._left:
            shorter = self._without_one_part(scenario, kept, size)
            if shorter is not None:
                kept = shorter
            elif size == 1:
                break
            else:
                size //= 2
        return msgspec.structs.replace(scenario, happenings=kept)

    def _without_one_part(
        self, scenario: Scenario, kept: tuple[Happening, ...], size: int
    ) -> tuple[Happening, ...] | None:
        for start in range(0, len(kept), size):
            shorter = kept[:start] + kept[start + size :]
            if self.fails(msgspec.structs.replace(scenario, happenings=shorter)):
                return shorter
        return None


def _plainer(scenario: Scenario) -> Iterator[Callable[[Scenario], object]]:
    """Settings that say less, one at a time."""
    plain: dict[str, object] = {
        "held": (),
        "policies": (),
        "action_faults": (),
        "priced": True,
        "baseline": True,
        "bold": True,
        "durability": "full",
        "bot": "fills",
        "named_by": "ticket",
        "latency_ms_max": 20,
        "message_ms_max": 50,
        "poll_ms": 2_000,
        "lag_ms": 0,
    }
    for name, value in plain.items():
        yield lambda now, name=name, value=value: msgspec.structs.replace(now.settings, **{name: value})  # type: ignore[misc]
    for minutes in (1, 2, 3):
        if minutes < scenario.settings.minutes:
            yield lambda now, minutes=minutes: msgspec.structs.replace(now.settings, minutes=minutes)  # type: ignore[misc]
