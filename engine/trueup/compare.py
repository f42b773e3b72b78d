"""On what do the book and the broker disagree about one key?

Pure: no clock, no I/O. A key that is Unknown never differs (law 4); a field that one side does not report is not
compared; quantities compare exactly unless a tolerance is set (L35, L37), prices at the coarser reported scale.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from trueup.decisions import BreakKind
from trueup.evidence import Present, Unknown, Verdict
from trueup.model import EXACT, BrokerPosition, Holding, Stop, plain, side_of, subtract
from trueup.policy import Policy

SIGNIFICANT_DIGITS_MIN = 5
"""Prices never compare coarser than this: JSON drops trailing zeros, so `1.05` may well be `1.0500`."""


class Difference(msgspec.Struct, frozen=True, gc=False):
    """One field on which the sides differ, as text; `field` is None when one side lacks the key."""

    kind: BreakKind
    field: str | None
    book: str | None
    broker: str | None


def compare(book: Holding | None, seen: Verdict[BrokerPosition], policy: Policy) -> tuple[Difference, ...]:
    """Every difference between the two sides of one key; drifts in the order side, quantity, price, stop.

    book    what the process believes; None: it holds nothing there
    seen    the broker's side: Present, Absent with proof, or Unknown
    """
    if isinstance(seen, Present):
        return compare_row(book, seen.value, policy)
    if isinstance(seen, Unknown) or book is None or policy.is_dust(book.symbol, book.signed_quantity):
        return ()
    return (Difference("ghost", None, said(book), None),)


def compare_row(book: Holding | None, broker: BrokerPosition, policy: Policy) -> tuple[Difference, ...]:
    """`compare` for a key that the broker states."""
    if book is None:
        if policy.is_dust(broker.symbol, broker.signed_quantity):
            return ()
        return (Difference("recovery", None, None, said(broker)),)
    return (*_quantity_drifts(book, broker, policy), *_price_drifts(book, broker, policy))


def said(position: Holding | BrokerPosition) -> str:
    """`long 0.01`: a position's side and size in words."""
    return f"{side_of(position.signed_quantity)} {plain(position.signed_quantity.copy_abs())}"


def stop_said(stop: Stop) -> str:
    """A reported stop in words: its price, or `none`."""
    return "none" if stop.price is None else plain(stop.price)


def _quantity_drifts(book: Holding, broker: BrokerPosition, policy: Policy) -> tuple[Difference, ...]:
    ours, theirs = book.signed_quantity, broker.signed_quantity
    if ours == theirs:
        return ()
    if subtract(ours, theirs).copy_abs() <= policy.quantity_tolerance_of(book.symbol):
        return ()
    found: list[Difference] = []
    if side_of(ours) != side_of(theirs):
        found.append(Difference("drift", "side", side_of(ours), side_of(theirs)))
    if ours.copy_abs() != theirs.copy_abs():
        found.append(Difference("drift", "quantity", plain(ours.copy_abs()), plain(theirs.copy_abs())))
    return tuple(found)


def _price_drifts(book: Holding, broker: BrokerPosition, policy: Policy) -> tuple[Difference, ...]:
    tolerance = policy.price_tolerance_of(book.symbol)
    found: list[Difference] = []
    if (
        book.price is not None
        and broker.price is not None
        and not same_price(book.price, broker.price, tolerance=tolerance)
    ):
        found.append(Difference("drift", "price", plain(book.price), plain(broker.price)))
    if book.stop is not None and broker.stop is not None and not _same_stop(book.stop, broker.stop, tolerance):
        found.append(Difference("drift", "stop", stop_said(book.stop), stop_said(broker.stop)))
    return tuple(found)


def _same_stop(ours: Stop, theirs: Stop, tolerance: Decimal | None) -> bool:
    if ours.price is None or theirs.price is None:
        return ours.price is theirs.price
    return same_price(ours.price, theirs.price, tolerance=tolerance)


def same_price(ours: Decimal, theirs: Decimal, *, tolerance: Decimal | None) -> bool:
    """Whether two prices are the same, as far as both sides reported them.

    With a `tolerance`: at most that far apart. Without: equal after rounding both half-even to the coarser of
    the two scales, though never below 5 significant digits of the larger one.
    """
    if ours == theirs:
        return True
    if tolerance is not None:
        return subtract(ours, theirs).copy_abs() <= tolerance
    larger = max(ours.copy_abs(), theirs.copy_abs())
    scale = max(min(_scale(ours), _scale(theirs)), SIGNIFICANT_DIGITS_MIN - 1 - larger.adjusted())
    return _rounded(ours, scale) == _rounded(theirs, scale)


def _scale(number: Decimal) -> int:
    """Decimals after the point, as reported: 1.0500 has 4, 1E+2 has 0."""
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def _rounded(number: Decimal, scale: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-scale, context=EXACT), ROUND_HALF_EVEN, EXACT)
