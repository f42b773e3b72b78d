"""What do decisions on orders, actions and protection do to the state?

Folded as they were recorded and never derived again. Pure handlers on a draft.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from trueup.decisions import (
    ActionMoved,
    ActionRequested,
    BreakMoved,
    OrderMerged,
    ProtectionMoved,
)
from trueup.evidence import again, once
from trueup.model import BookOrder
from trueup.reconciliation.draft import Draft
from trueup.reconciliation.order_inputs import put_order
from trueup.reconciliation.state import ActionSlot, Guard, OrderSlot, View

_SETTLED: Final = frozenset({"done", "failed", "abandoned"})


def order_corrected(draft: Draft, position: int, decision: BreakMoved) -> None:
    """The order takes the value that its correction gives it."""
    assert decision.order_correction is not None
    after = decision.order_correction.after
    _put(draft, position, after)
    if decision.order_correction.kind == "ghost" and after.is_open:  # an overdue slice, handed back to be sent
        draft.orders[after.client_order_id] = replace(draft.orders[after.client_order_id], rearmed_epoch=draft.epoch)


def order_merged(draft: Draft, position: int, decision: OrderMerged) -> None:
    _put(draft, position, decision.after)


def _put(draft: Draft, position: int, after: BookOrder) -> None:
    known = draft.order(after.client_order_id)
    if known is None:
        put_order(draft, OrderSlot(after, 0, draft.at, draft.at, position))
        return
    put_order(draft, replace(known, order=after, changed=draft.at, position=position))


# -- actions -----------------------------------------------------------------------------------------------


def action_requested(draft: Draft, position: int, decision: ActionRequested) -> None:
    draft.outbox[decision.client_id] = ActionSlot(
        decision.terms, decision.purpose, decision.key, decision.attempt, draft.at, position, why=decision.why
    )


def action_moved(draft: Draft, position: int, decision: ActionMoved) -> None:
    slot = draft.outbox[decision.client_id]
    if decision.state in _SETTLED:
        del draft.outbox[decision.client_id]
        draft.ended_actions.put(decision.client_id, replace(slot, state=decision.state, why=decision.why))
        if slot.state != "requested":
            draft.order_ends = draft.order_ends.set(slot.terms.symbol, draft.at)
        return
    sightings = slot.sightings
    if decision.sightings and (sightings is None or decision.sightings > sightings.count):
        view = view_at(draft, decision.cause)
        if sightings is None:
            sightings = once(view.position, view.asked, view.received)
        else:
            sightings = again(sightings, view.position, view.received)
    draft.outbox[decision.client_id] = replace(slot, state=decision.state, why=decision.why, sightings=sightings)


def view_at(draft: Draft, position: int) -> View:
    """The view of the surface on which the observation at `position` was made; that of positions otherwise."""
    views = (draft.view("positions"), draft.view("open_orders"), draft.view("order"), draft.view("fills"))
    return next((view for view in views if view.position == position), views[0])


# -- protection --------------------------------------------------------------------------------------------


def protection_moved(draft: Draft, position: int, decision: ProtectionMoved) -> None:
    if decision.state == "protected":
        draft.guards = draft.guards.delete(decision.key)
        return
    known = draft.guards.get(decision.key)
    guard = Guard(
        decision.key,
        decision.symbol,
        decision.ticket,
        decision.state,
        draft.at if known is None else known.since,
        position if known is None else known.position,
        draft.at,
        decision.attempts,
        decision.why,
    )
    draft.guards = draft.guards.set(decision.key, guard)
