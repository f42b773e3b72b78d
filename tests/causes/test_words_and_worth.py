"""Are the broker's words for a deal understood, and is money reckoned only from what is known? (L36)"""

from __future__ import annotations

from decimal import Decimal

import pytest

from trueup.causes import Price, Rate, Reason, reason_of, worth
from trueup.causes.admission import stamp_of
from trueup.policy import Instrument


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (0, "by_hand"), (1, "by_hand"), (2, "by_hand"), (3, "by_program"), (4, "stop"), (5, "take_profit"),
        (6, "liquidation"), (7, "rollover"), (9, "split"), (10, "other"), (11, None), (-1, None), (True, None),
        ("DEAL_REASON_SO", "liquidation"), ("deal_reason_sl", "stop"), ("Take Profit", "take_profit"),
        ("stop-out", "liquidation"), ("ADL", "liquidation"), ("BustTrade", "liquidation"), ("AdlTrade", "liquidation"),
        ("Funding", "payment"), ("swap", "payment"), ("StopLoss", "stop"), ("TrailingStop", "stop"),
        ("TakeProfit", "take_profit"),
        ("Trade", None), ("UNKNOWN", None), ("taker", None), ("because", None), ("", None), (None, None), (4.0, None),
    ],
)  # fmt: skip
def test_codes_and_words(said: object, reason: Reason | None) -> None:
    assert reason_of(said) == reason


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ("[sl 1.0543]", "stop"), ("[tp 1.06]", "take_profit"), ("[sl]", "stop"), ("so: 49.9%/-100", "liquidation"),
        ("so 50%", "liquidation"), ("sl too tight", None), ("so what", None), ("mine [sl 1.05]", None), (17, None),
    ],
)  # fmt: skip
def test_a_comment_counts_only_in_the_servers_own_form(comment: object, reason: Reason | None) -> None:
    assert reason_of(comment=comment) == reason


def test_client_ids_of_a_venues_own_orders() -> None:
    assert reason_of(client_id="autoclose-1534") == "liquidation"
    assert reason_of(client_id="adl_autoclose") is None
    assert reason_of(client_id="adl_autoclose-1") == "liquidation"
    assert reason_of(client_id="trend-1") is None
    assert reason_of("expert", comment="[sl 1]", client_id="autoclose-1") == "by_program", "the field for it wins"


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("1767225600", ("number", 1767225600)), ("1767225600999", ("number", 1767225600)), ("17", None), (None, None),
        ("2026-01-01T00:00:01.9Z", ("zoned", 1767225601)), ("2026-01-01T03:00:00+03:00", ("zoned", 1767225600)),
        ("2026-01-01 00:00:00", ("local", 1767225600)), ("1969-12-31T23:59:59Z", ("zoned", -1)), ("soon", None),
    ],
)  # fmt: skip
def test_times_of_the_broker_are_read_in_whole_seconds(text: str | None, stamp: tuple[str, int] | None) -> None:
    assert stamp_of(text) == stamp


PRICE = Price(Decimal("1.05"), "execution 17")


@pytest.mark.parametrize(
    ("instrument", "amount", "says"),
    [
        (Instrument("lots", Decimal(100_000)), "2100", "contracts of 100000, in the quote currency"),
        (Instrument("shares"), "0.021", "0.02 at 1.05, execution 17"),
        (Instrument(None, Decimal(10)), "0.21", "contracts of 10"),
        (Instrument("lots"), None, "no contract size is configured"),
        (Instrument("contracts"), None, "no contract size is configured"),
        (Instrument(), None, "neither unit nor contract size are configured"),
        (None, None, "neither unit nor contract size are configured"),
    ],
)
def test_l36_an_amount_needs_a_unit(instrument: Instrument | None, amount: str | None, says: str) -> None:
    found = worth(Decimal("-0.02"), PRICE, instrument)
    assert found.amount == (None if amount is None else Decimal(amount))
    assert found.currency is None
    assert says in found.why


def test_l36_without_a_price_there_is_no_amount() -> None:
    found = worth(Decimal(1), None, Instrument("shares"), Rate(Decimal(1), "USD"))
    assert (found.amount, found.currency, found.why) == (None, None, "no price is known")


def test_an_amount_in_the_accounts_currency_needs_a_rate() -> None:
    found = worth(Decimal(-2), PRICE, Instrument("shares"), Rate(Decimal("0.9"), "EUR"))
    assert (found.amount, found.currency) == (Decimal("1.89"), "EUR")
    assert "0.9 EUR each" in found.why
    below_zero = worth(Decimal(2), Price(Decimal("-37"), "execution 1"), Instrument("shares"))
    assert below_zero.amount == Decimal(74), "oil once cost less than nothing"
