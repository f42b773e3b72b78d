"""How does the fake Alpaca listen: real HTTP on this machine, by the standard library alone?"""

from __future__ import annotations

import select
import socket
import sys
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final, NamedTuple

from trueup.testing.alpaca.routes import Reply, Request, Routes

SEEN_MAX: Final = 10_000
"""Requests that are remembered."""
_LOOK_S: Final = 0.05


class Seen(NamedTuple):
    """One request that came in, for a test to count."""

    method: str
    target: str
    body: bytes
    at_ns: int


class Server(ThreadingHTTPServer):
    """One account's HTTP server. Every connection has a thread; the account answers one request at a time."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, routes: Routes) -> None:
        super().__init__((host, port), _Handler)
        self.routes = routes
        self.lock = threading.RLock()
        self.seen: deque[Seen] = deque(maxlen=SEEN_MAX)
        self.stopping = threading.Event()
        self._live: set[socket.socket] = set()
        self._live_lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        """The reply to one request."""
        with self.lock:
            self.seen.append(Seen(request.method, request.target, request.body, self.routes.account.now_ns()))
            return self.routes.answer(request)

    def server_bind(self) -> None:
        """Bind, without asking anybody for the machine's name, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that it can be cut."""
        with self._live_lock:
            self._live.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._live_lock:
            self._live.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        """Break every connection that there is."""
        with self._live_lock:
            for live in self._live:
                _shut(live)

    def stop(self) -> None:
        """Listen no more, and end every thread."""
        self.stopping.set()
        self.shutdown()
        self.cut()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is nothing to write home about; anything else is."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            method=self.command,
            target=self.path,
            body=self.rfile.read(length) if length else b"",
            key_id=self.headers.get("APCA-API-KEY-ID") or "",
            secret=self.headers.get("APCA-API-SECRET-KEY") or "",
            content_type=self.headers.get("Content-Type") or "",
        )
        assert isinstance(self.server, Server)
        self._send(self.server.answer(request), self.server.stopping)

    def _send(self, reply: Reply, stopping: threading.Event) -> None:
        if reply.delay_ms:
            stopping.wait(reply.delay_ms / 1000)
        if reply.how == "silence":
            self._wait_for_the_other_side(stopping)
        if reply.how in ("silence", "cut"):
            self.close_connection = True
            _shut(self.connection)
            return
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json; charset=UTF-8", **reply.headers}.items():
            self.send_header(name, value)
        body = b"" if reply.status in (204, 304) else reply.body  # HTTP gives these none
        if reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        whole = reply.how == "answer"
        self.wfile.write(body if whole else body[: len(body) // 2])
        self.wfile.flush()
        if not whole:
            self.close_connection = True
            _shut(self.connection)

    def _wait_for_the_other_side(self, stopping: threading.Event) -> None:
        """Say nothing until whoever asked has gone."""
        while not stopping.is_set():
            ready, _, _ = select.select([self.connection], [], [], _LOOK_S)
            if ready and not self.connection.recv(1, socket.MSG_PEEK):
                return

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve  # noqa: N815 - the standard library's names

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: requests are in `seen`."""


def _shut(live: socket.socket) -> None:
    try:
        live.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has gone already
