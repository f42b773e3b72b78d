"""How does a fold stay quick when ten thousand events arrive at once?

A `Draft` is one fold's own, mutable twin of a `State`: it opens the state's persistent maps for change in place,
takes any number of events, and is sealed into a new `State`. The state it began from is untouched.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from immutables import Map, MapMutation
from msgspec.structs import astuple

from trueup.facts import ActionKind
from trueup.model import Execution, Key, Moment, PositionMode, Surface, is_unbound
from trueup.policy import Policy
from trueup.reconciliation.foreign_state import ForeignBook
from trueup.reconciliation.memory import DraftMemory, Memory
from trueup.reconciliation.state import (
    NO_VIEW,
    ActionSlot,
    Break,
    GateState,
    Guard,
    Hold,
    OrderSlot,
    Override,
    Quarantine,
    Reservation,
    Slot,
    State,
    View,
)
from trueup.tally import DraftTally

CLOSED_KEYS_MAX = 10_000
EXECUTIONS_MAX = 200_000
BINDINGS_MAX = 10_000
EXITS_MAX = 10_000
ENDED_ORDERS_MAX = 10_000
ORDER_NAMES_MAX = 20_000
ENDED_ACTIONS_MAX = 1_000
OBSERVATION_IDS_MAX = 10_000
"""At least that many of each are remembered, at most twice that many (law 12)."""


class _Rare(msgspec.Struct):
    """What few events change: opened all together, when one does."""

    order_breaks: MapMutation[str, tuple[Break, ...]]
    outbox: MapMutation[str, ActionSlot]
    breaks: MapMutation[Key, tuple[Break, ...]]
    bindings: DraftMemory[Key]
    exits: DraftMemory[str]
    order_names: DraftMemory[str]
    ended_actions: DraftMemory[ActionSlot]
    observation_ids: DraftMemory[int]


class Draft(msgspec.Struct):
    """A state that is being folded: same names as `State`, open for change until `sealed`.

    The same fields in the same order, so that one copies into the other in one go: a draft is made for every single
    fill that is recorded, and each of a hundred thousand folded ones looks at thirty of its fields.
    """

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
    book: MapMutation[Key, Slot]
    unbound: frozenset[Key]
    closed: DraftMemory[Slot]
    _bindings: Memory[Key]
    executions: DraftMemory[Execution]
    _exits: Memory[str]
    executions_since: Moment
    orders: MapMutation[str, OrderSlot]
    ended_orders: DraftMemory[OrderSlot]
    _order_names: Memory[str]
    tally: DraftTally
    doubted: tuple[str, ...]
    unpriced: tuple[str, ...]
    _order_breaks: Map[str, tuple[Break, ...]]
    _outbox: Map[str, ActionSlot]
    _ended_actions: Memory[ActionSlot]
    guards: Map[Key, Guard]
    passes_tried: int
    in_flight: Map[str, tuple[str, ...]]
    order_ends: Map[str, Moment]
    views: Map[Surface, View]
    dirty: MapMutation[Key, bool]
    due: tuple[Key, ...]
    recheck: bool
    _breaks: Map[Key, tuple[Break, ...]]
    hold: Hold | None
    acknowledged: frozenset[Key]
    closed_ghosts: tuple[tuple[Moment, int], ...]
    book_sizes: tuple[tuple[Moment, int], ...]
    baseline: Literal["open", "taken", "forgone"]
    first_fills: bool
    past_executions: frozenset[str]
    past_listed: Moment
    _observation_ids: Memory[int]
    inbox_position: int
    delivered: int
    alerts_delivered: tuple[tuple[str, int], ...]
    gate: GateState
    gate_since: Moment
    quarantine: Map[str, Quarantine]
    pass_number: int
    overrides: tuple[Override, ...]
    permits: tuple[Reservation, ...]
    foreign: ForeignBook
    _rare: _Rare | None = None

    @classmethod
    def of(cls, state: State) -> Draft:
        """A draft that begins as `state`, which stays as it is."""
        draft = cls(*astuple(state))
        draft.book = state.book.mutate()
        draft.orders = state.orders.mutate()
        draft.dirty = state.dirty.mutate()
        draft.closed = DraftMemory(state.closed, CLOSED_KEYS_MAX)
        draft.executions = DraftMemory(state.executions, EXECUTIONS_MAX)
        draft.ended_orders = DraftMemory(state.ended_orders, ENDED_ORDERS_MAX)
        draft.tally = DraftTally(state.tally)
        return draft

    def sealed(self) -> State:
        """The state that the events so far add up to. The draft is spent."""
        spent: Any = self  # from here on it holds what a state does
        rare = self._rare
        if rare is not None:
            for name in _RARE_MAPS:
                setattr(self, "_" + name, getattr(rare, name).finish())
            for name in _RARE_MEMORIES:
                setattr(self, "_" + name, getattr(rare, name).sealed())
        spent.book = self.book.finish()
        spent.orders = self.orders.finish()
        spent.dirty = self.dirty.finish()
        spent.closed = self.closed.sealed()
        spent.executions = self.executions.sealed()
        spent.ended_orders = self.ended_orders.sealed()
        spent.tally = self.tally.sealed()
        return State(*astuple(spent)[:-1])

    # -- what few events change ----------------------------------------------------------------------------

    def _rarely(self) -> _Rare:
        rare = self._rare
        if rare is None:
            rare = self._rare = _Rare(
                self._order_breaks.mutate(),
                self._outbox.mutate(),
                self._breaks.mutate(),
                DraftMemory(self._bindings, BINDINGS_MAX),
                DraftMemory(self._exits, EXITS_MAX),
                DraftMemory(self._order_names, ORDER_NAMES_MAX),
                DraftMemory(self._ended_actions, ENDED_ACTIONS_MAX),
                DraftMemory(self._observation_ids, OBSERVATION_IDS_MAX),
            )
        return rare

    @property
    def order_breaks(self) -> MapMutation[str, tuple[Break, ...]]:
        return self._rarely().order_breaks

    @property
    def outbox(self) -> MapMutation[str, ActionSlot]:
        return self._rarely().outbox

    @outbox.setter
    def outbox(self, outbox: MapMutation[str, ActionSlot]) -> None:
        self._rarely().outbox = outbox

    @property
    def breaks(self) -> MapMutation[Key, tuple[Break, ...]]:
        return self._rarely().breaks

    @property
    def bindings(self) -> DraftMemory[Key]:
        return self._rarely().bindings

    @property
    def exits(self) -> DraftMemory[str]:
        return self._rarely().exits

    @property
    def order_names(self) -> DraftMemory[str]:
        return self._rarely().order_names

    @property
    def ended_actions(self) -> DraftMemory[ActionSlot]:
        return self._rarely().ended_actions

    @property
    def observation_ids(self) -> DraftMemory[int]:
        return self._rarely().observation_ids

    # -- what the book knows -------------------------------------------------------------------------------

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
        if self.mode == "hedging" and is_unbound(key):
            self.unbound = self.unbound - {key} if slot.holding is None else self.unbound | {key}
        self.dirty[key] = True


_RARE_MAPS: Final = ("order_breaks", "outbox", "breaks")
_RARE_MEMORIES: Final = ("bindings", "exits", "order_names", "ended_actions", "observation_ids")
