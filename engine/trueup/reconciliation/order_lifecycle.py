"""What does one answer about orders do to one order: better known, ended, or drifted?

What can only grow (fills, ends, ids) is believed at once, whoever says it
(`orders`, L17-L20). What can be changed (size, prices) is a break, confirmed by a second, independent
answer. What the book lacks is `orphans`' matter, what nobody finds `order_absence`'s. Pure.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from trueup.decisions import BreakMoved, BreakState, Decision, OrderCorrection, OrderMerged, Step
from trueup.evidence import independent
from trueup.facts import Observed
from trueup.model import (
    TERMINAL,
    BookOrder,
    BrokerOrder,
    Moment,
    OrderStatus,
    elapsed_ns,
    plain,
)
from trueup.orders import (
    RANK,
    OrderDifference,
    changed_terms,
    merged,
    order_ref,
    with_fill,
    with_terms,
)
from trueup.reconciliation.identity import break_id, order_correction_id
from trueup.reconciliation.order_inputs import DOUBTED
from trueup.reconciliation.state import Break, OrderSlot, State

CONFIRMATIONS: Final = 2
"""One settled answer and a second, independent one, for whatever the broker states."""


class OrderReading:
    """One answer about orders, as they are judged by it."""

    def __init__(self, state: State, fact: Observed) -> None:
        """state  with the answer folded in; `fact` is of the surface `open_orders` or `order`"""
        self.state = state
        self.fact = fact
        self.policy = state.policy
        self.asked = fact.asked
        self.surface = fact.surface
        self.view = state.view(fact.surface)
        self.cause = self.view.position
        self.at_ns = fact.at.at_ns
        self.settle_ns = state.settle_ns(fact.surface)
        self.spacing_ns = state.spacing_ns(fact.surface)

    def moved(
        self, key: str, row: BookOrder | BrokerOrder | Break, steps: list[Step], proof: tuple[int, ...],
        correction: OrderCorrection | None = None,
    ) -> BreakMoved:  # fmt: skip
        """The decision that takes `steps` on the breaks of an order."""
        return BreakMoved(
            cause=self.cause,
            at_ns=self.at_ns,
            policy=self.state.policy_mark,
            of="order",
            key=key,
            symbol=row.symbol,
            ticket=_called(key, row),
            steps=tuple(steps),
            evidence=tuple(sorted({*proof, self.cause})),
            order_correction=correction,
        )

    def opened(self, key: str, field: str | None) -> str:
        """The id of a break that this answer opens."""
        return break_id(self.state, "order", key, field, position=self.cause)


def orphan_key(row: BrokerOrder) -> str:
    """Under what the breaks of an order that the book lacks are kept."""
    return "@" + order_ref(row)


def _called(key: str, row: BookOrder | BrokerOrder | Break) -> str | None:
    """What a break's `ticket` says: the client id, else the order id, as in `trueup check`. An order that the book
    lacks is kept under the broker's id and may have a client id all the same."""
    if isinstance(row, Break):
        return row.ticket
    return row.client_order_id or order_title(key)


def order_title(key: str) -> str:
    """What a person calls an order: its client id, else the broker's."""
    return key.removeprefix("@").removeprefix("~")


# -- an order of ours that the answer states ---------------------------------------------------------------


def stated(reading: OrderReading, slot: OrderSlot, row: BrokerOrder) -> list[Decision]:
    """What a row says of an order of ours."""
    order, name = slot.order, slot.order.client_order_id
    after = merged(order, row)
    if order.status in TERMINAL and not _adds(order, after):
        after = order
    if order.mark == DOUBTED and reading.surface == "order":
        after = replace(after, mark="")  # its own word on how much of it was filled is here
    steps: list[Step] = []
    for field, ours, theirs in visible(order, after):
        why = "the broker states it, and what was filled or has ended stays so"
        steps.append(Step(reading.opened(name, field), "drift", field, "corrected", ours, theirs, 1, why))
    known = {one.field: one for one in reading.state.order_breaks.get(name, ())}
    proof: tuple[int, ...] = ()
    if None in known:
        steps.append(over_step(known[None], "cleared", 0, "the broker states it after all"))
    drifts = _claims(reading, slot, after, row)
    ready: set[str | None] = set()
    over = [one for one in known.values() if one.kind == "drift" and one.field not in drifts]
    steps += [over_step(one, "cleared", 0, "the two sides agree again") for one in over]
    for term in sorted(drifts):
        step, counted = _claimed(reading, slot, name, drifts[term], known.get(term))
        steps += step
        if counted:
            ready.add(term)
            proof = known[term].sightings.proof
    if ready:
        after = replace(after, status=row.status) if "status" in ready else with_terms(after, row, ready)
    if not steps:
        return [] if after == order else [_merged(reading, after, "the broker names its id or price")]
    if after == order:
        return [reading.moved(name, order, steps, proof)]
    return [reading.moved(name, order, steps, proof, corrected(reading.state, slot, after, steps))]


def corrected(state: State, slot: OrderSlot, after: BookOrder, steps: list[Step]) -> OrderCorrection:
    """The correction that takes an order to `after`; one that had ended is named as that end's undoing (L17)."""
    changes = [(one.field or "", one.book or "", one.broker or "") for one in steps if one.state == "corrected"]
    what = ", ".join(f"{field} {before} -> {now}" for field, before, now in changes)
    title = f"order {slot.order.client_order_id} on {slot.order.symbol}"
    reopens = slot.order.status in TERMINAL
    why = f"{title}: {what}"
    if reopens:
        why += f"; it had ended as {slot.order.status.value}, and that is not final"
    return OrderCorrection(
        order_correction_id(state, slot.order.client_order_id, slot.position, after),
        "drift",
        slot.order,
        after,
        why,
        "end" if reopens else None,
    )


def _adds(order: BookOrder, after: BookOrder) -> bool:
    """Whether something is learned of an order that had ended: later fills, or that it filled after all (L17, L18)."""
    return after.filled > order.filled or RANK.get(after.status, 0) > RANK[order.status]


def visible(order: BookOrder, after: BookOrder) -> list[tuple[str, str, str]]:
    """(field, before, after) of what a person is told when an order became better known."""
    found: list[tuple[str, str, str]] = []
    if after.filled != order.filled:
        found.append(("filled", plain(order.filled), plain(after.filled)))
    if after.status is not order.status:
        found.append(("status", order.status.value, after.status.value))
    return found


def _merged(reading: OrderReading, after: BookOrder, why: str) -> OrderMerged:
    return OrderMerged(reading.cause, reading.at_ns, reading.state.policy_mark, after, why)


def _claims(reading: OrderReading, slot: OrderSlot, after: BookOrder, row: BrokerOrder) -> dict[str, OrderDifference]:
    """What needs a second answer: changed terms, or that an order which had ended works on."""
    if after.status in TERMINAL:
        works = row.status not in TERMINAL and row.status in RANK and after.status is not OrderStatus.FILLED
        if not works or reading.surface != "open_orders":
            return {}
        return {"status": OrderDifference("drift", "status", after.status.value, row.status.value)}
    return {one.field or "": one for one in changed_terms(after, row, reading.policy)}


def _claimed(
    reading: OrderReading, slot: OrderSlot, name: str, found: OrderDifference, known: Break | None
) -> tuple[list[Step], bool]:
    """(the steps of one claim, whether it is confirmed and corrected)."""
    waits = too_soon(slot.changed, reading.asked, reading.settle_ns)
    if known is None:
        why = waits or f"first seen; {CONFIRMATIONS} independent answers decide"
        identity = reading.opened(name, found.field)
        return [Step(identity, found.kind, found.field, "opened", found.book, found.broker, 0 if waits else 1, why)], (
            False
        )
    if waits:
        return [], False
    count = again(reading, slot.changed, known, (found.book, found.broker))
    if count is None:
        return [], False
    if count < CONFIRMATIONS:
        why = f"{count} of {CONFIRMATIONS} independent answers that decide"
        return [said_step(known, found, "seen", count, why)], False
    wish = reading.policy.on_drift
    if wish == "correct":
        return [said_step(known, found, "confirmed", count, ""), said_step(known, found, "corrected", count, "")], True
    return escalated(known, found, count, f"policy {reading.policy.preset}: on_drift = {wish}, a human decides"), False


# -- what both sides of a claim share ----------------------------------------------------------------------


def too_soon(changed: Moment, asked: Moment, settle_ns: int) -> str | None:
    """Why an answer cannot be held against an order yet; None when it can (L12, L16)."""
    if elapsed_ns(changed, asked) < settle_ns:
        return "the book changed it too shortly before the question was asked"
    return None


def again(
    reading: OrderReading, changed: Moment | None, known: Break, claim: tuple[str | None, str | None]
) -> int | None:
    """How many independent answers have now made this very claim; None when this one is no new witness."""
    seen = known.sightings
    same = claim == (known.book, known.broker)
    stale = changed is not None and elapsed_ns(seen.last_received, changed) > 0
    if not same or not seen.count or stale:
        return 1
    return seen.count + 1 if independent(seen, reading.asked, spacing_ns=reading.spacing_ns) else None


def escalated(known: Break, found: OrderDifference, count: int, why: str) -> list[Step]:
    """Hand it to a human, once (L38)."""
    if known.state == "escalated":
        return []
    return [said_step(known, found, "confirmed", count, ""), said_step(known, found, "escalated", count, why)]


def said_step(known: Break, found: OrderDifference, state: BreakState, count: int, why: str) -> Step:
    return Step(known.id, found.kind, found.field, state, found.book, found.broker, count, why)


def over_step(known: Break, state: BreakState, count: int, why: str) -> Step:
    return Step(known.id, known.kind, known.field, state, known.book, known.broker, count, why)


def unlisted(reading: OrderReading, listed: set[str]) -> list[Decision]:
    """Breaks of orders that have ended, and that a complete list does not show: the list that showed one was old, and
    the look-up that missed one came before our own word that it ended."""
    moves: list[Decision] = []
    for name in sorted(reading.state.order_breaks):
        slot = None if name.startswith("@") or name in listed else reading.state.order(name)
        over = [one for one in reading.state.order_breaks[name] if one.kind != "recovery"]
        if slot is not None and not slot.order.is_open and over:
            why = "the broker's list shows it no more: it has ended on both sides"
            steps = [over_step(one, "cleared", 0, why) for one in over]
            moves.append(reading.moved(name, slot.order, steps, ()))
    return moves


def late_fill(state: State, cause: int, at_ns: int, slot: OrderSlot) -> BreakMoved | None:
    """The compensating event where executions add up to more than an order had when it ended (L17, L18)."""
    order = slot.order
    if order.is_open or order.status is OrderStatus.FILLED or slot.executed <= order.filled:
        return None
    after = with_fill(order, slot.executed)
    steps = [
        Step(
            break_id(state, "order", order.client_order_id, field, position=cause),
            "drift",
            field,
            "corrected",
            ours,
            theirs,
            1,
            "fills are believed, also after the end",
        )
        for field, ours, theirs in visible(order, after)
    ]
    return BreakMoved(
        cause=cause,
        at_ns=at_ns,
        policy=state.policy_mark,
        of="order",
        key=order.client_order_id,
        symbol=order.symbol,
        ticket=order.client_order_id,
        steps=tuple(steps),
        evidence=(cause,),
        order_correction=corrected(state, slot, after, steps),
    )
