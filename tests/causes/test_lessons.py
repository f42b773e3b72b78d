"""Is the cause of a break found where it was missed, and not where it was made up? (L37, L39, L40, L55, L59)"""

from __future__ import annotations

from decimal import Decimal

import pytest

from causes.world import AGREED, SEEN, deal, facts, fill, held, order, row, stamp
from trueup.causes import CLOSED_EXTERNALLY, BreakFacts, Proposal, examine, exit_reason, propose
from trueup.model import OrderStatus
from trueup.policy import Policy


def best(asked: BreakFacts) -> Proposal:
    return propose(asked)[0]


# -- fees in the base asset --------------------------------------------------------------------------------


def test_l37_fees_taken_in_the_base_asset_are_found_to_the_last_digit() -> None:
    """Bought 1.5 BTC in two fills; the venue keeps 0.1 % of each, in BTC. The holding is short of exactly that."""
    fills = (
        fill("x1", "1", 103, symbol="BTC/USDT", fee=Decimal("0.001"), fee_asset="BTC"),
        fill("x2", "0.5", 104, symbol="BTC/USDT", fee=Decimal("0.0005"), fee_asset="BTC"),
    )
    asked = facts(held("1.5", symbol="BTC/USDT"), row("1.4985", symbol="BTC/USDT"), deals=fills)
    found = best(asked)
    assert (found.cause, found.strength, found.executions) == ("base_asset_fee", "likely", ("x1", "x2"))
    assert found.positions == (103, 104)
    assert found.warnings
    short = facts(held("1.5", symbol="BTC/USDT"), row("1.499", symbol="BTC/USDT"), deals=fills)
    assert best(short).executions == ("x1",), "the fee of one of them"
    off = facts(held("1.5", symbol="BTC/USDT"), row("1.4986", symbol="BTC/USDT"), deals=fills)
    assert best(off).cause == "unexplained", "near enough is another story"


def test_l37_fees_taken_in_another_asset_leave_the_holding_alone() -> None:
    for asset in ("USDT", "BNB", "BTC/USDT", None):
        one = fill("x1", "1", symbol="BTC/USDT", fee=Decimal("0.001"), fee_asset=asset)
        asked = facts(held("1", symbol="BTC/USDT"), row("0.999", symbol="BTC/USDT"), deals=(one,))
        assert best(asked).cause == "unexplained", asset


def test_l37_the_fees_of_a_hundred_fills_are_their_sum() -> None:
    fills = tuple(
        fill(f"x{n}", "1", symbol="BTCUSDT", fee=Decimal("0.001"), fee_asset="btc", client_order_id=f"c{n}")
        for n in range(100)
    )
    asked = facts(held("100", symbol="BTCUSDT"), row("99.9", symbol="BTCUSDT"), deals=fills)
    found = best(asked)
    assert (found.cause, len(found.executions)) == ("base_asset_fee", 100)
    assert "and 94 more" in found.why


# -- splits ------------------------------------------------------------------------------------------------


def test_l39_an_exact_split_is_explained_and_its_stop_is_checked() -> None:
    """Two for one: twice the shares at half the price, and the stop still at the old scale, above the market."""
    asked = facts(
        held("100", symbol="ACME", price="200", stop="180"),
        row("200", symbol="ACME", price="100", stop="180"),
        fields=("quantity", "price"),
    )
    found = best(asked)
    assert (found.cause, found.strength) == ("split", "likely")
    assert "2 for 1" in found.why
    (warning,) = found.warnings
    assert "180 did not follow the split" in warning
    assert "about 90" in warning


@pytest.mark.parametrize(
    ("stop", "says"),
    [("90", None), ("none", "is gone: it should be about 90"), (None, "does not say whether the stop at 180 followed")],
)
def test_l39_what_became_of_the_stop_is_said(stop: str | None, says: str | None) -> None:
    asked = facts(held("100", price="200", stop="180"), row("200", price="100", stop=stop))
    warnings = best(asked).warnings
    assert not warnings if says is None else says in warnings[0]


def test_l39_stop_orders_that_rest_at_the_broker_are_named() -> None:
    resting = order("s1", type="stop", status=OrderStatus.ACCEPTED, at=50, stop=Decimal("180"))
    gone = order("s2", type="stop", status=OrderStatus.CANCELED, at=50, stop=Decimal("170"))
    elsewhere = order("s3", type="stop", status=OrderStatus.ACCEPTED, at=50, stop=Decimal("9"), symbol="OTHER")
    asked = facts(held("100", price="200"), row("200", price="100"), orders=(resting, gone, elsewhere))
    assert best(asked).warnings == ("order s1 still has its stop at 180: check whether it followed the split",)


@pytest.mark.parametrize(
    ("book", "broker", "ratio"),
    [
        (("100", "200"), ("300", "66.67"), "3 for 1"),
        (("100", "1"), ("10", "10"), "1 for 10"),
        (("100", "30"), ("150", "20"), "3 for 2"),
        (("-40", "10"), ("-20", "20"), "1 for 2"),
        (("7", "700"), ("140", "35"), "20 for 1"),
    ],
)
def test_l39_ratios_that_splits_have(book: tuple[str, str], broker: tuple[str, str], ratio: str) -> None:
    found = best(facts(held(book[0], price=book[1]), row(broker[0], price=broker[1])))
    assert (found.cause, found.strength) == ("split", "likely")
    assert ratio in found.why


@pytest.mark.parametrize(
    ("book", "broker"),
    [
        (("100", "200"), ("200", "200")),  # twice as much at the same price: somebody bought
        (("100", "200"), ("200", "101")),
        (("100", "200"), ("-200", "100")),
        (("1000", "1"), ("1007", "0.993")),  # no split has such a ratio
        (("1", "200"), ("101", "1.98")),
        (("13", "11"), ("11", "13")),
    ],
)
def test_l39_other_changes_are_no_split(book: tuple[str, str], broker: tuple[str, str]) -> None:
    proposals = propose(facts(held(book[0], price=book[1]), row(broker[0], price=broker[1])))
    assert [one.cause for one in proposals] == ["unexplained"]


def test_l39_without_prices_a_split_is_only_possible_and_a_deal_of_that_size_wins() -> None:
    asked = facts(held("100", price=None), row("200"))
    assert (best(asked).cause, best(asked).strength) == ("split", "possible")
    assert best(facts(held("4", price=None), row("5"))).cause == "unexplained", "5 for 4 could be anything"
    bought = facts(held("100", price=None), row("200"), deals=(deal("d1", "100", ours=False),))
    assert [one.cause for one in propose(bought)] == ["manual_trade", "split"]


def test_l39_a_deal_that_the_broker_calls_a_split_is_one() -> None:
    found = best(facts(held("100"), row("200"), deals=(deal("d1", "100", reason="split"),)))
    assert (found.cause, found.strength) == ("split", "certain")


# -- liquidation -------------------------------------------------------------------------------------------


def test_l40_a_liquidation_is_its_own_cause_and_the_exit_reason() -> None:
    """The broker closed it for want of margin, in three pieces. No ordinary loss, and no trade of anybody's."""
    pieces = tuple(deal(f"d{n}", "-0.5", reason="liquidation", order_id="o9") for n in (1, 2, 3))
    asked = facts(held("1.5"), row(None), deals=pieces)
    found = best(asked)
    assert (found.cause, found.strength, found.ambiguous) == ("liquidation", "certain", False)
    assert found.executions == ("d1", "d2", "d3")
    assert exit_reason(asked).reason == "LIQUIDATED"


def test_l40_what_is_liquidated_in_part_is_a_liquidation_too() -> None:
    found = best(facts(held("3"), row("1"), deals=(deal("d1", "-2", reason="liquidation"),)))
    assert found.cause == "liquidation"


def test_l40_a_close_at_a_loss_that_nobody_calls_a_liquidation_is_none() -> None:
    asked = facts(held("1", price="100"), row(None), deals=(deal("d1", "-1", price="1"),))
    assert "liquidation" not in [one.cause for one in propose(asked)]
    assert exit_reason(asked).reason == CLOSED_EXTERNALLY


# -- evidence is bounded in time, filled, and of the right quantity ----------------------------------------


def test_l55_the_first_closed_order_on_the_other_side_proves_nothing() -> None:
    """Of the same side and size, but known since before both sides agreed: inside the agreement, not its end."""
    old = deal("old", "-1", AGREED - 20, ours=False)
    asked = facts(held("1"), row(None), deals=(old,))
    done = examine(asked)
    assert [one.cause for one in done.proposals] == ["unexplained"]
    assert next((one.what, one.why) for one in done.rejected) == (
        "execution old", "it was known at 80, before both sides agreed at 100",
    )  # fmt: skip
    assert exit_reason(asked).reason == CLOSED_EXTERNALLY


@pytest.mark.parametrize("quantity", ["-0.9", "-1.1", "1", "-0.9999999999"])
def test_l55_a_deal_of_another_quantity_proves_nothing(quantity: str) -> None:
    asked = facts(held("1"), row(None), deals=(deal("d1", quantity, ours=False),))
    assert best(asked).cause == "unexplained"
    assert exit_reason(asked).reason == CLOSED_EXTERNALLY


def test_l55_an_order_that_was_not_filled_proves_nothing() -> None:
    for filled in (None, "0", "0.4"):
        canceled = order("c1", filled=filled, status=OrderStatus.REJECTED)
        assert best(facts(held("1"), row(None), orders=(canceled,))).cause == "unexplained"
    filled_one = order("c1", filled="1", status=OrderStatus.CANCELED)
    found = best(facts(held("1"), row(None), orders=(filled_one,)))
    assert (found.cause, found.strength, found.orders) == ("missed_fill", "likely", ("c1",))
    old = order("c1", filled="1", at=AGREED - 20)
    assert best(facts(held("1"), row(None), orders=(old,))).cause == "unexplained"


def test_l55_a_deal_on_another_symbol_or_ticket_proves_nothing() -> None:
    asked = facts(
        held("1", ticket="7"),
        row(None),
        mode="hedging",
        deals=(deal("d1", "-1", symbol="GBPUSD", ticket="7"), deal("d2", "-1", ticket="8")),
    )
    assert best(asked).cause == "unexplained"
    for ticket in ("7", None):
        right = facts(
            held("1", ticket="7"), row(None), mode="hedging", deals=(deal("d1", "-1", ticket=ticket, ours=False),)
        )
        assert best(right).cause == "manual_trade"


def test_l55_what_the_book_has_counted_proves_nothing() -> None:
    asked = facts(held("1"), row(None), deals=(deal("d1", "-1", counted=True),))
    assert best(asked).cause == "unexplained"
    assert examine(asked).rejected[0].why == "the book had counted it"


def test_l59_an_older_exit_of_the_same_symbol_is_not_todays_reason() -> None:
    """Yesterday's stop-out and today's unknown close are of one size. The list of deals has the older one again, in an
    answer that came today: by the broker's own clock it lies before the position was opened."""
    yesterday = deal("old", "-1", reason="stop", happened_at=stamp(10))
    asked = facts(held("1", opened_at=stamp(50)), row(None), deals=(yesterday,))
    done = examine(asked)
    assert done.proposals[0].cause == "unexplained"
    assert "older than the position itself" in done.rejected[0].why
    assert exit_reason(asked).reason == CLOSED_EXTERNALLY
    today = deal("new", "-1", reason="take_profit", happened_at=stamp(60))
    both = facts(held("1", opened_at=stamp(50)), row(None), deals=(yesterday, today))
    assert exit_reason(both).reason == "TAKE_PROFIT_HIT"
    assert best(both).executions == ("new",)
    assert not best(both).ambiguous


def test_l59_deals_from_before_the_agreement_set_the_brokers_clock() -> None:
    """What was known before both sides agreed carries a time of the broker's: nothing older explains what came after,
    even if an answer lists it for the first time today."""
    known = deal("d1", "2", AGREED - 30, counted=True, happened_at=stamp(40))
    late_row = deal("d0", "-1", happened_at=stamp(30))
    asked = facts(held("1"), row(None), deals=(known, late_row))
    assert best(asked).cause == "unexplained"
    assert "execution d1, which was known before" in examine(asked).rejected[1].why
    same_second = deal("d2", "-1", happened_at=stamp(40), ours=False)
    assert best(facts(held("1"), row(None), deals=(known, same_second))).cause == "manual_trade"


def test_l59_only_what_the_broker_said_before_the_agreement_sets_its_clock() -> None:
    """Neither a later deal that came after the agreement, nor a time that the process wrote down by its own clock."""
    first = deal("d1", "-1", 104, happened_at=stamp(50), ours=False)
    later = deal("d2", "5", 105, happened_at=stamp(70), ours=False)
    ours = fill("x1", "2", AGREED - 30, happened_at=stamp(90))
    found = best(facts(held("1"), row(None), deals=(ours, first, later)))
    assert (found.cause, found.executions) == ("manual_trade", ("d1",))


def test_l59_times_of_two_kinds_are_not_compared() -> None:
    for opened, happened in (("1767225600", stamp(10)), ("2026-01-01T03:00:50", stamp(10)), ("yesterday", stamp(10))):
        one = deal("d1", "-1", happened_at=happened, ours=False)
        assert best(facts(held("1", opened_at=opened), row(None), deals=(one,))).cause == "manual_trade"


def test_l59_a_deal_of_more_than_a_day_before_the_agreement_is_too_old_by_any_clock() -> None:
    for when in ("2025-12-30T00:00:00Z", "1767052800", "1767052800123", "2025-12-30"):
        one = deal("d1", "-1", happened_at=when, ours=False)
        asked = facts(held("1"), row(None), deals=(one,))
        assert best(asked).cause == "unexplained", when
        assert "more than a day older" in examine(asked).rejected[0].why
    unbounded = facts(
        held("1"), row(None), deals=(deal("d1", "-1", happened_at="2025-12-30", ours=False),), agreed=None
    )
    assert best(unbounded).cause == "manual_trade", "there is no agreement that it could be older than"


def test_l59_what_the_first_answer_on_fills_lists_is_of_no_known_age() -> None:
    """The first answer on fills is history: everything in it is heard of for the first time."""
    undated = deal("d1", "-1", history=True, reason="stop")
    asked = facts(held("1"), row(None), deals=(undated,))
    assert best(asked).cause == "unexplained"
    assert "nothing says how old it is" in examine(asked).rejected[0].why
    dated = deal("d1", "-1", history=True, reason="stop", happened_at=stamp(60))
    asked = facts(held("1", opened_at=stamp(50)), row(None), deals=(dated,))
    assert (best(asked).cause, best(asked).strength) == ("stop_hit", "possible")
    assert exit_reason(asked).reason == CLOSED_EXTERNALLY, "possible is not enough for a stored reason"


def test_l59_what_is_heard_of_long_afterwards_is_not_its_reason() -> None:
    policy = Policy.adopt(inferred_s_max=60)
    late = deal("d1", "-1", SEEN + 61, ours=False)
    assert best(facts(held("1"), row(None), deals=(late,), policy=policy)).cause == "unexplained"
    soon = deal("d1", "-1", SEEN + 60, ours=False)
    assert best(facts(held("1"), row(None), deals=(soon,), policy=policy)).cause == "manual_trade"


def test_l16_the_bound_allows_for_the_answers_staleness() -> None:
    """The answer on which both sides agreed may have been two seconds old: a deal of just before it still counts."""
    for at, cause in ((AGREED - 2, "manual_trade"), (AGREED - 3, "unexplained")):
        assert best(facts(held("1"), row(None), deals=(deal("d1", "-1", at, ours=False),))).cause == cause
