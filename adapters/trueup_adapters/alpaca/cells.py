"""What do the cells of Alpaca's rows mean on their own?

Numbers become Decimals from the JSON text itself, whether they stand there as text or as numbers, and never by way of
a float (L35).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
from msgspec import Raw

from trueup.errors import InputError
from trueup.model import exact, name_of

WHY_MAX: Final = 300
"""The longest text of the outside's that is repeated in a reason."""
WHEN_MAX: Final = 64
MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError)
"""What decoding may raise for what a reply holds: ArithmeticError for an exponent beyond Decimal's own."""


class BadRow(Exception):
    """A row's cell cannot be used; the text says which and why. Never leaves this package."""


def printable(text: str) -> str:
    """The outside's own words, bounded and without anything that a terminal or a channel would act on (L60)."""
    return "".join(c if c.isprintable() else " " for c in text[:WHY_MAX]).strip()


def shown(value: object) -> str:
    """Any value of the outside's, for a reason."""
    return printable(repr(value))[:80]


def name_cell(value: object, what: str) -> str:
    """A symbol or id. Raises BadRow for what can be none (L45)."""
    try:
        return name_of(value, what=what)
    except InputError as error:
        raise BadRow(f"its {printable(str(error))}") from error


def maybe_name(value: object, what: str) -> str | None:
    """The same, where it may be missing."""
    return None if value in (None, "") else name_cell(value, what)


def readable(value: object) -> str | None:
    """`value` as a name if it is a usable one, for a refusal to mention."""
    try:
        return name_of(value, what="name")
    except InputError:
        return None


def number_cell(cell: Raw, what: str) -> Decimal | None:
    """A number, or the text of one, within bounds (L43); None where there is none. Raises BadRow.

    `""` is none too: Alpaca writes it where a cell does not apply. Text is held to the same digits as a bare number:
    what Python would take for one besides (`1_000`, other scripts' digits, spaces) was not meant as one.
    """
    text = bytes(cell)
    if text in (b"", b"null", b'""'):
        return None
    if text[:1] not in b'"-0123456789':
        raise BadRow(f"its {what} is {printable(text[:80].decode('utf-8', 'replace'))}, which is no number")
    value = msgspec.json.decode(text, type=str) if text[:1] == b'"' else text.decode()
    try:
        return exact(value, what=f"its {what}")
    except InputError as error:
        raise BadRow(printable(str(error))) from error


def price_cell(cell: Raw, what: str) -> Decimal | None:
    """A price greater than 0; a missing one and 0 both mean that none is reported (L36). Raises BadRow."""
    price = number_cell(cell, what) or None
    if price is not None and price < 0:
        raise BadRow(f"its {what} is {price}; a price is greater than 0")
    return price


def size_cell(cell: Raw, what: str) -> Decimal:
    """A quantity above 0: the side stands elsewhere (L28). Raises BadRow."""
    size = number_cell(cell, what)
    if size is None or size <= 0:
        raise BadRow(f"its {what} is {size}; it must be greater than 0")
    return size


def when_cell(value: object) -> str | None:
    """The broker's own time as it came: evidence, never a reason to refuse a row (L46)."""
    if not isinstance(value, str) or not 0 < len(value) <= WHEN_MAX or not value.isprintable():
        return None
    return value
