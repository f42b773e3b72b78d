"""What happens in a simulated history, and who remembers it?

A world is one loop, one exchange, one disk, an operator, and one life of the trading process after another. It plays a
scenario's happenings at their times (the safety phase), then lets every fault stop (the liveness phase), and keeps
what the checkers need: the truth at every moment, every answer as it was given, what was acknowledged, what the gate
said when.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine, Generator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from trueup.changes import Change, Command, Fill, PushedExecution
from trueup.deliveries import BookChange
from trueup.journal import InboxItem, open_inbox
from trueup.model import Key
from trueup.policy import Policy
from trueup.reconciliation.state import State
from trueup.simulation import happenings
from trueup.simulation.answers import ANSWER_FAULTS
from trueup.simulation.beside import LOOKS_EVERY, Beside, Making
from trueup.simulation.desk import ACTION_FAULTS, Acted, Desk
from trueup.simulation.dice import Dice
from trueup.simulation.disk import ACCOUNT, Disk
from trueup.simulation.exchange import Exchange, Placed
from trueup.simulation.loop import MS, WallClock
from trueup.simulation.probes import Probe, probe
from trueup.simulation.process import OWNER, Process
from trueup.simulation.remembered import Letter, Remembered
from trueup.simulation.scenario import LOT, SYMBOLS, Scenario
from trueup.simulation.tally import Tally

if TYPE_CHECKING:
    from trueup.events import Event
    from trueup.report import PassReport

Work: TypeAlias = Coroutine[Any, Any, Any] | Generator[Any, None, Any]
REDELIVERED_MS: Final = 2_000
"""How soon a durable stream tries again what nobody took."""
LATE_MS_MAX: Final = 120_000
"""How late a message is at most; beyond `inferred_s_max` it would be lost for all that law 3 says."""
RESTART_MS_MAX: Final = 20_000
BREAKING_OFF_MAX: Final = 20
"""Rounds in which what ends may begin something else, when a history is broken off."""
QUIET_LOOKS: Final = 3
"""Passes after convergence in which nothing may happen any more."""


class World(Remembered):
    """One history under way."""

    def __init__(self, scenario: Scenario, *, narrated: bool = False, beside: Making | None = None) -> None:
        """
        narrated   the story also tells what the journal says, sentence by sentence
        beside     what stands beside the journal, and is judged with it
        """
        super().__init__(scenario, narrated=narrated)
        self.loop.set_task_factory(_task)
        self.loop.set_exception_handler(self._unexpected)
        self.wall = WallClock(self.loop)
        self.disk = Disk(self.settings.durability)
        self.beside: Beside | None = None if beside is None else beside(self.disk.url, ACCOUNT)
        self._looks = 0
        self.exchange = Exchange(
            self.settings.mode,
            lambda: self.loop.now_ns,
            priced=self.settings.priced,
            names_clients=self.settings.names_clients,
            stamped=self.settings.stamped,
        )
        self.desk = Desk(self.exchange, lambda: self.loop.now_ns)
        self.exchange.ended = self.desk.position_ended
        self.acted: list[Acted] = []
        """Actions that were sent to the broker, in order."""
        self.tally = Tally()
        self.disk.met = self.tally.fault
        self.exchange.misdated = lambda: self.tally.fault("broker_clock")
        self.quiet = False
        self.quiet_ns = 0
        """When faults stopped."""
        self.processes = 0
        self.policy: Policy = self.settings.policy
        self.until_ms: dict[str, int] = {}
        """Faults that are on, and until when."""
        self.heard: list[Change] = []
        self.orders: list[Placed] = []
        self.invented: set[str] = set()
        """Ids of executions that the process made up."""
        self.probes: list[Probe] = []
        self.agreed_position: int | None = None
        """Where the journal ended when all messages had arrived."""
        self.agreed_truth: dict[Key, Decimal] = {}
        """What the broker held then."""
        self.early: dict[Key, str] = {}
        """What existed before the process first started, of which no fill will ever tell, and its symbol."""
        self.fed: list[BookChange] = []
        """What the trading process was told of corrections, in the end."""
        self.live: State | None = None
        """The state that the last process had in memory in the end."""
        self._graves: list[asyncio.Task[None]] = []

    # -- time and chance -------------------------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        """Virtual milliseconds since the world began."""
        return self.loop.now_ns // MS

    def dice(self, purpose: str, number: int | str = "") -> Dice:
        """Chance for one purpose."""
        return Dice(self.scenario.seed, purpose, number)

    def fault_now(self) -> str | None:
        """What is wrong with an answer that is asked for now."""
        if self.quiet:
            return None
        now_ms = self.now_ms
        return next((name for name in ANSWER_FAULTS if self.until_ms.get(name, -1) > now_ms), None)

    def action_fault_now(self) -> str | None:
        """What is wrong with an action that is sent now."""
        dice = self.dice("action fault", len(self.acted))
        lasting = next((name for name in ACTION_FAULTS if self.is_on(name)), None)
        if lasting is None and not self.quiet and self.settings.action_faults and dice.percent(40):
            return ACTION_FAULTS[dice.one_of(self.settings.action_faults)]
        return lasting

    def is_on(self, fault: str) -> bool:
        """Whether a lasting fault is on."""
        return not self.quiet and self.until_ms.get(fault, -1) > self.now_ms

    # -- processes -------------------------------------------------------------------------------------------

    def start_process(self) -> None:
        """The trading process is started, unless one is running."""
        if self.process is not None and self.process.alive:
            return
        self.processes += 1
        self.process = Process(self, self.processes, self.policy)
        self.tell(f"process {self.processes} starts")
        self.process.start()

    def opened(self, process: Process) -> None:
        """A process became the writer."""
        assert process.rec is not None
        self.tell(f"process {process.number} is the writer of epoch {process.rec.get_status().epoch}")
        self.looked_at()

    def buried(self, process: Process) -> None:
        """A process died: it is buried, and another one is started before long."""
        self.tell(f"process {process.number} is dead")
        self._graves.append(self.loop.create_task(self._bury(process), context=contextvars.Context()))

    async def _bury(self, process: Process) -> None:
        await process.bury()
        pause_ms = self.dice("restart", process.number).between(1, RESTART_MS_MAX)
        self.loop.after_ms(100 if self.quiet else pause_ms, self.start_process)

    def appended(self, process: Process, first: int, events: Sequence[Event]) -> None:
        """A transaction was stored."""
        super().appended(process, first, events)
        if len(self.disk.written) % LOOKS_EVERY == 0:
            self.looked_at()

    def looked_at(self) -> None:
        """Whoever stands beside the journal looks at it, as soon as whoever works just now is done."""
        if self.beside is not None:
            self.loop.call_soon(self._look, self.beside, context=contextvars.Context())

    def _look(self, beside: Beside) -> None:
        self._looks += 1
        beside.look(self.dice("beside", self._looks).below(1_000))

    def broken(self, error: BaseException) -> None:
        """Something was raised that nobody may ever see."""
        self.errors.append(f"{type(error).__name__}: {error}")
        self.tell(f"raised {type(error).__name__}: {error}")

    def reported(self, process: Process, report: PassReport) -> None:
        """A pass was finished."""
        self.reports.append((self.loop.now_ns, process.number, report))
        self.tally.steps += 1

    def _unexpected(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.errors.append(f"{context.get('message')}: {error!r}")

    # -- messages --------------------------------------------------------------------------------------------

    def send(self, change: Change, *, delay_ms: int | None = None, pushed: bool = False, copies: int = 1) -> None:
        """The broker tells the process something, as fast and as surely as messages travel now."""
        number = len(self.letters) + len(self.heard)
        dice = self.dice("message", f"{self.now_ms}/{number}")
        if self.is_on("lost_message") and dice.percent(60):
            self.tally.fault("lost_message")
            self.tell(f"lost: {_brief(change)}")
            return
        if self.is_on("duplicate_message"):
            copies += 1
            self.tally.fault("duplicate_message")
        for _ in range(copies):
            late = self.is_on("late_message")
            if late:
                self.tally.fault("late_message")
            usual_ms = self.settings.message_ms_max
            slowest_ms = min(40 * usual_ms, LATE_MS_MAX) if late else usual_ms
            due_ms = delay_ms if delay_ms is not None else dice.between(1, slowest_ms)
            letter = Letter(change, pushed)
            self.letters.append(letter)
            self.loop.after_ms(due_ms, lambda letter=letter: self._deliver(letter))  # type: ignore[misc]

    def _deliver(self, letter: Letter) -> None:
        """It arrives; where nobody takes it, it comes again."""
        if letter not in self.letters:
            return
        self.tally.steps += 1
        if self.hand(letter):
            self.letters.remove(letter)
            self.heard.append(letter.change)
            self.told_ns[letter.change.symbol] = self.loop.now_ns
        else:
            self.loop.after_ms(REDELIVERED_MS, lambda: self._deliver(letter))

    def hand(self, letter: Letter) -> bool:
        """The process is told; whether it has written that down."""
        process = self.process
        if process is None or not process.alive or process.rec is None:
            return False
        self._letter = letter
        try:
            if letter.pushed:
                assert isinstance(letter.change, Fill)
                return process.push(PushedExecution(fill=letter.change))
            return process.hear(letter.change)
        finally:
            self._letter = None

    # -- the gate --------------------------------------------------------------------------------------------

    def may_send(self, symbol: str, quantity: Decimal) -> bool:
        """What the gate says to an order just now; the checkers will hold it against what was known."""
        found = probe(self, symbol, quantity)
        if found is None:
            return False
        self.probes.append(found)
        return found.permitted

    # -- the operator ----------------------------------------------------------------------------------------

    def operate(self, name: str, arguments: dict[str, str]) -> None:
        """An operator leaves a command in the inbox."""
        command = Command(name=name, who="ada", why="I looked at the terminal", arguments=arguments)
        inbox = open_inbox(self.disk.url, ACCOUNT)
        try:
            inbox.put(InboxItem(f"{name}-{self.loop.now_ns}", "ada", self.wall.now_ns(), command))
        finally:
            inbox.close()
        self.tell(f"the operator says {name} {' '.join(arguments.values())}")

    # -- the whole of it -------------------------------------------------------------------------------------

    def play(self) -> None:
        """Live through the scenario, to its end."""
        asyncio.events.set_event_loop(None)
        with self.loop.interruptible():
            try:
                self.loop.run_until_complete(self._lifetime())
            except BaseException:
                self._break_off()
                raise

    def _break_off(self) -> None:
        """Somebody pressed Ctrl-C, or the simulation itself broke: nothing stays behind that would complain later."""
        if self.process is not None:
            self.process.alive = False  # it is not buried, and nothing is started in its place
        for _ in range(BREAKING_OFF_MAX):
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            if not tasks:
                break
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    async def _lifetime(self) -> None:
        for number, lots in enumerate(self.settings.held):
            symbol = SYMBOLS[number % len(SYMBOLS)]
            ticket = self.exchange.next_id() if self.settings.mode == "hedging" else None
            self.exchange.move(symbol, lots * LOT, ticket)
            self.early[self.exchange.key(symbol, ticket)] = symbol
        self.loop.at_ms(1_000, self.start_process)
        for happening in self.scenario.happenings:
            self.loop.at_ms(happening.at_ms, lambda happening=happening: happenings.happen(self, happening))  # type: ignore[misc]
        await asyncio.sleep(self.scenario.quiet_ms / 1_000)
        await self._fall_quiet()
        await self._liveness()
        if self.process is not None and self.process.rec is not None:
            self.fed = self.process.rec.changes()
            self.live = None if self.process.ledger is None else self.process.ledger.state
            await self.process.stop()

    async def _fall_quiet(self) -> None:
        """Every fault stops; the process lives; what is on its way arrives."""
        self.quiet, self.quiet_ns = True, self.loop.now_ns
        self.tell("faults stop")
        self.disk.troubles.clear()
        self.disk.full = False
        self.start_process()
        for _ in range(600):
            await asyncio.sleep(1)
            self.start_process()
            if not self.letters and not self.executing.total():
                break
        rec = None if self.process is None else self.process.rec
        if not self.letters and rec is not None:
            self.agreed_position = rec.get_status().position
            self.agreed_truth = {key: row.signed_quantity for key, row in self.exchange.rows.items()}

    async def _liveness(self) -> None:
        """As long as the policy may need to agree; the operator is at hand."""
        settled_ms = self.now_ms + liveness_ms(self.policy, self.settings.lag_ms, acts=self.settings.lists_orders)
        while self.now_ms < settled_ms:
            await asyncio.sleep(self.policy.sync_interval_s)
            process = self.process
            if process is None or not process.alive or process.rec is None:
                self.start_process()
            elif process.rec.get_status().held:
                self.operate("ack", {"what": "mass-absence"})

    def close(self) -> None:
        """Forget the world."""
        if self.beside is not None:
            self.beside.close()
        self.disk.close()
        self.loop.close()


def liveness_ms(policy: Policy, lag_ms: int, *, acts: bool) -> int:
    """How long the liveness phase lasts: until what was in flight is not any more and the book is settled, and then
    as many passes as the longest proof takes, each of them far enough from the one before, and a few more."""
    interval_ms = policy.sync_interval_s * 1_000
    spacing_ms = max(lag_ms, policy.confirm_interval_ms, *policy.lag_ms_max.values(), 0)
    settle_ms = max(spacing_ms, policy.settle_ms or 0)
    each_ms = (spacing_ms // interval_ms + 2) * interval_ms
    orders_ms = 0
    if acts:
        attempts = 1 if policy.protect is None else 2 + policy.protect.retries_max
        orders_ms = (policy.action_queue_s_max * 1_000 + (policy.confirmations + 2) * each_ms) * attempts
    count = max(policy.confirmations, policy.confirmations_total) + QUIET_LOOKS
    return orders_ms + policy.in_flight_s_max * 1_000 + settle_ms + count * each_ms + policy.total_absence_s * 1_000


def _task(loop: asyncio.AbstractEventLoop, work: Work, **how: Any) -> asyncio.Task[Any]:
    """A task that knows whose it is, so that the process can be killed with all that it does."""
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **how)
    context: contextvars.Context = how.get("context") or contextvars.copy_context()
    owner = context.get(OWNER)
    if owner is not None:
        owner.adopt(task)
    return task


def _brief(change: Change) -> str:
    if isinstance(change, Fill):
        return f"fill {change.execution_id}: {change.side} {change.quantity} {change.symbol}"
    return f"{type(change).__name__} {change.symbol}"
