"""How one order merges from several sources, in any order and more than once."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from trueup.model import TRANSIENT, BrokerOrder, OrderStatus
from trueup.orders import (
    RANK,
    BookOrder,
    adopted_order,
    changed_terms,
    compare_order,
    joined_filled,
    joined_status,
    merged,
    protects,
    said_order,
    settled_status,
    with_fill,
    with_terms,
)
from trueup.policy import Policy

ONE = Decimal(1)
PLAIN = Policy.adopt()


def book(**fields) -> BookOrder:
    return replace(BookOrder("c1", "EURUSD", "buy", "limit", Decimal(2), OrderStatus.PENDING), **fields)


def row(**fields) -> BrokerOrder:
    return replace(BrokerOrder("EURUSD", "buy", "limit", Decimal(2), OrderStatus.ACCEPTED), **fields)


@pytest.mark.parametrize("known", OrderStatus)
@pytest.mark.parametrize("said", OrderStatus)
def test_l19_a_status_never_falls_back_and_filled_outranks_every_end(known: OrderStatus, said: OrderStatus) -> None:
    joined = joined_status(known, said)
    assert joined in (known, said)
    if known is OrderStatus.FILLED:
        assert joined is OrderStatus.FILLED
    if said is OrderStatus.FILLED:
        assert joined is OrderStatus.FILLED
    if said is OrderStatus.UNKNOWN or said in TRANSIENT:
        assert joined is known, "a word that decides nothing changes nothing (L23, L41)"


@given(st.lists(st.sampled_from(sorted(RANK, key=lambda s: s.value)), min_size=1, max_size=4))
def test_l19_messages_in_any_order_come_to_the_same_rank(words: list[OrderStatus]) -> None:
    ends = set()
    for order in itertools.permutations(words):
        status = OrderStatus.SCHEDULED
        for word in order:
            status = joined_status(status, word)
        ends.add(RANK[status])
    assert len(ends) == 1


def test_l19_a_late_partial_fill_message_does_not_reopen_a_filled_order() -> None:
    filled = merged(book(), row(status=OrderStatus.FILLED, filled=Decimal(2), order_id="9"))
    late = merged(filled, row(status=OrderStatus.PARTIALLY_FILLED, filled=ONE))
    assert late.status is OrderStatus.FILLED
    assert late.filled == 2
    assert late.order_id == "9"
    assert not late.is_open
    assert late.remaining == 0


def test_l17_a_fill_after_the_end_counts_and_a_covering_one_makes_it_filled() -> None:
    canceled = book(status=OrderStatus.CANCELED)
    partly = with_fill(canceled, ONE)
    assert (partly.status, partly.filled, partly.remaining) == (OrderStatus.CANCELED, 1, 1)
    assert with_fill(partly, Decimal(2)).status is OrderStatus.FILLED


def test_l18_an_overfill_is_seen_in_the_filled_quantity_and_nothing_remains() -> None:
    over = with_fill(book(), Decimal(3))
    assert (over.status, over.filled, over.remaining) == (OrderStatus.FILLED, 3, 0)


def test_fills_move_an_open_order_to_partially_filled_and_leave_an_ended_one() -> None:
    assert settled_status(OrderStatus.PENDING, ONE, Decimal(2)) is OrderStatus.PARTIALLY_FILLED
    assert settled_status(OrderStatus.REJECTED, ONE, Decimal(2)) is OrderStatus.REJECTED
    assert settled_status(OrderStatus.ACCEPTED, Decimal(0), Decimal(2)) is OrderStatus.ACCEPTED


def test_cumulative_filled_joins_by_maximum_and_silence_is_no_zero() -> None:
    assert joined_filled(ONE, None) == 1
    assert joined_filled(ONE, Decimal(0)) == 1
    assert joined_filled(ONE, Decimal(2)) == 2


def test_l41_an_unknown_status_is_kept_as_a_word_and_changes_nothing() -> None:
    known = merged(book(), row(status=OrderStatus.UNKNOWN, raw_status="HELD_FOR_REVIEW"))
    assert known.status is OrderStatus.PENDING
    assert known.raw_status == "HELD_FOR_REVIEW"
    assert compare_order(book(), row(status=OrderStatus.UNKNOWN), PLAIN) == ()


def test_every_differing_field_is_one_difference_in_order() -> None:
    ours = book(limit=Decimal("1.05"), stop=Decimal("1.01"), filled=ONE)
    theirs = row(
        side="sell", quantity=Decimal(3), filled=Decimal(0), limit=Decimal("1.06"), stop=Decimal("1.0100"),
    )  # fmt: skip
    assert [(one.kind, one.field, one.book, one.broker) for one in compare_order(ours, theirs, PLAIN)] == [
        ("drift", "filled", "1", "0"),
        ("drift", "limit", "1.05", "1.06"),
        ("drift", "quantity", "2", "3"),
        ("drift", "side", "buy", "sell"),
        ("drift", "status", "pending", "accepted"),
    ]
    assert [one.field for one in changed_terms(ours, theirs, PLAIN)] == ["limit", "quantity", "side"]


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [
        ({"type": "limit"}, {"type": "stop"}, [("type", "limit", "stop")]),
        ({"type": "limit"}, {"type": "iceberg"}, []),
        ({"type": "LMT"}, {"type": "limit"}, []),
        ({"reduce_only": True}, {"reduce_only": False}, [("reduce_only", "yes", "no")]),
        ({"reduce_only": False}, {"reduce_only": True}, []),
        ({"reduce_only": None}, {"reduce_only": True}, []),
        ({"reduce_only": True}, {"reduce_only": None}, []),
        ({"reduce_only": True}, {"reduce_only": True}, []),
    ],
)
def test_types_and_reduce_only_compare_where_both_sides_say_what_we_know(
    ours: dict[str, object], theirs: dict[str, object], found: list[tuple[str, str, str]]
) -> None:
    """A stop that may open what it was to close is not the order that was meant. One of which the broker infers that it
    only reduces is."""
    mine, other = book(**ours), row(status=OrderStatus.PENDING, **theirs)
    drifts = compare_order(mine, other, PLAIN)
    assert [(one.field, one.book, one.broker) for one in drifts] == found
    assert changed_terms(mine, other, PLAIN) == drifts
    corrected = with_terms(mine, other, {one.field for one in drifts})
    assert compare_order(corrected, other, PLAIN) == ()


def test_what_a_side_does_not_report_is_not_compared() -> None:
    assert compare_order(book(status=OrderStatus.ACCEPTED, limit=ONE, filled=ONE), row(stop=ONE), PLAIN) == ()


def test_prices_of_orders_compare_as_those_of_positions_do() -> None:
    ours, theirs = book(limit=Decimal("1.0543")), row(limit=Decimal("1.05432"), status=OrderStatus.PENDING)
    assert compare_order(ours, theirs, PLAIN) == (), "the book reports four decimals, and in those they are one"
    near = row(limit=Decimal("1.0544"), status=OrderStatus.PENDING)
    assert [(one.book, one.broker) for one in compare_order(ours, near, PLAIN)] == [("1.0543", "1.0544")]
    assert compare_order(ours, near, Policy.adopt(price_tolerance={"EURUSD": "0.0001"})) == ()
    assert len(changed_terms(ours, near, Policy.adopt(price_tolerance={"XAUUSD": "9"}))) == 1
    far = row(stop=Decimal("1.3"), status=OrderStatus.PENDING)
    coarse = Policy.adopt(price_tolerance={"*": "0.2"})
    assert compare_order(book(stop=Decimal("1.1")), far, coarse) == ()
    assert [one.field for one in compare_order(book(stop=Decimal("1.0999")), far, coarse)] == ["stop"]


@pytest.mark.parametrize("field", ["quantity", "filled"])
def test_l37_quantities_of_orders_are_exact_unless_the_policy_tolerates(field: str) -> None:
    ours = book(**{field: Decimal("1.001")})
    theirs = row(**{field: ONE}, status=OrderStatus.PENDING)
    assert [(one.field, one.book, one.broker) for one in compare_order(ours, theirs, PLAIN)] == [(field, "1.001", "1")]
    assert compare_order(ours, theirs, Policy.adopt(quantity_tolerance={"EURUSD": "0.001"})) == ()
    assert len(compare_order(ours, theirs, Policy.adopt(quantity_tolerance={"EURUSD": "0.0009", "*": "1"}))) == 1


def test_replaced_terms_are_taken_over_field_by_field() -> None:
    theirs = row(side="sell", quantity=Decimal(3), limit=ONE, stop=Decimal(2))
    assert with_terms(book(), theirs, {"limit"}) == book(limit=ONE)
    all_of_it = with_terms(book(), theirs, {"side", "quantity", "limit", "stop"})
    assert (all_of_it.side, all_of_it.quantity, all_of_it.limit, all_of_it.stop) == ("sell", 3, 1, 2)


def test_an_adopted_order_is_the_brokers_word_with_an_owner() -> None:
    taken = adopted_order(row(order_id="9", filled=ONE, limit=ONE), "adopted-9", "external")
    assert (taken.client_order_id, taken.order_id, taken.filled, taken.strategy) == ("adopted-9", "9", 1, "external")
    assert compare_order(taken, row(order_id="9", filled=ONE, limit=ONE), PLAIN) == ()


def test_an_order_is_said_with_its_level() -> None:
    assert said_order(book(limit=Decimal("1.0500"))) == "buy 2 limit at 1.05"
    assert said_order(row(type="stop", stop=ONE)) == "buy 2 stop at 1"
    assert said_order(row(type="market")) == "buy 2 market"


@pytest.mark.parametrize(
    ("side", "kind", "quantity", "position", "guards"),
    [
        ("sell", "stop", "1", "1", True),
        ("sell", "stop", "2", "1", False),
        ("buy", "stop", "1", "1", False),
        ("buy", "stop_limit", "1", "-1", True),
        ("sell", "limit", "1", "1", False),
    ],
)
def test_l26_a_stop_on_the_other_side_of_a_position_guards_it(side, kind, quantity, position, guards) -> None:
    order = row(side=side, type=kind, quantity=Decimal(quantity))
    assert protects(order, Decimal(position)) is guards
    assert protects(row(side="sell", type="market", quantity=ONE, stop=ONE), ONE), "a stop price makes it a stop"


def test_l36_an_average_price_is_the_brokers_where_it_has_one_and_is_never_lost() -> None:
    priced, silent = row(filled=ONE, average_price=Decimal("1.2")), row(filled=ONE)
    assert merged(book(), priced).average_price == Decimal("1.2")
    assert merged(book(average_price=Decimal("1.1")), priced).average_price == Decimal("1.2")
    assert merged(book(average_price=Decimal("1.1")), silent).average_price == Decimal("1.1")
    assert merged(book(), silent).average_price is None


def test_ids_that_an_order_has_stay_and_those_it_lacks_are_learnt() -> None:
    theirs = row(order_id="9", ticket="7")
    known = merged(book(), theirs)
    assert (known.order_id, known.ticket) == ("9", "7")
    kept = merged(book(order_id="8", ticket="6"), theirs)
    assert (kept.order_id, kept.ticket) == ("8", "6")
    assert merged(book(raw_status="HELD"), theirs).raw_status == "HELD", "the last word that nobody knew"


def test_l53_an_order_that_is_adopted_keeps_all_that_the_broker_says_of_it() -> None:
    theirs = row(
        type="stop", quantity=Decimal(3), status=OrderStatus.UNKNOWN, raw_status="HELD", order_id="9", filled=ONE,
        average_price=Decimal("1.2"), limit=Decimal("1.1"), stop=Decimal("1.3"), reduce_only=True, ticket="7",
        side="sell", client_order_id="theirs", strategy="others",
    )  # fmt: skip
    assert adopted_order(theirs, "c9", "trend") == BookOrder(
        "c9", "EURUSD", "sell", "stop", Decimal(3), OrderStatus.UNKNOWN, raw_status="HELD", order_id="9", filled=ONE,
        average_price=Decimal("1.2"), limit=Decimal("1.1"), stop=Decimal("1.3"), reduce_only=True, strategy="trend",
        ticket="7",
    )  # fmt: skip
    assert adopted_order(row(filled=None), "c9", "trend").filled == 0
