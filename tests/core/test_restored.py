"""When may a process go on from a restored backup? When everything since has been looked up, and not before."""

from __future__ import annotations

from collections.abc import Callable

from lessons.world import World, deal, fill, order_row, pending, row
from trueup.gate import Intent
from trueup.ports import Question, unsupported

Worlds = Callable[..., World]


def restored(world: Worlds, *names: str) -> World:
    """A store that was put back: it knows of one position, and of orders that worked when it was saved."""
    w = world(fill("x1", "DAX", "1", "100"), orders=True)
    w.record(*(pending(name, "DAX", "accepted", type="limit", limit="90", order_id=f"b-{name}") for name in names))
    w.deals()
    w.lists(*(order_row("DAX", name=name, order_id=f"b-{name}", limit="90") for name in names))
    w.sees(row("DAX", "1"))
    assert w.state.gate.status == "open"
    w.restored = True
    w.restart(down_s=100)
    w.restored = False
    return w


def why(w: World) -> str:
    assert w.ledger.gate.check(Intent(symbol="DAX", side="buy", quantity=1)) is not None
    return w.state.gate.why


def test_it_opens_when_positions_orders_and_fills_were_all_listed(world: Worlds) -> None:
    w = restored(world)
    w.sees(row("DAX", "1"))
    assert why(w) == "restored from a backup: open_orders since then have not been listed completely yet"
    w.lists()
    assert why(w) == "restored from a backup: fills since then have not been listed completely yet"
    w.deals(deal("x2", "DAX", "1"), complete=False)
    assert w.state.gate.status == "closed", "a part of them is not all of them"
    w.deals(deal("x2", "DAX", "1"))
    assert w.state.gate.status == "open"
    w.sees(row("DAX", "2"))
    assert (w.state.gate.status, w.book) == ("open", {"DAX": "2"})


def test_an_order_that_no_list_mentions_is_looked_up_first(world: Worlds) -> None:
    w = restored(world, "c1", "c2")
    w.sees(row("DAX", "1"))
    w.deals()
    w.lists(order_row("DAX", name="c2", order_id="b-c2", limit="90"))
    assert why(w) == "restored from a backup: order c1 has not been looked up yet"
    w.looks_up("c1", order_row("DAX", "filled", name="c1", order_id="b-c1", filled=1, average_price="90"))
    assert w.state.gate.status == "open"


def test_a_process_that_dies_before_that_is_still_a_restored_one(world: Worlds) -> None:
    w = restored(world)
    w.restart(down_s=5)
    w.sees(row("DAX", "1"))
    assert "restored from a backup" in why(w)
    w.lists()
    w.deals()
    assert w.state.gate.status == "open"
    w.restart(down_s=5)
    w.sees(row("DAX", "1"))
    assert w.state.gate.status == "open", "once everything was looked up it is a store like any other"


def test_what_a_broker_does_not_offer_is_not_waited_for(world: Worlds) -> None:
    w = world(fill("x1", "DAX", "1", "100"))
    w.record(pending("c1", "DAX", "accepted"))
    w.deals()
    w.sees(row("DAX", "1"))
    w.restored = True
    w.restart(down_s=100)
    w.sees(row("DAX", "1"))
    w.deals()
    assert w.state.gate.status == "open", "it cannot be asked for orders at all"


def test_a_slice_that_was_never_sent_is_not_looked_for(world: Worlds) -> None:
    w = restored(world)
    w.record(pending("s1", "DAX", "scheduled"))
    w.restored = True
    w.restart(down_s=10)
    w.sees(row("DAX", "1"))
    w.lists()
    w.deals()
    assert w.state.gate.status == "open"


def test_look_ups_that_turn_out_not_to_be_offered_are_not_waited_for(world: Worlds) -> None:
    """Asked for one of two orders, the broker says that it answers no such question: the other is not waited for."""
    w = restored(world, "c1", "c2")
    w.sees(row("DAX", "1"))
    w.deals()
    w.lists()
    assert why(w) == "restored from a backup: order c1 has not been looked up yet"
    question = Question(surface="order", client_order_id="c2", order_id="b-c2")
    w.answered(unsupported("no such action"), surface="order", question=question)
    assert w.state.orders["c1"].looked_up.epoch != w.state.epoch, "else this test tries nothing"
    w.sees(row("DAX", "1"))
    assert w.state.gate.status == "open"
