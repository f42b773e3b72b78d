"""What does an account's journal add up to: the state that folding its events gives?

Immutable: every fold makes a new `State` and shares what did not change (persistent maps, decision 0002), so a
reader, a dry run or a snapshot can hold one while the writer goes on. Everything in it is bounded (law 12):
what may grow without end (closed keys, execution ids, ended orders) lives in a two-generation `Memory`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal

import msgspec
from immutables import Map

from trueup.decisions import ActionPurpose, ActionTerms, BreakKind, BreakOf, GateStatus
from trueup.evidence import Sightings
from trueup.facts import ActionKind
from trueup.model import (
    ZERO,
    BookOrder,
    BrokerOrder,
    BrokerPosition,
    Execution,
    Holding,
    Key,
    Moment,
    PositionMode,
    Refusal,
    Source,
    Surface,
    TradeSide,
)
from trueup.policy import LAG_MS_MAX_DEFAULT, Policy
from trueup.reconciliation.foreign_state import NO_FOREIGN_BOOK, ForeignBook
from trueup.reconciliation.memory import Memory
from trueup.tally import Tally

FOLD_VERSION: Final = 4
"""A snapshot of another version is discarded and the journal folded anew."""
DECIDER_VERSION: Final = 4
"""Decisions written by another version are `undetermined` in a replay, never differences."""

NEVER: Final = Moment(0, 0, 0)


class Inferred(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Quantity that a correction added to a key without having seen its fill (law 13)."""

    correction_id: str
    remaining: Decimal
    """Signed; what no real fill has claimed yet."""
    since: Moment
    """When the answer that it rests on was received."""
    asked_position: int
    """The journal's last position when the question was asked."""


class Slot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that the book knows of one key, held or closed."""

    holding: Holding | None
    """None: closed."""
    changed: Moment
    """When the book last changed it."""
    position: int
    """The journal position of that change."""
    source: Source | None = None
    inferred: tuple[Inferred, ...] = ()
    corrections: tuple[Moment, ...] = ()
    """When it was corrected lately, to notice a repair that never holds (L52)."""
    before: Holding | None = None
    """What was held before it was closed, so that a wrong close can be undone."""
    closed_by: str | None = None
    """The ghost correction that closed it."""
    order_id: str | None = None
    """The order that opened an unbound entry; on MT5 it becomes the ticket."""
    corrected: int = 0
    """The journal position of its last correction, 0 for none; what changes it later has a `position` of its own."""

    @property
    def repair_held(self) -> bool:
        """Whether a correction was the last to change it. If it differs then, the broker has moved on, and that is no
        failed attempt (law 2); a process that sets it back each time makes a repair that never holds (L52)."""
        return self.corrected == self.position


class OrderSlot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that is known of one of our orders, working or ended."""

    order: BookOrder
    first_position: int
    """Where it was recorded as pending, before it was sent; 0 for one that we heard of only afterwards: its fills
    may be as old as any, and a correction may well have seen them (L14)."""
    pending_since: Moment
    """When we first heard of it."""
    changed: Moment
    """When the book last changed it."""
    position: int = 0
    """The journal position of that change."""
    executed: Decimal = ZERO
    """What its executions add up to, unsigned: recorded by us or reported by the broker, each once (L20)."""
    looked_up: Moment = NEVER
    """When it was last asked for by its id: who waited longest comes first (L11)."""
    rearmed_epoch: int = 0
    """For a slice of a plan that was handed back to the process: the epoch in which that was done."""


class ActionSlot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing asked of the broker, from its request until it is settled."""

    terms: ActionTerms
    purpose: ActionPurpose
    key: Key
    attempt: int
    requested: Moment
    position: int
    """The journal position of the request."""
    state: Literal["requested", "sent", "acknowledged", "rejected", "unknown", "done", "failed", "abandoned"] = (
        "requested"
    )
    sent: Moment = NEVER
    connection: int = 0
    """Which connection carried it; 0: unknown, as after a crash."""
    order_id: str | None = None
    why: str = ""
    looked_up: Moment = NEVER
    sightings: Sightings | None = None
    """Independent look-ups that count and did not find it."""


class Guard(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An open position that has no working stop, while policy asks for one (law 10)."""

    key: Key
    symbol: str
    ticket: str | None
    state: Literal["unprotected", "placing", "exiting", "critical"]
    since: Moment
    position: int
    """The journal position at which it was first seen so."""
    received: Moment
    """When its last step was taken: what is asked for well after that is a new witness."""
    attempts: int
    why: str

    @classmethod
    def first(cls, key: Key, symbol: str, ticket: str | None, at: Moment) -> Guard:
        """One that was never seen before."""
        return cls(key, symbol, ticket, "unprotected", at, 0, at, 0, "")


class Override(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Orders pass although the evidence does not support it: an operator's word."""

    scope: str
    who: str
    why: str
    since: Moment
    until_ns: int
    """Wall time, UTC; how long it lasts is measured by ticks from `since`."""

    @property
    def lasts_ns(self) -> int:
        """For how long it was given."""
        return self.until_ns - self.since.at_ns


class Reservation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a permit holds of a live position, until its order is recorded or it lapses."""

    position: int
    """The journal position of the permit."""
    given: Moment
    symbol: str
    side: TradeSide
    """Of the order."""
    quantity: Decimal
    ticket: str | None = None
    client_order_id: str | None = None


class Break(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One open disagreement about one field of one key."""

    id: str
    of: BreakOf
    key: Key
    symbol: str
    ticket: str | None
    kind: BreakKind
    field: str | None
    state: Literal["opened", "confirmed", "escalated"]
    book: str | None
    broker: str | None
    opened: Moment
    opened_position: int
    sightings: Sightings
    why: str = ""
    alerted: str | None = None
    """The broker's value that the last alert spoke of; None: nobody was told."""


class View(msgspec.Struct, frozen=True):
    """The broker's side as one surface last showed it."""

    rows: Mapping[Key, BrokerPosition] = {}
    """Of the last complete answer; never changed in place."""
    base: int = 0
    """The journal position of the last keyframe-or-complete answer that deltas may name."""
    weight: int = 0
    """Rows written as deltas since the last keyframe."""
    complete_asked: Moment = NEVER
    complete_received: Moment = NEVER
    asked: Moment = NEVER
    received: Moment = NEVER
    position: int = 0
    """The last observation, complete or not."""
    asked_position: int = 0
    """The journal's last position when it was asked for."""
    completes: int = 0
    """Complete answers in this epoch."""
    answers: int = 0
    """Complete and partial answers in this epoch."""
    answered: Moment = NEVER
    """When the last of them was asked for: what it shows may be that old."""
    complete: bool = False
    """Whether the last of them was complete."""
    listed: frozenset[str] = frozenset()
    """Symbols that the last of them listed, kept for a partial one only."""
    failures: int = 0
    """Consecutive observations that brought nothing."""
    refused: tuple[Refusal, ...] = ()
    """Rows refused in the last answer that came."""
    why: str = ""
    supported: bool = True
    orders: Mapping[str, BrokerOrder] = {}
    """For `open_orders`: of the last complete answer, by `order_ref`; never changed in place."""
    since_ns: int | None = None
    """For `fills`: how far back the last complete answer reaches (L08); None: as far as the adapter goes."""


class Hold(msgspec.Struct, frozen=True, array_like=True):
    """Too much vanished at once; nothing of it is closed until it is explained or acknowledged."""

    missing: tuple[Key, ...]
    counted: int
    base: int
    since: Moment
    position: int


class GateState(msgspec.Struct, frozen=True, array_like=True):
    """What the gate was last decided to answer."""

    status: GateStatus = "closed"
    why: str = "no start-up pass yet"
    symbols: tuple[tuple[str, str], ...] = ()


class Quarantine(msgspec.Struct, frozen=True, array_like=True):
    """A scope in which new risk is refused."""

    scope: str
    why: str
    since: Moment
    break_id: str | None = None


class State(msgspec.Struct, frozen=True):
    """The fold of one account's journal."""

    account: str = ""
    position: int = 0
    """The last event folded."""
    at: Moment = NEVER
    """The time of the last input."""
    epoch: int = 0
    mode: PositionMode = "netting"
    source: str = ""
    lag_ms: tuple[tuple[Surface, int], ...] = ()
    """As declared by the adapter at the last claim."""
    surfaces: tuple[Surface, ...] = ()
    """What the adapter says can be asked."""
    actions: tuple[ActionKind, ...] = ()
    """What the broker can be asked to do."""
    can_reduce_only: bool = False
    restored: bool = False
    """Opened from a restored backup, and not everything since has been looked up yet."""
    policy: Policy = Policy()
    policy_mark: bytes = b""

    book: Map[Key, Slot] = Map()
    """Held positions only."""
    unbound: frozenset[Key] = frozenset()
    """Held keys of a hedging book that have no ticket yet."""
    closed: Memory[Slot] = Memory()
    bindings: Memory[Key] = Memory()
    """From the key of an entry without a ticket to the key it was recognised as."""
    executions: Memory[Execution] = Memory()
    exits: Memory[str] = Memory()
    """By ticket: the exit reason that a deal of it stated."""
    executions_since: Moment = NEVER
    """When the younger generation of executions began."""
    orders: Map[str, OrderSlot] = Map()
    """Our working orders, by client order id."""
    ended_orders: Memory[OrderSlot] = Memory()
    order_names: Memory[str] = Memory()
    """From the broker's order id to our client order id."""
    tally: Tally = Tally()
    """What the executions earned or lost."""
    doubted: tuple[str, ...] = ()
    """Orders that are looked up because an execution would fill them beyond their size."""
    unpriced: tuple[str, ...] = ()
    """Orders that are filled at a price that nobody has stated yet."""
    order_breaks: Map[str, tuple[Break, ...]] = Map()
    """Of orders: by client order id, or `@` and the broker's reference for one that the book lacks."""
    outbox: Map[str, ActionSlot] = Map()
    """What was asked of the broker and is not settled, by the action's client id."""
    ended_actions: Memory[ActionSlot] = Memory()
    guards: Map[Key, Guard] = Map()
    """Positions that have no working stop."""
    passes_tried: int = 0
    """Observations of positions in this epoch, whatever came of them."""
    in_flight: Map[str, tuple[str, ...]] = Map()
    """Per symbol: our orders on it that are pending, by client order id."""
    order_ends: Map[str, Moment] = Map()
    """Per symbol: when an order of ours on it last left flight."""

    views: Map[Surface, View] = Map()
    dirty: Map[Key, bool] = Map()
    """Keys whose book side changed since a complete answer was last compared."""
    due: tuple[Key, ...] = ()
    """Keys on which the observation just folded may have something new to say."""
    recheck: bool = False
    """The rules changed: the next complete answer is compared whole."""
    breaks: Map[Key, tuple[Break, ...]] = Map()
    hold: Hold | None = None
    acknowledged: frozenset[Key] = frozenset()
    """Missing keys that somebody, or the deals, said are really gone."""
    closed_ghosts: tuple[tuple[Moment, int], ...] = ()
    book_sizes: tuple[tuple[Moment, int], ...] = ()
    """(when, size): the book at complete answers in the last window, sizes strictly falling."""

    baseline: Literal["open", "taken", "forgone"] = "open"
    first_fills: bool = False
    """Whether a complete `fills` answer has been seen: the first is history."""
    past_executions: frozenset[str] = frozenset()
    """What it listed and nobody had recorded: history as far as the broker is concerned, while our own records of
    some may still be under way."""
    past_listed: Moment = NEVER
    observation_ids: Memory[int] = Memory()
    """Observations that were handed in with an id, by it: each is stored once (law 5)."""
    inbox_position: int = 0
    delivered: int = 0
    """Corrections up to here were handed to the trading process."""
    alerts_delivered: tuple[tuple[str, int], ...] = ()
    """(channel, position up to which it was told of alerts), the one told last at the end."""
    gate: GateState = GateState()
    gate_since: Moment = NEVER
    """When the gate last changed, or the epoch began."""
    quarantine: Map[str, Quarantine] = Map()
    pass_number: int = 0
    overrides: tuple[Override, ...] = ()
    """By scope."""
    permits: tuple[Reservation, ...] = ()
    """Permits for reducing orders that were not recorded yet, oldest first."""
    foreign: ForeignBook = NO_FOREIGN_BOOK

    # -- reading ---------------------------------------------------------------------------------------------

    def view(self, surface: Surface = "positions") -> View:
        """The broker's side of one surface; an empty view when it was never asked."""
        return self.views.get(surface, NO_VIEW)

    def offers(self, surface: Surface) -> bool:
        """Whether the broker is known to answer for a surface: the adapter asks it, and it was answered once."""
        view = self.view(surface)
        return surface in self.surfaces and view.supported and view.complete_received.at_ns > 0

    def order(self, name: str) -> OrderSlot | None:
        """All that is known of one of our orders, working or ended."""
        return self.orders.get(name) or self.ended_orders.get(name)

    def slot(self, key: Key) -> Slot | None:
        """All the book knows of a key, whether held or closed."""
        return self.book.get(key) or self.closed.get(key)

    def held(self, key: Key) -> Holding | None:
        """The position held under a key."""
        slot = self.book.get(key)
        return None if slot is None else slot.holding

    def lag_ns(self, surface: Surface) -> int:
        """How stale an answer of `surface` may be: the policy's word, else the adapter's, else 15 s."""
        own = self.policy.lag_ms_max.get(surface)
        if own is None:
            own = dict(self.lag_ms).get(surface, LAG_MS_MAX_DEFAULT)
        return own * 1_000_000

    def settle_ns(self, surface: Surface) -> int:
        """How long after the book's last change of a key an answer must have been asked for."""
        return max(self.lag_ns(surface), (self.policy.settle_ms or 0) * 1_000_000)

    def spacing_ns(self, surface: Surface) -> int:
        """How far apart two answers must be to count as independent."""
        return max(self.policy.confirm_interval_ms * 1_000_000, self.lag_ns(surface))


NO_VIEW: Final = View()
