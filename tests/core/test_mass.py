"""When is too much gone at once, and what ends that? (section 4, mass absence)"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lessons.world import World, deal, fill, held, row
from trueup import Policy
from trueup.decisions import MassAbsenceMoved, RecordRefused
from trueup.model import BrokerPosition, Execution
from trueup.ports import Answer

Worlds = Callable[..., World]


def names(count: int) -> list[str]:
    return [f"S{n:03}" for n in range(count)]


def rows(symbols: list[str]) -> list[BrokerPosition]:
    return [row(symbol, "1") for symbol in symbols]


def of(worlds: Worlds, count: int, **policy: object) -> World:
    """A book of so many, once seen whole."""
    w = worlds(*(held(symbol, "1") for symbol in names(count)), policy=Policy.adopt(**policy))
    w.sees(*rows(names(count)))
    return w


def moves(w: World) -> list[MassAbsenceMoved]:
    return [one for one in w.events(MassAbsenceMoved) if isinstance(one, MassAbsenceMoved)]


@pytest.mark.parametrize(
    ("count", "missing", "policy", "mass"),
    [
        (4, 2, {}, False),
        (4, 3, {}, True),
        (3, 2, {}, True),
        (3, 1, {}, False),
        (2, 2, {}, False),
        (10, 5, {}, False),
        (10, 6, {}, True),
        (10, 4, {"mass_absence_fraction_max": "0.3"}, True),
        (10, 3, {"mass_absence_fraction_max": "0.3"}, False),
        (10, 10, {"mass_absence_fraction_max": "1"}, False),
        (10, 1, {"mass_absence_fraction_max": "0"}, True),
        (10, 10, {"mass_absence_count_min": 11}, False),
        (10, 10, {"mass_absence_count_min": 10}, True),
    ],
)
def test_a_mass_is_more_than_the_fraction_of_a_book_that_is_large_enough(
    world: Worlds, count: int, missing: int, policy: dict[str, object], mass: bool
) -> None:
    w = of(world, count, **policy)
    w.sees(*rows(names(count)[missing:]))
    assert (w.state.hold is not None) is mass
    if mass:
        assert w.state.hold is not None
        assert (w.state.hold.missing, w.state.hold.counted, w.state.hold.base) == (
            tuple(names(count)[:missing]),
            missing,
            count,
        )


def test_a_hold_says_how_it_changes_and_only_when_it_does(world: Worlds) -> None:
    w = of(world, 4)
    w.sees(times=3)
    assert [(one.state, len(one.missing)) for one in moves(w)] == [("held", 4)]
    w.sees(*rows(["S000"]), times=2)
    assert [(one.state, len(one.missing)) for one in moves(w)] == [("held", 4), ("held", 3)]
    since = w.state.hold.since if w.state.hold else None
    w.sees(*rows(["S000", "S001"]))
    assert [(one.state, len(one.missing)) for one in moves(w)][2:] == [("released", 2)]
    assert since is not None
    assert since.tick_ns < w.state.at.tick_ns - 4 * 3_000_000_000, "the hold's beginning does not move with it"
    assert len(w.alerts()) == 1


def test_what_is_left_after_a_hold_is_sighted_anew(world: Worlds) -> None:
    """Sightings from within the hold do not count: two fresh ones are needed."""
    w = of(world, 4)
    w.sees(times=6)
    w.sees(*rows(["S002", "S003"]))
    assert len(w.book) == 4
    assert w.state.breaks["S000"][0].sightings.count == 1
    w.sees(*rows(["S002", "S003"]))
    assert sorted(w.book) == ["S002", "S003"]


def test_a_break_that_is_held_says_so_from_the_first(world: Worlds) -> None:
    w = of(world, 4)
    w.sees()
    assert {one.why for breaks in w.state.breaks.values() for one in breaks} == {
        "too much of the book vanished at once: nothing is closed until explained or acknowledged"
    }


def test_the_end_of_a_hold_is_nothing_to_a_drift(world: Worlds) -> None:
    """Only absences are sighted anew; what was stated twice was stated twice."""
    w = of(world, 4)
    w.sees(row("S003", "2"))
    assert w.state.hold is not None
    w.sees(row("S000", "1"), row("S001", "1"), row("S003", "2"))
    assert w.state.hold is None
    assert w.book["S003"] == "2"
    assert "S002" in w.book


def test_a_second_wave_is_counted_with_the_first(world: Worlds) -> None:
    """Two of six go as ordinary ghosts; two more within the window make it four of six: held."""
    w = of(world, 6)
    w.sees(*rows(names(6)[2:]), times=2)
    assert len(w.book) == 4
    w.sees(*rows(names(6)[4:]))
    assert w.state.hold is not None
    assert (w.state.hold.counted, w.state.hold.base) == (4, 6)
    assert "and 2 were closed as ghosts just before" in moves(w)[0].why


@pytest.mark.parametrize(("step_ms", "mass"), [(59_990, True), (59_991, False)])
def test_the_window_ends_after_sixty_seconds(world: Worlds, step_ms: int, mass: bool) -> None:
    """An answer takes 10 ms to come: the first arrives exactly sixty seconds after the last ghosts were closed."""
    w = of(world, 6)
    w.sees(*rows(names(6)[2:]), times=2)
    w.sees(*rows(names(6)[4:]), step_ms=step_ms)
    assert (w.state.hold is not None) is mass


def test_nothing_missing_nothing_held(world: Worlds) -> None:
    """What was closed lately may be much of a book that has become small since; while nothing is missing, that is no
    mass absence."""
    w = of(world, 10)
    w.record(*(held(symbol, "0") for symbol in names(10)[6:]))
    w.passes(s=27)
    w.sees(*rows(names(6)))
    w.passes(s=17)
    w.sees(*rows(names(1)), times=2)
    assert sorted(w.book) == names(1), "five of ten, the largest book of the window"
    w.passes(s=9)
    w.sees(*rows(names(1)))
    assert moves(w) == []
    w.sees()
    assert w.state.hold is not None, "and the last one is: six of six"


def test_a_slower_drip_passes(world: Worlds) -> None:
    """One every two minutes: each is an ordinary ghost, and the documentation says so."""
    w = of(world, 6)
    for gone in range(1, 7):
        w.passes(s=120)
        w.sees(*rows(names(6)[gone:]), times=5)
    assert w.book == {}
    assert moves(w) == []


def test_an_acknowledged_close_does_not_count_towards_the_next_mass(world: Worlds) -> None:
    w = of(world, 8)
    w.sees(*rows(names(8)[5:]))
    w.says("ack", what="mass-absence")
    w.sees(*rows(names(8)[5:]), times=2)
    assert len(w.book) == 3
    w.sees(*rows(names(8)[6:]))
    assert w.state.hold is None, "one of eight within the window, not six"


def test_there_is_nothing_to_acknowledge_and_nothing_else_to_say(world: Worlds) -> None:
    w = of(world, 2)
    w.says("ack", what="mass-absence")
    w.says("ack", what="the weather")
    w.says("release", scope="*:S000")
    refused = [(one.what, one.why) for one in w.events(RecordRefused) if isinstance(one, RecordRefused)]
    assert [what for what, _ in refused] == ["command ack", "command ack", "command release"]
    assert refused[0][1] == "no mass absence is held: there is nothing to acknowledge"


def test_a_rebirth_ends_an_acknowledgement(world: Worlds) -> None:
    """Acknowledged and then listed again after all, it is an ordinary key again: its next absence is counted."""
    w = of(world, 4)
    w.sees()
    w.says("ack", what="mass-absence")
    w.sees(times=2)
    assert w.book == {}
    w.sees(*rows(names(4)), times=2)
    assert len(w.book) == 4
    w.sees()
    assert w.state.hold is not None


def explained(w: World, deals: list[Execution], *, complete: bool = True) -> set[str]:
    """Which of the held keys these deals explain."""
    w.deals(*deals, complete=complete)
    found = [one for one in moves(w) if one.state == "explained"]
    return set(found[-1].missing) if found else set()


@pytest.mark.parametrize(
    ("held_", "traded", "ended"),
    [
        ("2", ["-2"], True),
        ("2", ["-1", "-1"], True),
        ("2", ["2", "-2"], True),
        ("2", ["1", "-3"], True),
        ("2", ["1", "-2"], True),
        ("2", ["5", "-3", "-2"], True),
        ("2", ["2"], False),
        ("2", ["-1"], False),
        ("2", ["-3"], False),
        ("2", ["1", "-1.5"], False),
        ("-2", ["2"], True),
        ("-2", ["-2", "2"], True),
        ("-2", ["3", "-1"], True),
        ("-2", ["-1", "2"], True),
        ("-2", ["-2"], False),
        ("-2", ["1"], False),
    ],
)
def test_how_deals_may_end_a_key(world: Worlds, held_: str, traded: list[str], ended: bool) -> None:
    """They undo it, they come to its opposite, or they contain its opening too and come to nothing."""
    w = world(held("KEY", held_), *(held(symbol, "1") for symbol in names(3)))
    w.sees(row("KEY", held_), *rows(names(3)))
    w.sees()
    assert explained(w, [deal(f"x{n}", "KEY", quantity) for n, quantity in enumerate(traded)]) == (
        {"KEY"} if ended else set()
    )


BOOK = {"LONG": "2", "SHORT": "-2", "FLAT": "1", "MORE": "3"}


@pytest.mark.parametrize("complete", [True, False])
def test_deals_explain_a_key_whose_end_they_sum_to_exactly(world: Worlds, complete: bool) -> None:
    """Netting: the deals of a symbol undo it, or contain its opening and come to nothing."""
    w = world(*(held(symbol, quantity) for symbol, quantity in BOOK.items()))
    w.sees(*(row(symbol, quantity) for symbol, quantity in BOOK.items()))
    w.sees()
    assert explained(
        w,
        [
            deal("a", "LONG", "-1.5"), deal("b", "LONG", "-0.5"),
            deal("c", "SHORT", "2"),
            deal("d", "FLAT", "1"), deal("e", "FLAT", "-1"),
            deal("f", "MORE", "-2"),
        ],
        complete=complete,
    ) == {"LONG", "SHORT", "FLAT"}  # fmt: skip
    assert w.state.hold is None
    w.sees(times=2)
    assert w.book == {}, "three are explained; MORE alone is no mass any more"


@pytest.mark.parametrize(
    "deals",
    [
        [],
        [deal("a", "LONG", "2")],
        [deal("a", "LONG", "-1.9")],
        [deal("a", "LONG", "-2.1")],
        [deal("a", "OTHER", "-2")],
        [deal("a", "LONG", "-1"), deal("b", "SHORT", "1"), deal("c", "MORE", "3"), deal("d", "FLAT", "2")],
    ],
)
def test_deals_that_do_not_end_a_key_explain_nothing(world: Worlds, deals: list[Execution]) -> None:
    w = world(*(held(symbol, quantity) for symbol, quantity in BOOK.items()))
    w.sees(*(row(symbol, quantity) for symbol, quantity in BOOK.items()))
    w.sees()
    assert explained(w, deals) == set()
    assert w.state.hold is not None
    w.sees(times=3)
    assert len(w.book) == 4


def test_hedging_deals_explain_leg_by_leg(world: Worlds) -> None:
    """Two equal and opposite legs: the deals of one say nothing of the other."""
    legs = {"1": "1", "2": "-1", "3": "1", "4": "-1"}
    w = world(*(held("EURUSD", q, ticket=t) for t, q in legs.items()), mode="hedging")
    w.sees(*(row("EURUSD", q, ticket=t) for t, q in legs.items()))
    w.sees()
    assert w.state.hold is not None
    found = explained(w, [deal("a", "EURUSD", "-1", ticket="1"), deal("b", "EURUSD", "-1", ticket="2")])
    assert found == {"#1"}


def test_a_failure_that_carries_deals_explains_nothing_and_adopts_nothing(world: Worlds) -> None:
    """Status is read before the list, here too (L48)."""
    w = of(world, 4)
    w.deals()
    w.sees()
    executions = tuple(deal(f"x{symbol}", symbol, "-1") for symbol in names(4))
    for completeness in ("failed", "unsupported"):
        answer = Answer(completeness=completeness, why="FAILED", executions=(*executions, deal("y", "NEW", "1")))  # type: ignore[arg-type]
        w.answered(answer, surface="fills")
    assert w.state.hold is not None
    assert sorted(w.book) == names(4)


def test_deals_while_nothing_is_held_explain_nothing(world: Worlds) -> None:
    w = of(world, 2)
    w.deals(deal("a", "S000", "-1"))
    assert moves(w) == []
    assert not w.state.acknowledged


def test_missed_fills_bring_a_filled_book_down_without_any_ghost(world: Worlds) -> None:
    """A book fed by fills: the deals that explain the absence are its missing fills, and enter as such."""
    w = world(*(fill(f"in{symbol}", symbol, "1") for symbol in names(4)))
    w.deals(*(deal(f"in{symbol}", symbol, "1") for symbol in names(4)))
    w.sees(*rows(names(4)))
    w.sees()
    w.deals(*(deal(f"out{symbol}", symbol, "-1") for symbol in names(4)))
    assert w.book == {}
    assert {one.kind for one in w.corrections()} == {"missed-fill"}
    w.sees(times=2)
    assert w.state.hold is None
    assert w.ledger.gate.status == "open"


def test_a_small_book_that_vanishes_whole_takes_longer_but_not_when_acknowledged_or_partly(world: Worlds) -> None:
    w = of(world, 2)
    w.sees(*rows(["S000"]), times=2)
    assert sorted(w.book) == ["S000"], "one of two is no total"
    w.sees(times=4)
    assert sorted(w.book) == ["S000"], "now the rest, within the window: total"
    w.sees()
    assert w.book == {}


@pytest.mark.parametrize(("step_ms", "gone"), [(2_490, True), (2_489, False)])
def test_ten_seconds_are_ten_seconds(world: Worlds, step_ms: int, gone: bool) -> None:
    """From the first question to the fifth, each answer taking 10 ms: exactly ten seconds, and a little less."""
    w = of(world, 1)
    w.sees(times=5, step_ms=step_ms)
    assert (w.book == {}) is gone


@pytest.mark.parametrize("count", [3, 4])
def test_whoever_allows_all_to_be_gone_has_it_gone_at_once(world: Worlds, count: int) -> None:
    """With a fraction of 1 nothing is a mass; patience of its own is only for books below `mass_absence_count_min`."""
    w = of(world, count, mass_absence_fraction_max="1")
    w.sees(times=2)
    assert w.book == {}


def test_after_the_window_a_book_of_one_is_still_a_book(world: Worlds) -> None:
    w = of(world, 1)
    w.passes(s=600)
    w.sees(times=4)
    assert len(w.book) == 1
    w.sees()
    assert w.book == {}
