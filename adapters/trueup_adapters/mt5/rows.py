"""Which rows may a gateway's reply hold, and what do their cells mean on their own?

A row is decoded straight into a typed struct of the fields that identify it; the volatile ones (profit, mark
price, swap) are never looked at. Numbers become Decimals from the JSON text itself, never by way of a float (L35).
Both dialects' names stand in one struct, because a reply is decoded once, before its dialect is known to anyone.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from trueup.errors import InputError
from trueup.model import ZERO, exact, name_of

Dialect: TypeAlias = str
DIALECT_1: Final = "mt5/1"
"""`status` SUCCESS, lower-case `type`, `price_open`, `time` in seconds."""
DIALECT_2: Final = "mt5/2"
"""`status` ok, upper-case `type`, `open_price`, `open_time` in ISO 8601."""

WHEN_MAX: Final = 64
"""The longest time text that is kept as evidence."""
WHY_MAX: Final = 300
"""The longest text of the outside's that is repeated in a reason."""


class PositionRow(msgspec.Struct, gc=False):
    """One row of `positions`: only what identifies a position."""

    ticket: int | str
    symbol: str
    type: int | str
    volume: Decimal
    price_open: Decimal | None = None
    time: Any = None
    sl: Decimal | UnsetType | None = UNSET
    """Left out: not reported. null or 0: there is none."""
    magic: Any = None
    open_price: Decimal | None = None
    open_time: Any = None
    client_id: Any = None


class OrderRow(msgspec.Struct, gc=False):
    """One row of `orders`, or the one `order`, with every name that a cell of it has been seen to bear."""

    symbol: str
    type: int | str
    order: int | str | None = None
    ticket: int | str | None = None
    """The order's own, as MetaTrader calls it; its position's is `position`."""
    state: Any = None
    """Whatever it is, it is no reason to refuse the row (L41); so `status`."""
    status: Any = None
    volume: Decimal | None = None
    volume_initial: Decimal | None = None
    volume_current: Decimal | None = None
    """What of it is still to be filled."""
    filled: Decimal | None = None
    price: Decimal | None = None
    price_open: Decimal | None = None
    open_price: Decimal | None = None
    price_stoplimit: Decimal | None = None
    average_price: Decimal | None = None
    reduce_only: bool | None = None
    position: int | str | None = None
    position_id: int | str | None = None
    client_id: int | str | None = None
    magic: Any = None
    time: Any = None
    time_setup: Any = None
    time_update: Any = None
    time_done: Any = None
    open_time: Any = None


class DealRow(msgspec.Struct, gc=False):
    """One row of `deals`: an execution, or one of the account's other entries."""

    type: int | str
    deal: int | str | None = None
    ticket: int | str | None = None
    """The deal's own, as MetaTrader calls it; its position's is `position`."""
    symbol: Any = None
    """Rows that are no executions have an empty one (L45), so it is judged after `type`."""
    volume: Decimal | None = None
    price: Decimal | None = None
    order: int | str | None = None
    position: int | str | None = None
    position_id: int | str | None = None
    """What MetaTrader calls `position`."""
    commission: Decimal | None = None
    fee: Decimal | None = None
    time: Any = None
    magic: Any = None
    client_id: int | str | None = None
    reason: Any = None
    """Why it was made, in a code or a word; what nobody understands says nothing, and refuses no row."""
    comment: Any = None


class Unread(msgspec.Struct, gc=False):
    """A row that is not of the shape it must be, with what could be read of it (L42)."""

    why: str
    symbol: str | None
    ticket: str | None


class BadRow(Exception):
    """A row's cell cannot be used; the text says which and why. Never leaves this package."""


class _Names(msgspec.Struct):
    """What a refusal can name of a row that is otherwise unreadable."""

    symbol: Raw = Raw()
    ticket: Raw = Raw()
    position: Raw = Raw()
    position_id: Raw = Raw()
    order: Raw = Raw()
    deal: Raw = Raw()


_NAMES = msgspec.json.Decoder(_Names)


def unread(row: Raw, error: Exception) -> Unread:
    """A row that did not decode: why, and whatever symbol and ticket can still be read of it."""
    names = _names_of(row)
    return Unread(
        why=printable(str(error)) or type(error).__name__,
        symbol=name_in(names.symbol),
        ticket=name_in(names.ticket or names.position),
    )


def unread_order(row: Raw, error: Exception) -> Unread:
    """The same for a row of `orders`, whose own number is no position's: it is told in the reason."""
    names = _names_of(row)
    return _unread_of(names, error, "order", name_in(names.order))


def unread_deal(row: Raw, error: Exception) -> Unread:
    """The same for a row of `deals`."""
    names = _names_of(row)
    return _unread_of(names, error, "deal", name_in(names.deal))


def _unread_of(names: _Names, error: Exception, what: str, number: str | None) -> Unread:
    why = printable(str(error)) or type(error).__name__
    own = number or name_in(names.ticket)
    return Unread(
        why=why if own is None else f"{what} {own}: {why}",
        symbol=name_in(names.symbol),
        ticket=name_in(names.position) or name_in(names.position_id),
    )


def _names_of(row: Raw) -> _Names:
    try:
        return _NAMES.decode(row)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Names()


def name_in(cell: Raw) -> str | None:
    """The number or text that a cell is, as a name; None where it is none."""
    try:
        return readable(msgspec.json.decode(cell, type=int | str))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def readable(value: object) -> str | None:
    """`value` as a name if it is a usable one, for a refusal to mention."""
    try:
        return name_of(value, what="name")
    except InputError:
        return None


def printable(text: str) -> str:
    """The outside's own words, bounded and without anything that a terminal or a channel would act on (L60)."""
    return "".join(c if c.isprintable() else " " for c in text[:WHY_MAX]).strip()


# -- cells -------------------------------------------------------------------------------------------------


def symbol_cell(value: object) -> str:
    """The broker's spelling of a symbol. Raises BadRow; the rows without one are balance entries (L45)."""
    if value is None or value == "":
        raise BadRow("it has no symbol: an entry of the account, not a position or an execution (L45)")
    return named_cell(value, "symbol")


def ticket_cell(value: object, *, what: str) -> str:
    """A ticket as text, of whatever size (L45). Raises BadRow for MetaTrader's 0, which means "none"."""
    if type(value) is int and 0 < value < _PLAIN_TICKET_MAX:
        return str(value)
    if (isinstance(value, int) and value <= 0) or value == "0":
        raise BadRow(f"its {what} is {value}, which names nothing")
    return named_cell(value, what)


def reference_cell(value: int | str | None, *, what: str) -> str | None:
    """A ticket that may be missing; MetaTrader's 0 means "none". Raises BadRow."""
    return None if value is None or value in (0, "", "0") else ticket_cell(value, what=what)


def named_cell(value: object, what: str) -> str:
    """A name or id of any kind. Raises BadRow for what can be none."""
    try:
        return name_of(value, what=what)
    except InputError as error:
        raise BadRow(printable(str(error))) from error


_Cell = TypeVar("_Cell")
_Value = TypeVar("_Value")


def same_cell(*cells: _Cell, read: Callable[[_Cell], _Value | None], what: str) -> _Value | None:
    """What one or several cells say that mean the same; None where none is there. Raises BadRow where they differ:
    either could be the true one (law 13)."""
    said = [value for value in map(read, cells) if value is not None]
    if any(value != said[0] for value in said):
        raise BadRow(f"its {what} differ: {', '.join(map(str, said))}")
    return said[0] if said else None


def volume_cell(value: Decimal | None) -> Decimal:
    """A volume: within bounds (L43) and above 0, for the side stands in `type` (L28). Raises BadRow."""
    volume = number_cell(value, what="volume")
    if volume is None or volume <= ZERO:
        raise BadRow(f"its volume is {value}; it must be greater than 0")
    return volume


def number_cell(value: Decimal | None, *, what: str) -> Decimal | None:
    """A number within bounds (L43), or None where there is none. Raises BadRow."""
    if value is None or _plainly_bounded(value):
        return value
    try:
        return exact(value, what=what)
    except InputError as error:
        raise BadRow(printable(str(error))) from error


_LEAST: Final = Decimal("0.000001")
_MOST: Final = Decimal(10) ** 18
_PLAIN_TICKET_MAX: Final = 10**18


def _plainly_bounded(value: Decimal) -> bool:
    """Whether `exact` would surely admit it; False leaves the judgement to `exact` itself.

    From 1e-6 on a Decimal's text has no negative exponent, so 19 characters hold at most 18 digits.
    """
    return value.is_finite() and _LEAST <= value < _MOST and len(str(value)) <= 19


def price_cell(value: Decimal | None, *, what: str) -> Decimal | None:
    """A price; a missing one and MetaTrader's 0 both mean that none was reported (L36). Raises BadRow."""
    return number_cell(value, what=what) or None


def when_cell(value: object) -> str | None:
    """The broker's own time, as it came: its clock is not ours, and may not even be UTC (L46).

    Never a reason to refuse a row: it is evidence, and nothing is ordered by it.
    """
    if type(value) is int and 0 < value < _PLAIN_TICKET_MAX:
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    if isinstance(value, int) and value.bit_length() > 128:
        return None
    text = str(value)
    return text if text and len(text) <= WHEN_MAX and text.isprintable() else None


def mark_cell(value: object) -> str | None:
    """An owner's mark (a magic number) as text, or None."""
    return readable(value)


_SIGNS: Final[dict[Dialect, dict[int | str, int]]] = {
    DIALECT_1: {"buy": 1, "sell": -1, 0: 1, 1: -1},
    DIALECT_2: {"BUY": 1, "SELL": -1, 0: 1, 1: -1},
}


def side_cell(value: int | str, dialect: Dialect) -> int:
    """+1 for a buy, -1 for a sell, 0 for any other word, which the caller judges (L41, L47)."""
    return _SIGNS[dialect].get(value, 0)
