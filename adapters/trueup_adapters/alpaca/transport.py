"""How does one request go out and its reply come in, once and never again by itself?

aiohttp sends a DELETE again when its connection breaks, as it does every method that HTTP calls idempotent; closing a
position twice is not (L27). So here a lost connection is told to it in words that it does not act on. Redirects are
not followed: keys and orders go to the host that was configured, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

import msgspec

from trueup.errors import TrueupError
from trueup.ports import Clock
from trueup_adapters.alpaca.hosts import Environment, other_world
from trueup_adapters.alpaca.keys import Credentials
from trueup_adapters.alpaca.limiter import Limiter, TooSoon

if TYPE_CHECKING:
    import aiohttp

Method: TypeAlias = Literal["GET", "POST", "DELETE"]
REPLY_BYTES_MAX: Final = 64 * 1024 * 1024
CONNECT_S_MAX: Final = 10
SOCKETS_MAX: Final = 8
IDLE_S_MAX: Final = 55
"""A connection that nobody used for so long is let go before the other side does."""
HELD_S_DEFAULT: Final = 2
HELD_S_MAX: Final = 3_600
_CHUNK: Final = 65_536


class Reply(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    body: bytes
    """Without the keys, should it have repeated them."""


class NoReply(Exception):
    """Nothing came back, or nothing that can be read to its end. Never leaves this package."""

    def __init__(self, why: str, *, sent: bool = True) -> None:
        super().__init__(why)
        self.sent = sent
        """Whether it may have reached Alpaca."""


class NoTurn(NoReply):
    """Nothing was sent, because Alpaca's limit left no turn for it: that much is certain."""

    def __init__(self, why: str) -> None:
        super().__init__(why, sent=False)


class _Lost(Exception):
    """The connection broke after something was sent on it; none of the errors after which aiohttp sends again."""


class Asks(Protocol):
    """What a question is put through."""

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Reply:
        """Ask. Raises NoReply."""
        ...


class Urgent:
    """The same transport for questions on which an action waits: they take an action's turns (L22)."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Reply:
        """Ask. Raises NoReply."""
        return await self._transport.get(path, query, acts=True)


class Transport:
    """HTTP with one Alpaca account. For one event loop; the first request opens it."""

    def __init__(
        self, url: str, credentials: Credentials, environment: Environment, limiter: Limiter, clock: Clock
    ) -> None:
        self.url = url
        self.connections = 0
        """How many times Alpaca came within reach: the first reply, and each that follows after it was lost."""
        self.refused = other_world(urlsplit(url).hostname or "", environment)
        """Why nothing may be written there, whatever was configured elsewhere; '' where it may."""
        self._credentials = credentials
        self._limiter = limiter
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._reached = False
        self._closed = False

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, acts: bool = False) -> Reply:
        """Ask; on the way to an action with an action's turn. Raises NoReply."""
        return await self._exchange("GET", path, query or {}, None, acts=acts)

    async def post(self, path: str, body: bytes) -> Reply:
        """Ask for something to be done, once. Raises NoReply, and sends nothing to the other environment."""
        return await self._exchange("POST", path, {}, body, acts=True)

    async def delete(self, path: str) -> Reply:
        """The same, in another of HTTP's words."""
        return await self._exchange("DELETE", path, {}, None, acts=True)

    def lost(self) -> None:
        """What was sent last may still be on its way: whatever is answered from now on is answered anew (law 6)."""
        self._reached = False

    async def _exchange(
        self, method: Method, path: str, query: Mapping[str, str], body: bytes | None, *, acts: bool
    ) -> Reply:
        if method != "GET" and self.refused:
            raise NoReply(self.refused, sent=False)
        if self._closed:
            raise NoReply(f"{self.url}: this broker was closed", sent=False)
        try:
            await self._limiter.turn(acts=acts)
        except TooSoon as soon:
            raise NoTurn(str(soon)) from soon
        replied = False
        try:
            reply = await self._once(method, path, query, body)
            replied = True
        finally:
            if not replied and method != "GET":
                self.lost()  # also where whoever asked has given up
        if not self._reached:
            self._reached = True
            self.connections += 1
        return reply

    async def _once(self, method: Method, path: str, query: Mapping[str, str], body: bytes | None) -> Reply:
        aiohttp = library()
        session = self._opened()
        try:
            async with session.request(
                method,
                self.url + path,
                params=query,
                data=body,
                headers={"Content-Type": "application/json"} if body is not None else None,
                allow_redirects=False,
            ) as response:
                raw = await _read(response)
                if response.status == 429:
                    self._limiter.hold(self._held_s(response.headers))
                return Reply(response.status, self._credentials.scrubbed(raw))
        except aiohttp.ClientConnectorError as error:
            self._reached = False
            raise NoReply(self._said(error), sent=False) from error
        except (_Lost, TimeoutError, aiohttp.ClientError, OSError) as error:
            self._reached = False
            raise NoReply(self._said(error)) from error

    def _said(self, error: BaseException) -> str:
        words = self._credentials.hidden(str(error))[:200] or type(error).__name__
        return f"{self.url}: {words}"

    def _opened(self) -> aiohttp.ClientSession:
        session = self._session
        if session is None:
            aiohttp = library()
            session = self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=SOCKETS_MAX, keepalive_timeout=IDLE_S_MAX),
                headers={**self._credentials.headers(), "Accept": "application/json", "User-Agent": "trueup"},
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S_MAX),
                middlewares=(_once,),
            )
        return session

    def _held_s(self, headers: Mapping[str, str]) -> int:
        """How long Alpaca asks for, in seconds: Retry-After as a number or a date, else X-RateLimit-Reset, the moment
        from which it counts anew; bounded, for it comes from outside (law 12)."""
        after, reset = headers.get("Retry-After", "").strip(), headers.get("X-RateLimit-Reset", "").strip()
        if after.isascii() and after.isdigit():
            return min(int(after[:9]), HELD_S_MAX)
        try:
            until = parsedate_to_datetime(after).timestamp()
        except ValueError:
            if not (reset.isascii() and reset.isdigit()):
                return HELD_S_DEFAULT
            until = int(reset[:15])
        left = int(until) - self._clock.wall_ns() // 1_000_000_000
        return min(max(left, 1), HELD_S_MAX)

    async def close(self) -> None:
        """Let go of the connections. Afterwards every request fails."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """One sending; what breaks it ends the request."""
    aiohttp = library()
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was sent, and aiohttp gives up by itself
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Lost(f"the connection broke before the reply came ({error})") from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, if it is not longer than anything that is read. Raises NoReply."""
    parts: list[bytes] = []
    length = 0
    async for part in response.content.iter_chunked(_CHUNK):
        length += len(part)
        if length > REPLY_BYTES_MAX:
            raise NoReply(f"the reply is longer than {REPLY_BYTES_MAX} bytes")
        parts.append(part)
    return b"".join(parts)


def library() -> Any:
    """aiohttp, which only who asks Alpaca needs. Raises TrueupError where it is not installed."""
    try:
        import aiohttp
    except ModuleNotFoundError as error:
        raise TrueupError('Alpaca is asked by aiohttp, which is not installed; pip install "trueup[alpaca]"') from error
    return aiohttp
