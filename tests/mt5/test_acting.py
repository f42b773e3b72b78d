"""Is an action sent once and never again, over real sockets, whatever becomes of the connection?"""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from broker_contract.harnesses import gateway, mt5
from mt5.playing import PATIENCE_S, ask_until_answered_by, play
from trueup.model import OrderStatus
from trueup.ports import Action, Answer, Outcome, Question
from trueup.testing.broker_contract import POSITIONS
from trueup_adapters.gateway import Control
from trueup_adapters.mt5 import Mt5Broker
from trueup_adapters.mt5.socket import Line

SHORT_MS = 40
ORDERS = Question(surface="open_orders")


def closing(ticket: int, client_id: str = "q1", volume: str = "1") -> Action:
    return Action(
        kind="close_position",
        client_id=client_id,
        symbol="EURUSD",
        ticket=str(ticket),
        side="sell",
        quantity=Decimal(volume),
    )


def held(control: Control) -> list[Decimal]:
    return [position["volume"] for position in control.state()["positions"]]


async def looked_up(broker: Mt5Broker, client_id: str) -> Answer:
    for _ in range(20):
        answer = await broker.ask(Question(surface="order", client_order_id=client_id))
        if answer.completeness != "failed":
            return answer
    raise AssertionError("no answer")


@pytest.mark.parametrize("echo", [True, False])
def test_l21_a_lost_acknowledgement_is_unknown_and_the_look_up_finds_it(echo: bool) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        ticket = control.open("EURUSD", "buy", 3)
        await broker.ask(POSITIONS)
        control.misbehave("lost_ack")
        outcome = await broker.act(closing(ticket))
        assert outcome.state == "unknown"
        assert f"no reply within {SHORT_MS} ms" in outcome.why
        (order,) = (await looked_up(broker, "q1")).orders
        assert (order.status, order.filled, order.ticket) == (OrderStatus.FILLED, Decimal(1), str(ticket))
        assert held(control) == [2]
        assert (await broker.act(closing(ticket))).state == "acknowledged"  # asked again: as it was then
        assert held(control) == [2]

    with mt5(echo=echo, timeout_ms=SHORT_MS) as harness:
        play(harness, scenario)


@pytest.mark.parametrize("echo", [True, False])
def test_l27_an_action_that_went_unanswered_is_not_sent_again(echo: bool) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        ticket = control.open("EURUSD", "buy", 3)
        await broker.ask(POSITIONS)
        control.misbehave("silence", action="CLOSE_POSITION")
        assert (await broker.act(closing(ticket))).state == "unknown"
        asked, attempts = control.state()["asked"], 0
        while attempts < 5:
            attempts += 1
            await broker.ask(POSITIONS)
        assert control.state()["asked"] <= asked + attempts
        assert held(control) == [3]

    with mt5(echo=echo, timeout_ms=SHORT_MS) as harness:
        play(harness, scenario)


@pytest.mark.parametrize("echo", [True, False])
def test_l27_an_action_for_a_gateway_that_is_not_there_is_never_sent(echo: bool) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        ticket = control.open("EURUSD", "buy", 3)
        await broker.ask(POSITIONS)
        control.misbehave("down")
        outcomes = [await broker.act(closing(ticket, f"q{n}")) for n in range(4)]
        assert [outcome.state for outcome in outcomes] == ["unknown"] * 4
        control.behave()
        assert (await ask_until_answered_by(broker)).completeness == "complete"
        assert held(control) == [3]
        for n in range(4):
            assert list((await looked_up(broker, f"q{n}")).orders) == []

    with mt5(echo=echo, timeout_ms=SHORT_MS) as harness:
        play(harness, scenario)


@pytest.mark.parametrize("echo", [True, False])
def test_l21_a_connection_lost_under_an_action_makes_it_unknown_at_once(echo: bool) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        ticket = control.open("EURUSD", "buy", 3)
        await broker.ask(POSITIONS)
        asked = control.state()["asked"]
        control.misbehave("silence")
        acting = asyncio.create_task(broker.act(closing(ticket)))
        while control.state()["asked"] == asked:
            await asyncio.sleep(0)
        control.misbehave("restart")
        outcome = await acting  # without any time-out
        assert outcome.state == "unknown"
        assert "connection was lost" in outcome.why
        await ask_until_answered_by(broker)
        assert control.state()["asked"] <= asked + 21
        assert held(control) == [3]

    with mt5(echo=echo) as harness:
        play(harness, scenario)


@pytest.mark.parametrize("echo", [True, False])
def test_l21_an_action_given_up_costs_the_connection_and_that_shows(echo: bool) -> None:
    """No later answer was asked behind it on the same connection, and whoever counts on that can tell."""

    async def scenario(broker: Mt5Broker, control: Control) -> None:
        ticket = control.open("EURUSD", "buy", 3)
        await broker.ask(POSITIONS)
        before = broker.connections
        control.misbehave("lost_ack")
        asked = control.state()["asked"]
        acting = asyncio.create_task(broker.act(closing(ticket)))
        while control.state()["asked"] == asked:
            await asyncio.sleep(0)
        acting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await acting
        for _ in range(3):
            assert (await broker.ask(POSITIONS)).completeness == "complete"
            assert broker.connections == before + 1  # known no later than the first answer on it

    with mt5(echo=echo) as harness:
        play(harness, scenario)


@pytest.mark.parametrize("echo", [True, False])
def test_l21_no_exchange_of_a_socket_that_an_action_left_on_goes_unseen(echo: bool) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        ticket = control.open("EURUSD", "buy", 3)
        assert (await broker.act(closing(ticket))).state == "acknowledged"
        seen: list[int] = []
        for _ in range(2):
            control.misbehave("silence")
            assert (await broker.ask(POSITIONS)).completeness == "failed"
            assert (await broker.ask(POSITIONS)).completeness == "complete"
            seen.append(broker.connections)
        assert seen == (
            [1, 1] if echo else [2, 2]
        )  # without echo a silence costs the socket; the second's had no action

    with mt5(echo=echo, timeout_ms=200) as harness:
        play(harness, scenario)


def test_l21_an_answer_is_never_older_than_the_count_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the socket's own news of it is read much later than the reply."""

    async def unread(line: Line, attached: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Line, "_watch", unread)

    async def scenario(broker: Mt5Broker, control: Control) -> None:
        assert (await broker.ask(POSITIONS)).completeness == "complete"
        assert broker.connections == 1
        control.misbehave("lost_ack")
        assert (await broker.act(closing(5))).state == "unknown"
        assert (await broker.ask(POSITIONS)).completeness == "complete"
        assert broker.connections == 2

    with mt5(timeout_ms=200) as harness:
        play(harness, scenario)


def test_l21_what_a_closed_connection_had_queued_may_still_be_done() -> None:
    """Why "not found" behind a time-out proves nothing on a new connection, until long enough has passed."""

    async def scenario(broker: Mt5Broker, control: Control) -> None:
        ticket = control.open("EURUSD", "buy", 3)
        await broker.ask(POSITIONS)
        control.misbehave("queued", ms=3 * SHORT_MS)
        assert (await broker.act(closing(ticket))).state == "unknown"
        answer = await looked_up(broker, "q1")
        assert (answer.completeness, list(answer.orders)) == ("complete", [])
        while held(control) == [3]:
            await asyncio.sleep(0.001)
        assert len((await looked_up(broker, "q1")).orders) == 1

    with mt5(timeout_ms=SHORT_MS) as harness:
        play(harness, scenario)


def test_l24_what_was_asked_beside_an_action_that_is_given_up_fails_and_does_not_hang() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        ticket = control.open("EURUSD", "buy", 3)
        await broker.ask(POSITIONS)
        control.misbehave("silence", times=2)
        asked = control.state()["asked"]
        asking = asyncio.create_task(broker.ask(POSITIONS))
        acting = asyncio.create_task(broker.act(closing(ticket)))
        while control.state()["asked"] < asked + 2:
            await asyncio.sleep(0)
        acting.cancel()
        answer = await asking
        assert answer.completeness == "failed"
        assert "action on it went unanswered" in answer.why

    with mt5(echo=True) as harness:
        play(harness, scenario)


def test_an_action_cancelled_while_it_waits_its_turn_was_never_sent() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        ticket = control.open("EURUSD", "buy", 3)
        control.misbehave("delay", ms=SHORT_MS)
        asking = asyncio.create_task(broker.ask(POSITIONS))
        acting = asyncio.create_task(broker.act(closing(ticket)))
        await asyncio.sleep(0)
        acting.cancel()
        assert (await asking).completeness == "complete"
        assert (control.state()["asked"], broker.connections) == (1, 1)
        assert held(control) == [3]

    with mt5(echo=False) as harness:
        play(harness, scenario)


@pytest.mark.parametrize("echo", [True, False])
@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("garbage", "unknown"),
        ("nothing", "unknown"),
        ("frames", "unknown"),
        ("truncated", "unknown"),
        ("status", "unknown"),
        ("wrong_req_id", "unknown"),
        ("failure", "rejected"),
        ("reject", "rejected"),
        ("unknown_action", "rejected"),
    ],
)
def test_an_outcome_is_what_the_gateway_said(kind: str, state: str, echo: bool) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        ticket = control.open("EURUSD", "buy", 3)
        await broker.ask(POSITIONS)
        control.misbehave(kind)
        outcome = await broker.act(closing(ticket))
        assert outcome.state == state
        assert outcome.why
        assert (await broker.act(closing(ticket, "q2"))).state == "acknowledged"

    with mt5(echo=echo, timeout_ms=200) as harness:
        play(harness, scenario)


def test_l23_a_cancel_that_comes_too_late_is_never_acknowledged() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        order = control.place("EURUSD", "buy", "limit", 1, "1.05", client_id="c1")
        control.fill(order)
        cancel = Action(kind="cancel", client_id="x1", symbol="EURUSD", target="c1")
        outcome = await broker.act(cancel)
        assert outcome.state == "rejected"
        assert "filled" in outcome.why

    with mt5() as harness:
        play(harness, scenario)


def test_l33_an_action_goes_out_in_the_brokers_own_spelling() -> None:
    async def asked(url: str, ticket: int, control: Control) -> list[Outcome]:
        broker = Mt5Broker(url, canonical=lambda symbol: symbol.removesuffix(".m"))
        try:
            outcomes = [await broker.act(closing(ticket, "before"))]  # no row told the spelling yet
            await broker.ask(POSITIONS)
            outcomes.append(await broker.act(closing(ticket, "after")))
            control.open("EURUSD", "buy", 1)
            await broker.ask(POSITIONS)
            outcomes.append(await broker.act(closing(ticket, "two spellings, and the ticket says which")))
            outcomes.append(await broker.act(closing(5, "two spellings, and nobody can say which")))
        finally:
            await broker.close()
        return outcomes

    with gateway() as (control, ports):
        ticket = control.open("EURUSD.m", "buy", 3)
        outcomes = asyncio.run(asyncio.wait_for(asked(ports.url, ticket, control), PATIENCE_S))
        assert [outcome.state for outcome in outcomes] == ["rejected", "acknowledged", "acknowledged", "rejected"]
        assert "in several ways" in outcomes[3].why
        assert sorted(held(control)) == [1, 1]


def test_what_lacks_something_never_leaves() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        outcome = await broker.act(Action(kind="cancel", client_id="x", symbol="EURUSD"))
        assert (outcome.state, outcome.why[:9]) == ("rejected", "not sent:")
        answer = await broker.ask(Question(surface="order"))
        assert answer.completeness == "failed"
        assert "neither is given" in answer.why
        assert control.state()["asked"] == 0

    with mt5() as harness:
        play(harness, scenario)


@pytest.mark.parametrize("mode", ["hedging", "netting"])
def test_l26_a_stop_that_protects_shows_what_it_protects(mode: str) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        ticket = control.open("EURUSD", "buy", 3, "1.1")
        stop = Action(
            kind="place_stop",
            client_id="s1",
            symbol="EURUSD",
            ticket=str(ticket) if mode == "hedging" else None,
            side="sell",
            quantity=Decimal(3),
            stop=Decimal("1.05"),
        )
        outcome = await broker.act(stop)
        (order,) = (await broker.ask(ORDERS)).orders
        assert (outcome.state, outcome.order_id) == ("acknowledged", order.order_id)
        assert (order.type, order.stop, order.reduce_only, order.ticket) == ("stop", Decimal("1.05"), True, str(ticket))

    with mt5(mode=mode) as harness:  # type: ignore[arg-type]
        play(harness, scenario)


def test_l08_orders_of_one_symbol_prove_nothing_of_the_others_but_a_look_up_does() -> None:
    async def asked(url: str) -> tuple[Answer, Answer, Answer]:
        broker = Mt5Broker(url, symbol="EURUSD")
        found = Question(surface="order", client_order_id="c2")
        none = Question(surface="order", client_order_id="c3")
        answers = await broker.ask(ORDERS), await broker.ask(found), await broker.ask(none)
        await broker.close()
        return answers

    with gateway() as (control, ports):
        control.place("EURUSD", "buy", "limit", 1, 1, client_id="c1")
        control.place("GBPUSD", "buy", "limit", 1, 1, client_id="c2")
        listed, found, none = asyncio.run(asked(ports.url))
    assert (listed.completeness, [one.client_order_id for one in listed.orders]) == ("partial", ["c1"])
    assert (found.completeness, len(found.orders)) == ("complete", 1)
    assert (none.completeness, len(none.orders)) == ("complete", 0)
