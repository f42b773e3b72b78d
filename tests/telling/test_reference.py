"""Is what somebody means by a few characters found, and what is ambiguous listed instead of guessed?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lessons.world import World, deal, fill, held, order_row, row
from telling.stories import past_of
from trueup.decisions import BreakMoved, FillAdopted, Step
from trueup.telling import Target, about, find
from trueup.telling.reference import CANDIDATES_MAX

Worlds = Callable[..., World]


def move(*names: str, ticket: str | None = None) -> BreakMoved:
    steps = tuple(Step(name, "drift", "stop", "opened", "1", "2", 1, "") for name in names)
    return BreakMoved(1, 0, b"", "position", "EURUSD", "EURUSD", ticket, steps, ())


def test_whole_ids_beginnings_and_positions(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.sees(row("EURUSD", "2"), times=2)
    past = past_of(w)
    position, event = [(at, one) for at, one in past.events() if isinstance(one, BreakMoved)][-1]
    correction = event.correction
    assert correction is not None
    made = Target("correction", correction.id, position, "drift EURUSD")
    moved = Target("break", event.steps[-1].break_id, position, "drift EURUSD, corrected")
    for reference in (correction.id, correction.id.upper(), correction.id[:4], str(position), f"@{position}"):
        assert find(reference, past.events()) == (made,), reference
    assert find(moved.id, past.events()) == (moved,)
    assert find("1", past.events()) == (Target("event", "", 1),)
    for nothing in ("", "0", "@", "@x", "99999999", "zzzz", correction.id[:3], "@" + correction.id, "²"):
        assert find(nothing, past.events()) == (), nothing


def test_a_missed_fill_is_found_by_its_id(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1"))
    w.deals()
    w.deals(deal("x2", "EURUSD", "1"))
    adopted = next(one for one in w.events(FillAdopted) if isinstance(one, FillAdopted))
    (found,) = find(adopted.correction.id[:6], past_of(w).events())
    assert (found.what, found.id, found.text) == ("correction", adopted.correction.id, "missed-fill EURUSD")


def test_beginnings_that_several_ids_have_are_all_listed_once_with_their_last_position() -> None:
    events = [(1, move("abcd1111")), (2, move("abcd2222", ticket="7")), (3, move("abcd1111"))]
    found = find("abcd", events)
    assert [(one.id, one.position) for one in found] == [("abcd1111", 3), ("abcd2222", 2)]
    assert found[1].text == "drift EURUSD #7, opened"
    assert [one.id for one in find("abcd1111", [(1, move("abcd1111")), (2, move("abcd11112"))])] == ["abcd1111"]


def test_digits_that_are_a_position_and_a_beginning_are_ambiguous() -> None:
    events = [(position, move("1200aaaa")) for position in range(1199, 1202)]
    assert sorted((one.id, one.position) for one in find("1200", events)) == [("1200aaaa", 1200), ("1200aaaa", 1201)]
    assert find("@1200", events) == (Target("break", "1200aaaa", 1200, "drift EURUSD, opened"),)


def test_no_more_candidates_are_listed_than_anybody_reads() -> None:
    events = [(1, move(*(f"abcd{n:04}" for n in range(CANDIDATES_MAX + 20))))]
    assert len(find("abcd", events)) == CANDIDATES_MAX + 1


@pytest.mark.parametrize("name", ["EURUSD", "eurusd", "#7", "7"])
def test_a_story_is_found_by_what_it_is_about(world: Worlds, name: str) -> None:
    """A break that was corrected is one story, not two; one of another symbol is none of it."""
    w = world(held("EURUSD", "1", ticket="7"), held("USDJPY", "1", ticket="8"), mode="hedging")
    w.sees(row("EURUSD", "2", ticket="7"), row("USDJPY", "1", ticket="8"), times=2)
    w.sees(row("EURUSD", "2", ticket="7"), row("USDJPY", "3", ticket="8"))
    (made,) = w.corrections()
    (found,) = about(name, past_of(w).events())
    assert (found.what, found.id, found.text) == ("correction", made.id, "drift EURUSD #7")
    (other,) = about("#8", past_of(w).events())
    assert (other.what, other.text) == ("break", "drift USDJPY #8, opened")


@pytest.mark.parametrize("name", ["x2", "X2", "EURUSD", "o9", "c9"])
def test_a_missed_fill_is_found_by_its_execution_and_order(world: Worlds, name: str) -> None:
    w = world(fill("x1", "USDJPY", "1"))
    w.deals()
    w.deals(deal("x2", "EURUSD", "1", order_id="o9", client_order_id="c9"))
    (found,) = about(name, past_of(w).events())
    assert found.text == "missed-fill EURUSD"
    assert about("x1", past_of(w).events()) == ()


def test_an_order_is_found_by_any_of_its_names(world: Worlds) -> None:
    w = world(orders=True)
    w.sees()
    w.lists(order_row("DAX", order_id="o1", limit="90"))
    (found,) = about("o1", past_of(w).events())
    assert (found.what, found.text) == ("break", "recovery order o1 on DAX, opened")
    assert about("DAX", past_of(w).events()) == (found,)
    assert about("", past_of(w).events()) == ()


def test_of_many_stories_the_latest_are_listed() -> None:
    events = [(n, move(f"abcd{n:04}")) for n in range(1, CANDIDATES_MAX + 21)]
    found = about("EURUSD", events)
    assert len(found) == CANDIDATES_MAX
    assert found[-1].position == CANDIDATES_MAX + 20


@pytest.mark.parametrize("reference", ["abcd", "@1"])
def test_an_event_of_a_kind_that_is_unknown_here_is_plain(reference: str) -> None:
    found = find(reference, [(1, object())])  # type: ignore[list-item]
    assert found == ((Target("event", "", 1),) if reference == "@1" else ())
