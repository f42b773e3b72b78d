"""Orders, actions and protection: does each way through the rules that no lesson goes by end as it should?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from lessons.test_orders import listed, sought, working
from lessons.world import LAG_MS, NEW_YEAR_NS, World, deal, held, order_row, pending, row
from trueup import Policy
from trueup.decisions import BreakMoved
from trueup.model import OrderStatus
from trueup.policy import Protect
from trueup.ports import Answer
from trueup.reconciliation import order_inputs
from trueup.reconciliation.waiting import MARGIN_NS, fills_wanted_since, next_question_ns

Worlds = Callable[..., World]
MS = 1_000_000


def wait_ms(w: World) -> float | None:
    """Milliseconds until the next question, the margin apart."""
    wait = next_question_ns(w.state, w.ledger.now())
    return None if wait is None else (wait - MARGIN_NS) / MS


def orphaned(world: Worlds, *, actions: frozenset[str] = frozenset({"cancel"}), **knobs: object) -> World:
    """A broker that lists an order which nobody here knows; confirmed."""
    w = world(policy=Policy.adopt(on_orphan_order="cancel", **knobs), orders=True, actions=actions)
    w.sees()
    w.lists(order_row("DAX", order_id="o1", limit="90"), times=2)
    return w


# -- what the broker lists -----------------------------------------------------------------------------------


@pytest.mark.parametrize("filled", ["-1", "NaN", "Infinity"])
def test_l43_a_filled_quantity_that_cannot_be_is_refused(world: Worlds, filled: str) -> None:
    w = world(orders=True)
    w.sees()
    w.lists(order_row("DAX", order_id="o1", filled=filled))
    refused = w.observations()[-1].refused
    assert [one.why for one in refused] == [f"its filled quantity is {Decimal(filled)}; it must be at least 0"]
    assert not w.state.order_breaks


def test_l42_an_order_of_no_symbol_is_refused(world: Worlds) -> None:
    w = world(orders=True)
    w.sees()
    w.lists(order_row("", order_id="o1"))
    assert [one.why for one in w.observations()[-1].refused] == ["it names no symbol"]


def test_an_orphan_whose_terms_change_begins_anew(world: Worlds) -> None:
    w = world(orders=True)
    w.sees()
    w.lists(order_row("DAX", order_id="o1", limit="90"))
    w.lists(order_row("DAX", order_id="o1", limit="91"))
    (one,) = w.state.order_breaks[next(iter(w.state.order_breaks))]
    assert (one.state, one.sightings.count) == ("opened", 1)
    assert not w.state.quarantine
    w.lists(order_row("DAX", order_id="o1", limit="91"))
    assert list(w.state.quarantine) == ["*:DAX"]


def test_l12_an_orphan_in_two_lists_that_are_too_close_is_seen_once(world: Worlds) -> None:
    w = world(orders=True)
    w.sees()
    w.lists(order_row("DAX", order_id="o1", limit="90"))
    w.lists(order_row("DAX", order_id="o1", limit="90"), times=3, step_ms=100)
    assert w.steps("order") == ["recovery opened"]
    assert not w.state.quarantine


def test_l26_a_stop_that_protects_what_only_the_book_holds_is_adopted(world: Worlds) -> None:
    """No complete answer on positions has come yet, and the stop may be all that stands between them and a loss."""
    w = world(held("DAX", "1"), policy=Policy.adopt(on_orphan_order="cancel"), orders=True)
    w.sees_part()
    w.lists(order_row("DAX", order_id="o1", side="sell", type="stop", stop="90"), times=2)
    assert w.order("external:o1").stop == 90
    assert w.actions() == []


def test_an_orphan_is_a_persons_where_the_broker_takes_no_cancel(world: Worlds) -> None:
    w = orphaned(world, actions=frozenset())
    assert w.actions() == []
    assert w.steps("order")[-1] == "recovery escalated"
    told = len(w.alerts())
    w.lists(order_row("DAX", order_id="o1", limit="90"), times=3)
    assert (w.actions(), len(w.alerts())) == ([], told), "told once (L38)"


def test_an_orphan_that_outlives_its_cancels_is_a_persons(world: Worlds) -> None:
    """Each is asked for once, and only when the last one is known to have done nothing (law 6)."""
    w = orphaned(world)
    for attempt in range(1, 10):
        if len(w.actions()) < attempt:
            break
        action = w.actions()[-1]
        assert action.attempt == attempt
        w.lists(order_row("DAX", order_id="o1", limit="90"))
        assert len(w.actions()) == attempt, "one at a time"
        w.sends(action.client_id)
        w.lists(order_row("DAX", order_id="o1", limit="90"), times=2)
    assert w.steps("order")[-1] == "recovery escalated"
    assert "asked 3 times to cancel it" in w.state.order_breaks[action.key][0].why
    assert [one.attempt for one in w.actions()] == [1, 2, 3]


# -- our own word --------------------------------------------------------------------------------------------


def test_l41_a_status_of_our_own_that_nobody_knows_is_told_of_once(world: Worlds) -> None:
    w = world(pending("c1", "DAX"), orders=True)
    w.record(pending("c1", "DAX", "held for review"))
    w.record(pending("c1", "DAX", "held for review"))
    assert [one.topic for one in w.alerts()] == ["order-status-unknown"]
    w.record(pending("c1", "DAX", "held again"))
    assert len(w.alerts()) == 2
    w.record(pending("c2", "DAX", "odd from the start"))
    assert len(w.alerts()) == 3


def test_l17_our_own_word_on_fills_after_the_end_reopens_it(world: Worlds) -> None:
    w = working(world, "c1")
    w.record(pending("c1", "DAX", "canceled", type="limit", limit="100"))
    w.record(pending("c1", "DAX", "canceled", type="limit", limit="100", filled="0.4"))
    (moved,) = w.events(BreakMoved)
    assert isinstance(moved, BreakMoved)
    correction = moved.order_correction
    assert correction is not None
    assert (correction.compensates, correction.after.filled) == ("end", Decimal("0.4"))
    assert (w.order("c1").filled, w.order("c1").status) == (Decimal("0.4"), OrderStatus.CANCELED)
    w.record(pending("c1", "DAX", "canceled", type="limit", limit="100", filled="0.4"))
    assert len(w.events(BreakMoved)) == 1


def test_l21_a_second_order_under_one_client_id_is_nobodys(world: Worlds) -> None:
    w = working(world, "c1")
    twin = order_row("DAX", name="c1", order_id="b-other", limit="100")
    w.lists(listed("c1"), twin, times=3)
    assert list(w.state.quarantine) == ["*:DAX"]
    assert (w.order("c1").order_id, w.order("c1").is_open) == ("b-c1", True)


def test_law_12_working_orders_are_bounded_and_the_oldest_make_room(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_inputs, "WORKING_ORDERS_MAX", 4)
    monkeypatch.setattr(order_inputs, "WORKING_ORDERS_DROPPED", 2)
    w = world(orders=True)
    for name in ("c3", "c1", "c4", "c2"):
        w.record(pending(name, "DAX"))
    assert len(w.state.orders) == 4
    w.record(pending("c5", "DAX"))
    assert sorted(w.state.orders) == ["c2", "c4", "c5"]
    assert w.state.in_flight["DAX"] == ("c4", "c2", "c5"), "what was dropped is in flight no more"
    assert w.order("c3").status is OrderStatus.PENDING, "what was known of it is not made up"
    w.record(pending("c2", "DAX", "accepted"))
    assert sorted(w.state.orders) == ["c2", "c4", "c5"]


def test_a_permit_learns_its_position_when_its_order_is_recorded_a_second_time(world: Worlds) -> None:
    w = world(held("DAX", "2", ticket="7"), mode="hedging", orders=True)
    w.sees(row("DAX", "2", ticket="7"))
    w.record(pending("c1", "DAX", side="sell"))
    w.permit("DAX", "1", ticket="7", client_order_id="c1")
    w.record(pending("c1", "DAX", "accepted", side="sell"))
    assert (w.order("c1").ticket, w.state.permits) == ("7", ())


# -- drifts of terms -----------------------------------------------------------------------------------------


def test_l16_terms_wait_while_the_book_has_just_changed_the_order(world: Worlds) -> None:
    w = working(world, "c1")
    w.lists(listed("c1", limit="101"))
    w.record(pending("c1", "DAX", "accepted", type="limit", limit="102"))
    w.lists(listed("c1", limit="101"), step_ms=LAG_MS - 100)
    assert w.order("c1").limit == 102
    assert w.state.order_breaks["c1"][0].sightings.count == 1
    w.lists(listed("c1", limit="101"), times=2)
    assert w.order("c1").limit == 101


def test_l12_two_lists_that_are_too_close_are_one_witness(world: Worlds) -> None:
    w = working(world, "c1")
    w.lists(listed("c1", limit="101"))
    w.lists(listed("c1", limit="101"), step_ms=100, times=3)
    assert (w.order("c1").limit, w.state.order_breaks["c1"][0].sightings.count) == (100, 1)
    w.lists(listed("c1", limit="101"))
    assert w.order("c1").limit == 101


def test_l38_a_drift_left_to_a_person_is_told_of_once(world: Worlds) -> None:
    w = working(world, "c1", policy=Policy.adopt(on_drift="alert"))
    w.lists(listed("c1", limit="101"), times=5)
    assert w.steps("order") == ["drift opened", "drift confirmed", "drift escalated"]
    assert w.order("c1").limit == 100


# -- look-ups ------------------------------------------------------------------------------------------------


def test_not_found_and_listed_all_the_same_proves_nothing(world: Worlds) -> None:
    w = working(world, "c1")
    w.deals()
    w.lists(listed("c1"))
    w.looks_up("c1", times=5)
    assert w.order("c1").is_open
    (one,) = w.state.order_breaks["c1"]
    assert (one.state, one.why) == ("opened", "the broker's own list of working orders shows it")


def test_l04_an_order_that_is_stated_after_all_was_no_ghost(world: Worlds) -> None:
    w = working(world, "c1")
    w.lists()
    w.looks_up("c1")
    w.lists(listed("c1"))
    assert w.steps("order") == ["ghost opened", "ghost cleared"]
    assert not w.state.order_breaks


def test_l12_look_ups_that_are_too_close_are_one_witness_of_an_absence(world: Worlds) -> None:
    w = working(world, "c1", policy=Policy.adopt(confirmations=3))
    w.lists()
    w.deals()
    w.looks_up("c1")
    w.looks_up("c1", times=5, step_ms=100)
    assert w.state.order_breaks["c1"][0].sightings.count == 1
    w.deals()
    w.looks_up("c1", times=2)
    assert not w.order("c1").is_open


def test_a_ghost_left_to_a_person_is_told_of_once(world: Worlds) -> None:
    w = working(world, "c1", policy=Policy.adopt(on_ghost="alert"))
    w.sees()
    w.lists()
    w.looks_up("c1")
    w.deals()
    w.looks_up("c1", times=4)
    assert w.steps("order") == ["ghost opened", "ghost confirmed", "ghost escalated"]
    assert wait_ms(w) is None, "a person is not waited for"
    assert fills_wanted_since(w.state) is None


def test_a_look_up_of_which_nobody_wrote_down_what_it_was_for_only_states(world: Worlds) -> None:
    """Recorded elsewhere: an empty answer says nothing about any order of ours."""
    w = working(world, "c1")
    for found in ((), (listed("c1", "partially_filled", filled="0.4"),)):
        w.answered(Answer(completeness="complete", orders=found, raw=b"[]"), surface="order")
    assert "c1" not in w.state.order_breaks
    assert w.order("c1").filled == Decimal("0.4")


def test_a_slice_of_no_plan_expires_by_itself(world: Worlds) -> None:
    due = datetime.fromtimestamp(NEW_YEAR_NS // 10**9 + 60, UTC)
    w = world(pending("s1", "DAX", "scheduled", scheduled_for=due), orders=True)
    w.sees()
    w.lists()
    w.passes(s=200)
    w.looks_up("s1")
    w.deals()
    w.looks_up("s1", times=2)
    assert w.order("s1").status is OrderStatus.EXPIRED
    assert w.order_corrections()[-1].why.endswith("never sent: expired")


def test_l25_a_fresh_order_is_not_looked_for_until_it_should_be_there(world: Worlds) -> None:
    w = working(world, "c1")
    w.lists()
    w.record(pending("c2", "DAX"))
    assert "c2" not in sought(w), "sent a moment ago"
    w.passes(s=31)
    assert "c2" not in sought(w), "no complete list has been asked for since"
    w.lists()
    assert sought(w)[-1] == "c2"


def test_a_doubted_order_rests_between_its_look_ups_and_may_have_been_forgotten(world: Worlds) -> None:
    """An execution that would overfill its order may be of another one: the order is asked for, then it is believed."""
    w = working(world, "c1")
    w.deals(deal("x1", "DAX", "1", "100", client_order_id="c1"))
    w.deals(deal("x2", "DAX", "1", "100", client_order_id="c1"))
    if not w.state.doubted:
        pytest.fail("the overfill raised no doubt")
    assert sought(w) == ["c1"]
    w.looks_up("c1", failure="no answer")
    assert sought(w) == [], "just asked"
    w.passes(s=3)
    assert sought(w) == ["c1"]
    w.looks_up("c1", listed("c1", "filled", filled="1"))
    assert (w.state.doubted, w.order("c1").filled) == ((), 1)


# -- actions -------------------------------------------------------------------------------------------------


def naked(world: Worlds, **more: object) -> World:
    """A position without a stop, whose stop has just been asked for."""
    w = world(policy=Policy.adopt(protect=Protect()), orders=True, **more)
    w.lists()
    w.sees(row("DAX", "1", price="100", stop=None))
    w.lists()
    w.sees(row("DAX", "1", price="100", stop=None))
    return w


def test_a_stop_that_the_broker_had_rejected_is_found_so_when_it_is_looked_up(world: Worlds) -> None:
    w = naked(world)
    (action,) = w.actions()
    w.sends(action.client_id, "unknown", why="no answer")
    w.looks_up(action.client_id, order_row("DAX", "rejected", name=action.client_id))
    assert action.client_id not in w.state.outbox
    ended = w.state.ended_actions.get(action.client_id)
    assert ended is not None
    assert (ended.state, ended.why) == ("failed", "looked up: the broker had rejected it")


def test_law_6_a_stop_of_unknown_outcome_that_is_there_is_done(world: Worlds) -> None:
    """The process ended before it heard: it is looked up before anything is asked for again."""
    w = naked(world)
    (action,) = w.actions()
    w.sends(action.client_id, "crash")
    assert w.state.outbox[action.client_id].state == "unknown"
    w.looks_up(action.client_id, order_row("DAX", name=action.client_id, order_id="9", type="stop", stop="98"))
    ended = w.state.ended_actions.get(action.client_id)
    assert ended is not None
    assert (ended.state, ended.why) == ("done", "looked up: it is there")
    assert len(w.actions()) == 1


def test_law_6_look_ups_that_are_too_close_are_one_witness(world: Worlds) -> None:
    w = naked(world)
    (action,) = w.actions()
    w.sends(action.client_id, "unknown", why="no answer", connection=1)
    w.passes(s=100)
    w.looks_up(action.client_id, connection=1)
    w.looks_up(action.client_id, connection=1, times=3, step_ms=100)
    assert action.client_id in w.state.outbox
    w.looks_up(action.client_id, connection=1)
    assert action.client_id not in w.state.outbox


def test_law_6_as_many_look_ups_as_the_policy_asks_for_find_nothing(world: Worlds) -> None:
    w = world(policy=Policy.adopt(protect=Protect(), confirmations=3), orders=True)
    for _ in range(2):
        w.lists()
        w.sees(row("DAX", "1", price="100", stop=None))
    (action,) = w.actions()
    w.sends(action.client_id, "unknown", why="no answer", connection=1)
    w.passes(s=100)
    for count in (1, 2):
        w.looks_up(action.client_id, connection=1)
        slot = w.state.outbox[action.client_id]
        assert slot.sightings is not None
        assert (slot.sightings.count, len(slot.sightings.proof)) == (count, count)
    w.looks_up(action.client_id, connection=1)
    assert action.client_id not in w.state.outbox


@pytest.mark.parametrize("down_s", [0, 3_600])
def test_an_action_unsettles_its_symbol_until_it_is_answered(world: Worlds, down_s: int) -> None:
    w = naked(world)
    (action,) = w.actions()
    w.sends(action.client_id, "unknown", why="no answer")
    w.sees(row("DAX", "2", price="100", stop=None))
    assert w.state.breaks["DAX"][0].why == f"action {action.client_id} on DAX is in flight"
    w.ledger._journal.close()
    w.passes(s=down_s)
    w.ledger = w._open()
    w.sees(row("DAX", "2", price="100", stop=None), step_ms=LAG_MS - 100)
    assert w.state.breaks["DAX"][0].sightings.count == 0, "of a dead epoch: until this one has settled"
    w.sees(row("DAX", "2", price="100", stop=None))
    assert w.state.breaks["DAX"][0].sightings.count == 1


# -- protection ----------------------------------------------------------------------------------------------


def test_law_10_a_broker_that_lists_no_orders_protects_by_the_positions_own_stop(world: Worlds) -> None:
    w = world(policy=Policy.adopt(protect=Protect()))
    w.sees(row("DAX", "1", price="100", stop=None), times=2)
    assert [one.purpose for one in w.actions()] == ["protect"]
    w.sends(w.actions()[0].client_id)
    w.sees(row("DAX", "1", price="100", stop="98"), times=2)
    assert not w.state.guards


def test_law_4_where_no_stop_could_be_seen_none_is_placed(world: Worlds) -> None:
    """The broker tells neither of the stops of positions nor of working orders: one may well be there."""
    w = world(policy=Policy.adopt(protect=Protect()))
    w.sees(row("DAX", "1", price="100"), times=3)
    assert w.actions() == []
    assert [one.topic for one in w.alerts()] == ["unprotected"]
    assert "tells neither" in next(iter(w.state.guards.values())).why


def test_l22_a_stop_that_was_acknowledged_and_cannot_be_seen_is_not_placed_again(world: Worlds) -> None:
    w = world(policy=Policy.adopt(protect=Protect()))
    w.sees(row("DAX", "1", price="100", stop=None), times=2)
    w.sends(w.actions()[0].client_id)
    w.sees(row("DAX", "1", price="100", stop=None), times=4)
    assert len(w.actions()) == 1
    guard = next(iter(w.state.guards.values()))
    assert (guard.state, "a stop was acknowledged" in guard.why) == ("critical", True)


def test_law_10_what_a_person_has_been_told_is_not_told_again(world: Worlds) -> None:
    w = world(policy=Policy.adopt(protect=Protect()), orders=True, actions=frozenset())
    for _ in range(5):
        w.lists()
        w.sees(row("DAX", "1", price="100", stop=None))
    assert [one.topic for one in w.alerts()].count("unprotected") == 1
    assert next(iter(w.state.guards.values())).state == "critical"


# -- a backup that was put back ------------------------------------------------------------------------------


def test_law_9_a_restored_store_opens_when_everything_has_been_looked_up(world: Worlds) -> None:
    w = working(world, "c1", "c2")
    w.record(pending("s1", "DAX", "scheduled", scheduled_for=datetime(2030, 1, 1, tzinfo=UTC)))
    w.restored = True
    w.restart()
    w.sees()
    assert w.state.gate.why == "restored from a backup: open_orders since then have not been listed completely yet"
    w.lists(listed("c1"))
    assert w.state.gate.why == "restored from a backup: fills since then have not been listed completely yet"
    w.deals()
    assert w.state.gate.why == "restored from a backup: order c2 has not been looked up yet"
    w.looks_up("c2", listed("c2"))
    assert w.state.gate.status == "open"


def test_law_9_a_restored_store_of_a_broker_without_look_ups_opens_after_its_lists(world: Worlds) -> None:
    w = world(pending("c1", "DAX", "accepted"))
    w.restored = True
    w.restart()
    w.sees(times=2)
    assert "fills since then" in w.state.gate.why
    w.deals()
    assert w.state.gate.status == "open"
