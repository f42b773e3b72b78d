"""Which open positions have no working stop, and what is done about it?

Only where the policy asks for it (law 10). A position that two independent answers show without a stop gets one; what
became of it is looked up before it is asked for again; after `retries_max` it is closed, reduce-only and no more than
what is live (L22); if even that fails a person is told, and goes on being told of in every report. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from trueup.decisions import (
    ActionPurpose,
    ActionRequested,
    ActionTerms,
    ProtectionMoved,
    ProtectionState,
)
from trueup.explain import named
from trueup.facts import Observed
from trueup.model import BrokerOrder, BrokerPosition, Key, elapsed_ns, plain
from trueup.policy import Protect
from trueup.protection import closing_side, is_protected, stop_price
from trueup.reconciliation.deciding import Deciding
from trueup.reconciliation.identity import action_id
from trueup.reconciliation.reducing import room
from trueup.reconciliation.settling import unsettled
from trueup.reconciliation.state import Guard, State


def guard_positions(deciding: Deciding, fact: Observed) -> None:
    """Watch the invariant on every answer about positions or working orders."""
    state = deciding.state
    protect = state.policy.protect
    if protect is None:
        for key in sorted(state.guards):
            _move(deciding, state.guards[key], "protected", 0, "the policy asks for no protection any more")
        return
    if not _can_tell(state) or (fact.surface == "positions" and fact.completeness not in ("complete", "partial")):
        return  # that working orders cannot be listed is learned as well by an answer that lists none
    rows = state.view().rows
    orders = state.view("open_orders").orders
    for key in sorted(state.guards):
        row = rows.get(key)
        if row is None or is_protected(row, orders.values()):
            why = "the position is gone" if row is None else "it has a working stop"
            _move(deciding, state.guards[key], "protected", state.guards[key].attempts, why)
    for key in _unprotected(state, rows, orders):
        _unguarded(deciding, fact, protect, key, rows[key])


def _can_tell(state: State) -> bool:
    """Whether positions were answered completely in this epoch, and working orders at least asked for."""
    positions, orders = state.view(), state.view("open_orders")
    if not positions.complete or positions.complete_asked.epoch != state.epoch or state.hold is not None:
        return False
    return not _is_blind(state) or orders.failures > 0


def _is_blind(state: State) -> bool:
    """Whether the broker should list working orders, and has not done so completely in this epoch."""
    orders = state.view("open_orders")
    if "open_orders" not in state.surfaces or not orders.supported:
        return False
    return not orders.complete or orders.complete_asked.epoch != state.epoch


def _unprotected(state: State, rows: Mapping[Key, BrokerPosition], orders: Mapping[str, BrokerOrder]) -> list[Key]:
    stops = [row for row in orders.values() if row.stop is not None or "stop" in row.type]
    return sorted(
        key
        for key, row in rows.items()
        if not is_protected(row, stops) and not state.policy.is_dust(row.symbol, row.signed_quantity)
    )


def _unguarded(deciding: Deciding, fact: Observed, protect: Protect, key: Key, row: BrokerPosition) -> None:
    """One position without a stop: first seen, or the next step of what is done about it."""
    state = deciding.state
    guard = state.guards.get(key)
    if guard is None:
        _move(
            deciding, Guard.first(key, row.symbol, row.ticket, fact.at), "unprotected", 0, "first seen without a stop"
        )
        return
    if _under_way(state, guard) or not _is_new_witness(state, key, guard, row):
        return
    if _is_blind(state):
        _give_up(deciding, guard, "working orders cannot be listed, so nobody can tell whether one of them is a stop")
    elif why := _unseen(state, guard, row):
        _give_up(deciding, guard, why)
    elif guard.state in ("unprotected", "placing") and guard.attempts < protect.retries_max:
        _place(deciding, protect, guard, row)
    elif guard.state in ("unprotected", "placing"):
        _exit(deciding, guard, row)
    elif guard.state == "exiting":
        _give_up(deciding, guard, "it was asked to be closed, and it is still open")


def _unseen(state: State, guard: Guard, row: BrokerPosition) -> str:
    """Why a stop could be there although nobody sees it; '' where it would be seen. One more would be placed beside it,
    and in the end a position be closed that was protected all along (law 4, L22)."""
    if state.offers("open_orders"):
        return ""
    if row.stop is None:
        return "the broker tells neither of the stops of positions nor of working orders"
    placed = state.ended_actions.get(action_id(state, "protect", guard.key, guard.position, guard.attempts))
    if placed is not None and placed.state == "done":
        return "a stop was acknowledged, and the broker lists no working orders among which it could be seen"
    return ""


def _is_new_witness(state: State, key: Key, guard: Guard, row: BrokerPosition) -> bool:
    """Whether what positions *and* working orders show was asked for after the last step had settled: of a skewed
    pair, the one that does not show the stop yet would have another one placed beside it (L12)."""
    asked = [state.view().asked]
    if state.offers("open_orders") and not _is_blind(state):
        asked.append(state.view("open_orders").complete_asked)
    settle_ns = max(state.settle_ns("positions"), state.settle_ns("open_orders"))
    spacing_ns = max(state.spacing_ns("positions"), state.spacing_ns("open_orders"))
    slot = state.slot(key)
    return all(
        elapsed_ns(guard.received, one) >= spacing_ns and unsettled(state, slot, row.symbol, one, settle_ns) is None
        for one in asked
    )


def _under_way(state: State, guard: Guard) -> bool:
    """Whether an action for that position waits for its answer, or for a look-up."""
    return any(slot.key == guard.key and slot.purpose in ("protect", "exit") for slot in state.outbox.values())


def _place(deciding: Deciding, protect: Protect, guard: Guard, row: BrokerPosition) -> None:
    state = deciding.state
    held = state.held(guard.key)
    entry = row.price if row.price is not None or held is None else held.price
    if "place_stop" not in state.actions:
        _give_up(deciding, guard, "this broker cannot be asked for a stop")
        return
    if entry is None:
        _give_up(deciding, guard, "nobody states at what price it was opened, so there is none to place a stop from")
        return
    known = state.policy.instruments.get(row.symbol)
    price = stop_price(row, entry, protect.stop_distance_pct, None if known is None else known.tick)
    size = row.signed_quantity.copy_abs()
    terms = ActionTerms("place_stop", row.symbol, row.ticket, closing_side(row), size, price)
    attempt = guard.attempts + 1
    why = (
        f"{named(row.symbol, row.ticket)} has no working stop: one at {plain(price)}, "
        f"{plain(protect.stop_distance_pct)} % from its entry at {plain(entry)}"
    )
    _request(deciding, guard, terms, "protect", attempt, why)
    _move(deciding, guard, "placing", attempt, f"a stop at {plain(price)} is asked for, attempt {attempt}")


def _exit(deciding: Deciding, guard: Guard, row: BrokerPosition) -> None:
    state = deciding.state
    if "close_position" not in state.actions:
        _give_up(deciding, guard, f"{guard.attempts} stops were asked for, and this broker cannot be asked to close it")
        return
    left = room(state, row, state.view().complete_asked, state.at, stops=False)
    if left.free <= 0:
        _give_up(deciding, guard, f"no stop could be placed, and others have a claim on all of it: {left.told()}")
        return
    terms = ActionTerms("close_position", row.symbol, row.ticket, closing_side(row), left.free)
    why = (
        f"{guard.attempts} stops for {named(row.symbol, row.ticket)} were asked for and none works: closed, reduce-only"
    )
    _request(deciding, guard, terms, "exit", 1, why)
    _move(deciding, guard, "exiting", guard.attempts, "no stop could be placed: it is asked to be closed")
    deciding.alert("critical", "protective-exit", why)


def _give_up(deciding: Deciding, guard: Guard, why: str) -> None:
    """A person has to see to it; told once, and standing in every report until it is over."""
    if guard.state == "critical":
        return
    _move(deciding, guard, "critical", guard.attempts, why)
    text = f"{named(guard.symbol, guard.ticket)} has no working stop: {why}"
    deciding.alert("critical", "unprotected", text)


def _request(
    deciding: Deciding, guard: Guard, terms: ActionTerms, purpose: ActionPurpose, attempt: int, why: str
) -> None:
    state = deciding.state
    client_id = action_id(state, purpose, guard.key, guard.position, attempt)
    deciding.emit([
        ActionRequested(
            deciding.cause, deciding.at_ns, state.policy_mark, client_id, terms, purpose, guard.key, attempt, why
        )
    ])  # fmt: skip


def _move(deciding: Deciding, guard: Guard, state: ProtectionState, attempts: int, why: str) -> None:
    mark = deciding.state.policy_mark
    deciding.emit([
        ProtectionMoved(
            deciding.cause, deciding.at_ns, mark, guard.key, guard.symbol, guard.ticket, state, attempts, why
        )
    ])  # fmt: skip
