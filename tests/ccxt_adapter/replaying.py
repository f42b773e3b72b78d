"""What does an exchange answer, whichever it is? A server on loopback that replays, and ccxt's own classes on it.

Every address of an exchange object is turned to the server; its markets are given to it, so that nothing else is asked.
"""

from __future__ import annotations

import importlib
import json
import re
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec

Body = str | Callable[[str], str]
"""A body, or what makes one of the address and the body of the request."""

KEYS: Final = {
    "apiKey": "the-key-of-this-account",
    "secret": "dGhlLXNlY3JldC1vZi10aGlzLWFjY291bnQ=",
    "password": "the-password",
    "uid": "1234567",
    "privateKey": "0x" + "1" * 64,
    "walletAddress": "0x" + "2" * 40,
}


class Reply(msgspec.Struct, frozen=True):
    """What the server says to every request; None says nothing at all."""

    body: str | None = None
    status: int = 200
    headers: Mapping[str, str] = {}


class Replaying:
    """The server. `bodies` by a part of the request; `reply`, where it is set, is said to everything."""

    def __init__(self) -> None:
        self.bodies: dict[str, Body] = {}
        self.reply: Reply | None = None
        self.cut = 0
        """How many characters are cut from the end of every body."""
        self.asked: list[str] = []
        self.over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fresh(self, bodies: Mapping[str, Any]) -> None:
        """From now on these bodies, and no troubles. What is no text and no function is sent as JSON."""
        self.bodies = {
            part: body if isinstance(body, str) or callable(body) else json.dumps(body) for part, body in bodies.items()
        }
        self.reply, self.cut = None, 0
        self.asked.clear()

    def answer(self, asked: str) -> Reply:
        self.asked.append(asked)
        if self.reply is not None:
            return self.reply
        for part, body in self.bodies.items():
            if re.search(part, asked):
                text = body(asked) if callable(body) else body
                return Reply(text[: len(text) - self.cut])
        return Reply('{"error": "nothing is known of this address"}', 404)


def _handler(there: Replaying) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = (
            -1
        )  # head and body at once: apart, each reply waits for an acknowledgement that the other side delays

        def log_message(self, *arguments: object) -> None:
            """Silence."""

        def _do(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            reply = there.answer(f"{self.path} {self.rfile.read(length).decode() if length else ''}")
            if reply.body is None:
                there.over.wait(5)
                self.close_connection = True
                return
            body = reply.body.encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = do_PUT = _do  # noqa: N815 - the library's names

    return Handler


# -- ccxt's side -------------------------------------------------------------------------------------------


def market(id: str, symbol: str, size: str = "1") -> dict[str, Any]:
    """A market as ccxt has it."""
    base, _, rest = symbol.partition("/")
    quote, _, settle = rest.partition(":")
    contract = bool(settle)
    return {
        "id": id,
        "lowercaseId": id.lower(),
        "symbol": symbol,
        "base": base,
        "quote": quote,
        "settle": settle or None,
        "baseId": base,
        "quoteId": quote,
        "settleId": settle or None,
        "type": "swap" if contract else "spot",
        "spot": not contract,
        "margin": False,
        "swap": contract,
        "future": False,
        "option": False,
        "contract": contract,
        "linear": settle == quote if contract else None,
        "inverse": settle == base if contract else None,
        "subType": ("linear" if settle == quote else "inverse") if contract else None,
        "contractSize": size if contract else None,
        "active": True,
        "precision": {"amount": "0.001", "price": "0.01"},
        "limits": {"amount": {}, "price": {}, "cost": {}, "leverage": {}},
        "taker": "0.001",
        "maker": "0.001",
        "percentage": True,
        "tierBased": False,
        "info": {},
    }


def exchange_of(name: str, there: Replaying, *markets: dict[str, Any], **config: Any) -> Any:
    """ccxt's class of that name, pointed at the server, with these markets."""
    classes: Any = importlib.import_module("ccxt.async_support")
    kind = "swap" if any(one["contract"] for one in markets) else "spot"
    options = {"defaultType": kind, **config.pop("options", {})}
    exchange = getattr(classes, name)({**KEYS, "rateLimit": 1, "verify": False, **config, "options": options})
    exchange.urls = _turned(exchange.urls, there.url)
    exchange.has["fetchCurrencies"] = False
    exchange.timeout_on_exit = 0
    exchange.number = str
    exchange.set_markets([dict(one) for one in markets])
    return exchange


def _turned(urls: Any, url: str) -> Any:
    if isinstance(urls, dict):
        return {name: _turned(one, url) for name, one in urls.items()}
    return re.sub(r"https?://[^/]+", url, urls) if isinstance(urls, str) and urls.startswith("http") else urls
