"""Do orders that wait for one another live at the fake as at Alpaca, and does the adapter see those that are held?"""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import pytest

from alpaca_broker import samples
from alpaca_broker.playing import ORDERS, order, play, whole
from trueup.errors import InputError
from trueup.model import OrderStatus
from trueup.ports import Answer
from trueup.testing.alpaca import Control, FakeAlpaca
from trueup_adapters.alpaca import AlpacaBroker

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # alpaca-py imports a deprecated part of websockets
    from alpaca.common.exceptions import APIError
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import OrderClass, OrderSide, QueryOrderStatus, TimeInForce
    from alpaca.trading.requests import (
        GetOrderByIdRequest,
        GetOrdersRequest,
        LimitOrderRequest,
        ReplaceOrderRequest,
        StopLossRequest,
        TakeProfitRequest,
    )


def wanted(kind: OrderClass, **cells: Any) -> LimitOrderRequest:
    exits = {
        "take_profit": TakeProfitRequest(limit_price=120),
        "stop_loss": StopLossRequest(stop_price=90),
    }
    base: dict[str, Any] = {
        "symbol": "AAPL", "qty": 2, "side": OrderSide.BUY, "limit_price": 100, "time_in_force": TimeInForce.GTC
    }  # fmt: skip
    return LimitOrderRequest(order_class=kind, **{**base, **exits, **cells})


def statuses(fake: FakeAlpaca) -> list[str]:
    return [one.status for one in fake.control.orders()]


def test_a_bracket_by_alpacas_own_client(fake: FakeAlpaca, client: TradingClient) -> None:
    entry = client.submit_order(wanted(OrderClass.BRACKET))
    assert [(leg.type.value, leg.status.value, leg.side.value) for leg in entry.legs] == [
        ("limit", "held", "sell"),
        ("stop", "held", "sell"),
    ]
    profit, loss = entry.legs
    every = GetOrdersRequest(status=QueryOrderStatus.OPEN, nested=True)
    assert [one.id for one in client.get_orders()] == [entry.id]
    assert [[leg.id for leg in one.legs] for one in client.get_orders(every)] == [[profit.id, loss.id]]
    nested = client.get_order_by_id(entry.id, GetOrderByIdRequest(nested=True))
    assert [leg.id for leg in nested.legs] == [profit.id, loss.id]
    fake.control.price("AAPL", "95")  # the entry fills; a stop that is held does not react before it has
    assert [one.id for one in client.get_orders()] == [profit.id]
    assert client.get_orders(every) == []
    closed = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.CLOSED))
    assert [(one.id, one.status.value) for one in closed] == [(loss.id, "held"), (entry.id, "filled")]
    moved = client.replace_order_by_id(profit.id, ReplaceOrderRequest(limit_price=130))
    assert sorted(statuses(fake)) == ["filled", "held", "new", "replaced"]
    fake.control.price("AAPL", "89")
    assert client.get_order_by_id(loss.id).status.value == "filled"
    assert client.get_order_by_id(moved.id).status.value == "canceled"
    assert fake.control.held("AAPL") == 0


@pytest.mark.parametrize(("at", "ends"), [("121", ["filled", "canceled"]), ("89", ["canceled", "filled"])])
def test_what_fills_one_exit_ends_the_other(fake: FakeAlpaca, client: TradingClient, at: str, ends: list[str]) -> None:
    fake.control.open("AAPL", "long", "2", price="100")
    first = client.submit_order(wanted(OrderClass.OCO, side=OrderSide.SELL, limit_price=None))
    assert (first.status.value, [leg.status.value for leg in first.legs]) == ("new", ["held"])
    fake.control.price("AAPL", "100")
    assert statuses(fake)[1:] == ["new", "held"]
    fake.control.price("AAPL", at)
    assert [client.get_order_by_id(one).status.value for one in (first.id, first.legs[0].id)] == ends
    assert fake.control.held("AAPL") == 0


def test_one_triggers_the_other(fake: FakeAlpaca, client: TradingClient) -> None:
    entry = client.submit_order(wanted(OrderClass.OTO, take_profit=None))
    (loss,) = entry.legs
    assert loss.status.value == "held"
    fake.control.fill(str(entry.id))
    assert [one.id for one in client.get_orders()] == [loss.id]
    assert client.get_order_by_id(loss.id).status.value == "new"


def test_what_ends_an_entry_or_an_exit_ends_the_rest(fake: FakeAlpaca, client: TradingClient) -> None:
    first = client.submit_order(wanted(OrderClass.BRACKET))
    client.cancel_order_by_id(first.id)
    assert statuses(fake) == ["canceled"] * 3
    second = client.submit_order(wanted(OrderClass.BRACKET))
    client.cancel_orders()
    assert statuses(fake) == ["canceled"] * 6
    third, profit, loss = fake.control.bracket("AAPL", "buy", "2", price="100", profit="120", loss="90")
    fake.control.fill(third)
    fake.control.cancel(loss)
    assert client.get_order_by_id(profit).status.value == "canceled"
    assert second.id != third


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"order_class": OrderClass.OTO}, "either take_profit or stop_loss"),
        ({"order_class": OrderClass.SIMPLE}, "simple takes no"),
        ({"symbol": "BTC/USD"}, "must be simple"),
    ],
)
def test_exits_that_cannot_be_meant_are_refused(
    fake: FakeAlpaca, client: TradingClient, cells: dict[str, Any], why: str
) -> None:
    with pytest.raises(APIError, match=why):
        client.submit_order(wanted(**({"kind": OrderClass.BRACKET} | _renamed(cells))))
    assert fake.control.orders() == []


def _renamed(cells: dict[str, Any]) -> dict[str, Any]:
    return {"kind" if name == "order_class" else name: cell for name, cell in cells.items()}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"order_class": "bracket"}, "require take_profit.limit_price"),
        ({"order_class": "perplexed"}, "invalid order_class"),
        ({"order_class": "bracket", "take_profit": "120"}, "take_profit is invalid"),
    ],
)
def test_exits_that_no_client_would_send_are_refused_too(
    fake: FakeAlpaca, client: TradingClient, body: dict[str, object], why: str
) -> None:
    base = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit", "limit_price": "1", "time_in_force": "gtc"}
    with pytest.raises(APIError, match=why):
        client.post("/orders", base | body)


def test_closing_everything_answers_for_each_position(fake: FakeAlpaca, client: TradingClient) -> None:
    for symbol in ("AAPL", "MSFT"):
        fake.control.open(symbol, "long", "2", price="100")
    guard = fake.control.place("MSFT", "sell", "stop", "2", price="90")
    closed = client.close_all_positions(cancel_orders=False)
    assert [(one.symbol, one.status) for one in closed] == [("AAPL", 200), ("MSFT", 403)]
    assert [fake.control.held(symbol) for symbol in ("AAPL", "MSFT")] == [0, 2]
    assert [one.status for one in client.close_all_positions(cancel_orders=True)] == [200]
    assert (client.get_all_positions(), client.get_order_by_id(guard).status.value) == ([], "canceled")
    assert sorted(asset.symbol for asset in client.get_all_assets()) == ["AAPL", "MSFT"]


def test_l37_a_fee_in_the_coin_shrinks_a_position_without_a_fill(fake: FakeAlpaca, client: TradingClient) -> None:
    fake.control.open("ETH/USD", "long", "0.1", price="1884.5")
    fake.control.fee("ETH/USD", "0.000195")
    assert client.get_open_position("ETHUSD").qty == "0.099805"
    (row,) = client.get("/account/activities/CFEE")
    assert (row["symbol"], row["qty"], row["activity_type"]) == ("ETHUSD", "-0.000195", "CFEE")
    with pytest.raises(InputError, match="a fee is less"):
        fake.control.fee("ETH/USD", "1")


def test_rows_have_the_cells_that_alpaca_documents(fake: FakeAlpaca, client: TradingClient) -> None:
    """What Alpaca's own client makes of them is what they say."""
    fake.control.open("AAPL", "short", "2", price="190.5")
    placed = fake.control.place("BTC/USD", "buy", "limit", "0.5", price="60000.25", client_id="c1")
    row, (fill,) = client.get(f"/orders/{placed}"), client.get("/account/activities/FILL")
    assert set(row) == set(samples.order(1))
    assert set(client.get("/positions/AAPL")) == set(samples.position())
    assert set(fill) == set(samples.fill(1))
    parsed = client.get_order_by_id(placed)
    texts = ("client_order_id", "symbol", "qty", "filled_qty", "limit_price", "notional")
    assert {name: getattr(parsed, name) for name in texts} == {name: row[name] for name in texts}
    words = ("side", "status", "type", "time_in_force", "asset_class", "position_intent", "order_class")
    assert {name: getattr(parsed, name).value for name in words} == {name: row[name] for name in words}
    held = client.get_open_position("AAPL")
    assert (held.qty, held.side.value, held.asset_class.value) == ("-2", "short", "us_equity")


# -- as the adapter sees them ------------------------------------------------------------------------------


def seen(answer: Answer) -> dict[str | None, OrderStatus]:
    return {one.order_id: one.status for one in whole(answer).orders}


def test_law_10_a_stop_that_is_held_beside_its_take_profit_is_seen() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        entry, profit, loss = control.bracket("AAPL", "buy", "2", price="100", profit="120", loss="90")
        old = control.place("AAPL", "sell", "limit", "1", price="200")
        assert seen(await broker.ask(ORDERS)) == {entry: OrderStatus.ACCEPTED, old: OrderStatus.ACCEPTED}
        control.fill(entry)
        assert seen(await broker.ask(ORDERS)) == dict.fromkeys((old, profit, loss), OrderStatus.ACCEPTED)
        (guard,) = [one for one in whole(await broker.ask(ORDERS)).orders if one.order_id == loss]
        assert (guard.type, str(guard.stop), guard.side) == ("stop", "90", "sell")
        assert seen(await broker.ask(order(order_id=loss))) == {loss: OrderStatus.ACCEPTED}
        control.price("AAPL", "120")
        assert seen(await broker.ask(ORDERS)) == {old: OrderStatus.ACCEPTED}

    play(scenario)


def test_what_is_held_behind_another_entry_is_not_stated_yet() -> None:
    """It guards nothing before that entry has filled, and a book that records entries only does not know it."""
    ticks = itertools.count(1_700_000_000_000_000_000, 1_000_000)

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        first, profit, loss = control.bracket("AAPL", "buy", "2", price="100", profit="120", loss="90")
        control.fill(first)
        second, *behind = control.bracket("AAPL", "buy", "3", price="95", profit="125", loss="85")
        assert set(seen(await broker.ask(ORDERS))) == {profit, loss, second}
        control.fill(second)
        assert set(seen(await broker.ask(ORDERS))) == {profit, loss, *behind}

    play(scenario, FakeAlpaca(now_ns=lambda: next(ticks)))


def test_an_entry_whose_exits_are_held_costs_no_further_request() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.place("AAPL", "buy", "limit", "1", price="1")
        whole(await broker.ask(ORDERS))
        assert control.requests("GET", "/v2/orders") == 1

    play(scenario)


def test_a_list_of_all_orders_holds_them_anyway() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        entry, profit, loss = control.bracket("AAPL", "buy", "2", price="100", profit="120", loss="90")
        control.fill(entry)
        answer = whole(await broker.recent_orders(created_after="2020-01-01T00:00:00Z"))
        assert {one.order_id for one in answer.orders} == {entry, profit, loss}
        assert control.requests("GET", "/v2/orders") == 1

    play(scenario)


@pytest.mark.parametrize("kind", ["status", "garbage", "html"])
def test_law_4_where_what_is_held_cannot_be_read_the_list_is_partial(kind: str) -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        entry, profit, loss = control.bracket("AAPL", "buy", "2", price="100", profit="120", loss="90")
        control.fill(entry)
        control.misbehave("late", on=("orders",))  # the list itself is used up by it
        control.misbehave(kind, on=("orders",))
        answer = await broker.ask(ORDERS)
        assert (answer.completeness, [one.order_id for one in answer.orders]) == ("partial", [profit])
        assert "what is held beside the open orders could not be read" in answer.why
        assert loss in seen(await broker.ask(ORDERS))

    play(scenario)
