"""Which deals, together, are exactly the difference, and who or what made them?

The sum has to be exact (`sums`). Fewest executions first; then whole orders, because one order may have filled in
dozens of pieces; then everything that may speak at all. What made them is the broker's word where it says one, else
whose order they name, else a protective stop that their price reached; and where nobody can tell, both readings stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from trueup.causes.material import BreakFacts, Cause, Deal, OrderSeen, Proposal, Rejected, Strength
from trueup.causes.sums import combine
from trueup.model import ZERO, Execution, Reason, add, plain

_BY_REASON: dict[Reason, Cause] = {
    "stop": "stop_hit",
    "take_profit": "take_profit_hit",
    "liquidation": "liquidation",
    "split": "split",
    "rollover": "swap_or_funding",
}
_SAID: dict[Cause, str] = {
    "stop_hit": "a stop at the broker",
    "take_profit_hit": "a take-profit at the broker",
    "liquidation": "a liquidation by the broker",
    "split": "a split",
    "swap_or_funding": "a rollover, swap or funding",
}
NAMED_MAX = 6
"""Executions that one sentence names; it says how many more there are."""


class Reading(msgspec.Struct, frozen=True):
    """One way to read the deals that were found: what made them, how sure that is, and by what."""

    cause: Cause
    strength: Strength
    by: str


def from_deals(
    facts: BreakFacts, deals: Sequence[Deal], orders: Sequence[OrderSeen]
) -> tuple[tuple[Proposal, ...], tuple[Rejected, ...]]:
    """What the admitted deals propose; and why they propose nothing, if so."""
    delta = facts.delta
    if not delta:
        return _rolled_over(facts, deals), ()
    claimed = [deal for deal in deals if deal.claimed]
    if claimed and sum_of(deal.claimed for deal in claimed) == delta:
        by = "it claimed exactly what this correction had inferred when it came"
        return _proposed(facts, claimed, _readings(facts, claimed, orders, claimed_by=by), another=False), ()
    free = [deal for deal in deals if not deal.claimed]
    found, another, why_not = _exact(free, delta)
    if not found:
        return (), (Rejected(what="deals", why=why_not, positions=_positions(free)),)
    return _proposed(facts, found, _readings(facts, found, orders), another=another), ()


def _exact(deals: Sequence[Deal], delta: Decimal) -> tuple[list[Deal], bool, str]:
    """(deals that sum to the delta, whether others would as well, why there are none)."""
    if not deals:
        return [], False, "no deal on this key is known that the book has not counted"
    single = combine([deal.execution.signed_quantity for deal in deals], delta)
    if single.chosen:
        return [deals[index] for index in single.chosen], single.another or not single.complete, ""
    groups = _by_order(deals)
    whole = combine([sum_of(deal.execution.signed_quantity for deal in group) for group in groups], delta)
    if whole.chosen:
        return [deal for index in whole.chosen for deal in groups[index]], whole.another or not whole.complete, ""
    if sum_of(deal.execution.signed_quantity for deal in deals) == delta:
        return list(deals), False, ""
    limit = "" if single.complete and whole.complete else "; the search stopped at its limit"
    known = "the one deal that is known is not" if len(deals) == 1 else f"no combination of {len(deals)} deals is"
    return [], False, f"{known} exactly {signed_text(delta)}{limit}"


def _by_order(deals: Sequence[Deal]) -> list[list[Deal]]:
    """Deals of one order together, in the order of each group's last deal; one that names no order stands alone."""
    groups: dict[str, list[Deal]] = {}
    for deal in deals:
        one = deal.execution
        name = one.order_id or one.client_order_id
        groups.setdefault(f"execution {one.execution_id}" if name is None else f"order {name}", []).append(deal)
    return sorted(groups.values(), key=lambda group: group[-1].position)


# -- what made them ----------------------------------------------------------------------------------------


def _readings(
    facts: BreakFacts, deals: Sequence[Deal], orders: Sequence[OrderSeen], *, claimed_by: str | None = None
) -> tuple[Reading, ...]:
    """Every way to read them, the best one first."""
    reasons = {deal.reason for deal in deals}
    said = next(iter(reasons)) if len(reasons) == 1 else None
    if said in _BY_REASON:
        return (Reading(_BY_REASON[said], "certain", f"the broker says that it was {_SAID[_BY_REASON[said]]}"),)
    if said == "by_hand":
        return (Reading(_foreign(facts), "certain", "the broker says that it was traded by hand"),)
    if (resting := _resting_order(deals, orders)) is not None:
        return (resting,)
    if claimed_by is not None:
        return (Reading("missed_fill", "certain", claimed_by),)
    if all(deal.ours for deal in deals):
        return (Reading("missed_fill", "certain", "it is of an order of ours, and the book had not counted it"),)
    if (level := _stop_reached(facts, deals)) is not None:
        by = f"it closes at or beyond the stop at {plain(level)}"
        return (Reading("stop_hit", "likely", by),)
    if all(deal.ours is False for deal in deals):
        return (Reading(_foreign(facts), "likely", "it names an order that the process never recorded"),)
    by = "nothing says whose order it was"
    return Reading("missed_fill", "possible", by), Reading(_foreign(facts), "possible", by)


def _foreign(facts: BreakFacts) -> Cause:
    """Somebody else's trade: of a position that was only reduced, a partial close."""
    if facts.book is None or facts.broker is None:
        return "manual_trade"
    held, left = facts.book.signed_quantity, facts.broker.signed_quantity
    reduced = held.is_signed() == left.is_signed() and left.copy_abs() < held.copy_abs()
    return "partial_close" if reduced else "manual_trade"


def _resting_order(deals: Sequence[Deal], orders: Sequence[OrderSeen]) -> Reading | None:
    """The protective order at the broker whose executions these are, all of them; None when there is none."""
    named = {deal.execution.order_id or deal.execution.client_order_id for deal in deals}
    if len(named) != 1:
        return None
    (name,) = named
    for one in orders:
        ours = name is not None and name in (one.order.order_id, one.order.client_order_id)
        if ours and (cause := protective(one)) is not None:
            return Reading(cause, "certain", f"it executed order {name}, a {one.order.type} order")
    return None


def protective(one: OrderSeen) -> Cause | None:
    """Whether an order, by its type, is a stop or a take-profit; None: neither."""
    kind = one.order.type.lower()
    if "profit" in kind:
        return "take_profit_hit"
    return "stop_hit" if "stop" in kind else None


def _stop_reached(facts: BreakFacts, deals: Sequence[Deal]) -> Decimal | None:
    """The position's stop, if every deal closes at it or beyond it; None when not, or when either is not known."""
    book = facts.book
    level = None if book is None or book.stop is None else book.stop.price
    if book is None or level is None or facts.broker is not None:
        return None
    for deal in deals:
        price = deal.execution.price
        short = book.signed_quantity.is_signed()
        if price is None or short == deal.execution.signed_quantity.is_signed():
            return None
        if (price < level) if short else (price > level):
            return None
    return level


def _rolled_over(facts: BreakFacts, deals: Sequence[Deal]) -> tuple[Proposal, ...]:
    """Equal quantities at another price, where the broker closed and opened it again over night."""
    rolled = [deal for deal in deals if deal.reason == "rollover"]
    if "price" not in facts.fields or not rolled or facts.broker is None:
        return ()
    if sum_of(deal.execution.signed_quantity for deal in rolled):
        return ()
    if rolled[-1].execution.price != facts.broker.price:
        return ()
    by = "the broker rolled the position over: closed it, and opened it again at its present price"
    return _proposed(facts, rolled, (Reading("swap_or_funding", "certain", by),), another=False)


# -- saying it ---------------------------------------------------------------------------------------------


def _proposed(
    facts: BreakFacts, deals: Sequence[Deal], readings: Sequence[Reading], *, another: bool
) -> tuple[Proposal, ...]:
    names = ", ".join(_brief(deal) for deal in deals[:NAMED_MAX])
    more = f" and {len(deals) - NAMED_MAX} more" if len(deals) > NAMED_MAX else ""
    together = "is" if len(deals) == 1 else "together are"
    exactly = (
        f" {together} exactly the difference of {signed_text(facts.delta)}" if facts.delta else " leave the quantity"
    )
    others = "; other deals of the same sum are known, these are the latest" if another else ""
    orders = {deal.execution.order_id or deal.execution.client_order_id for deal in deals}
    return tuple(
        Proposal(
            cause=reading.cause,
            strength="possible" if any(deal.history for deal in deals) else reading.strength,
            why=f"{names}{more}{exactly}; {reading.by}{others}",
            executions=tuple(deal.execution.execution_id for deal in deals),
            orders=tuple(sorted(name for name in orders if name is not None)),
            positions=_positions(deals),
            ambiguous=another,
        )
        for reading in readings
    )


def _brief(deal: Deal) -> str:
    execution: Execution = deal.execution
    verb = "sold" if execution.signed_quantity.is_signed() else "bought"
    price = "" if execution.price is None else f" at {plain(execution.price)}"
    return f"execution {execution.execution_id} ({verb} {plain(execution.signed_quantity.copy_abs())}{price})"


def signed_text(number: Decimal) -> str:
    """`+0.2`, `-1`."""
    return plain(number) if number.is_signed() else f"+{plain(number)}"


def sum_of(numbers: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    total = ZERO
    for number in numbers:
        total = add(total, number)
    return total


def _positions(deals: Sequence[Deal]) -> tuple[int, ...]:
    return tuple(sorted({deal.position for deal in deals}))
