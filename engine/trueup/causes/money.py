"""How much money is a break about, in the account's currency, as far as prices are known?

A price, a contract's size or a rate that is not known is not invented (L36, law 13): then there is no amount, and a
sentence says what is missing. An amount is the size of the difference at one price, not a profit or a loss.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from trueup.model import EXACT, plain
from trueup.policy import Instrument


class Price(msgspec.Struct, frozen=True):
    """A price in the quote currency, and whose it is."""

    price: Decimal
    of: str
    """`the broker's opening price`, `execution 17`."""


class Rate(msgspec.Struct, frozen=True):
    """How much of the account's currency one unit of the quote currency is."""

    rate: Decimal
    currency: str
    """The account's currency, `USD`."""


class Worth(msgspec.Struct, frozen=True):
    """What a difference amounts to."""

    amount: Decimal | None
    """Unsigned, exact; None where it cannot be known."""
    currency: str | None
    """The account's currency; None: the symbol's quote currency, whichever that is."""
    why: str
    """How it was reckoned, or what is missing."""


def worth(delta: Decimal, price: Price | None, instrument: Instrument | None, rate: Rate | None = None) -> Worth:
    """What a difference of quantity amounts to.

    delta       signed, in the instrument's unit; its sign is ignored
    price       None: no price is known
    instrument  for the contract's size; shares, coins and units are worth one price each, lots and contracts are not
    rate        into the account's currency; None: the amount stays in the quote currency
    """
    if price is None:
        return Worth(None, None, "no price is known")
    size = None if instrument is None else instrument.contract_size
    unit = None if instrument is None else instrument.unit
    if size is None and unit in (None, "lots", "contracts"):
        missing = "unit nor contract size are" if unit is None else "contract size is"
        neither = "neither " if unit is None else "no "
        return Worth(None, None, f"{neither}{missing} configured for the symbol, so a price alone says nothing")
    quantity = delta.copy_abs()
    amount = EXACT.multiply(quantity, price.price)
    said = f"{plain(quantity)} at {plain(price.price)}, {price.of}"
    if size is not None:
        amount = EXACT.multiply(amount, size)
        said += f", contracts of {plain(size)}"
    if rate is None:
        return Worth(amount.copy_abs(), None, f"{said}, in the quote currency")
    amount = EXACT.multiply(amount, rate.rate)
    return Worth(amount.copy_abs(), rate.currency, f"{said}, {plain(rate.rate)} {rate.currency} each")
