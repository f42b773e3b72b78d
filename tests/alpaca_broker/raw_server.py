"""What if the other side does not keep to HTTP? A server that sends the bytes that it is told to send."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

Script = Callable[[str], bytes | Sequence[bytes]]
"""A request's target into the bytes of its reply, all of them or as they are sent one after the other."""


def reply(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """A reply of HTTP/1.1, whose length may be another than it says."""
    said = [f"Content-Length: {len(body) if length is None else length}"] if length != -1 else []
    head = "\r\n".join((f"HTTP/1.1 {status}", "Content-Type: application/json", "Connection: close", *said, *headers))
    return head.encode() + b"\r\n\r\n" + body


def chunked(*parts: bytes, ended: bool = True) -> bytes:
    """A reply in chunks."""
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + (b"0\r\n\r\n" if ended else b"")


class RawServer:
    """One reply a connection, then it is closed."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.seen: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return  # closed
            with line:
                self._answer(line)

    def _answer(self, line: socket.socket) -> None:
        line.settimeout(5)
        asked = b""
        try:
            while b"\r\n\r\n" not in asked:
                asked += line.recv(65_536)
            method, target, _ = asked.split(b"\r\n", 1)[0].decode().split(" ")
            self.seen.append(f"{method} {target}")
            said = self._script(target)
            for part in [said] if isinstance(said, bytes) else said:
                line.sendall(part)
        except OSError:
            return  # whoever asked has gone
