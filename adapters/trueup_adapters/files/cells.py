"""What do the cells of one row say, and which of them cannot be meant?

The cells of JSON and CSV files alike. Numbers arrive as the text that stood in the file, so that no float ever comes
between (L35); `exact` then judges their bounds (L43). Every reason says what is wrong and what to write instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from trueup.errors import InputError
from trueup.model import ZERO, Refusal, Side, Stop, exact, name_of
from trueup.policy import Policy
from trueup_adapters.files.sheet import Row

COLUMNS: Final = ("symbol", "ticket", "side", "quantity", "price", "strategy", "stop", "opened_at")
"""What a row may state; every other column is somebody else's and is ignored."""
SHOWN_MAX: Final = 40
OPENED_AT_MAX: Final = 64

Cell: TypeAlias = object


class NumberText(str):
    """A number exactly as it stood in the file: `1e400` and `NaN` too, which are judged later, row by row."""

    __slots__ = ()


class BadCell(Exception):
    """A cell that cannot be meant; the text says why and what to do. Never leaves this package."""


def row_of(number: int, cells: Mapping[str, Cell], policy: Policy) -> Row:
    """The row that `cells` state. Raises BadCell.

    number  the row's place, from 1
    cells   by column; a column that is missing is not reported
    """
    spelling = name_cell(cells.get("symbol"), "symbol")
    if spelling is None:
        raise BadCell("it has no symbol; every position names one")
    return Row(
        number=number,
        symbol=policy.canonical(spelling),
        spelling=spelling,
        side=_side(cells.get("side")),
        quantity=_quantity(cells.get("quantity")),
        ticket=id_cell(cells.get("ticket"), "ticket"),
        price=number_cell(cells["price"], "price") if cells.get("price") is not None else None,
        stop=stop_cell(cells["stop"]) if "stop" in cells else None,
        strategy=name_cell(cells.get("strategy"), "strategy"),
        opened_at=_when(cells.get("opened_at")),
    )


def refusal_of(number: int, cells: Mapping[str, Cell], why: str, policy: Policy) -> Refusal:
    """The refusal of a row, with what can be read of its symbol and ticket."""
    symbol = readable(cells.get("symbol"))
    return Refusal(number, why, None if symbol is None else policy.canonical(symbol), readable(cells.get("ticket")))


def shown(value: Cell) -> str:
    """A cell as it stood in the file, bounded and safe to print."""
    if isinstance(value, NumberText):
        text = str(value)
    elif isinstance(value, bool) or value is None:
        text = {True: "true", False: "false", None: "null"}[value]
    else:
        text = ascii(value)
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


# -- one cell each -----------------------------------------------------------------------------------------


def _side(value: Cell) -> Side:
    side: Literal["long", "short"]
    for side in ("long", "short"):
        if type(value) is str and value == side:
            return side
    what = "it has no side" if value is None else f"its side is {shown(value)}"
    raise BadCell(f'{what}; write "long" or "short"')


def _quantity(value: Cell) -> Decimal:
    if value is None:
        raise BadCell('it has no quantity; write a number such as "0.01"')
    number = number_cell(value, "quantity")
    if number < ZERO:
        raise BadCell(f"its quantity is {shown(value)}, which is negative; the direction belongs into `side`")
    return number or ZERO


def number_cell(value: Cell, what: str) -> Decimal:
    """An exact number within bounds. Raises BadCell."""
    if not isinstance(value, str):
        raise BadCell(f'its {what} is {shown(value)}, which is no number; write one such as "0.01"')
    try:
        return exact(str(value), what=f"its {what}")
    except InputError as error:
        raise BadCell(f'{error}; write a number such as "0.01"') from error


def stop_cell(value: Cell) -> Stop:
    """null and 0 mean that there is none, as MetaTrader writes it. Raises BadCell."""
    if value is None:
        return Stop(None)
    price = number_cell(value, "stop")
    if price < ZERO:
        raise BadCell(f"its stop is {shown(value)}, which is negative; write its price, or null where there is none")
    return Stop(price or None)


def id_cell(value: Cell, what: str) -> str | None:
    """A ticket or another id as text (L45); None where the cell is null or empty. Raises BadCell."""
    name = name_cell(value, what)
    if isinstance(value, NumberText) and not (value.isascii() and value.isdigit()):
        raise BadCell(f"its {what} is {shown(value)}, which is no {what}; write a whole number, or text")
    if name == "0":
        raise BadCell(f"its {what} is 0, which names nothing; leave it out where there is none")
    return name


def name_cell(value: Cell, what: str) -> str | None:
    """A symbol, ticket or strategy as text; None where the cell is null or empty. Raises BadCell."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadCell(f"its {what} is {shown(value)}; it must be text")
    try:
        return name_of(str(value), what=f"its {what}")
    except InputError as error:
        raise BadCell(str(error)) from error


def _when(value: Cell) -> str | None:
    """The time as the file has it: evidence, never order (L46), and never a reason to refuse a row."""
    if isinstance(value, str) and 0 < len(value) <= OPENED_AT_MAX and value.isprintable():
        return str(value)
    return None


def readable(value: Cell) -> str | None:
    """A name as far as it can be read, for a message about its row; else None."""
    try:
        return name_cell(value, "name")
    except BadCell:
        return None
