"""What does an operator's word do, who may give it, and is it refused with what there is? (L26, L53, L56, law 13)"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from lessons.world import STEP_MS, World, fill, held, order_row, pending, row
from trueup import Intent, Policy
from trueup.decisions import AlertRaised, BreakMoved, Decision, OverrideMoved, QuarantineMoved, RecordRefused
from trueup.facts import CommandGiven
from trueup.gate import GateRefusal, Warned
from trueup.ledger import Committed
from trueup.model import OrderStatus, plain
from trueup.reconciliation.at_broker import close_at_broker
from trueup.reconciliation.deciding import Deciding

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


# -- who may -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ack", "adopt", "close", "release", "override"])
def test_a_command_without_permission_is_journalled_and_refused(name: str, world: Worlds) -> None:
    w = world(policy=Policy.guarded(operators={"bob": [], "kim": ["manage_reconciliation"]}))
    w.sees(row("EURUSD", "1"))
    for who in ("ada", "bob"):
        why = why_not(w.says(name, who=who, scope="EURUSD", seconds="5", target="EURUSD", what="mass-absence"))
        assert why == f"{who} has no permission manage_reconciliation; by the policy kim has"
    assert [one.who for one in w.events(CommandGiven)] == ["ada", "bob"]  # type: ignore[attr-defined]


def test_whoever_has_the_permission_may(world: Worlds) -> None:
    w = world(policy=Policy.guarded(operators={"kim": ["manage_reconciliation"]}))
    w.sees(row("EURUSD", "1"))
    assert kinds(w.says("override", who="kim", scope="EURUSD", seconds="5"))[0] is OverrideMoved


def test_where_nobody_is_allowed_that_is_said(world: Worlds) -> None:
    w = world(policy=Policy.guarded(operators={"bob": []}))
    assert why_not(w.says("ack", what="mass-absence")).endswith("by the policy nobody has")


def test_a_command_that_there_is_not(world: Worlds) -> None:
    why = why_not(world().says("dance"))
    assert why == "there is no command dance; there is ack, adopt, close, override, release"
    assert why_not(world().says("ack", what="lunch")).startswith("only a mass absence can be acknowledged")


# -- release -----------------------------------------------------------------------------------------------


def test_l56_a_quarantine_is_released_by_hand_with_who_and_why(world: Worlds) -> None:
    w = world(held("EURUSD", "1", strategy="trend"), policy=GUARDED)
    w.sees(row("EURUSD", "2"), times=2)
    said = w.says("release", scope="trend:EURUSD", who="ada", why="seen it")
    (moved,) = said.decisions
    assert isinstance(moved, QuarantineMoved)
    assert (moved.state, moved.why) == ("released", "released by ada: seen it")
    assert len(w.state.quarantine) == 0
    refused = w.ledger.gate.check(buy(strategy="trend"))
    assert isinstance(refused, GateRefusal)
    assert refused.scope == "EURUSD", "the break is still open: it goes on limiting its symbol"
    w.sees(row("EURUSD", "2"), times=2)
    assert len(w.state.quarantine) == 0, "nothing has become worse: it is not quarantined again"


def test_l18_an_overfill_is_released_by_hand_alone(world: Worlds) -> None:
    w = world(orders=True)
    w.record(pending("c1", "EURUSD"), fill("x1", "EURUSD", "2", client_order_id="c1"))
    w.sees(row("EURUSD", "2"), times=3)
    refused = w.ledger.gate.check(buy())
    assert isinstance(refused, GateRefusal)
    assert refused.scope == "*:EURUSD"
    assert refused.since_ns == w.state.quarantine["*:EURUSD"].since.at_ns
    w.says("release", scope="EURUSD")
    assert w.ledger.gate.check(buy()) is None


def test_a_quarantine_that_is_not_there(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("GBPUSD", "1", strategy="a"), policy=Policy.observe())
    assert why_not(w.says("release", scope="EURUSD")) == ("there is no quarantine EURUSD; nothing is in quarantine")
    w.sees(row("EURUSD", "2"), row("GBPUSD", "1"), times=2)
    why = why_not(w.says("release", scope="EURUSD"))
    assert "EURUSD is reduce-only for another reason (break " in why
    assert why.endswith("`adopt`, `close` or `override`")


def test_what_a_symbol_may_mean_is_said(world: Worlds) -> None:
    """Two tickets of two strategies on one symbol."""
    w = world(
        held("EURUSD", "1", ticket="1", strategy="a"), held("EURUSD", "1", ticket="2", strategy="b"),
        held("GBPUSD", "1", ticket="3", strategy="a"), mode="hedging", policy=GUARDED,
    )  # fmt: skip
    w.sees(row("EURUSD", "2", ticket="1"), row("EURUSD", "2", ticket="2"), row("GBPUSD", "2", ticket="3"), times=2)
    assert why_not(w.says("release", scope="EURUSD")) == "EURUSD may mean a:EURUSD, b:EURUSD: name one of them"
    assert why_not(w.says("release", scope="NZDUSD")) == (
        "there is no quarantine NZDUSD; there is a:EURUSD, a:GBPUSD, b:EURUSD"
    )
    assert kinds(w.says("release", scope="GBPUSD")) == [QuarantineMoved]


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


# -- override ----------------------------------------------------------------------------------------------


def failing(world: Worlds, **how: object) -> World:
    """A pass was tried, and nobody answered."""
    w = world(held("EURUSD", "1"), **how)
    w.fails()
    return w


def test_law_9_an_override_is_refused_before_a_pass_was_tried(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    assert why_not(w.says("override", scope="account", seconds="60")).startswith("no pass has been tried in this epoch")
    w.fails()
    assert kinds(w.says("override", scope="account", seconds="60")) == [OverrideMoved, AlertRaised]
    w.restart()
    assert why_not(w.says("override", scope="account", seconds="60")).startswith("no pass has been tried in this epoch")


def test_an_override_opens_its_scope_and_says_so_with_every_order(world: Worlds) -> None:
    w = failing(world)
    w.says("override", scope="EURUSD", seconds="60", who="ada", why="the feed is late")
    passed = w.ledger.gate.check(buy())
    assert passed == Warned(
        "account", "overridden by ada (the feed is late): no start-up pass yet", w.state.overrides[0].since.at_ns
    )
    assert not passed
    assert isinstance(w.ledger.gate.check(buy("GBPUSD")), GateRefusal)
    assert w.ledger.gate.status == "closed", "what the evidence says stays said"
    w.says("override", scope="account", seconds="60")
    assert isinstance(w.ledger.gate.check(buy("GBPUSD")), Warned)
    alert = w.alerts()[0]
    assert (alert.severity, alert.topic) == ("critical", "override")
    assert alert.text == "the gate is overridden for EURUSD, for 60 s, by ada: the feed is late"


def test_law_9_an_override_ends_by_itself_without_anybody(world: Worlds) -> None:
    """By the monotonic clock, in the very check; the journal says so with the next answer."""
    w = failing(world)
    w.says("override", scope="account", seconds="60")
    w.passes(ms=60_000 - 1)
    w.clock.wall -= 3600 * 1_000_000_000
    assert isinstance(w.ledger.gate.check(buy()), Warned)
    w.passes(ms=1)
    assert isinstance(w.ledger.gate.check(buy()), GateRefusal)
    assert len(w.state.overrides) == 1
    w.fails()
    (ended,) = [one for one in w.events(OverrideMoved) if one.state == "ended"]  # type: ignore[attr-defined]
    assert isinstance(ended, OverrideMoved)
    assert (ended.scope, ended.who, ended.why) == ("account", "ada", "its time is up")
    assert w.state.overrides == ()


def test_law_9_an_override_ends_with_its_epoch(world: Worlds) -> None:
    w = failing(world)
    w.says("override", scope="account", seconds="3600")
    w.restart()
    assert isinstance(w.ledger.gate.check(buy()), GateRefusal)
    assert w.state.overrides == ()
    assert [(one.state, one.why) for one in w.events(OverrideMoved)][-1] == (  # type: ignore[attr-defined]
        "ended", "the epoch that it was given in is over",
    )  # fmt: skip


def test_an_override_is_ended_by_hand_and_renewed_by_another(world: Worlds) -> None:
    w = failing(world)
    assert why_not(w.says("override", scope="EURUSD", end="yes")) == (
        "there is no override of EURUSD; none is in force"
    )
    w.says("override", scope="EURUSD", seconds="60")
    w.passes(s=50)
    w.says("override", scope="EURUSD", seconds="60")
    w.passes(s=50)
    assert isinstance(w.ledger.gate.check(buy()), Warned)
    assert why_not(w.says("override", scope="GBPUSD", end="yes")).endswith("there is EURUSD")
    w.says("override", scope="EURUSD", end="yes", why="it is back")
    assert isinstance(w.ledger.gate.check(buy()), GateRefusal)
    assert w.events(OverrideMoved)[-1].why == "it is back"  # type: ignore[attr-defined]


@pytest.mark.parametrize("seconds", ["0", "3601", "99999999999999999999", "-5", "soon", "", "१"])
def test_how_long_an_override_may_last(seconds: str, world: Worlds) -> None:
    w = failing(world)
    why = why_not(w.says("override", scope="account", seconds=seconds))
    assert "override_s_max" in why or "for how many whole seconds" in why
    assert "needs a scope" in why_not(w.says("override", scope="", seconds="5"))
    assert "needs a scope" in why_not(w.says("override", scope="a\nb", seconds="5"))


def test_law_12_overrides_are_bounded(world: Worlds) -> None:
    w = failing(world)
    for n in range(100):
        w.says("override", scope=f"S{n}", seconds="60")
    assert why_not(w.says("override", scope="one more", seconds="60")).startswith("100 overrides are in force")
    assert kinds(w.says("override", scope="S7", seconds="60"))[0] is OverrideMoved


def test_an_override_opens_breaks_and_holds_and_no_quarantine(world: Worlds) -> None:
    w = world(held("EURUSD", "1", strategy="trend"), held("GBPUSD", "1"), policy=GUARDED)
    w.sees(row("EURUSD", "2"), row("GBPUSD", "1"), times=2)
    w.says("override", scope="EURUSD", seconds="60")
    refused = w.ledger.gate.check(buy(strategy="trend"))
    assert isinstance(refused, GateRefusal)
    assert refused.scope == "trend:EURUSD"
    passed = w.ledger.gate.check(buy(strategy="other"))
    assert isinstance(passed, Warned)
    assert passed.scope == "EURUSD"


# -- close at the broker -----------------------------------------------------------------------------------


def test_l22_a_live_position_is_asked_to_be_closed_reduce_only(world: Worlds) -> None:
    w = world(held("EURUSD", "2"))
    w.record(pending("c1", "EURUSD", "accepted", side="sell", quantity="0.5"))
    w.sees(row("EURUSD", "2"))
    w.says("close", target="EURUSD", at_broker="yes", why="too big")
    (asked,) = w.actions()
    terms = asked.terms
    assert (asked.purpose, terms.kind, terms.side, terms.quantity) == (
        "operator",
        "close_position",
        "sell",
        asked.terms.quantity,
    )
    assert plain(terms.quantity) == "1.5", "a working order may still take the rest"  # type: ignore[arg-type]
    assert asked.why == "ada closes 1.5 of 2 EURUSD, reduce-only: too big"
    assert "is under way" in why_not(w.says("close", target="EURUSD", at_broker="yes"))


def test_l24_what_became_smaller_meanwhile_is_not_sent(world: Worlds) -> None:
    for rows, why in (
        ([row("EURUSD", "1"), row("GBPUSD", "1")], "2 would be too much: 1 of 1 is left"),
        ([row("GBPUSD", "1")], "the broker lists no such position any more"),
        ([row("EURUSD", "-2"), row("GBPUSD", "1")], "the broker lists no such position any more"),
    ):
        w = world(held("EURUSD", "2"), held("GBPUSD", "1"))
        w.sees(row("EURUSD", "2"), row("GBPUSD", "1"))
        w.says("close", target="EURUSD", at_broker="yes")
        w.sees(*rows)
        assert len(w.state.outbox) == 0
        assert (w.alerts()[-1].topic, why in w.alerts()[-1].text) == ("action-abandoned", True)


def test_what_is_as_it_was_is_still_wanted(world: Worlds) -> None:
    w = world(held("EURUSD", "2"), orders=True)
    w.sees(row("EURUSD", "2"))
    w.lists(order_row("EURUSD", order_id="b1"))
    w.says("close", target="EURUSD", at_broker="yes")
    w.says("close", target="b1", at_broker="yes")
    w.sees(row("EURUSD", "3"))
    assert len(w.state.outbox) == 2


def test_an_unknown_position_can_be_closed_there_too_by_ticket_or_symbol_or_break(world: Worlds) -> None:
    w = world(held("GBPUSD", "1", ticket="1"), mode="hedging")
    w.sees(row("EURUSD", "-3", ticket="7"), row("GBPUSD", "1", ticket="1"))
    for name in ("#7", "EURUSD", w.state.breaks["#7"][0].id):
        one = world(held("GBPUSD", "1", ticket="1"), mode="hedging")
        one.sees(row("EURUSD", "-3", ticket="7"), row("GBPUSD", "1", ticket="1"))
        name = one.state.breaks["#7"][0].id if len(name) == 16 else name
        one.says("close", target=name, at_broker="yes")
        (asked,) = one.actions()
        assert (asked.terms.ticket, asked.terms.side) == ("7", "buy")
    w.says("close", target="#1", at_broker="yes")
    assert w.actions()[-1].terms.ticket == "1", "no break is needed"


def test_nothing_to_close_there(world: Worlds) -> None:
    w = world(held("EURUSD", "1", ticket="1"), held("EURUSD", "1", ticket="2"), mode="hedging")
    w.sees(row("EURUSD", "1", ticket="1"), row("EURUSD", "1", ticket="2"))
    why = why_not(w.says("close", target="EURUSD", at_broker="yes"))
    assert why == (
        "EURUSD names no single position or order of the broker's last complete answers; there is EURUSD #1, EURUSD #2"
    )
    assert why_not(w.says("close", target="NZDUSD", at_broker="yes")).endswith("there is EURUSD #1, EURUSD #2")
    empty = world()
    empty.sees()
    assert why_not(empty.says("close", target="EURUSD", at_broker="yes")).endswith("it holds none")


def test_a_ghost_is_nothing_that_the_broker_could_close(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("GBPUSD", "1"))
    w.sees(row("GBPUSD", "1"))
    assert "lists no position EURUSD" in why_not(w.says("close", target="EURUSD", at_broker="yes"))


def test_whoever_cannot_be_asked(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), actions=frozenset())
    w.sees(row("EURUSD", "1"))
    assert why_not(w.says("close", target="EURUSD", at_broker="yes")) == (
        "this broker cannot be asked to close position: do it there by hand"
    )
    w = world(held("EURUSD", "1"), orders=True)
    w.sees(row("EURUSD", "1"))
    w.lists(order_row("GBPUSD", order_id="b1"))
    w.restart()
    for name in ("EURUSD", "b1"):
        assert why_not(w.says("close", target=name, at_broker="yes")).startswith("no process has asked this broker")


def test_a_position_that_is_taken_already_or_was_not_seen_lately(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.record(pending("c1", "EURUSD", "accepted", side="sell"))
    w.sees(row("EURUSD", "1"))
    assert why_not(w.says("close", target="EURUSD", at_broker="yes")) == (
        "nothing of it may be closed now: 0 of 1 is left: order c1 may still take 1"
    )
    w.passes(s=120)
    assert "last heard completely" in why_not(w.says("close", target="EURUSD", at_broker="yes"))


def test_orders_are_cancelled_there_by_either_id(world: Worlds) -> None:
    for name in ("c1", "b1", "b2", "theirs", "c3"):
        w = world(orders=True)
        w.sees()
        w.record(pending("c1", "EURUSD", "accepted", order_id="b1"), pending("c3", "GBPUSD", "accepted", order_id="b3"))
        w.lists(order_row("EURUSD", name="c1", order_id="b1"), order_row("USDJPY", name="theirs", order_id="b2"))
        w.says("close", target=name, at_broker="yes")
        (asked,) = w.actions()
        assert asked.terms.kind == "cancel"
        wanted = {"c1": ("b1", "c1"), "b1": ("b1", "c1"), "b2": ("b2", "theirs"), "theirs": ("b2", "theirs")}
        assert (asked.terms.order_id, asked.terms.target) == wanted.get(name, ("b3", "c3"))


def test_an_order_that_works_on_after_its_end_is_cancelled_there(world: Worlds) -> None:
    w = world(orders=True, policy=GUARDED)
    w.sees()
    w.record(pending("c1", "EURUSD", "canceled", order_id="b1"))
    w.lists(order_row("EURUSD", name="c1", order_id="b1"))
    w.says("close", target="c1", at_broker="yes")
    assert (w.actions()[0].terms.order_id, w.actions()[0].terms.target) == ("b1", "c1")


def test_an_order_of_which_only_a_break_is_left_cannot_be_cancelled_there(world: Worlds) -> None:
    """No story leads there as long as a complete list clears the breaks of what it does not show."""
    w = world(orders=True)
    w.sees()
    w.lists(order_row("EURUSD", order_id="b1"))
    views = w.state.views.set("open_orders", replace(w.state.view("open_orders"), orders={}))
    deciding = Deciding(w.state, replace(w.state, views=views))
    fact = CommandGiven(w.ledger.now(), "close", "ada", "why")
    why = close_at_broker(deciding, fact, "b1")
    assert why == "the broker's last complete list shows no order b1, and the book holds it as ended"
    assert deciding.decisions == []


def test_a_broker_without_cancels(world: Worlds) -> None:
    w = world(orders=True, actions=frozenset({"close_position"}))
    w.sees()
    w.lists(order_row("USDJPY", order_id="b2"))
    assert why_not(w.says("close", target="b2", at_broker="yes")) == (
        "this broker cannot be asked to cancel: do it there by hand"
    )
