"""Are values what they say: exact, bounded, signed once, and in the right order of time?"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.errors import BadNumber, InputError
from trueup.model import (
    Moment,
    account_of,
    add,
    elapsed_ns,
    exact,
    is_unbound,
    name_of,
    plain,
    side_of,
    signed,
    subtract,
    symbol_key,
    ticket_key,
    unbound_key,
)

numbers = st.decimals(min_value=-(10**18), max_value=10**18, allow_nan=False, allow_infinity=False, places=12)


@pytest.mark.parametrize(
    ("given_", "number"),
    [
        ("0.01", "0.01"),
        ("-3", "-3"),
        ("+1.50", "1.50"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1E+3"),
        ("1E-8", "1E-8"),
        (7, "7"),
        (Decimal("2.5"), "2.5"),
        ("1e18", "1E+18"),
        ("1e-18", "1E-18"),
        ("1" * 16 + "." + "1" * 18, "1" * 16 + "." + "1" * 18),
        ("1" * 17 + "." + "1" * 18, None),
        ("0.1234567890123456789", None),
        ("1e19", None),
        ("1e-19", None),
        ("-1e19", None),
    ],
)
def test_exact_takes_what_a_market_may_have(given_: object, number: str | None) -> None:
    if number is None:
        with pytest.raises(BadNumber, match="is beyond 34 digits"):
            exact(given_)
    else:
        assert exact(given_) == Decimal(number)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (0.1, "a float; give a Decimal or its text"),
        (True, "a bool; give a Decimal"),
        (None, "a NoneType"),
        (b"1", "a bytes"),
        ("", "not a decimal number"),
        ("1_000", "not a decimal number"),
        ("1,5", "not a decimal number"),
        (" 1", "not a decimal number"),
        ("1\n", "not a decimal number"),
        ("٣", "not a decimal number"),
        ("NaN", "not a decimal number"),
        ("1" + "0" * 80, "not a decimal number"),
        ("1e1000", "not a decimal number"),
        (Decimal("NaN"), "not a finite number"),
        (Decimal("-Infinity"), "not a finite number"),
    ],
)
def test_exact_refuses_what_is_no_number_and_names_it(wrong: object, says: str) -> None:
    with pytest.raises(BadNumber, match=says) as refused:
        exact(wrong, what="Fill.price")
    assert str(refused.value).startswith("Fill.price is ")
    with pytest.raises(BadNumber) as nameless:
        exact(wrong)
    assert str(nameless.value).startswith("number is ")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0.010", "0.01"), ("100", "100"), ("1E+2", "100"), ("0", "0"), ("-0.00", "0"), ("0E-8", "0"), ("0E+3", "0"),
        ("-1.50", "-1.5"), ("1E-8", "0.00000001"), ("123.000", "123"), ("-0", "0"), ("1200.0", "1200"),
    ],
)  # fmt: skip
def test_plain_has_neither_exponent_nor_trailing_zeros(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@given(numbers, st.integers(min_value=2, max_value=60))
def test_plain_says_the_same_number_whatever_the_context(number: Decimal, precision: int) -> None:
    with localcontext(prec=precision):
        text = plain(number)
    assert Decimal(text) == number
    assert "E" not in text
    assert not ("." in text and text.endswith(("0", ".")))


@given(numbers, numbers, st.integers(min_value=2, max_value=60))
def test_sums_are_exact_whatever_the_context(a: Decimal, b: Decimal, precision: int) -> None:
    with localcontext(prec=precision):
        total, difference = add(a, b), subtract(a, b)
    assert Fraction(total) == Fraction(a) + Fraction(b)
    assert Fraction(difference) == Fraction(a) - Fraction(b)


@pytest.mark.parametrize("account", ["mt5:5001", "alpaca:PA3X", "a.b-c_d:x@y.z", "m" * 32 + ":" + "i" * 64])
def test_an_account_is_broker_and_id(account: str) -> None:
    assert account_of(account) == account


@pytest.mark.parametrize(
    "account", ["", "mt5", "mt5:", ":5001", "mt5:50/01", "mt5:5001\n", "m" * 33 + ":1", "m:" + "i" * 65, "mt5:ü"]
)
def test_what_is_no_account_is_refused(account: str) -> None:
    with pytest.raises(InputError, match="not of the form broker:id"):
        account_of(account)


def test_names_are_text_and_numbers_become_text() -> None:
    assert name_of("EURUSD", what="symbol") == "EURUSD"
    assert name_of(2**63 + 1, what="ticket") == "9223372036854775809"
    assert name_of("x" * 128, what="symbol") == "x" * 128


@pytest.mark.parametrize("wrong", ["", " a", "a ", "a\tb", "x" * 129, "\u200b", True, None, 1.5, b"a"])
def test_what_is_no_name_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match="ticket is "):
        name_of(wrong, what="ticket")


def test_keys_of_different_kinds_never_meet() -> None:
    assert [symbol_key("1"), ticket_key("1"), unbound_key("1")] == ["1", "#1", "?1"]
    assert [is_unbound(key) for key in ("1", "#1", "?1")] == [False, False, True]


@pytest.mark.parametrize(
    ("earlier", "later", "nanoseconds"),
    [
        (Moment(100, 10, 1), Moment(100, 25, 1), 15),
        (Moment(100, 25, 1), Moment(100, 10, 1), -15),
        (Moment(900, 10, 1), Moment(100, 25, 1), 15),
        (Moment(100, 90, 1), Moment(160, 5, 2), 60),
        (Moment(100, 90, 1), Moment(103, 5, 2), 5),
        (Moment(100, 90, 1), Moment(50, 5, 2), 5),
        (Moment(100, 90, 1), Moment(50, -5, 2), 0),
        (Moment(160, 5, 2), Moment(100, 90, 1), -60),
        (Moment(50, 5, 3), Moment(100, 90, 1), -5),
        (Moment(0, 0, 0), Moment(100, 3, 1), 100),
    ],
    ids=[
        "ticks-within-an-epoch", "and-back", "a-wall-jump-within-an-epoch-is-nothing", "wall-across-epochs",
        "at-least-the-ticks-since-the-claim", "a-wall-set-back-across-epochs", "never-negative-forward",
        "across-epochs-backward", "backward-with-a-jump", "since-never",
    ],
)  # fmt: skip
def test_time_passes_by_ticks_within_an_epoch_and_by_the_wall_across(
    earlier: Moment, later: Moment, nanoseconds: int
) -> None:
    assert elapsed_ns(earlier, later) == nanoseconds


moments = st.builds(Moment, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 4))


@given(moments, moments)
def test_back_is_as_long_as_forth(a: Moment, b: Moment) -> None:
    assert elapsed_ns(a, b) == -elapsed_ns(b, a)
    if a.epoch < b.epoch:
        assert elapsed_ns(a, b) >= b.tick_ns, "that much has passed since the later epoch began"


@pytest.mark.parametrize(
    ("side", "quantity", "number"), [("long", "1", 1), ("buy", "1", 1), ("short", "1", -1), ("sell", "1", -1)]
)
def test_a_side_is_a_sign(side: str, quantity: str, number: int) -> None:
    assert signed(side, Decimal(quantity)) == number  # type: ignore[arg-type]
    assert side_of(Decimal(number)) == ("long" if number > 0 else "short")
