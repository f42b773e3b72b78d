"""Is a cause found as well where the two halves of a story were corrected one after the other?"""

from __future__ import annotations

from collections.abc import Callable

from lessons.world import World, fill, row
from telling.stories import last_break, last_correction

Worlds = Callable[..., World]


def test_l33_a_ghost_is_explained_by_the_other_name_that_was_adopted_before_it_was_closed(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "2", "1.1"))
    w.sees(row("EURUSD.m", "2", price="1.1"), times=2)
    assert (w.book["EURUSD"], w.book["EURUSD.m"]) == ("2", "2")  # adopted, and the other not closed yet
    waiting = last_break(w).causes[0]
    w.sees(row("EURUSD.m", "2", price="1.1"), times=6)
    told = last_correction(w)
    assert (told.subject.kind, told.subject.symbol) == ("ghost", "EURUSD")
    for cause in (waiting, told.causes[0]):
        assert (cause.cause, cause.strength) == ("symbol_alias", "likely")


def test_a_position_that_was_adopted_before_the_break_was_seen_explains_nothing(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "2", "1.1"))
    w.sees(row("EURUSD", "2", price="1.1"), row("EURUSD.m", "2", price="1.1"), times=3)
    w.sees(row("EURUSD.m", "2", price="1.1"), times=6)
    told = last_correction(w)
    assert (told.subject.kind, told.subject.symbol) == ("ghost", "EURUSD")
    assert told.causes[0].cause == "unexplained"
