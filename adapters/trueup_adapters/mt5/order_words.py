"""What do a gateway's words for an order's kind and state mean?

Both are read in words or in MetaTrader's numbers, whatever the case and in either dialect: an order in a strange
spelling is better understood than left out. A state that nobody knows is UNKNOWN and keeps its word (L41); it is
never a reason to leave the order out, and never FILLED.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from trueup.model import OrderStatus, TradeSide
from trueup_adapters.mt5.rows import BadRow, printable

RAW_STATUS_MAX: Final = 64


class Kind(NamedTuple):
    """An order's side and type."""

    side: TradeSide
    type: str
    """`market`, `limit`, `stop`, `stop_limit`."""


_KIND_OF: Final[dict[str, Kind]] = {
    "buy": Kind("buy", "market"),
    "sell": Kind("sell", "market"),
    "buy_limit": Kind("buy", "limit"),
    "sell_limit": Kind("sell", "limit"),
    "buy_stop": Kind("buy", "stop"),
    "sell_stop": Kind("sell", "stop"),
    "buy_stop_limit": Kind("buy", "stop_limit"),
    "sell_stop_limit": Kind("sell", "stop_limit"),
}
_NUMBERED_KIND: Final = tuple(_KIND_OF.values())
"""MetaTrader's ENUM_ORDER_TYPE, 0 to 7."""

_STATUS_OF: Final[dict[str, OrderStatus]] = {
    "started": OrderStatus.PENDING,
    "placed": OrderStatus.ACCEPTED,
    "canceled": OrderStatus.CANCELED,
    "partial": OrderStatus.PARTIALLY_FILLED,
    "filled": OrderStatus.FILLED,
    "rejected": OrderStatus.REJECTED,
    "expired": OrderStatus.EXPIRED,
    "request_add": OrderStatus.PENDING,
    "request_modify": OrderStatus.PENDING_REPLACE,
    "request_cancel": OrderStatus.PENDING_CANCEL,
    "accepted": OrderStatus.ACCEPTED,
    "new": OrderStatus.ACCEPTED,
    "working": OrderStatus.ACCEPTED,
    "partially_filled": OrderStatus.PARTIALLY_FILLED,
    "cancelled": OrderStatus.CANCELED,
    "pending_cancel": OrderStatus.PENDING_CANCEL,
    "pending_replace": OrderStatus.PENDING_REPLACE,
    "replaced": OrderStatus.REPLACED,
}
_NUMBERED_STATUS: Final = tuple(_STATUS_OF.values())[:10]
"""MetaTrader's ENUM_ORDER_STATE, 0 to 9: 0 is "started", and nothing like filled (L41)."""


def kind_of(word: object) -> Kind:
    """The side and type that a row's `type` says. Raises BadRow: an order whose side is unknown is of no use."""
    if isinstance(word, int) and not isinstance(word, bool) and 0 <= word < len(_NUMBERED_KIND):
        return _NUMBERED_KIND[word]
    kind = _KIND_OF.get(_plain(word, "order_type_")) if isinstance(word, str) else None
    if kind is None:
        raise BadRow(f"its type is {printable(repr(word))[:80]}, which is no kind of order that is known (L41)")
    return kind


def status_of(*words: object) -> tuple[OrderStatus, str]:
    """What the words of a row's `state` and `status` say, those that are there; and the raw words, if UNKNOWN.

    Words that contradict each other say nothing: choosing one of them would be inventing (law 13).
    """
    said = [word for word in words if word is not None and word != ""]
    read = {_status(word) for word in said}
    if len(read) == 1 and OrderStatus.UNKNOWN not in read:
        return read.pop(), ""
    return OrderStatus.UNKNOWN, printable(" / ".join(str(word) for word in said))[:RAW_STATUS_MAX]


def _status(word: object) -> OrderStatus:
    if isinstance(word, str):
        return _STATUS_OF.get(_plain(word, "order_state_"), OrderStatus.UNKNOWN)
    if isinstance(word, int) and not isinstance(word, bool) and 0 <= word < len(_NUMBERED_STATUS):
        return _NUMBERED_STATUS[word]
    return OrderStatus.UNKNOWN


def _plain(word: str, prefix: str) -> str:
    """A word without case, spaces, or the prefix that MetaTrader's constants have."""
    return word.strip().lower().replace(" ", "_").replace("-", "_").removeprefix(prefix)
