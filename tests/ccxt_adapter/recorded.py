"""What was recorded, and what does the exchange's own row say, read without the adapter and without ccxt?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "ccxt_responses.jsonl"
TEXT = FILE.read_text(encoding="utf-8")
LINES: list[dict[str, Any]] = [json.loads(line, parse_float=Decimal) for line in TEXT.splitlines()]

E8, E18 = Decimal("1e-8"), Decimal("1e-18")


def body(line: Mapping[str, Any]) -> Any:
    """The raw answer."""
    given = line["httpResponse"]
    return json.loads(given, parse_float=Decimal) if isinstance(given, str) else given


def parsed(line: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What ccxt made of it, as rows."""
    given = line["parsedResponse"]
    return given if isinstance(given, list) else [given]


def dicts(there: Any) -> Iterator[dict[str, Any]]:
    """Every object in a raw answer, outermost first."""
    if isinstance(there, dict):
        yield there
        for cell in there.values():
            yield from dicts(cell)
    elif isinstance(there, list):
        for cell in there:
            yield from dicts(cell)


def raw_with(line: Mapping[str, Any], one: str) -> dict[str, Any]:
    """The innermost raw row that has this id in a cell of its own, or that stands under it."""
    found = [d for d in dicts(body(line)) if one in map(str, d.values())]
    return found[-1] if found else next(d[one] for d in dicts(body(line)) if one in d)


def number(cell: Any) -> Decimal | None:
    return None if cell in (None, "") else Decimal(str(cell))


def first(row: Mapping[str, Any], *names: str) -> Any:
    return next((row[name] for name in names if name in row), None)


def side(word: Any) -> str:
    """buy or sell, by the first letters of whatever word, or by phemex's numbers."""
    text = str(word).lower()
    return "buy" if text.startswith(("buy", "1", "true")) else "sell"


# -- by hand, from each exchange's own documentation -------------------------------------------------------


def position(exchange: str, raw: Mapping[str, Any]) -> Decimal:
    """The signed size of a raw position."""
    if exchange == "binance":
        return Decimal(raw["positionAmt"])
    if exchange in ("modetrade", "woofipro"):
        return Decimal(raw["position_qty"])
    if exchange == "derive":
        return Decimal(raw["amount"])
    size = Decimal(first(raw, "total", "net_size", "open_interest", "volume", "size"))
    word = str(first(raw, "holdSide", "position_side", "side", "direction")).upper()
    return -size if word.endswith(("SHORT", "SELL")) else size


def order(exchange: str, raw: Mapping[str, Any]) -> tuple[str, Decimal, Decimal | None]:
    """(side, quantity, filled) of a raw order."""
    if exchange == "vertex":
        amount = Decimal(raw["amount"])
        return ("sell" if amount < 0 else "buy"), abs(amount) * E18, (amount - Decimal(raw["unfilled_amount"])) * E18
    if exchange == "wavesexchange":
        return raw["type"], Decimal(raw["amount"]) * E8, Decimal(raw["filled"]) * E8
    if exchange == "coinmetro":
        return "sell", Decimal(raw["sellingQty"]), Decimal(raw["soldQty"])
    if exchange == "yobit":
        return raw["type"], Decimal(raw["start_amount"]), Decimal(raw["start_amount"]) - Decimal(raw["amount"])
    if exchange == "coinbase":
        size = raw["order_configuration"]["market_market_ioc"]["base_size"]
        return side(raw["side"]), Decimal(size), Decimal(raw["filled_size"])
    if exchange == "krakenfutures":
        filled = Decimal(first(raw, "filledSize", "filled"))
        return side(first(raw, "side", "direction")), filled + Decimal(first(raw, "unfilledSize", "quantity")), filled
    if "cumBaseValueEv" in raw:
        return side(raw["side"]), Decimal(raw["cumBaseValueEv"]) * E8, Decimal(raw["cumBaseValueEv"]) * E8
    way = side(first(raw, "side", "direction", "type"))
    if exchange == "bitget" and raw.get("tradeSide") == "close":
        way = "buy" if way == "sell" else "sell"  # hedge mode names the position's side
    quantity = first(raw, "origQty", "qty", "requestedAmountCcy1", "volume", "orderQtyRq", "size", "quantity", "amount")
    filled = first(
        raw,
        "executedQty",
        "cumExecQty",
        "executedAmountCcy1",
        "filled_amount",
        "field-amount",
        "filled-amount",
        "trade_volume",
        "dealSize",
        "total_executed_quantity",
        "cumQtyRq",
        "execQtyRq",
        "baseVolume",
    )
    return way, Decimal(str(quantity)), number(filled)


def trade(exchange: str, raw: Mapping[str, Any]) -> tuple[Decimal, Decimal, Decimal | None]:
    """(signed quantity, price, fee paid or None where the row states none) of a raw execution."""
    way = first(raw, "side", "isBuyer", "direction", "type")
    names = ("qty", "execQty", "trade_amount", "filled-amount", "executed_quantity", "execQtyRq", "size", "baseVolume")
    quantity = Decimal(first(raw, *names, "amount"))
    price = Decimal(
        first(raw, "price", "priceAvg", "execPrice", "trade_price", "executed_price", "execPriceRp", "rate")
    )
    buys = side(way) == "buy"
    if exchange == "bitget" and raw.get("tradeSide") == "close":
        buys = not buys
    fee = number(first(raw, "commission", "execFee", "fee", "trade_fee", "filled-fees", "execFeeRv"))
    if "feeDetail" in raw:
        detail = raw["feeDetail"]
        fee = -Decimal((detail[0] if isinstance(detail, list) else detail)["totalFee"])
    return (quantity if buys else -quantity), price, fee
