"""What keeps a foreign book and the journal alike: when is it read, written, and read back?

One step is always the same: read the book, journal what its own process changed, write what was corrected, journal
what that came to. Written is by compare-and-set, journalled before and after; where an outcome is unknown the next
step reads before it writes (law 6). A step that fails leaves all for the next one. One at a time, on any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import msgspec

from trueup.deliveries import Reads, changes_after
from trueup.errors import JournalError
from trueup.facts import BookWriting, BookWritten, Fact
from trueup.foreign.differing import Due, Plan, planned
from trueup.foreign.port import Book, BookAnswer, BookWrite, Wrote, unreadable
from trueup.ledger import Ledger
from trueup.model import Moment
from trueup.reconciliation.state import State

WRITES_MAX: Final = 1_000
"""Corrections written in one step; the next step goes on (law 12)."""


class Kept(msgspec.Struct, frozen=True):
    """What one step came to."""

    edits: int = 0
    """Changes of its own process that were journalled."""
    written: int = 0
    conflicts: tuple[str, ...] = ()
    trouble: str = ""
    """Why the book could not be read, or not be written to the end; '' when all is well."""


class Keeper:
    """Keeps one account's foreign book. A context manager: its end takes a last step."""

    def __init__(self, ledger: Ledger, journal: Reads, book: Book, *, writes: bool = True) -> None:
        """writes  False: the book is read and never written (rehearsals)"""
        self._ledger = ledger
        self._journal = journal
        self._book = book
        self._writes = writes
        self._turn = threading.Lock()
        self._closed = False
        self._scanned = 0
        self._signal = threading.Condition()
        self._asked = self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"trueup-book-{ledger.account}", daemon=True)
        self.failure: BaseException | None = None
        """What broke on the thread that nobody waits for; only ever a bug of ours."""

    @property
    def name(self) -> str:
        """What the journal calls the book."""
        return self._book.name

    def step(self) -> Kept:
        """Read, journal, write, journal. Raises JournalError when our own store fails; what was written until then had
        been journalled as about to be."""
        with self._turn:
            if self._closed:
                return Kept(trouble=f"the book {self._book.name} is closed")
            before = self._ledger.state
            pending = self._pending(before)
            answer = self._read()
            plan = Plan()

            def judge(state: State, at: Moment) -> Sequence[Fact]:
                nonlocal plan
                plan = planned(before, state, answer, pending, at=at, book=self._book.name)
                return [*plan.facts, *self._looked_at(state, plan, at)]

            self._ledger.judged(judge)
            edits = max(0, len(plan.facts) - 1)
            if answer.completeness == "failed":
                return Kept(trouble=f"the book {self._book.name} could not be read: {answer.why}")
            written, conflicts, failed = self._write(plan)
            trouble = f"corrections could not be written into {self._book.name}: {failed}" if failed else ""
            return Kept(edits, written, tuple(why for _, why in conflicts), trouble)

    # -- reading -------------------------------------------------------------------------------------------

    def _read(self) -> BookAnswer:
        try:
            return self._book.read()
        except Exception as error:  # noqa: BLE001 - a third party's adapter; said, and nothing is concluded (law 4)
            return unreadable(f"the adapter raised {type(error).__name__}: {error}")

    def _pending(self, state: State) -> list[Due]:
        """Corrections of positions that were not written back, oldest first."""
        known = state.foreign
        if known.book != self._book.name or not known.read:
            return []  # its first read begins: what was corrected before is no business of this book's
        due: list[Due] = []
        for one in changes_after(self._journal, state, max(known.written, self._scanned)):
            if one.of != "position":
                continue
            if len(due) >= WRITES_MAX and one.cursor != due[-1].cursor:
                return due
            due.append(
                Due(
                    one.cursor, one.key, one.symbol, one.ticket, one.before, one.after, one.why,
                    one.correction_id or "", one.exit_reason,
                )
            )  # fmt: skip
        if not due:
            self._scanned = state.position  # nothing there: not looked through again
        return due

    # -- writing -------------------------------------------------------------------------------------------

    def _looked_at(self, state: State, plan: Plan, at: Moment) -> list[Fact]:
        """What is settled without writing anything, or that writing is about to begin."""
        if plan.settled <= state.foreign.written or not self._writes:
            return []
        if not plan.writes:
            return [BookWritten(at, self._book.name, plan.settled, 0, plan.conflicts)]
        about = tuple(sorted(cursor for _, cursors in plan.writes for cursor in cursors))
        return [] if state.foreign.writing == about else [BookWriting(at, self._book.name, about)]

    def _write(self, plan: Plan) -> tuple[int, tuple[tuple[int, str], ...], str]:
        """(rows written, conflicts, why the rest was not): each write once, in journal order."""
        if not plan.writes or not self._writes:
            return 0, plan.conflicts, ""
        written, failed, upto = 0, "", plan.settled
        conflicts = list(plan.conflicts)
        for write, cursors in plan.writes:
            wrote = self._write_one(write)
            if wrote.state == "written":
                written += 1
            elif wrote.state == "conflict":
                conflicts.append((write.cursor, wrote.why))
            elif wrote.state == "unknown":
                failed = failed or wrote.why or "its outcome is unknown"
                upto = min(upto, cursors[0] - 1)
        conflicts.sort()
        told = tuple(one for one in conflicts if one[0] <= upto)  # what lies behind a failure is met again
        self._ledger.judged(lambda _, at: [BookWritten(at, self._book.name, upto, written, told, failed)])
        return written, told, failed

    def _write_one(self, write: BookWrite) -> Wrote:
        try:
            return self._book.write(write)
        except Exception as error:  # noqa: BLE001 - it may have been written before the adapter raised (law 6)
            return Wrote("unknown", f"the adapter raised {type(error).__name__}: {error}")

    # -- on a thread of its own ----------------------------------------------------------------------------

    def wake(self) -> None:
        """Something may have been corrected: take a step soon, and do not wait for it. Raises what broke one of our
        own laws there."""
        if self.failure is not None:
            raise self.failure
        with self._signal:
            self._asked = True
            self._signal.notify()

    def _run(self) -> None:
        while True:
            with self._signal:
                self._signal.wait_for(lambda: self._asked or self._stopping)
                if self._stopping:
                    return
                self._asked = False
            try:
                self.step()
            except JournalError:
                continue  # the ledger has closed the gate and says why; what is left is written later
            except BaseException as error:  # noqa: BLE001 - a broken law: raised again where somebody looks
                self.failure = error
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._signal:
            self._stopping = True
            self._signal.notify()
        self._thread.join()
        try:
            if self._ledger.failure is None and self.failure is None:
                self.step()
        except JournalError:
            pass  # the ledger says why, and the next process goes on from what is journalled
        finally:
            with self._turn:
                self._closed = True
            self._book.close()
        if error is None and self.failure is not None:
            raise self.failure
