"""Which adapter of somebody else's does a broker's address mean?

A package that is installed beside trueup names its adapters in its own `pyproject.toml`, by the scheme of their
addresses:

    [project.entry-points."trueup.brokers"]
    harbor = "harbor:open_broker"

`trueup run --broker harbor://...` then calls `harbor.open_broker(wanted)`. What it raises as `InputError` or
`TrueupError` is told as it is; docs/tutorial/write-an-adapter.md makes one.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, Final

import msgspec

from trueup.errors import TrueupError
from trueup.model import PositionMode
from trueup.ports import Broker
from trueup.toml_lines import meant

GROUP: Final = "trueup.brokers"
GATEWAY: Final = ("tcp", "ipc", "inproc")
"""Schemes of an MT5 gateway's address."""
BUILT_IN: Final = (*GATEWAY, "alpaca", "ccxt")
WHY_MAX: Final = 300


class BrokerWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a configuration says of the broker that is to be opened. New fields may be added; none is taken away."""

    address: str
    """As it was written, `harbor://...`. It is shown and stored: keys belong into the environment."""
    account: str
    """Whose account it must be, `harbor:1`."""
    mode: PositionMode | None
    """How the configuration says that the account keeps positions; None: the adapter's own way."""
    environment: str | None
    """`paper` or `live`, which somebody has said twice; None: nobody says, and it must not touch real money if the
    adapter can tell."""
    timeout_ms: int | None
    """For one answer; None: as the adapter likes. The engine gives up by itself as well."""


def installed() -> tuple[str, ...]:
    """The schemes that installed packages bring, in order."""
    return tuple(sorted({one.name for one in entry_points(group=GROUP)}))


def scheme_of(address: str) -> str:
    """`alpaca` of `alpaca+http://127.0.0.1:9`."""
    return address.partition("://")[0].partition("+")[0].lower()


def unanswered(address: str) -> str | None:
    """Why nobody answers to the scheme of an address; None where somebody does, or it has none."""
    scheme, others = scheme_of(address), installed()
    if "://" not in address or scheme in BUILT_IN or scheme in others:
        return None
    told = meant("adapter", scheme[:40], scheme, ("tcp", "alpaca", "ccxt", *others))
    there_are = ", ".join(("alpaca", "ccxt", *others))
    return (
        f"{told}{' ' if told.endswith('?') else '; '}there are tcp (an MT5 gateway), {there_are}, and what an "
        "installed package brings"
    )


def open_installed(scheme: str, wanted: BrokerWanted) -> Broker:
    """The broker that the package of this scheme makes; `scheme` is one of `installed`.

    Raises InputError or TrueupError as the package does, and TrueupError for whatever else stops it.
    """
    point = next(one for one in entry_points(group=GROUP) if one.name == scheme)
    try:
        make: Any = point.load()
        broker: Broker = make(wanted)
        _ = broker.capabilities
    except TrueupError:
        raise
    except Exception as error:  # a third party's code: said whose it is, instead of a traceback
        why = f"{type(error).__name__}: {error}"[:WHY_MAX]
        raise TrueupError(
            f"broker {scheme}://: the adapter {point.value} that is installed for it failed, {why}"
        ) from error
    return broker
