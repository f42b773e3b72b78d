"""What must a book that lives elsewhere be able to do?

Two things: say which positions it holds, and take one correction if its row still says what the correction starts
from. Where it keeps orders, the same of these (`OrderBook`). It is not asked on an event loop: its methods may block,
are called on a thread of their own, one at a time. None raises for what the outside does: a book that cannot be read
is a fact (law 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, Protocol, TypeAlias

import msgspec

from trueup.model import BookOrder, Holding, OrderStatus, Refusal, Stop, TradeSide

WroteState: TypeAlias = Literal["written", "already", "conflict", "unknown"]


class BookRow(msgspec.Struct, frozen=True, kw_only=True):
    """One open position as the book states it. What a book has no place for is left out, and is not compared."""

    symbol: str
    """In the book's own spelling; aliases of the policy are resolved later (L33)."""
    signed_quantity: Decimal
    """+ long, - short, never 0: a closed row is not listed (L28)."""
    ticket: str | None = None
    price: Decimal | None = None
    stop: Stop | None = None
    """None: the book has no place for it; `Stop()`: it says that there is none."""
    strategy: str | None = None
    opened_at: str | None = None
    """ISO 8601, UTC: evidence, never order (L46)."""
    ref: str = ""
    """What names the row in the book: a primary key, a document's path. The adapter's own, never shown as a ticket."""


class BookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one read brought."""

    completeness: Literal["complete", "partial", "failed"] = "complete"
    why: str = ""
    """Why it is not complete; '' when it is."""
    positions: Sequence[BookRow] = ()
    """All that are open: one that is not listed is not held."""
    refused: Sequence[Refusal] = ()
    """Rows that are there and cannot be used. They make the answer partial (L42)."""


class BookWrite(msgspec.Struct, frozen=True, kw_only=True):
    """One correction, as it is to be written."""

    cursor: int
    """The journal position of the (last) correction that it carries."""
    correction_id: str
    before: BookRow | None
    """What the book said a moment ago, and must still say; None: it had no open row."""
    after: Holding | None
    """What it is to say; None: the position is closed."""
    exit_reason: str | None = None
    """For a closed one: `CLOSED_EXTERNALLY`, unless explained."""
    why: str = ""
    at_ns: int = 0
    """When the correction was decided: wall time, UTC."""


class Wrote(msgspec.Struct, frozen=True):
    """What one write came to."""

    state: WroteState
    """`written`; `already`: the book says `after` as it is; `conflict`: it says something else than `before`, and
    nothing was written; `unknown`: it may have been written or not, and is read again before anything else."""
    why: str = ""


class Book(Protocol):
    """One account's book, kept by somebody else."""

    @property
    def name(self) -> str:
        """What the journal calls it: an address without secrets."""
        ...

    def read(self) -> BookAnswer:
        """All open positions, as of one moment. Never raises for what the outside does: `unreadable(why)`."""
        ...

    def write(self, write: BookWrite) -> Wrote:
        """Bring one row from `before` to `after`, if it still says `before`; else nothing.

        Never tries twice by itself (L27). Where it cannot be compared and set in one step, the adapter's page says so.
        """
        ...

    def close(self) -> None:
        """Let go of everything, promptly."""
        ...


def unreadable(why: str) -> BookAnswer:
    """No usable answer: nothing may be concluded from it (L01)."""
    return BookAnswer(completeness="failed", why=_whole(why))


# -- orders ------------------------------------------------------------------------------------------------


class OrderName(msgspec.Struct, frozen=True):
    """What an order of ours is known by; at least one of the two."""

    client_order_id: str | None = None
    order_id: str | None = None


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the book states it. What a book has no place for is left out, and is not compared."""

    client_order_id: str | None = None
    order_id: str | None = None
    """At least one of the two: else nothing that the broker says could be matched to it."""
    symbol: str
    """In the book's own spelling."""
    side: TradeSide
    type: str
    quantity: Decimal
    """As ordered, greater than 0."""
    status: OrderStatus
    """What the book's own word means; a word that means nothing refuses its row (L41)."""
    filled: Decimal | None = None
    """Cumulative; None: not stated."""
    average_price: Decimal | None = None
    limit: Decimal | None = None
    stop: Decimal | None = None
    reduce_only: bool | None = None
    strategy: str | None = None
    ref: str = ""
    """What names the row in the book; the adapter's own."""


class OrdersAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one read of a book's orders brought."""

    completeness: Literal["complete", "partial", "failed"] = "complete"
    why: str = ""
    orders: Sequence[OrderRow] = ()
    """All that the book says still work, and those that were asked for by name, whatever they say."""
    refused: Sequence[Refusal] = ()
    """Rows that are there and cannot be used (L42); `ticket` holds what of their ids can be read."""


OrderField: TypeAlias = Literal[
    "status", "filled", "average_price", "order_id", "side", "type", "quantity", "limit", "stop", "reduce_only"
]


class Places(msgspec.Struct, frozen=True):
    """What a book of orders has a place and a word for."""

    fields: frozenset[OrderField] = frozenset({"status", "filled", "order_id"})
    """What can be written into a row that is there. A row states each of them, or says that it is not so yet: an empty
    `filled` is 0."""
    words: frozenset[OrderStatus] = frozenset(OrderStatus)


class OrderWrite(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one order, as it is to be written."""

    cursor: int
    """The journal position of the (last) change that it carries."""
    correction_id: str = ""
    before: OrderRow | None
    """What the book said a moment ago, and must still say; None: it knows no such order, and one is added."""
    after: BookOrder
    """What is known of it now. Of a row that is there only `fields` are written, and only what it has a place for."""
    fields: tuple[OrderField, ...] = ()
    """What the row does not say yet; all of it where the row is added."""
    exit_reason: str | None = None
    """Where this ends it and nobody explained why: `CLOSED_EXTERNALLY`."""
    why: str = ""
    at_ns: int = 0
    """Now: wall time, UTC."""


class OrderBook(Protocol):
    """One account's orders, kept by somebody else."""

    @property
    def places(self) -> Places:
        """What its rows have a place and a word for."""
        ...

    @property
    def name(self) -> str:
        """What the journal calls it: an address without secrets."""
        ...

    def read(self, known: Sequence[OrderName]) -> OrdersAnswer:
        """All orders that still work by the book's own word, and those named in `known` whatever it says of them, as of
        one moment. One that is in neither is not in the book. Never raises: `unreadable_orders(why)`."""
        ...

    def write(self, write: OrderWrite) -> Wrote:
        """Bring one row from `before` to `after`, if it still says `before`; else nothing. Never tries twice (L27)."""
        ...

    def close(self) -> None:
        """Let go of everything, promptly."""
        ...


def unreadable_orders(why: str) -> OrdersAnswer:
    """No usable answer: nothing may be concluded from it (L01)."""
    return OrdersAnswer(completeness="failed", why=_whole(why))


def _whole(why: str) -> str:
    """Text that can be stored: halves of characters cannot."""
    return why.encode("utf-8", "replace").decode()
