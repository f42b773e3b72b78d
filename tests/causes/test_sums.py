"""Is the combination that is found exact, of the fewest, the latest, and found within the limits?"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.causes.sums import COUNT_MAX, ITEMS_MAX, Combined, combine

amounts = st.lists(st.decimals("-5", "5", places=1), max_size=9)
targets = st.decimals("-8", "8", places=1).filter(bool)


def by_force(items: list[Decimal], target: Decimal, count_max: int) -> tuple[tuple[int, ...], bool]:
    """(the combination of fewest, then latest, indices; whether another is as small), by trying all of them."""
    for size in range(1, count_max + 1):
        usable = [index for index, amount in enumerate(items) if amount]
        fits = [one for one in combinations(usable, size) if sum(Fraction(items[i]) for i in one) == Fraction(target)]
        if fits:
            return max(fits, key=lambda one: one[::-1]), len(fits) > 1
    return (), False


@given(amounts, targets, st.integers(1, COUNT_MAX))
def test_brute_force_agrees_on_small_inputs(items: list[Decimal], target: Decimal, count_max: int) -> None:
    found = combine(items, target, count_max=count_max)
    assert (found.chosen, found.another) == by_force(items, target, count_max)
    assert found.complete


@given(
    st.lists(st.decimals("-1000", "1000", places=6), max_size=60), st.decimals("-1000", "1000", places=8).filter(bool)
)
def test_what_is_found_sums_exactly_to_the_target(items: list[Decimal], target: Decimal) -> None:
    found = combine(items, target, steps_max=2_000)
    if found.chosen:
        assert sum(Fraction(items[index]) for index in found.chosen) == Fraction(target)
    assert len(found.chosen) <= COUNT_MAX
    assert list(found.chosen) == sorted(set(found.chosen))


@given(st.lists(st.integers(1, 10**6), min_size=10, max_size=200), st.data())
def test_a_combination_that_is_there_is_found_or_the_search_says_that_it_stopped(
    items: list[int], data: st.DataObject
) -> None:
    chosen = data.draw(st.sets(st.integers(0, len(items) - 1), min_size=1, max_size=4))
    target = Decimal(sum(items[index] for index in chosen))
    found = combine([Decimal(one) for one in items], target, steps_max=5_000)
    assert found.chosen or not found.complete


@pytest.mark.parametrize(
    ("items", "target", "chosen", "another"),
    [
        (["1", "1", "1"], "1", (2,), True),
        (["1", "2", "3"], "3", (2,), False),
        (["3", "1", "2"], "3", (0,), False),
        (["1", "2", "1", "2"], "3", (2, 3), True),
        (["0", "1", "0"], "1", (1,), False),
        (["0.1", "0.2"], "0.3", (0, 1), False),
        (["1E+2", "5"], "105", (0, 1), False),
        (["2", "-1"], "1", (0, 1), False),
        (["1"], "2", (), False),
        ([], "2", (), False),
    ],
)
def test_fewest_first_then_the_latest(items: list[str], target: str, chosen: tuple[int, ...], another: bool) -> None:
    assert combine([Decimal(one) for one in items], Decimal(target)) == Combined(chosen, another, True)


def test_more_amounts_than_one_combination_may_have_are_not_put_together() -> None:
    ones = [Decimal(1)] * (COUNT_MAX + 1)
    assert combine(ones, Decimal(COUNT_MAX)).chosen
    assert combine(ones, Decimal(COUNT_MAX + 1)) == Combined()
    assert combine(ones, Decimal(COUNT_MAX + 1), count_max=99) == Combined()


def test_older_amounts_than_the_limit_are_not_looked_at_and_that_is_said() -> None:
    items = [Decimal(7), *[Decimal(2)] * ITEMS_MAX]
    assert combine(items, Decimal(7)) == Combined((), False, False)
    assert combine(items[1:], Decimal(7)).complete
    found = combine(items, Decimal(2))
    assert (found.chosen, found.complete) == ((ITEMS_MAX,), False)


def test_a_search_that_ran_out_of_steps_says_so_and_keeps_what_it_found() -> None:
    even = [Decimal(2 * n) for n in range(1, 100)]
    nothing = combine(even, Decimal(501), steps_max=50)
    assert nothing == Combined((), False, False)
    one = combine([Decimal(one) for one in ("50", "1", "7", "30", "9", "4")], Decimal(54), steps_max=1)
    assert one == Combined((0, 5), False, False)
