"""What does ccxt really send when one leg of a hedged position is to be closed, exchange by exchange?"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from ccxt_adapter.fakes import position
from ccxt_adapter.harness import ccxt_classes
from trueup.ports import Action
from trueup_adapters.ccxt import CcxtBroker

SYMBOL = "LTC/USDT:USDT"
IDS = {"binanceusdm": "LTCUSDT", "bybit": "LTCUSDT", "bitget": "LTCUSDT", "okx": "LTC-USDT-SWAP"}
EXPECTED: dict[str, dict[str, Any]] = {
    "binanceusdm": {"side": "BUY", "positionSide": "SHORT", "type": "MARKET", "quantity": "0.5"},
    "bybit": {"side": "Buy", "positionIdx": 2, "orderType": "Market", "qty": "0.5", "reduceOnly": True},
    "bitget": {"side": "sell", "tradeSide": "Close", "orderType": "market", "size": "0.5"},
    "okx": {"side": "buy", "posSide": "short", "ordType": "market", "sz": "0.5"},
}
CLIENT_IDS = {"binanceusdm": "newClientOrderId", "bybit": "orderLinkId", "bitget": "clientOid", "okx": "clOrdId"}


def exchange(name: str) -> Any:
    """ccxt's class with one market and keys, and no network."""
    made = getattr(ccxt_classes(), name)({"apiKey": "k" * 8, "secret": "s" * 8, "password": "p" * 8})
    made.options |= {"enableUnifiedMargin": False, "enableUnifiedAccount": True, "unifiedMarginStatus": 6}
    made.timeout_on_exit = 0
    market = {
        "id": IDS[name],
        "symbol": SYMBOL,
        "base": "LTC",
        "quote": "USDT",
        "settle": "USDT",
        "type": "swap",
        "baseId": "LTC",
        "quoteId": "USDT",
        "settleId": "USDT",
        "swap": True,
        "contract": True,
        "linear": True,
        "spot": False,
        "future": False,
        "option": False,
        "inverse": False,
        "active": True,
        "contractSize": 1,
        "precision": {"amount": Decimal("0.1"), "price": Decimal("0.01")},
        "info": {"orderTypes": ["MARKET", "STOP_MARKET"]},
        "limits": {},
    }
    made.set_markets([made.safe_market_structure(market)])
    return made


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_l30_a_close_names_the_leg_and_can_open_nothing(name: str) -> None:
    sent: list[dict[str, Any]] = []

    async def fetch(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        if method == "POST":
            text = body or urlsplit(url).query
            told = json.loads(text) if text[0] in "{[" else dict(parse_qsl(text))
            sent.append(told[0] if isinstance(told, list) else told)
        raise RuntimeError("no network here")

    async def positions(*arguments: Any) -> list[Any]:
        return [position(hedged=True), position(hedged=True, side="short")]

    async def acted() -> None:
        made = exchange(name)
        broker = CcxtBroker(made, market="contracts", position_mode="hedging")
        made.fetch, made.fetch_positions = fetch, positions
        action = Action(
            kind="close_position",
            client_id="q1",
            symbol=SYMBOL,
            side="buy",
            quantity=Decimal("0.5"),
            ticket=f"{SYMBOL}/short",
        )
        outcome = await broker.act(action)
        assert outcome.state == "unknown", outcome.why  # it may have been sent
        await broker.close()

    asyncio.run(acted())
    (order,) = sent
    assert {key: order.get(key) for key in EXPECTED[name]} == EXPECTED[name]
    assert order[CLIENT_IDS[name]] == "q1"
    if name in ("binanceusdm", "okx"):
        assert "reduceOnly" not in order  # refused there beside a leg, which itself can open nothing here
