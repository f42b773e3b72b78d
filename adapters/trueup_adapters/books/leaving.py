"""When is a transaction on somebody else's book left without having written anything, and how is that said?

The same for tables and collections: what was added, changed or taken away meanwhile is a conflict, and what says
already what was to be written needs no writing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from trueup.foreign import OrderRow, OrderWrite, Wrote
from trueup.model import Refusal
from trueup_adapters.books.order_cells import order_differs, order_says

R = TypeVar("R")


class Left(Exception):
    """Nothing is to be written: ends the transaction without having changed anything."""

    def __init__(self, wrote: Wrote) -> None:
        super().__init__(wrote.why)
        self.wrote = wrote


def no_order_there(found: Iterable[OrderRow | Refusal], write: OrderWrite, *, what: str) -> None:
    """Raises Left where somebody has added the order meanwhile, or what may be it cannot be read.

    what  what the book keeps an order in: `row`, `document`
    """
    name = write.after.client_order_id
    for row in found:
        if isinstance(row, Refusal):
            raise Left(Wrote("conflict", f"order {name}: {what} {row.row} cannot be read: {row.why}"))
        if order_says(row, write):
            raise Left(Wrote("already", "it is there"))
        raise Left(Wrote("conflict", f"order {name}: a {what} is there meanwhile, {order_differs(row)}"))


def order_still_there(
    found: Sequence[tuple[OrderRow | Refusal, R]], write: OrderWrite, before: OrderRow, *, what: str
) -> R:
    """What stands beside the row that still says `before`. Raises Left where none does."""
    name = write.after.client_order_id
    for row, beside in found:
        if not isinstance(row, OrderRow) or row.ref != before.ref:
            continue
        if row == before:
            return beside
        if order_says(row, write):
            raise Left(Wrote("already", "it says so"))
        raise Left(Wrote("conflict", f"order {name}: it was changed meanwhile, {order_differs(row)}"))
    raise Left(Wrote("conflict", f"order {name}: its {what} is gone, or cannot be read any more"))
