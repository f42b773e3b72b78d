"""Which exchanges are replayed, what do they answer, and what does that mean? Bodies are the exchanges' own shapes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ccxt_adapter.replaying import market


class Case(msgspec.Struct, frozen=True):
    """One exchange: how it is set up, what it answers, and what that means."""

    name: str
    markets: tuple[dict[str, Any], ...]
    bodies: Mapping[str, Any]
    holds: dict[str, str]
    """Symbol to signed quantity."""
    orders: dict[str, tuple[str, str | None]] = {}
    """Id to (type, price that it waits for)."""
    fills: dict[str, str] = {}
    """Id to signed quantity."""
    broker: Mapping[str, Any] = MappingProxyType({"market": "contracts"})
    keys: Mapping[str, str] = MappingProxyType({})
    """Those that differ from the others'."""


def okx(*rows: Any) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": list(rows)}


def pem() -> str:
    """A fresh key as coinbase gives them out."""
    key = ec.generate_private_key(ec.SECP256R1())
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    return key.private_bytes(*kinds).decode()


LTC_SPOT: Final = market("LTCUSDT", "LTC/USDT")
CASES: Final = (
    Case(
        "binanceusdm",
        (market("BTCUSDT", "BTC/USDT:USDT"),),
        {
            "leverageBracket": [],
            "positionRisk": [
                {"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-0.009", "entryPrice": "67445.9"}
                | {"markPrice": "67502.68519858", "notional": "-607.52416678", "unRealizedProfit": "0.5"}
                | {"liquidationPrice": "64846.9", "isolatedMargin": "0", "isolatedWallet": "0", "leverage": "10"}
                | {"marginAsset": "USDT", "initialMargin": "7.5", "maintMargin": "2.4", "updateTime": "1722161166529"}
            ],
            "openOrders": [
                {"orderId": 1917641, "clientOrderId": "abc", "symbol": "BTCUSDT", "side": "BUY", "type": "STOP_MARKET"}
                | {
                    "origType": "STOP_MARKET",
                    "price": "0",
                    "stopPrice": "70000.10",
                    "origQty": "0.009",
                    "status": "NEW",
                }
                | {
                    "executedQty": "0",
                    "cumQuote": "0",
                    "avgPrice": "0.00000",
                    "reduceOnly": True,
                    "time": 1579276756075,
                }
            ],
            "openAlgoOrders": [],
            "userTrades": [
                {"id": 698759, "orderId": 25851813, "symbol": "BTCUSDT", "side": "SELL", "price": "67445.90"}
                | {"qty": "0.009", "quoteQty": "607.01", "commission": "0.24280524", "commissionAsset": "USDT"}
                | {"time": 1722161166529, "positionSide": "BOTH", "buyer": False, "maker": False, "realizedPnl": "0"}
            ],
        },
        {"BTC/USDT:USDT": "-0.009"},
        {"1917641": ("stop", "70000.10")},
        {"698759": "-0.009"},
        {"market": "contracts", "symbols": ("BTC/USDT:USDT",)},
    ),
    Case(
        "okx",
        (market("BTC-USDT-SWAP", "BTC/USDT:USDT", "0.01"),),
        {
            "account/positions": okx(
                {"instId": "BTC-USDT-SWAP", "instType": "SWAP", "pos": "-1", "posSide": "net", "avgPx": "34131.1"}
                | {"mgnMode": "cross", "lever": "2", "markPx": "34134.4", "notionalUsd": "341.344", "ccy": "USDT"}
                | {"liqPx": "12608.9", "mmr": "1.36", "imr": "170", "upl": "0.01", "posId": "339552508062380036"}
            ),
            "orders-algo-pending": okx(
                {"algoId": "2017146754403004416", "instId": "BTC-USDT-SWAP", "ordType": "conditional", "side": "buy"}
                | {"sz": "1", "slTriggerPx": "36000", "slOrdPx": "-1", "tpTriggerPx": "", "state": "live", "ordPx": ""}
                | {
                    "posSide": "net",
                    "reduceOnly": "true",
                    "actualSz": "0",
                    "cTime": "1732618057878",
                    "algoClOrdId": "a1",
                }
            ),
            "orders-pending": okx(),
            "trade/fills": okx(
                {"tradeId": "7", "ordId": "8", "instId": "BTC-USDT-SWAP", "side": "sell", "fillSz": "1"}
                | {"fillPx": "34131.1", "fee": "-0.17", "feeCcy": "USDT", "ts": "1627227626502", "posSide": "net"}
            ),
        },
        {"BTC/USDT:USDT": "-1"},
        {"2017146754403004416": ("stop", "36000")},
        {"7": "-1"},
    ),
    Case(
        "bitget",
        (market("LTCUSDT", "LTC/USDT:USDT"),),
        {
            "account/settings": {"code": "40085", "msg": "You are in Classic Account mode", "data": None},
            "all-position": {
                "code": "00000",
                "msg": "success",
                "data": [
                    {"marginCoin": "USDT", "symbol": "LTCUSDT", "holdSide": "long", "total": "0.1", "available": "0.1"}
                    | {"leverage": "5", "openPriceAvg": "72.66", "marginMode": "crossed", "posMode": "hedge_mode"}
                    | {"marginSize": "1.4532", "unrealizedPL": "-0.004", "liquidationPrice": "0", "markPrice": "72.62"}
                    | {"keepMarginRate": "0.011", "marginRatio": "0.002", "cTime": "1702575043747"}
                ],
            },
            "pending": {"code": "00000", "msg": "success", "data": {"entrustedList": None, "endId": None}},
            "fills": {
                "code": "00000",
                "msg": "success",
                "data": {
                    "fillList": [
                        {"tradeId": "11", "symbol": "LTCUSDT", "orderId": "12", "price": "72.70", "baseVolume": "0.1"}
                        | {"side": "buy", "tradeSide": "close", "posMode": "hedge_mode", "cTime": "1702575043747"}
                        | {"feeDetail": [{"feeCoin": "USDT", "totalFee": "-0.004362"}], "tradeScope": "taker"}
                    ],
                    "endId": "11",
                },
            },
        },
        {"LTC/USDT:USDT": "0.1"},
        {},
        {"11": "-0.1"},
        {"market": "contracts", "position_mode": "hedging", "symbols": ("LTC/USDT:USDT",)},
    ),
    Case(
        "gate",
        (market("BTC_USDT", "BTC/USDT:USDT", "0.0001"),),
        {
            "price_orders": [],
            "/positions": [
                {"contract": "BTC_USDT", "size": -12, "mode": "single", "entry_price": "46030.3", "value": "55.2"}
                | {"mark_price": "46051.6", "leverage": "0", "margin": "8.9", "maintenance_rate": "0.004"}
                | {"liq_price": "0", "unrealised_pnl": "0.00213", "leverage_max": "125", "pending_orders": 1}
            ],
            "my_trades": [
                {
                    "id": "29768497",
                    "order_id": "402052804778",
                    "contract": "BTC_USDT",
                    "size": "-12",
                    "price": "46030.3",
                }
                | {"create_time": "1705950365.664", "fee": "0.027", "role": "taker", "text": "api"}
            ],
            "/orders": [
                {
                    "id": "402052804779",
                    "contract": "BTC_USDT",
                    "size": 12,
                    "left": 12,
                    "price": "40000.00",
                    "tif": "gtc",
                }
                | {
                    "status": "open",
                    "is_reduce_only": True,
                    "create_time": 1705950365.5,
                    "fill_price": "0",
                    "text": "web",
                }
            ],
        },
        {"BTC/USDT:USDT": "-12"},
        {"402052804779": ("limit", None)},
        {"29768497": "-12"},
    ),
    Case(
        "krakenfutures",
        (market("PF_XBTUSD", "BTC/USD:USD"),),
        {
            "openpositions": {
                "result": "success",
                "openPositions": [
                    {"side": "short", "symbol": "PF_XBTUSD", "price": "9392.749993345933", "size": "0.0001"}
                    | {"fillTime": "2020-07-22T14:39:12.376Z", "unrealizedFunding": "0.00001045432180096817"}
                ],
            },
            "openorders": {
                "result": "success",
                "openOrders": [
                    {"order_id": "59302619", "symbol": "PF_XBTUSD", "side": "buy", "orderType": "stop"}
                    | {"stopPrice": "9900", "unfilledSize": "0.0001", "filledSize": "0", "reduceOnly": True}
                    | {"receivedTime": "2019-09-05T17:01:17.410Z", "status": "untouched"}
                ],
            },
            "fills": {
                "result": "success",
                "fills": [
                    {
                        "fill_id": "cad76f07",
                        "symbol": "PF_XBTUSD",
                        "side": "sell",
                        "order_id": "693af756",
                        "size": "0.0001",
                    }
                    | {"price": "9392.7", "fillTime": "2020-07-22T13:37:27.077Z", "fillType": "maker"}
                ],
            },
        },
        {"BTC/USD:USD": "-0.0001"},
        {"59302619": ("stop", "9900")},
        {"cad76f07": "-0.0001"},
    ),
    Case(
        "hyperliquid",
        (market("5", "SOL/USDC:USDC"),),
        {
            "clearinghouseState": {
                "marginSummary": {"accountValue": "11524.2"},
                "assetPositions": [
                    {"type": "oneWay"}
                    | {"position": {"coin": "SOL", "szi": "-0.5", "entryPx": "138.76", "positionValue": "68.98"}}
                ],
            },
            "frontendOpenOrders": [
                {"coin": "SOL", "side": "B", "limitPx": "150.0", "sz": "0.5", "origSz": "0.5", "oid": 3991946565}
                | {"timestamp": 1704262888911, "orderType": "Stop Market", "isTrigger": True, "triggerPx": "145.0"}
                | {"reduceOnly": True, "cloid": None, "children": [], "tif": None, "isPositionTpsl": False}
            ],
            "userFills": [
                {"coin": "SOL", "px": "138.76", "sz": "0.5", "side": "A", "time": 1704262888911, "dir": "Open Short"}
                | {"oid": 1, "tid": 232174667018988, "fee": "0.034", "feeToken": "USDC", "startPosition": "0.0"}
            ],
        },
        {"SOL/USDC:USDC": "-0.5"},
        {"3991946565": ("stop", "145.0")},
        {"232174667018988": "-0.5"},
    ),
    Case(
        "kraken",
        (market("XLTCZUSD", "LTC/USD"),),
        {
            "BalanceEx": {
                "error": [],
                "result": {
                    "ZUSD": {"balance": "10.5", "hold_trade": "0"},
                    "XLTC": {"balance": "0.5000000000", "hold_trade": "0.1"},
                },
            },
            "OpenOrders": {"error": [], "result": {"open": {}}},
            "TradesHistory": {"error": [], "result": {"trades": {}, "count": 0}},
        },
        {"LTC/USD": "0.5"},
        broker={"market": "spot", "quotes": ("USD",)},
    ),
    Case(
        "coinbase",
        (market("LTC-USDC", "LTC/USDC"),),
        {
            "accounts": {
                "accounts": [
                    {"uuid": "u1", "currency": coin, "available_balance": {"value": "0.25000000", "currency": coin}}
                    | {"hold": {"value": "0.05", "currency": coin}, "type": kind, "active": True, "ready": True}
                    for coin, kind in (("LTC", "ACCOUNT_TYPE_CRYPTO"), ("USDC", "ACCOUNT_TYPE_CRYPTO"))
                ],
                "has_next": False,
                "cursor": "",
                "size": 2,
            },
            "orders/historical/batch": {"orders": [], "has_next": False, "cursor": ""},
            "fills": {"fills": [], "cursor": ""},
        },
        {"LTC/USDC": "0.30000000"},
        broker={"market": "spot", "quotes": ("USDC",)},
        keys={"apiKey": "organizations/o/apiKeys/k", "secret": pem()},
    ),
    Case(
        "binance",
        (LTC_SPOT,),
        {
            "/account": {
                "balances": [
                    {"asset": "LTC", "free": "1.50000000", "locked": "0.50000000"},
                    {"asset": "USDT", "free": "9.1", "locked": "0"},
                    {"asset": "NFT", "free": "100", "locked": "0"},
                ]
            },
            "openOrders": [],
            "myTrades": [],
        },
        {"LTC/USDT": "2", "NFT/USDT": "100"},
        broker={"market": "spot", "quotes": ("USDT",)},
    ),
)
