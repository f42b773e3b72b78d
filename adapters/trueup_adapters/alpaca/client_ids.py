"""Under which client id was each order sent, as far as Alpaca has told?

It never changes, so it is remembered, also of orders that nobody can use for anything else: an order for an amount of
money has no quantity until it has ended, and fills all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Raw

from trueup_adapters.alpaca.cells import MALFORMED, readable
from trueup_adapters.json_text import first_named_twice

CLIENT_IDS_MAX: Final = 20_000
"""Orders whose client id is remembered (law 12)."""


class _Names(msgspec.Struct):
    id: Any = None
    client_order_id: Any = None
    legs: Raw = Raw()


_NAMES = msgspec.json.Decoder(_Names)
_LEGS = msgspec.json.Decoder(list[Raw])


class ClientIds(dict[str, str | None]):
    """By Alpaca's id of an order: its client id; None where Alpaca has forgotten the order."""

    def note(self, rows: Iterable[Raw]) -> None:
        """Look at rows of orders, whatever else is wrong with them, and at their legs."""
        for row in rows:
            for one in (row, *_legs_in(row)):
                self._note(one)
        while len(self) > CLIENT_IDS_MAX:
            del self[next(iter(self))]

    def _note(self, row: Raw) -> None:
        try:
            names = _NAMES.decode(row)
        except MALFORMED:
            return
        if first_named_twice(bytes(row), ("id", "client_order_id")):
            return  # nobody can say which is meant (law 13)
        order_id, client_id = readable(names.id), readable(names.client_order_id)
        if order_id is not None and (client_id is not None or names.client_order_id in (None, "")):
            self[order_id] = client_id


def _legs_in(row: Raw) -> list[Raw]:
    try:
        return _LEGS.decode(_NAMES.decode(row).legs)
    except MALFORMED:
        return []
