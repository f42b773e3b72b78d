"""Which orders do the rows of ccxt's order lists state?

`amount` is what was ordered, in coins or contracts, except where it is not: a market buy on spot is often ordered by
what it may cost, and several exchanges then put that sum into `amount`. Such a quantity is refused, not believed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from trueup.model import EXACT, ZERO, BrokerOrder, plain
from trueup_adapters.ccxt.amounts import MayBeMoney, check_quantity, is_filled
from trueup_adapters.ccxt.markets import Reading, canonical_of, in_contracts, leg_of, scope_of, symbol_cell
from trueup_adapters.ccxt.numbers import (
    Stated,
    agrees,
    number_cell,
    price_cell,
    rounded_cell,
    same_digits,
)
from trueup_adapters.ccxt.rows import BadRow, Judged, Row, id_cell, judge, raw_cells, when_cell, word
from trueup_adapters.ccxt.words import (
    UNKNOWN_TYPE,
    leg_side,
    status_of,
    takes_profit,
    trade_side,
    type_of,
    waits_by_nature,
)

_AVERAGE_NAME: Final = re.compile(r"av(era)?g|fill(ed)?pr|execpr|execpx|dealpr|tradepr|settlepr")
_COST_NAME: Final = re.compile(r"cost|value|quote|funds|cash|turnover|notional|executedamount|filledtotal")


def judge_orders(rows: Sequence[object], reading: Reading) -> Judged[BrokerOrder]:
    """Every row as an order or a refusal. Pure; never raises for what a row holds.

    Two orders of one client id are two: that is how a double send shows (L21).
    """

    def named(order: BrokerOrder) -> str:
        return f"order {order.order_id}" if order.order_id is not None else f"the order of {order.client_order_id}"

    return judge(rows, lambda row: order_of(row, reading), named, lambda row: scope_of(row, reading))


class Acknowledged(msgspec.Struct, frozen=True):
    """What many exchanges say to an action: which order it is about, and nothing else of it."""

    order_id: str | None
    client_order_id: str | None
    rejected: bool
    """Whether the exchange says that it took no such order."""


def judge_acknowledged(rows: Sequence[object], reading: Reading) -> Judged[BrokerOrder | Acknowledged]:
    """Every row of the answer to an action: as an order where it states one, else as what it acknowledges, or a
    refusal. Pure; never raises for what a row holds."""

    def named(one: BrokerOrder | Acknowledged) -> str:
        return f"order {one.order_id}" if one.order_id is not None else f"the order of {one.client_order_id}"

    return judge(rows, lambda row: _acknowledged(row, reading), named, lambda row: scope_of(row, reading))


def _acknowledged(row: Row, reading: Reading) -> BrokerOrder | Acknowledged:
    try:
        return order_of(row, reading)
    except MayBeMoney:
        pass  # it repeats what was asked, and says nothing of what became of it
    except BadRow:
        if all(row.get(name) is not None for name in ("symbol", "side", "amount")):
            raise  # it says enough to be an order, and something of it is wrong
    order_id, client_id = id_cell(row.get("id"), "id"), client_id_of(row)
    if order_id is None and client_id is None:
        raise BadRow("it names no order: whether anything was done is not known")
    return Acknowledged(order_id, client_id, word(row.get("status")) == "rejected")


def order_of(row: Row, reading: Reading) -> BrokerOrder:
    """One row as an order. Raises BadRow, with the cell that is to blame."""
    stated = Stated(row.get("info"))
    order_id = id_cell(row.get("id"), "id")
    client_id = client_id_of(row)
    if order_id is None and client_id is None:
        raise BadRow("it has neither an id nor a client id: nobody can say which order it is")
    symbol = symbol_cell(row.get("symbol"))
    side = trade_side(row, reading.exchange)
    trigger = _trigger_of(row, stated)
    kind = type_of(row, trigger)
    filled = number_cell(in_contracts(row, "filled", reading), stated, what="filled quantity")
    if filled is not None and filled < ZERO:
        raise BadRow(f"it is filled by {plain(filled)}, which is less than nothing")
    quantity = number_cell(in_contracts(row, "amount", reading), stated, what="amount")
    if quantity is None:
        raise BadRow("it does not say how much was ordered (ordered by what it may cost, perhaps)")
    check_quantity(row, stated, symbol, side, kind, quantity, filled)
    if filled is not None and not is_filled(row, stated, quantity, filled):
        filled = None
    status, raw_status = status_of(row, quantity, filled)
    reduces = _reduces(row)
    leg = leg_side(row, side, reduces=reduces) if reading.position_mode == "hedging" else None
    name, spelling = canonical_of(symbol, reading)
    return BrokerOrder(
        symbol=name,
        side=side,
        type=kind,
        quantity=quantity,
        status=status,
        raw_status=raw_status,
        order_id=order_id,
        client_order_id=client_id,
        filled=filled,
        average_price=_average_of(row, stated, filled),
        limit=_limit_of(row, stated) if kind.endswith("limit") else None,
        stop=trigger if kind.startswith("stop") or (kind == UNKNOWN_TYPE and not takes_profit(row)) else None,
        reduce_only=reduces,
        ticket=None if leg is None else leg_of(symbol, leg),
        updated_at=when_cell(row, "lastUpdateTimestamp", "datetime", "timestamp"),
        spelling=spelling,
    )


def _trigger_of(row: Row, stated: Stated) -> Decimal | None:
    """The price that the order waits for, where it waits for one."""
    names = ["triggerPrice", "stopPrice"]
    if waits_by_nature(row):  # elsewhere these two are of orders that go with it
        names += ["stopLossPrice", "takeProfitPrice"]
    said = (price_cell(row.get(name), stated, what="trigger price") for name in names)
    return next((price for price in said if price is not None), None)


# -- other cells -------------------------------------------------------------------------------------------


def _limit_of(row: Row, stated: Stated) -> Decimal | None:
    """The price of a limit order, where the exchange states it; ccxt also puts an average there."""
    limit = price_cell(row.get("price"), stated, what="price")
    return limit if limit is None or stated.bears(limit) else None


def _average_of(row: Row, stated: Stated, filled: Decimal | None) -> Decimal | None:
    """The average price, where the exchange states it, or states the cost that it follows from; None otherwise.

    ccxt also makes one from the limit price where nothing else is known: that would be an invented price (law 13).
    """
    average = price_cell(row.get("average"), stated, what="average price", worked_out=True)
    if average is None or not filled:
        return None
    if any(agrees(average, number) for number in stated.named(_AVERAGE_NAME)):
        return average
    cost = rounded_cell(row.get("cost"), stated, what="cost")
    if not cost or not any(same_digits(cost, number) for number in stated.named(_COST_NAME)):
        return None
    off = EXACT.subtract(EXACT.multiply(average, filled), cost)
    return average if EXACT.abs(off) <= EXACT.multiply(cost, Decimal("0.000001")) else None


_CLIENT_IDS: Final = (
    "clientorderid",
    "clordid",
    "clientoid",
    "orderlinkid",
    "newclientorderid",
    "clientid",
    "cloid",
    "cliordid",
)


_NO_CLIENT_IDS: Final = frozenset({"0", "-", "api", "apiv4", "web", "app"})
"""What exchanges put in the place of a client id where there is none (kraken's `userref` 0, gate's `text` api): many
orders bear it, and none can be found by it."""


def client_id_of(row: Row) -> str | None:
    """The client id, by ccxt, else by the exchange's own row; None where neither says one. Raises BadRow."""
    given = id_cell(row.get("clientOrderId"), "client id")
    if given is not None or "clientOrderId" in row:
        return None if given in _NO_CLIENT_IDS else given  # where ccxt knows the cell, an empty one is an answer
    raw = raw_cells(row)
    own = (id_cell(raw.get(name), "client id") for name in _CLIENT_IDS)
    return next((one for one in own if one is not None and one not in _NO_CLIENT_IDS), None)


def _reduces(row: Row) -> bool | None:
    """Whether it may only reduce; what the exchange says itself comes first, for ccxt makes `null` a no."""
    raw = raw_cells(row)
    if "reduceonly" in raw:
        cell = raw["reduceonly"]
        said = str(cell).lower() if isinstance(cell, bool) else word(cell)
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(said)
    given = row.get("reduceOnly")
    return given if isinstance(given, bool) else None
