"""How does Alpaca write an account, a position, an order or an activity as JSON?

Every number is text, as Alpaca's are; times are ISO 8601 with a `Z`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeAlias

from trueup.model import EXACT, ZERO, add, plain
from trueup.testing.alpaca.account import Account, Books
from trueup.testing.alpaca.things import Asset, Fill, Held, Order, OtherActivity

Row: TypeAlias = dict[str, object]
_DAYS_90_NS = 90 * 86_400 * 1_000_000_000
"""How long an order that is good until cancelled lives."""
_EXCHANGE = {"us_equity": "NASDAQ", "us_option": "", "crypto": "CRYPTO"}


def when(at_ns: int) -> str:
    """`2024-01-02T15:04:05.123456789Z`."""
    moment = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ns % 1_000_000_000:09}Z"


def _maybe_when(at_ns: int | None) -> str | None:
    return None if at_ns is None else when(at_ns)


def _maybe(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


def account_row(account: Account) -> Row:
    """GET /v2/account."""
    value = sum((EXACT.multiply(h.signed_quantity, h.price) for h in account.positions.values()), ZERO)
    equity = plain(add(Decimal(100_000), value))
    return {
        "id": "00000000-0000-4000-8000-000000000001",
        "account_number": account.number,
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "currency": "USD",
        "cash": "100000",
        "buying_power": "200000",
        "equity": equity,
        "portfolio_value": equity,
        "pattern_day_trader": False,
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "shorting_enabled": True,
        "multiplier": "2",
        "created_at": when(0),
    }


def position_row(held: Held, available: Decimal) -> Row:
    """One row of GET /v2/positions. The quantity of a short one is negative, as Alpaca writes it (L28)."""
    cost = plain(EXACT.multiply(held.signed_quantity, held.price))
    return {
        "asset_id": held.asset.id,
        "symbol": held.asset.position_symbol,
        "exchange": _EXCHANGE[held.asset.asset_class],
        "asset_class": held.asset.asset_class,
        "asset_marginable": held.asset.asset_class == "us_equity",
        "qty": plain(held.signed_quantity),
        "qty_available": plain(available),
        "avg_entry_price": plain(held.price),
        "side": "short" if held.signed_quantity.is_signed() else "long",
        "market_value": cost,
        "cost_basis": cost,
        "unrealized_pl": "0",
        "unrealized_plpc": "0",
        "unrealized_intraday_pl": "0",
        "unrealized_intraday_plpc": "0",
        "current_price": plain(held.price),
        "lastday_price": plain(held.price),
        "change_today": "0",
    }


def order_row(order: Order, books: Books | None = None) -> Row:
    """One row of GET /v2/orders; with its legs where `books` are given to find them in."""
    legs = [] if books is None else [order_row(books.orders[leg]) for leg in order.legs if leg in books.orders]
    ended = _maybe_when(order.ended_ns)
    return {
        "id": order.id,
        "client_order_id": order.client_order_id,
        "created_at": when(order.created_ns),
        "updated_at": when(order.updated_ns),
        "submitted_at": when(order.created_ns),
        "filled_at": ended if order.status == "filled" else None,
        "expired_at": ended if order.status == "expired" else None,
        "canceled_at": ended if order.status == "canceled" else None,
        "failed_at": ended if order.status == "rejected" else None,
        "replaced_at": ended if order.status == "replaced" else None,
        "replaced_by": order.replaced_by,
        "replaces": order.replaces,
        "asset_id": order.asset.id,
        "symbol": order.asset.symbol,
        "asset_class": order.asset.asset_class,
        "notional": _maybe(order.notional),
        "qty": _maybe(order.quantity),
        "filled_qty": plain(order.filled),
        "filled_avg_price": _maybe(order.average_price),
        "order_class": order.order_class,
        "order_type": order.type,
        "type": order.type,
        "side": order.side,
        "position_intent": order.position_intent,
        "time_in_force": order.time_in_force,
        "limit_price": _maybe(order.limit),
        "stop_price": _maybe(order.stop),
        "status": order.status,
        "extended_hours": order.extended_hours,
        "legs": legs or None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "subtag": None,
        "source": None,
        "expires_at": when(order.created_ns + _DAYS_90_NS) if order.time_in_force == "gtc" else None,
    }


def activity_row(activity: Fill | OtherActivity, books: Books) -> Row:
    """One row of GET /v2/account/activities. A fill names its order and not its client id, as at Alpaca."""
    if isinstance(activity, OtherActivity):
        return {
            "id": activity.id,
            "activity_type": activity.activity_type,
            "date": when(activity.at_ns)[:10],
            "net_amount": "0",
            "symbol": activity.symbol,
            "qty": plain(activity.quantity),
            "status": "executed",
        }
    order = books.orders.get(activity.order_id)
    return {
        "id": activity.id,
        "activity_type": "FILL",
        "transaction_time": when(activity.at_ns),
        "type": "partial_fill" if activity.leaves else "fill",
        "price": plain(activity.price),
        "qty": plain(activity.quantity),
        "side": activity.side,
        "symbol": activity.symbol,
        "leaves_qty": plain(activity.leaves),
        "order_id": activity.order_id,
        "cum_qty": plain(activity.cumulative),
        "order_status": "filled" if order is None else order.status,
    }


def asset_row(asset: Asset) -> Row:
    """GET /v2/assets/{symbol}."""
    return {
        "id": asset.id,
        "class": asset.asset_class,
        "exchange": _EXCHANGE[asset.asset_class],
        "symbol": asset.symbol,
        "name": asset.symbol,
        "status": "active",
        "tradable": True,
        "marginable": asset.asset_class == "us_equity",
        "shortable": asset.shortable,
        "easy_to_borrow": asset.shortable,
        "fractionable": asset.fractionable,
    }


def clock_row(at_ns: int) -> Row:
    """GET /v2/clock: a market that is always open."""
    return {
        "timestamp": when(at_ns),
        "is_open": True,
        "next_open": when(at_ns + 64_800_000_000_000),
        "next_close": when(at_ns + 14_400_000_000_000),
    }
