"""What do Alpaca's rows of orders mean, and which of them can nobody use? Bytes in, answers out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from alpaca_broker.playing import order as look_up
from alpaca_broker.playing import said
from alpaca_broker.rows import ORDER, READING, orders
from trueup.model import OrderStatus
from trueup_adapters.alpaca.orders import Reading, order_answer
from trueup_adapters.alpaca.symbols import Symbols


@pytest.mark.parametrize(
    ("word", "filled", "status", "raw"),
    [
        ("new", "0", OrderStatus.ACCEPTED, ""),
        ("accepted", "0", OrderStatus.ACCEPTED, ""),
        ("pending_new", "0", OrderStatus.ACCEPTED, ""),
        ("accepted_for_bidding", "0", OrderStatus.ACCEPTED, ""),
        ("held", "0", OrderStatus.ACCEPTED, ""),
        ("stopped", "0", OrderStatus.ACCEPTED, ""),
        ("done_for_day", "1", OrderStatus.PARTIALLY_FILLED, ""),
        ("partially_filled", "1", OrderStatus.PARTIALLY_FILLED, ""),
        ("new", "1", OrderStatus.PARTIALLY_FILLED, ""),
        ("filled", "2", OrderStatus.FILLED, ""),
        ("canceled", "1", OrderStatus.CANCELED, ""),
        ("expired", "0", OrderStatus.EXPIRED, ""),
        ("replaced", "0", OrderStatus.REPLACED, ""),
        ("rejected", "0", OrderStatus.REJECTED, ""),
        ("pending_cancel", "0", OrderStatus.PENDING_CANCEL, ""),
        ("pending_replace", "0", OrderStatus.PENDING_REPLACE, ""),
        ("calculated", "2", OrderStatus.FILLED, ""),
        ("calculated", "1", OrderStatus.UNKNOWN, "calculated"),
        ("suspended", "0", OrderStatus.UNKNOWN, "suspended"),
        ("perplexed", "2", OrderStatus.UNKNOWN, "perplexed"),
        ("FILLED", "2", OrderStatus.UNKNOWN, "FILLED"),
        (0, "2", OrderStatus.UNKNOWN, "0"),
        (None, "0", OrderStatus.UNKNOWN, "None"),
    ],
)
def test_l41_what_a_status_means(word: object, filled: str, status: OrderStatus, raw: str) -> None:
    (order,) = orders(ORDER | {"status": word, "filled_qty": filled}).orders
    assert (order.status, order.raw_status) == (status, raw)


def test_l41_a_type_that_nobody_knows_is_still_an_order() -> None:
    (order,) = orders(ORDER | {"type": "Perplexed"}).orders
    assert (order.type, order.limit) == ("perplexed", Decimal("190.5"))
    (order,) = orders(ORDER | {"type": None, "order_type": "market"}).orders
    assert order.type == "market"


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"qty": "NaN"}, "qty is 'NaN', which is not a decimal number"),
        ({"qty": "0"}, "greater than 0"),
        ({"qty": None}, "greater than 0"),
        ({"qty": None, "notional": "100"}, "amount of money"),
        ({"qty": None, "notional": "100", "status": "partially_filled", "filled_qty": "0.3"}, "amount of money"),
        ({"qty": None, "notional": "100", "status": "filled", "filled_qty": "0"}, "amount of money"),
        ({"filled_qty": "-1"}, "less than nothing"),
        ({"side": "sideways"}, "neither to buy nor to sell"),
        ({"type": 7}, "is no word"),
        ({"id": None}, "id is None"),
        ({"symbol": ""}, "symbol is ''"),
        ({"client_order_id": 7.5}, "must be text"),
        ({"limit_price": "-1"}, "a price is greater than 0"),
        ({"qty": []}, "qty is [], which is no number"),
        ({"filled_qty": "1e999999999999999999999"}, "filled_qty is '1e9999"),
        ({"legs": 7}, "legs are '7', which is no list"),
        ({"legs": {}}, "legs are '{}', which is no list"),
    ],
)
def test_l42_an_order_that_cannot_be_used_is_refused_alone(cells: dict[str, Any], why: str) -> None:
    judged = orders(ORDER | cells, ORDER | {"id": "o2"})
    assert [order.order_id for order in judged.orders] == ["o2"]
    (refusal,) = judged.refused
    assert why in refusal.why
    assert ("o1" in refusal.why) == ("id" not in cells)
    assert refusal.symbol == (None if "symbol" in cells else "AAPL")


def test_an_order_for_an_amount_of_money_has_the_quantity_that_it_filled() -> None:
    (order,) = orders(ORDER | {"qty": None, "notional": "100", "status": "filled", "filled_qty": "0.53"}).orders
    assert (order.quantity, order.filled, order.status) == (Decimal("0.53"), Decimal("0.53"), OrderStatus.FILLED)


def test_l18_more_than_was_ordered_can_be_filled() -> None:
    (order,) = orders(ORDER | {"filled_qty": "3", "status": "filled"}).orders
    assert (order.quantity, order.filled) == (2, 3)


@pytest.mark.parametrize(
    ("word", "side"),
    [("buy", "buy"), ("buy_minus", "buy"), ("sell", "sell"), ("sell_short", "sell"), ("sell_plus", "sell")],
)
def test_alpacas_words_for_the_two_sides(word: str, side: str) -> None:
    assert [order.side for order in orders(ORDER | {"side": word}).orders] == [side]


@pytest.mark.parametrize(
    ("intent", "reduce_only"),
    [
        ("sell_to_close", True),
        ("buy_to_close", True),
        ("buy_to_open", False),
        ("sell_to_open", False),
        ("perplexed", None),
        (None, None),
        (7, None),
        ({}, None),
    ],
)
def test_an_intent_says_whether_an_order_only_reduces(intent: object, reduce_only: bool | None) -> None:
    assert [order.reduce_only for order in orders(ORDER | {"position_intent": intent}).orders] == [reduce_only]


def test_legs_are_orders_of_their_own() -> None:
    legs = [ORDER | {"id": "o2", "type": "stop", "stop_price": "180"}, ORDER | {"id": "o3", "side": "sideways"}]
    judged = orders(ORDER | {"order_class": "bracket", "legs": legs})
    assert [order.order_id for order in judged.orders] == ["o1", "o2"]
    assert [(refusal.row, "o3" in refusal.why) for refusal in judged.refused] == [(1, True)]
    several = {"id": "m1", "order_class": "mleg", "symbol": "", "side": "", "qty": "1", "legs": legs[:1]}
    assert [order.order_id for order in orders(several).orders] == ["o2"]
    assert len(orders(ORDER | {"order_class": "mleg", "legs": None, "symbol": ""}).refused) == 1
    deep = ORDER | {"legs": [ORDER | {"id": "o2", "legs": [ORDER | {"id": "o3"}]}]}
    judged = orders(deep)
    assert [order.order_id for order in judged.orders] == ["o1", "o2"]
    assert ["o3: it is a leg of a leg" in refusal.why for refusal in judged.refused] == [True]
    assert len(orders(ORDER | {"legs": 7}).refused) == 1


def test_l29_an_order_that_is_listed_twice_counts_once_or_not_at_all() -> None:
    assert [(len(j.orders), len(j.refused)) for j in (orders(ORDER, ORDER), orders(ORDER, ORDER | {"qty": "3"}))] == [
        (1, 1),
        (0, 2),
    ]


def test_l53_the_owner_is_told_by_how_the_client_id_begins() -> None:
    reading = Reading(Symbols(), {"mo": "momentum", "mo-x": "other", "": "rest"})
    owners = [
        order.strategy
        for client_id in ("mo-1", "mo-x7", "z", None)
        for order in orders(ORDER | {"client_order_id": client_id}, reading=reading).orders
    ]
    assert owners == ["momentum", "other", "rest", None]


@pytest.mark.parametrize(
    ("text", "status", "completeness", "found"),
    [
        (json.dumps(ORDER), 200, "complete", 1),
        ('{"code": 40410000, "message": "order not found for o1"}', 404, "complete", 0),
        ('{"code": 40400000, "message": "no such page"}', 404, "failed", 0),
        ('{"code": true, "message": "order not found"}', 404, "failed", 0),
        ('{"code": 40410000}', 404, "failed", 0),
        ('{"message": "order not found"}', 404, "failed", 0),
        ("<html>404 not found</html>", 404, "failed", 0),
        ("", 404, "failed", 0),
        ('{"code": 40410000, "message": "order not found"}', 500, "failed", 0),
        ('{"code": 40410000, "message": "order not found"}', 200, "partial", 0),
        ("null", 200, "failed", 0),
        ("[]", 200, "failed", 0),
        ("", 200, "failed", 0),
        ("{", 200, "failed", 0),
        (b"\xff\xfe", 200, "failed", 0),
        ("{}", 200, "partial", 0),
        (json.dumps(ORDER | {"id": "o9"}), 200, "failed", 0),
        (json.dumps(ORDER | {"client_order_id": "c9"}), 200, "failed", 0),
        (json.dumps(ORDER | {"qty": "NaN"}), 200, "partial", 0),
    ],
)
def test_l04_l06_l44_found_not_found_and_nobody_can_tell_are_three(
    text: str | bytes, status: int, completeness: str, found: int
) -> None:
    answer = order_answer(said(text, status), READING, look_up("c1", "o1"))
    assert (answer.completeness, len(answer.orders)) == (completeness, found)
    assert bool(answer.why) == (completeness != "complete")
