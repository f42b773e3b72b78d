"""May this order be sent now?

Local, lock-free, microseconds: the ledger publishes an immutable `GateView` after each append; `check` reads it.
The age of the last verification, and of an operator's override, is judged here, at the moment of asking, on the
monotonic clock: a hung pass fails closed (law 9). Cancels always pass. What a reducing order needs is `proving`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.changes import Number
from trueup.decisions import GateStatus
from trueup.errors import BadNumber, InputError
from trueup.model import TradeSide, exact, name_of

BLOCKED: Final = 503
"""The code of every refusal: try again when what it names is released."""
VERIFIED: Final = "a pass that verifies the book against the broker"
EXPLAINED: Final = "the missing or unreadable rows being explained"
AGREEING: Final = "the two sides agreeing on this symbol again"


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What the trading process is about to ask of the broker."""

    symbol: str
    side: TradeSide
    quantity: Number
    """Greater than 0, in the instrument's unit."""
    strategy: str | None = None
    kind: Literal["order", "cancel"] = "order"
    reduce_only: bool = False
    """The order can only make a position smaller: it needs proof of the live position, not an open gate."""
    ticket: str | None = None
    """On a hedging account: which position a reducing order is for."""
    client_order_id: str | None = None
    """Under which the order will be recorded, where that is known already."""

    def __post_init__(self) -> None:
        if exact(self.quantity, what="Intent.quantity") <= 0:
            raise BadNumber(
                f"Intent.quantity is {self.quantity}; it must be greater than 0, the side says the direction"
            )
        if self.side not in ("buy", "sell"):  # what cannot be meant is not judged
            raise InputError(f"Intent.side is {self.side!r}; it must be buy or sell")
        name_of(self.symbol, what="Intent.symbol")


class GateRefusal(msgspec.Struct, frozen=True):
    """Why the order must not be sent now."""

    code: int
    scope: str
    """`account`, a symbol, or a quarantine's `strategy:symbol`."""
    reason: str
    since_ns: int
    """Wall time since when, UTC."""
    release: str
    """What would let it pass."""


class NeedsProof(msgspec.Struct, frozen=True):
    """A reducing order may pass once the *live* broker position proves that it reduces."""

    scope: str
    reason: str


class Warned(msgspec.Struct, frozen=True):
    """The order may be sent, although the evidence does not support it: the policy (`unverified = "warn"`) or an
    operator's override says so. False where a condition asks, like the None of an open gate."""

    scope: str
    """What would have refused it: `account`, or a symbol."""
    reason: str
    since_ns: int
    """Wall time since when, UTC."""

    def __bool__(self) -> bool:
        return False


class Permit(msgspec.Struct, frozen=True, kw_only=True):
    """The live position proved that an order reduces it. Record the order, then send it, within `lasts_ms`."""

    position: int
    """The journal position at which the permit stands."""
    symbol: str
    side: TradeSide
    quantity: Decimal
    live: Decimal
    """The size of the position as the broker stated it, unsigned."""
    lasts_ms: int
    """How long its quantity is reserved, if its order is not recorded meanwhile."""
    ticket: str | None = None
    client_order_id: str | None = None


GateAnswer: TypeAlias = GateRefusal | NeedsProof | Warned | None
"""None, or a `Warned`: send it."""


class OverrideView(msgspec.Struct, frozen=True):
    """An operator's word that orders pass for a while."""

    until_tick_ns: int
    """Monotonic reading at which it is over."""
    who: str
    why: str
    since_ns: int


class GateView(msgspec.Struct, frozen=True):
    """What the gate knows, replaced whole after each append."""

    status: GateStatus
    why: str
    symbols: Mapping[str, str]
    """Symbols that may only be reduced, and why."""
    quarantined: Mapping[str, str]
    """Scopes in which new risk is refused, and why."""
    since_ns: int
    verified_tick_ns: int | None
    """Monotonic reading of when the question behind the last answer was asked; None: not in this epoch."""
    age_ns_max: int
    failure: str | None = None
    """Why the journal cannot be written; nothing is permitted then."""
    closed_hours: Callable[[int], bool] | None = None
    canonical: Callable[[str], str] | None = None
    """The one name of a symbol, where the policy knows several: no scope is passed by another spelling (L33)."""
    warns: bool = False
    """Whether what is only unverified passes with a warning."""
    overrides: Mapping[str, OverrideView] = {}
    """By scope: `account`, or a symbol."""
    since: Mapping[str, int] = {}
    """Wall time since when, by quarantined scope; `since_ns` for the rest."""
    by_hand: Set[str] = frozenset()
    """Quarantined scopes that only an operator can release: no break stands behind them (L18)."""


CLOSED: Final = GateView("closed", "no start-up pass yet", {}, {}, 0, None, 0)


class Gate:
    """Answers for one account. Any thread may ask; asking changes nothing."""

    def __init__(self, monotonic_ns: Callable[[], int], wall_ns: Callable[[], int]) -> None:
        self._monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns
        self._view = CLOSED

    def publish(self, view: GateView) -> None:
        """Replace what the gate knows: one assignment, seen whole or not at all."""
        self._view = view

    def shut(self, why: str) -> None:
        """Nothing more is known: whoever still asks is refused, whatever was published last (law 9)."""
        self._view = msgspec.structs.replace(self._view, failure=why)

    @property
    def status(self) -> GateStatus:
        """`closed`, `reduce_only` or `open` for the account, its age rule applied now."""
        view = self._view
        return "closed" if self._shut(view) is not None else view.status

    @property
    def narrowest(self) -> GateStatus:
        """`status`, or `reduce_only` when any symbol or quarantined scope is limited: what a summary may promise."""
        status, view = self.status, self._view
        return "reduce_only" if status == "open" and (view.symbols or view.quarantined) else status

    @property
    def why(self) -> str:
        """The sentence behind `status`."""
        view = self._view
        return self._shut(view) or view.why

    def check(self, intent: Intent) -> GateAnswer:
        """None (or a `Warned`, which is false too) when the order may be sent; otherwise why not, or that a reducing
        order needs proof."""
        if intent.kind == "cancel":
            return None
        view = self._view
        shut = self._shut(view)
        if shut is None and view.status == "open" and not view.symbols and not view.quarantined:
            return None
        return self._judged(view, intent, shut)

    def _judged(self, view: GateView, intent: Intent, shut: str | None) -> GateAnswer:
        """Account, then symbol, then quarantine: what limits in a narrower scope still does where a wider one is let
        pass. An override lifts no quarantine, and nothing passes a journal that cannot be written."""
        if view.failure is not None:
            return _refused(view, intent, "account", view.failure, VERIFIED)
        symbol = intent.symbol if view.canonical is None else view.canonical(intent.symbol)
        passed: Warned | None = None
        reason = view.why if shut is None and view.status == "reduce_only" else shut
        if reason is not None:
            passed = self._overridden(view, "account", symbol, reason)
            if passed is None and view.warns and view.status != "reduce_only" and not self._is_closed_hours(view):
                passed = Warned("account", reason, view.since_ns)
            if passed is None:
                return _refused(view, intent, "account", reason, EXPLAINED if shut is None else VERIFIED)
        if (reason := view.symbols.get(symbol)) is not None:
            passed = self._overridden(view, symbol, symbol, reason)
            if passed is None:
                return _refused(view, intent, symbol, reason, AGREEING)
        if view.quarantined:
            for scope in _scopes(view, intent.strategy, symbol):
                by_hand = f"an operator: trueup release '{scope}'"
                release = by_hand if scope in view.by_hand else f"its break being resolved, or {by_hand}"
                return _refused(view, intent, scope, view.quarantined[scope], release)
        return passed

    def _overridden(self, view: GateView, scope: str, symbol: str, reason: str) -> Warned | None:
        """The warning with which an operator's override lets an order pass; None where there is none, or no more."""
        if not view.overrides:
            return None
        now_ns = self._monotonic_ns()
        for name in ("account", symbol):
            one = view.overrides.get(name)
            if one is not None and now_ns < one.until_tick_ns:
                return Warned(scope, f"overridden by {one.who} ({one.why}): {reason}", one.since_ns)
        return None

    def _shut(self, view: GateView) -> str | None:
        """Why nothing that adds risk may pass on the whole account; None when that is not so."""
        if view.failure is not None:
            return view.failure
        if view.status == "closed":
            return view.why
        if view.verified_tick_ns is None:
            return "no start-up pass yet"
        age_ns = self._monotonic_ns() - view.verified_tick_ns
        if age_ns > view.age_ns_max:
            ago, allowed = age_ns // 1_000_000_000, view.age_ns_max // 1_000_000_000
            return f"the book was last verified {ago} s ago, at most {allowed} s is allowed"
        if self._is_closed_hours(view):
            return "the broker is closed by the configured sessions"
        return None

    def _is_closed_hours(self, view: GateView) -> bool:
        return view.closed_hours is not None and view.closed_hours(self._wall_ns())


def _scopes(view: GateView, strategy: str | None, symbol: str) -> list[str]:
    """The quarantined scopes that an order falls into. One whose strategy nobody names may be anybody's: it cannot be
    shown to be outside of any (law 9)."""
    if strategy is None:
        return [scope for scope in sorted(view.quarantined) if scope.endswith(f":{symbol}")]
    return [scope for scope in (f"*:{symbol}", f"{strategy}:{symbol}") if scope in view.quarantined]


def _refused(view: GateView, intent: Intent, scope: str, reason: str, release: str) -> GateAnswer:
    if intent.reduce_only:
        return NeedsProof(scope, reason)
    return GateRefusal(BLOCKED, scope, reason, view.since.get(scope, view.since_ns), release)
