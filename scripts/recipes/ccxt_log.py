"""How do logged answers of ccxt become a recording that `trueup import` reads?

    python scripts/recipes/ccxt_log.py LOG.jsonl EXCHANGE [--at 2025-08-01T00:00:00Z] > incident.jsonl

Reads lines of {"exchange", "method", "input", "parsedResponse", "logged_at"?}. An answer without a time of its own gets
the latest that its rows state, and never one before the answer above it; --at is where the first begins.

`fetchPositions` of all symbols and `fetchOpenOrders` are whole lists; of named symbols, and trades, which come in pages
(L05), are partial. Methods that are no question of ours are named on stderr. Nothing is filled in: a row without a
side or a quantity is handed on as it is, and `trueup import` refuses it by name (L36, L41). A line that is none of this
form is named on stderr and handed on too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

SURFACES = {
    "fetchPositions": ("positions", "positions"),
    "fetchPosition": ("positions", "positions"),
    "fetchOpenOrders": ("open_orders", "orders"),
    "fetchOrder": ("order", "orders"),
    "fetchMyTrades": ("fills", "fills"),
}


def converted(lines: Iterator[str], exchange: str, at: str) -> Iterator[dict[str, Any]]:
    """The exchange's answers, in order."""
    latest = moment(int(datetime.fromisoformat(at).timestamp()) * 1000)
    for number, text in enumerate(lines, 1):
        try:
            logged = json.loads(text, parse_float=str, parse_int=str)
            if logged["exchange"] != exchange:
                continue
            surface, listed = SURFACES.get(logged["method"], ("", ""))
            given = logged["parsedResponse"]
        except (KeyError, TypeError, ValueError) as error:
            sys.stderr.write(f"line {number}: no logged answer ({type(error).__name__}: {error}); handed on as it is\n")
            yield {"at": latest, "kind": "not understood", "line": number, "text": text.strip()[:1000]}
            continue
        if not surface:
            sys.stderr.write(f"line {number}: {logged['method']} answers no question of ours; left out\n")
            continue
        rows = [row for row in (given if isinstance(given, list) else [given]) if isinstance(row, dict)]
        times = [int(row["timestamp"]) for row in rows if str(row.get("timestamp") or "").isdigit()]
        own = logged.get("logged_at") or (moment(max(times)) if times else latest)
        latest = max(latest, own)
        named = any(bool(part) for part in logged.get("input") or [] if not isinstance(part, dict))
        complete = surface in ("order", "open_orders") or (surface == "positions" and not named)
        made = {"positions": position, "orders": order, "fills": fill}[listed]
        yield {"at": latest, "kind": "snapshot", "surface": surface, "complete": complete, listed: [*map(made, rows)]}


def moment(ms: int) -> str:
    """Milliseconds since 1970 as the text of a time."""
    return (
        datetime.fromtimestamp(ms // 1000, UTC)
        .replace(microsecond=ms % 1000 * 1000)
        .isoformat(timespec="milliseconds")[:23]
        + "Z"
    )


def position(row: dict[str, Any]) -> dict[str, Any]:
    """In contracts, as the exchange counts."""
    return {
        "symbol": row.get("symbol"),
        "side": row.get("side"),
        "quantity": row.get("contracts"),
        "price": row.get("entryPrice"),
    }


def order(row: dict[str, Any]) -> dict[str, Any]:
    """A limit is one only where the type says so: an average price stands in the same field otherwise."""
    limited = "limit" in str(row.get("type") or "")
    return {
        "order_id": row.get("id"),
        "client_order_id": row.get("clientOrderId"),
        "symbol": row.get("symbol"),
        "side": row.get("side"),
        "type": row.get("type"),
        "quantity": row.get("amount"),
        "filled": row.get("filled"),
        "limit": row.get("price") if limited else None,
        "stop": row.get("triggerPrice"),
        "status": status(row),
        "reduce_only": row.get("reduceOnly"),
    }


def status(row: dict[str, Any]) -> str | None:
    """`closed` only says that an order works no more: filled it is when its fills cover it; else it keeps its word."""
    said = row.get("status")
    if said == "open":
        return "accepted"
    if said == "closed" and row.get("filled") is not None and row["filled"] == row.get("amount"):
        return "filled"
    return said if isinstance(said, str) else None


def fill(row: dict[str, Any]) -> dict[str, Any]:
    """One trade."""
    fee = row["fee"] if isinstance(row.get("fee"), dict) else {}
    return {
        "execution_id": row.get("id"),
        "order_id": row.get("order"),
        "symbol": row.get("symbol"),
        "side": row.get("side"),
        "quantity": row.get("amount"),
        "price": row.get("price"),
        "fee": fee.get("cost"),
        "fee_asset": fee.get("currency"),
        "at": row.get("datetime"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("log")
    parser.add_argument("exchange")
    parser.add_argument("--at", default="2020-01-01T00:00:00Z")
    asked = parser.parse_args()
    with open(asked.log, encoding="utf-8") as file:
        for line in converted(file, asked.exchange, asked.at):
            sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
