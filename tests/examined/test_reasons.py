"""Does every step of a break that is not its end say why it is where it is? Section 4: each step with its reason."""

from __future__ import annotations

from collections.abc import Callable

from lessons.world import World, held, row
from trueup import Policy
from trueup.decisions import BreakMoved, Step

Worlds = Callable[..., World]


def sighted(w: World) -> list[Step]:
    moves = [one for one in w.events(BreakMoved) if isinstance(one, BreakMoved)]
    return [step for move in moves for step in move.steps if step.state in ("opened", "seen")]


def test_a_claim_that_changes_says_how_many_answers_speak_for_it_now(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.sees(row("EURUSD", "2"))
    w.sees(row("EURUSD", "3"))
    assert [step.why for step in sighted(w)] == [
        "first seen; 2 independent answers decide",
        "1 of 2 independent answers that decide",
    ]
    assert [one.why for one in w.state.breaks["EURUSD"]] == ["1 of 2 independent answers that decide"]


def test_a_claim_that_was_seen_again_says_how_many_answers_are_still_missing(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("USDJPY", "1"), policy=Policy.adopt(confirmations=4))
    w.sees(row("USDJPY", "1"), times=3)
    assert [step.why for step in sighted(w)][1:] == [
        "2 of 4 independent answers that decide",
        "3 of 4 independent answers that decide",
    ]


def test_a_small_book_that_is_gone_says_that_its_answers_came_too_fast(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), policy=Policy.adopt(confirmations_total=2, total_absence_s=60))
    w.sees(times=3)
    assert [step.why for step in sighted(w)][1:] == [
        "2 independent answers, which have to span 60 s",
        "3 independent answers, which have to span 60 s",
    ]
