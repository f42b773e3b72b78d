"""How does the gate stand, scope by scope, and by whose word does anything pass?

The same rows for a status in Python, on the command line and over HTTP. From the fold alone; whether a verification has
become too old is the gate's own to say. Pure: the wall time is an argument.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from trueup.gate import AGREEING, EXPLAINED, VERIFIED
from trueup.model import TradeSide, plain
from trueup.reconciliation.state import State
from trueup.report import iso


class ScopeRow(msgspec.Struct, frozen=True):
    """What holds in one scope, since when, and what would release it."""

    scope: str
    """`account`, a symbol, or a quarantine's `strategy:symbol`."""
    gate: Literal["closed", "reduce_only", "open"]
    why: str
    since: str | None
    """ISO 8601, UTC; None: nothing has happened yet."""
    release: str | None
    """None where the scope is open."""


class QuarantineRow(msgspec.Struct, frozen=True):
    """A scope in which new risk is refused."""

    why: str
    since: str
    release: str


class OverrideRow(msgspec.Struct, frozen=True):
    """An operator's word that orders pass for a while."""

    scope: str
    who: str
    why: str
    since: str
    until: str


class PermitRow(msgspec.Struct, frozen=True):
    """A permit for a reducing order that was not recorded yet."""

    position: int
    symbol: str
    ticket: str | None
    side: TradeSide
    quantity: str
    client_order_id: str | None
    until: str


def scope_rows(state: State) -> tuple[ScopeRow, ...]:
    """The account, then every symbol and every quarantined scope that is limited, in order."""
    gate, since = state.gate, iso(state.gate_since.at_ns) if state.gate_since.at_ns else None
    release = {"closed": VERIFIED, "reduce_only": EXPLAINED, "open": None}[gate.status]
    rows = [ScopeRow("account", gate.status, gate.why, since, release)]
    for symbol, why in sorted(gate.symbols):
        rows.append(ScopeRow(symbol, "reduce_only", why, since, AGREEING))
    for scope, one in quarantine_rows(state).items():
        rows.append(ScopeRow(scope, "reduce_only", one.why, one.since, one.release))
    return tuple(rows)


def quarantine_rows(state: State) -> dict[str, QuarantineRow]:
    """Every quarantined scope, in order."""
    rows: dict[str, QuarantineRow] = {}
    for scope in sorted(state.quarantine):
        one = state.quarantine[scope]
        by_hand = f"an operator: trueup release '{scope}'"
        release = by_hand if one.break_id is None else f"break {one.break_id} being over, or {by_hand}"
        rows[scope] = QuarantineRow(one.why, iso(one.since.at_ns), release)
    return rows


def override_rows(state: State, now_ns: int) -> tuple[OverrideRow, ...]:
    """The overrides that are in force at a wall time, by scope."""
    return tuple(
        OverrideRow(one.scope, one.who, one.why, iso(one.since.at_ns), iso(one.until_ns))
        for one in state.overrides
        if one.since.epoch == state.epoch and now_ns < one.until_ns
    )


def permit_rows(state: State, now_ns: int) -> tuple[PermitRow, ...]:
    """The permits that hold their quantity at a wall time, oldest first."""
    held_ns = state.policy.permit_ms_max * 1_000_000
    return tuple(
        PermitRow(
            one.position, one.symbol, one.ticket, one.side, plain(one.quantity), one.client_order_id,
            iso(one.given.at_ns + held_ns),
        )
        for one in state.permits
        if now_ns <= one.given.at_ns + held_ns
    )  # fmt: skip
