"""What does the fake Alpaca answer to one HTTP request? All of it but the socket."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final, Literal, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from trueup.model import EXACT
from trueup.testing.alpaca.account import Account, Books
from trueup.testing.alpaca.desk import Desk
from trueup.testing.alpaca.faults import AFTER, BEFORE, Endpoint, Fault, Faults, as_json, spoil_rows
from trueup.testing.alpaca.lists import activities_of, orders_of, says_yes
from trueup.testing.alpaca.rows import account_row, activity_row, asset_row, clock_row, order_row, position_row
from trueup.testing.alpaca.things import Asset, Order, Refused, missing, unprocessable

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z", re.ASCII)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it came."""

    method: str
    target: str
    """Path and query."""
    body: bytes = b""
    key_id: str = ""
    secret: str = ""
    content_type: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back, and how."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    how: Literal["answer", "silence", "cut", "truncated"] = "answer"
    delay_ms: int = 0


class Routes:
    """Requests into replies, for one account. Not thread-safe: the server asks one at a time."""

    def __init__(self, account: Account, desk: Desk, faults: Faults, *, key_id: str, secret: str) -> None:
        self.account = account
        self.desk = desk
        self.faults = faults
        self.hidden: dict[str, int] = {}
        """Orders that the next so many answers about orders leave out (L04)."""
        self._keys = (key_id, secret)

    def answer(self, request: Request) -> Reply:
        """The reply to a request, spoilt by the fault that waits for it."""
        if (request.key_id, request.secret) != self._keys:
            return _said(Refused(401, 40110000, "request is not authorized"))
        split = urlsplit(request.target)
        path = [unquote(part) for part in split.path.strip("/").split("/")]
        query = dict(parse_qsl(split.query))
        endpoint = _endpoint(request.method, path)
        if endpoint is None:
            return _said(Refused(404, 40410000, "endpoint not found"))
        fault = self.faults.take(endpoint)
        if fault is not None and fault.kind in BEFORE:
            return _instead(fault)
        try:
            if request.body and not request.content_type.startswith("application/json"):
                raise Refused(400, 40010000, "request body format is invalid")
            return _after(self._done(endpoint, path, query, request.body, fault), fault)
        except Refused as no:
            return _after(_said(no), fault)

    def _done(
        self, endpoint: Endpoint, path: list[str], query: Mapping[str, str], body: bytes, fault: Fault | None
    ) -> Reply:
        books = self.account.books(fault.changes if fault is not None and fault.kind == "stale" else 0)
        if endpoint == "account":
            return _json(account_row(self.account))
        if endpoint == "clock":
            return _json(clock_row(self.account.now_ns()))
        if endpoint == "assets":
            return self._assets(*path[2:])
        if endpoint == "positions":
            return _json(spoil_rows([self._position(books, symbol) for symbol in books.positions], fault))
        if endpoint == "position":
            return self._one_position(books, path[2])
        if endpoint == "orders":
            nested = books if says_yes(query, "nested") else None
            return _json(spoil_rows([order_row(o, nested) for o in self._told(orders_of(books, query))], fault))
        if endpoint == "order":
            return self._order(books, path, query, fault)
        if endpoint == "activities":
            kind = path[3] if len(path) > 3 else query.get("activity_types", "")
            rows = [activity_row(a, books) for a in activities_of(books, query, kind)]
            return _json(spoil_rows(rows, fault))
        return self._write(endpoint, path, query, body)

    def _write(self, endpoint: Endpoint, path: list[str], query: Mapping[str, str], body: bytes) -> Reply:
        if endpoint == "submit":
            return _json(order_row(self.desk.submit(_object(body)), self.account.books()))
        if endpoint == "replace":
            return _json(order_row(self.desk.ask_replace(path[2], _object(body))))
        if endpoint == "cancel":
            self.desk.ask_cancel(path[2])
            return Reply(status=204)
        if endpoint == "close":
            return _json(order_row(self.desk.ask_close(path[2], query.get("qty"), query.get("percentage"))))
        if endpoint == "close_all":
            if says_yes(query, "cancel_orders"):
                self._cancel_all()
            held = [position.asset for position in self.account.positions.values()]
            return Reply(status=207, body=as_json([self._closed(asset) for asset in held]))
        return Reply(status=207, body=as_json([{"id": order_id, "status": 200} for order_id in self._cancel_all()]))

    def _cancel_all(self) -> list[str]:
        ended = [order.id for order in self.account.orders.values() if order.is_open and order.parent is None]
        for order_id in ended:
            self.desk.ask_cancel(order_id)
        return ended

    def _closed(self, asset: Asset) -> dict[str, object]:
        """One row of DELETE /v2/positions: each position is closed or refused by itself."""
        name = asset.position_symbol
        try:
            return {"symbol": name, "status": 200, "body": order_row(self.desk.ask_close(name, None, None))}
        except Refused as no:
            return {"symbol": name, "status": no.status, "body": no.body}

    def _assets(self, name: str | None = None) -> Reply:
        if name is None:
            return _json([asset_row(asset) for asset in self.account.assets.values()])
        asset = self.account.find_asset(name)
        if asset is None:
            raise missing(f"asset not found for {name}")
        return _json(asset_row(asset))

    def _position(self, books: Books, symbol: str) -> dict[str, object]:
        held = books.positions[symbol]
        side: Literal["buy", "sell"] = "buy" if held.signed_quantity.is_signed() else "sell"
        reserved = self.desk.held_for_orders(held.asset, side)
        return position_row(held, EXACT.subtract(held.signed_quantity.copy_abs(), reserved))

    def _one_position(self, books: Books, name: str) -> Reply:
        asset = self.account.find_asset(name)
        if asset is None or "/" in name or asset.symbol not in books.positions:  # a pair is found without its slash
            raise missing("position does not exist")
        return _json(self._position(books, asset.symbol))

    def _told(self, orders: list[Order]) -> list[Order]:
        told = [order for order in orders if not self.hidden.get(order.id)]
        self._forgotten_once()
        return told

    def _forgotten_once(self) -> None:
        self.hidden = {order_id: left - 1 for order_id, left in self.hidden.items() if left > 1}

    def _order(self, books: Books, path: list[str], query: Mapping[str, str], fault: Fault | None) -> Reply:
        if path[1] == "orders:by_client_order_id":
            wanted = query.get("client_order_id", "")
            found = [o for o in books.orders.values() if o.client_order_id == wanted]
        else:
            wanted = path[2]
            if not _UUID.match(wanted):
                raise unprocessable("order_id is missing", code=40010001)
            found = [o for o in books.orders.values() if o.id == wanted]
        told = self._told(found)
        if not told:
            raise missing(f"order not found for {wanted}")
        nested = books if says_yes(query, "nested") else None
        return _json(spoil_rows([order_row(told[0], nested)], fault)[0])


def _endpoint(method: str, path: list[str]) -> Endpoint | None:
    """Which endpoint a request is for; None for none that there is."""
    if not path or path[0] != "v2" or len(path) < 2:
        return None
    name, more = path[1], len(path) - 2
    table: Mapping[tuple[str, str, int], Endpoint] = {
        ("GET", "account", 0): "account",
        ("GET", "clock", 0): "clock",
        ("GET", "assets", 0): "assets",
        ("GET", "assets", 1): "assets",
        ("GET", "positions", 0): "positions",
        ("GET", "positions", 1): "position",
        ("DELETE", "positions", 0): "close_all",
        ("DELETE", "positions", 1): "close",
        ("GET", "orders", 0): "orders",
        ("GET", "orders", 1): "order",
        ("GET", "orders:by_client_order_id", 0): "order",
        ("POST", "orders", 0): "submit",
        ("PATCH", "orders", 1): "replace",
        ("DELETE", "orders", 1): "cancel",
        ("DELETE", "orders", 0): "cancel_all",
    }
    if method == "GET" and path[1:3] == ["account", "activities"] and more <= 2:
        return "activities"
    return table.get((method, name, more))


def _instead(fault: Fault) -> Reply:
    """What comes where nothing was done."""
    if fault.kind in ("silence", "cut"):
        return Reply(how="silence" if fault.kind == "silence" else "cut")
    if fault.kind == "too_many":
        return _with(_said(Refused(429, 42910000, "too many requests.")), fault)
    if fault.kind == "html":
        page = b"<html><body>Bad gateway</body></html>"
        return Reply(status=fault.status, body=page, headers={"Content-Type": "text/html"})
    if fault.kind == "redirect":
        return Reply(status=307, headers={"Location": fault.text})
    body = fault.text.encode() or as_json({"code": fault.status * 100_000, "message": "internal server error occurred"})
    return _with(Reply(status=fault.status, body=body), fault)


def _with(reply: Reply, fault: Fault) -> Reply:
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    return msgspec.structs.replace(reply, headers=headers)


def _after(reply: Reply, fault: Fault | None) -> Reply:
    """The reply to what was done, as it arrives."""
    if fault is None or fault.kind not in AFTER:
        return reply
    if fault.kind == "late":
        return msgspec.structs.replace(reply, delay_ms=fault.delay_ms)
    if fault.kind == "goodbye":
        return msgspec.structs.replace(reply, headers={"Connection": "close"})
    if fault.kind == "lost_ack":
        if fault.how == "504":
            return Reply(status=504, body=b"<html>upstream timed out</html>", headers={"Content-Type": "text/html"})
        return Reply(how=fault.how)
    if fault.kind == "truncated":
        return msgspec.structs.replace(reply, how="truncated")
    if fault.kind == "broken":  # whole by its length, and half of the JSON
        return msgspec.structs.replace(reply, body=reply.body[: len(reply.body) // 2 + 1])
    body = b"[]" if fault.kind == "empty" else b"\xff\xfe not what you expect"
    return msgspec.structs.replace(reply, status=200, body=body)


def _json(body: object) -> Reply:
    return Reply(body=as_json(body))


def _said(no: Refused) -> Reply:
    return Reply(status=no.status, body=as_json(no.body))


def _object(body: bytes) -> Mapping[str, object]:
    try:
        read = json.loads(body or b"{}", parse_float=str)
    except ValueError as error:
        raise Refused(400, 40010000, "request body format is invalid") from error
    if not isinstance(read, dict):
        raise Refused(400, 40010000, "request body format is invalid")
    return cast(Mapping[str, object], read)
