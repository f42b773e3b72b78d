"""What appeared, vanished or changed between two moments, on either side, and which events did it?

Both moments are folds; only what differs between them is followed through the events in between, so a long stretch
with few changes costs little more than folding it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from trueup.events import Event
from trueup.facts import Observed
from trueup.model import BrokerPosition, Holding, Moment, plain, side_of
from trueup.reconciliation.fold import fold
from trueup.reconciliation.state import State
from trueup.replay.telling import plainly

Side: TypeAlias = Literal["book", "broker"]
Of: TypeAlias = Literal["position", "order"]
Place: TypeAlias = tuple[Side, Of, str]
"""Which side, of what, under which key: how one thing is found again in every state."""
SEGMENT_EVENTS: Final = 256
"""Events that are folded at once; where something changed in them, they are halved until one event remains."""
NOTED_MAX: Final = 20
"""Events that are named for one change: the first ones, and the last one (law 12)."""


class Changed(msgspec.Struct, frozen=True):
    """One position or order that is not at the second moment what it was at the first."""

    side: Side
    of: Of
    key: str
    change: Literal["appeared", "vanished", "changed"]
    before: Mapping[str, Any] | None
    """Plain values by field, numbers as exact text; None: it was not there."""
    after: Mapping[str, Any] | None
    fields: tuple[str, ...]
    """Which of them differ; () where one side is None."""
    events: tuple[int, ...]
    """Journal positions of what did it, ascending; of many the first, and the last one."""
    events_count: int


class Between:
    """Follows what differs between two states through the events from one to the other."""

    def __init__(self, first: State, last: State) -> None:
        self.noted: dict[int, Event] = {}
        """The events that are named, by position."""
        self._first = first
        self._last = last
        self._state = first
        self._segment: list[tuple[int, Event]] = []
        self._events: dict[Place, list[int]] = {}
        self._counts: dict[Place, int] = {}
        self._differ = _differing(first, last)
        self._book = [place for place in self._differ if place[0] == "book"]
        self._broker = [place for place in self._differ if place[0] == "broker"]

    @property
    def differs(self) -> bool:
        """Whether the two moments differ at all; if not, no event need be followed."""
        return bool(self._differ)

    def follow(self, events: Iterable[tuple[int, Event]]) -> None:
        """Every event after the first state's, up to the last state's, in order."""
        for one in events:
            self._segment.append(one)
            if len(self._segment) >= SEGMENT_EVENTS or isinstance(one[1], Observed):
                self._fold()
        self._fold()

    def changed(self) -> list[Changed]:
        """What differs, positions before orders, book before broker, in key order."""
        return [
            _changed(place, self._first, self._last, self._events.get(place, []), self._counts.get(place, 0))
            for place in self._differ
        ]

    def _fold(self) -> None:
        segment, self._segment = self._segment, []
        if not segment:
            return
        before = self._state
        self._state = self._halved(before, segment, self._book)
        # What the broker's side shows only an answer changes, and each answer ends a segment.
        for place in self._broker:
            if _moved(before, self._state, place):
                self._note(place, *segment[-1])

    def _halved(self, before: State, events: Sequence[tuple[int, Event]], places: Sequence[Place]) -> State:
        after = fold(before, events)
        moved = [place for place in places if _moved(before, after, place)]
        if not moved:
            return after
        if len(events) == 1:
            for place in moved:
                self._note(place, *events[0])
            return after
        half = len(events) // 2
        return self._halved(self._halved(before, events[:half], moved), events[half:], moved)

    def _note(self, place: Place, position: int, event: Event) -> None:
        known = self._events.setdefault(place, [])
        self._counts[place] = self._counts.get(place, 0) + 1
        if len(known) >= NOTED_MAX:
            known.pop()
        known.append(position)
        self.noted[position] = event


# -- where things stand in a state ---------------------------------------------------------------------------


def _whole(state: State, place: Place) -> object:
    """All that a state has there, with its own record of when it was changed: also what came back shows."""
    side, of, key = place
    if side == "broker":
        return _shown(state, place)
    if of == "position":
        return state.slot(key)
    return state.orders.get(key) or state.ended_orders.get(key)


def _shown(state: State, place: Place) -> object:
    """What a person would see there; None: nothing."""
    side, of, key = place
    if side == "book" and of == "position":
        return state.held(key)
    if side == "book":
        slot = state.orders.get(key)
        return None if slot is None else slot.order
    return (state.view().rows if of == "position" else broker_orders(state)).get(key)


def broker_orders(state: State) -> Mapping[str, Any]:
    """The open orders that the broker last listed completely, by reference."""
    return state.view("open_orders").orders


def _moved(before: State, after: State, place: Place) -> bool:
    one, other = _whole(before, place), _whole(after, place)
    return one is not other and one != other


def _differing(first: State, last: State) -> tuple[Place, ...]:
    found: list[Place] = []
    sides: tuple[tuple[Side, Of, Callable[[State], Iterable[str]]], ...] = (
        ("book", "position", lambda state: state.book),
        ("broker", "position", lambda state: state.view().rows),
        ("book", "order", lambda state: state.orders),
        ("broker", "order", broker_orders),
    )
    for side, of, keys in sides:
        for key in sorted({*keys(first), *keys(last)}):
            place: Place = (side, of, key)
            one, other = _shown(first, place), _shown(last, place)
            if one is not other and (one is None or other is None or fields_of(one) != fields_of(other)):
                found.append(place)
    return tuple(found)


# -- what is said of them ------------------------------------------------------------------------------------


def fields_of(one: object) -> dict[str, Any]:
    """A position or an order as plain values: no times or positions of ours, no source, numbers as exact text."""
    if isinstance(one, Holding | BrokerPosition):
        return {
            "symbol": one.symbol,
            "ticket": one.ticket,
            "side": side_of(one.signed_quantity),
            "quantity": plain(one.signed_quantity.copy_abs()),
            "price": None if one.price is None else plain(one.price),
            "strategy": one.strategy,
            "stop": None if one.stop is None else "none" if one.stop.price is None else plain(one.stop.price),
            "opened_at": one.opened_at,
        }
    assert isinstance(one, msgspec.Struct)
    return {
        name: plainly(value)
        for name in one.__struct_fields__
        if not isinstance(value := getattr(one, name), Moment) and not name.endswith("position")
    }


def _changed(place: Place, first: State, last: State, events: Sequence[int], count: int) -> Changed:
    one, other = _shown(first, place), _shown(last, place)
    before = None if one is None else fields_of(one)
    after = None if other is None else fields_of(other)
    both = before is not None and after is not None
    fields = tuple(name for name in after or () if (before or {}).get(name) != (after or {}).get(name)) if both else ()
    change: Literal["appeared", "vanished", "changed"] = (
        "changed" if both else "appeared" if before is None else "vanished"
    )
    return Changed(place[0], place[1], place[2], change, before, after, fields, tuple(events), count)
