"""What is known of one order when several sources speak of it, in any order and more than once?

Orders merge *field by field*, never by last writer (L19): cumulative filled quantity joins by maximum, status follows
a rank, transient and unknown words decide nothing (L23, L41). Pure: no clock, no I/O.

| rank | statuses | why |
|---|---|---|
| 0 | scheduled | planned, not sent |
| 1 | pending | sent now or in a moment |
| 2 | accepted | the broker knows it |
| 3 | partially filled | fills exist |
| 4 | canceled, rejected, expired, failed, replaced | nothing more is expected, yet a fill may still come (L17, L18) |
| 5 | filled | fills outrank every other end |
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from trueup.compare import same_price
from trueup.decisions import BreakKind
from trueup.model import (
    TRANSIENT,
    ZERO,
    BookOrder,
    BrokerOrder,
    OrderStatus,
    plain,
    subtract,
)
from trueup.policy import Policy

RANK: Final[dict[OrderStatus, int]] = {
    OrderStatus.SCHEDULED: 0,
    OrderStatus.PENDING: 1,
    OrderStatus.ACCEPTED: 2,
    OrderStatus.PARTIALLY_FILLED: 3,
    OrderStatus.CANCELED: 4,
    OrderStatus.REJECTED: 4,
    OrderStatus.EXPIRED: 4,
    OrderStatus.FAILED: 4,
    OrderStatus.REPLACED: 4,
    OrderStatus.FILLED: 5,
}
"""Statuses that decide something; the others (transient, unknown) have no rank."""
TYPES: Final = frozenset({"market", "limit", "stop", "stop_limit", "take_profit", "take_profit_limit", "trailing_stop"})
"""Types of orders that mean one thing everywhere; what else somebody calls an order's type is not compared."""


def order_ref(row: BrokerOrder) -> str:
    """What an order is known by in the broker's list: its order id, else `~` and its client id."""
    return row.order_id if row.order_id is not None else f"~{row.client_order_id}"


def joined_status(known: OrderStatus, said: OrderStatus) -> OrderStatus:
    """The status that two sources together support: the higher rank; of two ends of equal rank the first."""
    if said not in RANK:
        return known
    if known not in RANK:
        return said
    return said if RANK[said] > RANK[known] else known


def joined_filled(known: Decimal, said: Decimal | None) -> Decimal:
    """Cumulative filled quantity of two sources: the larger."""
    return known if said is None or said <= known else said


def settled_status(status: OrderStatus, filled: Decimal, quantity: Decimal) -> OrderStatus:
    """The status that the fills make of an order: filled when they cover it, else at least partially filled."""
    if filled >= quantity:
        return OrderStatus.FILLED
    if filled and status in (OrderStatus.SCHEDULED, OrderStatus.PENDING, OrderStatus.ACCEPTED):
        return OrderStatus.PARTIALLY_FILLED
    return status


def with_fill(order: BookOrder, executed: Decimal) -> BookOrder:
    """The order after its executions add up to `executed` (unsigned); a terminal one takes late fills too (L17)."""
    filled = joined_filled(order.filled, executed)
    return replace(order, filled=filled, status=settled_status(order.status, filled, order.quantity))


def merged(order: BookOrder, row: BrokerOrder) -> BookOrder:
    """The order with all that can only have grown: what the broker's row says of fills, status and ids.

    What may have been *changed* (quantity, limit, stop) is not taken over here: that is a drift, and needs
    confirmation like any other.
    """
    filled = joined_filled(order.filled, row.filled)
    status = settled_status(joined_status(order.status, row.status), filled, order.quantity)
    return replace(
        order,
        status=status,
        raw_status=row.raw_status if row.status is OrderStatus.UNKNOWN else order.raw_status,
        order_id=order.order_id or row.order_id,
        filled=filled,
        average_price=row.average_price if row.average_price is not None else order.average_price,
        ticket=order.ticket or row.ticket,
    )


def external_name(order_id: str | None) -> str:
    """What we call an order that has no client id. Nobody else knows it by that name."""
    return f"external:{order_id}"


def told_name(order: BookOrder) -> str | None:
    """The client id by which others know an order; None where the name is one that we made up."""
    name = order.client_order_id
    return None if order.order_id is not None and name == external_name(order.order_id) else name


def adopted_order(row: BrokerOrder, client_order_id: str, strategy: str) -> BookOrder:
    """An order at the broker that the book lacked, as its own; its owner is whoever the evidence names."""
    return BookOrder(
        client_order_id=client_order_id,
        symbol=row.symbol,
        side=row.side,
        type=row.type,
        quantity=row.quantity,
        status=row.status,
        raw_status=row.raw_status,
        order_id=row.order_id,
        filled=row.filled or ZERO,
        average_price=row.average_price,
        limit=row.limit,
        stop=row.stop,
        reduce_only=row.reduce_only,
        strategy=strategy,
        ticket=row.ticket,
    )


class OrderDifference(msgspec.Struct, frozen=True, gc=False):
    """One field of an order on which the sides differ, as text; `field` is None when one side lacks the order."""

    kind: BreakKind
    field: str | None
    book: str | None
    broker: str | None


def said_order(order: BookOrder | BrokerOrder) -> str:
    """`buy 0.1 limit at 1.05`: an order in words."""
    level = order.limit if order.limit is not None else order.stop
    at = "" if level is None else f" at {plain(level)}"
    return f"{order.side} {plain(order.quantity)} {order.type}{at}"


def compare_order(book: BookOrder, broker: BrokerOrder, policy: Policy) -> tuple[OrderDifference, ...]:
    """Every difference of one order that both sides have, in field order; what a side does not report is not
    compared, and unknown or transient statuses of either side are no evidence (L23, L41).

    Quantities are exact unless the policy tolerates a difference; prices compare as those of positions do.
    """
    quantity_tolerance = policy.quantity_tolerance_of(book.symbol)
    price_tolerance = policy.price_tolerance_of(book.symbol)
    found: list[OrderDifference] = []
    if book.side != broker.side:
        found.append(_drift("side", book.side, broker.side))
    if book.type != broker.type and TYPES.issuperset((book.type, broker.type)):
        found.append(_drift("type", book.type, broker.type))
    if book.reduce_only is True and broker.reduce_only is False:
        # not the other way: brokers infer of any order that closes that it only reduces
        found.append(_drift("reduce_only", "yes", "no"))
    for name, had, has in (("quantity", book.quantity, broker.quantity), ("filled", book.filled, broker.filled)):
        if has is not None and subtract(had, has).copy_abs() > quantity_tolerance:
            found.append(_drift(name, plain(had), plain(has)))
    for name, ours, theirs in (("limit", book.limit, broker.limit), ("stop", book.stop, broker.stop)):
        if ours is not None and theirs is not None and not same_price(ours, theirs, tolerance=price_tolerance):
            found.append(_drift(name, plain(ours), plain(theirs)))
    if book.status != broker.status and _says(book.status) and _says(broker.status):
        found.append(_drift("status", book.status.value, broker.status.value))
    return tuple(sorted(found, key=lambda one: one.field or ""))


def changed_terms(book: BookOrder, broker: BrokerOrder, policy: Policy) -> tuple[OrderDifference, ...]:
    """The differences that merging cannot settle: the order was replaced with another size or price."""
    terms = ("side", "type", "quantity", "limit", "stop", "reduce_only")
    return tuple(one for one in compare_order(book, broker, policy) if one.field in terms)


def with_terms(order: BookOrder, row: BrokerOrder, fields: set[str | None]) -> BookOrder:
    """The order with the broker's word in the given fields."""
    return replace(
        order,
        side=row.side if "side" in fields else order.side,
        type=row.type if "type" in fields else order.type,
        reduce_only=row.reduce_only if "reduce_only" in fields else order.reduce_only,
        quantity=row.quantity if "quantity" in fields else order.quantity,
        limit=row.limit if "limit" in fields else order.limit,
        stop=row.stop if "stop" in fields else order.stop,
    )


def _drift(field: str, book: str, broker: str) -> OrderDifference:
    return OrderDifference("drift", field, book, broker)


def _says(status: OrderStatus) -> bool:
    return status is not OrderStatus.UNKNOWN and status not in TRANSIENT


def protects(order: BrokerOrder | BookOrder, signed_quantity: Decimal) -> bool:
    """Whether an order guards a position of that signed quantity: a stop on the other side, no larger than it.

    Such an order is never an orphan to cancel, whoever placed it (L26).
    """
    if "stop" not in order.type and order.stop is None:
        return False
    closes = order.side == ("buy" if signed_quantity.is_signed() else "sell")
    return closes and order.quantity <= signed_quantity.copy_abs()
