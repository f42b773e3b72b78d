"""Law 1 on journals as they stand: is everything decided again as recorded, and is what was forged found, and where?"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from journal.databases import PostgresStore, postgres_url
from laws.profiles import tried
from laws.steps import ANY, Step, play, random_steps
from laws.stores import ListJournal
from laws.test_values import MODES, NAMED
from laws.world import World, impatient
from replay.journals import events, listed, stored, writing
from trueup.decisions import AlertRaised, BreakMoved, Decision, GateMoved
from trueup.errors import JournalCorrupt
from trueup.facts import Fact, WriterClaimed
from trueup.journal import open_reader
from trueup.reconciliation.state import DECIDER_VERSION
from trueup.replay import Difference, Span, differing, redecide, told, turns


def counted(journal: ListJournal) -> tuple[int, int]:
    """(inputs, decisions), by our own count."""
    inputs = sum(isinstance(one, Fact) for one in events(journal))
    return inputs, len(journal.stored) - inputs


@tried(80)
@given(steps=ANY, mode=MODES, named_by=NAMED, holds=st.booleans(), place=st.integers(0, 10_000))
def test_law_1_a_journal_is_decided_again_up_to_any_position(
    steps: list[Step], mode, named_by, holds: bool, place: int
) -> None:
    journal = play(World(mode, impatient() if holds else None, named_by=named_by), steps).journal
    whole = redecide(journal)
    assert whole.identical
    assert whole.differences == whole.undetermined == ()
    assert (whole.inputs, whole.decisions) == counted(journal)
    assert whole.compared == whole.decisions
    cut = place % (len(journal.stored) + 1)
    part = redecide(journal, upto=cut)
    assert part.identical
    assert part.events == cut


@tried(80)
@given(steps=ANY, mode=MODES, place=st.integers(0, 10_000))
def test_law_1_a_decision_that_was_changed_is_one_difference_at_its_position(
    steps: list[Step], mode, place: int
) -> None:
    """Whatever decision it is; what follows is decided on what was recorded, so it differs only where it says so."""
    journal = play(World(mode, impatient()), steps).journal
    told = events(journal)
    places = [at for at, one in enumerate(told) if isinstance(one, AlertRaised | GateMoved | BreakMoved)]
    if not places:
        return
    at = places[place % len(places)]
    forged = otherwise(told[at])
    found = redecide(listed([*told[:at], forged, *told[at + 1 :]]))
    assert Difference(at + 1, forged, told[at]) in found.differences  # type: ignore[arg-type]
    if isinstance(forged, AlertRaised):  # folds to nothing: all that follows is as it was
        assert found.differing == 1
    assert min(one.position for one in found.differences) == at + 1, "nothing before it differs"


def otherwise(event: object) -> Decision:
    """The same decision, forged."""
    if isinstance(event, AlertRaised):
        return replace(event, text=event.text + "!")
    if isinstance(event, GateMoved):
        return replace(event, why="because I say so")
    assert isinstance(event, BreakMoved)
    return replace(event, evidence=(*event.evidence, 1))


@tried(60)
@given(steps=ANY, mode=MODES, place=st.integers(0, 10_000))
def test_law_1_a_decision_that_was_taken_out_is_named_where_it_would_stand(steps: list[Step], mode, place: int) -> None:
    told = events(play(World(mode, impatient()), steps).journal)
    places = [at for at, one in enumerate(told) if isinstance(one, Decision)]
    if not places:
        return
    at = places[place % len(places)]
    found = redecide(listed([*told[:at], *told[at + 1 :]]))
    assert not found.identical
    first = found.differences[0]
    assert (first.position, first.recorded, first.replayed) == (at + 1, None, told[at])


@tried(60)
@given(steps=ANY, mode=MODES, place=st.integers(0, 10_000))
def test_law_1_a_decision_that_was_put_in_is_named_where_it_stands(steps: list[Step], mode, place: int) -> None:
    told = events(play(World(mode), steps).journal)
    at = 1 + place % len(told)
    forged = AlertRaised(1, 1, b"", "info", "weather", "it rains")
    found = redecide(listed([*told[:at], forged, *told[at:]]))
    assert found.differences[0] == Difference(at + 1, forged, None)


def test_law_1_numbers_that_are_equal_and_not_the_same_bytes_differ() -> None:
    world = play(World(), [("manual", 1, 0, 2), ("look", 1), ("trade", 0, (1,), "late"), ("manual", 0, 1, 3)])
    play(world, [("look", 4)])
    told = events(world.journal)
    at, move = next(
        (at, one) for at, one in enumerate(told) if isinstance(one, BreakMoved) and one.correction is not None
    )
    assert move.correction is not None
    assert move.correction.after is not None
    after = replace(move.correction.after, signed_quantity=move.correction.after.signed_quantity * Decimal("1.0"))
    forged = replace(move, correction=replace(move.correction, after=after))
    assert forged == move
    found = redecide(listed([*told[:at], forged, *told[at + 1 :]]))
    assert found.differences[0].position == at + 1
    assert any("signed_quantity" in line for line in differing(forged, move))


def test_what_another_version_decided_is_undetermined_and_does_not_count() -> None:
    world = play(World(), [("manual", 1, 0, 2), ("look", 3), ("restart",), ("manual", 1, 0, 3), ("look", 3)])
    told = events(world.journal)
    claims = [at for at, one in enumerate(told) if isinstance(one, WriterClaimed)]
    assert len(claims) == 2
    old = replace(told[0], decider_version=DECIDER_VERSION - 1)  # type: ignore[type-var]
    journal = listed([old, *(otherwise(one) if isinstance(one, BreakMoved) else one for one in told[1 : claims[1]]),
                      *told[claims[1] :]])  # fmt: skip
    found = redecide(journal)
    assert found.identical
    why = f"written by decider version {DECIDER_VERSION - 1}; this is version {DECIDER_VERSION}"
    assert found.undetermined == (Span(1, claims[1], why),)
    later = sum(isinstance(one, Decision) for one in told[claims[1] :])
    assert found.compared == later
    assert found.decisions > later
    everything = redecide(listed(told), decider_version=DECIDER_VERSION + 1)
    assert (everything.compared, everything.identical) == (0, True)
    assert everything.undetermined[0].first == 1
    assert everything.undetermined[-1].last == len(told)


def test_inputs_before_any_claim_are_nobody_s_and_undetermined() -> None:
    told = events(play(World(), [("look", 1)]).journal)
    found = redecide(listed(told[1:]))
    assert found.undetermined == (Span(1, len(told) - 1, "no writer had claimed the account yet"),)


def test_a_journal_that_begins_with_a_decision_is_corrupt() -> None:
    told = events(play(World(), [("manual", 1, 0, 2), ("look", 1)]).journal)
    first = next(at for at, one in enumerate(told) if isinstance(one, Decision))
    with pytest.raises(JournalCorrupt, match="stands before any input"):
        redecide(listed(told[first:]))


def test_turns_are_cut_where_they_are_asked_to_be() -> None:
    told = events(play(World(), [("manual", 1, 0, 2), ("look", 1)]).journal)
    first = next(at for at, one in enumerate(told) if isinstance(one, Decision))
    pairs = list(enumerate(told, start=1))
    cut = list(turns(pairs, upto=first))[-1]  # the input, and none of its decisions
    assert (cut.position, cut.last, cut.decisions, cut.whole) == (first, first, (), False)
    assert list(turns(pairs, upto=0)) == []
    assert all(turn.whole for turn in turns(pairs))


def test_law_1_many_seeded_histories_in_files(tmp_path: Path) -> None:
    for seed in range(6):
        world = play(World("netting" if seed % 2 else "hedging", impatient()), random_steps(seed, 300))
        with open_reader(stored(world, tmp_path / f"{seed}.db"), world.journal.account) as reader:
            found = redecide(reader)
        assert found.identical
        assert (found.inputs, found.decisions) == counted(world.journal)
        assert found.decisions > 50


def test_law_1_a_journal_in_postgresql(tmp_path: Path) -> None:
    store = PostgresStore(postgres_url())
    try:
        world = play(World("hedging", impatient()), random_steps(7, 200))
        writing(world.journal, store.url)
        with open_reader(store.url, world.journal.account) as reader:
            found = redecide(reader)
        assert found.identical
        assert found.events == len(world.journal.stored)
    finally:
        store.drop()


def test_an_event_is_told_field_by_field() -> None:
    told_ = told(GateMoved(3, 4, b"\x01", "open", "fine", (("EURUSD", "a break"),)))
    assert told_ == {
        "event": "gate-moved/1", "cause": 3, "at_ns": 4, "policy": "01", "status": "open", "why": "fine",
        "symbols": [["EURUSD", "a break"]],
    }  # fmt: skip
    other = GateMoved(3, 4, b"\x01", "open", "well", (("EURUSD", "b"), ("XAUUSD", "c")))
    assert differing(GateMoved(3, 4, b"\x01", "open", "fine"), other)[0] == "why: 'fine' -> 'well'"
    assert differing(None, other) == ("gate-moved/1 is missing in the recording",)
    assert differing(other, None) == ("gate-moved/1 is missing in the replay",)
    alert = AlertRaised(3, 4, b"", "info", "t", "x")
    assert differing(other, alert) == ("gate-moved/1 -> alert-raised/1",)
    many = GateMoved(0, 0, b"", "open", "", tuple((str(n), "a") for n in range(30)))
    now = GateMoved(0, 0, b"", "open", "", tuple((str(n), "b") for n in range(30)))
    assert differing(many, now)[-1] == "and 10 more fields"
    for count, last in ((20, "symbols[19]"), (21, "and 1 more fields"), (22, "and 2 more fields")):
        few = (GateMoved(0, 0, b"", "open", "", one.symbols[:count]) for one in (many, now))
        found = differing(*few)
        assert len(found) == min(count, 21)
        assert found[-1].startswith(last)
