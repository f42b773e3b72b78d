"""How is a scenario with an Alpaca broker played: a fake, a loop, a clock that only moves when told?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from alpaca_broker.harness import broker_of
from trueup.model import TradeSide
from trueup.ports import Action, Answer, Outcome, Question
from trueup.testing.alpaca import Control, FakeAlpaca
from trueup_adapters.alpaca import AlpacaBroker
from trueup_adapters.alpaca.transport import Reply

POSITIONS = Question(surface="positions")
ORDERS = Question(surface="open_orders")
FILLS = Question(surface="fills")
Scenario = Callable[[AlpacaBroker, Control], Awaitable[None]]
PATIENCE_S = 10


def play(scenario: Scenario, fake: FakeAlpaca | None = None, **settings: Any) -> None:
    """Run a scenario against a fake of its own (or that one), in a loop of its own."""
    with fake or FakeAlpaca() as playing:

        async def whole() -> None:
            broker = broker_of(playing, **settings)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await scenario(broker, playing.control)
            finally:
                await broker.close()

        asyncio.run(whole())


def order(client_id: str | None = None, order_id: str | None = None) -> Question:
    return Question(surface="order", client_order_id=client_id, order_id=order_id)


def close(symbol: str, quantity: str, client_id: str, side: TradeSide = "sell") -> Action:
    return Action(kind="close_position", client_id=client_id, symbol=symbol, side=side, quantity=Decimal(quantity))


def stop(symbol: str, quantity: str, client_id: str, at: str, side: TradeSide = "sell") -> Action:
    return Action(
        kind="place_stop",
        client_id=client_id,
        symbol=symbol,
        side=side,
        quantity=Decimal(quantity),
        stop=Decimal(at),
    )


def said(text: str | bytes, status: int = 200) -> Reply:
    """A reply as the transport hands it on."""
    return Reply(status, text.encode() if isinstance(text, str) else text)


def whole(answer: Answer) -> Answer:
    """A complete answer."""
    assert answer.completeness == "complete", answer.why
    return answer


def state_of(outcome: Outcome) -> str:
    return outcome.state


class TestClock:
    """Time that passes only in `sleep`."""

    __test__ = False

    def __init__(self, wall_ns: int = 1_700_000_000_000_000_000) -> None:
        self.now_ns = 0
        self.began_ns = wall_ns
        self.slept: list[float] = []

    def wall_ns(self) -> int:
        return self.began_ns + self.now_ns

    def monotonic_ns(self) -> int:
        return self.now_ns

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_ns += round(seconds * 1_000_000_000)
        await asyncio.sleep(0)
