"""Do messages of several exchanges' private streams become a recording in which nothing is wrong, and nothing lost?

In each session the position moves before the fill message comes (L13), the process hears of everything it did, and the
book ends as the exchange's positions do.
"""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from house.source import ROOT
from incident.told import brought, events, is_sound
from trueup.decisions import BreakMoved
from trueup.facts import FillRecorded, OrderRecorded

ACCOUNT = "import:recording"
T0 = 1_700_000_000_000


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


def recipe(name: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, str(ROOT / "scripts" / "recipes" / f"{name}.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False)


def recorded(tmp_path: Path, messages: list[Any], *flags: str) -> tuple[bytes, str]:
    """The recording that the recipe makes of these messages, and what it says on stderr."""
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in messages) + "\n")
    ended = recipe("streams", log, *flags)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, ended.stderr.decode()


# -- sessions: sell 2 at 100, then buy 1 back at 90 --------------------------------------------------------


def binance(at: int, step: str, **cells: Any) -> dict[str, Any]:
    if step == "position":
        held = {"s": "LTCUSDT", "pa": cells["size"], "ep": "100", "ps": "BOTH"}
        return {"e": "ACCOUNT_UPDATE", "E": at, "a": {"m": "ORDER", "B": [], "P": [held]}}
    order = {"s": "LTCUSDT", "c": cells["id"], "i": int(cells["id"]), "S": cells["side"].upper(), "o": "MARKET"}
    order |= {"q": cells["size"], "ps": "BOTH", "x": "NEW", "X": "NEW", "l": "0", "L": "0", "t": 0}
    if step == "filled":
        order |= {"x": "TRADE", "X": "FILLED", "l": cells["size"], "L": cells["price"], "t": int(cells["id"]) + 100}
    return {"e": "ORDER_TRADE_UPDATE", "E": at, "o": order}


def bybit(at: int, step: str, **cells: Any) -> list[dict[str, Any]] | dict[str, Any]:
    if step == "position":
        size = Decimal(cells["size"])
        held = {"symbol": "LTCUSDT", "size": str(abs(size)), "entryPrice": "100", "positionIdx": 0}
        held["side"] = "" if size == 0 else "Sell" if size < 0 else "Buy"
        return {"topic": "position.linear", "creationTime": at, "data": [held]}
    own = {"symbol": "LTCUSDT", "side": cells["side"].title(), "orderId": cells["id"], "orderLinkId": ""}
    status = "Filled" if step == "filled" else "New"
    order = {"topic": "order", "creationTime": at, "data": [own | {"qty": cells["size"], "orderType": "Market"}]}
    order["data"][0]["orderStatus"] = status  # type: ignore[index]
    if step == "new":
        return order
    execution = own | {"execId": f"x{cells['id']}", "execQty": cells["size"], "execPrice": cells["price"]}
    funding = own | {"execId": "f", "execQty": "2", "execPrice": "100", "execType": "Funding"}
    return [{"topic": "execution", "creationTime": at, "data": [execution | {"execType": "Trade"}, funding]}, order]


def okx(at: int, step: str, **cells: Any) -> dict[str, Any]:
    if step == "position":
        row = {"instId": "LTC-USDT-SWAP", "pos": cells["size"], "posSide": "net", "avgPx": "100", "uTime": str(at)}
        return {"arg": {"channel": "positions", "instType": "SWAP"}, "data": [row]}
    row = {"instId": "LTC-USDT-SWAP", "ordId": cells["id"], "clOrdId": "", "side": cells["side"], "sz": cells["size"]}
    row |= {"ordType": "market", "posSide": "net", "uTime": str(at), "state": "live", "fillSz": "0", "tradeId": ""}
    if step == "filled":
        row |= {"state": "filled", "fillSz": cells["size"], "fillPx": cells["price"], "tradeId": f"t{cells['id']}"}
    return {"arg": {"channel": "orders"}, "data": [row]}


def kucoin(at: int, step: str, **cells: Any) -> list[dict[str, Any]]:
    if step == "position":
        row = {"symbol": "LTCUSDTM", "currentQty": int(cells["size"]), "avgEntryPrice": 100, "changeReason": "x"}
        return [{"topic": "/contract/position:LTCUSDTM", "ts": at, "subject": "position.change", "data": row}]
    own = {"orderId": cells["id"], "symbol": "LTCUSDTM", "side": cells["side"], "size": cells["size"], "ts": at * 10**6}
    match = {"type": "match", "status": "match", "matchSize": cells["size"], "matchPrice": cells.get("price")}
    steps = [match | {"tradeId": f"t{cells['id']}"}, {"type": "filled", "status": "done"}]
    steps = [{"type": "open", "status": "open"}] if step == "new" else steps
    return [{"topic": "/contractMarket/tradeOrders", "subject": "orderChange", "data": own | one} for one in steps]


def gate(at: int, step: str, **cells: Any) -> list[dict[str, Any]]:
    head = {"time_ms": at, "event": "update"}
    if step == "position":
        row = {"contract": "LTC_USDT", "size": int(cells["size"]), "entry_price": 100, "mode": "single"}
        return [head | {"channel": "futures.positions", "result": [row]}]
    size = int(cells["size"]) * (-1 if cells["side"] == "sell" else 1)
    row = {"contract": "LTC_USDT", "size": size, "id": int(cells["id"]), "price": 0, "text": "-", "status": "open"}
    if step == "new":
        return [head | {"channel": "futures.orders", "result": [row]}]
    trade = {"contract": "LTC_USDT", "size": size, "price": cells["price"], "id": f"t{cells['id']}"}
    ended = row | {"status": "finished", "finish_as": "filled"}
    return [
        head | {"channel": "futures.usertrades", "result": [trade | {"order_id": cells["id"]}]},
        head | {"channel": "futures.orders", "result": [ended]},
    ]


def bitget(at: int, step: str, **cells: Any) -> dict[str, Any]:
    if step == "position":
        size = Decimal(cells["size"])
        row = {"instId": "LTCUSDT", "holdSide": "short" if size < 0 else "long", "total": str(abs(size))}
        row |= {"openPriceAvg": "100", "posMode": "one_way_mode"}
        return {"action": "snapshot", "ts": at, "arg": {"channel": "positions"}, "data": [row] if size else []}
    row = {"instId": "LTCUSDT", "orderId": cells["id"], "clientOid": cells["id"], "side": cells["side"]}
    if step == "new":
        order = row | {"orderType": "market", "size": cells["size"], "status": "live"}
        return {"ts": at, "arg": {"channel": "orders"}, "data": [order]}
    fill = {"symbol": "LTCUSDT", "orderId": cells["id"], "side": cells["side"], "tradeId": f"t{cells['id']}"}
    fill |= {"baseVolume": cells["size"], "price": cells["price"]}
    return {"ts": at, "arg": {"channel": "fill"}, "data": [fill]}


DIALECTS = {one.__name__: one for one in (binance, bybit, okx, kucoin, gate, bitget)}


def session(dialect: Any) -> list[Any]:
    steps = [
        (0, "position", {"size": "0"}),
        (60_000, "new", {"id": "11", "side": "sell", "size": "2"}),
        (60_040, "position", {"size": "-2"}),
        (60_050, "filled", {"id": "11", "side": "sell", "size": "2", "price": "100"}),
        (120_000, "position", {"size": "-2"}),
        (180_000, "new", {"id": "12", "side": "buy", "size": "1"}),
        (180_040, "position", {"size": "-1"}),
        (180_050, "filled", {"id": "12", "side": "buy", "size": "1", "price": "90"}),
        (240_000, "position", {"size": "-1"}),
        (300_000, "position", {"size": "-1"}),
    ]
    made = [dialect(T0 + after, step, **cells) for after, step, cells in steps]
    return [one for part in made for one in (part if isinstance(part, list) else [part])]


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_l13_a_position_that_moves_before_its_fill_needs_no_correction(
    url: str, tmp_path: Path, dialect: Any, *, whole: bool
) -> None:
    raw, said = recorded(tmp_path, session(dialect), *["--whole"] * whole)
    assert said == ""
    done = brought(url, raw)
    assert (done.refused_count, done.backwards, done.open_breaks) == (0, 0, 0)
    assert [e.correction for e in events(url, ACCOUNT) if isinstance(e, BreakMoved) and e.correction is not None] == []
    state = is_sound(url, ACCOUNT)
    assert holdings(state) == {None: -1}
    assert sum(isinstance(e, FillRecorded) for e in events(url, ACCOUNT)) == 2
    statuses = [e.status.value for e in events(url, ACCOUNT) if isinstance(e, OrderRecorded)]
    assert statuses[0] == "accepted"
    assert ("filled" in statuses) == (dialect is not bitget)  # its orders were not told again


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_a_fill_that_never_came_is_found(url: str, tmp_path: Path, dialect: Any) -> None:
    """The second execution is lost on its way to the process: what the exchange holds is adopted (L10)."""
    messages = session(dialect)
    lost = {
        json.dumps(one) for one in as_list(dialect(T0 + 180_050, "filled", id="12", side="buy", size="1", price="90"))
    }
    raw, _ = recorded(tmp_path, [one for one in messages if json.dumps(one) not in lost])
    done = brought(url, raw)
    assert done.corrections == 1
    assert holdings(is_sound(url, ACCOUNT)) == {None: -1}


def holdings(state: Any) -> dict[str | None, Decimal]:
    """Ticket, or None, to signed quantity, of whatever the book holds."""
    held = [slot.holding for slot in state.book.values() if slot.holding is not None]
    return {one.ticket: one.signed_quantity for one in held}


def as_list(made: Any) -> list[Any]:
    return made if isinstance(made, list) else [made]


def test_l31_legs_of_a_hedged_account_are_tickets(url: str, tmp_path: Path) -> None:
    rows = [
        {"symbol": "LTCUSDT", "size": "2", "side": side, "entryPrice": "100", "positionIdx": index}
        for side, index in (("Buy", 1), ("Sell", 2))
    ]
    messages = [{"topic": "position", "creationTime": T0 + n * 60_000, "data": rows} for n in range(3)]
    raw, _ = recorded(tmp_path, messages, "--whole")
    brought(url, raw)
    assert holdings(is_sound(url, ACCOUNT)) == {"LTCUSDT/long": 2, "LTCUSDT/short": -2}


# -- what cannot be read -----------------------------------------------------------------------------------

OTHERS: list[Any] = [
    {"e": "balanceUpdate", "E": T0},
    {"op": "subscribe", "success": True, "ts": T0},
    {"event": "login", "code": "0", "ts": T0},
    {"topic": "wallet", "creationTime": T0, "data": [{"coin": "USDT"}]},
    {"arg": {"channel": "account"}, "data": [{"uTime": str(T0)}]},
    {"type": "welcome", "id": "x", "ts": T0},
    {"channel": "futures.balances", "event": "update", "time_ms": T0, "result": [{"balance": 1}]},
]


def test_balances_replies_and_heartbeats_are_left_out(tmp_path: Path) -> None:
    assert recorded(tmp_path, OTHERS) == (b"", "")


BAD: list[Any] = [
    "{",
    "[]",
    "7",
    {"e": "ACCOUNT_UPDATE", "E": T0},
    {"e": "ACCOUNT_UPDATE", "E": T0, "a": {"P": [{"s": "X", "pa": "NaN?"}]}},
    {"e": "ORDER_TRADE_UPDATE", "E": T0, "o": {"s": "X"}},
    {"topic": "position", "creationTime": T0, "data": [None]},
    {"topic": "moon", "creationTime": T0},
    {"arg": {"channel": "orders"}, "data": [{"uTime": str(T0)}]},
    {"e": "ACCOUNT_UPDATE", "a": {"P": []}},
    {"logged_at": "2022-10-18T10:12:30", "payload": {"e": "ACCOUNT_UPDATE", "a": {"P": []}}},
]


def test_l42_what_cannot_be_read_is_named_and_refused_by_its_line(url: str, tmp_path: Path) -> None:
    good = binance(T0, "position", size="1")
    raw, said = recorded(tmp_path, [good, *BAD, good])
    assert [line.partition(":")[0] for line in said.splitlines()] == [f"line {n}" for n in range(2, len(BAD) + 2)]
    assert "names no time" in said
    assert "names no zone; say --utc-offset" in said
    assert "of no kind that is known here" in said
    done = brought(url, raw)
    assert (done.taken, done.refused_count) == (2, len(BAD))


def test_a_time_without_a_zone_is_given_one(tmp_path: Path) -> None:
    line = {"session": "a", "logged_at": "2022-10-18T10:12:30.5", "payload": binance(T0, "position", size="1")}
    other = {**line, "session": "b"}
    raw, said = recorded(tmp_path, [line, other], "--session", "a", "--utc-offset=-05:00")
    assert said == ""
    (made,) = raw.splitlines()
    assert json.loads(made)["at"] == "2022-10-18T15:12:30.500000Z"


@pytest.mark.parametrize(
    ("stamp", "at"), [(1_700_000_000, "22:13:20"), (T0 + 250, "22:13:20.250"), (T0 * 1000 + 7, ".000007")]
)
def test_l46_times_are_seconds_milliseconds_or_less(tmp_path: Path, stamp: int, at: str) -> None:
    raw, _ = recorded(tmp_path, [{**binance(T0, "position", size="1"), "E": stamp}])
    assert at in json.loads(raw)["at"]
    assert json.loads(raw)["at"].startswith("2023-11-14T22:13:20")


@pytest.mark.parametrize(
    ("name", "arguments", "good"),
    [
        (
            "bitget",
            ("s", "--utc-offset", "+01:00"),
            {"session": "s", "kind": "positions", "logged_at": "2022-10-18T10:12:30"},
        ),
        ("ccxt_log", ("bybit",), {"exchange": "bybit", "method": "fetchPositions", "input": []}),
    ],
)
def test_the_other_recipes_hand_on_what_they_cannot_read(
    url: str, tmp_path: Path, name: str, arguments: tuple[str, ...], good: dict[str, Any]
) -> None:
    log = tmp_path / "log.jsonl"
    whole = {**good, "payload": [], "parsedResponse": []}
    bad = [
        "{",
        "[1]",
        json.dumps({**whole, "payload": {"positions": [{"x": 1}]}, "parsedResponse": 7, "input": 3}),
        json.dumps({"x": 1}),
    ]
    log.write_text("\n".join([json.dumps(whole), *bad, json.dumps(whole)]) + "\n")
    ended = recipe(name, log, *arguments)
    assert ended.returncode == 0, ended.stderr
    done = brought(url, ended.stdout)
    assert done.taken == 2 + (name == "ccxt_log")
    assert done.refused_count == 4 - (name == "ccxt_log")
    assert ended.stderr.count(b"handed on as it is") == done.refused_count


def test_a_session_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"session": "a", "kind": "x", "logged_at": None, "payload": []}) + "\n")
    ended = recipe("bitget", log, "b")
    assert ended.returncode == 2
    assert b"has no session 'b'; it has a" in ended.stderr
    untimed = recipe("bitget", log, "a")
    assert (untimed.returncode, untimed.stdout) == (0, b"")
    assert b"names no time" in untimed.stderr
