"""What did the fills earn or lose: today, in a row, and at its worst?

Realised profit and loss, first in, first out, from executions with their fees; nothing of it is estimated (L36): what
was closed at a price that nobody states is counted, and never valued. Amounts are kept for each currency by itself,
because adding different ones would be inventing. Pure; the state carries a `Tally`, so that a process knows after a
crash exactly what it would have known without one.
"""

from __future__ import annotations

from collections.abc import Container
from decimal import Context, Decimal
from typing import Final

import msgspec
from immutables import Map, MapMutation

from trueup.model import DIGITS_MAX, EXACT, ZERO, Execution, Holding, Key, add, subtract
from trueup.policy import Policy

DAY_NS: Final = 86_400_000_000_000
LOTS_PER_KEY_MAX: Final = 256
"""Lots that are kept of one key (law 12); beyond it the oldest become one, at their average price."""
LOTS_JOINED: Final = 128
_AVERAGE: Final = Context(prec=DIGITS_MAX)
"""An average has as many digits as any number that is admitted."""
ONE: Final = Decimal(1)


class Lot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Some of a position, as one execution opened it."""

    quantity: Decimal
    """Signed, never 0."""
    price: Decimal | None


class Lots(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is open of one key, oldest first."""

    total: Decimal = ZERO
    """Signed: the sum of all of it, so that nobody has to add it up for every fill."""
    lots: tuple[Lot, ...] = ()
    trip: Decimal = ZERO
    """What has been realised since the key was last flat."""


class Money(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was earned in one currency, less fees."""

    today: Decimal = ZERO
    """On the UTC day of the last execution."""
    total: Decimal = ZERO
    """Since the journal began."""
    peak: Decimal = ZERO
    """The most that `total` has ever been, at least 0."""
    worst: Decimal = ZERO
    """The deepest that `total` has ever fallen below its peak, as a number of at least 0."""


class Tally(msgspec.Struct, frozen=True):
    """What the executions so far add up to. Amounts are in the quote currency of their instrument."""

    open: Map[Key, Lots] = Map()
    money: Map[str, Money] = Map()
    """By currency; `""` where the policy names none."""
    day: int = 0
    """The UTC day of the last execution, in days since 1970, by our own clock."""
    losses: int = 0
    """Round trips in a row that ended with a loss."""
    unpriced: int = 0
    """Executions that closed something at a price, or from one, that nobody states."""


NOTHING: Final = Lots()
NO_MONEY: Final = Money()


class DraftTally:
    """A tally that executions are added to; until one is, it costs nothing. Ten thousand may come at once."""

    __slots__ = ("_before", "_day", "_losses", "_money", "_open", "_unpriced")

    def __init__(self, tally: Tally) -> None:
        self._before = tally
        self._open: MapMutation[Key, Lots] | None = None

    def _begin(self) -> MapMutation[Key, Lots]:
        if self._open is None:
            before = self._before
            self._open = before.open.mutate()
            self._money = dict(before.money)
            self._day, self._losses, self._unpriced = before.day, before.losses, before.unpriced
        return self._open

    def sealed(self) -> Tally:
        """The tally as it stands."""
        if self._open is None:
            return self._before
        money = self._before.money
        if self._money != dict(money):
            money = Map(self._money)
        return Tally(self._open.finish(), money, self._day, self._losses, self._unpriced)

    def add(
        self, key: Key, held: Holding | None, execution: Execution, policy: Policy, at_ns: int, *, awaited: bool
    ) -> None:
        """One execution that was seen for the first time.

        held     what the book held under `key` before it, where fills move that; None: nothing
        at_ns    our own wall time: it decides which day it belongs to
        awaited  whether a correction inferred some of it, so that its fill may still come: then lots that the book
                 holds no more are not given up
        """
        kept = self._begin()
        day = at_ns // DAY_NS
        if day != self._day:
            self._day = day
            self._money = {name: Money(ZERO, one.total, one.peak, one.worst) for name, one in self._money.items()}
        lots = kept.get(key, NOTHING)
        move = execution.signed_quantity
        if not awaited:
            lots = self._given_up(lots, held)
        if held is not None and held.signed_quantity.is_signed() != move.is_signed():
            lots = _completed(lots, held)
        if not lots.total or lots.total.is_signed() == move.is_signed():
            lots = _opened(lots, move, execution.price)
            if execution.fee:
                lots = self._earned(lots, None, execution, policy)
        else:
            lots = self._closed(lots, execution, policy)
        if lots.total:
            kept[key] = lots
        else:
            kept.pop(key, None)
            self._over(lots.trip)

    def rename(self, unbound: Key, key: Key) -> None:
        """An entry without a ticket was recognised: its lots go on under its ticket's key."""
        kept = self._begin()
        lots = kept.pop(unbound, None)
        if lots is not None:
            known = kept.get(key, NOTHING)
            kept[key] = Lots(add(known.total, lots.total), (*known.lots, *lots.lots), add(known.trip, lots.trip))

    def is_another_day(self, at_ns: int) -> bool:
        """Whether the UTC day has changed since the last execution."""
        return at_ns // DAY_NS != (self._before.day if self._open is None else self._day)

    def prune(self, book: Container[Key]) -> None:
        """Give up the lots of what the book holds no more: their fills never came (law 12)."""
        kept = self._begin().finish()
        gone = [key for key in kept if key not in book]
        self._open = kept.mutate()
        for key in gone:
            del self._open[key]
        self._unpriced += len(gone)

    # -- inner parts ---------------------------------------------------------------------------------------

    def _given_up(self, lots: Lots, held: Holding | None) -> Lots:
        """The lots without those that left without any fill: what the book does not hold any more, oldest first."""
        size = ZERO if held is None else held.signed_quantity
        if lots.total == size or not lots.total:
            return lots
        if size and size.is_signed() == lots.total.is_signed():
            excess = subtract(lots.total.copy_abs(), size.copy_abs())
            if excess <= 0:
                return lots
        else:
            excess = lots.total.copy_abs()
        self._unpriced += 1
        rest, _, _ = _taken(lots.lots, excess.copy_sign(lots.total), None, ONE)
        return Lots(subtract(lots.total, excess.copy_sign(lots.total)), rest, lots.trip)

    def _closed(self, lots: Lots, execution: Execution, policy: Policy) -> Lots:
        """The lots after an execution that reduces them, and may turn the position round."""
        move, price = execution.signed_quantity, execution.price
        most = min(move.copy_abs(), lots.total.copy_abs()).copy_sign(lots.total)
        rest, gained, unpriced = _taken(lots.lots, most, price, _size_of(policy, execution.symbol))
        self._unpriced += unpriced
        left = add(move, most)
        after = self._earned(Lots(add(lots.total, move), rest, lots.trip), gained, execution, policy)
        if not left:
            return after
        self._over(after.trip)
        return Lots(left, (Lot(left, price),))

    def _earned(self, lots: Lots, gained: Decimal | None, execution: Execution, policy: Policy) -> Lots:
        """Book what was realised, and the fee, each in its own currency."""
        currency = currency_of(policy, execution.symbol)
        fee = execution.fee
        if fee and execution.fee_asset not in (None, currency):
            self._book(execution.fee_asset or "", fee.copy_negate())
        elif fee:
            gained = subtract(gained or ZERO, fee)
        if gained is None:
            return lots
        self._book(currency, gained)
        return Lots(lots.total, lots.lots, add(lots.trip, gained)) if gained else lots

    def _book(self, currency: str, amount: Decimal) -> None:
        known = self._money.get(currency, NO_MONEY)
        total = add(known.total, amount)
        peak = total if total > known.peak else known.peak
        fallen = subtract(peak, total)
        worst = fallen if fallen > known.worst else known.worst
        self._money[currency] = Money(add(known.today, amount), total, peak, worst)

    def _over(self, trip: Decimal) -> None:
        """A round trip has ended: won, or lost one more in a row."""
        if trip:
            self._losses = self._losses + 1 if trip.is_signed() else 0


def currency_of(policy: Policy, symbol: str) -> str:
    """The currency of an instrument's prices; `""` where the policy names none."""
    known = policy.instruments.get(symbol)
    return "" if known is None or known.currency is None else known.currency


def _size_of(policy: Policy, symbol: str) -> Decimal:
    known = policy.instruments.get(symbol)
    return ONE if known is None or known.contract_size is None else known.contract_size


def worth_of(policy: Policy, symbol: str, quantity: Decimal, price: Decimal) -> Decimal:
    """What a quantity, unsigned, comes to at a price, in the instrument's currency."""
    return EXACT.multiply(EXACT.multiply(quantity.copy_abs(), price), _size_of(policy, symbol))


def _completed(lots: Lots, held: Holding) -> Lots:
    """The lots that a reducing execution meets: what the book holds beyond them was adopted, and is the oldest."""
    missing = subtract(held.signed_quantity, lots.total)
    if not missing or missing.is_signed() != held.signed_quantity.is_signed():
        return lots
    return Lots(held.signed_quantity, (Lot(missing, held.price), *lots.lots), lots.trip)


def _opened(lots: Lots, move: Decimal, price: Decimal | None) -> Lots:
    """The lots with one more, joined to the newest where that has the same price."""
    known = lots.lots
    if known and known[-1].price == price:
        rest = (*known[:-1], Lot(add(known[-1].quantity, move), price))
    elif len(known) < LOTS_PER_KEY_MAX:
        rest = (*known, Lot(move, price))
    else:
        rest = (_joined(known[:LOTS_JOINED]), *known[LOTS_JOINED:], Lot(move, price))
    return Lots(add(lots.total, move), rest, lots.trip)


def _taken(
    lots: tuple[Lot, ...], most: Decimal, price: Decimal | None, size: Decimal
) -> tuple[tuple[Lot, ...], Decimal | None, bool]:
    """(what is left after `most`, signed like the lots, was taken from the oldest; what that realised at `price`, None
    when nothing can be said; whether something of it has no price)."""
    gained: Decimal | None = None
    unpriced = False
    for place, lot in enumerate(lots):
        if not most:
            return lots[place:], gained, unpriced
        part = lot.quantity if lot.quantity.copy_abs() <= most.copy_abs() else most
        if lot.price is None or price is None:
            unpriced = True
        else:
            moved = EXACT.multiply(EXACT.multiply(subtract(price, lot.price), part), size)
            gained = moved if gained is None else add(gained, moved)
        most = subtract(most, part)
        if part != lot.quantity:
            return (Lot(subtract(lot.quantity, part), lot.price), *lots[place + 1 :]), gained, unpriced
    return (), gained, unpriced


def _joined(lots: tuple[Lot, ...]) -> Lot:
    """Several lots as one, at their average price; without a price where one of them has none."""
    quantity, worth = ZERO, ZERO
    for lot in lots:
        quantity = add(quantity, lot.quantity)
        if lot.price is not None:
            worth = add(worth, EXACT.multiply(lot.quantity, lot.price))
    if any(lot.price is None for lot in lots):
        return Lot(quantity, None)
    return Lot(quantity, _AVERAGE.divide(worth, quantity))
