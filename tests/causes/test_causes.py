"""Is each cause proposed on the evidence for it, ranked rightly, and is doubt said?"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causes.world import SEEN, deal, facts, fill, held, neighbour, order, row
from trueup.causes import CLOSED_EXTERNALLY, BreakFacts, Proposal, Reason, examine, exit_reason, propose
from trueup.causes.shapes import spellings_of
from trueup.model import OrderStatus
from trueup.policy import Instrument, Policy


def best(asked: BreakFacts) -> Proposal:
    return propose(asked)[0]


def causes(asked: BreakFacts) -> list[tuple[str, str]]:
    return [(one.cause, one.strength) for one in propose(asked)]


# -- deals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("stop", "stop_hit"),
        ("take_profit", "take_profit_hit"),
        ("liquidation", "liquidation"),
        ("rollover", "swap_or_funding"),
        ("by_hand", "manual_trade"),
    ],
)
def test_the_brokers_own_word_decides(reason: Reason, cause: str) -> None:
    asked = facts(held("1", stop="0.9"), row(None), deals=(deal("d1", "-1", reason=reason, ours=True),))
    assert causes(asked) == [(cause, "certain")]
    assert best(asked).positions == (105,)


def test_a_deal_of_an_order_of_ours_is_a_missed_fill() -> None:
    asked = facts(held("1"), row("3"), deals=(deal("d1", "2", ours=True, order_id="o1"),))
    found = best(asked)
    assert (found.cause, found.strength, found.orders) == ("missed_fill", "certain", ("o1",))
    assert "execution d1 (bought 2 at 1) is exactly the difference of +2" in found.why
    for reason in ("by_program", "other"):
        mine = facts(held("1"), row("3"), deals=(deal("d1", "2", ours=True, reason=reason),))
        assert best(mine).cause == "missed_fill"


def test_several_deals_together() -> None:
    asked = facts(
        held("1"), row(None), deals=(deal("d1", "-0.4", 103, ours=False), deal("d2", "-0.6", 104, ours=False))
    )
    found = best(asked)
    assert (found.cause, found.executions, found.positions) == ("manual_trade", ("d1", "d2"), (103, 104))
    assert "together are exactly the difference of -1" in found.why


def test_mixed_reasons_are_nobodys_word() -> None:
    two = (deal("d1", "-0.4", reason="stop", ours=False), deal("d2", "-0.6", reason="by_hand", ours=False))
    assert causes(facts(held("1"), row(None), deals=two)) == [("manual_trade", "likely")]


def test_whose_deal_it_was_is_ambiguous_where_nothing_says_so() -> None:
    asked = facts(held("1"), row(None), deals=(deal("d1", "-1", price=None),))
    assert causes(asked) == [("missed_fill", "possible"), ("manual_trade", "possible")]
    assert all(one.ambiguous for one in propose(asked))
    assert "(sold 1) is" in best(asked).why


def test_equal_deals_of_which_the_latest_is_chosen_are_ambiguous() -> None:
    asked = facts(held("1"), row(None), deals=(deal("d1", "-1", 103, ours=True), deal("d2", "-1", 104, ours=True)))
    found = best(asked)
    assert (found.executions, found.ambiguous) == (("d2",), True)
    assert "other deals of the same sum" in found.why
    assert exit_reason(asked).reason == CLOSED_EXTERNALLY


def test_funding_that_is_listed_like_an_execution_moved_no_position() -> None:
    """As Bybit lists it: `execType` Funding, with the size of the whole position."""
    asked = facts(held("-1.2"), row(None), deals=(deal("6dff7827", "1.2", reason="payment"),))
    assert best(asked).cause == "unexplained"
    assert "moved none" in examine(asked).rejected[0].why


def test_an_order_that_filled_in_many_pieces_is_found_whole() -> None:
    pieces = tuple(deal(f"p{n}", "-0.1", 103, order_id="o1", ours=False) for n in range(9))
    other = deal("q", "0.05", 104, client_order_id="c1", ours=False)
    lone = deal("r", "0.02", 104)
    asked = facts(held("0.9"), row(None), deals=(*pieces, other, lone))
    found = best(asked)
    assert (found.cause, len(found.executions), found.orders) == ("manual_trade", 9, ("o1",))
    assert "and 3 more" in found.why


def test_two_whole_orders_of_one_size_are_ambiguous() -> None:
    pieces = tuple(
        deal(f"{name}{n}", "-0.1", at, order_id=name, ours=False)
        for at, name in ((103, "o1"), (104, "o2"))
        for n in range(9)
    )
    found = best(facts(held("0.9"), row(None), deals=pieces))
    assert (found.orders, found.ambiguous) == (("o2",), True)


def test_everything_that_may_speak_together_is_tried_last() -> None:
    pieces = tuple(deal(f"p{n}", f"-0.{n}", ours=False) for n in range(1, 9))
    asked = facts(held("3.6"), row(None), deals=pieces)
    assert len(best(asked).executions) == 8


def test_a_search_that_stopped_at_its_limit_says_so() -> None:
    many = tuple(deal(f"p{n}", str(2 * n + 2)) for n in range(200))
    done = examine(facts(held("1"), row(None), deals=many))
    assert done.proposals[0].cause == "unexplained"
    assert done.rejected[-1].why == "no combination of 200 deals is exactly -1; the search stopped at its limit"
    few = examine(facts(held("1"), row(None), deals=many[:2]))
    assert few.rejected[-1].why == "no combination of 2 deals is exactly -1"


def test_a_foreign_deal_that_leaves_a_rest_is_a_partial_close() -> None:
    asked = facts(held("3"), row("1"), deals=(deal("d1", "-2", ours=False),))
    assert causes(asked)[0] == ("partial_close", "likely")
    asked = facts(held("-3"), row("-1"), deals=(deal("d1", "2", reason="by_hand"),))
    assert causes(asked)[0] == ("partial_close", "certain")
    for ours, theirs, quantity in (("1", "3", "2"), ("1", "-1", "-2")):
        asked = facts(held(ours), row(theirs), deals=(deal("d1", quantity, ours=False),))
        assert causes(asked) == [("manual_trade", "likely")]


@pytest.mark.parametrize(
    ("kind", "cause"),
    [("stop", "stop_hit"), ("STOP_MARKET", "stop_hit"), ("take_profit", "take_profit_hit"), ("limit", "manual_trade")],
)
def test_the_type_of_the_order_that_was_executed_decides(kind: str, cause: str) -> None:
    resting = (order("o0", at=20, type="stop"), order("o1", at=20, type=kind))
    asked = facts(held("1"), row(None), deals=(deal("d1", "-1", order_id="o1", ours=False),), orders=resting)
    assert best(asked).cause == cause
    by_client = facts(
        held("1"),
        row(None),
        deals=(deal("d1", "-1", client_order_id="c7", ours=False),),
        orders=(order("o1", at=20, type=kind, client_order_id="c7"),),
    )
    assert best(by_client).cause == cause


@pytest.mark.parametrize(
    ("quantity", "stop", "price", "cause"),
    [
        ("1", "0.95", "0.95", "stop_hit"),
        ("1", "0.95", "0.94", "stop_hit"),
        ("1", "0.95", "0.96", "manual_trade"),
        ("-1", "1.05", "1.06", "stop_hit"),
        ("-1", "1.05", "1.05", "stop_hit"),
        ("-1", "1.05", "1.04", "manual_trade"),
        ("1", "none", "0.5", "manual_trade"),
        ("1", None, "0.5", "manual_trade"),
        ("1", "0.95", None, "manual_trade"),
    ],
)
def test_a_close_at_or_beyond_the_stop_is_likely_the_stop(
    quantity: str, stop: str | None, price: str | None, cause: str
) -> None:
    closing = quantity[1:] if quantity.startswith("-") else "-" + quantity
    asked = facts(held(quantity, stop=stop), row(None), deals=(deal("d1", closing, price=price, ours=False),))
    assert causes(asked) == [(cause, "likely")]


def test_deals_of_two_orders_are_not_the_execution_of_one() -> None:
    two = (deal("d1", "-0.5", order_id="o1", ours=False), deal("d2", "-0.5", order_id="o2", ours=False))
    resting = (order("o1", at=20, type="stop"), order("o2", at=20, type="stop"))
    assert causes(facts(held("1"), row(None), deals=two, orders=resting)) == [("manual_trade", "likely")]


def test_a_deal_that_adds_never_reached_a_stop() -> None:
    two = (deal("d1", "-2", price="0.9", ours=False), deal("d2", "1", price="0.9", ours=False))
    assert best(facts(held("1", stop="0.95"), row(None), deals=two)).cause == "manual_trade"


def test_a_fill_that_claimed_the_correction_is_what_it_had_inferred() -> None:
    late = deal("x1", "-1", SEEN + 9_000, recorded=True, counted=True, claimed="-1", ours=True)
    found = best(facts(held("1"), row(None), deals=(late,)))
    assert (found.cause, found.strength) == ("missed_fill", "certain")
    assert "claimed exactly what this correction had inferred" in found.why
    part = deal("x1", "-1", recorded=True, counted=True, claimed="-0.4", ours=True)
    assert best(facts(held("1"), row(None), deals=(part,))).cause == "unexplained"
    stopped = deal("x1", "-1", recorded=True, counted=True, claimed="-1", ours=True, reason="stop")
    assert best(facts(held("1"), row(None), deals=(stopped,))).cause == "stop_hit"


def test_a_rollover_at_another_price() -> None:
    pair = (deal("d1", "-1", reason="rollover", price="1.2"), deal("d2", "1", reason="rollover", price="1.25"))
    asked = facts(held("1", price="1"), row("1", price="1.25"), deals=pair, fields=("price",))
    found = best(asked)
    assert (found.cause, found.strength, found.executions) == ("swap_or_funding", "certain", ("d1", "d2"))
    for other in (
        facts(held("1"), row("1", price="1.26"), deals=pair, fields=("price",)),
        facts(held("1"), row("1", price="1.25"), deals=pair[:1], fields=("price",)),
        facts(held("1"), row("1", price="1.25"), deals=pair, fields=("stop",)),
        facts(held("1"), row("1", price="1.25"), fields=("price",)),
    ):
        assert best(other).cause == "unexplained"
    assert "price differs" in best(other).why


# -- our own records ---------------------------------------------------------------------------------------


def test_a_fill_recorded_twice() -> None:
    twice = (
        fill("x1", "1", 103, listed=True, order_id="o1"),
        fill("x1-again", "1", 104, order_id="o1"),
        fill("x9", "1", 104, order_id="o9", listed=True),
    )
    found = best(facts(held("3"), row("2"), deals=twice))
    assert (found.cause, found.strength, found.executions) == ("duplicate_fill", "likely", ("x1-again",))
    assert found.positions == (103, 104)
    assert "x1-again beside x1" in found.why


def test_a_twin_that_the_broker_lists_too_is_no_duplicate() -> None:
    both = tuple(fill(f"x{n}", "1", order_id="o1", listed=True) for n in (1, 2))
    assert "duplicate_fill" not in dict(causes(facts(held("2"), row("1", price=None), deals=both)))


def test_twins_of_which_the_broker_lists_none_are_possible() -> None:
    both = tuple(fill(f"x{n}", "1", 102 + n, happened_at="2026-01-01T03:01:45Z") for n in (1, 2))
    found = best(facts(held("2"), row("1"), deals=both))
    assert (found.cause, found.strength, found.executions) == ("duplicate_fill", "possible", ("x2",))
    assert "which of them it lists is not journalled" in found.why
    assert not found.ambiguous, "of two that are alike one is right"
    strangers = tuple(fill(f"x{n}", "1") for n in (1, 2))
    assert best(facts(held("2"), row("1", price="3"), deals=strangers)).cause == "unexplained"


@pytest.mark.parametrize(
    ("status", "filled", "counted", "found"),
    [
        (OrderStatus.FILLED, "2", "0.5", ("missed_fill", "likely")),
        (OrderStatus.PENDING, None, "0.5", ("missed_fill", "possible")),
        (OrderStatus.FAILED, None, "0.5", ("missed_fill", "possible")),
        (OrderStatus.REJECTED, None, "0.5", ("unexplained", "none")),
        (OrderStatus.FILLED, "2", "2", ("unexplained", "none")),
        (OrderStatus.PENDING, None, "2.5", ("unexplained", "none")),
    ],
)
def test_an_order_of_ours_that_filled_further(
    status: OrderStatus, filled: str | None, counted: str, found: tuple[str, str]
) -> None:
    one = order("c1", "buy", "2", status=status, filled=filled, counted=counted)
    assert causes(facts(held("0.5"), row("2", price="9"), orders=(one,)))[0] == found


def test_a_choice_among_more_orders_and_twins_than_are_looked_at_is_ambiguous() -> None:
    """The latest are looked at; what an older one would explain is not known, and that is said."""
    orders = tuple(order(f"c{n}", "buy", "1", filled=str(n + 2)) for n in range(130))
    found = best(facts(held("1", price="7"), row("132", price="9"), orders=orders))
    assert (found.cause, found.orders, found.ambiguous) == ("missed_fill", ("c129",), True)
    twins = [fill(f"x{n}-{copy}", str(n + 2), order_id=f"o{n}") for n in range(130) for copy in "ab"]
    doubled = best(facts(held("132", price="7"), row("1", price="9"), deals=tuple(twins)))
    assert (doubled.cause, doubled.executions, doubled.ambiguous) == ("duplicate_fill", ("x129-b",), True)


def test_an_order_that_was_sent_after_the_break_was_seen_cannot_be_its_reason() -> None:
    for sent, cause in ((0, "missed_fill"), (SEEN - 1, "missed_fill"), (SEEN + 1, "unexplained")):
        one = order("c1", "buy", "2", status=OrderStatus.PENDING, sent_position=sent)
        assert best(facts(held("0.5"), row("2.5", price="9"), orders=(one,))).cause == cause


def test_orders_of_the_broker_itself() -> None:
    stop = order("o1", type="stop", filled="1", ours=False)
    assert causes(facts(held("1"), row(None), orders=(stop,))) == [("stop_hit", "likely")]
    market = order("o1", filled="1", ours=False)
    assert causes(facts(held("1"), row(None), orders=(market,))) == [("manual_trade", "likely")]
    mixed = (order("o1", quantity="0.4", type="stop", filled="0.4"), order("o2", quantity="0.6", filled="0.6"))
    assert causes(facts(held("1"), row(None), orders=mixed)) == [("missed_fill", "likely")]
    working = order("o1", ours=False, status=OrderStatus.ACCEPTED)
    assert best(facts(held("1"), row(None), orders=(working,))).cause == "unexplained"
    elsewhere = (order("o1", filled="1", symbol="OTHER"), order("o2", filled="1", ticket="8"))
    assert best(facts(held("1", ticket="7"), row(None), orders=elsewhere, mode="hedging")).cause == "unexplained"


# -- shapes ------------------------------------------------------------------------------------------------


def test_a_contract_size() -> None:
    lots = Policy.adopt(instruments={"EURUSD": Instrument("lots", Decimal(100_000))})
    asked = facts(held("0.5", price="1.05"), row("50000", price="1.0500"), policy=lots)
    assert causes(asked) == [("contract_size", "likely")]
    assert "the broker counts in the smaller unit" in best(asked).why
    assert causes(facts(held("50000", price=None), row("0.5", price=None), policy=lots)) == [
        ("contract_size", "possible")
    ]
    assert best(facts(held("0.5", price="1.05"), row("50", price="1.05"), policy=lots)).cause == "unexplained"
    assert causes(facts(held("1000", price="9"), row("1", price="9"))) == [("contract_size", "possible")]
    assert "the book counts in the smaller unit" in best(facts(held("1000"), row("1"))).why
    assert best(facts(held("1000", price="9"), row("1", price="8"))).cause == "unexplained"
    assert best(facts(held("5000", price="9"), row("1", price="9"))).cause == "unexplained"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("BTC/USD", "BTCUSD"), ("EURUSD", "EURUSD.m"), ("EURUSDm", "EURUSD"), ("BTC/USDT", "BTC/USDT:USDT"),
     ("BTCUSDT", "BTCUSDT_UMCBL"), ("XAU-USD", "XAUUSD-ecn")],
)  # fmt: skip
def test_one_position_under_two_names(ours: str, theirs: str) -> None:
    there = neighbour(None, row("2", symbol=theirs), 108)
    asked = facts(held("2", symbol=ours), row(None), neighbours=(there,))
    assert causes(asked) == [("symbol_alias", "likely")]
    assert best(asked).positions == (108, 110)
    mirrored = facts(None, row("2", symbol=theirs), neighbours=(neighbour(held("2", symbol=ours), None),))
    assert causes(mirrored) == [("symbol_alias", "likely")]


def test_other_positions_are_not_one_under_two_names() -> None:
    for other in (
        neighbour(None, row("2", symbol="BRK.B")),
        neighbour(None, row("1", symbol="BRKA")),
        neighbour(None, row("-2", symbol="BRKA")),
        neighbour(held("9", symbol="BRKA"), row("2", symbol="BRKA")),
        neighbour(held("2", symbol="BRKA"), None),
        neighbour(None, row("2", symbol="BRK.A")),
    ):
        assert best(facts(held("2", symbol="BRK.A"), row(None), neighbours=(other,))).cause == "unexplained"


@given(st.text(max_size=20))
def test_every_symbol_is_spelled_like_itself(symbol: str) -> None:
    assert spellings_of(symbol) & spellings_of(symbol.upper())


def test_the_rest_of_a_ticket_under_a_new_one() -> None:
    gone = held("3", ticket="7", price="1.1", opened_at="2026")
    rest = row("1", ticket="8", price="1.1")
    asked = facts(gone, row(None), mode="hedging", neighbours=(neighbour(None, rest),))
    assert causes(asked) == [("partial_close", "likely")]
    assert "EURUSD #8 is there with 1 of its 3" in best(asked).why
    by_time = facts(
        gone,
        row(None),
        mode="hedging",
        neighbours=(neighbour(None, row("1", ticket="8", price=None, opened_at="2026")),),
    )
    assert causes(by_time) == [("partial_close", "likely")]
    whole = facts(gone, row(None), mode="hedging", neighbours=(neighbour(None, row("3", ticket="8", price="1.2")),))
    assert causes(whole) == [("swap_or_funding", "possible")]
    for other in (
        row("1", ticket="8", price="1.2"),
        row("-1", ticket="8", price="1.1"),
        row("4", ticket="8", price="1.1"),
    ):
        asked = facts(gone, row(None), mode="hedging", neighbours=(neighbour(None, other),))
        assert best(asked).cause == "unexplained"
    bare = facts(held("3", ticket="7", price=None), row(None), mode="hedging", neighbours=(neighbour(None, rest),))
    assert best(bare).cause == "unexplained"


# -- ranking -----------------------------------------------------------------------------------------------


def test_two_causes_of_equal_strength_are_both_ambiguous_and_a_weaker_one_is_not() -> None:
    lots = Policy.adopt(instruments={"EURUSD": Instrument("lots", Decimal(100))})
    asked = facts(held("1", price=None), row("100", price=None), deals=(deal("d1", "99", ours=False),), policy=lots)
    found = [(one.cause, one.strength, one.ambiguous) for one in propose(asked)]
    assert found == [
        ("manual_trade", "likely", False), ("split", "possible", False), ("contract_size", "possible", False),
    ]  # fmt: skip
    bare = facts(held("1", price=None), row("100", price=None), policy=lots)
    assert [(one.cause, one.ambiguous) for one in propose(bare)] == [("split", True), ("contract_size", True)]


def test_nothing_is_invented() -> None:
    asked = facts(held("1"), row(None))
    assert causes(asked) == [("unexplained", "none")]
    assert best(asked).positions == (SEEN,)
    assert examine(asked).rejected[0].why == "no deal on this key is known that the book has not counted"
    moved = facts(held("1", stop="1"), row("1", stop="2"), fields=("stop",))
    assert "stop differs" in best(moved).why
    assert "nothing differs" in best(facts(held("1"), row("1"))).why


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (facts(held("1"), row(None), deals=(deal("d1", "-1", reason="stop"),)), "STOP_HIT"),
        (facts(held("1"), row(None), deals=(deal("d1", "-1", reason="by_hand"),)), "CLOSED_BY_HAND"),
        (facts(held("1"), row(None), deals=(deal("d1", "-1", ours=True),)), "CLOSED_BY_MISSED_FILL"),
        (facts(held("1"), row(None), deals=(deal("d1", "-1"),)), CLOSED_EXTERNALLY),
        (facts(held("1"), row(None)), CLOSED_EXTERNALLY),
    ],
)
def test_an_exit_reason_is_stated_only_where_it_is_more_than_a_coincidence(asked: BreakFacts, reason: str) -> None:
    found = exit_reason(asked)
    assert found.reason == reason
    assert bool(found.why) == bool(found.evidence) == (reason != CLOSED_EXTERNALLY)
