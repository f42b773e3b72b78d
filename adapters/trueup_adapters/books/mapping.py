"""Which column or field of a bot's own book means what?

One description for tables and documents alike; `[book]` in a configuration is made of it. What is not mapped the book
has no place for: it is neither compared nor written.
"""

from __future__ import annotations

from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from trueup.errors import InputError

LONG_WORDS: Final = ("long", "buy", "b", "l", "0")
SHORT_WORDS: Final = ("short", "sell", "s", "1")
"""What a side may be written as, in any case; `0` and `1` are MT5's."""
FIELDS: Final = ("symbol", "quantity", "side", "ticket", "price", "stop", "strategy", "opened_at")


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """How positions stand in a book."""

    symbol: str = "symbol"
    quantity: str = "quantity"
    """Signed, where no `side` is mapped; else unsigned."""
    side: str | None = None
    long: str = "long"
    """How a long position's side is written; read in any case, as are the words that everybody uses."""
    short: str = "short"
    ticket: str | None = None
    price: str | None = None
    stop: str | None = None
    strategy: str | None = None
    opened_at: str | None = None
    closed: Literal["delete", "zero", "status"] = "delete"
    """What a closed position looks like: no row, a quantity of 0, or a word in `status`."""
    status: str | None = None
    open_word: str = "open"
    closed_word: str = "closed"
    exit_reason: str | None = None
    """Where to write why a position was closed: `CLOSED_EXTERNALLY`, or the explained cause."""
    closed_at: str | None = None
    """Where to write when."""
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
        if self.closed == "status" and self.status is None:
            raise InputError(
                'a book whose closed rows have a status (closed = "status") needs its column: status = ...'
            )
        if self.closed != "status" and self.status is not None:
            raise InputError(f'status is {self.status!r}, and closed is {self.closed!r}; write closed = "status"')
        if self.closed == "delete" and (self.exit_reason or self.closed_at):
            raise InputError("exit_reason and closed_at need a row that stays: write closed = 'zero' or 'status'")
        if self.long.lower() == self.short.lower():
            raise InputError(f"long and short are both {self.long!r}; they must be told apart")
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
        return tuple(dict.fromkeys(name for name in (*named, self.status, *self.only) if name is not None))
