"""Which orders does the list of open ones keep to itself, and how are they found all the same?

Two kinds. An order for several symbols at once (`mleg`) may be listed without its legs, and is only its legs. And the
exit that waits for another one, a stop loss beside its take profit, is `held`: it has been seen to be left out of
`status=open`, with and without `nested`. Nobody may take such a position for unprotected (law 10).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from trueup_adapters.alpaca.cells import MALFORMED, readable

_PAIRED: Final = frozenset({"bracket", "oco"})
"""The classes of orders of which two exits wait for each other."""
SYMBOLS_MAX: Final = 100
"""Symbols whose orders are asked for at once (law 12)."""


class _Exit(msgspec.Struct):
    symbol: Any = None
    side: Any = None
    status: Any = None
    order_class: Any = None


_EXIT = msgspec.json.Decoder(_Exit)


class Waiting:
    """The open orders beside which another one may be held: by symbol, class and side."""

    def __init__(self) -> None:
        self._beside: set[tuple[str, str, str]] = set()

    def note(self, rows: Iterable[Raw]) -> None:
        """Look at rows of the list of open orders."""
        self._beside.update(place for place, status in map(_place, rows) if place is not None and status != "held")

    @property
    def symbols(self) -> Sequence[str]:
        """In which symbols something may be held, as Alpaca spells them."""
        return sorted({symbol for symbol, _, _ in self._beside})

    def held_in(self, rows: Iterable[Raw]) -> list[Raw]:
        """Those rows of a list of all orders that are held beside an open one."""
        return [row for row in rows if (found := _place(row))[1] == "held" and found[0] in self._beside]


def _place(row: Raw) -> tuple[tuple[str, str, str] | None, object]:
    """((symbol, class, side) of an exit of two, its status)."""
    try:
        read = _EXIT.decode(row)
    except MALFORMED:
        return None, None
    symbol = readable(read.symbol)
    if symbol is None or "," in symbol or not isinstance(read.side, str) or read.order_class not in _PAIRED:
        return None, None
    return (symbol, read.order_class, read.side), read.status
