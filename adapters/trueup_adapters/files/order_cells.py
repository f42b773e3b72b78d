"""What do the cells of one order's row say, and which of them cannot be meant?

As for positions, with two differences. A status that is not one of ours keeps its word and decides nothing: it never
costs the row, and is never guessed (L41). And a `limit` or `stop` of 0 is none that is reported: files write 0 for
the price that an order's type does not have (L36).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal

from trueup.model import ZERO, BrokerOrder, OrderStatus, Refusal, TradeSide
from trueup.policy import Policy
from trueup_adapters.files.cells import BadCell, Cell, id_cell, name_cell, number_cell, readable, shown, stop_cell
from trueup_adapters.files.sheet import OrderRow

STATUSES: Final = {status.value: status for status in OrderStatus if status is not OrderStatus.UNKNOWN}
"""The words for a status that decide something."""


def order_row(number: int, cells: Mapping[str, Cell], policy: Policy) -> OrderRow:
    """The order that `cells` state. Raises BadCell.

    number  the row's place, from 1
    cells   by column; a column that is missing or null is not reported
    """
    client_order_id = id_cell(cells.get("client_order_id"), "client_order_id")
    order_id = id_cell(cells.get("order_id"), "order_id")
    if client_order_id is None and order_id is None:
        raise BadCell("it has neither client_order_id nor order_id; without one nobody can say which order it is")
    spelling = name_cell(cells.get("symbol"), "symbol")
    if spelling is None:
        raise BadCell("it has no symbol; every order names one")
    kind = name_cell(cells.get("type"), "type")
    if kind is None:
        raise BadCell('it has no type; write one such as "limit"')
    status, raw_status = _status(cells.get("status"))
    order = BrokerOrder(
        symbol=policy.canonical(spelling),
        side=_side(cells.get("side")),
        type=kind.lower(),
        quantity=_quantity(cells.get("quantity")),
        status=status,
        raw_status=raw_status,
        order_id=order_id,
        client_order_id=client_order_id,
        filled=_filled(cells.get("filled")),
        limit=_limit(cells.get("limit")),
        stop=stop_cell(cells.get("stop")).price,
        reduce_only=_reduce_only(cells.get("reduce_only")),
        spelling=spelling,
    )
    return OrderRow(number, order)


def order_refusal(number: int, cells: Mapping[str, Cell], why: str, policy: Policy) -> Refusal:
    """The refusal of an order's row, which names the order as far as it can be read."""
    name = readable(cells.get("client_order_id")) or readable(cells.get("order_id"))
    symbol = readable(cells.get("symbol"))
    return refused_order(number, name, why, None if symbol is None else policy.canonical(symbol))


def refused_order(number: int, name: str | None, why: str, symbol: str | None) -> Refusal:
    """A refusal that says that it is an order's: rows of a file's two lists are counted apart."""
    return Refusal(number, f"order: {why}" if name is None else f"order {name}: {why}", symbol, name)


# -- one cell each -----------------------------------------------------------------------------------------


def _side(value: Cell) -> TradeSide:
    side: Literal["buy", "sell"]
    for side in ("buy", "sell"):
        if type(value) is str and value == side:
            return side
    what = "it has no side" if value is None else f"its side is {shown(value)}"
    raise BadCell(f'{what}; write "buy" or "sell"')


def _quantity(value: Cell) -> Decimal:
    if value is None:
        raise BadCell('it has no quantity; write a number such as "0.01"')
    number = number_cell(value, "quantity")
    if number <= ZERO:
        raise BadCell(f"its quantity is {shown(value)}; write what was ordered, greater than 0")
    return number


def _filled(value: Cell) -> Decimal | None:
    """Cumulative; more than was ordered is possible (L18), less than nothing is not."""
    if value is None:
        return None
    number = number_cell(value, "filled")
    if number < ZERO:
        raise BadCell(f"its filled is {shown(value)}, which is negative; write how much of it was filled, 0 if nothing")
    return number


def _limit(value: Cell) -> Decimal | None:
    return None if value is None else number_cell(value, "limit") or None


def _status(value: Cell) -> tuple[OrderStatus, str]:
    """The status, and its word where it is none of ours: a number too, which is never a place in our list (L41)."""
    word = name_cell(value, "status")
    if word is None:
        raise BadCell(f"it has no status; write one of {', '.join(STATUSES)}")
    status = STATUSES.get(word, OrderStatus.UNKNOWN)
    return status, word if status is OrderStatus.UNKNOWN else ""


def _reduce_only(value: Cell) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise BadCell(f"its reduce_only is {shown(value)}; write true or false")
