"""Which questions and actions does the gateway know, and what is its honest reply to each?

`ACTIONS` is the whole vocabulary: an action is a function of the terminal and the request, and another one is
another entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final, TypeAlias, cast

import msgspec

from trueup.model import TradeSide
from trueup_adapters.gateway.account import Order, TerminalError, Ticket
from trueup_adapters.gateway.replies import (
    Cells,
    Dialect,
    deal_cells,
    failure,
    order_cells,
    position_cells,
    success,
    unknown_action,
)
from trueup_adapters.gateway.terminal import Terminal

REQUEST_BYTES_MAX: Final = 64 * 1024


class Request(msgspec.Struct):
    """What can be asked; unknown fields are ignored."""

    action: str
    symbol: str = "*"
    req_id: Any = None
    since: int | None = None
    client_id: str | None = None
    order: int | str | None = None
    target: str | None = None
    position: int | str | None = None
    type: str | None = None
    volume: Decimal | None = None
    stop: Decimal | None = None
    reduce_only: bool = False


_REQUEST = msgspec.json.Decoder(Request)


def request_of(body: bytes) -> Request | None:
    """The request, or None if it is none."""
    if len(body) > REQUEST_BYTES_MAX:
        return None
    try:
        return _REQUEST.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
        return None


# -- questions ---------------------------------------------------------------------------------------------


def get_positions(terminal: Terminal, request: Request, dialect: Dialect, changes_ago: int) -> Cells:
    """GET_POSITIONS: all of them, or those of one symbol."""
    rows = [
        position_cells(position, dialect)
        for position in terminal.positions_before(changes_ago)
        if request.symbol in ("*", position.symbol)
    ]
    return success(dialect, positions=rows)


def get_deals(terminal: Terminal, request: Request, dialect: Dialect, changes_ago: int) -> Cells:
    """GET_DEALS: the ledger from `since` (seconds, the terminal's clock) on; all of it without."""
    deals = terminal.deals_since(request.since)
    rows = [deal_cells(deal, dialect) for deal in deals if request.symbol in ("*", deal.symbol)]
    return success(dialect, deals=rows[: max(0, len(rows) - changes_ago)])


def get_orders(terminal: Terminal, request: Request, dialect: Dialect, changes_ago: int) -> Cells:
    """GET_ORDERS: those that work, all of them or those of one symbol."""
    rows = [
        order_cells(order, dialect)
        for order in terminal.orders_before(changes_ago)
        if order.works and request.symbol in ("*", order.symbol)
    ]
    return success(dialect, orders=rows)


def get_order(terminal: Terminal, request: Request, dialect: Dialect, changes_ago: int) -> Cells:
    """GET_ORDER: the one of that number or client id, of the past too; `null` where there is none."""
    if not request.order and not request.client_id:
        return failure(dialect, "an order is looked up by `order` or by `client_id`")
    found = _found(terminal.orders_before(changes_ago), request.order, request.client_id)
    return success(dialect, order=None if found is None else order_cells(found, dialect))


def _found(orders: Iterable[Order], number: int | str | None, client_id: str | None) -> Order | None:
    """The order that bears whatever is given of both."""
    for order in orders:
        if number and str(order.order) != str(number):
            continue
        if client_id and order.client_id != client_id and not (number and order.client_id is None):
            continue
        return order
    return None


# -- actions -----------------------------------------------------------------------------------------------


def cancel_order(terminal: Terminal, request: Request, dialect: Dialect, changes_ago: int) -> Cells:
    """CANCEL_ORDER: by `order`, by `target` (its client id), or by both."""

    def do() -> Ticket:
        if not request.order and not request.target:
            raise TerminalError("an order is cancelled by `order` or by `target`")
        found = _found(terminal.orders, request.order, request.target)
        if found is None:
            raise TerminalError(f"there is no order {request.order or request.target}")
        return terminal.cancel(found.order)

    return _done(terminal, request, dialect, do)


def place_stop(terminal: Terminal, request: Request, dialect: Dialect, changes_ago: int) -> Cells:
    """PLACE_STOP: a stop order beside a position."""

    def do() -> Ticket:
        return terminal.place_stop(
            request.symbol,
            _side(request.type),
            _needed(request.volume, "volume"),
            _needed(request.stop, "stop"),
            position=request.position,
            reduce_only=request.reduce_only,
            client_id=request.client_id,
        )

    return _done(terminal, request, dialect, do)


def close_position(terminal: Terminal, request: Request, dialect: Dialect, changes_ago: int) -> Cells:
    """CLOSE_POSITION: a market order against a position."""

    def do() -> Ticket:
        return terminal.close_position(
            request.symbol,
            _side(request.type),
            _needed(request.volume, "volume"),
            position=request.position,
            reduce_only=request.reduce_only,
            client_id=request.client_id,
        )

    return _done(terminal, request, dialect, do)


def _done(terminal: Terminal, request: Request, dialect: Dialect, do: Callable[[], Ticket]) -> Cells:
    """Done once, whatever is asked how often under one client id (L21)."""
    if not request.client_id:
        return failure(dialect, "an action needs a `client_id`", code="REJECTED")
    done = terminal.once(request.client_id, do)
    if done.why is not None:
        return {**failure(dialect, done.why, code="REJECTED"), "client_id": request.client_id}
    return success(dialect, order=done.order, client_id=request.client_id)


def _side(type: str | None) -> TradeSide:
    return cast("TradeSide", (type or "").lower())  # the terminal looks at it itself


def _needed(value: Decimal | None, what: str) -> Decimal:
    if value is None:
        raise TerminalError(f"`{what}` is missing")
    return value


# -- the vocabulary ----------------------------------------------------------------------------------------

Action: TypeAlias = Callable[[Terminal, Request, Dialect, int], Cells]
ACTIONS: Final[dict[str, Action]] = {
    "GET_POSITIONS": get_positions,
    "GET_DEALS": get_deals,
    "GET_ORDERS": get_orders,
    "GET_ORDER": get_order,
    "CANCEL_ORDER": cancel_order,
    "PLACE_STOP": place_stop,
    "CLOSE_POSITION": close_position,
}
ACTING: Final = frozenset({"CANCEL_ORDER", "PLACE_STOP", "CLOSE_POSITION"})
"""What changes the account."""
OF_ORDERS: Final = frozenset({"GET_ORDERS", "GET_ORDER"})
"""What is asked of orders."""
LIST_OF: Final = {"GET_POSITIONS": "positions", "GET_DEALS": "deals", "GET_ORDERS": "orders"}
"""Which list a reply to an action holds."""


def nothing_of(action: str) -> Cells:
    """What stands in a reply where there is nothing: an empty list, or `null` for an order that was looked up."""
    if action == "GET_ORDER":
        return {"order": None}
    return {} if action in ACTING else {LIST_OF.get(action, "positions"): []}


def reply_to(terminal: Terminal, request: Request, dialect: Dialect, *, changes_ago: int = 0) -> Cells:
    """The honest reply to a request, of the state now or so many changes ago."""
    action = ACTIONS.get(request.action)
    if action is None:
        return unknown_action(dialect, request.action)
    return action(terminal, request, dialect, changes_ago)
