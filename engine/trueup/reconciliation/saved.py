"""How is a state kept, and read back exactly?

A snapshot saves folding a long journal again; it proves nothing, and `verify` refolds and compares it byte for
byte. So the bytes are canonical: maps in key order, memories generation by generation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from immutables import Map

from trueup.model import BrokerOrder, BrokerPosition, Execution, Key, Moment, Surface, exactly
from trueup.reconciliation.foreign_state import FOREIGN_BOOK_AT_FIRST, NO_FOREIGN_ORDERS, ForeignBook
from trueup.reconciliation.memory import Generation, Memory
from trueup.reconciliation.state import (
    ActionSlot,
    Break,
    Guard,
    OrderSlot,
    Quarantine,
    Slot,
    State,
    View,
)
from trueup.tally import Entry, Lots, Money, Tally


class _SavedView(msgspec.Struct, frozen=True, array_like=True):
    """A view with its rows in key order."""

    rows: tuple[tuple[Key, BrokerPosition], ...]
    rest: dict[str, msgspec.Raw]
    orders: tuple[tuple[str, BrokerOrder], ...] = ()


_MAPS: Final[dict[str, Any]] = {
    "book": tuple[tuple[Key, Slot], ...],
    "orders": tuple[tuple[str, OrderSlot], ...],
    "order_breaks": tuple[tuple[str, tuple[Break, ...]], ...],
    "guards": tuple[tuple[Key, Guard], ...],
    "outbox": tuple[tuple[str, ActionSlot], ...],
    "in_flight": tuple[tuple[str, tuple[str, ...]], ...],
    "order_ends": tuple[tuple[str, Moment], ...],
    "dirty": tuple[tuple[Key, bool], ...],
    "breaks": tuple[tuple[Key, tuple[Break, ...]], ...],
    "quarantine": tuple[tuple[str, Quarantine], ...],
}
_MEMORIES: Final[dict[str, Any]] = {
    "closed": tuple[tuple[Key, Slot], ...],
    "bindings": tuple[tuple[Key, Key], ...],
    "executions": tuple[tuple[str, Execution], ...],
    "exits": tuple[tuple[str, str], ...],
    "ended_orders": tuple[tuple[str, OrderSlot], ...],
    "order_names": tuple[tuple[str, str], ...],
    "ended_actions": tuple[tuple[str, ActionSlot], ...],
    "observation_ids": tuple[tuple[str, int], ...],
}
_SETS: Final = ("unbound", "acknowledged", "past_executions")
_encode: Final = msgspec.msgpack.Encoder(decimal_format="string", order="deterministic").encode
_decode = msgspec.msgpack.decode


@exactly
def save(state: State) -> bytes:
    """The state's canonical bytes."""
    parts: dict[str, object] = {}
    for name in State.__struct_fields__:
        value: Any = getattr(state, name)
        if name in _MAPS:
            parts[name] = tuple(sorted(value.items()))
        elif name in _MEMORIES:
            parts[name] = (tuple(sorted(value.young.items())), tuple(sorted(value.old.items())))
        elif name in _SETS:
            parts[name] = tuple(sorted(value))
        elif name == "tally":
            parts[name] = _save_tally(value)
        elif name == "foreign":
            parts[name] = _save_foreign(value)
        elif name == "views":
            parts[name] = tuple((surface, _save_view(value[surface])) for surface in sorted(value))
        else:
            parts[name] = value
    return _encode(parts)


def _save_foreign(book: ForeignBook) -> tuple[object, ...]:
    """A book elsewhere, without what most have no use for: states from before that was known keep their bytes."""
    values: tuple[object, ...] = msgspec.structs.astuple(book)
    plain = book.orders == NO_FOREIGN_ORDERS and not book.left
    return values[:FOREIGN_BOOK_AT_FIRST] if plain else values


def _save_view(view: View) -> _SavedView:
    rest = {
        name: msgspec.Raw(_encode(tuple(sorted(view.listed)) if name == "listed" else getattr(view, name)))
        for name in View.__struct_fields__
        if name not in ("rows", "orders")
    }
    return _SavedView(tuple(sorted(view.rows.items())), rest, tuple(sorted(view.orders.items())))


def load(saved: bytes) -> State:
    """The state that `save` made these bytes from. Raises msgspec.MsgspecError for bytes that are not one."""
    raws = _decode(saved, type=dict[str, msgspec.Raw])
    parts: dict[str, Any] = {}
    hints = _hints(State)
    for name, raw in raws.items():
        if name in _MAPS:
            parts[name] = Map(_decode(raw, type=_MAPS[name]))
        elif name in _MEMORIES:
            young, old = _decode(raw, type=tuple[msgspec.Raw, msgspec.Raw])
            kind = _MEMORIES[name]
            parts[name] = Memory(_generation(_decode(young, type=kind)), _generation(_decode(old, type=kind)))
        elif name in _SETS:
            parts[name] = frozenset(_decode(raw, type=tuple[str, ...]))
        elif name == "tally":
            parts[name] = _load_tally(raw)
        elif name == "views":
            saved_views = _decode(raw, type=tuple[tuple[Surface, _SavedView], ...])
            parts[name] = Map({surface: _load_view(view) for surface, view in saved_views})
        else:
            parts[name] = _decode(raw, type=hints[name])
    return State(**parts)


def _generation(saved: tuple[tuple[str, Any], ...]) -> Generation[Any]:
    return Generation(dict(saved), Map(), len(saved))


class _SavedTally(msgspec.Struct, frozen=True, array_like=True):
    """A tally with its maps in order."""

    open: tuple[tuple[Key, Lots], ...]
    money: tuple[tuple[str, Money], ...]
    day: int
    losses: int
    unpriced: int
    noted: tuple[Entry, ...]


def _save_tally(tally: Tally) -> _SavedTally:
    kept, money = tuple(sorted(tally.open.items())), tuple(sorted(tally.money.items()))
    return _SavedTally(kept, money, tally.day, tally.losses, tally.unpriced, tally.noted)


def _load_tally(raw: msgspec.Raw) -> Tally:
    saved = _decode(raw, type=_SavedTally)
    return Tally(Map(saved.open), Map(saved.money), saved.day, saved.losses, saved.unpriced, saved.noted)


def _load_view(saved: _SavedView) -> View:
    hints = _hints(View)
    rest: dict[str, Any] = {name: _decode(raw, type=hints[name]) for name, raw in saved.rest.items()}
    return View(rows=dict(saved.rows), orders=dict(saved.orders), **rest)


def _hints(cls: type[msgspec.Struct]) -> Mapping[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(cls)}
