"""What is measured: replies of a gateway, the least structs that hold them, and a clock that can be moved."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from decimal import Decimal

import msgspec


class Row(msgspec.Struct):
    """The identity fields of one position, exactly as the adapter reads them."""

    ticket: int
    symbol: str
    type: str
    volume: Decimal
    price_open: Decimal
    time: int
    sl: Decimal | None = None
    magic: int = 0


class Reply(msgspec.Struct):
    """The least that a reply can be decoded to."""

    status: str
    positions: list[Row]


BARE = msgspec.json.Decoder(Reply)
"""The baseline: msgspec alone, to structs with the same fields, decimals included."""


def reply(size: int, *, profit: int = 0, changed: Collection[int] = ()) -> bytes:
    """A reply of `size` positions; `profit` differs each time, `changed` rows have another volume."""
    rows = [
        {
            "ticket": 100_000 + place,
            "symbol": f"SYM{place % 50}",
            "type": "buy" if place % 2 else "sell",
            "volume": 0.02 if place in changed else 0.01,
            "price_open": 1.0543,
            "profit": round(profit + place / 100, 2),
            "time": 1_704_153_600,
            "sl": 1.05,
            "tp": 1.06,
            "magic": 7,
            "comment": "grid",
        }
        for place in range(size)
    ]
    return json.dumps({"status": "SUCCESS", "positions": rows}).encode()


class MovableClock:
    """The machine's clock, plus what the benchmark skips: nobody waits fifteen seconds between passes."""

    def __init__(self) -> None:
        self.skipped_ns = 0

    def skip(self, seconds: int) -> None:
        """Let that much time have passed."""
        self.skipped_ns += seconds * 1_000_000_000

    def wall_ns(self) -> int:
        """UTC, nanoseconds since 1970."""
        return time.time_ns() + self.skipped_ns

    def monotonic_ns(self) -> int:
        """Never goes back."""
        return time.monotonic_ns() + self.skipped_ns

    async def sleep(self, seconds: float) -> None:
        """Skip it."""
        self.skipped_ns += int(seconds * 1_000_000_000)
