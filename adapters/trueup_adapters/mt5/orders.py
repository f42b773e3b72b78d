"""Which orders do the rows of a reply state, and which rows can nobody use?

Rows are judged one by one (L42), and those that contradict each other are refused together, as with positions.
Gateways name the cells of an order in many ways; whichever are there are read, and where two of them mean the same
and differ the row is refused, for either could be the true one (law 13).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

import msgspec

from trueup.model import EXACT, ZERO, BrokerOrder, Refusal
from trueup_adapters.mt5.order_words import kind_of, status_of
from trueup_adapters.mt5.positions import Reading, canonical_of, known_symbol
from trueup_adapters.mt5.rows import (
    BadRow,
    OrderRow,
    Unread,
    mark_cell,
    named_cell,
    number_cell,
    price_cell,
    readable,
    reference_cell,
    same_cell,
    volume_cell,
    when_cell,
)

AnyOrder: TypeAlias = OrderRow | Unread


class JudgedOrders(msgspec.Struct, frozen=True):
    """Every row of a list, on one side or the other: none is lost (L03)."""

    orders: tuple[BrokerOrder, ...]
    refused: tuple[Refusal, ...]


def judge_orders(rows: Sequence[AnyOrder], reading: Reading) -> JudgedOrders:
    """Every row, judged on its own and then against its twins. Pure; never raises for what a row holds."""
    verdicts = [_verdict(number, row, reading) for number, row in enumerate(rows, 1)]
    places: dict[str, list[int]] = {}
    for place, verdict in enumerate(verdicts):
        if isinstance(verdict, BrokerOrder):
            places.setdefault(_name_of(verdict), []).append(place)
    for name, those in places.items():
        if len(those) > 1:
            _refuse_twins(verdicts, name, those)
    return JudgedOrders(
        tuple(verdict for verdict in verdicts if isinstance(verdict, BrokerOrder)),
        tuple(verdict for verdict in verdicts if isinstance(verdict, Refusal)),
    )


def order_of(row: OrderRow, reading: Reading) -> BrokerOrder:
    """One row as an order. Raises BadRow, with the cell that is to blame."""
    order_id = same_cell(row.order, row.ticket, read=_order_id, what="order and ticket")
    client_id = None if row.client_id in (None, "") else named_cell(row.client_id, "client_id")
    if order_id is None and client_id is None:
        raise BadRow("it has neither a number nor a client_id: nobody can say which order it is")
    symbol, spelling = canonical_of(row.symbol, reading)
    side, kind = kind_of(row.type)
    status, raw_status = status_of(row.state, row.status)
    quantity = volume_cell(same_cell(row.volume, row.volume_initial, read=_number, what="volume and volume_initial"))
    price = same_cell(row.price, row.price_open, row.open_price, read=_price, what="price and price_open")
    mark = mark_cell(row.magic)
    return BrokerOrder(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=quantity,
        status=status,
        raw_status=raw_status,
        order_id=order_id,
        client_order_id=client_id,
        filled=_filled_of(row, quantity),
        average_price=price_cell(row.average_price, what="average_price"),
        limit=price if kind == "limit" else _limit_of(row) if kind == "stop_limit" else None,
        stop=price if kind in ("stop", "stop_limit") else None,
        reduce_only=row.reduce_only,
        ticket=same_cell(row.position, row.position_id, read=_position, what="position and position_id"),
        strategy=None if mark is None else reading.strategies.get(mark),
        updated_at=_when_of(row),
        spelling=spelling,
    )


# -- cells -------------------------------------------------------------------------------------------------


def _number(cell: Decimal | None) -> Decimal | None:
    return number_cell(cell, what="volume")


def _price(cell: Decimal | None) -> Decimal | None:
    return price_cell(cell, what="price")


def _order_id(cell: int | str | None) -> str | None:
    return reference_cell(cell, what="order")


def _position(cell: int | str | None) -> str | None:
    return reference_cell(cell, what="position")


def _filled_of(row: OrderRow, quantity: Decimal) -> Decimal | None:
    """How much is filled, as stated or as what is no longer wanted; None: not reported. More than was ordered is
    possible (L18), less than nothing is not."""
    rest = _number(row.volume_current)
    by_rest = None if rest is None else EXACT.subtract(quantity, rest)
    filled = same_cell(row.filled, by_rest, read=_number, what="filled and volume_current")
    if filled is not None and filled < ZERO:
        raise BadRow(f"it is filled by {filled}, which is less than nothing")
    return filled


def _limit_of(row: OrderRow) -> Decimal | None:
    """The limit that a stop-limit order has once its stop was reached: MetaTrader keeps it apart."""
    return price_cell(row.price_stoplimit, what="price_stoplimit")


def _when_of(row: OrderRow) -> str | None:
    """The latest of the broker's own times that is there: evidence, never order (L46)."""
    times = (row.time_done, row.time_update, row.time, row.time_setup, row.open_time)
    return next((when for cell in times if cell and (when := when_cell(cell)) is not None), None)


# -- rows that cannot be used ------------------------------------------------------------------------------

_Verdict: TypeAlias = BrokerOrder | Refusal


def _verdict(number: int, row: AnyOrder, reading: Reading) -> _Verdict:
    if isinstance(row, Unread):
        return Refusal(number, row.why, known_symbol(row.symbol, reading), row.ticket)
    try:
        return order_of(row, reading)
    except BadRow as bad:
        order = next((name for name in map(readable, (row.order, row.ticket)) if name is not None), None)
        why = str(bad) if order is None else f"order {order}: {bad}"
        return Refusal(number, why, known_symbol(readable(row.symbol), reading), readable(row.position))


def _name_of(order: BrokerOrder) -> str:
    """What two rows of one order share. Two orders of one client id are two: that is how a double send shows (L21)."""
    return f"order {order.order_id}" if order.order_id is not None else f"the order of {order.client_order_id}"


def _refuse_twins(verdicts: list[_Verdict], name: str, places: Sequence[int]) -> None:
    """An exact repeat is refused; rows that contradict each other are refused together."""
    same = all(verdicts[place] == verdicts[places[0]] for place in places)
    why = f"{name} was listed before, in the same words" if same else f"{name} is listed again, in other words"
    for place in places[1:] if same else places:
        verdict = verdicts[place]
        assert isinstance(verdict, BrokerOrder)
        verdicts[place] = Refusal(place + 1, why, verdict.symbol, verdict.ticket)
