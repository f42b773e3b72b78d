"""Orders and actions: when is another question about them worth asking?"""

from __future__ import annotations

from collections.abc import Callable

from core.test_order_branches import naked, wait_ms
from lessons.test_orders import listed, working
from lessons.world import LAG_MS, STEP_MS, World, order_row, pending
from trueup import Policy
from trueup.model import OrderStatus
from trueup.ports import Answer
from trueup.reconciliation.outbox import to_look_up
from trueup.reconciliation.waiting import fills_wanted_since

Worlds = Callable[..., World]


def test_an_order_that_is_looked_up_is_waited_for_and_then_its_fills(world: Worlds) -> None:
    w = working(world, "c1")
    w.sees()
    w.lists()
    assert wait_ms(w) == 0, "there is one to look up"
    w.looks_up("c1")
    assert wait_ms(w) == LAG_MS, "from its receipt on: asked earlier, it would be no new witness"
    since = fills_wanted_since(w.state)
    assert since == w.state.orders["c1"].pending_since.at_ns
    w.deals()
    assert fills_wanted_since(w.state) is None


def test_a_pending_order_waits_for_the_brokers_queue(world: Worlds) -> None:
    w = working(world, "c1")
    w.sees()
    w.record(pending("c2", "DAX"))
    w.passes(s=31)
    w.lists(listed("c1"))
    w.looks_up("c2")
    gone_ms = 31_000 + 2 * (STEP_MS + 10)
    assert wait_ms(w) == 60_000 - gone_ms


def test_a_drift_of_an_order_waits_for_another_list(world: Worlds) -> None:
    w = working(world, "c1")
    w.sees()
    w.lists(listed("c1", limit="101"))
    assert wait_ms(w) == LAG_MS
    w.record(pending("c1", "DAX", "accepted", type="limit", limit="102"))
    w.lists(listed("c1", limit="101"), step_ms=0)
    assert wait_ms(w) == LAG_MS - 10
    w.answered(Answer(completeness="failed", why="no answer"), surface="open_orders")
    assert wait_ms(w) is None, "a broker that was not heard is not waited for"


def test_terms_of_an_order_that_just_changed_wait_for_it_to_settle(world: Worlds) -> None:
    w = world(pending("c1", "DAX", "accepted", type="limit", limit="100"), orders=True)
    w.sees(times=2)
    w.record(pending("c1", "DAX", "accepted", type="limit", limit="101"))
    w.lists(order_row("DAX", name="c1", limit="100"), step_ms=500)
    assert w.state.order_breaks["c1"][0].sightings.count == 0
    assert wait_ms(w) == LAG_MS - 510


def test_an_orphan_waits_for_another_list(world: Worlds) -> None:
    w = world(orders=True)
    w.sees(times=2)
    w.lists(order_row("DAX", order_id="o1", limit="90"))
    assert wait_ms(w) == LAG_MS


def test_an_action_of_unknown_outcome_is_waited_for(world: Worlds) -> None:
    w = naked(world)
    (action,) = w.actions()
    w.sends(action.client_id, "unknown", why="no answer")
    assert wait_ms(w) == 0
    w.looks_up(action.client_id)
    assert wait_ms(w) is not None


def test_l04_an_order_that_never_had_a_client_id_is_looked_up_by_the_brokers_alone(world: Worlds) -> None:
    """The name that we gave it is told to nobody: a broker that is asked for both ids would not find it."""
    w = world(policy=Policy.adopt(on_orphan_order="adopt"), orders=True)
    w.sees()
    w.lists(order_row("DAX", order_id="o9", limit="90"), times=2)
    assert w.order("external:o9").order_id == "o9"
    w.lists()
    (sought,) = to_look_up(w.state, w.ledger.now())
    assert (sought.client_order_id, sought.order_id) == (None, "o9")
    w.looks_up(None, order_row("DAX", "filled", order_id="o9", limit="90", filled=1), order_id="o9")
    assert w.order("external:o9").status is OrderStatus.FILLED
