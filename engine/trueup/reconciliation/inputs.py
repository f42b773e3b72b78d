"""What does each input do to the state?

An input changes what is known: what the process recorded, what the broker answered, who writes under which rules.
What follows from it for the book is a decision (`outcomes`), with one exception: a recorded fill or position is
the book's own word and moves it at once. Pure handlers on a draft.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from immutables import Map
from msgspec.structs import replace

from trueup.exits import exit_said
from trueup.facts import (
    AlertsDelivered,
    CommandGiven,
    CorrectionsDelivered,
    ExecutionPushed,
    FillRecorded,
    InboxTaken,
    Observed,
    PolicyAdopted,
    PositionRecorded,
    Rows,
    StatePushed,
    WriterClaimed,
)
from trueup.model import (
    BrokerPosition,
    Execution,
    Key,
    Moment,
    Side,
    elapsed_ns,
)
from trueup.reconciliation.draft import EXECUTIONS_MAX, Draft
from trueup.reconciliation.fills import apply_execution, bound_to, older_than, set_position
from trueup.reconciliation.keys import (
    key_of_execution,
    key_of_position,
    key_of_row,
    position_reference,
    unbound_of,
)
from trueup.reconciliation.order_inputs import (
    executed,
    interrupted,
    known_order,
    looked_up,
    orders_dealt,
    orders_listed,
    owned_by,
)
from trueup.reconciliation.state import (
    GateState,
    Slot,
    State,
    View,
)
from trueup.tally import DAY_NS

CHANNELS_MAX: Final = 100
"""Channels of alerts whose progress is remembered (law 12)."""


# -- inputs: who, under what rules -------------------------------------------------------------------------


def writer_claimed(draft: Draft, position: int, fact: WriterClaimed) -> None:
    draft.epoch = fact.at.epoch
    draft.mode = fact.position_mode
    draft.source = fact.source or draft.source
    draft.lag_ms = fact.lag_ms_max or draft.lag_ms
    if fact.source:
        draft.surfaces, draft.actions = fact.surfaces, fact.actions
        draft.can_reduce_only = fact.can_reduce_only
    draft.restored = draft.restored or fact.restored
    draft.passes_tried = 0
    interrupted(draft)
    draft.gate = GateState()
    draft.gate_since = fact.at
    if fact.delivers and not draft.delivered:
        draft.delivered = position
    if not fact.baseline and draft.baseline == "open":
        draft.baseline = "forgone"
    draft.views = Map(
        {surface: replace(view, completes=0, answers=0, failures=0) for surface, view in draft.views.items()}
    )


def policy_adopted(draft: Draft, position: int, fact: PolicyAdopted) -> None:
    draft.policy = fact.policy
    draft.policy_mark = fact.digest[:8]
    draft.recheck = True


# -- inputs: the broker ------------------------------------------------------------------------------------


def observed(draft: Draft, position: int, fact: Observed) -> None:
    draft.pass_number = fact.pass_number
    draft.due = ()
    if fact.id:
        draft.observation_ids.put(fact.id, position)
    view = draft.view(fact.surface)
    answered = fact.completeness in ("complete", "partial")
    view = replace(
        view,
        asked=fact.asked,
        received=fact.at,
        position=position,
        asked_position=fact.asked_position,
        failures=0 if answered else view.failures + (fact.completeness == "failed"),
        refused=fact.refused if answered else view.refused,
        why=fact.why,
        supported=fact.completeness != "unsupported",
    )
    if answered and (view.answers or fact.pass_kind != "proof"):  # no proof stands in for the start-up pass (law 9)
        view = replace(
            view,
            answers=view.answers + 1,
            answered=fact.asked,
            complete=fact.completeness == "complete",
            listed=frozenset(),
        )
    if fact.completeness == "complete":
        view = replace(
            view,
            complete_asked=fact.asked,
            complete_received=fact.at,
            completes=view.completes + 1,
        )
    if fact.surface == "fills" and fact.completeness == "complete" and not draft.first_fills:
        listed = (one.execution_id for one in fact.executions[-EXECUTIONS_MAX:])
        draft.past_executions = frozenset(name for name in listed if draft.executions.get(name) is None)
        draft.past_listed = fact.at  # history: remembered, and moves nothing
        draft.first_fills = True
    elif fact.executions and draft.foreign.orders.read:
        orders_dealt(draft, position, fact)
    for one in fact.executions:
        exit_heard(draft, one)
    if fact.surface == "positions" and fact.pass_kind != "proof":
        draft.passes_tried += 1
    if fact.surface == "positions" and fact.positions is not None:
        view = _positions_listed(draft, view, position, fact, fact.positions)
    if fact.orders is not None:
        view = orders_listed(draft, view, position, fact, fact.orders)
    if fact.surface == "fills" and fact.completeness == "complete":
        view = replace(view, since_ns=fact.since_ns)
    if fact.sought is not None:
        looked_up(draft, fact)
    draft.views = draft.views.set(fact.surface, view)


def _positions_listed(draft: Draft, view: View, position: int, fact: Observed, listed: Rows) -> View:
    """Which keys the answer may have something new on; for a complete one, the rows it stands for."""
    if fact.completeness != "complete":
        if fact.completeness != "partial":
            return view
        stated = {key_of_row(draft.mode, row): row for row in listed.stated}
        draft.due = tuple(sorted(stated))
        for key, row in stated.items():
            if view.rows.get(key) != row:
                draft.dirty[key] = True  # the next complete answer may look unchanged: it is no longer what was judged
        draft.acknowledged = draft.acknowledged.difference(draft.due)
        return replace(view, listed=frozenset(row.symbol for row in listed.stated))
    rows, changed = resolve(view.rows, listed, draft)
    if draft.acknowledged:  # it speaks of what is missing now: what came back and vanishes again is held again
        draft.acknowledged = frozenset(key for key in draft.acknowledged if key in draft.book and key not in rows)
    every = draft.recheck
    due = set(changed)
    due.update(rows if every else ())
    dirty = draft.dirty.finish()
    due.update(dirty)
    if every:
        book = draft.book.finish()
        due.update(book)
        draft.book = book.mutate()
    draft.due = tuple(sorted(due))
    draft.dirty = Map[Key, bool]().mutate()
    draft.recheck = False
    draft.book_sizes = _sizes(draft, fact, len(draft.book))
    weight = 0 if not listed.base else view.weight + len(listed.stated) + len(listed.gone)
    return replace(view, rows=rows, base=position, weight=weight)


def resolve(
    base: Mapping[Key, BrokerPosition], listed: Rows, draft: Draft | State
) -> tuple[Mapping[Key, BrokerPosition], list[Key]]:
    """(all rows that an observation stands for, the keys on which they differ from the base)."""
    stated = {key_of_row(draft.mode, row): row for row in listed.stated}
    if not listed.base:
        changed = [key for key, row in stated.items() if base.get(key) != row]
        changed += [key for key in base if key not in stated]
        return stated, changed
    if not stated and not listed.gone:
        return base, []
    rows = dict(base)
    rows.update(stated)
    for key in listed.gone:
        rows.pop(key, None)
    return rows, [*stated, *listed.gone]


def _sizes(draft: Draft, fact: Observed, size: int) -> tuple[tuple[Any, int], ...]:
    """The largest books of the window: each entry larger than all that came after it."""
    window_ns = draft.policy.mass_absence_window_s * 1_000_000_000
    kept = [(when, old) for when, old in draft.book_sizes if old > size and elapsed_ns(when, fact.at) <= window_ns]
    return (*kept, (fact.at, size))


def execution_pushed(draft: Draft, position: int, fact: ExecutionPushed) -> None:
    """Nothing yet: what it does to the book is a decision (`FillAdopted`)."""


def state_pushed(draft: Draft, position: int, fact: StatePushed) -> None:
    """Nothing: a pushed state is a reason to ask, never evidence to correct by."""


# -- inputs: the trading process ---------------------------------------------------------------------------


def _local_change(draft: Draft) -> None:
    if draft.baseline == "open":
        draft.baseline = "forgone"


def exit_heard(draft: Draft, execution: Execution) -> None:
    """Remember why the broker says a position was closed, for the correction that will close it here."""
    said = exit_said(execution)
    if said is not None and execution.ticket is not None and draft.exits.get(execution.ticket) != said:
        draft.exits.put(execution.ticket, said)


def fill_recorded(draft: Draft, position: int, fact: FillRecorded) -> None:
    if draft.baseline == "open":
        draft.baseline = "forgone"
    execution = fact.execution
    if execution.happened_at is not None and older_than(execution, draft.at, draft.policy.fill_window_days_max):
        return
    key = key_of_execution(draft, execution)
    if draft.unbound:
        key = bound(draft, key, execution)
    known = draft.executions.get(execution.execution_id)
    if known is not None:
        _claim_owner(draft, key, execution)
        if (known.symbol, known.signed_quantity) == (execution.symbol, execution.signed_quantity):
            draft.executions.put(execution.execution_id, execution)  # told again, our own word adds nothing (law 5)
        return
    if draft.past_executions and is_history(draft, execution, draft.at):
        draft.executions.put(execution.execution_id, execution)  # it moves nothing, and told again it adds nothing
        return
    apply(draft, key, execution, position)


def is_history(state: Draft | State, execution: Execution, at: Moment) -> bool:
    """Whether a fill that we record now was history long before.

    The first `fills` answer may list one of ours whose message was still on its way: that one moves the book when
    it comes, or is claimed by what a correction had inferred of it. What comes later than any message does not.
    """
    if execution.execution_id not in state.past_executions:
        return False
    return elapsed_ns(state.past_listed, at) > state.policy.inferred_s_max * 1_000_000_000


def apply(draft: Draft, key: Key, execution: Execution, position: int) -> None:
    """Remember an execution and let it move its key."""
    at, policy = draft.at, draft.policy
    if elapsed_ns(draft.executions_since, at) > policy.fill_window_ns:
        draft.executions.turn()
        draft.executions_since = at
    draft.executions.put(execution.execution_id, execution)
    order = executed(draft, position, execution)
    slot = draft.slot(key)
    _tally(draft, key, slot, execution)
    applied = apply_execution(
        slot,
        execution if order is None else owned_by(order, execution),
        at=at,
        position=position,
        order_position=None if order is None else order.first_position,
        inferred_ns_max=policy.inferred_ns_max,
    )
    if not applied.history:
        draft.put_slot(key, applied.slot)


def _tally(draft: Draft, key: Key, slot: Slot | None, execution: Execution) -> None:
    """What the execution earned or lost. Of a key that whole positions move, only its fills know."""
    at, policy, tally = draft.at, draft.policy, draft.tally
    held, awaited = None, True
    if slot is not None and slot.source != "set":
        held, awaited = slot.holding, False
        if slot.inferred:
            latest_ns = policy.inferred_ns_max
            awaited = any(one.remaining and elapsed_ns(one.since, at) <= latest_ns for one in slot.inferred)
    day = at.at_ns // DAY_NS
    if day != tally.day:
        tally.begin(day, draft.book)
    tally.add(key, held, execution, policy, at.at_ns, awaited=awaited)


def first_recorded(state: Draft | State, execution: Execution) -> int | None:
    """Where the execution's order was first recorded, if it was."""
    order = known_order(state, execution)
    return None if order is None else order.first_position


def _claim_owner(draft: Draft, key: Key, execution: Execution) -> None:
    """Our own record of an execution that had entered from the broker names its owner (L53)."""
    slot = draft.book.get(key)
    if slot is None or slot.holding is None or execution.strategy is None:
        return
    if slot.holding.strategy != execution.strategy:
        draft.put_slot(key, replace(slot, holding=replace(slot.holding, strategy=execution.strategy)))


def bound(draft: Draft, key: Key, execution: Execution) -> Key:
    """The key; an entry without a ticket that this fill names moves there first."""
    unbound = unbound_of(draft, execution)
    if unbound is not None:
        rename(draft, unbound, key)
    return key


def met(state: State, key: Key, execution: Execution) -> Slot | None:
    """The slot that a fill meets: its key's, or that of the entry without a ticket which it names."""
    unbound = unbound_of(state, execution)
    return state.slot(key) if unbound is None else _renamed(state, unbound, key)


def rename(draft: Draft, unbound: Key, key: Key) -> None:
    """An entry without a ticket is recognised: it goes on under its ticket's key."""
    slot = _renamed(draft, unbound, key)
    del draft.book[unbound]
    draft.unbound -= {unbound}
    draft.dirty.pop(unbound, None)
    draft.put_slot(key, slot)
    draft.bindings.put(unbound, key)
    draft.tally.rename(unbound, key)


def _renamed(state: Draft | State, unbound: Key, key: Key) -> Slot:
    inferred_ns_max = state.policy.inferred_s_max * 1_000_000_000
    ticket = key.removeprefix("#")
    return bound_to(state.book[unbound], state.book.get(key), ticket, inferred_ns_max=inferred_ns_max)


def position_recorded(draft: Draft, position: int, fact: PositionRecorded) -> None:
    _local_change(draft)
    side: Side = "long" if fact.side == "buy" else "short"
    key = key_of_position(draft, fact.symbol, side, fact.ticket)
    reference = position_reference(fact.symbol, side)
    if draft.mode == "hedging" and fact.ticket is not None and reference in draft.book and key not in draft.book:
        rename(draft, reference, key)
    before = draft.slot(key)
    slot, _ = set_position(before, fact, position=position)
    if slot is not before:
        draft.put_slot(key, slot)


def inbox_taken(draft: Draft, position: int, fact: InboxTaken) -> None:
    draft.inbox_position = fact.inbox_position


def corrections_delivered(draft: Draft, position: int, fact: CorrectionsDelivered) -> None:
    """The trading process has been told of the corrections up to there."""
    draft.delivered = max(draft.delivered, fact.upto)


def alerts_delivered(draft: Draft, position: int, fact: AlertsDelivered) -> None:
    """A channel has been told up to there. Of channels that come and go the latest are remembered (law 12)."""
    told = dict(draft.alerts_delivered)
    upto = max(told.pop(fact.channel, 0), fact.upto)
    draft.alerts_delivered = (*list(told.items())[-(CHANNELS_MAX - 1) :], (fact.channel, upto))


def command_given(draft: Draft, position: int, fact: CommandGiven) -> None:
    """Nothing yet: what a command does is a decision."""
