"""Of what is an explanation made: which deals, orders and neighbours may speak for a break, and what is proposed?

Everything is passed as values, so that the same question can be asked live, of the past, and of a test. Nothing here
is decided: these are the words of the questions and of the answers.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.model import (
    ZERO,
    BrokerOrder,
    BrokerPosition,
    Execution,
    Holding,
    Key,
    Moment,
    PositionMode,
    Reason,
    subtract,
)
from trueup.policy import Policy

Cause: TypeAlias = Literal[
    "missed_fill",
    "duplicate_fill",
    "manual_trade",
    "stop_hit",
    "take_profit_hit",
    "liquidation",
    "split",
    "base_asset_fee",
    "partial_close",
    "contract_size",
    "symbol_alias",
    "swap_or_funding",
    "unexplained",
]
"""What made the two sides differ. A *stop_hit* is a protective stop that was executed; what MetaTrader calls a "stop
out", the broker's forced close for want of margin, is a *liquidation* (L40)."""

Strength: TypeAlias = Literal["certain", "likely", "possible", "none"]
"""certain: somebody who must know says so, and the numbers fit exactly. likely: the numbers fit exactly and something
else points the same way. possible: the numbers fit exactly. none: unexplained."""

STRENGTHS: Final[tuple[Strength, ...]] = ("certain", "likely", "possible", "none")


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    """One execution, with how the journal came to know of it."""

    execution: Execution
    position: int
    """Where it was first heard of, from anybody."""
    heard: Moment
    """When that was, by our own receipt: what bounds evidence in time (L16, L46)."""
    listed: bool = False
    """Whether the broker has stated it."""
    recorded: bool = False
    """Whether the trading process recorded it."""
    counted: bool = False
    """Whether the book's side of the break contains it already."""
    claimed: Decimal = ZERO
    """Signed; how much of the very correction in question it claimed when it came (an inference that proved right)."""
    ours: bool | None = None
    """Whether it belongs to the trading process: by its order, its client id, its strategy. None: nobody can tell."""
    reason: Reason | None = None
    """What the broker says made it; None: nothing."""
    history: bool = False
    """Whether the very first answer on fills listed it: then "first heard of" says nothing of its age (L59)."""


class OrderSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One order on the symbol, as last known."""

    order: BrokerOrder
    position: int
    """The journal position that last spoke of it."""
    heard: Moment
    """When that was."""
    ours: bool = True
    sent_position: int = 0
    """Where it was recorded as pending, before it was sent; 0: we heard of it only afterwards."""
    counted: Decimal = ZERO
    """Unsigned; how much of it the book counted by fills that name it."""


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """Another key of the account that differs at the same time."""

    key: Key
    book: Holding | None
    broker: BrokerPosition | None
    position: int
    """Where its break was first seen."""


class BreakFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that may explain one break."""

    key: Key
    symbol: str
    ticket: str | None
    mode: PositionMode
    book: Holding | None
    """What the book held when the break was judged; None: nothing."""
    broker: BrokerPosition | None
    """What the broker stated; None: it does not list the key."""
    policy: Policy
    seen: Moment
    """When the answer that first showed the break was received."""
    seen_position: int
    agreed: Moment | None = None
    """When the last answer before that was asked for, which found no such break; None: there was none."""
    agreed_position: int = 0
    lag_ns: int = 0
    """How stale that answer may have been (`State.lag_ns`)."""
    fields: tuple[str | None, ...] = (None,)
    """The differing fields; (None,) when one side lacks the key."""
    deals: tuple[Deal, ...] = ()
    """In the order in which they were first heard of."""
    orders: tuple[OrderSeen, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()

    @property
    def delta(self) -> Decimal:
        """Signed: what has to be added to the book's quantity to make it the broker's."""
        ours = ZERO if self.book is None else self.book.signed_quantity
        theirs = ZERO if self.broker is None else self.broker.signed_quantity
        return subtract(theirs, ours)


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One explanation of a break."""

    cause: Cause
    strength: Strength
    why: str
    """One plain sentence."""
    executions: tuple[str, ...] = ()
    """Ids of the executions that it rests on, in the order in which they were heard of."""
    orders: tuple[str, ...] = ()
    """Ids of the orders that it rests on."""
    positions: tuple[int, ...] = ()
    """Journal positions of all its evidence, ascending."""
    ambiguous: bool = False
    """Whether something else fits as well: another cause of equal strength, or other deals of the same sum."""
    warnings: tuple[str, ...] = ()
    """What to look at now, whether or not the explanation is right: a stop that did not follow a split (L39)."""


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was looked at and is not the explanation."""

    what: str
    why: str
    positions: tuple[int, ...] = ()


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """All that came of asking for the cause of one break."""

    proposals: tuple[Proposal, ...]
    """The best first; never empty: the last resort is `unexplained`."""
    rejected: tuple[Rejected, ...] = ()
    """In the order in which it was looked at."""
