"""What does the core need from outside: a clock, a broker to ask, and nothing else?

`Clock` and `Broker` are all that production and simulation differ in. A broker adapter answers every question
with an `Answer` and raises nothing: a broker that fails is a fact (law 4). `trueup.testing.broker_contract` is
the test suite that every adapter inherits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal, Protocol

import msgspec

from trueup.facts import ActionKind as ActionKind
from trueup.facts import Completeness
from trueup.model import BrokerOrder, BrokerPosition, Execution, Key, PositionMode, Refusal, Surface, TradeSide


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question to the broker."""

    surface: Surface
    since_ns: int | None = None
    """For `fills`: the oldest wall time that is wanted, UTC; None leaves it to the adapter."""
    client_order_id: str | None = None
    """For `order`: which one, by the id that we gave it."""
    order_id: str | None = None
    """For `order`: which one, by the broker's own id, where that is known too."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt at a question brought. Build with `answered`, `failed`, or `unsupported`."""

    completeness: Completeness
    why: str = ""
    """Why it is not complete: one clear sentence. '' when it is."""
    dialect: str = ""
    """Which of the dialects it understands the adapter recognised (L47)."""
    positions: Mapping[Key, BrokerPosition] = {}
    """By key of the declared position mode. Never changed after it was handed over; the very same object
    again says that nothing changed since."""
    executions: Sequence[Execution] = ()
    orders: Sequence[BrokerOrder] = ()
    """For `open_orders` all that work; for `order` the one that was asked for. A complete answer to `order` without
    one says "not found", which is an absence like any other and proves nothing alone (L04, L06)."""
    refused: Sequence[Refusal] = ()
    """Rows that were there and could not be used: they make an answer partial."""
    raw: bytes = b""
    """The reply as it came."""

    def __post_init__(self) -> None:
        _heal(self)


def _heal(said: Answer | Outcome) -> None:
    """What the outside says may hold halves of characters, which nothing can store: each becomes a question mark.
    Otherwise the broker's own words would end a pass (law 4)."""
    if not said.why.isascii():
        msgspec.structs.force_setattr(said, "why", said.why.encode("utf-8", "replace").decode())


def failed(why: str, *, raw: bytes = b"", dialect: str = "") -> Answer:
    """No usable answer: time-out, refusal, garbage. Nothing may be concluded from it (L01, L06, L48)."""
    return Answer(completeness="failed", why=why, raw=raw, dialect=dialect)


def unsupported(why: str, *, raw: bytes = b"") -> Answer:
    """The broker does not offer this surface at all."""
    return Answer(completeness="unsupported", why=why, raw=raw)


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Something asked of the broker, stored with its client id before it is sent (law 6)."""

    kind: ActionKind
    client_id: str
    """Ours, deterministic: the broker is asked for it when the outcome is unknown."""
    symbol: str
    order_id: str | None = None
    """For `cancel`: the broker's id of the order; `target` its client id."""
    target: str | None = None
    ticket: str | None = None
    """For `place_stop` and `close_position` on a hedging account: which position."""
    side: TradeSide | None = None
    """For the other two: the side of the order, opposite to the position's."""
    quantity: Decimal | None = None
    """Greater than 0, never more than the live position (L22)."""
    stop: Decimal | None = None
    """For `place_stop`: the price."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What sending an action once came to. Nothing is ever sent twice by an adapter (L21, L27)."""

    state: Literal["acknowledged", "rejected", "unknown"]
    """`unknown`: it may or may not have been done, and is looked up before anything is sent again."""
    why: str = ""
    order_id: str | None = None
    raw: bytes = b""

    def __post_init__(self) -> None:
        _heal(self)


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter declares of itself; journalled with each epoch."""

    source: str
    """Its short name, `mt5`."""
    position_mode: PositionMode
    surfaces: frozenset[Surface]
    lag_ms_max: Mapping[Surface, int]
    """Per surface: how stale an answer may be at the moment it is asked for."""
    actions: frozenset[ActionKind] = frozenset()
    """What the broker can be asked to do through this adapter."""
    can_reduce_only: bool = False
    """Whether the broker itself refuses a reduce-only order that would open a position."""
    certain: frozenset[Surface] = frozenset()
    """Those of `surfaces` that every such broker has: not answering one is a failure from the first question on. Others
    may turn out not to be there, and until a first answer their silence is taken for that."""


class Broker(Protocol):
    """One account at one broker, as it can be asked. All methods run on one event loop."""

    @property
    def capabilities(self) -> Capabilities:
        """Known without asking anybody; never changes."""
        ...

    @property
    def connections(self) -> int:
        """How many times a connection has come about. When it grows, a full pass is due (L10)."""
        ...

    async def ask(self, question: Question) -> Answer:
        """One attempt. Never raises for what the outside does; may take for ever: the caller limits time
        by cancelling it, and must be able to ask again afterwards."""
        ...

    async def close(self) -> None:
        """Let go of everything, promptly."""
        ...


class ActingBroker(Broker, Protocol):
    """A broker that can also be asked to do something."""

    async def act(self, action: Action) -> Outcome:
        """Send it once, without any retry. Never raises for what the outside does. Cancelled by the caller it may
        have been sent: the outcome is `unknown` then. A broker that has seen the client id before does nothing
        twice and answers as it did then, where it can."""
        ...


class Clock(Protocol):
    """Time as an argument, so that a year can pass in a second."""

    def wall_ns(self) -> int:
        """UTC, nanoseconds since 1970; may jump."""
        ...

    def monotonic_ns(self) -> int:
        """Never goes back; its zero means nothing."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let that much monotonic time pass."""
        ...
