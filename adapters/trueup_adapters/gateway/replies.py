"""What does the gateway say of its terminal, in either dialect?

`ACTIONS` is the whole vocabulary: an action is a function of the terminal and the request, and another one is
another entry. Numbers leave as JSON numbers with every digit they have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec

from trueup_adapters.gateway.terminal import Deal, Position, Terminal

Dialect: TypeAlias = Literal[1, 2]
Cells: TypeAlias = dict[str, Any]
REQUEST_BYTES_MAX: Final = 64 * 1024

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Request(msgspec.Struct):
    """What can be asked; unknown fields are ignored."""

    action: str
    symbol: str = "*"
    req_id: Any = None
    since: int | None = None
    client_id: str | None = None


_REQUEST = msgspec.json.Decoder(Request)


def request_of(body: bytes) -> Request | None:
    """The request, or None if it is none."""
    if len(body) > REQUEST_BYTES_MAX:
        return None
    try:
        return _REQUEST.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def encoded(reply: Mapping[str, Any]) -> bytes:
    """A reply as it goes on the wire."""
    return _ENCODER.encode(reply)


def success(dialect: Dialect, **cells: object) -> Cells:
    """A reply that answers."""
    return {"status": "SUCCESS" if dialect == 1 else "ok", **cells}


def failure(dialect: Dialect, why: str, *, code: str = "FAILED", with_list: str | None = None) -> Cells:
    """A reply that does not, with an empty list that means nothing if `with_list` names one (L48)."""
    if dialect == 1:
        cells: Cells = {"status": "FAILED", "error": why}
        if code != "FAILED":
            cells["error_code"] = code
    else:
        cells = {"status": "error", "error_code": code, "error_msg": why}
    return cells if with_list is None else {**cells, with_list: []}


def unknown_action(dialect: Dialect, action: str) -> Cells:
    """What an older gateway says to a question it was not built for."""
    return failure(dialect, f"Unknown action: {action[:64]}", code="UNKNOWN_ACTION")


def position_cells(position: Position, dialect: Dialect) -> Cells:
    """One row of `positions`."""
    common: Cells = {"ticket": position.ticket, "symbol": position.symbol}
    stop = {"sl": position.sl or 0, "tp": position.tp or 0}
    owner = {"magic": position.magic, "comment": position.comment}
    if dialect == 1:
        return {
            **common,
            "type": position.side,
            "volume": position.volume,
            "price_open": position.price,
            "profit": 0,
            "time": position.time_s,
            **stop,
            **owner,
        }
    return {
        **common,
        "type": position.side.upper(),
        "volume": position.volume,
        "open_price": position.price,
        "current_price": position.price,
        **stop,
        "profit": 0,
        **owner,
        "open_time": _iso(position.time_s),
    }


def deal_cells(deal: Deal, dialect: Dialect) -> Cells:
    """One row of `deals`."""
    return {
        "deal": deal.deal,
        "order": deal.order,
        "position": deal.position,
        "symbol": deal.symbol,
        "type": deal.kind if dialect == 1 else deal.kind.upper(),
        "entry": deal.entry,
        "volume": deal.volume,
        "price": deal.price,
        "commission": deal.commission,
        "time": deal.time_s if dialect == 1 else _iso(deal.time_s),
        "magic": deal.magic,
        "comment": deal.comment,
        "client_id": deal.client_id,
    }


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# -- the vocabulary ----------------------------------------------------------------------------------------


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


Action: TypeAlias = Callable[[Terminal, Request, Dialect, int], Cells]
ACTIONS: Final[dict[str, Action]] = {"GET_POSITIONS": get_positions, "GET_DEALS": get_deals}
LIST_OF: Final = {"GET_POSITIONS": "positions", "GET_DEALS": "deals"}
"""Which list a reply to an action holds."""


def reply_to(terminal: Terminal, request: Request, dialect: Dialect, *, changes_ago: int = 0) -> Cells:
    """The honest reply to a request, of the state now or so many changes ago."""
    action = ACTIONS.get(request.action)
    if action is None:
        return unknown_action(dialect, request.action)
    return action(terminal, request, dialect, changes_ago)
