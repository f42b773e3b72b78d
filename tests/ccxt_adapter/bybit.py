"""What does bybit answer, as far as trueup asks it? A server on loopback that speaks its v5 API.

The account behind it is the library's simulated broker; this only says it in bybit's words, so that ccxt's own class
can be pointed at it over real HTTP.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from trueup.model import TERMINAL, BrokerOrder, BrokerPosition, Execution, OrderStatus, plain
from trueup.ports import Action, Question
from trueup.testing.broker import ALL_ACTIONS, ALL_SURFACES, ActionTrouble, SimulatedBroker, Trouble

TROUBLES: frozenset[Trouble] = frozenset(
    {"silence", "empty", "failure", "garbage", "truncated", "bad_row", "bad_number", "twin", "contradiction"}
)
STEP = "0.000000000000000001"
STATUSES = {
    OrderStatus.ACCEPTED: "New",
    OrderStatus.PARTIALLY_FILLED: "PartiallyFilled",
    OrderStatus.FILLED: "Filled",
    OrderStatus.CANCELED: "Cancelled",
    OrderStatus.REJECTED: "Rejected",
}


def market_id(symbol: str) -> str:
    """EURUSD is bybit's EURUSDT here, and ccxt's EUR/USDT:USDT."""
    return symbol.removesuffix("USD") + "USDT"


def name_of(market: str) -> str:
    base = market.removesuffix("USDT")
    return f"{base}USD" if len(base) == 3 else base


class Bybit:
    """The account, and what goes wrong with its answers."""

    def __init__(self) -> None:
        self.account = SimulatedBroker(position_mode="netting", surfaces=ALL_SURFACES, actions=ALL_ACTIONS)
        self.troubles: deque[Trouble] = deque()
        self.action_troubles: deque[ActionTrouble] = deque()
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.sockets: set[socket] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.over.set()
        self.break_connections()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def break_connections(self) -> None:
        """As a restart does: every connection ends, and new ones are taken at once."""
        for one in list(self.sockets):
            try:
                one.shutdown(SHUT_RDWR)
            except OSError:
                self.sockets.discard(one)  # it ended by itself

    # -- what is answered ----------------------------------------------------------------------------------

    def answer(self, path: str, asked: dict[str, Any]) -> bytes | None:
        """The body of a reply; None when there is none."""
        self.requests.append((path, asked))
        if path in ("/v5/order/create", "/v5/order/cancel"):
            return self._act(path, asked)
        with self._lock:
            if path == "/v5/market/instruments-info":
                return listed([_market(symbol) for symbol in SYMBOLS] if asked.get("status") is None else [])
            trouble = self.troubles.popleft() if self.troubles else None
            rows = self._rows(path, asked)
        if trouble == "silence":
            self.over.wait()
            return None
        if trouble == "failure":
            return json.dumps({"retCode": 10016, "retMsg": "Internal server error", "result": {"list": []}}).encode()
        if trouble == "garbage":
            return b"<html>bad gateway</html>"
        if trouble == "truncated":
            return listed(rows)[:-20]
        if trouble is not None:
            rows = _spoilt(rows, trouble)
        return listed(rows)

    def _rows(self, path: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        if path == "/v5/position/list":
            return [_position(row) for row in self.account.truth.values()]
        if path == "/v5/execution/list":
            executions = asyncio.run(self.account.ask(Question(surface="fills"))).executions
            return [_execution(one, n) for n, one in enumerate(executions, 1)][::-1]
        ended = path == "/v5/order/history"
        told = self.account.orders if ended else self._told()
        return [
            _order(order)
            for order in told.values()
            if (order.status in TERMINAL) == ended and asked.get("orderId") in (None, order.order_id)
        ]

    def _told(self) -> dict[str, BrokerOrder]:
        """Working orders, without those that are forgotten (L04)."""
        answer = asyncio.run(self.account.ask(Question(surface="open_orders")))
        return {str(order.order_id): order for order in answer.orders}

    def _act(self, path: str, asked: Mapping[str, Any]) -> bytes | None:
        with self._lock:
            trouble = self.action_troubles.popleft() if self.action_troubles else None
            if trouble == "refusal":
                return refused(110007, "ab not enough for new order")
            if trouble == "garbage":
                return b"<html>bad gateway</html>"
            body = None if trouble == "silence" else self._done(path, asked)
        if trouble in ("silence", "lost_ack"):
            self.over.wait()
            return None
        return body

    def _done(self, path: str, asked: Mapping[str, Any]) -> bytes:
        symbol = name_of(str(asked["symbol"]))
        if path == "/v5/order/cancel":
            action = Action(
                kind="cancel", client_id=f"x{len(self.requests)}", symbol=symbol, order_id=str(asked["orderId"])
            )
        else:
            client_id = str(asked["orderLinkId"])
            if any(order.client_order_id == client_id for order in self.account.orders.values()):
                return refused(110072, "OrderLinkedID is duplicate")
            action = Action(
                kind="place_stop" if "triggerPrice" in asked else "close_position",
                client_id=client_id,
                symbol=symbol,
                side="buy" if asked["side"] == "Buy" else "sell",
                quantity=Decimal(str(asked["qty"])),
                stop=Decimal(str(asked["triggerPrice"])) if "triggerPrice" in asked else None,
            )
            if asked.get("reduceOnly") is not True:
                return refused(10001, "the fake only takes what reduces")
        outcome = asyncio.run(self.account.act(action))
        if outcome.state != "acknowledged":
            return refused(110001 if action.kind == "cancel" else 110017, outcome.why)
        return json.dumps(
            {"retCode": 0, "retMsg": "OK", "result": {"orderId": outcome.order_id or asked["orderId"]}}
        ).encode()


SYMBOLS = ("EURUSD", "GBPUSD", "XAUUSD", "SYM1", "SYM2", "SYM3")


def listed(rows: list[dict[str, Any]]) -> bytes:
    result = {"category": "linear", "list": rows, "nextPageCursor": ""}
    return json.dumps({"retCode": 0, "retMsg": "OK", "result": result, "time": 1700000000000}).encode()


def refused(code: int, why: str) -> bytes:
    return json.dumps({"retCode": code, "retMsg": why, "result": {}, "time": 1700000000000}).encode()


def _spoilt(rows: list[dict[str, Any]], trouble: Trouble) -> list[dict[str, Any]]:
    if trouble == "empty" or not rows:
        return []
    first = rows[0]
    size = "size" if "size" in first else "qty" if "qty" in first else "execQty"
    if trouble == "bad_row":
        return [{**first, "side": "Sideways"}, *rows[1:]]
    if trouble == "bad_number":
        return [{**first, size: "NaN"}, *rows[1:]]
    if trouble == "twin":
        return [*rows, dict(first)]
    return [*rows, {**first, size: plain(Decimal(first[size]) * 2)}]


def _market(symbol: str) -> dict[str, Any]:
    market = market_id(symbol)
    return {
        "symbol": market,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": market.removesuffix("USDT"),
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": STEP, "maxPrice": "1999999", "tickSize": STEP},
        "lotSizeFilter": {"maxOrderQty": "1000000", "minOrderQty": STEP, "qtyStep": STEP},
    }


def _position(row: BrokerPosition) -> dict[str, Any]:
    size = row.signed_quantity.copy_abs()
    stop = None if row.stop is None else row.stop.price
    return {
        "symbol": market_id(row.symbol),
        "side": "Sell" if row.signed_quantity < 0 else "Buy",
        "size": plain(size),
        "avgPrice": "" if row.price is None else plain(row.price),
        "stopLoss": "" if stop is None else plain(stop),
        "positionIdx": 0,
        "leverage": "1",
        "positionStatus": "Normal",
        "createdTime": "1700000000000",
        "updatedTime": "1700000000000",
    }


def _order(order: BrokerOrder) -> dict[str, Any]:
    filled = order.filled or Decimal(0)
    known = STATUSES.get(order.status, order.raw_status)
    return {
        "symbol": market_id(order.symbol),
        "orderId": order.order_id,
        "orderLinkId": order.client_order_id or "",
        "side": order.side.capitalize(),
        "orderType": "Limit" if order.type == "limit" else "Market",
        "price": "" if order.limit is None else plain(order.limit),
        "triggerPrice": "" if order.stop is None else plain(order.stop),
        "triggerDirection": 0 if order.stop is None else 2,
        "qty": plain(order.quantity),
        "cumExecQty": plain(filled),
        "leavesQty": plain(order.quantity - filled),
        "avgPrice": "" if order.average_price is None else plain(order.average_price),
        "orderStatus": "Untriggered" if known == "New" and order.stop is not None else known,
        "reduceOnly": bool(order.reduce_only),
        "timeInForce": "GTC",
        "tpslMode": "Full",
        "positionIdx": 0,
        "createdTime": "1700000000000",
        "updatedTime": "1700000000000",
    }


def _execution(one: Execution, number: int) -> dict[str, Any]:
    return {
        "symbol": market_id(one.symbol),
        "execId": one.execution_id,
        "orderId": one.order_id or f"by-hand-{number}",
        "orderLinkId": one.client_order_id or "",
        "side": "Buy" if one.signed_quantity > 0 else "Sell",
        "execQty": plain(one.signed_quantity.copy_abs()),
        "execPrice": "" if one.price is None else plain(one.price),
        "execType": "Trade",
        "execFee": "0.01",
        "feeCurrency": "USDT",
        "execTime": str(1700000000000 + number),
        "isMaker": False,
    }


def _handler(there: Bybit) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            there.sockets.add(self.request)

        def finish(self) -> None:
            there.sockets.discard(self.request)
            try:
                super().finish()
            except OSError:
                return  # the connection was broken

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                return  # the connection was broken

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._reply(there.answer(parts.path, dict(parse_qsl(parts.query))))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._reply(there.answer(urlsplit(self.path).path, json.loads(body)))

        def _reply(self, body: bytes | None) -> None:
            if body is None:
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
