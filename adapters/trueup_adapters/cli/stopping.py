"""How is a process that runs on told to stop, without losing what it is in the middle of?

SIGINT and SIGTERM only leave a mark, which the loop sees; while it waits for a slow broker they end the wait at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Final, Self

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """Told to stop while waiting. Not an `Exception`: it must pass through whatever handles the outside's errors."""


class Stopping:
    """Whether somebody said stop, for as long as it is open. Only for the main thread."""

    def __init__(self) -> None:
        self._said = threading.Event()
        self._at_once = False
        self._before: dict[signal.Signals, Any] = {}

    def wait(self, seconds: float) -> bool:
        """Let time pass, but no longer than until somebody says stop; whether somebody did."""
        return self._said.wait(seconds)

    @contextmanager
    def at_once(self) -> Generator[None]:
        """Raises Stopped inside, as soon as somebody says stop."""
        self._at_once = True
        try:
            if self._said.is_set():
                raise Stopped
            yield
        finally:
            self._at_once = False

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._said.set()
        if self._at_once:
            self._at_once = False
            raise Stopped

    def __enter__(self) -> Self:
        self._before = {one: signal.signal(one, self._stop) for one in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one, before in self._before.items():
            signal.signal(one, before)
