"""What does a circuit breaker need to know, now, as if the process had never crashed?

Profit and loss of the day, losses in a row, drawdown, and what is at stake: all from the journal, by way of the state
(`tally`). What works at the broker and the book lacks is told apart, because nobody here decided it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from trueup.model import ZERO, add, plain, subtract
from trueup.policy import Policy
from trueup.reconciliation.orphans import orphans_of
from trueup.reconciliation.state import State
from trueup.tally import DAY_NS, currency_of, reckoned, worth_of


class BreakerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a circuit breaker needs to know, as of a moment."""

    realised_today: dict[str, Decimal]
    """By currency (`""` where no instrument names one), UTC day, less fees."""
    realised_total: dict[str, Decimal]
    drawdown: dict[str, Decimal]
    """By currency: how far realised equity is below its peak now; 0 at the peak."""
    drawdown_deepest: dict[str, Decimal]
    consecutive_losses: int
    open_exposure: dict[str, Decimal]
    """By currency: the sum of size times entry price of every position in the book that has a price."""
    orphan_exposure: dict[str, Decimal]
    """By currency: size times price of what works at the broker and the book lacks; kept apart, because nobody here
    decided it."""
    unpriced: int
    """Closings whose profit is unknown, and positions or orphans without a price: they are in none of the sums."""


def breaker_of(state: State, at_ns: int) -> BreakerStatus:
    """The numbers as of wall time `at_ns`: it says which day today is."""
    tally = reckoned(state.tally)
    money = sorted(tally.money.items())
    today = tally.day == at_ns // DAY_NS
    held = [slot.holding for slot in state.book.values() if slot.holding is not None]
    exposure, unpriced = _exposure(state.policy, ((one.symbol, one.signed_quantity, one.price) for one in held))
    orphans = [(one.symbol, one.quantity, one.limit or one.stop) for one in orphans_of(state).values()]
    strange, nameless = _exposure(state.policy, orphans)
    return BreakerStatus(
        realised_today=_amounts({name: one.today for name, one in money if one.today} if today else {}),
        realised_total=_amounts({name: one.total for name, one in money}),
        drawdown=_amounts({name: subtract(one.peak, one.total) for name, one in money}),
        drawdown_deepest=_amounts({name: one.worst for name, one in money}),
        consecutive_losses=tally.losses,
        open_exposure=exposure,
        orphan_exposure=strange,
        unpriced=tally.unpriced + unpriced + nameless,
    )


def _exposure(policy: Policy, rows: Iterable[tuple[str, Decimal, Decimal | None]]) -> tuple[dict[str, Decimal], int]:
    """(size times price by currency, how many rows have no price)."""
    found: dict[str, Decimal] = {}
    unpriced = 0
    for symbol, quantity, price in rows:
        if price is None:
            unpriced += 1
            continue
        currency = currency_of(policy, symbol)
        found[currency] = add(found.get(currency, ZERO), worth_of(policy, symbol, quantity, price))
    return _amounts(found), unpriced


def _amounts(kept: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """By currency, in order, without the zeros that multiplying leaves behind."""
    return {name: Decimal(plain(kept[name])) for name in sorted(kept)}
