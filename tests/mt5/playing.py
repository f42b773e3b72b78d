"""How is a scenario played over real sockets?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

from broker_contract.harnesses import GatewayHarness
from trueup.ports import Answer
from trueup.testing.broker_contract import POSITIONS
from trueup_adapters.gateway import Control
from trueup_adapters.mt5 import Mt5Broker

PATIENCE_S = 10


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


async def ask_until_answered_by(broker: Mt5Broker) -> Answer:
    for _ in range(20):
        answer = await broker.ask(POSITIONS)
        if answer.completeness != "failed":
            return answer
    raise AssertionError("no answer")
