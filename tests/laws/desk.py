"""What is the nastiest desk that still keeps its word: one that executes late, loses answers, and is cut off?

A `SimulatedBroker` on the world's clock. What was sent on a connection that broke may still be executed, up to
`QUEUE_S` later; what is asked behind it on the same connection is answered after it. Every action that ever arrived is
noted, and so is each that was done.
"""

from __future__ import annotations

import asyncio
from typing import Literal, TypeAlias

from lessons.world import LAG_MS, FakeClock
from trueup.model import PositionMode
from trueup.ports import Action, Answer, Outcome, Question
from trueup.testing.broker import ALL_ACTIONS, ALL_SURFACES, SimulatedBroker

QUEUE_S = 60
S = 1_000_000_000

Fate: TypeAlias = Literal[
    "ok", "lost_ack", "silence", "refusal", "garbage", "late", "late_refused", "killed", "killed_late"
]
"""ok, lost_ack, silence, refusal, garbage   as `SimulatedBroker`
late           the connection breaks; it is executed within QUEUE_S
late_refused   the connection breaks; within QUEUE_S it is refused
killed         the process dies after it was done, before it hears so
killed_late    the process dies, and it is executed within QUEUE_S"""


class Killed(BaseException):
    """kill -9."""


class Desk(SimulatedBroker):
    """A broker whose every action has a fate."""

    def __init__(self, clock: FakeClock, mode: PositionMode = "netting") -> None:
        super().__init__(position_mode=mode, surfaces=ALL_SURFACES, actions=ALL_ACTIONS, lag_ms_max=LAG_MS)
        self.clock = clock
        self.fates: list[Fate] = []
        self.queue: list[tuple[int, Action]] = []
        self.done: list[Action] = []
        self.dead: list[bool] = []
        """Whether the process that asks is dead: what it still has under way reaches nobody."""

    async def ask(self, question: Question) -> Answer:
        self.due()
        return await super().ask(question)

    async def act(self, action: Action) -> Outcome:
        if self.dead:
            raise Killed
        self.due()
        fate = self.fates.pop(0) if self.fates else "ok"
        if fate in ("late", "killed_late"):
            self.acted.append(action)
            self.queue.append((self.clock.monotonic + (QUEUE_S - 1) * S, action))
        if fate == "late_refused":
            self.acted.append(action)
        if fate in ("late", "late_refused"):
            self.reconnect()
            self._connect()
            return Outcome(state="unknown", why="the connection broke")
        if fate == "killed_late":
            self.dead.append(True)
            raise Killed
        if fate in ("ok", "killed", "lost_ack"):
            self.done.append(action)
        if fate in ("lost_ack", "silence", "refusal", "garbage"):
            self.trouble_actions(fate)
        if fate in ("lost_ack", "silence"):
            return await self._unheard(action)
        outcome = await super().act(action)
        if fate == "killed":
            self.dead.append(True)
            raise Killed
        return outcome

    async def _unheard(self, action: Action) -> Outcome:
        """No answer ever comes: whoever waits gives up, on the same connection."""
        task = asyncio.ensure_future(super().act(action))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return Outcome(state="unknown", why="no answer in time")

    def due(self) -> None:
        """Execute what had been queued and whose time has come."""
        now, self.queue = (
            [one for one in self.queue if one[0] <= self.clock.monotonic],
            [one for one in self.queue if one[0] > self.clock.monotonic],
        )
        for _, action in now:
            self.done.append(action)
            self._note()
            self._desk.act(action)
