"""Which executions do the rows of GET /v2/account/activities/FILL state?

An activity names its order by Alpaca's id alone; the client id is looked up besides, for a fill of an order whose
acknowledgement was lost is known to the book by nothing else (L21).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Raw

from trueup.model import Execution, Refusal
from trueup_adapters.alpaca.cells import (
    MALFORMED,
    BadRow,
    name_cell,
    names_in,
    price_cell,
    printable,
    readable,
    shown,
    size_cell,
    when_cell,
)
from trueup_adapters.alpaca.orders import Reading

PAGE_MAX: Final = 100
"""Rows that a page of activities has at most."""
_SIGNS: Final[dict[object, int]] = {"buy": 1, "sell": -1, "sell_short": -1, "sell_short_exempt": -1, "buy_to_cover": 1}


class FillRow(msgspec.Struct, gc=False):
    """One row: an execution."""

    id: Any
    activity_type: Any = None
    type: Any = None
    symbol: Any = None
    side: Any = None
    qty: Decimal | None = None
    price: Decimal | None = None
    order_id: Any = None
    transaction_time: Any = None


class Unread(msgspec.Struct, frozen=True):
    """A row that is not of the shape it must be, with what could be read of it (L42)."""

    why: str
    symbol: str | None


_ROW = msgspec.json.Decoder(FillRow)


def decoded(row: Raw) -> FillRow | Unread:
    """One row as it stands there."""
    try:
        return _ROW.decode(row)
    except MALFORMED as error:
        return Unread(printable(str(error)) or type(error).__name__, names_in(row)[0])


class JudgedFills(msgspec.Struct, frozen=True):
    """Every row of a list, on one side or the other: none is lost (L03)."""

    executions: tuple[Execution, ...]
    refused: tuple[Refusal, ...]


def judge_fills(
    rows: Sequence[FillRow | Unread], client_ids: Mapping[str, str | None], reading: Reading
) -> JudgedFills:
    """Every row, judged on its own and then against others of the same id (L20).

    client_ids   by Alpaca's id of an order: its client id, None where Alpaca has forgotten the order. A row whose
                 order is not in it is refused: it could not be looked up, and would enter as a stranger's.
    """
    found: dict[str, tuple[int, Execution]] = {}
    refused: list[Refusal] = []
    contradicted: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        if isinstance(row, Unread):
            refused.append(Refusal(number, row.why, row.symbol))
            continue
        try:
            execution = execution_of(row, client_ids, reading)
        except BadRow as bad:
            activity = readable(row.id)
            why = str(bad) if activity is None else f"activity {activity}: {bad}"
            refused.append(Refusal(number, why, readable(row.symbol)))
            continue
        first, known = found.setdefault(execution.execution_id, (number, execution))
        if first != number:
            words = "the same" if known == execution else "other"
            why = f"activity {execution.execution_id} was listed before, in {words} words"
            refused.append(Refusal(number, why, execution.symbol))
            if known != execution:
                contradicted[execution.execution_id] = why
    for execution_id, why in contradicted.items():  # choosing one of them would be inventing (law 13)
        number, execution = found.pop(execution_id)
        refused.append(Refusal(number, why.replace("before", "again"), execution.symbol))
    refused.sort(key=lambda refusal: refusal.row)
    return JudgedFills(tuple(execution for _, execution in found.values()), tuple(refused))


def execution_of(row: FillRow, client_ids: Mapping[str, str | None], reading: Reading) -> Execution:
    """One row as an execution. Raises BadRow, with the cell that is to blame."""
    execution_id = _execution_id(name_cell(row.id, "id"), reading)
    if row.activity_type != "FILL":
        raise BadRow(f"it is an activity of type {shown(row.activity_type)}, and only FILL was asked for")
    if row.type not in ("fill", "partial_fill"):
        raise BadRow(f"its type is {shown(row.type)}: it may take an execution back; look at the account by hand (L41)")
    sign = _SIGNS.get(row.side) if isinstance(row.side, str) else None
    if sign is None:
        raise BadRow(f"its side is {shown(row.side)}, which is neither to buy nor to sell (L41)")
    symbol, _ = reading.symbols.name(row.symbol, None)
    quantity = size_cell(row.qty, "qty")
    order_id = name_cell(row.order_id, "order_id")
    if order_id not in client_ids:
        raise BadRow(f"the client id of its order {order_id} could not be looked up")
    client_id = client_ids[order_id]
    return Execution(
        execution_id=execution_id,
        symbol=symbol,
        signed_quantity=quantity if sign > 0 else quantity.copy_negate(),
        price=price_cell(row.price, "price"),
        order_id=order_id,
        client_order_id=client_id,
        strategy=reading.strategy_of(client_id),
        happened_at=when_cell(row.transaction_time),
    )


def _execution_id(activity_id: str, reading: Reading) -> str:
    """An execution's id, in the form in which the process records it too. Raises BadRow."""
    if reading.execution_ids == "activity":
        return activity_id
    _, colons, execution_id = activity_id.partition("::")
    if not colons or not execution_id:
        raise BadRow(f"its id {activity_id} holds no execution's id behind two colons")
    return execution_id
