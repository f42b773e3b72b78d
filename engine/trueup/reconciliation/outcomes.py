"""What does each decision do to the state?

Decisions are folded as they were recorded and never derived again: whoever reads the journal later, under whatever
version, sees the book that was. Pure handlers on a draft.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from immutables import MapMutation
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
    OverrideMoved,
    PositionBound,
    QuarantineMoved,
    RecordRefused,
    Step,
)
from trueup.evidence import Sightings, again, once
from trueup.model import (
    ZERO,
    BrokerPosition,
    Holding,
    Key,
    Moment,
    elapsed_ns,
    is_unbound,
    subtract,
    ticket_key,
)
from trueup.reconciliation.draft import Draft
from trueup.reconciliation.fills import infer
from trueup.reconciliation.inputs import apply, bound, rename
from trueup.reconciliation.order_outcomes import order_corrected, view_at
from trueup.reconciliation.state import (
    NEVER,
    Break,
    GateState,
    Hold,
    Inferred,
    Override,
    Quarantine,
    Slot,
    View,
)

_DAY_NS: Final = 86_400_000_000_000
CORRECTIONS_REMEMBERED_MAX: Final = 16
"""Times of past corrections kept per key, to notice one that never holds."""


# -- decisions ---------------------------------------------------------------------------------------------


def baseline_taken(draft: Draft, position: int, decision: BaselineTaken) -> None:
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


def position_bound(draft: Draft, position: int, decision: PositionBound) -> None:
    rename(draft, decision.unbound, decision.key)


def break_moved(draft: Draft, position: int, decision: BreakMoved) -> None:
    """The breaks of the key take their steps; then the book takes the correction."""
    breaks = draft.breaks if decision.of == "position" else draft.order_breaks
    known = breaks.get(decision.key, ())
    if len(known) == 1 and _ends(known[0], decision.steps):
        del breaks[decision.key]
    else:
        _step_by_step(draft, breaks, decision, known)
    if decision.correction is not None:
        _corrected(draft, position, decision.key, decision.correction)
    elif decision.order_correction is not None:
        order_corrected(draft, position, decision)


def _ends(known: Break, steps: tuple[Step, ...]) -> bool:
    """The usual end: these steps are all of one break, and the last one closes it."""
    last = steps[-1]
    if last.state not in _ENDS or last.break_id != known.id:
        return False
    return len(steps) == 1 or (len(steps) == 2 and steps[0].break_id == known.id)


def _step_by_step(
    draft: Draft, breaks: MapMutation[Key, tuple[Break, ...]], decision: BreakMoved, known: tuple[Break, ...]
) -> None:
    ended = {step.break_id for step in decision.steps if step.state in _ENDS}
    left = {one.field: one for one in known if one.id not in ended}
    for step in decision.steps:
        if step.break_id not in ended:
            left[step.field] = _stepped(left.get(step.field), decision, step, draft)
    if left:
        breaks[decision.key] = tuple(left[field] for field in sorted(left, key=_in_order))
    elif known:
        del breaks[decision.key]


_ENDS: Final = frozenset({"cleared", "corrected"})


def _in_order(field: str | None) -> str:
    return field or ""


def _stepped(known: Break | None, decision: BreakMoved, step: Step, draft: Draft) -> Break:
    """The break after one step that leaves it open."""
    if known is not None and known.id != step.break_id:
        known = None
    view = draft.view("positions") if decision.of == "position" else view_at(draft, decision.cause)
    sightings = _sighted(known, step, view)
    state = step.state if step.state in ("confirmed", "escalated") else (known.state if known else "opened")
    assert state in ("opened", "confirmed", "escalated")
    alerted = (step.broker or "") if step.state == "escalated" else (known.alerted if known else None)
    if known is None:
        return Break(
            step.break_id, decision.of, decision.key, decision.symbol, decision.ticket, step.kind, step.field,
            state, step.book, step.broker, draft.at, decision.cause, sightings, step.why, alerted,
        )  # fmt: skip
    if (step.book, step.broker) != (known.book, known.broker) and step.state == "seen" and state != "escalated":
        state = "opened"  # an escalated one stays so: a human knows of it, and is told again only if it worsens (L38)
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


def _corrected(draft: Draft, position: int, key: Key, correction: Correction) -> None:
    """The book takes the value that the correction gives its key; the change of quantity is inferred."""
    at = draft.at
    slot = draft.book.get(key) or draft.closed.get(key) or Slot(None, at, position)
    held, after = slot.holding, correction.after
    before = ZERO if held is None else held.signed_quantity
    delta = subtract(ZERO if after is None else after.signed_quantity, before)
    inferred = slot.inferred
    if delta:
        view = draft.view("positions")
        inferred = infer(inferred, Inferred(correction.id, delta, view.received, view.asked_position))
    if correction.kind == "ghost":
        draft.closed_ghosts = _closed(draft, key)
    if key in draft.acknowledged:
        draft.acknowledged -= {key}
    changed = Slot(  # built in one go: ten thousand of them may be folded at once
        after,
        at,
        position,
        slot.source,
        inferred,
        _alone(at)
        if slot.repair_held or not slot.corrections
        else (*slot.corrections, at)[-CORRECTIONS_REMEMBERED_MAX:],
        held or slot.before,
        correction.id if after is None else None,
        slot.order_id,
        position,
    )
    draft.put_slot(key, changed)
    if after is None and slot.order_id is not None and is_unbound(key):
        _file_by_ticket(draft, key, changed, slot.order_id)


@lru_cache(maxsize=1)
def _alone(at: Moment) -> tuple[Moment, ...]:
    """One for all that is corrected at once: the garbage collector looks at each."""
    return (at,)


def _file_by_ticket(draft: Draft, unbound: Key, slot: Slot, order_id: str) -> None:
    """Fills of an entry that was closed before its ticket was seen may name that ticket: they find it there (L14)."""
    key = ticket_key(order_id)
    if draft.slot(key) is None:
        draft.closed.put(key, slot)
        draft.bindings.put(unbound, key)


def _closed(draft: Draft, key: Key) -> tuple[tuple[Any, int], ...]:
    """Ghosts closed lately, those apart that somebody had acknowledged: they were not a glitch."""
    if key in draft.acknowledged:
        return draft.closed_ghosts
    window_ns = draft.policy.mass_absence_window_s * 1_000_000_000
    kept = [(when, n) for when, n in draft.closed_ghosts if elapsed_ns(when, draft.at) <= window_ns]
    if kept and kept[-1][0] == draft.at:
        return (*kept[:-1], (draft.at, kept[-1][1] + 1))
    return (*kept, (draft.at, 1))


def fill_settled(draft: Draft, position: int, decision: FillSettled) -> None:
    """Folding the fill itself did it, and this says so for the record; where none was folded, because it may be known
    under another id, it is history from now on."""
    if draft.executions.get(decision.execution_id) is None:
        draft.past_executions |= {decision.execution_id}


def fill_adopted(draft: Draft, position: int, decision: FillAdopted) -> None:
    apply(draft, bound(draft, decision.key, decision.execution), decision.execution, position)


def record_refused(draft: Draft, position: int, decision: RecordRefused) -> None:
    """Nothing: the fold of the record already left the book alone."""


def mass_absence_moved(draft: Draft, position: int, decision: MassAbsenceMoved) -> None:
    if decision.state == "held":
        since = draft.hold.since if draft.hold else draft.at
        first = draft.hold.position if draft.hold else decision.cause
        draft.hold = Hold(decision.missing, decision.counted, decision.base, since, first)
    elif decision.state == "released":
        draft.hold = None
    else:
        draft.acknowledged |= frozenset(decision.missing)
        draft.hold = None


def quarantine_moved(draft: Draft, position: int, decision: QuarantineMoved) -> None:
    if decision.state == "entered":
        known = draft.quarantine.get(decision.scope)
        since = draft.at if known is None else known.since  # it only stands for another reason now
        scope = Quarantine(decision.scope, decision.why, since, decision.break_id)
        draft.quarantine = draft.quarantine.set(decision.scope, scope)
    elif decision.scope in draft.quarantine:
        draft.quarantine = draft.quarantine.delete(decision.scope)


def override_moved(draft: Draft, position: int, decision: OverrideMoved) -> None:
    rest = tuple(one for one in draft.overrides if one.scope != decision.scope)
    if decision.state == "granted":
        rest = (*rest, Override(decision.scope, decision.who, decision.why, draft.at, decision.until_ns))
    draft.overrides = tuple(sorted(rest, key=lambda one: one.scope))


def gate_moved(draft: Draft, position: int, decision: GateMoved) -> None:
    draft.gate = GateState(decision.status, decision.why, decision.symbols)
    if decision.status != "closed":
        draft.restored = False  # all that had happened since the backup has been looked up
    draft.gate_since = draft.at


def alert_raised(draft: Draft, position: int, decision: AlertRaised) -> None:
    """Nothing: the escalated steps it speaks of already say that somebody was told."""
