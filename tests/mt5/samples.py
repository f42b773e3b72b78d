"""Replies as gateways really send them, and parts to build others from."""

from __future__ import annotations

import json
from typing import Any

from trueup.model import PositionMode
from trueup.ports import Answer, Question
from trueup_adapters.mt5.positions import Reading
from trueup_adapters.mt5.wire import deals_answer, order_answer, orders_answer, positions_answer

DIALECT_1 = b"""{"status": "SUCCESS", "positions": [{"ticket": 123456, "symbol": "EURUSD", "type": "buy",
  "volume": 0.01, "price_open": 1.0543, "profit": 10.5, "time": 1704153600}]}"""
DIALECT_2 = b"""{"status": "ok", "positions": [{"ticket": 12345678, "symbol": "EURUSD", "type": "BUY",
  "volume": 0.01, "open_price": 1.0523, "current_price": 1.0528, "sl": 1.05, "tp": 1.06, "profit": 5.0,
  "magic": 12345, "comment": "x", "open_time": "2026-01-15T02:08:34.234567Z"}]}"""


def row(**cells: object) -> dict[str, Any]:
    """One good row of dialect 1, with `cells` in place of its own; `...` leaves a cell out."""
    whole: dict[str, object] = {
        "ticket": 123456,
        "symbol": "EURUSD",
        "type": "buy",
        "volume": 0.01,
        "price_open": 1.0543,
        "profit": 10.5,
        "time": 1704153600,
    }
    return {name: cell for name, cell in (whole | cells).items() if cell is not ...}


def deal(**cells: object) -> dict[str, Any]:
    """One good row of a deals list, with `cells` in place of its own; `...` leaves a cell out."""
    whole: dict[str, object] = {
        "deal": 1,
        "order": 11,
        "position": 123456,
        "symbol": "EURUSD",
        "type": "buy",
        "volume": 0.01,
        "price": 1.0543,
        "commission": -0.07,
        "time": 1704153600,
    }
    return {name: cell for name, cell in (whole | cells).items() if cell is not ...}


def order(**cells: object) -> dict[str, Any]:
    """One good row of an orders list, with `cells` in place of its own; `...` leaves a cell out."""
    whole: dict[str, object] = {
        "order": 7001,
        "symbol": "EURUSD",
        "type": "buy_limit",
        "volume_initial": 0.03,
        "volume_current": 0.02,
        "price_open": 1.05,
        "state": "partial",
        "time_setup": 1704153600,
    }
    return {name: cell for name, cell in (whole | cells).items() if cell is not ...}


def reply(*rows: object, status: object = "SUCCESS", **cells: object) -> bytes:
    """A positions reply of these rows."""
    return json.dumps({"status": status, "positions": list(rows), **cells}).encode()


def reading(mode: PositionMode = "hedging", **known: Any) -> Reading:
    """What is known before any row is seen: nothing, unless said."""
    return Reading(position_mode=mode, strategies=known.pop("strategies", {}), names={}, **known)


def read(raw: bytes, mode: PositionMode = "hedging", **known: Any) -> Answer:
    """A positions reply as an answer."""
    return positions_answer(raw, reading(mode, **known))


def read_rows(*rows: object, mode: PositionMode = "hedging", **known: Any) -> Answer:
    """These rows as an answer."""
    return read(reply(*rows), mode, **known)


def read_deals(*rows: object, status: str = "SUCCESS", **known: Any) -> Answer:
    """These deals as an answer."""
    return deals_answer(json.dumps({"status": status, "deals": list(rows)}).encode(), reading(**known))


def read_orders(*rows: object, status: str = "SUCCESS", **known: Any) -> Answer:
    """These working orders as an answer."""
    return orders_answer(json.dumps({"status": status, "orders": list(rows)}).encode(), reading(**known))


def looked_up(*, order_id: str | None = "7001", client_id: str | None = None, **cells: object) -> Answer:
    """The answer to a look-up of that order, whose reply has these cells besides its status."""
    question = Question(surface="order", order_id=order_id, client_order_id=client_id)
    return order_answer(json.dumps({"status": "SUCCESS"} | cells).encode(), reading(), question)
