"""Orders: what was repaired came undone, and what had been planned was forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from lessons.test_orders import listed, sought, working
from lessons.world import World, deal, fill, order_row, pending
from trueup import Policy
from trueup.changes import OrderUpdate
from trueup.decisions import BreakMoved, OrderMerged
from trueup.model import OrderStatus, Refusal
from trueup.ports import Answer

Worlds = Callable[..., World]


# -- repairing -----------------------------------------------------------------------------------------------


def test_l49_l50_ids_of_what_is_done_to_orders_come_from_what_is_there(world: Worlds) -> None:
    """The same story told twice has the same ids; another life of the same order has others."""

    def told() -> list[str]:
        w = working(world, "c1")
        w.lists(listed("c1", limit="101"), times=2)
        w.lists(listed("c1", limit="102"), times=2)
        return [one.id for one in w.order_corrections()]

    once = told()
    assert once == told()
    assert len(set(once)) == 2


def test_l52_an_order_that_the_process_sets_back_each_time_is_still_one_break_at_a_time(world: Worlds) -> None:
    w = working(world, "c1")
    for n in range(4):
        w.lists(listed("c1", limit="101"), times=2)
        assert w.order("c1").limit == Decimal(101)
        w.record(pending("c1", "DAX", "accepted", type="limit", limit="100"))
        w.passes(s=10)
        assert len(w.order_corrections()) == n + 1


def test_l12_an_old_list_that_shows_an_ended_order_leaves_nothing_behind(world: Worlds) -> None:
    """It was cancelled, and a list that lagged behind showed it working once more. The next one does not."""
    w = working(world, "c1")
    w.record(pending("c1", "DAX", "expired", type="limit"))
    w.passes(s=10)
    w.lists(listed("c1"))
    assert w.state.order_breaks["c1"][0].field == "status"
    w.lists()
    assert not w.state.order_breaks
    assert w.order("c1").status is OrderStatus.EXPIRED


def test_l53_later_fills_attach_to_what_was_adopted(world: Worlds) -> None:
    w = world(policy=Policy.adopt(on_orphan_order="adopt"), orders=True)
    w.sees()
    w.lists(order_row("DAX", order_id="o1", limit="90", strategy="trend"), times=2)
    assert w.order("external:o1").strategy == "trend"
    w.deals()
    w.deals(deal("x1", "DAX", "1", "90", order_id="o1"))
    assert (w.order("external:o1").status, w.book) == (OrderStatus.FILLED, {"DAX": "1"})


def test_l56_a_quarantine_for_an_orphan_ends_with_it(world: Worlds) -> None:
    w = world(orders=True)
    w.sees()
    w.lists(order_row("DAX", order_id="o1", limit="90"), times=2)
    assert list(w.state.quarantine) == ["*:DAX"]
    w.lists()
    assert not w.state.quarantine
    assert not w.state.order_breaks


def test_l56_a_quarantine_ends_with_the_last_of_its_breaks(world: Worlds) -> None:
    """Two orders of nobody's on one symbol: that one of them is gone says nothing of the other."""
    w = world(orders=True)
    w.sees()
    first, second = (order_row("DAX", order_id=name, limit="90") for name in ("o1", "o2"))
    w.lists(first, times=2)
    entered = w.state.quarantine["*:DAX"]
    w.lists(first, second, times=2)
    assert w.state.quarantine["*:DAX"] == entered
    w.lists(second)
    handed_on = w.state.quarantine["*:DAX"]
    assert (handed_on.break_id, handed_on.since) == (w.state.order_breaks["@o2"][0].id, entered.since)
    assert f"break {entered.break_id} is over, and" in handed_on.why
    w.lists()
    assert not w.state.quarantine


def test_l56_what_an_operator_released_does_not_come_back_with_another(world: Worlds) -> None:
    """They looked at the first order and let go; a second one comes and goes. Nothing holds the scope any more."""
    w = world(orders=True)
    w.sees()
    first, second = (order_row("DAX", order_id=name, limit="90") for name in ("o1", "o2"))
    w.lists(first, times=2)
    w.says("release", scope="*:DAX")
    assert not w.state.quarantine
    w.lists(first, second, times=2)
    assert w.state.quarantine["*:DAX"].break_id == w.state.order_breaks["@o2"][0].id
    w.lists(first)
    assert not w.state.quarantine


def test_l56_its_owner_narrows_it(world: Worlds) -> None:
    w = working(world, "c1", policy=Policy.guarded())
    w.record(OrderUpdate(client_order_id="c1", symbol="DAX", side="buy", type="limit", quantity=1, status="accepted",
                         strategy="trend"))  # fmt: skip
    w.passes(s=10)
    w.lists(listed("c1", limit="103"), times=2)
    assert list(w.state.quarantine) == ["trend:DAX"]


def test_l57_one_bad_row_is_one_bad_row(world: Worlds) -> None:
    """A duplicate in an old list aborted the whole start-up."""
    w = working(world, "c1", "c2")
    twice = [listed("c1"), listed("c1", quantity=7), listed("c2", limit="101")]
    w.answered(Answer(completeness="complete", orders=twice), surface="open_orders")
    w.answered(Answer(completeness="complete", orders=twice), surface="open_orders")
    last = w.observations()[-1]
    assert (last.completeness, len(last.refused)) == ("partial", 2)
    assert w.order("c2").limit == Decimal(101)
    assert w.order("c1").quantity == 1
    assert w.state.view("open_orders").refused != ()


def test_l57_rows_without_a_name_or_a_size_are_refused_with_their_reason(world: Worlds) -> None:
    w = working(world, "c1")
    nameless, sizeless = order_row("DAX"), order_row("DAX", name="c7", quantity=0)
    negative = order_row("DAX", name="c8", filled="-1")
    w.answered(
        Answer(completeness="complete", orders=[nameless, sizeless, negative, listed("c1")]), surface="open_orders"
    )
    assert [one.why.split(";")[0] for one in w.observations()[-1].refused] == [
        "it names neither an order id nor a client order id",
        "its quantity is 0",
        "its filled quantity is -1",
    ]
    assert [one.row for one in w.observations()[-1].refused] == [1, 2, 3]
    assert isinstance(w.observations()[-1].refused[0], Refusal)


# -- plans ---------------------------------------------------------------------------------------------------


def planned(world: Worlds, **policy: object) -> World:
    """A plan of three slices whose scheduler died: one filled, one due long ago, one to come."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    w = world(policy=Policy.adopt(**policy), orders=True)
    w.deals()
    w.lists()
    w.sees()
    w.looks_up("nobody")
    for n, late_s in enumerate((0, 20, 36_000)):
        when = start + timedelta(seconds=late_s)
        w.record(pending(f"s{n}", "DAX", "scheduled", parent="twap", scheduled_for=when))
    w.record(pending("s0", "DAX"), pending("s0", "DAX", "filled", order_id="b0"),
             fill("x0", "DAX", "1", "100", client_order_id="s0"))  # fmt: skip
    w.restart(down_s=100)
    w.lists()
    return w


def gone(w: World, name: str) -> None:
    w.looks_up(name)
    w.deals()
    w.looks_up(name)


def test_a_slice_whose_scheduler_died_is_looked_up_and_expires(world: Worlds) -> None:
    w = planned(world)
    assert sought(w) == ["s1"], "what is still to come is nobody's business yet"
    gone(w, "s1")
    assert w.order("s1").status is OrderStatus.EXPIRED
    assert "of plan twap 1 of 3 slices are known at the broker, 1 filled" in w.order_corrections()[-1].why
    assert w.order("s2").status is OrderStatus.SCHEDULED


def test_a_slice_that_was_sent_after_all_is_not_sent_twice(world: Worlds) -> None:
    w = planned(world, on_overdue_slice="rearm")
    w.looks_up("s1", order_row("DAX", "accepted", name="s1", order_id="b1"))
    assert (w.order("s1").status, w.order("s1").order_id) == (OrderStatus.ACCEPTED, "b1")
    assert w.order_corrections()[-1].kind == "drift"


def test_a_slice_is_handed_back_once_an_epoch(world: Worlds) -> None:
    w = planned(world, on_overdue_slice="rearm")
    gone(w, "s1")
    made = w.order_corrections()[-1]
    assert (made.kind, made.after.status, w.order("s1").status) == (
        "ghost", OrderStatus.SCHEDULED, OrderStatus.SCHEDULED
    )  # fmt: skip
    assert "handed back to be sent" in made.why
    w.passes(s=600)
    assert sought(w) == []
    w.restart(down_s=10)
    w.lists()
    assert sought(w) == ["s1"], "the process that got it back died as well"


def test_a_slice_under_a_policy_that_corrects_nothing_is_told_of(world: Worlds) -> None:
    w = planned(world, on_overdue_slice="alert")
    gone(w, "s1")
    assert w.order("s1").status is OrderStatus.SCHEDULED
    assert w.steps("order")[-1] == "ghost escalated"


# -- what is learned -----------------------------------------------------------------------------------------


def test_what_only_adds_to_what_is_known_is_no_break(world: Worlds) -> None:
    w = world(pending("c1", "DAX"), pending("c1", "DAX", "accepted"), orders=True)
    w.lists(order_row("DAX", name="c1", order_id="b1", type="market"))
    assert w.order("c1").order_id == "b1"
    assert w.steps("order") == []
    assert len(w.events(OrderMerged)) == 1
    w.deals()
    w.deals(deal("x1", "DAX", "1", "100", order_id="b1"))
    assert w.order("c1").status is OrderStatus.FILLED


def test_transient_words_decide_nothing(world: Worlds) -> None:
    w = working(world, "c1")
    for word in ("pending_cancel", "pending_replace"):
        w.lists(listed("c1", word), times=2)
    assert w.order("c1").status is OrderStatus.ACCEPTED
    assert w.events(BreakMoved) == []
