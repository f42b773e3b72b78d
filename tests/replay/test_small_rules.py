"""The corners of re-deciding: limits that are reached, things of a kind not seen before, and keys of two meanings."""

from __future__ import annotations

import sys
from decimal import Decimal
from types import SimpleNamespace

import pytest

from laws.stores import DAWN_NS
from replay.journals import events, listed
from replay.recording import Recording, adopt, fill, row
from trueup.changes import PositionSet
from trueup.decisions import AlertRaised, BreakMoved, Correction, Step
from trueup.errors import InputError, TrueupError
from trueup.facts import PolicyAdopted, WriterClaimed
from trueup.model import Holding, Moment
from trueup.policy import Policy
from trueup.replay import (
    Elsewhere,
    Happened,
    Life,
    Lives,
    Span,
    compared,
    differences_between,
    measured,
    redecide,
    redecide_under,
    told,
    turns,
)
from trueup.replay import ending as ends
from trueup.replay import redeciding as again

AT = Moment(DAWN_NS, 0, 1)


def step(state: str, break_id: str = "b1") -> Step:
    return Step(break_id, "drift", "quantity", state, "1", "2", 1, "said")  # type: ignore[arg-type]


def moved(*steps: Step, correction: Correction | None = None, key: str = "AUD") -> BreakMoved:
    return BreakMoved(7, 8, b"", "position", key, "AUD", None, steps, (7,), correction)


# -- law 1 -------------------------------------------------------------------------------------------------


def forged(count: int) -> list[object]:
    """A journal with so many decisions behind its last input that nobody makes."""
    recording = Recording()
    recording.says(AUD=1)
    return [*events(recording.journal), *(AlertRaised(1, 1, b"", "info", "t", str(n)) for n in range(count))]


def test_all_differences_are_counted_and_some_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(again, "DIFFERENCES_MAX", 3)
    found = redecide(listed(forged(5)))  # type: ignore[arg-type]
    assert (found.differing, len(found.differences), found.identical) == (5, 3, False)


@pytest.mark.parametrize(("most", "one_by_one"), [(1, True), (2, True), (3, False)])
def test_law_12_very_many_decisions_of_one_input_are_compared_one_by_one(
    monkeypatch: pytest.MonkeyPatch, most: int, *, one_by_one: bool
) -> None:
    """Not searched for where they moved to: then the ones that are the same by chance are still no difference."""
    monkeypatch.setattr(again, "ALIGNED_MAX", most)
    recording = Recording()
    recording.says(AUD=1, BTC=1, CHF=1)
    recording.says(AUD=1, BTC=1, CHF=1)
    journal = events(recording.journal)
    moves = [at for at, one in enumerate(journal) if isinstance(one, BreakMoved)][-3:]
    first, _, last = moves
    swapped = [*journal]
    swapped[first], swapped[last] = journal[last], journal[first]
    found = redecide(listed(swapped))
    apart = [one.position for one in found.differences if one.position <= last + 1]
    assert (apart == [first + 1, last + 1]) is one_by_one


def test_many_undetermined_parts_become_one_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(again, "SPANS_MAX", 2)
    recording = Recording()
    for _ in range(3):
        recording.says(AUD=1)
        recording.restart()
    old = [
        WriterClaimed(one.at, one.position_mode, one.trueup_version, number, one.fold_version, one.source, one.process)
        if isinstance(one, WriterClaimed)
        else one
        for number, one in enumerate(events(recording.journal))
    ]
    found = redecide(listed(old), decider_version=1_000)
    assert len(found.undetermined) == 2
    assert found.undetermined[-1].last == len(old)
    assert found.undetermined[0] == Span(1, found.undetermined[1].first - 1, found.undetermined[0].why)


def test_no_events_are_no_turns() -> None:
    assert list(turns([])) == []


def test_tables_inside_events_are_told_by_name() -> None:
    policy = Policy.adopt(dust={"AUD": Decimal("0.10")})
    assert told(PolicyAdopted(AT, policy.digest, policy))["policy"]["dust"] == {"AUD": "0.10"}


# -- the other world ---------------------------------------------------------------------------------------


def test_positions_are_translated_to_where_the_other_world_was() -> None:
    world = Elsewhere("test:1", adopt())
    world._shifts.extend([(10, 30), (40, 60)])
    assert [world._translated(at) for at in (9, 10, 12, 35, 40, 59, 70)] == [9, 30, 30, 35, 60, 60, 70]


def test_a_doubt_is_of_a_position_or_of_an_order_whatever_both_are_called() -> None:
    world = Elsewhere("test:1", adopt())
    life = Life(moved(step("opened")), step("opened"), 7, AT)
    world.other.lives.by_key["AUD"] = {life.id: life}
    world._doubt("order", "AUD", 9)
    assert life.doubt == ""
    world._doubt("position", "AUD", 9)
    world._doubt("position", "AUD", 11)
    assert life.doubt == "input 9 came from a process whose book held something else under this key"


def test_a_break_that_is_corrected_by_nothing_we_know_of_is_over_all_the_same() -> None:
    lives = Lives()
    lives.follow(7, AT, [moved(step("opened"))])
    lives.follow(9, AT, [moved(step("confirmed"), step("corrected"))])
    (one,) = lives.corrected()
    assert (one.opened, one.ended, one.correction_id, lives.last_corrected) == (7, 9, None, {})


def test_of_two_fields_that_one_correction_sets_neither_undoes_the_other() -> None:
    lives = Lives()
    wrong = Correction("c1", "drift", None, Holding("AUD", Decimal(2)), "corrected")
    undoing = Correction("c2", "drift", None, None, "undone", compensates="c1")
    lives.follow(7, AT, [moved(step("opened"), step("opened", "b2"))])
    lives.follow(9, AT, [moved(step("corrected"), step("corrected", "b2"), correction=wrong)])
    assert [one.wrong for one in lives.corrected()] == ["", ""]
    lives.follow(11, AT, [moved(step("opened", "b3"))])
    lives.follow(12, AT, [moved(step("corrected", "b3"), correction=undoing)])
    assert [bool(one.wrong) for one in lives.corrected()] == [False, True, False]


def life(opened: int, ended: int | None, *states: str, number: int = 1) -> Lives:
    """One break of one world: opened at an input, and what became of it at another."""
    lives = Lives()
    name = f"b{number}"
    lives.follow(opened, AT, [moved(step("opened", name))])
    for state in states:
        lives.follow(opened if ended is None else ended, AT, [moved(step(state, name))])
    return lives


def test_a_second_break_is_not_judged_by_one_that_was_over_before_it() -> None:
    recorded = life(10, 12, "corrected")
    recorded.follow(30, AT, [moved(step("opened", "b2"))])
    recorded.follow(32, AT, [moved(step("corrected", "b2"))])
    replayed = life(10, 15, "cleared")
    replayed.ended[0].doubt = "nobody asked"
    found = compared(recorded, replayed)
    assert [(one.change, one.position, one.replayed) for one in found.rows] == [("avoided", 32, None)]
    assert [(one.position, one.why) for one in found.undetermined] == [(12, "nobody asked")]


def test_what_went_to_a_human_was_decided_whatever_was_not_asked() -> None:
    replayed = life(10, 15, "escalated", "cleared")
    replayed.ended[0].doubt = "nobody asked"
    (row,) = compared(life(10, 12, "corrected"), replayed).rows
    assert (row.change, row.why) == ("avoided", "left to a human: said")


def test_differing_ends_are_counted_and_some_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "DIFFERENCES_MAX", 1)
    recording = Recording(Policy.observe())
    recording.says(AUD=1, BTC=1)
    ending = redecide_under(recording.journal, Policy.observe()).recorded.ending
    assert (ending.agrees, ending.differing, len(ending.differences)) == (False, 2, 1)


def test_the_earlier_moment_comes_first() -> None:
    with pytest.raises(InputError, match="position 5 lies behind 3; give the earlier moment first"):
        differences_between(Recording().journal, 5, 3)  # type: ignore[arg-type]


# -- what had happened -------------------------------------------------------------------------------------


def was(recording: Recording) -> dict[str, Decimal]:
    happened = Happened("test:1", (10**17,))
    happened.follow(enumerate(events(recording.journal), start=1))
    return {one.key: one.signed_quantity for one in happened.was(0)}


def test_an_entry_claims_nothing_of_an_inference_in_the_other_direction() -> None:
    recording = Recording(adopt(confirmations=9), "hedging")
    recording.record(fill("f1", "AUD", -1, client_order_id="c1"))
    rows = {"#7": row("AUD", 1, "7")}
    recording.answers(rows)
    recording.answers(rows)
    recording.record(fill("f3", "AUD", 2, client_order_id="c1", ticket="7"))
    assert was(recording) == {"#7": Decimal(1)}  # -1 and the 1 that was adopted are none; of the 2, 1 had been inferred


def test_a_whole_position_that_gets_its_ticket_goes_on_under_it() -> None:
    recording = Recording(mode="hedging")
    recording.record(PositionSet(symbol="AUD", side="short", quantity="2"))
    assert was(recording) == {"?short/AUD": Decimal(-2)}
    recording.record(PositionSet(symbol="AUD", side="short", quantity="3", ticket="7"))
    assert was(recording) == {"#7": Decimal(-3)}


# -- many machines -----------------------------------------------------------------------------------------


def test_workers_that_lack_trueup_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        loop = None

        def __init__(self, address: str, **options: object) -> None:
            self.address = address

        def map(self, *_: object, **__: object) -> list[object]:
            return []

        def close(self) -> None:
            """Nothing is open."""

    def as_completed(*_: object, **__: object) -> object:
        raise ModuleNotFoundError("No module named 'trueup'")

    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=Client, as_completed=as_completed))  # type: ignore[arg-type]
    with pytest.raises(TrueupError, match="the Dask workers at tcp://far:1 lack this trueup: No module named"):
        list(measured(repr, [1], dask="tcp://far:1"))
