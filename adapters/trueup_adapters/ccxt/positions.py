"""Which positions do the rows of ccxt's `fetch_positions` state?

A row says `contracts` (how many), `contractSize` (how much one is), `side`, and whether the account is hedged. Rows of
size zero are flat, hence not ours. A missing quantity is not zero: it is refused (L44).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from trueup.model import EXACT, ZERO, BrokerPosition, Side, Stop, plain, signed
from trueup_adapters.ccxt.markets import Reading, canonical_of, leg_of, parts_of, scope_of, symbol_cell, unit_of
from trueup_adapters.ccxt.numbers import Stated, agrees, number_cell, price_cell, rough_cell
from trueup_adapters.ccxt.rows import BadRow, Judged, NotOurs, Row, judge, raw_cells, when_cell
from trueup_adapters.ccxt.words import is_leg, position_side

SIZE_NAMES: Final = frozenset(
    {"size", "positionamt", "positionqty", "netsize", "qty", "quantity", "amount", "volume", "total", "contracts"}
    | {"currentqty", "pos", "position", "szi", "openinterest", "netquantity", "positionsize", "holdvol", "netqty"}
    | {"holding", "positions"}
)
"""Names under which exchanges state how large a position is."""
_SIGNED_NAME: Final = re.compile(
    r"\A(?!.*(free|avail|frozen|lock|clos|order|pending|pnl|profit|value|cost|margin|min|max|delta))"
    r".*(size|qty|amt|amount|position|holding|volume|contracts|quantity|szi)"
)


def judge_positions(rows: Sequence[object], reading: Reading) -> Judged[BrokerPosition]:
    """Every row as a position, a refusal, or not ours. Pure; never raises for what a row holds."""

    def named(position: BrokerPosition) -> str:
        return position.symbol if reading.position_mode == "netting" else str(position.ticket)

    return judge(rows, lambda row: position_of(row, reading), named, lambda row: scope_of(row, reading))


def position_of(row: Row, reading: Reading) -> BrokerPosition:
    """One row as a position. Raises BadRow with the cell that is to blame, and NotOurs for a flat one."""
    stated = Stated(row.get("info"))
    contracts = number_cell(row.get("contracts"), stated, what="contracts")
    if contracts is None:
        _flat_or_unknown(row)
    if contracts == ZERO:
        if rough_cell(row.get("notional")):
            raise BadRow("it has no contracts, and yet it is worth something")
        if any(own := [number for name, number in stated.cells if name in SIZE_NAMES]):
            raise BadRow(f"it has no contracts, and the exchange's own row states {plain(max(own))}")
        raise NotOurs("a flat position: size 0")
    assert contracts is not None
    symbol = symbol_cell(row.get("symbol"))
    side = position_side(row)
    contracts = _unsigned(contracts, side, stated)
    _check_money(row, symbol, reading)
    size = _contract_size(row, symbol, stated, reading)
    unit = unit_of(symbol, size)
    _check_worth(row, contracts, size, symbol)
    name, spelling = canonical_of(symbol, reading)
    stop = price_cell(row.get("stopLossPrice"), stated, what="stop-loss price")
    return BrokerPosition(
        symbol=name,
        signed_quantity=signed(side, contracts),
        ticket=_leg(row, symbol, side, reading),
        price=_entry_of(row, stated),
        stop=None if stop is None else Stop(stop),
        opened_at=when_cell(row, "datetime", "timestamp"),
        spelling=spelling,
        unit=unit,
    )


def _entry_of(row: Row, stated: Stated) -> Decimal | None:
    """The price it was opened at; None where none is reported, where only ccxt reports it, or where the exchange names
    another one its entry (coinbase's `vwap` beside its `entry_vwap`): a doubtful price is not compared (L36)."""
    price = price_cell(row.get("entryPrice"), stated, what="entry price", worked_out=True)
    own = [number for name, number in stated.cells if "entry" in name and number]
    if price is None or not stated.bears(price):
        return None
    return price if not own or any(agrees(price, number) for number in own) else None


def _leg(row: Row, symbol: str, side: Side, reading: Reading) -> str | None:
    """The leg's ticket when hedging (L29). When netting a symbol holds one position, and its name says which."""
    if reading.position_mode == "hedging":
        return leg_of(symbol, side)
    if is_leg(row):
        raise BadRow("it is one leg of an account in hedge mode: say position_mode='hedging' (L29)")
    return None


def _flat_or_unknown(row: Row) -> None:
    """Raises NotOurs where the exchange's own row states a size, and every such is 0; else BadRow."""
    info = row.get("info")
    sizes = [number for name, number in Stated(info).cells if name in SIZE_NAMES]
    if sizes and not any(sizes):
        raise NotOurs("a flat position: size 0")
    raise BadRow("it does not say how many contracts it holds")


def _unsigned(contracts: Decimal, side: Side, stated: Stated) -> Decimal:
    """One sign convention (L28): a size is positive, its side says the rest; neither contradicts the exchange's row.

    A short of which ccxt hands on the exchange's own negative size (deribit's) says the same twice. Raises BadRow.
    """
    own = stated.named(_SIGNED_NAME)
    if contracts < ZERO and not (side == "short" and contracts in own):
        raise BadRow(f"its contracts are {plain(contracts)}, below 0, and its side is {side}")
    contracts = contracts.copy_abs()
    if stated.lacks(contracts):
        raise BadRow(
            f"its {plain(contracts)} contracts stand nowhere in the exchange's own row: ccxt has worked them out"
        )
    if side == "long" and any(number == contracts.copy_negate() for number in own):
        raise BadRow(f"its side is long, and the exchange's row states -{plain(contracts)}")
    return contracts


def _check_money(row: Row, symbol: str, reading: Reading) -> None:
    """Raises BadRow for deribit's linear positions: their `size` is money, and their orders' is coins (L34)."""
    if reading.exchange == "deribit" and parts_of(symbol).inverse is False and "sizecurrency" in raw_cells(row):
        raise BadRow("deribit states the size of a linear position in money, and of its orders in coins (L34)")


def _contract_size(row: Row, symbol: str, stated: Stated, reading: Reading) -> Decimal | None:
    size = number_cell(row.get("contractSize"), stated, what="contract size")
    if size is None and reading.contract_size is not None:
        size = number_cell(reading.contract_size(symbol), stated, what="the market's contract size")
    known = reading.contract_sizes.get(symbol)
    if known is not None and size is not None and size != known:
        raise BadRow(f"one contract is {plain(size)}, and contract_sizes says {plain(known)} (L34)")
    return size


def _check_worth(row: Row, contracts: Decimal, size: Decimal | None, symbol: str) -> None:
    """Whether the row's worth speaks against its unit: contracts against coins (L34).

    Only a worth that is off by exactly the contract size (within 2 %, for prices move) is a contradiction; what an
    exchange else means by worth is its own affair.
    """
    worth, price = rough_cell(row.get("notional")), rough_cell(row.get("markPrice"))
    if not worth or not price or size is None or parts_of(symbol).inverse is not False:
        return
    coins = EXACT.multiply(EXACT.multiply(contracts, size), price)
    for wrong in (EXACT.multiply(contracts, price), EXACT.multiply(coins, size)):
        if _near(worth.copy_abs(), wrong) and not _near(worth.copy_abs(), coins):
            raise BadRow(f"it is worth {plain(worth)}, which its {plain(contracts)} contracts of {plain(size)} are not")


def _near(one: Decimal, other: Decimal) -> bool:
    return EXACT.abs(EXACT.subtract(one, other)) <= EXACT.multiply(max(one, other), Decimal("0.02"))
