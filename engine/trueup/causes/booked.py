"""Do our own records explain the break: a fill counted twice, a fee in kind, an order that filled further?

A process may have recorded one execution under two ids, may not know that the fee of a purchase was taken in the very
asset that was bought (L37), or may have lost the message about a fill of an order of which it knows the end (L09).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, TypeAlias

from trueup.causes.dealt import protective, signed_text, sum_of
from trueup.causes.material import BreakFacts, Cause, Deal, OrderSeen, Proposal
from trueup.causes.sums import combine
from trueup.model import TERMINAL, ZERO, Execution, OrderStatus, plain, signed, subtract

Likeness: TypeAlias = tuple[str, Decimal, Decimal | None]


def from_records(facts: BreakFacts, fills: Sequence[Deal], orders: Sequence[OrderSeen]) -> tuple[Proposal, ...]:
    """What the process's own fills and orders since the last agreement propose."""
    if not facts.delta:
        return ()
    return (*_counted_twice(facts, fills), *_fees(facts, fills), *_filled_further(facts, orders))


# -- counted twice -----------------------------------------------------------------------------------------


def _counted_twice(facts: BreakFacts, fills: Sequence[Deal]) -> tuple[Proposal, ...]:
    """Two records alike in order, quantity and price, of which the broker lists fewer than there are."""
    groups: dict[Likeness, list[Deal]] = {}
    for deal in fills:
        if (likeness := _likeness(deal.execution)) is not None:
            groups.setdefault(likeness, []).append(deal)
    extras: list[tuple[Deal, list[Deal]]] = []
    for group in groups.values():
        unlisted = [deal for deal in group if not deal.listed]
        surplus = unlisted if len(unlisted) < len(group) else unlisted[1:]
        extras += [(deal, group) for deal in surplus]
    extras.sort(key=lambda extra: extra[0].position)
    found = combine([deal.execution.signed_quantity.copy_negate() for deal, _ in extras], facts.delta)
    if not found.chosen:
        return ()
    chosen = [extras[index] for index in found.chosen]
    surplus_ids = [deal.execution.execution_id for deal, _ in chosen]
    everyone = {deal.execution.execution_id: deal for _, group in chosen for deal in group}
    alike = ", ".join(name for name in sorted(everyone) if name not in surplus_ids)
    listed = all(any(deal.listed for deal in group) for _, group in chosen)
    known = "the broker lists only the other" if listed else "which of them it lists is not journalled"
    return (
        Proposal(
            cause="duplicate_fill",
            strength="likely" if listed else "possible",
            why=(
                f"the process recorded {', '.join(surplus_ids)} beside {alike}, of the same order, quantity and price: "
                f"{known}, and without it the difference of {signed_text(facts.delta)} is gone"
            ),
            executions=tuple(surplus_ids),
            positions=tuple(sorted(deal.position for deal in everyone.values())),
            ambiguous=found.another or not found.complete,
        ),
    )


def _likeness(execution: Execution) -> Likeness | None:
    """What two records of one execution have in common; None where nothing but chance would."""
    reference = execution.order_id or execution.client_order_id or execution.happened_at
    return None if reference is None else (reference, execution.signed_quantity, execution.price)


# -- fees in the base asset --------------------------------------------------------------------------------


def _fees(facts: BreakFacts, fills: Sequence[Deal]) -> tuple[Proposal, ...]:
    """The broker holds less by exactly the fees that these fills paid in the asset itself (L37)."""
    charged = [deal for deal in fills if _base_fee(facts, deal.execution)]
    losses = [_base_fee(facts, deal.execution).copy_negate() for deal in charged]
    if not losses:
        return ()
    found = combine(losses, facts.delta)
    if found.chosen:
        charged = [charged[index] for index in found.chosen]
    elif sum_of(losses) != facts.delta:
        return ()
    names = ", ".join(deal.execution.execution_id for deal in charged[:6])
    more = f" and {len(charged) - 6} more" if len(charged) > 6 else ""
    asset = charged[0].execution.fee_asset
    return (
        Proposal(
            cause="base_asset_fee",
            strength="likely",
            why=(
                f"the fees of {names}{more} were taken in {asset} itself and are exactly the difference of "
                f"{signed_text(facts.delta)}"
            ),
            executions=tuple(deal.execution.execution_id for deal in charged),
            positions=tuple(sorted({deal.position for deal in charged})),
            ambiguous=found.another,
            warnings=("what is less than one lot step cannot be sold: set `lot_step` or `dust` of the symbol",),
        ),
    )


def _base_fee(facts: BreakFacts, execution: Execution) -> Decimal:
    """What the holding lost to an execution's fee; 0 where the fee was taken in something else, or is not known."""
    asset, fee = execution.fee_asset, execution.fee
    if asset is None or fee is None:
        return ZERO
    symbol, base = facts.symbol.upper(), asset.upper()
    return fee if symbol.startswith(base) and symbol != base else ZERO


# -- orders that filled further ----------------------------------------------------------------------------


def _filled_further(facts: BreakFacts, orders: Sequence[OrderSeen]) -> tuple[Proposal, ...]:
    """Orders that are said to be filled further than the book counted of them; else those that may be."""
    said = [(one, gap) for one in orders if (gap := _gap(one, one.order.filled))]
    stated = _explained_by(facts, said)
    if stated is not None:
        chosen, another = stated
        return (_order_proposal(facts, chosen, "likely", another),)
    open_ones = [one for one in orders if one.ours and (one.order.status not in TERMINAL or _doubtful(one))]
    guessed = _explained_by(facts, [(one, gap) for one in open_ones if (gap := _gap(one, one.order.quantity))])
    if guessed is None:
        return ()
    chosen, another = guessed
    return (_order_proposal(facts, chosen, "possible", another),)


def _doubtful(one: OrderSeen) -> bool:
    """Whether an end is one after which fills were seen all the same (L17, L18)."""
    return one.order.status in (OrderStatus.CANCELED, OrderStatus.FAILED)


def _gap(one: OrderSeen, filled: Decimal | None) -> Decimal:
    """Signed; how much further than the book counted an order would be filled; 0 when not further."""
    rest = subtract(filled or ZERO, one.counted)
    return signed(one.order.side, rest) if rest > 0 else ZERO


def _explained_by(
    facts: BreakFacts, gaps: Sequence[tuple[OrderSeen, Decimal]]
) -> tuple[tuple[OrderSeen, ...], bool] | None:
    found = combine([gap for _, gap in gaps], facts.delta) if gaps else None
    if found is None or not found.chosen:
        return None
    return tuple(gaps[index][0] for index in found.chosen), found.another or not found.complete


def _order_proposal(
    facts: BreakFacts, chosen: Sequence[OrderSeen], strength: Literal["likely", "possible"], another: bool
) -> Proposal:
    kinds: list[Cause | None] = [protective(one) for one in chosen]
    shared = kinds[0] if all(kind == kinds[0] for kind in kinds) else None
    by: Cause = "missed_fill" if all(one.ours for one in chosen) else "manual_trade"
    said = ", ".join(_said_of(one, strength) for one in chosen)
    return Proposal(
        cause=shared or by,
        strength=strength,
        why=f"{said}: exactly the difference of {signed_text(facts.delta)}",
        orders=tuple(_name(one) for one in chosen),
        positions=tuple(sorted({one.position for one in chosen})),
        ambiguous=another,
    )


def _name(one: OrderSeen) -> str:
    return one.order.client_order_id or one.order.order_id or "without an id"


def _said_of(one: OrderSeen, strength: Literal["likely", "possible"]) -> str:
    order = one.order
    filled = (
        f"has filled {plain(order.filled or ZERO)}" if strength == "likely" else f"may fill {plain(order.quantity)}"
    )
    kind = f"{order.type}, {order.status.value}"
    return f"order {_name(one)} ({kind}) {filled} and the book counted {plain(one.counted)} of it"
