"""How do recorded messages of an exchange's private streams become a recording that `trueup import` reads?

    python scripts/recipes/streams.py LOG.jsonl [--session NAME] [--utc-offset +02:00] [--whole] > incident.jsonl

Reads one message a line, as it came or inside of {"payload" | "message" | "data": ...} with a time of receipt ("at",
"logged_at", "received", "ts"), else the message's own time is taken (L46). Understood are Binance futures and spot,
Bybit v5, OKX, Bitget, KuCoin futures and Gate futures. Position messages become snapshots, executions the fills
that the trading process heard of, order messages its orders; balances, replies and heartbeats are left out.

--session     only lines whose "session" this is
--utc-offset  of times that name no zone
--whole       you know that each position message is the whole list. Without it they are parts of a stream, and nothing
              that one does not mention is taken to be gone

A message of no kind known here is named on stderr and handed on, so that `trueup import` refuses it by its line. On an
account in hedge mode each leg of a symbol is a ticket, `BTCUSDT/long`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

Row = dict[str, Any]

STATUSES = {"new": "accepted", "live": "accepted", "open": "accepted", "untriggered": "accepted", "init": "accepted"}
STATUSES |= {"partiallyfilled": "partially_filled", "filled": "filled", "match": "partially_filled"}
STATUSES |= {"canceled": "canceled", "cancelled": "canceled", "partiallyfilledcanceled": "canceled"}
STATUSES |= {"fullfill": "filled", "partialfill": "partially_filled"}
STATUSES |= {"rejected": "rejected", "expired": "expired"}
SIDES = {"buy": "long", "sell": "short", "long": "long", "short": "short"}


def held(row: Row, symbol: str, size: str, price: str, side: str = "") -> Row:
    """A position. Without a side that says long or short, the sign of its size does (L28)."""
    amount, said = Decimal(str(row[size])), SIDES.get(str(row.get(side)).lower())
    made = {"symbol": row[symbol], "side": said or ("short" if amount < 0 else "long")}
    return {**made, "quantity": str(abs(amount)), "price": row.get(price) or None} | ticket(row, row[symbol])


def ticket(row: Row, symbol: str) -> Row:
    """The leg of a symbol on an account in hedge mode, where the row says that it is one (L29)."""
    hedged = row.get("holdMode") != "single_hold" and row.get("posMode") != "one_way_mode"
    said = [str(row.get(name)).lower() for name in ("ps", "posSide", "positionSide", *(["holdSide"] * hedged))]
    said += [{"1": "long", "2": "short"}.get(str(row.get("positionIdx")), "")]
    leg = next((one for one in said if one in ("long", "short")), None)
    return {} if leg is None else {"ticket": f"{symbol}/{leg}"}


def ordered(row: Row, names: str) -> Row:
    """An order, by the names of its symbol, side, type, quantity, status, id and client id."""
    symbol, side, kind, quantity, status, own, client = names.split()
    word = str(row[status]).replace("_", "").replace("-", "").lower()
    made = {"symbol": row[symbol], "side": str(row[side]).lower(), "type": str(row[kind]).lower()}
    made |= {"quantity": str(abs(Decimal(str(row[quantity])))), "status": STATUSES.get(word, word)}
    return {"order": made | {"order_id": str(row[own]), "client_order_id": str(row.get(client) or row[own])}}


def filled(row: Row, names: str) -> Row:
    """An execution, by the names of its symbol, side, quantity, price, id and order id."""
    symbol, side, quantity, price, own, order = names.split()
    made = {"symbol": row[symbol], "side": str(row[side]).lower(), "quantity": str(abs(Decimal(str(row[quantity]))))}
    made |= {"price": row[price], "execution_id": str(row[own]), "order_id": str(row[order])}
    return {"fill": made | ticket(row, row[symbol])}


BINANCE_OTHERS = ("outboundAccountPosition", "balanceUpdate", "TRADE_LITE", "ACCOUNT_CONFIG_UPDATE", "listenKeyExpired")
Lines = tuple[list[Row] | None, list[Row]]
"""The positions that a message states (None: it is about none), and what the process heard by it."""


def binance(message: Row) -> Lines | None:
    kind = message.get("e")
    if kind == "ACCOUNT_UPDATE":
        return [held(row, "s", "pa", "ep") for row in message["a"].get("P", [])], []
    row = message.get("o") if kind == "ORDER_TRADE_UPDATE" else message if kind == "executionReport" else None
    if not isinstance(row, dict):
        return (None, []) if kind in BINANCE_OTHERS else None
    fills = [filled(row, "s S l L t i")] if row["x"] == "TRADE" else []
    return None, [*fills, ordered(row, "s S o q X i c")]


def bybit(message: Row) -> Lines | None:
    topic, rows = str(message.get("topic", "")).partition(".")[0], message.get("data")
    if topic == "position":
        return [held(row, "symbol", "size", "entryPrice", "side") for row in rows or []], []
    if topic == "execution":
        trades = [row for row in rows or [] if row.get("execType", "Trade") == "Trade"]
        return None, [filled(row, "symbol side execQty execPrice execId orderId") for row in trades]
    if topic == "order":
        return None, [ordered(row, "symbol side orderType qty orderStatus orderId orderLinkId") for row in rows or []]
    return (None, []) if topic == "wallet" or message.get("op") in ("auth", "subscribe", "pong") else None


def okx(message: Row) -> Lines | None:
    """OKX, and Bitget in the same envelope with other names."""
    arg, rows = message.get("arg"), message.get("data") or []
    if not isinstance(arg, dict):
        return (None, []) if message.get("event") in ("login", "subscribe", "pong") else None
    channel = str(arg.get("channel"))
    if message.get("event") or channel in ("account", "balance_and_position", "liquidation-warning"):
        return None, []
    if channel == "positions":
        ours = [
            row
            if "pos" in row
            else {**row, "pos": row["total"], "avgPx": row.get("openPriceAvg") or row.get("averageOpenPrice")}
            for row in rows
        ]
        return [held(row, "instId", "pos", "avgPx", "posSide" if "posSide" in row else "holdSide") for row in ours], []
    if channel == "fill":
        return None, [filled(row, "symbol side baseVolume price tradeId orderId") for row in rows]
    if channel != "orders":
        return None
    if any("orderId" in row for row in rows):
        return None, [ordered(row, "instId side orderType size status orderId clientOid") for row in rows]
    made: list[Row] = []
    for row in rows:
        traded = Decimal(str(row.get("fillSz") or 0)) and row.get("tradeId")
        made += [filled(row, "instId side fillSz fillPx tradeId ordId")] if traded else []
        made.append(ordered({"state": row.get("status"), **row}, "instId side ordType sz state ordId clOrdId"))
    return None, made


def kucoin(message: Row) -> Lines | None:
    topic, row = str(message.get("topic", "")), message.get("data")
    if topic.startswith("/contract/position") and isinstance(row, dict):
        return ([held(row, "symbol", "currentQty", "avgEntryPrice")], []) if "currentQty" in row else (None, [])
    if topic.startswith("/contractMarket/tradeOrders") and isinstance(row, dict):
        fills = [filled(row, "symbol side matchSize matchPrice tradeId orderId")] if row["type"] == "match" else []
        ended = {"filled": "filled", "canceled": "canceled"}.get(row["type"], row["status"])
        own = {"orderType": "limit", **row, "state": ended}
        return None, [*fills, ordered(own, "symbol side orderType size state orderId clientOid")]
    known = topic.startswith("/contractAccount") or message.get("type") in ("welcome", "ack", "pong")
    return (None, []) if known else None


def gate(message: Row) -> Lines | None:
    channel, rows = str(message.get("channel", "")), message.get("result")
    if not channel.startswith("futures."):
        return None
    if message.get("event") != "update" or not isinstance(rows, list):
        return None, []
    if channel == "futures.positions":
        return [held(row, "contract", "size", "entry_price") for row in rows], []
    if channel == "futures.usertrades":
        return None, [filled({**row, **gated(row)}, "contract side size price id order_id") for row in rows]
    if channel == "futures.orders":
        own = [{**row, **gated(row), "state": row.get("finish_as") or row["status"]} for row in rows]
        return None, [ordered(row, "contract side type size state id text") for row in own]
    return None, []


def gated(row: Row) -> Row:
    """Gate's side is the sign of the size; a price of 0 is an order at the market."""
    at_market = not Decimal(str(row.get("price") or 0))
    return {"side": "sell" if Decimal(str(row["size"])) < 0 else "buy", "type": "market" if at_market else "limit"}


DIALECTS: tuple[Callable[[Row], Lines | None], ...] = (binance, bybit, okx, kucoin, gate)


# -- lines -------------------------------------------------------------------------------------------------


def converted(lines: Iterator[str], session: str | None, offset: str | None, *, whole: bool) -> Iterator[Row]:
    """The messages, in order of arrival."""
    at = "1970-01-01T00:00:00Z"
    for number, text in enumerate(lines, 1):
        try:
            line = json.loads(text, parse_float=str)
            if not text.strip() or (session is not None and line.get("session") != session):
                continue
            message = next((line[name] for name in ("payload", "message") if isinstance(line.get(name), dict)), line)
            at = time_of(line, message, offset)
            found = next((made for dialect in DIALECTS if (made := dialect(message)) is not None), None)
            if found is None:
                raise ValueError("a message of no kind that is known here")
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            sys.stderr.write(f"line {number}: {type(error).__name__}: {error}; handed on as it is\n")
            yield {"at": at, "kind": "not understood", "line": number, "text": text.strip()[:1000]}
            continue
        positions, heard = found
        if positions is not None:
            yield {"at": at, "kind": "snapshot", "surface": "positions", "complete": whole, "positions": positions}
        yield from ({"at": at, "kind": "local", **one} for one in heard)


def time_of(line: Row, message: Row, offset: str | None) -> str:
    """When it was received, else what the message says; in UTC."""
    times = [line.get(name) for name in ("at", "logged_at", "received", "received_at")]
    times += [message.get(name) for name in ("E", "creationTime", "ts", "time_ms", "time", "timestamp")]
    rows = message.get("data")
    inner = rows if isinstance(rows, dict) else rows[0] if isinstance(rows, list) and rows else {}
    times += [inner.get("ts"), inner.get("uTime")]
    said = str(next((one for one in times if one), ""))
    if said.isdigit():
        seconds = 10 ** max(0, len(said) - 10)  # 10 digits are seconds, 13 milliseconds, 16 and 19 less
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(said) * 1_000_000 // seconds)
    elif not said:
        raise ValueError("it names no time")
    else:
        moment = datetime.fromisoformat(said)
        if moment.tzinfo is None:
            if offset is None:
                raise ValueError(f"its time {said} names no zone; say --utc-offset")
            moment = datetime.fromisoformat(said + offset)
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("log")
    parser.add_argument("--session")
    parser.add_argument("--utc-offset")
    parser.add_argument("--whole", action="store_true")
    asked = parser.parse_args()
    with open(asked.log, encoding="utf-8") as file:
        for line in converted(file, asked.session, asked.utc_offset, whole=asked.whole):
            sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
