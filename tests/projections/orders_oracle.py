"""What should the tables of orders and actions hold? Reckoned from the journal, one event at a time, and said anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from projections.tables import ask, dicts  # noqa: TID251 - our own folder
from trueup.decisions import ActionMoved, ActionRequested, Decision
from trueup.facts import ActionAnswered, ActionSent, Observed
from trueup.journal import Recorded
from trueup.model import plain
from trueup.reconciliation.fold import fold
from trueup.reconciliation.order_inputs import named
from trueup.reconciliation.orphans import guarded, orphans_of
from trueup.reconciliation.state import OrderSlot, State

SETTLED = ("done", "failed", "abandoned")


def remembered(state: State) -> dict[str, OrderSlot]:
    """Every order that the fold knows, by client order id."""
    return {**state.ended_orders.old, **state.ended_orders.young, **state.orders}


def orders_are_those_of(state: State, path: Path) -> None:
    """The tables of either side's orders against the state at the journal's end."""
    account = state.account
    told = {row["client_order_id"]: row for row in dicts(path, "SELECT * FROM orders WHERE account = ?", account)}
    assert set(told) == set(remembered(state))
    for name, slot in remembered(state).items():
        order, row = slot.order, told[name]
        assert (row["status"], row["symbol"], row["side"]) == (order.status.value, order.symbol, order.side)
        assert (row["filled"], row["executed"]) == (plain(order.filled), plain(slot.executed))
        assert (row["quantity"], row["order_id"], row["mark"]) == (
            plain(order.quantity),
            order.order_id,
            order.mark or None,
        )
        assert row["limit"] == (None if order.limit is None else plain(order.limit))
        assert row["is_open"] == (name in state.orders)
        assert row["overfilled"] == (order.filled > order.quantity or slot.executed > order.quantity)
        assert (row["changed_position"], row["changed_at_ns"]) == (slot.position, slot.changed.at_ns)
    listed = state.view("open_orders").orders
    told = {row["ref"]: row for row in dicts(path, "SELECT * FROM broker_orders WHERE account = ?", account)}
    assert set(told) == set(listed)
    for ref, row in listed.items():
        assert (told[ref]["status"], told[ref]["quantity"]) == (row.status.value, plain(row.quantity))
        assert told[ref]["known_as"] == named(state, row)
    told = {row["ref"]: row for row in dicts(path, "SELECT * FROM orphans WHERE account = ?", account)}
    assert set(told) == set(orphans_of(state))
    for ref, row in orphans_of(state).items():
        known = state.order_breaks.get(f"@{ref}", ())
        assert (told[ref]["protects"], told[ref]["break_id"]) == (
            guarded(state, row),
            known[0].id if known else None,
        )
    counts = (len(state.orders), len(listed), len(told), len(state.outbox), len(state.guards))
    question = "SELECT orders, broker_orders, orphans, unsettled, unprotected FROM accounts WHERE account = ?"
    assert ask(path, question, account) == [counts]


def lives_are_those_of(account: str, journal: list[Recorded], path: Path) -> None:
    """How each order and action went, folded event by event."""
    steps: list[tuple[Any, ...]] = []
    actions: dict[str, dict[str, Any]] = {}
    state = State(account=account)
    for position, event, _ in journal:
        after = fold(state, [(position, event)])
        before, now = remembered(state), remembered(after)
        for name in sorted(now):
            if name not in before or before[name].order != now[name].order:
                order = now[name].order
                steps.append((position, name, order.status.value, plain(order.filled), order.order_id))
        if isinstance(event, ActionRequested):
            actions[event.client_id] = {"requested": position, "sent": None, "answer": None, "look_ups": 0}
        elif isinstance(event, ActionSent):
            actions[event.client_id]["sent"] = position
        elif isinstance(event, ActionAnswered):
            actions[event.client_id]["answer"] = event.state
        elif isinstance(event, ActionMoved) and event.state in SETTLED:
            actions[event.client_id]["settled"] = position
        elif isinstance(event, Observed) and event.sought is not None:
            for client_id, slot in after.outbox.items():
                actions[client_id]["look_ups"] += slot.looked_up != state.outbox[client_id].looked_up
        for client_id, one in actions.items():
            slot = after.outbox.get(client_id) or after.ended_actions.get(client_id)
            assert slot is not None
            one |= {"state": slot.state, "why": slot.why, "is_open": int(client_id in after.outbox)}
        state = after
    question = "SELECT position, client_order_id, status, filled, order_id FROM order_steps WHERE account = ?"
    assert ask(path, question + " ORDER BY position, client_order_id", account) == steps
    told = {row["client_id"]: row for row in dicts(path, "SELECT * FROM actions WHERE account = ?", account)}
    assert set(told) == set(actions)
    for client_id, one in actions.items():
        row = told[client_id]
        assert (row["requested_position"], row["sent_position"]) == (one["requested"], one["sent"])
        assert (row["answer"], row["settled_position"]) == (one["answer"], one.get("settled"))
        assert (row["state"], row["why"], row["is_open"]) == (one["state"], one["why"], one["is_open"])
        assert row["look_ups"] == one["look_ups"]


def decided(journal: list[Recorded], kind: type[Decision]) -> list[int]:
    """Where decisions of a kind stand."""
    return [one.position for one in journal if isinstance(one.event, kind)]
