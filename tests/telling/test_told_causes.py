"""Is the cause that an explanation gives sought from what the journal holds of the deals, orders and prices?"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from lessons.world import World, deal, fill, held, pending, row
from telling.stories import last_break, last_correction, past_of, weighed
from trueup import Instrument, OrderUpdate, Policy
from trueup.causes import Rate
from trueup.telling import Target, explain
from trueup.telling.sentences import cause_said, lines

Worlds = Callable[..., World]


def test_a_ghost_that_a_late_fill_explains(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "2", "1.1", order_id="o1"))
    w.sees(row("EURUSD", "2", price="1.1"))
    w.sees(times=6)
    w.record(fill("x2", "EURUSD", "-2", "1.2", order_id="o2"))
    told = last_correction(w)
    cause = told.causes[0]
    assert (cause.cause, cause.strength, cause.executions) == ("missed_fill", "certain", ("x2",))
    assert told.subject.undone_by is None
    assert told.worth is not None
    assert told.worth.amount is None
    assert weighed(told, "cause: execution x1") == [("rejected", "the book had counted it")]
    assert weighed(told, "mass absence?")[0][1].startswith("1 of 1 positions missing: the book is too small")


def test_what_it_is_worth_where_price_unit_and_rate_are_known(world: Worlds) -> None:
    policy = Policy.adopt(instruments={"EURUSD": Instrument("lots", Decimal(100_000))})
    w = world(held("EURUSD", "2", price="1.1"), policy=policy)
    w.sees(row("EURUSD", "3", price="1.1"), times=2)
    past = past_of(w)
    target = Target("correction", last_correction(w).subject.id, last_correction(w).subject.position)
    told = explain(past, target, rate=Rate(Decimal("0.9"), "EUR"))
    assert told.worth is not None
    assert (told.worth.amount, told.worth.currency) == ("99000", "EUR")
    assert "the broker's opening price" in told.worth.why
    text = "\n".join(line for _, under in lines(told) for line in under)
    assert "worth 99000 EUR" in text


def test_prices_come_from_the_latest_deal_then_the_broker_then_the_book(world: Worlds) -> None:
    shares = Policy.adopt(instruments={"ACME": Instrument("shares")})
    w = world(held("ACME", "2", price="10"), policy=shares)
    w.sees(times=5)
    w.sees()
    assert (last_correction(w).worth or pytest.fail("none")).amount == "20"
    w = world(fill("x1", "ACME", "2", "10"), fill("x2", "ACME", "1", "12"), policy=shares)
    w.sees(row("ACME", "4"), times=2)
    worth = last_correction(w).worth
    assert worth is not None
    assert (worth.amount, worth.why) == ("12", "1 at 12, the price of execution x2, in the quote currency")
    w = world(held("ACME", "2"), policy=shares)
    w.sees(row("ACME", "4"), times=2)
    assert last_correction(w).worth is not None
    assert (last_correction(w).worth or pytest.fail("none")).why == "no price is known"


def test_hedging_a_ticket_goes_on_under_a_new_one(world: Worlds) -> None:
    w = world(held("EURUSD", "3", ticket="7", price="1.1"), held("USDJPY", "1", ticket="1"), mode="hedging")
    yen = row("USDJPY", "1", ticket="1")
    w.sees(row("EURUSD", "3", ticket="7", price="1.1"), yen)
    w.sees(row("EURUSD", "1", ticket="8", price="1.1"), yen, times=2)
    told = last_correction(w)
    assert told.subject.kind == "ghost"
    assert (told.causes[0].cause, told.causes[0].strength) == ("partial_close", "likely")
    w.sees(yen)
    opened = last_break(w)
    assert opened.subject.ticket == "8"


def test_fills_on_a_set_sourced_key_are_not_in_its_quantity(world: Worlds) -> None:
    """The process told a fill and never set the position: the fill explains what is missing."""
    w = world(held("EURUSD", "1"), pending("c1", "USDJPY", "filled"))
    w.sees(row("EURUSD", "1"))
    w.record(fill("x1", "EURUSD", "1.5", client_order_id="c2"))
    w.passes(s=9)
    w.sees(row("EURUSD", "2.5"), times=2)
    told = last_correction(w)
    assert (told.causes[0].cause, told.causes[0].strength) == ("missed_fill", "certain")


def test_whose_deal_it_was(world: Worlds) -> None:
    """By client id, by the broker's order id, by strategy; a stranger only where the process records its orders."""
    known = OrderUpdate(
        client_order_id="c1", symbol="EURUSD", side="buy", type="market", quantity=1, status="accepted", order_id="o1"
    )
    silent = OrderUpdate(client_order_id="c1", symbol="EURUSD", side="buy", type="market", quantity=1, status="filled")
    for more, cause in (
        ({"client_order_id": "c1"}, "missed_fill"),
        ({"order_id": "o1"}, "missed_fill"),
        ({"strategy": "trend"}, "missed_fill"),
        ({"order_id": "o9"}, "manual_trade"),
        ({"client_order_id": "web-1"}, "manual_trade"),
        ({"client_order_id": "autoclose-1"}, "liquidation"),
    ):
        w = world(fill("x1", "EURUSD", "1"), known, silent)
        w.deals()
        w.deals(deal("x2", "EURUSD", "0.7", **more))
        assert last_correction(w).causes[0].cause == cause, more


def test_what_the_raw_replies_say_decides(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1"))
    w.deals()
    w.deals(deal("x2", "EURUSD", "-1", "0.9"))
    subject = last_correction(w).subject
    past = past_of(w)
    told = explain(past, Target("correction", subject.id, subject.position), said={"x2": "take_profit"})
    assert (told.causes[0].cause, told.causes[0].strength) == ("take_profit_hit", "certain")


def test_filled_quantities_of_orders_only_grow(world: Worlds) -> None:
    def update(filled: str | None, status: str = "partially_filled") -> OrderUpdate:
        return OrderUpdate(
            client_order_id="c1", symbol="EURUSD", side="buy", type="limit", quantity=3, status=status, filled=filled,
        )  # fmt: skip

    w = world(update("1"), fill("x1", "EURUSD", "1", client_order_id="c1"))
    w.record(update("2.5"), update("2"), update(None, "canceled"))
    w.passes(s=60)
    w.sees(row("EURUSD", "2.5"), times=2)
    cause = last_correction(w).causes[0]
    assert (cause.cause, cause.strength) == ("missed_fill", "likely")
    assert "has filled 2.5 and the book counted 1 of it" in cause.why


def test_a_split_is_told_with_its_warning(world: Worlds) -> None:
    w = world(held("ACME", "100", price="200", stop="180"))
    w.sees(row("ACME", "200", price="100", stop="180"), times=2)
    told = last_correction(w)
    assert told.causes[0].cause == "split"
    said = [line for _, under in lines(told) for line in under]
    assert any(line.startswith("look: the stop at 180 did not follow") for line in said)


def test_long_lists_of_rejected_deals_are_cut_and_counted(world: Worlds) -> None:
    w = world(*(fill(f"x{n}", "EURUSD", "1") for n in range(30)))
    w.sees(row("EURUSD", "77"), times=2)
    told = last_correction(w)
    assert len(weighed(told, "cause: execution")) == 20
    assert len(weighed(told, "cause: 11 more")) == 1


def test_doubt_is_said_with_the_cause(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1"))
    w.deals()
    w.deals(deal("x2", "EURUSD", "-1"))
    first = last_correction(w).causes[0]
    assert cause_said(first).startswith("missed fill (possible, and not the only one that fits): execution x2")


def test_one_position_under_two_names_is_seen_from_both_sides(world: Worlds) -> None:
    """L33: the book says BTC/USD, the broker BTCUSD, and nobody configured that they are one."""
    w = world(held("BTC/USD", "2", price="9"), held("EURUSD", "1"), held("USDJPY", "1"))
    w.sees(row("BTCUSD", "2", price="9"), row("EURUSD", "1"), row("USDJPY", "1"))
    past = past_of(w)
    opened = [(at, one) for at, one in past.events() if type(one).__name__ == "BreakMoved"]
    assert [one.steps[0].kind for _, one in opened] == ["recovery", "ghost"]  # type: ignore[union-attr]
    for at, one in opened:
        told = explain(past, Target("break", one.steps[0].break_id, at))  # type: ignore[union-attr]
        assert [(cause.cause, cause.ambiguous) for cause in told.causes] == [("symbol_alias", False)]


def test_l59_an_older_exit_in_the_journal_is_not_todays_reason(world: Worlds) -> None:
    """The deals list an exit of that size; the broker listed the position after that, so both sides agreed; then it is
    gone. The exit of today comes with the next list, and is the reason."""
    w = world(held("EURUSD", "1"), held("USDJPY", "1"), held("AUDUSD", "1"))
    others = (row("USDJPY", "1"), row("AUDUSD", "1"))
    w.deals()
    w.deals(deal("old", "EURUSD", "-1", client_order_id="web-1"))
    w.sees(row("EURUSD", "1"), *others)
    w.sees(*others, times=2)
    told = last_correction(w)
    assert told.subject.kind == "ghost"
    assert [one.cause for one in told.causes] == ["unexplained"]
    ((finding, why),) = weighed(told, "cause: execution old")
    assert finding == "rejected"
    assert "before both sides agreed" in why
    w.deals(deal("new", "EURUSD", "-1", client_order_id="web-2"))
    position, past = told.subject.position, past_of(w)
    assert explain(past, Target("correction", "", position)).causes[0].executions == ("new",)
