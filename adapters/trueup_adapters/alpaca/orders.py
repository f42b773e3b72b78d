"""Which orders do the rows of GET /v2/orders state, and which rows can nobody use?

Rows are judged one by one (L42), legs of an order in several like orders of their own: each has an id, and fills.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Raw

from trueup.model import BrokerOrder, Refusal, TradeSide, plain
from trueup.ports import Answer, Question, failed
from trueup_adapters.alpaca.cells import (
    MALFORMED,
    BadRow,
    maybe_name,
    name_cell,
    number_cell,
    price_cell,
    printable,
    readable,
    shown,
    size_cell,
    when_cell,
)
from trueup_adapters.alpaca.heads import is_missing, readable_text, why_not
from trueup_adapters.alpaca.judging import DIALECT, Judging, Verdict, answered, row_of, settled
from trueup_adapters.alpaca.order_words import reduces, status_of
from trueup_adapters.alpaca.symbols import Symbols
from trueup_adapters.alpaca.transport import Reply
from trueup_adapters.json_text import first_named_twice

ExecutionIds: TypeAlias = Literal["activity", "execution"]
"""By which id a fill is known: the whole one of its activity (`20240102093000123::2d7be4ff-...`), or the part behind
the colons, which is an execution's own. A fill that the process records has to bear the same one (L14, L20)."""


class OrderRow(msgspec.Struct, gc=False):
    """One row: what identifies an order and how far it has come."""

    id: Any = None
    symbol: Any = None
    side: Any = None
    status: Any = None
    type: Any = None
    order_type: Any = None
    """What `type` was called before; both are there."""
    order_class: Any = None
    asset_class: Any = None
    client_order_id: Any = None
    qty: Raw = Raw()
    notional: Raw = Raw()
    filled_qty: Raw = Raw()
    filled_avg_price: Raw = Raw()
    limit_price: Raw = Raw()
    stop_price: Raw = Raw()
    position_intent: Any = None
    submitted_at: Any = None
    updated_at: Any = None
    legs: Raw = Raw()


class Reading(msgspec.Struct, frozen=True):
    """What is known before any row is seen, and colours how each is read."""

    symbols: Symbols
    strategies: Mapping[str, str] = {}
    """How a client id begins, to the name of the strategy whose it is; the longest beginning wins."""
    execution_ids: ExecutionIds = "activity"

    def strategy_of(self, client_order_id: str | None) -> str | None:
        """The owner of an order, where its client id names one."""
        if client_order_id is None:
            return None
        begins = [prefix for prefix in self.strategies if client_order_id.startswith(prefix)]
        return self.strategies[max(begins, key=len)] if begins else None


class JudgedOrders(msgspec.Struct, frozen=True):
    """Every row of a list, on one side or the other: none is lost (L03)."""

    orders: tuple[BrokerOrder, ...]
    refused: tuple[Refusal, ...]
    submitted: tuple[str, ...]
    """When each row was submitted, as far as it says, in the list's order: pages go by it."""
    folded: Mapping[str, Refusal]
    """Orders in several legs that do not say which, by their id, and how they are refused."""


_ROW = msgspec.json.Decoder(OrderRow)
_LEGS = msgspec.json.Decoder(list[Raw] | None)
_ENDED: Final = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})
SEVERAL: Final = "mleg"
"""The class of an order for several symbols at once: it has none itself, and no side; its legs have."""


def order_of(row: OrderRow, reading: Reading) -> BrokerOrder:
    """One row as an order. Raises BadRow, with the cell that is to blame."""
    order_id = name_cell(row.id, "id")
    if row.order_class == SEVERAL and row.symbol in (None, ""):
        raise BadRow("it is for several symbols at once, and does not say in which legs")
    client_id = maybe_name(row.client_order_id, "client_order_id")
    asset_class = row.asset_class if isinstance(row.asset_class, str) and row.asset_class else None
    symbol, spelling = reading.symbols.name(row.symbol, asset_class)
    if _legs_in(row) is None:
        raise BadRow(f"its legs are {shown(bytes(row.legs).decode('utf-8', 'replace'))}, which is no list")
    filled = number_cell(row.filled_qty, "filled_qty")
    if filled is not None and filled < 0:
        raise BadRow(f"its filled_qty is {filled}, which is less than nothing")
    quantity = _quantity_of(row, filled)
    status, raw_status = status_of(row.status, quantity, filled)
    return BrokerOrder(
        symbol=symbol,
        side=_side_of(row.side),
        type=_type_of(row),
        quantity=quantity,
        status=status,
        raw_status=raw_status,
        order_id=order_id,
        client_order_id=client_id,
        filled=filled,
        average_price=price_cell(row.filled_avg_price, "filled_avg_price"),
        limit=price_cell(row.limit_price, "limit_price"),
        stop=price_cell(row.stop_price, "stop_price"),
        reduce_only=reduces(row.position_intent),
        strategy=reading.strategy_of(client_id),
        updated_at=when_cell(row.updated_at),
        spelling=spelling,
    )


def _quantity_of(row: OrderRow, filled: Decimal | None) -> Decimal:
    """As ordered. An order for an amount of money has none until it has ended: then it is what it filled (law 13)."""
    notional = number_cell(row.notional, "notional")
    if notional is not None and number_cell(row.qty, "qty") is None:
        if filled and row.status in _ENDED:
            return filled
        raise BadRow(f"it is ordered for an amount of money ({plain(notional)}), and has no quantity yet")
    return size_cell(row.qty, "qty")


def _side_of(word: object) -> TradeSide:
    """`sell_short` and its like are sells, `buy_minus` is a buy; Alpaca's own words. Raises BadRow for any other."""
    if word in ("buy", "buy_minus"):
        return "buy"
    if word in ("sell", "sell_short", "sell_plus", "sell_short_exempt"):
        return "sell"
    raise BadRow(f"its side is {shown(word)}, which is neither to buy nor to sell (L41)")


def _type_of(row: OrderRow) -> str:
    """In Alpaca's word, whatever it is: a type that nobody knows is still an order (L41). A leg of several has none of
    its own, and is called by what it is a leg of."""
    word = row.type or row.order_type or (row.order_class if row.order_class == SEVERAL else None)
    if not isinstance(word, str):
        raise BadRow(f"its type is {shown(word)}, which is no word")
    return name_cell(word.lower(), "type")


def _legs_in(row: OrderRow) -> list[Raw] | None:
    """The legs that a row names, [] for none; None where they are no list."""
    if not bytes(row.legs):
        return []
    try:
        return _LEGS.decode(row.legs) or []
    except MALFORMED:
        return None


# -- lists -------------------------------------------------------------------------------------------------


def judge_orders(rows: Sequence[Raw], reading: Reading) -> JudgedOrders:
    """Every row and every leg, judged on its own and then against its twins. Never raises for what a row holds."""
    judging = Judging[BrokerOrder](reading.symbols, "order", lambda order: order.order_id or "")
    verdicts: list[Verdict[BrokerOrder]] = []
    submitted: list[str] = []
    folded: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        head = _head_of(row)
        verdicts.extend(_verdicts(number, row, head, judging, reading))
        submitted.append(when_cell(head.submitted_at) or "")
        order_id = readable(head.id)
        if order_id is not None and _is_folded(head):
            folded[f"order {order_id}: "] = order_id
    judged = settled(verdicts)
    return JudgedOrders(
        judged.values,
        judged.refused,
        tuple(submitted),
        {folded[start]: one for one in judged.refused for start in folded if one.why.startswith(start)},
    )


def _head_of(row: Raw) -> OrderRow:
    """A row as far as it can be read, for what is to be known before it is judged."""
    try:
        return _ROW.decode(row)
    except MALFORMED:
        return OrderRow()


def _is_folded(head: OrderRow) -> bool:
    """Whether it is for several symbols and does not say in which legs."""
    return head.order_class == SEVERAL and head.symbol in (None, "") and not _legs_in(head)


def _verdicts(
    number: int, row: Raw, head: OrderRow, judging: Judging[BrokerOrder], reading: Reading
) -> Iterator[Verdict[BrokerOrder]]:
    """What a row and its legs come to."""
    legs = _legs_in(head) or []
    only_legs = legs and head.order_class == SEVERAL and head.symbol in (None, "")
    if not only_legs or first_named_twice(bytes(row), head.__struct_fields__):
        yield judging.verdict(number, row, lambda raw: order_of(row_of(raw, _ROW), reading))
    for leg in legs:
        yield judging.verdict(number, leg, lambda raw: order_of(row_of(raw, _ROW), reading), repeats=True)
        for below in _legs_in(_head_of(leg)) or []:
            yield judging.verdict(number, below, _refused_below)


def _refused_below(row: Raw) -> BrokerOrder:
    raise BadRow("it is a leg of a leg, and Alpaca says that there are none")


# -- one order ---------------------------------------------------------------------------------------------


def order_answer(reply: Reply, reading: Reading, question: Question) -> Answer:
    """A look-up's reply as an `Answer`: with the order, or complete and without one, which says "not found".

    Three things stay three (L04, L06, L44): there is one, there is none, nobody can tell.
    """
    if is_missing(reply):
        return Answer(completeness="complete", dialect=DIALECT, raw=reply.body)
    row = row_in(reply)
    if isinstance(row, Answer):
        return row
    judged = judge_orders([row], reading)
    orders = [o for o in judged.orders if _is(o, question)]
    if judged.orders and not orders:
        told = judged.orders[0]
        return failed(
            f"the reply tells of another order: {told.order_id} of client id {told.client_order_id}", raw=reply.body
        )
    return answered(reply.body, len(orders) + len(judged.refused), judged.refused, orders=orders)


def order_legs(reply: Reply, reading: Reading) -> Answer:
    """The legs of an order in several, by the reply to its look-up; without any where it still does not name them."""
    row = row_in(reply)
    if isinstance(row, Answer):
        return row
    judged = judge_orders([row], reading)
    refused = () if judged.folded else judged.refused
    return answered(reply.body, len(judged.orders) + len(refused), refused, orders=judged.orders)


def row_in(reply: Reply) -> Raw | Answer:
    """The one row of a look-up's reply, or the failed answer that it is instead."""
    if why := why_not(reply):
        return failed(why, raw=reply.body)
    text = readable_text(reply.body)
    if text is None or text.lstrip()[:1] != b"{":
        return failed("the reply is no JSON object: it tells of no order", raw=reply.body)
    try:
        return msgspec.json.decode(text, type=Raw)
    except MALFORMED as error:
        return failed(f"the reply is not JSON: {printable(str(error))[:120]}", raw=reply.body)


def _is(order: BrokerOrder, wanted: Question) -> bool:
    return wanted.order_id in (None, order.order_id) and wanted.client_order_id in (None, order.client_order_id)


LISTED_MAX: Final = 500
"""Rows that a page of orders has at most."""
LISTED_UNASKED: Final = 50
"""Rows that it has where nobody hears how many were asked for: such a page need not be the last one (L05)."""
