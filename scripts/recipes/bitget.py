"""How do recorded messages of Bitget's private futures channels become a recording that `trueup import` reads?

    python scripts/recipes/bitget.py LOG.jsonl SESSION --utc-offset +02:00 [--whole] > incident.jsonl

Reads lines of {"session", "kind", "logged_at", "payload"}. Position messages become snapshots, filled orders the fills
that the trading process heard of, other order messages its orders; balances are left out.

--utc-offset  of `logged_at`, which names no zone; a log from Madrid is +02:00 in October and +01:00 in November (L46)
--whole       you know that each position message is the whole list (`"action": "snapshot"`). Without it they are parts
              of a stream, and nothing that one does not mention is taken to be gone

What cannot be read is named on stderr and handed on as it is, so that `trueup import` refuses it by its line; messages
without a time are named and left out. A session that the log does not have ends with 2.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

STATUSES = {"new": "accepted", "partial": "partially_filled", "canceled": "canceled", "filled": "filled"}
STATUSES |= {"full-fill": "filled", "partial-fill": "partially_filled", "cancelled": "canceled"}


def converted(lines: Iterator[str], session: str, offset: str, *, whole: bool) -> Iterator[dict[str, Any]]:
    """The session's messages, in order of arrival. Raises SystemExit where the log has none of it."""
    filled: dict[str, Decimal] = {}
    met: dict[str, None] = {}
    at = "1970-01-01T00:00:00Z"
    for number, text in enumerate(lines, 1):
        try:
            message = json.loads(text, parse_float=Decimal, parse_int=Decimal)
            met[str(message["session"])] = None
            if message["session"] != session:
                continue
            if not message["logged_at"]:
                sys.stderr.write(f"line {number}: {message.get('kind')} names no time (logged_at); left out\n")
                continue
            at = utc(message["logged_at"] + offset)
            yield from read(message, at, filled, whole=whole)
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            sys.stderr.write(f"line {number}: not understood ({type(error).__name__}: {error}); handed on as it is\n")
            yield {"at": at, "kind": "not understood", "line": number, "text": text.strip()[:1000]}
    if session not in met:
        sys.stderr.write(f"the log has no session {session!r}; it has {', '.join(met) or 'none'}\n")
        raise SystemExit(2)


def read(message: dict[str, Any], at: str, filled: dict[str, Decimal], *, whole: bool) -> list[dict[str, Any]]:
    """The lines that one message makes; none for balances."""
    rows, channel = opened(message["kind"], message["payload"])
    if channel == "positions":
        listed = [position(row) for row in rows]
        return [{"at": at, "kind": "snapshot", "surface": "positions", "complete": whole, "positions": listed}]
    return [line for row in rows for line in order(row, at, filled)] if channel == "orders" else []


def opened(kind: str, payload: Any) -> tuple[list[dict[str, Any]], str]:
    """The rows of a message, and which channel it is of: the session's own logs wrap them in three ways."""
    if isinstance(payload, list):
        return payload, kind.partition("_")[0]
    if "arg" in payload:
        return payload["data"], payload["arg"]["channel"]
    if "positions" in payload:
        return payload["positions"], "positions"
    return [payload], "orders" if "exchangeId" in payload else ""


def utc(at: str) -> str:
    """A time with an offset, in UTC."""
    return datetime.fromisoformat(at).astimezone(UTC).isoformat().replace("+00:00", "Z")


def position(row: dict[str, Any]) -> dict[str, Any]:
    """One position; its profit and mark price are no part of what it is."""
    if "instId" in row:
        return {
            "symbol": row["instId"],
            "side": row["holdSide"],
            "quantity": row["total"],
            "price": row["averageOpenPrice"],
        }
    return {
        "symbol": row["symbol"]["baseAsset"] + row["symbol"]["quoteAsset"],
        "side": row["positionSide"],
        "quantity": str(row["positionAmount"]),
        "price": str(row["price"]),
    }


def order(row: dict[str, Any], at: str, filled: dict[str, Decimal]) -> Iterator[dict[str, Any]]:
    """An order as it now stands, after the fill that made it so. Conditional orders state no quantity: left out."""
    raw = "instId" in row
    if not raw and "baseQuantity" not in row:
        return
    broker_id = row["ordId"] if raw else row["exchangeId"]
    symbol = row["instId"] if raw else row["symbol"]["baseAsset"] + row["symbol"]["quoteAsset"]
    status = STATUSES.get(row["status"], row["status"])
    if status in ("filled", "partially_filled"):
        before = filled.get(broker_id, Decimal(0))
        if raw:
            quantity, price = Decimal(row["fillSz"]), row["fillPx"]
        else:  # the last message states the whole order, and the value of the last fill
            quantity = row["baseQuantity"] - (before if status == "filled" else 0)
            price = str(row["quoteQuantity"] / quantity)
        filled[broker_id] = before + quantity
        fill = {"symbol": symbol, "side": row["side"], "quantity": str(quantity), "price": price}
        fill |= {"execution_id": row.get("tradeId") or f"{broker_id}/{filled[broker_id]}", "order_id": broker_id}
        yield {"at": at, "kind": "local", "fill": fill}
    if raw or status != "partially_filled":
        said = {"client_order_id": row["clOrdId"] if raw else row["id"], "order_id": broker_id, "symbol": symbol}
        said |= {"side": row["side"], "type": row["ordType"] if raw else row["type"], "status": status}
        said |= {"quantity": row["sz"] if raw else str(row["baseQuantity"])}
        yield {"at": at, "kind": "local", "order": said}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("log")
    parser.add_argument("session")
    parser.add_argument("--utc-offset", default="+00:00")
    parser.add_argument("--whole", action="store_true")
    asked = parser.parse_args()
    with open(asked.log, encoding="utf-8") as file:
        for line in converted(file, asked.session, asked.utc_offset, whole=asked.whole):
            sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
