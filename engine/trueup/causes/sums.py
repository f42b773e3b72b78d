"""Which few of many amounts add up to exactly this much?

Deals explain a change of quantity only if their signed sum *is* the change: near enough is another story (L55). Of
several combinations the one of fewest amounts is chosen, and of those the latest; that another of the same size would
do as well is said, not hidden. The search has limits (law 12), and one that ended at them says so: "nothing found" and
"did not look any further" are two answers. Pure, exact and deterministic.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Final

import msgspec

from trueup.model import EXACT

COUNT_MAX: Final = 6
"""The most amounts that one combination may have."""
ITEMS_MAX: Final = 128
"""The most amounts that are looked at: the latest."""
STEPS_MAX: Final = 100_000
"""The most partial combinations that are tried: a fraction of a second."""


class Combined(msgspec.Struct, frozen=True):
    """What a search came to."""

    chosen: tuple[int, ...] = ()
    """Indices into the amounts, ascending; () when no combination was found."""
    another: bool = False
    """Whether a second combination of as few amounts was found: then the choice is one of several."""
    complete: bool = True
    """False: the search stopped at one of its limits, so nothing found proves nothing, nor does one found alone."""


def combine(
    amounts: Sequence[Decimal],
    target: Decimal,
    *,
    count_max: int = COUNT_MAX,
    items_max: int = ITEMS_MAX,
    steps_max: int = STEPS_MAX,
) -> Combined:
    """The combination of fewest, then latest, amounts whose sum is exactly `target`.

    amounts  signed, oldest first; an amount of 0 explains nothing and is never chosen
    target   signed, not 0

    "Latest" compares the last of each combination first, then the last but one, and so on. Combinations of more than
    `count_max` amounts are not searched and do not count as a limit that was hit: they would explain anything.
    """
    first = max(0, len(amounts) - items_max)
    usable = [index for index in range(len(amounts) - 1, first - 1, -1) if amounts[index]]  # latest first
    scaled = _integers([target, *(amounts[index] for index in usable)])
    search = _Search(scaled[1:], steps_max)
    for size in range(1, min(count_max, COUNT_MAX, len(usable)) + 1):
        found = search.of_size(size, scaled[0])
        if found or search.exhausted:
            chosen = tuple(sorted(usable[place] for place in found[0])) if found else ()
            return Combined(chosen, len(found) > 1, not search.exhausted and not first)
    return Combined(complete=not first)


def _integers(numbers: Sequence[Decimal]) -> list[int]:
    """All numbers as whole multiples of the finest step among them, exactly."""
    finest = min(_exponent(number) for number in numbers)
    return [int(number.scaleb(-finest, context=EXACT)) for number in numbers]


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int), "an admitted number is finite"
    return min(exponent, 0)


class _Search:
    """All combinations of one size, in order, until two are found or the steps are used up."""

    def __init__(self, amounts: list[int], steps_max: int) -> None:
        self._amounts = amounts
        self._steps_left = steps_max
        self.exhausted = False
        self._places: dict[int, list[int]] = {}
        for place, amount in enumerate(amounts):
            self._places.setdefault(amount, []).append(place)
        # The most and the least that so many amounts from a place on can come to, to give up a branch early.
        self._most = self._bounds(largest=True)
        self._least = self._bounds(largest=False)

    def _bounds(self, *, largest: bool) -> list[list[int]]:
        """Per place, sums of the 0, 1, 2, ... largest (or smallest) amounts from there on, up to `COUNT_MAX`."""
        bounds: list[list[int]] = [[0]]
        best: list[int] = []
        for amount in reversed(self._amounts):
            best = sorted([*best, amount], reverse=largest)[:COUNT_MAX]
            bounds.append(list(accumulate(best, initial=0)))
        bounds.reverse()
        return bounds

    def of_size(self, size: int, target: int) -> list[tuple[int, ...]]:
        """The first two combinations of `size` places, in order; fewer when there are no more."""
        found: list[tuple[int, ...]] = []
        self._extend((), 0, size, target, found)
        return found

    def _extend(self, taken: tuple[int, ...], start: int, size: int, rest: int, found: list[tuple[int, ...]]) -> None:
        if size == 1:  # the last one is looked up, not searched for
            places = self._places.get(rest, [])
            found += [(*taken, place) for place in places[bisect_left(places, start) :][: 2 - len(found)]]
            return
        for place in range(start, len(self._amounts) - size + 1):
            if not self._least[place][size] <= rest <= self._most[place][size]:
                return  # nor will what is left after it
            if not self._steps_left:
                self.exhausted = True
                return
            self._steps_left -= 1
            self._extend((*taken, place), place + 1, size - 1, rest - self._amounts[place], found)
            if len(found) > 1 or self.exhausted:
                return
