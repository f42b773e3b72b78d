"""What may the gate answer, as far as the evidence in the state goes?

Only what was compared and agrees may take new risk (law 9). The age of the last verification is not judged here
but when the gate is asked, so that a hung pass fails closed without any event.
"""

from __future__ import annotations

from trueup.model import OrderStatus, elapsed_ns
from trueup.reconciliation.order_inputs import named
from trueup.reconciliation.state import Break, GateState, State, View

WARNS = "orders pass with a warning (unverified = warn)"


def gate_of(state: State, *, startup: bool) -> GateState:
    """The gate that the state supports.

    startup   whether this is decided in a start-up pass: then every open break limits its symbol, settled or not

    Where the policy lets orders pass unverified, that is said here, once for each change: a verification that has
    become too old as well, which otherwise is nobody's event.
    """
    gate = _supported(state, startup=startup)
    if state.policy.unverified != "warn" or state.restored:
        return gate
    if gate.status == "closed":
        return GateState("closed", f"{gate.why}: {WARNS}", gate.symbols)
    allowed_ns = state.policy.verified_age_ns_max()
    if gate.status == "open" and elapsed_ns(state.view().answered, state.at) > allowed_ns:
        why = f"the book was last verified more than {allowed_ns // 1_000_000_000} s ago: {WARNS}"
        return GateState("closed", why, gate.symbols)
    return gate


def _supported(state: State, *, startup: bool) -> GateState:
    view = state.view()
    if not view.answers:
        return GateState("closed", "no start-up pass yet")
    if state.restored and (pending := _not_looked_up(state)) is not None:
        return GateState("closed", f"restored from a backup: {pending}")
    if state.hold is not None:
        held = f"{len(state.hold.missing)} positions are missing at once, held until explained or acknowledged"
        return GateState("reduce_only", held)
    doubt = _account_wide(view)
    if doubt is not None:
        return GateState("reduce_only", doubt)
    symbols = _limited(state, view, startup)
    return GateState("open", "compared and agreeing", tuple(sorted(symbols.items())))


def _not_looked_up(state: State) -> str | None:
    """What of a restored store has not been looked up yet; None when all has (section 9)."""
    for surface in ("positions", "open_orders", "fills"):
        view = state.view(surface)
        if surface not in state.surfaces or not view.supported:
            continue
        if not view.complete or view.complete_asked.epoch != state.epoch:
            return f"{surface} since then have not been listed completely yet"
    listed = {named(state, row) for row in state.view("open_orders").orders.values()}
    if "order" not in state.surfaces or not state.view("order").supported:
        return None
    for name in sorted(state.orders):
        slot = state.orders[name]
        known = name in listed or slot.looked_up.epoch == state.epoch or slot.changed.epoch == state.epoch
        if not known and slot.order.status is not OrderStatus.SCHEDULED:
            return f"order {name} has not been looked up yet"
    return None


def _account_wide(view: View) -> str | None:
    """Why a partial answer leaves every symbol in doubt; None when it does not."""
    if view.complete:
        return None
    for refusal in view.refused:
        if refusal.symbol is None:
            return f"row {refusal.row} of the last answer names no readable symbol: {refusal.why}"
    return None if view.refused else f"the last answer was partial: {view.why}"


def _limited(state: State, view: View, startup: bool) -> dict[str, str]:
    """Symbols that may only be reduced, and why."""
    symbols: dict[str, str] = {}
    for key in sorted(state.breaks):  # in order: a persistent map's own order differs between processes
        for one in state.breaks[key]:
            if startup or _is_settled(one):
                symbols.setdefault(one.symbol, f"break {one.id}: {one.kind} of {one.field or 'the position'}")
    for key in sorted(state.order_breaks):
        for one in state.order_breaks[key]:
            if startup or _is_settled(one):
                symbols.setdefault(one.symbol, f"break {one.id}: {one.kind} of order {one.ticket}")
    for key in sorted(state.guards):
        guard = state.guards[key]
        if guard.state in ("exiting", "critical"):
            symbols.setdefault(guard.symbol, f"{guard.symbol} has a position without a working stop: {guard.why}")
    for refusal in view.refused:
        assert refusal.symbol is not None
        symbol = state.policy.canonical(refusal.symbol)  # a row that was refused kept the broker's spelling (L33)
        symbols[symbol] = f"row {refusal.row} of the last answer was refused: {refusal.why}"
    if not view.complete:
        for slot in state.book.values():
            if slot.holding is not None and slot.holding.symbol not in view.listed:
                symbols.setdefault(slot.holding.symbol, "the last answer was partial and does not mention it")
    return symbols


def _is_settled(one: Break) -> bool:
    return one.sightings.count > 0 or one.state != "opened"
