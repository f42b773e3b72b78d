"""What can be asked of one account, whichever face asks?

The common part of `Reconciler` and `AsyncReconciler`: recording, looking, and one pass as a coroutine. Recording is
local and durable when it returns; what the outside does becomes results; only broken laws and broken journals raise.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from trueup.audit import AuditEntry, entry, sentence
from trueup.book import Book
from trueup.breaker import BreakerStatus, breaker_of
from trueup.changes import Change, Command, Message
from trueup.decisions import ActionRequested, GateStatus, RecordRefused
from trueup.deliveries import BookChange, Courier, OnCorrection, changes_after
from trueup.errors import InputError, JournalError, PolicyError
from trueup.facts import PassKind
from trueup.gate import Gate, Intent
from trueup.journal import Durability, Head, JournalReader, open_inbox, open_reader, open_writer
from trueup.ledger import Claim, Committed, Ledger
from trueup.model import BrokerPosition, PositionMode, account_of, elapsed_ns
from trueup.passes import Passes
from trueup.policy import Policy
from trueup.ports import Broker, Capabilities, Clock
from trueup.proving import Proof, Prover
from trueup.report import (
    ActionRow,
    BreakRow,
    OrphanRow,
    PassReport,
    action_rows,
    break_rows,
    failed_report,
    iso,
    open_breaks,
    orphan_rows,
)
from trueup.standing import OverrideRow, PermitRow, override_rows, permit_rows

NS: Final = 1_000_000_000
INBOX_POLL_S: Final = 0.2
"""How often the inbox and the broker's connection are looked at."""
AUDIT_MAX: Final = 100_000
"""Entries that one call returns at most (law 12)."""
CHANGES_MAX: Final = 100_000


class Commanded(msgspec.Struct, frozen=True):
    """What became of a command."""

    position: int
    """The journal's last position behind it."""
    refused: bool
    decisions: tuple[str, ...]
    """What was decided, one sentence each."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand, without asking anybody."""

    account: str
    epoch: int
    position: int
    """The journal's last position."""
    gate: GateStatus
    """The narrowest that holds anywhere on the account; `limited` and `quarantine` say where."""
    gate_why: str
    limited: dict[str, str]
    """Symbols that may only be reduced, and why."""
    policy: str
    position_mode: PositionMode
    positions: int
    """In the book."""
    open_breaks: int
    breaks: tuple[BreakRow, ...]
    open_since: dict[str, str]
    """By the id of an open break: when it was first seen, ISO 8601, UTC."""
    held: int
    """Positions that a mass absence holds back."""
    quarantine: dict[str, str]
    verified_at: str | None
    """When the question behind the last answer was asked, ISO 8601, UTC; None: never."""
    latency_ms: int | None
    """How long the last question about positions took to be answered, or to fail; None: never asked."""
    failures: int
    """Questions about positions in a row that brought nothing."""
    breaker: BreakerStatus
    actions: tuple[ActionRow, ...]
    """What was asked of the broker and is not settled."""
    orders: int
    """Working orders in the book."""
    orphans: tuple[OrphanRow, ...]
    """Orders that work at the broker and that nobody here knows."""
    unprotected: dict[str, str]
    """Positions without a working stop, while the policy asks for one, by key, and why."""
    last_pass: PassReport | None
    overrides: tuple[OverrideRow, ...] = ()
    """By whose word orders pass although the evidence does not support it."""
    permits: tuple[PermitRow, ...] = ()
    """For reducing orders that were not recorded yet."""
    failure: str | None
    """Why the journal could not be written, until it can again."""
    size_bytes: int


class Shell:
    """What both faces share: everything that asks nobody."""

    def __init__(
        self,
        ledger: Ledger,
        reader: JournalReader,
        url: str,
        broker: Broker | None,
        clock: Clock,
        on_correction: OnCorrection | None,
    ) -> None:
        self._ledger = ledger
        self._reader = reader
        self._inbox = open_inbox(url, ledger.account)
        self._inbox_waits = True
        self._broker = broker
        self._clock = clock
        self._passes = None if broker is None else Passes(ledger, broker, clock)
        self._courier = None if on_correction is None else Courier(ledger, reader, on_correction)
        self._last: PassReport | None = None
        self._due_ns = 0
        self._requested = False
        self._passed = False
        self._closed = False
        self._connections = 0 if broker is None else broker.connections
        self._book = Book(ledger.state)
        self._read_inbox()
        if self._courier is not None:
            self._courier.start()

    # -- the book's word -----------------------------------------------------------------------------------

    @property
    def account(self) -> str:
        """`broker:id`."""
        return self._ledger.account

    @property
    def gate(self) -> Gate:
        """Ask it before sending an order: `gate.check(intent)`."""
        return self._ledger.gate

    @property
    def book(self) -> Book:
        """The book as of now; take it once, and what it says belongs together."""
        state = self._ledger.state
        if self._book.position != state.position:
            self._book = Book(state)
        return self._book

    @property
    def ledger(self) -> Ledger:
        """What decides and appends. For adapters that look at the whole fold, or journal what they did for the account
        on a thread of their own (alerts); a trading process needs nothing of it."""
        return self._ledger

    @property
    def journal(self) -> JournalReader:
        """The account's journal, for whoever follows it by position. Any thread may read; closed with this."""
        return self._reader

    @property
    def breaker(self) -> BreakerStatus:
        """Profit and loss of the day, losses in a row, drawdown and exposure, rebuilt from the journal: the same after
        a crash as without one."""
        return breaker_of(self._ledger.state, self._clock.wall_ns())

    @property
    def broker_positions(self) -> tuple[BrokerPosition, ...]:
        """The broker's side as its last complete answer stated it, in key order."""
        rows = self._ledger.state.view().rows
        return tuple(rows[key] for key in sorted(rows))

    def record(self, changes: Change | Iterable[Change]) -> int:
        """Journal local changes, all or none; durable when it returns. Returns the journal's last position.

        Raises InputError for what cannot be meant, JournalError when our own store fails; nothing was recorded.
        """
        return self._told(self._ledger.record(changes))

    def observe(self, message: Message) -> int:
        """Journal what the broker pushed. A pushed execution that the book lacks enters as a `missed-fill`; a
        pushed state corrects nothing and makes the next pass due at once."""
        position = self._told(self._ledger.push(message))
        self._request_pass()
        return position

    def command(self, command: Command) -> int:
        """Journal an operator's command and what it decides. Returns the journal's last position."""
        return self.commanded(command).position

    def commanded(self, command: Command) -> Commanded:
        """Journal an operator's command; what it decided, in sentences. `who` is yours to vouch for."""
        committed = self._ledger.command(command)
        refused = any(isinstance(one, RecordRefused) for one in committed.decisions)
        return Commanded(self._told(committed), refused, tuple(sentence(one) for one in committed.decisions))

    def _told(self, committed: Committed) -> int:
        if self._courier is not None and committed.decisions:
            self._courier.wake()
        if any(isinstance(one, ActionRequested) for one in committed.decisions):
            self._request_pass()  # actions are sent by passes, right after asking what is live
        return committed.head

    # -- looking -------------------------------------------------------------------------------------------

    def changes(self, after: int = 0) -> list[BookChange]:
        """What trueup changed in the book after a cursor (a journal position), oldest first; pass the last
        one's `cursor` next time."""
        found: list[BookChange] = []
        for change in changes_after(self._reader, self._ledger.state, after):
            if len(found) >= CHANGES_MAX and change.cursor != found[-1].cursor:
                break
            found.append(change)
        return found

    def get_audit_trail(self, limit: int = 1000) -> list[AuditEntry]:
        """The journal's last entries, oldest first, told in sentences."""
        if limit < 1:
            raise InputError(f"limit is {limit}; it must be at least 1")
        limit = min(limit, AUDIT_MAX)
        head = self._ledger.state.position
        return [entry(recorded) for recorded in self._reader.read(after=max(0, head - limit), upto=head)]

    def get_status(self) -> Status:
        """How things stand, without asking anybody."""
        state = self._ledger.state
        view = state.view()
        return Status(
            account=state.account,
            epoch=state.epoch,
            position=state.position,
            gate=self.gate.narrowest,
            gate_why=self.gate.why,
            limited=dict(state.gate.symbols),
            policy=state.policy.preset,
            position_mode=state.mode,
            positions=len(state.book),
            open_breaks=sum(len(breaks) for breaks in (*state.breaks.values(), *state.order_breaks.values())),
            breaks=break_rows(state, ()),
            open_since={one.id: iso(one.opened.at_ns) for one in open_breaks(state)},
            held=0 if state.hold is None else len(state.hold.missing),
            quarantine={scope: state.quarantine[scope].why for scope in sorted(state.quarantine)},
            verified_at=iso(view.answered.at_ns) if view.answered.at_ns else None,
            latency_ms=max(0, elapsed_ns(view.asked, view.received)) // 1_000_000 if view.position else None,
            failures=view.failures,
            breaker=self.breaker,
            actions=action_rows(state, ()),
            orders=len(state.orders),
            orphans=orphan_rows(state),
            unprotected={key: state.guards[key].why for key in sorted(state.guards)},
            last_pass=self._last,
            overrides=override_rows(state, self._clock.wall_ns()),
            permits=permit_rows(state, self._clock.wall_ns()),
            failure=self._ledger.failure,
            size_bytes=self._reader.size_bytes(),
        )

    # -- passes --------------------------------------------------------------------------------------------

    async def _pass(self, kind: PassKind, *, timeout_s: float | None = None, dry_run: bool = False) -> PassReport:
        """One pass; our own store failing is a FAILED report here, and raises where one records."""
        if self._passes is None or self._broker is None:
            raise InputError(f"{self.account}: opened without a broker, so there is nobody to ask")
        if not self._passed and kind == "periodic":
            kind = "startup"  # each epoch's first pass is the start-up pass
        if dry_run:
            rehearsal = Passes(self._ledger.rehearsal(), self._broker, self._clock, acts=False)
            return await rehearsal.run(kind, timeout_s=timeout_s)
        self._requested = False
        connected = self._broker.connections
        try:
            self._take_inbox()
            done = await self._passes.run(kind, timeout_s=timeout_s)
        except JournalError as error:
            done = failed_report(self.account, kind, str(error), self._clock.wall_ns())
        self._last = done
        self._passed = True
        if not connected:
            self._connections = self._broker.connections  # the first connection is no reconnect
        pause_s = 0 if self._requested else self._ledger.state.policy.sync_interval_s
        self._due_ns = self._clock.monotonic_ns() + pause_s * NS
        if self._courier is not None:
            self._courier.wake()
        return done

    async def _prove(self, intent: Intent, timeout_s: float) -> Proof:
        """A permit for a reducing order, or why there is none."""
        if self._broker is None:
            raise InputError(f"{self.account}: opened without a broker, so there is nobody to ask for a proof")
        proof = await Prover(self._ledger, self._broker, self._clock).prove(intent, timeout_s)
        if self._courier is not None:
            self._courier.wake()  # what the broker answered may have corrected the book
        return proof

    def _request_pass(self) -> None:
        """A full pass is due now, or as soon as the one under way is done."""
        self._requested = True
        self._due_ns = 0

    def _take_inbox(self) -> None:
        """Copy what others left for this account, exactly once."""
        if self._inbox.changed() or self._inbox_waits:
            self._inbox_waits = True  # what cannot be taken now is looked for again, though nothing newer comes
            self._read_inbox()
            self._inbox_waits = bool(self._inbox.read(after=self._ledger.state.inbox_position))

    def _read_inbox(self) -> None:
        items = self._inbox.read(after=self._ledger.state.inbox_position)
        if items:
            self._told(self._ledger.take_inbox(items))

    async def _watch(self) -> None:
        """Look after the inbox and the connection while nobody calls."""
        while True:
            await self._clock.sleep(INBOX_POLL_S)
            try:
                self._take_inbox()
            except JournalError:
                continue  # the ledger has closed the gate and says why; the items stay in the inbox
            if self._broker is not None and self._broker.connections != self._connections:
                again = self._connections or self._last is not None  # the first pass makes the first connection
                self._connections = self._broker.connections
                if again:
                    self._request_pass()  # a reconnect: what was missed meanwhile nobody will send again (L10)

    async def _close_broker(self) -> None:
        if self._broker is not None:
            await self._broker.close()

    def _let_go(self) -> None:
        if self._courier is not None:
            self._courier.stop()
        self._inbox.close()
        self._reader.close()
        # The writer last: only a connection that may write clears away the write-ahead log, and without that the
        # store's one file would hold next to nothing for whoever copies it after a clean end (law 7).
        self._ledger.close()


def default_policy(environment: Mapping[str, str]) -> Policy:
    """`Policy.adopt()`, with `SYNC_INTERVAL_SEC` where the environment sets it. Raises PolicyError."""
    text = environment.get("SYNC_INTERVAL_SEC", "").strip()
    if not text:
        return Policy.adopt()
    if not text.isascii() or not text.isdigit():
        raise PolicyError(f"SYNC_INTERVAL_SEC is {text!r}; it must be a whole number of seconds, for example 15")
    return Policy.adopt(sync_interval_s=int(text))


def open_ledger(
    url: str,
    account: str,
    *,
    broker: Broker | None,
    policy: Policy | None,
    clock: Clock,
    durability: Durability,
    position_mode: PositionMode | None,
    baseline: bool,
    delivers: bool,
    wait_s: float,
    head: Head | None = None,
    restored: bool = False,
    keep_every_raw: bool = False,
) -> tuple[Ledger, JournalReader]:
    """Take the account's lock and claim a new epoch.

    Raises WriterFenced when another process holds the account, InputError for an unusable address, account or
    mode, JournalError when the store cannot be read or written. Nothing stays locked then.
    """
    _check_given(broker, policy)
    claim = Claim(
        policy=policy or default_policy(os.environ),
        position_mode=position_mode or (None if broker is None else broker.capabilities.position_mode),
        source="" if broker is None else broker.capabilities.source,
        lag_ms_max={} if broker is None else broker.capabilities.lag_ms_max,
        surfaces=frozenset() if broker is None else broker.capabilities.surfaces,
        actions=frozenset() if broker is None else broker.capabilities.actions,
        can_reduce_only=broker is not None and broker.capabilities.can_reduce_only,
        restored=restored,
        baseline=baseline,
        delivers=delivers,
        keep_every_raw=keep_every_raw,
    )
    writer = open_writer(url, account_of(account), durability=durability, wait_s=wait_s, head=head, restored=restored)
    try:
        ledger = Ledger(writer, clock, claim)
        reader = open_reader(url, account)
    except BaseException:
        writer.close()
        raise
    return ledger, reader


def _check_given(broker: object, policy: object) -> None:
    """Raises InputError for what is no broker or no policy: an address in a broker's place is easily written."""
    if policy is not None and not isinstance(policy, Policy):
        raise InputError(f"policy is {str(policy)[:40]!r}, a {type(policy).__name__}; give one, such as Policy.adopt()")
    if broker is not None and not isinstance(getattr(broker, "capabilities", None), Capabilities):
        raise InputError(
            f"broker is a {type(broker).__name__}, which states no capabilities; give an adapter, such as "
            "Mt5Broker('tcp://127.0.0.1:5555')"
        )
