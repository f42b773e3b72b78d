"""How does a fold stay quick when ten thousand events arrive at once?

A `Draft` is one fold's own, mutable twin of a `State`: it opens the state's persistent maps for change in place,
takes any number of events, and is sealed into a new `State`. The state it began from is untouched.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from immutables import Map, MapMutation

from trueup.model import Execution, Key, Moment, PositionMode, Surface, is_unbound
from trueup.policy import Policy
from trueup.reconciliation.state import (
    NO_VIEW,
    Break,
    GateState,
    Hold,
    Memory,
    OrderBrief,
    Quarantine,
    Slot,
    State,
    View,
)

V = TypeVar("V")

CLOSED_KEYS_MAX = 10_000
EXECUTIONS_MAX = 200_000
BINDINGS_MAX = 10_000
ENDED_ORDERS_MAX = 10_000
OBSERVATION_IDS_MAX = 10_000
"""At least that many of each are remembered, at most twice that many (law 12)."""


class DraftMemory(Generic[V]):
    """A `Memory` that is being added to."""

    def __init__(self, memory: Memory[V], limit: int) -> None:
        self._young = memory.young.mutate()
        self._old = memory.old
        self._limit = limit

    def get(self, name: str) -> V | None:
        """What is remembered under `name`."""
        found = self._young.get(name)
        return found if found is not None else self._old.get(name)

    def put(self, name: str, value: V) -> None:
        """Remember `value`; beyond the limit a new generation begins."""
        if len(self._young) >= self._limit:
            self.turn()
        self._young[name] = value

    def turn(self) -> None:
        """Begin a new generation: what is only in the older one is forgotten."""
        self._old = self._young.finish()
        self._young = Map[str, V]().mutate()

    def sealed(self) -> Memory[V]:
        """The memory as it stands."""
        return Memory(self._young.finish(), self._old)


class Draft:
    """A state that is being folded: same names as `State`, open for change until `sealed`."""

    account: str
    position: int
    at: Moment
    epoch: int
    mode: PositionMode
    source: str
    lag_ms: tuple[tuple[Surface, int], ...]
    policy: Policy
    policy_mark: bytes
    unbound: frozenset[Key]
    executions_since: Moment
    in_flight: Map[str, tuple[str, ...]]
    order_ends: Map[str, Moment]
    due: tuple[Key, ...]
    hold: Hold | None
    acknowledged: frozenset[Key]
    closed_ghosts: tuple[tuple[Moment, int], ...]
    book_sizes: tuple[tuple[Moment, int], ...]
    baseline: Literal["open", "taken", "forgone"]
    first_fills: bool
    inbox_position: int
    delivered: int
    gate: GateState
    gate_since: Moment
    views: Map[Surface, View]
    quarantine: Map[str, Quarantine]
    recheck: bool
    pass_number: int

    def __init__(self, state: State) -> None:
        for name in _PLAIN_FIELDS:
            setattr(self, name, getattr(state, name))
        self.book: MapMutation[Key, Slot] = state.book.mutate()
        self.orders: MapMutation[str, OrderBrief] = state.orders.mutate()
        self.dirty: MapMutation[Key, bool] = state.dirty.mutate()
        self.breaks: MapMutation[Key, tuple[Break, ...]] = state.breaks.mutate()
        self.closed = DraftMemory(state.closed, CLOSED_KEYS_MAX)
        self.bindings = DraftMemory(state.bindings, BINDINGS_MAX)
        self.executions: DraftMemory[Execution] = DraftMemory(state.executions, EXECUTIONS_MAX)
        self.observation_ids: DraftMemory[int] = DraftMemory(state.observation_ids, OBSERVATION_IDS_MAX)
        self.ended_orders = DraftMemory(state.ended_orders, ENDED_ORDERS_MAX)

    def sealed(self) -> State:
        """The state that the events so far add up to. The draft is spent."""
        plain = {name: getattr(self, name) for name in _PLAIN_FIELDS}
        opened = {name: getattr(self, name).finish() for name in _MAP_FIELDS}
        memories = {name: getattr(self, name).sealed() for name in _MEMORY_FIELDS}
        return State(**plain, **opened, **memories)

    def view(self, surface: Surface) -> View:
        """The broker's side of one surface."""
        return self.views.get(surface, NO_VIEW)

    def slot(self, key: Key) -> Slot | None:
        """All the book knows of a key, whether held or closed."""
        return self.book.get(key) or self.closed.get(key)

    def put_slot(self, key: Key, slot: Slot) -> None:
        """Replace what the book knows of a key; it must be compared anew."""
        if slot.holding is None:
            self.book.pop(key, None)
            self.closed.put(key, slot)
        else:
            self.book[key] = slot
        if is_unbound(key) and self.mode == "hedging":
            self.unbound = self.unbound - {key} if slot.holding is None else self.unbound | {key}
        self.dirty[key] = True


_MAP_FIELDS = ("book", "orders", "dirty", "breaks")
_MEMORY_FIELDS = ("closed", "bindings", "executions", "ended_orders", "observation_ids")
_PLAIN_FIELDS = tuple(
    name for name in State.__struct_fields__ if name not in _MAP_FIELDS and name not in _MEMORY_FIELDS
)
