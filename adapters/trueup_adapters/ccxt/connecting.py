"""When has the connection to an exchange come about anew, rather than merely been opened for one more question?

Over HTTP connections come and go: a pool grows, and one that was idle is let go by either side. Those lose nothing. A
connection that is gone although it was used a moment ago was broken, and so was one on which a question failed: a full
pass is due then (L10).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

IDLE_S: Final = 10.0
"""A connection that ends after so many seconds without a question was only tidied up."""


class Connections:
    """Counts the connections of one exchange object."""

    def __init__(self, exchange: Any, clock: Callable[[], float]) -> None:
        """`clock`: monotonic seconds."""
        self._exchange = exchange
        self._clock = clock
        self._watched: object = None
        self._open = 0
        self._used = 0.0
        self._broken = True
        self.count = 0
        """How many have come about."""

    def watch(self) -> None:
        """Hear of the connections that aiohttp opens for this exchange, where it works by aiohttp."""
        opened = getattr(self._exchange, "open", None)
        if opened is None:
            return
        opened(True)
        session: Any = getattr(self._exchange, "session", None)
        if session is None or session is self._watched:
            return
        import aiohttp

        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._begun)
        trace.on_request_end.append(self._ended)
        trace.on_request_exception.append(self._ended)
        trace.on_connection_create_end.append(self._made)
        trace.freeze()
        session.trace_configs.append(trace)
        self._watched = session

    async def _begun(self, *_: object) -> None:
        self._open += 1

    async def _ended(self, *_: object) -> None:
        self._open -= 1
        self._used = self._clock()

    async def _made(self, *_: object) -> None:
        """A new one: the pool grows while others are in use; else the last one is gone, and if it was in use a
        moment ago it was broken."""
        if self._open <= 1 and self._clock() - self._used < IDLE_S:
            self._broken = True

    def failed(self, error: Exception) -> None:
        """A question failed on the way: the connection counts as broken."""
        if "NetworkError" in {one.__name__ for one in type(error).__mro__}:
            self._broken = True

    def answered(self) -> None:
        """A question was answered: there is a connection."""
        if self._broken:
            self._broken = False
            self.count += 1
