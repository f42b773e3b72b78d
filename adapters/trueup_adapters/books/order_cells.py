"""How do the cells of one order in a bot's own book become an exact row, and back?

As those of positions do (`cells`): numbers exact, nothing guessed, what cannot be read refuses its row with a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping as Cells

from trueup.errors import InputError
from trueup.foreign import OrderField, OrderRow, OrderWrite
from trueup.model import ZERO, BookOrder, Refusal, TradeSide, name_of, plain
from trueup.orders import told_name
from trueup_adapters.books.cells import number_of, text_of
from trueup_adapters.books.order_mapping import BUY_WORDS, SELL_WORDS, WRITTEN, OrderMapping

TRUE_WORDS = ("1", "true", "t", "yes", "y")
FALSE_WORDS = ("0", "false", "f", "no", "n")


def order_of(mapping: OrderMapping, cells: Cells[str, object], *, place: int, ref: str) -> OrderRow | Refusal:
    """One row; a Refusal for one that cannot be used.

    cells   by column; a column that is not there is None
    place   its place in the list, from 1
    """
    symbol: str | None = None
    ours: str | None = None
    theirs: str | None = None
    try:
        ours, theirs = (_name(cells, one) for one in (mapping.client_order_id, mapping.order_id))
        symbol = name_of(text_of(cells.get(mapping.symbol)), what=mapping.symbol)
        if ours is None and theirs is None:
            raise InputError(
                "it names neither a client order id nor the broker's: nothing could be matched to it; write the client "
                "order id before the order is sent (L21)"
            )
        quantity = number_of(cells, mapping.quantity, mapping.floats)
        if quantity is None or quantity <= 0:
            said = "empty" if quantity is None else plain(quantity)
            raise InputError(
                f"{mapping.quantity} is {said}; an order has a quantity greater than 0, the side beside it"
            )
        filled = number_of(cells, mapping.filled, mapping.floats)
        if filled is not None and filled < 0:
            raise InputError(f"{mapping.filled} is {plain(filled)}; it must not be negative")
        return OrderRow(
            client_order_id=ours,
            order_id=theirs,
            symbol=symbol,
            side=_side(mapping, cells),
            type=mapping.type_of(name_of(text_of(cells.get(mapping.type)), what=mapping.type)),
            quantity=quantity,
            status=mapping.status_of(str(text_of(cells.get(mapping.status))).strip()),
            filled=ZERO if filled is None and mapping.filled is not None else filled,
            average_price=number_of(cells, mapping.average_price, mapping.floats),
            limit=number_of(cells, mapping.limit, mapping.floats),
            stop=number_of(cells, mapping.stop, mapping.floats),
            reduce_only=_yes(mapping, cells),
            strategy=_name(cells, mapping.strategy),
            ref=ref,
        )
    except InputError as error:
        return Refusal(place, str(error), symbol, ours or theirs)


def _name(cells: Cells[str, object], column: str | None) -> str | None:
    value = None if column is None else cells.get(column)
    return None if column is None or value in (None, "") else name_of(text_of(value), what=column)


def _side(mapping: OrderMapping, cells: Cells[str, object]) -> TradeSide:
    word = str(text_of(cells.get(mapping.side))).strip().lower()
    if word in (mapping.buy.lower(), *BUY_WORDS) and word != mapping.sell.lower():
        return "buy"
    if word in (mapping.sell.lower(), *SELL_WORDS):
        return "sell"
    raise InputError(f"{mapping.side} is {word[:40]!r}; it must be {mapping.buy!r} or {mapping.sell!r}")


def _yes(mapping: OrderMapping, cells: Cells[str, object]) -> bool | None:
    value = None if mapping.reduce_only is None else cells.get(mapping.reduce_only)
    if value is None or value == "":
        return None
    word = str(value).strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise InputError(f"{mapping.reduce_only} is {word[:40]!r}; it must be true or false")


# -- the way back --------------------------------------------------------------------------------------------------


def order_cells_of(mapping: OrderMapping, write: OrderWrite) -> dict[str, str | None]:
    """What a row is to say of an order, by column: numbers as exact text, `1` and `0` for yes and no, None for nothing.

    Raises InputError for a status that the book has no word for.
    """
    order = write.after
    cells: dict[str, str | None] = {}
    for field in WRITTEN if write.before is None else write.fields:
        column = getattr(mapping, field)
        if column is not None:
            cells[column] = _cell(mapping, order, field)
    if write.exit_reason is not None and mapping.exit_reason is not None:
        cells[mapping.exit_reason] = write.exit_reason
    if write.before is None:
        cells |= _named(mapping, order) | mapping.added | mapping.only
    return cells


def _cell(mapping: OrderMapping, order: BookOrder, field: OrderField) -> str | None:
    if field == "status":
        return mapping.word_of(order.status)
    if field == "side":
        return mapping.buy if order.side == "buy" else mapping.sell
    if field == "type":
        return mapping.type_word(order.type)
    if field == "order_id":
        return order.order_id
    if field == "reduce_only":
        return None if order.reduce_only is None else "1" if order.reduce_only else "0"
    number = getattr(order, field)
    return None if number is None else plain(number)


def _named(mapping: OrderMapping, order: BookOrder) -> dict[str, str | None]:
    """What only a row that is added is told: which order it is."""
    cells: dict[str, str | None] = {mapping.symbol: order.symbol}
    if mapping.client_order_id is not None:
        cells[mapping.client_order_id] = told_name(order)
    if mapping.strategy is not None:
        cells[mapping.strategy] = order.strategy
    return cells


def ends_now(write: OrderWrite) -> bool:
    """Whether a write ends an order that its row calls working."""
    return "status" in write.fields and not write.after.is_open


def order_says(row: OrderRow, write: OrderWrite) -> bool:
    """Whether a row says what was to be written into it; of one that is added, as far as it has a place for it."""
    if write.before is None:
        return all(getattr(row, field) in (None, getattr(write.after, field)) for field in WRITTEN)
    return all(getattr(row, field) == getattr(write.after, field) for field in write.fields)


def order_differs(row: OrderRow) -> str:
    """What a row says instead, for a conflict's sentence."""
    filled = "" if row.filled is None else f", {plain(row.filled)} filled"
    return f"it says {row.side} {plain(row.quantity)}, {row.status.value}{filled} now"
