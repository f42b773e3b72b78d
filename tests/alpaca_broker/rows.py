"""One good row of each kind, and how rows are judged without any socket."""

from __future__ import annotations

import json
from typing import Any

from msgspec import Raw

from alpaca_broker.playing import said
from trueup.model import Execution
from trueup.ports import Answer
from trueup_adapters.alpaca.fills import judge_fills
from trueup_adapters.alpaca.judging import Judged
from trueup_adapters.alpaca.orders import JudgedOrders, Reading, judge_orders
from trueup_adapters.alpaca.positions import positions_answer
from trueup_adapters.alpaca.symbols import Symbols

POSITION = {"symbol": "AAPL", "qty": "2", "side": "long", "asset_class": "us_equity", "avg_entry_price": "190.5"}
ORDER = {
    "id": "o1",
    "client_order_id": "c1",
    "symbol": "AAPL",
    "asset_class": "us_equity",
    "side": "buy",
    "type": "limit",
    "qty": "2",
    "filled_qty": "0",
    "limit_price": "190.5",
    "status": "new",
}
FILL = {
    "id": "20240102::a",
    "activity_type": "FILL",
    "type": "fill",
    "symbol": "AAPL",
    "side": "buy",
    "qty": "2",
    "price": "190.5",
    "order_id": "o1",
}
READING = Reading(Symbols())


def positions(*rows: dict[str, Any] | str, symbols: Symbols | None = None) -> Answer:
    text = ",".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    return positions_answer(said(f"[{text}]"), symbols or Symbols())


def orders(*rows: dict[str, Any], reading: Reading = READING) -> JudgedOrders:
    return judge_orders([Raw(json.dumps(row).encode()) for row in rows], reading)


def fills(
    *rows: dict[str, Any], client_ids: dict[str, str | None] | None = None, reading: Reading = READING
) -> Judged[Execution]:
    raws = [Raw(json.dumps(row).encode()) for row in rows]
    return judge_fills(raws, {"o1": "c1"} if client_ids is None else client_ids, reading)
