"""How do corrections get back into the trading process?

By asking (`changes(after=cursor)`) or by being told (`on_correction`). Told on a thread of its own, in journal order,
each at least once, also when we die in between: what was handed over is journalled after the fact. A callable that
raises is journalled with what it raised, and the next correction is handed over all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol, TypeAlias

import msgspec

from trueup.decisions import BaselineTaken, BreakMoved, BreakOf, Correction, CorrectionKind, FillAdopted
from trueup.errors import JournalError
from trueup.events import Event
from trueup.facts import Observed
from trueup.journal import Recorded
from trueup.ledger import Ledger
from trueup.model import BookOrder, Holding, Key
from trueup.reconciliation.keys import key_of_row
from trueup.reconciliation.outcomes import adopted
from trueup.reconciliation.state import State

FAILURE_TEXT_MAX = 300
DELIVERIES_MAX = 1_000
"""Corrections handed over between two journal entries that say so."""


class BookChange(msgspec.Struct, frozen=True):
    """One change that trueup made to the book."""

    cursor: int
    """The journal position: hand it to `changes(after=…)` to go on from here."""
    kind: CorrectionKind | Literal["baseline"]
    key: Key
    symbol: str
    ticket: str | None
    before: Holding | None
    """None: the book held nothing."""
    after: Holding | None
    """None: the position is closed."""
    why: str
    correction_id: str | None = None
    exit_reason: str | None = None
    """For a closed one: `CLOSED_EXTERNALLY`, unless explained."""
    of: BreakOf = "position"
    """What changed. For an order `key` is its client order id, and `order` what it is now."""
    order_before: BookOrder | None = None
    order: BookOrder | None = None


OnCorrection: TypeAlias = Callable[[BookChange], object]


class Reads(Protocol):
    """What this needs of a journal."""

    def read(self, *, after: int = 0, upto: int | None = None) -> Iterable[Recorded]: ...
    def event(self, position: int) -> Event: ...


def changes_after(journal: Reads, state: State, after: int) -> Iterator[BookChange]:
    """Every change that trueup made to the book after a journal position, up to the state's, in order."""
    for recorded in journal.read(after=after, upto=state.position):
        event = recorded.event
        if isinstance(event, BreakMoved) and event.correction is not None:
            yield _change(recorded.position, event.key, event.symbol, event.ticket, event.correction)
        elif isinstance(event, BreakMoved) and event.order_correction is not None:
            made = event.order_correction
            yield BookChange(
                recorded.position, made.kind, made.after.client_order_id, event.symbol, made.after.ticket, None, None,
                made.why, made.id, of="order", order_before=made.before, order=made.after,
            )  # fmt: skip
        elif isinstance(event, FillAdopted) and event.correction.before != event.correction.after:
            execution = event.execution
            yield _change(recorded.position, event.key, execution.symbol, execution.ticket, event.correction)
        elif isinstance(event, BaselineTaken) and event.keys:
            yield from _baseline(journal, state, recorded.position, event)


def _change(cursor: int, key: Key, symbol: str, ticket: str | None, made: Correction) -> BookChange:
    return BookChange(
        cursor, made.kind, key, symbol, ticket, made.before, made.after, made.why, made.id, made.exit_reason
    )


def _baseline(journal: Reads, state: State, cursor: int, event: BaselineTaken) -> Iterator[BookChange]:
    """The baseline, position by position, from the answer that it was taken from."""
    observed = journal.event(event.cause)
    assert isinstance(observed, Observed)
    assert observed.positions is not None
    rows = {key_of_row(state.mode, row): row for row in observed.positions.stated}
    for key in event.keys:
        row = rows[key]
        yield BookChange(cursor, "baseline", key, row.symbol, row.ticket, None, adopted(row), event.why)


class Courier:
    """Hands corrections to a callable, on its own thread."""

    def __init__(self, ledger: Ledger, journal: Reads, call: OnCorrection) -> None:
        self._ledger = ledger
        self._journal = journal
        self._call = call
        self._wake = threading.Condition()
        self._asked = False
        self._stopping = False
        self.failure: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"trueup-courier-{ledger.account}", daemon=True)

    def start(self) -> None:
        """Begin, with what an earlier process left undelivered."""
        self._thread.start()
        self.wake()

    def wake(self) -> None:
        """Something may have been corrected."""
        with self._wake:
            self._asked = True
            self._wake.notify()

    def stop(self) -> None:
        """Hand over what is there, then end."""
        with self._wake:
            self._stopping = True
            self._asked = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while not self._awaited():
            try:
                self._deliver()
            except JournalError as error:
                self.failure = str(error)  # the gate is closed already; what is left is handed over later

    def _awaited(self) -> bool:
        """Wait until something is to be done; True once the last of it has been."""
        with self._wake:
            self._wake.wait_for(lambda: self._asked or self._stopping)
            done = self._stopping and not self._asked
            self._asked = False
            return done

    def _deliver(self) -> None:
        """Hand over what is new, then say so in the journal."""
        state = self._ledger.state
        failures: list[tuple[int, str]] = []
        last, count = state.delivered, 0
        for change in changes_after(self._journal, state, state.delivered):
            if count >= DELIVERIES_MAX and change.cursor != last:
                self._ledger.delivered(last, failures)
                failures, count = [], 0
            try:
                self._call(change)
            except Exception as error:  # noqa: BLE001 - the user's code; journalled, and the rest goes on
                failures.append((change.cursor, f"{type(error).__name__}: {error}"[:FAILURE_TEXT_MAX]))
            last, count = change.cursor, count + 1
        if count:
            self._ledger.delivered(last, failures)
