"""Both ends of `CcxtBroker`: ccxt's own bybit class, over real HTTP, and a server that answers as bybit does."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from ccxt_adapter.bybit import SYMBOLS, TROUBLES, Bybit, market_id, name_of
from trueup.model import Side, TradeSide
from trueup.testing.broker import ActionTrouble, Trouble
from trueup_adapters.ccxt import CcxtBroker

KEY, SECRET = "the-key-of-this-account", "the-secret-of-this-account"


def named(symbol: str) -> str:
    """ccxt's EUR/USDT:USDT is EURUSD in the book."""
    base, _, rest = symbol.partition("/")
    return name_of(base + rest.partition(":")[0])


def ccxt_classes() -> Any:
    """ccxt's own classes: the library's, not a folder of ours."""
    return importlib.import_module("ccxt.async_support")


def exchange_at(url: str, **config: Any) -> Any:
    """ccxt's bybit, pointed at `url`, with its markets already known."""
    given: dict[str, Any] = {
        "apiKey": KEY,
        "secret": SECRET,
        "rateLimit": 1,
        "verify": False,
        "options": {"enableUnifiedMargin": False, "enableUnifiedAccount": True, "unifiedMarginStatus": 6},
        **config,
    }
    exchange = ccxt_classes().bybit(given)
    exchange.urls["api"] = dict.fromkeys(("spot", "futures", "v2", "public", "private"), url)
    exchange.options["defaultType"] = "swap"
    exchange.options["fetchMarkets"] = {"types": ["linear"]}
    exchange.has["fetchCurrencies"] = False
    exchange.timeout_on_exit = 0
    exchange.set_markets([dict(market) for market in _markets()])
    return exchange


@cache
def _markets() -> list[dict[str, Any]]:
    """The markets as ccxt's class reads them from the server."""

    async def loaded(url: str) -> list[dict[str, Any]]:
        exchange = ccxt_classes().bybit({"verify": False, "rateLimit": 1})
        exchange.urls["api"] = dict.fromkeys(("spot", "futures", "v2", "public", "private"), url)
        exchange.options["fetchMarkets"] = {"types": ["linear"]}
        exchange.has["fetchCurrencies"] = False
        exchange.timeout_on_exit = 0
        exchange.number = str
        try:
            return list((await exchange.load_markets()).values())
        finally:
            await exchange.close()

    there = Bybit()
    there.start()
    try:
        markets = asyncio.run(loaded(there.url))
    finally:
        there.stop()
    assert {market["id"] for market in markets} == {market_id(symbol) for symbol in SYMBOLS}
    return markets


class BybitHarness:
    """As the contract wants it."""

    troubles: frozenset[Trouble] = TROUBLES
    action_troubles: frozenset[ActionTrouble] = frozenset({"silence", "lost_ack", "refusal", "garbage"})

    def __init__(self, there: Bybit, **config: Any) -> None:
        self.there = there
        self.account = there.account
        self.broker = CcxtBroker(exchange_at(there.url, **config), market="contracts", canonical=named)

    def open(self, symbol: str, side: Side, quantity: str, *, price: str, stop: str | None = None) -> str:
        return self.account.open(symbol, side, quantity, price=price, stop=stop)

    def close(self, ticket: str) -> None:
        self.account.close_position(self._key(ticket))

    def trouble(self, *troubles: Trouble) -> None:
        self.there.troubles.extend(troubles)

    def reconnect(self) -> None:
        self.there.break_connections()

    def place(
        self,
        symbol: str,
        side: TradeSide,
        type: Literal["limit", "stop"],
        quantity: str,
        *,
        price: str,
        client_id: str | None = None,
    ) -> str:
        return self.account.place(symbol, side, type, quantity, price, client_id=client_id)

    def fill(self, order_id: str, quantity: str, *, price: str) -> str:
        return self.account.fill(order_id, quantity, price)

    def cancel(self, order_id: str) -> None:
        self.account.cancel(order_id)

    def reject(self, order_id: str) -> None:
        self.account.reject(order_id)

    def say(self, order_id: str, word: str) -> None:
        self.account.say(order_id, word)

    def forget(self, order_id: str, times: int) -> None:
        self.account.forget(order_id, times)

    def trouble_actions(self, *troubles: ActionTrouble) -> None:
        self.there.action_troubles.extend(troubles)

    def held(self, ticket: str) -> Decimal:
        held = [row.signed_quantity for row in self.account.truth.values() if row.ticket == ticket]
        return held[0] if held else Decimal(0)

    def orders_of(self, client_id: str) -> int:
        return sum(order.client_order_id == client_id for order in self.account.orders.values())

    def _key(self, ticket: str) -> str:
        return next(key for key, row in self.account.truth.items() if row.ticket == ticket)


@contextmanager
def bybit(**config: Any) -> Generator[BybitHarness]:
    """A fresh account at a fresh server, and the broker that asks it."""
    there = Bybit()
    there.start()
    try:
        yield BybitHarness(there, **config)
    finally:
        there.stop()
