"""Which key of the book does a recorded fill or position belong to?

Netting: the symbol. Hedging: the ticket (L29, L30); without one the entry is *unbound*, kept under what the
process itself called it, until a ticket turns up. Pure look-ups in the state.
"""

from __future__ import annotations

from trueup.model import (
    BrokerPosition,
    Execution,
    Key,
    PositionMode,
    Side,
    symbol_key,
    ticket_key,
    unbound_key,
)
from trueup.reconciliation.draft import Draft
from trueup.reconciliation.state import State


def key_of_row(mode: PositionMode, row: BrokerPosition) -> Key:
    """The key under which the broker's row is compared. A hedging row has a ticket."""
    if mode == "netting":
        return symbol_key(row.symbol)
    assert row.ticket is not None, "a hedging row without a ticket is refused at the edge"
    return ticket_key(row.ticket)


def references_of(execution: Execution) -> tuple[Key, ...]:
    """The unbound keys that a fill may be known by, the likeliest first."""
    names = (execution.client_order_id, execution.order_id)
    return tuple(unbound_key("order/" + name) for name in names if name is not None)


def unbound_of(state: State | Draft, execution: Execution) -> Key | None:
    """The entry without a ticket that a fill with one names: by its order, or by the order that had opened the
    position, which on MT5 gave it its ticket. A closing fill may well be the first to say so."""
    if not state.unbound or execution.ticket is None or state.mode != "hedging":
        return None
    for reference in references_of(execution):
        if reference in state.unbound:
            return reference
    opened = (key for key in state.unbound if state.book[key].order_id == execution.ticket)
    return min(opened, default=None)


def key_of_execution(state: State | Draft, execution: Execution) -> Key:
    """The key that a fill moves."""
    if state.mode == "netting":
        return symbol_key(execution.symbol)
    if execution.ticket is not None:
        return ticket_key(execution.ticket)
    references = references_of(execution)
    for reference in references:
        bound = state.bindings.get(reference)
        if bound is not None:
            return bound
    if execution.order_id is not None and state.slot(ticket_key(execution.order_id)) is not None:
        return ticket_key(execution.order_id)  # MT5: the order that opens a position gives it its ticket
    return references[0] if references else unbound_key("fill/" + execution.execution_id)


def key_of_position(state: State | Draft, symbol: str, side: Side, ticket: str | None) -> Key:
    """The key that a recorded whole position speaks of."""
    if state.mode == "netting":
        return symbol_key(symbol)
    if ticket is not None:
        return ticket_key(ticket)
    reference = position_reference(symbol, side)
    return state.bindings.get(reference) or reference


def position_reference(symbol: str, side: Side) -> Key:
    """The unbound key of a whole position that was recorded without a ticket."""
    return unbound_key(f"{side}/{symbol}")
