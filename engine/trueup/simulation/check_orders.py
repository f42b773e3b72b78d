"""Was everything sent at most once, was nothing given up that lived, and is every position protected in the end?

Laws 2 (as far as orders go), 6 and 10, held against the orders that there truly were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from trueup.decisions import ActionMoved, ActionRequested, AlertRaised, BreakMoved
from trueup.model import TERMINAL, BookOrder, BrokerOrder, BrokerPosition, OrderStatus
from trueup.reconciliation.state import State
from trueup.simulation.check_values import Violation
from trueup.simulation.desk import guarded, working
from trueup.simulation.history import History
from trueup.simulation.loop import MS

if TYPE_CHECKING:
    from trueup.simulation.world import World

OVER: tuple[str, ...] = ("done", "failed", "abandoned")


def check_orders(world: World, history: History) -> Iterator[Violation]:
    """Laws 2, 6 and 10."""
    yield from _sent_once(world)
    yield from _one_at_a_time(history)
    if world.settings.honest:
        yield from _failed_means_failed(world, history)
        yield from _gone_means_gone(world, history)
        yield from _needless_exits(world, history)
    if world.settings.lists_orders:
        yield from _agree(world, history)
        yield from _over(world, history.state)
        yield from _protected(world, history)


# -- law 6 -------------------------------------------------------------------------------------------------


def _sent_once(world: World) -> Iterator[Violation]:
    """Each client id once, and never before the journal said so; no cancel of what protects (L21, L22, L26)."""
    times = Counter(one.action.client_id for one in world.acted)
    for client_id, count in sorted(times.items()):
        if count > 1 and not world.lost_tail:
            yield Violation(6, f"action {client_id} was sent {count} times")
    for one in world.acted:
        if not one.stored:
            yield Violation(6, f"action {one.action.client_id} was sent before it was stored")
        if one.guards is not None:
            yield Violation(10, f"a cancel was sent for the stop that protects {one.guards}")


def _one_at_a_time(history: History) -> Iterator[Violation]:
    """Nothing is asked for again while it is not known what became of it before (L21, L24)."""
    under_way: dict[tuple[str, str], str] = {}
    of: dict[str, tuple[str, str]] = {}
    for turn in history.turns:
        for one in turn.decisions:
            if isinstance(one, ActionRequested):
                what = str(one.terms.kind), one.key
                if what in under_way:
                    why = f"asked for at {turn.position}, while {under_way[what]} was open"
                    yield Violation(6, f"{one.terms.kind} for {one.key} was {why}")
                under_way[what], of[one.client_id] = one.client_id, what
            elif isinstance(one, ActionMoved) and one.state in OVER:
                what = of.get(one.client_id, ("", ""))
                if under_way.get(what) == one.client_id:
                    del under_way[what]


def _failed_means_failed(world: World, history: History) -> Iterator[Violation]:
    """What was said never to have arrived never arrives; what is said to be done took effect."""
    placed = {
        one.client_id
        for turn in history.turns
        for one in turn.decisions
        if isinstance(one, ActionRequested) and one.terms.kind != "cancel"
    }
    for turn in history.turns:
        for one in turn.decisions:
            if not isinstance(one, ActionMoved) or one.client_id not in placed:
                continue
            took_effect = world.desk.carried_out.get(one.client_id, 0)
            if one.state == "failed" and took_effect:
                yield Violation(6, f"action {one.client_id} was given up at {turn.position}, and took effect")
            if one.state == "done" and not took_effect:
                yield Violation(6, f"action {one.client_id} is called done at {turn.position}, and never took effect")


def _gone_means_gone(world: World, history: History) -> Iterator[Violation]:
    """An order that was given up because nobody found it did not work at any moment that the answer may show (L04)."""
    for turn in history.turns:
        for one in turn.decisions:
            made = one.order_correction if isinstance(one, BreakMoved) else None
            said = history.said.get(turn.position)
            if made is None or made.kind != "ghost" or said is None or said.received_ns is None:
                continue
            since_ns = said.first_ns - world.settings.lag_ms * MS
            states = world.desk.past.during(since_ns, said.received_ns)
            if all(_works(state, made.after.client_order_id) for state in states):
                yield Violation(6, f"order {made.after.client_order_id} was given up at {turn.position}, and works")


def _works(orders: Mapping[str, BrokerOrder], name: str) -> bool:
    return any(one.client_order_id == name and one.status not in TERMINAL for one in orders.values())


# -- law 2 -------------------------------------------------------------------------------------------------


def _agree(world: World, history: History) -> Iterator[Violation]:
    """After the liveness phase the book's open orders are those that work, filled as far."""
    state = history.state
    by_client = {one.client_order_id: one for one in world.desk.orders.values() if one.client_order_id is not None}
    if state.policy.on_ghost != "close" or state.policy.on_drift != "correct":
        return
    for name, slot in sorted(state.orders.items()):
        theirs = by_client.get(name) or world.desk.orders.get(slot.order.order_id or "")
        why = _differ(slot.order, theirs)
        if why and not _left_to_people(state, name):
            yield Violation(2, f"order {name}: {why}, long after faults stopped")
    ours = {one.client_order_id for one in working(world.desk.orders).values() if one.client_order_id is not None}
    for name in sorted(ours):
        known = state.order(name)
        if known is not None and not known.order.is_open and not _left_to_people(state, name):
            yield Violation(2, f"order {name} works at the broker; in the book it is {known.order.status.value}")
    for order in working(world.desk.orders).values():
        yield from _stranger(world, state, order)


def _over(world: World, state: State) -> Iterator[Violation]:
    """A break about an order is open, in the end, only where there is something to it (L52, L56)."""
    by_client = {one.client_order_id: one for one in world.desk.orders.values() if one.client_order_id is not None}
    for name in sorted(state.order_breaks):
        if name.startswith("@"):
            theirs = world.desk.orders.get(name.removeprefix("@"))
            if theirs is None or theirs.status in TERMINAL:
                yield Violation(2, f"a break is open about order {name}, which is gone")
            continue
        slot = state.order(name)
        theirs = by_client.get(name) or world.desk.orders.get((slot and slot.order.order_id) or "")
        works = theirs is not None and theirs.status not in TERMINAL
        if slot is None or (not slot.order.is_open and not works):
            yield Violation(2, f"a break is open about order {name}, which has ended on both sides")
        elif slot.order.is_open and works and not _differ(slot.order, theirs):
            yield Violation(2, f"a break is open about order {name}, and the two sides agree")


def _left_to_people(state: State, name: str) -> bool:
    """Whether a person was told that an order differs."""
    return any(one.state == "escalated" for one in state.order_breaks.get(name, ()))


def _differ(ours: BookOrder, theirs: BrokerOrder | None) -> str:
    """Why an order that is open in the book is not the broker's; '' where it is."""
    if ours.status is OrderStatus.SCHEDULED:
        return ""
    if theirs is None:
        return f"{ours.status.value} in the book, and the broker never had it"
    if theirs.status in TERMINAL:
        return f"{ours.status.value} in the book, {theirs.status.value} at the broker"
    if ours.filled != (theirs.filled or Decimal(0)):
        return f"{ours.filled} of it is filled in the book, {theirs.filled} at the broker"
    said = ((one.side, one.quantity, one.limit) for one in (ours, theirs))
    if next(said) != (found := next(said)):
        return f"{ours.side} {ours.quantity} at {ours.limit} in the book, {found} at the broker"
    return ""


def _stranger(world: World, state: State, order: BrokerOrder) -> Iterator[Violation]:
    """An order that nobody knows was adopted, cancelled, or is told of."""
    if order.client_order_id is not None:
        return
    name = f"external:{order.order_id}"
    known = state.order(name) is not None or _left_to_people(state, f"@{order.order_id}")
    if not known:
        yield Violation(2, f"order {order.order_id} of somebody else works at the broker, and nobody says so")


# -- law 10 ------------------------------------------------------------------------------------------------


def _protected(world: World, history: History) -> Iterator[Violation]:
    """Where the policy asks for it, every position has a stop in the end, or a person was told that it has none."""
    state = history.state
    if state.policy.protect is None:
        return
    told = [
        one.text
        for turn in history.turns
        for one in turn.decisions
        if isinstance(one, AlertRaised) and one.severity == "critical"
    ]
    for key, row in sorted(world.exchange.rows.items()):
        under_way = any(slot.key == key for slot in state.outbox.values())
        if _is_guarded(world, row) or under_way:
            continue
        if not any(row.symbol in text and (row.ticket or "") in text for text in told):
            yield Violation(10, f"{key} has no stop, none is under way, and nobody was told")


def _needless_exits(world: World, history: History) -> Iterator[Violation]:
    """No position is closed for want of a stop while one works, as every answer that the broker may give must show."""
    for turn in history.turns:
        said = history.said.get(turn.position)
        for one in turn.decisions:
            exits = isinstance(one, ActionRequested) and one.purpose == "exit"
            if not exits or said is None or said.received_ns is None:
                continue
            assert isinstance(one, ActionRequested)
            row = world.exchange.at(said.received_ns).get(one.key)
            states = world.desk.past.during(said.first_ns - world.settings.lag_ms * MS, said.received_ns)
            if row is not None and all(_covers(world, orders, row) for orders in states):
                yield Violation(10, f"{one.key} was to be closed at {turn.position}, though a stop works")


def _is_guarded(world: World, row: BrokerPosition) -> bool:
    return _covers(world, world.desk.orders, row)


def _covers(world: World, orders: Mapping[str, BrokerOrder], row: BrokerPosition) -> bool:
    """Whether a position has a stop of its own, or working ones that cover it; by our own rule."""
    if row.stop is not None and row.stop.price is not None:
        return True
    covered = Decimal(0)
    for order in working(orders).values():
        is_stop = order.stop is not None or "stop" in order.type
        mine = {row.symbol if world.settings.mode == "netting" else f"#{row.ticket}": row}
        fits = order.quantity <= row.signed_quantity.copy_abs()  # a larger one would open the other side (L22)
        if is_stop and fits and guarded(order, mine) is not None:
            covered += order.quantity - (order.filled or Decimal(0))
    return covered >= row.signed_quantity.copy_abs()
