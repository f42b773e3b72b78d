"""When is an answer of an exchange the whole one, and what does it state then?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ccxt_adapter.fakes import (
    ArgumentsRequired,
    ExchangeError,
    Fake,
    NetworkError,
    NotSupported,
    OrderNotFound,
    RateLimitExceeded,
    RequestTimeout,
    features,
    order,
    play,
    position,
    trade,
)
from trueup.model import OrderStatus
from trueup.ports import Answer, Question
from trueup_adapters.ccxt import CcxtBroker

POSITIONS = Question(surface="positions")
ORDERS = Question(surface="open_orders")
FILLS = Question(surface="fills")


def asked(fake: Fake, *questions: Question, **options: Any) -> list[Answer]:
    """What comes back, question by question, of one broker."""
    answers: list[Answer] = []

    async def scenario(broker: CcxtBroker) -> None:
        answers.extend([await broker.ask(question) for question in questions])

    play(fake, scenario, **options)
    return answers


def one(fake: Fake, question: Question, **options: Any) -> Answer:
    (answer,) = asked(fake, question, **options)
    return answer


# -- what is offered ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lacking", "surface"),
    [
        ("fetchPositions", "positions"),
        ("fetchOpenOrders", "open_orders"),
        ("fetchOrder", "order"),
        ("fetchMyTrades", "fills"),
    ],
)
def test_l44_what_an_exchange_does_not_have_is_unsupported_and_not_empty(lacking: str, surface: Any) -> None:
    fake = Fake(has={lacking: None})
    answer = one(fake, Question(surface=surface, order_id="1"))
    assert answer.completeness == "unsupported"
    assert "fake does not offer" in answer.why
    assert fake.calls == []


def test_not_supported_at_the_time_of_asking_is_unsupported_too() -> None:
    answer = one(Fake(fetch_positions=[NotSupported("fake fetchPositions() is for UTA only")]), POSITIONS)
    assert answer.completeness == "unsupported"
    assert "UTA" in answer.why


def test_balances_are_no_surface_of_their_own() -> None:
    assert one(Fake(), Question(surface="balances")).completeness == "unsupported"


# -- positions ---------------------------------------------------------------------------------------------


def test_l31_two_legs_of_one_symbol_are_two_positions_when_hedging() -> None:
    legs = [position(hedged=True), position(hedged=True, side="short", contracts=Decimal("1.5"))]
    answer = one(Fake(fetch_positions=[legs]), POSITIONS, position_mode="hedging")
    assert answer.completeness == "complete"
    assert {key: row.signed_quantity for key, row in answer.positions.items()} == {
        "#LTC/USDT:USDT/long": Decimal("1.5"),
        "#LTC/USDT:USDT/short": Decimal("-1.5"),
    }


def test_l29_rows_of_a_hedged_account_are_refused_when_netting() -> None:
    answer = one(Fake(fetch_positions=[[position(hedged=True)]]), POSITIONS)
    assert (answer.completeness, dict(answer.positions)) == ("partial", {})
    assert "position_mode='hedging'" in answer.refused[0].why


def test_l29_two_rows_of_one_symbol_contradict_each_other_when_netting() -> None:
    rows = [position(), position(side="short"), position("BTC/USDT:USDT")]
    answer = one(Fake(fetch_positions=[rows]), POSITIONS)
    assert set(answer.positions) == {"BTC/USDT:USDT"}
    assert [refusal.row for refusal in answer.refused] == [1, 2]


def test_l45_a_flat_row_is_no_position_and_no_refusal() -> None:
    answer = one(Fake(fetch_positions=[[position(contracts=0, side=None), position("BTC/USDT:USDT")]]), POSITIONS)
    assert (answer.completeness, set(answer.positions)) == ("complete", {"BTC/USDT:USDT"})


def test_l34_the_market_says_how_much_a_contract_is_where_the_row_does_not() -> None:
    fake = Fake(fetch_positions=[[position(contractSize=None), position("BTC/USDT:USDT", contractSize=None)]])
    fake.markets = {"LTC/USDT:USDT": {"contractSize": Decimal("0.1")}}
    answer = one(fake, POSITIONS)
    assert answer.positions["LTC/USDT:USDT"].unit == "contracts"
    assert "no unit" in answer.refused[0].why
    assert answer.refused[0].symbol == "BTC/USDT:USDT"


def test_l34_another_contract_size_than_the_configured_one_is_refused() -> None:
    for size, refused in (("0.1", 0), ("0.01", 1), (None, 1)):
        fake = Fake(fetch_positions=[[position(contractSize=None if size is None else Decimal(size))]])
        fake.markets = {"LTC/USDT:USDT": {"contractSize": Decimal(1)}}
        answer = one(fake, POSITIONS, contract_sizes={"LTC/USDT:USDT": "0.10"})
        assert len(answer.refused) == refused


def test_scopes_are_all_asked_and_a_row_that_two_of_them_tell_counts_once() -> None:
    fake = Fake(fetch_positions=[[position()], [position(), position("BTC/USDT:USDT")]])
    answer = one(fake, POSITIONS, scopes=({"settle": "USDT"}, {"settle": "USDC"}))
    assert (answer.completeness, len(answer.positions)) == ("complete", 2)
    assert [arguments[1] for arguments in fake.sent("fetch_positions")] == [{"settle": "USDT"}, {"settle": "USDC"}]


def test_l06_one_scope_that_fails_fails_the_whole_answer() -> None:
    fake = Fake(fetch_positions=[[position()], RequestTimeout("fake GET")])
    answer = one(fake, POSITIONS, scopes=({}, {"a": 1}))
    assert (answer.completeness, dict(answer.positions)) == ("failed", {})


def test_l05_a_list_as_long_as_a_page_may_go_on() -> None:
    for count, completeness in ((99, "complete"), (100, "partial"), (101, "complete"), (200, "partial")):
        rows = [position(f"C{n}/USDT:USDT") for n in range(count)]
        answer = one(Fake(fetch_positions=[rows]), POSITIONS)
        assert (answer.completeness, len(answer.positions)) == (completeness, count)


# -- spot --------------------------------------------------------------------------------------------------


def balance(**coins: Any) -> dict[str, Any]:
    return {"info": {}, "free": {}, "used": {}, "total": {}, "timestamp": None, **coins}


def test_a_coin_is_a_holding_and_money_is_not() -> None:
    coins = balance(
        LTC={"free": Decimal(1), "used": Decimal("0.5"), "total": Decimal("1.5"), "debt": None},
        USDT={"total": Decimal(100)},
        BTC={"total": Decimal(0)},
    )
    answer = one(Fake(fetch_balance=[coins]), POSITIONS, market="spot", quotes=("USDT",))
    assert answer.completeness == "complete"
    (held,) = answer.positions.values()
    assert (held.symbol, held.signed_quantity, held.unit, held.price) == ("LTC/USDT", Decimal("1.5"), "coins", None)


def test_what_is_owed_is_no_holding() -> None:
    coins = balance(LTC={"total": Decimal(1), "debt": Decimal("0.2")}, BTC={"total": Decimal(-1)}, ETH={"free": None})
    answer = one(Fake(fetch_balance=[coins]), POSITIONS, market="spot", quotes=("USDT",))
    assert (answer.completeness, dict(answer.positions)) == ("partial", {})
    assert [refusal.symbol for refusal in answer.refused] == ["LTC/USDT", "BTC/USDT", "ETH/USDT"]


def test_money_is_not_ours_however_much_of_it_there_is_or_is_owed() -> None:
    coins = balance(USDT={"total": Decimal(-1), "debt": Decimal(5)}, USDC={"total": None}, LTC={"total": Decimal(1)})
    answer = one(Fake(fetch_balance=[coins]), POSITIONS, market="spot", quotes=("USDT", "USDC"))
    assert (answer.completeness, len(answer.positions)) == ("complete", 1)


@pytest.mark.parametrize(("net", "quantity"), [(True, "0.9"), (False, "1")])
def test_l37_an_execution_is_less_a_fee_that_was_taken_in_the_coin(net: bool, quantity: str) -> None:
    row = trade("t1", "LTC/USDT", fee={"cost": Decimal("0.1"), "currency": "LTC"}, info={"fee": "0.1"})
    other = trade("t2", "LTC/USDT", side="sell", fee={"cost": Decimal("7"), "currency": "USDT"}, info={"fee": "7"})
    answer = one(Fake(fetch_my_trades=[[row, other]]), FILLS, market="spot", quotes=("USDT",), net_of_base_fees=net)
    assert [e.signed_quantity for e in answer.executions] == [Decimal(quantity), Decimal(-1)]
    assert [(e.fee, e.fee_asset) for e in answer.executions] == [(Decimal("0.1"), "LTC"), (Decimal(7), "USDT")]


# -- orders ------------------------------------------------------------------------------------------------


def test_l26_orders_that_wait_for_a_price_are_asked_for_where_they_stand_apart() -> None:
    fake = Fake(fetch_open_orders=[[order("1")], [order("2", type="market", triggerPrice=Decimal(60))], [order("1")]])
    fake.features = features(fetchOpenOrders={"trigger": True, "trailing": True, "limit": 50})
    answer = one(fake, ORDERS)
    assert [(o.order_id, o.type) for o in answer.orders] == [("1", "limit"), ("2", "stop")]
    assert answer.completeness == "complete"
    said = [(limit, params) for _, _, limit, params in fake.sent("fetch_open_orders")]
    assert said == [(50, {}), (50, {"trigger": True}), (50, {"trailing": True})]


def test_l05_a_page_of_orders_as_long_as_its_limit_may_go_on() -> None:
    fake = Fake(fetch_open_orders=[[order("1"), order("2")]])
    fake.features = features(fetchOpenOrders={"limit": 2})
    answer = one(fake, ORDERS)
    assert (answer.completeness, len(answer.orders)) == ("partial", 2)
    assert "L05" in answer.why


def test_an_exchange_that_answers_by_symbol_is_asked_for_each() -> None:
    fake = Fake(fetch_open_orders=[[order("1")], [order("2", "BTC/USDT:USDT")]])
    fake.features = features(fetchOpenOrders={"symbolRequired": True})
    answer = one(fake, ORDERS, symbols=("LTC/USDT:USDT", "BTC/USDT:USDT"))
    assert [o.symbol for o in answer.orders] == ["LTC/USDT:USDT", "BTC/USDT:USDT"]
    assert [arguments[0] for arguments in fake.sent("fetch_open_orders")] == ["LTC/USDT:USDT", "BTC/USDT:USDT"]


def test_an_exchange_that_answers_by_symbol_needs_symbols() -> None:
    fake = Fake()
    fake.features = features(fetchOpenOrders={"symbolRequired": True})
    answer = one(fake, ORDERS)
    assert answer.completeness == "failed"
    assert "symbols=" in answer.why


def test_symbols_of_positions_are_asked_for_too() -> None:
    fake = Fake(fetch_positions=[[position("BTC/USDT:USDT")]], fetch_my_trades=[[]])
    fake.features = features(fetchMyTrades={"symbolRequired": True})
    asked(fake, POSITIONS, FILLS, symbols=("LTC/USDT:USDT",))
    assert [arguments[0] for arguments in fake.sent("fetch_my_trades")] == ["LTC/USDT:USDT", "BTC/USDT:USDT"]


# -- looking one up ----------------------------------------------------------------------------------------


def test_l04_not_found_is_a_complete_answer_only_where_it_was_looked_for_everywhere() -> None:
    question = Question(surface="order", order_id="9")
    anywhere = Fake(fetch_order=[OrderNotFound("no such order")])
    assert one(anywhere, question).completeness == "complete"
    by_symbol = Fake(fetch_order=[OrderNotFound("no such order")])
    by_symbol.features = features(fetchOrder={"symbolRequired": True})
    answer = one(by_symbol, question)
    assert (answer.completeness, list(answer.orders)) == ("partial", [])
    assert "symbols=" in answer.why
    declared = one(by_symbol, question, symbols=("LTC/USDT:USDT",))
    assert (declared.completeness, list(declared.orders)) == ("complete", [])


def test_l06_only_order_not_found_means_not_found() -> None:
    for error in (ExchangeError("no order"), NetworkError("down"), ValueError("odd"), RequestTimeout("late")):
        answer = one(Fake(fetch_order=[error]), Question(surface="order", order_id="9"))
        assert (answer.completeness, list(answer.orders)) == ("failed", [])


def test_the_symbol_of_an_order_that_was_seen_is_remembered() -> None:
    fake = Fake(fetch_open_orders=[[order("1", "BTC/USDT:USDT")]], fetch_order=[order("1", "BTC/USDT:USDT")])
    fake.features = features(fetchOrder={"symbolRequired": True})
    answers = asked(fake, ORDERS, Question(surface="order", order_id="1"), symbols=("LTC/USDT:USDT",))
    assert fake.sent("fetch_order") == [("1", "BTC/USDT:USDT", {})]
    assert answers[1].orders[0].order_id == "1"


def test_l25_an_order_is_found_by_its_client_id_among_working_and_ended_ones() -> None:
    ended = order("7", status="closed", filled=Decimal(2))
    fake = Fake(fetch_open_orders=[[order("1")]], fetch_closed_orders=[[order("6"), ended]])
    answer = one(fake, Question(surface="order", client_order_id="c7"))
    assert answer.completeness == "complete"
    assert (answer.orders[0].order_id, answer.orders[0].status) == ("7", OrderStatus.FILLED)


def test_l05_a_client_id_that_is_not_on_a_page_that_may_go_on_is_not_not_found() -> None:
    fake = Fake(fetch_open_orders=[[order(str(n)) for n in range(50)]])
    answer = one(fake, Question(surface="order", client_order_id="gone"))
    assert (answer.completeness, list(answer.orders)) == ("partial", [])


def test_l25_where_the_exchange_can_an_order_is_fetched_by_its_client_id() -> None:
    fake = Fake("okx", fetch_order=[order("1")])
    assert one(fake, Question(surface="order", client_order_id="c1")).orders[0].order_id == "1"
    assert fake.sent("fetch_order") == [("c1", None, {"clientOrderId": "c1"})]


def test_l21_a_stop_that_stands_in_a_list_of_its_own_is_found_there() -> None:
    """Or a stop of unknown outcome would seem never to have arrived, and be placed twice."""
    trigger = {"fetchOpenOrders": {"trigger": True}, "fetchOrder": {"trigger": True}}
    fetched = Fake("okx", fetch_order=[OrderNotFound("no"), order("9", triggerPrice=Decimal(60))])
    fetched.features = features(**trigger)
    assert one(fetched, Question(surface="order", client_order_id="c9")).orders[0].order_id == "9"
    params = [arguments[2] for arguments in fetched.sent("fetch_order")]
    assert params == [{"clientOrderId": "c9"}, {"trigger": True, "clientOrderId": "c9"}]
    for question in (Question(surface="order", client_order_id="c9"), Question(surface="order", order_id="9")):
        looked_for = Fake("bitget", fetch_order=[OrderNotFound("no")], fetch_open_orders=[[order("8"), order("9")]])
        looked_for.features = features(fetchOpenOrders={"trigger": True})
        assert one(looked_for, question).orders[0].order_id == "9"
        assert [arguments[3] for arguments in looked_for.sent("fetch_open_orders")] == [{"trigger": True}]
        assert looked_for.sent("fetch_closed_orders") == []


@pytest.mark.parametrize("tells", [True, False])
def test_ended_stops_are_looked_for_where_the_exchange_tells_them(tells: bool) -> None:
    fake = Fake(fetch_closed_orders=[[], [order("9", status="canceled")]])
    fake.features = features(fetchOpenOrders={"trigger": True}, fetchClosedOrders={"trigger": tells})
    answer = one(fake, Question(surface="order", client_order_id="c9"))
    assert (answer.completeness, len(answer.orders)) == ("complete", int(tells))


def test_an_answer_about_another_order_is_no_answer() -> None:
    answer = one(Fake(fetch_order=[order("2")]), Question(surface="order", order_id="1"))
    assert (answer.completeness, list(answer.orders)) == ("failed", [])


def test_an_order_that_cannot_be_read_is_refused_and_not_not_found() -> None:
    answer = one(Fake(fetch_order=[order("1", amount=None)]), Question(surface="order", order_id="1"))
    assert (answer.completeness, list(answer.orders), len(answer.refused)) == ("partial", [], 1)


# -- executions --------------------------------------------------------------------------------------------

DAY_NS = 86_400 * 10**9


def test_l08_executions_reach_back_as_far_as_the_exchange_keeps_them() -> None:
    fake = Fake(fetch_my_trades=[[trade()]])
    fake.features = features(fetchMyTrades={"daysBack": 90, "limit": 100})
    old = one(fake, Question(surface="fills", since_ns=DAY_NS))
    assert (old.completeness, len(old.executions)) == ("partial", 1)
    assert "90 days" in old.why
    recent = one(fake, Question(surface="fills", since_ns=200 * 365 * DAY_NS))
    assert recent.completeness == "complete"
    assert fake.sent("fetch_my_trades")[-1] == (None, 200 * 365 * 86_400_000, 100, {})


def test_l20_executions_are_told_oldest_first_and_a_repeat_counts_once() -> None:
    rows = [trade("b", timestamp=2), trade("a", timestamp=1), trade("a", timestamp=1)]
    answer = one(Fake(fetch_my_trades=[rows]), FILLS)
    assert [e.execution_id for e in answer.executions] == ["a", "b"]
    assert (answer.completeness, len(answer.refused)) == ("partial", 1)


# -- failures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, {}, "text", 7])
def test_l44_what_is_no_list_is_a_failed_answer(given: Any) -> None:
    for question, method in ((POSITIONS, "fetch_positions"), (ORDERS, "fetch_open_orders"), (FILLS, "fetch_my_trades")):
        answers: dict[str, Any] = {method: [given]}
        answer = one(Fake(**answers), question)
        assert answer.completeness == "failed"
        assert "not a list" in answer.why


def test_a_market_list_that_fails_fails_the_question() -> None:
    answer = one(Fake(load_markets=[NetworkError("down")], fetch_positions=[[position()]]), POSITIONS)
    assert (answer.completeness, dict(answer.positions)) == ("failed", {})


def test_l03_markets_are_loaded_anew_when_rows_were_refused_long_after() -> None:
    now = [0.0]
    fake = Fake(fetch_positions=[[position("NEWCOIN_USDT")], [position("NEWCOIN_USDT")], [position()]])

    async def scenario(broker: CcxtBroker) -> None:
        for at, loads in ((0.0, [False]), (3599.0, [False]), (3600.0, [False, True]), (9000.0, [False, True])):
            now[0] = at
            await broker.ask(POSITIONS)
            assert [reload for (reload,) in fake.sent("load_markets")] == loads

    play(fake, scenario, clock=lambda: now[0])


@pytest.mark.parametrize(("said", "pause_s"), [("30", 30.0), ("99999", 120.0), ("soon", 5.0), (None, 5.0)])
def test_too_many_requests_are_followed_by_a_pause(said: str | None, pause_s: float) -> None:
    now = [0.0]
    fake = Fake(fetch_positions=[RateLimitExceeded("429"), [position()]])
    fake.last_response_headers = {"Retry-After": said}  # type: ignore[attr-defined]

    async def scenario(broker: CcxtBroker) -> None:
        assert (await broker.ask(POSITIONS)).completeness == "failed"
        now[0] = pause_s - 0.1
        waiting = await broker.ask(POSITIONS)
        assert (waiting.completeness, len(fake.sent("fetch_positions"))) == ("failed", 1)
        assert "pause" in waiting.why
        now[0] = pause_s
        assert (await broker.ask(POSITIONS)).completeness == "complete"

    play(fake, scenario, clock=lambda: now[0])


# -- by symbol ---------------------------------------------------------------------------------------------

WANTED = ArgumentsRequired("fake fetchOpenOrders() requires a symbol argument")


def test_a_question_that_turns_out_to_want_a_symbol_is_asked_for_each() -> None:
    """Not every exchange declares that it answers for one symbol at a time."""
    fake = Fake(fetch_open_orders=[WANTED, [order("1")], [order("2", "BTC/USDT:USDT")], []])
    first, second = asked(fake, ORDERS, ORDERS, symbols=("LTC/USDT:USDT", "BTC/USDT:USDT"))
    assert (first.completeness, [one.order_id for one in first.orders]) == ("complete", ["1", "2"])
    assert second.completeness == "complete"
    symbols = [arguments[0] for arguments in fake.sent("fetch_open_orders")]
    assert symbols == [None, "LTC/USDT:USDT", "BTC/USDT:USDT", "LTC/USDT:USDT", "BTC/USDT:USDT"]


@pytest.mark.parametrize("question", [ORDERS, FILLS, Question(surface="order", order_id="7")])
def test_without_any_symbol_it_is_said_that_one_is_wanted(question: Question) -> None:
    fake = Fake(fetch_open_orders=[WANTED], fetch_my_trades=[WANTED], fetch_order=[WANTED])
    answer = one(fake, question)
    assert answer.completeness == "failed"
    assert "for one symbol at a time: name them (symbols=…)" in answer.why


def test_what_else_ccxt_wants_is_not_asked_again() -> None:
    fake = Fake(fetch_open_orders=[ArgumentsRequired("fake requires a type argument")])
    answer = one(fake, ORDERS, symbols=("LTC/USDT:USDT",))
    assert (answer.completeness, len(fake.sent("fetch_open_orders"))) == ("failed", 1)


def test_a_coin_that_has_no_market_in_that_money_is_not_asked_for() -> None:
    """Its executions could not be asked for, and neither could anybody else's."""
    coins = balance(LTC={"total": Decimal(1)}, NFT={"total": Decimal(1)})
    fake = Fake(fetch_balance=[coins])
    fake.features = features(fetchMyTrades={"symbolRequired": True})
    held, fills = asked(fake, POSITIONS, FILLS, market="spot", quotes=("USDT",))
    assert (len(held.positions), fills.completeness) == (2, "complete")
    assert [arguments[0] for arguments in fake.sent("fetch_my_trades")] == ["LTC/USDT"]


# -- numbers -----------------------------------------------------------------------------------------------


def test_l35_ccxt_is_given_floats_where_it_stumbles_over_text() -> None:
    """pacifica's list of markets compares what it took for numbers; the digits are the exchange's own all the same."""
    stumbles = TypeError("'>' not supported between instances of 'str' and 'int'")
    row = position(contracts=0.1, info={"size": "0.100000000000000005"})
    fake = Fake(load_markets=[stumbles, {}], fetch_positions=[stumbles, [row]])
    answer = one(fake, POSITIONS)
    assert (answer.completeness, answer.why) == ("complete", "")
    assert [held.signed_quantity for held in answer.positions.values()] == [Decimal("0.100000000000000005")]
    assert fake.number is str


def test_a_stumble_that_floats_do_not_help_is_a_failure() -> None:
    fake = Fake(fetch_positions=[TypeError("no"), TypeError("still no")])
    answer = one(fake, POSITIONS)
    assert (answer.completeness, answer.why) == ("failed", "TypeError: still no")
    assert len(fake.sent("fetch_positions")) == 2
