"""What does one journal entry say, in one sentence?

The audit *is* the journal (L58): nothing is kept beside it. These sentences are made from the stored events when
somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from trueup.decisions import (
    ActionMoved,
    ActionRequested,
    ActionTerms,
    AlertRaised,
    BaselineTaken,
    BreakMoved,
    Correction,
    FillAdopted,
    FillSettled,
    GateMoved,
    MassAbsenceMoved,
    OrderCorrection,
    OrderMerged,
    OverrideMoved,
    PositionBound,
    ProtectionMoved,
    QuarantineMoved,
    RecordRefused,
)
from trueup.events import Event, name_of_event
from trueup.explain import described, named
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
    Fact,
    FillRecorded,
    InboxTaken,
    Observed,
    OrderRecorded,
    OrdersRead,
    PermitGiven,
    PolicyAdopted,
    PositionRecorded,
    StatePushed,
    WriterClaimed,
)
from trueup.journal import Recorded
from trueup.model import Execution, plain
from trueup.report import iso


class AuditEntry(msgspec.Struct, frozen=True):
    """One event of the journal, told."""

    position: int
    at: str
    """When its input reached us, ISO 8601, UTC."""
    name: str
    what: Literal["input", "decision"]
    sentence: str
    symbol: str | None = None
    correction: str | None = None
    """The id of the correction that it made."""
    cause: int | None = None
    """For a decision: the journal position of its input."""


def entry(recorded: Recorded) -> AuditEntry:
    """One recorded event as an audit entry."""
    event = recorded.event
    if isinstance(event, Fact):
        return AuditEntry(
            recorded.position, iso(event.at.at_ns), name_of_event(event), "input", sentence(event), _symbol(event)
        )
    made: Correction | OrderCorrection | None = None
    if isinstance(event, BreakMoved):
        made = event.correction or event.order_correction
    elif isinstance(event, FillAdopted):
        made = event.correction
    return AuditEntry(
        recorded.position,
        iso(event.at_ns),
        name_of_event(event),
        "decision",
        sentence(event),
        _symbol(event),
        None if made is None else made.id,
        event.cause,
    )


def sentence(event: Event) -> str:
    """What an event says, in one plain sentence. One that has no words of its own yet is called by its name: whoever
    asks what happened is not to be stopped by it."""
    told = _SENTENCES.get(type(event))
    return f"{name_of_event(event)}: this version has no words for it" if told is None else told(event)


def _symbol(event: Event) -> str | None:
    if isinstance(event, FillRecorded | ExecutionPushed | FillAdopted):
        return event.execution.symbol
    if isinstance(event, OrderMerged):
        return event.after.symbol
    if isinstance(event, ActionRequested):
        return event.terms.symbol
    if isinstance(event, PositionRecorded | OrderRecorded | PermitGiven | BreakMoved | ProtectionMoved):
        return event.symbol
    return None


def _claimed(event: WriterClaimed) -> str:
    asks = f", asking {event.source}" if event.source else ""
    return (
        f"epoch {event.at.epoch} begins: {event.process} writes this account "
        f"(trueup {event.trueup_version}, {event.position_mode}{asks})"
    )


def _adopted(event: PolicyAdopted) -> str:
    return f"policy {event.policy.preset} ({event.digest[:8].hex()}) is in force"


def _observed(event: Observed) -> str:
    took_ms = max(0, event.at.tick_ns - event.asked.tick_ns) // 1_000_000
    asked = "for a proof" if event.pass_kind == "proof" else f"({event.pass_kind} pass {event.pass_number})"
    head = f"{event.surface} asked {asked}, {event.completeness} in {took_ms} ms"
    parts: list[str] = []
    if event.why:
        parts.append(event.why)
    if event.attempts > 1:
        parts.append(f"{event.attempts} attempts")
    if event.positions is not None:
        parts.append(_listed(event))
    if event.executions:
        parts.append(f"{len(event.executions)} executions")
    parts += [f"row {one.row} refused: {one.why}" for one in event.refused]
    return f"{head}: {'; '.join(parts)}" if parts else head


def _listed(event: Observed) -> str:
    rows = event.positions
    assert rows is not None
    if not rows.base:
        return f"{len(rows.stated)} positions"
    if not rows.stated and not rows.gone:
        return f"unchanged since {rows.base}"
    return f"since {rows.base}: {len(rows.stated)} new or changed, {len(rows.gone)} gone"


def _execution(execution: Execution) -> str:
    verb = "sold" if execution.signed_quantity.is_signed() else "bought"
    price = "" if execution.price is None else f" at {plain(execution.price)}"
    quantity = plain(execution.signed_quantity.copy_abs())
    return f"{execution.execution_id}: {verb} {quantity} {named(execution.symbol, execution.ticket)}{price}"


def _position(event: PositionRecorded) -> str:
    name = named(event.symbol, event.ticket)
    if not event.signed_quantity:
        return f"the process recorded {name} closed"
    side = "short" if event.signed_quantity.is_signed() else "long"
    return f"the process recorded {name}: {side} {plain(event.signed_quantity.copy_abs())}"


def _order(event: OrderRecorded) -> str:
    status = event.raw_status or event.status.value
    return (
        f"the process recorded order {event.client_order_id}: {event.side} {plain(event.quantity)} "
        f"{event.symbol}, {status}"
    )


def _moved(event: BreakMoved) -> str:
    made = event.correction or event.order_correction
    if made is not None:
        return made.why
    steps = ", ".join(f"{step.kind}{f' of {step.field}' if step.field else ''} {step.state}" for step in event.steps)
    last = event.steps[-1]
    sides = f"book {last.book or 'nothing'}, broker {last.broker or 'nothing'}"
    name = named(event.symbol, event.ticket) if event.of == "position" else f"order {event.ticket} on {event.symbol}"
    return f"{name}: {steps} ({sides}): {last.why}"


def _requested(event: ActionRequested) -> str:
    return f"asking the broker to {_asked(event.terms)} as {event.client_id}, attempt {event.attempt}: {event.why}"


def _asked(terms: ActionTerms) -> str:
    name = named(terms.symbol, terms.ticket)
    if terms.kind == "cancel":
        return f"cancel order {terms.order_id or terms.target} on {terms.symbol}"
    size = "" if terms.quantity is None else f" {terms.side} {plain(terms.quantity)}"
    if terms.kind == "place_stop":
        return f"place a stop,{size} at {'' if terms.stop is None else plain(terms.stop)}, on {name}"
    return f"close {name},{size}"


def _answered(event: ActionAnswered) -> str:
    why = f": {event.why}" if event.why else ""
    order = f", order {event.order_id}" if event.order_id else ""
    return f"action {event.client_id} {event.state}{order}{why}"


def _protected(event: ProtectionMoved) -> str:
    return f"{named(event.symbol, event.ticket)} {event.state}: {event.why}"


def _permitted(event: PermitGiven) -> str:
    what = f"{event.side} {plain(event.quantity)} {named(event.symbol, event.ticket)}"
    name = "" if event.client_order_id is None else f" as {event.client_order_id}"
    return f"permit for {what}{name}: the broker holds {plain(event.live)}, as observation {event.proof} states"


def _overridden(event: OverrideMoved) -> str:
    until = f" until {iso(event.until_ns)}" if event.state == "granted" else ""
    return f"override of the gate for {event.scope} {event.state}{until}, given by {event.who}: {event.why}"


def _delivered(event: CorrectionsDelivered) -> str:
    failed = f"; {len(event.failures)} failed: {event.failures[0][1]}" if event.failures else ""
    return f"corrections up to {event.upto} were handed to the trading process{failed}"


def _alerts_delivered(event: AlertsDelivered) -> str:
    failed = f"; {len(event.failures)} failed: {event.failures[0][1]}" if event.failures else ""
    if not event.messages:
        told = "none told" if failed else "told from here on"
        return f"alerts on {event.channel}: {told}, up to {event.upto}{failed}"
    return f"alerts up to {event.upto} were told on {event.channel} in {event.messages} messages{failed}"


def _book_read(event: BookRead) -> str:
    if event.completeness == "failed":
        return f"the book {event.book} could not be read, and nothing is concluded: {event.why}"
    parts = [f"{event.rows} positions", f"{event.edits} changed by its own process"]
    if event.missing:
        held = f", {len(event.held)} of them held back as too many at once" if event.held else ""
        parts.append(f"{len(event.missing)} missing until a second read{held}")
    parts += [f"row {one.row} refused: {one.why}" for one in event.refused]
    parts += [] if event.orders is None else _orders_read(event.orders)
    return f"the book {event.book} was read: {'; '.join(parts)}"


def _orders_read(read: OrdersRead) -> list[str]:
    if read.completeness == "failed":
        return [f"the orders of {read.book} could not be read, and nothing is concluded of them: {read.why}"]
    parts = [f"{read.rows} orders of {read.book}", f"{read.edits} changed by its own process"]
    if read.missing:
        parts.append(f"{len(read.missing)} of ours that it does not know: unknown until the broker says")
    parts += [f"row {one.row} refused: {one.why}" for one in read.refused]
    return parts + [f"order {one.name} is left as the book has it: {one.said}" for one in read.left]


def _book_writing(event: BookWriting) -> str:
    named = (("corrections", event.corrections), ("changes of orders", event.orders))
    parts = [f"{what} {_places(positions)}" for what, positions in named if positions]
    return f"{' and '.join(parts)} are about to be written into {event.book}"


def _places(positions: tuple[int, ...]) -> str:
    more = f" and {len(positions) - 5} more" if len(positions) > 5 else ""
    return ", ".join(str(one) for one in positions[:5]) + more


def _book_written(event: BookWritten) -> str:
    parts = [f"{event.written} rows of {event.book} written, corrections up to {event.upto} are settled"]
    if event.orders_upto:
        parts.append(f"those of orders up to {event.orders_upto}")
    parts += [f"correction {position} conflicts and was not written: {why}" for position, why in event.conflicts]
    if event.failed:
        parts.append(f"the rest failed: {event.failed}")
    return "; ".join(parts)


def _baseline(event: BaselineTaken) -> str:
    return f"baseline: {len(event.keys)} positions taken over; {event.why}"


def _adopted_fill(event: FillAdopted) -> str:
    after = event.correction.after
    return f"{event.correction.why}; now {'flat' if after is None else described(after)}"


def _gate(event: GateMoved) -> str:
    limited = ", ".join(symbol for symbol, _ in event.symbols[:5])
    more = f" and {len(event.symbols) - 5} more" if len(event.symbols) > 5 else ""
    return f"gate {event.status}: {event.why}" + (f"; reduce-only: {limited}{more}" if limited else "")


_SENTENCES: Final[dict[type[Event], Callable[[Any], str]]] = {
    WriterClaimed: _claimed,
    PolicyAdopted: _adopted,
    Observed: _observed,
    FillRecorded: lambda event: f"the process recorded fill {_execution(event.execution)}",
    PositionRecorded: _position,
    OrderRecorded: _order,
    ExecutionPushed: lambda event: f"the broker pushed execution {_execution(event.execution)}",
    StatePushed: lambda event: f"the broker pushed a state of {event.surface}: a reason to ask",
    InboxTaken: lambda event: f"inbox item {event.inbox_position} was copied",
    CommandGiven: lambda event: f"{event.who} said {event.name} {' '.join(v for _, v in event.arguments)}: {event.why}",
    CorrectionsDelivered: _delivered,
    AlertsDelivered: _alerts_delivered,
    BookRead: _book_read,
    BookWriting: _book_writing,
    BookWritten: _book_written,
    BaselineTaken: _baseline,
    PositionBound: lambda event: event.why,
    BreakMoved: _moved,
    FillSettled: lambda event: f"fill {event.execution_id}: {event.why}",
    FillAdopted: _adopted_fill,
    RecordRefused: lambda event: f"{event.what} did not change the book: {event.why}",
    MassAbsenceMoved: lambda event: f"mass absence {event.state}: {event.why}",
    QuarantineMoved: lambda event: f"quarantine {event.scope} {event.state}: {event.why}",
    GateMoved: _gate,
    AlertRaised: lambda event: f"{event.severity} alert: {event.text}",
    ActionSent: lambda event: f"action {event.client_id} is being sent",
    ActionAnswered: _answered,
    OrderMerged: lambda event: f"order {event.after.client_order_id} on {event.after.symbol}: {event.why}",
    ActionRequested: _requested,
    ProtectionMoved: _protected,
    PermitGiven: _permitted,
    OverrideMoved: _overridden,
    ActionMoved: lambda event: f"action {event.client_id} {event.state}: {event.why}",
}
