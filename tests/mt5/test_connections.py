"""Is a connection that breaks noticed, counted and made anew, and what was asked on it ended?"""

from __future__ import annotations

import asyncio

import pytest

from broker_contract.harnesses import mt5
from mt5.playing import ask_until_answered_by, play
from trueup.testing.broker_contract import POSITIONS
from trueup_adapters.gateway import Control
from trueup_adapters.mt5 import Mt5Broker
from trueup_adapters.mt5 import socket as line_module


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
