"""Rows in every shape in which Alpaca's public documentation and its users show them, each with what it says.

The values are made up; which cells there are, and which are null, empty, text or missing, is Alpaca's.
"""

from __future__ import annotations

from typing import Any, Final

Row = dict[str, Any]


def order(number: int, **cells: object) -> Row:
    """One whole row of GET /v2/orders; `...` leaves a cell out."""
    whole: Row = {
        "id": f"61e69015-8549-4bfd-b9c3-{number:012}",
        "client_order_id": f"eb9e2aaa-f71a-4f51-b5b4-{number:012}",
        "created_at": "2024-03-14T13:38:01.942282746Z",
        "updated_at": "2024-03-14T13:38:01.951122811Z",
        "submitted_at": "2024-03-14T13:38:01.937734Z",
        "filled_at": None,
        "expired_at": None,
        "canceled_at": None,
        "failed_at": None,
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415",
        "symbol": "AAPL",
        "asset_class": "us_equity",
        "notional": None,
        "qty": "15",
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_class": "",
        "order_type": "limit",
        "type": "limit",
        "side": "buy",
        "position_intent": "buy_to_open",
        "time_in_force": "day",
        "limit_price": "150",
        "stop_price": None,
        "status": "new",
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "subtag": None,
        "source": None,
        "expires_at": "2024-03-14T20:00:00Z",
    }
    return {name: cell for name, cell in (whole | cells).items() if cell is not ...}


def position(symbol: str = "AAPL", **cells: object) -> Row:
    """One whole row of GET /v2/positions."""
    whole: Row = {
        "asset_id": "904837e3-3b76-47ec-b432-046db621571b",
        "symbol": symbol,
        "exchange": "NASDAQ",
        "asset_class": "us_equity",
        "asset_marginable": True,
        "qty": "5",
        "avg_entry_price": "100.0",
        "side": "long",
        "market_value": "600.0",
        "cost_basis": "500.0",
        "unrealized_pl": "100.0",
        "unrealized_plpc": "0.20",
        "unrealized_intraday_pl": "10.0",
        "unrealized_intraday_plpc": "0.0084",
        "current_price": "120.0",
        "lastday_price": "119.0",
        "change_today": "0.0084",
        "qty_available": "4",
    }
    return {name: cell for name, cell in (whole | cells).items() if cell is not ...}


def fill(number: int, **cells: object) -> Row:
    """One whole row of GET /v2/account/activities/FILL."""
    whole: Row = {
        "id": f"20240314133801937::8efc7b9a-8b2b-4000-9955-{number:012}",
        "activity_type": "FILL",
        "transaction_time": "2024-03-14T13:38:01.937Z",
        "type": "fill",
        "price": "150.63",
        "qty": "1",
        "side": "buy",
        "symbol": "AAPL",
        "leaves_qty": "0",
        "order_id": "904837e3-3b76-47ec-b432-046db621571b",
        "cum_qty": "1",
        "order_status": "filled",
    }
    return {name: cell for name, cell in (whole | cells).items() if cell is not ...}


OPTION: Final = "AAPL241213C00250000"
POSITIONS: Final[list[tuple[Row, str, str, str | None]]] = [
    # (row, symbol, signed quantity, price)
    (position(), "AAPL", "5", "100.0"),
    (position("BRK.B", qty="0.125", avg_entry_price="223.7318181818181818"), "BRK.B", "0.125", "223.7318181818181818"),
    (position("TSLA", qty="-10", side="short", qty_available="-10"), "TSLA", "-10", "100.0"),
    (position("GME", qty="10", side="short"), "GME", "-10", "100.0"),
    (position("BTCUSD", asset_class="crypto", exchange="CRYPTO", qty="0.000000001"), "BTC/USD", "1E-9", "100.0"),
    (position("ETH/USD", asset_class="crypto", exchange="FTXU", qty="2"), "ETH/USD", "2", "100.0"),
    (position(OPTION, asset_class="us_option", exchange="", asset_marginable=False), OPTION, "5", "100.0"),
    (position("BTC-PERP", asset_class="crypto_perp", exchange="ASCX"), "BTC-PERP", "5", "100.0"),
    (position("ACME", asset_class="ipo", avg_entry_price="0"), "ACME", "5", None),
    (position("OLD", qty_available=..., asset_marginable=...), "OLD", "5", "100.0"),
    (position("NUM", qty=5, avg_entry_price=100.25, qty_available=4), "NUM", "5", "100.25"),
    (position("SPLIT", swap_rate=None, avg_entry_swap_rate="", usd={"market_value": "1"}), "SPLIT", "5", "100.0"),
]
SPREAD_LEG: Final[Row] = {
    "order_class": "mleg",
    "order_type": "",
    "type": "",
    "asset_class": "us_option",
    "limit_price": None,
    "ratio_qty": "3",
}
SPREAD: Final = order(
    30,
    asset_id="",
    symbol="",
    asset_class="",
    side="",
    position_intent="",
    order_class="mleg",
    qty="1",
    legs=[
        order(31, **SPREAD_LEG, symbol=OPTION, qty="3", filled_qty="3", filled_avg_price="0.43", status="filled"),
        order(32, **SPREAD_LEG, symbol="AAPL241213C00260000", qty="1", side="sell", position_intent="sell_to_open"),
    ],
)
ORDERS: Final[list[tuple[Row, str, str, str, str | None, str]]] = [
    # (row, symbol, side, quantity, filled, status)
    (order(1), "AAPL", "buy", "15", "0", "accepted"),
    (
        order(2, filled_qty="2", filled_avg_price="106", status="partially_filled"),
        "AAPL",
        "buy",
        "15",
        "2",
        "partially_filled",
    ),
    (
        order(
            3,
            qty=None,
            notional="500",
            type="market",
            order_type="market",
            limit_price=None,
            status="filled",
            filled_qty="2.637391523",
            filled_avg_price="189.58",
        ),
        "AAPL",
        "buy",
        "2.637391523",
        "2.637391523",
        "filled",
    ),
    (
        order(
            4,
            side="sell",
            type="trailing_stop",
            order_type="trailing_stop",
            limit_price=None,
            trail_percent="1.5",
            hwm="151.2",
            stop_price="148.932",
        ),
        "AAPL",
        "sell",
        "15",
        "0",
        "accepted",
    ),
    (
        order(5, symbol="ETH/USD", asset_class="crypto", qty="0.02", status="pending_new"),
        "ETH/USD",
        "buy",
        "0.02",
        "0",
        "accepted",
    ),
    (order(6, symbol="BTCUSD", asset_class="crypto", qty="0.5"), "BTC/USD", "buy", "0.5", "0", "accepted"),
    (
        order(7, symbol=OPTION, asset_class="us_option", qty="2", order_class="simple"),
        OPTION,
        "buy",
        "2",
        "0",
        "accepted",
    ),
    (order(8, status="accepted_for_bidding"), "AAPL", "buy", "15", "0", "accepted"),
    (order(9, status="stopped"), "AAPL", "buy", "15", "0", "accepted"),
    (order(10, status="suspended"), "AAPL", "buy", "15", "0", "unknown"),
    (order(11, status="calculated", filled_qty="15"), "AAPL", "buy", "15", "15", "filled"),
    (order(12, status="pending_replace"), "AAPL", "buy", "15", "0", "pending_replace"),
    (
        order(13, status="replaced", replaced_by="61e69015-8549-4bfd-b9c3-000000000014"),
        "AAPL",
        "buy",
        "15",
        "0",
        "replaced",
    ),
    (
        order(15, status="held", side="sell", order_class="bracket", type="stop", stop_price="140", limit_price=None),
        "AAPL",
        "sell",
        "15",
        "0",
        "accepted",
    ),
    (
        order(16, status="rejected", failed_at="2024-03-14T13:38:02Z", position_intent=...),
        "AAPL",
        "buy",
        "15",
        "0",
        "rejected",
    ),
    (order(17, status="done_for_day", filled_qty="1"), "AAPL", "buy", "15", "1", "partially_filled"),
    (
        order(18, qty="0.30000000000000004", filled_qty=0, limit_price=150.25),
        "AAPL",
        "buy",
        "0.30000000000000004",
        "0",
        "accepted",
    ),
    (order(19, qty=None, notional="500", status="canceled", filled_qty="1.5"), "AAPL", "buy", "1.5", "1.5", "canceled"),
    (
        order(20, filled_qty=None, order_class=..., order_type=..., asset_class=..., hwm=...),
        "AAPL",
        "buy",
        "15",
        None,
        "accepted",
    ),
    (order(21, side="sell_short", status="expired"), "AAPL", "sell", "15", "0", "expired"),
]
FILLS: Final[list[tuple[Row, str, str]]] = [
    # (row, symbol, signed quantity)
    (fill(1), "AAPL", "1"),
    (fill(2, type="partial_fill", qty="0.38962051", leaves_qty="3"), "AAPL", "0.38962051"),
    (fill(3, side="sell_short", qty="4"), "AAPL", "-4"),
    (fill(4, symbol=OPTION, side="sell", qty="2"), OPTION, "-2"),
    (fill(5, symbol="BTC/USD", qty="0.0025", order_status=...), "BTC/USD", "0.0025"),
    (fill(6, qty=7, price=150.63), "AAPL", "7"),
    (fill(7, transaction_time=..., account_id="c8f1ef5d-edc0-4f23-9ee4-378f19cb92a4"), "AAPL", "1"),
]
