"""Which column or field of a bot's own orders means what, and what do its own status words mean?

One description for tables and documents alike; `[book.orders]` in a configuration is made of it. What is not mapped the
book has no place for: it is neither compared nor written.
"""

from __future__ import annotations

from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from trueup.errors import InputError
from trueup.foreign import OrderField, Places
from trueup.model import TERMINAL, OrderStatus
from trueup.orders import TYPES

BUY_WORDS: Final = ("buy", "b", "long", "0")
SELL_WORDS: Final = ("sell", "s", "short", "1")
"""What a side may be written as, in any case; `0` and `1` are MT5's."""
FIELDS: Final = (
    "client_order_id", "order_id", "symbol", "side", "type", "quantity", "status", "filled", "average_price", "limit",
    "stop", "reduce_only", "strategy",
)  # fmt: skip
WRITTEN: Final[tuple[OrderField, ...]] = (
    "status", "filled", "average_price", "order_id", "side", "type", "quantity", "limit", "stop", "reduce_only",
)  # fmt: skip
_OURS: Final = {one.value: one for one in OrderStatus if one is not OrderStatus.UNKNOWN}
_OWN_WORDS: Final = {**{word: word for word in _OURS}, "cancelled": "canceled"}
"""What a book without words of its own is read by: ours, in any case, and the other spelling of one of them."""


class OrderMapping(msgspec.Struct, frozen=True, kw_only=True):
    """How orders stand in a book."""

    client_order_id: str | None = None
    """What the bot calls the order, and has told the broker before it was sent."""
    order_id: str | None = None
    """What the broker calls it. At least one of the two is mapped."""
    symbol: str = "symbol"
    side: str = "side"
    buy: str = "buy"
    """How a buying order's side is written; read in any case, as are the words that everybody uses."""
    sell: str = "sell"
    type: str = "type"
    types: dict[str, str] = {}
    """The book's own word for a type, in any case, to the one that brokers use, such as `limit`. A word that is
    not there stands for itself."""
    quantity: str = "quantity"
    """As ordered, unsigned."""
    status: str = "status"
    statuses: dict[str, str] = {}
    """The book's own word, in any case, to ours. Of several for one of ours the first is written. Empty: the book uses
    our words. A word that is not there refuses its row (L41)."""
    filled: str | None = None
    """Cumulative; empty is 0."""
    average_price: str | None = None
    limit: str | None = None
    stop: str | None = None
    reduce_only: str | None = None
    strategy: str | None = None
    exit_reason: str | None = None
    """Where to write why an order ended: `CLOSED_EXTERNALLY`."""
    closed_at: str | None = None
    """Where to write when it was found to have ended."""
    time_zone: str = "UTC"
    """Of times that say none."""
    floats: Literal["refuse", "text"] = "refuse"
    """Binary floats: refused, or read as the shortest text that they print as."""
    only: dict[str, str] = {}
    """Only rows with these values are this account's; rows that are added get them."""
    added: dict[str, str] = {}
    """What rows that are added get besides."""

    def check(self) -> None:
        """Raises InputError for what cannot be meant."""
        if self.client_order_id is None and self.order_id is None:
            raise InputError(
                "orders are matched by client_order_id, by order_id, or by both; map at least one, or nothing that the "
                "broker says could be matched to a row"
            )
        if self.buy.lower() == self.sell.lower():
            raise InputError(f"buy and sell are both {self.buy!r}; they must be told apart")
        for word, ours in self.statuses.items():
            if ours not in _OURS:
                raise InputError(f"statuses says that {word!r} means {ours!r}; it must be one of {', '.join(_OURS)}")
            for other, meant in self.statuses.items():
                if other.lower() == word.lower() and meant != ours:
                    raise InputError(f"statuses says that {word!r} means {ours!r}, and {other!r} {meant!r}: which one?")
        for word, ours in self.types.items():
            if ours not in TYPES:
                raise InputError(
                    f"types says that {word!r} means {ours!r}; it must be one of {', '.join(sorted(TYPES))}"
                )
        for ours in ("filled", "canceled") if self.statuses else ():
            if ours not in self.statuses.values():
                raise InputError(f"statuses has no word for {ours}, and trueup must be able to write one")
        try:
            ZoneInfo(self.time_zone)
        except (ValueError, OSError, KeyError) as error:
            raise InputError(f"time_zone is {self.time_zone!r}, which is none that is known here") from error
        names = [name for field in FIELDS if (name := getattr(self, field)) is not None]
        for name in sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"{name!r} is mapped twice; one column has one meaning")

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, each once."""
        named = [getattr(self, field) for field in FIELDS]
        return tuple(dict.fromkeys(name for name in (*named, *self.only) if name is not None))

    @property
    def numbers(self) -> tuple[str | None, ...]:
        """The columns that hold numbers."""
        return self.quantity, self.filled, self.average_price, self.limit, self.stop

    @property
    def places(self) -> Places:
        """What rows have a place and a word for."""
        fields: frozenset[OrderField] = frozenset(field for field in WRITTEN if getattr(self, field) is not None)
        return Places(fields, frozenset(_OURS[ours] for ours in (self.statuses or _OWN_WORDS).values()))

    @property
    def ends(self) -> tuple[str, ...]:
        """The book's words for orders that have ended."""
        return tuple(word for word, ours in (self.statuses or _OWN_WORDS).items() if _OURS[ours] in TERMINAL)

    def status_of(self, word: str) -> OrderStatus:
        """What a word of the book's means. Raises InputError for one that nobody said the meaning of (L41)."""
        for mine, ours in (self.statuses or _OWN_WORDS).items():
            if mine.lower() == word.lower():
                return _OURS[ours]
        known = ", ".join(self.statuses or _OWN_WORDS)
        raise InputError(f"{self.status} is {word[:40]!r}, which is none of {known}; say under statuses what it means")

    def type_of(self, word: str) -> str:
        """What a type is called by brokers, in lower case."""
        meant = (ours for mine, ours in self.types.items() if mine.lower() == word.lower())
        return next(meant, word.lower())

    def type_word(self, type: str) -> str:
        """How the book writes a type."""
        return next((word for word, ours in self.types.items() if ours == type), type)

    def word_of(self, status: OrderStatus) -> str:
        """How the book writes a status. Raises InputError where it has no word for it."""
        for word, ours in (self.statuses or _OWN_WORDS).items():
            if ours == status.value:
                return word
        raise InputError(f"statuses has no word for {status.value}")
