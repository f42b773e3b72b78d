"""Which adapter does a broker's address mean, and how is it made?

`tcp://host:port` (or `ipc://`) is an MT5 gateway. Adapters for other brokers are named by their scheme; each is
imported only when it is asked for, and one that is not installed says which extra brings it.
"""

from __future__ import annotations

from trueup.model import PositionMode
from trueup.ports import Broker
from trueup_adapters.config.plans import Plan
from trueup_adapters.mt5 import Mt5Broker
from trueup_adapters.mt5.address import URL_DEFAULT


def address_of(plan: Plan) -> str:
    """Whom a plan asks."""
    return plan.broker or URL_DEFAULT


def open_broker(plan: Plan, mode: PositionMode) -> Broker:
    """The broker of a plan; it connects to nothing yet. Raises InputError for an address that is none, or unsafe."""
    strategies: dict[int | str, str] = {mark: name for mark, name in plan.policy.strategies.items()}  # noqa: C416
    return Mt5Broker(
        address_of(plan),
        position_mode=mode,
        timeout_ms=plan.timeout_ms,
        insecure=plan.insecure,
        strategies=strategies,
        canonical=plan.policy.canonical,
    )
