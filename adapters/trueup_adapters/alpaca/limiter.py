"""When may the next request leave, so that Alpaca's 200 a minute are never exceeded?

One limiter serves every surface of an account, first come, first served (L11). A part of the minute is kept for
actions: a protective stop does not wait behind a hundred look-ups.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from trueup.errors import InputError
from trueup.ports import Clock

NS: Final = 1_000_000_000
WINDOW_NS: Final = 60 * NS
REQUESTS_PER_MINUTE_MAX: Final = 200
"""Alpaca's own limit, for each account."""
WAIT_S_MAX: Final = 5
"""The longest that a request waits for its turn before it gives up, so that the reason is told and not a time-out."""


class TooSoon(Exception):
    """A request that did not leave, because its turn is too far away. Never leaves this package."""


class Limiter:
    """Turns, at most so many in any 60 seconds. For one event loop."""

    def __init__(
        self,
        clock: Clock,
        *,
        requests_per_minute_max: int = REQUESTS_PER_MINUTE_MAX,
        kept_for_actions: int | None = None,
        wait_s_max: int = WAIT_S_MAX,
    ) -> None:
        """requests_per_minute_max  at least 2; kept_for_actions: how many of them questions leave free, a tenth by
        default. Raises InputError for what cannot be meant."""
        kept = requests_per_minute_max // 10 if kept_for_actions is None else kept_for_actions
        if requests_per_minute_max < 2 or not 0 <= kept < requests_per_minute_max:
            raise InputError(
                f"{requests_per_minute_max} requests a minute of which {kept} are kept for actions leave no question; "
                "give at least 2, and keep fewer than there are"
            )
        self._clock = clock
        self._max = requests_per_minute_max
        self._kept = kept
        self._wait_ns_max = wait_s_max * NS
        self._sent: deque[int] = deque()
        self._held_until_ns = clock.monotonic_ns()
        self._queues = {False: asyncio.Lock(), True: asyncio.Lock()}

    async def turn(self, *, acts: bool = False) -> None:
        """Wait for a turn and take it. Raises TooSoon, taking none, where it would be too far away."""
        async with self._queues[acts]:  # a lock's waiters come in the order in which they began to wait
            while (wait_ns := self._wait_ns(acts)) > 0:
                if wait_ns > self._wait_ns_max:
                    raise TooSoon(f"Alpaca's limit of requests leaves none for {-(-wait_ns // NS)} s")
                await self._clock.sleep(wait_ns / NS)
            self._sent.append(self._clock.monotonic_ns())

    def hold(self, seconds: int) -> None:
        """Let nothing leave for so long: Alpaca asked for that (429, Retry-After)."""
        self._held_until_ns = max(self._held_until_ns, self._clock.monotonic_ns() + seconds * NS)

    def _wait_ns(self, acts: bool) -> int:
        now = self._clock.monotonic_ns()
        while self._sent and self._sent[0] <= now - WINDOW_NS:
            self._sent.popleft()
        most = self._max if acts else self._max - self._kept
        full = len(self._sent) - most
        free_ns = self._sent[full] + WINDOW_NS if full >= 0 else now
        return max(free_ns, self._held_until_ns) - now
