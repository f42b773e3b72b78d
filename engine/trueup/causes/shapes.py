"""Do the numbers themselves, without any deal, have the shape of a split, a wrong unit, another name, or a new ticket?

Each shape is exact: the quantities stand in a split's ratio (L39) or in the contract's size (L34), the same position
is missing under one name and extra under another (L33), or part of a ticket went on under a new one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Final

from trueup.causes.material import BreakFacts, Neighbour, Proposal, Strength
from trueup.compare import same_price
from trueup.explain import described, named
from trueup.model import TERMINAL, BrokerPosition, Holding, plain

SPLIT_MAX: Final = 100
"""The larger number of the largest plain split or reverse split that is recognised, 100 for 1."""
SPLIT_MIXED_MAX: Final = 10
"""The same where both numbers are larger than 1: 3 for 2, 5 for 4."""
USUAL_SIZES: Final = (100, 1_000, 10_000, 100_000)
"""Contract sizes that are mixed up where nobody configured one: share and option lots, forex lots."""


def from_shapes(facts: BreakFacts) -> Iterator[Proposal]:
    """Everything that the numbers alone propose."""
    if not facts.delta:
        return
    if facts.book is not None and facts.broker is not None:
        ratio = Fraction(facts.broker.signed_quantity) / Fraction(facts.book.signed_quantity)
        if ratio > 0:
            yield from _split(facts, facts.book, facts.broker, ratio)
            yield from _contract_size(facts, facts.book, facts.broker, ratio)
    else:
        for other in facts.neighbours:
            yield from _alias(facts, other)
            yield from _new_ticket(facts, other)


# -- split -------------------------------------------------------------------------------------------------


def _split(facts: BreakFacts, book: Holding, broker: BrokerPosition, ratio: Fraction) -> Iterator[Proposal]:
    new, old = ratio.numerator, ratio.denominator
    if max(new, old) > (SPLIT_MAX if 1 in (new, old) else SPLIT_MIXED_MAX):
        return
    fits = _price_fits(book.price, broker.price, ratio)
    if fits is False or (fits is None and 1 not in (new, old)):
        return  # the price did not move the other way: somebody traded, or the unit is another; 5 for 4 needs a witness
    strength: Strength = "possible" if fits is None else "likely"
    prices = "the prices are not both known" if fits is None else "and the price moved by its inverse"
    yield Proposal(
        cause="split",
        strength=strength,
        why=(
            f"the broker's {plain(broker.signed_quantity)} is exactly {new} for {old} of the book's "
            f"{plain(book.signed_quantity)}, {prices}"
        ),
        positions=(facts.seen_position,),
        warnings=tuple(_stops(facts, book, broker, ratio)),
    )


def _price_fits(ours: Decimal | None, theirs: Decimal | None, ratio: Fraction) -> bool | None:
    """Whether the broker's price is ours over the ratio, to half a unit of its last digit; None: one is unknown.

    At least four digits count, because JSON drops trailing zeros and a price of 1 may well be 1.000.
    """
    if ours is None or theirs is None:
        return None
    exponent = theirs.as_tuple().exponent
    assert isinstance(exponent, int), "an admitted price is finite"
    last_digit = Fraction(10) ** min(exponent, theirs.adjusted() - 3)
    return abs(Fraction(ours) / ratio - Fraction(theirs)) * 2 <= last_digit


def _stops(facts: BreakFacts, book: Holding, broker: BrokerPosition, ratio: Fraction) -> Iterator[str]:
    """What a split may have left behind: stops at the old scale fire at the new price (L39)."""
    before = None if book.stop is None else book.stop.price
    if before is not None:
        expected = _about(Fraction(before) / ratio)
        if broker.stop is None:
            yield f"the broker does not say whether the stop at {plain(before)} followed: it should be about {expected}"
        elif broker.stop.price is None:
            yield f"the stop at {plain(before)} is gone: it should be about {expected}"
        elif not _price_fits(before, broker.stop.price, ratio):
            yield (
                f"the stop at {plain(broker.stop.price)} did not follow the split: it should be about {expected}, "
                "and may fire at once"
            )
    for one in facts.orders:
        order = one.order
        if order.stop is not None and order.symbol == facts.symbol and order.status not in TERMINAL:
            name = order.client_order_id or order.order_id
            yield f"order {name} still has its stop at {plain(order.stop)}: check whether it followed the split"


def _about(number: Fraction) -> str:
    """A price in words, to six decimals at most."""
    scaled = round(number * 1_000_000)
    return plain(Decimal(scaled).scaleb(-6))


# -- contract size -----------------------------------------------------------------------------------------


def _contract_size(facts: BreakFacts, book: Holding, broker: BrokerPosition, ratio: Fraction) -> Iterator[Proposal]:
    factor = max(ratio, 1 / ratio)
    instrument = facts.policy.instruments.get(facts.symbol)
    size = None if instrument is None else instrument.contract_size
    same = book.price is None or broker.price is None or same_price(book.price, broker.price, tolerance=None)
    if not same or (factor not in USUAL_SIZES if size is None else factor != Fraction(size)):
        return
    known = size is not None and book.price is not None and broker.price is not None
    configured = "the contract size of the symbol" if size is not None else "a usual contract size"
    larger = "the broker counts in the smaller unit" if ratio > 1 else "the book counts in the smaller unit"
    yield Proposal(
        cause="contract_size",
        strength="likely" if known else "possible",
        why=(
            f"the quantities {plain(book.signed_quantity)} and {plain(broker.signed_quantity)} differ by exactly "
            f"{factor}, {configured}, at one price: {larger}"
        ),
        positions=(facts.seen_position,),
    )


# -- another name ------------------------------------------------------------------------------------------

_SUFFIX: Final = re.compile(r"(?:[._\-][A-Za-z0-9]{1,6}|(?<=[A-Z0-9])[a-z]{1,4})\Z")
_STEM_MIN: Final = 6
"""Shorter stems are not compared without their suffix: BRK.A and BRK.B are two things."""


def spellings_of(symbol: str) -> frozenset[str]:
    """What a symbol comes to without separators, settlement currency and a broker's suffix (L33)."""
    bare = symbol.partition(":")[0]
    forms = {_letters(symbol), _letters(bare)}
    if len(stem := _letters(_SUFFIX.sub("", bare))) >= _STEM_MIN:
        forms.add(stem)
    return frozenset(forms)


def _letters(symbol: str) -> str:
    return "".join(character for character in symbol.upper() if character.isalnum())


def _alias(facts: BreakFacts, other: Neighbour) -> Iterator[Proposal]:
    """The very same position, missing under one name and extra under another."""
    ours, theirs = facts.book or other.book, facts.broker or other.broker
    if ours is None or theirs is None or ours.symbol == theirs.symbol or _both_sided(other):
        return
    if ours.signed_quantity != theirs.signed_quantity or not spellings_of(ours.symbol) & spellings_of(theirs.symbol):
        return
    yield Proposal(
        cause="symbol_alias",
        strength="likely",
        why=(
            f"the book holds {described(ours)} of {ours.symbol} and the broker {described(theirs)} of "
            f"{theirs.symbol}: one position under two names; add the broker's to `aliases` of the instrument"
        ),
        positions=tuple(sorted({facts.seen_position, other.position})),
    )


def _both_sided(other: Neighbour) -> bool:
    return other.book is not None and other.broker is not None


# -- a new ticket ------------------------------------------------------------------------------------------


def _new_ticket(facts: BreakFacts, other: Neighbour) -> Iterator[Proposal]:
    """A ticket is gone and another of its symbol and side is there: the rest of it, or all of it rolled over."""
    ours, theirs = facts.book or other.book, facts.broker or other.broker
    if ours is None or theirs is None or ours.symbol != theirs.symbol or _both_sided(other) or facts.mode == "netting":
        return
    held, left = ours.signed_quantity, theirs.signed_quantity
    if held.is_signed() != left.is_signed() or left.copy_abs() > held.copy_abs():
        return
    whole = held == left
    alike = (ours.price is not None and ours.price == theirs.price) or (
        ours.opened_at is not None and ours.opened_at == theirs.opened_at
    )
    if not whole and not alike:
        return  # another trade of the same side is no rest of this one
    gone, new = named(ours.symbol, ours.ticket), named(theirs.symbol, theirs.ticket)
    size = plain(left.copy_abs())
    yield Proposal(
        cause="swap_or_funding" if whole else "partial_close",
        strength="likely" if alike else "possible",
        why=(
            f"{gone} is gone and {new} of the same side and size is there: rolled over under a new ticket"
            if whole
            else f"{gone} is gone and {new} is there with {size} of its {plain(held.copy_abs())}, opened "
            "at the same price or time: the rest of it after a partial close"
        ),
        positions=tuple(sorted({facts.seen_position, other.position})),
    )
