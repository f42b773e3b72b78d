"""Do CURVE keys let in whom they should, and nobody else?"""

from __future__ import annotations

from decimal import Decimal

import pytest
import zmq

from broker_contract.harnesses import mt5
from mt5.playing import play, volumes
from trueup.testing.broker_contract import POSITIONS, ask_until_answered
from trueup_adapters.gateway import Control
from trueup_adapters.mt5 import CurveKeys, Mt5Broker


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
