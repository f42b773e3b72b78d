"""Which events of a sidecar are worth a line, and what does each line hold?

Pure: a pass, a decision of the journal, and what a companion says become an event's name and its fields; how a line is
written is `writing`. Text from outside is a value, never the format.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

from trueup.audit import sentence
from trueup.decisions import (
    ActionMoved,
    ActionRequested,
    AlertRaised,
    BaselineTaken,
    BreakMoved,
    Decision,
    FillAdopted,
    GateMoved,
    MassAbsenceMoved,
    OverrideMoved,
    ProtectionMoved,
    QuarantineMoved,
    RecordRefused,
)
from trueup.events import Event, name_of_event
from trueup.facts import AlertsDelivered, CommandGiven, PolicyAdopted, WriterClaimed
from trueup.report import PassReport

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Line: TypeAlias = tuple[Level, str, dict[str, Any]]
"""(level, event, fields)"""
TEXT_MAX: Final = 2_000
_DEGREES: Final[dict[str, Level]] = {"SUCCESS": "info", "PARTIAL": "warning", "DEGRADED": "error", "FAILED": "error"}
_SEVERITIES: Final[dict[str, Level]] = {"info": "info", "warning": "warning", "critical": "error"}
_TOLD: Final[dict[type[Event], Level]] = {
    WriterClaimed: "info",
    PolicyAdopted: "info",
    CommandGiven: "info",
    BaselineTaken: "info",
    FillAdopted: "warning",
    GateMoved: "info",
    MassAbsenceMoved: "error",
    ProtectionMoved: "warning",
    ActionRequested: "warning",
    ActionMoved: "warning",
    OverrideMoved: "warning",
    QuarantineMoved: "warning",
    RecordRefused: "warning",
}
"""Beside breaks and alerts, which have a level of their own."""


def of_pass(report: PassReport, *, dry_run: bool = False) -> Line:
    """One pass that has ended."""
    waiting = sum(row.state not in ("corrected", "cleared") for row in report.breaks)
    fields: dict[str, Any] = {
        "account": report.account, "pass": report.pass_number, "kind": report.kind, "status": report.status,
        "gate": report.gate, "corrections": len({row.id for row in report.corrections}), "open": waiting,
        "duration_ms": report.duration_ms,
    }  # fmt: skip
    if report.baseline is not None:
        fields["baseline"] = report.baseline
    if report.errors:
        fields["why"] = "; ".join(report.errors)[:TEXT_MAX]
    if dry_run:
        fields["dry_run"] = True
    return _DEGREES[report.status], "pass", fields


def of_event(account: str, position: int, event: Event) -> Iterator[Line]:
    """What an event of the journal is worth: one line, or none."""
    if isinstance(event, AlertRaised):
        yield _line(_SEVERITIES.get(event.severity, "error"), "alert", account, position, event, topic=event.topic)
    elif isinstance(event, BreakMoved):
        if any(step.state != "seen" for step in event.steps):
            last = event.steps[-1]
            level: Level = "warning" if last.state in ("opened", "escalated", "corrected") else "info"
            more = {"symbol": event.symbol, "kind": last.kind, "state": last.state, "break_id": last.break_id}
            correction = event.correction or event.order_correction
            if correction is not None:
                more["correction"] = correction.id
            yield _line(level, "break", account, position, event, **more)
    elif isinstance(event, AlertsDelivered):
        level = "warning" if event.failures else "debug"
        yield _line(level, "alerts-delivered", account, position, event, channel=event.channel)
    elif type(event) in _TOLD:
        yield _line(_TOLD[type(event)], name_of_event(event).partition("/")[0], account, position, event)
    elif isinstance(event, Decision):  # of a kind that this module does not know yet
        yield _line("info", name_of_event(event).partition("/")[0], account, position, event)
    else:
        yield _line("debug", name_of_event(event).partition("/")[0], account, position, event)


def _line(level: Level, event: str, account: str, position: int, told: Event, **more: Any) -> Line:
    return level, event, {"account": account, "position": position, **more, "what": sentence(told)[:TEXT_MAX]}
