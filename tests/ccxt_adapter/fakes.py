"""What does an exchange object look like that answers whatever a test wants? Of ccxt's shape, without any network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

from trueup_adapters.ccxt import CcxtBroker

HAS = dict.fromkeys(
    (
        "fetchPositions",
        "fetchBalance",
        "fetchOpenOrders",
        "fetchOrder",
        "fetchMyTrades",
        "cancelOrder",
        "createOrder",
        "fetchClosedOrders",
    ),
    True,
)


class BaseError(Exception):
    """ccxt's errors are told apart by their names; these bear them."""


class ExchangeError(BaseError):
    pass


class InvalidOrder(ExchangeError):
    pass


class OrderNotFound(InvalidOrder):
    pass


class InsufficientFunds(ExchangeError):
    pass


class NotSupported(ExchangeError):
    pass


class ArgumentsRequired(ExchangeError):
    pass


class NetworkError(BaseError):
    pass


class RequestTimeout(NetworkError):
    pass


class RateLimitExceeded(NetworkError):
    pass


class Fake:
    """An exchange. `answers` holds, by method, what is answered in turn (the last one for ever): rows, or an error."""

    def __init__(self, id: str = "fake", has: dict[str, Any] | None = None, **answers: list[Any]) -> None:
        self.id = id
        self.has = {**HAS, **(has or {})}
        self.features: Any = None
        self.options: dict[str, Any] = {"kept": 1}
        self.markets: dict[str, Any] = {"LTC/USDT:USDT": {"contractSize": Decimal(1)}, "LTC/USDT": {}}
        self.number: Any = float
        self.enableRateLimit = False
        self.apiKey = "key-of-mine"
        self.secret = "secret-of-mine"
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.answers = answers
        self.closed = 0

    async def load_markets(self, reload: bool = False) -> Any:
        return await self._answer("load_markets", (reload,))

    async def _answer(self, method: str, arguments: tuple[Any, ...]) -> Any:
        self.calls.append((method, arguments))
        given = self.answers.get(method, [[]])
        one = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(one, Exception):
            raise one
        return one

    async def fetch_positions(self, *arguments: Any) -> Any:
        return await self._answer("fetch_positions", arguments)

    async def fetch_balance(self, *arguments: Any) -> Any:
        return await self._answer("fetch_balance", arguments)

    async def fetch_open_orders(self, *arguments: Any) -> Any:
        return await self._answer("fetch_open_orders", arguments)

    async def fetch_closed_orders(self, *arguments: Any) -> Any:
        return await self._answer("fetch_closed_orders", arguments)

    async def fetch_order(self, *arguments: Any) -> Any:
        return await self._answer("fetch_order", arguments)

    async def fetch_my_trades(self, *arguments: Any) -> Any:
        return await self._answer("fetch_my_trades", arguments)

    async def cancel_order(self, *arguments: Any) -> Any:
        return await self._answer("cancel_order", arguments)

    async def create_order(self, *arguments: Any) -> Any:
        return await self._answer("create_order", arguments)

    def amount_to_precision(self, symbol: str, amount: str) -> str:
        return str(Decimal(amount).quantize(Decimal("0.001")))

    async def close(self) -> None:
        self.closed += 1

    def sent(self, method: str) -> list[tuple[Any, ...]]:
        """The arguments of every call of a method."""
        return [arguments for name, arguments in self.calls if name == method]


def features(**methods: dict[str, Any]) -> dict[str, Any]:
    """The same features for every sort of market."""
    return {"spot": methods, "swap": {"linear": methods, "inverse": None}}


def play(fake: Fake, scenario: Callable[[CcxtBroker], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Run a scenario with a broker of this exchange, in a loop of its own."""

    async def played() -> None:
        broker = CcxtBroker(fake, **{"market": "contracts", **options})
        try:
            await scenario(broker)
        finally:
            await broker.close()

    asyncio.run(played())


# -- rows --------------------------------------------------------------------------------------------------


def position(symbol: str = "LTC/USDT:USDT", **cells: Any) -> dict[str, Any]:
    row = {"symbol": symbol, "contracts": Decimal("1.5"), "contractSize": Decimal(1), "side": "long", "info": {}}
    return {**row, "entryPrice": Decimal("70.1"), "datetime": "2026-01-02T03:04:05.000Z", **cells}


def order(id: str = "1", symbol: str = "LTC/USDT:USDT", **cells: Any) -> dict[str, Any]:
    row = {"id": id, "clientOrderId": f"c{id}", "symbol": symbol, "side": "buy", "type": "limit", "info": {}}
    return {**row, "price": Decimal(70), "amount": Decimal(2), "filled": Decimal(0), "status": "open", **cells}


def trade(id: str = "t1", symbol: str = "LTC/USDT:USDT", **cells: Any) -> dict[str, Any]:
    row = {"id": id, "symbol": symbol, "side": "buy", "amount": Decimal(1), "price": Decimal(70), "info": {}}
    return {**row, "order": "1", "timestamp": 1_700_000_000_000, **cells}
