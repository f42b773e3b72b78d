"""What does a row's text say that its decoded cells do not: a cell that is there twice, or text that is no number?

A decoder takes the last of two cells of one name, and Python takes more for a number than was meant as one (`1_000`,
spaces, other scripts' digits). Either makes a row that nobody can use (L43, law 13). Looking closely costs more than
decoding: a whole reply is first searched for signs of it, and a row that says what it said before is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Raw

from trueup.errors import InputError
from trueup.model import exact
from trueup_adapters.json_text import first_named_twice
from trueup_adapters.mt5.rows import BadRow, printable

SEARCHED_MAX: Final = 65_536
"""Bytes of a reply that are searched for numbers written as text: a gateway writes all of its rows alike."""
_NUMBERS: Final = (
    "volume",
    "volume_initial",
    "volume_current",
    "filled",
    "price",
    "price_open",
    "open_price",
    "price_stoplimit",
    "average_price",
    "sl",
    "commission",
    "fee",
)
"""The cells that are numbers, in any kind of row."""
_AS_TEXT: Final = re.compile(rb'"(%s)"\s*:\s*("[^"]*")' % "|".join(_NUMBERS).encode())
_ESCAPED_NAME: Final = re.compile(rb'"[^"\\]*\\u[^"]*"\s*:')
_EVIDENCE: Final = frozenset({"time", "open_time", "time_setup", "time_update", "time_done"})
"""Cells that are kept as they came and decide nothing (L46)."""
_TRIES_MAX: Final = 16
"""Places at which the text of one row is looked for (law 12): `7` is also how `70` begins."""
_Row = TypeVar("_Row", bound=msgspec.Struct)


class Texts(Generic[_Row]):
    """The texts of one kind of row."""

    def __init__(self, row: type[_Row]) -> None:
        self._decode = msgspec.json.Decoder(row).decode
        self._names = tuple(name for name in row.__struct_fields__ if name not in _EVIDENCE)
        self._quoted = tuple(b'"%s"' % name.encode() for name in self._names)

    def read(self, text: Raw | bytes) -> _Row:
        """One row. Raises BadRow besides what decoding raises."""
        row = self._decode(text)
        self.check(bytes(text))
        return row

    def check(self, text: bytes) -> None:
        """Raises BadRow where a row's text names a cell twice, or writes a number as text that is none."""
        if (b"\\u" in text or any(text.count(name) > 1 for name in self._quoted)) and (
            twice := first_named_twice(text, self._names)
        ):
            raise BadRow(f"its {twice} is there twice, and nobody can say which is meant")
        for found in _AS_TEXT.finditer(text):
            try:
                exact(msgspec.json.decode(found[2], type=str), what=f"its {found[1].decode()}")
            except InputError as error:
                raise BadRow(printable(str(error))) from error

    def looks_spoilt(self, raw: bytes, rows: int) -> bool:
        """Whether some row of a reply with so many rows may be spoilt, so that each is to be looked at on its own."""
        if any(raw.count(name) > rows for name in self._quoted) or _AS_TEXT.search(raw, 0, SEARCHED_MAX):
            return True
        return b"\\u" in raw and _ESCAPED_NAME.search(raw) is not None  # an escape could hide a name

    def of(self, raw: bytes, rows: Sequence[_Row], places: Sequence[int], cell: str, of: int) -> Iterator[bytes | None]:
        """The text of each of some rows of a reply of `of` rows; None where it is not found at once.

        places   where each stands in the reply, from 0, ascending
        cell     a cell by whose name and value a row is found, such as its ticket
        """
        begins = re.search(rb'"%s"\s*:\s*"?' % cell.encode(), raw)
        step = len(raw) * 15 // (of * 16)  # rows are of about one length, and most are not looked for
        at, last = 0, -1
        for row, place in zip(rows, places, strict=True):
            text = None
            if begins is not None:
                name = b"%s%s" % (begins[0], str(getattr(row, cell)).encode())
                text, closes = self._found(raw, row, name, at + (place - last - 1) * step)
                if text is None:
                    text, closes = self._found(raw, row, name, at)
                at, last = (at, last) if text is None else (closes, place)
            yield text

    def _found(self, raw: bytes, row: _Row, name: bytes, at: int) -> tuple[bytes | None, int]:
        """(the text that reads as the row, where to look for the next one)."""
        place = at
        for _ in range(_TRIES_MAX):
            place = raw.find(name, place)
            opens, closes = raw.rfind(b"{", 0, place), raw.find(b"}", place)
            if -1 in (place, opens, closes):
                break
            text = raw[opens : closes + 1]
            try:
                if self._decode(text) == row:
                    return text, closes
            except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError):
                break
            place = closes
        return None, at
