"""How is an incident that was recorded elsewhere decided as if it were live?

Its lines are the inputs, and its times the clock. Answers are observed under the line's mark; local changes and
commands go through the account's inbox under it, as any other process's do: so each line is journalled exactly once,
in one transaction with all it causes (law 7), and a second run goes on behind the last one (law 5).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import BinaryIO, Final

import msgspec

from trueup import edge
from trueup.changes import Command
from trueup.decisions import BreakMoved, Decision, FillAdopted
from trueup.errors import InputError, StoreUrlError
from trueup.facts import InboxTaken, Observed, PassKind, WriterClaimed
from trueup.incident.lines import Line, LineRefused, Seen, is_blank, line_of
from trueup.incident.recording import LINE_BYTES_MAX, Mark, RawLine, Recording, mark_of
from trueup.incident.rows import Rules
from trueup.journal import Head, Inbox, InboxItem, JournalReader, accounts, open_inbox, open_reader, open_writer
from trueup.ledger import Claim, Ledger
from trueup.model import PositionMode, account_of
from trueup.policy import Policy
from trueup.reconciliation.state import State
from trueup.report import iso
from trueup.storage import rehydrate

SOURCE: Final = "recording"
"""What such a journal's epochs name as the one they ask."""
REFUSED_KEPT_MAX: Final = 1_000
"""Refused lines that the result names; all are told as they come (law 12)."""
_TAIL: Final = 1_000

Tell = Callable[[int, str], None]
"""Told of a line: its number, and a sentence."""


class Refused(msgspec.Struct, frozen=True):
    """One line that could not be meant."""

    line: int
    why: str


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What an import came to."""

    account: str
    lines: int
    """In the file, as far as it was read."""
    taken: int
    """Journalled by this run."""
    before: int
    """The last line that an earlier run had journalled; 0 for none."""
    refused: tuple[Refused, ...]
    refused_count: int
    backwards: int
    """Lines whose time lies before that of an earlier one."""
    events: int
    """Journalled by this run."""
    decisions: int
    corrections: int
    position: int
    """Where the journal ends."""
    digest: str
    open_breaks: int
    gate: str


class RecordedClock:
    """The time that the lines say. It runs forwards only: a line from before leaves the monotonic time standing, so
    that no interval ever seems longer than the recording proves (L16)."""

    def __init__(self, at_ns: int) -> None:
        self._wall_ns = self._latest_ns = at_ns

    def wall_ns(self) -> int:
        """As the current line says."""
        return self._wall_ns

    def monotonic_ns(self) -> int:
        """The latest time that any line has said."""
        return self._latest_ns

    async def sleep(self, seconds: float) -> None:
        """Nothing here waits: only lines move the time."""
        raise InputError(f"a recording was asked to wait {seconds} s; only its lines move its time")

    def reach(self, at_ns: int) -> int:
        """The current line's time; how many nanoseconds it lies before the latest."""
        self._wall_ns = at_ns
        back_ns = max(0, self._latest_ns - at_ns)
        self._latest_ns = max(self._latest_ns, at_ns)
        return back_ns


def import_incident(
    stream: BinaryIO,
    url: str,
    *,
    account: str | None = None,
    name: str = "recording",
    policy: Policy | None = None,
    mode: PositionMode | None = None,
    baseline: bool = True,
    refused: Tell = lambda line, why: None,
    noted: Tell = lambda line, said: None,
) -> Imported:
    """Decide a recording into the store at `url`, line by line; see `lines` for what a line says.

    account   whose incident; None: as the lines say, or the store's only one, else `import:NAME`
    policy    None: `Policy.adopt()`, and that of the journal when going on
    mode      None: hedging where the first positions that are listed carry tickets, else netting
    refused   told of each line that cannot be meant; the others count
    noted     told of each line whose time lies before that of an earlier one

    Run again, it goes on behind the last journalled line. Raises InputError for another file than the journal's, for
    a journal that was not imported, and where nothing in the file can be meant; JournalError, WriterFenced.
    """
    recording = Recording(stream)
    account = account_of(account) if account else _only_account(url)
    state, mark = (None, None) if account is None else _standing(url, account)
    if mark is not None and (why := recording.skip_to(mark)) is not None:
        raise InputError(
            f"{account}: the store holds lines of another recording: {why}. Import this one into another store or "
            "account; a recording that has grown is recognised by its beginning"
        )
    hints = recording.hints()
    if state is None or mark is None:
        if not hints:
            raise InputError(
                f"{name}: no line of it says anything; the first must look like {_SAMPLE}. Logs, statements and "
                "streams become recordings by the recipes in scripts/recipes"
            )
        account = account or account_of(next((one.account for one in hints if one.account), f"import:{_safe(name)}"))
        mode = mode or ("hedging" if any(one.tickets for one in hints) else "netting")
    assert account is not None
    before = 0 if mark is None else mark.number
    if state is not None and not recording.has_more():
        with open_reader(url, account) as reader:  # nothing new: no epoch is claimed for it
            return _result(
                state, reader.head(), before=before, first_position=state.position, counts=_Counts(lines=before)
            )
    began_ns = state.at.at_ns if state is not None and state.at.at_ns else hints[0].at_ns
    clock = RecordedClock(began_ns)
    claim = Claim(
        policy=policy or (state.policy if state is not None and state.epoch else Policy.adopt()),
        position_mode=mode,
        source=SOURCE,
        baseline=baseline,
    )
    ledger = Ledger(open_writer(url, account, durability="normal"), clock, claim)
    try:
        with open_inbox(url, account, durability="normal") as inbox:
            run = _Run(ledger, inbox, clock, refused, noted)
            for raw in recording:
                run.take(raw)
    finally:
        ledger.close()
    with open_reader(url, account) as reader:
        return run.result(before=before, head=reader.head())


def _only_account(url: str) -> str | None:
    """The one account of a store that holds one; None where there is no store, or nothing in it yet."""
    found = _accounts(url)
    if len(found) > 1:
        raise InputError(f"the store holds several accounts, say which is meant: {', '.join(found[:20])}")
    return found[0] if found else None


def _accounts(url: str) -> list[str]:
    """The accounts of a store; none where there is no store yet."""
    try:
        return accounts(url)
    except StoreUrlError:
        raise
    except InputError:
        return []


def _standing(url: str, account: str) -> tuple[State | None, Mark | None]:
    """Where an account's journal stands, and the last line that it holds. Raises InputError for one that was not
    imported: times of a recording and of a live process do not belong into one journal."""
    if account not in _accounts(url):
        return None, None
    with open_reader(url, account) as reader:
        head = reader.head()
        base = reader.bases.get(account)
        first = reader.event(1 if base is None else base.position + 1)
        mark = None if isinstance(first, WriterClaimed) and first.source != SOURCE else _last_mark(url, reader, head)
        if mark is None:
            raise InputError(
                f"{account}: this journal was not made by `trueup import`; import into a store or account of its own"
            )
        return rehydrate(account, reader), mark


def _last_mark(url: str, reader: JournalReader, head: Head) -> Mark | None:
    """The newest line's mark, looked for from the end: behind it there is only what it caused. Raises InputError."""
    upto = head.position
    while upto > reader.begins_after:
        after = max(reader.begins_after, upto - _TAIL)
        for recorded in reversed(list(reader.read(after=after, upto=upto))):
            event = recorded.event
            if isinstance(event, WriterClaimed) and event.source not in ("", SOURCE):
                return None
            mark = None
            if isinstance(event, Observed):
                mark = mark_of(event.id)
            elif isinstance(event, InboxTaken):
                mark = _mark_in_inbox(url, reader.account, event.inbox_position)
            if mark is not None:
                return mark
        upto = after
    return Mark(0, "")


def _mark_in_inbox(url: str, account: str, position: int) -> Mark | None:
    with open_inbox(url, account) as inbox:
        for _, item, _ in inbox.read(after=position - 1)[:1]:
            return mark_of(item.id)
    return None


def _safe(name: str) -> str:
    """A file's name as the second half of an account."""
    return re.sub(r"[^A-Za-z0-9_.@-]", "_", name)[:64] or "recording"


_SAMPLE: Final = '{"at": "2026-01-15T09:30:00Z", "kind": "snapshot", "surface": "positions", ...}'


class _Counts(msgspec.Struct):
    """What a run has seen so far."""

    lines: int = 0
    taken: int = 0
    refused: int = 0
    backwards: int = 0
    decisions: int = 0
    corrections: int = 0


class _Run:
    """One run over the lines that are new."""

    def __init__(self, ledger: Ledger, inbox: Inbox, clock: RecordedClock, refused: Tell, noted: Tell) -> None:
        self._ledger = ledger
        self._inbox = inbox
        self._clock = clock
        self._tell_refused = refused
        self._tell_noted = noted
        self._first_position = ledger.state.position
        self._rules = Rules(ledger.state.mode, ledger.state.policy)
        self._asked = False
        self._refused: list[Refused] = []
        self._counts = _Counts()

    def take(self, raw: RawLine) -> None:
        """Journal one line, or refuse it."""
        self._counts.lines = raw.number
        if raw.raw is not None and is_blank(raw.raw):
            return
        try:
            if raw.raw is None:
                raise LineRefused(f"it is longer than the {LINE_BYTES_MAX:,} bytes that a line may have")
            line = line_of(raw.raw, self._rules, account=self._ledger.account)
            self._reach(raw.number, line.at_ns)
            decisions = self._journal(raw, line)
        except (LineRefused, InputError) as error:
            self._refuse(raw.number, str(error))
            return
        self._counts.taken += 1
        self._counts.decisions += len(decisions)
        self._counts.corrections += sum(_corrects(one) for one in decisions)

    def _reach(self, number: int, at_ns: int) -> None:
        back_ns = self._clock.reach(at_ns)
        if back_ns:
            self._counts.backwards += 1
            said = f"its time {iso(at_ns)} lies {back_ns / 1_000_000_000:.6g} s before that of an earlier line"
            self._tell_noted(number, f"{said}; the order of the lines is kept, and no time passes")

    def _journal(self, raw: RawLine, line: Line) -> Sequence[Decision]:
        ledger = self._ledger
        what = line.what
        if isinstance(what, Seen):
            kind: PassKind = "periodic" if self._asked or what.surface != "positions" else "startup"
            self._asked = self._asked or what.surface == "positions"
            done = ledger.observe(
                what.surface,
                what.answer,
                ledger.asking(),
                pass_kind=kind,
                identity=raw.mark,
                question=what.question,
            )
            ledger.maintain()
            return done.decisions
        if not isinstance(what, Command):
            edge.fact_of(what, ledger.now(), ledger.state.policy)  # what the writer would refuse is never left for it
        who = what.who if isinstance(what, Command) else SOURCE
        place = self._inbox.put(InboxItem(raw.mark, who, line.at_ns, what))
        decisions: list[Decision] = []
        while ledger.state.inbox_position < place:  # an operator may have left something before it
            decisions += ledger.take_inbox(self._inbox.read(after=ledger.state.inbox_position)).decisions
        return decisions

    def _refuse(self, number: int, why: str) -> None:
        self._counts.refused += 1
        if len(self._refused) < REFUSED_KEPT_MAX:
            self._refused.append(Refused(number, why))
        self._tell_refused(number, why)

    def result(self, *, before: int, head: Head) -> Imported:
        """What it came to."""
        return _result(
            self._ledger.state,
            head,
            before=before,
            first_position=self._first_position,
            counts=self._counts,
            refused=tuple(self._refused),
        )


def _result(
    state: State, head: Head, *, before: int, first_position: int, counts: _Counts, refused: tuple[Refused, ...] = ()
) -> Imported:
    return Imported(
        account=state.account,
        lines=max(counts.lines, before),
        taken=counts.taken,
        before=before,
        refused=refused,
        refused_count=counts.refused,
        backwards=counts.backwards,
        events=state.position - first_position,
        decisions=counts.decisions,
        corrections=counts.corrections,
        position=head.position,
        digest=head.digest.hex(),
        open_breaks=sum(len(breaks) for breaks in state.breaks.values()),
        gate=state.gate.status,
    )


def _corrects(decision: Decision) -> bool:
    """Whether it changed the book so that a break is resolved; the baseline is no correction."""
    if isinstance(decision, BreakMoved):
        return any(step.state == "corrected" for step in decision.steps)
    return isinstance(decision, FillAdopted)
