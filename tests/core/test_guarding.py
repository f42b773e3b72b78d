"""Does every open position get its stop, once, and a person the word when it cannot (law 10)?"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from lessons.world import World, held, order_row, pending, row
from trueup import Instrument, Policy
from trueup.decisions import ProtectionMoved
from trueup.model import BrokerPosition, Stop
from trueup.policy import Protect
from trueup.ports import failed
from trueup.protection import closing_side, is_protected, stop_price
from trueup.report import report

Worlds = Callable[..., World]


def policy(**knobs: object) -> Policy:
    return Policy.adopt(protect=Protect(), **knobs)


def naked(world: Worlds, quantity: str = "1", price: str | None = "100", **more: object) -> World:
    """A book that agrees with the broker on one position; working orders were listed, and there is none."""
    w = world(policy=more.pop("policy", policy()), orders=True, **more)
    w.lists()
    w.sees(row("DAX", quantity, price=price, stop=None))
    return w


def states(w: World) -> list[str]:
    return [one.state for one in w.events(ProtectionMoved) if isinstance(one, ProtectionMoved)]


def again(w: World, quantity: str = "1", price: str | None = "100", times: int = 1) -> None:
    """Working orders and positions are asked for once more, and show no stop."""
    for _ in range(times):
        w.lists()
        w.sees(row("DAX", quantity, price=price, stop=None))


# -- where a stop goes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "entry", "pct", "tick", "price"),
    [
        ("1", "100", "2", None, "98"),
        ("1", "1.1", "2", None, "1.078"),  # JSON drops trailing zeros: 1.1 is 1.1000
        ("-1", "100", "2", None, "102"),
        ("1", "1.0543", "2", None, "1.0333"),  # 1.033214: towards the entry
        ("-1", "1.0543", "2", None, "1.0753"),  # 1.075386
        ("1", "97123.50", "0.5", "0.5", "96638.0"),  # 96637.8825
        ("-1", "97123.50", "10", "0.5", "106835.5"),  # 106835.85
    ],
)
def test_a_stop_is_so_far_from_the_entry_and_never_farther(quantity, entry, pct, tick, price) -> None:
    position = BrokerPosition("DAX", Decimal(quantity))
    found = stop_price(position, Decimal(entry), Decimal(pct), None if tick is None else Decimal(tick))
    assert found == Decimal(price)
    assert abs(found - Decimal(entry)) <= Decimal(entry) * Decimal(pct) / 100
    assert closing_side(position) == ("buy" if quantity.startswith("-") else "sell")


def test_what_protects_is_on_the_other_side_and_covers_all_of_it() -> None:
    long = BrokerPosition("DAX", Decimal(3), ticket="7")

    def stop(**more: object):
        return order_row("DAX", type="stop", order_id="o", **({"side": "sell", "stop": "90", "quantity": 3} | more))

    assert not is_protected(long, [])
    assert is_protected(BrokerPosition("DAX", Decimal(3), stop=Stop(Decimal(90))), [])
    assert not is_protected(BrokerPosition("DAX", Decimal(3), stop=Stop(None)), [])
    assert is_protected(long, [stop()])
    assert is_protected(long, [stop(quantity=1), stop(quantity=2)])
    assert not is_protected(long, [stop(quantity=2)])
    assert not is_protected(long, [stop(filled=1)])
    assert not is_protected(long, [stop(side="buy")])
    assert not is_protected(long, [stop(ticket="8")])
    assert is_protected(long, [stop(ticket="7")])
    other = order_row("FTSE", type="stop", order_id="o", side="sell", stop="90", quantity=3)
    assert not is_protected(long, [other])
    ended = order_row("DAX", "canceled", type="stop", order_id="o", side="sell", stop="90", quantity=3)
    assert not is_protected(long, [ended])


# -- what is done --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("quantity", "side", "stop"), [("2", "sell", "98"), ("-2", "buy", "102")])
def test_law_10_a_position_without_a_stop_gets_one(world: Worlds, quantity: str, side: str, stop: str) -> None:
    """After a second, independent answer: one skewed pair of answers must not place anything (L12)."""
    w = naked(world, quantity)
    assert (states(w), w.actions()) == (["unprotected"], [])
    again(w, quantity)
    (asked,) = w.actions()
    assert (asked.terms.kind, asked.terms.side, asked.terms.quantity) == ("place_stop", side, Decimal(2))
    assert (asked.terms.stop, asked.purpose, asked.attempt) == (Decimal(stop), "protect", 1)
    assert states(w) == ["unprotected", "placing"]
    w.sends(asked.client_id)
    w.sees(row("DAX", quantity, price="100", stop=None), times=2)
    assert len(w.actions()) == 1, "the list of working orders is older than the stop: it proves nothing (L12)"
    w.lists(order_row("DAX", type="stop", name=asked.client_id, order_id="s1", side=side, stop=stop, quantity=2))
    assert states(w)[-1] == "protected"
    assert w.order(asked.client_id).stop == Decimal(stop), "the book holds what trueup asked for itself"
    w.sees(row("DAX", quantity, price="100", stop=None), times=3)
    assert len(w.actions()) == 1


def test_a_stop_of_the_position_itself_is_protection(world: Worlds) -> None:
    w = naked(world)
    w.sees(row("DAX", "1", price="100", stop="97"), times=3)
    assert states(w) == ["unprotected", "protected"]
    assert w.actions() == []
    assert not w.state.guards


def test_a_position_that_is_gone_needs_none(world: Worlds) -> None:
    w = naked(world)
    w.sees()
    assert states(w)[-1] == "protected"
    assert "gone" in str(w.events(ProtectionMoved)[-1])


def test_the_tick_of_the_instrument_rounds_it(world: Worlds) -> None:
    knobs = policy(instruments={"DAX": Instrument(tick=Decimal("0.25"))})
    w = naked(world, price="99.9", policy=knobs)
    again(w, price="99.9")
    assert w.actions()[0].terms.stop == Decimal("98.00")  # 97.902


def test_law_6_a_stop_of_unknown_outcome_is_looked_up_before_another_is_asked_for(world: Worlds) -> None:
    w = naked(world)
    again(w)
    first = w.actions()[0].client_id
    w.sends(first, "unknown", connection=1)
    again(w, times=3)
    assert len(w.actions()) == 1, "nothing is asked for beside it"
    w.looks_up(first, times=2, connection=2)
    again(w)
    assert len(w.actions()) == 1, "not found on another connection: the first one's queue may still be executed"
    w.looks_up(first, times=2, connection=1)
    w.lists()
    again(w, times=2)
    assert [one.attempt for one in w.actions()] == [1, 2]
    assert w.actions()[1].client_id != first


def test_l22_after_three_stops_it_is_closed_once_and_no_more_than_is_live(world: Worlds) -> None:
    w = naked(world, "3")
    for _ in range(3):
        again(w, "3")
        w.sends(w.actions()[-1].client_id, "rejected", why="no such level")
        w.lists()
    assert [one.terms.kind for one in w.actions()] == ["place_stop"] * 3
    again(w, "2")
    ended = w.actions()[-1]
    assert (ended.terms.kind, ended.terms.side, ended.terms.quantity) == ("close_position", "sell", Decimal(2))
    assert [one.topic for one in w.alerts()] == ["protective-exit"]
    w.sends(ended.client_id)
    w.sees()
    assert states(w)[-2:] == ["exiting", "protected"]
    assert len(w.actions()) == 4


def test_l22_what_others_have_a_claim_on_is_not_closed_twice(world: Worlds) -> None:
    """Our own order to close some of it works already: only the rest is asked for."""
    w = naked(world, "3")
    for _ in range(3):
        again(w, "3")
        w.sends(w.actions()[-1].client_id, "rejected")
    w.record(pending("out", "DAX", side="sell", quantity=2, type="limit", limit="120"))
    w.record(pending("out", "DAX", "accepted", side="sell", quantity=2, type="limit", limit="120", order_id="b1"))
    w.passes(s=10)
    works = order_row("DAX", name="out", order_id="b1", side="sell", quantity=2, limit="120")
    w.lists(works)
    w.sees(row("DAX", "3", price="100", stop=None))
    assert (w.actions()[-1].terms.kind, w.actions()[-1].terms.quantity) == ("close_position", Decimal(1))


def test_l22_and_where_nothing_is_left_a_person_is_told(world: Worlds) -> None:
    w = naked(world, "3")
    for _ in range(3):
        again(w, "3")
        w.sends(w.actions()[-1].client_id, "rejected")
    w.lists(order_row("DAX", order_id="b1", side="sell", quantity=3, limit="120"))
    w.sees(row("DAX", "3", price="100", stop=None))
    assert [one.terms.kind for one in w.actions()] == ["place_stop"] * 3
    assert "others have a claim on all of it" in w.alerts()[-1].text


def test_when_even_that_fails_a_person_is_told_once(world: Worlds) -> None:
    w = naked(world)
    for _ in range(4):
        again(w)
        w.sends(w.actions()[-1].client_id, "rejected", why="market closed")
        w.lists()
    again(w, times=4)
    assert [one.topic for one in w.alerts()] == ["protective-exit", "unprotected"]
    assert states(w)[-1] == "critical"
    assert len(w.actions()) == 4
    assert dict(w.state.gate.symbols)["DAX"].startswith("DAX has a position without a working stop")
    told = report(
        w.state, [], [], pass_number=1, kind="periodic", gate="open", at_ns=0, duration_ns=0, disagreements=0, silent=[]
    )
    assert (told.status, len(told.critical)) == ("PARTIAL", 1)


@pytest.mark.parametrize(
    ("price", "actions", "why"),
    [
        (None, {"place_stop", "close_position"}, "at what price"),
        ("100", set(), "cannot be asked for a stop"),
    ],
)
def test_what_cannot_be_protected_is_said(world: Worlds, price: str | None, actions: set[str], why: str) -> None:
    w = naked(world, price=price, actions=frozenset(actions))
    again(w, price=price)
    assert w.actions() == []
    assert [one.topic for one in w.alerts()] == ["unprotected"]
    assert why in w.alerts()[0].text


def test_a_broker_that_can_place_stops_but_not_close_is_no_reason_to_fall_silent(world: Worlds) -> None:
    w = naked(world, actions=frozenset({"place_stop"}))
    for _ in range(3):
        again(w)
        w.sends(w.actions()[-1].client_id, "rejected")
        w.lists()
    again(w)
    assert "cannot be asked to close it" in w.alerts()[-1].text


def test_the_book_knows_the_entry_where_the_broker_does_not(world: Worlds) -> None:
    w = world(held("DAX", "1", price="50"), policy=policy(), orders=True)
    w.lists()
    w.sees(row("DAX", "1", stop=None))
    again(w, price=None)
    assert w.actions()[0].terms.stop == Decimal(49)


def test_without_a_list_of_working_orders_nobody_can_tell(world: Worlds) -> None:
    """A second stop beside one that cannot be seen would be worse than none: a person is told."""
    w = world(policy=policy(), orders=True)
    w.sees(row("DAX", "1", price="100", stop=None), times=3)
    assert states(w) == [], "it has not been asked for yet"
    w.answered(failed("nobody there"), surface="open_orders")
    w.sees(row("DAX", "1", price="100", stop=None), times=2)
    assert w.actions() == []
    assert "cannot be listed" in w.alerts()[-1].text


def test_what_is_unsettled_waits(world: Worlds) -> None:
    w = naked(world)
    w.lists()
    w.record(held("DAX", "1", price="100"))
    w.sees(row("DAX", "1", price="100", stop=None), step_ms=1_000)
    assert w.actions() == []
    again(w)
    assert len(w.actions()) == 1


def test_a_policy_that_asks_for_none_any_more_lets_go(world: Worlds) -> None:
    w = naked(world)
    assert w.state.guards
    w.policy = Policy.adopt()
    w.restart()
    again(w)
    assert not w.state.guards
