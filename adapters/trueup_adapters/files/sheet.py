"""What does one file say: whose positions and orders, which rows can be used, and which cannot?"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from trueup.errors import InputError
from trueup.model import ZERO, BookOrder, BrokerOrder, BrokerPosition, Holding, Refusal, Side, Stop, signed

FILE_BYTES_MAX = 64 * 1024 * 1024
"""The longest file that is read (law 12); a gateway's reply may be as long."""


class UnusableFile(InputError):
    """A file from which nothing can be concluded: it is missing, garbled, or a reply that failed (law 4)."""


class AccountsDiffer(InputError):
    """Two files, or two rows of one, are of different accounts (L32): comparing them means nothing."""


class Row(msgspec.Struct, frozen=True):
    """One position as a file states it."""

    number: int
    """Its place in the file's list, from 1."""
    symbol: str
    """Canonical (L33)."""
    spelling: str
    """As the file spells it."""
    side: Side
    quantity: Decimal
    """Not signed, 0 or more; 0: the file says that nothing is held there."""
    ticket: str | None = None
    price: Decimal | None = None
    stop: Stop | None = None
    """None: not reported, hence not compared."""
    strategy: str | None = None
    opened_at: str | None = None

    @property
    def signed_quantity(self) -> Decimal:
        """+ long, - short (L28)."""
        return signed(self.side, self.quantity)

    def holding(self) -> Holding:
        """The row as a book holds it."""
        return Holding(self.symbol, self.signed_quantity, self.ticket, self.price, self.stop)

    def position(self) -> BrokerPosition:
        """The row as a broker states it."""
        return BrokerPosition(self.symbol, self.signed_quantity, self.ticket, self.price, self.stop)


class OrderRow(msgspec.Struct, frozen=True):
    """One order as a file states it."""

    number: int
    """Its place in the file's list, from 1."""
    order: BrokerOrder
    """The row as a broker states it: its `filled` is None where the row does not report it."""

    @property
    def name(self) -> str:
        """What breaks and messages call it: the client order id, else the order id. Every row has one of them."""
        name = self.order.client_order_id or self.order.order_id
        assert name is not None
        return name

    def book_order(self) -> BookOrder:
        """The row as a book holds it."""
        order = self.order
        return BookOrder(
            client_order_id=order.client_order_id or "",
            symbol=order.symbol,
            side=order.side,
            type=order.type,
            quantity=order.quantity,
            status=order.status,
            raw_status=order.raw_status,
            order_id=order.order_id,
            filled=ZERO if order.filled is None else order.filled,
            limit=order.limit,
            stop=order.stop,
            reduce_only=order.reduce_only,
        )


class OrderList(msgspec.Struct, frozen=True):
    """The orders that one file lists. Complete or partial on its own, whatever the file's positions are."""

    rows: tuple[OrderRow, ...] = ()
    """In the file's order, every one that can be used."""
    refused: tuple[Refusal, ...] = ()
    """In the file's order, every other one (L42)."""

    @property
    def count(self) -> int:
        """How many rows the list has."""
        return len(self.rows) + len(self.refused)

    @property
    def partial(self) -> bool:
        """Whether its absences prove nothing (law 4)."""
        return bool(self.refused)


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """What one file says."""

    name: str
    """What messages call it."""
    account: str | None = None
    """`broker:id`; None: the file does not say, and takes the other side's."""
    has_positions: bool = True
    """False: the file has no list of positions, which says nothing of them, as a gateway's list of orders does."""
    rows: tuple[Row, ...] = ()
    """Every row that can be used on its own, in the file's order."""
    refused: tuple[Refusal, ...] = ()
    """Every other one (L42)."""
    orders: OrderList | None = None
    """None: the file has no list of orders, which says nothing of them; an empty list says that there are none."""
