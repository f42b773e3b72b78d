"""What of a ccxt exchange does trueup use, and what does this one offer?

`Exchange` is the part of `ccxt.async_support`'s classes that is used, so that anything of that shape will do. What an
exchange offers stands in its `has` and its `features`, both known without asking anybody: what it does not have is
unsupported, never empty (L44), and a page that may go on is never taken for the whole (L05).
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias

import msgspec

from trueup.model import Surface
from trueup.ports import ActionKind
from trueup_adapters.ccxt.rows import Row, row_in

Kind: TypeAlias = Literal["spot", "contracts"]
Rows: TypeAlias = Awaitable[Sequence[object]]

PAGES: Final = frozenset({50, 100, 200, 250, 500, 1000})
"""An answer of exactly so many rows may be a page of more, where the exchange does not say how long its pages are."""
_ALL_IN_ONE: Final = frozenset({"bybit"})
"""Exchanges that list resting and waiting orders together, though they can also list the waiting ones alone."""
_BY_CLIENT_ID: Final = frozenset(
    {"binance", "binanceus", "binanceusdm", "binancecoinm", "okx", "okxus", "myokx", "bitget", "kucoin", "mexc"}
    | {"phemex", "htx"}
)
"""Exchanges whose `fetch_order` takes a `clientOrderId`."""


class Exchange(Protocol):
    """What is used of a ccxt exchange (`ccxt.async_support`)."""

    id: str
    has: Any
    features: Any
    options: Any
    markets: Any
    number: Any
    asyncio_loop: Any

    async def load_markets(self, reload: bool = False) -> Any: ...
    def fetch_positions(self, symbols: Any = None, params: Any = ...) -> Rows: ...
    def fetch_balance(self, params: Any = ...) -> Awaitable[object]: ...
    def fetch_open_orders(
        self, symbol: str | None = None, since: int | None = None, limit: int | None = None, params: Any = ...
    ) -> Rows: ...
    def fetch_my_trades(
        self, symbol: str | None = None, since: int | None = None, limit: int | None = None, params: Any = ...
    ) -> Rows: ...
    def fetch_order(self, id: str, symbol: str | None = None, params: Any = ...) -> Awaitable[object]: ...
    def cancel_order(self, id: str, symbol: str | None = None, params: Any = ...) -> Awaitable[object]: ...
    def create_order(
        self, symbol: str, type: str, side: str, amount: Any, price: Any = None, params: Any = ...
    ) -> Awaitable[object]: ...
    def amount_to_precision(self, symbol: str, amount: Any) -> Any: ...
    async def close(self) -> None: ...


class Offers(msgspec.Struct, frozen=True):
    """What an exchange offers to one kind of account, as it declares it."""

    surfaces: frozenset[Surface]
    actions: frozenset[ActionKind]
    orders_limit: int | None
    """How many working orders a page of it holds; None: it does not say."""
    trades_limit: int | None
    trades_days: int | None
    """How far back executions can be asked for; None: it does not say."""
    trades_window_days: int | None
    """How many days of executions one question covers; None: it does not say, or knows no `until`."""
    by_id: frozenset[str]
    """The methods that find an order by its id; of two, one knows the working and the other the ended ones."""
    symbol_for: frozenset[str]
    """Methods that answer for one symbol at a time only."""
    order_variants: tuple[Mapping[str, object], ...]
    """With which parameters working orders must be asked for: waiting ones often stand in a list of their own."""
    fetch_variants: tuple[Mapping[str, object], ...]
    """With which of them one order can be fetched by its id; in the other lists it has to be looked for."""
    ended_variants: tuple[Mapping[str, object], ...]
    """With which of them the best method of `ended` can be asked."""
    ended: tuple[str, ...]
    """Methods that list orders which have ended, the best first."""
    by_client_id: bool
    """Whether an order can be fetched by its client id."""

    @property
    def by_name(self) -> frozenset[str]:
        """The methods that find an order by its client id."""
        return frozenset({"fetchOrder"} if self.by_client_id else {"fetchOpenOrders", *self.ended[:1]})


def offers(exchange: Exchange, kind: Kind) -> Offers:
    """What `exchange` declares that it has. Asks nobody."""
    has = row_in(exchange.has) or {}
    surfaces: set[Surface] = set()
    if has.get("fetchBalance" if kind == "spot" else "fetchPositions"):
        surfaces.add("positions")
    if has.get("fetchOpenOrders"):
        surfaces.add("open_orders")
    if has.get("fetchOrder") or (has.get("fetchOpenOrder") and has.get("fetchClosedOrder")):
        surfaces.add("order")
    if has.get("fetchMyTrades"):
        surfaces.add("fills")
    actions: set[ActionKind] = set()
    if has.get("cancelOrder"):
        actions.add("cancel")
    if has.get("createOrder") and has.get("createMarketOrder") is not False and "positions" in surfaces:
        actions.add("close_position")
        if has.get("createStopLossOrder") or any(_said(exchange, kind, "createOrder", "stopLossPrice")):
            actions.add("place_stop")
    both = {"fetchOpenOrder", "fetchClosedOrder"}
    by_id = both if all(has.get(method) for method in both) else {"fetchOrder"}
    methods = ["fetchMyTrades", "fetchOrder", "fetchOpenOrder", "fetchClosedOrder", "fetchOpenOrders"]
    methods += ["fetchClosedOrders", "fetchOrders", "fetchCanceledAndClosedOrders"]
    waiting = () if exchange.id in _ALL_IN_ONE else ("trigger", "trailing")
    variants: tuple[Mapping[str, object], ...] = (
        {},
        *({name: True} for name in waiting if any(_said(exchange, kind, "fetchOpenOrders", name))),
    )
    ended = tuple(m for m in ("fetchCanceledAndClosedOrders", "fetchOrders", "fetchClosedOrders") if has.get(m))

    def taken(method: str) -> tuple[Mapping[str, object], ...]:
        return tuple(v for v in variants if all(any(_said(exchange, kind, method, name)) for name in v))

    return Offers(
        surfaces=frozenset(surfaces),
        actions=frozenset(actions),
        orders_limit=_least(_said(exchange, kind, "fetchOpenOrders", "limit")),
        trades_limit=_least(_said(exchange, kind, "fetchMyTrades", "limit")),
        trades_days=_least(_said(exchange, kind, "fetchMyTrades", "daysBack")),
        trades_window_days=_least(_said(exchange, kind, "fetchMyTrades", "untilDays")),
        by_id=frozenset(by_id),
        symbol_for=frozenset(m for m in methods if any(_said(exchange, kind, m, "symbolRequired"))),
        order_variants=variants,
        fetch_variants=taken("fetchOrder"),
        ended_variants=taken(ended[0]) if ended else (),
        ended=ended,
        by_client_id=exchange.id in _BY_CLIENT_ID,
    )


def may_go_on(count: int, limit: int | None) -> bool:
    """Whether so many rows may be a page of more (L05)."""
    return count >= limit if limit is not None else count in PAGES


def _said(exchange: Exchange, kind: Kind, method: str, name: str) -> list[object]:
    """What the exchange's features say of a method, for every sort of market that the kind may mean."""
    features = row_in(exchange.features) or {}
    sorts: list[Row | None]
    if kind == "spot":
        sorts = [row_in(features.get("spot"))]
    else:
        families = [row_in(features.get(sort)) or {} for sort in ("swap", "future")]
        sorts = [row_in(family.get(way)) for family in families for way in ("linear", "inverse")]
        sorts += families
    said = [row_in(sort.get(method)) for sort in sorts if sort is not None]
    return [cells.get(name) for cells in said if cells is not None and cells.get(name) is not None]


def _least(said: Sequence[object]) -> int | None:
    return min((number for number in said if isinstance(number, int)), default=None)


def method_of(exchange: Exchange, name: str) -> Any:
    """A unified method by its name in `has`, such as `fetchClosedOrders`."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return getattr(exchange, snake)
