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
from trueup.facts import BookWriting, BookWritten, Fact, RowLeft
from trueup.foreign.differing import Due, Plan, planned
from trueup.foreign.orders_differing import OrderDue, OrdersPlan, orders_planned, told_row, wanted
from trueup.foreign.port import (
    Book,
    BookAnswer,
    BookWrite,
    OrderBook,
    OrdersAnswer,
    OrderWrite,
    Wrote,
    unreadable,
    unreadable_orders,
)
from trueup.ledger import Ledger
from trueup.model import Moment
from trueup.reconciliation.foreign_state import ForeignOrders
from trueup.reconciliation.state import State

UNKNOWN: Final = "its outcome is unknown"
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
    orders_trouble: str = ""
    """Why its orders could not be read, or not be written to the end; '' when all is well, or it keeps none."""
    orders_read: bool = True
    """False: they could not be read."""
    waits_ns: int | None = None
    """How long until what its own process may still write by itself could be written; None: nothing waits."""


class _Pending(msgspec.Struct, frozen=True):
    """Corrections that were not written back, oldest first."""

    positions: list[Due]
    orders: list[OrderDue]


class _Outcome(msgspec.Struct):
    """What writing comes to."""

    upto: int
    """Corrections of positions up to here are settled."""
    orders_upto: int
    written: int = 0
    failed: str = ""
    orders_failed: str = ""
    conflicts: list[tuple[int, str]] = []
    left: list[RowLeft] = []
    orders_left: list[RowLeft] = []

    def note(self, wrote: Wrote, cursor: int) -> None:
        """One write."""
        if wrote.state == "written":
            self.written += 1
        elif wrote.state == "conflict":
            self.conflicts.append((cursor, wrote.why))


class Keeper:
    """Keeps one account's foreign book. A context manager: its end takes a last step."""

    def __init__(
        self, ledger: Ledger, journal: Reads, book: Book, *, orders: OrderBook | None = None, writes: bool = True
    ) -> None:
        """
        orders  where its orders are kept; None: it keeps none, or they are not looked at
        writes  False: the book is read and never written (rehearsals)
        """
        self._ledger = ledger
        self._journal = journal
        self._book = book
        self._orders = orders
        self._writes = writes
        self._turn = threading.Lock()
        self._closed = False
        self._scanned = 0
        self._behind: tuple[str, ...] = ()
        self._signal = threading.Condition()
        self._asked = self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"trueup-book-{ledger.account}", daemon=True)
        self.failure: BaseException | None = None
        """What broke on the thread that nobody waits for; only ever a bug of ours."""

    @property
    def name(self) -> str:
        """What the journal calls the book."""
        return self._book.name

    @property
    def keeps_orders(self) -> bool:
        """Whether its orders are read as well."""
        return self._orders is not None

    def step(self) -> Kept:
        """Read, journal, write, journal. Raises JournalError when our own store fails; what was written until then had
        been journalled as about to be."""
        with self._turn:
            if self._closed:
                return Kept(trouble=f"the book {self._book.name} is closed")
            before = self._ledger.state
            pending = self._pending(before)
            answer = self._read()
            listed = None if answer.completeness == "failed" else self._read_orders(before, pending.orders)
            plan, orders = Plan(), OrdersPlan()

            def judge(state: State, at: Moment) -> Sequence[Fact]:
                nonlocal plan, orders
                plan = planned(before, state, answer, pending.positions, at=at, book=self._book.name)
                if listed is not None and self._orders is not None:
                    orders = orders_planned(
                        before, state, listed, pending.orders, at=at, known=self._known_orders(state),
                        places=self._orders.places,
                    )  # fmt: skip
                return [*self._told(plan, orders), *self._looked_at(state, plan, orders, pending, at)]

            self._ledger.judged(judge)
            if listed is not None and listed.completeness != "failed":
                self._behind = orders.behind
            edits = len(plan.edits) + len(orders.edits)
            if answer.completeness == "failed":
                return Kept(trouble=f"the book {self._book.name} could not be read: {answer.why}")
            done = self._write(plan, orders, pending)
            trouble = f"corrections could not be written into {self._book.name}: {done.failed}" if done.failed else ""
            waits = [one for one in (plan.waits_ns, orders.waits_ns) if one is not None] if self._writes else []
            return Kept(
                edits, done.written, tuple(why for _, why in done.conflicts), trouble,
                self._orders_trouble(listed, done), listed is None or listed.completeness != "failed",
                min(waits, default=None),
            )  # fmt: skip

    def _orders_trouble(self, listed: OrdersAnswer | None, done: _Outcome) -> str:
        """What is wrong with its orders, in words; '' when nothing is."""
        if self._orders is None or listed is None:
            return ""
        if listed.completeness == "failed":
            return f"the orders of the book {self._orders.name} could not be read: {listed.why}"
        if not done.orders_failed:
            return ""
        return f"what was learned of orders could not be written into {self._orders.name}: {done.orders_failed}"

    # -- reading -------------------------------------------------------------------------------------------

    def _read(self) -> BookAnswer:
        try:
            return self._book.read()
        except Exception as error:  # noqa: BLE001 - a third party's adapter; said, and nothing is concluded (law 4)
            return unreadable(f"the adapter raised {type(error).__name__}: {error}")

    def _read_orders(self, state: State, pending: Sequence[OrderDue]) -> OrdersAnswer | None:
        if self._orders is None:
            return None
        try:
            return self._orders.read(wanted(state, pending, self._behind))
        except Exception as error:  # noqa: BLE001 - as above
            return unreadable_orders(f"the adapter raised {type(error).__name__}: {error}")

    def _known_orders(self, state: State) -> ForeignOrders:
        """What is known of this book's orders; of another's nothing."""
        assert self._orders is not None
        known = state.foreign.orders
        mine = state.foreign.book == self._book.name and known.book == self._orders.name
        return known if mine else ForeignOrders(self._orders.name)

    def _pending(self, state: State) -> _Pending:
        """Corrections that were not written back. What was decided before the first read is no business of a book's."""
        known = state.foreign
        due, last = _Pending([], []), 0
        if known.book != self._book.name or not known.read:
            return due
        orders = None if self._orders is None else self._known_orders(state)
        since = known.written if orders is None or not orders.read else min(known.written, orders.written)
        for one in changes_after(self._journal, state, max(since, self._scanned)):
            if len(due.positions) + len(due.orders) >= WRITES_MAX and one.cursor != last:
                return due
            last = one.cursor
            if one.of == "position" and one.cursor > known.written:
                due.positions.append(
                    Due(
                        one.cursor, one.key, one.symbol, one.ticket, one.before, one.after, one.why,
                        one.correction_id or "", one.exit_reason,
                    )
                )  # fmt: skip
            elif one.order is not None and orders is not None and orders.read and one.cursor > orders.written:
                due.orders.append(
                    OrderDue(one.cursor, one.order_before, one.order, one.why, one.correction_id or "", one.kind)
                )
        if not due.positions and not due.orders:
            self._scanned = state.position  # nothing there: not looked through again
        return due

    # -- telling -------------------------------------------------------------------------------------------

    def _told(self, plan: Plan, orders: OrdersPlan) -> list[Fact]:
        """The read, where it says something new, and what its own process changed."""
        if plan.read is None or not (plan.told or orders.read is not None):
            return []
        return [msgspec.structs.replace(plan.read, orders=orders.read), *plan.edits, *orders.edits]

    def _looked_at(self, state: State, plan: Plan, orders: OrdersPlan, pending: _Pending, at: Moment) -> list[Fact]:
        """What is settled without writing anything, or that writing is about to begin."""
        if not self._writes:
            return []
        known = state.foreign
        if not plan.writes and not orders.writes:
            upto, orders_upto = self._settled(plan, orders, pending)
            if upto <= known.written and orders_upto <= known.orders.written:
                return []
            conflicts = tuple(sorted((*plan.conflicts, *orders.conflicts)))
            return [BookWritten(at, self._book.name, upto, 0, conflicts, orders_upto=orders_upto)]
        about = tuple(sorted(cursor for _, cursors in plan.writes for cursor in cursors))
        of_orders = tuple(sorted(write.cursor for write, _ in orders.writes))
        if (known.writing, known.orders.writing) == (about, of_orders):
            return []
        return [BookWriting(at, self._book.name, about, of_orders)]

    def _settled(self, plan: Plan, orders: OrdersPlan, pending: _Pending) -> tuple[int, int]:
        """(up to where corrections of positions are settled, and those of orders): where none of the one kind were
        found, those of the other kind were looked at up to there."""
        upto = plan.settled if pending.positions else orders.settled
        if self._orders is None:
            return upto, 0
        return upto, orders.settled if pending.orders else plan.settled

    # -- writing -------------------------------------------------------------------------------------------

    def _write(self, plan: Plan, orders: OrdersPlan, pending: _Pending) -> _Outcome:
        """What came of it: each write once, in journal order."""
        if not self._writes or not (plan.writes or orders.writes):
            return _Outcome(0, 0, conflicts=sorted((*plan.conflicts, *orders.conflicts)))
        outcome = _Outcome(*self._settled(plan, orders, pending))
        tried = dict(plan.left)
        for write, cursors in plan.writes:
            wrote = self._write_one(write)
            outcome.note(wrote, write.cursor)
            if wrote.state == "unknown":
                outcome.failed = outcome.failed or wrote.why or UNKNOWN
                outcome.upto = min(outcome.upto, cursors[0] - 1)
            elif write.cursor in tried:
                outcome.left.append(tried[write.cursor])
        # Of positions what lies behind a failure is met again, and told then.
        outcome.conflicts += plan.conflicts
        outcome.conflicts = [one for one in outcome.conflicts if one[0] <= outcome.upto or one[0] in tried]
        outcome.conflicts += orders.conflicts
        for order, since in orders.writes:
            wrote = self._write_order(order)
            outcome.note(wrote, order.cursor)
            if wrote.state == "conflict" and order.before is not None:
                row = told_row(order.before)
                outcome.orders_left.append(RowLeft(order.after.client_order_id, row, order.cursor))
            elif wrote.state == "unknown":
                outcome.orders_failed = outcome.orders_failed or wrote.why or UNKNOWN
                outcome.orders_upto = min(outcome.orders_upto, since - 1) if since else outcome.orders_upto
        outcome.conflicts.sort()
        failed = outcome.failed or outcome.orders_failed
        self._ledger.judged(
            lambda _, at: [
                BookWritten(
                    at, self._book.name, outcome.upto, outcome.written, tuple(outcome.conflicts), failed,
                    outcome.orders_upto, tuple(outcome.left), tuple(outcome.orders_left),
                )
            ]
        )  # fmt: skip
        return outcome

    def _write_one(self, write: BookWrite) -> Wrote:
        try:
            return self._book.write(write)
        except Exception as error:  # noqa: BLE001 - it may have been written before the adapter raised (law 6)
            return Wrote("unknown", f"the adapter raised {type(error).__name__}: {error}")

    def _write_order(self, write: OrderWrite) -> Wrote:
        assert self._orders is not None
        try:
            return self._orders.write(write)
        except Exception as error:  # noqa: BLE001 - as above
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
            if self._orders is not None:
                self._orders.close()
        if error is None and self.failure is not None:
            raise self.failure
