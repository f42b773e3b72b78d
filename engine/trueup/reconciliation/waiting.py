"""When is it worth asking the broker again, so that an open break can be decided?

The start-up pass asks again only for what another answer could settle before its deadline; it never waits for a
broker that was not heard, for a refused row, or for what only a human can decide. Pure arithmetic on the state.
"""

from __future__ import annotations

from trueup.model import Key, Moment, OrderStatus, elapsed_ns
from trueup.reconciliation.outbox import to_look_up, unlisted_ns
from trueup.reconciliation.state import Break, Guard, OrderSlot, State

MARGIN_NS = 1_000_000
"""Asked this much later than necessary: clocks are read at more than one place."""


def next_question_ns(state: State, now: Moment) -> int | None:
    """Nanoseconds from `now` until another positions answer could decide something; None when none could."""
    view = state.view()
    if view.failures or not view.answers:
        return None
    times = [
        _earliest_ns(state, key, one, now)
        for key, breaks in state.breaks.items()
        for one in breaks
        if _decidable(state, one)
    ]
    if _suspicious_once(state):
        times.append(_spaced_ns(state, view.received, now))
    times += _order_times(state, now)
    times += [_guarded_ns(state, guard, now) for guard in state.guards.values() if guard.state != "critical"]
    return max(0, min(times) + MARGIN_NS) if times else None


def _guarded_ns(state: State, guard: Guard, now: Moment) -> int:
    """Until positions and working orders can be asked for as new witnesses of a missing stop."""
    spacing_ns = max(state.spacing_ns("positions"), state.spacing_ns("open_orders"))
    return max(0, spacing_ns - elapsed_ns(guard.received, now), _settled_ns(state, guard.key, guard.symbol, now))


def fills_wanted_since(state: State) -> int | None:
    """Since which wall time fills are wanted, because look-ups did not find an order, or because we closed a position
    ourselves, and no fills were listed since; None when nothing waits for that."""
    listed = state.view("fills").complete_asked
    waiting = [
        guard.since.at_ns
        for guard in state.guards.values()
        if guard.state == "exiting" and elapsed_ns(guard.received, listed) < 0
    ]
    for name in sorted(state.order_breaks):
        slot = state.orders.get(name)
        for one in state.order_breaks[name]:
            if slot is None or one.kind != "ghost" or one.state == "escalated" or not one.sightings.count:
                continue
            if elapsed_ns(one.sightings.first_asked, listed) < 0:
                waiting.append(slot.pending_since.at_ns)
    return min(waiting, default=None)


def _order_times(state: State, now: Moment) -> list[int]:
    """When another answer about orders could decide something, from now."""
    times: list[int] = []
    if to_look_up(state, now):
        times.append(0)
    look_ups = "order" in state.surfaces and state.view("order").supported and not state.view("order").failures
    if look_ups:
        times += [_rest_ns(state, one.looked_up, now) for one in state.outbox.values() if one.state == "unknown"]
    lists = state.offers("open_orders") and not state.view("open_orders").failures
    if lists and look_ups and state.foreign.orders.read:  # what a book elsewhere has working was heard of just now
        times += unlisted_ns(state, now)
    for name in sorted(state.order_breaks):
        slot = state.orders.get(name)
        for one in state.order_breaks[name]:
            if one.state == "escalated":
                continue
            if one.kind == "ghost" and look_ups and slot is not None:
                times.append(max(_rest_ns(state, slot.looked_up, now), _queue_ns(state, slot, now)))
            elif one.kind != "ghost" and lists:
                times.append(_listed_ns(state, slot, one, now))
    return times


def _rest_ns(state: State, looked_up: Moment, now: Moment) -> int:
    return max(0, state.spacing_ns("order") - elapsed_ns(looked_up, now)) if looked_up.at_ns else 0


def _queue_ns(state: State, slot: OrderSlot, now: Moment) -> int:
    """Until a look-up of an order that was recorded as pending counts (law 6)."""
    if slot.order.status is not OrderStatus.PENDING:
        return max(0, state.settle_ns("order") - elapsed_ns(slot.changed, now))
    return max(0, state.policy.action_queue_s_max * 1_000_000_000 - elapsed_ns(slot.pending_since, now))


def _listed_ns(state: State, slot: OrderSlot | None, one: Break, now: Moment) -> int:
    if one.sightings.count:
        return max(0, state.spacing_ns("open_orders") - elapsed_ns(one.sightings.last_received, now))
    changed = one.opened if slot is None else slot.changed
    return max(0, state.settle_ns("open_orders") - elapsed_ns(changed, now))


def _decidable(state: State, one: Break) -> bool:
    """Whether another answer of the kind that came last could take the break further by itself."""
    if one.state == "escalated":
        return False
    if one.kind != "ghost":
        return True
    return state.view().complete and state.hold is None


def _suspicious_once(state: State) -> bool:
    """An empty or mass-absent answer that was seen only once in this epoch deserves a second look."""
    view = state.view()
    if not view.complete:
        return False
    emptied = not view.rows and view.completes == 1
    held = state.hold is not None and state.hold.since == view.received
    return emptied or held


def _earliest_ns(state: State, key: Key, one: Break, now: Moment) -> int:
    """When the next answer could count for this break, from now."""
    settled_ns = _settled_ns(state, key, one.symbol, now)  # also of one seen before: an order may have ended since
    return max(settled_ns, _spaced_ns(state, one.sightings.last_received, now)) if one.sightings.count else settled_ns


def _settled_ns(state: State, key: Key, symbol: str, now: Moment) -> int:
    """Until the last change of the key, the end of an order on its symbol and those in flight are far enough back:
    until `settling.unsettled` has nothing to say, if nothing happens meanwhile."""
    settle_ns = state.settle_ns("positions")
    slot = state.slot(key)
    quiet_since = (None if slot is None else slot.changed, state.order_ends.get(symbol))
    waits = [settle_ns - elapsed_ns(moment, now) for moment in quiet_since if moment is not None]
    for name in state.in_flight.get(symbol, ()):
        since = state.orders[name].pending_since
        if since.epoch < now.epoch:
            waits.append(settle_ns - now.tick_ns)
        else:
            waits.append(state.policy.in_flight_s_max * 1_000_000_000 - elapsed_ns(since, now))
    return max(0, *waits) if waits else 0


def _spaced_ns(state: State, received: Moment, now: Moment) -> int:
    return max(0, state.spacing_ns("positions") - elapsed_ns(received, now))
