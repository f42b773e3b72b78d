"""Does the fake Alpaca do as Alpaca does, and can Alpaca's own client tell no difference?"""

from __future__ import annotations

import http.client
import itertools
import json
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from trueup.errors import InputError
from trueup.testing.alpaca import FakeAlpaca
from trueup.testing.alpaca.__main__ import main

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # alpaca-py imports a deprecated part of websockets
    from alpaca.common.exceptions import APIError
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
    from alpaca.trading.requests import (
        ClosePositionRequest,
        GetOrdersRequest,
        LimitOrderRequest,
        MarketOrderRequest,
        ReplaceOrderRequest,
        StopOrderRequest,
    )


Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask(fake: FakeAlpaca) -> Iterator[Ask]:
    """One request by the standard library, on a connection that stays."""
    line = http.client.HTTPConnection(urlsplit(fake.url).netloc, timeout=10)

    def asking(method: str, path: str, body: object = None, **query: str) -> tuple[int, Any]:
        target = path + ("?" + "&".join(f"{name}={quote(value)}" for name, value in query.items()) if query else "")
        headers = {"APCA-API-KEY-ID": fake.key_id, "APCA-API-SECRET-KEY": fake.secret}
        headers |= {} if body is None else {"Content-Type": "application/json"}
        line.request(method, target, None if body is None else json.dumps(body), headers)
        reply = line.getresponse()
        raw = reply.read()
        return reply.status, json.loads(raw) if raw else None

    yield asking
    line.close()


# -- Alpaca's own client -----------------------------------------------------------------------------------


def test_alpacas_own_client_trades_with_it(fake: FakeAlpaca, client: TradingClient) -> None:
    fake.control.price("AAPL", "190.5")
    bought = client.submit_order(
        MarketOrderRequest(
            symbol="AAPL", qty=2, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, client_order_id="c1"
        )
    )
    assert (bought.status, bought.filled_qty, bought.filled_avg_price) == (OrderStatus.FILLED, "2", "190.5")
    assert client.get_account().account_number == "PA3FAKE00001"
    assert client.get_clock().is_open
    assert client.get_asset("AAPL").tradable
    assert [(p.symbol, p.qty, p.side.value) for p in client.get_all_positions()] == [("AAPL", "2", "long")]
    assert client.get_open_position("AAPL").avg_entry_price == "190.5"
    assert client.get_order_by_client_id("c1").id == bought.id
    assert client.get_order_by_id(bought.id).client_order_id == "c1"
    limit = client.submit_order(
        LimitOrderRequest(symbol="AAPL", qty=1, side=OrderSide.SELL, time_in_force=TimeInForce.GTC, limit_price=200)
    )
    moved = client.replace_order_by_id(limit.id, ReplaceOrderRequest(limit_price=201))
    assert (moved.replaces, moved.limit_price) == (limit.id, "201")
    assert client.get_order_by_id(limit.id).replaced_by == moved.id
    assert [order.id for order in client.get_orders()] == [moved.id]
    client.cancel_order_by_id(moved.id)
    assert client.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN)) == []
    stop = client.submit_order(
        StopOrderRequest(symbol="AAPL", qty=1, side=OrderSide.SELL, time_in_force=TimeInForce.GTC, stop_price=180)
    )
    assert [one.id for one in client.cancel_orders()] == [stop.id]
    assert client.close_position("AAPL", ClosePositionRequest(qty="0.5")).filled_qty == "0.5"
    assert client.close_position("AAPL").filled_qty == "1.5"
    with pytest.raises(APIError, match="position does not exist"):
        client.get_open_position("AAPL")
    assert [row["side"] for row in client.get("/account/activities/FILL")] == ["sell", "sell", "buy"]


def test_l42_alpacas_own_client_gives_up_a_list_for_one_row_and_takes_nan(
    fake: FakeAlpaca, client: TradingClient
) -> None:
    """Why our adapter reads the rows by itself (decision 70)."""
    fake.control.open("AAPL", "long", "2", price="190.5")
    fake.control.open("MSFT", "long", "1", price="400")
    fake.control.misbehave("new_word", field="asset_class")
    with pytest.raises(ValueError, match="asset_class"):
        client.get_all_positions()
    fake.control.misbehave("nan")
    assert client.get_all_positions()[0].qty == "NaN"


def test_l27_alpacas_own_client_sends_an_order_again_by_itself(fake: FakeAlpaca, client: TradingClient) -> None:
    fake.control.open("AAPL", "long", "2", price="190.5")
    client._retry_wait = 0
    order = MarketOrderRequest(symbol="AAPL", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)
    fake.control.misbehave("lost_ack", how="504")
    client.submit_order(order)
    assert (fake.control.requests("POST"), fake.control.held("AAPL")) == (2, 4)  # one was wanted


# -- orders ------------------------------------------------------------------------------------------------


def wanted(**cells: object) -> dict[str, object]:
    base = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit", "time_in_force": "day", "limit_price": "100"}
    return {name: value for name, value in {**base, **cells}.items() if value is not None}


@pytest.mark.parametrize(
    ("cells", "status", "why"),
    [
        ({}, 200, None),
        ({"qty": "0"}, 422, "qty is invalid"),
        ({"qty": "NaN"}, 422, "qty is invalid"),
        ({"qty": None}, 422, "exactly one of qty and notional"),
        ({"notional": "100"}, 422, "exactly one of qty and notional"),
        ({"side": "sideways"}, 422, "invalid side"),
        ({"symbol": None}, 422, "symbol is required"),
        ({"type": "market_if_touched"}, 422, "invalid order type"),
        ({"time_in_force": "forever"}, 422, "time_in_force"),
        ({"limit_price": None}, 422, "require limit_price"),
        ({"type": "stop"}, 422, "require stop_price"),
        ({"limit_price": "100.005"}, 422, "invalid limit_price 100.005. sub-penny"),
        ({"limit_price": "0.5005"}, 200, None),
        ({"limit_price": "0.50005"}, 422, "sub-penny"),
        ({"type": "stop", "limit_price": None, "stop_price": "1.001"}, 422, "invalid stop_price"),
        ({"symbol": "BTC/USD", "time_in_force": "gtc", "limit_price": "60000.123456789"}, 200, None),
        ({"client_order_id": "c" * 129}, 422, "at most 128"),
        ({"client_order_id": "c" * 128}, 200, None),
        ({"qty": "0.5"}, 200, None),
        ({"qty": "0.5", "time_in_force": "gtc"}, 422, "fractional orders must be DAY"),
        ({"qty": "0.5", "symbol": "BRK.A"}, 422, "not fractionable"),
        ({"symbol": "BTC/USD"}, 422, "crypto time_in_force"),
        ({"symbol": "BTC/USD", "time_in_force": "gtc"}, 200, None),
        ({"symbol": "BTC/USD", "time_in_force": "gtc", "type": "stop", "stop_price": "1"}, 422, "invalid order type"),
        ({"symbol": "BTC/USD", "time_in_force": "gtc", "side": "sell"}, 403, "cannot be sold short"),
        ({"symbol": "AAPL240119C00100000", "qty": "1.5"}, 422, "whole number"),
        ({"symbol": "AAPL240119C00100000", "time_in_force": "gtc"}, 422, "us_option time_in_force"),
        ({"position_intent": "buy_to_close"}, 422, "inferred: buy_to_open, specified: buy_to_close"),
        ({"position_intent": "buy_to_open"}, 200, None),
        ({"symbol": "HELD", "side": "sell", "qty": "3"}, 403, "insufficient qty available"),
        ({"symbol": "HELD", "side": "sell", "qty": "2"}, 200, None),
    ],
)
def test_orders_are_taken_by_alpacas_rules(
    fake: FakeAlpaca, ask: Ask, cells: dict[str, object], status: int, why: str | None
) -> None:
    fake.control.open("HELD", "long", "2", price="10")
    fake.control.asset("BRK.A", fractionable=False)
    found, row = ask("POST", "/v2/orders", wanted(**cells))
    assert (found, why is None or why in row["message"]) == (status, True), row
    assert len(fake.control.orders()) == 1 + (status == 200)


def test_a_client_id_is_taken_once(fake: FakeAlpaca, ask: Ask) -> None:
    assert ask("POST", "/v2/orders", wanted(client_order_id="c1"))[0] == 200
    status, row = ask("POST", "/v2/orders", wanted(client_order_id="c1"))
    assert (status, row) == (422, {"code": 40010001, "message": "client_order_id must be unique"})
    placed = fake.control.orders("c1")[0].id
    assert ask("PATCH", f"/v2/orders/{placed}", {"client_order_id": "c1"})[0] == 422


def test_what_working_orders_hold_is_not_available_twice(fake: FakeAlpaca, ask: Ask) -> None:
    fake.control.open("AAPL", "long", "3", price="190")
    sell = {"side": "sell", "limit_price": "200"}
    assert ask("POST", "/v2/orders", wanted(qty="2", **sell))[0] == 200
    status, row = ask("POST", "/v2/orders", wanted(qty="2", **sell))
    assert (status, row["available"], row["held_for_orders"], row["existing_qty"]) == (403, "1", "2", "3")
    assert ask("GET", "/v2/positions/AAPL")[1]["qty_available"] == "1"
    assert ask("DELETE", "/v2/positions/AAPL")[0] == 403
    assert ask("DELETE", "/v2/positions/AAPL", qty="1")[0] == 200
    placed = fake.control.orders()[1].id
    assert ask("PATCH", f"/v2/orders/{placed}", {"qty": "3"})[0] == 403
    assert ask("PATCH", f"/v2/orders/{placed}", {"qty": "1"})[0] == 200


def test_resting_orders_fill_where_the_market_reaches_them(fake: FakeAlpaca) -> None:
    control = fake.control
    buy = control.place("AAPL", "buy", "limit", "2", price="100")
    control.price("AAPL", "101")
    assert control.held("AAPL") == 0
    control.price("AAPL", "99")
    assert control.held("AAPL") == 2
    control.place("AAPL", "sell", "stop", "1", price="95")
    control.place("AAPL", "sell", "limit", "1", price="110")
    control.price("AAPL", "95")
    control.price("AAPL", "111")
    assert control.held("AAPL") == 0
    control.place("AAPL", "buy", "stop", "1", price="120")
    control.price("AAPL", "121")
    assert control.held("AAPL") == 1
    assert control.orders()[0].id == buy


def test_a_market_order_waits_where_no_price_is_known(fake: FakeAlpaca, ask: Ask) -> None:
    placed = ask("POST", "/v2/orders", wanted(type="market", limit_price=None))[1]
    assert placed["status"] == "new"
    with pytest.raises(InputError, match="has no price"):
        fake.control.fill(placed["id"])
    assert fake.control.fill(placed["id"], price="190") == "AAPL"
    fake.control.slow(fills=True)
    placed = ask("POST", "/v2/orders", wanted(type="market", limit_price=None))[1]
    assert placed["status"] == "new"
    fake.control.slow()
    money = ask("POST", "/v2/orders", wanted(type="market", limit_price=None, qty=None, notional="95"))[1]
    assert (money["qty"], money["filled_qty"], money["status"]) == (None, "0.5", "filled")


def test_fills_add_up_to_an_average(fake: FakeAlpaca, ask: Ask) -> None:
    placed = fake.control.place("AAPL", "buy", "limit", "3", price="100", client_id="c1")
    fake.control.fill(placed, "1", price="100")
    fake.control.fill(placed, "1", price="99")
    row = ask("GET", "/v2/orders:by_client_order_id", client_order_id="c1")[1]
    assert (row["status"], row["filled_qty"], row["filled_avg_price"]) == ("partially_filled", "2", "99.5")
    fake.control.cancel(placed)
    fake.control.fill(placed, price="98")  # a cancel that came too late (L17)
    row = ask("GET", f"/v2/orders/{placed}")[1]
    assert (row["status"], row["filled_avg_price"]) == ("filled", "99")
    assert ask("GET", "/v2/positions/AAPL")[1]["avg_entry_price"] == "99"
    with pytest.raises(InputError, match="nothing left to fill"):
        fake.control.fill(placed)
    fake.control.open("AAPL", "short", "4", price="97")
    row = ask("GET", "/v2/positions/AAPL")[1]
    assert (row["qty"], row["side"], row["avg_entry_price"]) == ("-1", "short", "97")
    fake.control.open("AAPL", "short", "2", price="96")
    assert ask("GET", "/v2/positions/AAPL")[1]["avg_entry_price"] == "96.333333333"
    fake.control.open("AAPL", "long", "1", price="50")
    assert ask("GET", "/v2/positions/AAPL")[1]["avg_entry_price"] == "96.333333333"


def test_a_split_moves_no_order_and_a_liquidation_is_nobodys(fake: FakeAlpaca, ask: Ask) -> None:
    control = fake.control
    control.open("AAPL", "long", "10", price="400")
    stop = control.place("AAPL", "sell", "stop", "10", price="380")
    control.split("AAPL", "4")
    row = ask("GET", "/v2/positions/AAPL")[1]
    assert (row["qty"], row["avg_entry_price"]) == ("40", "100")
    assert ask("GET", f"/v2/orders/{stop}")[1]["stop_price"] == "380"
    assert [row["activity_type"] for row in ask("GET", "/v2/account/activities")[1]] == ["SPLIT", "FILL"]
    assert [row["qty"] for row in ask("GET", "/v2/account/activities", activity_types="SPLIT")[1]] == ["30"]
    order = control.liquidate("AAPL", price="95")
    assert (control.held("AAPL"), control.orders()[-1].id) == (0, order)
    with pytest.raises(InputError, match="nothing is held"):
        control.liquidate("AAPL", price="95")
    with pytest.raises(InputError, match="nothing is held"):
        control.vanish("AAPL")


def test_orders_end_once(fake: FakeAlpaca, ask: Ask) -> None:
    placed = fake.control.place("AAPL", "buy", "limit", "3", price="100")
    fake.control.expire(placed)
    assert ask("GET", f"/v2/orders/{placed}")[1]["expired_at"]
    assert ask("DELETE", f"/v2/orders/{placed}") == (
        422,
        {"code": 42210000, "message": 'order is already in "expired" state'},
    )
    assert ask("PATCH", f"/v2/orders/{placed}", {"qty": "1"})[0] == 422
    unknown = "00000000-0000-4000-8000-000000000000"
    assert ask("DELETE", f"/v2/orders/{unknown}")[0] == 404
    assert ask("DELETE", "/v2/positions/AAPL") == (404, {"code": 40410000, "message": "position does not exist"})
    with pytest.raises(InputError, match="nothing is pending"):
        fake.control.settle(placed)
    with pytest.raises(InputError, match="no order"):
        fake.control.fill("o1")
    with pytest.raises(InputError, match="greater than 0"):
        fake.control.place("AAPL", "buy", "limit", "0", price="1")


def test_l08_lists_go_by_creation_status_symbol_and_direction(ask: Ask, fake: FakeAlpaca) -> None:
    ids = [fake.control.place(s, "buy", "limit", "1", price="1") for s in ("AAPL", "MSFT", "BTC/USD", "AAPL")]
    fake.control.cancel(ids[1])

    def listed(**query: str) -> list[str]:
        return [row["id"] for row in ask("GET", "/v2/orders", **query)[1]]

    every = listed(status="all", direction="asc")
    assert every == ids
    assert listed() == [ids[3], ids[2], ids[0]]
    assert listed(status="closed") == [ids[1]]
    assert listed(symbols="AAPL,BTCUSD", direction="asc") == [ids[0], ids[2], ids[3]]
    assert listed(limit="1") == [ids[3]]
    moment = ask("GET", f"/v2/orders/{ids[2]}")[1]["submitted_at"]
    assert listed(after=moment) == [ids[3]]
    assert listed(until=moment) == [ids[0]]
    assert listed(direction="asc", after_order_id=ids[2]) == [ids[3]]
    assert listed(before_order_id=ids[3]) == [ids[2], ids[0]]
    for wrong in ({"status": "some"}, {"limit": "501"}, {"limit": "x"}, {"after": "soon"}):
        assert ask("GET", "/v2/orders", **wrong)[0] == 422


def test_activities_come_in_pages(ask: Ask, fake: FakeAlpaca) -> None:
    for number in range(5):
        fake.control.open("AAPL", "long", str(number + 1), price="1")

    def page(**query: str) -> list[dict[str, str]]:
        return list(ask("GET", "/v2/account/activities/FILL", **query)[1])

    first = page(direction="asc", page_size="2")
    second = page(direction="asc", page_size="2", page_token=first[-1]["id"])
    assert [row["qty"] for row in first + second] == ["1", "2", "3", "4"]
    assert [row["qty"] for row in page(page_size="1")] == ["5"]
    assert ask("GET", "/v2/account/activities/FILL", page_size="101")[0] == 422


def test_what_is_not_there_is_said_in_alpacas_words(ask: Ask, fake: FakeAlpaca) -> None:
    fake.control.open("BTC/USD", "long", "1", price="60000")
    assert ask("GET", "/v2/orders/987")[1] == {"code": 40010001, "message": "order_id is missing"}
    assert ask("GET", "/v2/orders:by_client_order_id", client_order_id="c9")[0] == 404
    assert ask("GET", "/v2/positions/BTCUSD")[0] == 200
    assert ask("GET", "/v2/positions/BTC%2FUSD")[0] == 404
    assert ask("GET", "/v2/assets/NONE")[0] == 404
    assert ask("GET", "/v2/assets/BTCUSD")[1]["symbol"] == "BTC/USD"
    assert ask("GET", "/v2/nowhere")[0] == ask("GET", "/v1/orders")[0] == ask("PUT", "/v2/orders")[0] == 404
    assert ask("POST", "/v2/orders", [])[0] == 400


def test_only_its_own_keys_open_it(fake: FakeAlpaca) -> None:
    line = http.client.HTTPConnection(urlsplit(fake.url).netloc, timeout=10)
    line.request("GET", "/v2/account", headers={"APCA-API-KEY-ID": fake.key_id})
    reply = line.getresponse()
    assert (reply.status, json.loads(reply.read())["code"]) == (401, 40110000)
    line.close()


def test_the_same_calls_give_the_same_ids() -> None:
    def played() -> list[str]:
        ticks = itertools.count(1_700_000_000_000_000_000)
        with FakeAlpaca(now_ns=lambda: next(ticks)) as one:
            one.control.open("AAPL", "long", "1", price="2")
            one.control.place("AAPL", "sell", "limit", "1", price="3")
            return [order.id for order in one.control.orders()]

    assert played() == played()


# -- faults ------------------------------------------------------------------------------------------------


def test_a_fault_waits_for_its_request_and_is_used_up(fake: FakeAlpaca, ask: Ask) -> None:
    fake.control.open("AAPL", "long", "1", price="2")
    fake.control.misbehave("status", on=("orders",), status=503, times=2)
    fake.control.misbehave("too_many", on=("positions",), retry_after="9")
    assert ask("GET", "/v2/account")[0] == 200
    assert [ask("GET", "/v2/orders")[0] for _ in range(3)] == [503, 503, 200]
    assert [ask("GET", "/v2/positions")[0] for _ in range(2)] == [429, 200]
    fake.control.misbehave("status", on=("account",))
    fake.control.behave()
    assert ask("GET", "/v2/account")[0] == 200


def test_each_spoilt_row_is_spoilt_as_it_says(fake: FakeAlpaca, ask: Ask) -> None:
    fake.control.open("AAPL", "long", "1", price="2")
    fake.control.open("MSFT", "long", "1", price="2")

    def first(kind: str, **how: Any) -> list[dict[str, Any]]:
        fake.control.misbehave(kind, **how)
        return list(ask("GET", "/v2/positions")[1])

    assert first("bad_row")[0]["side"] == "sideways"
    assert first("nan")[0]["qty"] == "NaN"
    assert str(first("bare_nan")[0]["qty"]) == "nan"
    assert first("new_word", field="exchange", word="MOON")[0]["exchange"] == "MOON"
    assert [row["symbol"] for row in first("twin")] == ["AAPL", "MSFT", "AAPL"]
    assert first("twin", differs=True)[2]["qty"] == "17"
    assert [row["symbol"] for row in first("drop_row")] == ["MSFT"]
    assert [row["symbol"] for row in first("stale", changes=1)] == ["AAPL"]
    assert first("stale", changes=99) == []
    assert first("empty") == []
    fake.control.behave()
    assert len(ask("GET", "/v2/positions")[1]) == 2


def test_a_fault_that_cannot_be_meant_is_refused(fake: FakeAlpaca) -> None:
    with pytest.raises(InputError, match="no fault"):
        fake.control.misbehave("mood")
    with pytest.raises(InputError, match="no endpoint"):
        fake.control.misbehave("cut", on=("nowhere",))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least once"):
        fake.control.misbehave("cut", times=0)


# -- as a program ------------------------------------------------------------------------------------------


def test_it_runs_as_a_program_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "trueup.testing.alpaca", "--port", "0", "--open", "AAPL:long:2:190.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        url, key, secret = running.stdout.readline().split()
        line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        headers = {"APCA-API-KEY-ID": key.partition("=")[2], "APCA-API-SECRET-KEY": secret.partition("=")[2]}
        line.request("GET", "/v2/positions", headers=headers)
        assert [Decimal(row["qty"]) for row in json.loads(line.getresponse().read())] == [2]
        line.close()
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=10) == 0
        assert running.stderr is not None
        assert not running.stderr.read()


@pytest.mark.parametrize("position", ["AAPL", "AAPL:sideways:1:2", "AAPL:long:x:2"])
def test_a_position_that_cannot_be_meant_ends_it(position: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "0", "--open", position]) == 2
    assert capsys.readouterr().err


def test_a_port_that_is_taken_ends_it(fake: FakeAlpaca, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", str(urlsplit(fake.url).port)]) == 3
    assert "cannot listen" in capsys.readouterr().err
