"""Is a recorded row read whole, field by field, and a bad one told so that it is found? (L42)"""

from __future__ import annotations

import json
from decimal import Decimal

from trueup import Policy
from trueup.incident.cells import parsed
from trueup.incident.rows import Rules, executions, orders, positions
from trueup.model import BrokerOrder, BrokerPosition, Execution, OrderStatus, Refusal, Stop

HEDGING = Rules("hedging", Policy.adopt(instruments={"BTCUSD": {"aliases": ("BTC/USD",)}}))
NETTING = Rules("netting", HEDGING.policy)
AT = "2026-01-15T09:30:00Z"


def read(*rows: object) -> list[object]:
    """Rows as a line of a file has them."""
    found = parsed(json.dumps(rows))
    assert isinstance(found, list)
    return found


def test_a_position_is_read_whole() -> None:
    given = {
        "symbol": "BTC/USD", "side": "short", "quantity": 2, "ticket": 7, "price": "1.50", "stop": "1.75",
        "strategy": "trend", "opened_at": AT, "client_order_id": "c1",
    }  # fmt: skip
    found, refused = positions(read(given), HEDGING)
    assert refused == []
    assert found == {
        "#7": BrokerPosition(
            "BTCUSD", Decimal(-2), ticket="7", price=Decimal("1.50"), stop=Stop(Decimal("1.75")), strategy="trend",
            opened_at=AT, spelling="BTC/USD", client_order_id="c1",
        )
    }  # fmt: skip
    bare, _ = positions(read({"symbol": "A", "side": "long", "quantity": 1}), NETTING)
    assert bare == {"A": BrokerPosition("A", Decimal(1))}


def test_an_order_is_read_whole() -> None:
    given = {
        "symbol": "BTC/USD", "side": "sell", "type": "LIMIT", "quantity": 3, "status": "accepted", "order_id": 9,
        "client_order_id": "c1", "filled": 1, "average_price": "1.4", "limit": "1.5", "stop": "1.6",
        "reduce_only": True, "ticket": 7, "strategy": "trend", "updated_at": AT,
    }  # fmt: skip
    (found,), refused = orders(read(given), NETTING)
    assert refused == []
    assert found == BrokerOrder(
        "BTCUSD", "sell", "limit", Decimal(3), OrderStatus.ACCEPTED, order_id="9", client_order_id="c1",
        filled=Decimal(1), average_price=Decimal("1.4"), limit=Decimal("1.5"), stop=Decimal("1.6"),
        reduce_only=True, ticket="7", strategy="trend", updated_at=AT, spelling="BTC/USD",
    )  # fmt: skip
    bare = {"symbol": "A", "side": "buy", "type": "market", "quantity": 1, "status": "on ice", "order_id": "1"}
    (found,), _ = orders(read(bare | {"limit": 0, "stop": 0}), NETTING)
    assert found == BrokerOrder(
        "A", "buy", "market", Decimal(1), OrderStatus.UNKNOWN, raw_status="on ice", order_id="1"
    )


def test_an_execution_is_read_whole() -> None:
    given = {
        "execution_id": 5, "symbol": "BTC/USD", "side": "sell", "quantity": 2, "price": "1.5", "ticket": 7,
        "order_id": 9, "client_order_id": "c1", "strategy": "trend", "fee": "-0.1", "fee_asset": "USD", "at": AT,
    }  # fmt: skip
    (found,), refused = executions(read(given), NETTING)
    assert refused == []
    assert found == Execution(
        "5", "BTCUSD", Decimal(-2), Decimal("1.5"), ticket="7", order_id="9", client_order_id="c1", strategy="trend",
        fee=Decimal("-0.1"), fee_asset="USD", happened_at=AT,
    )  # fmt: skip


def test_rows_that_repeat_or_contradict_each_other_are_told_by_key_place_symbol_and_ticket() -> None:
    one = {"symbol": "A", "side": "long", "quantity": 1, "ticket": "7"}
    other = one | {"quantity": 2, "ticket": "8"}
    found, refused = positions(read(one, other, one, other | {"quantity": 3}), HEDGING)
    assert sorted(found) == ["#7"]
    against = "8 is listed 2 times, and not in the same words"
    assert refused == [
        Refusal(2, against, "A", "8"),
        Refusal(3, "7 was listed before, in the same words", "A", "7"),
        Refusal(4, against, "A", "8"),
    ]


def test_a_row_that_cannot_be_meant_is_told_by_place_symbol_and_ticket() -> None:
    given = {"symbol": "BTC/USD", "side": "long", "quantity": "-1", "ticket": "7"}
    found, refused = positions(read({"symbol": "A", "side": "long", "quantity": 0, "ticket": "6"}, given, "x"), HEDGING)
    assert found == {}
    why = 'its quantity is "-1", which is negative; the direction belongs into `side`'
    assert refused[0] == Refusal(2, why, "BTCUSD", "7")
    assert (refused[1].row, refused[1].symbol, refused[1].ticket) == (3, None, None)
