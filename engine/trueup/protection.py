"""Has an open position a working stop at the broker, and where would one go?

A stop protects when it is on the other side of the position and, together with others, covers all of it; one that the
broker keeps as a field of the position itself covers it whole. Prices are exact, and rounded to the tick towards the
entry, so that a stop is never farther away than was asked for. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from trueup.compare import SIGNIFICANT_DIGITS_MIN
from trueup.model import EXACT, TERMINAL, ZERO, BrokerOrder, BrokerPosition, TradeSide, add, subtract
from trueup.orders import protects

_HUNDRED: Final = Decimal(100)


def is_protected(position: BrokerPosition, orders: Iterable[BrokerOrder]) -> bool:
    """Whether a position has a stop of its own, or working stop orders that cover it.

    orders  what works at the broker, of any symbol
    """
    if position.stop is not None and position.stop.price is not None:
        return True
    covered = ZERO
    for order in orders:
        if order.symbol != position.symbol or order.status in TERMINAL or order.ticket not in (None, position.ticket):
            continue
        if protects(order, position.signed_quantity):
            covered = add(covered, subtract(order.quantity, order.filled or ZERO))
    return covered >= position.signed_quantity.copy_abs()


def stop_price(position: BrokerPosition, entry: Decimal, distance_pct: Decimal, tick: Decimal | None) -> Decimal:
    """Where a stop goes: `distance_pct` per cent of the entry price away from it, below a long, above a short.

    tick  the price step of the instrument; None: as many decimals as the entry price has, and at least as many as
          five significant digits take, because JSON drops trailing zeros
    """
    away = EXACT.divide(EXACT.multiply(entry, distance_pct), _HUNDRED)
    long = not position.signed_quantity.is_signed()
    price = EXACT.subtract(entry, away) if long else EXACT.add(entry, away)
    exponent = entry.as_tuple().exponent
    assert isinstance(exponent, int)
    decimals = max(-exponent, SIGNIFICANT_DIGITS_MIN - 1 - entry.adjusted(), 0)
    step = Decimal(1).scaleb(-decimals, EXACT) if tick is None else tick
    steps = EXACT.divide(price, step).to_integral_value(ROUND_CEILING if long else ROUND_FLOOR, EXACT)
    return EXACT.multiply(steps, step)


def closing_side(position: BrokerPosition) -> TradeSide:
    """The side of an order that reduces a position."""
    return "buy" if position.signed_quantity.is_signed() else "sell"
