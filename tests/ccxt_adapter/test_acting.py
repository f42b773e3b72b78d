"""What is sent to an exchange, what is not, and what is believed of it afterwards?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ccxt_adapter.fakes import (
    ExchangeError,
    Fake,
    InsufficientFunds,
    InvalidOrder,
    NetworkError,
    NotSupported,
    OrderNotFound,
    RateLimitExceeded,
    RequestTimeout,
    features,
    order,
    play,
    position,
)
from trueup.ports import Action, Outcome, Question
from trueup_adapters.ccxt import CcxtBroker

SYMBOL = "LTC/USDT:USDT"


def acted(fake: Fake, *actions: Action, **options: Any) -> list[Outcome]:
    outcomes: list[Outcome] = []

    async def scenario(broker: CcxtBroker) -> None:
        outcomes.extend([await broker.act(action) for action in actions])

    play(fake, scenario, **options)
    return outcomes


def one(fake: Fake, action: Action, **options: Any) -> Outcome:
    (outcome,) = acted(fake, action, **options)
    return outcome


def closing(quantity: str = "1.5", side: Any = "sell", symbol: str = SYMBOL, **more: Any) -> Action:
    return Action(kind="close_position", client_id="q1", symbol=symbol, side=side, quantity=Decimal(quantity), **more)


def holding(**answers: list[Any]) -> Fake:
    """An exchange with a long position of 1.5, that takes orders."""
    usual: dict[str, Any] = {
        "fetch_positions": [[position()]],
        "create_order": [{"id": "77", "status": "open"}],
    }
    fake = Fake(**(usual | answers))
    fake.features = features(createOrder={"stopLossPrice": True})
    return fake


# -- what is sent ------------------------------------------------------------------------------------------


def test_l22_a_close_is_reduce_only_at_the_market_with_its_client_id() -> None:
    fake = holding()
    outcome = one(fake, closing())
    assert (outcome.state, outcome.order_id) == ("acknowledged", "77")
    params = {"reduceOnly": True, "clientOrderId": "q1"}
    assert fake.sent("create_order") == [(SYMBOL, "market", "sell", "1.5", None, params)]


def test_a_stop_is_reduce_only_at_its_price() -> None:
    fake = holding()
    action = Action(
        kind="place_stop", client_id="s1", symbol=SYMBOL, side="sell", quantity=Decimal(1), stop=Decimal("65.5")
    )
    assert one(fake, action).state == "acknowledged"
    params = {"reduceOnly": True, "clientOrderId": "s1", "stopLossPrice": "65.5"}
    assert fake.sent("create_order") == [(SYMBOL, "market", "sell", "1", None, params)]


@pytest.mark.parametrize(
    ("exchange", "leg"),
    [
        ("binanceusdm", {"positionSide": "SHORT"}),
        ("okx", {"posSide": "short"}),
        ("bybit", {"reduceOnly": True, "positionIdx": 2}),
        ("bitget", {"reduceOnly": True, "hedged": True}),
    ],
)
def test_l30_an_order_on_a_hedged_account_names_its_leg(exchange: str, leg: dict[str, Any]) -> None:
    legs = [position(hedged=True), position(hedged=True, side="short")]
    fake = holding(fetch_positions=[legs])
    fake.id = exchange
    action = closing("1", "buy", ticket=f"{SYMBOL}/short")
    assert one(fake, action, position_mode="hedging").state == "acknowledged"
    assert fake.sent("create_order")[0][5] == {**leg, "clientOrderId": "q1"}


def test_nothing_is_sent_where_nobody_knows_how_a_leg_is_named() -> None:
    fake = holding(fetch_positions=[[position(hedged=True)]])
    outcome = one(fake, closing(ticket=f"{SYMBOL}/long"), position_mode="hedging")
    assert outcome.state == "rejected"
    assert "leg" in outcome.why
    assert fake.sent("create_order") == []


def test_a_coin_is_sold_without_reduce_only_and_never_more_than_is_held() -> None:
    coins = {"info": {}, "LTC": {"total": Decimal(2)}}
    fake = holding(fetch_balance=[coins])
    spot = {"market": "spot", "quotes": ("USDT",)}
    assert one(fake, closing("2.1", symbol="LTC/USDT"), **spot).state == "rejected"
    assert one(fake, closing("2", symbol="LTC/USDT"), **spot).state == "acknowledged"
    assert fake.sent("create_order") == [("LTC/USDT", "market", "sell", "2", None, {"clientOrderId": "q1"})]


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (closing("1.6"), "more than"),
        (closing("1", "buy"), "add to"),
        (closing("1", symbol="BTC/USDT:USDT"), "0 positions"),
        (closing("0"), "above 0"),
        (closing("1.0005"), "multiple of the market's lot"),
        (Action(kind="close_position", client_id="q1", symbol=SYMBOL), "side and a quantity"),
        (Action(kind="place_stop", client_id="q1", symbol=SYMBOL, side="sell", quantity=Decimal(1)), "price above 0"),
        (Action(kind="cancel", client_id="q1", symbol=SYMBOL), "names its order"),
    ],
)
def test_l22_what_the_live_position_does_not_prove_is_not_sent(action: Action, why: str) -> None:
    fake = holding()
    outcome = one(fake, action)
    assert outcome.state == "rejected"
    assert why in outcome.why
    assert outcome.why.startswith("not sent: ")
    assert not fake.sent("create_order") + fake.sent("cancel_order")


def test_l06_nothing_is_sent_where_the_position_cannot_be_asked_for() -> None:
    fake = holding(fetch_positions=[NetworkError("down")])
    assert one(fake, closing()).state == "unknown"
    assert fake.sent("create_order") == []


def test_what_the_exchange_cannot_do_is_not_declared_and_not_sent() -> None:
    fake = Fake(has={"createOrder": None, "cancelOrder": None}, fetch_positions=[[position()]])
    assert CcxtBroker(fake, market="contracts").capabilities.actions == frozenset()
    for action in (closing(), Action(kind="cancel", client_id="x", symbol=SYMBOL, order_id="1")):
        outcome = one(fake, action)
        assert outcome.state == "rejected"
        assert "cannot do" in outcome.why
    assert fake.calls == []


# -- what is believed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (RequestTimeout("fake POST"), "unknown"),
        (NetworkError("connection reset"), "unknown"),
        (RateLimitExceeded("429"), "unknown"),
        (ExchangeError("code 12345"), "unknown"),
        (OrderNotFound("what order"), "unknown"),
        (InvalidOrder("OrderLinkedID is duplicate"), "unknown"),
        (ValueError("ccxt stumbled over the reply"), "unknown"),
        (InsufficientFunds("not enough"), "rejected"),
        (InvalidOrder("too small"), "rejected"),
        (NotSupported("no stops here"), "rejected"),
    ],
)
def test_l21_only_a_plain_refusal_is_a_rejection(error: Exception, state: str) -> None:
    fake = holding(create_order=[error])
    outcome = one(fake, closing())
    assert outcome.state == state
    assert type(error).__name__ in outcome.why
    assert len(fake.sent("create_order")) == 1  # once, whatever came of it (L27)


@pytest.mark.parametrize("error", [InvalidOrder("already filled"), OrderNotFound("gone"), RequestTimeout("late")])
def test_l23_a_refused_cancel_is_unknown(error: Exception) -> None:
    fake = Fake(cancel_order=[error])
    fake.markets = {SYMBOL: {}}
    assert one(fake, Action(kind="cancel", client_id="x", symbol=SYMBOL, order_id="1")).state == "unknown"
    assert fake.sent("cancel_order") == [("1", SYMBOL, {})]


@pytest.mark.parametrize(
    ("answer", "state"),
    [({}, "unknown"), ({"id": None}, "unknown"), (None, "unknown"), ({"id": "5", "status": "rejected"}, "rejected")],
)
def test_l21_an_answer_without_an_order_is_unknown(answer: Any, state: str) -> None:
    assert one(holding(create_order=[answer]), closing()).state == state


def test_a_cancel_by_client_id_looks_the_order_up_first() -> None:
    fake = Fake(fetch_open_orders=[[order("1"), order("2")]], cancel_order=[{"id": "2"}])
    actions = [Action(kind="cancel", client_id="x", symbol=SYMBOL, target=target) for target in ("c2", "c9")]
    done, missing = acted(fake, *actions)
    assert (done.state, missing.state) == ("acknowledged", "rejected")
    assert "c9" in missing.why
    assert fake.sent("cancel_order") == [("2", SYMBOL, {})]


def test_l26_an_order_that_stands_in_a_list_of_its_own_is_cancelled_there() -> None:
    for seen in (True, False):
        fake = Fake(
            "bitget",
            fetch_open_orders=[[], [order("9", triggerPrice=Decimal(60))]] if seen else [[order("9")]],
            fetch_order=[OrderNotFound("no")],
            cancel_order=[{"id": "9"}],
        )
        fake.features = features(fetchOpenOrders={"trigger": True})
        action = Action(kind="cancel", client_id="x", symbol=SYMBOL, order_id="9")

        async def scenario(broker: CcxtBroker, *, first: bool = seen, action: Action = action) -> None:
            if first:
                await broker.ask(Question(surface="open_orders"))
            assert (await broker.act(action)).state == "acknowledged"

        play(fake, scenario)
        assert fake.sent("cancel_order") == [("9", SYMBOL, {"trigger": True})]
        assert bool(fake.sent("fetch_order")) is not seen


def test_an_order_that_has_ended_is_not_cancelled() -> None:
    fake = Fake(fetch_closed_orders=[[order("1", status="closed", filled=Decimal(2))]])
    outcome = one(fake, Action(kind="cancel", client_id="x", symbol=SYMBOL, target="c1"))
    assert outcome.state == "rejected"
    assert "filled" in outcome.why
    assert fake.sent("cancel_order") == []


def test_l33_a_symbol_that_names_several_markets_or_none_is_not_acted_on() -> None:
    fake = Fake()
    fake.markets = {"LTC/USDT:USDT": {}, "LTC/USDC:USDC": {}}
    action = Action(kind="cancel", client_id="x", symbol="LTC", order_id="1")
    outcome = one(fake, action, canonical=lambda spelled: spelled.partition("/")[0])
    assert (outcome.state, fake.sent("cancel_order")) == ("rejected", [])
    assert "2 markets" in outcome.why


def test_while_the_exchange_wants_a_pause_nothing_is_sent() -> None:
    fake = holding(fetch_positions=[RateLimitExceeded("429"), [position()]])
    first, second = acted(fake, closing(), closing(), clock=lambda: 7.0)
    assert (first.state, second.state) == ("unknown", "rejected")
    assert "pause" in second.why
    assert fake.sent("create_order") == []


def test_an_action_that_was_one_too_many_is_followed_by_a_pause() -> None:
    fake = holding(create_order=[RateLimitExceeded("429"), {"id": "7"}])
    first, second = acted(fake, closing(), closing(), clock=lambda: 7.0)
    assert (first.state, second.state) == ("unknown", "rejected")
    assert "pause" in second.why
    assert len(fake.sent("create_order")) == 1
