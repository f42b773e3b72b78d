"""How does one cell of a bot's own book become an exact value, and back?

Numbers come as text, whole numbers or decimals; a binary float is refused, or read as the text that it prints as, never
as what it is inside (L35). Nothing is guessed: what cannot be read refuses its row, with a sentence (L42, L43).
"""

from __future__ import annotations

from collections.abc import Mapping as Cells
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast
from zoneinfo import ZoneInfo

from trueup.errors import InputError
from trueup.foreign import BookRow
from trueup.model import Holding, Refusal, Stop, exact, name_of, plain, side_of
from trueup_adapters.books.mapping import LONG_WORDS, SHORT_WORDS, Mapping


def row_of(mapping: Mapping, cells: Cells[str, object], *, place: int, ref: str) -> BookRow | Refusal | None:
    """One row; None for one that is closed; a Refusal for one that cannot be used.

    cells   by column; a column that is not there is None
    place   its place in the list, from 1
    """
    symbol: str | None = None
    ticket: str | None = None
    try:
        if mapping.status is not None and not _is_open(mapping, cells.get(mapping.status)):
            return None
        symbol = name_of(text_of(cells.get(mapping.symbol)), what=mapping.symbol)
        if mapping.ticket is not None and cells.get(mapping.ticket) not in (None, ""):
            ticket = name_of(text_of(cells.get(mapping.ticket)), what=mapping.ticket)
        quantity = _signed(mapping, cells)
        if not quantity:
            if mapping.closed == "zero":
                return None
            raise InputError(f"{mapping.quantity} is 0 in a row that counts as open; closed = {mapping.closed!r}")
        return BookRow(
            symbol=symbol,
            signed_quantity=quantity,
            ticket=ticket,
            price=_number(mapping, cells, mapping.price),
            stop=None if mapping.stop is None else Stop(_number(mapping, cells, mapping.stop)),
            strategy=_strategy(mapping, cells),
            opened_at=time_of(cells.get(mapping.opened_at or ""), mapping.time_zone),
            ref=ref,
        )
    except InputError as error:
        return Refusal(place, str(error), symbol, ticket)


def _is_open(mapping: Mapping, value: object) -> bool:
    """Whether a status means open. Raises InputError for a word that means neither: it is unknown, not open (L41)."""
    word = str(text_of(value)).strip().lower()
    if word == mapping.open_word.lower():
        return True
    if word == mapping.closed_word.lower():
        return False
    raise InputError(
        f"{mapping.status} is {str(value)[:40]!r}; it must be {mapping.open_word!r} or {mapping.closed_word!r}"
    )


def _signed(mapping: Mapping, cells: Cells[str, object]) -> Decimal:
    number = _number(mapping, cells, mapping.quantity)
    if number is None:
        raise InputError(f"{mapping.quantity} is empty; a position needs a quantity")
    if mapping.side is None:
        return number
    if number.is_signed() and number:
        raise InputError(f"{mapping.quantity} is {plain(number)} beside a side; it must not be negative then (L28)")
    word = str(text_of(cells.get(mapping.side))).strip().lower()
    if word in (mapping.long.lower(), *LONG_WORDS) and word != mapping.short.lower():
        return number
    if word in (mapping.short.lower(), *SHORT_WORDS):
        return number.copy_negate()
    if not number:
        return number
    raise InputError(f"{mapping.side} is {word[:40]!r}; it must be {mapping.long!r} or {mapping.short!r}")


def _number(mapping: Mapping, cells: Cells[str, object], name: str | None) -> Decimal | None:
    return number_of(cells, name, mapping.floats)


def number_of(cells: Cells[str, object], name: str | None, floats: str) -> Decimal | None:
    """One exact number; None where there is none. Raises InputError for what is none, or a binary float."""
    if name is None or (value := cells.get(name)) is None or value == "":
        return None
    if isinstance(value, float):
        if floats != "text":
            raise InputError(
                f"{name} is {value!r}, a binary float, which is not exact; keep decimals as text, or say "
                'floats = "text" to take what it prints as'
            )
        value = repr(value)
    return exact(value.strip() if isinstance(value, str) else value, what=name)


def _strategy(mapping: Mapping, cells: Cells[str, object]) -> str | None:
    value = None if mapping.strategy is None else cells.get(mapping.strategy)
    return None if value in (None, "") else name_of(text_of(value), what=cast(str, mapping.strategy))


def text_of(value: object) -> object:
    """A whole number as its text: identifiers are text whatever their shape (L45)."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


# -- times ---------------------------------------------------------------------------------------------------------


def time_of(value: object, zone: str) -> str | None:
    """A time as ISO 8601 in UTC; None for one that cannot be read: it is evidence, nothing is ordered by it (L46)."""
    if isinstance(value, datetime):
        when = value
    elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 4_102_444_800:
        when = datetime.fromtimestamp(value, UTC)
    elif isinstance(value, str):
        if value.isascii() and value.isdigit():
            return time_of(int(value), zone)
        try:
            when = datetime.fromisoformat(value)
        except ValueError:
            return None
    else:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC).isoformat()


def moment(at_ns: int, zone: str) -> datetime:
    """A wall time, to the microsecond, in the book's zone."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, ZoneInfo(zone)).replace(microsecond=rest // 1000)


# -- the way back --------------------------------------------------------------------------------------------------


def cells_of(mapping: Mapping, after: Holding, *, new: bool) -> dict[str, str | None]:
    """What a row is to say of an open position, by column: numbers as exact text, None for nothing.

    new   the row is added: it gets a symbol, a status, and whatever rows of this account have
    """
    number = after.signed_quantity
    cells: dict[str, str | None] = {mapping.quantity: plain(number if mapping.side is None else number.copy_abs())}
    if mapping.side is not None:
        cells[mapping.side] = mapping.long if side_of(number) == "long" else mapping.short
    if mapping.price is not None and after.price is not None:
        cells[mapping.price] = plain(after.price)
    if mapping.stop is not None and after.stop is not None:
        cells[mapping.stop] = None if after.stop.price is None else plain(after.stop.price)
    if mapping.strategy is not None:
        cells[mapping.strategy] = after.strategy
    if mapping.ticket is not None and after.ticket is not None:
        cells[mapping.ticket] = after.ticket
    if new:
        cells[mapping.symbol] = after.symbol
        if mapping.status is not None:
            cells[mapping.status] = mapping.open_word
        if mapping.opened_at is not None and after.opened_at is not None:
            cells[mapping.opened_at] = after.opened_at
        cells |= mapping.added | mapping.only
    return cells


def same(row: BookRow, held: Holding | None) -> bool:
    """Whether a row says what it is to say, as far as it has a place for it."""
    if held is None:
        return False
    stop = None if held.stop is None else held.stop.price
    return (
        row.signed_quantity == held.signed_quantity
        and row.price in (None, held.price)
        and (row.stop is None or row.stop.price == stop)
        and row.strategy in (None, held.strategy)
    )


def unchanged(row: BookRow, before: BookRow) -> bool:
    """Whether a row still says what it said when it was read."""
    return (row.symbol, row.signed_quantity, row.ticket, row.price, row.stop, row.strategy) == (
        before.symbol, before.signed_quantity, before.ticket, before.price, before.stop, before.strategy,
    )  # fmt: skip


def differs(row: BookRow) -> str:
    """What a row says instead, for a conflict's sentence."""
    at = "" if row.price is None else f" at {plain(row.price)}"
    return f"it says {side_of(row.signed_quantity)} {plain(row.signed_quantity.copy_abs())}{at} now"
