"""How does a question get to the gateway and its own reply, and no other, back?

A DEALER that puts an empty frame before each message speaks with a REP, and unlike a REQ it survives a question
that is never answered. What it does not have is REQ's pairing, so pairing is done here:

* A reply that echoes a `req_id` belongs to that question. One that echoes another's is discarded.
* A reply without an echo belongs to the one question that is outstanding, if no other could still be answered on
  this socket. So questions go one at a time until a first echo, and without echo an unanswered question costs
  the socket: on a kept one every later answer would be off by one.
* A lost connection ends every outstanding question at once: nobody will answer it any more. Nothing is ever sent
  again by itself (L27), and nothing is queued for a connection that does not exist yet (ZMQ_IMMEDIATE, which also
  drops what an ended connection brought and nobody has read: a question may fail so, but never err).
* An action that goes unanswered costs the socket in any case: what has not left yet is dropped with it, and a
  reply that still comes is nobody's. The gateway may do all the same what it has received (law 6), so whatever
  follows a socket on which an action was sent counts as another connection: nothing on it was asked behind the action.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Final, TypeAlias, cast

import zmq
import zmq.asyncio
from zmq.utils.monitor import parse_monitor_message

from trueup_adapters.mt5.address import CurveKeys
from trueup_adapters.mt5.heads import REPLY_BYTES_MAX
from trueup_adapters.mt5.wire import echoed

FORSAKEN_MAX: Final = 64
"""Questions given up on one socket, whose late replies are still recognised, before it is replaced (law 12)."""
RECONNECT_MS: Final = 100
RECONNECT_MS_MAX: Final = 2_000
DEAD_S: Final = 30
"""After how long a peer that acknowledges nothing counts as gone."""


class NoReply(Exception):
    """The question brought no reply that can be attributed to it; the text says why. Never leaves this package."""

    def __init__(self, why: str, raw: bytes = b"") -> None:
        super().__init__(why)
        self.raw = raw


_SILENT: Final = "connected, but silent"
_Outcome: TypeAlias = bytes | NoReply
_HANDSHAKE_FAILURES: Final = frozenset(
    {
        zmq.Event.HANDSHAKE_FAILED_NO_DETAIL,
        zmq.Event.HANDSHAKE_FAILED_PROTOCOL,
        zmq.Event.HANDSHAKE_FAILED_AUTH,
    }
)
_REFUSALS: Final = frozenset({zmq.Event.CONNECT_RETRIED, zmq.Event.CLOSED})
_WATCHED: Final = (
    zmq.Event.HANDSHAKE_SUCCEEDED
    | zmq.Event.DISCONNECTED
    | zmq.Event.CONNECT_RETRIED
    | zmq.Event.CLOSED
    | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
    | zmq.Event.HANDSHAKE_FAILED_AUTH
)


class _Attached:
    """One DEALER socket and the state of its connection; replaced whole, never repaired."""

    def __init__(self, socket: zmq.asyncio.Socket, *, counts: bool) -> None:
        self.socket = socket
        self.monitor: zmq.asyncio.Socket = socket.get_monitor_socket(_WATCHED)
        self.connected = False
        self.counts = counts
        """Whether its first connection is news, or only our own exchange of one socket for a clean one."""
        self.acted = False
        """Whether an action was sent on it: then whatever follows it is another connection, for all to see (law 6)."""

    def send(self, frames: list[bytes]) -> asyncio.Future[object]:
        """Done once the frames have left; until then they can be taken back by cancelling it."""
        send_multipart = cast(
            "Callable[[list[bytes]], Awaitable[object]]",
            self.socket.send_multipart,  # pyright: ignore[reportUnknownMemberType]
        )
        return asyncio.ensure_future(send_multipart(frames))

    def close(self) -> None:
        self.socket.disable_monitor()
        self.monitor.close(linger=0)
        self.socket.close(linger=0)


class Line:
    """The connection to one gateway: a question's bytes out, its reply's bytes in."""

    def __init__(self, url: str, *, curve: CurveKeys | None = None, reply_bytes_max: int = REPLY_BYTES_MAX) -> None:
        self.url = url
        self.connections = 0
        """How many times a connection has come about (L10), other than by our own exchange of sockets; but the exchange
        of one on which an action was sent counts. A reply that is handed over came on the latest of them: where this
        number has not changed since an action was sent, the reply was asked for behind it (law 6)."""
        self._curve = curve
        self._reply_bytes_max = reply_bytes_max
        self._context: zmq.asyncio.Context | None = None
        self._attached: _Attached | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._echoes = False
        self._outstanding: dict[str, asyncio.Future[_Outcome]] = {}
        self._forsaken: set[str] = set()
        self._closed = False
        self._trouble = ""

    # -- asking --------------------------------------------------------------------------------------------

    async def exchange(self, req_id: str, body: bytes, *, acts: bool = False) -> bytes:
        """The reply to `body`, which bears `req_id` and leaves once at most. Waits for ever; may be cancelled at
        any point.

        acts    whether it asks for something to be done, rather than for something to be told

        Raises NoReply when it is certain that none will come.
        """
        if not self._echoes:
            async with self._turn:  # one at a time, until it is known that replies can be told apart
                if not self._echoes:
                    return await self._exchange(req_id, body, acts)
        return await self._exchange(req_id, body, acts)

    async def _exchange(self, req_id: str, body: bytes, acts: bool) -> bytes:
        attached = self._attach()
        attached.acted |= acts
        outcome: asyncio.Future[_Outcome] = asyncio.get_running_loop().create_future()
        self._outstanding[req_id] = outcome
        sending = attached.send([b"", body])
        try:
            await asyncio.wait((sending, outcome), return_when=asyncio.FIRST_COMPLETED)
            if not outcome.done() and (sending.cancelled() or sending.exception() is not None):
                raise NoReply(f"{self.url}: the question could not be sent")
            replied = await outcome
        finally:
            del self._outstanding[req_id]
            if not sending.done():
                sending.cancel()  # it has not left, so nothing will come of it
            elif (not outcome.done() or outcome.cancelled()) and attached is self._attached:
                self._forsake(req_id, acts)
        if isinstance(replied, NoReply):
            raise replied
        return replied

    def _forsake(self, req_id: str, acts: bool) -> None:
        """Give up a question that was sent and may still be answered."""
        if acts:
            self._fail_all(f"{self.url}: the connection was given up, for an action on it went unanswered")
        if acts or not self._echoes:
            silent = self._attached is not None and self._attached.connected
            self._replace()
            self._trouble = _SILENT if silent else self._trouble
            return
        self._forsaken.add(req_id)
        if len(self._forsaken) > FORSAKEN_MAX and not self._outstanding:
            self._replace()

    def state(self) -> str:
        """Whether there is a connection, in words for a reason."""
        if self._attached is not None and self._attached.connected:
            return _SILENT
        return self._trouble or "not connected"

    # -- what comes in -------------------------------------------------------------------------------------

    async def _read(self, attached: _Attached) -> None:
        while attached is self._attached:  # a closed socket's handle may be a new one's by now: never ask it again
            frames = await attached.socket.recv_multipart()
            if attached is self._attached:  # what an exchanged socket still brought is nobody's
                self._joined(attached)  # its monitor may be read later
                self._arrived(frames)

    def _arrived(self, frames: list[bytes]) -> None:
        """Hand a reply to the question it belongs to; discard it if that cannot be said."""
        whole = len(frames) == 2 and not frames[0]
        raw = frames[1] if whole else b""
        whose = echoed(raw) if whole else None
        if whose is not None:
            outcome = self._outstanding.get(whose)
            if outcome is None:
                self._forsaken.discard(whose)  # late, or not ours at all
                return
            self._echoes = True
            _settle(outcome, raw)
        elif len(self._outstanding) == 1 and not self._forsaken:
            (outcome,) = self._outstanding.values()
            _settle(outcome, raw if whole else NoReply(f"the reply came in {len(frames)} frames, not in 2"))

    async def _watch(self, attached: _Attached) -> None:
        while attached is self._attached:
            message = await attached.monitor.recv_multipart()
            if attached is self._attached:
                self._happened(attached, parse_monitor_message(message)["event"])

    def _happened(self, attached: _Attached, event: int) -> None:
        """Take note of what became of the connection."""
        if event == zmq.Event.HANDSHAKE_SUCCEEDED:
            self._joined(attached)
        elif event in _REFUSALS:
            attached.counts = True  # nobody was there for a moment: the next connection is news
        elif event in _HANDSHAKE_FAILURES:
            self._trouble = "the gateway was reached, but the handshake failed (CURVE keys?)"
            self._fail_all(f"{self.url}: {self._trouble}")
        elif event == zmq.Event.DISCONNECTED and attached.connected:
            self._lost(attached)

    def _joined(self, attached: _Attached) -> None:
        """A connection has come about; told by the socket's monitor, or before that by a first reply."""
        if attached.connected:
            return
        attached.connected = True
        self._trouble = ""
        self.connections += attached.counts
        attached.counts = True

    def _lost(self, attached: _Attached) -> None:
        """The connection broke: what was asked on it will never be answered (L10)."""
        attached.connected = False
        self._echoes = False
        if not self._outstanding and not self._forsaken:
            return  # ZeroMQ reconnects by itself, and nothing of the old connection is left
        self._fail_all(
            f"{self.url}: the connection was lost before the reply came "
            f"(a restart, or a reply above {self._reply_bytes_max} bytes)"
        )
        self._replace()

    def _fail_all(self, why: str) -> None:
        for outcome in self._outstanding.values():
            _settle(outcome, NoReply(why))

    # -- sockets -------------------------------------------------------------------------------------------

    def _attach(self) -> _Attached:
        """The current socket, made at the first question so that it belongs to the loop that asks."""
        if self._closed:
            raise NoReply(f"{self.url}: this broker was closed")
        if self._attached is None:
            self._attached = self._open(counts=True)
        return self._attached

    def _open(self, *, counts: bool) -> _Attached:
        if self._context is None:
            self._context = zmq.asyncio.Context()
        try:
            return self._connected(self._context, counts=counts)
        except zmq.ZMQError as error:
            raise NoReply(f"{self.url}: {error}") from error

    def _connected(self, context: zmq.asyncio.Context, *, counts: bool) -> _Attached:
        socket = context.socket(zmq.DEALER)
        socket.linger = 0
        socket.immediate = 1
        socket.ipv6 = self.url.startswith("tcp://[")
        socket.reconnect_ivl = RECONNECT_MS
        socket.reconnect_ivl_max = RECONNECT_MS_MAX
        socket.tcp_keepalive = 1  # a machine that lost its power does not say goodbye
        socket.tcp_keepalive_idle = DEAD_S // 2
        socket.tcp_keepalive_intvl = DEAD_S // 6
        socket.tcp_keepalive_cnt = 3
        socket.tcp_maxrt = DEAD_S * 1000
        socket.maxmsgsize = self._reply_bytes_max
        if self._curve is not None:
            socket.curve_serverkey = self._curve.server_public.encode()
            socket.curve_publickey = self._curve.public.encode()
            socket.curve_secretkey = self._curve.secret.encode()
        attached = _Attached(socket, counts=counts)
        try:
            socket.connect(self.url)
        except zmq.ZMQError:
            attached.close()
            raise
        self._start(attached, self._read(attached))
        self._start(attached, self._watch(attached))
        return attached

    def _start(self, attached: _Attached, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, attached))

    def _ended(self, attached: _Attached, task: asyncio.Task[None]) -> None:
        """A socket that nobody reads any more is let go: it failed, or its loop ends (another may ask later)."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if attached is self._attached:
            self._fail_all(f"{self.url}: {error or 'the loop that asked has ended'}")
            self._drop()
            self._turn = asyncio.Lock()

    def _replace(self) -> None:
        """Put a clean socket in the place of one on which a reply could no longer be attributed."""
        was = self._attached
        self._drop()
        if was is not None and not self._closed:
            try:
                self._attached = self._open(counts=was.acted or not was.connected)
            except NoReply as none:
                self._trouble = str(none)  # the next question tries again, and says so itself

    def _drop(self) -> None:
        was, self._attached = self._attached, None
        self._forsaken.clear()
        self._echoes = False
        if was is not None:
            was.close()  # this also ends the tasks that wait on it

    async def close(self) -> None:
        """Let go of the sockets and everything that waits on them. Afterwards every question fails."""
        self._closed = True
        self._fail_all(f"{self.url}: this broker was closed")
        self._drop()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._context is not None:
            self._context.destroy(linger=0)
            self._context = None


def _settle(outcome: asyncio.Future[_Outcome], value: _Outcome) -> None:
    if not outcome.done():
        outcome.set_result(value)
