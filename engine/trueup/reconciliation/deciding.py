"""How does one input gather its decisions, and tell people of them?

`Deciding` is what every handler of an input writes to: each decision is folded at once, so that the next one sees
it. Quarantine and alerts follow from moved breaks in the same way, whether of positions or of orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from trueup.decisions import (
    AlertRaised,
    BreakKind,
    BreakMoved,
    BreakOf,
    Decision,
    GateMoved,
    QuarantineMoved,
    RecordRefused,
    Severity,
    Step,
)
from trueup.explain import named
from trueup.model import EXTERNAL, elapsed_ns
from trueup.reconciliation.fold import fold
from trueup.reconciliation.gatekeeping import gate_of
from trueup.reconciliation.state import Break, Quarantine, State

ALERT_BREAKS_MAX: Final = 100
"""Breaks that one alert names; it says how many more there are (L60)."""
ALERT_NAMES_MAX: Final = 5


class Deciding:
    """The decisions so far, and the state with them folded in."""

    def __init__(self, before: State, after: State) -> None:
        self.before = before
        self.state = after
        self.cause = after.position
        self.at_ns = after.at.at_ns
        self.decisions: list[Decision] = []

    def emit(self, decisions: Sequence[Decision]) -> None:
        """Take decisions, in order."""
        if decisions:
            first = self.state.position + 1
            self.decisions.extend(decisions)
            self.state = fold(self.state, enumerate(decisions, start=first))

    def alert(self, severity: Severity, topic: str, text: str, breaks: tuple[str, ...] = ()) -> None:
        """Tell a person, unless the broker is closed anyway."""
        policy = self.state.policy
        if not policy.is_closed_hours(self.at_ns):
            self.emit([AlertRaised(self.cause, self.at_ns, self.state.policy_mark, severity, topic, text, breaks)])

    def settle_gate(self, *, startup: bool) -> None:
        """Say so when the gate has changed."""
        gate = gate_of(self.state, startup=startup)
        if gate != self.state.gate:
            mark = self.state.policy_mark
            self.emit([GateMoved(self.cause, self.at_ns, mark, gate.status, gate.why, gate.symbols)])

    def refuse(self, what: str, why: str) -> None:
        """Say why something that was recorded or asked for changes nothing."""
        self.emit([RecordRefused(self.cause, self.at_ns, self.state.policy_mark, what, why)])


def quarantine(deciding: Deciding, moves: Sequence[BreakMoved]) -> None:
    """Enter scopes that the policy asks for; release those whose last break is over (L56)."""
    over = {s.break_id for move in moves for s in move.steps if s.state in ("cleared", "corrected")}
    out: list[Decision] = []
    state, mark = deciding.state, deciding.state.policy_mark
    for scope in sorted(state.quarantine):
        one = state.quarantine[scope]
        if one.break_id not in over:
            continue
        why, heir = f"break {one.break_id} is over", _heir(state, one)
        moved = QuarantineMoved(deciding.cause, deciding.at_ns, mark, scope, "released", why, one.break_id)
        if heir is not None:
            moved = replace(moved, state="entered", why=f"{why}, and {heir.why}", break_id=heir.id)
        out.append(moved)
    for move in moves:
        for step in move.steps:
            if step.state == "escalated" and _wish(state, move.of, step.kind) == "quarantine":
                scope = _scope(state, move)
                if scope not in state.quarantine:
                    out.append(
                        QuarantineMoved(deciding.cause, deciding.at_ns, mark, scope, "entered", step.why, step.break_id)
                    )
    deciding.emit(out)


def _heir(state: State, ended: Quarantine) -> Break | None:
    """Another break for whose sake the scope stays in quarantine: one that was handed to a human since it was entered.
    Those before it are what an operator had released already."""
    for breaks in (state.breaks, state.order_breaks):
        for key in sorted(breaks):
            for one in breaks[key]:
                if (
                    one.state == "escalated"
                    and elapsed_ns(ended.since, one.sightings.last_received) >= 0
                    and _wish(state, one.of, one.kind) == "quarantine"
                    and _scope(state, one) == ended.scope
                ):
                    return one
    return None


def _wish(state: State, of: BreakOf, kind: BreakKind) -> str:
    """What the policy wants done about such a break."""
    policy = state.policy
    if of == "order" and kind == "recovery":
        return policy.on_orphan_order
    return {"recovery": policy.on_recovery, "ghost": policy.on_ghost, "drift": policy.on_drift}[kind]


def _scope(state: State, one: BreakMoved | Break) -> str:
    """`strategy:symbol`, or the whole symbol when nobody knows the owner."""
    owner = EXTERNAL
    if one.of == "order":
        slot = state.order(one.key)
        owner = EXTERNAL if slot is None else slot.order.strategy
    elif (holding := state.held(one.key)) is not None:
        owner = holding.strategy
    if owner == EXTERNAL:
        return state.policy.quarantine_unknown_owner.replace("symbol", one.symbol)
    return f"{owner}:{one.symbol}"


def alert_escalated(deciding: Deciding, escalated: Sequence[tuple[BreakMoved, Step]]) -> None:
    """One alert for all that this answer escalated (L60)."""
    names = [f"{step.kind} {_titled(move)}" for move, step in escalated[:ALERT_NAMES_MAX]]
    more = len(escalated) - len(names)
    wait = "1 break waits" if len(escalated) == 1 else f"{len(escalated)} breaks wait"
    text = f"{wait} for a human: {', '.join(names)}" + (f" and {more} more" if more else "")
    ids = tuple(step.break_id for _, step in escalated[:ALERT_BREAKS_MAX])
    deciding.alert("critical", "escalated", text, ids)


def _titled(move: BreakMoved) -> str:
    if move.of == "order":
        return f"of order {move.ticket} on {move.symbol}"
    return named(move.symbol, move.ticket)


def judged(deciding: Deciding, moves: Sequence[BreakMoved]) -> None:
    """What follows from moved breaks for quarantine and alerts; the moves themselves were taken already."""
    escalated = [(move, step) for move in moves for step in move.steps if step.state == "escalated"]
    if escalated or deciding.state.quarantine:
        quarantine(deciding, moves)
    if escalated:
        alert_escalated(deciding, escalated)
