"""How does an input become durable decisions, one at a time, whoever calls?

The ledger holds the fold of one account and does *decide and append* under one short lock: an input and all that
it caused land in one transaction or not at all (law 7). The network is never under the lock. What readers see (the
state, the gate) is an immutable value, published after the append, read without any lock.
"""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from trueup import edge
from trueup.changes import Change, Command, Message
from trueup.claims import Claim as Claim
from trueup.claims import claim_facts
from trueup.decisions import Decision
from trueup.errors import InvariantBroken, JournalError
from trueup.events import Event
from trueup.facts import (
    ActionAnswered,
    ActionSent,
    AlertsDelivered,
    CorrectionsDelivered,
    ExecutionPushed,
    Fact,
    FillRecorded,
    InboxTaken,
    Observed,
    PassKind,
    Sought,
)
from trueup.gate import Gate
from trueup.gate_view import gate_view
from trueup.journal import InboxItem, Snapshot
from trueup.model import BrokerPosition, Key, Moment, Surface, exactly
from trueup.order_edge import with_orders
from trueup.ports import Answer, Clock, Outcome, Question
from trueup.reconciliation.decide import decide
from trueup.reconciliation.fold import fold
from trueup.reconciliation.saved import save
from trueup.reconciliation.state import FOLD_VERSION, State
from trueup.storage import JournalPort, Nowhere, no_collecting, rehydrate

SNAPSHOT_EVERY: Final = 5_000
"""Events between two snapshots of the fold."""
RAWS_WAITING_MAX: Final = 64
"""Raw replies that wait to be kept; beyond that the oldest is lost, and reported as missing (law 12)."""
INBOX_ITEMS_MAX: Final = 1_000
"""Inbox items copied in one transaction."""


class Asking(msgspec.Struct, frozen=True):
    """When a question was first asked."""

    moment: Moment
    position: int


class Committed(msgspec.Struct, frozen=True):
    """What one call added to the journal."""

    first: int
    """Position of the first event; one past the head when nothing was new."""
    head: int
    decisions: tuple[Decision, ...]


class Ledger:
    """One account's only writer. Thread-safe; every method returns when its effect is durable."""

    def __init__(self, journal: JournalPort, clock: Clock, claim: Claim) -> None:
        """Fold the journal, claim a new epoch, and adopt the policy where it differs.

        Raises InputError when the position mode contradicts the journal's, JournalError when it cannot be read
        or appended to.
        """
        self._journal = journal
        self._clock = clock
        self._lock = threading.Lock()
        self._state = rehydrate(journal.account, journal)
        self._epoch_tick_ns = clock.monotonic_ns()
        self._epoch = self._state.epoch + 1
        self._failure: str | None = None
        self._failed_tick_ns: int | None = None
        self._claim = claim
        self._claim_due = False
        self._raws: deque[bytes] = deque(maxlen=RAWS_WAITING_MAX)
        self._last_raw = b""
        self._given_rows: Mapping[Key, BrokerPosition] | None = None
        self._snapshot_position = self._state.position
        self.gate = Gate(clock.monotonic_ns, clock.wall_ns)
        with self._lock:
            self._begin_epoch()

    # -- reading -------------------------------------------------------------------------------------------

    @property
    def account(self) -> str:
        """The account whose journal this is."""
        return self._state.account

    @property
    def state(self) -> State:
        """The fold as of the last append: immutable, yours to keep."""
        return self._state

    @property
    def failure(self) -> str | None:
        """Why the journal could not be appended to, until an append succeeds again."""
        return self._failure

    def now(self) -> Moment:
        """This moment, as inputs carry it."""
        return Moment(self._clock.wall_ns(), self._clock.monotonic_ns() - self._epoch_tick_ns, self._epoch)

    def asking(self) -> Asking:
        """To be taken right before the first attempt at a question."""
        return Asking(self.now(), self._state.position)

    # -- inputs --------------------------------------------------------------------------------------------

    def record(self, changes: Change | Iterable[Change]) -> Committed:
        """Journal local changes, all in one transaction; durable when it returns.

        A fill whose execution id is already known with the same content adds nothing (L20). Raises InputError
        (nothing was recorded) or JournalError (nothing was recorded, and the gate is closed).
        """
        given = list(changes) if isinstance(changes, Iterable) else [changes]
        with self._lock:
            self._catch_up()
            at = self.now()
            facts = [edge.fact_of(change, at, self._state.policy) for change in given]
            return self._commit([fact for fact in facts if not self._is_repeat(fact)])

    def push(self, message: Message) -> Committed:
        """Journal what the broker pushed. A repeat of a known execution adds nothing."""
        with self._lock:
            self._catch_up()
            fact = edge.pushed_fact(message, self.now(), self._state.policy)
            return self._commit([] if self._is_repeat(fact) else [fact])

    def observe(
        self,
        surface: Surface,
        answer: Answer,
        asking: Asking,
        *,
        attempts: int = 1,
        pass_number: int | None = None,
        pass_kind: PassKind = "manual",
        identity: str = "",
        question: Question | None = None,
        connection: int = 0,
    ) -> Committed:
        """Journal one observation and all it causes.

        asking      when the first attempt was made
        pass_number the pass it belongs to; None: one of its own
        identity    given when the same observation may be handed in twice (law 5)
        question    what was asked, where that is more than the surface: which order, since when
        connection  which connection carried question and answer, from 1; 0: more than one, or unknown
        """
        received = self.now()
        received_position = self._state.position
        with self._lock:
            self._catch_up()
            if received.epoch != self._epoch:  # the account was claimed anew just now
                received = self.now()
            if identity and self._state.observation_ids.get(identity) is not None:
                return Committed(self._state.position + 1, self._state.position, ())
            fact = Observed(
                received,
                asked=asking.moment,
                asked_position=asking.position,
                received_position=received_position,
                surface=surface,
                source=self._state.source,
                dialect=answer.dialect,
                completeness=answer.completeness,
                why=answer.why,
                pass_number=self._state.pass_number + 1 if pass_number is None else pass_number,
                pass_kind=pass_kind,
                attempts=attempts,
                raw_digest=edge.digest_of(answer.raw),
                executions=tuple(
                    one
                    for one in answer.executions
                    if self._state.executions.get(one.execution_id) != one
                    and one.execution_id not in self._state.past_executions
                ),
                refused=tuple(answer.refused),
                id=identity,
                sought=None
                if question is None or surface != "order"
                else Sought(question.client_order_id, question.order_id),
                since_ns=None if question is None else question.since_ns,
                connection=connection,
            )
            if surface == "positions" and answer.completeness in ("complete", "partial"):
                fact = self._with_rows(fact, answer)
            if surface in ("open_orders", "order") and answer.completeness in ("complete", "partial"):
                fact = with_orders(self._state, fact, answer.orders)
            with no_collecting():
                committed = self._commit([fact])
            self._keep_raw(fact, answer.raw, committed)
            return committed

    def sending(self, client_id: str) -> Committed:
        """Journal that an action is about to be handed to the broker: durable before anything is sent (law 6)."""
        with self._lock:
            self._catch_up()
            return self._commit([ActionSent(self.now(), client_id)])

    def acted(self, client_id: str, outcome: Outcome, *, connection: int = 0) -> Committed:
        """Journal what sending an action once came to."""
        with self._lock:
            self._catch_up()
            fact = ActionAnswered(
                self.now(), client_id, outcome.state, outcome.why, outcome.order_id, edge.digest_of(outcome.raw),
                connection,
            )  # fmt: skip
            committed = self._commit([fact])
            if outcome.raw:
                self._raws.append(outcome.raw)
            return committed

    def judged(self, judge: Callable[[State, Moment], Sequence[Fact]]) -> Committed:
        """Journal what `judge` makes of the state as it is now: nothing comes in between."""
        with self._lock:
            self._catch_up()
            return self._commit(judge(self._state, self.now()))

    def command(self, command: Command) -> Committed:
        """Journal an operator's command and what it decides."""
        with self._lock:
            self._catch_up()
            return self._commit([edge.command_fact(command, self.now())])

    def take_inbox(self, items: Sequence[tuple[int, InboxItem, bytes]]) -> Committed:
        """Copy inbox items into the journal, in order, each exactly once."""
        with self._lock:
            self._catch_up()
            at = self.now()
            facts: list[Fact] = []
            for position, item, digest in items[:INBOX_ITEMS_MAX]:
                if position <= self._state.inbox_position:
                    continue
                facts.append(InboxTaken(at, position, digest))
                body = item.body
                fact = (
                    edge.command_fact(body, at)
                    if isinstance(body, Command)
                    else edge.fact_of(body, at, self._state.policy)
                )
                if not self._is_repeat(fact):
                    facts.append(fact)
            return self._commit(facts)

    def delivered(self, upto: int, failures: Sequence[tuple[int, str]] = ()) -> Committed:
        """Journal that the trading process was told of the corrections up to a position."""
        with self._lock:
            self._catch_up()
            return self._commit([CorrectionsDelivered(self.now(), upto, tuple(failures))])

    def alerts_delivered(
        self, channel: str, upto: int, *, messages: int = 0, failures: Sequence[tuple[int, str]] = ()
    ) -> Committed:
        """Journal that a channel was told of the alerts up to a position, or why it could not be."""
        with self._lock:
            self._catch_up()
            return self._commit([AlertsDelivered(self.now(), channel, upto, messages, tuple(failures))])

    def catch_up(self) -> None:
        """After a failure: find out where the journal stands, and claim a new epoch if our tenure was lost.

        Every input does so by itself; a pass does before it asks anybody. Raises JournalError while it cannot.
        """
        with self._lock:
            self._catch_up()

    # -- off the hot path ----------------------------------------------------------------------------------

    def maintain(self) -> None:
        """Keep raw replies that decisions cite, and a snapshot now and then: later transactions of their own."""
        waiting: list[bytes] = []
        while self._raws:
            waiting.append(self._raws.popleft())
        if waiting:
            self._journal.keep_raws(waiting)
        self._journal.maintain()
        if self._state.position - self._snapshot_position >= SNAPSHOT_EVERY:
            self.save_snapshot()

    def save_snapshot(self) -> None:
        """Keep the fold as it is now, so that the next start need not fold the whole journal."""
        with self._lock:
            self._catch_up()
            state, head = self._state, self._journal.head()
        self._journal.save_snapshot(Snapshot(head.position, head.digest, FOLD_VERSION, save(state)))
        self._snapshot_position = state.position

    def rehearsal(self) -> Ledger:
        """A ledger that goes on from here in memory: what it decides is journalled nowhere (dry runs)."""
        twin = copy.copy(self)
        with self._lock:
            self._catch_up()
            twin._journal = Nowhere(self.account, self._journal.head())
            twin._state = self._state
        twin._lock = threading.Lock()
        twin._raws = deque(maxlen=RAWS_WAITING_MAX)
        twin.gate = Gate(self._clock.monotonic_ns, self._clock.wall_ns)
        twin._publish(twin._state)
        return twin

    def close(self) -> None:
        """Keep what still waits, and let go of the account."""
        try:
            if self._failure is None:
                self.maintain()
        finally:
            self.gate.shut("the account was let go of: another process may have it by now")
            self._journal.close()

    # -- inside the lock -----------------------------------------------------------------------------------

    def _is_repeat(self, fact: Fact) -> bool:
        """An execution that is known by its id, with the same content and nothing to add."""
        if not isinstance(fact, FillRecorded | ExecutionPushed):
            return False
        return self._state.executions.get(fact.execution.execution_id) == fact.execution

    def _with_rows(self, fact: Observed, answer: Answer) -> Observed:
        """The observation with its rows; the very mapping that came last says that nothing changed."""
        if fact.completeness == "complete" and answer.positions is self._given_rows:
            view = self._state.view()
            return replace(fact, positions=edge.written(view, view.rows, edge.Change([], [])))
        fact = edge.with_rows(self._state, fact, answer.positions)
        if fact.completeness == "complete":
            self._given_rows = answer.positions
        return fact

    def _catch_up(self) -> None:
        """After an append that failed: fold what was stored after all, so that nothing is decided beside it.

        A commit whose answer was lost may have happened; the journal says so as soon as it can be read (law 7).
        Where the account's lock was lost with its connection, our tenure ended: a new epoch is claimed, and what
        was verified in the old one no longer opens the gate (law 9).
        """
        if self._failure is None and not self._journal.interrupted and not self._claim_due:
            return
        try:
            self._claim_due = self._journal.resume() or self._claim_due
            self._fold_on()
        except JournalError as error:
            self._failed(error)
            raise
        if self._claim_due:
            self._begin_epoch()
            self._claim_due = False

    def _begin_epoch(self) -> None:
        self._epoch_tick_ns, self._epoch = self._clock.monotonic_ns(), self._state.epoch + 1
        self._commit(claim_facts(self._state, self._claim, Moment(self._clock.wall_ns(), 0, self._epoch)))

    def _fold_on(self) -> None:
        state, head = self._state, self._journal.head()
        if head.position != state.position:  # up to ours and no further: what a rival appended behind it is not ours
            self._state = fold(state, self._journal.events(after=state.position, upto=head.position))

    @exactly
    def _commit(self, facts: Sequence[Fact]) -> Committed:
        """Decide on each fact in turn and append everything in one transaction."""
        before = self._state
        if not facts:
            return Committed(before.position + 1, before.position, ())
        state = before
        events: list[Event] = []
        decisions: list[Decision] = []
        for fact in facts:
            after = fold(state, [(state.position + 1, fact)])
            decided = decide(state, after, fact)
            events.append(fact)
            events.extend(decided.decisions)
            decisions.extend(decided.decisions)
            state = decided.state
        try:
            head = self._journal.append(events)
        except JournalError as error:
            self._failed(error)
            raise
        except BaseException as error:  # interrupted from outside, perhaps after the commit: the journal knows
            self._failed(JournalError(f"an append was interrupted by {type(error).__name__}"))
            raise
        if head.position != state.position:
            raise InvariantBroken(f"{state.account}: the fold is at {state.position}, the journal at {head.position}")
        recovered, self._failure = self._failure is not None, None
        self._state = state
        if recovered or state.gate is not before.gate or state.views is not before.views or _limited(state, before):
            self._publish(state)  # recording a fill changes none of that
        return Committed(before.position + 1, state.position, tuple(decisions))

    def _failed(self, error: JournalError) -> None:
        """Nothing was stored: the gate closes at once, and stays so until a later question verifies the book."""
        self._failure = f"the journal cannot be written: {error}"
        self._failed_tick_ns = self._clock.monotonic_ns()
        self._given_rows = None
        self._publish(self._state)

    def _publish(self, state: State) -> None:
        view = gate_view(
            state,
            epoch=self._epoch,
            epoch_tick_ns=self._epoch_tick_ns,
            failure=self._failure,
            failed_tick_ns=self._failed_tick_ns,
        )
        if view.failure is None:
            self._failed_tick_ns = None
        self.gate.publish(view)

    def _keep_raw(self, fact: Observed, raw: bytes, committed: Committed) -> None:
        """Raw replies that matter: what decisions cite, what was not complete, and the last before a change."""
        if not raw:
            return
        changed = fact.positions is not None and bool(fact.positions.stated or fact.positions.gone)
        if self._claim.keep_every_raw:
            self._raws.append(raw)
        elif fact.completeness != "complete" or committed.decisions or changed:
            if self._last_raw and fact.completeness == "complete":
                self._raws.append(self._last_raw)
            self._raws.append(raw)
            self._last_raw = b""
        else:
            self._last_raw = raw


def _limited(state: State, before: State) -> bool:
    changed = state.quarantine is not before.quarantine or state.policy is not before.policy
    return changed or state.overrides is not before.overrides
