"""Which order of the book is which of the broker's?

Per symbol: by client order id where both rows have one, else by order id. A client order id is ours and an order id
the broker's: where a row has only the one and a row of the other side only the other, nothing says that they are
the same order. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from trueup_adapters.files.sheet import OrderList, OrderRow


class OrderPair(msgspec.Struct, frozen=True):
    """One order of either side, or of both."""

    book: OrderRow | None
    broker: OrderRow | None

    @property
    def name(self) -> str:
        """The client order id of either side, else the order id."""
        rows = [row for row in (self.book, self.broker) if row is not None]
        return next((row.order.client_order_id for row in rows if row.order.client_order_id), rows[0].name)


def order_pairs(book: OrderList, broker: OrderList) -> Iterator[OrderPair]:
    """Every order of either side once, in no particular order.

    Of each side no two rows share an id of either kind (`order_rules`).
    """
    by_client = {_client(row): row for row in broker.rows if row.order.client_order_id is not None}
    by_order = {_order(row): row for row in broker.rows if row.order.order_id is not None}
    taken: set[int] = set()
    rest: list[OrderRow] = []
    for row in book.rows:
        found = by_client.get(_client(row)) if row.order.client_order_id is not None else None
        if found is None:
            rest.append(row)
        else:
            taken.add(found.number)
            yield OrderPair(row, found)
    for row in rest:
        found = by_order.get(_order(row)) if row.order.order_id is not None else None
        if found is None or found.number in taken or _both_named(row, found):
            yield OrderPair(row, None)
        else:
            taken.add(found.number)
            yield OrderPair(row, found)
    yield from (OrderPair(None, row) for row in broker.rows if row.number not in taken)


def _client(row: OrderRow) -> tuple[str, str | None]:
    return row.order.symbol, row.order.client_order_id


def _order(row: OrderRow) -> tuple[str, str | None]:
    return row.order.symbol, row.order.order_id


def _both_named(one: OrderRow, other: OrderRow) -> bool:
    """Whether both rows have a client order id: then those decide, and these two differ."""
    return one.order.client_order_id is not None and other.order.client_order_id is not None
