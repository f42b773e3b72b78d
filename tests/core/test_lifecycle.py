"""What does each answer do to a break: open, sight, confirm, correct, clear, escalate? (section 4)"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from lessons.world import LAG_MS, NEW_YEAR_NS, World, fill, held, row
from trueup import Policy
from trueup.compare import Difference
from trueup.decisions import BreakMoved
from trueup.evidence import Sightings
from trueup.model import Holding, Moment, Stop
from trueup.reconciliation.lifecycle import materially_worse
from trueup.reconciliation.state import Break

Worlds = Callable[..., World]


def moved(w: World) -> list[BreakMoved]:
    return [one for one in w.events(BreakMoved) if isinstance(one, BreakMoved)]


@pytest.mark.parametrize(("confirmations", "answers"), [(2, 2), (3, 3), (5, 5)])
def test_a_ghost_takes_as_many_answers_as_the_policy_says(world: Worlds, confirmations: int, answers: int) -> None:
    w = world(held("EURUSD", "1"), held("USDJPY", "1"), policy=Policy.adopt(confirmations=confirmations))
    w.sees(row("USDJPY", "1"), times=answers - 1)
    assert len(w.book) == 2
    w.sees(row("USDJPY", "1"))
    assert len(w.book) == 1
    assert w.steps() == ["ghost opened"] + ["ghost seen"] * (answers - 2) + ["ghost confirmed", "ghost corrected"]


def test_recovery_and_drift_take_two_whatever_the_policy_says_of_ghosts(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), policy=Policy.adopt(confirmations=5))
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"))
    assert w.book == {"EURUSD": "1"}
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"))
    assert w.book == {"EURUSD": "2", "USDJPY": "1"}


def test_a_correction_names_its_evidence(world: Worlds) -> None:
    """Journal positions of the answers that counted, in order, the deciding one last."""
    w = world(held("EURUSD", "1"), held("USDJPY", "1"), policy=Policy.adopt(confirmations=3))
    w.sees(row("USDJPY", "1"))
    w.sees(row("USDJPY", "1"), step_ms=1)
    w.sees(row("USDJPY", "1"), times=2)
    seen = [one.position for one in w.journal() if type(one.event).__name__ == "Observed"]
    last = moved(w)[-1]
    assert last.evidence == (seen[0], seen[2], seen[3])
    assert last.cause == seen[3]
    assert last.at_ns == w.state.at.at_ns
    assert last.correction is not None
    assert last.correction.why.startswith("3 independent answers do not list EURUSD")


def test_fields_seen_at_different_times_have_their_evidence_together(world: Worlds) -> None:
    w = world(held("EURUSD", "1", price="1.1"))
    w.sees(row("EURUSD", "2", price="1.1"))
    w.sees(row("EURUSD", "2", price="1.2"), step_ms=100)
    w.sees(row("EURUSD", "2", price="1.2"))
    seen = [one.position for one in w.journal() if type(one.event).__name__ == "Observed"]
    assert moved(w)[-1].evidence == tuple(seen)
    assert len(w.corrections()) == 1
    assert "quantity 1 -> 2" in w.corrections()[0].why
    assert "price 1.1 -> 1.2" in w.corrections()[0].why


def test_the_steps_of_several_fields_come_in_the_order_of_their_names(world: Worlds) -> None:
    """Opened, and what is over before what is new."""
    w = world(held("EURUSD", "1", price="1.1", stop="1"))
    w.sees(row("EURUSD", "-2", price="1.2", stop="2"))
    assert [step.field for step in moved(w)[-1].steps] == ["price", "quantity", "side", "stop"]
    assert [one.field for one in w.state.breaks["EURUSD"]] == ["price", "quantity", "side", "stop"]
    w.sees(row("EURUSD", "1", price="1.3", stop="1"))
    steps = [(step.field, step.state) for step in moved(w)[-1].steps]
    assert steps == [("quantity", "cleared"), ("side", "cleared"), ("stop", "cleared"), ("price", "seen")]
    assert [one.field for one in w.state.breaks["EURUSD"]] == ["price"]


def test_side_and_quantity_are_one_claim(world: Worlds) -> None:
    """Long 1 here; short 3 there, then short 2: both answers say short, and agree on nothing that can be held."""
    w = world(held("EURUSD", "1"))
    for quantity in ("-3", "-2", "-3"):
        w.sees(row("EURUSD", quantity))
        assert {one.sightings.count for one in w.state.breaks["EURUSD"]} == {1}
        assert w.book == {"EURUSD": "1"}
    w.sees(row("EURUSD", "-3"))
    assert w.book == {"EURUSD": "-3"}
    assert len(w.corrections()) == 1


def test_one_field_may_be_ready_before_another(world: Worlds) -> None:
    """Only what was confirmed is corrected; the other field follows when it is."""
    w = world(held("EURUSD", "1", price="1.1"))
    w.sees(row("EURUSD", "2", price="1.1"))
    w.sees(row("EURUSD", "2", price="1.2"))
    holding = w.state.held("EURUSD")
    assert holding is not None
    assert (holding.signed_quantity, holding.price) == (2, Decimal("1.1"))
    w.sees(row("EURUSD", "2", price="1.2"), times=3)
    holding = w.state.held("EURUSD")
    assert holding is not None
    assert holding.price == Decimal("1.2")


def test_a_claim_that_changes_begins_anew(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    for quantity in ("2", "3", "2", "4"):
        w.sees(row("EURUSD", quantity))
        assert w.state.breaks["EURUSD"][0].sightings.count == 1
    assert w.book == {"EURUSD": "1"}
    assert len({one.id for one in w.state.breaks["EURUSD"]}) == 1
    w.sees(row("EURUSD", "4"))
    assert w.book == {"EURUSD": "4"}


def test_a_book_that_changes_makes_the_claim_anew(world: Worlds) -> None:
    """The broker's answer is the same, what it is held against is not."""
    w = world(fill("x1", "EURUSD", "1"))
    w.sees(row("EURUSD", "5"))
    w.record(fill("x2", "EURUSD", "1"))
    w.sees(row("EURUSD", "5"))
    assert w.book == {"EURUSD": "2"}
    w.sees(row("EURUSD", "5"))
    assert w.book == {"EURUSD": "5"}


def test_a_book_that_changed_back_makes_it_anew_too(world: Worlds) -> None:
    """What was seen before the change says nothing of what is there after it, alike as they look."""
    w = world(fill("x1", "EURUSD", "1"))
    w.sees(row("EURUSD", "5"))
    w.passes(ms=1)
    w.record(fill("x2", "EURUSD", "1"), fill("x3", "EURUSD", "-1"))
    w.sees(row("EURUSD", "5"))
    assert w.state.breaks["EURUSD"][0].sightings.count == 1
    assert w.book == {"EURUSD": "1"}


def test_a_break_that_waits_and_changes_is_said_anew(world: Worlds) -> None:
    """Within the settling time nothing counts, and still the latest word stands in the journal, once."""
    w = world(fill("x1", "EURUSD", "1"))
    w.sees(row("EURUSD", "5"), step_ms=100)
    assert w.sees(row("EURUSD", "5"), step_ms=100) == []
    w.sees(row("EURUSD", "6"), step_ms=100)
    assert w.steps() == ["drift opened", "drift seen"]
    one = w.state.breaks["EURUSD"][0]
    assert (one.broker, one.sightings.count, one.state) == ("6", 0, "opened")
    w.sees(row("EURUSD", "6"), times=2)
    assert w.book == {"EURUSD": "6"}


def test_a_ghost_that_becomes_a_drift_is_another_break(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.sees(row("USDJPY", "1"))
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"))
    assert w.steps() == ["ghost opened", "ghost cleared", "drift opened"]
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"))
    assert w.book == {"EURUSD": "2", "USDJPY": "1"}


def test_a_recovery_that_the_process_records_itself_is_cleared(world: Worlds) -> None:
    w = world(held("USDJPY", "1"))
    w.sees(row("EURUSD", "1"), row("USDJPY", "1"))
    w.record(held("EURUSD", "1"))
    w.sees(row("EURUSD", "1"), row("USDJPY", "1"))
    assert w.corrections() == []
    assert moved(w)[-1].steps[0].why == "the two sides agree again"


def test_a_break_that_neither_side_has_any_more_is_cleared(world: Worlds) -> None:
    w = world(held("USDJPY", "1"))
    w.sees(row("EURUSD", "1", ticket="9"), row("USDJPY", "1"))
    w.sees(row("USDJPY", "1"))
    last = moved(w)[-1]
    assert last.steps[0].why == "neither side has it any more"
    assert (last.symbol, last.ticket, last.key) == ("EURUSD", "9", "EURUSD")
    assert not w.state.breaks


@pytest.mark.parametrize(
    ("policy", "recovery", "ghost", "drift"),
    [
        ({}, True, True, True),
        ({"on_recovery": "alert"}, False, True, True),
        ({"on_ghost": "quarantine"}, True, False, True),
        ({"on_drift": "alert"}, True, True, False),
    ],
)
def test_each_kind_is_corrected_as_the_policy_wishes(
    world: Worlds, policy: dict[str, object], recovery: bool, ghost: bool, drift: bool
) -> None:
    w = world(*(held(symbol, "1") for symbol in ("A", "B", "C")), policy=Policy.adopt(**policy))
    w.sees(row("B", "2"), row("C", "1"), row("D", "1"), times=3)
    assert ("D" in w.book, "A" not in w.book, w.book["B"] == "2") == (recovery, ghost, drift)
    escalated = {one.symbol: one for breaks in w.state.breaks.values() for one in breaks}
    wanted = {"D": recovery, "A": ghost, "B": drift}
    assert set(escalated) == {symbol for symbol, done in wanted.items() if not done}
    for one in escalated.values():
        assert one.state == "escalated"
        assert one.why.endswith("a human decides")
    assert len(w.alerts()) == len(escalated)
    assert len(w.state.quarantine) == (0 if ghost else 1)


def test_a_baseline_can_be_forgone(world: Worlds) -> None:
    w = world(baseline=False)
    w.sees(row("EURUSD", "1"))
    assert w.book == {}
    w.sees(row("EURUSD", "1"))
    assert [one.kind for one in w.corrections()] == ["recovery"]
    w = world()
    w.sees(row("EURUSD", "1"))
    assert (w.book, w.corrections()) == ({"EURUSD": "1"}, [])
    w.sees(row("EURUSD", "1"), row("USDJPY", "1"))
    assert w.book == {"EURUSD": "1"}, "there is one baseline"


def test_an_escalated_break_that_is_less_far_off_is_no_news(world: Worlds) -> None:
    """It is said once more what it is now, and that is all."""
    w = world(held("EURUSD", "1"), policy=Policy.guarded())
    w.sees(row("EURUSD", "9"), times=3)
    w.sees(row("EURUSD", "5"), times=4)
    one = w.state.breaks["EURUSD"][0]
    assert (one.state, one.broker, len(w.alerts())) == ("escalated", "5", 1)
    assert w.steps().count("drift escalated") == 1
    events = len(w.journal())
    w.sees(row("EURUSD", "5"), times=4)
    assert len(w.journal()) - events == 4, "the answers themselves and nothing else"


@pytest.mark.parametrize(
    ("kind", "book", "told", "now", "worse"),
    [
        ("drift", "1", "2", "2", False),
        ("drift", "1", "2", "2.9", False),
        ("drift", "1", "2", "3", True),
        ("drift", "1", "2", "0", False),
        ("drift", "1", "2", "-1", True),
        ("drift", "1", "1", "1", False),
        ("drift", "1", "1", "1.1", True),
        ("drift", "long", "short", "short", False),
        ("drift", "1", "none", "9", False),
        ("drift", "1", "2", "none", False),
        ("drift", "none", "1", "9", False),
        ("drift", "0.5", "1", "-0.1", False),
        ("recovery", None, "long 1", "long 1.9", False),
        ("recovery", None, "long 1", "long 2", True),
        ("recovery", None, "short 1", "short 2", True),
        ("recovery", None, "long 1", "short 0.1", True),
        ("recovery", None, "long 2", "long 1", False),
        ("ghost", "long 1", "", None, False),
        ("drift", "1", None, "9", False),
    ],
)
def test_materially_worse_is_twice_as_far_off(
    kind: str, book: str | None, told: str | None, now: str | None, worse: bool
) -> None:
    never = Moment(0, 0, 0)
    known = Break(
        "id", "position", "K", "K", None, kind, None, "escalated", book, told, never, 1,  # type: ignore[arg-type]
        Sightings(2, never, never, ()), alerted=told,
    )  # fmt: skip
    assert materially_worse(known, Difference(kind, None, book, now)) is worse  # type: ignore[arg-type]


# -- what a correction makes of a holding ------------------------------------------------------------------


def test_a_drift_takes_only_what_differs_and_what_the_book_never_had(world: Worlds) -> None:
    w = world(held("EURUSD", "1", strategy="trend", stop="1.00"), held("USDJPY", "1"))
    first = row("EURUSD", "2", price="1.1", ticket="7", stop="1.000", opened_at="then", strategy="magic")
    w.sees(first, row("USDJPY", "1"), times=2)
    assert w.state.held("EURUSD") == Holding(
        "EURUSD", Decimal(2), "7", Decimal("1.1"), Stop(Decimal("1.00")), "trend", "set"
    )
    w.sees(row("EURUSD", "-2", price="1.2", stop=None), row("USDJPY", "1"), times=2)
    assert w.state.held("EURUSD") == Holding("EURUSD", Decimal(-2), "7", Decimal("1.2"), Stop(None), "trend", "set")


def test_a_recovery_takes_everything_the_broker_states(world: Worlds) -> None:
    w = world(held("USDJPY", "1"))
    found = row("EURUSD", "-2", price="1.1", ticket="7", stop="1", opened_at="then", strategy="magic")
    w.sees(found, row("USDJPY", "1"), times=2)
    assert w.state.held("EURUSD") == Holding(
        "EURUSD", Decimal(-2), "7", Decimal("1.1"), Stop(Decimal(1)), "magic", None, "then"
    )


def test_a_netting_symbol_that_the_process_closed_and_the_broker_lists_again_is_a_new_one(world: Worlds) -> None:
    """Its former owner is not its owner now, unless it was we who had closed it wrongly."""
    w = world(held("EURUSD", "1", strategy="trend"), held("USDJPY", "1"))
    w.record(held("EURUSD", "0"))
    w.sees(row("EURUSD", "1"), row("USDJPY", "1"), times=2)
    assert (w.book["EURUSD"], w.owner("EURUSD")) == ("1", "external")
    assert w.corrections()[-1].compensates is None


def test_a_hedging_ticket_is_the_same_position_whoever_closed_it(world: Worlds) -> None:
    w = world(held("EURUSD", "1", strategy="trend", ticket="7"), held("USDJPY", "1", ticket="8"), mode="hedging")
    w.record(held("EURUSD", "0", ticket="7"))
    w.sees(row("EURUSD", "1", ticket="7"), row("USDJPY", "1", ticket="8"), times=2)
    assert (w.book["#7"], w.owner("#7")) == ("1", "trend")


def test_corrections_come_in_the_order_recovery_ghost_drift_and_by_key(world: Worlds) -> None:
    w = world(*(held(symbol, "1") for symbol in ("B", "C", "D", "E", "F", "G")))
    w.sees(*(row(s, q) for s, q in (("A", "1"), ("B", "2"), ("D", "1"), ("E", "2"), ("F", "1"), ("H", "1"))), times=2)
    keys = [one.key for one in moved(w) if one.correction is not None]
    assert keys == ["A", "H", "C", "G", "B", "E"]


def test_the_time_of_a_decision_is_its_inputs(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.sees(row("EURUSD", "2"), step_ms=LAG_MS)
    assert moved(w)[-1].at_ns == NEW_YEAR_NS + (LAG_MS + 10) * 1_000_000
