"""Orders and actions at the edge of what is known: doubts that repeat, stops of our own, names that nobody knows."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from immutables import Map

from core.test_order_branches import naked
from lessons.test_orders import working
from lessons.world import World, deal, held, order_row, pending, row
from trueup.reconciliation.at_broker import meant
from trueup.reconciliation.draft import Draft
from trueup.reconciliation.state import State

Worlds = Callable[..., World]


def test_l18_an_order_is_doubted_once_however_many_executions_exceed_it(world: Worlds) -> None:
    w = working(world, "c1")
    for name in ("x1", "x2", "x3"):
        w.deals(deal(name, "DAX", "1", "100", client_order_id="c1"))
    assert w.state.doubted == ("c1",)
    assert [one.topic for one in w.alerts()].count("execution-doubted") == 1


@pytest.mark.parametrize("by", ["client id", "order id"])
def test_a_stop_of_our_own_can_be_cancelled_by_hand(world: Worlds, by: str) -> None:
    """It is in the broker's list, and neither an order of the book's nor a stranger's."""
    w = naked(world)
    (stop,) = w.actions()
    w.sends(stop.client_id)
    w.lists(order_row("DAX", name=stop.client_id, order_id="s1", side="sell", type="stop", stop="98"))
    w.sees(row("DAX", "1", price="100", stop=None))
    w.says("close", target=stop.client_id if by == "client id" else "s1", at_broker="yes")
    asked = w.actions()[-1]
    assert (asked.terms.kind, asked.terms.order_id, asked.terms.target) == ("cancel", "s1", stop.client_id)


def test_a_draft_has_the_parts_of_a_state_in_their_order_and_no_others(world: Worlds) -> None:
    """One is copied into the other by place."""
    assert [name.removeprefix("_") for name in Draft.__struct_fields__] == [*State.__struct_fields__, "rare"]
    state = world(held("DAX", "1"), pending("c1", "DAX")).state
    assert Draft.of(state).sealed() == state


@pytest.mark.parametrize("name", ["o1", "hand-1"])
def test_an_order_that_only_the_broker_lists_can_be_named_by_either_id(world: Worlds, name: str) -> None:
    """Also where no break speaks of it (any more)."""
    w = world(orders=True)
    w.lists(order_row("DAX", order_id="o0", limit="90"), order_row("DAX", name="hand-1", order_id="o1", limit="90"))
    state = msgspec.structs.replace(w.state, order_breaks=Map())
    assert meant(state, name) == ("order", "@o1")
    assert meant(state, "o7") is None
