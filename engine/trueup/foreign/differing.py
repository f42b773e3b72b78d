"""What does one read of a foreign book say that the journal does not know, and what is to be written back?

The book is compared with what it should say: our own book, as it was before the corrections that were not written yet.
A row that says otherwise was changed by its own process, which is the book's own word and recorded at once. A row that
says what a correction starts from takes the correction; one that says neither is a conflict, and left alone. A row that
is *gone* is unknown until it is read again (L01, L02). Pure: the same state and read give the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from trueup.explain import described, named
from trueup.facts import BookRead, Completeness, PositionRecorded, RowLeft
from trueup.foreign.port import BookAnswer, BookRow, BookWrite
from trueup.model import ZERO, Holding, Key, Moment, Refusal, TradeSide, elapsed_ns, side_of
from trueup.reconciliation.foreign_state import ForeignBook
from trueup.reconciliation.keys import key_of_position
from trueup.reconciliation.state import State

_MS = 1_000_000
_S = 1_000_000_000


class Due(msgspec.Struct, frozen=True):
    """One correction of a position that was not written back yet."""

    cursor: int
    """Its journal position."""
    key: Key
    symbol: str
    ticket: str | None
    before: Holding | None
    after: Holding | None
    why: str
    correction_id: str = ""
    exit_reason: str | None = None


class Plan(msgspec.Struct, frozen=True):
    """What follows from one read."""

    read: BookRead | None = None
    told: bool = False
    """Whether the read says something new, and is journalled."""
    edits: tuple[PositionRecorded, ...] = ()
    """The changes that its own process made."""
    writes: tuple[tuple[BookWrite, tuple[int, ...]], ...] = ()
    """What is to be written, each with the corrections that this settles, in journal order."""
    conflicts: tuple[tuple[int, str], ...] = ()
    settled: int = 0
    """The last correction that was looked at."""
    left: tuple[tuple[int, RowLeft], ...] = ()
    """(the cursor of a write, what of its row is to be remembered however that goes): it is tried once."""
    waits_ns: int | None = None
    """How long until what its process may still write by itself could be written; None: nothing waits."""


def planned(before: State, state: State, answer: BookAnswer, pending: Sequence[Due], *, at: Moment, book: str) -> Plan:
    """What one read of the book called `book` means.

    before   the state when reading began; keys that changed since are left to the next read
    state    the state now
    pending  corrections that were not written back, as of `before`, in journal order
    """
    known = state.foreign if state.foreign.book == book else ForeignBook(book)
    if answer.completeness == "failed":
        return Plan(BookRead(at, book, "failed", answer.why), told=not known.unread)
    return _Comparison(before, state, answer, pending, at, known).plan()


class _Comparison:
    """One read beside what it should say."""

    def __init__(
        self,
        before: State,
        state: State,
        answer: BookAnswer,
        pending: Sequence[Due],
        at: Moment,
        known: ForeignBook,
    ) -> None:
        self._before = before
        self._state = state
        self._at = at
        self._known = known
        self._chains: dict[Key, list[Due]] = {}
        for change in pending:
            self._chains.setdefault(_now_called(state, change.key), []).append(change)
        self._refused = list(answer.refused)
        self._rows = self._by_key(answer.positions)
        self._partial = answer.completeness != "complete" or bool(self._refused)
        self._why = answer.why or (f"{len(self._refused)} rows refused" if self._refused else "")
        self._edits: list[PositionRecorded] = []
        self._writes: list[tuple[BookWrite, tuple[int, ...]]] = []
        self._conflicts: list[tuple[int, str]] = []
        self._vanished: list[Key] = []
        self._left: list[RowLeft] = []
        self._tried: list[tuple[int, RowLeft]] = []
        self._waits_ns: int | None = None
        self._pending = pending
        self._settled = pending[-1].cursor if pending else 0

    def _by_key(self, rows: Sequence[BookRow]) -> Mapping[Key, BookRow]:
        """Rows by the key that they speak of. Two of one key are refused both: to choose one were to invent (L29)."""
        found: dict[Key, BookRow] = {}
        twice: dict[Key, int] = {}
        for place, row in enumerate(rows, 1):
            symbol = self._state.policy.canonical(row.symbol)
            key = key_of_position(self._state, symbol, side_of(row.signed_quantity), row.ticket)
            if key in found or key in twice:
                why = f"two open rows speak of {named(symbol, row.ticket)}; which one is it?"
                self._refused.append(Refusal(place, why, symbol, row.ticket))
                found.pop(key, None)
                twice[key] = place
                continue
            found[key] = row
        return found

    def plan(self) -> Plan:
        """All that follows."""
        for key in sorted({*self._rows, *self._state.book, *self._chains}):
            if self._state.slot(key) is not self._before.slot(key):
                # decided or recorded while the book was read: this read knows nothing of it
                self._wait(self._chains.get(key))
                continue
            row, chain = self._rows.get(key), self._chains.get(key)
            if chain is not None:
                self._due(key, row, chain)
            elif row is None:
                self._gone(key)
            elif not self._same(row, self._state.held(key)):
                self._edit(row)
            else:
                self._learned(key, row)
        missing, held = self._missing()
        known, fresh = self._known, not self._known.read
        told = (
            fresh
            or self._edits
            or known.unread
            or missing != tuple(key for key, _ in known.missing)
            or held != known.held
            or tuple(self._refused) != known.refused
            or tuple(self._left) != known.left
        )
        completeness: Completeness = "partial" if self._partial else "complete"
        read = BookRead(
            self._at, known.book, completeness, self._why, len(self._rows), len(self._edits), missing, held,
            tuple(self._refused), left=tuple(self._left),
        )  # fmt: skip
        return Plan(
            read, bool(told), tuple(self._edits), tuple(self._writes), tuple(self._conflicts), self._settled,
            tuple(self._tried), self._waits_ns,
        )  # fmt: skip

    def _wait(self, chain: Sequence[Due] | None) -> None:
        """Nothing from there on is settled yet."""
        if chain is not None:
            first = chain[0].cursor
            before = [one.cursor for one in self._pending if one.cursor < first]
            self._settled = min(self._settled, before[-1] if before else 0)

    # -- one key -------------------------------------------------------------------------------------------

    def _due(self, key: Key, row: BookRow | None, chain: Sequence[Due]) -> None:
        """A key that was corrected: is it written, to be written, or changed by somebody else meanwhile?"""
        last, positions = chain[-1], tuple(one.cursor for one in chain)
        if (row is None and last.after is None) or (row is not None and self._same(row, last.after)):
            return  # the book says so already: written before a crash, or its own process came to the same
        starts = (chain[0].before, *(one.after for one in chain[:-1]))
        from_here = None in starts if row is None else any(self._same(row, one) for one in starts)
        says = "has no open row" if row is None else f"says {_told(row)}"
        name = named(last.symbol, last.ticket)
        if not from_here:
            expected = "nothing" if chain[0].before is None else described(chain[0].before)
            why = f"{name}: the book {says}, and the correction starts from {expected}; left as it is"
            self._conflicts.append((last.cursor, why))
            if row is not None and not self._same(row, self._state.held(key)):
                self._edit(row)
            return
        if row is None and (bad := self._unreadable(last.symbol, last.ticket)) is not None:
            why = f"{name}: row {bad.row} of the book may be about it and cannot be read; none was added"
            self._conflicts.append((last.cursor, why))
            return
        write = BookWrite(
            cursor=last.cursor, correction_id=last.correction_id, before=row, after=last.after,
            exit_reason=last.exit_reason, why=last.why, at_ns=self._at.at_ns,
        )  # fmt: skip
        self._writes.append((write, positions))

    def _learned(self, key: Key, row: BookRow) -> None:
        """A row that says the same and lacks the ticket that we learned: it is written into it, and tried once."""
        holding, slot = self._state.held(key), self._state.slot(key)
        assert holding is not None
        assert slot is not None
        if self._state.mode != "hedging" or row.ticket is not None or holding.ticket is None:
            return
        if self._state.policy.on_drift != "correct":
            return  # a policy that only looks, or leaves it to a person, writes nothing
        mark = RowLeft(key, _told(row), slot.position)
        if mark in self._known.left:
            self._left.append(mark)
            return
        rest_ns = self._state.settle_ns("positions") - elapsed_ns(slot.changed, self._at)
        if rest_ns > 0:  # its own process may be about to (L13)
            self._waits_ns = rest_ns if self._waits_ns is None else min(self._waits_ns, rest_ns)
            return
        why = f"{named(holding.symbol, holding.ticket)}: its ticket, which the row lacks"
        write = BookWrite(
            cursor=slot.position, correction_id="", before=row, after=holding, why=why, at_ns=self._at.at_ns
        )
        self._writes.append((write, (slot.position,)))
        self._tried.append((slot.position, mark))

    def _gone(self, key: Key) -> None:
        """A position that the book does not list any more. Unreadable rows may be it: then nothing is known."""
        holding = self._state.held(key)
        assert holding is not None
        if self._partial and (not self._refused or self._unreadable(holding.symbol, holding.ticket) is not None):
            return
        view = self._state.view()
        elsewhere = view.base > 0 and key not in view.rows
        if not self._known.read or elsewhere or key in self._state.acknowledged:
            self._close(holding)  # never listed by it; or the broker has it no more either; or a person said so
        else:
            self._vanished.append(key)

    def _missing(self) -> tuple[tuple[Key, ...], tuple[Key, ...]]:
        """(what waits for a second read, what of it is held); what waited long enough is closed."""
        policy, count = self._state.policy, len(self._state.book)
        gone, since = len(self._vanished), dict(self._known.missing)
        mass = count >= policy.mass_absence_count_min and gone > policy.mass_absence_fraction_max * count
        if mass:
            return tuple(self._vanished), tuple(self._vanished)
        wait_ns = policy.confirm_interval_ms * _MS
        if gone == count:
            wait_ns = max(wait_ns, policy.total_absence_s * _S)  # a small book that vanishes whole
        waiting: list[Key] = []
        for key in self._vanished:
            first = since.get(key)
            holding = self._state.held(key)
            assert holding is not None
            if first is not None and key not in self._known.held and elapsed_ns(first, self._at) >= wait_ns:
                self._close(holding)
            else:
                waiting.append(key)
        return tuple(waiting), ()

    # -- words ---------------------------------------------------------------------------------------------

    def _same(self, row: BookRow, held: Holding | None) -> bool:
        """Whether a row says what our book holds, as far as it has a place for it."""
        if held is None:
            return False
        stop = None if held.stop is None else held.stop.price
        return (
            self._state.policy.canonical(row.symbol) == held.symbol
            and row.signed_quantity == held.signed_quantity
            and row.price in (None, held.price)
            and (row.stop is None or row.stop.price == stop)
            and row.strategy in (None, held.strategy)
        )

    def _unreadable(self, symbol: str, ticket: str | None) -> Refusal | None:
        """A refused row that may be about a position."""
        for one in self._refused:
            other = None if one.symbol is None else self._state.policy.canonical(one.symbol)
            if other in (None, symbol) and (one.ticket is None or ticket is None or one.ticket == ticket):
                return one
        return None

    def _edit(self, row: BookRow) -> None:
        self._edits.append(
            PositionRecorded(
                self._at,
                symbol=self._state.policy.canonical(row.symbol),
                signed_quantity=row.signed_quantity,
                side="sell" if row.signed_quantity.is_signed() else "buy",
                ticket=row.ticket,
                price=row.price,
                strategy=row.strategy,
                stop=row.stop,
                happened_at=row.opened_at,
                from_book=True,
            )
        )

    def _close(self, holding: Holding) -> None:
        side: TradeSide = "sell" if holding.signed_quantity.is_signed() else "buy"
        self._edits.append(PositionRecorded(self._at, holding.symbol, ZERO, side, holding.ticket, from_book=True))


def _now_called(state: State, key: Key) -> Key:
    """A correction's key; an entry without a ticket may have got one since."""
    return state.bindings.get(key) or key


def _told(row: BookRow) -> str:
    return described(Holding(row.symbol, Decimal(row.signed_quantity), row.ticket, row.price))
