"""Does a policy refuse what cannot be meant, and say the same thing for every symbol it is asked about?"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from trueup import AsyncReconciler, ClosedHours, InputError, Instrument, Policy, PolicyError, Reconciler
from trueup.claims import Claim
from trueup.events import decode, encode, name_of_event
from trueup.facts import PolicyAdopted
from trueup.model import Moment

HOUR_NS = 3_600_000_000_000
MONDAY_NS = 4 * 24 * HOUR_NS
"""1970-01-05 00:00 UTC, a Monday."""


def test_presets_say_who_decides() -> None:
    wishes = {
        name: (policy.preset, policy.on_recovery, policy.on_ghost, policy.on_drift)
        for name, policy in (("o", Policy.observe()), ("a", Policy.adopt()), ("g", Policy.guarded()))
    }
    assert wishes == {
        "o": ("observe", "alert", "alert", "alert"),
        "a": ("adopt", "adopt", "close", "correct"),
        "g": ("guarded", "quarantine", "quarantine", "quarantine"),
    }
    assert Policy.guarded(on_ghost="close").on_ghost == "close", "a knob goes before its preset"


def test_knobs_given_as_text_are_exact() -> None:
    policy = Policy.adopt(dust={"*": "0.1"}, instruments={"X": {"lot_step": "0.01"}}, mass_absence_fraction_max="0.3")
    assert policy.dust["*"] == Decimal("0.1")
    assert policy.instruments["X"] == Instrument(lot_step=Decimal("0.01"))
    assert policy.mass_absence_fraction_max == Decimal("0.3")


@pytest.mark.parametrize(
    ("knobs", "says"),
    [
        ({"confirmations": 1}, "confirmations is 1; it must be at least 2"),
        ({"confirm_interval_ms": -1}, "confirm_interval_ms is -1; it must be at least 0"),
        ({"confirmations_total": 1, "retries_max": -1}, "confirmations_total is 1; .*; retries_max is -1; "),
        ({"mass_absence_fraction_max": "1.01"}, "mass_absence_fraction_max is 1.01; it must lie between 0 and 1"),
        ({"mass_absence_fraction_max": "-0.1"}, "mass_absence_fraction_max is -0.1"),
        ({"dust": {"X": "-1"}}, "dust.X is -1; it must be a number of at least 0"),
        ({"price_tolerance": {"*": "NaN"}}, r"price_tolerance.\* is NaN"),
        ({"quantity_tolerance": {"X": "Infinity"}}, "quantity_tolerance.X is Infinity"),
        ({"lag_ms_max": {"positions": -1}}, "lag_ms_max.positions is -1; it must be at least 0"),
        ({"instruments": {"X": {"lot_step": "0"}}}, "instruments.X.lot_step is 0; it must be greater than 0"),
        ({"instruments": {"X": {"contract_size": "NaN"}}}, "instruments.X.contract_size is NaN"),
        ({"instruments": {"X": {"tick": "-1"}}}, "instruments.X.tick is -1"),
        ({"instruments": {"X": {"aliases": ("Y",)}, "Y": {}}}, "'Y' is an alias of X and an instrument of its own"),
        ({"instruments": {"X": {"aliases": ("Z",)}, "Y": {"aliases": ("Z",)}}}, "'Z' is an alias of both X and Y"),
        ({"protect": {"stop_distance_pct": "0.4"}}, "protect.stop_distance_pct is 0.4; it must lie between 0.5 and 10"),
        ({"protect": {"stop_distance_pct": "11"}}, "protect.stop_distance_pct is 11; it must lie between 0.5 and 10"),
        ({"protect": {"retries_max": 0}}, "protect.retries_max is 0; it must be at least 1"),
        ({"override_s_max": 0}, "override_s_max is 0; it must be at least 1"),
        ({"permit_ms_max": 0}, "permit_ms_max is 0; it must be at least 1"),
        ({"settle_ms": -1}, "settle_ms is -1; it must be at least 0"),
        ({"verified_age_s_max": 0}, "verified_age_s_max is 0; it must be at least 1"),
        ({"backoff_s": (1, -2)}, "backoff_s has -2; every pause must be at least 0"),
        ({"sessions": ({"from_minute": 9, "to_minute": 9},)}, "sessions: 9 to 9 is no span of the week's 10080 min"),
        ({"sessions": ({"from_minute": 0, "to_minute": 10_081},)}, "sessions: 0 to 10081 is no span"),
        (
            {"operators": {"ada": ["fly"]}},
            "operators.ada has 'fly'; there is manage_reconciliation",
        ),
        ({"operators": {"ada": "manage_reconciliation"}}, "Expected `array`"),
        ({"unverified": "shrug"}, "policy: Invalid enum value 'shrug'"),
        ({"confirmation": 2}, "policy: there is no knob 'confirmation'; did you mean 'confirmations'\\?"),
        ({"on_ghost": "ignore"}, "policy: Invalid enum value 'ignore'"),
        ({"lag_ms_max": {"weather": 1}}, "policy: Invalid enum value 'weather'"),
        ({"instruments": {"X": {"unit": "pounds"}}}, "policy: Invalid enum value 'pounds'"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_every_reason(knobs: dict[str, object], says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        Policy.adopt(**knobs)


@pytest.mark.parametrize(
    "policy",
    [
        Policy(on_ghost="ignore"),  # type: ignore[arg-type]
        Policy(confirmations="3"),  # type: ignore[arg-type]
        Policy(confirmations=1),
        Policy(dust={"*": object()}),  # type: ignore[dict-item]
    ],
)
def test_a_policy_that_was_made_by_hand_is_checked_before_it_is_adopted(policy: Policy) -> None:
    """Stored, it could not be read back, and the account's journal with it."""
    with pytest.raises(PolicyError):
        Claim(policy=policy)


def test_a_policy_that_could_be_meant_once_is_read_for_ever() -> None:
    """What a later version no longer takes must not make the journals of an earlier one unreadable."""
    once = Policy(confirmations=1, unverified="warn")
    fact = PolicyAdopted(Moment(0, 0, 1), once.digest, once)
    assert decode(name_of_event(fact), encode(fact)) == fact
    with pytest.raises(PolicyError, match="confirmations is 1"):
        once.check()


def test_who_may_do_what() -> None:
    assert Policy.adopt().allows("anybody", "manage_reconciliation"), "none configured: whoever can reach the store"
    policy = Policy.adopt(operators={"ada": ["manage_reconciliation"], "bob": []})
    assert [policy.allows(who, "manage_reconciliation") for who in ("ada", "bob", "eve")] == [True, False, False]


def test_the_least_that_can_be_meant() -> None:
    policy = Policy.adopt(confirmations=2, total_absence_s=0, retries_max=0, mass_absence_fraction_max=1)
    assert policy.retries_max == 0
    assert Policy.adopt(mass_absence_fraction_max=0).mass_absence_fraction_max == 0


def test_equal_policies_have_one_digest_and_others_another() -> None:
    one = Policy.adopt(dust={"A": "1", "B": "2"}, confirmations=3)
    other = Policy.adopt(confirmations=3, dust={"B": "2", "A": "1"})
    assert one.digest == other.digest
    assert one.mark == one.digest[:8]
    assert len({Policy.adopt().digest, Policy.observe().digest, one.digest, Policy.adopt(dust={"A": "1"}).digest}) == 4
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Policy)
    assert stored.digest == one.digest


def test_a_symbol_has_one_name() -> None:
    policy = Policy.adopt(instruments={"BTCUSD": {"aliases": ("BTC/USD", "XBT")}})
    assert [policy.canonical(name) for name in ("XBT", "BTC/USD", "BTCUSD", "ETH")] == ["BTCUSD"] * 3 + ["ETH"]


def test_a_symbols_own_word_goes_before_the_default() -> None:
    policy = Policy.adopt(
        quantity_tolerance={"*": "1", "A": "2"}, price_tolerance={"*": "3", "A": "4"}, dust={"*": "5", "A": "0"}
    )
    assert [policy.quantity_tolerance_of(s) for s in "AB"] == [2, 1]
    assert [policy.price_tolerance_of(s) for s in "AB"] == [4, 3]
    assert [policy.is_dust(s, Decimal(5)) for s in "AB"] == [False, True]
    assert Policy.adopt().quantity_tolerance_of("A") == 0
    assert Policy.adopt().price_tolerance_of("A") is None


@pytest.mark.parametrize(
    ("symbol", "quantity", "dust"),
    [
        ("A", "0", True), ("A", "0.001", True), ("A", "-0.001", True), ("A", "0.0011", False),
        ("LOT", "0.0099", True), ("LOT", "-0.0099", True), ("LOT", "0.01", False), ("BARE", "0.000001", False),
    ],
)  # fmt: skip
def test_dust_is_at_most_dust_or_less_than_a_lot_step(symbol: str, quantity: str, dust: bool) -> None:
    instruments = {"LOT": Instrument(lot_step=Decimal("0.01")), "BARE": Instrument()}
    policy = Policy.adopt(dust={"A": "0.001"}, instruments=instruments)
    assert policy.is_dust(symbol, Decimal(quantity)) is dust


@pytest.mark.parametrize(
    ("hours", "closed"),
    [
        (0, True),
        (0.99, True),
        (1, False),
        (24 * 7 - 2, False),
        (24 * 7 - 1, True),
        (24 * 7 - 0.01, True),
        (24 * 7, True),
    ],
)
def test_closed_hours_are_minutes_of_the_week(hours: float, closed: bool) -> None:
    week = 7 * 24 * 60
    policy = Policy.adopt(sessions=(ClosedHours(0, 60), ClosedHours(week - 60, week)))
    at_ns = MONDAY_NS + int(hours * 3600) * 1_000_000_000
    assert policy.is_closed_hours(at_ns) is closed
    assert policy.is_closed_hours(at_ns + 52 * week * 60 * 1_000_000_000) is closed
    assert not Policy.adopt().is_closed_hours(at_ns)


def test_a_verification_lasts_four_intervals_unless_told() -> None:
    assert Policy.adopt(sync_interval_s=15).verified_age_ns_max() == 60_000_000_000
    assert Policy.adopt(sync_interval_s=15, verified_age_s_max=7).verified_age_ns_max() == 7_000_000_000


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"broker": "tcp://127.0.0.1:5555"}, "broker is a str, which states no capabilities; give an adapter"),
        ({"policy": "adopt"}, r"policy is 'adopt', a str; give one, such as Policy.adopt\(\)"),
    ],
)
def test_what_is_no_broker_or_no_policy_is_said_before_anything_is_opened(
    given: dict[str, object], said: str, tmp_path: Path
) -> None:
    for face in (Reconciler, AsyncReconciler):
        with pytest.raises(InputError, match=said):
            face.open(f"sqlite:///{tmp_path}/s.db", account="sim:1", **given)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
