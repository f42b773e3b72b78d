"""Given the state and one input, what do we decide?

`decide` is the whole brain in one pure function: no clock, no I/O, no randomness; the same state and input give
the same decisions, byte for byte (law 1). Order within one answer: binding, baseline, mass absence, then the keys
recovery -> ghost -> drift, then quarantine, alerts, and the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from trueup.decisions import (
    BaselineTaken,
    BreakMoved,
    Correction,
    Decision,
    FillAdopted,
    FillSettled,
)
from trueup.exits import exit_said
from trueup.explain import missed, named
from trueup.facts import (
    ActionAnswered,
    BookRead,
    BookWritten,
    CommandGiven,
    ExecutionPushed,
    Fact,
    FillRecorded,
    Observed,
    OrderRecorded,
    PolicyAdopted,
    PositionRecorded,
    WriterClaimed,
)
from trueup.model import Execution, Key, plain
from trueup.reconciliation import absence, binding, foreign_decide, lifecycle
from trueup.reconciliation.at_broker import still_wanted
from trueup.reconciliation.commands import command_given, end_overrides
from trueup.reconciliation.deciding import Deciding, judged
from trueup.reconciliation.fills import apply_execution, older_than, set_position
from trueup.reconciliation.guarding import guard_positions
from trueup.reconciliation.identity import missed_fill_id
from trueup.reconciliation.inputs import first_recorded, is_history, met
from trueup.reconciliation.keys import key_of_execution, key_of_position, key_of_row
from trueup.reconciliation.order_decide import doubtful, order_filled, order_recorded, orders_observed, unpriced
from trueup.reconciliation.order_inputs import order_of, owned
from trueup.reconciliation.outbox import answered
from trueup.reconciliation.state import Slot, State


class Decided(msgspec.Struct, frozen=True):
    """What came of one input."""

    state: State
    """With the input and the decisions folded in."""
    decisions: tuple[Decision, ...]


def decide(before: State, after: State, fact: Fact) -> Decided:
    """Everything that one input makes us decide.

    before  the state that the input met
    after   that state with the input folded in; its `position` is the input's
    """
    deciding = Deciding(before, after)
    handler = _HANDLERS.get(type(fact))
    if handler is not None:
        handler(deciding, fact)
    return Decided(deciding.state, tuple(deciding.decisions))


# -- observations ------------------------------------------------------------------------------------------


def _observed(deciding: Deciding, fact: Observed) -> None:
    if fact.surface == "positions":
        if fact.completeness == "complete":
            _complete_positions(deciding, fact)
        elif fact.completeness == "partial":
            _partial_positions(deciding, fact)
    elif fact.surface == "fills":
        _fills(deciding, fact)
    else:
        orders_observed(deciding, fact)
    if deciding.state.unpriced:
        unpriced(deciding, fact)
    if fact.surface in ("positions", "open_orders"):
        guard_positions(deciding, fact)
    if fact.surface == "positions" and fact.completeness == "complete" and deciding.state.outbox:
        still_wanted(deciding)
    if deciding.state.overrides:
        end_overrides(deciding)
    deciding.settle_gate(startup=fact.pass_kind == "startup")


def _complete_positions(deciding: Deciding, fact: Observed) -> None:
    bound = list(binding.bind(deciding.state, deciding.at_ns, deciding.state.view().rows, complete=True))
    deciding.emit(bound)  # before the baseline: what was pushed at us may be here already, without its ticket
    _baseline(deciding)
    state = deciding.state
    found = {*state.due, *state.breaks, *(one.key for one in bound), *(one.unbound for one in bound)}
    keys = sorted(found)
    counted = absence.count(state, fact, keys)
    held_before = state.hold is not None
    moved = absence.judge(state, fact, counted)
    if moved is not None:
        deciding.emit([moved])
        if moved.state == "held" and not held_before:
            deciding.alert("critical", "mass-absence", moved.why)
    mass = counted.is_mass(state)
    reading = lifecycle.Reading(
        deciding.state,
        fact,
        state.view().rows,
        complete=True,
        held=frozenset(counted.missing) if mass else frozenset(),
        restarted=held_before and not mass,
        total=counted.is_total(state),
    )
    _judge(deciding, reading, keys)


def _partial_positions(deciding: Deciding, fact: Observed) -> None:
    """What a partial answer states is evidence; of the rest it says nothing."""
    assert fact.positions is not None
    state = deciding.state
    rows = {key_of_row(state.mode, row): row for row in fact.positions.stated}
    deciding.emit(list(binding.bind(state, deciding.at_ns, rows, complete=False)))
    state = deciding.state
    reading = lifecycle.Reading(state, fact, rows, complete=False)
    _judge(deciding, reading, sorted(rows))


def _baseline(deciding: Deciding) -> None:
    """The first complete answer, if the process had recorded nothing before, is the book (section 5)."""
    state = deciding.state
    if state.baseline != "open":
        return
    keys = tuple(
        sorted(
            key
            for key, row in state.view().rows.items()
            if key not in state.book and not state.policy.is_dust(row.symbol, row.signed_quantity)
        )
    )
    why = f"the first complete answer lists {len(keys)} positions; the book had recorded nothing before"
    deciding.emit([BaselineTaken(deciding.cause, deciding.at_ns, state.policy_mark, keys, why)])


_RANK: Final = {"recovery": 0, "ghost": 1, "drift": 2}


def _judge(deciding: Deciding, reading: lifecycle.Reading, keys: Sequence[Key]) -> None:
    """Judge each key, in order; then what follows for quarantine and alerts."""
    ranked: tuple[list[BreakMoved], ...] = ([], [], [])
    for key in keys:
        move = lifecycle.judge(reading, key)
        if move is None:
            continue
        ranked[_RANK[move.steps[-1].kind]].append(move)
    moves = [move for rank in ranked for move in rank]
    deciding.emit(moves)
    judged(deciding, moves)


# -- fills -------------------------------------------------------------------------------------------------


def _fills(deciding: Deciding, fact: Observed) -> None:
    """New executions enter as missed fills; the first complete answer was history and moves nothing."""
    state = deciding.state
    explained = absence.explain_by_deals(state, fact)
    if explained is not None:
        deciding.emit([explained])
    if fact.completeness not in ("complete", "partial") or not deciding.before.first_fills:
        return
    for execution in fact.executions:
        if not _is_known(deciding.state, execution):
            _adopt_fill(deciding, execution)
    if state.foreign.orders.read:  # they moved their orders, and no position
        new = (execution for execution in fact.executions if not _is_known(deciding.before, execution))
        for execution in {order_of(state, execution): execution for execution in new}.values():
            order_filled(deciding, execution)


def _execution_pushed(deciding: Deciding, fact: ExecutionPushed) -> None:
    if not _is_known(deciding.state, fact.execution):
        _adopt_fill(deciding, fact.execution)


def _is_known(state: State, execution: Execution) -> bool:
    """Whether what the broker reports was recorded, reported before, or was history when we first asked."""
    return execution.execution_id in state.past_executions or state.executions.get(execution.execution_id) is not None


def _adopt_fill(deciding: Deciding, execution: Execution) -> None:
    """An execution that the broker reports and the book lacks: a missed fill, never silently (L10)."""
    state = deciding.state
    if state.foreign.read:
        return  # a book of whole positions has one source per quantity: the fill is history, positions decide (L15)
    if older_than(execution, state.at, state.policy.fill_window_days_max):
        deciding.refuse(f"execution {execution.execution_id}", "it is older than execution ids are remembered for")
        return
    if doubtful(deciding, execution):
        return
    key = key_of_execution(state, execution)
    slot = met(state, key, execution)
    applied = apply_execution(
        slot,
        owned(state, execution),
        at=state.at,
        position=state.position,
        order_position=first_recorded(state, execution),
        inferred_ns_max=state.policy.inferred_s_max * 1_000_000_000,
    )
    if applied.history:
        return
    if (unwanted := _unwanted(state, slot, applied.slot)) is not None:
        deciding.refuse(f"execution {execution.execution_id}", unwanted)
        return
    correction = Correction(
        id=missed_fill_id(state, key, execution.execution_id),
        kind="missed-fill",
        before=slot.holding if slot else None,
        after=applied.slot.holding,
        why=missed(execution.symbol, execution.ticket, execution.execution_id, execution.signed_quantity),
        exit_reason=exit_said(execution) if applied.slot.holding is None else None,
    )
    adopted = FillAdopted(
        cause=deciding.cause,
        at_ns=deciding.at_ns,
        policy=state.policy_mark,
        key=key,
        execution=execution,
        correction=correction,
        moved=applied.moved,
        consumed=applied.consumed,
    )
    deciding.emit([adopted])
    order_filled(deciding, execution)


def _unwanted(state: State, slot: Slot | None, after: Slot) -> str | None:
    """Why the policy does not let a fill that the book lacks enter it; None when it does. What it makes of the position
    decides: a new one, one that is gone, or another size."""
    policy = state.policy
    knob, wish = "on_recovery", str(policy.on_recovery)
    if slot is None or slot.holding is None:
        pass
    elif after.holding is None:
        knob, wish = "on_ghost", policy.on_ghost
    else:
        knob, wish = "on_drift", policy.on_drift
    if wish in ("adopt", "close", "correct"):
        return None
    return f"the book lacks it, and policy {policy.preset} corrects nothing here: {knob} = {wish}, a human decides"


def _fill_recorded(deciding: Deciding, fact: FillRecorded) -> None:
    """Say so when a recorded fill did not simply move the position."""
    before, execution = deciding.before, fact.execution
    what = f"fill {execution.execution_id}"
    known = before.executions.get(execution.execution_id)
    if known is not None:
        if _contradicts(known, execution):
            why = f"another execution was recorded under that id: {_brief(known)}, now {_brief(execution)}"
            deciding.refuse(what, why)
            deciding.alert("critical", "execution-id-reused", f"{what}: {why}")
        return
    if older_than(execution, fact.at, before.policy.fill_window_days_max):
        days = before.policy.fill_window_days_max
        deciding.refuse(what, f"it is older than the {days} days that execution ids are remembered for")
        return
    if is_history(before, execution, fact.at):
        deciding.refuse(what, "it was history long before: the first answer on fills listed it")
        return
    _settled_fill(deciding, fact, execution)
    order_filled(deciding, execution)


def _settled_fill(deciding: Deciding, fact: FillRecorded, execution: Execution) -> None:
    """Say what of a recorded fill a correction had inferred before."""
    before = deciding.before
    key = key_of_execution(before, execution)
    slot = met(before, key, execution)
    if slot is None or not slot.inferred:
        return
    applied = apply_execution(
        slot,
        owned(before, execution),
        at=fact.at,
        position=deciding.cause,
        order_position=first_recorded(before, execution),
        inferred_ns_max=before.policy.inferred_s_max * 1_000_000_000,
    )
    if applied.consumed:
        parts = ", ".join(f"{plain(q)} by {identity}" for identity, q in applied.consumed)
        why = f"already inferred: {parts}; {plain(applied.moved)} moved the position"
        mark = deciding.state.policy_mark
        settled = FillSettled(
            deciding.cause, deciding.at_ns, mark, execution.execution_id, key, applied.moved, applied.consumed, why
        )
        deciding.emit([settled])


def _contradicts(known: Execution, now: Execution) -> bool:
    return (known.symbol, known.signed_quantity) != (now.symbol, now.signed_quantity)


def _brief(execution: Execution) -> str:
    return f"{execution.symbol} {plain(execution.signed_quantity)}"


def _position_recorded(deciding: Deciding, fact: PositionRecorded) -> None:
    before = deciding.before
    key = key_of_position(before, fact.symbol, "long" if fact.side == "buy" else "short", fact.ticket)
    _, refused = set_position(before.slot(key), fact, position=deciding.cause)
    if refused is not None:
        deciding.refuse(f"position {named(fact.symbol, fact.ticket)}", refused)


# -- who writes, and by what rules -------------------------------------------------------------------------


def _begun(deciding: Deciding, fact: WriterClaimed | PolicyAdopted) -> None:
    """A new tenure, or new rules: what an operator allowed in an earlier tenure is over, and what passes with a
    warning is said at once."""
    end_overrides(deciding)
    deciding.settle_gate(startup=False)


# -- actions -----------------------------------------------------------------------------------------------


def _action_answered(deciding: Deciding, fact: ActionAnswered) -> None:
    deciding.emit([answered(deciding.state, fact, cause=deciding.cause)])


_HANDLERS: Final[dict[type[Fact], Callable[[Deciding, Any], None]]] = {
    Observed: _observed,
    FillRecorded: _fill_recorded,
    ExecutionPushed: _execution_pushed,
    PositionRecorded: _position_recorded,
    BookRead: foreign_decide.book_read,
    BookWritten: foreign_decide.book_written,
    CommandGiven: command_given,
    WriterClaimed: _begun,
    PolicyAdopted: _begun,
    OrderRecorded: order_recorded,
    ActionAnswered: _action_answered,
}
