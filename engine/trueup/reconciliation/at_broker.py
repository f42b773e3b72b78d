"""What does an operator ask of the broker, and is it still wanted when it is about to be sent?

`close --at-broker`: close a live position, reduce-only and never more than what of it is free (L22), or cancel an
order. It is an action like any other: stored with its client id before it is sent, once, looked up when its outcome is
unknown. A position that has become smaller meanwhile, or is gone, makes it needless: it is given up and never sent.
Pure.
"""

from __future__ import annotations

from trueup.decisions import ActionMoved, ActionRequested, ActionTerms, BreakOf
from trueup.explain import named
from trueup.facts import ActionKind, CommandGiven
from trueup.model import BrokerOrder, Key, plain
from trueup.protection import closing_side
from trueup.reconciliation.deciding import Deciding
from trueup.reconciliation.identity import action_id
from trueup.reconciliation.order_inputs import named as ours
from trueup.reconciliation.order_lifecycle import order_title
from trueup.reconciliation.orphans import client_id_of
from trueup.reconciliation.reducing import room
from trueup.reconciliation.state import State
from trueup.reconciliation.targets import listed, not_heard, target


def close_at_broker(deciding: Deciding, fact: CommandGiven, name: str) -> str | None:
    """Ask the broker to close a position or to cancel an order; why not, where that cannot be."""
    state = deciding.state
    found = meant(state, name)
    if found is None:
        return f"{name} names no single position or order of the broker's last complete answers; {_there(state, name)}"
    of, key = found
    if any(slot.key == key and slot.purpose == "operator" for slot in state.outbox.values()):
        return f"an operator's action on {name} is under way: what becomes of it is seen in the next pass"
    return _close(deciding, fact, key) if of == "position" else _cancel(deciding, fact, key)


def meant(state: State, name: str) -> tuple[BreakOf, Key] | None:
    """A live position, or a working order, and its key: `@` before an order that the book lacks."""
    rows, orders = state.view().rows, state.view("open_orders").orders
    found = target(state, name)
    if not isinstance(found, str):
        return found.of, found.key
    symbol = state.policy.canonical(name)
    for key in (name, symbol):
        if key in rows:
            return "position", key
    order = state.order_names.get(name) or name
    if order in state.orders:
        return "order", order
    for ref in sorted(orders):
        if name in (orders[ref].order_id, orders[ref].client_order_id):
            return "order", "@" + ref
    on_symbol = [key for key in sorted(rows) if rows[key].symbol == symbol]
    return ("position", on_symbol[0]) if len(on_symbol) == 1 else None


def _there(state: State, name: str) -> str:
    rows, symbol = state.view().rows, state.policy.canonical(name)
    keys = [key for key in sorted(rows) if rows[key].symbol == symbol] or sorted(rows)
    names = [named(rows[key].symbol, rows[key].ticket) for key in keys]
    return f"there is {listed(names)}" if names else "it holds none"


def _row_of(state: State, key: Key) -> BrokerOrder | None:
    """The broker's row of a working order."""
    rows = state.view("open_orders").orders
    if key.startswith("@"):
        return rows.get(key[1:])
    return next((rows[ref] for ref in sorted(rows) if ours(state, rows[ref]) == key), None)


def _close(deciding: Deciding, fact: CommandGiven, key: Key) -> str | None:
    state, view = deciding.state, deciding.state.view()
    row = view.rows.get(key)
    if row is None:
        return f"the broker's last complete answer lists no position {key}: there is nothing to close at the broker"
    if (why := _cannot(state, "close_position") or not_heard(state, "positions")) is not None:
        return why
    left = room(state, row, view.complete_asked, state.at, stops=False)
    if not left.free:
        return f"nothing of it may be closed now: {left.told()}"
    name = named(row.symbol, row.ticket)
    terms = ActionTerms("close_position", row.symbol, row.ticket, closing_side(row), left.free)
    why = f"{fact.who} closes {plain(left.free)} of {plain(left.live)} {name}, reduce-only: {fact.why}"
    _request(deciding, terms, key, why)
    return None


def _cancel(deciding: Deciding, fact: CommandGiven, key: Key) -> str | None:
    state, row = deciding.state, _row_of(deciding.state, key)
    slot = state.orders.get(key)
    if (why := _cannot(state, "cancel")) is not None:
        return why
    if row is not None:
        target_id = client_id_of(state, row) if key.startswith("@") else key
        terms = ActionTerms("cancel", row.symbol, row.ticket, order_id=row.order_id, target=target_id)
    elif slot is not None:
        terms = ActionTerms("cancel", slot.order.symbol, None, order_id=slot.order.order_id, target=key)
    else:
        return f"the broker's last complete list shows no order {order_title(key)}, and the book holds it as ended"
    title = terms.order_id or terms.target
    _request(deciding, terms, key, f"{fact.who} cancels order {title} on {terms.symbol}: {fact.why}")
    return None


def _cannot(state: State, kind: ActionKind) -> str | None:
    """Why nothing can be asked of the broker now: it cannot do that, or nobody is here to ask it."""
    if not state.passes_tried:
        return "no process has asked this broker anything in this epoch, so nobody is there to send it: start one"
    if kind not in state.actions:
        return f"this broker cannot be asked to {kind.replace('_', ' ')}: do it there by hand"
    return None


def _request(deciding: Deciding, terms: ActionTerms, key: Key, why: str) -> None:
    state = deciding.state
    client_id = action_id(state, "operator", key, deciding.cause, 1)
    mark = state.policy_mark
    deciding.emit([
        ActionRequested(deciding.cause, deciding.at_ns, mark, client_id, terms, "operator", key, 1, why)
    ])  # fmt: skip


def still_wanted(deciding: Deciding) -> None:
    """Give up what an operator asked for and was not sent yet, where the live position is smaller by now, or gone."""
    state = deciding.state
    for client_id in sorted(state.outbox):
        slot = state.outbox[client_id]
        if (slot.purpose, slot.state, slot.terms.kind) != ("operator", "requested", "close_position"):
            continue
        why = _needless(state, client_id)
        if why is not None:
            moved = ActionMoved(
                deciding.cause, deciding.at_ns, state.policy_mark, client_id, "abandoned", why, (deciding.cause,)
            )
            deciding.emit([moved])
            deciding.alert("warning", "action-abandoned", f"{slot.why}: never sent, {why}")


def _needless(state: State, client_id: str) -> str | None:
    slot, view = state.outbox[client_id], state.view()
    row, terms = view.rows.get(slot.key), slot.terms
    assert terms.quantity is not None
    if row is None or closing_side(row) != terms.side:
        return "the broker lists no such position any more"
    left = room(state, row, view.complete_asked, state.at, action=client_id, stops=False)
    return f"{plain(terms.quantity)} would be too much: {left.told()}" if left.free < terms.quantity else None
