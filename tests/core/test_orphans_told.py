"""Is an orphan left to a human where the policy says so, whatever it is? (L26)"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lessons.world import World, held, order_row, row
from trueup import Policy

Worlds = Callable[..., World]


@pytest.mark.parametrize(
    ("wish", "adopted"), [("alert", False), ("quarantine", True), ("adopt", True), ("cancel", True)]
)
def test_l26_a_protective_order_is_taken_over_unless_the_policy_corrects_nothing(
    world: Worlds, wish: str, *, adopted: bool
) -> None:
    w = world(held("DAX", "2"), policy=Policy.adopt(on_orphan_order=wish), orders=True)
    w.sees(row("DAX", "2"))
    w.lists(order_row("DAX", type="stop", side="sell", quantity=2, stop="90", order_id="o1"), times=3)
    assert w.actions() == []
    assert (w.state.order("external:o1") is not None) is adopted
    assert w.steps("order")[-1] == ("recovery corrected" if adopted else "recovery escalated")
    assert len(w.order_corrections()) == adopted


def test_l21_a_second_order_under_the_client_id_of_an_action_of_ours_is_an_orphan(world: Worlds) -> None:
    """The first one is what we asked for, and the book takes it over; whoever placed another one, it was not us."""
    w = world(held("EURUSD", "2"), orders=True)
    w.sees(row("EURUSD", "2"))
    w.lists()
    w.says("close", target="EURUSD", at_broker="yes")
    (asked,) = w.actions()
    w.sends(asked.client_id)
    ours = order_row("EURUSD", name=asked.client_id, order_id="o1", side="sell", type="limit", quantity=2, limit="9")
    w.lists(ours)
    assert w.order(asked.client_id).order_id == "o1"
    assert not w.state.order_breaks
    second = order_row("EURUSD", name=asked.client_id, order_id="o2", side="sell", type="limit", quantity=2, limit="9")
    w.lists(ours, second, times=2)
    assert [one.symbol for one in w.state.order_breaks["@o2"]] == ["EURUSD"]
    assert w.state.order("external:o2") is None
    assert w.steps("order")[-1] == "recovery escalated"
