"""What did one single event do to orders and actions, of which a whole page may tell several things?

Most tables are told by the events themselves, or by the state after a page. How an order or action stood after *each*
event is said by the fold alone; so a page is folded up to every event that may move one, and the states before and
after it are held against each other. Which page an event came on then makes no difference (law 11).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from trueup.decisions import (
    ActionMoved,
    ActionRequested,
    AlertRaised,
    BaselineTaken,
    BreakMoved,
    Decision,
    FillAdopted,
    FillSettled,
    GateMoved,
    MassAbsenceMoved,
    OrderMerged,
    OverrideMoved,
    PositionBound,
    ProtectionMoved,
    QuarantineMoved,
    RecordRefused,
)
from trueup.events import Event, name_of_event
from trueup.facts import (
    ActionAnswered,
    ActionSent,
    AlertsDelivered,
    BookRead,
    BookWriting,
    BookWritten,
    CommandGiven,
    CorrectionsDelivered,
    ExecutionPushed,
    FillRecorded,
    InboxTaken,
    Observed,
    OrderRecorded,
    PermitGiven,
    PolicyAdopted,
    PositionRecorded,
    StatePushed,
    WriterClaimed,
)
from trueup.journal import Followed
from trueup.reconciliation.fold import fold
from trueup.reconciliation.order_inputs import order_of
from trueup.reconciliation.state import ActionSlot, State
from trueup_projections.cells import text, when
from trueup_projections.order_cells import step
from trueup_projections.order_sides import changed_orders
from trueup_projections.writing import Row, Rows

QUIET: Final = frozenset(
    {
        PolicyAdopted, CommandGiven, PositionRecorded, StatePushed, ExecutionPushed, InboxTaken, CorrectionsDelivered,
        AlertsDelivered, PermitGiven, BaselineTaken, PositionBound, FillSettled, RecordRefused, MassAbsenceMoved,
        QuarantineMoved, GateMoved, AlertRaised, ProtectionMoved, OverrideMoved,
        BookRead, BookWriting, BookWritten,
    }
)  # fmt: skip
"""Events that move no order and no action, whatever they say. One that is not known here yet may move any."""

_OF_ACTIONS: Final = frozenset({WriterClaimed, Observed, ActionRequested, ActionSent, ActionAnswered, ActionMoved})
_OF_ORDERS: Final = frozenset({OrderRecorded, FillRecorded, OrderMerged, BreakMoved, FillAdopted})


def is_quiet(event: Event) -> bool:
    """Whether an event surely moves no order and no action."""
    match event:
        case FillRecorded() | FillAdopted():
            return event.execution.client_order_id is None and event.execution.order_id is None
        case BreakMoved():
            return event.order_correction is None
        case Observed():
            return event.sought is None
        case _:
            return type(event) in QUIET


def follow(rows: Rows, before: State, events: Iterable[Followed]) -> State:
    """Put what each of these events does to orders and actions into `rows`; the state after them."""
    state = before
    waiting: list[tuple[int, Event]] = []
    for one in events:
        if is_quiet(one.event):
            waiting.append((one.position, one.event))
            continue
        was = fold(state, waiting) if waiting else state
        state = fold(was, [(one.position, one.event)])
        waiting = []
        kind = type(one.event)
        if kind not in _OF_ACTIONS:
            _order_steps(rows, one, was, state)
        if kind not in _OF_ORDERS:
            _actions(rows, one, was, state)
    return fold(state, waiting) if waiting else state


def load(rows: Rows, before: State, events: Iterable[Followed]) -> None:
    """Fetch the actions that these events may change."""
    ids = set(before.outbox)
    for one in events:
        if isinstance(one.event, ActionRequested | ActionSent | ActionAnswered | ActionMoved):
            ids.add(one.event.client_id)
    rows.load("actions", before.account, ids)


# -- orders ------------------------------------------------------------------------------------------------


def _order_steps(rows: Rows, one: Followed, before: State, after: State) -> None:
    for name in _touched(one.event, before, after):
        was, slot = before.order(name), after.order(name)
        if slot is None or (was is not None and was.order == slot.order):
            continue
        event = one.event
        made = event.order_correction if isinstance(event, BreakMoved) else None
        rows.add(
            "order_steps",
            step(one.account, one.position, slot.order)
            | when("", event.at_ns if isinstance(event, Decision) else event.at.at_ns)
            | {
                "cause": event.cause if isinstance(event, Decision) else None,
                "said_by": _SAID_BY.get(type(event)) or name_of_event(event),
                "correction": None if made is None else made.id,
            },
        )


_SAID_BY: Final[dict[type[Event], str]] = {
    OrderRecorded: "process",
    FillRecorded: "fill",
    FillAdopted: "fill",
    OrderMerged: "broker",
    BreakMoved: "correction",
}


def _touched(event: Event, before: State, after: State) -> list[str]:
    """The orders that an event may have changed."""
    match event:
        case OrderRecorded():
            return [event.client_order_id]
        case OrderMerged():
            return [event.after.client_order_id]
        case BreakMoved():
            assert event.order_correction is not None, "it would be quiet"
            return [event.order_correction.after.client_order_id]
        case FillRecorded() | FillAdopted():
            name = order_of(before, event.execution)
            return [] if name is None else [name]
        case _:
            return changed_orders(before, after)


# -- actions -----------------------------------------------------------------------------------------------


def _actions(rows: Rows, one: Followed, before: State, after: State) -> None:
    for client_id in sorted({*before.outbox, *after.outbox}):
        was = before.outbox.get(client_id)
        slot = after.outbox.get(client_id)
        if slot == was:
            continue
        known = rows.known("actions", (one.account, client_id))
        if slot is None:
            slot = after.ended_actions.get(client_id)
        if slot is None or (known is None and not isinstance(one.event, ActionRequested)):
            continue
        row = _requested(one, client_id, one.event) if isinstance(one.event, ActionRequested) else known
        assert row is not None
        rows.put("actions", row | _standing(slot, is_open=client_id in after.outbox) | _noted(one, row, after))


def _requested(one: Followed, client_id: str, event: ActionRequested) -> Row:
    terms = event.terms
    never = ("sent", "answered", "looked_up", "settled")
    return {
        "account": one.account,
        "client_id": client_id,
        "kind": terms.kind,
        "purpose": event.purpose,
        "key": event.key,
        "symbol": terms.symbol,
        "ticket": terms.ticket,
        "side": terms.side,
        "quantity": text(terms.quantity),
        "stop": text(terms.stop),
        "target": terms.target,
        "attempt": event.attempt,
        "requested_position": one.position,
        **when("requested", event.at_ns),
        "answer": None,
        "answer_why": None,
        "look_ups": 0,
        "policy": event.policy.hex(),
        **{f"{name}_{cell}": None for name in never for cell in ("position", "at", "at_ns")},
    }


def _standing(slot: ActionSlot, *, is_open: bool) -> Row:
    """How the fold has it now."""
    return {
        "order_id": slot.order_id or slot.terms.order_id,
        "state": slot.state,
        "is_open": int(is_open),
        "why": slot.why,
        "sightings": 0 if slot.sightings is None else slot.sightings.count,
    }


def _noted(one: Followed, row: Row, after: State) -> Row:
    """Where the event itself stands in the action's life."""
    event: Any = one.event
    match event:
        case ActionSent():
            return {"sent_position": one.position, **when("sent", event.at.at_ns)}
        case ActionAnswered():
            noted = {"answered_position": one.position, **when("answered", event.at.at_ns)}
            return noted | {"answer": event.state, "answer_why": event.why or None}
        case Observed():
            noted = {"looked_up_position": one.position, **when("looked_up", event.at.at_ns)}
            return noted | {"look_ups": row["look_ups"] + 1}
        case ActionMoved() if event.client_id not in after.outbox:
            return {"settled_position": one.position, **when("settled", event.at_ns)}
        case _:
            return {}
