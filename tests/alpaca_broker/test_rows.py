"""What do Alpaca's rows mean, and which of them can nobody use? Bytes in, answers out, without any socket."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from alpaca_broker.playing import order as look_up
from alpaca_broker.playing import said
from trueup.model import OrderStatus
from trueup.ports import Answer
from trueup_adapters.alpaca.fills import decoded, judge_fills
from trueup_adapters.alpaca.heads import rows_of
from trueup_adapters.alpaca.orders import JudgedOrders, Reading, judge_orders, order_answer
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


def fills(*rows: dict[str, Any], client_ids: dict[str, str | None] | None = None, reading: Reading = READING) -> Any:
    raws = [decoded(Raw(json.dumps(row).encode())) for row in rows]
    return judge_fills(raws, {"o1": "c1"} if client_ids is None else client_ids, reading)


# -- positions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "signed"),
    [
        ({"qty": "2", "side": "long"}, "2"),
        ({"qty": "-2", "side": "short"}, "-2"),
        ({"qty": "2", "side": "short"}, "-2"),
        ({"qty": 0.1, "side": "long"}, "0.1"),
        ({"qty": "0.000000001", "side": "long"}, "0.000000001"),
    ],
)
def test_l28_the_side_says_the_sign(cells: dict[str, Any], signed: str) -> None:
    answer = positions(POSITION | cells)
    assert [row.signed_quantity for row in answer.positions.values()] == [Decimal(signed)]


def test_l35_a_number_that_is_no_text_is_as_exact() -> None:
    answer = positions('{"symbol":"AAPL","qty":0.100000000000000055,"side":"long","avg_entry_price":190.10}')
    (row,) = answer.positions.values()
    assert (row.signed_quantity, str(row.price)) == (Decimal("0.100000000000000055"), "190.10")


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"qty": "NaN"}, "not a finite number"),
        ({"qty": "Infinity"}, "not a finite number"),
        ({"qty": "1e400"}, "1e±18"),
        ({"qty": "1" * 40}, "34 digits"),
        ({"qty": "two"}, "nvalid"),
        ({"qty": None}, "xpected"),
        ({"qty": True}, "xpected"),
        ({"qty": "0"}, "holds something"),
        ({"qty": "-2"}, "contradict each other"),
        ({"side": "sideways"}, "neither long nor short"),
        ({"side": None}, "neither long nor short"),
        ({"symbol": ""}, "symbol is ''"),
        ({"symbol": None}, "symbol is None"),
        ({"symbol": ["AAPL"]}, "must be text"),
        ({"avg_entry_price": "-1"}, "a price is greater than 0"),
        ({"avg_entry_price": "NaN"}, "not a finite number"),
    ],
)
def test_l42_l43_a_row_that_cannot_be_used_is_refused_alone(cells: dict[str, Any], why: str) -> None:
    answer = positions(POSITION | cells, POSITION | {"symbol": "MSFT"})
    assert (answer.completeness, list(answer.positions)) == ("partial", ["MSFT"])
    (refusal,) = answer.refused
    assert (refusal.row, why in refusal.why) == (1, True), refusal.why
    assert refusal.symbol == ("AAPL" if "symbol" not in cells else None)
    assert answer.why == "1 of 2 rows could not be used"


def test_l43_a_bare_nan_costs_one_row_and_not_the_list() -> None:
    answer = positions('{"symbol":"AAPL","qty":NaN,"side":"long"}', POSITION | {"symbol": "MSFT", "qty": "-Infinity "})
    assert [refusal.symbol for refusal in answer.refused] == ["AAPL", "MSFT"]
    assert positions('{"symbol":"NaN","qty":"1","side":"long"}').positions["NaN"].signed_quantity == 1


def test_l36_a_price_that_is_none_is_not_reported() -> None:
    answer = positions(POSITION | {"avg_entry_price": "0"}, {"symbol": "MSFT", "qty": "1", "side": "long"})
    assert [row.price for row in answer.positions.values()] == [None, None]


def test_l34_the_unit_is_what_the_class_says_and_none_where_nobody_knows_it() -> None:
    classes = ("us_equity", "us_option", "crypto", "perplexed", "")
    rows = [
        POSITION | {"symbol": "BTCUSD" if kind == "crypto" else f"S{number}", "asset_class": kind}
        for number, kind in enumerate(classes)
    ]
    answer = positions(*rows)
    assert answer.completeness == "complete"
    assert [row.unit for row in answer.positions.values()] == ["shares", "contracts", "coins", None, None]


def test_l29_rows_of_one_symbol_are_judged_together() -> None:
    twin = positions(POSITION, POSITION, POSITION | {"symbol": "MSFT"})
    assert (list(twin.positions), [r.row for r in twin.refused]) == (["AAPL", "MSFT"], [2])
    other = positions(POSITION, POSITION | {"qty": "3"}, POSITION | {"symbol": "MSFT"})
    assert (list(other.positions), [r.row for r in other.refused]) == (["MSFT"], [1, 2])


# -- orders ------------------------------------------------------------------------------------------------


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
        ({"qty": "NaN"}, "not a finite number"),
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
        ({"qty": []}, "xpected"),
        ({"filled_qty": "1e999999999999999999999"}, "nvalid decimal"),
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
    assert [order.order_id for order in orders(deep).orders] == ["o1", "o2"]
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


# -- fills -------------------------------------------------------------------------------------------------


def test_l20_a_fill_is_its_id_side_quantity_and_price() -> None:
    judged = fills(FILL, FILL | {"id": "b", "side": "sell_short", "type": "partial_fill", "qty": "0.5"})
    assert not judged.refused
    assert [(e.execution_id, e.signed_quantity, e.price, e.order_id, e.client_order_id) for e in judged.executions] == [
        ("20240102::a", Decimal(2), Decimal("190.5"), "o1", "c1"),
        ("b", Decimal("-0.5"), Decimal("190.5"), "o1", "c1"),
    ]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"type": "bust"}, "may take an execution back"),
        ({"activity_type": "SPLIT"}, "only FILL was asked for"),
        ({"side": "sideways"}, "neither to buy nor to sell"),
        ({"qty": "NaN"}, "not a finite number"),
        ({"qty": "-2"}, "greater than 0"),
        ({"qty": None}, "greater than 0"),
        ({"price": "-1"}, "a price is greater than 0"),
        ({"symbol": None}, "symbol is None"),
        ({"symbol": "BTCUSD"}, "may be a share, or the pair BTC/USD"),
        ({"order_id": None}, "order_id is None"),
        ({"order_id": "o9"}, "could not be looked up"),
        ({"id": ""}, "id is ''"),
        ({"qty": []}, "xpected"),
    ],
)
def test_l42_a_fill_that_cannot_be_used_is_refused_alone(cells: dict[str, Any], why: str) -> None:
    judged = fills(FILL | cells, FILL | {"id": "b"})
    assert [e.execution_id for e in judged.executions] == ["b"]
    (refusal,) = judged.refused
    assert (refusal.row, why in refusal.why) == (1, True), refusal
    assert refusal.symbol == cells.get("symbol", "AAPL")
    assert ("activity 20240102::a" in refusal.why) == ("id" not in cells and cells.get("qty") != [])


def test_l20_a_fill_that_is_repeated_counts_once_or_not_at_all() -> None:
    assert [len(judged.executions) for judged in (fills(FILL, FILL), fills(FILL, FILL | {"qty": "3"}))] == [1, 0]
    assert [r.row for r in fills(FILL, FILL | {"qty": "3"}).refused] == [1, 2]


def test_l14_a_fill_is_known_by_the_id_that_the_process_records() -> None:
    reading = Reading(Symbols(), {}, "execution")
    judged = fills(FILL, FILL | {"id": "b"}, FILL | {"id": "20240102::"}, reading=reading)
    assert [e.execution_id for e in judged.executions] == ["a"]
    assert [(r.row, "no execution's id" in r.why) for r in judged.refused] == [(2, True), (3, True)]


def test_a_fill_of_an_order_that_alpaca_has_forgotten_has_no_client_id() -> None:
    assert [e.client_order_id for e in fills(FILL, client_ids={"o1": None}).executions] == [None]


# -- any bytes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "status", "why"),
    [
        ("[]", 500, "answers 500"),
        ("[]", 401, "check the keys"),
        ("[]", 403, "check the keys"),
        ("[]", 429, "fewer requests"),
        ("[]", 302, "redirect"),
        ("[]", 204, "answers 204"),
        ("", 200, "empty"),
        ("{}", 200, "not a JSON list"),
        ("null", 200, "not a JSON list"),
        ("[", 200, "not a JSON list"),
        ("[]]", 200, "not a JSON list"),
        (b"[\xff]", 200, "not UTF-8"),
        ('{"code": 40410000, "message": "endpoint not found"}', 404, "endpoint not found"),
    ],
)
def test_l01_l03_l48_what_is_no_list_is_a_failed_answer(text: str | bytes, status: int, why: str) -> None:
    answer = rows_of(said(text, status))
    assert isinstance(answer, Answer)
    assert (answer.completeness, why in answer.why) == ("failed", True), answer.why


_CELL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["NaN", "1e999999", "-0", "AAPL", "BTCUSD", "BTC/USD", "crypto", "us_equity", "long", "buy", "fill"]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
_ROW = st.one_of(
    _CELL,
    st.dictionaries(st.sampled_from(sorted({*POSITION, *ORDER, *FILL, "legs", "notional", "order_class"})), _CELL),
    st.builds(
        lambda row, more: {**row, **more},
        st.sampled_from([POSITION, ORDER, FILL]),
        st.dictionaries(st.sampled_from(sorted({*POSITION, *ORDER, *FILL})), _CELL, max_size=2),
    ),
)


@settings(max_examples=200)
@given(rows=st.lists(_ROW, max_size=4))
def test_no_row_makes_anything_raise_and_none_is_lost(rows: list[Any]) -> None:
    text = json.dumps(rows)
    answer = positions_answer(said(text), Symbols())
    assert len(answer.positions) + len(answer.refused) == len(rows)
    raws = rows_of(said(text))
    assert not isinstance(raws, Answer)
    judged = judge_orders(raws, READING)
    assert len(judged.submitted) == len(rows)
    read = judge_fills([decoded(raw) for raw in raws], {"o1": "c1"}, READING)
    assert len(read.executions) + len(read.refused) == len(rows)
    for number in (
        *(p.signed_quantity for p in answer.positions.values()),
        *(o.quantity for o in judged.orders),
        *(e.signed_quantity for e in read.executions),
    ):
        assert number.is_finite()
        assert number != 0


@settings(max_examples=100)
@given(raw=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))))
def test_no_bytes_make_anything_raise(raw: bytes) -> None:
    assert positions_answer(said(raw), Symbols()).completeness in ("failed", "complete", "partial")
    assert order_answer(said(raw), READING, look_up("c1")).completeness in ("failed", "partial")
