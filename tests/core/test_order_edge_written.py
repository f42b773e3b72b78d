"""Is an answer on orders stored as what it says: a partial one whole, a complete one as its difference? (law 4)"""

from __future__ import annotations

from collections.abc import Callable

from lessons.world import World, order_row
from trueup.facts import OrderRows
from trueup.replay.between import fields_of

Worlds = Callable[..., World]


def written(w: World) -> OrderRows:
    """The last answer on orders, as it is stored."""
    rows = [one.orders for one in w.observations() if one.surface == "open_orders"][-1]
    assert rows is not None
    return rows


def test_an_unchanged_complete_list_names_its_base_and_a_partial_one_states_its_rows(world: Worlds) -> None:
    one, two = order_row("EURUSD", order_id="b1"), order_row("EURUSD", order_id="b2")
    w = world(orders=True)
    w.sees()
    w.lists(one, two)
    assert written(w) == OrderRows(0, (one, two))
    w.lists(one, two)
    assert (written(w).base > 0, written(w).stated, written(w).gone) == (True, (), ())
    w.lists(two, whole=False)
    assert written(w) == OrderRows(0, (two,)), "what it lists is evidence; that it lists less is none"
    w.lists(one)
    assert (written(w).base > 0, written(w).stated, written(w).gone) == (True, (), ("b2",))


def test_what_is_shown_of_a_break_has_no_position_of_ours(world: Worlds) -> None:
    w = world(orders=True)
    w.sees()
    w.lists(order_row("EURUSD", order_id="b1"))
    (one,) = w.state.order_breaks["@b1"]
    shown = fields_of(one)
    assert [name for name in one.__struct_fields__ if name.endswith("position")], "else this test tries nothing"
    assert [name for name in shown if name.endswith("position")] == []
    assert shown["symbol"] == "EURUSD"
