"""May this order be sent now?

Local, lock-free, microseconds: the ledger publishes an immutable `GateView` after each append; `check` reads it.
The age of the last verification is judged here, at the moment of asking, on the monotonic clock: a hung
pass fails closed (law 9). Cancels always pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.changes import Number
from trueup.decisions import GateStatus
from trueup.model import TradeSide

BLOCKED: Final = 503
"""The code of every refusal: try again when what it names is released."""


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


GateAnswer: TypeAlias = GateRefusal | NeedsProof | None
"""None: send it."""


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
        """None when the order may be sent; otherwise why not, or that a reducing order needs proof."""
        if intent.kind == "cancel":
            return None
        view = self._view
        reason = self._shut(view)
        if reason is not None:
            return _refused(view, intent, "account", reason, "a pass that verifies the book against the broker")
        if view.status == "reduce_only":
            return _refused(view, intent, "account", view.why, "the missing or unreadable rows being explained")
        symbol = intent.symbol if view.canonical is None else view.canonical(intent.symbol)
        if view.symbols and (reason := view.symbols.get(symbol)) is not None:
            return _refused(view, intent, symbol, reason, "the two sides agreeing on this symbol again")
        if view.quarantined:
            for scope in (f"*:{symbol}", f"{intent.strategy}:{symbol}"):
                if (reason := view.quarantined.get(scope)) is not None:
                    return _refused(view, intent, scope, reason, "its break being resolved, or an operator")
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
        if view.closed_hours is not None and view.closed_hours(self._wall_ns()):
            return "the broker is closed by the configured sessions"
        return None


def _refused(view: GateView, intent: Intent, scope: str, reason: str, release: str) -> GateAnswer:
    if intent.reduce_only:
        return NeedsProof(scope, reason)
    return GateRefusal(BLOCKED, scope, reason, view.since_ns, release)
