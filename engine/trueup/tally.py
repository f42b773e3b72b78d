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
from immutables import Map
from msgspec.structs import replace

from trueup.model import DIGITS_MAX, EXACT, ZERO, Execution, Holding, Key, add, subtract
from trueup.policy import Policy

DAY_NS: Final = 86_400_000_000_000
LOTS_PER_KEY_MAX: Final = 256
"""Lots that are kept of one key (law 12); beyond it the oldest become one, at their average price."""
LOTS_JOINED: Final = 128
NOTED_MAX: Final = 64
"""Executions that wait to be reckoned (law 12): recording one is measured in microseconds."""
multiply: Final = EXACT.multiply
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


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One execution that is noted and not reckoned yet."""

    key: Key
    held: Decimal | None
    """What the book held under the key before it, signed, where fills move that; None: nothing."""
    held_price: Decimal | None
    quantity: Decimal
    price: Decimal | None
    size: Decimal
    """Units in one contract."""
    currency: str
    fee: Decimal | None
    fee_asset: str | None
    at_ns: int
    awaited: bool
    """Whether a correction inferred some of it, so that its fill may still come: then lots that the book holds no more
    are not given up."""


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
    noted: tuple[Entry, ...] = ()
    """The latest executions, fewer than `NOTED_MAX`: reckoned when somebody asks (`reckoned`), or there are more."""


NOTHING: Final = Lots()
NO_MONEY: Final = Money()


def reckoned(tally: Tally) -> Tally:
    """The tally with everything that was noted worked in: what it says of money is only then complete."""
    return _Reckoning(tally).done() if tally.noted else tally


class DraftTally:
    """A tally that executions are added to; until one is, it costs nothing. Ten thousand may come at once."""

    __slots__ = ("_noted", "_tally", "day")

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._noted: list[Entry] | None = None
        self.day = tally.noted[-1].at_ns // DAY_NS if tally.noted else tally.day
        """The UTC day of the last execution; `begin` another one before it is added to."""

    def sealed(self) -> Tally:
        """The tally as it stands."""
        if self._noted is None:
            return self._tally
        before = self._tally
        return Tally(before.open, before.money, before.day, before.losses, before.unpriced, tuple(self._noted))

    def add(
        self, key: Key, held: Holding | None, execution: Execution, policy: Policy, at_ns: int, *, awaited: bool
    ) -> None:
        """Note one execution that was seen for the first time.

        held     what the book held under `key` before it, where fills move that; None: nothing
        at_ns    our own wall time: it decides which day it belongs to
        awaited  see `Entry`
        """
        noted = self._noted
        if noted is None:
            noted = self._noted = list(self._tally.noted)
        symbol = execution.symbol
        noted.append(
            Entry(
                key,
                None if held is None else held.signed_quantity,
                None if held is None else held.price,
                execution.signed_quantity,
                execution.price,
                size_of(policy, symbol) if policy.instruments else ONE,
                currency_of(policy, symbol) if policy.instruments else "",
                execution.fee,
                execution.fee_asset,
                at_ns,
                awaited,
            )
        )
        if len(noted) >= NOTED_MAX:
            self._reckon()

    def rename(self, unbound: Key, key: Key) -> None:
        """An entry without a ticket was recognised: its lots go on under its ticket's key."""
        tally = self._reckon()
        lots = tally.open.get(unbound)
        if lots is not None:
            known = tally.open.get(key, NOTHING)
            joined = Lots(add(known.total, lots.total), (*known.lots, *lots.lots), add(known.trip, lots.trip))
            self._tally = replace(tally, open=tally.open.delete(unbound).set(key, joined))

    def begin(self, day: int, book: Container[Key]) -> None:
        """Another UTC day: give up the lots of what the book holds no more, their fills never came (law 12)."""
        self.day = day
        tally = self._reckon()
        kept = tally.open.mutate()
        gone = [key for key in tally.open if key not in book]
        for key in gone:
            del kept[key]
        self._tally = replace(tally, open=kept.finish(), unpriced=tally.unpriced + len(gone))

    def _reckon(self) -> Tally:
        self._tally = reckoned(self.sealed())
        self._noted = []
        return self._tally


class _Reckoning:
    """Works what was noted into lots and money, in order."""

    def __init__(self, tally: Tally) -> None:
        self._noted = tally.noted
        self._open = tally.open.mutate()
        self._money = dict(tally.money)
        self._day, self._losses, self._unpriced = tally.day, tally.losses, tally.unpriced

    def done(self) -> Tally:
        """The tally with nothing left to reckon."""
        known = self._open
        for entry in self._noted:
            if entry.at_ns // DAY_NS != self._day:
                self._begin(entry.at_ns // DAY_NS)
            key, held, move = entry.key, entry.held, entry.quantity
            lots = known.get(key, NOTHING)
            if lots.total != (ZERO if held is None else held):  # else the fills account for all that the book holds
                lots = self._reconciled(lots, entry)
            before = lots.total
            if before and before.is_signed() != move.is_signed():
                lots = self._closed(lots, entry)
            else:
                lots = _opened(lots, move, entry.price)
                if entry.fee:
                    lots = self._charged(lots, None, entry)
            if lots.total:
                known[key] = lots
            else:
                known.pop(key, None)
                self._over(lots.trip)
        return Tally(known.finish(), Map(self._money), self._day, self._losses, self._unpriced)

    def _begin(self, day: int) -> None:
        self._day = day
        self._money = {name: Money(ZERO, one.total, one.peak, one.worst) for name, one in self._money.items()}

    def _reconciled(self, lots: Lots, entry: Entry) -> Lots:
        """The lots as an execution meets them, where they are not what the book held then."""
        held = entry.held
        if not entry.awaited:
            lots = self._given_up(lots, held)
        if held is not None and held.is_signed() != entry.quantity.is_signed():
            lots = _completed(lots, held, entry.held_price)
        return lots

    def _given_up(self, lots: Lots, held: Decimal | None) -> Lots:
        """The lots without those that left without any fill: what the book does not hold any more, oldest first."""
        size = held or ZERO
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

    def _closed(self, lots: Lots, entry: Entry) -> Lots:
        """The lots after an execution that reduces them, and may turn the position round."""
        before, move, price = lots.total, entry.quantity, entry.price
        after = add(before, move)
        turned = after and after.is_signed() != before.is_signed()
        rest, gained, unpriced = _taken(lots.lots, before if turned else move.copy_negate(), price, entry.size)
        if unpriced:
            self._unpriced += 1
        lots = Lots(after, rest, lots.trip)
        lots = self._charged(lots, gained, entry) if entry.fee else self._earned(lots, gained, entry.currency)
        if not turned:
            return lots
        self._over(lots.trip)
        return Lots(after, (Lot(after, price),))

    def _charged(self, lots: Lots, gained: Decimal | None, entry: Entry) -> Lots:
        """Book what was realised, and the fee that there is, each in its own currency."""
        currency, fee = entry.currency, entry.fee
        assert fee is not None
        if entry.fee_asset not in (None, currency):
            self._book(entry.fee_asset or "", fee.copy_negate())
        else:
            gained = subtract(gained or ZERO, fee)
        return self._earned(lots, gained, currency)

    def _earned(self, lots: Lots, gained: Decimal | None, currency: str) -> Lots:
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


def size_of(policy: Policy, symbol: str) -> Decimal:
    """How many units one contract of an instrument has; 1 where the policy does not say."""
    known = policy.instruments.get(symbol)
    return ONE if known is None or known.contract_size is None else known.contract_size


def worth_of(policy: Policy, symbol: str, quantity: Decimal, price: Decimal) -> Decimal:
    """What a quantity, unsigned, comes to at a price, in the instrument's currency."""
    return multiply(multiply(quantity.copy_abs(), price), size_of(policy, symbol))


def _completed(lots: Lots, held: Decimal, price: Decimal | None) -> Lots:
    """The lots that a reducing execution meets: what the book holds beyond them was adopted, and is the oldest."""
    missing = subtract(held, lots.total)
    if not missing or missing.is_signed() != held.is_signed():
        return lots
    return Lots(held, (Lot(missing, price), *lots.lots), lots.trip)


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
            moved = multiply(subtract(price, lot.price), part)
            if size is not ONE:
                moved = multiply(moved, size)
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
            worth = add(worth, multiply(lot.quantity, lot.price))
    if any(lot.price is None for lot in lots):
        return Lot(quantity, None)
    return Lot(quantity, _AVERAGE.divide(worth, quantity))
