"""What is an explanation made of, as data that a program can read and a person be told?

Times are ISO 8601 in UTC, quantities and prices text without exponent, journal positions integers: as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal, Protocol, TypeAlias

import msgspec

from trueup.events import Event
from trueup.reconciliation.state import State

RuleSource: TypeAlias = Literal["default", "preset", "changed", "adapter", "fixed"]
"""default: as every policy has it. preset: the preset's own. changed: somebody set it. adapter: the broker's adapter
declared it. fixed: no knob, the design says so."""
Finding: TypeAlias = Literal["held", "waited", "counted", "not counted", "rejected", "passed"]
"""What a consideration came to: it held the decision back, made it wait, counted for it or did not, was rejected, or
stood in nobody's way."""
Raw: TypeAlias = Literal["present", "missing", "none"]
"""Whether the reply as it came is kept; none: nothing came that could be."""


class Past(Protocol):
    """What telling needs of a journal; positions are 1, 2, 3, and both ends are included."""

    @property
    def account(self) -> str: ...

    def events(self, first: int = 1, last: int | None = None) -> Iterable[tuple[int, Event]]:
        """(position, event), in order; to the end without `last`."""
        ...

    def state(self, position: int) -> State:
        """The fold of everything up to there."""
        ...

    def has_raw(self, digest: bytes) -> bool:
        """Whether the reply with that SHA-256 is kept."""
        ...


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is explained."""

    what: Literal["correction", "break"]
    id: str
    position: int
    """The journal position of the event that made it, or moved it last."""
    at: str
    of: str
    kind: str
    """recovery, ghost, drift, missed-fill."""
    state: str
    """How far the break has come: opened, confirmed, corrected, cleared, escalated."""
    key: str
    symbol: str
    ticket: str | None
    fields: tuple[str, ...] = ()
    book: str | None = None
    """What the book said, in words; None: nothing."""
    broker: str | None = None
    before: str | None = None
    """Of a correction: what the book held, `long 0.2 at 1.271`; None: nothing."""
    after: str | None = None
    why: str = ""
    """The one sentence that the journal keeps."""
    exit_reason: str | None = None
    compensates: str | None = None
    """The earlier correction that this one undid."""
    undone_by: str | None = None
    """The later correction that undid this one."""
    breaks: tuple[str, ...] = ()
    """Ids of the breaks that it ended, or of the one that it is."""


class ObservationTold(msgspec.Struct, frozen=True, kw_only=True):
    """One answer that the verdict rests on."""

    position: int
    surface: str
    asked_at: str
    received_at: str
    took_ms: int
    completeness: str
    why: str
    """Why it is not complete."""
    says: str
    """What it says of the key, in words."""
    refused: int
    raw: Raw
    raw_digest: str
    """SHA-256 of the reply, hexadecimal; '' when nothing came."""


class ChangeTold(msgspec.Struct, frozen=True, kw_only=True):
    """Something that changed, or spoke of, the key on our side."""

    position: int
    at: str
    what: str


class RuleTold(msgspec.Struct, frozen=True, kw_only=True):
    """One rule that was in force, with its value."""

    name: str
    value: str
    source: RuleSource
    meaning: str


class ConsideredTold(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was looked at before the verdict."""

    what: str
    finding: Finding
    why: str
    positions: tuple[int, ...] = ()


class CauseTold(msgspec.Struct, frozen=True, kw_only=True):
    """One explanation that fits, best first."""

    cause: str
    strength: str
    ambiguous: bool
    why: str
    executions: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    positions: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


class WorthTold(msgspec.Struct, frozen=True, kw_only=True):
    """How much money it is about, as far as prices are known."""

    amount: str | None
    currency: str | None
    why: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole chain, from what was asked to what would have changed the verdict."""

    account: str
    subject: Subject
    verdict: str
    """One plain sentence."""
    observations: tuple[ObservationTold, ...]
    changes: tuple[ChangeTold, ...]
    policy: str
    """`adopt (2e19...), in force since 3`."""
    rules: tuple[RuleTold, ...]
    considered: tuple[ConsideredTold, ...]
    causes: tuple[CauseTold, ...]
    worth: WorthTold | None
    would_change: tuple[str, ...]


def iso(at_ns: int) -> str:
    """Nanoseconds since 1970 as ISO 8601 in UTC, to the microsecond; '' for never."""
    if not at_ns:
        return ""
    moment = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC)
    return moment.replace(microsecond=at_ns % 1_000_000_000 // 1000).isoformat().replace("+00:00", "Z")


def seconds(ns: int) -> str:
    """`350 ms`, `2.5 s`, `12 s`: a span for a person."""
    if ns < 1_000_000_000:
        return f"{ns // 1_000_000} ms"
    tenths = ns // 100_000_000
    return f"{tenths // 10} s" if tenths >= 100 or tenths % 10 == 0 else f"{tenths // 10}.{tenths % 10} s"
