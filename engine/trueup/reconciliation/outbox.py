"""What was asked of the broker, what may be sent now, and what has to be looked up first?

An action is stored with its client id before it is sent, and sent at most once under it. Whose outcome is unknown is
looked up; only when it provably never arrived may it be asked for again, under another id (law 6, L21, L22, L25). "Not
found" counts once the answer is behind the sending on the same connection, or `action_queue_s_max` later: a server
may still execute what a closed connection had queued. Pure.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from trueup.decisions import ActionMoved, ActionState, Decision
from trueup.evidence import independent
from trueup.facts import ActionAnswered, Observed, Sought
from trueup.model import TERMINAL, BrokerOrder, Moment, OrderStatus, elapsed_ns
from trueup.orders import told_name
from trueup.reconciliation.order_inputs import named
from trueup.reconciliation.state import ActionSlot, OrderSlot, State

NS: Final = 1_000_000_000


def is_ours(state: State, row: BrokerOrder) -> bool:
    """Whether an order at the broker is one that we asked for ourselves: never an orphan."""
    name = row.client_order_id
    if name is None or (name not in state.outbox and state.ended_actions.get(name) is None):
        return False
    return state.order(name) is None or named(state, row) == name  # a second one under its client id is nobody's


def to_send(state: State) -> list[str]:
    """The client ids of what was requested and not sent yet, oldest first."""
    waiting = [(slot.position, client_id) for client_id, slot in state.outbox.items() if slot.state == "requested"]
    return [client_id for _, client_id in sorted(waiting)]


# -- what to look up ---------------------------------------------------------------------------------------


def to_look_up(state: State, now: Moment) -> list[Sought]:
    """Which orders to ask for by their ids now: actions whose outcome is unknown, then working orders of ours that
    no list mentions; who waited longest first, at most `look_ups_max` (L11)."""
    if "order" not in state.surfaces or not state.view("order").supported:
        return []
    waiting: list[tuple[tuple[int, int, int, str], Sought]] = []
    spacing_ns = state.spacing_ns("order")
    for client_id, action in state.outbox.items():
        if action.state == "unknown" and _rested(action.looked_up, now, spacing_ns):
            waiting.append(((0, *_since(action.looked_up), client_id), _sought(client_id, action)))
    for name in state.doubted:
        doubted = state.order(name)
        if doubted is not None and _rested(doubted.looked_up, now, spacing_ns):
            waiting.append(((0, *_since(doubted.looked_up), name), _of(doubted)))
    listed = _listed(state)
    for name, slot in state.orders.items():
        if (
            name not in listed
            and name not in state.doubted
            and is_missing(state, slot, now)
            and _rested(slot.looked_up, now, spacing_ns)
        ):
            waiting.append(((1, *_since(slot.looked_up), name), _of(slot)))
    return [sought for _, sought in sorted(waiting, key=lambda one: one[0])[: state.policy.look_ups_max]]


def _of(slot: OrderSlot) -> Sought:
    """An order by the ids that the broker knows: of one that it never had a client id for, its own alone. A broker that
    is asked for both, and finds the order under another client id or none, does not find it (L04)."""
    return Sought(told_name(slot.order), slot.order.order_id)


def _since(looked_up: Moment) -> tuple[int, int]:
    return looked_up.epoch, looked_up.tick_ns


def _rested(looked_up: Moment, now: Moment, spacing_ns: int) -> bool:
    """Whether the last look-up is long enough ago for another one to be a new witness."""
    return not looked_up.at_ns or elapsed_ns(looked_up, now) >= spacing_ns


def _sought(client_id: str, slot: ActionSlot) -> Sought:
    if slot.terms.kind == "cancel":
        return Sought(slot.terms.target, slot.terms.order_id)
    return Sought(client_id, slot.order_id)


def _listed(state: State) -> frozenset[str]:
    """Our orders that the last complete list of working orders shows."""
    found = (named(state, row) for row in state.view("open_orders").orders.values())
    return frozenset(name for name in found if name is not None)


def is_missing(state: State, slot: OrderSlot, now: Moment) -> bool:
    """Whether a working order of ours should be at the broker by now, so that its not being listed means something."""
    order = slot.order
    if order.status is OrderStatus.SCHEDULED:
        return is_overdue(state, slot, now)
    young = elapsed_ns(slot.pending_since, now) < state.policy.in_flight_s_max * NS
    if order.status is OrderStatus.PENDING and slot.pending_since.epoch == now.epoch and young:
        return False
    listed = state.view("open_orders")
    if state.offers("open_orders") and elapsed_ns(slot.changed, listed.complete_asked) < state.settle_ns("open_orders"):
        return False  # no complete list has been asked for since
    return elapsed_ns(slot.changed, now) >= state.settle_ns("order")


def unlisted_ns(state: State, now: Moment) -> list[int]:
    """For working orders that the last list does not show, and that changed too shortly before it for that to mean
    anything: until a list does, from now."""
    listed, settle_ns = state.view("open_orders"), state.settle_ns("open_orders")
    known = _listed(state)
    return [
        max(0, settle_ns - elapsed_ns(slot.changed, now))
        for name, slot in state.orders.items()
        if name not in known
        and slot.order.status not in (OrderStatus.SCHEDULED, OrderStatus.PENDING)
        and elapsed_ns(slot.changed, listed.complete_asked) < settle_ns
    ]


def is_overdue(state: State, slot: OrderSlot, now: Moment) -> bool:
    """Whether the time of a planned slice has passed and nobody has sent it: its scheduler may be dead."""
    due = slot.order.scheduled_for
    if due is None or slot.rearmed_epoch == state.epoch:
        return False
    due_ns = int(datetime.fromisoformat(due).timestamp()) * NS
    return now.at_ns - due_ns >= state.policy.in_flight_s_max * NS


# -- what became of them -----------------------------------------------------------------------------------


def answered(state: State, fact: ActionAnswered, *, cause: int) -> Decision:
    """What an answer to an action settles. A refused cancel is unknown: the order may be filling (L23)."""
    slot = state.outbox[fact.client_id]
    if fact.state == "acknowledged":
        return _moved(state, cause, fact.at.at_ns, fact.client_id, "done", "the broker acknowledged it")
    if fact.state == "rejected" and slot.terms.kind != "cancel":
        return _moved(state, cause, fact.at.at_ns, fact.client_id, "failed", f"the broker rejected it: {fact.why}")
    why = f"{'refused' if fact.state == 'rejected' else 'no answer'}: {fact.why}; it is looked up before anything else"
    return _moved(state, cause, fact.at.at_ns, fact.client_id, "unknown", why)


def looked_up_actions(state: State, fact: Observed, found: BrokerOrder | None) -> list[Decision]:
    """What a complete look-up says of the actions whose outcome it was asked for."""
    assert fact.sought is not None
    moves: list[Decision] = []
    for client_id in sorted(state.outbox):
        slot = state.outbox[client_id]
        if slot.state != "unknown" or not _is_of(client_id, slot, fact.sought):
            continue
        moved = _cancelled(state, fact, client_id, slot, found) if slot.terms.kind == "cancel" else None
        if slot.terms.kind != "cancel":
            moved = _arrived(state, fact, client_id, slot, found)
        if moved is not None:
            moves.append(moved)
    return moves


def _is_of(client_id: str, slot: ActionSlot, sought: Sought) -> bool:
    if slot.terms.kind == "cancel":
        same_order = sought.order_id is not None and sought.order_id == slot.terms.order_id
        return same_order or (sought.client_order_id is not None and sought.client_order_id == slot.terms.target)
    return sought.client_order_id == client_id


def _arrived(
    state: State, fact: Observed, client_id: str, slot: ActionSlot, found: BrokerOrder | None
) -> ActionMoved | None:
    """An order that we asked for: it is there, or it provably is not."""
    position, at_ns = state.view("order").position, fact.at.at_ns
    if found is not None:
        if found.status is OrderStatus.REJECTED:
            return _moved(state, position, at_ns, client_id, "failed", "looked up: the broker had rejected it")
        return _moved(state, position, at_ns, client_id, "done", "looked up: it is there")
    return _absent(state, fact, client_id, slot, "failed")


def _cancelled(
    state: State, fact: Observed, client_id: str, slot: ActionSlot, found: BrokerOrder | None
) -> ActionMoved | None:
    """An order that we asked to be cancelled: it has ended, or it works on although the cancel was heard."""
    position, at_ns = state.view("order").position, fact.at.at_ns
    if found is None:
        return _absent(state, fact, client_id, slot, "done")
    if found.status in TERMINAL:
        why = f"looked up: the order has ended, {found.status.value}"
        return _moved(state, position, at_ns, client_id, "done", why)
    if behind(state, fact, slot) and elapsed_ns(slot.sent, fact.asked) >= state.settle_ns("order"):
        return _moved(state, position, at_ns, client_id, "failed", "looked up: the order works on")
    return None


def _absent(state: State, fact: Observed, client_id: str, slot: ActionSlot, end: ActionState) -> ActionMoved | None:
    """Not found: an absence, which needs its proof (law 6)."""
    position, at_ns = state.view("order").position, fact.at.at_ns
    if not behind(state, fact, slot):
        return None
    seen = slot.sightings
    if seen is not None and not independent(seen, fact.asked, spacing_ns=state.spacing_ns("order")):
        return None
    count = 1 if seen is None else seen.count + 1
    needed = state.policy.confirmations
    proof = (*(() if seen is None else seen.proof), position)
    if count < needed:
        why = f"not found; {count} of {needed} independent look-ups that decide"
        return _moved(state, position, at_ns, client_id, "unknown", why, proof, count)
    why = f"{count} independent look-ups did not find it: it never arrived"
    return _moved(state, position, at_ns, client_id, end, why, proof, count)


def behind(state: State, fact: Observed, slot: ActionSlot) -> bool:
    """Whether a look-up was answered behind the sending on one connection, or asked long enough after it."""
    if slot.connection and fact.connection == slot.connection and slot.sent.epoch == fact.asked.epoch:
        return True
    return elapsed_ns(slot.sent, fact.asked) >= state.policy.action_queue_s_max * NS


def _moved(
    state: State,
    cause: int,
    at_ns: int,
    client_id: str,
    to: ActionState,
    why: str,
    proof: tuple[int, ...] = (),
    sightings: int = 0,
) -> ActionMoved:
    return ActionMoved(cause, at_ns, state.policy_mark, client_id, to, why, proof or (cause,), sightings)
