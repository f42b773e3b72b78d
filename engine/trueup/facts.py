"""What are the inputs: everything that reached us from outside, as it is stored for ever?

Each fact is one event of an account's journal. Names are chosen and versioned (`name/1`); by msgspec's rules a
new field goes last and has a default, a new meaning gets a new name, and old names stay readable for ever.
Fields are stored by position (array-like), so their order is part of the contract; golden files test it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from trueup.model import (
    BrokerOrder,
    BrokerPosition,
    Execution,
    Key,
    Moment,
    OrderStatus,
    PositionMode,
    Refusal,
    Stop,
    Surface,
    TradeSide,
)
from trueup.policy import Policy

Completeness: TypeAlias = Literal["complete", "partial", "failed", "unsupported"]
PassKind: TypeAlias = Literal["startup", "periodic", "manual", "proof"]
"""`proof`: no pass, but one question, put to prove that an order reduces a live position."""
ActionKind: TypeAlias = Literal["cancel", "place_stop", "close_position"]


class Fact(msgspec.Struct, frozen=True, array_like=True, tag_field="event", gc=False):
    """An input: something that happened outside and reached this account's writer."""

    at: Moment
    """When it reached us (for an observation: when its answer was received)."""


class WriterClaimed(Fact, frozen=True, array_like=True, tag="writer-claimed/1"):
    """A process took this account's lock: a new epoch begins."""

    position_mode: PositionMode
    trueup_version: str
    decider_version: int
    fold_version: int
    source: str
    """What it will ask: the adapter's name, or '' when it only came to leave something."""
    process: str
    lag_ms_max: tuple[tuple[Surface, int], ...] = ()
    """Per surface, how stale an answer may be, as the adapter declares it."""
    baseline: bool = True
    """False: the first complete answer is compared like any other (`--no-baseline`)."""
    delivers: bool = False
    """Whether this process hands corrections to the trading process (`on_correction`)."""
    surfaces: tuple[Surface, ...] = ()
    """What the adapter says can be asked, in order; () also where nobody is asked."""
    actions: tuple[ActionKind, ...] = ()
    """What the broker can be asked to do through the adapter, in order."""
    can_reduce_only: bool = False
    """Whether the broker itself refuses a reduce-only order that would open a position."""
    restored: bool = False
    """The store is a restored backup: the gate stays closed until all orders and fills since are looked up."""


class PolicyAdopted(Fact, frozen=True, array_like=True, tag="policy-adopted/1"):
    """From here on decisions follow this policy."""

    digest: bytes
    policy: Policy


class Rows(msgspec.Struct, frozen=True, array_like=True):
    """What an answer listed: whole (`base` 0), or as the difference to the complete answer at `base`."""

    base: int = 0
    """Journal position of the complete observation that this one names as its base; 0: a keyframe."""
    stated: tuple[BrokerPosition, ...] = ()
    """All rows (keyframe), or those that are new or differ."""
    gone: tuple[str, ...] = ()
    """Keys that the base lists and this answer does not."""


class OrderRows(msgspec.Struct, frozen=True, array_like=True):
    """The orders that an answer listed: whole (`base` 0), or as the difference to the complete answer at `base`."""

    base: int = 0
    """Journal position of the complete observation that this one names as its base; 0: a keyframe."""
    stated: tuple[BrokerOrder, ...] = ()
    """All rows (keyframe), or those that are new or differ."""
    gone: tuple[str, ...] = ()
    """References (`order_ref`) that the base lists and this answer does not."""


class Sought(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Which one order a look-up asked for."""

    client_order_id: str | None = None
    order_id: str | None = None


class Observed(Fact, frozen=True, array_like=True, tag="observed/1"):
    """One answer, or failure to answer, to one question put to the broker; all attempts are one."""

    asked: Moment
    """When the first attempt was made."""
    asked_position: int
    """The journal's last position then."""
    received_position: int
    """The journal's last position when the answer arrived."""
    surface: Surface
    source: str
    dialect: str
    completeness: Completeness
    why: str
    """Why it is not complete; '' when it is."""
    pass_number: int
    pass_kind: PassKind
    attempts: int
    raw_digest: bytes
    """SHA-256 of the reply as it came; b'' when nothing came."""
    positions: Rows | None = None
    executions: tuple[Execution, ...] = ()
    refused: tuple[Refusal, ...] = ()
    id: str = ""
    """Given by whoever observed, when the same observation may be handed in twice (law 5)."""
    orders: OrderRows | None = None
    """For `open_orders` what it listed; for `order` the one that was asked for, or nothing: not found."""
    sought: Sought | None = None
    """For `order`: which one was asked for."""
    since_ns: int | None = None
    """For `fills`: the oldest wall time that was asked for; what is older is outside its window (L08)."""
    connection: int = 0
    """Which connection of the adapter's (counted from 1) carried question and answer; 0: more than one, or unknown."""


class FillRecorded(Fact, frozen=True, array_like=True, tag="fill-recorded/1"):
    """The trading process recorded one execution of its own."""

    execution: Execution


class PositionRecorded(Fact, frozen=True, array_like=True, tag="position-recorded/1"):
    """The trading process recorded a whole position; a `signed_quantity` of 0 is closed."""

    symbol: str
    signed_quantity: Decimal
    side: TradeSide
    """`buy` for long: a closed position still has a side."""
    ticket: str | None = None
    price: Decimal | None = None
    strategy: str | None = None
    stop: Stop | None = None
    happened_at: str | None = None
    from_book: bool = False
    """It is the word of a book that lives elsewhere: from here on the key follows that book, whatever moved it before
    (one source per quantity, L15)."""


class OrderRecorded(Fact, frozen=True, array_like=True, tag="order-recorded/1"):
    """The trading process recorded what it knows of one of its orders."""

    client_order_id: str
    symbol: str
    side: TradeSide
    type: str
    quantity: Decimal
    status: OrderStatus
    raw_status: str = ""
    order_id: str | None = None
    filled: Decimal | None = None
    average_price: Decimal | None = None
    limit: Decimal | None = None
    stop: Decimal | None = None
    reduce_only: bool | None = None
    strategy: str | None = None
    parent: str | None = None
    scheduled_for: str | None = None
    happened_at: str | None = None


class ExecutionPushed(Fact, frozen=True, array_like=True, tag="execution-pushed/1"):
    """The broker pushed one execution at us."""

    execution: Execution
    message_id: str = ""


class StatePushed(Fact, frozen=True, array_like=True, tag="state-pushed/1"):
    """The broker pushed a state at us: a reason to ask, never a reason to correct."""

    surface: Surface
    symbol: str | None = None
    message_id: str = ""
    text: str = ""


class InboxTaken(Fact, frozen=True, array_like=True, tag="inbox-taken/1"):
    """The writer copied one inbox item; the facts it holds follow in the same transaction."""

    inbox_position: int
    item_digest: bytes


class CommandGiven(Fact, frozen=True, array_like=True, tag="command-given/1"):
    """An operator asked for something."""

    name: str
    who: str
    why: str
    arguments: tuple[tuple[str, str], ...] = ()


class CorrectionsDelivered(Fact, frozen=True, array_like=True, tag="corrections-delivered/1"):
    """The trading process was told of corrections: each at least once, also when we die in between."""

    upto: int
    """Every correction at or before this journal position has been handed over."""
    failures: tuple[tuple[int, str], ...] = ()
    """(journal position of the correction, what the callable raised), of those that failed."""


class ActionSent(Fact, frozen=True, array_like=True, tag="action-sent/1"):
    """An action is about to be handed to the broker: stored before, so that a crash never forgets it (law 6)."""

    client_id: str


class ActionAnswered(Fact, frozen=True, array_like=True, tag="action-answered/1"):
    """What sending an action once came to."""

    client_id: str
    state: Literal["acknowledged", "rejected", "unknown"]
    why: str = ""
    order_id: str | None = None
    raw_digest: bytes = b""
    connection: int = 0
    """Which connection carried it; 0: more than one, or unknown. A later answer on the same one is behind it."""


class AlertsDelivered(Fact, frozen=True, array_like=True, tag="alerts-delivered/1"):
    """One channel was told of alerts, and of alerted breaks that are over: each at least once, also when we die in
    between. Where nothing could be told, only what went wrong."""

    channel: str
    """Its name in the configuration; never its address, which is a secret."""
    upto: int
    """Everything at or before this journal position that the channel should hear of has been told."""
    messages: int = 0
    """How many messages that took; 0 where the channel is new and hears of what comes from here on, or failed."""
    failures: tuple[tuple[int, str], ...] = ()
    """(journal position of the first alert that waits or was given up, what went wrong)."""


class PermitGiven(Fact, frozen=True, array_like=True, tag="permit-given/1"):
    """The live position proved that an order reduces it: the order may be sent, and its quantity is reserved until it
    is recorded or `permit_ms_max` has passed (law 9)."""

    symbol: str
    side: TradeSide
    """Of the order: opposite to the position's."""
    quantity: Decimal
    """Greater than 0, never more than what of the live position was still free."""
    live: Decimal
    """The size of the position as the broker stated it, unsigned."""
    proof: int
    """Journal position of the observation that states it."""
    ticket: str | None = None
    strategy: str | None = None
    client_order_id: str | None = None
    """Under which the order will be recorded, where the process said so."""


class RowLeft(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row of a foreign book that stands against what we know, and that could not be written over."""

    name: str
    """The order's client id; of a position its key."""
    said: str
    """What the row says: as long as it says just that, it is no news and nothing is concluded from it."""
    position: int
    """The journal position of our side's last change: while that stands too, nothing is written again."""


class OrdersRead(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one read of a foreign book says of its orders."""

    book: str
    """The name of where they are kept."""
    completeness: Completeness
    why: str = ""
    rows: int = 0
    """Orders that it lists: those that work, and those of ours that ended since."""
    edits: int = 0
    """Local changes (`order-recorded`) that follow."""
    missing: tuple[str, ...] = ()
    """Working orders of ours that it does not know, by client order id: unknown, not ended (L04)."""
    refused: tuple[Refusal, ...] = ()
    left: tuple[RowLeft, ...] = ()
    """Every row that is left as it is although it stands against what we know."""


class BookRead(Fact, frozen=True, array_like=True, tag="book-read/1"):
    """A book that lives elsewhere was read, and it says something new, or could not be read, or can be again.

    What its own process changed in it follows in the same transaction as local changes (`position-recorded`). A read
    that says nothing new is not journalled.
    """

    book: str
    """Its name: the address without secrets."""
    completeness: Completeness
    """`partial`: rows were refused, and of what they may be about nothing is concluded."""
    why: str
    """Why it is not complete; '' when it is."""
    rows: int = 0
    """Open positions that it lists."""
    edits: int = 0
    """Local changes that follow."""
    missing: tuple[Key, ...] = ()
    """Positions that it listed and does not list any more, and that wait for a second read (L02)."""
    held: tuple[Key, ...] = ()
    """Those of them that are too many at once: nothing of it is believed until the broker, or a person, agrees."""
    refused: tuple[Refusal, ...] = ()
    orders: OrdersRead | None = None
    """None: it keeps no orders, or they were not asked for."""
    left: tuple[RowLeft, ...] = ()
    """Every row of a position that could not take what we learned of it, such as its ticket."""


class BookWriting(Fact, frozen=True, array_like=True, tag="book-writing/1"):
    """Corrections are about to be written into a book that lives elsewhere: stored before (law 6)."""

    book: str
    corrections: tuple[int, ...]
    """Their journal positions, ascending."""
    orders: tuple[int, ...] = ()
    """Of orders: the journal positions of the changes that are about to be written, ascending."""


class BookWritten(Fact, frozen=True, array_like=True, tag="book-written/1"):
    """What writing corrections into a book that lives elsewhere came to."""

    book: str
    upto: int
    """Every correction at or before this journal position has been written, was there already, or conflicts."""
    written: int = 0
    """Rows changed, each by compare-and-set."""
    conflicts: tuple[tuple[int, str], ...] = ()
    """(journal position of the correction, what the book said instead): nothing was overwritten."""
    failed: str = ""
    """Why the rest could not be written, or its outcome is unknown; '' when there is no rest."""
    orders_upto: int = 0
    """Every correction of an order at or before this journal position is settled; 0: it keeps no orders."""
    left: tuple[RowLeft, ...] = ()
    """Rows of positions that conflict and are left as they are from now on."""
    orders_left: tuple[RowLeft, ...] = ()
    """The same of orders."""


FACTS: tuple[type[Fact], ...] = (
    WriterClaimed,
    PolicyAdopted,
    Observed,
    FillRecorded,
    PositionRecorded,
    OrderRecorded,
    ExecutionPushed,
    StatePushed,
    InboxTaken,
    CommandGiven,
    CorrectionsDelivered,
    ActionSent,
    ActionAnswered,
    AlertsDelivered,
    PermitGiven,
    BookRead,
    BookWriting,
    BookWritten,
)
