"""Which orders do the rows of GET /v2/orders state, and which rows can nobody use?

Rows are judged one by one (L42), legs of an order in several like orders of their own: each has an id, and fills.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Raw

from trueup.model import BrokerOrder, Refusal, TradeSide
from trueup.ports import Answer, Question, failed
from trueup_adapters.alpaca.cells import (
    MALFORMED,
    BadRow,
    maybe_name,
    name_cell,
    names_in,
    number_cell,
    price_cell,
    printable,
    readable,
    shown,
    size_cell,
    when_cell,
)
from trueup_adapters.alpaca.heads import DIALECT, is_missing, readable_text, why_not
from trueup_adapters.alpaca.order_words import reduces, status_of
from trueup_adapters.alpaca.symbols import Symbols
from trueup_adapters.alpaca.transport import Reply

ExecutionIds: TypeAlias = Literal["activity", "execution"]
"""By which id a fill is known: the whole one of its activity (`20240102093000123::2d7be4ff-...`), or the part behind
the colons, which is an execution's own. A fill that the process records has to bear the same one (L14, L20)."""


class OrderRow(msgspec.Struct, gc=False):
    """One row: what identifies an order and how far it has come."""

    id: Any
    symbol: Any = None
    side: Any = None
    status: Any = None
    type: Any = None
    order_type: Any = None
    """What `type` was called before; both are there."""
    order_class: Any = None
    asset_class: Any = None
    client_order_id: Any = None
    qty: Decimal | None = None
    notional: Any = None
    filled_qty: Decimal | None = None
    filled_avg_price: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
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


_ROW = msgspec.json.Decoder(OrderRow)
_LEGS = msgspec.json.Decoder(list[Raw] | None)


def order_of(row: OrderRow, reading: Reading) -> BrokerOrder:
    """One row as an order. Raises BadRow, with the cell that is to blame."""
    order_id = name_cell(row.id, "id")
    client_id = maybe_name(row.client_order_id, "client_order_id")
    asset_class = row.asset_class if isinstance(row.asset_class, str) and row.asset_class else None
    symbol, spelling = reading.symbols.name(row.symbol, asset_class)
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
    """As ordered. An order for an amount of money has none until it has filled: then it is what it filled (law 13)."""
    if row.qty is None and row.notional is not None:
        if row.status == "filled" and filled:
            return filled
        raise BadRow(f"it is ordered for an amount of money ({shown(row.notional)}), and has no quantity yet")
    return size_cell(row.qty, "qty")


def _side_of(word: object) -> TradeSide:
    """`sell_short` and its like are sells, `buy_minus` is a buy; Alpaca's own words. Raises BadRow for any other."""
    if word in ("buy", "buy_minus"):
        return "buy"
    if word in ("sell", "sell_short", "sell_plus", "sell_short_exempt"):
        return "sell"
    raise BadRow(f"its side is {shown(word)}, which is neither to buy nor to sell (L41)")


def _type_of(row: OrderRow) -> str:
    """In Alpaca's word, whatever it is: a type that nobody knows is still an order (L41)."""
    word = row.type or row.order_type
    if not isinstance(word, str):
        raise BadRow(f"its type is {shown(word)}, which is no word")
    return name_cell(word.lower(), "type")


# -- lists -------------------------------------------------------------------------------------------------


def judge_orders(rows: Sequence[Raw], reading: Reading) -> JudgedOrders:
    """Every row and every leg, judged on its own and then against its twins. Never raises for what a row holds."""
    verdicts: list[BrokerOrder | Refusal] = []
    submitted: list[str] = []
    for number, row in enumerate(rows, 1):
        found, moment = _verdicts(number, row, reading)
        verdicts.extend(found)
        submitted.append(moment)
    places: dict[str | None, list[int]] = {}
    for place, verdict in enumerate(verdicts):
        if isinstance(verdict, BrokerOrder):
            places.setdefault(verdict.order_id, []).append(place)
    for name, those in places.items():
        if len(those) > 1:
            _refuse_twins(verdicts, f"order {name}", those)
    return JudgedOrders(
        tuple(v for v in verdicts if isinstance(v, BrokerOrder)),
        tuple(v for v in verdicts if isinstance(v, Refusal)),
        tuple(submitted),
    )


def _verdicts(number: int, row: Raw, reading: Reading, depth: int = 0) -> tuple[list[BrokerOrder | Refusal], str]:
    """(what a row and its legs come to, when it was submitted)."""
    try:
        read = _ROW.decode(row)
        legs = _LEGS.decode(read.legs) if bytes(read.legs) else None
    except MALFORMED as error:
        symbol, order_id = names_in(row)
        why = printable(str(error)) or type(error).__name__
        return [Refusal(number, why if order_id is None else f"order {order_id}: {why}", symbol)], ""
    moment = when_cell(read.submitted_at) or ""
    found: list[BrokerOrder | Refusal] = []
    if not (legs and read.order_class == "mleg"):  # such an order has no symbol and no side; its legs have
        found.append(_verdict(number, read, reading))
    if legs and not depth:  # legs have no legs
        for leg in legs:
            found.extend(_verdicts(number, leg, reading, depth + 1)[0])
    return found, moment


def _verdict(number: int, row: OrderRow, reading: Reading) -> BrokerOrder | Refusal:
    try:
        return order_of(row, reading)
    except BadRow as bad:
        order_id, symbol = readable(row.id), readable(row.symbol)
        why = str(bad) if order_id is None else f"order {order_id}: {bad}"
        try:
            known = None if symbol is None else reading.symbols.name(symbol, None)[0]
        except BadRow:
            known = symbol
        return Refusal(number, why, known)


def _refuse_twins(verdicts: list[BrokerOrder | Refusal], name: str, places: Sequence[int]) -> None:
    """An exact repeat is refused; rows that contradict each other are refused together (law 13)."""
    same = all(verdicts[place] == verdicts[places[0]] for place in places)
    why = f"{name} was listed before, in the same words" if same else f"{name} is listed again, in other words"
    for place in places[1:] if same else places:
        verdict = verdicts[place]
        assert isinstance(verdict, BrokerOrder)
        verdicts[place] = Refusal(place + 1, why, verdict.symbol)


def stated(orders: Sequence[BrokerOrder], refused: Sequence[Refusal], raw: bytes, why: str = "") -> Answer:
    """Orders as an `Answer`: complete only if no row was refused and nothing else is missing."""
    listed = len(orders) + len(refused)
    reasons = [f"{len(refused)} of {listed} rows could not be used"] if refused else []
    reasons += [why] if why else []
    return Answer(
        completeness="partial" if reasons else "complete",
        why="; ".join(reasons),
        dialect=DIALECT,
        orders=tuple(orders),
        refused=tuple(refused),
        raw=raw,
    )


# -- one order ---------------------------------------------------------------------------------------------


def order_answer(reply: Reply, reading: Reading, question: Question) -> Answer:
    """A look-up's reply as an `Answer`: with the order, or complete and without one, which says "not found".

    Three things stay three (L04, L06, L44): there is one, there is none, nobody can tell.
    """
    if is_missing(reply):
        return Answer(completeness="complete", dialect=DIALECT, raw=reply.body)
    if why := why_not(reply):
        return failed(why, raw=reply.body)
    text = readable_text(reply.body)
    if text is None or text.lstrip()[:1] != b"{":
        return failed("the reply is no JSON object: it tells of no order", raw=reply.body)
    try:
        row = msgspec.json.decode(text, type=Raw)
    except MALFORMED as error:
        return failed(f"the reply is not JSON: {printable(str(error))[:120]}", raw=reply.body)
    judged = judge_orders([row], reading)
    wanted = (question.order_id, question.client_order_id)
    orders = [o for o in judged.orders if _is(o, wanted)]
    if judged.orders and not orders:
        told = judged.orders[0]
        return failed(
            f"the reply tells of another order: {told.order_id} of client id {told.client_order_id}", raw=reply.body
        )
    return stated(orders, judged.refused, reply.body)


def _is(order: BrokerOrder, wanted: tuple[str | None, str | None]) -> bool:
    return wanted[0] in (None, order.order_id) and wanted[1] in (None, order.client_order_id)


LISTED_MAX: Final = 500
"""Rows that a page of orders has at most."""
