"""Who carries alerts from the journal to each channel, without ever being in a pass's way?

A thread for each channel follows the journal by position: at least once, also when we die in between, because what was
told is journalled after the fact. News that come together are told together. A channel that fails is tried again, later
and later, as its service asks; the journal keeps what waits, and the others do not notice. The first failure of a row
is journalled too.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec
from msgspec.structs import replace

from trueup.clock import SystemClock
from trueup.decisions import Severity
from trueup.errors import InputError, TrueupError
from trueup.journal import JournalReader
from trueup.ledger import Ledger
from trueup.storage import rehydrate
from trueup_adapters.alerts.channels import Channel, Sent
from trueup_adapters.alerts.digest import MESSAGES_MAX, Message, compose
from trueup_adapters.alerts.news import RECALLED_MAX, Batch, Kind, News, Pending
from trueup_adapters.alerts.outage import Outage
from trueup_adapters.logs.secrets import hidden

POLL_MS: Final = 500
"""How often the journal's position is looked at."""
GATHER_MS: Final = 1_000
"""How long news are gathered before they are told together."""
WINDOW_MS: Final = 60_000
"""Within which a channel gets at most MESSAGES_MAX messages."""
BACKOFF_MS: Final = (1_000, 5_000, 15_000, 60_000, 300_000)
"""How long a failing channel is left alone, where its service does not say."""
REFUSALS_MAX: Final = 3
"""Tries of a message that a service refuses as such; then it is given up, and the next one says so."""
PROGRESS_EVENTS: Final = 5_000
"""So many events without anything to tell are journalled as told."""
CHANNELS_MAX: Final = 20
STOP_S: Final = 5
"""How long a stop waits for a message under way."""
_MS: Final = 1_000_000


class Told(Protocol):
    """The account that is told of: a `Reconciler` or `AsyncReconciler`."""

    @property
    def account(self) -> str: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def journal(self) -> JournalReader: ...


class Rule(msgspec.Struct, frozen=True):
    """What one channel is told."""

    channel: Channel
    severity: Severity = "warning"
    """Alerts below it are not told."""
    resolved: bool = True
    """Whether the end of alerted breaks is told."""


class Standing(msgspec.Struct, frozen=True):
    """How one channel stands."""

    channel: str
    upto: int
    waiting: int
    """News that it has not been told yet."""
    messages: int
    """Sent since this process began."""
    failures: int
    """Tries in a row that brought nothing."""
    failure: str | None
    """What went wrong last, until something goes through again."""


class Messenger:
    """Tells channels of one account's alerts for as long as it is open. Use it as a context manager."""

    def __init__(
        self,
        rec: Told,
        rules: Sequence[Rule],
        *,
        command: str,
        details: str = "",
        monotonic_ns: Callable[[], int] | None = None,
        gather_ms: int = GATHER_MS,
        note: Callable[[str], object] | None = None,
    ) -> None:
        """
        rec      the account, open; close the messenger before it
        rules    the channels; names must differ
        command  what lists every alert in full, as people would type it
        details  what lists the open breaks; '' for nothing
        note     told, in a sentence, when a channel begins to fail and when it is back

        Raises InputError for two channels of one name, or too many.
        """
        names = [rule.channel.name for rule in rules]
        if len(set(names)) != len(names):
            raise InputError(f"alert channels: two are called {max(names, key=names.count)!r}; give each its own name")
        if len(names) > CHANNELS_MAX:
            raise InputError(f"alert channels: {len(names)} of them; {CHANNELS_MAX} are allowed")
        clock = monotonic_ns or SystemClock().monotonic_ns
        self._runners = [
            Runner(rec, rule, command, clock, gather_ms, note or _unheard, details=details) for rule in rules
        ]

    def start(self) -> None:
        """Begin to tell, with what an earlier process left untold."""
        for runner in self._runners:
            runner.start()

    def stop(self) -> None:
        """Tell what is there, where that goes at once, and end. What does not go is told by the next process."""
        for runner in self._runners:
            runner.stop()
        for runner in self._runners:
            runner.join()

    def standings(self) -> tuple[Standing, ...]:
        """How each channel stands, by name."""
        return tuple(sorted((runner.standing for runner in self._runners), key=lambda one: one.channel))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _unheard(_: str) -> None:
    """Nobody asked to be told."""


class Runner:
    """One channel's thread. `step` does what is due at a moment, so that a test needs neither thread nor time."""

    def __init__(
        self,
        rec: Told,
        rule: Rule,
        command: str,
        monotonic_ns: Callable[[], int],
        gather_ms: int,
        note: Callable[[str], object],
        *,
        details: str = "",
    ) -> None:
        self._rec = rec
        self._rule = rule
        self._channel = rule.channel
        self._command = command
        self._details = details
        self._monotonic_ns = monotonic_ns
        self._gather_ns = gather_ms * _MS
        self._note = note
        self._stopping = threading.Event()
        self._pending: Pending | None = None
        self._seen_ns: int | None = None  # when the oldest of what waits was read
        self._batch: Batch | None = None
        self._left: deque[Message] = deque()
        self._parts = 0
        self._sent_ns: deque[int] = deque(maxlen=MESSAGES_MAX)
        self._not_before_ns = 0
        self._messages = self._failures = self._refusals = self._lost = 0
        self._failure: str | None = None
        self._outage = Outage()
        self._trouble: str | None = None  # with our own journal
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, name=f"trueup-alerts-{self._channel.name}", daemon=True)

    @property
    def standing(self) -> Standing:
        """How it stands."""
        pending, batch = self._pending, self._batch
        waiting = (pending.waiting if pending else 0) + (batch.count if batch else 0)
        failure = self._failure or self._trouble
        return Standing(self._channel.name, self._upto(), waiting, self._messages, self._failures, failure)

    def start(self) -> None:
        """Begin. A channel that is new hears of what comes from here on, and that is journalled at once: what is
        raised next is told even if we die before."""
        ledger, name = self._rec.ledger, self._channel.name
        state = ledger.state
        if name not in dict(state.alerts_delivered):
            ledger.alerts_delivered(name, state.position)
            self._pending = self._reading(state.position)
            self._pending.know(state)
        self._thread.start()

    def stop(self) -> None:
        """Tell what goes at once, then end."""
        self._stopping.set()

    def join(self) -> None:
        """Wait for the end, but not for a service that hangs: what it was being told is told again."""
        self._thread.join(STOP_S)
        self._abandoned = True

    def _run(self) -> None:
        while not self._stopping.is_set():
            wait_ms = self._guarded_step(stopping=False)
            self._stopping.wait(min(wait_ms, POLL_MS) / 1000)
        until_ns = self._monotonic_ns() + STOP_S * 1000 * _MS
        pause = threading.Event()
        while True:
            wait_ms = self._guarded_step(stopping=True)
            if not self._left or self._failures or self._monotonic_ns() + wait_ms * _MS > until_ns:
                return  # what is left is told by the next process
            pause.wait(wait_ms / 1000)

    def _guarded_step(self, *, stopping: bool) -> int:
        if self._abandoned:
            return POLL_MS
        try:
            wait_ms = self.step(stopping=stopping)
        except TrueupError as error:  # our own store: the gate is closed already; what waits stays in the journal
            if self._trouble is None and not self._abandoned:
                self._note(f"alerts on {self._channel.name}: {error}")
            self._trouble = str(error)
            return POLL_MS
        self._trouble = None
        return wait_ms

    def _reading(self, upto: int) -> Pending:
        return Pending(upto=upto, threshold=self._rule.severity, resolved=self._rule.resolved)

    def _prepare(self) -> Pending:
        """Where an earlier process left off; or, where that was archived and the archive is elsewhere, where the
        journal begins now: said and journalled, for nobody is told what was raised before."""
        upto, name, account = self._upto(), self._channel.name, self._rec.account
        try:
            return self._resumed(upto)
        except TrueupError:
            base = self._rec.journal.bases.get(account)
            if base is None or base.position <= upto:
                raise
            why = f"events {upto + 1} to {base.position} were archived, and the archive cannot be read: not told"
            pending = self._reading(base.position)  # what was alerted before it, nobody here knows
            self._rec.ledger.alerts_delivered(name, base.position, failures=[(upto + 1, why)])
            self._note(f"alerts on {name}: {why}")
            return pending

    def _resumed(self, upto: int) -> Pending:
        """With the breaks that were alerted by then, and whether the broker was silent."""
        pending = self._reading(upto)
        pending.know(rehydrate(self._rec.account, self._rec.journal, upto=upto))
        try:
            for recorded in self._rec.journal.read(after=max(0, upto - RECALLED_MAX), upto=upto):
                pending.recall(recorded.event)
        except TrueupError:
            pass  # that part was archived, and is elsewhere: a silence may be told twice, and nothing else is lost
        return pending

    def step(self, *, stopping: bool = False) -> int:
        """Read what is new, and send at most one message. Returns after how many ms there may be something to do.

        Raises TrueupError when the journal cannot be read or appended to; nothing is lost then.
        """
        now_ns = self._monotonic_ns()
        if self._told_of_outage(now_ns):
            return POLL_MS
        if self._pending is None:
            self._pending = self._prepare()
        pending = self._pending
        self._read(pending, now_ns)
        if self._batch is None and not self._gathered(pending, now_ns, stopping=stopping):
            return POLL_MS
        wait_ms = self._paced_ms(now_ns)
        if wait_ms:
            return wait_ms
        batch = self._batch
        assert batch is not None
        outcome = self._channel.send(self._left[0])
        if outcome.state == "sent":
            self._sent(batch)
        else:
            self._not_sent(batch, outcome)
        return 0 if self._left and not self._failures else POLL_MS

    def _read(self, pending: Pending, now_ns: int) -> None:
        head = self._rec.ledger.state.position
        if head == pending.upto:
            return
        for recorded in self._rec.journal.read(after=pending.upto, upto=head):
            pending.read(recorded.position, recorded.event)
        if pending.waiting and self._seen_ns is None:
            self._seen_ns = now_ns
        if self._batch is None and not pending.waiting and pending.upto - self._upto() >= PROGRESS_EVENTS:
            # Nothing was to be told for long: the next process need not read all that again, nor want its archive.
            self._rec.ledger.alerts_delivered(self._channel.name, pending.upto)

    def _gathered(self, pending: Pending, now_ns: int, *, stopping: bool) -> bool:
        """Whether what waits makes a batch now: after gathering for a while, and while the window has room."""
        if self._seen_ns is None or (not stopping and now_ns - self._seen_ns < self._gather_ns):
            return False
        if now_ns < self._not_before_ns:
            return False
        budget = self._budget(now_ns)
        if budget <= 0 or (batch := pending.take()) is None:
            return False
        self._seen_ns = None
        shown = self._written(batch, budget, lost=self._lost, details=self._details)
        self._batch, self._left, self._parts = batch, deque(shown), len(shown)
        return True

    def _budget(self, now_ns: int) -> int:
        """How many messages the window has room for."""
        return MESSAGES_MAX - sum(now_ns - sent_ns < WINDOW_MS * _MS for sent_ns in self._sent_ns)

    def _written(self, batch: Batch, most: int, *, lost: int = 0, details: str = "") -> list[Message]:
        channel = self._channel
        messages = compose(
            batch, account=self._rec.account, command=self._command, body_max=channel.body_max, messages_max=most,
            markdown=channel.markdown, lost=lost, details=details,
        )  # fmt: skip
        # A broker may repeat a secret in its reason; where it goes from here nobody knows who reads it.
        return [replace(one, title=hidden(one.title), body=hidden(one.body)) for one in messages]

    def _told_of_outage(self, now_ns: int) -> bool:
        """Whether the channel was just told that our journal cannot be written, or can be again: directly, and
        journalled afterwards, when that goes."""
        ledger, outage = self._rec.ledger, self._outage
        word = outage.due(ledger.failure, now_ns)
        if word is None or self._paced_ms(now_ns) or self._budget(now_ns) <= 0:
            return False
        if self._rule.resolved or not word.over:
            at, position = ledger.now(), ledger.state.position
            kind: Kind = "resolved" if word.over else "alert"
            news = News(kind, position, at.at_ns, word.severity, "journal-failing", word.text)
            batch = Batch(position, position, (news,), criticals=int(not word.over))
            outcome = self._channel.send(self._written(batch, 1)[0])
            if outcome.state != "sent":
                self._put_off(outcome)
                return False
            self._went(now_ns)
            outage.messages += 1
        outage.told(word)
        if word.over and not self._abandoned:
            messages, outage.messages = outage.messages, 0
            ledger.alerts_delivered(self._channel.name, self._upto(), messages=messages)
        return True

    def _upto(self) -> int:
        """How far the journal says that the channel has been told."""
        return dict(self._rec.ledger.state.alerts_delivered).get(self._channel.name, 0)

    def _paced_ms(self, now_ns: int) -> int:
        """How long the next message has to wait."""
        due_ns = self._not_before_ns
        if self._sent_ns:
            due_ns = max(due_ns, self._sent_ns[-1] + self._channel.spacing_ms * _MS)
        return max(0, -(-(due_ns - now_ns) // _MS))

    def _went(self, now_ns: int) -> None:
        """A message has gone out."""
        self._sent_ns.append(now_ns)
        self._messages += 1
        if self._failure is not None:
            self._note(f"alerts on {self._channel.name}: told again")
        self._failures = self._refusals = 0
        self._failure = None

    def _sent(self, batch: Batch) -> None:
        self._went(self._monotonic_ns())
        self._left.popleft()
        if not self._left:
            self._lost = 0
            self._done(batch, messages=self._parts)

    def _not_sent(self, batch: Batch, outcome: Sent) -> None:
        first = self._failures == 0
        self._put_off(outcome)
        if outcome.state == "refused":
            self._refusals += 1
            if self._refusals >= REFUSALS_MAX:
                self._lost += batch.count
                self._failures = self._refusals = 0
                self._done(batch, messages=self._parts - len(self._left), failure=f"given up: {outcome.why}")
                return
        if first and not self._abandoned:
            self._rec.ledger.alerts_delivered(self._channel.name, self._upto(), failures=[(batch.first, outcome.why)])

    def _put_off(self, outcome: Sent) -> None:
        """A message did not go out: leave the channel alone for a while."""
        why = outcome.why
        if self._failure is None:
            told = why.rstrip(".")
            self._note(f"alerts on {self._channel.name} do not go out: {told}; they are kept, and tried again")
        self._failures += 1
        self._failure = why
        wait_ms = BACKOFF_MS[min(self._failures, len(BACKOFF_MS)) - 1]
        self._not_before_ns = self._monotonic_ns() + max(wait_ms, outcome.wait_ms or 0) * _MS

    def _done(self, batch: Batch, *, messages: int, failure: str | None = None) -> None:
        """Forget the batch first: if the journal fails now, it is told again by the next process, not by this one."""
        self._batch, self._parts = None, 0
        self._left.clear()
        if self._abandoned:
            return  # the account is closed by now
        failures = () if failure is None else ((batch.first, failure),)
        self._rec.ledger.alerts_delivered(self._channel.name, batch.upto, messages=messages, failures=failures)
