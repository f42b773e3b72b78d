"""What time is it, really? The one place that asks the machine."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """The machine's clocks. Wall time may jump; the monotonic one never goes back."""

    def wall_ns(self) -> int:
        """UTC, nanoseconds since 1970."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Never goes back; its zero means nothing."""
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        await asyncio.sleep(max(0.0, seconds))
