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
