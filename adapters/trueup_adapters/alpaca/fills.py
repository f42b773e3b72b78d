"""Which executions do the rows of GET /v2/account/activities/FILL state?

An activity names its order by Alpaca's id alone; the client id is looked up besides, for a fill of an order whose
acknowledgement was lost is known to the book by nothing else (L21).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from trueup.model import Execution
from trueup_adapters.alpaca.cells import MALFORMED, BadRow, name_cell, price_cell, readable, shown, size_cell, when_cell
from trueup_adapters.alpaca.judging import Judged, Judging, row_of, settled
from trueup_adapters.alpaca.orders import Reading

PAGE_MAX: Final = 100
"""Rows that a page of activities has at most."""
_SIGNS: Final[dict[object, int]] = {"buy": 1, "sell": -1, "sell_short": -1, "sell_short_exempt": -1, "buy_to_cover": 1}


class FillRow(msgspec.Struct, gc=False):
    """One row: an execution."""

    id: Any = None
    activity_type: Any = None
    type: Any = None
    symbol: Any = None
    side: Any = None
    qty: Raw = Raw()
    price: Raw = Raw()
    order_id: Any = None
    transaction_time: Any = None


class Signpost(msgspec.Struct, frozen=True):
    """What has to be known of a row before it can be judged; None where that cannot be read."""

    activity_id: str | None = None
    """The next page begins behind the last one's."""
    order_id: str | None = None
    """Whose client id is to be looked up."""
    symbol: str | None = None


_ROW = msgspec.json.Decoder(FillRow)


def signpost(row: Raw) -> Signpost:
    """Where a row stands and what it refers to. Never raises."""
    try:
        read = _ROW.decode(row)
    except MALFORMED:
        return Signpost()
    return Signpost(readable(read.id), readable(read.order_id), readable(read.symbol))


def judge_fills(rows: Sequence[Raw], client_ids: Mapping[str, str | None], reading: Reading) -> Judged[Execution]:
    """Every row, judged on its own and then against others of the same id (L20).

    client_ids   by Alpaca's id of an order: its client id, None where Alpaca has forgotten the order. A row whose
                 order is not in it is refused: it could not be looked up, and would enter as a stranger's.
    """
    judging = Judging[Execution](reading.symbols, "activity", lambda execution: execution.execution_id)
    return settled(
        judging.verdict(number, row, lambda raw: execution_of(row_of(raw, _ROW), client_ids, reading))
        for number, row in enumerate(rows, 1)
    )


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
