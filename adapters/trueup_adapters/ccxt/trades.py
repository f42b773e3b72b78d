"""Which executions do the rows of ccxt's `fetch_my_trades` state?

A list of trades may hold entries that are none, such as funding payments; the exchange's own row says so, ccxt's does
not. A fee is believed where the exchange states it: what ccxt works out from a rate is nobody's fee (law 13).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from trueup.model import EXACT, ZERO, Execution, plain, signed
from trueup_adapters.ccxt.markets import Reading, canonical_of, in_contracts, leg_of, parts_of, scope_of, symbol_cell
from trueup_adapters.ccxt.numbers import Stated, agrees, number_cell, price_cell, rounded_cell
from trueup_adapters.ccxt.orders import client_id_of
from trueup_adapters.ccxt.reasons import reason_in
from trueup_adapters.ccxt.rows import BadRow, Judged, NotOurs, Row, id_cell, judge, row_in, when_cell
from trueup_adapters.ccxt.words import leg_side, no_execution, trade_side

_FEE_NAME: Final = re.compile(r"fee|commission")
_RATE_NAME: Final = re.compile(r"rate")


def judge_trades(rows: Sequence[object], reading: Reading) -> Judged[Execution]:
    """Every row as an execution, a refusal, or not ours. Pure; never raises for what a row holds."""

    def named(execution: Execution) -> str:
        return f"trade {execution.execution_id}"

    return judge(rows, lambda row: execution_of(row, reading), named, lambda row: scope_of(row, reading))


def execution_of(row: Row, reading: Reading) -> Execution:
    """One row as an execution. Raises BadRow with the cell that is to blame, and NotOurs for what is none."""
    if (other := no_execution(row, reading.exchange)) is not None:
        raise NotOurs(other)
    stated = Stated(row.get("info"))
    execution_id = id_cell(row.get("id"), "id")
    if execution_id is None:
        raise BadRow("it has no id: a repeat could not be told from another execution (L20)")
    symbol = symbol_cell(row.get("symbol"))
    side = trade_side(row, reading.exchange)
    amount = number_cell(in_contracts(row, "trade", reading), stated, what="amount")
    if amount is None or amount <= ZERO:
        raise BadRow(f"its amount is {'missing' if amount is None else plain(amount)}; it must be greater than 0")
    if stated.lacks(amount):
        raise BadRow(f"its amount {plain(amount)} stands nowhere in the exchange's own row: ccxt has worked it out")
    price = price_cell(row.get("price"), stated, what="price", worked_out=True)
    leg = leg_side(row, side, reduces=None) if reading.position_mode == "hedging" else None
    fee, fee_asset = _fee_of(row, stated, reading.exchange)
    quantity = signed(side, amount)
    if fee is not None and fee_asset == parts_of(symbol).base:
        if EXACT.multiply(fee.copy_abs(), Decimal(2)) >= amount:
            fee = fee_asset = None  # a fee in another coin than is said: nobody takes half of a trade
        elif reading.net_of_base_fees:
            quantity = EXACT.subtract(quantity, fee)
    return Execution(
        execution_id=execution_id,
        symbol=canonical_of(symbol, reading)[0],
        signed_quantity=quantity,
        price=price if price is None or stated.bears(price) else None,
        ticket=None if leg is None else leg_of(symbol, leg),
        order_id=id_cell(row.get("order"), "order id"),
        client_order_id=client_id_of(row),
        fee=fee,
        fee_asset=fee_asset,
        happened_at=when_cell(row, "datetime", "timestamp"),
        reason=reason_in(row, reading.exchange),
    )


_UNSIGNED_FEES: Final = frozenset({"htx"})
"""Exchanges one of whose rows states what was paid below 0 and another above, and ccxt turns both round: a fee that
comes out below 0 may be a rebate or a fee, and nobody can say which."""


def _fee_of(row: Row, stated: Stated, exchange: str) -> tuple[Decimal | None, str | None]:
    """(what it cost, + paid, and in what), where the exchange states it; (None, None) otherwise."""
    fee = row_in(row.get("fee"))
    if fee is None:
        return None, None
    cost = rounded_cell(fee.get("cost"), stated, what="fee")
    asset = id_cell(fee.get("currency"), "fee currency")
    if cost is None or asset is None:
        return None, None
    if exchange in _UNSIGNED_FEES and cost < ZERO:
        return None, None
    said = [number for name, number in stated.cells if _FEE_NAME.search(name) and not _RATE_NAME.search(name)]
    if not any(agrees(cost, number) for number in said):
        return None, None
    return cost, asset
