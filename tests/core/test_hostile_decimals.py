"""Is every number the same whatever arithmetic the embedding process has set for its thread? (law 1, L35)"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_UP, Context, Decimal, localcontext

import pytest

from lessons.world import row
from trueup.compare import same_price
from trueup.protection import stop_price
from trueup.reconciliation.fills import average_price


@pytest.fixture(params=[Context(prec=2, Emin=-2, Emax=2, traps=[]), Context(prec=1, rounding=ROUND_UP, traps=[])])
def _hostile(request: pytest.FixtureRequest) -> Iterator[None]:
    """The thread's own arithmetic: two digits, hardly an exponent, and nothing is said of what is lost."""
    with localcontext(request.param):
        yield


@pytest.mark.usefixtures("_hostile")
@pytest.mark.parametrize(
    ("quantity", "entry", "tick", "stop"),
    [
        ("1", "1.23456", None, "1.20987"),
        ("-1", "1.23456", None, "1.25925"),
        ("1", "1.23456", "0.0005", "1.2100"),
        ("1", "0.000123456", None, "0.000120987"),
        ("-3", "123456.5", None, "125925.6"),
    ],
)
def test_law_1_a_stop_is_placed_where_it_belongs(quantity: str, entry: str, tick: str | None, stop: str) -> None:
    """2 % away, rounded towards the position, to the entry's own decimals or to the tick."""
    step = None if tick is None else Decimal(tick)
    assert str(stop_price(row("X", quantity), Decimal(entry), Decimal(2), step)) == stop


@pytest.mark.usefixtures("_hostile")
@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("1.23456", "1.234561", True),
        ("1.23456", "1.23457", False),
        ("123456.78", "123456.79", False),
        ("123456.78", "123456.7801", True),
        ("0.000012345", "0.000012346", False),
    ],
)
def test_law_1_prices_are_the_same_or_not(ours: str, theirs: str, *, same: bool) -> None:
    assert same_price(Decimal(ours), Decimal(theirs), tolerance=None) is same


@pytest.mark.usefixtures("_hostile")
def test_law_1_an_average_price_is_as_exact_as_ever() -> None:
    average = average_price(Decimal("1.23456"), Decimal("3"), Decimal("1.23459"), Decimal("0.5"))
    assert str(average) == "1.23456428571"
    assert str(average_price(Decimal("123456.5"), Decimal(1), Decimal("123457.5"), Decimal(1))) == "123457"
