"""May an answer be believed about a key yet, or may the book and the broker still be catching up?

Right after the book changed a key, or while an order of ours on its symbol is in flight, the two sides disagree
in the ordinary course of things (L12, L13). Such keys wait: their breaks are opened, not corrected. Time is our
own receipt, by monotonic ticks (L16).
"""

from __future__ import annotations

from trueup.model import Moment, elapsed_ns
from trueup.reconciliation.state import ActionSlot, Slot, State


def unsettled(state: State, slot: Slot | None, symbol: str, asked: Moment, settle_ns: int) -> str | None:
    """Why an answer asked for at `asked` cannot be held against the book yet; None when it can.

    slot       what the book knows of the key, held or closed
    settle_ns  `state.settle_ns(...)` of the surface that answered
    """
    if slot is not None and elapsed_ns(slot.changed, asked) < settle_ns:
        return "the book changed it too shortly before the question was asked"
    if not state.order_ends and not state.in_flight and not state.outbox:
        return None
    ended = state.order_ends.get(symbol)
    if ended is not None and elapsed_ns(ended, asked) < settle_ns:
        return f"an order on {symbol} ended too shortly before the question was asked"
    for name in state.in_flight.get(symbol, ()):
        if _flying(state, name, asked, settle_ns):
            return f"order {name} on {symbol} is in flight"
    for client_id in sorted(state.outbox):
        action = state.outbox[client_id]
        if action.terms.symbol == symbol and _acting(state, action, asked, settle_ns):
            return f"action {client_id} on {symbol} is in flight"
    return None


def _acting(state: State, slot: ActionSlot, asked: Moment, settle_ns: int) -> bool:
    """Whether something that was asked of the broker may still be moving its symbol: from sent until answered."""
    if slot.state not in ("sent", "unknown") or slot.terms.kind == "cancel":
        return False
    if slot.sent.epoch < asked.epoch:
        return asked.tick_ns < settle_ns
    return elapsed_ns(slot.sent, asked) <= state.policy.in_flight_s_max * 1_000_000_000


def _flying(state: State, name: str, asked: Moment, settle_ns: int) -> bool:
    """Whether a pending order may still be moving its symbol."""
    order = state.orders[name]
    if order.pending_since.epoch < asked.epoch:  # who sent it is dead; what was under way has arrived by then
        return asked.tick_ns < settle_ns
    return elapsed_ns(order.pending_since, asked) <= state.policy.in_flight_s_max * 1_000_000_000
