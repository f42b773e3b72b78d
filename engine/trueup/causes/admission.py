"""Which deals and orders may speak for this break at all?

"Exit proof" was once the first closed order on the other side, however old (L55), and an older exit of the same
symbol was taken for today's (L59). So evidence is bounded in time on both ends, and what is turned away is told why:

  not before   both sides agreed on the key when the last answer before the break was asked for; what was heard of
               before that (and its staleness) is inside that agreement. By our own receipt (L16), never by comparing
               the broker's clock with ours (L46), save with a day's margin
  not older    than what the same broker's clock puts before it: the position's own opening, or a deal from before
               that agreement
  not counted  the book contains it already
  no payment   funding is listed like an execution of the whole position by some venues
  not after    it must be heard of within `inferred_s_max` of the break
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from trueup.causes.material import BreakFacts, Deal, OrderSeen, Rejected
from trueup.model import Moment, elapsed_ns

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_EPOCH_DIGITS: Final = 10
"""Digits of a time in whole seconds; with more it is in milliseconds or finer, with fewer it is none."""
CLOCK_MARGIN_S: Final = 86_400
"""How far a broker's clock may be from ours: its offset is unknown, and may be most of a day (L46)."""

Stamp: TypeAlias = tuple[str, int]
"""(how the time is written, seconds): times of two kinds are not compared with each other."""


def stamp_of(text: str | None) -> Stamp | None:
    """A broker's time in whole seconds of its own clock; None where it cannot be read.

    Whole seconds, because one list of a broker has milliseconds and another has not.
    """
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return ("number", int(text[:_EPOCH_DIGITS])) if len(text) >= _EPOCH_DIGITS else None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None  # a time that cannot be read is evidence of nothing
    kind = "local" if when.tzinfo is None else "zoned"
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return kind, (when - _EPOCH) // _SECOND


def admitted(facts: BreakFacts) -> tuple[tuple[Deal, ...], tuple[Rejected, ...]]:
    """The deals on this key that may explain its break, oldest first; and those turned away, with the reason."""
    oldest = tuple(_not_older(facts))
    taken: list[Deal] = []
    rejected: list[Rejected] = []
    for deal in facts.deals:
        if not is_of_key(facts, deal):
            continue
        why = _why_not(facts, deal, oldest)
        if why is None:
            taken.append(deal)
        else:
            what = f"execution {deal.execution.execution_id}"
            rejected.append(Rejected(what=what, why=why, positions=(deal.position,)))
    return tuple(taken), tuple(rejected)


def booked_since(facts: BreakFacts) -> tuple[Deal, ...]:
    """The fills of the key that the process recorded since both sides last agreed, oldest first."""
    return tuple(
        deal
        for deal in facts.deals
        if deal.recorded
        and deal.counted
        and is_of_key(facts, deal)
        and _bounds(facts, deal.heard, deal.position) is None
    )


def admitted_orders(facts: BreakFacts) -> tuple[OrderSeen, ...]:
    """The orders of the key that were heard of within the same bounds, and not sent after the break was seen (L14)."""
    return tuple(
        one
        for one in facts.orders
        if one.order.symbol == facts.symbol
        and (None in (one.order.ticket, facts.ticket) or one.order.ticket == facts.ticket)
        and _bounds(facts, one.heard, one.position) is None
        and one.sent_position <= facts.seen_position
    )


def is_of_key(facts: BreakFacts, deal: Deal) -> bool:
    """Whether a deal is on the key: on its symbol, and when hedging not on another ticket (L29, L30)."""
    execution = deal.execution
    if execution.symbol != facts.symbol:
        return False
    return facts.mode == "netting" or None in (facts.ticket, execution.ticket) or execution.ticket == facts.ticket


def _why_not(facts: BreakFacts, deal: Deal, oldest: tuple[tuple[Stamp, str], ...]) -> str | None:
    """Why a deal cannot explain the break; None when it may."""
    if deal.claimed:
        return None  # the engine itself found that it is what the correction had inferred
    if deal.counted:
        return "the book had counted it"
    if deal.reason == "payment":
        return "it is a payment for holding the position, and moved none"
    if (why := _bounds(facts, deal.heard, deal.position)) is not None:
        return why
    stamp = stamp_of(deal.execution.happened_at)
    if stamp is None:
        return "nothing says how old it is: the first answer on fills listed it" if deal.history else None
    for bound, what in oldest:
        if stamp[0] == bound[0] and stamp[1] < bound[1]:
            return f"by the broker's own clock it is older than {what}"
    if facts.agreed is not None and stamp[1] + CLOCK_MARGIN_S < facts.agreed.at_ns // 1_000_000_000:
        return f"by its time it is more than a day older than the agreement of both sides at {facts.agreed_position}"
    return None


def _bounds(facts: BreakFacts, heard: Moment, position: int) -> str | None:
    """Why something heard of then is outside the time in which the break came about; None when it is inside."""
    if _before_agreement(facts, heard):
        return f"it was known at {position}, before both sides agreed at {facts.agreed_position}"
    late_ns = elapsed_ns(facts.seen, heard)
    if late_ns > facts.policy.inferred_ns_max:
        return (
            f"it was first heard of {late_ns // 1_000_000_000} s after the break, "
            f"more than the {facts.policy.inferred_s_max} s that count"
        )
    return None


def _before_agreement(facts: BreakFacts, heard: Moment) -> bool:
    return facts.agreed is not None and elapsed_ns(heard, facts.agreed) > facts.lag_ns


def _not_older(facts: BreakFacts) -> Iterator[tuple[Stamp, str]]:
    """The broker's own times that evidence must not lie before, and what they are of."""
    held = facts.book or facts.broker
    if held is not None and (opened := stamp_of(held.opened_at)) is not None:
        yield opened, f"the position itself, opened at {held.opened_at}"
    for deal in facts.deals:
        stamp = stamp_of(deal.execution.happened_at)
        if stamp is not None and deal.listed and _before_agreement(facts, deal.heard):
            yield stamp, f"execution {deal.execution.execution_id}, which was known before both sides agreed"
