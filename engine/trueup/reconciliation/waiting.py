"""When is it worth asking the broker again, so that an open break can be decided?

The start-up pass asks again only for what another answer could settle before its deadline; it never waits for a
broker that was not heard, for a refused row, or for what only a human can decide. Pure arithmetic on the state.
"""

from __future__ import annotations

from trueup.model import Key, Moment, elapsed_ns
from trueup.reconciliation.state import Break, State

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
    return max(0, min(times) + MARGIN_NS) if times else None


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
    if one.sightings.count:
        return _spaced_ns(state, one.sightings.last_received, now)
    return _settled_ns(state, key, one.symbol, now)


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
