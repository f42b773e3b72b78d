"""Is an order of ours gone that no list and no look-up shows?

"Not found" is an absence and needs proof: independent look-ups, behind whatever the broker may still have queued, and
the fills (law 6, L04, L25). Then it failed, or ended there without a word; a slice of a plan whose time has passed
expires or is handed back. Pure.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from trueup import explain
from trueup.decisions import Decision, OrderCorrection, Step
from trueup.exits import CLOSED_EXTERNALLY
from trueup.model import ZERO, BookOrder, OrderStatus, add, elapsed_ns, plain
from trueup.orders import OrderDifference, said_order
from trueup.reconciliation.identity import order_correction_id
from trueup.reconciliation.order_inputs import named
from trueup.reconciliation.order_lifecycle import OrderReading, again, escalated, said_step, too_soon
from trueup.reconciliation.state import Break, OrderSlot, State

NS: Final = 1_000_000_000


def not_found(reading: OrderReading, slot: OrderSlot) -> list[Decision]:
    """What a look-up that did not find an order of ours does: an absence, and no proof alone (L04, L25)."""
    order, name = slot.order, slot.order.client_order_id
    state, policy = reading.state, reading.policy
    known = next((one for one in state.order_breaks.get(name, ()) if one.kind == "ghost"), None)
    found = OrderDifference("ghost", None, said_order(order), None)
    waits = _absence_waits(reading, slot)
    needed = policy.confirmations
    if known is None:
        why = waits or f"not found; {needed} independent look-ups decide"
        step = Step(reading.opened(name, None), "ghost", None, "opened", found.book, None, 0 if waits else 1, why)
        return [reading.moved(name, order, [step], ())]
    if waits or known.state == "escalated":
        return []
    count = again(reading, slot.changed, known, (found.book, None))
    if count is None:
        return []
    proof = known.sightings.proof
    doubt = _fills_in_doubt(state, slot, known)
    if count < needed or doubt is not None:
        why = doubt or f"{count} of {needed} independent look-ups that decide"
        return [reading.moved(name, order, [said_step(known, found, "seen", count, why)], proof)]
    if order.status is OrderStatus.SCHEDULED:
        wish = {"expire": "close", "rearm": "rearm", "alert": "alert"}[policy.on_overdue_slice]
        knob = "on_overdue_slice"
    else:
        wish, knob = policy.on_ghost, "on_ghost"
    if wish not in ("close", "rearm"):
        why = f"policy {policy.preset}: {knob} = {wish}, a human decides"
        return [reading.moved(name, order, escalated(known, found, count, why), proof)]
    after = ended(order) if wish == "close" else order
    why = _why_gone(state, order, count, rearmed=wish == "rearm")
    steps = [said_step(known, found, "confirmed", count, ""), said_step(known, found, "corrected", count, "")]
    correction = OrderCorrection(order_correction_id(state, name, slot.position, after), "ghost", order, after, why)
    return [reading.moved(name, order, steps, proof, correction)]


def _absence_waits(reading: OrderReading, slot: OrderSlot) -> str | None:
    """Why "not found" does not count yet."""
    if slot.order.status is OrderStatus.PENDING:
        queue_ns = reading.policy.action_queue_s_max * NS
        if elapsed_ns(slot.pending_since, reading.asked) < queue_ns:
            return (
                f"not found, but it was recorded as pending less than {reading.policy.action_queue_s_max} s before: "
                "the broker may still execute it"
            )
    why = too_soon(slot.changed, reading.asked, reading.settle_ns)
    if why is None and _listed(reading.state, slot):
        return "the broker's own list of working orders shows it"
    return why


def _listed(state: State, slot: OrderSlot) -> bool:
    name = slot.order.client_order_id
    return any(named(state, row) == name for row in state.view("open_orders").orders.values())


def _fills_in_doubt(state: State, slot: OrderSlot, known: Break) -> str | None:
    """Why the fills do not bear it out yet that an order is gone; None when they do, or cannot be asked for."""
    view = state.view("fills")
    if "fills" not in state.surfaces or not view.supported:
        return None  # the broker does not tell of them at all; one that fails to is another matter
    if elapsed_ns(known.sightings.first_asked, view.complete_asked) < 0:
        return "not found; its fills have not been asked for since"
    if view.since_ns is not None and view.since_ns > slot.pending_since.at_ns:
        return "not found; the fills that were asked for do not reach back to when it was recorded (L08)"
    return None


def ended(order: BookOrder) -> BookOrder:
    """An order that provably is not at the broker: it never came to be, or it ended without a word."""
    if order.status is OrderStatus.SCHEDULED:
        return replace(order, status=OrderStatus.EXPIRED)
    if order.status is OrderStatus.PENDING and not order.filled:
        return replace(order, status=OrderStatus.FAILED)
    return replace(order, status=OrderStatus.CANCELED, raw_status=CLOSED_EXTERNALLY)


def _why_gone(state: State, order: BookOrder, count: int, *, rearmed: bool) -> str:
    title = f"order {order.client_order_id} on {order.symbol}, {said_order(order)}"
    if order.status is OrderStatus.SCHEDULED:
        what = "handed back to be sent" if rearmed else "expired"
        return f"slice {title}, was due at {order.scheduled_for} and never sent: {what}{_siblings(state, order)}"
    head = f"{explain.answers(count)} to a look-up by id and the fills do not know {title}"
    if order.status is OrderStatus.PENDING and not order.filled:
        return f"{head}: it never came to be at the broker, failed"
    return f"{head}: it ended there without a word, closed in the book"


def _siblings(state: State, order: BookOrder) -> str:
    """What of the plan is already at the broker."""
    if order.parent is None:
        return ""
    plan = [slot.order for slot in state.orders.values() if slot.order.parent == order.parent]
    for memory in (state.ended_orders.young, state.ended_orders.old):
        plan += [slot.order for slot in memory.values() if slot.order.parent == order.parent]
    by_name = {one.client_order_id: one for one in plan}
    sent = [one for one in by_name.values() if one.order_id is not None or one.filled]
    filled = ZERO
    for one in by_name.values():
        filled = add(filled, one.filled)
    return (
        f"; of plan {order.parent} {len(sent)} of {len(by_name)} slices are known at the broker, {plain(filled)} filled"
    )
