"""Is an answer on orders stored as what it says: a partial one whole, a complete one as its difference? (law 4)"""

from __future__ import annotations

from collections.abc import Callable

from lessons.world import World, order_row
from trueup import Policy
from trueup.facts import OrderRows
from trueup.order_edge import usable_orders
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


def test_rows_of_one_order_that_contradict_each_other_are_refused_all_by_id() -> None:
    """Three of them: the first is told as well, and the third, though the first two are out of the list by then."""
    sound = order_row("GBPUSD", order_id="b9")
    twins = [order_row("EURUSD", order_id="b1", name="c1", quantity=size) for size in (1, 2, 3)]
    rows, refused = usable_orders([twins[0], sound, *twins[1:]], Policy.adopt())
    assert list(rows.values()) == [sound]
    assert [(one.row, one.symbol, one.ticket) for one in refused] == [
        (1, "EURUSD", "b1"),
        (3, "EURUSD", "b1"),
        (4, "EURUSD", "b1"),
    ]
    assert refused[0].why.startswith("order b1 is listed again in row 3: ")


def test_a_row_of_an_order_that_breaks_the_contract_is_told_by_what_id_it_has() -> None:
    bad = [
        order_row("EURUSD", order_id="b1", quantity=0),
        order_row("EURUSD", name="c1", quantity=0),
        order_row("EURUSD", quantity=1),
    ]
    _, refused = usable_orders(bad, Policy.adopt())
    assert [(one.row, one.symbol, one.ticket) for one in refused] == [
        (1, "EURUSD", "b1"),
        (2, "EURUSD", "c1"),
        (3, "EURUSD", None),
    ]
