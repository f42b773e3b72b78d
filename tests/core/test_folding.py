"""Does the fold take what a journal may hold, also where this version would never write it?"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from lessons.world import World, deal, fill, held, pending, row
from trueup import Policy, PushedExecution
from trueup.decisions import BreakMoved, QuarantineMoved, RecordRefused
from trueup.model import OrderStatus
from trueup.reconciliation import order_inputs
from trueup.reconciliation.fold import fold
from trueup.reconciliation.lifecycle import Reading, judge

Worlds = Callable[..., World]


def refusals(w: World) -> list[str]:
    return [f"{one.what}: {one.why}" for one in w.events(RecordRefused) if isinstance(one, RecordRefused)]


# -- decisions of another hand -------------------------------------------------------------------------------


def test_the_release_of_what_is_not_in_quarantine_changes_nothing(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    released = QuarantineMoved(1, 0, b"", "*:EURUSD", "released", "an operator said so")
    after = fold(w.state, [(w.state.position + 1, released)])
    assert after.quarantine == w.state.quarantine
    entered = replace(released, state="entered")
    both = fold(w.state, [(w.state.position + 1, entered), (w.state.position + 2, released)])
    assert not both.quarantine


def test_the_end_of_a_break_that_is_not_open_changes_nothing(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.sees(row("EURUSD", "2"))
    opened = next(one for one in w.events(BreakMoved) if isinstance(one, BreakMoved))
    ended = replace(opened, key="USDJPY", steps=tuple(replace(step, state="cleared") for step in opened.steps))
    after = fold(w.state, [(w.state.position + 1, ended)])
    assert after.breaks == w.state.breaks


def test_another_break_of_the_same_field_takes_the_place_of_the_first(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.sees(row("EURUSD", "2"))
    opened = next(one for one in w.events(BreakMoved) if isinstance(one, BreakMoved))
    other = replace(opened, steps=tuple(replace(step, break_id="another") for step in opened.steps))
    after = fold(w.state, [(w.state.position + 1, other)])
    assert [one.id for one in after.breaks["EURUSD"]] == ["another"]


def test_what_a_partial_answer_does_not_state_is_unknown(world: Worlds) -> None:
    """Whoever asks about such a key hears nothing, an open break or not (law 4)."""
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.sees(row("USDJPY", "1"))
    assert "EURUSD" in w.state.breaks
    partial = Reading(w.state, w.observations()[-1], {}, complete=False)
    assert judge(partial, "EURUSD") is None
    assert judge(Reading(w.state, w.observations()[-1], {}, complete=True), "USDJPY") is not None


# -- fills: known, old, history ------------------------------------------------------------------------------


def test_an_execution_that_one_answer_lists_twice_enters_once(world: Worlds) -> None:
    w = world(held("USDJPY", "1"))
    w.deals()
    w.deals(deal("x1", "EURUSD", "1"), deal("x1", "EURUSD", "1"))
    assert w.book["EURUSD"] == "1"
    assert len(w.corrections()) == 1


def test_a_recorded_fill_that_is_too_old_is_refused(world: Worlds) -> None:
    from datetime import UTC, datetime

    w = world(policy=Policy.adopt(fill_window_days_max=1))
    w.record(fill("x1", "EURUSD", "1", at=datetime(2025, 12, 30, tzinfo=UTC)))
    w.record(fill("x2", "EURUSD", "2", at=datetime(2025, 12, 31, 12, tzinfo=UTC)))
    assert w.book == {"EURUSD": "2"}
    assert refusals(w) == ["fill x1: it is older than the 1 days that execution ids are remembered for"]


@pytest.mark.parametrize(("s", "counts"), [(290, True), (310, False)])
def test_a_fill_of_the_first_answer_counts_only_while_its_message_may_be_under_way(
    world: Worlds, s: int, counts: bool
) -> None:
    """The first answer on fills is history. One of ours in it may still be on its way to being recorded, and moves
    the book when it is; one that is handed in long after was history when we began."""
    w = world(held("USDJPY", "1"))
    w.deals(deal("x1", "EURUSD", "1"))
    assert w.book == {"USDJPY": "1"}
    w.passes(s=s)
    w.record(fill("x1", "EURUSD", "1"))
    assert ("EURUSD" in w.book) is counts
    assert (refusals(w) == []) is counts
    w.ledger.push(PushedExecution(fill=fill("x1", "EURUSD", "1")))
    assert ("EURUSD" in w.book) is counts, "and pushed at us it is known"


def test_our_own_word_on_an_owner_is_taken_once(world: Worlds) -> None:
    """A fill that entered from the broker learns its owner from our record of it; without a word, or with the same,
    or when the position is gone, there is nothing to learn."""
    w = world(held("USDJPY", "1"))
    w.deals()
    w.deals(deal("x1", "EURUSD", "1"), deal("x2", "EURUSD", "1"), deal("x3", "EURUSD", "1"))
    w.record(fill("x1", "EURUSD", "1", "1.5"))
    assert w.owner("EURUSD") == "external"
    w.record(fill("x2", "EURUSD", "1", strategy="trend"))
    before = w.state.slot("EURUSD")
    w.record(fill("x3", "EURUSD", "1", strategy="trend"))
    assert (w.book["EURUSD"], w.owner("EURUSD")) == ("3", "trend")
    assert w.state.slot("EURUSD") == before
    w.record(fill("x4", "EURUSD", "-3"), fill("x2", "EURUSD", "1", strategy="other"))
    assert "EURUSD" not in w.book


# -- whole positions and orders ------------------------------------------------------------------------------


def test_a_close_of_what_fills_have_closed_is_no_change(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1"), fill("x2", "EURUSD", "-1"))
    slot = w.state.slot("EURUSD")
    w.record(held("EURUSD", "0"))
    assert w.state.slot("EURUSD") == slot
    assert refusals(w) == []


def test_an_unknown_status_changes_nothing(world: Worlds) -> None:
    """L41, as far as positions go: neither in flight nor at its end."""
    w = world(pending("c1", "EURUSD"), pending("c2", "USDJPY", "accepted"))
    ends = w.state.order_ends
    w.record(pending("c1", "EURUSD", "held for review"), pending("c2", "USDJPY", "?"))
    assert w.state.orders["c1"].order.status is OrderStatus.PENDING
    assert w.state.orders["c2"].order.status is OrderStatus.ACCEPTED
    assert w.state.in_flight["EURUSD"] == ("c1",)
    assert w.state.order_ends == ends


def test_orders_in_flight_are_bounded_per_symbol(world: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_inputs, "IN_FLIGHT_PER_SYMBOL_MAX", 3)
    w = world(*(pending(f"c{n}", "EURUSD") for n in range(5)))
    assert w.state.in_flight["EURUSD"] == ("c2", "c3", "c4")
    w.record(pending("c0", "EURUSD", "filled"))
    assert w.state.in_flight["EURUSD"] == ("c2", "c3", "c4")


def test_an_order_that_is_over_is_remembered_as_over(world: Worlds) -> None:
    w = world(pending("c1", "EURUSD"), pending("c1", "EURUSD", "filled"))
    assert "c1" not in w.state.orders
    ended = w.state.ended_orders.get("c1")
    assert ended is not None
    assert ended.order.status is OrderStatus.FILLED
    w.record(pending("c1", "EURUSD", "accepted"))
    assert "c1" not in w.state.orders


def test_the_memory_of_sizes_keeps_the_largest_of_the_window_and_nothing_smaller(world: Worlds) -> None:
    w = world(*(held(f"S{n}", "1") for n in range(5)))
    for size in (5, 4, 3, 4, 2):
        w.record(*(held(f"S{n}", "1" if n < size else "0") for n in range(5)))
        w.sees(*(row(f"S{n}", "1") for n in range(size)), step_ms=5_000)
    assert [size for _, size in w.state.book_sizes] == [5, 4, 2]
    w.sees(*(row(f"S{n}", "1") for n in range(2)), step_ms=120_000)
    assert [size for _, size in w.state.book_sizes] == [2]
