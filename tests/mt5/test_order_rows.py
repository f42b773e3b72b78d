"""Is every order read for what it says, in whatever words, and is none made up, lost or taken for filled?"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5.samples import deal, looked_up, order, read_deals, read_orders, read_rows, reading, row
from trueup.errors import InputError
from trueup.model import BrokerOrder, OrderStatus
from trueup.ports import Answer
from trueup_adapters.mt5.wire import orders_answer

FLOATS = st.floats(allow_nan=False, allow_infinity=False)  # JSON has no others
GOOD = order(order=7999, symbol="GBPUSD")


def only(answer: Answer) -> BrokerOrder:
    assert answer.completeness == "complete", answer.refused
    (one,) = answer.orders
    return one


def only_refusal(answer: Answer) -> str:
    """The reason for the one refused row; the good one is still there."""
    assert answer.completeness == "partial"
    assert answer.why == "1 of 2 rows could not be used"
    assert [one.order_id for one in answer.orders] == ["7999"]
    (refusal,) = answer.refused
    assert refusal.row == 1
    assert refusal.why.isprintable()
    return refusal.why


def test_a_working_order_is_read_whole() -> None:
    cells = {"client_id": "c1", "position": 55, "reduce_only": True, "magic": 7, "average_price": 1.051}
    assert only(read_orders(order(**cells), strategies={"7": "trend"})) == BrokerOrder(
        symbol="EURUSD",
        side="buy",
        type="limit",
        quantity=Decimal("0.03"),
        status=OrderStatus.PARTIALLY_FILLED,
        order_id="7001",
        client_order_id="c1",
        filled=Decimal("0.01"),
        average_price=Decimal("1.051"),
        limit=Decimal("1.05"),
        reduce_only=True,
        ticket="55",
        strategy="trend",
        updated_at="1704153600",
    )


def test_the_other_names_say_the_same() -> None:
    names: dict[str, Any] = {"order": ..., "ticket": 7001, "volume_initial": ..., "volume_current": ...}
    names |= {
        "volume": 0.03,
        "filled": 0.01,
        "price_open": ...,
        "price": 1.05,
        "state": ...,
        "status": "PARTIALLY_FILLED",
    }
    names |= {"type": "BUY_LIMIT", "time_setup": ..., "open_time": 1704153600}
    assert only(read_orders(order(**names), status="ok")) == only(read_orders(order()))
    assert read_orders(order(**names), status="ok").dialect == "mt5/2"


def test_what_is_not_reported_stays_unknown() -> None:
    one = only(read_orders({"order": 1, "symbol": "X", "type": "sell_stop", "volume": 1, "state": "placed"}))
    nothing = (one.client_order_id, one.filled, one.average_price, one.limit, one.stop, one.reduce_only, one.ticket)
    assert nothing == (None,) * 7
    assert (one.strategy, one.updated_at, one.spelling, one.raw_status) == (None, None, None, "")


def test_l44_no_orders_is_an_empty_list_and_nothing_else() -> None:
    assert (read_orders().completeness, list(read_orders().orders)) == ("complete", [])
    for raw in (b'{"status": "SUCCESS"}', b'{"status": "SUCCESS", "orders": null}', b'{"status": "ok", "order": null}'):
        assert orders_answer(raw, reading()).completeness == "failed"


# -- kinds -------------------------------------------------------------------------------------------------

KINDS = ["buy", "sell", "buy_limit", "sell_limit", "buy_stop", "sell_stop", "buy_stop_limit", "sell_stop_limit"]


@pytest.mark.parametrize(("number", "word"), list(enumerate(KINDS)))
def test_kinds_come_in_words_and_in_numbers(number: int, word: str) -> None:
    side, _, kind = word.partition("_")
    for said in (number, word, word.upper(), f"ORDER_TYPE_{word.upper()}", word.replace("_", " ")):
        one = only(read_orders(order(type=said, price_stoplimit=1.06)))
        assert (one.side, one.type) == (side, kind or "market")
        prices = {"": (None, None), "limit": ("1.05", None), "stop": (None, "1.05"), "stop_limit": ("1.06", "1.05")}
        limit, stop = prices[kind]
        assert one.limit == (None if limit is None else Decimal(limit))
        assert one.stop == (None if stop is None else Decimal(stop))


@pytest.mark.parametrize("kind", ["limit", "close_by", "long", "", "0", 8, -1, True, 1.0, None, ["buy"]])
def test_l41_a_kind_that_nobody_knows_is_refused(kind: object) -> None:
    assert only_refusal(read_orders(order(type=kind), GOOD))


# -- states ------------------------------------------------------------------------------------------------

STATES = [
    "pending",
    "accepted",
    "canceled",
    "partially_filled",
    "filled",
    "rejected",
    "expired",
    "pending",
    "pending_replace",
    "pending_cancel",
]
WORDS = {
    "started": "pending",
    "placed": "accepted",
    "accepted": "accepted",
    "new": "accepted",
    "working": "accepted",
    "partial": "partially_filled",
    "partially_filled": "partially_filled",
    "filled": "filled",
    "canceled": "canceled",
    "cancelled": "canceled",
    "rejected": "rejected",
    "expired": "expired",
    "request_add": "pending",
    "request_cancel": "pending_cancel",
    "pending_cancel": "pending_cancel",
    "request_modify": "pending_replace",
    "pending_replace": "pending_replace",
    "replaced": "replaced",
}


@pytest.mark.parametrize(("word", "status"), [*enumerate(STATES), *WORDS.items()])
def test_states_come_in_words_and_in_numbers(word: object, status: str) -> None:
    for name, other in (("state", "status"), ("status", "state")):
        one = only(read_orders(order(**{name: word, other: ...})))
        assert (one.status, one.raw_status) == (OrderStatus(status), "")
    if isinstance(word, str):
        for said in (word.upper(), f"ORDER_STATE_{word.upper()}", word.replace("_", "-")):
            assert only(read_orders(order(state=said))).status is OrderStatus(status)


@pytest.mark.parametrize(
    ("word", "raw"),
    [
        ("on_hold", "on_hold"),
        ("FILLED?", "FILLED?"),
        ("0", "0"),
        (10, "10"),
        (-1, "-1"),
        (True, "True"),
        (False, "False"),
        (4.0, "4.0"),
        (["filled"], "['filled']"),
        ("x\x1b[2J" + "y" * 500, ("x [2J" + "y" * 500)[:64]),
    ],
    ids=repr,
)
def test_l41_an_unknown_state_is_kept_in_its_own_word_and_the_order_with_it(word: object, raw: str) -> None:
    for answer in (read_orders(order(state=word)), looked_up(order=order(state=word))):
        one = only(answer)
        assert (one.status, one.raw_status, one.filled) == (OrderStatus.UNKNOWN, raw, Decimal("0.01"))


@pytest.mark.parametrize("cells", [{"state": ...}, {"state": None}, {"state": ""}], ids=repr)
def test_l41_no_state_at_all_is_unknown_too(cells: dict[str, Any]) -> None:
    one = only(read_orders(order(**cells)))
    assert (one.status, one.raw_status) == (OrderStatus.UNKNOWN, "")


def test_l41_two_states_that_contradict_each_other_say_nothing() -> None:
    one = only(read_orders(order(state="placed", status="FILLED")))
    assert (one.status, one.raw_status) == (OrderStatus.UNKNOWN, "placed / FILLED")
    assert only(read_orders(order(state="placed", status="ACCEPTED"))).status is OrderStatus.ACCEPTED


@given(word=st.text() | st.integers() | FLOATS | st.none() | st.booleans() | st.lists(st.text(), max_size=2))
def test_l41_nothing_but_its_own_words_is_ever_filled(word: object) -> None:
    one = only(read_orders(order(state=word)))
    plain = str(word).strip().lower().replace(" ", "_").replace("-", "_").removeprefix("order_state_")
    if one.status is OrderStatus.FILLED:
        assert plain == "filled" or (word == 4 and type(word) is int)


# -- quantities --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "filled"),
    [
        ({}, "0.01"),
        ({"volume_current": ...}, None),
        ({"volume_current": 0}, "0.03"),
        ({"volume_current": 0.03}, "0"),
        ({"volume_current": ..., "filled": 0}, "0"),
        ({"filled": "0.010"}, "0.01"),
        ({"volume_current": ..., "filled": 0.05}, "0.05"),  # more than was ordered is possible (L18)
        ({"volume": 0.03}, "0.01"),
    ],
    ids=repr,
)
def test_l19_what_is_filled_is_cumulative_and_unknown_where_nobody_says(
    cells: dict[str, Any], filled: str | None
) -> None:
    assert only(read_orders(order(**cells))).filled == (None if filled is None else Decimal(filled))


def test_l19_a_state_does_not_tell_how_much_is_filled() -> None:
    one = only(read_orders(order(state="filled", volume_current=...)))
    assert (one.status, one.filled) == (OrderStatus.FILLED, None)
    late = only(read_orders(order(state="partial", volume_current=0)))
    assert (late.status, late.filled) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.03"))


def test_l35_quantities_are_exact() -> None:
    raw = json.dumps({"status": "SUCCESS", "orders": [order(volume_initial=5.25, volume_current=4.25)]})
    exact = raw.replace("5.25", "0.300000000000000001").replace("4.25", "0.1")
    one = only(orders_answer(exact.encode(), reading()))
    assert (one.quantity, one.filled) == (Decimal("0.300000000000000001"), Decimal("0.200000000000000001"))


@pytest.mark.parametrize("price", [0, None, ..., "0.0"], ids=repr)
def test_l36_a_price_that_was_not_reported_stays_unknown(price: object) -> None:
    assert only(read_orders(order(price_open=price))).limit is None


# -- rows that cannot be used ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        order(order=...),
        order(order=0),
        order(order=-1),
        order(order=1.5),
        order(order=True),
        order(order="x" * 129),
        order(order=1, ticket=2),
        order(symbol=...),
        order(symbol=""),
        order(symbol=5),
        order(type=...),
        order(volume_initial=...),
        order(volume_initial=0),
        order(volume_initial=-1),
        order(volume_initial="NaN"),
        order(volume_initial="sNaN"),
        order(volume_initial="1e400"),
        order(volume_initial="string"),
        order(volume_initial=True),
        order(volume=0.04),
        order(volume_current=0.04),
        order(volume_current="NaN"),
        order(filled=0.02),
        order(filled=-1, volume_current=...),
        order(price_open="x"),
        order(price_open=True),
        order(price=1.06),
        order(average_price="Infinity"),
        order(position=-5),
        order(position=5, position_id=6),
        order(reduce_only="perhaps"),
        order(reduce_only=1),
        order(client_id="a\nb"),
        order(client_id=" c"),
        order(client_id=["c"]),
        None,
        5,
        "order",
        [],
        {},
    ],
    ids=repr,
)
def test_l42_l43_a_bad_order_is_refused_with_its_reason_and_the_rest_is_kept(bad: object) -> None:
    assert only_refusal(read_orders(bad, GOOD))


def test_l42_what_can_be_read_of_a_refused_order_is_told() -> None:
    rows = (
        order(volume_initial=0, position=5),
        order(price_open=[], position=6, order=..., ticket=8),
        order(order=9, reduce_only="?", symbol="EURUSD.m"),
        {"symbol": "XAUUSD"},
        order(symbol="EURUSD.m", volume_initial=0),
    )
    answer = read_orders(*rows, canonical=lambda symbol: symbol.removesuffix(".m"))
    told = [(refusal.row, refusal.symbol, refusal.ticket) for refusal in answer.refused]
    assert told == [
        (1, "EURUSD", "5"),
        (2, "EURUSD", "6"),
        (3, "EURUSD", None),
        (4, "XAUUSD", None),
        (5, "EURUSD", None),
    ]
    named = [refusal.why.partition(":")[0] for refusal in answer.refused]
    assert named[:3] == ["order 7001", "order 8", "order 9"]


def test_l29_an_order_repeated_counts_once_and_one_that_contradicts_itself_not_at_all() -> None:
    twice = read_orders(order(), GOOD, order())
    assert [one.order_id for one in twice.orders] == ["7001", "7999"]
    assert [refusal.row for refusal in twice.refused] == [3]
    contradicting = read_orders(order(), GOOD, order(state="filled"))
    assert [one.order_id for one in contradicting.orders] == ["7999"]
    assert [refusal.row for refusal in contradicting.refused] == [1, 3]


def test_l21_two_orders_of_one_client_id_are_two_orders() -> None:
    answer = read_orders(order(order=1, client_id="c"), order(order=2, client_id="c"))
    assert [(one.order_id, one.client_order_id) for one in answer.orders] == [("1", "c"), ("2", "c")]


def test_an_order_may_be_known_by_its_client_id_alone() -> None:
    one = only(read_orders(order(order=0, client_id=77)))
    assert (one.order_id, one.client_order_id) == (None, "77")
    assert len(read_orders(order(order=..., client_id="a"), order(order=..., client_id="a")).refused) == 1


@pytest.mark.parametrize("number", [1, 2**53 + 1, 2**63 + 7, 10**30])
def test_l45_an_orders_number_of_any_size_is_exact_text(number: int) -> None:
    for cell in (number, str(number)):
        assert only(read_orders(order(order=cell, position=cell))).order_id == str(number)


def test_l33_an_orders_symbol_has_one_name_and_keeps_its_spelling() -> None:
    def canonical(symbol: str) -> str:
        if symbol == "?":
            raise InputError("? may be two things")
        return symbol.removesuffix(".m")

    one = only(read_orders(order(symbol="EURUSD.m"), canonical=canonical))
    assert (one.symbol, one.spelling) == ("EURUSD", "EURUSD.m")
    assert "may be two things" in read_orders(order(symbol="?"), canonical=canonical).refused[0].why


def test_l46_the_latest_of_the_brokers_times_is_kept_as_evidence() -> None:
    times: dict[str, Any] = {"time_setup": 1, "time": 2, "time_update": 3, "time_done": 4}
    for name, when in (("time_done", "4"), ("time_update", "3"), ("time", "2"), ("time_setup", "1")):
        assert only(read_orders(order(**times))).updated_at == when
        times[name] = 0
    assert only(read_orders(order(**times))).updated_at is None


CELLS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "order": st.sampled_from([1, 2, "1", 0, None, True, 1.5, ""]),
        "ticket": st.sampled_from([1, 2, None]),
        "symbol": st.sampled_from(["EURUSD", "", None, 3]),
        "type": st.sampled_from([*KINDS, 0, 7, 8, None, "?"]),
        "volume": st.sampled_from([0.03, 1, "NaN", -1, None, True]),
        "volume_initial": st.sampled_from([0.03, 0.01, "sNaN", 0, None]),
        "volume_current": st.sampled_from([0.02, 1, "x", None]),
        "filled": st.sampled_from([0, 0.01, -1, "sNaN", None]),
        "price": st.sampled_from([1.05, 0, "NaN", None, {}]),
        "state": st.sampled_from([*STATES, 0, 9, None, [], {}, "?"]),
        "position": st.sampled_from([5, 0, "", -1, None, []]),
        "reduce_only": st.sampled_from([True, False, None, "x"]),
        "client_id": st.sampled_from(["c", "", None, 5, " x", {}]),
        "magic": st.sampled_from([7, None, []]),
    },
)


@given(rows=st.lists(CELLS.map(lambda cells: order(**cells)) | st.none() | st.integers() | st.text(), max_size=6))
def test_l03_no_order_is_lost(rows: list[Any]) -> None:
    answer = read_orders(*rows)
    assert len(answer.orders) + len(answer.refused) == len(rows)
    assert answer.completeness == ("partial" if answer.refused else "complete")
    for one in answer.orders:
        assert one.quantity > 0
        assert one.order_id or one.client_order_id
        assert one.filled is None or one.filled >= 0


# -- client ids elsewhere ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("cell", "client_id"), [("c1", "c1"), (17, "17"), (None, None), ("", None), ([], None)])
def test_a_position_may_tell_the_client_id_that_opened_it(cell: object, client_id: str | None) -> None:
    answer = read_rows(row(client_id=cell))
    assert answer.completeness == "complete"
    assert answer.positions["#123456"].client_order_id == client_id


def test_a_deal_tells_its_order() -> None:
    (execution,) = read_deals(deal(order=7001, client_id="c1")).executions
    assert (execution.order_id, execution.client_order_id) == ("7001", "c1")
