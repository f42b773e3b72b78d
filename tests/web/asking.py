"""How do these tests ask an ASGI application, and what service do they guard?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from trueup_adapters.web.asgi import App, Message, Receive, Scope, Send

JSON = (b"content-type", b"application/json")


class Answered(NamedTuple):
    """What an application answered; status 0: nothing at all."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Service:
    """Places whatever reaches it, and remembers it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] != "http":
            return
        message = await receive()
        self.bodies.append(message["body"])
        assert not message["more_body"]
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b"placed"})


def messages(parts: Iterable[bytes], *, hangs_up: bool = False) -> list[Message]:
    """A body in parts, as a server hands it over."""
    given = list(parts)
    made: list[Message] = [
        {"type": "http.request", "body": part, "more_body": n < len(given)} for n, part in enumerate(given, 1)
    ]
    return [*made[:-1], {"type": "http.disconnect"}] if hangs_up else made


async def exchange(app: App, scope: Scope, given: list[Message]) -> Answered:
    """One request on a loop that runs."""
    sent: list[Message] = []

    async def receive() -> Message:
        return given.pop(0) if given else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    if not sent:
        return Answered(0, {}, b"")
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answered(sent[0]["status"], headers, b"".join(one["body"] for one in sent[1:]))


def scope_of(method: str, path: str, headers: Iterable[tuple[bytes, bytes]] = (JSON,), **more: object) -> Scope:
    return {"type": "http", "method": method, "path": path, "headers": list(headers), **more}


def ask(app: App, method: str, path: str, body: object = None, **more: Any) -> Answered:
    """One request; a body that is no bytes goes as JSON."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return asyncio.run(exchange(app, scope_of(method, path, **more), messages([raw])))
