"""How hard are the laws tried: a steady look with every run of the suite, or a long and random one?

`HYPOTHESIS_PROFILE=deep` (see `scripts/deep`) draws new examples each time and `DEEP` times as many. Without it the
examples are always the same ones, so that a suite that passed passes again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

DEEP = int(os.environ.get("TRUEUP_DEEP_FACTOR", "30"))
NAME = "deep" if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else "quick"

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile("quick", deadline=None, derandomize=True, database=None, suppress_health_check=_SLOW)
settings.register_profile("deep", deadline=None, derandomize=False, print_blob=True, suppress_health_check=_SLOW)


def tried(times: int) -> Callable[[Any], Any]:
    """As many examples of a property as a normal run tries; the deep profile multiplies them."""
    return settings(settings.get_profile(NAME), max_examples=times * (DEEP if NAME == "deep" else 1))
