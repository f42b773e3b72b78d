"""What do the rows of a method of ccxt state: positions, orders, executions, balances, or nothing of the account?

ccxt has some three hundred methods. Their names follow a few patterns, and only those that state what an account holds,
has ordered or has executed are read; an answer about the market, about settings, or about money on its way is not ours.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["positions", "orders", "actions", "trades", "balances"]

_KINDS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("positions", re.compile(r"fetch(Account)?Positions?(ForSymbol|Risk)?")),
    ("balances", re.compile(r"fetchBalance")),
    ("trades", re.compile(r"fetch(My|Order)Trades")),
    ("actions", re.compile(r"(create|edit|cancel|close)\w*Orders?(By\w+|With\w+|ForSymbols|Request)?|closePosition")),
    ("orders", re.compile(r"fetch\w*Orders?(By\w+)?")),
)
_MARKET: Final = re.compile(
    r"fetch(Trades|Tickers?|OHLCV|(L2|L3)?OrderBooks?|Markets?|Currenc\w+|Time|Status|Funding(Rate|Interval)\w*|BidsAsks"
    r"|OpenInterest\w*|LastPrices|MarkPrices?|Liquidations|Option(Chain)?|Greeks|AllGreeks|Settlement\w*"
    r"|LongShort\w+|VolatilityHistory|Spread\w*|\w+OHLCV|TradingLimits)|loadMarkets"
)
_OTHERS: Final = re.compile(
    r"fetch(Positions?(History|Mode|ADLRank\w*|sADLRank\w*)|My(Settlement|Liquidation)\w*"
    r"|(Funding|Ledger|Deposit|Withdraw|Transfer|Transaction|Interest|Borrow|CrossBorrow|IsolatedBorrow|Convert|Cross"
    r"|Isolated|Leverage|MarginMode|Margin|Trading(Fee|Fees)|Account|PortfolioDetails|Network|Permission|Payment|Underlying"
    r"|PremiumIndex|ADLRank|Api|Subaccount|Credit|Lend|Referral|Income|Max|Min)\w*)"
    r"|(set|add|reduce|modify|borrow|repay|transfer|withdraw|create(Deposit|Convert|SubAccount)|signIn|enable)\w*"
)
LOOK_UPS: Final = frozenset({"fetchOrder", "fetchOpenOrder", "fetchClosedOrder"})
"""Methods that answer with the one order that was asked for."""


def kind_of(method: str) -> Kind | None:
    """What the rows of a method's answer are, if they are the account's; `fetchOrdersWs` is `fetchOrders`."""
    name = method.removesuffix("Ws")
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(name)), None)


def not_ours(method: str) -> str | None:
    """What a method's answer is about instead, as a sentence; None for a method that nobody knows."""
    name = method.removesuffix("Ws")
    if _MARKET.fullmatch(name):
        return f"{method} is about the market, not about the account"
    if _OTHERS.fullmatch(name):
        return f"{method} states no positions, orders, executions or balances"
    return None
