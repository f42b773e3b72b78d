"""Is everything that is asked of Alpaca asked once, by its client id, and never past the position?"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any, Literal

import pytest

from alpaca_broker.playing import FILLS, ORDERS, POSITIONS, close, order, play, stop, whole
from trueup.model import OrderStatus
from trueup.ports import Action
from trueup.testing.alpaca import Control
from trueup_adapters.alpaca import AlpacaBroker


def bodies(control: Control) -> list[dict[str, Any]]:
    """What was sent to POST /v2/orders."""
    return [json.loads(one.body) for one in control.seen if one.method == "POST"]


@pytest.mark.parametrize("how", ["504", "cut", "silence"])
def test_l21_an_acknowledgement_that_is_lost_is_unknown_and_the_client_id_finds_it(
    how: Literal["504", "cut", "silence"],
) -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        await broker.ask(POSITIONS)
        before = broker.connections
        control.misbehave("lost_ack", how=how)
        outcome = await broker.act(close("AAPL", "1", "q1"))
        assert (outcome.state, outcome.order_id) == ("unknown", None)
        found = whole(await broker.ask(order("q1")))
        assert [(o.status, o.filled) for o in found.orders] == [(OrderStatus.FILLED, Decimal(1))]
        assert broker.connections > before  # what follows is not known to be answered behind it (law 6)
        assert (control.held("AAPL"), control.requests("POST"), len(control.orders("q1"))) == (2, 1, 1)

    play(scenario, timeout_ms=300 if how == "silence" else None)


@pytest.mark.parametrize("action", ["submit", "cancel"])
def test_l27_what_was_cut_off_is_not_sent_again_not_even_by_the_library(action: Literal["submit", "cancel"]) -> None:
    """aiohttp sends a DELETE again by itself when its connection breaks."""

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        placed = control.place("AAPL", "buy", "limit", "1", price="100")
        control.misbehave("cut", on=("submit", "cancel"), times=5)
        if action == "cancel":
            outcome = await broker.act(Action(kind="cancel", client_id="x1", symbol="AAPL", order_id=placed))
        else:
            outcome = await broker.act(close("AAPL", "1", "q1"))
        assert outcome.state == "unknown"
        assert control.requests("POST") + control.requests("DELETE") == 1
        assert control.held("AAPL") == 3

    play(scenario)


def test_l27_a_question_is_not_sent_again_by_the_library_either() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.misbehave("cut", on=("positions",))
        assert (await broker.ask(POSITIONS)).completeness == "failed"
        assert control.requests("GET", "/v2/positions") == 1
        whole(await broker.ask(POSITIONS))

    play(scenario)


def test_l21_a_client_id_that_is_taken_means_that_it_has_been_done() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        first = await broker.act(close("AAPL", "1", "q1"))
        again = await broker.act(close("AAPL", "1", "q1"))  # Alpaca says 422: client_order_id must be unique
        assert (again.state, again.order_id) == ("acknowledged", first.order_id)
        assert (control.held("AAPL"), control.requests("POST")) == (2, 2)
        rest = await broker.act(close("AAPL", "2", "q2"))
        twice = await broker.act(close("AAPL", "2", "q2"))  # it is flat by now, and was it that did it
        assert (twice.state, twice.order_id) == ("acknowledged", rest.order_id)
        assert control.requests("POST") == 3

    play(scenario)


def test_l21_whether_it_was_done_before_and_cannot_be_looked_up_is_unknown() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "1", price="190.5")
        await broker.act(close("AAPL", "1", "q1"))
        control.misbehave("status", on=("order",))
        outcome = await broker.act(close("AAPL", "1", "q1"))
        assert outcome.state == "unknown"
        assert "flat" in outcome.why
        control.open("AAPL", "long", "2", price="190.5")
        control.misbehave("status", on=("order",))
        assert (await broker.act(close("AAPL", "1", "q1"))).state == "unknown"  # taken, and not shown
        assert control.held("AAPL") == 2

    play(scenario)


def test_l22_the_position_is_looked_up_first_and_what_is_not_known_is_not_sent() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        for kind in ("status", "garbage", "html", "cut"):
            control.misbehave(kind, on=("positions",))
            outcome = await broker.act(close("AAPL", "1", "q1"))
            assert (outcome.state, control.requests("POST")) == ("unknown", 0)
        control.misbehave("bad_row", on=("positions",))
        outcome = await broker.act(close("AAPL", "1", "q1"))
        assert (outcome.state, control.requests("POST")) == ("unknown", 0)
        assert "sideways" in outcome.why

    play(scenario)


def test_l22_what_would_not_only_reduce_is_not_even_sent() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        control.open("TSLA", "short", "2", price="200")
        for action, why in (
            (close("AAPL", "3.000000001", "q1"), "AAPL holds 3, less than the 3.000000001"),
            (close("AAPL", "1", "q2", side="buy"), "a buy does not reduce the position of 3"),
            (close("TSLA", "1", "q3"), "a sell does not reduce the position of -2"),
            (stop("MSFT", "1", "s1", "300"), "no position in MSFT: it is flat"),
        ):
            outcome = await broker.act(action)
            assert (outcome.state, why in outcome.why, outcome.why[:10]) == ("rejected", True, "not sent: ")
        assert control.requests("POST") == 0
        assert (await broker.act(close("TSLA", "2", "q4", side="buy"))).state == "acknowledged"

    play(scenario)


def test_l24_alpaca_itself_refuses_what_would_open_the_other_side() -> None:
    """The position vanished between our look and our order."""

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        control.open("MSFT", "short", "3", price="400")
        control.vanish("AAPL")
        control.vanish("MSFT")
        control.misbehave("stale", on=("positions",), changes=2)
        sell = await broker.act(close("AAPL", "3", "q1"))
        control.misbehave("stale", on=("positions",), changes=2)
        buy = await broker.act(close("MSFT", "3", "q2", side="buy"))
        assert [sell.state, buy.state] == ["rejected", "rejected"]
        assert "position intent mismatch" in sell.why
        assert (control.held("AAPL"), control.held("MSFT"), control.requests("POST")) == (0, 0, 2)
        assert [body["position_intent"] for body in bodies(control)] == ["sell_to_close", "buy_to_close"]

    play(scenario)


def test_l22_what_a_working_stop_holds_cannot_be_closed_besides() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        assert (await broker.act(stop("AAPL", "3", "s1", "180"))).state == "acknowledged"
        outcome = await broker.act(close("AAPL", "1", "q1"))
        assert outcome.state == "rejected"
        assert "insufficient qty" in outcome.why
        cancel = Action(kind="cancel", client_id="x1", symbol="AAPL", target="s1")
        assert (await broker.act(cancel)).state == "acknowledged"
        assert (await broker.act(close("AAPL", "3", "q2"))).state == "acknowledged"
        assert control.held("AAPL") == 0

    play(scenario)


def test_l26_a_stop_lasts_as_long_as_alpaca_lets_it() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3.5", price="190.5")
        control.open("AAPL240119C00100000", "long", "2", price="5.25")
        control.open("TSLA", "short", "2", price="200")
        actions = (
            stop("AAPL", "3", "s1", "180.25"),
            stop("AAPL", "0.5", "s2", "180.25"),
            stop("AAPL240119C00100000", "2", "s3", "4.2"),
            stop("TSLA", "2", "s4", "220", side="buy"),
        )
        assert [(await broker.act(action)).state for action in actions] == ["acknowledged"] * 4
        assert [body["time_in_force"] for body in bodies(control)] == ["gtc", "day", "day", "gtc"]
        orders = whole(await broker.ask(ORDERS)).orders
        assert [(o.type, o.side, o.quantity, o.stop, o.reduce_only) for o in orders] == [
            ("stop", "sell", Decimal(3), Decimal("180.25"), True),
            ("stop", "sell", Decimal("0.5"), Decimal("180.25"), True),
            ("stop", "sell", Decimal(2), Decimal("4.2"), True),
            ("stop", "buy", Decimal(2), Decimal(220), True),
        ]
        control.price("TSLA", "221")
        control.price("AAPL", "180")
        assert (control.held("TSLA"), control.held("AAPL")) == (0, 0)

    play(scenario)


def test_l35_a_price_is_sent_as_it_is_and_refused_by_alpaca_where_it_is_too_fine() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        outcome = await broker.act(stop("AAPL", "3", "s1", "186.6905"))
        assert outcome.state == "rejected"
        assert "sub-penny" in outcome.why
        assert [body["stop_price"] for body in bodies(control)] == ["186.6905"]

    play(scenario)


def test_l33_a_pair_is_closed_and_protected_by_its_own_name() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("BTC/USD", "long", "0.5", price="60000")
        assert (await broker.act(close("BTC/USD", "0.1", "q1"))).state == "acknowledged"
        assert (await broker.act(stop("BTC/USD", "0.4", "s1", "58000"))).state == "acknowledged"
        first, second = bodies(control)
        assert "position_intent" not in first
        assert (first["symbol"], first["qty"], first["type"], first["time_in_force"]) == (
            "BTC/USD",
            "0.1",
            "market",
            "gtc",
        )
        assert (second["type"], second["stop_price"], second["limit_price"]) == ("stop_limit", "58000", "57420")
        assert control.held("BTC/USD") == Decimal("0.4")

    play(scenario, stop_limit_slack="0.01")


def test_a_limit_that_nobody_has_given_is_not_invented_for_a_pair() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("BTC/USD", "long", "0.5", price="60000")
        outcome = await broker.act(stop("BTC/USD", "0.5", "s1", "58000"))
        assert outcome.state == "rejected"
        assert "stop_limit_slack" in outcome.why
        assert control.requests("POST") == 0

    play(scenario)


def test_a_pairs_short_stop_has_its_limit_above() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.asset("BTC/USD", "crypto")
        control.open("BTC/USD", "short", "0.5", price="60000")
        await broker.act(stop("BTC/USD", "0.5", "s1", "62000", side="buy"))
        assert [body["limit_price"] for body in bodies(control)] == ["62620"]

    play(scenario, stop_limit_slack="0.01")


def test_l33_an_alias_is_ours_alone_and_never_sent() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("BTC/USD", "long", "0.5", price="60000")
        control.open("AAPL", "long", "2", price="190")
        assert (await broker.act(close("BITCOIN", "0.5", "q1"))).state == "acknowledged"
        assert (await broker.act(close("APPLE", "2", "q2"))).state == "acknowledged"
        assert [body["symbol"] for body in bodies(control)] == ["BTC/USD", "AAPL"]

    play(scenario, aliases={"BTCUSD": "BITCOIN", "BTC/USD": "BITCOIN", "AAPL": "APPLE"})


def test_l23_a_cancel_that_is_refused_says_nothing_of_the_order() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        placed = control.place("AAPL", "buy", "limit", "1", price="100", client_id="c1")
        control.fill(placed)
        for how in ({"order_id": placed}, {"target": "c1"}):
            outcome = await broker.act(Action(kind="cancel", client_id="x1", symbol="AAPL", **how))
            assert outcome.state == "unknown"
            assert "filled" in outcome.why
        nowhere = await broker.act(Action(kind="cancel", client_id="x2", symbol="AAPL", target="c9"))
        assert (nowhere.state, control.requests("DELETE")) == ("rejected", 2)

    play(scenario)


def test_l23_a_cancel_is_acknowledged_and_only_a_look_shows_its_end() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.slow(cancels=True)
        placed = control.place("AAPL", "buy", "limit", "1", price="100", client_id="c1")
        cancel = Action(kind="cancel", client_id="x1", symbol="AAPL", order_id=placed)
        assert (await broker.act(cancel)).state == "acknowledged"
        (pending,) = whole(await broker.ask(ORDERS)).orders
        assert pending.status is OrderStatus.PENDING_CANCEL
        control.settle(placed)
        (ended,) = whole(await broker.ask(order("c1"))).orders
        assert ended.status is OrderStatus.CANCELED
        assert (await broker.act(cancel)).state == "acknowledged"  # it is canceled already

    play(scenario)


def test_a_cancel_whose_order_cannot_be_looked_up_is_unknown_and_not_sent() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.place("AAPL", "buy", "limit", "1", price="100", client_id="c1")
        control.misbehave("status", on=("order",))
        outcome = await broker.act(Action(kind="cancel", client_id="x1", symbol="AAPL", target="c1"))
        assert (outcome.state, control.requests("DELETE")) == ("unknown", 0)
        assert outcome.why.startswith("not sent")

    play(scenario)


@pytest.mark.parametrize(
    ("status", "text", "state"),
    [
        (403, '{"code": 40310000, "message": "trade denied due to pattern day trading protection"}', "rejected"),
        (422, '{"code": 42210000, "message": "qty must be > 0"}', "rejected"),
        (400, '{"code": 40010000, "message": "request body format is invalid"}', "rejected"),
        (401, '{"code": 40110000, "message": "request is not authorized"}', "rejected"),
        (404, '{"code": 40410000, "message": "asset not found"}', "rejected"),
        (418, '{"code": 41810000, "message": "no"}', "unknown"),
        (429, '{"code": 42910000, "message": "too many requests."}', "rejected"),
        (403, "<html>blocked</html>", "unknown"),
        (404, "no such page", "unknown"),
        (404, '{"code": 1, "message": "not found"}', "unknown"),
        (400, '{"code": "40010000", "message": "bad"}', "unknown"),
        (500, '{"code": 50010000, "message": "internal server error occurred"}', "unknown"),
        (503, "", "unknown"),
        (307, '{"code": 40310000, "message": "elsewhere"}', "unknown"),
        (200, "[]", "unknown"),
        (200, '{"id": "o1", "client_order_id": "another"}', "unknown"),
        (200, '{"client_order_id": "q1"}', "unknown"),
        (200, '{"id": "o1", "client_order_id": "q1", "status": "rejected"}', "rejected"),
        (201, '{"id": "o1", "client_order_id": "q1", "status": "accepted"}', "acknowledged"),
    ],
)
def test_l24_only_alpacas_own_no_is_a_rejection(status: int, text: str, state: str) -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        control.misbehave("status", on=("submit",), status=status, text=text)
        outcome = await broker.act(close("AAPL", "1", "q1"))
        assert outcome.state == state, outcome.why
        assert outcome.why or state == "acknowledged"
        assert (control.requests("POST"), control.held("AAPL")) == (1, 3)

    play(scenario)


@pytest.mark.parametrize(
    ("status", "text", "state"),
    [
        (200, "{}", "acknowledged"),
        (204, "", "acknowledged"),
        (422, '{"code": 42210000, "message": "order is already in \\"canceled\\" state"}', "acknowledged"),
        (422, '{"code": 42210000, "message": "order pending cancel"}', "acknowledged"),
        (422, '{"code": 42210000, "message": "order is already in \\"filled\\" state"}', "unknown"),
        (422, '{"code": 42210000, "message": "order is not cancelable"}', "unknown"),
        (422, "order is already in canceled state", "unknown"),
        (403, '{"code": 40310000, "message": "already in canceled state"}', "rejected"),
        (404, '{"code": 40410000, "message": "order not found"}', "rejected"),
        (404, "<html>", "unknown"),
        (500, '{"code": 50010000, "message": "internal"}', "unknown"),
        (504, "", "unknown"),
    ],
)
def test_l23_only_alpacas_own_yes_is_a_cancel(status: int, text: str, state: str) -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        placed = control.place("AAPL", "buy", "limit", "1", price="100")
        control.misbehave("status", on=("cancel",), status=status, text=text)
        outcome = await broker.act(Action(kind="cancel", client_id="x1", symbol="AAPL", order_id=placed))
        assert (outcome.state, control.requests("DELETE")) == (state, 1), outcome.why
        assert outcome.order_id == (placed if state == "acknowledged" else None)

    play(scenario)


@pytest.mark.parametrize("kind", ["truncated", "garbage", "broken", "empty"])
def test_l21_an_acknowledgement_that_cannot_be_read_is_unknown(kind: str) -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        control.misbehave(kind, on=("submit",))
        assert (await broker.act(close("AAPL", "1", "q1"))).state == "unknown"
        assert control.held("AAPL") == 2

    play(scenario)


def test_what_is_no_whole_action_is_not_sent() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        wrongs = (
            close("AAPL", "1", ""),
            close("AAPL", "1", "q" * 129),
            close("AAPL", "NaN", "q1"),
            close("AAPL", "-1", "q1"),
            stop("AAPL", "1", "s1", "0"),
            Action(kind="cancel", client_id="x1", symbol="AAPL"),
        )
        for wrong in wrongs:
            outcome = await broker.act(wrong)
            assert outcome.state == "rejected"
            assert outcome.why.startswith("not sent: ")
        assert control.requests("POST") == 0
        longest = "q" * 128
        assert (await broker.act(close("AAPL", "1", longest))).state == "acknowledged"
        assert len(whole(await broker.ask(order(longest))).orders) == 1

    play(scenario)


def test_a_read_only_adapter_declares_no_action_and_does_none() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        assert (broker.capabilities.actions, broker.capabilities.can_reduce_only) == (frozenset(), False)
        outcome = await broker.act(close("AAPL", "1", "q1"))
        assert (outcome.state, outcome.why) == ("rejected", "not sent: this adapter is read-only")
        assert not control.seen

    play(scenario, read_only=True)


def test_an_action_that_is_given_up_counts_as_a_new_connection() -> None:
    """Law 6: an answer after it is not known to be behind it."""

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        await broker.ask(POSITIONS)
        before = broker.connections
        control.misbehave("silence", on=("submit",))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await broker.act(close("AAPL", "1", "q1"))
        await broker.ask(POSITIONS)
        assert broker.connections == before + 1

    play(scenario)


def test_a_fill_of_an_action_bears_its_client_id() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        outcome = await broker.act(close("AAPL", "1", "q1"))
        fill = whole(await broker.ask(FILLS)).executions[-1]
        assert (fill.client_order_id, fill.order_id) == ("q1", outcome.order_id)
        assert (fill.signed_quantity, fill.price) == (-1, Decimal("190.5"))

    play(scenario)
