"""When has the connection to an exchange come about anew, rather than merely been opened for one more question?

Over HTTP connections come and go: a pool grows, and one that was idle is let go by either side. Those lose nothing. A
connection that is gone although it was used a moment ago was broken, and so was one on which a question failed: a full
pass is due then (L10).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

IDLE_S: Final = 10.0
"""A connection that ends after so many seconds without a question was only tidied up."""

_requests: ContextVar[list[None] | None] = ContextVar("trueup_ccxt_requests", default=None)
"""The requests of the question that is being asked, which were begun and whose replies were not read to their ends."""


class Connections:
    """Counts the connections of one exchange object."""

    def __init__(self, exchange: Any, clock: Callable[[], float]) -> None:
        """`clock`: monotonic seconds."""
        self._exchange = exchange
        self._clock = clock
        self._watched: object = None
        self._in_use = 0
        self._used = 0.0
        self._broken = True
        self.count = 0
        """How many have come about."""
        _when_read(exchange, self._ended)

    @contextmanager
    def question(self) -> Generator[None]:
        """While one question is asked; requests of it that came to nothing are over with it."""
        requests: list[None] = []
        token = _requests.set(requests)
        try:
            yield
        finally:
            _requests.reset(token)
            self._in_use -= len(requests)

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
        trace.on_connection_create_start.append(self._needed)
        trace.freeze()
        session.trace_configs.append(trace)
        self._watched = session

    async def _begun(self, *_: object) -> None:
        if (requests := _requests.get()) is not None:
            requests.append(None)
            self._in_use += 1

    def _ended(self) -> None:
        if requests := _requests.get():
            requests.pop()
            self._in_use -= 1
        self._used = self._clock()

    async def _needed(self, *_: object) -> None:
        """A new one is needed: the pool grows while others are in use; else the last one is gone, and if it was used
        a moment ago it was broken."""
        if self._in_use <= 1 and self._clock() - self._used < IDLE_S:
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


def _when_read(exchange: Any, ended: Callable[[], None]) -> None:
    """Call `ended` whenever a reply of this exchange object was read to its end: its connection is free again then,
    which aiohttp does not tell."""
    before: Callable[..., Any] | None = getattr(exchange, "on_rest_response", None)
    if before is None:
        return

    def read(*arguments: Any, **named: Any) -> Any:
        ended()
        return before(*arguments, **named)

    read.trueup_hears = True  # type: ignore[attr-defined]
    exchange.on_rest_response = read
