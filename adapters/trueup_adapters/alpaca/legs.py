"""Which orders does the list of open ones keep to itself, and how are they found all the same?

Two kinds. An order for several symbols at once (`mleg`) may be listed without its legs, and is only its legs. And the
exit that waits for another one, a stop loss beside its take profit, is `held`: it has been seen to be left out of
`status=open`, with and without `nested`. Nobody may take such a position for unprotected (law 10).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

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
    submitted_at: Any = None


_EXIT = msgspec.json.Decoder(_Exit)
_OTHER: Final = {"buy": "sell", "sell": "buy"}


class _Place(NamedTuple):
    """Where the two exits of one entry are alike."""

    symbol: str
    order_class: str
    side: str


class Waiting:
    """The open orders beside which another one may be held."""

    def __init__(self) -> None:
        self._beside: dict[_Place, set[object]] = {}

    def note(self, rows: Iterable[Raw]) -> None:
        """Look at rows of the list of open orders."""
        for row in rows:
            place, read = _read(row)
            if place is not None and read.status != "held":
                self._beside.setdefault(place, set()).add(_moment(read))

    @property
    def symbols(self) -> Sequence[str]:
        """In which symbols something may be held, as Alpaca spells them."""
        return sorted({place.symbol for place in self._beside})

    def held_in(self, rows: Iterable[Raw]) -> list[Raw]:
        """Those rows of a list of all orders that are held beside an open one.

        Where an entry is open too, what is held may be behind that one: then only what came with the open exit counts.
        """
        return [row for row in rows if self._is_beside(*_read(row))]

    def _is_beside(self, place: _Place | None, read: _Exit) -> bool:
        if place is None or read.status != "held" or place not in self._beside:
            return False
        entry = place._replace(side=_OTHER.get(place.side, ""))
        return entry not in self._beside or _moment(read) in self._beside[place]


def _moment(read: _Exit) -> object:
    return read.submitted_at if isinstance(read.submitted_at, str) else None


def _read(row: Raw) -> tuple[_Place | None, _Exit]:
    """(where a row's order belongs, where it is one of two that may wait for each other; what was read of it)."""
    try:
        read = _EXIT.decode(row)
    except MALFORMED:
        return None, _Exit()
    symbol = readable(read.symbol)
    if symbol is None or "," in symbol or not isinstance(read.side, str) or read.order_class not in _PAIRED:
        return None, read
    return _Place(symbol, read.order_class, read.side), read
