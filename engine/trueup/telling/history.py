"""What does a journal hold about one key: its changes, its breaks, and everything that may explain them?

One walk over the events, in order; nothing is decided here. What is remembered is bounded (law 12): the latest of each.
An event of a kind that this module does not know is passed over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from trueup.causes import Deal, OrderSeen, Reason, reason_of
from trueup.decisions import (
    ActionRequested,
    BaselineTaken,
    BreakMoved,
    BreakOf,
    Correction,
    FillAdopted,
    FillSettled,
    MassAbsenceMoved,
    OrderCorrection,
    OrderMerged,
    PositionBound,
    RecordRefused,
)
from trueup.events import Event
from trueup.explain import named
from trueup.facts import (
    ActionAnswered,
    Completeness,
    ExecutionPushed,
    Fact,
    FillRecorded,
    Observed,
    OrderRecorded,
    PolicyAdopted,
    PositionRecorded,
    WriterClaimed,
)
from trueup.model import ZERO, BrokerPosition, Execution, Key, Moment, PositionMode, add, plain
from trueup.policy import Policy
from trueup.reconciliation.keys import key_of_row
from trueup.telling.orders_heard import OrdersHeard, order_text
from trueup.telling.told import ChangeTold, iso

CHANGES_MAX: Final = 200
DEALS_MAX: Final = 5_000
ANSWERS_MAX: Final = 10_000
OTHERS_MAX: Final = 1_000
"""At most so many of each are remembered: the latest."""
V = TypeVar("V")


class Answered(msgspec.Struct, frozen=True):
    """One answer about positions, and what it left the broker's side of the key at."""

    position: int
    asked: Moment
    received: Moment
    completeness: Completeness
    why: str
    row: BrokerPosition | None
    """What the broker states of the key as of this answer, if it states it."""
    mentions: bool
    """Whether this very answer says something of the key: that it is there, or (complete) that it is not."""


class HeardDeal(msgspec.Struct):
    """One execution, and who has said it when."""

    execution: Execution
    position: int
    heard: Moment
    listed: bool = False
    history: bool = False
    recorded: int = 0
    """Where the process recorded it; 0: never."""
    adopted: int = 0
    """Where it entered as a missed fill; 0: never."""
    refused: bool = False
    claims: tuple[tuple[str, Decimal], ...] = ()
    """(id of a correction, signed quantity that it had inferred and this deal claimed)."""

    @property
    def entered(self) -> int:
        """Where it entered the book; 0: never. A record that was refused is none."""
        recorded = 0 if self.refused else self.recorded
        return min((position for position in (recorded, self.adopted) if position), default=0)


class History:
    """Everything about one key, once `take` has seen the events."""

    def __init__(self, key: Key, symbol: str, of: BreakOf = "position", upto: int = 1 << 62) -> None:
        """`upto`: the position of what is explained. Answers and changes after it are of no concern, deals and orders
        only as long as they may still be its reason; claims and undoings always."""
        self.of = of
        self.upto = upto
        self._upto_ns = 0
        self.keys = {key}
        """The key, and what it was known by before it had a ticket."""
        self.symbol = symbol
        self.mode: PositionMode = "netting"
        self.changes: deque[ChangeTold] = deque(maxlen=CHANGES_MAX)
        self.moves: list[tuple[int, BreakMoved]] = []
        self.adoptions: list[tuple[int, FillAdopted]] = []
        self.answers: deque[Answered] = deque(maxlen=ANSWERS_MAX)
        self.policies: list[tuple[int, Policy]] = []
        self.holds: list[tuple[int, MassAbsenceMoved]] = []
        self.others: deque[tuple[int, BreakMoved]] = deque(maxlen=OTHERS_MAX)
        """Moves on other keys that opened a break, or corrected one."""
        self.undone: dict[str, str] = {}
        """The correction that compensates another, by that other's id."""
        self.deals: dict[str, HeardDeal] = {}
        self.orders = OrdersHeard(key, symbol)
        self._row: BrokerPosition | None = None
        self._listed_before = False

    def take(self, events: Iterable[tuple[int, Event]]) -> None:
        """Walk over events, in order."""
        handlers = _HANDLERS
        for position, event in events:
            handler = handlers.get(type(event))
            if handler is not None and (position <= self.upto or self._still_matters(event)):
                handler(self, position, event)
            if position <= self.upto:
                self._upto_ns = event.at.at_ns if isinstance(event, Fact) else event.at_ns

    def _still_matters(self, event: Event) -> bool:
        """Whether an event after the one that is explained may say something of it."""
        if isinstance(event, BreakMoved | FillAdopted | FillSettled):
            return True
        at_ns = event.at.at_ns if isinstance(event, Fact) else event.at_ns
        policy = self.policies[-1][1] if self.policies else Policy()
        return at_ns - self._upto_ns <= policy.inferred_ns_max

    # -- reading -------------------------------------------------------------------------------------------

    def deals_as_of(
        self, judged: int, correction_id: str | None, *, by_fills: bool, said: Mapping[str, Reason]
    ) -> tuple[Deal, ...]:
        """The deals on the symbol as they bear on a break that was judged at a position.

        correction_id  of the correction in question, whose inference a late fill may have claimed
        by_fills       whether fills move the key: what the process recorded is then in the book
        said           what the raw replies say made a deal, by execution id
        """
        return tuple(
            Deal(
                execution=one.execution,
                position=one.position,
                heard=one.heard,
                listed=one.listed,
                recorded=one.recorded > 0,
                counted=self._is_counted(one, judged, by_fills),
                claimed=_total(quantity for name, quantity in one.claims if name == correction_id),
                ours=self._is_ours(one),
                reason=one.execution.reason
                or said.get(one.execution.execution_id)
                or reason_of(client_id=one.execution.client_order_id),
                history=one.history,
            )
            for one in self.deals.values()
        )

    def orders_as_of(self, judged: int) -> tuple[OrderSeen, ...]:
        """The orders on the symbol, ours and the broker's, with as much of each as the book had counted by then."""
        counted: dict[str, Decimal] = {}
        for one in self.deals.values():
            if 0 < one.entered < judged:
                for name in (one.execution.client_order_id, one.execution.order_id):
                    if name is not None:
                        counted[name] = add(counted.get(name, ZERO), one.execution.signed_quantity.copy_abs())
        return self.orders.as_of(counted)

    def steps_of(self, break_ids: Iterable[str]) -> list[tuple[int, BreakMoved]]:
        """The moves of these breaks, in order."""
        wanted = set(break_ids)
        return [(at, move) for at, move in self.moves if any(step.break_id in wanted for step in move.steps)]

    def policy_at(self, position: int) -> tuple[int, Policy]:
        """(where it was adopted, the policy in force at a position)."""
        return max((one for one in self.policies if one[0] <= position), default=(0, Policy()), key=lambda one: one[0])

    def _is_counted(self, one: HeardDeal, judged: int, by_fills: bool) -> bool:
        return by_fills and 0 < one.entered < judged

    def _is_ours(self, one: HeardDeal) -> bool | None:
        """Whether a deal is the process's own; None where nothing says so."""
        if one.recorded or one.execution.strategy is not None:
            return True
        return self.orders.is_ours(one.execution)

    # -- walking -------------------------------------------------------------------------------------------

    def _changed(self, position: int, at_ns: int, what: str) -> None:
        if position <= self.upto:
            self.changes.append(ChangeTold(position=position, at=iso(at_ns), what=what))

    def _claimed(self, position: int, event: WriterClaimed) -> None:
        self.mode = event.position_mode

    def _adopted_policy(self, position: int, event: PolicyAdopted) -> None:
        self.policies.append((position, event.policy))

    def _observed(self, position: int, event: Observed) -> None:
        answered = event.completeness in ("complete", "partial")
        if event.surface == "fills" and answered:
            first = not self._listed_before and event.completeness == "complete"
            self._listed_before = self._listed_before or first
            for execution in event.executions:
                self._heard(position, event.at, execution, listed=True, history=first)
        elif event.surface in ("open_orders", "order"):
            self.orders.observed(position, event)
        elif event.surface == "positions":
            stated = gone = False
            if event.positions is not None and answered:
                row = {key_of_row(self.mode, one): one for one in event.positions.stated}
                mine = next((row[key] for key in sorted(self.keys) if key in row), None)
                keyframe = event.completeness == "complete" and not event.positions.base
                stated = mine is not None
                gone = not stated and (keyframe or any(key in event.positions.gone for key in self.keys))
                if stated or gone:
                    self._row = mine
            says = stated or event.completeness == "complete"
            if position > self.upto:
                return
            self.answers.append(
                Answered(
                    position, event.asked, event.at, event.completeness, event.why, self._row if says else None, says
                )
            )

    def _recorded_fill(self, position: int, event: FillRecorded) -> None:
        execution = event.execution
        self.orders.filled(execution)
        if execution.symbol != self.symbol:
            return
        one = self._heard(position, event.at, execution)
        one.recorded = one.recorded or position
        self._changed(position, event.at.at_ns, f"the process recorded fill {_execution(execution)}")

    def _pushed(self, position: int, event: ExecutionPushed) -> None:
        if event.execution.symbol == self.symbol:
            self._heard(position, event.at, event.execution, listed=True)
            self._changed(position, event.at.at_ns, f"the broker pushed execution {_execution(event.execution)}")

    def _recorded_position(self, position: int, event: PositionRecorded) -> None:
        if event.symbol != self.symbol or not self._is_mine(event.ticket):
            return
        side = "short" if event.signed_quantity.is_signed() else "long"
        size = f"{side} {plain(event.signed_quantity.copy_abs())}" if event.signed_quantity else "closed"
        self._changed(position, event.at.at_ns, f"the process recorded {named(event.symbol, event.ticket)}: {size}")

    def _recorded_order(self, position: int, event: OrderRecorded) -> None:
        self.orders.recorded(position, event)
        if event.symbol == self.symbol:
            status = event.raw_status or event.status.value
            what = f"order {event.client_order_id}: {event.side} {plain(event.quantity)} {event.symbol}, {status}"
            self._changed(position, event.at.at_ns, f"the process recorded {what}")

    def _merged_order(self, position: int, event: OrderMerged) -> None:
        self.orders.merged(position, Moment(event.at_ns, 0, 0), event.after)
        if event.after.symbol == self.symbol:
            self._changed(position, event.at_ns, order_text(event))

    def _requested(self, position: int, event: ActionRequested) -> None:
        if event.terms.symbol == self.symbol:
            self.orders.asked_for(event)
            kind = event.terms.kind.replace("_", " ")
            self._changed(
                position, event.at_ns, f"trueup asked the broker to {kind}, as {event.client_id}: {event.why}"
            )

    def _answered(self, position: int, event: ActionAnswered) -> None:
        self.orders.answered(event)
        if event.client_id in self.orders.actions:
            self._changed(position, event.at.at_ns, f"action {event.client_id}: {event.state}")

    def _baseline(self, position: int, event: BaselineTaken) -> None:
        if self.keys.intersection(event.keys):
            self._changed(position, event.at_ns, "taken over as the baseline")

    def _bound(self, position: int, event: PositionBound) -> None:
        if event.key in self.keys:
            self.keys.add(event.unbound)
            self._changed(position, event.at_ns, event.why)

    def _moved(self, position: int, event: BreakMoved) -> None:
        if event.order_correction is not None:
            self.orders.merged(position, Moment(event.at_ns, 0, 0), event.order_correction.after)
        if event.key in self.keys and event.of == self.of:
            self.moves.append((position, event))
            made = event.correction or event.order_correction
            if made is not None:
                self._corrected(position, event.at_ns, made)
        elif event.of == "position" and (event.correction or any(step.state == "opened" for step in event.steps)):
            self.others.append((position, event))

    def _corrected(self, position: int, at_ns: int, correction: Correction | OrderCorrection) -> None:
        if correction.compensates is not None:
            self.undone[correction.compensates] = correction.id
        self._changed(position, at_ns, f"correction {correction.id} ({correction.kind}): {correction.why}")

    def _adopted_fill(self, position: int, event: FillAdopted) -> None:
        if event.execution.symbol != self.symbol:
            return
        one = self._heard(position, Moment(event.at_ns, 0, 0), event.execution, listed=True)
        one.adopted = position
        one.claims = (*one.claims, *event.consumed)
        if event.key in self.keys:
            self.adoptions.append((position, event))
            self._corrected(position, event.at_ns, event.correction)

    def _settled(self, position: int, event: FillSettled) -> None:
        one = self.deals.get(event.execution_id)
        if one is not None:
            one.claims = (*one.claims, *event.consumed)
            self._changed(position, event.at_ns, f"fill {event.execution_id}: {event.why}")

    def _refused(self, position: int, event: RecordRefused) -> None:
        one = self.deals.get(event.what.removeprefix("fill "))
        if one is not None and one.recorded == event.cause:
            one.refused = True
            self._changed(position, event.at_ns, f"{event.what} did not change the book: {event.why}")

    def _held(self, position: int, event: MassAbsenceMoved) -> None:
        if event.state == "released" or self.keys.intersection(event.missing):
            self.holds.append((position, event))

    def _heard(
        self, position: int, at: Moment, execution: Execution, *, listed: bool = False, history: bool = False
    ) -> HeardDeal:
        """The deal, known from now on if it is of the symbol and was not known before."""
        name = execution.execution_id
        one = self.deals.get(name)
        if one is None:
            one = HeardDeal(execution, position, at, listed=listed, history=history)
            if execution.symbol == self.symbol and (position <= self.upto or len(self.deals) < DEALS_MAX):
                _put(self.deals, name, one, DEALS_MAX)
        one.listed = one.listed or listed
        return one

    def _is_mine(self, ticket: str | None) -> bool:
        return self.mode == "netting" or ticket is None or f"#{ticket}" in self.keys


def _put(known: dict[str, V], name: str, value: V, limit: int) -> None:
    """Remember `value` as the latest; beyond the limit the oldest is forgotten."""
    known.pop(name, None)
    known[name] = value
    if len(known) > limit:
        del known[next(iter(known))]


def _total(quantities: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for quantity in quantities:
        total = add(total, quantity)
    return total


def _execution(execution: Execution) -> str:
    verb = "sold" if execution.signed_quantity.is_signed() else "bought"
    price = "" if execution.price is None else f" at {plain(execution.price)}"
    quantity = plain(execution.signed_quantity.copy_abs())
    return f"{execution.execution_id}: {verb} {quantity} {named(execution.symbol, execution.ticket)}{price}"


_HANDLERS: Final[dict[type[Event], Callable[[History, int, Any], None]]] = {
    WriterClaimed: History._claimed,  # pyright: ignore[reportPrivateUsage]
    PolicyAdopted: History._adopted_policy,  # pyright: ignore[reportPrivateUsage]
    Observed: History._observed,  # pyright: ignore[reportPrivateUsage]
    FillRecorded: History._recorded_fill,  # pyright: ignore[reportPrivateUsage]
    ExecutionPushed: History._pushed,  # pyright: ignore[reportPrivateUsage]
    PositionRecorded: History._recorded_position,  # pyright: ignore[reportPrivateUsage]
    OrderMerged: History._merged_order,  # pyright: ignore[reportPrivateUsage]
    ActionRequested: History._requested,  # pyright: ignore[reportPrivateUsage]
    ActionAnswered: History._answered,  # pyright: ignore[reportPrivateUsage]
    OrderRecorded: History._recorded_order,  # pyright: ignore[reportPrivateUsage]
    BaselineTaken: History._baseline,  # pyright: ignore[reportPrivateUsage]
    PositionBound: History._bound,  # pyright: ignore[reportPrivateUsage]
    BreakMoved: History._moved,  # pyright: ignore[reportPrivateUsage]
    FillAdopted: History._adopted_fill,  # pyright: ignore[reportPrivateUsage]
    FillSettled: History._settled,  # pyright: ignore[reportPrivateUsage]
    RecordRefused: History._refused,  # pyright: ignore[reportPrivateUsage]
    MassAbsenceMoved: History._held,  # pyright: ignore[reportPrivateUsage]
}
