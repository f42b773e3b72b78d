"""Where across the picture does a moment lie, so that the seconds that matter are not lost in quiet hours?

Time runs from left to right and never back. Within a busy stretch it is to scale; a gap in which nothing happened is
shortened where it would otherwise press everything else together, and is marked with how long it really was.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

import msgspec

GAP_FACTOR: Final = 4
"""A gap longer than so many times the usual one is shortened to that."""


class Cut(msgspec.Struct, frozen=True):
    """A gap that is shown shorter than it was."""

    begin: Fraction
    end: Fraction
    """As shares of the picture's width, 0 to 1."""
    really_ns: int


class Axis:
    """A mapping from wall time to a share of the width, 0 to 1."""

    def __init__(self, moments_ns: Iterable[int]) -> None:
        """`moments_ns`: every moment at which something is drawn; at least one."""
        self._times = sorted(set(moments_ns))
        gaps = [later - earlier for earlier, later in zip(self._times, self._times[1:], strict=False)]
        usual = sorted(gaps)[len(gaps) // 2] if gaps else 0
        widths = [min(gap, GAP_FACTOR * usual) for gap in gaps]
        total = sum(widths) or 1
        self._shares = [Fraction(0)]
        self.cuts: list[Cut] = []
        for gap, width in zip(gaps, widths, strict=True):
            begin = self._shares[-1]
            self._shares.append(begin + Fraction(width, total))
            if width < gap:
                self.cuts.append(Cut(begin, self._shares[-1], gap))

    def share(self, at_ns: int) -> Fraction:
        """The place of a moment; one outside lies at the nearer end."""
        times, shares = self._times, self._shares
        if at_ns <= times[0]:
            return Fraction(0)
        if at_ns >= times[-1]:
            return shares[-1]
        index = bisect_right(times, at_ns) - 1
        inside = Fraction(at_ns - times[index], times[index + 1] - times[index])
        return shares[index] + inside * (shares[index + 1] - shares[index])

    def ticks(self, count: int) -> list[int]:
        """At most `count` moments to write beneath, no two nearer to each other than a `count`th of the width."""
        chosen: list[int] = []
        last = Fraction(-1)
        for time, share in zip(self._times, self._shares, strict=True):
            if share - last >= Fraction(1, count):
                chosen.append(time)
                last = share
        return chosen[:count]


def span_said(ns: int) -> str:
    """`350 ms`, `12 s`, `6 min`, `3 h`, `2 d`: how long something was, in the largest unit that it fills."""
    for size_ns, unit in ((86_400_000_000_000, "d"), (3_600_000_000_000, "h"), (60_000_000_000, "min")):
        if ns >= size_ns:
            return f"{ns // size_ns} {unit}"
    return f"{ns // 1_000_000_000} s" if ns >= 1_000_000_000 else f"{ns // 1_000_000} ms"
