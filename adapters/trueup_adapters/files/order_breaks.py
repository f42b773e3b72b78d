"""On what do the orders of two files disagree, and what is to be done about each?

An order that ended is no ghost: brokers list open orders only. Nor is one that is only scheduled, for it was not sent
yet. Whatever else the book has open and the broker does not list has to be looked up by its id and in the fills
before anybody believes that it is gone (L04): two files cannot do that. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

from msgspec.structs import replace

from trueup.model import TERMINAL, ZERO, BookOrder, OrderStatus, Side, add
from trueup.orders import compare_order, protects, said_order
from trueup.policy import Policy
from trueup.report import remedy
from trueup_adapters.files.order_cells import STATUSES
from trueup_adapters.files.order_match import OrderPair, order_pairs
from trueup_adapters.files.report import FileBreak
from trueup_adapters.files.sheet import OrderList, OrderRow, Row

LOOK_UP: Final = "look up"
NAMED_MAX: Final = 20
"""The most orders that one note names (law 12); it counts the rest."""

Held: TypeAlias = dict[tuple[str, Side], Decimal]
"""What the broker holds: the signed sum of the legs of one symbol and side, never netted (L31)."""


def order_breaks(book: OrderList, broker: OrderList, positions: Sequence[Row], policy: Policy) -> Iterator[FileBreak]:
    """Every break between the orders of two files, in no particular order.

    positions  the broker's, by which an order is known to protect one (L26)
    """
    held = _held(positions)
    for pair in order_pairs(book, broker):
        if pair.book is None:
            assert pair.broker is not None
            # What has ended there is no orphan, and what the book seems to lack may be one of its refused rows.
            if not book.partial and pair.broker.order.status not in TERMINAL:
                yield _recovery(pair.broker, held)
        elif pair.broker is not None:
            yield from _drifts(pair, pair.book, pair.broker, policy)
        elif _is_expected(pair.book.book_order()) and not broker.partial:
            yield _ghost(pair.book)


def ended_strangers(name: str, book: OrderList, broker: OrderList) -> str | None:
    """One sentence that names the broker's orders that have ended and that the book lacks; None where there are none.

    They are history: whatever they filled is in the positions.
    """
    rows = [pair.broker for pair in order_pairs(book, broker) if pair.book is None and pair.broker is not None]
    said = [f"{row.name} {row.order.status.value}" for row in rows if row.order.status in TERMINAL]
    return None if not said else f"{name}: orders that ended, and that the book lacks, are no breaks: {_some(said)}"


def unknown_statuses(name: str, listed: OrderList) -> str | None:
    """One sentence that names the orders whose status is none of ours; None where there are none (L41)."""
    said = [f"{row.name} {row.order.raw_status}" for row in listed.rows if row.order.status is OrderStatus.UNKNOWN]
    if not said:
        return None
    return (
        f"{name}: statuses that are unknown were compared with nothing: {_some(said)}; known are {', '.join(STATUSES)}"
    )


def _some(said: Sequence[str]) -> str:
    more = f" and {len(said) - NAMED_MAX:,} more" if len(said) > NAMED_MAX else ""
    return f"{', '.join(said[:NAMED_MAX])}{more}"


def _held(positions: Sequence[Row]) -> Held:
    held: Held = {}
    for row in positions:
        key = row.symbol, row.side
        held[key] = add(held.get(key, ZERO), row.signed_quantity)
    return held


def _is_expected(order: BookOrder) -> bool:
    """Whether a broker that lists its open orders has to list this one."""
    return order.is_open and order.status is not OrderStatus.SCHEDULED


def _drifts(pair: OrderPair, book: OrderRow, broker: OrderRow, policy: Policy) -> Iterator[FileBreak]:
    """What the book's row does not report is not compared either: a `filled` left out is no 0."""
    theirs = broker.order if book.order.filled is not None else replace(broker.order, filled=None)
    for found in compare_order(book.book_order(), theirs, policy):
        yield FileBreak(
            of="order",
            kind="drift",
            symbol=book.order.symbol,
            ticket=pair.name,
            field=found.field,
            book=found.book,
            broker=found.broker,
            correction=remedy("drift", policy),
            why=f"the {found.field} of {_named(book, pair.name)} is {found.book} in the book "
            f"and {found.broker} at the broker",
        )
    one, other = book.order.order_id, broker.order.order_id
    if one is not None and other is not None and one != other:
        yield FileBreak(
            of="order",
            kind="drift",
            symbol=book.order.symbol,
            ticket=pair.name,
            field="order_id",
            book=one,
            broker=other,
            correction=LOOK_UP,
            why=f"{_named(book, pair.name)} is the broker's order {one} in the book and its order {other} at the "
            "broker: look whether it was sent more than once, or replaced",
        )


def _ghost(row: OrderRow) -> FileBreak:
    said = said_order(row.order)
    return FileBreak(
        of="order",
        kind="ghost",
        symbol=row.order.symbol,
        ticket=row.name,
        field=None,
        book=said,
        broker=None,
        correction=LOOK_UP,
        why=f"the book has {_named(row, row.name)} open, {said}, and the broker does not list it: "
        "look it up by its id and in the fills before taking it for gone",
    )


def _recovery(row: OrderRow, held: Held) -> FileBreak:
    """An orphan. One that guards a position is never one to get rid of, whoever placed it (L26)."""
    said = said_order(row.order)
    guarded = _guarded(row, held)
    protecting = "" if guarded is None else f"; it protects the {guarded} position there"
    return FileBreak(
        of="order",
        kind="recovery",
        symbol=row.order.symbol,
        ticket=row.name,
        field=None,
        book=None,
        broker=said,
        correction="quarantine" if guarded is None else "adopt",
        why=f"the broker lists {_named(row, row.name)}, {said}, and the book lacks it{protecting}",
    )


def _guarded(row: OrderRow, held: Held) -> Side | None:
    """The side of the position at the broker that a working order protects."""
    if not row.book_order().is_open:
        return None
    sides: tuple[Side, Side] = ("long", "short")
    for side in sides:
        quantity = held.get((row.order.symbol, side))
        if quantity is not None and protects(row.order, quantity):
            return side
    return None


def _named(row: OrderRow, name: str) -> str:
    return f"the order {name} in {row.order.symbol}"
