"""Which rows of the log does one event make?

Each handler turns one event into rows that are never changed afterwards. Nothing here depends on the rows before,
except the epoch that decisions belong to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from trueup.audit import entry
from trueup.decisions import (
    AlertRaised,
    BreakMoved,
    Correction,
    Decision,
    FillAdopted,
    GateMoved,
    OrderCorrection,
    OverrideMoved,
    ProtectionMoved,
    QuarantineMoved,
    RecordRefused,
)
from trueup.events import Event
from trueup.facts import Fact, Observed, PermitGiven, PolicyAdopted, Sought, WriterClaimed
from trueup.journal import Followed, Recorded
from trueup.model import plain
from trueup_projections.cells import corrected, json, took_ns, when
from trueup_projections.order_cells import corrected_order
from trueup_projections.writing import Row, Rows


def audit(rows: Rows, one: Followed, epoch: int) -> None:
    """The event's sentence."""
    event = one.event
    said = entry(Recorded(one.position, event, one.digest))
    rows.add(
        "audit",
        {
            "account": one.account,
            "position": one.position,
            "at": said.at,
            "at_ns": event.at.at_ns if isinstance(event, Fact) else event.at_ns,
            "epoch": epoch,
            "name": said.name,
            "what": said.what,
            "cause": said.cause,
            "symbol": said.symbol,
            "correction": said.correction,
            "sentence": said.sentence,
            "digest": one.digest.hex(),
        },
    )


def log(rows: Rows, one: Followed) -> None:
    """What else the event puts into the log."""
    handler = _HANDLERS.get(type(one.event))
    if handler is not None:
        handler(rows, one, one.event)


def _placed(one: Followed, decision: Decision) -> Row:
    """The cells that every decision's row begins with."""
    return {
        "account": one.account,
        "position": one.position,
        "cause": decision.cause,
        **when("", decision.at_ns),
    }


def _claimed(rows: Rows, one: Followed, event: WriterClaimed) -> None:
    rows.add(
        "epochs",
        {
            "account": one.account,
            "epoch": event.at.epoch,
            "position": one.position,
            **when("", event.at.at_ns),
            "process": event.process,
            "source": event.source,
            "position_mode": event.position_mode,
            "trueup_version": event.trueup_version,
            "decider_version": event.decider_version,
            "fold_version": event.fold_version,
            "baseline": int(event.baseline),
            "delivers": int(event.delivers),
        },
    )
    rows.add(  # a new tenure begins with a closed gate, without a decision that says so
        "gate",
        {
            "account": one.account,
            "position": one.position,
            "cause": one.position,
            **when("", event.at.at_ns),
            "status": "closed",
            "why": "no start-up pass yet",
            "symbols": "{}",
        },
    )


def _adopted(rows: Rows, one: Followed, event: PolicyAdopted) -> None:
    rows.add(
        "policies",
        {
            "account": one.account,
            "position": one.position,
            **when("", event.at.at_ns),
            "mark": event.digest[:8].hex(),
            "digest": event.digest.hex(),
            "preset": event.policy.preset,
            "policy": msgspec.json.encode(event.policy, order="deterministic").decode(),
        },
    )


def _observed(rows: Rows, one: Followed, event: Observed) -> None:
    listed = event.positions if event.orders is None else event.orders
    sought = event.sought or Sought()
    rows.add(
        "observations",
        {
            "account": one.account,
            "position": one.position,
            "surface": event.surface,
            "pass": event.pass_number,
            "kind": event.pass_kind,
            "epoch": event.at.epoch,
            **when("asked", event.asked.at_ns),
            **when("received", event.at.at_ns),
            "took_ns": took_ns(event.asked, event.at),
            "completeness": event.completeness,
            "why": event.why,
            "source": event.source,
            "dialect": event.dialect,
            "attempts": event.attempts,
            "asked_position": event.asked_position,
            "received_position": event.received_position,
            "raw_digest": event.raw_digest.hex() or None,
            "base": None if listed is None else listed.base,
            "stated": 0 if listed is None else len(listed.stated),
            "gone": 0 if listed is None else len(listed.gone),
            "sought_client_order_id": sought.client_order_id,
            "sought_order_id": sought.order_id,
            "executions": len(event.executions),
            "refused": len(event.refused),
            "id": event.id,
        },
    )
    for place, refusal in enumerate(event.refused, start=1):
        rows.add(
            "refused",
            {
                "account": one.account,
                "position": one.position,
                "row": place,
                **when("", event.at.at_ns),
                "what": f"row {refusal.row} of {event.surface}",
                "symbol": refusal.symbol,
                "ticket": refusal.ticket,
                "why": refusal.why,
            },
        )


def _refused(rows: Rows, one: Followed, event: RecordRefused) -> None:
    rows.add(
        "refused",
        {
            "account": one.account,
            "position": one.position,
            "row": 0,
            **when("", event.at_ns),
            "what": event.what,
            "symbol": None,
            "ticket": None,
            "why": event.why,
        },
    )


def _moved(rows: Rows, one: Followed, event: BreakMoved) -> None:
    evidence = json(event.evidence)
    for place, step in enumerate(event.steps, start=1):
        rows.add(
            "break_steps",
            {
                **_placed(one, event),
                "step": place,
                "break_id": step.break_id,
                "kind": step.kind,
                "field": step.field,
                "state": step.state,
                "book": step.book,
                "broker": step.broker,
                "sightings": step.sightings,
                "why": step.why,
                "evidence": evidence,
                "policy": event.policy.hex(),
            },
        )
    if event.correction is not None:
        resolved = next((step.break_id for step in event.steps if step.state == "corrected"), None)
        row = _correction(one, event, event.correction)
        rows.add(
            "corrections",
            row
            | {
                "key": event.key,
                "symbol": event.symbol,
                "ticket": event.ticket,
                "break_id": resolved,
                "execution_id": None,
                "evidence": evidence,
            },
        )
    if event.order_correction is not None:
        resolved = next((step.break_id for step in event.steps if step.state == "corrected"), None)
        rows.add("corrections", _order_correction(one, event, event.order_correction) | {"break_id": resolved})


def _fill_adopted(rows: Rows, one: Followed, event: FillAdopted) -> None:
    row = _correction(one, event, event.correction)
    rows.add(
        "corrections",
        row
        | {
            "key": event.key,
            "symbol": event.execution.symbol,
            "ticket": event.execution.ticket,
            "break_id": None,
            "execution_id": event.execution.execution_id,
            "evidence": json([event.cause]),
        },
    )


def _correction(one: Followed, event: Decision, correction: Correction) -> Row:
    return {
        **_placed(one, event),
        "id": correction.id,
        "of": "position",
        "kind": correction.kind,
        **corrected("before", correction.before),
        **corrected("after", correction.after),
        "why": correction.why,
        "exit_reason": correction.exit_reason,
        "compensates": correction.compensates,
        "policy": event.policy.hex(),
    }


def _order_correction(one: Followed, event: BreakMoved, made: OrderCorrection) -> Row:
    return {
        **_placed(one, event),
        "id": made.id,
        "of": "order",
        "kind": made.kind,
        "key": made.after.client_order_id,
        "symbol": event.symbol,
        "ticket": event.ticket,
        **corrected_order("before", made.before),
        **corrected_order("after", made.after),
        "why": made.why,
        "exit_reason": None,
        "compensates": made.compensates,
        "execution_id": None,
        "evidence": json(event.evidence),
        "policy": event.policy.hex(),
    }


def _alert(rows: Rows, one: Followed, event: AlertRaised) -> None:
    rows.add(
        "alerts",
        {
            **_placed(one, event),
            "severity": event.severity,
            "topic": event.topic,
            "text": event.text,
            "breaks": json(event.breaks),
        },
    )


def _gate(rows: Rows, one: Followed, event: GateMoved) -> None:
    symbols = json(dict(event.symbols))
    rows.add("gate", {**_placed(one, event), "status": event.status, "why": event.why, "symbols": symbols})


def _quarantine(rows: Rows, one: Followed, event: QuarantineMoved) -> None:
    rows.add(
        "quarantine",
        {
            **_placed(one, event),
            "scope": event.scope,
            "state": event.state,
            "why": event.why,
            "break_id": event.break_id,
        },
    )


def _protection(rows: Rows, one: Followed, event: ProtectionMoved) -> None:
    rows.add(
        "protection",
        {
            **_placed(one, event),
            "key": event.key,
            "symbol": event.symbol,
            "ticket": event.ticket,
            "state": event.state,
            "attempts": event.attempts,
            "why": event.why,
        },
    )


def _override(rows: Rows, one: Followed, event: OverrideMoved) -> None:
    rows.add(
        "overrides",
        {
            **_placed(one, event),
            "scope": event.scope,
            "state": event.state,
            "who": event.who,
            "why": event.why,
            **when("until", event.until_ns),
        },
    )


def _permit(rows: Rows, one: Followed, event: PermitGiven) -> None:
    rows.add(
        "permits",
        {
            "account": one.account,
            "position": one.position,
            **when("", event.at.at_ns),
            "symbol": event.symbol,
            "ticket": event.ticket,
            "side": event.side,
            "quantity": plain(event.quantity),
            "live": plain(event.live),
            "proof": event.proof,
            "client_order_id": event.client_order_id,
            "strategy": event.strategy,
        },
    )


_HANDLERS: Final[dict[type[Event], Callable[[Rows, Followed, Any], None]]] = {
    WriterClaimed: _claimed,
    PolicyAdopted: _adopted,
    Observed: _observed,
    RecordRefused: _refused,
    BreakMoved: _moved,
    FillAdopted: _fill_adopted,
    AlertRaised: _alert,
    GateMoved: _gate,
    QuarantineMoved: _quarantine,
    ProtectionMoved: _protection,
    OverrideMoved: _override,
    PermitGiven: _permit,
}
