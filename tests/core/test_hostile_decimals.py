"""Is every number the same whatever arithmetic the embedding process has set for its thread? (law 1, L35)"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_UP, Context, Decimal, localcontext

import pytest

from lessons.world import World, fill, held, row
from trueup.compare import same_price
from trueup.model import plain
from trueup.protection import stop_price
from trueup.reconciliation.fills import average_price
from trueup.reconciliation.fold import fold
from trueup.reconciliation.saved import save
from trueup.reconciliation.state import State
from trueup.replay.journals import redecide


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


def test_law_1_the_text_of_a_number_does_not_hang_on_the_thread() -> None:
    """`capitals=0` writes 1e-8 where others write 1E-8: stored bytes and ids came out otherwise than in a replay."""
    with localcontext(Context(capitals=0)):
        assert plain(Decimal("1E-8")) == "0.00000001"
        w = World(held("BTC", "0.00000001"), fill("x1", "ETH", "0.00000001", "0.00000002"))
        w.sees(row("BTC", "0.00000003"), row("ETH", "0.00000001"), times=2)
        saved = save(w.state)
        assert redecide(w._reader).identical
    assert b"E-8" in saved, "the story needs such a number"
    assert b"e-8" not in saved
    assert save(fold(State(account=w.account), ((one.position, one.event) for one in w.journal()))) == saved
    assert redecide(w._reader).identical
    w.close()


@pytest.mark.usefixtures("_hostile")
def test_law_1_an_average_price_is_as_exact_as_ever() -> None:
    average = average_price(Decimal("1.23456"), Decimal("3"), Decimal("1.23459"), Decimal("0.5"))
    assert str(average) == "1.23456428571"
    assert str(average_price(Decimal("123456.5"), Decimal(1), Decimal("123457.5"), Decimal(1))) == "123457"
