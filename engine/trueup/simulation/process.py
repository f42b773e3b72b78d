"""How does a trading process use trueup in the simulated world: start, record, ask the gate, die?

The face, the shell, the passes and the ledger are those of production. What stands in for the bot around them is as
plain as a bot can be: it records what it hears, retries what could not be recorded, and dies when it is told to.
"""

from __future__ import annotations

import asyncio
import contextvars
import decimal
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Self

from trueup.changes import Change, Message
from trueup.errors import InvariantBroken, JournalError, TrueupError, WriterFenced
from trueup.journal import JournalReader
from trueup.ledger import Asking, Claim, Ledger
from trueup.policy import Policy
from trueup.ports import Answer, Broker, Clock
from trueup.proving import AwaitableGate
from trueup.reconciler import AsyncReconciler
from trueup.simulation.broker import HardBroker
from trueup.simulation.disk import Died, FaultyJournal
from trueup.simulation.loop import NS, VirtualClock

if TYPE_CHECKING:
    from trueup.report import PassReport
    from trueup.simulation.world import World

OWNER: contextvars.ContextVar[Process | None] = contextvars.ContextVar("trueup_simulated_process", default=None)
ARITHMETIC: Final = (
    decimal.Context(prec=28, rounding=decimal.ROUND_HALF_EVEN),
    decimal.Context(prec=2, rounding=decimal.ROUND_UP, capitals=0),
    decimal.Context(prec=28, rounding=decimal.ROUND_HALF_UP, traps=[decimal.Underflow]),
    decimal.Context(prec=1, rounding=decimal.ROUND_DOWN),
)
"""What the bot, or a library beside it, has made of its threads' decimal arithmetic: one life after the other another
one. Nothing that trueup decides may hang on it (law 1)."""
FAILED_MAX: Final = 3
"""Passes in a row that end FAILED, after which the bot gives up."""


class SimulatedReconciler(AsyncReconciler):
    """The face of production, on a ledger that was opened before."""

    @classmethod
    def of(cls, ledger: Ledger, reader: JournalReader, url: str, broker: Broker, clock: Clock) -> Self:
        """As `open` goes on once the account is ours."""
        self = cls(ledger, reader, url, broker, clock, None)
        self._gate = ledger.gate = AwaitableGate(ledger.gate, self._prove)
        return self


class Process:
    """One life of the trading process."""

    def __init__(self, world: World, number: int, policy: Policy) -> None:
        self.number = number
        self.policy = policy
        self.alive = True
        self.fenced = False
        self.rec: AsyncReconciler | None = None
        self.ledger: Ledger | None = None
        self.journal: FaultyJournal | None = None
        self.broker = HardBroker(world, number)
        self.began_ns = world.loop.now_ns
        self.opened_ns = world.loop.now_ns
        """When its tenure began, from which its ticks count."""
        self._failed = 0
        self._world = world
        self._arithmetic = ARITHMETIC[number % len(ARITHMETIC)]
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._own: set[asyncio.Task[Any]] = set()

    # -- life and death --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to live, in a task of its own."""
        self.also(self._live())

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """A task of this process was made."""
        self._tasks[task] = None
        task.add_done_callback(self._done)

    def die(self) -> None:
        """`kill -9`: whatever it was doing ends here, and nothing more is written."""
        if not self.alive:
            return
        self.alive = False
        if self.journal is not None:
            self.journal.dead = True
        for task in list(self._tasks):
            task.cancel()
        self._world.buried(self)

    async def bury(self) -> None:
        """What the system does for a process that is no more: its files are closed, its lock is free."""
        if self.rec is not None:
            await self.rec.close()
        self._tasks.clear()

    async def stop(self) -> None:
        """End in good order."""
        self.alive = False
        for task in list(self._tasks):
            task.cancel()
        if self.rec is not None:
            await self.rec.close()

    async def _live(self) -> None:
        rec = self._open()
        if rec is None:
            return
        async with rec:
            self._report(await rec.startup_recovery())
            while True:
                self._report(rec.sync_continuous())
                await asyncio.sleep(self._world.settings.tick_ms / 1_000)

    def _open(self) -> AsyncReconciler | None:
        """Become the writer; None where the store would not have it: the process ends, and is started again."""
        world, settings = self._world, self._world.settings
        clock = VirtualClock(world.loop, world.wall, zero_ns=(7 + 13 * self.number) * NS, poll_ms=settings.poll_ms)
        claim = Claim(
            policy=self.policy,
            position_mode=settings.mode,
            source=self.broker.capabilities.source,
            lag_ms_max=self.broker.capabilities.lag_ms_max,
            surfaces=self.broker.capabilities.surfaces,
            actions=self.broker.capabilities.actions,
            can_reduce_only=self.broker.capabilities.can_reduce_only,
            baseline=settings.baseline,
            process=f"simulated {self.number}",
        )
        try:
            writer = world.disk.writer()
        except JournalError:
            self.die()
            return None
        self.opened_ns = world.loop.now_ns
        self.journal = FaultyJournal(world.disk, writer, lambda first, events: world.appended(self, first, events))
        try:
            head = self.journal.head().position
            ledger = Ledger(self.journal, clock, claim)
            reader = world.disk.reader()
        except (JournalError, Died):
            self.journal.close()
            self.journal = None
            self.die()
            return None
        if self.journal.resumed_from is not None and self.journal.resumed_from < head:
            world.tally.fault("older_snapshot")
        self.ledger = ledger
        self.rec = SimulatedReconciler.of(ledger, reader, world.disk.url, self.broker, clock)
        world.opened(self)
        return self.rec

    def _done(self, task: asyncio.Task[Any]) -> None:
        """A task of this process ended: of what, if not in good order?"""
        self._tasks.pop(task, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is None or not self.alive:
            return
        if isinstance(error, Exception) and task not in self._own:
            return  # of whoever awaits it: an adapter that raises is an answer that failed
        if isinstance(error, WriterFenced):
            self.fenced = True
        elif not isinstance(error, Died | JournalError):
            self._world.broken(error)
        self.die()

    def also(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something beside the rest, in a task that dies with the process."""
        context = contextvars.copy_context()
        context.run(OWNER.set, self)
        context.run(decimal.setcontext, self._arithmetic.copy())
        self._own.add(self._world.loop.create_task(work, context=context))

    def _report(self, report: PassReport | None) -> None:
        """Look at a finished pass, once; where our own store goes on failing, give up, and be started anew."""
        if report is None or (self._world.reports and self._world.reports[-1][2] is report):
            return
        self._world.reported(self, report)
        self._failed = self._failed + 1 if report.status == "FAILED" else 0
        if self._failed >= FAILED_MAX:
            self.die()

    # -- what a bot does -------------------------------------------------------------------------------------

    def hear(self, change: Change) -> bool:
        """Record what the broker told us; whether that is done."""
        return self._recorded(lambda rec: rec.record(change))

    def push(self, message: Message) -> bool:
        """Hand over what the broker pushed; whether that is done."""
        return self._recorded(lambda rec: rec.observe(message))

    def hand_in(self, answer: Answer, asking: Asking, identity: str) -> bool:
        """Hand over an answer about positions that came by another way; whether that is done."""
        ledger = self.ledger
        assert ledger is not None
        return self._recorded(lambda rec: ledger.observe("positions", answer, asking, identity=identity).head)

    def _recorded(self, call: Callable[[AsyncReconciler], int]) -> bool:
        if not self.alive or self.rec is None:
            return False
        try:
            with decimal.localcontext(self._arithmetic):
                position = call(self.rec)
        except WriterFenced:
            self.fenced = True
            self.die()
            return False
        except JournalError:
            return False
        except Died:
            self.die()
            return False
        except (TrueupError, InvariantBroken) as error:
            self._world.broken(error)
            self.die()
            return False
        self._world.acknowledged(position)
        return True
