"""Given an answer about orders, or a word of ours on one, what do we decide?

Each order is judged by itself (`order_lifecycle`); here is what follows for quarantine, alerts and actions. Overfill
stops new orders on its symbol (L18), a fill without a price is taken and marked (L36), an unknown status changes
nothing and is told of once (L41).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from trueup.decisions import (
    ActionRequested,
    ActionTerms,
    BreakMoved,
    Decision,
    FillSettled,
    OrderMerged,
    QuarantineMoved,
    Step,
)
from trueup.facts import Observed, OrderRecorded
from trueup.model import TERMINAL, ZERO, BrokerOrder, Execution, OrderStatus, add, elapsed_ns, plain, subtract
from trueup.orders import order_ref, with_fill
from trueup.reconciliation.deciding import Deciding, judged
from trueup.reconciliation.identity import action_id, break_id
from trueup.reconciliation.order_absence import not_found
from trueup.reconciliation.order_inputs import DOUBTED, named, order_of
from trueup.reconciliation.order_lifecycle import (
    OrderReading,
    corrected,
    late_fill,
    orphan_key,
    stated,
    unlisted,
    visible,
)
from trueup.reconciliation.orphans import asked_for, client_id_of, gone_orphans, orphan, remedy_of_orphan
from trueup.reconciliation.outbox import is_ours, looked_up_actions
from trueup.reconciliation.state import OrderSlot, State

CANCELS_MAX = 3
"""Times that one orphan is asked to be cancelled; then a human decides (L52)."""


# -- answers -----------------------------------------------------------------------------------------------


def orders_observed(deciding: Deciding, fact: Observed) -> None:
    """Judge what an answer about orders states, and what it does not."""
    if fact.completeness not in ("complete", "partial") or fact.orders is None:
        return
    reading = OrderReading(deciding.state, fact)
    whole = fact.surface == "open_orders" and fact.completeness == "complete"
    rows: Iterable[BrokerOrder] = reading.view.orders.values() if whole else fact.orders.stated
    moves: list[BreakMoved] = []
    strangers: set[str] = set()
    ours: set[str] = set()
    for row in sorted(rows, key=order_ref):
        name = named(deciding.state, row)  # as it is by now: of two orders of one client id the first may be it
        slot = None if name is None else deciding.state.order(name)
        if slot is not None:
            ours.add(slot.order.client_order_id)
            moves += _take(deciding, stated(reading, slot, row), slot, row)
        elif fact.surface != "open_orders" or row.status in TERMINAL:
            continue
        elif is_ours(deciding.state, row):
            deciding.emit([asked_for(reading, row)])
        else:
            strangers.add(orphan_key(row))
            moves += _stranger(deciding, reading, row)
    if whole:
        gone = [*gone_orphans(reading, strangers), *unlisted(reading, ours)]
        deciding.emit(gone)
        moves += [one for one in gone if isinstance(one, BreakMoved)]
    if fact.surface == "order" and fact.completeness == "complete":
        moves += _sought(deciding, reading, fact)
    judged(deciding, moves)


def _take(
    deciding: Deciding, decisions: Sequence[Decision], slot: OrderSlot, row: BrokerOrder | None
) -> list[BreakMoved]:
    deciding.emit(decisions)
    if row is not None and row.status is OrderStatus.UNKNOWN and row.raw_status != slot.order.raw_status:
        unknown_status(deciding, slot, row.raw_status)
    if any(isinstance(one, BreakMoved) and one.order_correction is not None for one in decisions):
        watch(deciding, slot.order.client_order_id, slot)
    return [one for one in decisions if isinstance(one, BreakMoved)]


def _stranger(deciding: Deciding, reading: OrderReading, row: BrokerOrder) -> list[BreakMoved]:
    """An order that the book lacks; once confirmed, what the policy says becomes of it."""
    moved, confirmed = orphan(reading, row)
    moves = [] if moved is None else [moved]
    deciding.emit(moves)
    if confirmed and remedy_of_orphan(deciding.state, row) == "cancel":
        moves += _cancel(deciding, reading, row)
    return moves


def _cancel(deciding: Deciding, reading: OrderReading, row: BrokerOrder) -> list[BreakMoved]:
    """Ask the broker to cancel an orphan: one action at a time, a few times, then a human decides."""
    state, key = deciding.state, orphan_key(row)
    opened = state.order_breaks[key][0].opened_position
    attempt, client_id = 1, action_id(state, "cancel-orphan", key, opened, 1)
    while state.ended_actions.get(client_id) is not None:  # at most CANCELS_MAX were ever asked for
        attempt += 1
        client_id = action_id(state, "cancel-orphan", key, opened, attempt)
    if client_id in state.outbox:
        return []
    if "cancel" not in state.actions:
        return _give_up(deciding, reading, row, "this broker cannot be asked to cancel an order: a human decides")
    if attempt > CANCELS_MAX:
        return _give_up(deciding, reading, row, f"asked {CANCELS_MAX} times to cancel it, and it works on")
    target = client_id_of(state, row)
    terms = ActionTerms("cancel", row.symbol, row.ticket, order_id=row.order_id, target=target)
    why = f"order {row.order_id or row.client_order_id} on {row.symbol} is nobody's; the policy cancels such orders"
    requested = ActionRequested(
        cause=deciding.cause,
        at_ns=deciding.at_ns,
        policy=state.policy_mark,
        client_id=client_id,
        terms=terms,
        purpose="cancel-orphan",
        key=key,
        attempt=attempt,
        why=why,
    )
    deciding.emit([requested])
    return []


def _give_up(deciding: Deciding, reading: OrderReading, row: BrokerOrder, why: str) -> list[BreakMoved]:
    known = deciding.state.order_breaks[orphan_key(row)][0]
    step = Step(known.id, known.kind, known.field, "escalated", known.book, known.broker, known.sightings.count, why)
    moved = reading.moved(known.key, row, [step], known.sightings.proof)
    deciding.emit([moved])
    return [moved]


def _sought(deciding: Deciding, reading: OrderReading, fact: Observed) -> list[BreakMoved]:
    """A look-up: of an action of ours, or of an order that did not turn up."""
    assert fact.orders is not None
    if fact.sought is None:
        return []  # recorded elsewhere, and nobody wrote down which one was asked for: it only states
    found = fact.orders.stated[0] if fact.orders.stated else None
    deciding.emit(looked_up_actions(deciding.state, fact, found))
    if found is not None:
        return []
    name = fact.sought.client_order_id
    if name is None and fact.sought.order_id is not None:
        name = reading.state.order_names.get(fact.sought.order_id)
    if name is not None and name in reading.state.doubted and reading.state.foreign.orders.read:
        _nothing_more(deciding, name)
    slot = None if name is None else reading.state.orders.get(name)
    return [] if slot is None else _take(deciding, not_found(reading, slot), slot, None)


def _nothing_more(deciding: Deciding, name: str) -> None:
    """An order of a book elsewhere that ended by its word, and that the broker does not find: no more is learned."""
    slot = deciding.state.order(name)
    if slot is not None and not slot.order.is_open:
        why = "it ended by the book's word, and the broker does not find it"
        order = replace(slot.order, mark="")
        deciding.emit([OrderMerged(deciding.cause, deciding.at_ns, deciding.state.policy_mark, order, why)])


# -- our own words and fills -------------------------------------------------------------------------------


def order_recorded(deciding: Deciding, fact: OrderRecorded) -> None:
    """Our own word on an order: what it changes is folded; what is remarkable in it is told here."""
    before = deciding.before.order(fact.client_order_id)
    slot = deciding.state.order(fact.client_order_id)
    assert slot is not None
    if fact.status is OrderStatus.UNKNOWN and (before is None or before.order.raw_status != fact.raw_status):
        unknown_status(deciding, slot, fact.raw_status)
    if not slot.order.is_open and fact.filled is not None and fact.filled > slot.order.filled:
        _reopened(deciding, slot, fact)
    if before is None or before.order != slot.order or deciding.decisions:
        watch(deciding, fact.client_order_id, before)
    if deciding.state.foreign.orders.read and before is not None and before.order.is_open:
        _ended_by_its_book(deciding, fact.client_order_id)


def _ended_by_its_book(deciding: Deciding, name: str) -> None:
    """An order that a book elsewhere says has ended, and not by being filled, is looked up once more: its process may
    have missed fills, and nobody looks up what has ended (L18)."""
    state, slot = deciding.state, deciding.state.order(name)
    assert slot is not None
    asked = "order" in state.surfaces and state.view("order").supported
    if slot.order.is_open or slot.order.status is OrderStatus.FILLED or not asked:
        return
    why = "the book says that it ended; it is looked up once more for what was filled until then"
    deciding.emit([
        OrderMerged(deciding.cause, deciding.at_ns, state.policy_mark, replace(slot.order, mark=DOUBTED), why)
    ])  # fmt: skip


def _reopened(deciding: Deciding, slot: OrderSlot, fact: OrderRecorded) -> None:
    """More fills than an order had when it ended: a compensating event, never a refusal (L17)."""
    assert fact.filled is not None
    after = with_fill(slot.order, fact.filled)
    why = "fills are believed, also after the end"
    steps = [
        Step(_opened(deciding, slot, field), "drift", field, "corrected", ours, theirs, 1, why)
        for field, ours, theirs in visible(slot.order, after)
    ]
    deciding.emit([
        BreakMoved(
            deciding.cause, deciding.at_ns, deciding.state.policy_mark, "order", fact.client_order_id, fact.symbol,
            fact.client_order_id, tuple(steps), (deciding.cause,),
            order_correction=corrected(deciding.state, slot, after, steps),
        )
    ])  # fmt: skip


def _opened(deciding: Deciding, slot: OrderSlot, field: str) -> str:
    return break_id(deciding.state, "order", slot.order.client_order_id, field, position=deciding.cause)


def order_filled(deciding: Deciding, execution: Execution) -> None:
    """What an execution that was seen for the first time means for its order."""
    name = order_of(deciding.state, execution)
    slot = None if name is None else deciding.state.order(name)
    if slot is None:
        return
    late = late_fill(deciding.state, deciding.cause, deciding.at_ns, slot)
    if late is not None:
        deciding.emit([late])
        assert late.order_correction is not None
        deciding.alert("warning", "late-fill", late.order_correction.why)
    watch(deciding, slot.order.client_order_id, deciding.before.order(slot.order.client_order_id))


def doubtful(deciding: Deciding, execution: Execution) -> bool:
    """Whether an execution that the broker reports would fill its order beyond its size, so that the order is looked up
    instead: it may be one of ours that was recorded under another id, and counting it twice would move the position."""
    state = deciding.state
    name = order_of(state, execution)
    slot = None if name is None else state.order(name)
    if slot is None or "order" not in state.surfaces or not state.view("order").supported:
        return False
    total = add(max(slot.executed, slot.order.filled), execution.signed_quantity.copy_abs())
    if total <= add(slot.order.quantity, state.policy.quantity_tolerance_of(slot.order.symbol)):
        return False
    why = (
        f"with it order {name} would be filled {plain(total)} of {plain(slot.order.quantity)}: either it was recorded "
        "under another id already, or the order was overfilled; the order is looked up, the positions decide"
    )
    mark = deciding.state.policy_mark
    deciding.emit([
        FillSettled(deciding.cause, deciding.at_ns, mark, execution.execution_id, execution.symbol, ZERO, (), why)
    ])  # fmt: skip
    if slot.order.mark != DOUBTED:
        doubted = replace(slot.order, mark=DOUBTED)
        deciding.emit([OrderMerged(deciding.cause, deciding.at_ns, state.policy_mark, doubted, why)])
        deciding.alert("warning", "execution-doubted", f"execution {execution.execution_id}: {why}")
    return True


def unknown_status(deciding: Deciding, slot: OrderSlot, word: str) -> None:
    """Nobody knows that word: it changes nothing, and somebody should know (L41)."""
    name, symbol = slot.order.client_order_id, slot.order.symbol
    text = f"order {name} on {symbol} has the status {word!r}, which nobody knows: nothing was changed"
    deciding.alert("warning", "order-status-unknown", text)


def watch(deciding: Deciding, name: str, before: OrderSlot | None) -> None:
    """After an order moved: was it filled beyond its size (L18)?

    before  what was known of it when the input came; None: nothing
    """
    slot = deciding.state.order(name)
    assert slot is not None
    if not _is_over(deciding.state, slot) or (before is not None and _is_over(deciding.state, before)):
        return
    order = slot.order
    scope = f"*:{order.symbol}"
    why = (
        f"order {order.client_order_id} on {order.symbol} was filled {plain(max(order.filled, slot.executed))} of "
        f"{plain(order.quantity)}: no new orders there until an operator has looked"
    )
    known, mark = deciding.state.quarantine.get(scope), deciding.state.policy_mark
    if known is None or known.break_id is not None:  # one that ends with a break would let go of this one with it
        deciding.emit([QuarantineMoved(deciding.cause, deciding.at_ns, mark, scope, "entered", why)])
    deciding.alert("critical", "overfill", why)


def unpriced(deciding: Deciding, fact: Observed) -> None:
    """Orders that were filled a while ago, at a price that nobody has stated since: taken as filled, marked, and a
    person is told. A price is never made up (L36)."""
    state = deciding.state
    for name in state.unpriced:
        slot = state.order(name)
        if slot is None or elapsed_ns(slot.changed, fact.asked) < state.settle_ns("fills"):
            continue
        why = "it is filled, and nobody states at what price: marked"
        marked = replace(slot.order, mark="no price")
        deciding.emit([OrderMerged(deciding.cause, deciding.at_ns, state.policy_mark, marked, why)])
        if state.foreign.orders.read:
            continue  # a book that lives elsewhere says itself what its own orders were filled at, or keeps no prices
        text = f"order {name} on {slot.order.symbol} is filled, and nobody states at what price: taken as filled"
        deciding.alert("critical", "fill-without-price", text)


def _is_over(state: State, slot: OrderSlot) -> bool:
    order = slot.order
    over = subtract(max(order.filled, slot.executed), order.quantity)
    return over > state.policy.quantity_tolerance_of(order.symbol)
