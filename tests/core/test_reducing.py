"""How much of a live position may still be taken, whoever has a claim on it already? (law 9, L22, L24)"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from lessons.world import LAG_MS, World, fill, held, order_row, pending, row
from trueup import Policy
from trueup.model import BrokerPosition, plain
from trueup.reconciliation.order_inputs import still_held
from trueup.reconciliation.reducing import Room, room

Worlds = Callable[..., World]
QUIET_MS = LAG_MS + 1_000


def left(w: World, position: BrokerPosition, *, after_ms: int = QUIET_MS, **how: object) -> Room:
    """What is left, as an answer asked for that much later states the position."""
    w.passes(ms=after_ms)
    asked = w.ledger.now()
    return room(w.state, position, asked, asked, **how)  # type: ignore[arg-type]


def free(w: World, position: BrokerPosition, **how: object) -> str:
    found = left(w, position, **how)  # type: ignore[arg-type]
    return plain(found.free)


LONG = row("EURUSD", "2")


def test_all_of_it_where_nobody_has_a_claim(world: Worlds) -> None:
    w = world(held("EURUSD", "2"))
    found = left(w, LONG)
    assert (found.live, found.free, found.free_settled, found.claims) == (Decimal(2), Decimal(2), Decimal(2), ())
    assert found.told() == "2 of 2 is left"
    assert free(w, row("GBPUSD", "-3")) == "3"


@pytest.mark.parametrize(
    ("order", "rest"),
    [
        ({"side": "sell", "reduce_only": True}, "1"),
        ({"side": "sell"}, "1"),
        ({"side": "sell", "status": "accepted", "filled": "0.25"}, "1.25"),
        ({"side": "sell", "status": "accepted", "quantity": 5}, "0"),
        ({"side": "sell", "type": "stop", "stop": "1"}, "1"),
        ({"side": "buy"}, "2"),
        ({"side": "sell", "symbol": "GBPUSD"}, "2"),
        ({"side": "sell", "status": "scheduled"}, "2"),
        ({"side": "sell", "status": "canceled"}, "2"),
        ({"side": "sell", "status": "what is that"}, "1"),
    ],
)
def test_working_orders_of_the_book_have_a_claim(order: dict[str, object], rest: str, world: Worlds) -> None:
    w = world(held("EURUSD", "2"))
    terms = {"symbol": "EURUSD", "status": "pending"} | order
    w.record(pending("c1", **terms))  # type: ignore[arg-type]
    assert free(w, LONG) == rest


def test_a_short_position_is_reduced_by_buying(world: Worlds) -> None:
    w = world(held("EURUSD", "-2"))
    w.record(pending("c1", "EURUSD", side="buy"), pending("c2", "EURUSD", side="sell"))
    assert free(w, row("EURUSD", "-2")) == "1"


def test_working_orders_that_only_the_broker_lists_have_a_claim_each_once(world: Worlds) -> None:
    """What both sides know counts once, by whoever says that more of it is left."""
    w = world(held("EURUSD", "3"), orders=True)
    w.record(pending("c1", "EURUSD", "accepted", side="sell", order_id="o1", filled="0.5"))
    w.lists(
        order_row("EURUSD", side="sell", name="c1", order_id="o1", filled="0.25"),
        order_row("EURUSD", side="sell", order_id="x9", quantity="0.5"),
        order_row("EURUSD", side="sell", order_id="x8", status="canceled"),
        order_row("EURUSD", side="buy", order_id="x7"),
        order_row("EURUSD", side="sell", order_id="x6", filled=1),
    )
    found = left(w, row("EURUSD", "3"))
    assert plain(found.free) == "1.75"
    assert found.claims == ("order c1 may still take 0.75", "order x9 may still take 0.5")
    assert found.told() == "1.75 of 3 is left: order c1 may still take 0.75; order x9 may still take 0.5"


def test_our_word_that_an_order_ended_counts_where_it_is_newer_than_the_list(world: Worlds) -> None:
    w = world(held("EURUSD", "2"), orders=True)
    w.record(pending("c1", "EURUSD", "accepted", side="sell", order_id="o1"))
    w.lists(order_row("EURUSD", side="sell", name="c1", order_id="o1"))
    assert free(w, LONG) == "1"
    w.record(pending("c1", "EURUSD", "canceled", side="sell"))
    assert free(w, LONG) == "2"
    w.lists(order_row("EURUSD", side="sell", name="c1", order_id="o1"))
    assert free(w, LONG) == "1", "and not where the list is newer"


def test_when_hedging_only_orders_of_the_ticket_or_reduce_only_ones_of_none(world: Worlds) -> None:
    w = world(held("EURUSD", "2", ticket="7"), mode="hedging", orders=True)
    position = row("EURUSD", "2", ticket="7")
    w.lists(
        order_row("EURUSD", side="sell", order_id="a", ticket="7", quantity="0.5"),
        order_row("EURUSD", side="sell", order_id="b", ticket="8"),
        order_row("EURUSD", side="sell", order_id="c"),
        order_row("EURUSD", side="sell", order_id="d", reduce_only=True, quantity="0.25"),
    )
    found = left(w, position)
    assert (plain(found.free), len(found.claims)) == ("1.25", 2)


def test_the_order_that_it_is_for_has_no_claim_against_itself(world: Worlds) -> None:
    w = world(held("EURUSD", "2"), orders=True)
    w.record(pending("c1", "EURUSD", side="sell", quantity=2))
    w.lists(order_row("EURUSD", side="sell", name="c1", order_id="o1", quantity=2))
    assert free(w, LONG) == "0"
    assert free(w, LONG, order="c1") == "2"
    w.record(pending("c1", "EURUSD", "filled", side="sell", quantity=2, filled=2))
    assert free(w, LONG, order="c1", after_ms=10) == "2"


def test_whoever_closes_it_whole_need_not_count_its_stops(world: Worlds) -> None:
    w = world(held("EURUSD", "2"))
    w.record(pending("s1", "EURUSD", "accepted", side="sell", type="stop", stop="1", quantity=2))
    assert (free(w, LONG), free(w, LONG, stops=False)) == ("0", "2")


# -- permits -----------------------------------------------------------------------------------------------


def test_a_permit_holds_its_quantity_until_it_lapses(world: Worlds) -> None:
    w = world(held("EURUSD", "2"), policy=Policy.adopt(permit_ms_max=10_000))
    w.permit("EURUSD", "0.5")
    w.permit("GBPUSD", "0.5")
    w.permit("EURUSD", "0.5", side="buy")
    assert free(w, LONG) == "1.5"
    assert free(w, LONG, after_ms=10_000 - QUIET_MS) == "1.5"
    assert free(w, LONG, after_ms=1) == "2"
    assert still_held(w.state, w.ledger.now()) == ()


def test_a_permit_is_spent_by_its_order(world: Worlds) -> None:
    """By symbol, side and quantity, the oldest first, and only by an order that is new."""
    w = world(held("EURUSD", "5"))
    w.record(pending("old", "EURUSD", side="sell"))
    for _ in range(2):
        w.permit("EURUSD", "1")
    first, second = w.state.permits
    w.record(pending("old", "EURUSD", "canceled", side="sell"))
    assert w.state.permits == (first, second)
    w.record(pending("n1", "EURUSD", side="buy"), pending("n2", "EURUSD", side="sell", quantity=2))
    w.record(pending("n3", "GBPUSD", side="sell"))
    assert w.state.permits == (first, second)
    w.record(pending("n4", "EURUSD", side="sell"))
    assert w.state.permits == (second,)


def test_a_permit_that_names_its_order_is_spent_by_that_one_alone(world: Worlds) -> None:
    w = world(held("EURUSD", "2", ticket="7"), mode="hedging")
    w.permit("EURUSD", "1", ticket="7", client_order_id="mine")
    w.record(pending("other", "EURUSD", side="sell"))
    assert len(w.state.permits) == 1
    w.record(pending("mine", "EURUSD", side="sell", quantity=2))
    assert w.state.permits == ()
    assert w.order("mine").ticket == "7", "the permit knows which position its order reduces"


def test_an_order_that_was_recorded_before_its_permit_counts_once(world: Worlds) -> None:
    w = world(held("EURUSD", "2"), mode="netting")
    w.record(pending("mine", "EURUSD", side="sell"))
    w.permit("EURUSD", "1", client_order_id="mine")
    assert free(w, LONG) == "1"
    w.record(pending("mine", "EURUSD", "accepted", side="sell"))
    assert w.state.permits == ()
    assert free(w, LONG) == "1"


def test_a_second_permit_for_the_same_order_takes_the_place_of_the_first(world: Worlds) -> None:
    w = world(held("EURUSD", "2", ticket="7"), mode="hedging")
    w.permit("EURUSD", "1", ticket="7", client_order_id="mine")
    w.permit("EURUSD", "2", ticket="7", client_order_id="mine")
    assert [one.quantity for one in w.state.permits] == [Decimal(2)]
    position = row("EURUSD", "2", ticket="7")
    assert (free(w, position), free(w, position, order="mine")) == ("0", "2")
    assert free(w, row("EURUSD", "2", ticket="8")) == "2", "another ticket is another position"


def test_its_own_ticket_is_kept_where_the_order_knows_it(world: Worlds) -> None:
    w = world(held("EURUSD", "2", ticket="7"), mode="hedging", orders=True)
    w.record(pending("mine", "EURUSD", side="sell", order_id="o1"))
    w.lists(order_row("EURUSD", side="sell", name="mine", order_id="o1", ticket="9"))
    w.permit("EURUSD", "1", ticket="7", client_order_id="mine")
    w.record(pending("mine", "EURUSD", "accepted", side="sell"))
    assert w.order("mine").ticket == "9"


# -- our own actions ---------------------------------------------------------------------------------------


def asked_to_close(w: World) -> str:
    w.sees(LONG)
    w.says("close", target="EURUSD", at_broker="yes")
    return w.actions()[-1].client_id


def test_what_we_asked_the_broker_for_has_a_claim_until_an_answer_would_show_it(world: Worlds) -> None:
    w = world(held("EURUSD", "2"), held("GBPUSD", "1"))
    client_id = asked_to_close(w)
    assert free(w, LONG) == "0"
    assert free(w, LONG, action=client_id) == "2"
    assert free(w, row("GBPUSD", "1")) == "1"
    w.sends(client_id)
    assert len(w.state.outbox) == 0
    assert free(w, LONG, after_ms=10) == "0", "done, and perhaps not seen yet"
    assert free(w, LONG, after_ms=30_000) == "2"


def test_an_action_on_another_ticket_has_none(world: Worlds) -> None:
    w = world(held("EURUSD", "2", ticket="7"), held("EURUSD", "2", ticket="8"), mode="hedging")
    w.sees(row("EURUSD", "2", ticket="7"), row("EURUSD", "2", ticket="8"))
    w.says("close", target="#8", at_broker="yes")
    assert (free(w, row("EURUSD", "2", ticket="7")), free(w, row("EURUSD", "2", ticket="8"))) == ("2", "0")


def test_what_provably_never_arrived_has_none(world: Worlds) -> None:
    w = world(held("EURUSD", "2"))
    w.sends(asked_to_close(w), "rejected", why="market closed")
    assert free(w, LONG, after_ms=10) == "2"


# -- what the answer may not show yet ----------------------------------------------------------------------


def test_l15_a_fill_recorded_just_now_may_be_missing_in_the_answer(world: Worlds) -> None:
    """The book's own word is taken where it is less, until an answer could not be older than that."""
    w = world(fill("x0", "EURUSD", "2"))
    w.passes(s=60)
    w.record(fill("x1", "EURUSD", "-1.5"))
    found = left(w, LONG, after_ms=500)
    assert (plain(found.free), plain(found.free_settled)) == ("0.5", "2")
    assert found.settles_ns == (LAG_MS - 500) * 1_000_000
    assert "the book has just changed it" in found.told()
    assert free(w, row("EURUSD", "0.5"), after_ms=100) == "0.5", "the answer that shows it is taken as it is"
    assert free(w, LONG) == "2", "settled: the broker alone is right"


def test_a_book_that_was_just_closed_or_turned_leaves_nothing(world: Worlds) -> None:
    w = world(held("EURUSD", "2"), held("GBPUSD", "2"))
    w.passes(s=60)
    w.record(held("EURUSD", "0"), held("GBPUSD", "-1"))
    assert free(w, LONG, after_ms=0) == "0"
    assert free(w, row("GBPUSD", "2"), after_ms=0) == "0"


def test_a_book_that_has_just_grown_takes_nothing_away(world: Worlds) -> None:
    w = world(held("EURUSD", "2"))
    w.passes(s=60)
    w.record(held("EURUSD", "5"))
    assert free(w, LONG, after_ms=0) == "2"


def test_an_order_that_filled_just_now_without_its_executions(world: Worlds) -> None:
    w = world(held("EURUSD", "2"))
    w.passes(s=60)
    w.record(pending("c1", "EURUSD", side="sell"))
    w.record(pending("c1", "EURUSD", "filled", side="sell", filled=1))
    found = left(w, LONG, after_ms=500)
    assert (plain(found.free), plain(found.free_settled), found.settles_ns) == ("1", "2", (LAG_MS - 500) * 1_000_000)
    assert found.claims == ("order c1 has just taken 1",)
    assert free(w, LONG) == "2"


def test_an_order_whose_executions_are_recorded_takes_nothing_twice(world: Worlds) -> None:
    w = world(fill("x0", "EURUSD", "2"))
    w.passes(s=60)
    w.record(pending("c1", "EURUSD", side="sell"), fill("x1", "EURUSD", "-1", client_order_id="c1"))
    assert free(w, LONG, after_ms=500) == "1"
    assert free(w, row("EURUSD", "1"), after_ms=0) == "1"


def test_other_orders_that_ended_just_now_take_nothing(world: Worlds) -> None:
    w = world(held("EURUSD", "2"))
    w.passes(s=60)
    w.record(
        pending("b", "EURUSD", "filled", side="buy", filled=1),
        pending("g", "GBPUSD", "filled", side="sell", filled=1),
        pending("e", "EURUSD", "rejected", side="sell"),
    )
    assert free(w, LONG, after_ms=0) == "2"


def test_l17_an_order_that_was_cancelled_just_now_may_have_filled_before(world: Worlds) -> None:
    """Nobody has heard of it yet, and an answer may be older than it: so much is not free until one would show it."""
    w = world(held("EURUSD", "2"))
    w.passes(s=60)
    w.record(pending("s1", "EURUSD", "accepted", side="sell"), pending("s1", "EURUSD", "canceled", side="sell"))
    found = left(w, LONG, after_ms=0)
    assert (plain(found.free), found.claims) == ("1", ("order s1 has just ended, and may have taken 1",))
    assert free(w, LONG) == "2"


def test_a_working_order_that_has_just_filled_in_part(world: Worlds) -> None:
    w = world(held("EURUSD", "2"))
    w.passes(s=60)
    w.record(pending("c1", "EURUSD", "partially_filled", side="sell", filled="0.5"))
    assert free(w, LONG, after_ms=0) == "1", "0.5 taken, 0.5 it may still take"


def test_a_refusal_names_three_claims_and_how_many_more(world: Worlds) -> None:
    w = world(held("EURUSD", "9"))
    w.record(*(pending(f"c{n}", "EURUSD", side="sell") for n in range(5)))
    told = left(w, row("EURUSD", "9")).told()
    assert told.startswith("4 of 9 is left: order c0 may still take 1; ")
    assert told.endswith("; and 2 more")
