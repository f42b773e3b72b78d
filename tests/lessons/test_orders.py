"""Orders and brokers come apart: each of these happened to a real system, in public."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from lessons.world import World, deal, fill, held, order_row, pending, row
from trueup import Policy
from trueup.model import OrderStatus
from trueup.ports import Answer, Question
from trueup.reconciliation.outbox import to_look_up

Worlds = Callable[..., World]


def working(world: Worlds, *names: str, policy: Policy | None = None) -> World:
    """A book with working orders that the broker has acknowledged; everything else has been asked for once."""
    w = world(*(pending(name, "DAX", type="limit", limit="100") for name in names), policy=policy, orders=True)
    w.record(*(pending(name, "DAX", "accepted", type="limit", limit="100", order_id=f"b-{name}") for name in names))
    w.deals()
    w.lists(*(listed(name) for name in names))
    w.sees()
    w.looks_up("nobody")
    w.passes(s=100)
    return w


def listed(name: str, status: str = "accepted", **more: object):
    return order_row("DAX", status, name=name, order_id=f"b-{name}", **({"limit": "100"} | more))


def sought(w: World) -> list[str | None]:
    return [one.client_order_id for one in to_look_up(w.state, w.ledger.now())]


# -- absence and silence -------------------------------------------------------------------------------------


def test_l04_an_order_that_the_broker_forgot_for_a_while_is_not_gone(world: Worlds) -> None:
    """Off the list and the look-up for half an hour, and then there again. Its absence is told, its fills are asked
    for, and what was closed wrongly works again by a compensating event."""
    w = working(world, "c1")
    w.lists(times=3)
    assert (w.order("c1").status, w.steps("order")) == (OrderStatus.ACCEPTED, []), "a list alone proves nothing"
    assert sought(w) == ["c1"]
    w.looks_up("c1")
    w.looks_up("c1", times=3)
    assert w.order("c1").is_open, "look-ups without the fills prove nothing"
    assert w.state.order_breaks["c1"][0].why == "not found; its fills have not been asked for since"
    w.deals()
    w.looks_up("c1")
    assert (w.order("c1").status, w.order("c1").raw_status) == (OrderStatus.CANCELED, "CLOSED_EXTERNALLY")
    w.lists(listed("c1"), times=2)
    assert w.order("c1").status is OrderStatus.ACCEPTED
    assert w.order_corrections()[-1].compensates == "end"


def test_l04_fills_that_were_never_answered_bear_nothing_out(world: Worlds) -> None:
    w = world(pending("c1", "DAX", "accepted"), orders=True)
    w.sees(times=2)
    w.lists()
    w.looks_up("c1", times=4)
    assert w.order("c1").is_open, "its fills were never listed"
    w.deals()
    w.looks_up("c1")
    assert not w.order("c1").is_open


def test_l04_a_fill_among_the_deals_is_where_a_forgotten_order_went(world: Worlds) -> None:
    w = working(world, "c1")
    w.lists()
    w.looks_up("c1", times=2)
    w.deals(deal("x1", "DAX", "1", "100", client_order_id="c1"))
    w.looks_up("c1", times=3)
    assert (w.order("c1").status, w.book) == (OrderStatus.FILLED, {"DAX": "1"})
    assert "c1" not in w.state.orders


def test_l05_an_order_on_the_page_that_was_not_read_is_not_missing(world: Worlds) -> None:
    w = working(world, "c1", "c2")
    w.lists(listed("c1"), whole=False, times=5)
    assert w.steps("order") == []
    assert sought(w) == []
    assert w.order("c2").is_open


def test_l06_errors_say_nothing_about_an_order(world: Worlds) -> None:
    """A name server was away: every error counted as "not found"; six live orders dropped, a short left over."""
    w = working(world, "c1")
    w.lists()
    w.deals()
    w.looks_up("c1", failure="the name server is away", times=20)
    assert w.order("c1").is_open
    assert "c1" not in w.state.order_breaks
    w.looks_up("c1", times=2)
    w.looks_up("c1", failure="the name server is away", times=20)
    assert w.order("c1").is_open


def test_l08_fills_that_do_not_reach_back_prove_nothing(world: Worlds) -> None:
    w = working(world, "c1")
    w.lists()
    w.looks_up("c1", times=2)
    since = w.state.orders["c1"].pending_since.at_ns + 1
    w.answered(Answer(completeness="complete"), surface="fills", question=Question(surface="fills", since_ns=since))
    w.looks_up("c1", times=3)
    assert w.order("c1").is_open
    assert "do not reach back" in w.state.order_breaks["c1"][0].why
    w.answered(Answer(completeness="complete"), surface="fills", question=Question(surface="fills", since_ns=since - 2))
    w.looks_up("c1")
    assert not w.order("c1").is_open


def test_l11_look_ups_take_turns(world: Worlds) -> None:
    """The cap took the head of the list each time. Who waited longest comes first, also when its look-up failed."""
    names = [f"c{n}" for n in range(7)]
    w = working(world, *names, policy=Policy.adopt(look_ups_max=2))
    w.lists()
    seen: list[str | None] = []
    for _ in range(4):
        turn = sought(w)
        assert len(turn) <= 2
        for name in turn:
            w.looks_up(name, failure="no answer", step_ms=0)
        w.passes(s=3)
        seen += turn
    assert seen == [*names, "c0"]


# -- races ---------------------------------------------------------------------------------------------------


def test_l12_a_list_that_was_asked_for_too_early_says_nothing(world: Worlds) -> None:
    w = working(world, "c1")
    w.record(pending("c1", "DAX", "accepted", type="limit", limit="101"))
    w.lists(listed("c1", limit="100"), step_ms=500)
    assert w.order("c1").limit == Decimal(101)
    assert w.state.order_breaks["c1"][0].sightings.count == 0
    w.lists(listed("c1", limit="101"), times=2)
    assert w.order_corrections() == []


def test_l16_grace_is_measured_from_our_own_receipt(world: Worlds) -> None:
    """Whatever time the broker's row names, and however old the order is."""
    w = working(world, "c1")
    w.passes(s=3600)
    w.record(pending("c1", "DAX", "accepted", type="limit", limit="102"))
    stale = listed("c1", limit="100", updated_at="2031-01-01T00:00:00Z")
    w.lists(stale, step_ms=1_000)
    assert w.state.order_breaks["c1"][0].sightings.count == 0


@pytest.mark.parametrize("end", ["canceled", "expired", "rejected", "failed"])
def test_l17_a_fill_after_the_end_is_believed(world: Worlds, end: str) -> None:
    w = working(world, "c1")
    w.record(pending("c1", "DAX", end, type="limit"))
    w.record(fill("x1", "DAX", "1", "100", client_order_id="c1"))
    assert (w.order("c1").status, w.order("c1").filled, w.book) == (OrderStatus.FILLED, Decimal(1), {"DAX": "1"})
    (made,) = w.order_corrections()
    assert (made.compensates, made.before.status.value) == ("end", end)  # type: ignore[union-attr]
    assert [one.topic for one in w.alerts()] == ["late-fill"]


def test_l17_part_of_it_leaves_the_end_as_it_was(world: Worlds) -> None:
    w = working(world, "c1")
    w.record(pending("c1", "DAX", "canceled", type="limit"), fill("x1", "DAX", "0.4", "100", client_order_id="c1"))
    assert (w.order("c1").status, w.order("c1").filled) == (OrderStatus.CANCELED, Decimal("0.4"))


def test_l18_fifteen_that_were_cancelled_had_all_filled(world: Worlds) -> None:
    names = [f"c{n}" for n in range(15)]
    w = working(world, *names)
    w.record(*(pending(name, "DAX", "canceled", type="limit") for name in names))
    w.deals(*(deal(f"x-{name}", "DAX", "1", "100", order_id=f"b-{name}") for name in names))
    assert w.book == {"DAX": "15"}
    assert {w.order(name).status for name in names} == {OrderStatus.FILLED}


def test_l18_overfill_stops_new_orders_on_that_symbol(world: Worlds) -> None:
    w = working(world, "c1")
    w.record(fill("x1", "DAX", "1", "100", client_order_id="c1"))
    assert not w.state.quarantine
    w.record(fill("x2", "DAX", "0.5", "100", client_order_id="c1"))
    assert list(w.state.quarantine) == ["*:DAX"]
    assert "filled 1.5 of 1" in w.state.quarantine["*:DAX"].why
    assert [one.topic for one in w.alerts()] == ["overfill"]
    w.record(fill("x3", "DAX", "0.5", "100", client_order_id="c1"))
    w.sees(row("DAX", "2"), times=3)
    assert [one.topic for one in w.alerts()] == ["overfill"], "told once"
    assert "*:DAX" in w.state.quarantine, "no evidence releases it: a person has to look"


def test_l20_a_fill_that_the_broker_told_of_first_is_recorded_once(world: Worlds) -> None:
    w = working(world, "c1")
    w.deals(deal("x1", "DAX", "0.3", "100", client_order_id="c1"))
    ours = fill("x1", "DAX", "0.3", "100", client_order_id="c1", strategy="trend")
    w.record(ours)
    assert w.owner("DAX") == "trend"
    head = w.state.position
    w.record(ours)
    assert w.state.position == head
    assert w.book == {"DAX": "0.3"}


def test_l20_one_execution_under_two_ids_counts_once(world: Worlds) -> None:
    """The stream named it one way, the list of deals another way. Counted twice, the order would be overfilled: it is
    looked up instead, and its own word on what was filled decides."""
    w = working(world, "c1")
    w.record(fill("stream-1", "DAX", "1", "100", client_order_id="c1"))
    w.deals(deal("deal-1", "DAX", "1", "100", order_id="b-c1"))
    assert (w.book, list(w.state.quarantine)) == ({"DAX": "1"}, [])
    assert [one.topic for one in w.alerts()] == ["execution-doubted"]
    assert sought(w) == ["c1"]
    w.deals(deal("deal-1", "DAX", "1", "100", order_id="b-c1"))
    assert len(w.alerts()) == 1
    w.looks_up("c1", listed("c1", "filled", filled="1"))
    assert (sought(w), w.order("c1").mark, list(w.state.quarantine)) == ([], "", [])


def test_l18_and_where_it_was_overfilled_the_order_says_so(world: Worlds) -> None:
    w = working(world, "c1")
    w.record(fill("x1", "DAX", "1", "100", client_order_id="c1"))
    w.deals(deal("x2", "DAX", "1", "100", order_id="b-c1"))
    w.looks_up("c1", listed("c1", "filled", filled="2"))
    assert list(w.state.quarantine) == ["*:DAX"]
    w.sees(row("DAX", "2"), times=3)
    assert w.book == {"DAX": "2"}


def test_l18_a_broker_that_states_too_much_stops_it_too(world: Worlds) -> None:
    w = working(world, "c1")
    w.lists(listed("c1", "partially_filled", filled="2"))
    assert list(w.state.quarantine) == ["*:DAX"]


def test_l19_a_newer_stamp_does_not_reopen_a_filled_order(world: Worlds) -> None:
    w = working(world, "c1")
    w.looks_up("c1", listed("c1", "filled", filled="1", average_price="100"))
    assert w.order("c1").status is OrderStatus.FILLED
    late = listed("c1", "partially_filled", filled="0.3", updated_at="2031-01-01T00:00:00Z")
    w.lists(late, times=3)
    assert (w.order("c1").status, w.order("c1").filled) == (OrderStatus.FILLED, Decimal(1))
    assert "c1" not in w.state.order_breaks


def test_l20_fills_come_in_any_order_and_again_and_again(world: Worlds) -> None:
    """Same millisecond, repeated, reordered, from both sides: each execution counts once."""
    w = working(world, "c1")
    w.record(fill("x2", "DAX", "0.3", "100", client_order_id="c1"))
    w.deals(*(deal(f"x{n}", "DAX", "0.3", "100", client_order_id="c1") for n in (3, 1, 2)))
    w.record(fill("x1", "DAX", "0.3", "100", client_order_id="c1"))
    w.deals(*(deal(f"x{n}", "DAX", "0.3", "100", client_order_id="c1") for n in (1, 2, 3)))
    assert (w.order("c1").filled, w.book) == (Decimal("0.9"), {"DAX": "0.9"})
    assert w.order("c1").status is OrderStatus.PARTIALLY_FILLED


# -- sending -------------------------------------------------------------------------------------------------


def crashed(world: Worlds, **policy: object) -> World:
    """The process recorded an order as pending and died; nobody knows whether it was sent."""
    w = world(policy=Policy.adopt(**policy), orders=True)
    w.deals()
    w.lists()
    w.sees()
    w.looks_up("nobody")
    w.record(pending("c1", "DAX", strategy="trend"))
    w.restart(down_s=5)
    return w


def test_l21_l25_an_order_from_before_the_crash_is_looked_up_first(world: Worlds) -> None:
    """It was failed without a look-up, and the broker had it. Now: looked up by its client id, found, filled once."""
    w = crashed(world)
    w.lists()
    assert sought(w) == ["c1"]
    w.looks_up("c1", order_row("DAX", "filled", name="c1", order_id="b1", filled=1, average_price="99"))
    w.deals(deal("x1", "DAX", "1", "99", order_id="b1"))
    w.record(fill("x1", "DAX", "1", "99", client_order_id="c1"))
    assert (w.order("c1").status, w.book) == (OrderStatus.FILLED, {"DAX": "1"})
    assert w.owner("DAX") == "trend"


def test_l21_not_found_is_no_proof_while_the_broker_may_still_execute_it(world: Worlds) -> None:
    w = crashed(world)
    w.lists()
    w.looks_up("c1", times=5)
    w.deals()
    w.looks_up("c1", times=5)
    assert w.order("c1").status is OrderStatus.PENDING, "it was recorded less than a minute ago"
    assert "may still execute it" in w.state.order_breaks["c1"][0].why
    w.passes(s=60)
    w.looks_up("c1")
    assert w.order("c1").status is OrderStatus.PENDING
    w.deals()
    w.looks_up("c1")
    assert w.order("c1").status is OrderStatus.FAILED
    (made,) = w.order_corrections()
    assert "never came to be at the broker" in made.why


def test_l23_a_refused_cancel_is_read_again(world: Worlds) -> None:
    """It was refused because the order was filling. Refused is unknown: the order is looked up."""
    w = world(policy=Policy.adopt(on_orphan_order="cancel"), orders=True)
    w.sees()
    stranger = order_row("DAX", order_id="o9", limit="90")
    w.lists(stranger, times=2)
    (asked,) = w.actions()
    assert (asked.terms.kind, asked.terms.order_id, asked.purpose) == ("cancel", "o9", "cancel-orphan")
    w.sends(asked.client_id, "rejected", why="cannot cancel: filling", connection=1)
    assert w.state.outbox[asked.client_id].state == "unknown"
    assert [(one.order_id, one.client_order_id) for one in to_look_up(w.state, w.ledger.now())] == [("o9", None)]
    w.looks_up(None, order_row("DAX", "filled", order_id="o9", filled=1), order_id="o9", connection=1)
    assert not w.state.outbox
    w.lists()
    assert not w.state.order_breaks


def test_l23_one_that_works_on_is_asked_for_again_and_then_handed_to_a_person(world: Worlds) -> None:
    w = world(policy=Policy.adopt(on_orphan_order="cancel"), orders=True)
    w.sees()
    stranger = order_row("DAX", order_id="o9", limit="90")
    w.lists(stranger)
    for attempt in (1, 2, 3):
        w.lists(stranger)
        assert [one.attempt for one in w.actions()] == list(range(1, attempt + 1))
        w.sends(w.actions()[-1].client_id, "rejected", connection=1)
        w.looks_up(None, stranger, order_id="o9", connection=1)
    w.lists(stranger, times=3)
    assert len(w.actions()) == 3
    assert w.steps("order")[-1] == "recovery escalated"
    assert len({one.client_id for one in w.actions()}) == 3


def test_l26_an_orphan_that_protects_a_position_is_never_cancelled(world: Worlds) -> None:
    """An unknown order was cancelled at start-up; it was the stop that somebody had placed by hand."""
    w = world(held("DAX", "2"), policy=Policy.adopt(on_orphan_order="cancel"), orders=True)
    w.sees(row("DAX", "2"))
    w.lists(order_row("DAX", type="stop", side="sell", quantity=2, stop="90", order_id="o1"), times=4)
    assert w.actions() == []
    adopted = w.order("external:o1")
    assert (adopted.stop, adopted.side) == (Decimal(90), "sell")


@pytest.mark.parametrize(
    "more",
    [{"side": "buy"}, {"quantity": 3}, {"type": "limit", "stop": None, "limit": "110"}, {"ticket": "somebody else's"}],
)
def test_l26_what_only_looks_like_it_is_cancelled(world: Worlds, more: dict[str, object]) -> None:
    w = world(held("DAX", "2"), policy=Policy.adopt(on_orphan_order="cancel"), orders=True)
    w.sees(row("DAX", "2"))
    given = {"type": "stop", "side": "sell", "quantity": 2, "stop": "90"} | more
    given = {name: value for name, value in given.items() if value is not None}
    w.lists(order_row("DAX", order_id="o1", **given), times=3)
    assert [one.terms.kind for one in w.actions()] == ["cancel"]


def test_l41_a_word_that_nobody_knows_changes_nothing_and_is_told_of_once(world: Worlds) -> None:
    w = working(world, "c1")
    w.lists(listed("c1", "suspended by the moon"), times=3)
    assert w.order("c1").status is OrderStatus.ACCEPTED
    assert [one.topic for one in w.alerts()] == ["order-status-unknown"]
    assert "suspended by the moon" in w.alerts()[0].text
    w.lists(listed("c1", "another word"))
    assert len(w.alerts()) == 2


def test_l36_l41_filled_without_a_price_is_taken_marked_and_told(world: Worlds) -> None:
    w = working(world, "c1")
    w.looks_up("c1", listed("c1", "filled", filled="1"))
    assert w.order("c1").status is OrderStatus.FILLED
    w.sees()
    assert (w.order("c1").average_price, w.order("c1").mark) == (None, "no price")
    assert [(one.topic, one.severity) for one in w.alerts()] == [("fill-without-price", "critical")]
    w.sees(times=3)
    assert len(w.alerts()) == 1


def test_l36_a_price_that_still_comes_marks_nothing(world: Worlds) -> None:
    w = working(world, "c1")
    w.record(pending("c1", "DAX", "filled", type="limit"), fill("x1", "DAX", "1", "99", client_order_id="c1"))
    w.sees(row("DAX", "1"), times=2)
    assert (w.order("c1").average_price, w.order("c1").mark, w.alerts()) == (Decimal(99), "", [])
