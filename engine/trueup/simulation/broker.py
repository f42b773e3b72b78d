"""How is the simulated broker asked? Through the port that every adapter keeps, over a network that is what it is.

Each process has a connection of its own to the one exchange. What an answer shows may be as old as the adapter
declares, and older where that is the fault of the day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from trueup.model import BrokerOrder, OrderStatus, Surface
from trueup.ports import Action, ActionKind, Answer, Capabilities, Outcome, Question, failed, unsupported
from trueup.simulation.answers import LIES, PARTIAL, REFUSALS, Said, told, told_fills, told_orders
from trueup.simulation.desk import Acted, guarded
from trueup.simulation.loop import MS
from trueup.simulation.trading import fill_of

if TYPE_CHECKING:
    from trueup.simulation.world import World

SURFACES: Final[frozenset[Surface]] = frozenset({"positions", "fills"})
ALL_SURFACES: Final[frozenset[Surface]] = frozenset({"positions", "fills", "open_orders", "order"})
ACTIONS: Final[frozenset[ActionKind]] = frozenset({"cancel", "place_stop", "close_position"})
STALE_MS_MAX: Final = 60_000
"""How old an answer may be where the declared lag is not kept."""
LONG_MS: Final = 60_000
MISLED_ANSWERS: Final = 12
SLOW_MS_MAX: Final = 30_000


class HardBroker:
    """One process's connection to the exchange. A `trueup.ports.Broker`."""

    def __init__(self, world: World, process: int) -> None:
        settings = world.settings
        self._world = world
        self._process = process
        surfaces = ALL_SURFACES if settings.lists_orders else SURFACES
        self._capabilities = Capabilities(
            source="simulated",
            position_mode=settings.mode,
            surfaces=surfaces,
            lag_ms_max=dict.fromkeys(sorted(surfaces), settings.lag_ms),
            actions=ACTIONS if settings.lists_orders else frozenset(),
            can_reduce_only=settings.lists_orders,
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
        if question.surface not in self._capabilities.surfaces:
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
        elif question.surface == "positions":
            answer = self._positions(said, of_ns, dice.below(1 << 16))
        else:
            orders = world.exchange.spelled(world.desk.past.at(of_ns))
            answer = told_orders(orders, question, self._order_fault(fault), said.number)
            self._count_orders(orders, answer, question)
        self._count(fault, answer, len(world.exchange.at(of_ns)))
        said.answer = answer
        await asyncio.sleep(dice.between(0, latency) / 1_000)
        return answer

    def _positions(self, said: Said, of_ns: int, chance: int) -> Answer:
        world = self._world
        rows = world.exchange.at(of_ns)
        oldest_ns = said.asked_ns - world.settings.lag_ms * MS
        if said.fault == "stale_answer" and rows not in world.exchange.during(oldest_ns, world.loop.now_ns):
            world.tally.fault("stale_answer")
        elif rows is not world.exchange.at(world.loop.now_ns):
            world.tally.fault("lagging_answer")
        return told(world.exchange.spoken(rows), said.fault, said.number, chance)

    # -- counting --------------------------------------------------------------------------------------------

    def _count(self, fault: str | None, answer: Answer, rows: int) -> None:
        """A fault counts where it changed the answer: an empty account cannot be cut short."""
        missing = fault in LIES and len(answer.positions) < rows
        partial = fault in PARTIAL and answer.completeness == "partial"
        if fault is not None and (fault in REFUSALS or missing or partial):
            self._world.tally.fault(fault)

    def _order_fault(self, fault: str | None) -> str | None:
        """What is wrong with answers about orders, which have faults of their own."""
        own = (name for name in ("false_not_found", "unknown_status") if self._world.is_on(name))
        return fault or next(own, None)

    def _count_orders(self, orders: Mapping[str, BrokerOrder], answer: Answer, question: Question) -> None:
        tally = self._world.tally
        if any(one.status is OrderStatus.UNKNOWN for one in answer.orders):
            tally.fault("unknown_status")
        there = any(one.client_order_id == question.client_order_id for one in orders.values())
        if question.surface == "order" and answer.completeness == "complete" and not answer.orders:
            tally.cover("look-ups that found nothing")
            if there and self._world.is_on("false_not_found"):
                tally.fault("false_not_found")

    # -- actions ---------------------------------------------------------------------------------------------

    async def act(self, action: Action) -> Outcome:
        """Send it once. What travels, travels on when whoever sent it dies."""
        world = self._world
        fault = world.action_fault_now()
        order = world.desk.orders.get(action.order_id or "")
        stop = order is not None and (order.stop is not None or "stop" in order.type)
        guards = guarded(order, world.exchange.rows) if order is not None and stop else None
        if guards is not None and (self._misled() or guards not in world.exchange.at(world.loop.now_ns - LONG_MS * MS)):
            guards = None  # nobody could know of it
        stored = action.client_id in world.stored
        world.acted.append(Acted(action, world.loop.now_ns, stored, fault, guards))
        world.tally.cover(f"actions sent: {action.kind}")
        world.tally.steps += 1
        world.tell(f"action {action.client_id}: {action.kind} {action.symbol}, {fault or 'nothing is wrong'}")
        if fault is not None:
            world.tally.fault(fault)
        if fault == "action_refused":
            return Outcome(state="rejected", why="the broker says no")
        answered: asyncio.Future[Outcome] = world.loop.create_future()
        dice = world.dice("action", len(world.acted))
        latency_ms = dice.between(1, world.settings.latency_ms_max)
        if fault == "action_late":
            self.disconnect()  # what a closed connection had queued may still be executed; on one that lives, in order
            latency_ms = dice.between(latency_ms, max(latency_ms, world.policy.action_queue_s_max * 1_000 - 1_000))
        if fault != "action_silence":
            world.loop.after_ms(latency_ms, lambda: self._arrived(action, answered, fault))
        if fault == "action_raises":
            raise RuntimeError("the adapter has a bug of its own")
        return await answered

    def _misled(self) -> bool:
        """Whether one of the last answers left out what there was, or was older than declared."""
        return any(one.fault in (*LIES, "stale_answer") for one in self._world.said[-MISLED_ANSWERS:])

    def _arrived(self, action: Action, answered: asyncio.Future[Outcome], fault: str | None) -> None:
        """An action reaches the broker, and its answer the process, unless something is wrong."""
        outcome, done = self._world.desk.act(action)
        self._world.tell(f"action {action.client_id} is carried out: {outcome.state} {outcome.why}")
        if done is not None and self._world.settings.bot == "fills":
            self._world.send(fill_of(self._world, done, None, "untracked"), pushed=True)
        if fault is None and not answered.done():
            answered.set_result(outcome)

    async def close(self) -> None:
        self._closed = True
