"""How is the simulated broker asked? Through the port that every adapter keeps, over a network that is what it is.

Each process has a connection of its own to the one exchange. What an answer shows may be as old as the adapter
declares, and older where that is the fault of the day.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from trueup.model import Surface
from trueup.ports import Answer, Capabilities, Question, failed, unsupported
from trueup.simulation.answers import LIES, PARTIAL, REFUSALS, Said, told, told_fills
from trueup.simulation.loop import MS

if TYPE_CHECKING:
    from trueup.simulation.world import World

SURFACES: Final[frozenset[Surface]] = frozenset({"positions", "fills"})
STALE_MS_MAX: Final = 60_000
"""How old an answer may be where the declared lag is not kept."""
SLOW_MS_MAX: Final = 30_000


class HardBroker:
    """One process's connection to the exchange. A `trueup.ports.Broker`."""

    def __init__(self, world: World, process: int) -> None:
        settings = world.settings
        self._world = world
        self._process = process
        self._capabilities = Capabilities(
            source="simulated",
            position_mode=settings.mode,
            surfaces=SURFACES,
            lag_ms_max=dict.fromkeys(sorted(SURFACES), settings.lag_ms),
        )
        self._connections = 0
        self._connected = False
        self._closed = False

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def connections(self) -> int:
        return self._connections

    def disconnect(self) -> None:
        """The connection is lost; it comes about again with the next question, or by itself."""
        if self._connected:
            self._connections += 1
            self._world.tally.fault("reconnect")

    async def ask(self, question: Question) -> Answer:
        """One attempt, as the world would have it."""
        if self._closed:
            return failed("this broker was closed")
        if not self._connected:
            self._connected, self._connections = True, self._connections + 1
        if question.surface not in SURFACES:
            return unsupported(f"this broker does not offer {question.surface}")
        world = self._world
        said = Said(len(world.said), question.surface, world.loop.now_ns, self._process, world.fault_now())
        world.said.append(said)
        world.tally.steps += 1
        answer = await self._answered(said, question)
        said.received_ns = world.loop.now_ns
        return answer

    async def _answered(self, said: Said, question: Question) -> Answer:
        world, fault = self._world, said.fault
        dice = world.dice("answer", said.number)
        latency = world.settings.latency_ms_max
        if fault == "silence":
            world.tally.fault(fault)
            await asyncio.Event().wait()
        if fault == "slow_answer":
            world.tally.fault(fault)
            await asyncio.sleep(dice.between(latency, SLOW_MS_MAX) / 1_000)
        await asyncio.sleep(dice.between(0, latency) / 1_000)
        if fault == "raises":
            world.tally.fault(fault)
            raise RuntimeError("the adapter has a bug of its own")
        oldest_ms = STALE_MS_MAX if fault == "stale_answer" else world.settings.lag_ms
        of_ns = max(0, world.loop.now_ns - dice.between(0, oldest_ms) * MS)
        if question.surface == "fills":
            known = [one for at_ns, one in world.exchange.executions if at_ns <= of_ns]
            answer = told_fills(known, fault, said.number)
        else:
            rows = world.exchange.at(of_ns)
            answer = told(world.exchange.spoken(rows), fault, said.number, dice.below(1 << 16))
            if fault == "stale_answer" and rows not in world.exchange.during(
                said.asked_ns - world.settings.lag_ms * MS, world.loop.now_ns
            ):
                world.tally.fault(fault)
            elif rows is not world.exchange.at(world.loop.now_ns):
                world.tally.fault("lagging_answer")
        if (
            fault in REFUSALS
            or (fault in PARTIAL and answer.completeness == "partial")
            or (fault in LIES and len(answer.positions) < len(world.exchange.at(of_ns)))
        ):
            world.tally.fault(fault)
        said.answer = answer
        await asyncio.sleep(dice.between(0, latency) / 1_000)
        return answer

    async def close(self) -> None:
        self._closed = True
