"""How does a value of the engine look in a table's cell?

Exact numbers become their plain text, moments ISO text beside whole nanoseconds, lists JSON. Nothing becomes a float
(L35).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from trueup.model import BrokerPosition, Execution, Holding, Key, Moment, plain, side_of
from trueup.report import iso

told = lru_cache(maxsize=4_096)(iso)
"""`iso`, remembered: decisions carry the very time of their input."""


def text(number: Decimal | None) -> str | None:
    """An exact number without exponent or trailing zeros."""
    return None if number is None else plain(number)


def when(name: str, at_ns: int) -> dict[str, Any]:
    """A moment's two cells."""
    return {f"{name}_at" if name else "at": told(at_ns), f"{name}_at_ns" if name else "at_ns": at_ns}


def took_ns(asked: Moment, received: Moment) -> int:
    """From the question to the answer; by ticks, which a clock that is set cannot touch."""
    if asked.epoch == received.epoch:
        return max(0, received.tick_ns - asked.tick_ns)
    return max(0, received.at_ns - asked.at_ns)


def json(value: Iterable[object] | Mapping[str, object]) -> str:
    """A list or an object as JSON text."""
    return msgspec.json.encode(value).decode()


def position(account: str, key: Key, held: Holding | BrokerPosition) -> dict[str, Any]:
    """The cells that both sides of a position have."""
    return {
        "account": account,
        "key": key,
        "symbol": held.symbol,
        "ticket": held.ticket,
        "side": side_of(held.signed_quantity),
        "quantity": plain(held.signed_quantity.copy_abs()),
        "signed_quantity": plain(held.signed_quantity),
        "price": text(held.price),
        "stop": None if held.stop is None else text(held.stop.price),
        "stop_reported": int(held.stop is not None),
        "opened_at": held.opened_at,
        "strategy": held.strategy,
    }


def corrected(prefix: str, holding: Holding | None) -> dict[str, Any]:
    """A holding before or after a correction."""
    return {
        f"{prefix}_quantity": None if holding is None else plain(holding.signed_quantity),
        f"{prefix}_price": None if holding is None else text(holding.price),
        f"{prefix}_stop": None if holding is None or holding.stop is None else text(holding.stop.price),
        f"{prefix}_strategy": None if holding is None else holding.strategy,
        **{f"{prefix}_{name}": None for name in ("status", "filled", "limit")},  # an order's own
    }


def execution(account: str, one: Execution) -> dict[str, Any]:
    """What an execution itself says."""
    return {
        "account": account,
        "execution_id": one.execution_id,
        "symbol": one.symbol,
        "side": "sell" if one.signed_quantity.is_signed() else "buy",
        "quantity": plain(one.signed_quantity.copy_abs()),
        "signed_quantity": plain(one.signed_quantity),
        "price": text(one.price),
        "ticket": one.ticket,
        "order_id": one.order_id,
        "client_order_id": one.client_order_id,
        "strategy": one.strategy,
        "fee": text(one.fee),
        "fee_asset": one.fee_asset,
        "happened_at": one.happened_at,
    }
