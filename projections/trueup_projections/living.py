"""How do the rows that live a while change with each event: breaks, fills, passes?

`Living` loads the rows that a page will touch, changes them event by event, and keeps what the journal does not spell
out and the status of a pass needs: how many breaks are open, how many positions a mass absence holds back, which
actions are not settled, which positions have no stop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from trueup.decisions import (
    ActionMoved,
    ActionRequested,
    BreakMoved,
    FillAdopted,
    FillSettled,
    MassAbsenceMoved,
    ProtectionMoved,
    Step,
)
from trueup.events import Event
from trueup.facts import ActionAnswered, ActionSent, ExecutionPushed, FillRecorded, Observed
from trueup.journal import Followed
from trueup.model import ZERO, Execution, Key, add, plain
from trueup.reconciliation.state import Break, State
from trueup_projections.cells import execution, json, when
from trueup_projections.writing import Row, Rows

Consumed: TypeAlias = tuple[tuple[str, Any], ...]

_ADDED_LATER: Final = (
    "price",
    "ticket",
    "order_id",
    "client_order_id",
    "strategy",
    "fee",
    "fee_asset",
    "happened_at",
)
"""What a later word on an execution may add to the first one, and never replaces."""


class Counts(msgspec.Struct):
    """What has to be remembered of an account between two pages."""

    open_breaks: int = 0
    held: int = 0
    observed_position: int = 0
    """The last observation, and the pass it belongs to: its decisions may come on the next page."""
    observed_pass: int = 0
    acted_position: int = 0
    """The last word on an action that was sent: passes send them, and that belongs to the pass too."""


class Living:
    """The rows of one account that one page changes."""

    def __init__(self, rows: Rows, before: State, counts: Counts) -> None:
        self._rows = rows
        self._account = before.account
        self._counts = counts
        self._unsettled = set(before.outbox)
        self._unprotected = set(before.guards)
        self._answering = {surface for surface, view in before.views.items() if view.complete_received.at_ns}

    def load(self, events: Sequence[Followed]) -> None:
        """Fetch all that these events may change."""
        breaks: set[object] = set()
        fills: set[object] = set()
        passes: set[object] = {self._counts.observed_pass}
        for one in events:
            event = one.event
            if isinstance(event, Observed):
                passes.add(event.pass_number)
                fills.update(listed.execution_id for listed in event.executions)
            elif isinstance(event, BreakMoved):
                breaks.update(step.break_id for step in event.steps)
            elif isinstance(event, FillRecorded | ExecutionPushed | FillAdopted):
                fills.add(event.execution.execution_id)
            elif isinstance(event, FillSettled):
                fills.add(event.execution_id)
        self._rows.load("breaks", self._account, breaks)
        self._rows.load("fills", self._account, fills)
        self._rows.load("passes", self._account, passes)

    def apply(self, one: Followed) -> None:
        """Change the rows as one event says."""
        handler = _HANDLERS.get(type(one.event))
        if handler is not None:
            handler(self, one, one.event)

    # -- passes --------------------------------------------------------------------------------------------

    def observed(self, one: Followed, event: Observed) -> None:
        counts = self._counts
        counts.observed_position, counts.observed_pass = one.position, event.pass_number
        row = self._rows.known("passes", (self._account, event.pass_number))
        if row is None:
            row = Row(
                {
                    "account": self._account,
                    "pass": event.pass_number,
                    "kind": event.pass_kind,
                    "epoch": event.at.epoch,
                    "position": one.position,
                    **when("began", event.asked.at_ns),
                    "observations": 0,
                    "unanswered": 0,
                    "surfaces": "{}",
                    "moves": 0,
                    "corrections": 0,
                }
            )
        row["observations"] += 1
        row["unanswered"] += event.completeness == "failed"
        row |= when("ended", event.at.at_ns)
        surfaces: dict[str, str] = msgspec.json.decode(row["surfaces"])
        surfaces.pop(event.surface, None)
        if event.completeness == "complete":
            self._answering.add(event.surface)
        never = event.surface != "positions" and event.surface not in self._answering
        # What a broker does not offer, or never has, is missed by nobody.
        if event.completeness != "unsupported" and not (never and event.completeness == "failed"):
            surfaces[event.surface] = (
                "partial" if event.completeness == "complete" and event.refused else event.completeness
            )
        row["surfaces"] = json(dict(sorted(surfaces.items())))
        self._stand(row)
        for listed in event.executions:
            self._heard(one, listed, "listed_position", event.at.at_ns)

    def _of_pass(self, cause: int) -> Row | None:
        """The pass in which an input was observed, or was heard of an action; None for any other input."""
        if cause not in (self._counts.observed_position, self._counts.acted_position):
            return None
        return self._rows.known("passes", (self._account, self._counts.observed_pass))

    def _stand(self, row: Row) -> None:
        """How the account stands after what has come so far of a pass."""
        row["open_breaks"] = self._counts.open_breaks
        row["held"] = self._counts.held
        row["unsettled"] = len(self._unsettled)
        row["unprotected"] = len(self._unprotected)
        answers = msgspec.json.decode(row["surfaces"]).values()
        if "failed" in answers:
            row["status"] = "DEGRADED"
        elif row["open_breaks"] or row["held"] or row["unsettled"] or row["unprotected"] or "partial" in answers:
            row["status"] = "PARTIAL"
        else:
            row["status"] = "SUCCESS"
        self._rows.put("passes", row)

    def _stand_again(self, cause: int) -> None:
        """The pass, after something else that one of its inputs caused."""
        row = self._of_pass(cause)
        if row is not None:
            self._stand(row)

    def held(self, one: Followed, event: MassAbsenceMoved) -> None:
        self._counts.held = len(event.missing) if event.state == "held" else 0
        self._stand_again(event.cause)

    # -- actions and protection ----------------------------------------------------------------------------

    def asked(self, one: Followed, event: ActionRequested) -> None:
        self._unsettled.add(event.client_id)
        self._stand_again(event.cause)

    def acted(self, one: Followed, event: ActionSent | ActionAnswered) -> None:
        self._counts.acted_position = one.position
        self._stand_again(one.position)

    def settled_action(self, one: Followed, event: ActionMoved) -> None:
        if event.state in ("done", "failed", "abandoned"):
            self._unsettled.discard(event.client_id)
        self._stand_again(event.cause)

    def protected(self, one: Followed, event: ProtectionMoved) -> None:
        if event.state == "protected":
            self._unprotected.discard(event.key)
        else:
            self._unprotected.add(event.key)
        self._stand_again(event.cause)

    # -- breaks --------------------------------------------------------------------------------------------

    def moved(self, one: Followed, event: BreakMoved) -> None:
        for step in event.steps:
            self._step(one, event, step)
        row = self._of_pass(event.cause)
        if row is not None:
            row["moves"] += 1
            row["corrections"] += (event.correction or event.order_correction) is not None
            self._stand(row)

    def _step(self, one: Followed, event: BreakMoved, step: Step) -> None:
        row = self._rows.known("breaks", (self._account, step.break_id))
        if row is None:
            row = Row(
                {
                    "account": self._account,
                    "id": step.break_id,
                    "of": event.of,
                    "field": step.field,
                    "key": event.key,
                    "is_open": 0,
                    "state": "opened",
                    "book": step.book,
                    "broker": step.broker,
                    "steps": 0,
                    "why": "",
                    "opened_position": one.position,
                    **when("opened", event.at_ns),
                    "over_position": None,
                    "over_at": None,
                    "over_at_ns": None,
                    "correction_position": None,
                }
            )
        was_open = row["is_open"]
        over = step.state in ("cleared", "corrected")
        made = (event.correction or event.order_correction) if step.state == "corrected" else None
        if step.state not in ("opened", "seen"):
            row["state"] = step.state
        row |= {
            "kind": step.kind,
            "symbol": event.symbol,
            "ticket": event.ticket,
            "is_open": int(not over),
            "book": step.book,
            "broker": step.broker,
            "sightings": step.sightings,
            "steps": row["steps"] + 1,
            "why": (made.why if made is not None else "") or step.why or row["why"],
            **when("moved", event.at_ns),
        }
        if over:
            row |= {"over_position": one.position, **when("over", event.at_ns)}
        if made is not None:
            row["correction_position"] = one.position
        self._counts.open_breaks += row["is_open"] - was_open
        self._rows.put("breaks", row)

    def stand(self, before: Mapping[Key, tuple[Break, ...]], after: Mapping[Key, tuple[Break, ...]]) -> None:
        """Where the open breaks stand after the page, as the fold has it: what a claim that changed is worth (is it
        confirmed still, or open again?) is said there and nowhere else."""
        changed = [one for key, some in after.items() if before.get(key) is not some for one in some]
        self._rows.load("breaks", self._account, [one.id for one in changed])
        for one in changed:
            row = self._rows.known("breaks", (self._account, one.id))
            if row is not None and row["state"] != one.state:
                row["state"] = one.state
                self._rows.put("breaks", row)

    # -- fills ---------------------------------------------------------------------------------------------

    def recorded(self, one: Followed, event: FillRecorded) -> None:
        row = self._heard(one, event.execution, "recorded_position", event.at.at_ns)
        if row is not None and event.execution.strategy is not None:
            row["strategy"] = event.execution.strategy  # whose it is, the process knows best (L53)

    def pushed(self, one: Followed, event: ExecutionPushed) -> None:
        self._heard(one, event.execution, "pushed_position", event.at.at_ns)

    def adopted(self, one: Followed, event: FillAdopted) -> None:
        row = self._heard(one, event.execution, "adopted_position", event.at_ns)
        if row is not None:
            self._consumed(row, event.consumed)
        of_pass = self._of_pass(event.cause)
        if of_pass is not None:
            of_pass["corrections"] += 1
            self._stand(of_pass)

    def settled(self, one: Followed, event: FillSettled) -> None:
        row = self._rows.known("fills", (self._account, event.execution_id))
        if row is not None:
            self._consumed(row, event.consumed)

    def _consumed(self, row: Row, consumed: Consumed) -> None:
        total = ZERO
        for _, quantity in consumed:
            total = add(total, quantity)
        row["inferred_quantity"] = plain(total)
        self._rows.put("fills", row)

    def _heard(self, one: Followed, told: Execution, where: str, at_ns: int) -> Row | None:
        """The row of an execution with one more word on it; None when that word is of another execution.

        An id that is used again for something else is refused by the book, and its first meaning stays here.
        """
        now = execution(self._account, told)
        row = self._rows.known("fills", (self._account, told.execution_id))
        if row is None:
            row = now | {
                **when("heard", at_ns),
                "heard_position": one.position,
                "recorded_position": None,
                "pushed_position": None,
                "listed_position": None,
                "adopted_position": None,
                "inferred_quantity": "0",
            }
        elif (row["symbol"], row["signed_quantity"]) != (now["symbol"], now["signed_quantity"]):
            return None
        for column in _ADDED_LATER:
            if row[column] is None:
                row[column] = now[column]
        if row[where] is None:
            row[where] = one.position
        self._rows.put("fills", row)
        return row


_HANDLERS: Final[dict[type[Event], Callable[[Living, Followed, Any], None]]] = {
    Observed: Living.observed,
    MassAbsenceMoved: Living.held,
    ActionRequested: Living.asked,
    ActionSent: Living.acted,
    ActionAnswered: Living.acted,
    ActionMoved: Living.settled_action,
    ProtectionMoved: Living.protected,
    BreakMoved: Living.moved,
    FillRecorded: Living.recorded,
    ExecutionPushed: Living.pushed,
    FillAdopted: Living.adopted,
    FillSettled: Living.settled,
}
