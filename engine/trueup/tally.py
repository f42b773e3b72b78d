"""What did the fills earn or lose: today, in a row, and at its worst?

Realised profit and loss, first in, first out, from executions with their fees; nothing of it is estimated (L36): what
was closed at a price that nobody states is counted, and never valued. Amounts are kept for each currency by itself,
because adding different ones would be inventing. Pure; the state carries a `Tally`, so that a process knows after a
crash exactly what it would have known without one.
"""

from __future__ import annotations

from collections.abc import Container
from decimal import Decimal
from typing import Final, TypeVar

import msgspec
from immutables import Map
from msgspec.structs import replace

from trueup.model import EXACT, ZERO, Execution, Holding, Key, add, subtract
from trueup.policy import Policy

DAY_NS: Final = 86_400_000_000_000
LOTS_PER_KEY_MAX: Final = 1_000
"""Lots that are kept of one key (law 12); beyond it the two oldest become one, at their average price."""
ONE: Final = Decimal(1)
V = TypeVar("V")


class Lot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Some of a position, as one execution opened it."""

    quantity: Decimal
    """Signed, never 0."""
    price: Decimal | None


class Tally(msgspec.Struct, frozen=True):
    """What the executions so far add up to. Amounts are in the quote currency of their instrument."""

    lots: Map[Key, tuple[Lot, ...]] = Map()
    """What is open, oldest first."""
    trips: Map[Key, Decimal] = Map()
    """By key: what has been realised since it was last flat."""
    day: int = 0
    """The UTC day of the last execution, in days since 1970, by our own clock."""
    today: Map[str, Decimal] = Map()
    """By currency: realised on that day, less fees."""
    total: Map[str, Decimal] = Map()
    """By currency: realised since the journal began, less fees."""
    peak: Map[str, Decimal] = Map()
    """By currency: the most that `total` has ever been, at least 0."""
    worst: Map[str, Decimal] = Map()
    """By currency: the deepest that `total` has ever fallen below its peak, as a number of at least 0."""
    losses: int = 0
    """Round trips in a row that ended with a loss."""
    unpriced: int = 0
    """Executions that closed something at a price, or from one, that nobody states."""


def tallied(
    tally: Tally, key: Key, held: Holding | None, execution: Execution, policy: Policy, at_ns: int, *, awaited: bool
) -> Tally:
    """The tally after one execution that was seen for the first time.

    held     what the book held under `key` before it, where fills move that; None: nothing
    at_ns    our own wall time: it decides which day it belongs to
    awaited  whether a correction inferred some of it, so that its fill may still come: then lots that the book holds
             no more are not given up
    """
    known = policy.instruments.get(execution.symbol)
    currency = "" if known is None or known.currency is None else known.currency
    size = ONE if known is None or known.contract_size is None else known.contract_size
    known_lots = tally.lots.get(key, ())
    before = known_lots if awaited else _kept(known_lots, held)
    lots, gained, unpriced = _matched(_complete(before, held, execution.signed_quantity), execution, size)
    unpriced += before is not known_lots
    day = at_ns // DAY_NS
    if day != tally.day:
        tally = replace(tally, day=day, today=Map())
    earned: dict[str, Decimal] = {} if gained is None else {currency: gained}
    if execution.fee:
        paid_in = currency if execution.fee_asset is None else execution.fee_asset
        earned[paid_in] = subtract(earned.get(paid_in, ZERO), execution.fee)
    for name in sorted(earned):
        tally = _booked(tally, name, earned[name])
    own = earned.get(currency, ZERO)
    return _trip(replace(tally, unpriced=tally.unpriced + unpriced), key, lots, own)


def _sum(lots: tuple[Lot, ...]) -> Decimal:
    total = ZERO
    for lot in lots:
        total = add(total, lot.quantity)
    return total


def _kept(lots: tuple[Lot, ...], held: Holding | None) -> tuple[Lot, ...]:
    """The lots without those that left without any fill: what the book does not hold any more, the oldest first."""
    have = _sum(lots)
    size = ZERO if held is None or held.signed_quantity.is_signed() != have.is_signed() else held.signed_quantity
    excess = subtract(have.copy_abs(), size.copy_abs())
    if not lots or excess <= 0:
        return lots
    rest = list(lots)
    while excess > 0:
        lot = rest.pop(0)
        gone = min(lot.quantity.copy_abs(), excess)
        excess = subtract(excess, gone)
        if gone != lot.quantity.copy_abs():
            rest.insert(0, Lot(subtract(lot.quantity, gone.copy_sign(lot.quantity)), lot.price))
    return tuple(rest)


def _complete(lots: tuple[Lot, ...], held: Holding | None, move: Decimal) -> tuple[Lot, ...]:
    """The lots that a reducing execution meets: what the book holds beyond them was adopted, and is the oldest."""
    if held is None or held.signed_quantity.is_signed() == move.is_signed():
        return lots
    have = _sum(lots)
    missing = subtract(held.signed_quantity, have)
    if missing and missing.is_signed() == held.signed_quantity.is_signed():
        return (Lot(missing, held.price), *lots)
    return lots


def _matched(lots: tuple[Lot, ...], execution: Execution, size: Decimal) -> tuple[tuple[Lot, ...], Decimal | None, int]:
    """(the lots afterwards, what was realised or None when nothing was, whether something of it has no price)."""
    left, price = execution.signed_quantity, execution.price
    gained: Decimal | None = None
    unpriced = 0
    rest = list(lots)
    while left and rest and rest[0].quantity.is_signed() != left.is_signed():
        lot = rest.pop(0)
        closed = min(lot.quantity.copy_abs(), left.copy_abs()).copy_sign(lot.quantity)
        if lot.price is None or price is None:
            unpriced = 1
        else:
            moved = EXACT.multiply(EXACT.multiply(subtract(price, lot.price), closed), size)
            gained = moved if gained is None else add(gained, moved)
        left = add(left, closed)
        if closed != lot.quantity:
            rest.insert(0, Lot(subtract(lot.quantity, closed), lot.price))
    if left and rest and rest[-1].price == price:
        rest[-1] = Lot(add(rest[-1].quantity, left), price)
    elif left:
        rest.append(Lot(left, price))
    if len(rest) > LOTS_PER_KEY_MAX:
        rest[:2] = [_joined(rest[0], rest[1])]
    return tuple(rest), gained, unpriced


def _joined(one: Lot, other: Lot) -> Lot:
    quantity = add(one.quantity, other.quantity)
    if one.price is None or other.price is None:
        return Lot(quantity, None)
    worth = add(EXACT.multiply(one.quantity, one.price), EXACT.multiply(other.quantity, other.price))
    return Lot(quantity, EXACT.divide(worth, quantity))


def _booked(tally: Tally, currency: str, amount: Decimal) -> Tally:
    total = add(tally.total.get(currency, ZERO), amount)
    peak = max(tally.peak.get(currency, ZERO), total)
    worst = max(tally.worst.get(currency, ZERO), subtract(peak, total))
    return replace(
        tally,
        today=tally.today.set(currency, add(tally.today.get(currency, ZERO), amount)),
        total=tally.total.set(currency, total),
        peak=tally.peak.set(currency, peak),
        worst=tally.worst.set(currency, worst),
    )


def _trip(tally: Tally, key: Key, lots: tuple[Lot, ...], gained: Decimal) -> Tally:
    """A key that is flat again has ended a round trip: won, or lost one more in a row."""
    so_far = add(tally.trips.get(key, ZERO), gained)
    if lots:
        trips = tally.trips.set(key, so_far) if so_far else tally.trips
        return replace(tally, lots=tally.lots.set(key, lots), trips=trips)
    losses = tally.losses + 1 if so_far < 0 else 0 if so_far > 0 else tally.losses
    return replace(tally, lots=_without(tally.lots, key), trips=_without(tally.trips, key), losses=losses)


def pruned(tally: Tally, book: Container[Key]) -> Tally:
    """The tally without the lots of what the book holds no more: their fills never came (law 12)."""
    gone = sorted(key for key in tally.lots if key not in book)
    lots, trips = tally.lots, tally.trips
    for key in gone:
        lots, trips = _without(lots, key), _without(trips, key)
    return replace(tally, lots=lots, trips=trips, unpriced=tally.unpriced + len(gone))


def is_another_day(tally: Tally, at_ns: int) -> bool:
    """Whether the UTC day has changed since the last execution."""
    return at_ns // DAY_NS != tally.day


def renamed(tally: Tally, unbound: Key, key: Key) -> Tally:
    """The tally after an entry without a ticket was recognised: its lots go on under its ticket's key."""
    lots = tally.lots.get(unbound)
    if lots is None:
        return tally
    moved = replace(tally, lots=_without(tally.lots, unbound).set(key, (*tally.lots.get(key, ()), *lots)))
    trip = tally.trips.get(unbound)
    if trip is None:
        return moved
    return replace(moved, trips=_without(tally.trips, unbound).set(key, add(tally.trips.get(key, ZERO), trip)))


def _without(kept: Map[Key, V], key: Key) -> Map[Key, V]:
    return kept.delete(key) if key in kept else kept
