"""What stands in for Discord, Slack, Telegram and a mail server: real sockets on loopback that keep what they got."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Web:
    """A web service that answers as it is told and remembers every request."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []
        """(path, JSON body), in order."""
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        """What comes next; when there is nothing left: 200 and a body that every service takes for success."""
        self.url = ""
        self._more = threading.Condition()

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        with self._more:
            self.requests.append((path, json.loads(body)))
            self._more.notify_all()
            return self.answers.pop(0) if self.answers else (200, {}, b"ok")

    def wait_for(self, count: int, *, within_s: float = 10) -> list[Any]:
        """The bodies of the first requests, once there are so many."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.requests) >= count, within_s), self.requests
            return [body for _, body in self.requests]


@contextmanager
def web() -> Iterator[Web]:
    """One that listens on a port of its own."""
    service = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, headers, body = service.answer(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


class Mail:
    """A mail server: what was sent, whole."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.port = 0
        self.refuse: str | None = None
        """The reply to a whole message; None: it is taken."""


@contextmanager
def mail() -> Iterator[Mail]:
    """One that listens on a port of its own and takes everything."""
    service = Mail()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 loopback")
            while line := self.rfile.readline().decode("utf-8", "replace").strip():
                word = line[:4].upper()
                if word == "DATA":
                    self._say("354 go on")
                    lines: list[str] = []
                    while (part := self.rfile.readline().decode("utf-8", "replace").rstrip("\r\n")) != ".":
                        lines.append(part)
                    if service.refuse is None:
                        service.messages.append("\n".join(lines))
                    self._say(service.refuse or "250 taken")
                elif word == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 fine")

        def _say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        service.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
