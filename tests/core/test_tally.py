"""Are profit and loss what the executions say, first in, first out, and the same after a crash?"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lessons.world import World, deal, fill, held, order_row, row
from trueup import Instrument, Policy
from trueup.breaker import BreakerStatus, breaker_of
from trueup.model import Execution
from trueup.reconciliation.saved import load, save
from trueup.tally import DAY_NS, LOTS_PER_KEY_MAX, NOTED_MAX, DraftTally, Lots, Money, Tally, reckoned

Worlds = Callable[..., World]
D = Decimal


def now(w: World) -> BreakerStatus:
    return breaker_of(w.state, w.clock.wall)


def tallied(tally: Tally, execution: Execution, at_ns: int = 0) -> Tally:
    """The tally after one execution, of which only the fills know."""
    draft = DraftTally(tally)
    draft.add("DAX", None, execution, Policy.adopt(), at_ns, awaited=True)
    return reckoned(draft.sealed())


def today(w: World) -> str:
    return str(now(w).realised_today.get("", D(0)))


@given(st.lists(st.tuples(st.sampled_from([-3, -2, -1, 1, 2, 3]), st.integers(1, 5)), max_size=25))
def test_it_is_first_in_first_out(moves: list[tuple[int, int]]) -> None:
    """An oracle that knows nothing of lots: each unit by itself, in a queue."""
    tally = Tally()
    queue: deque[tuple[int, int]] = deque()
    realised, peak, worst = 0, 0, 0
    for n, (move, price) in enumerate(moves):
        execution = Execution(f"x{n}", "DAX", D(move), D(price))
        tally = tallied(tally, execution)
        for _ in range(abs(move)):
            sign = 1 if move > 0 else -1
            if queue and queue[0][0] != sign:
                _, entry = queue.popleft()
                realised += (price - entry) * -sign
            else:
                queue.append((sign, price))
        peak = max(peak, realised)
        worst = max(worst, peak - realised)
    assert tally.open.get("DAX", Lots()).total == sum(sign for sign, _ in queue)
    assert sum((lot.quantity for lot in tally.open.get("DAX", Lots()).lots), D(0)) == sum(sign for sign, _ in queue)
    money = tally.money.get("", Money())
    assert (money.total, money.peak, money.worst) == (realised, peak, worst)


@given(st.lists(st.tuples(st.sampled_from([-2, -1, 1, 2]), st.integers(1, 5)), max_size=200), st.integers(1, 7))
def test_when_it_is_reckoned_makes_no_difference(moves: list[tuple[int, int]], size: int) -> None:
    """One fold of everything, or one for each fill, or some at a time: the very same tally, noted and reckoned."""
    at_once, policy = DraftTally(Tally()), Policy.adopt()
    some, each = Tally(), Tally()
    executions = [Execution(f"x{n}", "DAX", D(move), D(price)) for n, (move, price) in enumerate(moves)]
    for execution in executions:
        at_once.add("DAX", None, execution, policy, 0, awaited=True)
        draft = DraftTally(each)
        draft.add("DAX", None, execution, policy, 0, awaited=True)
        each = draft.sealed()
    for start in range(0, len(executions), size):
        draft = DraftTally(some)
        for execution in executions[start : start + size]:
            draft.add("DAX", None, execution, policy, 0, awaited=True)
        some = draft.sealed()
    assert at_once.sealed() == each == some
    assert len(each.noted) < NOTED_MAX
    assert reckoned(each).noted == ()


def test_a_day_with_wins_losses_and_fees(world: Worlds) -> None:
    w = world()
    w.record(fill("a1", "DAX", "2", "100", fee="1"), fill("a2", "DAX", "-2", "110", fee="1"))
    assert (today(w), now(w).consecutive_losses) == ("18", 0)
    w.record(fill("b1", "FTSE", "-1", "50"), fill("b2", "FTSE", "1", "55"))
    w.record(fill("c1", "DAX", "1", "100"), fill("c2", "DAX", "-1", "99"))
    found = now(w)
    assert (today(w), found.consecutive_losses) == ("12", 2)
    assert found.drawdown == {"": D(6)}
    w.record(fill("d1", "DAX", "1", "100"), fill("d2", "DAX", "-1", "107"))
    found = now(w)
    assert (found.consecutive_losses, found.drawdown, found.drawdown_deepest) == (0, {"": D(0)}, {"": D(6)})
    w.passes(s=86_400)
    assert now(w).realised_today == {}, "another day has begun, though nothing was done in it"
    assert now(w).realised_total == {"": D(19)}
    w.record(fill("e1", "DAX", "1", "100", fee="0.5"))
    assert today(w) == "-0.5"


def test_a_round_trip_in_parts_is_one_win_or_loss(world: Worlds) -> None:
    w = world()
    w.record(fill("a1", "DAX", "3", "100"), fill("a2", "DAX", "-1", "90"), fill("a3", "DAX", "-1", "80"))
    assert now(w).consecutive_losses == 0, "it is not over"
    w.record(fill("a4", "DAX", "-1", "150"))
    assert (today(w), now(w).consecutive_losses) == ("20", 0)


def test_it_is_the_same_after_a_crash(world: Worlds) -> None:
    w = world()
    w.record(fill("a1", "DAX", "2", "100", fee="1"), fill("a2", "DAX", "-1", "90"), fill("b1", "FTSE", "1", "7"))
    w.record(fill("b2", "FTSE", "-1", "6"))
    before = now(w)
    assert before.consecutive_losses == 1
    w.restart()
    assert now(w) == before
    assert load(save(w.state)).tally == w.state.tally
    w.record(fill("a2", "DAX", "-1", "90"))
    assert now(w) == before, "a fill that is told of again counts once"


def test_currencies_are_never_added(world: Worlds) -> None:
    instruments = {
        "EURUSD": Instrument(contract_size=D(100_000), currency="USD"),
        "DAX": Instrument(currency="EUR"),
    }
    w = world(policy=Policy.adopt(instruments=instruments))
    w.record(fill("a1", "EURUSD", "0.1", "1.05", fee="3", fee_asset="EUR"), fill("a2", "EURUSD", "-0.1", "1.06"))
    w.record(fill("b1", "DAX", "1", "100"))
    found = now(w)
    assert found.realised_today == {"EUR": D(-3), "USD": D(100)}
    assert str(found.realised_today["USD"]) == "100"
    assert found.open_exposure == {"EUR": D(100)}


def test_what_was_adopted_is_reckoned_from_the_brokers_price(world: Worlds) -> None:
    w = world()
    w.sees(row("DAX", "2", price="100"))
    w.record(fill("a1", "DAX", "1", "104"), fill("a2", "DAX", "-3", "106"))
    # The baseline had inferred the first fill, which counts once: 1 of the 2 was at 104, the older one at 100.
    assert w.book == {"DAX": "-1"}
    assert today(w) == "8"


def test_at_an_unknown_price_nothing_is_valued(world: Worlds) -> None:
    w = world()
    w.sees(row("DAX", "2"))
    w.record(fill("a1", "DAX", "-2", "106"))
    assert (now(w).realised_today, now(w).unpriced) == ({}, 1)
    w.deals()
    w.deals(deal("a2", "FTSE", "1", None))
    w.deals(deal("a3", "FTSE", "-1", "5"))
    assert (now(w).realised_today, now(w).unpriced) == ({}, 2)
    w.record(fill("b1", "NKY", "1", "3"))
    w.sees(row("NKY", "1"), row("CAC", "1"), times=3)
    assert (now(w).open_exposure, now(w).unpriced) == ({"": D(3)}, 3)


def test_what_left_without_a_fill_is_given_up_when_its_fill_cannot_come_any_more(world: Worlds) -> None:
    w = world(policy=Policy.adopt(mass_absence_count_min=99, total_absence_s=1, confirmations_total=2))
    w.record(fill("a1", "DAX", "1", "100"))
    w.passes(s=10)
    w.sees(row("DAX", "1"))
    w.sees(times=3)
    assert w.book == {}
    w.passes(s=400)
    w.record(fill("b1", "DAX", "1", "200"), fill("b2", "DAX", "-1", "201"))
    assert (today(w), now(w).unpriced) == ("1", 1)


def test_the_real_fill_of_a_ghost_counts_when_it_comes(world: Worlds) -> None:
    w = world(policy=Policy.adopt(mass_absence_count_min=99, total_absence_s=1, confirmations_total=2))
    w.record(fill("a1", "DAX", "1", "100"))
    w.passes(s=10)
    w.sees(row("DAX", "1"))
    w.sees(times=3)
    assert (w.book, today(w)) == ({}, "0")
    w.record(fill("a2", "DAX", "-1", "90"))
    assert (w.book, today(w), now(w).consecutive_losses) == ({}, "-10", 1)


def test_a_drift_that_shrank_it_gives_up_the_oldest(world: Worlds) -> None:
    w = world()
    w.record(fill("a1", "DAX", "1", "100"), fill("a2", "DAX", "2", "110"))
    w.passes(s=10)
    w.sees(row("DAX", "1.5"), times=3)
    assert w.book == {"DAX": "1.5"}
    w.passes(s=400)
    w.record(fill("a3", "DAX", "-1.5", "120"))
    assert (today(w), now(w).unpriced) == ("15", 1)


def test_a_round_trip_goes_on_though_a_part_of_it_left_without_a_fill(world: Worlds) -> None:
    """It has lost 90 so far. What is given up has no known price; that the last part gains 5 does not make it a win."""
    w = world()
    w.record(fill("a1", "DAX", "4", "100"), fill("a2", "DAX", "-1", "10"))
    w.passes(s=10)
    w.sees(row("DAX", "1"), times=3)
    assert w.book == {"DAX": "1"}
    w.passes(s=400)
    w.record(fill("a3", "DAX", "-1", "105"))
    assert (today(w), now(w).consecutive_losses, now(w).unpriced) == ("-85", 1, 1)


def test_fills_of_a_book_that_whole_positions_move_count_all_the_same(world: Worlds) -> None:
    w = world(held("DAX", "1", price="100"))
    w.record(fill("a1", "DAX", "1", "100"), held("DAX", "0"), fill("a2", "DAX", "-1", "103"))
    assert today(w) == "3"


def test_lots_follow_an_entry_to_its_ticket(world: Worlds) -> None:
    w = world(mode="hedging")
    w.record(fill("a1", "DAX", "2", "100", order_id="7"), fill("a0", "DAX", "-1", "101", order_id="7"))
    w.record(fill("a2", "DAX", "-1", "105", ticket="7"))
    assert (today(w), dict(reckoned(w.state.tally).open)) == ("6", {})


def test_orphans_are_at_stake_too_and_kept_apart(world: Worlds) -> None:
    w = world(orders=True)
    w.sees()
    w.lists(order_row("DAX", order_id="o1", quantity=3, limit="10"), order_row("DAX", order_id="o2", type="market"))
    assert (now(w).orphan_exposure, now(w).open_exposure, now(w).unpriced) == ({"": D(30)}, {}, 1)


def test_law_12_lots_are_bounded() -> None:
    tally = Tally()
    for n in range(LOTS_PER_KEY_MAX * 5):
        tally = tallied(tally, Execution(f"x{n}", "DAX", D(1), D(n % 7)), n * DAY_NS)
        assert len(tally.open["DAX"].lots) <= LOTS_PER_KEY_MAX
    lots = tally.open["DAX"]
    assert lots.total == sum((lot.quantity for lot in lots.lots), D(0)) == LOTS_PER_KEY_MAX * 5
    assert lots.lots[0].price is not None
    assert len(lots.lots[0].price.as_tuple().digits) <= 34
    closed = tallied(tally, Execution("end", "DAX", -lots.total, D(3)), 0)
    average = sum(n % 7 for n in range(LOTS_PER_KEY_MAX * 5))
    assert round(closed.money[""].total, 20) == 3 * LOTS_PER_KEY_MAX * 5 - average, "what was joined earns the same"


@pytest.mark.parametrize("first", [None, "5"])
def test_of_two_lots_of_which_one_has_no_price_the_sum_has_none(first: str | None) -> None:
    tally = Tally()
    for n in range(LOTS_PER_KEY_MAX + 1):
        price = None if (n == 0) == (first is None) and n < 2 else D(n % 2 + 5)
        tally = tallied(tally, Execution(f"x{n}", "DAX", D(1), price))
    assert tally.open["DAX"].lots[0].price is None
