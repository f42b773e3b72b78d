"""What number does a row state, exactly, when ccxt may have made a float of it?

ccxt takes its numbers from the exchange's text and, unless told otherwise, hands them on as floats. An exchange set
to `number = str` (as `CcxtBroker` does) hands on that text. Where a float arrives all the same, in a recorded sample or
from a caller's own exchange object, the digits are taken from the exchange's own row, and a number whose digits are
lost is refused rather than rounded (L35).
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from trueup.errors import InputError
from trueup.model import EXACT, EXPONENT_MAX, ZERO, exact
from trueup_adapters.ccxt.rows import BadRow, list_in, printable, row_in, word

FLOAT_DIGITS: Final = 15
"""So many significant digits of a decimal number survive a float and back."""
CELLS_MAX: Final = 2_000
DEPTH_MAX: Final = 8
"""How much of one row is searched for digits (law 12)."""
SIZE_NAME: Final = re.compile(
    r"(?!.*(quote|cost|value|notional|fee|rate|min|max))"
    r".*(amount|amt|size|qty|quantity|vol|sz|base|contracts|holding|positions?$|pos$)"
)
"""What exchanges call how much something is, to be matched from a name's beginning."""
_LEAST: Final = Decimal(1).scaleb(-EXPONENT_MAX)
_PLAIN: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\Z", re.ASCII)


class Stated:
    """The numbers that an exchange's own row states, each with the word of its cell's name."""

    def __init__(self, info: object) -> None:
        """`info`: the row as the exchange sent it, decoded from JSON; anything else states no numbers."""
        self._info = info
        self._cells: list[tuple[str, Decimal]] | None = None

    @property
    def cells(self) -> list[tuple[str, Decimal]]:
        """(cell's name as a word, number), in order; nested rows included."""
        if self._cells is None:
            self._cells = list(itertools.islice(_within(self._info, "", 0), CELLS_MAX))
        return self._cells

    def lacks(self, quantity: Decimal) -> bool:
        """Whether the row states sizes, and `quantity` is none of its numbers, whatever their sign and scale: then
        nobody but ccxt has said it."""
        states = any(SIZE_NAME.match(name) for name, _ in self.cells)
        return states and not any(same_digits(quantity, number) for _, number in self.cells)

    def bears(self, number: Decimal) -> bool:
        """Whether a worked-out number, or a price, is one that the row states; a row without numbers denies none."""
        return not self.cells or any(agrees(number, cell) for _, cell in self.cells)

    def named(self, pattern: re.Pattern[str]) -> list[Decimal]:
        """The numbers in cells whose names match."""
        return [number for name, number in self.cells if pattern.search(name)]

    def digits_of(self, value: float) -> Decimal | None:
        """The number that a float was made of; None where the row states none that could be it.

        Raises BadRow where it states several that differ: nobody can say which.
        """
        size = abs(value)
        those = {
            EXACT.normalize(number.copy_abs()) for _, number in self.cells if _is_float_of(number.copy_abs(), size)
        }
        those = those or {scaled for _, number in self.cells for scaled in _scaled(number.copy_abs(), size)}
        if len(those) > 1:
            raise BadRow(f"{value!r} came as a float, and the exchange's row states {len(those)} numbers it may be")
        return next((number.copy_sign(Decimal(value)) for number in those), None)

    def closest(self, value: float) -> Decimal | None:
        """Its number, as a cell that holds it is read; None where nobody can say."""
        try:
            return Decimal(_undone(value, self))
        except BadRow:
            return None


def _is_float_of(number: Decimal, size: float) -> bool:
    """Whether `size` is what becomes of `number` as a float: they are at most half a step of the floats apart."""
    apart = EXACT.abs(EXACT.subtract(number, Decimal(size)))
    return EXACT.multiply(apart, Decimal(2)) <= Decimal(math.ulp(size))


def _within(info: object, name: str, depth: int) -> Iterator[tuple[str, Decimal]]:
    """Depth first; text that holds JSON is looked into, for some exchanges send rows within rows."""
    if depth > DEPTH_MAX:
        return
    if (row := row_in(info)) is not None:
        for key, cell in row.items():
            yield from _within(cell, word(key), depth + 1)
    elif (cells := list_in(info)) is not None:
        for cell in cells:
            yield from _within(cell, name, depth + 1)
    elif isinstance(info, str) and info[:1] in ("{", "["):
        yield from _within(_decoded(info), name, depth + 1)
    elif (number := _number(info)) is not None:
        yield name, number


def _decoded(text: str) -> object:
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None  # text that only looks like a row states no numbers


def _number(cell: object) -> Decimal | None:
    if isinstance(cell, bool):
        return None
    if isinstance(cell, float):
        return Decimal(repr(cell)) if math.isfinite(cell) else None
    if isinstance(cell, Decimal | int):
        return Decimal(cell)
    if isinstance(cell, str) and len(cell) <= 80 and _PLAIN.match(cell):
        return Decimal(cell)
    return None


def _scaled(number: Decimal, size: float) -> Iterable[Decimal]:
    """`number` as so many millionths (or any other power of ten) of the float, where it is a long whole number."""
    if size == 0 or number != number.to_integral_value() or len(number.as_tuple().digits) <= FLOAT_DIGITS:
        return ()
    shift = Decimal(repr(size)).adjusted() - number.adjusted()
    return tuple(
        EXACT.normalize(scaled)
        for by in (shift - 1, shift, shift + 1)
        if by < 0 and _is_float_of(scaled := EXACT.scaleb(number, by), size)
    )


# -- cells -------------------------------------------------------------------------------------------------


def number_cell(value: object, stated: Stated, *, what: str) -> Decimal | None:
    """A number, exactly and within bounds (L43); None where there is none (L36, L44). Raises BadRow."""
    if value is None or value == "":
        return None
    try:
        return exact(_shortened(_undone(value, stated) if isinstance(value, float) else value), what=what)
    except InputError as error:
        raise BadRow(printable(f"its {error}")) from error


def _shortened(value: object) -> object:
    """A number without the zeros at its end that say nothing: exchanges write 1 as 1.00000000000000000000."""
    number = _number(value) if isinstance(value, str) else value
    if not isinstance(number, Decimal) or not _too_long(number):
        return value if number is None else number
    short = EXACT.normalize(number)
    return EXACT.quantize(short, Decimal(1)) if short == short.to_integral_value() else short


def _too_long(number: Decimal) -> bool:
    """Whether it has more decimals than are kept, and few enough to be reckoned with."""
    _, digits, exponent = number.as_tuple()
    return isinstance(exponent, int) and EXPONENT_MAX < -exponent <= EXACT.prec and len(digits) <= EXACT.prec


def rounded_cell(value: object, stated: Stated, *, what: str) -> Decimal | None:
    """What the exchange, or ccxt, has worked out: an average, a fee. As `number_cell`, but more decimals than any
    market has are rounded (half to even), and a float whose digits are lost is as good as missing: no position is
    refused over a third of a cent. Raises BadRow for what is no number."""
    if isinstance(value, float) and math.isfinite(value):
        value = stated.closest(value)
    number = _number(value)
    if number is not None and _too_long(number) and number.adjusted() <= EXPONENT_MAX:
        value = _shortened(EXACT.quantize(number, _LEAST))
    return number_cell(value, stated, what=what)


def _undone(value: float, stated: Stated) -> Decimal | str:
    """A float's number: by the exchange's own digits, or by its shortest text where that cannot have lost any."""
    if not math.isfinite(value):
        return str(value)
    said = ZERO if value == 0 else stated.digits_of(value)
    if said is not None:
        return said
    shortest = Decimal(repr(value))
    if len(EXACT.normalize(shortest).as_tuple().digits) > FLOAT_DIGITS:
        raise BadRow(f"{value!r} came as a float, and the exchange's row does not state its digits (L35)")
    return shortest


def rough_cell(value: object) -> Decimal | None:
    """A number as evidence only, to be compared within a few per cent and never kept; None where there is none."""
    number = _number(value)
    return number if number is not None and number.is_finite() and -FLOAT_DIGITS < number.adjusted() < 40 else None


def price_cell(value: object, stated: Stated, *, what: str, worked_out: bool = False) -> Decimal | None:
    """A price; a missing one and 0 both mean that none was reported (L36). Raises BadRow for one below 0.

    worked_out   whether it is an average, to be read as `rounded_cell` does
    """
    price = (rounded_cell if worked_out else number_cell)(value, stated, what=what)
    if price is not None and price < ZERO:
        raise BadRow(f"its {what} is {price}, which is below 0")
    return price or None


def same_digits(one: Decimal, other: Decimal) -> bool:
    """Whether two numbers have the same digits, whatever their sign and scale: exchanges also state whole
    numbers of a power of ten."""
    return EXACT.normalize(one).as_tuple().digits == EXACT.normalize(other).as_tuple().digits


def same_float(number: Decimal, value: object) -> bool:
    """Whether a float may have come of this number by adding up floats: they are a few of its steps apart."""
    if not isinstance(value, float) or not math.isfinite(value):
        return False
    return EXACT.abs(EXACT.subtract(number, Decimal(value))) <= Decimal(4 * math.ulp(value))


def agrees(one: Decimal, other: Decimal) -> bool:
    """Whether two numbers have the same digits, or become the same when rounded to as many decimals as are kept."""
    if same_digits(one, other):
        return True
    return EXACT.abs(EXACT.subtract(one.copy_abs(), other.copy_abs())) <= _LEAST
