"""Do two sides differ exactly where they do, as far as both have spoken?"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.compare import Difference, compare, said, same_price, stop_said
from trueup.evidence import Absent, Present, Unknown
from trueup.model import BrokerPosition, Holding, Stop
from trueup.policy import Instrument, Policy

POLICY = Policy.adopt()


def ours(quantity: str, price: str | None = None, stop: Stop | None = None, symbol: str = "EURUSD") -> Holding:
    return Holding(symbol, Decimal(quantity), price=None if price is None else Decimal(price), stop=stop)


def theirs(
    quantity: str, price: str | None = None, stop: Stop | None = None, symbol: str = "EURUSD"
) -> Present[BrokerPosition]:
    number = None if price is None else Decimal(price)
    return Present(BrokerPosition(symbol, Decimal(quantity), price=number, stop=stop))


def at(price: str | None) -> Stop:
    return Stop(None if price is None else Decimal(price))


# -- prices ------------------------------------------------------------------------------------------------

PRICES = [
    ("1.0543", "1.0543", True, "the same"),
    ("1.0543", "1.0544", False, "one pip apart, at the scale of both"),
    ("1.0543", "1.05430", True, "trailing zeros are dropped by JSON"),
    ("1.05", "1.0500", True, "so that 1.05 may be 1.0500"),
    ("1.05", "1.0504", False, "but it never compares coarser than 5 significant digits"),
    ("1.05", "1.05004", True, "beyond the fifth digit the coarser side did not say"),
    ("1.05", "1.05005", True, "a tie goes to the even neighbour, here down"),
    ("1.0501", "1.05015", False, "and here up: 1.0502"),
    ("1.0502", "1.05015", True, "as half-even says"),
    ("1.0543", "1.05434", True, "the coarser scale decides"),
    ("1.0543", "1.05436", False, "rounded, not cut"),
    ("1.05431", "1.05434", False, "both said five digits after the point"),
    ("150", "150.004", True, "three before the point, two after"),
    ("150", "150.006", False, "150.01 at five significant digits"),
    ("150.123", "150.12", True, "the coarser scale is two"),
    ("150.123", "150.13", False, "at two they differ"),
    ("12345", "12345.4", True, "five digits are before the point"),
    ("12345", "12345.6", False, "rounded to the unit"),
    ("123456", "123457", False, "a scale is never coarser than the unit: both said it"),
    ("98765432.1", "98765432.2", False, "large prices compare at their scale"),
    ("98765432", "98765432.4", True, "at the coarser one"),
    ("1E+5", "100000", True, "an exponent is a way of writing"),
    ("1E+5", "100000.4", True, "and has scale 0"),
    ("1E+5", "100001", False, "not scale minus five"),
    ("-37.63", "-37.63", True, "prices may be negative"),
    ("-37.63", "37.63", False, "and have a sign"),
    ("-37.6", "-37.604", False, "37.604 has five digits: at least three after the point count"),
    ("-37.6", "-37.6004", True, "the sixth does not"),
    ("0.00001234", "0.0000123401", True, "small prices: significant digits begin late"),
    ("0.00001234", "0.00001235", False, "and count all the same"),
    ("0", "0.000001", False, "zero has no digits; the other's count"),
    ("0", "0.0000000000", True, "zero is zero"),
    ("9.9994", "10.000", False, "across a power of ten the larger one counts its digits"),
    ("9.9996", "10.000", True, "at the coarser scale, three"),
]


@pytest.mark.parametrize(("one", "other", "same", "because"), PRICES, ids=[f"{a}~{b}" for a, b, _, _ in PRICES])
def test_prices_compare_at_the_coarser_scale_and_never_below_five_digits(
    one: str, other: str, same: bool, because: str
) -> None:
    assert same_price(Decimal(one), Decimal(other), tolerance=None) is same, because
    assert same_price(Decimal(other), Decimal(one), tolerance=None) is same, f"the other way round: {because}"


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "same"),
    [
        ("1.0543", "1.0544", "0.0001", True),
        ("1.0543", "1.0545", "0.0001", False),
        ("1.05", "1.05004", "0", False),
        ("1.050", "1.05", "0", True),
        ("-1", "1", "2", True),
        ("-1", "1.01", "2", False),
    ],
)
def test_a_tolerance_decides_instead(one: str, other: str, tolerance: str, same: bool) -> None:
    assert same_price(Decimal(one), Decimal(other), tolerance=Decimal(tolerance)) is same
    assert same_price(Decimal(other), Decimal(one), tolerance=Decimal(tolerance)) is same


prices = st.builds(
    lambda digits, scale, negative: Decimal((int(negative), tuple(map(int, str(digits))), -scale)),
    st.integers(0, 10**12),
    st.integers(0, 10),
    st.booleans(),
)
tolerances = st.none() | st.decimals(min_value=0, max_value=10, places=3)


@given(prices, prices, tolerances, st.integers(2, 40))
def test_comparing_prices_is_symmetric_and_minds_no_context(
    a: Decimal, b: Decimal, tolerance: Decimal | None, precision: int
) -> None:
    same = same_price(a, b, tolerance=tolerance)
    with localcontext(prec=precision):
        assert same_price(b, a, tolerance=tolerance) is same
    assert same_price(a.copy_negate(), b.copy_negate(), tolerance=tolerance) is same


@given(prices, tolerances, st.integers(0, 6))
def test_a_price_is_itself_however_many_zeros_are_written(a: Decimal, tolerance: Decimal | None, zeros: int) -> None:
    digits = a.as_tuple()
    written = Decimal((digits.sign, (*digits.digits, *([0] * zeros)), int(digits.exponent) - zeros))
    assert same_price(a, written, tolerance=tolerance)


@given(prices, prices)
def test_what_differs_by_more_than_half_a_step_of_five_digits_is_no_agreement(a: Decimal, b: Decimal) -> None:
    """Checked with fractions: never more apart than one step of the coarser scale, nor than 1 in 10,000 below it."""
    if same_price(a, b, tolerance=None) and a != b:
        larger = max(abs(Fraction(a)), abs(Fraction(b)))
        assert abs(Fraction(a) - Fraction(b)) <= larger / 10_000


# -- keys --------------------------------------------------------------------------------------------------


def test_unknown_never_differs() -> None:
    for book in (None, ours("1")):
        assert compare(book, Unknown("no answer"), POLICY) == ()


def test_one_side_alone_is_a_ghost_or_a_recovery() -> None:
    assert compare(None, Absent((1,)), POLICY) == ()
    assert compare(ours("0.010"), Absent((1,)), POLICY) == (Difference("ghost", None, "long 0.01", None),)
    assert compare(None, theirs("-2"), POLICY) == (Difference("recovery", None, None, "short 2"),)


def test_dust_alone_is_nothing_and_dust_against_something_is_compared() -> None:
    policy = Policy.adopt(dust={"EURUSD": "0.01"})
    assert compare(ours("-0.01"), Absent((1,)), policy) == ()
    assert compare(ours("-0.011"), Absent((1,)), policy) != ()
    assert compare(None, theirs("0.01"), policy) == ()
    assert compare(None, theirs("0.011"), policy) != ()
    assert compare(ours("1"), theirs("0.01"), policy) != ()


@pytest.mark.parametrize(
    ("book", "broker", "fields"),
    [
        ("1", "1", []),
        ("1", "1.0", []),
        ("1", "2", [("quantity", "1", "2")]),
        ("1", "-1", [("side", "long", "short")]),
        ("-1", "1", [("side", "short", "long")]),
        ("-1", "2", [("side", "short", "long"), ("quantity", "1", "2")]),
        ("0.1", "0.10000000001", [("quantity", "0.1", "0.10000000001")]),
    ],
)
def test_quantities_compare_exactly(book: str, broker: str, fields: list[tuple[str, str, str]]) -> None:
    found = compare(ours(book), theirs(broker), POLICY)
    assert [(one.field, one.book, one.broker) for one in found] == fields
    assert {one.kind for one in found} <= {"drift"}


@pytest.mark.parametrize(
    ("book", "broker", "differ"),
    [("1", "1.01", False), ("1", "1.011", True), ("1.01", "1", False), ("0.005", "-0.005", False), ("1", "-1", True)],
)
def test_quantities_within_the_tolerance_agree_whatever_their_side(book: str, broker: str, differ: bool) -> None:
    for tolerance in ({"EURUSD": "0.01"}, {"*": "0.01"}, {"*": "9", "EURUSD": "0.01"}):
        assert bool(compare(ours(book), theirs(broker), Policy.adopt(quantity_tolerance=tolerance))) is differ


@pytest.mark.parametrize(
    ("book", "broker", "differ"),
    [
        (None, None, False),
        (None, at("1"), False),
        (at("1"), None, False),
        (at(None), None, False),
        (at(None), at(None), False),
        (at("1.01"), at("1.01"), False),
        (at("1.01"), at("1.02"), True),
        (at("1.01"), at(None), True),
        (at(None), at("1.01"), True),
    ],
)
def test_a_stop_that_a_side_does_not_report_is_not_compared(
    book: Stop | None, broker: Stop | None, differ: bool
) -> None:
    found = compare(ours("1", stop=book), theirs("1", stop=broker), POLICY)
    if differ:
        assert book is not None
        assert broker is not None
        assert found == (Difference("drift", "stop", stop_said(book), stop_said(broker)),)
    else:
        assert found == ()


@pytest.mark.parametrize(("book", "broker", "differ"), [(None, "1", 0), ("1", None, 0), ("1", "1", 0), ("1", "2", 1)])
def test_a_price_that_a_side_does_not_report_is_not_compared(book: str | None, broker: str | None, differ: int) -> None:
    assert len(compare(ours("1", book), theirs("1", broker), POLICY)) == differ


def test_the_price_tolerance_is_per_symbol_and_goes_for_stops_too() -> None:
    policy = Policy.adopt(price_tolerance={"*": "0.5", "USDJPY": "0"})
    assert compare(ours("1", "1", at("2")), theirs("1", "1.5", at("1.5")), policy) == ()
    assert [one.field for one in compare(ours("1", "1", at("2")), theirs("1", "1.51", at("1.49")), policy)] == [
        "price",
        "stop",
    ]
    jpy = compare(ours("1", "150", symbol="USDJPY"), theirs("1", "150.001", symbol="USDJPY"), policy)
    assert jpy == (Difference("drift", "price", "150", "150.001"),)


def test_differences_come_in_the_order_side_quantity_price_stop() -> None:
    found = compare(ours("1", "1", at("1")), theirs("-2", "2", at("2")), POLICY)
    assert [one.field for one in found] == ["side", "quantity", "price", "stop"]


def test_lot_steps_make_dust() -> None:
    policy = Policy.adopt(instruments={"EURUSD": Instrument(lot_step=Decimal("0.01"))})
    assert compare(None, theirs("-0.0099"), policy) == ()
    assert compare(None, theirs("-0.01"), policy) != ()


def test_positions_and_stops_in_words() -> None:
    assert said(ours("-0.50")) == "short 0.5"
    assert said(theirs("100").value) == "long 100"
    assert [stop_said(at(None)), stop_said(at("1.010"))] == ["none", "1.01"]
