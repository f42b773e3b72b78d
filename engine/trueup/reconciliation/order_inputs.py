"""What do inputs that speak of orders and actions do to the state?

Our own word on an order joins what is known of it field by field (`orders`); a fill of it moves it as well, unless
it had ended: that is a decision (L17). What the broker lists is kept as its view; what follows from it is decided.
Pure handlers on a draft.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from trueup.facts import ActionAnswered, ActionSent, Observed, OrderRecorded, OrderRows, PermitGiven
from trueup.model import (
    EXTERNAL,
    TERMINAL,
    ZERO,
    BookOrder,
    BrokerOrder,
    Execution,
    Moment,
    OrderStatus,
    add,
    elapsed_ns,
)
from trueup.orders import joined_filled, joined_status, order_ref, settled_status, with_fill
from trueup.reconciliation.draft import Draft
from trueup.reconciliation.fills import average_price
from trueup.reconciliation.state import ActionSlot, OrderSlot, Reservation, State, View

IN_FLIGHT_PER_SYMBOL_MAX: Final = 256
"""Pending orders per symbol that are watched (law 12); the oldest give way."""
UNPRICED_MAX: Final = 1_000
"""Orders that are filled and whose price may still come (law 12)."""
DOUBTED: Final = "doubted"
"""The mark of an order of which an execution was reported that would fill it beyond its size: it is looked up."""
WORKING_ORDERS_MAX: Final = 20_000
"""Working orders that the book holds (law 12): beyond it the ones untouched for longest count as ended."""
WORKING_ORDERS_DROPPED: Final = 2_000
"""How many of them give way at once."""


def named(state: State | Draft, row: BrokerOrder) -> str | None:
    """The client order id of our order that a broker's row speaks of; None when the book has none such.

    A second order under a client id of ours is nobody's: that is how a double send shows (L21). Under another number
    than the first it is told apart while that one works too, or was filled; otherwise it may be its replacement.
    """
    known = None if row.order_id is None else state.order_names.get(row.order_id)
    if known is not None:
        return known
    name = row.client_order_id
    slot = None if name is None else state.orders.get(name) or state.ended_orders.get(name)
    if slot is None or (row.order_id is not None and _is_another(state, slot.order)):
        return None
    return name


def _is_another(state: State | Draft, order: BookOrder) -> bool:
    """Whether an order is known by a number under which it works or was filled, so that another number is another's."""
    if order.order_id is None:
        return False
    listed = state.view("open_orders").orders.get(order.order_id)
    return order.status is OrderStatus.FILLED or (listed is not None and listed.status not in TERMINAL)


def order_of(state: State | Draft, execution: Execution) -> str | None:
    """The client order id of our order that an execution belongs to, where it names one."""
    name = execution.client_order_id
    if name is not None and (state.orders.get(name) or state.ended_orders.get(name)) is not None:
        return name
    return None if execution.order_id is None else state.order_names.get(execution.order_id)


def known_order(state: State | Draft, execution: Execution) -> OrderSlot | None:
    """What is known of our order that an execution belongs to, where it names one."""
    name = execution.client_order_id
    if name is not None:
        slot = state.order(name)
        if slot is not None:
            return slot
    if execution.order_id is None:
        return None
    name = state.order_names.get(execution.order_id)
    return None if name is None else state.order(name)


def owned(state: State | Draft, execution: Execution) -> Execution:
    """The execution with its order's owner, where it names none: later fills attach to what was adopted (L53)."""
    slot = None if execution.strategy is not None else known_order(state, execution)
    return execution if slot is None else owned_by(slot, execution)


def owned_by(slot: OrderSlot, execution: Execution) -> Execution:
    """The same, for an execution of a known order."""
    if execution.strategy is not None or slot.order.strategy == EXTERNAL:
        return execution
    return replace(execution, strategy=slot.order.strategy)


def put_order(draft: Draft, slot: OrderSlot) -> None:
    """Replace what is known of an order, and keep track of what is in flight on its symbol."""
    order = slot.order
    name, known = order.client_order_id, draft.order(order.client_order_id)
    if order.is_open:
        if name not in draft.orders and len(draft.orders) >= WORKING_ORDERS_MAX:
            _drop_oldest(draft)
        draft.orders[name] = slot
    else:
        draft.orders.pop(name, None)
        draft.ended_orders.put(name, slot)
    if order.order_id is not None and draft.order_names.get(order.order_id) != name:
        draft.order_names.put(order.order_id, name)
    waits = order.lacks_price and not order.mark and not slot.executed
    if waits or name in draft.unpriced:
        rest = tuple(other for other in draft.unpriced if other != name)
        draft.unpriced = (*rest, name)[-UNPRICED_MAX:] if waits else rest
    if (order.mark == DOUBTED) != (name in draft.doubted):
        rest = tuple(other for other in draft.doubted if other != name)
        draft.doubted = (*rest, name)[-UNPRICED_MAX:] if order.mark == DOUBTED else rest
    _flight(draft, order, None if known is None else known.order)


def _drop_oldest(draft: Draft) -> None:
    orders = draft.orders.finish()
    oldest = sorted(orders, key=lambda name: (orders[name].position, name))[:WORKING_ORDERS_DROPPED]
    draft.orders = orders.mutate()
    for name in oldest:
        slot = draft.orders.pop(name)
        draft.ended_orders.put(name, slot)
        _flight(draft, replace(slot.order, status=OrderStatus.FAILED), slot.order)


def _flight(draft: Draft, order: BookOrder, known: BookOrder | None) -> None:
    """Keep the list of orders in flight on the symbol, and when the last one left it."""
    name = order.client_order_id
    flying = draft.in_flight.get(order.symbol, ())
    if order.status is OrderStatus.PENDING:
        if name not in flying:
            draft.in_flight = draft.in_flight.set(order.symbol, (*flying, name)[-IN_FLIGHT_PER_SYMBOL_MAX:])
        return
    if name in flying:
        rest = tuple(other for other in flying if other != name)
        draft.in_flight = draft.in_flight.set(order.symbol, rest) if rest else draft.in_flight.delete(order.symbol)
    left = known is None or known.status is OrderStatus.PENDING
    if left or (order.status in TERMINAL and known is not None and known.status not in TERMINAL):
        draft.order_ends = draft.order_ends.set(order.symbol, draft.at)


# -- our own word ------------------------------------------------------------------------------------------


def order_recorded(draft: Draft, position: int, fact: OrderRecorded) -> None:
    if draft.baseline == "open":
        draft.baseline = "forgone"
    known = draft.order(fact.client_order_id)
    permit = _spent(draft, fact, first=known is None) if draft.permits else None
    ticket = None if permit is None else permit.ticket  # which position it reduces; orders are recorded without one
    if known is None:
        sent_after = position if fact.status is OrderStatus.PENDING else 0
        put_order(draft, OrderSlot(replace(_new(fact), ticket=ticket), sent_after, draft.at, draft.at, position))
        return
    order = restated(known.order, fact)
    if ticket is not None and order.ticket is None:
        order = replace(order, ticket=ticket)
    if order != known.order:
        put_order(draft, replace(known, order=order, changed=draft.at, position=position))


def _new(fact: OrderRecorded) -> BookOrder:
    filled = fact.filled or ZERO
    return BookOrder(
        client_order_id=fact.client_order_id,
        symbol=fact.symbol,
        side=fact.side,
        type=fact.type,
        quantity=fact.quantity,
        status=settled_status(fact.status, filled, fact.quantity),
        raw_status=fact.raw_status,
        order_id=fact.order_id,
        filled=filled,
        average_price=fact.average_price,
        limit=fact.limit,
        stop=fact.stop,
        reduce_only=fact.reduce_only,
        strategy=fact.strategy or EXTERNAL,
        parent=fact.parent,
        scheduled_for=fact.scheduled_for,
    )


def restated(order: BookOrder, fact: OrderRecorded) -> BookOrder:
    """The order after our own word on it: terms as we now state them, fills and status joined (L19).

    An unknown word changes no status (L41). An order that had ended stays ended: more fills than it had then are
    decided about, and reopen it by a compensating event (L17).
    """
    ended = order.status in TERMINAL
    filled = joined_filled(order.filled, None if ended else fact.filled)
    status = order.status if ended else joined_status(order.status, fact.status)
    return replace(
        order,
        side=order.side if ended else fact.side,
        type=order.type if ended else fact.type,
        quantity=order.quantity if ended else fact.quantity,
        status=status if ended else settled_status(status, filled, fact.quantity),
        raw_status=fact.raw_status or order.raw_status,
        order_id=fact.order_id or order.order_id,
        filled=filled,
        average_price=fact.average_price if fact.average_price is not None else order.average_price,
        limit=fact.limit if fact.limit is not None else order.limit,
        stop=fact.stop if fact.stop is not None else order.stop,
        reduce_only=fact.reduce_only if fact.reduce_only is not None else order.reduce_only,
        strategy=fact.strategy or order.strategy,
        parent=fact.parent or order.parent,
        scheduled_for=fact.scheduled_for or order.scheduled_for,
    )


def executed(draft: Draft, position: int, execution: Execution) -> OrderSlot | None:
    """An execution of ours, seen for the first time, moves its order as well; one that had ended waits for a decision
    (L17), and so does one that is now filled beyond its size. What was known of the order before, if anything was."""
    slot = known_order(draft, execution)
    if slot is None:
        return None
    total = add(slot.executed, execution.signed_quantity.copy_abs())
    order = replace(slot.order, average_price=_averaged(slot, execution))
    if order.is_open or order.status is OrderStatus.FILLED:
        order = with_fill(order, total)
        if order.order_id is None and execution.order_id is not None:
            order = replace(order, order_id=execution.order_id)
    put_order(draft, replace(slot, order=order, executed=total, changed=draft.at, position=position))
    return slot


def orders_dealt(draft: Draft, position: int, fact: Observed) -> None:
    """Where a book elsewhere is the one source of positions (L15), executions that the broker reports still move the
    orders that this book keeps, each once: one may come after the end, when nobody looks it up any more (L17)."""
    for execution in fact.executions:
        if draft.executions.get(execution.execution_id) is None and execution.execution_id not in draft.past_executions:
            draft.executions.put(execution.execution_id, execution)
            executed(draft, position, execution)


def _averaged(slot: OrderSlot, execution: Execution) -> Decimal | None:
    """What an order was filled at on average with one more execution; None where that of a part is unknown (L36).

    Where more was said to be filled than the executions that came before, what was said of the average stands: this
    one may be in it.
    """
    order, before, size = slot.order, slot.executed, execution.signed_quantity.copy_abs()
    if before and order.filled <= before:
        return average_price(order.average_price, before, execution.price, size)
    if order.average_price is not None:
        return order.average_price
    return execution.price if not before and size >= order.filled else None


# -- permits -----------------------------------------------------------------------------------------------


def permit_given(draft: Draft, position: int, fact: PermitGiven) -> None:
    """Reserve its quantity; what has lapsed meanwhile is forgotten, and so is an earlier permit for the same order."""
    name = fact.client_order_id
    held = tuple(one for one in still_held(draft, fact.at) if name is None or one.client_order_id != name)
    mine = Reservation(position, fact.at, fact.symbol, fact.side, fact.quantity, fact.ticket, name)
    draft.permits = (*held, mine)


def still_held(state: State | Draft, at: Moment) -> tuple[Reservation, ...]:
    """The permits that still hold their quantity at a moment."""
    held_ns = state.policy.permit_ms_max * 1_000_000
    return tuple(one for one in state.permits if elapsed_ns(one.given, at) <= held_ns)


def _spent(draft: Draft, fact: OrderRecorded, *, first: bool) -> Reservation | None:
    """The permit that the order being recorded uses up: the order itself counts from now on.

    Known by its client id; a permit that names none by symbol, side and quantity, the oldest first, and only by an
    order that was not known before.
    """
    for one in draft.permits:
        terms = (one.symbol, one.side, one.quantity) == (fact.symbol, fact.side, fact.quantity)
        if one.client_order_id == fact.client_order_id or (first and one.client_order_id is None and terms):
            draft.permits = tuple(other for other in draft.permits if other is not one)
            return one
    return None


# -- the broker's ------------------------------------------------------------------------------------------


def orders_listed(draft: Draft, view: View, position: int, fact: Observed, listed: OrderRows) -> View:
    """The view on working orders with what an answer lists; what a look-up brought is judged, not kept."""
    if fact.surface != "open_orders" or fact.completeness != "complete":
        return view
    rows = resolved(view.orders, listed)
    weight = 0 if not listed.base else view.weight + len(listed.stated) + len(listed.gone)
    return replace(view, orders=rows, base=position, weight=weight)


def resolved(base: Mapping[str, BrokerOrder], listed: OrderRows) -> Mapping[str, BrokerOrder]:
    """All rows that an answer on working orders stands for, by reference."""
    stated = {order_ref(row): row for row in listed.stated}
    if not listed.base:
        return stated
    if not stated and not listed.gone:
        return base
    rows = {**base, **stated}
    for ref in listed.gone:
        rows.pop(ref, None)
    return rows


def looked_up(draft: Draft, fact: Observed) -> None:
    """Remember when an order or action was last asked for: who waited longest comes first (L11). By the answer's
    receipt, from which a new witness is reckoned: one that is asked for earlier would be asked for in vain."""
    assert fact.sought is not None
    name = fact.sought.client_order_id
    if name is not None and (action := draft.outbox.get(name)) is not None:
        draft.outbox[name] = replace(action, looked_up=fact.at)
    if name is None and fact.sought.order_id is not None:
        name = draft.order_names.get(fact.sought.order_id)
    for client_id, action in _sorted(draft):
        if action.terms.kind == "cancel" and _is_target(fact, action.terms.order_id, action.terms.target):
            draft.outbox[client_id] = replace(action, looked_up=fact.at)
    slot = None if name is None else draft.order(name)
    if name is not None and slot is not None:
        noted = replace(slot, looked_up=fact.at)
        if name in draft.orders:
            draft.orders[name] = noted
        else:
            draft.ended_orders.put(name, noted)


def _is_target(fact: Observed, order_id: str | None, target: str | None) -> bool:
    assert fact.sought is not None
    sought = fact.sought
    return (order_id is not None and sought.order_id == order_id) or (
        target is not None and sought.client_order_id == target
    )


def _sorted(draft: Draft) -> list[tuple[str, ActionSlot]]:
    outbox = draft.outbox.finish()
    draft.outbox = outbox.mutate()
    return sorted(outbox.items(), key=lambda one: one[0])


# -- actions -----------------------------------------------------------------------------------------------


def action_sent(draft: Draft, position: int, fact: ActionSent) -> None:
    slot = draft.outbox[fact.client_id]
    draft.outbox[fact.client_id] = replace(slot, state="sent", sent=fact.at)


def action_answered(draft: Draft, position: int, fact: ActionAnswered) -> None:
    slot = draft.outbox[fact.client_id]
    draft.outbox[fact.client_id] = replace(
        slot,
        state=fact.state,
        connection=fact.connection,
        order_id=fact.order_id or slot.order_id,
        why=fact.why,
    )
    if fact.state != "unknown":
        draft.order_ends = draft.order_ends.set(slot.terms.symbol, fact.at)


def interrupted(draft: Draft) -> None:
    """A new epoch: what an earlier one sent and never heard of again is unknown, and its connection is gone."""
    for client_id, slot in _sorted(draft):
        if slot.state == "sent":
            why = "the process that sent it ended before it heard what became of it"
            draft.outbox[client_id] = replace(slot, state="unknown", connection=0, why=why)
        elif slot.connection:
            draft.outbox[client_id] = replace(slot, connection=0)
