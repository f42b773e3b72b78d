"""How did the book and the broker stand against each other, over time, on one symbol?

Legs are kept apart, never netted: equal and opposite legs are two positions (L31). The book's quantity is the fold's
after each event; the broker's is what its last answer stated, and unknown before the first one. Pure: folds the very
events that are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.decisions import BaselineTaken, BreakMoved, FillAdopted, MassAbsenceMoved, PositionBound
from trueup.events import Event
from trueup.explain import named
from trueup.facts import (
    AlertsDelivered,
    BookRead,
    BookWriting,
    BookWritten,
    CommandGiven,
    CorrectionsDelivered,
    ExecutionPushed,
    Fact,
    FillRecorded,
    InboxTaken,
    Observed,
    OrderRecorded,
    PolicyAdopted,
    PositionRecorded,
    StatePushed,
    WriterClaimed,
)
from trueup.model import ZERO, Key, Side, is_unbound
from trueup.reconciliation.fold import fold
from trueup.reconciliation.keys import key_of_execution, key_of_position, key_of_row
from trueup.reconciliation.state import State

MarkKind: TypeAlias = Literal["opened", "cleared", "escalated", "correction", "failed", "held"]
LEGS_MAX: Final = 40
"""Legs of one symbol that are followed: the first seen; 29 of one symbol are real (L29)."""
POINTS_MAX: Final = 20_000
MARKS_MAX: Final = 5_000
"""Changes and marks that are kept; when there are more the timeline says that it was cut short (law 12)."""


class Point(msgspec.Struct, frozen=True):
    """A quantity from a moment on."""

    position: int
    at_ns: int
    signed_quantity: Decimal | None
    """None: not known."""


class Leg(msgspec.Struct, frozen=True):
    """One position of the symbol: both sides' quantities as steps over time."""

    key: Key
    book: tuple[Point, ...]
    broker: tuple[Point, ...]


class Mark(msgspec.Struct, frozen=True):
    """Something that happened: a break, a correction, an answer that never came."""

    position: int
    at_ns: int
    kind: MarkKind
    key: Key | None
    """None: of the whole account, or of an order."""
    id: str
    """Of the break or the correction; '' otherwise."""
    text: str


class Timeline(msgspec.Struct, frozen=True):
    """Book against broker, over a stretch of the journal."""

    account: str
    symbol: str
    first: int
    last: int
    """The journal positions that it covers, both included."""
    from_ns: int
    to_ns: int
    """The wall times of its first and last input; 0 where there is none."""
    legs: tuple[Leg, ...]
    marks: tuple[Mark, ...]
    cut_short: bool = False
    """Whether there was more than the limits keep."""


def timeline(state: State, events: Iterable[tuple[int, Event]], symbol: str) -> Timeline:
    """The timeline of a symbol over some events.

    state   the fold of everything before them
    events  (position, event), in order
    symbol  in its canonical spelling; aliases are the caller's to resolve (L33)
    """
    drawing = _Drawing(state, symbol)
    for position, event in events:
        drawing.take(position, event)
    return drawing.done()


class _Drawing:
    """The state as far as it was folded, and what has been seen of the symbol."""

    def __init__(self, state: State, symbol: str) -> None:
        self.state = state
        self.symbol = symbol
        self.first = self.last = state.position
        self.from_ns = self.to_ns = 0
        self.waiting: list[tuple[int, Event]] = []
        self.book: dict[Key, list[Point]] = {}
        self.broker: dict[Key, list[Point]] = {}
        self.marks: list[Mark] = []
        self.points = 0
        self.cut_short = False
        self.answered = state.view().base > 0
        rows = state.view().rows
        held = [key for key, slot in state.book.items() if slot.holding is not None and slot.holding.symbol == symbol]
        self.start = tuple(sorted({*held, *(key for key, row in rows.items() if row.symbol == symbol)}))

    def take(self, position: int, event: Event) -> None:
        """One event more."""
        at_ns = event.at.at_ns if isinstance(event, Fact) else event.at_ns
        if not self.to_ns:
            self.from_ns = at_ns
            for key in self.start:
                self._follow(key, self.first, at_ns)
        self.last, self.to_ns = position, max(self.to_ns, at_ns)
        self.waiting.append((position, event))
        if _concerns(event, self.symbol, self.book):
            before = self.state
            self.state = fold(before, self.waiting)
            self.waiting = []
            for key in _keys_in(self.state, event, self.symbol):
                self._follow(key, position, at_ns)
            self._step(position, at_ns, event)
        self._mark(position, at_ns, event)

    def done(self) -> Timeline:
        legs = tuple(Leg(key, tuple(self.book[key]), tuple(self.broker[key])) for key in sorted(self.book))
        return Timeline(
            self.state.account,
            self.symbol,
            min(self.first + 1, self.last),
            self.last,
            self.from_ns,
            self.to_ns,
            legs,
            tuple(self.marks),
            self.cut_short,
        )

    # -- quantities ----------------------------------------------------------------------------------------

    def _follow(self, key: Key, position: int, at_ns: int) -> None:
        """A leg that is seen for the first time: it had been nothing so far, on the sides that were heard."""
        if key in self.book:
            return
        if len(self.book) >= LEGS_MAX:
            self.cut_short = True
            return
        held = self.state.held(key) if key in self.start else None
        row = self.state.view().rows.get(key) if key in self.start else None
        ours = ZERO if held is None else held.signed_quantity
        theirs = ZERO if row is None else row.signed_quantity
        begin = self.from_ns or at_ns
        self.book[key] = [Point(self.first, begin, ours)]
        known = self.answered and not is_unbound(key)  # the broker knows every position by its ticket
        self.broker[key] = [Point(self.first, begin, theirs if known else None)]

    def _step(self, position: int, at_ns: int, event: Event) -> None:
        """What both sides are after the event, where that changed."""
        for key, points in self.book.items():
            held = self.state.held(key)
            self._put(points, position, at_ns, ZERO if held is None else held.signed_quantity)
        if isinstance(event, Observed) and event.surface == "positions" and event.positions is not None:
            complete = event.completeness == "complete"
            self.answered = self.answered or complete
            stated = {key_of_row(self.state.mode, row): row for row in event.positions.stated}
            rows = self.state.view().rows if complete else stated
            for key, points in self.broker.items():
                if (complete and not is_unbound(key)) or key in stated:
                    row = rows.get(key)
                    self._put(points, position, at_ns, ZERO if row is None else row.signed_quantity)

    def _put(self, points: list[Point], position: int, at_ns: int, quantity: Decimal) -> None:
        if points[-1].signed_quantity == quantity:
            return
        self.points += 1
        if self.points > POINTS_MAX:
            self.cut_short = True
            return
        points.append(Point(position, at_ns, quantity))

    # -- marks ---------------------------------------------------------------------------------------------

    def _mark(self, position: int, at_ns: int, event: Event) -> None:
        for mark in _marks_of(position, at_ns, event, self.symbol):
            if len(self.marks) >= MARKS_MAX:
                self.cut_short = True
                return
            self.marks.append(mark)


def _marks_of(position: int, at_ns: int, event: Event, symbol: str) -> Iterable[Mark]:
    if isinstance(event, BreakMoved) and event.symbol == symbol:
        yield from _break_marks(position, at_ns, event)
    elif isinstance(event, FillAdopted) and event.execution.symbol == symbol:
        yield Mark(position, at_ns, "correction", event.key, event.correction.id, event.correction.why)
    elif isinstance(event, MassAbsenceMoved) and event.state == "held":
        yield Mark(position, at_ns, "held", None, "", event.why)
    elif isinstance(event, Observed) and event.surface == "positions" and event.completeness == "failed":
        yield Mark(position, at_ns, "failed", None, "", f"positions were asked for and not answered: {event.why}")


_TOLD: Final[Mapping[str, MarkKind]] = {"opened": "opened", "cleared": "cleared", "escalated": "escalated"}


def _break_marks(position: int, at_ns: int, event: BreakMoved) -> Iterable[Mark]:
    key = event.key if event.of == "position" else None  # an order is no leg
    for step in event.steps:
        kind = _TOLD.get(step.state)
        if kind is not None:
            field = "" if step.field is None else f" of {step.field}"
            sides = f"book {step.book or 'nothing'}, broker {step.broker or 'nothing'}"
            name = named(event.symbol, event.ticket) if key is not None else f"order {event.ticket} on {event.symbol}"
            text = f"{step.kind}{field} {step.state} on {name} ({sides}): {step.why}"
            yield Mark(position, at_ns, kind, key, step.break_id, text)
    made = event.correction or event.order_correction
    if made is not None:
        yield Mark(position, at_ns, "correction", key, made.id, made.why)


# -- which events can move a quantity of the symbol --------------------------------------------------------


_IDLE: Final = (
    WriterClaimed, PolicyAdopted, StatePushed, InboxTaken, CommandGiven, CorrectionsDelivered, AlertsDelivered,
    BookRead, BookWriting, BookWritten,
)  # fmt: skip
"""Inputs after which no quantity is another one."""


def _concerns(event: Event, symbol: str, legs: Mapping[Key, object]) -> bool:
    """Whether either side of the symbol may differ after the event; in doubt, and of unknown events, yes."""
    if isinstance(event, Observed):
        rows = event.positions
        if rows is None:
            return False
        return (
            not rows.base or any(row.symbol == symbol for row in rows.stated) or any(key in legs for key in rows.gone)
        )
    if isinstance(event, FillRecorded | ExecutionPushed | FillAdopted):
        return event.execution.symbol == symbol
    if isinstance(event, PositionRecorded | OrderRecorded | BreakMoved):
        return event.symbol == symbol
    return not isinstance(event, _IDLE)


def _keys_in(state: State, event: Event, symbol: str) -> Iterable[Key]:
    """The keys of the symbol that an event names; a leg that has no ticket yet goes on under it once it is bound."""
    if isinstance(event, Observed) and event.positions is not None:
        yield from (key_of_row(state.mode, row) for row in event.positions.stated if row.symbol == symbol)
    elif isinstance(event, FillRecorded):
        yield key_of_execution(state, event.execution)
    elif isinstance(event, PositionRecorded):
        side: Side = "long" if event.side == "buy" else "short"
        yield key_of_position(state, symbol, side, event.ticket)
    elif isinstance(event, FillAdopted) or (isinstance(event, BreakMoved) and event.of == "position"):
        yield event.key
    elif isinstance(event, BaselineTaken):
        rows = state.view().rows
        yield from (key for key in event.keys if rows[key].symbol == symbol)
    elif isinstance(event, PositionBound):
        held = state.held(event.key)
        if held is not None and held.symbol == symbol:
            yield event.key


def leg_name(symbol: str, key: Key) -> str:
    """`EURUSD`, `#7`, `order/c1, no ticket yet`: a leg for a person who knows the symbol."""
    if key == symbol:
        return symbol
    return f"{key[1:]}, no ticket yet" if is_unbound(key) else key
