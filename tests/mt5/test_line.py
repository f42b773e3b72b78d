"""Does every question get its own reply, over real sockets, whatever happens in between?"""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal

import msgspec
import pytest
import zmq

from broker_contract.harnesses import gateway, mt5
from mt5.playing import PATIENCE_S, ask_until_answered_by, play, volumes
from trueup.ports import Answer, Question
from trueup.testing.broker_contract import FILLS, POSITIONS
from trueup_adapters.gateway import Control
from trueup_adapters.mt5 import Mt5Broker
from trueup_adapters.mt5.socket import Line, NoReply

SHORT_MS = 40


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
