"""What does the core need from outside: a clock, a broker to ask, and nothing else?

`Clock` and `Broker` are all that production and simulation differ in. A broker adapter answers every question
with an `Answer` and raises nothing: a broker that fails is a fact (law 4). `trueup.testing.broker_contract` is
the test suite that every adapter inherits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from trueup.facts import Completeness
from trueup.model import BrokerPosition, Execution, Key, PositionMode, Refusal, Surface


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question to the broker."""

    surface: Surface
    since_ns: int | None = None
    """For `fills`: the oldest wall time that is wanted, UTC; None leaves it to the adapter."""


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
    refused: Sequence[Refusal] = ()
    """Rows that were there and could not be used: they make an answer partial."""
    raw: bytes = b""
    """The reply as it came."""


def failed(why: str, *, raw: bytes = b"", dialect: str = "") -> Answer:
    """No usable answer: time-out, refusal, garbage. Nothing may be concluded from it (L01, L06, L48)."""
    return Answer(completeness="failed", why=why, raw=raw, dialect=dialect)


def unsupported(why: str, *, raw: bytes = b"") -> Answer:
    """The broker does not offer this surface at all."""
    return Answer(completeness="unsupported", why=why, raw=raw)


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter declares of itself; journalled with each epoch."""

    source: str
    """Its short name, `mt5`."""
    position_mode: PositionMode
    surfaces: frozenset[Surface]
    lag_ms_max: Mapping[Surface, int]
    """Per surface: how stale an answer may be at the moment it is asked for."""


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
