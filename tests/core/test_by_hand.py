"""Do `adopt` and `close` settle a break by hand, on what was just seen, inventing nothing? (L02, L04, L53, law 13)"""

from __future__ import annotations

from collections.abc import Callable

from lessons.world import STEP_MS, World, held, order_row, pending, row
from trueup import Intent, Policy
from trueup.decisions import BreakMoved, Decision, QuarantineMoved, RecordRefused
from trueup.ledger import Committed
from trueup.model import OrderStatus, plain

Worlds = Callable[..., World]
GUARDED = Policy.guarded(confirmations_total=2, total_absence_s=0)


def why_not(said: Committed) -> str:
    """Why a command was refused: the only thing that was decided."""
    assert [type(one) for one in said.decisions] == [RecordRefused], said.decisions
    (refused,) = said.decisions
    assert isinstance(refused, RecordRefused)
    return refused.why


def kinds(said: Committed) -> list[type[Decision]]:
    return [type(one) for one in said.decisions]


def buy(symbol: str = "EURUSD", **more: object) -> Intent:
    return Intent(symbol=symbol, side="buy", quantity="1", **more)  # type: ignore[arg-type]


# -- adopt -------------------------------------------------------------------------------------------------


def test_adopt_takes_the_brokers_word_for_a_recovery(world: Worlds) -> None:
    w = world(held("GBPUSD", "1"), policy=GUARDED)
    rows = (row("GBPUSD", "1"), row("EURUSD", "2", price="1.1"))
    w.sees(*rows, times=2)
    said = w.says("adopt", target="EURUSD", who="ada", why="bought by phone")
    assert kinds(said)[:2] == [BreakMoved, QuarantineMoved]
    assert w.book == {"EURUSD": "2", "GBPUSD": "1"}
    (correction,) = w.corrections()
    assert correction.why.startswith("adopted by ada (bought by phone); 2 independent answers list EURUSD, long 2")
    assert len(w.state.breaks) == 0
    assert w.ledger.gate.check(buy()) is None, "the gate opens at once"
    moved = said.decisions[0]
    assert isinstance(moved, BreakMoved)
    assert moved.evidence[-1] == moved.cause == said.first
    w.passes(ms=STEP_MS)
    assert w.sees(*rows) == [], "the two sides agree"


def test_adopt_does_not_wait_for_a_second_answer(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), policy=GUARDED)
    w.sees(row("EURUSD", "2"))
    w.says("adopt", target="EURUSD")
    assert w.book == {"EURUSD": "2"}


def test_adopt_by_a_breaks_id_takes_that_field_and_side_with_quantity(world: Worlds) -> None:
    w = world(held("EURUSD", "1", price="1", stop="1"), policy=GUARDED)
    w.sees(row("EURUSD", "-2", price="3", stop="4"))
    ids = {one.field: one.id for one in w.state.breaks["EURUSD"]}
    w.says("adopt", target=ids["price"])
    holding = w.state.held("EURUSD")
    assert holding is not None
    assert (plain(holding.signed_quantity), str(holding.price)) == ("1", "3")
    w.sees(row("EURUSD", "-2", price="3", stop="4"))
    w.says("adopt", target=ids["side"])
    holding = w.state.held("EURUSD")
    assert holding is not None
    assert plain(holding.signed_quantity) == "-2"
    assert holding.stop is not None
    assert str(holding.stop.price) == "1"
    assert [one.field for one in w.state.breaks["EURUSD"]] == ["stop"]


def test_adopt_corrects_side_and_quantity_as_one_also_where_only_one_of_them_is_open(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), policy=GUARDED)
    w.sees(row("EURUSD", "-1"))
    assert [one.field for one in w.state.breaks["EURUSD"]] == ["side"]
    w.passes(ms=STEP_MS)
    w.record(held("EURUSD", "3"))
    why = why_not(w.says("adopt", target="EURUSD"))
    assert "the book changed it too shortly before the question was asked" in why
    w.sees(row("EURUSD", "-1"))
    w.says("adopt", target="EURUSD")
    assert w.book == {"EURUSD": "-1"}


def test_law_13_adopt_refuses_what_nobody_has_just_seen(world: Worlds) -> None:
    """Not heard lately, not heard completely since, not heard at all."""
    w = world(held("EURUSD", "1"), policy=Policy.guarded(verified_age_s_max=20))
    w.sees(row("EURUSD", "2"))
    w.sees_part(row("EURUSD", "3"))
    assert why_not(w.says("adopt", target="EURUSD")) == (
        "the broker's last answer on positions was not complete: one page of several"
    )
    w.sees(row("EURUSD", "2"))
    w.passes(s=21)
    assert why_not(w.says("adopt", target="EURUSD")) == (
        "the broker was last heard completely on positions 21 s ago, at most 20 s will do"
    )
    assert w.book == {"EURUSD": "1"}
    part = world(held("EURUSD", "1"), policy=GUARDED)
    part.sees_part(row("EURUSD", "2"))
    assert why_not(part.says("adopt", target="EURUSD")) == "the broker has never answered completely on positions"


def test_adopt_and_close_know_which_of_them_is_meant(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("GBPUSD", "1"), held("USDJPY", "1"), policy=GUARDED)
    w.sees(row("USDJPY", "1"), row("GBPUSD", "2"))
    assert why_not(w.says("adopt", target="EURUSD")) == (
        "the broker's last complete answer does not list EURUSD: `close` closes it in the book"
    )
    assert why_not(w.says("close", target="GBPUSD")) == (
        "GBPUSD is a drift: the broker has it. `adopt` takes its word, `close --at-broker` ends it there"
    )


def test_what_was_settled_meanwhile_needs_no_word(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("GBPUSD", "1"), held("USDJPY", "1"), policy=GUARDED)
    w.passes(s=60)
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"))
    w.passes(ms=STEP_MS)
    w.record(held("EURUSD", "2"), held("GBPUSD", "0"))
    assert "the book changed it too shortly" in why_not(w.says("adopt", target="EURUSD"))
    assert "by now" in why_not(w.says("close", target="GBPUSD", unproven="yes"))
    dusty = world(held("EURUSD", "1"), policy=GUARDED)
    dusty.sees(row("EURUSD", "2"))
    dusty.policy = Policy.guarded(quantity_tolerance={"EURUSD": "1"})
    dusty.restart()
    assert why_not(dusty.says("adopt", target="EURUSD")) == (
        "the two sides agree on EURUSD by now: the next pass will say so"
    )


def test_nothing_of_that_name(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), policy=GUARDED)
    assert why_not(w.says("adopt", target="EURUSD")) == "there is no open break EURUSD; no break is open"
    w.sees(row("EURUSD", "2"))
    why = why_not(w.says("close", target="NZDUSD"))
    assert why.startswith("there is no open break NZDUSD; there is EURUSD (drift of quantity ")


def test_a_name_that_may_mean_two_things_is_refused_with_both(world: Worlds) -> None:
    tickets = [str(n) for n in range(1, 9)]
    w = world(*(held("EURUSD", "1", ticket=t) for t in tickets), mode="hedging", policy=GUARDED)
    w.sees(*(row("EURUSD", "2", ticket=t) for t in tickets))
    why = why_not(w.says("adopt", target="EURUSD"))
    assert why.startswith("EURUSD may mean EURUSD #1 (drift of quantity ")
    assert why.endswith(" and 3 more: name one of them by its id")
    w.says("adopt", target="#2")
    assert (w.book["#1"], w.book["#2"]) == ("1", "2")


def test_l33_a_symbol_by_another_spelling(world: Worlds) -> None:
    w = world(held("BTCUSD", "1"), policy=Policy.guarded(instruments={"BTCUSD": {"aliases": ("BTC/USD",)}}))
    w.sees(row("BTCUSD", "2"))
    w.says("adopt", target="BTC/USD")
    assert w.book == {"BTCUSD": "2"}


# -- adopt: orders -----------------------------------------------------------------------------------------


def test_l53_an_orphan_order_is_adopted_by_hand(world: Worlds) -> None:
    w = world(orders=True)
    w.sees()
    w.lists(order_row("EURUSD", order_id="b7", limit="1.1"))
    w.says("adopt", target="b7", why="placed by phone")
    order = w.order("external:b7")
    assert (order.status, order.strategy) == (OrderStatus.ACCEPTED, "external")
    assert len(w.state.order_breaks) == 0
    assert "adopted by ada (placed by phone); 1 answer list order b7" in w.order_corrections()[0].why


def test_an_order_on_other_terms_is_adopted_by_hand(world: Worlds) -> None:
    w = world(orders=True, policy=GUARDED)
    w.record(pending("c1", "EURUSD", "accepted", type="limit", limit="1", order_id="b1"))
    w.lists(order_row("EURUSD", name="c1", order_id="b1", limit="2", quantity=3))
    w.says("adopt", target="b1")
    order = w.order("c1")
    assert (str(order.limit), plain(order.quantity)) == ("2", "3")
    assert len(w.state.order_breaks) == 0


def test_an_order_that_works_on_after_its_end_is_adopted_by_hand(world: Worlds) -> None:
    w = world(orders=True, policy=GUARDED)
    w.record(pending("c1", "EURUSD", "canceled", order_id="b1"))
    w.lists(order_row("EURUSD", name="c1", order_id="b1"))
    w.says("adopt", target="c1")
    assert w.order("c1").status is OrderStatus.ACCEPTED


def test_a_look_up_that_the_list_does_not_bear_out_is_not_adopted(world: Worlds) -> None:
    w = world(orders=True, policy=GUARDED)
    w.record(pending("c1", "EURUSD", "accepted", type="limit", limit="1", order_id="b1"))
    w.lists(order_row("EURUSD", name="c1", order_id="b1", limit="1"))
    w.looks_up("c1", order_row("EURUSD", name="c1", order_id="b1", limit="2"))
    assert why_not(w.says("adopt", target="c1")) == (
        "the two sides agree on order c1 on EURUSD by now: the next pass will say so"
    )


def test_orders_that_cannot_be_adopted(world: Worlds) -> None:
    w = world(orders=True, policy=GUARDED)
    w.record(pending("c1", "EURUSD", "accepted", type="limit", limit="1", order_id="b1"))
    w.lists(order_row("EURUSD", name="c1", order_id="b1", limit="2"))
    w.passes(ms=STEP_MS)
    w.record(pending("c1", "EURUSD", "accepted", type="limit", limit="3"))
    assert "the book changed it too shortly" in why_not(w.says("adopt", target="c1"))
    w.passes(s=120)
    assert "last heard completely on open_orders" in why_not(w.says("adopt", target="c1"))
    ghost = lost_order(world)
    ghost.lists()
    assert why_not(ghost.says("adopt", target="c1")) == (
        "the broker's last complete list does not show order c1 on EURUSD: `close` ends it in the book"
    )


# -- close -------------------------------------------------------------------------------------------------


def test_a_proven_ghost_is_closed_by_hand(world: Worlds) -> None:
    w = world(held("EURUSD", "1", price="1.1"), held("GBPUSD", "1"), policy=GUARDED)
    w.sees(row("GBPUSD", "1"))
    assert why_not(w.says("close", target="EURUSD")) == (
        "its absence is not proven yet: first seen; 2 independent answers decide; "
        "if you know that it is gone, say `--unproven`"
    )
    w.sees(row("GBPUSD", "1"))
    w.says("close", target="EURUSD", why="sold by phone")
    assert w.book == {"GBPUSD": "1"}
    (correction,) = w.corrections()
    assert (correction.exit_reason, correction.after) == ("CLOSED_EXTERNALLY", None)
    assert correction.why == "closed by ada (sold by phone); EURUSD, long 1 at 1.1, is gone"
    assert len(w.state.quarantine) == len(w.state.breaks) == 0


def test_an_unproven_one_is_closed_on_an_operators_word(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("GBPUSD", "1"), policy=GUARDED)
    w.sees(row("GBPUSD", "1"))
    w.says("close", target="EURUSD", unproven="yes", why="sold by phone")
    assert w.book == {"GBPUSD": "1"}
    assert w.corrections()[0].why.startswith("closed, unproven by ada (sold by phone)")


def test_l02_what_was_closed_wrongly_by_hand_comes_back(world: Worlds) -> None:
    w = world(held("EURUSD", "1", strategy="trend"), held("GBPUSD", "1"))
    w.sees(row("GBPUSD", "1"))
    w.says("close", target="EURUSD", unproven="yes")
    w.sees(row("GBPUSD", "1"), row("EURUSD", "1"), times=3)
    assert w.book == {"EURUSD": "1", "GBPUSD": "1"}
    closed, restored = w.corrections()
    assert restored.compensates == closed.id
    assert w.owner("EURUSD") == "trend"


def test_what_the_broker_lists_is_not_closed_whatever_anybody_says(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("GBPUSD", "1"), policy=GUARDED)
    w.sees(row("GBPUSD", "1"))
    broken = w.state.breaks["EURUSD"][0].id
    w.sees(row("GBPUSD", "1"), row("EURUSD", "1"))
    assert why_not(w.says("close", target=broken, unproven="yes")).startswith(f"there is no open break {broken}")


def test_doubts_that_keep_a_ghost_unproven(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("GBPUSD", "1"), policy=Policy.guarded(verified_age_s_max=20))
    w.sees(row("GBPUSD", "1"), times=2)
    w.passes(ms=1)
    w.record(held("EURUSD", "3"))
    assert "the book changed it after the answers that lacked it" in why_not(w.says("close", target="EURUSD"))
    quiet = world(held("EURUSD", "1"), held("GBPUSD", "1"), policy=Policy.guarded(verified_age_s_max=20))
    quiet.sees(row("GBPUSD", "1"), times=2)
    quiet.passes(s=30)
    assert "last heard completely on positions 30 s ago" in why_not(quiet.says("close", target="EURUSD"))
    assert kinds(quiet.says("close", target="EURUSD", unproven="yes"))[0] is BreakMoved


def test_l02_a_mass_absence_is_not_closed_piece_by_piece_as_if_it_were_proven(world: Worlds) -> None:
    names = ("AUDUSD", "EURUSD", "GBPUSD", "USDJPY")
    w = world(*(held(name, "1") for name in names))
    w.sees(*(row(name, "1") for name in names))
    w.sees(times=2)
    why = why_not(w.says("close", target="EURUSD"))
    assert why.startswith("too much vanished at once, and nothing of it is proven: `ack mass-absence`")
    w.says("close", target="EURUSD", unproven="yes")
    assert "EURUSD" not in w.book


def lost_order(world: Worlds, times: int = 2) -> World:
    """An order of ours that the broker provably does not know any more, under a policy that leaves it to a human."""
    w = world(orders=True, policy=GUARDED)
    w.sees()
    w.lists()
    w.record(pending("c1", "EURUSD", "accepted", order_id="b1"))
    w.lists()
    w.looks_up("c1", order_id="b1", times=times)
    w.deals()
    w.looks_up("c1", order_id="b1")
    return w


def test_l04_an_order_that_is_gone_is_ended_by_hand(world: Worlds) -> None:
    w = lost_order(world)
    assert w.state.order_breaks["c1"][0].state == "escalated"
    w.says("close", target="c1", why="the desk says so")
    assert w.order("c1").status is OrderStatus.CANCELED
    assert w.order_corrections()[-1].why.startswith(
        "closed by ada (the desk says so); order c1 on EURUSD, buy 1 market"
    )
    assert len(w.state.order_breaks) == 0


def test_an_order_that_is_not_proven_gone_takes_an_operators_word(world: Worlds) -> None:
    w = world(orders=True, policy=GUARDED)
    w.record(pending("c1", "EURUSD"))
    w.passes(s=70)
    w.looks_up("c1")
    why = why_not(w.says("close", target="c1"))
    assert why.startswith("its absence is not proven yet: ")
    assert why.endswith("if you know that it is gone, say `--unproven`")
    w.says("close", target="c1", unproven="yes")
    assert w.order("c1").status is OrderStatus.FAILED


def test_an_order_that_ended_or_is_listed_again_needs_no_word(world: Worlds) -> None:
    w = lost_order(world, times=1)
    w.record(pending("c1", "EURUSD", "canceled"))
    if "c1" in w.state.order_breaks:
        assert "has ended by now" in why_not(w.says("close", target="c1", unproven="yes"))


# -- said in the journal -----------------------------------------------------------------------------------


def test_what_is_adopted_of_an_order_says_who_and_on_which_grounds(world: Worlds) -> None:
    w = world(orders=True, policy=GUARDED)
    w.record(pending("c1", "EURUSD", "accepted", type="limit", limit="1", order_id="b1"))
    w.lists(order_row("EURUSD", name="c1", order_id="b1", limit="2"))
    w.says("adopt", target="b1", why="the desk says so")
    why = w.order_corrections()[-1].why
    assert why.startswith("adopted by ada (the desk says so); ")
    assert "limit" in why.partition("; ")[2]


def test_l50_ending_an_order_twice_by_hand_is_two_corrections(world: Worlds) -> None:
    """It came back in between: the second ending starts from another state, and is not taken for the first."""
    w = lost_order(world)
    w.says("close", target="c1")
    w.lists(order_row("EURUSD", name="c1", order_id="b1", type="market"))
    w.says("adopt", target="c1")
    assert w.order("c1").status is OrderStatus.ACCEPTED
    w.lists()
    w.looks_up("c1", order_id="b1")
    w.says("close", target="c1", unproven="yes")
    ids = [one.id for one in w.order_corrections() if one.kind == "ghost"]
    assert len(ids) == len(set(ids)) == 2
