"""Which coins does the answer of ccxt's `fetch_balance` say that a spot account holds?

A spot account has no positions: each coin that is not money is a holding of its own, long, in that coin. What is owed
is no holding: a coin with a debt, or below zero, is refused rather than netted.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from trueup.model import EXACT, ZERO, BrokerPosition, plain
from trueup_adapters.ccxt.markets import Reading, canonical_of, scope_of
from trueup_adapters.ccxt.numbers import Stated, number_cell, rounded_cell, same_float
from trueup_adapters.ccxt.rows import BadRow, Judged, NotOurs, Row, judge, printable, readable, row_in

_NO_COINS = frozenset({"info", "free", "used", "total", "debt", "timestamp", "datetime"})


class Balance(msgspec.Struct, frozen=True):
    """How much of one coin an account holds."""

    coin: str
    total: Decimal
    """Greater than 0; what is held in orders included."""
    free: Decimal | None
    used: Decimal | None


def coins_of(answer: Row) -> list[Row]:
    """A balance answer as rows, one a coin (or whatever else it lists), each with its name and the raw answer."""
    return [
        {**(row_in(cell) or {}), "symbol": coin, "info": answer.get("info")}
        for coin, cell in answer.items()
        if coin not in _NO_COINS
    ]


def judge_balances(answer: Row, stated: Stated | None = None) -> Judged[Balance]:
    """Every coin of a balance answer. Pure; never raises for what it holds.

    stated   the numbers of the raw answer, where they are not under `info`
    """
    numbers = Stated(answer.get("info")) if stated is None else stated

    def named(balance: Balance) -> str:
        return f"coin {balance.coin}"

    return judge(coins_of(answer), lambda row: balance_of(row, numbers), named, lambda row: readable(row.get("symbol")))


def balance_of(row: Row, stated: Stated) -> Balance:
    """One coin. Raises BadRow, and NotOurs for one of which there is nothing."""
    coin = row.get("symbol")
    if not isinstance(coin, str) or not coin or "/" in coin:
        raise BadRow(printable(f"{coin!r} is no coin: an isolated margin account is not a holding"))
    free = rounded_cell(row.get("free"), stated, what="free")
    used = rounded_cell(row.get("used"), stated, what="used")
    total = _total_of(row, stated, free, used)
    debt = number_cell(row.get("debt"), stated, what="debt")
    if total is None:
        raise BadRow(f"it does not say how much {coin} there is")
    if debt:
        raise BadRow(f"{plain(debt)} {coin} of it is owed: what is borrowed is no holding")
    if total < ZERO:
        raise BadRow(f"there is {plain(total)} {coin}: what is owed is no holding")
    if total == ZERO:
        raise NotOurs(f"no {coin} is held")
    return Balance(coin, total, free, used)


def _total_of(row: Row, stated: Stated, free: Decimal | None, used: Decimal | None) -> Decimal | None:
    """How much there is in all: what is said, or else the sum of what is free and what is not. Raises BadRow."""
    said = row.get("total")
    both = None if free is None or used is None else EXACT.add(free, used)
    lost = isinstance(said, float) and stated.closest(said) is None
    if both is not None and (said is None or (lost and same_float(both, said))):
        return both  # as floats, ccxt has added up the two
    return (number_cell if lost else rounded_cell)(said, stated, what="total")


def holding_of(balance: Balance, reading: Reading) -> BrokerPosition:
    """A coin as a position in its symbol against the first of the quote currencies. Raises BadRow."""
    symbol = f"{balance.coin}/{reading.quotes[0]}"
    name, spelling = canonical_of(symbol, reading)
    return BrokerPosition(symbol=name, signed_quantity=balance.total, spelling=spelling, unit="coins")


def judge_holdings(answer: Row, reading: Reading) -> Judged[BrokerPosition]:
    """Every coin of a balance answer as a holding, a refusal, or not ours. Pure; never raises for what it holds."""
    stated = Stated(answer.get("info"))
    rows = coins_of(answer)

    def named(held: BrokerPosition) -> str:
        return held.symbol

    def scope(row: Row) -> str | None:
        coin = readable(row.get("symbol"))
        return None if coin is None else scope_of({"symbol": f"{coin}/{reading.quotes[0]}"}, reading)

    def read(row: Row) -> BrokerPosition:
        if row.get("symbol") in reading.quotes:
            raise NotOurs(f"{row['symbol']} is money, not a holding")  # however much of it, or owed
        return holding_of(balance_of(row, stated), reading)

    return judge(rows, read, named, scope)
