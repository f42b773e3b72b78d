"""What of ASGI is needed: reading a request's body within a limit, handing it on, and answering with JSON?"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from fnmatch import fnmatchcase
from typing import Any, Final, TypeAlias

import msgspec

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Guarded: TypeAlias = Mapping[str, Collection[str]]
"""Paths to methods: `{"/orders": ("POST",), "/accounts/*/orders": ("POST", "PUT")}`; `*` is any text."""

BODY_BYTES_MAX: Final = 65_536
"""The longest body of a guarded request (law 12): an order is short."""


class Unreadable(Exception):
    """A request that cannot be judged. What cannot be judged is not let pass (law 9)."""

    def __init__(self, why: str, status: int = 422) -> None:
        super().__init__(why)
        self.status = status


class Gone(Exception):
    """Whoever asked has gone."""


def is_guarded(guarded: Guarded, scope: Scope) -> bool:
    """Whether a request's method and path are among those. Slashes that are doubled or trailing make no difference:
    to many a framework they make none either."""
    path = plain_path(str(scope["path"]))
    method = str(scope["method"]).upper()
    return any(fnmatchcase(path, plain_path(known)) and method in methods for known, methods in guarded.items())


def plain_path(path: str) -> str:
    return re.sub(r"/+", "/", "/" + path).rstrip("/") or "/"


async def whole_body(receive: Receive) -> bytes:
    """The whole body. Raises Unreadable beyond `BODY_BYTES_MAX`, Gone where the caller has hung up."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise Unreadable(f"the body is longer than {BODY_BYTES_MAX:,} bytes, which no order is", 413)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands over a body that was read already, and then goes on."""
    due = True

    async def again() -> Message:
        nonlocal due
        if due:
            due = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


def is_json(scope: Scope) -> bool:
    """Whether the request says that its body is JSON: a browser's form cannot say so unasked."""
    for name, value in scope.get("headers", ()):
        if bytes(name).lower() == b"content-type":
            return bytes(value).split(b";")[0].strip().lower() == b"application/json"
    return False


async def answer(send: Send, status: int, value: object, headers: Mapping[str, str] | None = None) -> None:
    """One JSON value."""
    body = msgspec.json.encode(value)
    fields = {"content-type": "application/json", "content-length": str(len(body)), "cache-control": "no-store"}
    sent = [(name.encode(), text.encode()) for name, text in (fields | dict(headers or {})).items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})
