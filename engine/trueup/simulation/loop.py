"""How does time pass in a simulation? By jumping to the next thing that is due.

An asyncio event loop without threads, sockets or a real clock: the very coroutines of production run on it, in an
order that depends on nothing but what they do. Where production waits, this goes on at once, at the later time.
"""

from __future__ import annotations

import asyncio
import math
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

from trueup.errors import InvariantBroken
from trueup.shell import INBOX_POLL_S

NS: Final = 1_000_000_000
MS: Final = 1_000_000
RESOLUTION_S: Final = 1e-9
"""Timers that are due within it are due now."""
DAWN_NS: Final = 1_704_067_200 * NS
"""Where simulated wall clocks begin: 2024-01-01, a Monday, UTC."""


class _Jump:
    """Stands where a selector waits for sockets: there are none, so waiting is moving the clock."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        self._advance = advance
        self.interrupted = False
        """Whether somebody pressed Ctrl-C."""

    def select(self, timeout: float | None) -> list[Any]:
        if self.interrupted:
            self.interrupted = False
            raise KeyboardInterrupt
        if timeout is None:
            raise InvariantBroken("the simulation waits for something that nothing will ever do")
        if timeout > 0:
            self._advance(timeout)
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose time is a number."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        """Virtual nanoseconds since the simulation began."""
        self._clock_resolution = RESOLUTION_S
        self._jump = self._selector = _Jump(self._advance)

    def time(self) -> float:
        """Virtual seconds since the simulation began."""
        return self.now_ns / NS

    @contextmanager
    def interruptible(self) -> Generator[None]:
        """Ctrl-C is heard between two steps of the loop, never within one: what was under way can still be ended."""
        main = threading.current_thread() is threading.main_thread()
        if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, lambda number, frame: setattr(self._jump, "interrupted", True))
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._jump.interrupted:
            raise KeyboardInterrupt

    def at_ms(self, ms: int, call: Callable[[], object]) -> asyncio.TimerHandle:
        """Do something at a virtual millisecond."""
        return self.call_at(ms / 1_000, call)

    def after_ms(self, ms: int, call: Callable[[], object]) -> asyncio.TimerHandle:
        """Do something so many virtual milliseconds from now."""
        return self.call_later(ms / 1_000, call)

    def _advance(self, seconds: float) -> None:
        self.now_ns += max(1, math.ceil(seconds * NS))
        # Half a year on, a float of seconds does not tell nanoseconds apart any more: a timer that is due, and is not
        # said to be, would be waited for without end.
        self._clock_resolution = max(RESOLUTION_S, 2 * math.ulp(self.now_ns / NS))

    def _process_events(self, event_list: list[Any]) -> None:
        """Nothing: there are no sockets."""

    def _write_to_self(self) -> None:
        """Nothing: nobody calls from another thread."""


class VirtualClock:
    """One process's clocks on a virtual loop. A `trueup.ports.Clock`."""

    def __init__(self, loop: VirtualLoop, wall: WallClock, *, zero_ns: int = 0, poll_ms: int = 200) -> None:
        """
        zero_ns   what the monotonic clock said when the simulation began: it means nothing, and differs by process
        poll_ms   how long the shell's shortest sleep really takes: a busy machine oversleeps, and a year is long
        """
        self._loop = loop
        self._wall = wall
        self._zero_ns = zero_ns
        self._poll_s = poll_ms / 1_000

    def wall_ns(self) -> int:
        """UTC, nanoseconds since 1970; may jump."""
        return self._wall.now_ns()

    def monotonic_ns(self) -> int:
        """Never goes back; its zero means nothing."""
        return self._loop.now_ns + self._zero_ns

    async def sleep(self, seconds: float) -> None:
        """Let that much virtual time pass."""
        await asyncio.sleep(self._poll_s if seconds == INBOX_POLL_S else max(0.0, seconds))


class WallClock:
    """The machine's wall clock, which all its processes read and somebody may set."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.offset_ns = DAWN_NS

    def now_ns(self) -> int:
        """UTC, nanoseconds since 1970."""
        return self._loop.now_ns + self.offset_ns
