"""What do Alpaca's rows mean, and which of them can nobody use? Bytes in, answers out, without any socket."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpaca_broker.playing import order as look_up
from alpaca_broker.playing import said
from alpaca_broker.rows import FILL, ORDER, POSITION, READING, fills, orders, positions
from trueup.ports import Answer
from trueup_adapters.alpaca.fills import judge_fills
from trueup_adapters.alpaca.heads import rows_of
from trueup_adapters.alpaca.orders import Reading, judge_orders, order_answer
from trueup_adapters.alpaca.positions import positions_answer
from trueup_adapters.alpaca.symbols import Symbols

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
        ({"qty": "NaN"}, "qty is 'NaN', which is not a decimal number"),
        ({"qty": "Infinity"}, "not a decimal number"),
        ({"qty": "1e400"}, "1e±18"),
        ({"qty": "1" * 40}, "34 digits"),
        ({"qty": "two"}, "qty is 'two', which is not a decimal number"),
        ({"qty": "1,5"}, "not a decimal number"),
        ({"qty": "1_000"}, "not a decimal number"),
        ({"qty": " 2 "}, "not a decimal number"),
        ({"qty": "\uff12"}, "not a decimal number"),
        ({"qty": "1" * 5000}, "not a decimal number"),
        ({"qty": ""}, "its qty is None"),
        ({"qty": None}, "its qty is None"),
        ({"qty": True}, "qty is true, which is no number"),
        ({"qty": {}}, "qty is {}, which is no number"),
        ({"qty": "0"}, "holds something"),
        ({"qty": "-2"}, "contradict each other"),
        ({"side": "sideways"}, "neither long nor short"),
        ({"side": None}, "neither long nor short"),
        ({"symbol": ""}, "symbol is ''"),
        ({"symbol": None}, "symbol is None"),
        ({"symbol": ["AAPL"]}, "must be text"),
        ({"avg_entry_price": "-1"}, "a price is greater than 0"),
        ({"avg_entry_price": "NaN"}, "avg_entry_price is 'NaN'"),
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


def test_a_symbol_that_is_a_number_is_a_name_like_any_other() -> None:
    assert list(positions(POSITION | {"symbol": 600519}).positions) == ["600519"]


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


def test_law_13_a_row_that_nobody_can_read_contradicts_the_others_of_its_name() -> None:
    """It may be the true one."""
    answer = positions(POSITION, POSITION | {"qty": "two"}, POSITION | {"symbol": "MSFT"})
    assert (list(answer.positions), [r.row for r in answer.refused]) == (["MSFT"], [1, 2])
    assert ["not a decimal number" in r.why for r in answer.refused] == [False, True]  # each keeps its own reason
    judged = orders(ORDER, ORDER | {"side": "sideways"}, ORDER | {"id": "o2"})
    assert ([o.order_id for o in judged.orders], [r.row for r in judged.refused]) == (["o2"], [1, 2])
    read = fills(FILL | {"price": "x"}, FILL, FILL | {"id": "b"})
    assert ([e.execution_id for e in read.values], [r.row for r in read.refused]) == (["b"], [1, 2])
    nameless = positions(POSITION | {"symbol": None}, POSITION | {"symbol": None}, POSITION)
    assert (list(nameless.positions), [r.row for r in nameless.refused]) == (["AAPL"], [1, 2])


# -- fills -------------------------------------------------------------------------------------------------


def test_l20_a_fill_is_its_id_side_quantity_and_price() -> None:
    judged = fills(FILL, FILL | {"id": "b", "side": "sell_short", "type": "partial_fill", "qty": "0.5"})
    assert not judged.refused
    assert [(e.execution_id, e.signed_quantity, e.price, e.order_id, e.client_order_id) for e in judged.values] == [
        ("20240102::a", Decimal(2), Decimal("190.5"), "o1", "c1"),
        ("b", Decimal("-0.5"), Decimal("190.5"), "o1", "c1"),
    ]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"type": "bust"}, "may take an execution back"),
        ({"activity_type": "SPLIT"}, "only FILL was asked for"),
        ({"side": "sideways"}, "neither to buy nor to sell"),
        ({"qty": "NaN"}, "qty is 'NaN', which is not a decimal number"),
        ({"qty": "-2"}, "greater than 0"),
        ({"qty": None}, "greater than 0"),
        ({"price": "-1"}, "a price is greater than 0"),
        ({"symbol": None}, "symbol is None"),
        ({"symbol": "BTCUSD"}, "may be a share, or the pair BTC/USD"),
        ({"order_id": None}, "order_id is None"),
        ({"order_id": "o9"}, "could not be looked up"),
        ({"id": ""}, "id is ''"),
        ({"qty": []}, "qty is [], which is no number"),
    ],
)
def test_l42_a_fill_that_cannot_be_used_is_refused_alone(cells: dict[str, Any], why: str) -> None:
    judged = fills(FILL | cells, FILL | {"id": "b"})
    assert [e.execution_id for e in judged.values] == ["b"]
    (refusal,) = judged.refused
    assert (refusal.row, why in refusal.why) == (1, True), refusal
    assert refusal.symbol == cells.get("symbol", "AAPL")
    assert ("activity 20240102::a" in refusal.why) == ("id" not in cells)


def test_l20_a_fill_that_is_repeated_counts_once_or_not_at_all() -> None:
    assert [len(judged.values) for judged in (fills(FILL, FILL), fills(FILL, FILL | {"qty": "3"}))] == [1, 0]
    assert [r.row for r in fills(FILL, FILL | {"qty": "3"}).refused] == [1, 2]


def test_l14_a_fill_is_known_by_the_id_that_the_process_records() -> None:
    reading = Reading(Symbols(), {}, "execution")
    judged = fills(FILL, FILL | {"id": "b"}, FILL | {"id": "20240102::"}, reading=reading)
    assert [e.execution_id for e in judged.values] == ["a"]
    assert [(r.row, "no execution's id" in r.why) for r in judged.refused] == [(2, True), (3, True)]


def test_a_fill_of_an_order_that_alpaca_has_forgotten_has_no_client_id() -> None:
    assert [e.client_order_id for e in fills(FILL, client_ids={"o1": None}).values] == [None]


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
    read = judge_fills(raws, {"o1": "c1"}, READING)
    assert len(read.values) + len(read.refused) == len(rows)
    for number in (
        *(p.signed_quantity for p in answer.positions.values()),
        *(o.quantity for o in judged.orders),
        *(e.signed_quantity for e in read.values),
    ):
        assert number.is_finite()
        assert number != 0


@settings(max_examples=100)
@given(raw=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))))
def test_no_bytes_make_anything_raise(raw: bytes) -> None:
    assert positions_answer(said(raw), Symbols()).completeness in ("failed", "complete", "partial")
    assert order_answer(said(raw), READING, look_up("c1")).completeness in ("failed", "partial")
