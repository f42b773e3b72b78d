"""In which words is a gateway asked for something? Pure: values in, bytes out."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from trueup.facts import ActionKind
from trueup.model import Surface
from trueup.ports import Action, Question
from trueup_adapters.action_terms import lacking_terms

SERVER_CLOCK_OFFSET_S_MAX: Final = 86_400
"""How far the gateway's clock may be from UTC (L46): deals are asked for from so much earlier, because a
deal listed twice is recognised by its id and one that is not listed is lost."""

QUESTION_OF: Final[dict[Surface, str]] = {
    "positions": "GET_POSITIONS",
    "fills": "GET_DEALS",
    "open_orders": "GET_ORDERS",
    "order": "GET_ORDER",
}
"""The surfaces that can be asked, and the words for it."""
ACTION_OF: Final[dict[ActionKind, str]] = {
    "cancel": "CANCEL_ORDER",
    "place_stop": "PLACE_STOP",
    "close_position": "CLOSE_POSITION",
}
"""What can be asked to be done, and the words for it."""


class _Request(msgspec.Struct, omit_defaults=True):
    action: str
    req_id: str
    symbol: str | UnsetType = UNSET
    since: int | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    order: int | str | UnsetType = UNSET
    target: str | UnsetType = UNSET
    position: int | str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    volume: Decimal | UnsetType = UNSET
    stop: Decimal | UnsetType = UNSET
    reduce_only: bool | UnsetType = UNSET


_ENCODER = msgspec.json.Encoder(decimal_format="number")  # every digit, and never by way of a float (L35)


def request(question: Question, *, req_id: str, symbol: str = "*") -> bytes:
    """The bytes that put `question` to a gateway. A look-up goes by whatever ids are known, and by no symbol."""
    asked = _Request(action=QUESTION_OF[question.surface], req_id=req_id)
    if question.surface == "order":
        asked.client_id = _or_unset(question.client_order_id)
        asked.order = _ticket(question.order_id)
    else:
        asked.symbol = symbol
    if question.since_ns is not None:
        asked.since = max(0, question.since_ns // 1_000_000_000 - SERVER_CLOCK_OFFSET_S_MAX)
    return _ENCODER.encode(asked)


def action_request(action: Action, *, req_id: str, symbol: str) -> bytes:
    """The bytes that ask for `action`, which lacks nothing. `symbol` is the broker's own spelling."""
    asked = _Request(action=ACTION_OF[action.kind], req_id=req_id, client_id=action.client_id)
    if action.kind == "cancel":
        asked.order = _ticket(action.order_id)
        asked.target = _or_unset(action.target)
        return _ENCODER.encode(asked)
    asked.symbol = symbol
    asked.position = _ticket(action.ticket)
    asked.type = _or_unset(action.side)
    asked.volume = UNSET if action.quantity is None else action.quantity
    asked.reduce_only = True  # an emergency action never opens anything (L22)
    if action.stop is not None:
        asked.stop = action.stop
    return _ENCODER.encode(asked)


def lacking(action: Action) -> str:
    """What keeps an action from being sent at all, as a sentence; '' where nothing does."""
    if action.kind not in ACTION_OF:
        return f"this adapter cannot ask an MT5 gateway for {action.kind!r}"
    if not action.client_id:
        return "an action has a client_id: without one nobody can ask what became of it (L21)"
    return lacking_terms(action)


def _or_unset(text: str | None) -> str | UnsetType:
    return text or UNSET


def _ticket(text: str | None) -> int | str | UnsetType:
    """A ticket as the number that it is to MetaTrader, where it is one; identifiers of ours are text (L45)."""
    if not text:
        return UNSET
    return int(text) if text.isascii() and text.isdigit() and text[0] != "0" else text
