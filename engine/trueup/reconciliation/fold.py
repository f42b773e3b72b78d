"""What does each event do to the state?

`fold(state, events)` is the aggregate's only way to change, live as in replay: live it takes inputs and recorded
decisions alike and re-derives nothing. Pure: the same events give the same state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from immutables import Map
from msgspec.structs import replace

from trueup.decisions import (
    AlertRaised,
    BaselineTaken,
    BreakMoved,
    Correction,
    FillAdopted,
    FillSettled,
    GateMoved,
    MassAbsenceMoved,
    PositionBound,
    QuarantineMoved,
    RecordRefused,
    Step,
)
from trueup.events import Event
from trueup.evidence import Sightings, again, once
from trueup.facts import (
    CommandGiven,
    ExecutionPushed,
    Fact,
    FillRecorded,
    InboxTaken,
    Observed,
    OrderRecorded,
    PolicyAdopted,
    PositionRecorded,
    Rows,
    StatePushed,
    WriterClaimed,
)
from trueup.model import (
    TERMINAL,
    ZERO,
    BrokerPosition,
    Execution,
    Holding,
    Key,
    OrderStatus,
    Side,
    elapsed_ns,
    subtract,
)
from trueup.reconciliation.draft import Draft
from trueup.reconciliation.fills import apply_execution, infer, older_than, set_position
from trueup.reconciliation.keys import (
    key_of_execution,
    key_of_position,
    key_of_row,
    position_reference,
    references_of,
)
from trueup.reconciliation.state import (
    NEVER,
    Break,
    GateState,
    Hold,
    Inferred,
    OrderBrief,
    Quarantine,
    Slot,
    State,
    View,
)

_DAY_NS: Final = 86_400_000_000_000
IN_FLIGHT_PER_SYMBOL_MAX: Final = 256
"""Pending orders per symbol that are watched (law 12); the oldest give way."""
CORRECTIONS_REMEMBERED_MAX: Final = 16
"""Times of past corrections kept per key, to notice one that never holds."""


def fold(state: State, events: Iterable[tuple[int, Event]]) -> State:
    """The state after (journal position, event) pairs, in order."""
    draft = Draft(state)
    for position, event in events:
        draft.position = position
        if isinstance(event, Fact):
            draft.at = event.at
        _HANDLERS[type(event)](draft, position, event)
    return draft.sealed()


# -- inputs: who, under what rules -------------------------------------------------------------------------


def _writer_claimed(draft: Draft, position: int, fact: WriterClaimed) -> None:
    draft.epoch = fact.at.epoch
    draft.mode = fact.position_mode
    draft.source = fact.source or draft.source
    draft.lag_ms = fact.lag_ms_max or draft.lag_ms
    draft.gate = GateState()
    if not fact.baseline and draft.baseline == "open":
        draft.baseline = "forgone"
    draft.views = Map(
        {surface: replace(view, completes=0, answers=0, failures=0) for surface, view in draft.views.items()}
    )


def _policy_adopted(draft: Draft, position: int, fact: PolicyAdopted) -> None:
    draft.policy = fact.policy
    draft.policy_mark = fact.digest[:8]
    draft.recheck = True


# -- inputs: the broker ------------------------------------------------------------------------------------


def _observed(draft: Draft, position: int, fact: Observed) -> None:
    draft.pass_number = fact.pass_number
    draft.due = ()
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
    if answered:
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
        for execution in fact.executions:  # history: remembered, and moves nothing
            draft.executions.put(execution.execution_id, execution)
        draft.first_fills = True
    if fact.surface == "positions" and fact.positions is not None:
        view = _positions_listed(draft, view, position, fact, fact.positions)
    draft.views = draft.views.set(fact.surface, view)


def _positions_listed(draft: Draft, view: View, position: int, fact: Observed, listed: Rows) -> View:
    """Which keys the answer may have something new on; for a complete one, the rows it stands for."""
    if fact.completeness != "complete":
        if fact.completeness != "partial":
            return view
        draft.due = tuple(sorted(key_of_row(draft.mode, row) for row in listed.stated))
        return replace(view, listed=frozenset(row.symbol for row in listed.stated))
    rows, changed = resolve(view.rows, listed, draft)
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


def _execution_pushed(draft: Draft, position: int, fact: ExecutionPushed) -> None:
    """Nothing yet: what it does to the book is a decision (`FillAdopted`)."""


def _state_pushed(draft: Draft, position: int, fact: StatePushed) -> None:
    """Nothing: a pushed state is a reason to ask, never evidence to correct by."""


# -- inputs: the trading process ---------------------------------------------------------------------------


def _local_change(draft: Draft) -> None:
    if draft.baseline == "open":
        draft.baseline = "forgone"


def _fill_recorded(draft: Draft, position: int, fact: FillRecorded) -> None:
    _local_change(draft)
    execution = fact.execution
    if older_than(execution, draft.at, draft.policy.fill_window_days_max):
        return
    key = _bound(draft, key_of_execution(draft, execution), execution)
    if draft.executions.get(execution.execution_id) is not None:
        _claim_owner(draft, key, execution)
        return
    _apply(draft, key, execution, position)


def _apply(draft: Draft, key: Key, execution: Execution, position: int) -> None:
    """Remember an execution and let it move its key."""
    window_ns = draft.policy.fill_window_days_max * _DAY_NS
    if elapsed_ns(draft.executions_since, draft.at) > window_ns:
        draft.executions.turn()
        draft.executions_since = draft.at
    draft.executions.put(execution.execution_id, execution)
    applied = apply_execution(
        draft.slot(key),
        execution,
        at=draft.at,
        position=position,
        order_position=first_recorded(draft, execution),
        inferred_ns_max=draft.policy.inferred_s_max * 1_000_000_000,
    )
    if not applied.history:
        draft.put_slot(key, applied.slot)


def first_recorded(state: Draft | State, execution: Execution) -> int | None:
    """Where the execution's order was first recorded, if it was."""
    if execution.client_order_id is None:
        return None
    order = state.orders.get(execution.client_order_id) or state.ended_orders.get(execution.client_order_id)
    return None if order is None else order.first_position


def _claim_owner(draft: Draft, key: Key, execution: Execution) -> None:
    """Our own record of an execution that had entered from the broker names its owner (L53)."""
    slot = draft.book.get(key)
    if slot is None or slot.holding is None or execution.strategy is None:
        return
    if slot.holding.strategy != execution.strategy:
        draft.put_slot(key, replace(slot, holding=replace(slot.holding, strategy=execution.strategy)))


def _bound(draft: Draft, key: Key, execution: Execution) -> Key:
    """The key; an entry without a ticket that this fill's order had opened moves there first."""
    if execution.ticket is not None and draft.mode == "hedging":
        for reference in references_of(execution):
            if reference in draft.book:
                _rename(draft, reference, key, execution.ticket)
    return key


def _rename(draft: Draft, unbound: Key, key: Key, ticket: str) -> None:
    slot = draft.book.pop(unbound)
    draft.unbound -= {unbound}
    assert slot.holding is not None
    draft.dirty.pop(unbound, None)
    draft.put_slot(key, replace(slot, holding=replace(slot.holding, ticket=ticket)))
    draft.bindings.put(unbound, key)


def _position_recorded(draft: Draft, position: int, fact: PositionRecorded) -> None:
    _local_change(draft)
    side: Side = "long" if fact.side == "buy" else "short"
    key = key_of_position(draft, fact.symbol, side, fact.ticket)
    reference = position_reference(fact.symbol, side)
    if draft.mode == "hedging" and fact.ticket is not None and reference in draft.book and key not in draft.book:
        _rename(draft, reference, key, fact.ticket)
    before = draft.slot(key)
    slot, _ = set_position(before, fact, position=position)
    if slot is not before:
        draft.put_slot(key, slot)


def _order_recorded(draft: Draft, position: int, fact: OrderRecorded) -> None:
    _local_change(draft)
    name = fact.client_order_id
    known = draft.orders.get(name) or draft.ended_orders.get(name)
    if known is None:
        order = OrderBrief(fact.symbol, fact.status, position, draft.at, draft.at)
    elif fact.status is OrderStatus.UNKNOWN or known.status in TERMINAL:
        return  # an unknown word changes nothing (L41); an ended order is not put in flight again
    else:
        order = replace(known, status=fact.status, changed=draft.at)
    if order.status in TERMINAL:
        draft.orders.pop(name, None)
        draft.ended_orders.put(name, order)
    else:
        draft.orders[name] = order
    _flight(draft, name, order, known)


def _flight(draft: Draft, name: str, order: OrderBrief, known: OrderBrief | None) -> None:
    """Keep the list of orders in flight on the symbol, and when the last one left it."""
    flying = draft.in_flight.get(order.symbol, ())
    if order.status is OrderStatus.PENDING:
        if name not in flying:
            draft.in_flight = draft.in_flight.set(order.symbol, (*flying, name)[-IN_FLIGHT_PER_SYMBOL_MAX:])
        return
    if name in flying:
        rest = tuple(other for other in flying if other != name)
        draft.in_flight = draft.in_flight.set(order.symbol, rest) if rest else draft.in_flight.delete(order.symbol)
    if known is None or known.status is OrderStatus.PENDING or order.status in TERMINAL:
        draft.order_ends = draft.order_ends.set(order.symbol, draft.at)


def _inbox_taken(draft: Draft, position: int, fact: InboxTaken) -> None:
    draft.inbox_position = fact.inbox_position


def _command_given(draft: Draft, position: int, fact: CommandGiven) -> None:
    """Nothing yet: what a command does is a decision."""


# -- decisions ---------------------------------------------------------------------------------------------


def _baseline_taken(draft: Draft, position: int, decision: BaselineTaken) -> None:
    view = draft.view("positions")
    for key in decision.keys:
        row = view.rows[key]
        holding = adopted(row)
        inferred = Inferred("baseline", row.signed_quantity, view.received, view.asked_position)
        draft.put_slot(key, Slot(holding, draft.at, position, inferred=(inferred,)))
        draft.dirty.pop(key, None)
    draft.baseline = "taken"


def adopted(row: BrokerPosition) -> Holding:
    """The broker's row as a holding of nobody we know, unless the broker's data names its owner."""
    holding = Holding(
        symbol=row.symbol,
        signed_quantity=row.signed_quantity,
        ticket=row.ticket,
        price=row.price,
        stop=row.stop,
        opened_at=row.opened_at,
    )
    return holding if row.strategy is None else replace(holding, strategy=row.strategy)


def _position_bound(draft: Draft, position: int, decision: PositionBound) -> None:
    _rename(draft, decision.unbound, decision.key, decision.key.removeprefix("#"))


def _break_moved(draft: Draft, position: int, decision: BreakMoved) -> None:
    view = draft.view("positions")
    breaks = {one.field: one for one in draft.breaks.get(decision.key, ())}
    for step in decision.steps:
        if step.state in ("cleared", "corrected"):
            if (gone := breaks.get(step.field)) is not None and gone.id == step.break_id:
                del breaks[step.field]
        else:
            breaks[step.field] = _stepped(breaks.get(step.field), decision, step, view, draft)
    if breaks:
        draft.breaks[decision.key] = tuple(breaks[field] for field in sorted(breaks, key=lambda f: f or ""))
    else:
        draft.breaks.pop(decision.key, None)
    if decision.correction is not None:
        _corrected(draft, position, decision.cause, decision.key, decision.correction)


def _stepped(known: Break | None, decision: BreakMoved, step: Step, view: View, draft: Draft) -> Break:
    """The break after one step that leaves it open."""
    if known is None or known.id != step.break_id:
        known = None
    sightings = _sighted(known, step, view)
    state = step.state if step.state in ("confirmed", "escalated") else (known.state if known else "opened")
    assert state in ("opened", "confirmed", "escalated")
    alerted = (step.broker or "") if step.state == "escalated" else (known.alerted if known else None)
    if known is None:
        return Break(
            step.break_id, decision.of, decision.key, decision.symbol, decision.ticket, step.kind, step.field,
            state, step.book, step.broker, draft.at, decision.cause, sightings, step.why, alerted,
        )  # fmt: skip
    if (step.book, step.broker) != (known.book, known.broker) and step.state == "seen":
        state = "opened"
    return replace(
        known,
        state=state,
        book=step.book,
        broker=step.broker,
        sightings=sightings,
        why=step.why,
        alerted=alerted,
    )


def _sighted(known: Break | None, step: Step, view: View) -> Sightings:
    if step.sightings == 0:
        return Sightings(0, NEVER, NEVER, ())
    if known is not None and known.sightings.count == step.sightings and step.state != "seen":
        return known.sightings
    if known is None or step.sightings == 1 or known.sightings.count == 0:
        return once(view.position, view.asked, view.received)
    return again(known.sightings, view.position, view.received)


def _corrected(draft: Draft, position: int, cause: int, key: Key, correction: Correction) -> None:
    """The book takes the value that the correction gives its key; the change of quantity is inferred."""
    slot = draft.slot(key) or Slot(None, draft.at, position)
    before = slot.holding.signed_quantity if slot.holding else ZERO
    after = correction.after.signed_quantity if correction.after else ZERO
    inferred = slot.inferred
    if delta := subtract(after, before):
        view = draft.view("positions")
        inferred = infer(inferred, Inferred(correction.id, delta, view.received, view.asked_position))
    if correction.kind == "ghost":
        draft.closed_ghosts = _closed(draft, key)
    draft.acknowledged -= {key}
    draft.put_slot(
        key,
        replace(
            slot,
            holding=correction.after,
            changed=draft.at,
            position=position,
            inferred=inferred,
            corrections=(*slot.corrections, draft.at)[-CORRECTIONS_REMEMBERED_MAX:],
            before=slot.holding or slot.before,
            closed_by=correction.id if correction.after is None else None,
        ),
    )


def _closed(draft: Draft, key: Key) -> tuple[tuple[Any, int], ...]:
    """Ghosts closed lately, those apart that somebody had acknowledged: they were not a glitch."""
    if key in draft.acknowledged:
        return draft.closed_ghosts
    window_ns = draft.policy.mass_absence_window_s * 1_000_000_000
    kept = [(when, n) for when, n in draft.closed_ghosts if elapsed_ns(when, draft.at) <= window_ns]
    if kept and kept[-1][0] == draft.at:
        return (*kept[:-1], (draft.at, kept[-1][1] + 1))
    return (*kept, (draft.at, 1))


def _fill_settled(draft: Draft, position: int, decision: FillSettled) -> None:
    """Nothing: folding the fill itself did it; this says so for the record."""


def _fill_adopted(draft: Draft, position: int, decision: FillAdopted) -> None:
    _apply(draft, _bound(draft, decision.key, decision.execution), decision.execution, position)


def _record_refused(draft: Draft, position: int, decision: RecordRefused) -> None:
    """Nothing: the fold of the record already left the book alone."""


def _mass_absence_moved(draft: Draft, position: int, decision: MassAbsenceMoved) -> None:
    if decision.state == "held":
        since = draft.hold.since if draft.hold else draft.at
        first = draft.hold.position if draft.hold else decision.cause
        draft.hold = Hold(decision.missing, decision.counted, decision.base, since, first)
    elif decision.state == "released":
        draft.hold = None
    else:
        draft.acknowledged |= frozenset(decision.missing)
        draft.hold = None


def _quarantine_moved(draft: Draft, position: int, decision: QuarantineMoved) -> None:
    if decision.state == "entered":
        scope = Quarantine(decision.scope, decision.why, draft.at, decision.break_id)
        draft.quarantine = draft.quarantine.set(decision.scope, scope)
    elif decision.scope in draft.quarantine:
        draft.quarantine = draft.quarantine.delete(decision.scope)


def _gate_moved(draft: Draft, position: int, decision: GateMoved) -> None:
    draft.gate = GateState(decision.status, decision.why, decision.symbols)


def _alert_raised(draft: Draft, position: int, decision: AlertRaised) -> None:
    """Nothing: the escalated steps it speaks of already say that somebody was told."""


_HANDLERS: Final[dict[type[Event], Callable[[Draft, int, Any], None]]] = {
    WriterClaimed: _writer_claimed,
    PolicyAdopted: _policy_adopted,
    Observed: _observed,
    FillRecorded: _fill_recorded,
    PositionRecorded: _position_recorded,
    OrderRecorded: _order_recorded,
    ExecutionPushed: _execution_pushed,
    StatePushed: _state_pushed,
    InboxTaken: _inbox_taken,
    CommandGiven: _command_given,
    BaselineTaken: _baseline_taken,
    PositionBound: _position_bound,
    BreakMoved: _break_moved,
    FillSettled: _fill_settled,
    FillAdopted: _fill_adopted,
    RecordRefused: _record_refused,
    MassAbsenceMoved: _mass_absence_moved,
    QuarantineMoved: _quarantine_moved,
    GateMoved: _gate_moved,
    AlertRaised: _alert_raised,
}
