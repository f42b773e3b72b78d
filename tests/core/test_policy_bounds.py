"""Does each knob of a policy take its least value, and refuse the next smaller one in a whole sentence?"""

from __future__ import annotations

import pytest

from trueup import Policy
from trueup.errors import PolicyError

LEAST = {
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
    "settle_ms": 0,
    "verified_age_s_max": 1,
}


def refused(**knobs: object) -> str:
    """The sentence with which these knobs are refused."""
    with pytest.raises(PolicyError) as caught:
        Policy.adopt(**knobs)
    return str(caught.value).rpartition("policy: ")[2]


@pytest.mark.parametrize(("name", "least"), LEAST.items(), ids=LEAST)
def test_law_12_a_knob_has_a_least_value(name: str, least: int) -> None:
    assert getattr(Policy.adopt(**{name: least}), name) == least
    assert refused(**{name: least - 1}) == f"{name} is {least - 1}; it must be at least {least}"


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"backoff_s": (1, -2, 3)}, "backoff_s has -2; every pause must be at least 0"),
        (
            {"sessions": ({"from_minute": 0, "to_minute": 10_080}, {"from_minute": 9, "to_minute": 8})},
            "sessions: 9 to 8 is no span of the week's 10080 minutes",
        ),
        (
            {"sessions": ({"from_minute": -1, "to_minute": 8},)},
            "sessions: -1 to 8 is no span of the week's 10080 minutes",
        ),
        ({"lag_ms_max": {"fills": 0, "positions": -1}}, "lag_ms_max.positions is -1; it must be at least 0"),
        ({"dust": {"A": "0", "B": "-1"}}, "dust.B is -1; it must be a number of at least 0"),
        (
            {"operators": {"ada": ["fly"]}},
            "operators.ada has 'fly'; there is manage_reconciliation",
        ),
    ],
)
def test_law_12_one_of_several_that_cannot_be_meant_is_named(knobs: dict[str, object], why: str) -> None:
    assert refused(**knobs) == why


def test_what_is_as_small_as_it_may_be_is_taken() -> None:
    policy = Policy.adopt(
        backoff_s=(0, 1), lag_ms_max={"positions": 0}, dust={"A": "0"}, sessions=({"from_minute": 0, "to_minute": 1},)
    )
    assert policy.backoff_s == (0, 1)
