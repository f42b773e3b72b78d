"""What may be corrected, on how much evidence, and how patiently?

One frozen value, adopted as an event and identified by its digest in every decision. Every duration names its
unit, every limit ends in `_max`; `docs/policy.md` has the table with the reasons for the defaults.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.errors import PolicyError
from trueup.model import ZERO, Surface, exact
from trueup.toml_lines import meant

OnRecovery: TypeAlias = Literal["adopt", "quarantine", "alert"]
OnGhost: TypeAlias = Literal["close", "quarantine", "alert"]
OnDrift: TypeAlias = Literal["correct", "quarantine", "alert"]
OnOrphanOrder: TypeAlias = Literal["quarantine", "cancel", "adopt", "alert"]
OnOverdueSlice: TypeAlias = Literal["expire", "rearm", "alert"]
Unit: TypeAlias = Literal["lots", "contracts", "units", "shares", "coins"]
Unverified: TypeAlias = Literal["block", "warn"]

PRESETS: Final = ("observe", "adopt", "guarded")
PERMISSIONS: Final = ("manage_reconciliation",)
"""What an operator may be allowed: everything that changes the book, the gate, or the broker."""
_REMEDIES: Final = ("on_recovery", "on_ghost", "on_drift", "on_orphan_order", "on_overdue_slice")
_MINUTES_A_WEEK: Final = 7 * 24 * 60
_MINUTES_TO_MONDAY: Final = 3 * 24 * 60  # 1970 began on a Thursday
LAG_MS_MAX_DEFAULT: Final = 15_000
"""How stale an answer may be where neither policy nor adapter says."""


class Instrument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of one symbol; without it quantities are compared exactly and nothing is converted."""

    unit: Unit | None = None
    contract_size: Decimal | None = None
    """Units (coins, shares) in one contract or lot."""
    tick: Decimal | None = None
    lot_step: Decimal | None = None
    """The smallest tradeable quantity: what is less cannot be traded away and counts as dust (L37)."""
    aliases: tuple[str, ...] = ()
    """Other spellings of this symbol, on either side (L33)."""
    currency: str | None = None
    """The currency of its prices: profit and loss are summed by it; None: all without one are taken to share theirs."""


class ClosedHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One span of the week in which the broker is closed: minutes since Monday 00:00 UTC, end excluded."""

    from_minute: int
    to_minute: int


class Protect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every open position must have at the broker: a working stop."""

    stop_distance_pct: Decimal = Decimal(2)
    """How far from the entry price a stop is placed, in per cent of it: 0.5 to 10."""
    retries_max: int = 3
    """Stops that are asked for, each after looking up the one before; then the position is closed, reduce-only."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The rules that decisions follow. Build one with a preset: `Policy.adopt(confirmations=3)`."""

    preset: Literal["observe", "adopt", "guarded"] = "adopt"
    on_recovery: OnRecovery = "adopt"
    on_ghost: OnGhost = "close"
    on_drift: OnDrift = "correct"
    on_orphan_order: OnOrphanOrder = "quarantine"
    """An order at the broker that the book lacks; one that protects a position is never cancelled (L26)."""
    on_overdue_slice: OnOverdueSlice = "expire"
    """A scheduled slice of a plan whose time has passed, and which provably is not at the broker."""

    sync_interval_s: int = 15
    startup_timeout_s: int = 30
    confirmations: int = 2
    """Complete, independent observations that must lack a key before it is a ghost."""
    confirm_interval_ms: int = 500
    lag_ms_max: dict[Surface, int] = {}
    """Per surface; what is absent here is as the adapter declares, else 15,000."""
    settle_ms: int | None = None
    """None: as `lag_ms_max`; never less than that."""
    in_flight_s_max: int = 30
    inferred_s_max: int = 300
    action_queue_s_max: int = 60
    """How long a server may still execute what a closed connection had queued (law 6)."""
    look_ups_max: int = 20
    """Orders that one pass looks up by id (L11); who waited longest comes first."""

    mass_absence_fraction_max: Decimal = Decimal("0.5")
    mass_absence_count_min: int = 3
    mass_absence_window_s: int = 60
    confirmations_total: int = 5
    total_absence_s: int = 10

    quantity_tolerance: dict[str, Decimal] = {}
    """Per symbol, exact; `*` is the default for the rest, 0 where nothing is said."""
    price_tolerance: dict[str, Decimal] = {}
    """Per symbol; where nothing is said prices compare at the coarser reported scale."""
    dust: dict[str, Decimal] = {}
    """Per symbol: a position of at most this size counts as none."""

    unverified: Unverified = "block"
    verified_age_s_max: int | None = None
    """None: 4 x `sync_interval_s`."""
    operators: dict[str, tuple[str, ...]] = {}
    """Who may do what: a name, as the channel authenticates it, to permissions; empty: whoever can reach the store."""
    override_s_max: int = 3600
    """How long an operator's override of the gate lasts at most."""
    permit_ms_max: int = 5000
    """How long a permit for a reducing order reserves its quantity, if its order is not recorded meanwhile."""
    quarantine_unknown_owner: str = "*:symbol"
    protect: Protect | None = None
    """None: off."""
    correction_attempts_max: int = 5
    """Corrections of one key within `correction_window_s`, then a human decides (L52)."""
    correction_window_s: int = 3600
    fill_window_days_max: int = 30
    """How long execution ids are remembered; older fills are refused with a reason."""

    broker_timeout_s: int = 10
    retries_max: int = 3
    backoff_s: tuple[int, ...] = (1, 2, 4)

    sessions: tuple[ClosedHours, ...] = ()
    instruments: dict[str, Instrument] = {}
    strategies: dict[str, str] = {}
    """The broker's owner mark (an MT5 magic number) to the strategy's name."""

    def check(self) -> None:
        """Raise PolicyError with every reason why this policy cannot be meant.

        Presets call it, and so does a claim. Reading a journal does not: a policy that could be meant once stays
        readable for ever, also where a later version no longer takes it.
        """
        try:
            msgspec.msgpack.decode(msgspec.msgpack.encode(self), type=Policy)
        except (msgspec.ValidationError, TypeError) as error:
            raise PolicyError(f"policy: {error}") from error  # stored, it could not be read back
        problems = list(_problems(self))
        if problems:
            raise PolicyError("; ".join(problems))

    # -- presets -------------------------------------------------------------------------------------------

    @classmethod
    def observe(cls, **knobs: object) -> Policy:
        """Detects and journals; corrects nothing."""
        return _preset("observe", dict.fromkeys(_REMEDIES, "alert") | knobs)

    @classmethod
    def adopt(cls, **knobs: object) -> Policy:
        """The broker is right: the book follows it. The default."""
        return _preset("adopt", knobs)

    @classmethod
    def guarded(cls, **knobs: object) -> Policy:
        """Alerts and quarantines; humans decide."""
        return _preset(
            "guarded",
            dict.fromkeys(_REMEDIES, "quarantine") | {"on_overdue_slice": "alert"} | knobs,
        )

    # -- derived -------------------------------------------------------------------------------------------

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the canonical encoding: equal policies have equal digests."""
        return hashlib.sha256(msgspec.msgpack.encode(self, order="sorted")).digest()

    @cached_property
    def mark(self) -> bytes:
        """The first 8 bytes of the digest, by which decisions name their policy."""
        return self.digest[:8]

    @cached_property
    def fill_window_ns(self) -> int:
        """How long execution ids are remembered."""
        return self.fill_window_days_max * 86_400_000_000_000

    @cached_property
    def inferred_ns_max(self) -> int:
        """How long an inference waits for its fill."""
        return self.inferred_s_max * 1_000_000_000

    @cached_property
    def _canonical(self) -> dict[str, str]:
        return {alias: symbol for symbol, known in self.instruments.items() for alias in known.aliases}

    def canonical(self, symbol: str) -> str:
        """The one name of a symbol that may be spelled in several ways (L33)."""
        return self._canonical.get(symbol, symbol)

    def quantity_tolerance_of(self, symbol: str) -> Decimal:
        """The largest difference of quantities that is still agreement; 0 where nothing is said."""
        return self.quantity_tolerance.get(symbol, self.quantity_tolerance.get("*", ZERO))

    def price_tolerance_of(self, symbol: str) -> Decimal | None:
        """The largest difference of prices that is still agreement; None: compare at the reported scale."""
        return self.price_tolerance.get(symbol, self.price_tolerance.get("*"))

    def is_closed_hours(self, at_ns: int) -> bool:
        """Whether the broker is closed at a wall time, by the configured `sessions`."""
        minute = (at_ns // 60_000_000_000 + _MINUTES_TO_MONDAY) % _MINUTES_A_WEEK
        return any(span.from_minute <= minute < span.to_minute for span in self.sessions)

    def is_dust(self, symbol: str, signed_quantity: Decimal) -> bool:
        """Whether a position is too small to be one (L37): at most `dust`, or below one lot step."""
        if not signed_quantity:
            return True
        if not self.dust and not self.instruments:
            return False
        size = signed_quantity.copy_abs()
        limit = self.dust.get(symbol, self.dust.get("*"))
        if limit is not None and size <= limit:
            return True
        known = self.instruments.get(symbol)
        return known is not None and known.lot_step is not None and size < known.lot_step

    def allows(self, who: str, permission: str) -> bool:
        """Whether `who` has a permission. Where no operators are configured, whoever can reach the store has all."""
        return not self.operators or permission in self.operators.get(who, ())

    def verified_age_ns_max(self) -> int:
        """How old the last verification may be before the gate closes."""
        return (self.verified_age_s_max or 4 * self.sync_interval_s) * 1_000_000_000


def _preset(name: str, knobs: dict[str, object]) -> Policy:
    """A policy from a preset and knobs by name; the knobs' texts become exact numbers."""
    known = Policy.__struct_fields__
    unknown = [meant("knob", knob, knob, known) for knob in knobs if knob not in known]
    if unknown:
        raise PolicyError(f"policy: {'; '.join(unknown)}")
    try:
        policy = msgspec.convert({"preset": name} | knobs, Policy, dec_hook=None)
    except msgspec.ValidationError as error:
        raise PolicyError(f"policy: {error}") from error
    policy.check()
    return policy


def _protect_problems(protect: Protect) -> Iterator[str]:
    distance = protect.stop_distance_pct
    if not (distance.is_finite() and Decimal("0.5") <= distance <= 10):
        yield f"protect.stop_distance_pct is {distance}; it must lie between 0.5 and 10"
    if protect.retries_max < 1:
        yield f"protect.retries_max is {protect.retries_max}; it must be at least 1"


_AT_LEAST: Final[dict[str, int]] = {
    "sync_interval_s": 1,
    "startup_timeout_s": 1,
    "confirmations": 2,
    "confirm_interval_ms": 0,
    "in_flight_s_max": 1,
    "inferred_s_max": 1,
    "action_queue_s_max": 0,
    "look_ups_max": 1,
    "mass_absence_count_min": 1,
    "mass_absence_window_s": 1,
    "confirmations_total": 2,
    "total_absence_s": 0,
    "correction_attempts_max": 1,
    "correction_window_s": 1,
    "override_s_max": 1,
    "permit_ms_max": 1,
    "fill_window_days_max": 1,
    "broker_timeout_s": 1,
    "retries_max": 0,
}


def _problems(policy: Policy) -> Iterator[str]:
    """Every sentence that says why this policy cannot be meant."""
    for name, least in _AT_LEAST.items():
        if getattr(policy, name) < least:
            yield f"{name} is {getattr(policy, name)}; it must be at least {least}"
    for who, permissions in policy.operators.items():
        for permission in permissions:
            if permission not in PERMISSIONS:
                yield f"operators.{who} has {permission!r}; there is {', '.join(PERMISSIONS)}"
    if policy.protect is not None:
        yield from _protect_problems(policy.protect)
    for name, least in (("settle_ms", 0), ("verified_age_s_max", 1)):
        value = getattr(policy, name)
        if value is not None and value < least:
            yield f"{name} is {value}; it must be at least {least}"
    for pause in policy.backoff_s:
        if pause < 0:
            yield f"backoff_s has {pause}; every pause must be at least 0"
    for span in policy.sessions:
        if not 0 <= span.from_minute < span.to_minute <= _MINUTES_A_WEEK:
            yield f"sessions: {span.from_minute} to {span.to_minute} is no span of the week's {_MINUTES_A_WEEK} minutes"
    fraction = exact(policy.mass_absence_fraction_max, what="mass_absence_fraction_max")
    if not 0 <= fraction <= 1:
        yield f"mass_absence_fraction_max is {fraction}; it must lie between 0 and 1"
    for name in ("quantity_tolerance", "price_tolerance", "dust"):
        for symbol, value in getattr(policy, name).items():
            if not value.is_finite() or value < 0:
                yield f"{name}.{symbol} is {value}; it must be a number of at least 0"
    for surface, lag in policy.lag_ms_max.items():
        if lag < 0:
            yield f"lag_ms_max.{surface} is {lag}; it must be at least 0"
    owner: dict[str, str] = {}
    for symbol, known in policy.instruments.items():
        for alias in known.aliases:
            if alias in policy.instruments:
                yield f"instruments: {alias!r} is an alias of {symbol} and an instrument of its own"
            elif alias in owner:
                yield f"instruments: {alias!r} is an alias of both {owner[alias]} and {symbol}"
            owner[alias] = symbol
        for name in ("contract_size", "tick", "lot_step"):
            value = getattr(known, name)
            if value is not None and not (value.is_finite() and value > 0):
                yield f"instruments.{symbol}.{name} is {value}; it must be greater than 0"
