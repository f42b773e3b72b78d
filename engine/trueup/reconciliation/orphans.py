"""What becomes of an order at the broker that the book lacks?

First seen, it may be one of ours whose record is on its way. Confirmed, it is quarantined, cancelled or adopted, as the
policy says; one that protects a position is adopted, and never cancelled, whoever placed it (L26). Pure.
"""

from __future__ import annotations

from msgspec.structs import replace

from trueup import explain
from trueup.decisions import BreakMoved, Decision, OrderCorrection, Step
from trueup.model import EXTERNAL, TERMINAL, BrokerOrder, BrokerPosition, Holding
from trueup.orders import OrderDifference, adopted_order, external_name, order_ref, protects, said_order
from trueup.reconciliation.identity import order_correction_id
from trueup.reconciliation.order_inputs import named
from trueup.reconciliation.order_lifecycle import (
    CONFIRMATIONS,
    OrderReading,
    again,
    escalated,
    order_title,
    orphan_key,
    over_step,
    said_step,
)
from trueup.reconciliation.outbox import is_ours
from trueup.reconciliation.state import State


def orphans_of(state: State) -> dict[str, BrokerOrder]:
    """The working orders that the broker last listed and that are nobody's here, by the broker's reference."""
    rows = state.view("open_orders").orders
    strange = {
        ref: row
        for ref, row in rows.items()
        if row.status not in TERMINAL and named(state, row) is None and not is_ours(state, row)
    }
    return {ref: strange[ref] for ref in sorted(strange)}


def orphan(reading: OrderReading, row: BrokerOrder) -> tuple[BreakMoved | None, bool]:
    """(what a row that nobody knows does to its break, whether it is confirmed and now to be dealt with)."""
    key = orphan_key(row)
    known = next(iter(reading.state.order_breaks.get(key, ())), None)
    found = OrderDifference("recovery", None, None, said_order(row))
    if known is None:
        why = f"first seen; {CONFIRMATIONS} independent answers decide: its record may be on its way"
        step = Step(reading.opened(key, None), "recovery", None, "opened", None, found.broker, 1, why)
        return reading.moved(key, row, [step], ()), False
    count = again(reading, None, known, (None, found.broker))
    if count is None:
        return None, False
    if known.state == "escalated":
        return None, False
    if count < CONFIRMATIONS:
        why = f"{count} of {CONFIRMATIONS} independent answers that decide"
        return reading.moved(key, row, [said_step(known, found, "seen", count, why)], known.sightings.proof), False
    wish = remedy_of_orphan(reading.state, row)
    proof = known.sightings.proof
    if wish == "adopt":
        steps = [said_step(known, found, "confirmed", count, ""), said_step(known, found, "corrected", count, "")]
        return reading.moved(key, row, steps, proof, adoption(reading.state, row, count)), True
    if wish == "cancel":
        if known.state == "confirmed":
            return None, True
        why = "confirmed: it will be cancelled, as the policy says"
        return reading.moved(key, row, [said_step(known, found, "confirmed", count, why)], proof), True
    why = f"policy {reading.policy.preset}: on_orphan_order = {wish}, a human decides"
    return reading.moved(key, row, escalated(known, found, count, why), proof), True


def remedy_of_orphan(state: State, row: BrokerOrder) -> str:
    """What becomes of an order at the broker that the book lacks. One that guards a position there is never
    cancelled, whoever placed it: the book takes it over, unless the policy corrects nothing (L26)."""
    wish = state.policy.on_orphan_order
    if wish != "alert" and guarded(state, row) is not None:
        return "adopt"
    return wish


def guarded(state: State, row: BrokerOrder) -> str | None:
    """The key of the position, of either side, that an order protects; None when it protects none."""
    for key, position in sorted(state.view().rows.items()):
        if _is_for(row, position) and protects(row, position.signed_quantity):
            return key
    for key in sorted(state.book):
        holding = state.held(key)
        if holding is not None and _is_for(row, holding) and protects(row, holding.signed_quantity):
            return key
    return None


def _is_for(row: BrokerOrder, position: BrokerPosition | Holding) -> bool:
    return position.symbol == row.symbol and row.ticket in (None, position.ticket)


def adoption(state: State, row: BrokerOrder, count: int) -> OrderCorrection:
    """The book takes an order over: under its client id where it has one, else a name made of the broker's id."""
    name = row.client_order_id
    if name is None or state.order(name) is not None:  # a second order under a client id of ours (L21)
        name = external_name(row.order_id)
    after = adopted_order(row, name, row.strategy or _owner(state, row))
    why = (
        f"{explain.answers(count)} list order {order_title(order_ref(row))} on {row.symbol}, {said_order(row)}, and "
        f"the book lacked it: adopted as the broker states it, owned by {after.strategy}"
    )
    return OrderCorrection(order_correction_id(state, name, 0, after), "recovery", None, after, why)


def client_id_of(state: State, row: BrokerOrder) -> str | None:
    """By which client id the broker may be told which orphan is meant; None where an order of ours has the same one,
    for a broker that goes by it would cancel ours (L21)."""
    name = row.client_order_id
    return None if name is not None and row.order_id is not None and state.order(name) is not None else name


def asked_for(reading: OrderReading, row: BrokerOrder) -> BreakMoved:
    """An order that trueup itself asked for, such as a protective stop: the book takes it over at once."""
    assert row.client_order_id is not None
    made = adoption(reading.state, row, 1)
    why = f"order {row.client_order_id} on {row.symbol}, {said_order(row)}, was asked for by trueup itself: adopted"
    step = Step(reading.opened(row.client_order_id, None), "recovery", None, "corrected", None, said_order(row), 1, why)
    return reading.moved(row.client_order_id, row, [step], (), replace(made, why=why))


def _owner(state: State, row: BrokerOrder) -> str:
    """Whoever owns the position that the order is of; `external` when nobody is known (L53)."""
    key = guarded(state, row)
    holding = None if key is None else state.held(key)
    return EXTERNAL if holding is None else holding.strategy


def gone_orphans(reading: OrderReading, listed: set[str]) -> list[Decision]:
    """Breaks of orders that the book lacks and a complete answer does not list any more, or that it knows by now."""
    moves: list[Decision] = []
    for key in sorted(reading.state.order_breaks):
        if key.startswith("@") and key not in listed:
            known, why = reading.state.order_breaks[key], "the broker lists it no more, or the book knows it by now"
            steps = [over_step(one, "cleared", 0, why) for one in known]
            moves.append(reading.moved(key, known[0], steps, ()))
    return moves
