"""Does an execution, or a whole position, do to a key exactly what arithmetic and its source say?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lessons.world import NEW_YEAR_NS, World, deal, fill, held, pending, row
from trueup import EXTERNAL, Policy
from trueup.decisions import RecordRefused
from trueup.facts import PositionRecorded
from trueup.model import Execution, Holding, Moment, Stop, exact
from trueup.reconciliation.fills import (
    INFERRED_PER_KEY_MAX,
    PRICE_SCALE_EXTRA,
    apply_execution,
    average_price,
    infer,
    older_than,
    set_position,
)
from trueup.reconciliation.state import Inferred, Slot

Worlds = Callable[..., World]
NOW = Moment(NEW_YEAR_NS, 1_000, 1)
LONG_AGO = 10**18


def run(executions: Sequence[Execution], slot: Slot | None = None) -> Slot | None:
    for position, execution in enumerate(executions, start=5):
        applied = apply_execution(
            slot, execution, at=NOW, position=position, order_position=None, inferred_ns_max=LONG_AGO
        )
        slot = applied.slot
    return slot


def one(quantity: str, price: str | None = "1") -> Execution:
    return deal("x", "EURUSD", quantity, price)


@pytest.mark.parametrize(
    ("trades", "quantity", "price"),
    [
        ([("1", "1.1")], "1", "1.1"),
        ([("-1", "1.1")], "-1", "1.1"),
        ([("1", "1.1"), ("1", "1.2")], "2", "1.15"),
        ([("-1", "1.1"), ("-3", "1.2")], "-4", "1.175"),
        ([("3", "1.1"), ("-1", "1.9")], "2", "1.1"),
        ([("-3", "1.1"), ("1", "0.5")], "-2", "1.1"),
        ([("3", "1.1"), ("-3", "1.9")], None, None),
        ([("1", "1.1"), ("-3", "1.9")], "-2", "1.9"),
        ([("-1", "1.1"), ("3", "1.9")], "2", "1.9"),
        ([("1", "1.1"), ("-1", "1.2"), ("2", "1.3")], "2", "1.3"),
        ([("1", "1.1"), ("1", None)], "2", None),
        ([("1", None), ("1", "1.1")], "2", None),
        ([("2", None), ("-1", "1.1")], "1", None),
        ([("2", None), ("-3", "1.1")], "-1", "1.1"),
        ([("1", "-37.63"), ("1", "-37.65")], "2", "-37.64"),
        ([("1", "1"), ("2", "2")], "3", "1.666667"),
        ([("0.1", "1"), ("0.2", "1")], "0.3", "1"),
    ],
)
def test_netting_by_average_cost(trades: list[tuple[str, str | None]], quantity: str | None, price: str | None) -> None:
    slot = run([one(*trade) for trade in trades])
    assert slot is not None
    if quantity is None:
        assert slot.holding is None
        assert slot.before is not None, "what was held is remembered, should the close have been wrong"
        return
    assert slot.holding is not None
    assert str(slot.holding.signed_quantity) == quantity
    assert slot.holding.price == (None if price is None else Decimal(price))
    assert slot.source == slot.holding.source == "fill"
    assert slot.changed == NOW


amounts = st.decimals(min_value="0.00000001", max_value=10**9, places=8)
prices = st.decimals(min_value="-10000", max_value=10**6, places=5)


@given(prices, amounts, prices, amounts, st.booleans(), st.integers(3, 40))
def test_an_average_is_right_to_half_its_last_digit(
    a: Decimal, x: Decimal, b: Decimal, y: Decimal, short: bool, precision: int
) -> None:
    """Held against fractions: whatever the context, both prices to five digits, the average to six more."""
    if short:
        x, y = -x, -y
    with localcontext(prec=precision):
        average = average_price(a, x, b, y)
    assert average is not None
    true = (Fraction(a) * Fraction(x) + Fraction(b) * Fraction(y)) / (Fraction(x) + Fraction(y))
    digits = 5 + PRICE_SCALE_EXTRA
    assert abs(Fraction(average) - true) <= Fraction(1, 2 * 10**digits)
    assert min(a, b) <= average <= max(a, b)
    assert -int(average.as_tuple().exponent) <= digits


def test_a_coarse_price_does_not_make_a_coarse_average() -> None:
    assert average_price(Decimal("1E+2"), Decimal(1), Decimal(101), Decimal(2)) == Decimal("100.666667")
    assert average_price(Decimal("1.1"), Decimal(1), Decimal("1.23456"), Decimal(2)) == Decimal("1.18970666667")


def test_an_average_stays_within_what_a_number_may_be() -> None:
    """Of the finest prices that there are, too: it must be taken when it comes back (L43)."""
    finest = average_price(Decimal("1e-18"), Decimal(1), Decimal("2e-18"), Decimal(2))
    assert finest == Decimal("2e-18")
    assert exact(finest) == finest


signed_amounts = st.decimals(min_value=-1000, max_value=1000, places=3).filter(bool)


@given(st.lists(signed_amounts, max_size=12))
def test_the_quantity_is_the_sum_and_never_zero(quantities: list[Decimal]) -> None:
    slot = run([one(str(quantity)) for quantity in quantities])
    total = sum(map(Fraction, quantities), Fraction(0))
    if not total:
        assert slot is None or slot.holding is None
    else:
        assert slot is not None
        assert slot.holding is not None
        assert Fraction(slot.holding.signed_quantity) == total


# -- what was inferred -------------------------------------------------------------------------------------


def inferring(*remaining: str, asked_position: int = 10, tick: int = 0) -> Slot:
    """A key, long 10, of which these parts were inferred by corrections c0, c1, …"""
    inferred = tuple(
        Inferred(f"c{n}", Decimal(part), Moment(NEW_YEAR_NS, tick, 1), asked_position)
        for n, part in enumerate(remaining)
    )
    return Slot(Holding("EURUSD", Decimal(10), price=Decimal(1), source="fill"), NOW, 3, "fill", inferred)


@pytest.mark.parametrize(
    ("inferred", "fill_", "moved", "consumed", "left"),
    [
        (["2"], "1", "0", [("c0", 1)], [1]),
        (["2"], "2", "0", [("c0", 2)], []),
        (["2"], "3", "1", [("c0", 2)], []),
        (["1", "2"], "2", "0", [("c0", 1), ("c1", 1)], [1]),
        (["1", "2"], "5", "2", [("c0", 1), ("c1", 2)], []),
        (["-1", "2"], "1", "0", [("c1", 1)], [-1, 1]),
        (["2"], "-1", "-1", [], [2]),
        (["-2"], "-1", "0", [("c0", -1)], [-1]),
        (["-2"], "-3", "-1", [("c0", -2)], []),
        (["2", "2"], "2", "0", [("c0", 2)], [2]),
    ],
)
def test_a_fill_first_consumes_what_was_inferred_its_way_oldest_first(
    inferred: list[str], fill_: str, moved: str, consumed: list[tuple[str, int]], left: list[int]
) -> None:
    applied = apply_execution(
        inferring(*inferred), one(fill_), at=NOW, position=20, order_position=None, inferred_ns_max=LONG_AGO
    )
    assert applied.moved == Decimal(moved)
    assert list(applied.consumed) == consumed
    assert [entry.remaining for entry in applied.slot.inferred] == left
    assert applied.slot.holding is not None
    assert applied.slot.holding.signed_quantity == 10 + Decimal(moved)


@pytest.mark.parametrize(("order_position", "moved"), [(None, 0), (9, 0), (10, 0), (11, 1)])
def test_an_order_recorded_after_the_question_consumes_nothing(order_position: int | None, moved: int) -> None:
    applied = apply_execution(
        inferring("1"), one("1"), at=NOW, position=20, order_position=order_position, inferred_ns_max=LONG_AGO
    )
    assert applied.moved == moved
    assert len(applied.slot.inferred) == moved, "and what was inferred goes on waiting"


@pytest.mark.parametrize(("limit", "moved"), [(999, 1), (1_000, 0), (1_001, 0)])
def test_an_inference_waits_its_time_and_no_longer(limit: int, moved: int) -> None:
    applied = apply_execution(inferring("1"), one("1"), at=NOW, position=20, order_position=None, inferred_ns_max=limit)
    assert applied.moved == moved
    assert applied.slot.inferred == ()


def test_inferences_are_bounded_and_the_oldest_give_way() -> None:
    kept: tuple[Inferred, ...] = ()
    for n in range(INFERRED_PER_KEY_MAX + 5):
        kept = infer(kept, Inferred(f"c{n}", Decimal(1), NOW, 0))
    assert len(kept) == INFERRED_PER_KEY_MAX
    assert (kept[0].correction_id, kept[-1].correction_id) == ("c5", f"c{INFERRED_PER_KEY_MAX + 4}")


def test_a_consumed_fill_does_not_undo_the_mark_of_a_wrong_close() -> None:
    """A ghost was closed; the closing fill that it had inferred arrives. The ghost's correction stays the one that
    closed it, so that a return is still recognised as its undoing; a fill that moves the key takes that over."""
    closed = Slot(
        None, NOW, 3, "fill", (Inferred("g", Decimal(-1), NOW, 10),), (NOW,), Holding("EURUSD", Decimal(1)), "g"
    )
    explained = run([one("-1")], closed)
    assert explained is not None
    assert (explained.holding, explained.closed_by, explained.inferred) == (None, "g", ())
    assert explained.before == Holding("EURUSD", Decimal(1))
    moved = run([one("2", "3")], closed)
    assert moved is not None
    assert moved.closed_by is None
    assert moved.holding is not None
    assert moved.holding.signed_quantity == 2


# -- owners ------------------------------------------------------------------------------------------------


def test_a_fill_names_owner_and_ticket_where_nobody_had() -> None:
    start = Slot(Holding("EURUSD", Decimal(1), ticket=None, strategy=EXTERNAL), NOW, 3)
    slot = run(
        [deal("x", "EURUSD", "1", strategy="trend", ticket="7"), deal("y", "EURUSD", "1", strategy="other")], start
    )
    assert slot is not None
    assert slot.holding is not None
    assert (slot.holding.strategy, slot.holding.ticket) == ("trend", "7")


@pytest.mark.parametrize(
    ("before", "strategy", "ticket", "after"),
    [
        ((EXTERNAL, "7", "fill"), "trend", "7", ("trend", "7", "fill")),
        ((EXTERNAL, "7", "fill"), None, "7", (EXTERNAL, "7", "fill")),
        (("trend", None, "fill"), "trend", "7", ("trend", "7", "fill")),
        (("trend", "7", None), "other", "8", ("trend", "7", "fill")),
        (("trend", "7", "fill"), "other", "8", ("trend", "7", "fill")),
    ],
)
def test_each_of_owner_ticket_and_source_is_learnt_by_itself(
    before: tuple[str, str | None, str | None], strategy: str | None, ticket: str, after: tuple[str, str, str]
) -> None:
    start = Slot(Holding("EURUSD", Decimal(1), before[1], strategy=before[0], source=before[2]), NOW, 3)  # type: ignore[arg-type]
    slot = run([deal("x", "EURUSD", "1", strategy=strategy, ticket=ticket)], start)
    assert slot is not None
    assert slot.holding is not None
    assert (slot.holding.strategy, slot.holding.ticket, slot.holding.source) == after


def test_a_new_position_takes_everything_from_its_fill() -> None:
    slot = run([deal("x", "EURUSD", "1", "1.1", strategy="trend", ticket="7", order_id="o", happened_at="then")])
    assert slot is not None
    assert slot.holding == Holding("EURUSD", Decimal(1), "7", Decimal("1.1"), None, "trend", "fill", "then")
    assert slot.order_id == "o"


# -- age ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("happened_at", "old"),
    [
        (None, False),
        ("yesterday", False),
        ("", False),
        ("2025-12-02T00:00:00+00:00", False),
        ("2025-12-01T23:59:59.999999+00:00", True),
        ("2025-12-02T00:00:00", False),
        ("2025-12-01T23:59:59", True),
        ("2025-12-02T03:00:00+03:00", False),
        ("2025-12-02T02:59:59+03:00", True),
        ("2030-01-01T00:00:00+00:00", False),
    ],
)
def test_an_execution_is_too_old_by_days_and_by_its_own_word(happened_at: str | None, old: bool) -> None:
    assert older_than(deal("x", "EURUSD", "1", happened_at=happened_at), NOW, 30) is old


def test_what_is_too_old_to_be_known_again_is_refused_and_told(world: Worlds) -> None:
    w = world(held("USDJPY", "1"), policy=Policy.adopt(fill_window_days_max=1))
    w.deals()
    old = "2025-12-30T00:00:00+00:00"
    w.deals(deal("x1", "EURUSD", "1", happened_at=old), deal("x2", "EURUSD", "2", happened_at="2025-12-31T12:00:00"))
    w.record(fill("x3", "EURUSD", "5", at=None))
    assert w.book == {"EURUSD": "7", "USDJPY": "1"}
    refused = [event for event in w.events(RecordRefused) if isinstance(event, RecordRefused)]
    why = "it is older than execution ids are remembered for"
    assert [(event.what, event.why) for event in refused] == [("execution x1", why)]


# -- whole positions ---------------------------------------------------------------------------------------


def recorded(quantity: str, **more: object) -> PositionRecorded:
    side = "sell" if quantity.startswith("-") else "buy"
    return PositionRecorded(NOW, symbol="EURUSD", signed_quantity=Decimal(quantity), side=side, **more)  # type: ignore[arg-type]


SET = Slot(Holding("EURUSD", Decimal(2), "7", Decimal("1.1"), Stop(Decimal(1)), "trend", "set", "then"), NOW, 3, "set")


@pytest.mark.parametrize(
    ("fact", "after"),
    [
        (recorded("2"), SET.holding),
        (recorded("1"), Holding("EURUSD", Decimal(1), "7", Decimal("1.1"), Stop(Decimal(1)), "trend", "set", "then")),
        (recorded("3"), Holding("EURUSD", Decimal(3), "7", None, Stop(Decimal(1)), "trend", "set", "then")),
        (recorded("-2"), Holding("EURUSD", Decimal(-2), "7", None, Stop(Decimal(1)), "trend", "set", "then")),
        (
            recorded("3", price=Decimal("1.2"), strategy="other", stop=Stop(None), ticket="8"),
            Holding("EURUSD", Decimal(3), "8", Decimal("1.2"), Stop(None), "other", "set", "then"),
        ),
        (recorded("0"), None),
    ],
)
def test_a_whole_position_says_what_is_held(fact: PositionRecorded, after: Holding | None) -> None:
    """What a record leaves out stays; a price that can no longer be the average is unknown, not kept (L36)."""
    slot, refused = set_position(SET, fact, position=9)
    assert refused is None
    assert slot.holding == after
    assert (slot.source, slot.position) == ("set", 9)
    if after is None:
        assert slot.before == SET.holding
        again, _ = set_position(slot, fact, position=10)
        assert again.before == SET.holding, "closed twice, it is still known what was closed"


def test_l15_a_book_that_lives_elsewhere_takes_over_what_fills_had_moved() -> None:
    """What the fills had told of it (whose it is, since when) stays; what was inferred of it is over."""
    assert SET.holding is not None
    moved = replace(SET, source="fill", holding=replace(SET.holding, source="fill"))
    slot, refused = set_position(moved, recorded("2", from_book=True), position=9)
    assert (refused, slot.source, slot.holding) == (None, "set", SET.holding)
    gone, refused = set_position(moved, recorded("0", from_book=True), position=9)
    assert (refused, gone.holding, gone.inferred) == (None, None, ())
    assert gone.before == replace(SET.holding, source=None), "what was closed is known"
    kept, refused = set_position(moved, recorded("3"), position=9)
    assert kept.holding == moved.holding
    assert refused == (
        "EURUSD is moved by fills, which make it 2; the recorded quantity 3 was kept as history only "
        "(one source per quantity)"
    )


def test_a_first_record_makes_the_source() -> None:
    slot, refused = set_position(None, recorded("-1", happened_at="now"), position=9)
    assert refused is None
    assert slot.holding == Holding("EURUSD", Decimal(-1), source="set", opened_at="now")
    adopted = Slot(Holding("EURUSD", Decimal(1), price=Decimal(2)), NOW, 3)
    slot, refused = set_position(adopted, recorded("1"), position=9)
    assert (slot.source, refused) == ("set", None)
    assert slot.holding == Holding("EURUSD", Decimal(1), price=Decimal(2), source="set")


def test_a_whole_position_on_a_key_that_fills_move_describes_and_does_not_move() -> None:
    filled = Slot(Holding("EURUSD", Decimal(2), price=Decimal("1.1"), source="fill"), NOW, 3, "fill")
    same, refused = set_position(filled, recorded("2", price=Decimal(9), stop=Stop(Decimal(1)), ticket="7"), position=9)
    assert refused is None
    assert same.holding == Holding("EURUSD", Decimal(2), "7", Decimal("1.1"), Stop(Decimal(1)), source="fill")
    other, refused = set_position(filled, recorded("0"), position=9)
    assert refused is not None
    assert "make it 2; the recorded quantity 0 was kept as history only" in refused
    assert other.holding == filled.holding
    closed = Slot(None, NOW, 3, "fill", before=filled.holding)
    assert set_position(closed, recorded("0"), position=9) == (closed, None)
    assert set_position(closed, recorded("1"), position=9)[1] is not None


def test_a_set_key_that_is_closed_takes_a_fill_as_history_only(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("EURUSD", "0"))
    w.record(fill("x1", "EURUSD", "1"))
    assert w.book == {}
    w.deals()
    assert [type(decision).__name__ for decision in w.deals(deal("x2", "EURUSD", "1"))] == []
    assert w.book == {}


def test_many_days_turn_the_memory_of_executions_and_the_last_window_is_kept(world: Worlds) -> None:
    """Ids are remembered for at least the window, whatever happens in between."""
    w = world(fill("x1", "EURUSD", "1"), policy=Policy.adopt(fill_window_days_max=1))
    for day in range(1, 5):
        w.passes(s=86_400 + 1)
        w.record(fill(f"y{day}", "EURUSD", "1"))
        w.record(fill(f"y{day}", "EURUSD", "1"))
    assert w.book == {"EURUSD": "5"}
    w.passes(s=86_000)
    w.record(fill("y4", "EURUSD", "1"))
    assert w.book == {"EURUSD": "5"}


def test_a_fill_that_consumes_in_part_and_crosses_zero(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1", "1.1"), pending("c9", "USDJPY"))
    w.sees(row("EURUSD", "-1", price="1.2"), times=2)
    assert w.book == {"EURUSD": "-1"}
    w.record(fill("x2", "EURUSD", "-3", "1.3"))
    assert w.book == {"EURUSD": "-2"}, "two of the three were inferred"
