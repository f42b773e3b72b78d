"""What do Alpaca's words for an order's status and intent mean?

A status that nobody knows is UNKNOWN and keeps its word (L41). Words that say only that an order is at work, such as
`accepted`, leave it to the filled quantity how far it has come.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from trueup.model import OrderStatus
from trueup_adapters.alpaca.cells import printable

RAW_STATUS_MAX: Final = 64
WORKING: Final = frozenset(
    {"new", "accepted", "pending_new", "accepted_for_bidding", "held", "stopped", "partially_filled", "done_for_day"}
)
"""At work or on its way there. `stopped` is a trade promised and not yet done; `held` a leg that waits for another;
`done_for_day` goes on tomorrow, or ends by an event of its own."""
_STATUS_OF: Final[dict[str, OrderStatus]] = {
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "replaced": OrderStatus.REPLACED,
    "rejected": OrderStatus.REJECTED,
    "pending_cancel": OrderStatus.PENDING_CANCEL,
    "pending_replace": OrderStatus.PENDING_REPLACE,
}
_REDUCES: Final[dict[object, bool]] = {
    "buy_to_close": True,
    "sell_to_close": True,
    "buy_to_open": False,
    "sell_to_open": False,
}


def status_of(word: object, quantity: Decimal, filled: Decimal | None) -> tuple[OrderStatus, str]:
    """The status that a word says of an order so far filled; and the raw word, if it is UNKNOWN.

    `calculated` says that the day's sums are made, of an order that filled or did not: the quantity decides.
    """
    if isinstance(word, str):
        if word in WORKING:
            return (OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.ACCEPTED), ""
        if word in _STATUS_OF:
            return _STATUS_OF[word], ""
        if word == "calculated" and filled is not None and filled >= quantity:
            return OrderStatus.FILLED, ""
    return OrderStatus.UNKNOWN, printable(str(word))[:RAW_STATUS_MAX]


def reduces(intent: object) -> bool | None:
    """Whether an order may only reduce, by its `position_intent`; None: not reported."""
    return _REDUCES.get(intent) if isinstance(intent, str) else None
