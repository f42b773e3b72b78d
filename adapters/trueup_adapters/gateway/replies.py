"""What does the gateway say of its terminal, in either dialect?

Numbers leave as JSON numbers with every digit they have.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec

from trueup_adapters.gateway.account import Deal, Order, Position

Dialect: TypeAlias = Literal[1, 2]
Cells: TypeAlias = dict[str, Any]

_ENCODER = msgspec.json.Encoder(decimal_format="number")


def encoded(reply: Mapping[str, Any]) -> bytes:
    """A reply as it goes on the wire."""
    return _ENCODER.encode(reply)


def success(dialect: Dialect, **cells: object) -> Cells:
    """A reply that answers."""
    return {"status": "SUCCESS" if dialect == 1 else "ok", **cells}


def failure(dialect: Dialect, why: str, *, code: str = "FAILED", with_list: str | None = None) -> Cells:
    """A reply that does not, with an empty list that means nothing if `with_list` names one (L48)."""
    if dialect == 1:
        cells: Cells = {"status": "FAILED", "error": why}
        if code != "FAILED":
            cells["error_code"] = code
    else:
        cells = {"status": "error", "error_code": code, "error_msg": why}
    return cells if with_list is None else {**cells, with_list: []}


def unknown_action(dialect: Dialect, action: str) -> Cells:
    """What an older gateway says to a question it was not built for."""
    return failure(dialect, f"Unknown action: {action[:64]}", code="UNKNOWN_ACTION")


def position_cells(position: Position, dialect: Dialect) -> Cells:
    """One row of `positions`."""
    common: Cells = {"ticket": position.ticket, "symbol": position.symbol}
    stop = {"sl": position.sl or 0, "tp": position.tp or 0}
    owner = {"magic": position.magic, "comment": position.comment, "client_id": position.client_id}
    if dialect == 1:
        return {
            **common,
            "type": position.side,
            "volume": position.volume,
            "price_open": position.price,
            "profit": 0,
            "time": position.time_s,
            **stop,
            **owner,
        }
    return {
        **common,
        "type": position.side.upper(),
        "volume": position.volume,
        "open_price": position.price,
        "current_price": position.price,
        **stop,
        "profit": 0,
        **owner,
        "open_time": _iso(position.time_s),
    }


def deal_cells(deal: Deal, dialect: Dialect) -> Cells:
    """One row of `deals`."""
    return {
        "deal": deal.deal,
        "order": deal.order,
        "position": deal.position,
        "symbol": deal.symbol,
        "type": deal.kind if dialect == 1 else deal.kind.upper(),
        "entry": deal.entry,
        "volume": deal.volume,
        "price": deal.price,
        "commission": deal.commission,
        "time": deal.time_s if dialect == 1 else _iso(deal.time_s),
        "magic": deal.magic,
        "comment": deal.comment,
        "client_id": deal.client_id,
    }


def order_cells(order: Order, dialect: Dialect) -> Cells:
    """One row of `orders`, each dialect with names of its own."""
    kind = order.side if order.type == "market" else f"{order.side}_{order.type}"
    common: Cells = {
        "symbol": order.symbol,
        "position": order.position,
        "reduce_only": order.reduce_only,
        "magic": order.magic,
        "comment": order.comment,
        "client_id": order.client_id,
    }
    if dialect == 1:
        return {
            "order": order.order,
            **common,
            "type": kind,
            "volume_initial": order.volume,
            "volume_current": order.rest,
            "price_open": order.price or 0,
            "state": order.state,
            "time_setup": order.time_s,
        }
    return {
        "ticket": order.order,
        **common,
        "type": kind.upper(),
        "volume": order.volume,
        "filled": order.filled,
        "price": order.price or 0,
        "average_price": order.average or 0,
        "status": _STATUS_OF.get(order.state, order.state).upper(),
        "open_time": _iso(order.time_s),
    }


_STATUS_OF: Final = {
    "placed": "accepted",
    "partial": "partially_filled",
    "canceled": "cancelled",
    "request_cancel": "pending_cancel",
    "request_modify": "pending_replace",
}
"""The second dialect's words for MetaTrader's."""


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
