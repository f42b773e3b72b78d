"""Does every question get its own reply, over real sockets, whatever happens in between?"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from decimal import Decimal

import msgspec
import pytest
import zmq

from broker_contract.harnesses import GatewayHarness, gateway, mt5
from trueup.ports import Answer, Question
from trueup.testing.broker_contract import FILLS, POSITIONS, ask_until_answered
from trueup_adapters.gateway import Control
from trueup_adapters.mt5 import CurveKeys, Mt5Broker
from trueup_adapters.mt5 import socket as line_module
from trueup_adapters.mt5.socket import Line, NoReply

PATIENCE_S = 10
SHORT_MS = 40


def play(harness: GatewayHarness, scenario: Callable[[Mt5Broker, Control], Awaitable[None]]) -> None:
    """Run `scenario` in a loop of its own, and close the broker in that loop."""

    async def played() -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await scenario(harness.broker, harness.control)
        finally:
            await harness.broker.close()

    asyncio.run(played())


def volumes(answer: Answer) -> list[Decimal]:
    assert answer.completeness == "complete", answer.why
    return sorted(position.signed_quantity for position in answer.positions.values())


# -- whose reply it is -------------------------------------------------------------------------------------


@pytest.mark.parametrize("echo", [True, False])
def test_l06_a_late_reply_is_nobodys_and_the_next_answer_is_not_off_by_one(echo: bool) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        await broker.ask(POSITIONS)
        ticket = control.open("EURUSD", "buy", 1)
        control.misbehave("delay", ms=2 * SHORT_MS)
        late = await broker.ask(POSITIONS)  # its reply, of 1 lot, arrives while the next question waits
        assert late.completeness == "failed"
        assert f"no reply within {SHORT_MS} ms" in late.why
        assert "silent" in late.why
        control.resize(ticket, 2)
        for volume in (2, 3, 4):
            control.resize(ticket, volume)
            control.misbehave("delay", ms=SHORT_MS // 2)
            assert volumes(await ask_until(broker)) == [Decimal(volume)]

    async def ask_until(broker: Mt5Broker) -> Answer:
        answer = await broker.ask(POSITIONS)
        while answer.completeness == "failed":  # a slow machine may need longer than SHORT_MS
            answer = await broker.ask(POSITIONS)
        return answer

    with mt5(echo=echo, timeout_ms=SHORT_MS) as harness:
        play(harness, scenario)


@pytest.mark.parametrize("echo", [True, False])
def test_l06_cancelled_questions_leave_nothing_behind(echo: bool) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        for volume in range(1, 6):
            control.misbehave("delay", ms=SHORT_MS)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(SHORT_MS / 4000):
                    await broker.ask(POSITIONS)
            control.behave()
            control.open(f"SYM{volume}", "buy", volume)
            assert volumes(await broker.ask(POSITIONS)) == [Decimal(n) for n in range(1, volume + 1)]

    with mt5(echo=echo) as harness:
        play(harness, scenario)


@pytest.mark.parametrize("echo", [True, False])
def test_l06_a_question_cancelled_at_any_moment_leaves_its_reply_to_nobody(echo: bool) -> None:
    """Also at the moment at which the reply has come in and was not yet looked at."""

    async def scenario(broker: Mt5Broker, control: Control) -> None:
        ticket = control.open("EURUSD", "buy", 1)
        for turns in range(60):
            asked = control.state()["asked"]
            waiting = asyncio.create_task(broker.ask(POSITIONS))
            while control.state()["asked"] == asked:  # the reply, of the old size, is on its way
                await asyncio.sleep(0)
            for _ in range(turns % 6):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait({waiting})
            control.resize(ticket, turns + 2)
            assert volumes(await broker.ask(POSITIONS)) == [Decimal(turns + 2)]

    with mt5(echo=echo) as harness:
        play(harness, scenario)


@pytest.mark.parametrize("echo", [True, False])
def test_a_reply_to_somebody_elses_question_is_discarded(echo: bool) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        control.open("EURUSD", "buy", 1)
        control.misbehave("wrong_req_id")
        assert (await broker.ask(POSITIONS)).completeness == "failed"
        assert volumes(await broker.ask(POSITIONS)) == [Decimal(1)]

    with mt5(echo=echo, timeout_ms=200) as harness:
        play(harness, scenario)


def test_without_echo_a_question_waits_for_the_one_before() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        await broker.ask(POSITIONS)
        asked = control.state()["asked"]
        control.misbehave("silence", action="GET_POSITIONS")
        first = asyncio.create_task(broker.ask(POSITIONS))
        second = asyncio.create_task(broker.ask(FILLS))
        while control.state()["asked"] == asked:
            await asyncio.sleep(0)
        done, _ = await asyncio.wait({first, second}, timeout=0)
        assert not done
        assert control.state()["asked"] == asked + 1
        first.cancel()
        assert (await second).completeness == "complete"
        with pytest.raises(asyncio.CancelledError):
            await first

    with mt5(echo=False) as harness:
        play(harness, scenario)


def test_after_an_echo_questions_go_side_by_side() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        await broker.ask(POSITIONS)
        control.misbehave("silence", action="GET_POSITIONS")
        first = asyncio.create_task(broker.ask(POSITIONS))
        assert (await broker.ask(FILLS)).completeness == "complete"
        assert not first.done()
        first.cancel()
        assert (await broker.ask(POSITIONS)).completeness == "complete"

    with mt5(echo=True) as harness:
        play(harness, scenario)


def test_a_question_cancelled_while_it_waits_its_turn_disturbs_nobody() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        control.misbehave("delay", ms=SHORT_MS)
        first = asyncio.create_task(broker.ask(POSITIONS))
        second = asyncio.create_task(broker.ask(FILLS))
        await asyncio.sleep(0)
        second.cancel()
        assert (await first).completeness == "complete"
        assert broker.connections == 1
        assert control.state()["asked"] == 1

    with mt5(echo=False) as harness:
        play(harness, scenario)


# -- connections -------------------------------------------------------------------------------------------


def test_l10_our_own_exchange_of_sockets_is_no_new_connection() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        await broker.ask(POSITIONS)
        for _ in range(3):
            control.misbehave("silence")
            assert (await broker.ask(POSITIONS)).completeness == "failed"
            assert (await broker.ask(POSITIONS)).completeness == "complete"
        assert broker.connections == 1

    with mt5(echo=False, timeout_ms=200) as harness:
        play(harness, scenario)


@pytest.mark.parametrize("echo", [True, False])
def test_l10_a_restart_ends_what_was_asked_at_once_and_is_counted(echo: bool) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        await broker.ask(POSITIONS)
        before, asked = broker.connections, control.state()["asked"]
        control.misbehave("silence")
        waiting = asyncio.create_task(broker.ask(POSITIONS))
        while control.state()["asked"] == asked:
            await asyncio.sleep(0)
        control.misbehave("restart")
        answer = await waiting  # without any time-out
        assert answer.completeness == "failed"
        assert "connection was lost" in answer.why
        answer = await broker.ask(POSITIONS)
        while answer.completeness == "failed":
            answer = await broker.ask(POSITIONS)
        assert broker.connections > before

    with mt5(echo=echo) as harness:
        play(harness, scenario)


def test_l10_a_restart_while_nobody_asks_is_counted_before_the_next_question() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        await broker.ask(POSITIONS)
        control.misbehave("restart")
        while broker.connections < 2:
            await asyncio.sleep(0.001)

    with mt5() as harness:
        play(harness, scenario)


def test_l27_nothing_is_queued_for_a_gateway_that_is_not_there() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        await broker.ask(POSITIONS)
        control.misbehave("down")
        asked = control.state()["asked"]
        for _ in range(5):
            assert (await broker.ask(POSITIONS)).completeness == "failed"
        control.behave()
        attempts, answer = 1, await broker.ask(POSITIONS)
        while answer.completeness == "failed":
            attempts, answer = attempts + 1, await broker.ask(POSITIONS)
        assert control.state()["asked"] <= asked + attempts  # none of the five came after all
        assert broker.connections >= 2

    with mt5(timeout_ms=100) as harness:
        play(harness, scenario)


def test_questions_given_up_are_remembered_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "FORSAKEN_MAX", 2)

    async def scenario(broker: Mt5Broker, control: Control) -> None:
        await broker.ask(POSITIONS)
        control.misbehave("silence", times=None)
        for _ in range(4):
            assert (await broker.ask(POSITIONS)).completeness == "failed"
        control.behave()
        assert (await ask_until_answered_by(broker)).completeness == "complete"

    with mt5(echo=True, timeout_ms=100) as harness:
        play(harness, scenario)


async def ask_until_answered_by(broker: Mt5Broker) -> Answer:
    for _ in range(20):
        answer = await broker.ask(POSITIONS)
        if answer.completeness != "failed":
            return answer
    raise AssertionError("no answer")


def test_closing_ends_what_is_being_asked() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        control.misbehave("silence")
        waiting = asyncio.create_task(broker.ask(POSITIONS))
        while not control.state()["asked"]:
            await asyncio.sleep(0)
        await broker.close()
        assert "closed" in (await waiting).why

    with mt5() as harness:
        play(harness, scenario)


# -- what comes in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("echo", [True, False])
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("nothing", "empty"),
        ("frames", "3 frames"),
        ("garbage", "UTF-8"),
        ("truncated", "not a JSON object"),
        ("no_list", "no `positions`"),
        ("status", "dialect"),
        ("failure", "terminal is not connected"),
    ],
)
def test_l01_whatever_else_comes_is_a_failed_answer_that_says_why(kind: str, says: str, echo: bool) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        control.open("EURUSD", "buy", 1)
        assert volumes(await broker.ask(POSITIONS)) == [Decimal(1)]
        control.misbehave(kind)
        answer = await broker.ask(POSITIONS)
        assert answer.completeness == "failed"
        assert says in answer.why
        assert volumes(await broker.ask(POSITIONS)) == [Decimal(1)]
        assert broker.connections == 1

    with mt5(echo=echo, timeout_ms=2000) as harness:
        play(harness, scenario)


def test_a_reply_beyond_the_limit_never_reaches_us() -> None:
    async def asked(url: str) -> str:
        line = Line(url, reply_bytes_max=1000)
        body = msgspec.json.encode({"action": "GET_POSITIONS", "req_id": "a-1"})
        assert b"SUCCESS" in await line.exchange("a-1", body)
        control.misbehave("garbage", text="x" * 2000)
        with pytest.raises(NoReply) as none:
            await line.exchange("a-2", body)
        await line.close()
        return str(none.value)

    with gateway() as (control, ports):
        assert "above 1000 bytes" in asyncio.run(asked(ports.url))


@pytest.mark.parametrize("echo", [True, False])
def test_a_plain_rep_is_spoken_with(echo: bool) -> None:
    """What a gateway in the wild is: one REP, and a loop around it."""

    def serve(url: list[str], bound: threading.Event, done: threading.Event) -> None:
        with zmq.Context() as context, context.socket(zmq.REP) as rep:
            url.append(f"tcp://127.0.0.1:{rep.bind_to_random_port('tcp://127.0.0.1')}")
            bound.set()
            for n in range(4):
                request = msgspec.json.decode(rep.recv())
                assert request["action"] == "GET_POSITIONS"
                rows = [{"ticket": n + 1, "symbol": "X", "type": "sell", "volume": 0.1}]
                reply = {"status": "SUCCESS", "positions": rows}
                rep.send(msgspec.json.encode(reply | ({"req_id": request["req_id"]} if echo else {})))
            assert done.wait(PATIENCE_S)  # a REP that closes takes what was not yet read with it

    async def asked(url: str) -> list[str]:
        broker = Mt5Broker(url)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return [key for _ in range(4) for key in (await broker.ask(POSITIONS)).positions]
        finally:
            await broker.close()

    url: list[str] = []
    bound, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=serve, args=(url, bound, done), daemon=True)
    thread.start()
    assert bound.wait(PATIENCE_S)
    assert asyncio.run(asked(url[0])) == ["#1", "#2", "#3", "#4"]
    done.set()
    thread.join(PATIENCE_S)


def test_l46_deals_are_asked_for_from_a_moment_on() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        control.open("EURUSD", "buy", 1)
        control.deposit(1000)
        all_of_them = await broker.ask(FILLS)
        assert len(all_of_them.executions) == 1
        assert all_of_them.completeness == "complete"
        later = await broker.ask(Question(surface="fills", since_ns=4_000_000_000 * 10**9))
        assert (later.completeness, list(later.executions)) == ("complete", [])

    with mt5() as harness:
        play(harness, scenario)


def test_l08_answers_for_one_symbol_prove_nothing_of_the_others() -> None:
    async def asked(url: str) -> tuple[Answer, Answer]:
        broker = Mt5Broker(url, symbol="EURUSD")
        answers = await broker.ask(POSITIONS), await broker.ask(FILLS)
        await broker.close()
        return answers

    with gateway() as (control, ports):
        ticket = control.open("EURUSD", "buy", 1)
        control.open("GBPUSD", "buy", 1)
        positions, fills = asyncio.run(asked(ports.url))
    assert (positions.completeness, set(positions.positions)) == ("partial", {f"#{ticket}"})
    assert "only EURUSD" in positions.why
    assert (fills.completeness, len(fills.executions)) == ("partial", 1)


@pytest.mark.parametrize("echo", [True, False])
def test_a_broker_that_was_asked_in_one_loop_can_be_asked_in_another(echo: bool) -> None:
    with mt5(echo=echo) as harness:
        for volume in (1, 2):
            harness.control.open("EURUSD", "buy", 1)
            answer = asyncio.run(asyncio.wait_for(harness.broker.ask(POSITIONS), PATIENCE_S))
            assert len(volumes(answer)) == volume
        asyncio.run(harness.broker.close())


@pytest.mark.parametrize("echo", [True, False])
def test_a_socket_that_was_replaced_does_not_disturb_its_successor(echo: bool) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        await broker.ask(POSITIONS)
        for _ in range(3):
            asked = control.state()["asked"]
            control.misbehave("silence")
            waiting = asyncio.create_task(broker.ask(POSITIONS))
            while control.state()["asked"] == asked:
                await asyncio.sleep(0)
            control.misbehave("restart")
            assert (await waiting).completeness == "failed"
            assert (await ask_until_answered_by(broker)).completeness == "complete"
            after = broker.connections
            assert [(await broker.ask(POSITIONS)).completeness for _ in range(20)] == ["complete"] * 20
            assert broker.connections == after

    with mt5(echo=echo) as harness:
        play(harness, scenario)


# -- CURVE -------------------------------------------------------------------------------------------------


def keys() -> tuple[str, str]:
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


@pytest.mark.parametrize("echo", [True, False])
def test_with_curve_keys_the_gateway_is_asked_and_restarted(echo: bool) -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        control.open("EURUSD", "buy", 1)
        assert volumes(await broker.ask(POSITIONS)) == [Decimal(1)]
        control.misbehave("restart")
        assert volumes(await ask_until_answered(harness)) == [Decimal(1)]

    server = keys()
    with mt5(server_keys=server, client_keys=CurveKeys(server[0], *keys()), echo=echo) as harness:
        play(harness, scenario)


def test_a_gateway_that_is_not_the_one_we_know_is_not_believed() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        answer = await broker.ask(POSITIONS)
        assert answer.completeness == "failed"
        assert broker.connections == 0
        assert control.state()["asked"] == 0

    stranger = keys()
    with mt5(server_keys=keys(), client_keys=CurveKeys(stranger[0], *keys()), timeout_ms=300) as harness:
        play(harness, scenario)


def test_a_plain_broker_gets_nothing_from_a_gateway_with_keys() -> None:
    async def scenario(broker: Mt5Broker, control: Control) -> None:
        assert (await broker.ask(POSITIONS)).completeness == "failed"
        assert control.state()["asked"] == 0

    with mt5(server_keys=keys(), timeout_ms=300) as harness:
        play(harness, scenario)
