"""What do an account's events add up to?

`fold(state, events)` is the aggregate's only way to change, live as in replay: live it takes inputs and recorded
decisions alike and re-derives nothing. Pure: the same events give the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from trueup.decisions import (
    ActionMoved,
    ActionRequested,
    AlertRaised,
    BaselineTaken,
    BreakMoved,
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
from trueup.events import Event
from trueup.facts import (
    FACTS,
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
from trueup.reconciliation import foreign, inputs, order_inputs, order_outcomes, outcomes
from trueup.reconciliation.draft import Draft
from trueup.reconciliation.state import State


def fold(state: State, events: Iterable[tuple[int, Event]]) -> State:
    """The state after (journal position, event) pairs, in order."""
    draft = Draft.of(state)
    handlers, timed = _HANDLERS, _TIMED
    some: Iterable[tuple[int, Any]] = events
    for position, event in some:
        draft.position = position
        if type(event) in timed:
            draft.at = event.at
        handlers[type(event)](draft, position, event)
    return draft.sealed()


_TIMED: Final = frozenset(FACTS)
"""Inputs carry a time; a decision happens at that of the input that caused it. (A set, because `isinstance` asks the
metaclass of structs, which takes longer than all the rest of this loop.)"""

_HANDLERS: Final[dict[type[Event], Callable[[Draft, int, Any], None]]] = {
    WriterClaimed: inputs.writer_claimed,
    PolicyAdopted: inputs.policy_adopted,
    Observed: inputs.observed,
    FillRecorded: inputs.fill_recorded,
    PositionRecorded: inputs.position_recorded,
    OrderRecorded: order_inputs.order_recorded,
    ExecutionPushed: inputs.execution_pushed,
    StatePushed: inputs.state_pushed,
    InboxTaken: inputs.inbox_taken,
    CommandGiven: inputs.command_given,
    CorrectionsDelivered: inputs.corrections_delivered,
    AlertsDelivered: inputs.alerts_delivered,
    BookRead: foreign.book_read,
    BookWriting: foreign.book_writing,
    BookWritten: foreign.book_written,
    BaselineTaken: outcomes.baseline_taken,
    PositionBound: outcomes.position_bound,
    BreakMoved: outcomes.break_moved,
    FillSettled: outcomes.fill_settled,
    FillAdopted: outcomes.fill_adopted,
    RecordRefused: outcomes.record_refused,
    MassAbsenceMoved: outcomes.mass_absence_moved,
    QuarantineMoved: outcomes.quarantine_moved,
    GateMoved: outcomes.gate_moved,
    AlertRaised: outcomes.alert_raised,
    ActionSent: order_inputs.action_sent,
    ActionAnswered: order_inputs.action_answered,
    OrderMerged: order_outcomes.order_merged,
    ActionRequested: order_outcomes.action_requested,
    ActionMoved: order_outcomes.action_moved,
    PermitGiven: order_inputs.permit_given,
    OverrideMoved: outcomes.override_moved,
    ProtectionMoved: order_outcomes.protection_moved,
}
