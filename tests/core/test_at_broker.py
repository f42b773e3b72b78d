"""Is what an operator asks of the broker reduce-only, no more than is free, and given up once it is needless? (L22)"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from lessons.world import World, held, order_row, pending, row
from trueup import Intent, Policy
from trueup.decisions import Decision, RecordRefused
from trueup.facts import CommandGiven
from trueup.ledger import Committed
from trueup.model import plain
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
