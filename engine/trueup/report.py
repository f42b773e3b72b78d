"""What did a pass see, do, and leave open?

A `PassReport` is the answer to one pass, the same to a program and to a person. Statuses: SUCCESS, every surface
that the broker supports answered completely and nothing differs any more; PARTIAL, something is refused, waiting
or left to a human; DEGRADED, a supported surface gave no answer; FAILED, we could not do our part. The worst wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.compare import said, stop_said
from trueup.decisions import (
    ActionMoved,
    ActionRequested,
    AlertRaised,
    BaselineTaken,
    BreakMoved,
    Correction,
    Decision,
    FillAdopted,
    GateStatus,
    Step,
)
from trueup.explain import named
from trueup.facts import PassKind
from trueup.model import BookOrder, Holding, plain, side_of
from trueup.orders import said_order
from trueup.policy import Policy
from trueup.reconciliation.orphans import guarded, orphans_of
from trueup.reconciliation.state import ActionSlot, Break, State

Status: TypeAlias = Literal["SUCCESS", "PARTIAL", "DEGRADED", "FAILED"]
EXIT_CODES: Final[dict[Status, int]] = {"SUCCESS": 0, "PARTIAL": 1, "DEGRADED": 3, "FAILED": 3}


class SurfaceRow(msgspec.Struct, frozen=True):
    """One question of the pass: whether its last answer was complete, and if not, why."""

    surface: str
    complete: bool
    why: str


class BreakRow(msgspec.Struct, frozen=True):
    """One disagreement: one row for each differing field."""

    of: str
    kind: str
    symbol: str
    ticket: str | None
    field: str | None
    book: str | None
    broker: str | None
    correction: str | None
    """What the policy does about such a break: adopt, close, correct, quarantine, alert."""
    why: str
    id: str
    state: str


class CorrectionRow(msgspec.Struct, frozen=True):
    """One change of the book: one row for each changed field."""

    id: str
    kind: str
    symbol: str
    ticket: str | None
    field: str | None
    before: str | None
    after: str | None
    why: str


class ActionRow(msgspec.Struct, frozen=True):
    """One thing asked of the broker, as it stands."""

    id: str
    """The client id under which it was, or will be, sent."""
    kind: str
    symbol: str
    ticket: str | None
    order_id: str | None
    """The broker's id of the order that it is about, or became."""
    side: str | None
    quantity: str | None
    stop: str | None
    purpose: str
    attempt: int
    state: str
    why: str


class OrphanRow(msgspec.Struct, frozen=True):
    """One order that works at the broker and that the book lacks."""

    order_id: str | None
    client_order_id: str | None
    symbol: str
    side: str
    type: str
    quantity: str
    limit: str | None
    stop: str | None
    protects: str | None
    """The key of the position that it guards; None: of none."""


class PassReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one pass came to."""

    account: str
    pass_number: int = msgspec.field(name="pass")
    at: str
    """ISO 8601, UTC: when the pass ended."""
    kind: PassKind
    status: Status
    observations: tuple[SurfaceRow, ...] = ()
    breaks: tuple[BreakRow, ...] = ()
    corrections: tuple[CorrectionRow, ...] = ()
    actions: tuple[ActionRow, ...] = ()
    """What was asked of the broker, or became known of it, in this pass; and all that is not settled yet."""
    counts: dict[str, int] = {}
    gate: GateStatus = "closed"
    """The narrowest that holds anywhere on the account: `open` means every symbol may take new risk."""
    critical: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    baseline: int | None = None
    """Positions taken over as the baseline in this pass; None: no baseline was taken."""
    reconciled_count: int = 0
    """Keys that this pass brought into agreement: corrected, or taken over as the baseline."""
    duration_ms: int = 0


def iso(at_ns: int) -> str:
    """Nanoseconds since 1970 as ISO 8601 in UTC, to the microsecond."""
    moment = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC)
    return moment.replace(microsecond=at_ns % 1_000_000_000 // 1000).isoformat().replace("+00:00", "Z")


def report(
    state: State,
    decisions: Sequence[Decision],
    surfaces: Sequence[SurfaceRow],
    *,
    pass_number: int,
    kind: PassKind,
    gate: GateStatus,
    at_ns: int,
    duration_ns: int,
    disagreements: int,
    silent: Sequence[str],
) -> PassReport:
    """The report of a pass.

    decisions      all that the pass caused, in order
    disagreements  how many keys a fresh, whole comparison after the pass finds to differ (L51)
    silent         sentences on supported surfaces that gave no answer
    """
    breaks = break_rows(state, decisions)
    corrections = tuple(row for decision in decisions for row in correction_rows(decision))
    baseline = next((len(one.keys) for one in decisions if isinstance(one, BaselineTaken)), None)
    corrected = len({row.id for row in corrections})
    return PassReport(
        account=state.account,
        pass_number=pass_number,
        at=iso(at_ns),
        kind=kind,
        status=_status(state, surfaces, disagreements, silent),
        observations=tuple(surfaces),
        breaks=breaks,
        corrections=corrections,
        actions=action_rows(state, decisions),
        counts=counted(breaks),
        gate=gate,
        critical=_critical(state, decisions),
        errors=tuple(silent),
        baseline=baseline,
        reconciled_count=corrected + (baseline or 0),
        duration_ms=duration_ns // 1_000_000,
    )


def failed_report(account: str, kind: PassKind, why: str, at_ns: int, pass_number: int = 0) -> PassReport:
    """The report of a pass in which we could not do our part."""
    return PassReport(
        account=account,
        pass_number=pass_number,
        at=iso(at_ns),
        kind=kind,
        status="FAILED",
        counts=counted(()),
        critical=(why,),
        errors=(why,),
    )


def counted(rows: Iterable[BreakRow]) -> dict[str, int]:
    """How many rows of each kind."""
    counts = {"recovery": 0, "ghost": 0, "drift": 0}
    for row in rows:
        counts[row.kind] += 1
    return counts


def _status(state: State, surfaces: Sequence[SurfaceRow], disagreements: int, silent: Sequence[str]) -> Status:
    if silent:
        return "DEGRADED"
    if state.breaks or state.order_breaks or state.hold is not None or state.outbox or state.guards or disagreements:
        return "PARTIAL"
    if not all(one.complete for one in surfaces):
        return "PARTIAL"
    return "SUCCESS"


def _critical(state: State, decisions: Iterable[Decision]) -> tuple[str, ...]:
    """Critical alerts of the pass, and what stays critical until somebody acts."""
    texts = [one.text for one in decisions if isinstance(one, AlertRaised) and one.severity == "critical"]
    if state.hold is not None and not any("missing at once" in text for text in texts):
        texts.append(f"{len(state.hold.missing)} positions are missing at once and held: `trueup ack mass-absence`")
    for one in state.overrides:
        text = f"the gate is overridden for {one.scope} until {iso(one.until_ns)}, by {one.who}: {one.why}"
        texts = [other for other in texts if not other.startswith(f"the gate is overridden for {one.scope}, ")]
        texts.append(text)
    for key in sorted(state.guards):
        guard = state.guards[key]
        text = f"{named(guard.symbol, guard.ticket)} has no working stop: {guard.why}"
        if guard.state == "critical" and text not in texts:
            texts.append(text)
    return tuple(texts)


# -- rows --------------------------------------------------------------------------------------------------


def break_rows(state: State, decisions: Iterable[Decision]) -> tuple[BreakRow, ...]:
    """Every break that these decisions moved, as they left it, and every other one that is still open."""
    rows: dict[str, BreakRow] = {}
    for decision in decisions:
        if isinstance(decision, BreakMoved):
            for step in decision.steps:
                rows[step.break_id] = _row_of_step(decision, step, state.policy)
    for one in open_breaks(state):
        rows[one.id] = row_of_break(one, state.policy)
    return tuple(sorted(rows.values(), key=in_order))


def action_rows(state: State, decisions: Iterable[Decision]) -> tuple[ActionRow, ...]:
    """Every action that these decisions asked for or moved, and every one that is not settled, by client id."""
    ids = {one.client_id for one in decisions if isinstance(one, ActionRequested | ActionMoved)}
    slots = {client_id: state.outbox.get(client_id) or state.ended_actions.get(client_id) for client_id in ids}
    slots.update(state.outbox)
    return tuple(row_of_action(name, slot) for name in sorted(slots) if (slot := slots[name]) is not None)


def row_of_action(client_id: str, slot: ActionSlot) -> ActionRow:
    """An action as a row."""
    terms = slot.terms
    return ActionRow(
        id=client_id, kind=terms.kind, symbol=terms.symbol, ticket=terms.ticket,
        order_id=slot.order_id or terms.order_id, side=terms.side, quantity=_maybe(terms.quantity),
        stop=_maybe(terms.stop), purpose=slot.purpose, attempt=slot.attempt, state=slot.state, why=slot.why,
    )  # fmt: skip


def open_breaks(state: State) -> tuple[Break, ...]:
    """Every open break, of positions and then of orders, in key order."""
    sides = (state.breaks, state.order_breaks)
    return tuple(one for side in sides for key in sorted(side) for one in side[key])


def orphan_rows(state: State) -> tuple[OrphanRow, ...]:
    """Orders that work at the broker and that nobody here knows."""
    return tuple(
        OrphanRow(
            order_id=row.order_id, client_order_id=row.client_order_id, symbol=row.symbol, side=row.side,
            type=row.type, quantity=plain(row.quantity), limit=_maybe(row.limit), stop=_maybe(row.stop),
            protects=guarded(state, row),
        )
        for row in orphans_of(state).values()
    )  # fmt: skip


def in_order(row: BreakRow) -> tuple[str, str, str, str, str]:
    """The order in which breaks are shown: of, symbol, ticket, field."""
    return (row.of, row.symbol, row.ticket or "", row.field or "", row.id)


def row_of_break(one: Break, policy: Policy) -> BreakRow:
    """An open break as a row."""
    return BreakRow(
        of=one.of, kind=one.kind, symbol=one.symbol, ticket=one.ticket, field=one.field, book=one.book,
        broker=one.broker, correction=remedy(one.kind, policy, one.of), why=one.why, id=one.id, state=one.state,
    )  # fmt: skip


def _row_of_step(move: BreakMoved, step: Step, policy: Policy) -> BreakRow:
    made = move.correction or move.order_correction
    why = step.why or (made.why if made is not None else "")  # stored once, told of each
    return BreakRow(
        of=move.of, kind=step.kind, symbol=move.symbol, ticket=move.ticket, field=step.field, book=step.book,
        broker=step.broker, correction=remedy(step.kind, policy, move.of), why=why, id=step.break_id,
        state="opened" if step.state == "seen" else step.state,
    )  # fmt: skip


def remedy(kind: str, policy: Policy, of: str = "position") -> str:
    """What a policy does about breaks of a kind."""
    if of == "order" and kind == "recovery":
        return policy.on_orphan_order
    return {"recovery": policy.on_recovery, "ghost": policy.on_ghost, "drift": policy.on_drift}[kind]


def correction_rows(decision: Decision) -> tuple[CorrectionRow, ...]:
    """What a decision changed in the book, field by field; nothing when it corrected nothing."""
    if isinstance(decision, BreakMoved) and decision.correction is not None:
        return _rows_of(decision.correction, decision.symbol, decision.ticket)
    if isinstance(decision, BreakMoved) and decision.order_correction is not None:
        made, symbol, name = decision.order_correction, decision.symbol, decision.ticket
        return tuple(
            CorrectionRow(made.id, made.kind, symbol, name, field, before, after, made.why)
            for field, before, after in changed_order(made.before, made.after)
        )
    if isinstance(decision, FillAdopted):
        return _rows_of(decision.correction, decision.execution.symbol, decision.execution.ticket)
    return ()


def _rows_of(correction: Correction, symbol: str, ticket: str | None) -> tuple[CorrectionRow, ...]:
    return tuple(
        CorrectionRow(correction.id, correction.kind, symbol, ticket, field, before, after, correction.why)
        for field, before, after in changed_fields(correction.before, correction.after)
    )


def changed_fields(
    before: Holding | None, after: Holding | None
) -> tuple[tuple[str | None, str | None, str | None], ...]:
    """(field, before, after) where two holdings differ; field None when one of them is nothing."""
    if before is None and after is None:
        return ()  # a fill that was found to have been inferred: the position had moved already
    if before is None or after is None:
        return ((None, None if before is None else said(before), None if after is None else said(after)),)
    fields = (
        ("side", side_of(before.signed_quantity), side_of(after.signed_quantity)),
        ("quantity", plain(before.signed_quantity.copy_abs()), plain(after.signed_quantity.copy_abs())),
        ("price", _maybe(before.price), _maybe(after.price)),
        ("stop", stop_said(before.stop) if before.stop else None, stop_said(after.stop) if after.stop else None),
    )
    return tuple((name, old, new) for name, old, new in fields if old != new)


def changed_order(before: BookOrder | None, after: BookOrder) -> tuple[tuple[str | None, str | None, str | None], ...]:
    """(field, before, after) where an order differs from what it was; field None when the book lacked it."""
    if before is None:
        return ((None, None, said_order(after)),)
    fields = (
        ("side", before.side, after.side),
        ("quantity", plain(before.quantity), plain(after.quantity)),
        ("filled", plain(before.filled), plain(after.filled)),
        ("limit", _maybe(before.limit), _maybe(after.limit)),
        ("stop", _maybe(before.stop), _maybe(after.stop)),
        ("status", before.status.value, after.status.value),
    )
    return tuple((name, old, new) for name, old, new in fields if old != new)


def _maybe(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)
