"""How does an order look in a table's cells?"""

from __future__ import annotations

from typing import Any

from trueup.model import BookOrder, BrokerOrder, plain, signed
from trueup.reconciliation.state import OrderSlot
from trueup_projections.cells import text, when


def _terms(one: BookOrder | BrokerOrder) -> dict[str, Any]:
    """The cells that every table of orders has."""
    return {
        "order_id": one.order_id,
        "client_order_id": one.client_order_id,
        "symbol": one.symbol,
        "side": one.side,
        "type": one.type,
        "quantity": plain(one.quantity),
        "filled": text(one.filled),
        "average_price": text(one.average_price),
        "limit": text(one.limit),
        "stop": text(one.stop),
        "reduce_only": None if one.reduce_only is None else int(one.reduce_only),
        "status": one.status.value,
        "raw_status": one.raw_status or None,
    }


def book_order(account: str, slot: OrderSlot, *, is_open: bool) -> dict[str, Any]:
    """A row of `orders`."""
    order = slot.order
    return {
        "account": account,
        **_terms(order),
        "executed": plain(slot.executed),
        "remaining": plain(order.remaining),
        "is_open": int(is_open),
        "overfilled": int(max(order.filled, slot.executed) > order.quantity),
        "strategy": order.strategy,
        "parent": order.parent,
        "scheduled_for": order.scheduled_for,
        "ticket": order.ticket,
        "mark": order.mark or None,
        "pending_position": slot.first_position or None,
        **when("heard", slot.pending_since.at_ns),
        "changed_position": slot.position,
        **when("changed", slot.changed.at_ns),
    }


def broker_order(account: str, ref: str, row: BrokerOrder) -> dict[str, Any]:
    """The cells of an order as the broker states it."""
    return {
        "account": account,
        "ref": ref,
        **_terms(row),
        "ticket": row.ticket,
        "strategy": row.strategy,
        "updated_at": row.updated_at,
        "spelling": row.spelling,
    }


def step(account: str, position: int, order: BookOrder) -> dict[str, Any]:
    """What the book says of an order from a position on."""
    return {
        "account": account,
        "position": position,
        **_terms(order),
        "is_over": int(not order.is_open),
        "mark": order.mark or None,
    }


def corrected_order(prefix: str, order: BookOrder | None) -> dict[str, Any]:
    """An order before or after a correction, in the columns that positions have too, and its own."""
    if order is None:
        names = ("quantity", "price", "stop", "strategy", "status", "filled", "limit")
        return {f"{prefix}_{name}": None for name in names}
    return {
        f"{prefix}_quantity": plain(signed(order.side, order.quantity)),
        f"{prefix}_price": text(order.average_price),
        f"{prefix}_stop": text(order.stop),
        f"{prefix}_strategy": order.strategy,
        f"{prefix}_status": order.status.value,
        f"{prefix}_filled": plain(order.filled),
        f"{prefix}_limit": text(order.limit),
    }
