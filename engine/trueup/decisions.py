"""What are the outputs: everything we decided, as it is stored for ever?

A decision is an event like a fact (see `facts` for how they evolve). It names the input that caused it and
the policy that it followed, and copies its time from that input: nothing in it comes from a clock (law 1).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from trueup.facts import ActionKind
from trueup.model import BookOrder, Execution, Holding, Key, TradeSide

BreakKind: TypeAlias = Literal["recovery", "ghost", "drift"]
BreakState: TypeAlias = Literal["opened", "seen", "confirmed", "corrected", "cleared", "escalated"]
BreakOf: TypeAlias = Literal["position", "order"]
CorrectionKind: TypeAlias = Literal["recovery", "ghost", "drift", "missed-fill"]
GateStatus: TypeAlias = Literal["closed", "reduce_only", "open"]
HoldState: TypeAlias = Literal["held", "released", "acknowledged", "explained"]
Severity: TypeAlias = Literal["info", "warning", "critical"]
ActionPurpose: TypeAlias = Literal["cancel-orphan", "protect", "exit", "operator"]
ProtectionState: TypeAlias = Literal["unprotected", "placing", "exiting", "critical", "protected"]
ActionState: TypeAlias = Literal["unknown", "done", "failed", "abandoned"]
"""`unknown`: it is being looked up; `done`: it is there; `failed`: it provably is not, or was rejected;
`abandoned`: it was never sent, and is not wanted any more."""


class Decision(msgspec.Struct, frozen=True, array_like=True, tag_field="event", gc=False):
    """An output: caused by one input, under one policy."""

    cause: int
    """Journal position of the input that caused it."""
    at_ns: int
    """That input's wall time, copied."""
    policy: bytes
    """First 8 bytes of the SHA-256 that identifies the policy in force."""


class BaselineTaken(Decision, frozen=True, array_like=True, tag="baseline-taken/1"):
    """The first complete answer became the book: one event instead of a storm of recoveries."""

    keys: tuple[Key, ...]
    """The keys that the book lacked and now holds as that answer states them, in key order."""
    why: str


class PositionBound(Decision, frozen=True, array_like=True, tag="position-bound/1"):
    """A hedging book entry without a ticket was recognised among the broker's."""

    unbound: Key
    key: Key
    why: str


class Step(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One step in the life of one break."""

    break_id: str
    kind: BreakKind
    field: str | None
    """The differing field of a drift; None when one side lacks the key."""
    state: BreakState
    book: str | None
    broker: str | None
    sightings: int
    """How many independent, settled observations have now said so."""
    why: str


class Correction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The change to the book that resolves a break."""

    id: str
    """Derives from the state being corrected, never from the broker's times (L49, L50)."""
    kind: CorrectionKind
    before: Holding | None
    after: Holding | None
    why: str
    """One plain sentence."""
    exit_reason: str | None = None
    """Of one that closes the position: why it is no more. A ghost's is `CLOSED_EXTERNALLY` unless a deal states more, a
    missed fill's None unless it states one."""
    compensates: str | None = None
    """The id of the earlier correction that this one undoes."""


class OrderCorrection(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The change to one order of the book that resolves a break."""

    id: str
    """Derives from the state being corrected (L49, L50)."""
    kind: CorrectionKind
    before: BookOrder | None
    """None: the book lacked it."""
    after: BookOrder
    """An order never leaves the book: it ends."""
    why: str
    compensates: str | None = None
    """What it undoes: the id of an earlier correction, or `end` for an end that a late fill or the broker's own
    list disproved (L17)."""


class BreakMoved(Decision, frozen=True, array_like=True, tag="break-moved/1"):
    """All that one input did to the breaks of one key."""

    of: BreakOf
    key: Key
    symbol: str
    ticket: str | None
    steps: tuple[Step, ...]
    evidence: tuple[int, ...]
    """Journal positions of the observations and changes that this rests on, ascending."""
    correction: Correction | None = None
    order_correction: OrderCorrection | None = None
    """For a break of an order."""


class OrderMerged(Decision, frozen=True, array_like=True, tag="order-merged/1"):
    """What the broker says of an order of ours made it better known: ids, price, a raw word. Nothing differed."""

    after: BookOrder
    why: str


class FillSettled(Decision, frozen=True, array_like=True, tag="fill-settled/1"):
    """A fill met what had been inferred before it: how much of it moved the position, and why not all."""

    execution_id: str
    key: Key
    moved: Decimal
    """Signed; what still moved the position."""
    consumed: tuple[tuple[str, Decimal], ...]
    """(id of the correction that had inferred it, signed quantity)."""
    why: str


class FillAdopted(Decision, frozen=True, array_like=True, tag="fill-adopted/1"):
    """An execution that the broker reports and the book lacked entered as a `missed-fill` correction."""

    key: Key
    execution: Execution
    correction: Correction
    moved: Decimal
    consumed: tuple[tuple[str, Decimal], ...] = ()


class RecordRefused(Decision, frozen=True, array_like=True, tag="record-refused/1"):
    """Something recorded was kept as history and did not change the book."""

    what: str
    why: str


class MassAbsenceMoved(Decision, frozen=True, array_like=True, tag="mass-absence-moved/1"):
    """Too much of the book vanished at once, or that is over."""

    state: HoldState
    missing: tuple[Key, ...]
    counted: int
    """Keys missing now plus keys closed as ghosts in the window."""
    base: int
    """The largest confirmed book in the window."""
    why: str


class QuarantineMoved(Decision, frozen=True, array_like=True, tag="quarantine-moved/1"):
    """New risk is refused in a scope, or no longer is."""

    scope: str
    """`strategy:symbol` or `*:symbol`."""
    state: Literal["entered", "released"]
    why: str
    break_id: str | None = None


class GateMoved(Decision, frozen=True, array_like=True, tag="gate-moved/1"):
    """What the gate answers has changed (its age rule apart, which is judged when it is asked)."""

    status: GateStatus
    why: str
    symbols: tuple[tuple[str, str], ...] = ()
    """(symbol that is reduce-only, why), in order."""


class AlertRaised(Decision, frozen=True, array_like=True, tag="alert-raised/1"):
    """Something a person should know; one alert may speak for many breaks (L60)."""

    severity: Severity
    topic: str
    text: str
    breaks: tuple[str, ...] = ()


class ActionTerms(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is asked of the broker, as it was decided and is sent."""

    kind: ActionKind
    symbol: str
    ticket: str | None = None
    side: TradeSide | None = None
    quantity: Decimal | None = None
    """Greater than 0, never more than the live position (L22)."""
    stop: Decimal | None = None
    order_id: str | None = None
    target: str | None = None
    """For `cancel`: the client id of the order."""


class ActionRequested(Decision, frozen=True, array_like=True, tag="action-requested/1"):
    """Something will be asked of the broker. The client id is known, and stored, before anything is sent (law 6)."""

    client_id: str
    """Ours, deterministic: derived from what it is for and which attempt it is."""
    terms: ActionTerms
    purpose: ActionPurpose
    key: Key
    """What it is for: a position's key, or an order's reference."""
    attempt: int
    """From 1."""
    why: str


class ActionMoved(Decision, frozen=True, array_like=True, tag="action-moved/1"):
    """What became of an action: it is over, or what is known of it has changed."""

    client_id: str
    state: ActionState
    why: str
    evidence: tuple[int, ...] = ()
    """Journal positions that it rests on, ascending."""
    sightings: int = 0
    """For `unknown`: how many independent look-ups that count have not found it."""


class ProtectionMoved(Decision, frozen=True, array_like=True, tag="protection-moved/1"):
    """An open position has no working stop, or that is over (law 10)."""

    key: Key
    symbol: str
    ticket: str | None
    state: ProtectionState
    attempts: int
    """Stops that were asked for since it was seen without one."""
    why: str


class OverrideMoved(Decision, frozen=True, array_like=True, tag="override-moved/1"):
    """An operator lets orders pass where the evidence does not, for a while; or that is over."""

    state: Literal["granted", "ended"]
    scope: str
    """`account`, or a symbol."""
    who: str
    why: str
    until_ns: int
    """Wall time, UTC: it ends by itself then."""


DECISIONS: tuple[type[Decision], ...] = (
    BaselineTaken,
    PositionBound,
    BreakMoved,
    FillSettled,
    FillAdopted,
    RecordRefused,
    MassAbsenceMoved,
    QuarantineMoved,
    GateMoved,
    AlertRaised,
    OrderMerged,
    ActionRequested,
    ActionMoved,
    ProtectionMoved,
    OverrideMoved,
)
