"""How does a fold stay quick when ten thousand events arrive at once?

A `Draft` is one fold's own, mutable twin of a `State`: it opens the state's persistent maps for change in place,
takes any number of events, and is sealed into a new `State`. The state it began from is untouched.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from immutables import Map, MapMutation
from msgspec.structs import asdict

from trueup.facts import ActionKind
from trueup.model import Execution, Key, Moment, PositionMode, Surface, is_unbound
from trueup.policy import Policy
from trueup.reconciliation.foreign_state import ForeignBook
from trueup.reconciliation.state import (
    NO_VIEW,
    ActionSlot,
    Break,
    GateState,
    Guard,
    Hold,
    Memory,
    OrderSlot,
    Override,
    Quarantine,
    Reservation,
    Slot,
    State,
    View,
)
from trueup.tally import DraftTally

V = TypeVar("V")

CLOSED_KEYS_MAX = 10_000
EXECUTIONS_MAX = 200_000
BINDINGS_MAX = 10_000
EXITS_MAX = 10_000
ENDED_ORDERS_MAX = 10_000
ORDER_NAMES_MAX = 20_000
ENDED_ACTIONS_MAX = 1_000
OBSERVATION_IDS_MAX = 10_000
"""At least that many of each are remembered, at most twice that many (law 12)."""


class DraftMemory(Generic[V]):
    """A `Memory` that may be added to; until it is, it costs nothing."""

    __slots__ = ("_limit", "_memory", "_young")

    def __init__(self, memory: Memory[V], limit: int) -> None:
        self._memory = memory
        self._limit = limit
        self._young: MapMutation[str, V] | None = None

    def get(self, name: str) -> V | None:
        """What is remembered under `name`."""
        if self._young is None:
            return self._memory.get(name)
        found = self._young.get(name)
        return found if found is not None else self._memory.old.get(name)

    def put(self, name: str, value: V) -> None:
        """Remember `value`; beyond the limit a new generation begins."""
        young = self._young
        if young is None:
            young = self._young = self._memory.young.mutate()
        if len(young) >= self._limit:
            self.turn()
            young = self._young
            assert young is not None
        young[name] = value

    def turn(self) -> None:
        """Begin a new generation: what is only in the older one is forgotten."""
        older = self._memory.young if self._young is None else self._young.finish()
        self._memory = Memory(Map[str, V](), older)
        self._young = self._memory.young.mutate()

    def sealed(self) -> Memory[V]:
        """The memory as it stands."""
        return self._memory if self._young is None else Memory(self._young.finish(), self._memory.old)


class Draft:
    """A state that is being folded: same names as `State`, open for change until `sealed`."""

    account: str
    position: int
    at: Moment
    epoch: int
    mode: PositionMode
    source: str
    lag_ms: tuple[tuple[Surface, int], ...]
    surfaces: tuple[Surface, ...]
    actions: tuple[ActionKind, ...]
    can_reduce_only: bool
    restored: bool
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
    past_executions: frozenset[str]
    past_listed: Moment
    inbox_position: int
    delivered: int
    alerts_delivered: tuple[tuple[str, int], ...]
    gate: GateState
    gate_since: Moment
    views: Map[Surface, View]
    quarantine: Map[str, Quarantine]
    recheck: bool
    pass_number: int
    tally: DraftTally
    doubted: tuple[str, ...]
    unpriced: tuple[str, ...]
    guards: Map[Key, Guard]
    passes_tried: int
    overrides: tuple[Override, ...]
    permits: tuple[Reservation, ...]
    foreign: ForeignBook

    book: MapMutation[Key, Slot]
    orders: MapMutation[str, OrderSlot]
    order_breaks: MapMutation[str, tuple[Break, ...]]
    outbox: MapMutation[str, ActionSlot]
    dirty: MapMutation[Key, bool]
    breaks: MapMutation[Key, tuple[Break, ...]]
    closed: DraftMemory[Slot]
    bindings: DraftMemory[Key]
    exits: DraftMemory[str]
    executions: DraftMemory[Execution]
    ended_orders: DraftMemory[OrderSlot]
    order_names: DraftMemory[str]
    ended_actions: DraftMemory[ActionSlot]
    observation_ids: DraftMemory[int]

    _state: State

    def __init__(self, state: State) -> None:
        # One call for all fields: a draft is made for every single fill that is recorded. What fills never change is
        # opened for change when an event asks for it (`__getattr__`).
        fields = self.__dict__ = asdict(state)
        for name in _SELDOM:
            del fields[name]
        fields["_state"] = state
        fields["book"] = state.book.mutate()
        fields["orders"] = state.orders.mutate()
        fields["dirty"] = state.dirty.mutate()
        fields["closed"] = DraftMemory(state.closed, CLOSED_KEYS_MAX)
        fields["executions"] = DraftMemory(state.executions, EXECUTIONS_MAX)
        fields["ended_orders"] = DraftMemory(state.ended_orders, ENDED_ORDERS_MAX)
        fields["tally"] = DraftTally(state.tally)

    def __getattr__(self, name: str) -> Any:
        """Open a map or a memory for change; from then on it is a plain attribute."""
        if name not in _SELDOM:
            raise AttributeError(name)
        kept = getattr(self._state, name)
        opened: object = kept.mutate() if name in _SELDOM_MAPS else DraftMemory(kept, _limit(name))
        self.__dict__[name] = opened
        return opened

    def sealed(self) -> State:
        """The state that the events so far add up to. The draft is spent."""
        fields = self.__dict__
        state: State = fields.pop("_state")
        for name in _SELDOM_MAPS:
            fields[name] = fields[name].finish() if name in fields else getattr(state, name)
        for name in _SELDOM_MEMORIES:
            fields[name] = fields[name].sealed() if name in fields else getattr(state, name)
        fields["book"] = self.book.finish()
        fields["orders"] = self.orders.finish()
        fields["dirty"] = self.dirty.finish()
        fields["closed"] = self.closed.sealed()
        fields["executions"] = self.executions.sealed()
        fields["ended_orders"] = self.ended_orders.sealed()
        fields["tally"] = self.tally.sealed()
        return State(**fields)

    def view(self, surface: Surface) -> View:
        """The broker's side of one surface."""
        return self.views.get(surface, NO_VIEW)

    def order(self, name: str) -> OrderSlot | None:
        """All that is known of one of our orders, working or ended."""
        return self.orders.get(name) or self.ended_orders.get(name)

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


_SELDOM_MAPS = ("order_breaks", "outbox", "breaks")
_SELDOM_MEMORIES = ("bindings", "exits", "order_names", "ended_actions", "observation_ids")
_SELDOM = frozenset((*_SELDOM_MAPS, *_SELDOM_MEMORIES))


def _limit(memory: str) -> int:
    """How many things a memory keeps at least."""
    return {
        "bindings": BINDINGS_MAX,
        "exits": EXITS_MAX,
        "order_names": ORDER_NAMES_MAX,
        "ended_actions": ENDED_ACTIONS_MAX,
        "observation_ids": OBSERVATION_IDS_MAX,
    }[memory]
