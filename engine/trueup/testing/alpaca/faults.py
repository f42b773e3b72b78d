"""How can an answer of the fake Alpaca go wrong, and which one is it that does?

A fault waits until a request comes that it applies to, and is used up by it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.errors import InputError

Endpoint: TypeAlias = Literal[
    "account",
    "positions",
    "position",
    "orders",
    "order",
    "activities",
    "clock",
    "assets",
    "submit",
    "replace",
    "cancel",
    "cancel_all",
    "close",
    "close_all",
]
ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    "account",
    "positions",
    "position",
    "orders",
    "order",
    "activities",
    "clock",
    "assets",
    "submit",
    "replace",
    "cancel",
    "cancel_all",
    "close",
    "close_all",
)
READS: Final[frozenset[Endpoint]] = frozenset({"positions", "position", "orders", "order", "activities"})
WRITES: Final[frozenset[Endpoint]] = frozenset({"submit", "replace", "cancel", "cancel_all", "close", "close_all"})

BEFORE: Final = frozenset({"silence", "cut", "status", "too_many", "html", "redirect"})
"""These answer (or do not) without anything being done."""
AFTER: Final = frozenset({"lost_ack", "late", "goodbye", "truncated", "garbage", "empty", "broken"})
"""These spoil the answer to what was done."""
ROWS: Final = frozenset({"bad_row", "nan", "bare_nan", "doubled", "new_word", "twin", "drop_row", "stale"})
"""These spoil what is read."""
KINDS: Final = BEFORE | AFTER | ROWS


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which coming answers go wrong."""

    kind: str
    on: frozenset[Endpoint]
    status: int = 500
    text: str = ""
    retry_after: str = ""
    delay_ms: int = 0
    how: Literal["silence", "cut", "504"] = "504"
    """For `lost_ack`: what comes instead of the acknowledgement."""
    differs: bool = False
    """For `twin`: whether the repeated row has another quantity."""
    field: str = "status"
    word: str = "perplexed"
    """For `new_word`: which field of the first row says what nobody has heard before."""
    changes: int = 1
    """For `stale`: how many changes ago."""


class Faults:
    """The faults that wait, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, int]] = []

    def add(self, fault: Fault, times: int) -> None:
        """Let the next so many requests that it applies to go wrong. Raises InputError for what is no fault."""
        if fault.kind not in KINDS:
            raise InputError(f"{fault.kind!r} is no fault of the fake Alpaca; it knows {', '.join(sorted(KINDS))}")
        unknown = sorted(fault.on - set(ENDPOINTS))
        if unknown or not fault.on:
            raise InputError(f"{unknown or 'nothing'} is no endpoint of the fake Alpaca; it has {', '.join(ENDPOINTS)}")
        if times < 1:
            raise InputError(f"a fault comes {times} times; it must come at least once")
        self._waiting.append((fault, times))

    def clear(self) -> None:
        """No fault waits any more."""
        self._waiting.clear()

    def take(self, endpoint: Endpoint) -> Fault | None:
        """The first fault that applies to a request; used up by it."""
        for place, (fault, times) in enumerate(self._waiting):
            if endpoint in fault.on:
                self._waiting[place : place + 1] = [(fault, times - 1)] if times > 1 else []
                return fault
        return None


def spoil_rows(rows: Sequence[Mapping[str, object]], fault: Fault | None) -> list[dict[str, object]]:
    """The rows of a list, the first of them spoilt as the fault says."""
    spoilt = [dict(row) for row in rows]
    if fault is None or not spoilt:
        return spoilt
    first = spoilt[0]
    if fault.kind == "bad_row":
        first["side"] = "sideways"
    elif fault.kind == "nan":
        first["qty"] = "NaN"
    elif fault.kind == "bare_nan":
        first["qty"] = _NAN
    elif fault.kind == "doubled":
        first = spoilt[0] = {_AGAIN: f"{first['qty']}7", **first}
    elif fault.kind == "new_word":
        first[fault.field] = fault.word
    elif fault.kind == "twin":
        again = dict(first)
        if fault.differs:
            again["qty"] = str(first["qty"]) + "7"
        spoilt.append(again)
    elif fault.kind == "drop_row":
        del spoilt[0]
    return spoilt


_NAN: Final = "\x00NaN\x00"
_AGAIN: Final = "\x00qty"


def as_json(body: object) -> bytes:
    """The bytes of a reply; what `bare_nan` and `doubled` marked becomes what no dictionary holds."""
    text = json.dumps(body, separators=(",", ":")).encode()
    return text.replace(b'"\\u0000NaN\\u0000"', b"NaN").replace(b'"\\u0000qty"', b'"qty"')
