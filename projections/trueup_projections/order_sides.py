"""How do the tables of orders follow the fold: the book's, the broker's, and those that nobody knows?

As with positions (`sides`), what an order is after an event is said once, by the fold: the tables are what a state
says, and only what differs from the state before is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from immutables import Map
from msgspec.structs import replace

from trueup.model import BrokerOrder, BrokerPosition, Key
from trueup.reconciliation.order_inputs import named
from trueup.reconciliation.order_lifecycle import orphan_key
from trueup.reconciliation.orphans import guarded, orphans_of
from trueup.reconciliation.state import OrderSlot, Slot, State
from trueup_projections.order_cells import book_order, broker_order
from trueup_projections.writing import Rows

Listed: TypeAlias = tuple[BrokerOrder, str | None]
"""What the broker lists, and which order of the book it is."""
Orphan: TypeAlias = tuple[BrokerOrder, str | None, str | None]
"""What nobody knows, which position it protects, and the break about it."""


def changed_orders(before: State, after: State) -> list[str]:
    """The client order ids of which the two states say something different, in order."""
    sides = (
        (before.orders, after.orders),
        (before.ended_orders.young, after.ended_orders.young),
        (before.ended_orders.old, after.ended_orders.old),
    )
    names: set[str] = set()
    for was, now in sides:
        if was is not now:
            names.update(name for name, slot in now.items() if was.get(name) is not slot)
            names.update(name for name in was if name not in now)
    return sorted(name for name in names if _of(before, name) != _of(after, name))


def _of(state: State, name: str) -> tuple[bool, OrderSlot | None]:
    return name in state.orders, state.order(name)


def write_orders(rows: Rows, before: State, after: State) -> None:
    """The book's orders that differ between two states; what the fold no longer remembers is dropped."""
    for name in changed_orders(before, after):
        slot = after.order(name)
        if slot is None:
            rows.drop("orders", (after.account, name))
        else:
            rows.put("orders", book_order(after.account, slot, is_open=name in after.orders))


class BrokerOrders:
    """The broker's orders and the orphans among them, as they stand in the tables."""

    def __init__(self, state: State) -> None:
        self._listed = listed(state)
        self._orphans = orphans(state)

    @property
    def orphans(self) -> int:
        """How many nobody knows."""
        return len(self._orphans)

    def write(self, rows: Rows, state: State) -> None:
        """What differs in a newer state."""
        account = state.account
        now, strange = listed(state), orphans(state)
        for ref, one in now.items():
            if self._listed.get(ref) != one:
                rows.put("broker_orders", broker_order(account, ref, one[0]) | {"known_as": one[1]})
        for ref, found in strange.items():
            if self._orphans.get(ref) != found:
                row, protects, break_id = found
                rows.put("orphans", broker_order(account, ref, row) | {"protects": protects, "break_id": break_id})
        _drop(rows, "broker_orders", account, self._listed, now)
        _drop(rows, "orphans", account, self._orphans, strange)
        self._listed, self._orphans = now, strange


def _drop(rows: Rows, table: str, account: str, before: Iterable[str], now: Mapping[str, object]) -> None:
    for ref in before:
        if ref not in now:
            rows.drop(table, (account, ref))


def listed(state: State) -> dict[str, Listed]:
    """The broker's last complete list of working orders, by reference."""
    return {ref: (row, named(state, row)) for ref, row in state.view("open_orders").orders.items()}


def orphans(state: State) -> dict[str, Orphan]:
    """The orders of that list that nobody here knows, by reference."""
    found = orphans_of(state)
    near = _near(state, {row.symbol for row in found.values()})
    told: dict[str, Orphan] = {}
    for ref, row in found.items():
        known = next(iter(state.order_breaks.get(orphan_key(row), ())), None)
        told[ref] = (row, guarded(near[row.symbol], row), None if known is None else known.id)
    return told


def _near(state: State, symbols: set[str]) -> dict[str, State]:
    """For each symbol the state with the positions of that symbol alone: which order guards which position is said
    once, in the engine, and there it looks through all of them for each order (10,000 orphans at once: L60)."""
    if not symbols:
        return {}
    view = state.view()
    rows: dict[str, dict[Key, BrokerPosition]] = {symbol: {} for symbol in symbols}
    slots: dict[str, dict[Key, Slot]] = {symbol: {} for symbol in symbols}
    for key, row in view.rows.items():
        if row.symbol in symbols:
            rows[row.symbol][key] = row
    for key, slot in state.book.items():
        if slot.holding is not None and slot.holding.symbol in symbols:
            slots[slot.holding.symbol][key] = slot
    return {
        symbol: replace(
            state, book=Map(slots[symbol]), views=state.views.set("positions", replace(view, rows=rows[symbol]))
        )
        for symbol in symbols
    }
