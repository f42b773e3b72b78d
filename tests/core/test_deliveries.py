"""Is every correction handed to the trading process, at least once, in order, whatever its callable does?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lessons.world import World, held, row
from trueup import deliveries
from trueup.deliveries import FAILURE_TEXT_MAX, BookChange, Courier
from trueup.errors import JournalError
from trueup.facts import CorrectionsDelivered

Worlds = Callable[..., World]
LONG_S = 10
"""Nobody waits as long unless something is broken."""


class Told:
    """Remembers what it was told, and lets a test wait for so much of it."""

    def __init__(self, raising: Exception | None = None) -> None:
        self.changes: list[BookChange] = []
        self._raising = raising
        self._more = threading.Condition()

    def __call__(self, change: BookChange) -> None:
        with self._more:
            self.changes.append(change)
            self._more.notify_all()
        if self._raising is not None:
            raise self._raising

    def wait_for(self, count: int) -> list[str]:
        with self._more:
            assert self._more.wait_for(lambda: len(self.changes) >= count, LONG_S)
        return self.symbols()

    def symbols(self) -> list[str]:
        return [one.symbol for one in self.changes]


@pytest.fixture
def couriers() -> Iterator[Callable[..., Courier]]:
    """Makes couriers, and stops those that are left."""
    made: list[Courier] = []

    def make(w: World, call: Any, reads: Any = None) -> Courier:
        made.append(Courier(w.ledger, reads or w._reader, call))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop()


def corrected(w: World, *symbols: str) -> None:
    """Each is found at the broker and adopted, by a correction of its own."""
    w.sees(*(row(symbol, "1") for symbol in symbols), times=2)


def said(w: World) -> list[CorrectionsDelivered]:
    return [one for one in w.events(CorrectionsDelivered) if isinstance(one, CorrectionsDelivered)]


def test_what_is_there_at_the_start_and_what_comes_is_handed_over_and_written_down(
    world: Worlds, couriers: Callable[..., Courier]
) -> None:
    w, told = world(held("HELD", "1")), Told()
    corrected(w, "HELD", "AUDUSD")
    courier = couriers(w, told)
    assert told.wait_for(1) == ["AUDUSD"]
    corrected(w, "HELD", "AUDUSD", "EURUSD")
    courier.wake()
    assert told.wait_for(2) == ["AUDUSD", "EURUSD"]
    courier.stop()
    assert said(w)[-1].upto == told.changes[-1].cursor
    assert w.state.delivered == told.changes[-1].cursor
    again = couriers(w, told)
    again.stop()
    assert told.symbols() == ["AUDUSD", "EURUSD"], "and what was handed over and written down does not come again"


def test_stopping_hands_over_what_nobody_announced(world: Worlds, couriers: Callable[..., Courier]) -> None:
    w, told = world(held("HELD", "1")), Told()
    corrected(w, "HELD", "AUDUSD")
    courier = couriers(w, told)
    told.wait_for(1)
    while not said(w):
        courier.wake()
    corrected(w, "HELD", "AUDUSD", "EURUSD")
    courier.stop()
    assert told.symbols() == ["AUDUSD", "EURUSD"]


def test_a_callable_that_raises_is_written_down_and_the_next_one_is_handed_over(
    world: Worlds, couriers: Callable[..., Courier]
) -> None:
    w, told = world(held("HELD", "1")), Told(ValueError("x" * 1_000))
    corrected(w, "HELD", "AUDUSD", "EURUSD")
    couriers(w, told).stop()
    assert told.symbols() == ["AUDUSD", "EURUSD"]
    failures = [failure for one in said(w) for failure in one.failures]
    assert [cursor for cursor, _ in failures] == [one.cursor for one in told.changes]
    assert all(why.startswith("ValueError: xxx") and len(why) == FAILURE_TEXT_MAX for _, why in failures)


def test_many_are_written_down_in_parts_and_those_of_one_event_together(
    world: Worlds, couriers: Callable[..., Courier], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A baseline is one event: written down halfway through it, the rest would be told twice or never."""
    monkeypatch.setattr(deliveries, "DELIVERIES_MAX", 2)
    w, told = world(), Told()
    w.sees(*(row(symbol, "1") for symbol in ("A", "B", "C", "D")))
    corrected(w, "A", "B", "C", "D", "E", "F", "G")
    couriers(w, told).stop()
    assert told.symbols() == ["A", "B", "C", "D", "E", "F", "G"]
    cursors = [one.cursor for one in told.changes]
    assert [one.upto for one in said(w)] == [cursors[3], cursors[5], cursors[6]]


def test_a_journal_that_fails_delays_what_is_handed_over_and_loses_none(
    world: Worlds, couriers: Callable[..., Courier]
) -> None:
    w, told = world(held("HELD", "1")), Told()
    corrected(w, "HELD", "AUDUSD")
    tried = threading.Event()

    class Failing:
        """Fails the first time it is read."""

        def read(self, **span: int) -> Any:
            if not tried.is_set():
                tried.set()
                raise JournalError("the disk is full")
            return w._reader.read(**span)

        def event(self, position: int) -> Any:
            return w._reader.event(position)

    courier = couriers(w, told, Failing())
    assert tried.wait(LONG_S)
    courier.stop()
    assert courier.failure == "the disk is full"
    assert told.symbols() == ["AUDUSD"]
