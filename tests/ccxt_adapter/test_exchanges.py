"""Do answers through ccxt's own classes, over HTTP, come out as what the exchange states, and no failure as nothing?

Whatever goes wrong is tried with each of them: no failure may look like an
absence (L01, L03, L06, L48).
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Generator
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
import pytest

from ccxt_adapter.exchange_cases import CASES, Case, okx
from ccxt_adapter.recorded import TEXT
from ccxt_adapter.replaying import KEYS, Replaying, Reply, exchange_of, market
from ccxt_adapter.test_examples import TEXT as EXAMPLES
from trueup.model import Surface
from trueup.ports import Answer, Question
from trueup_adapters.ccxt import CcxtBroker
from trueup_adapters.ccxt.guarding import guard
from trueup_adapters.ccxt.markets import Reading
from trueup_adapters.ccxt.methods import kind_of
from trueup_adapters.ccxt.orders import judge_orders
from trueup_adapters.ccxt.positions import judge_positions
from trueup_adapters.ccxt.trades import judge_trades

NAMED: Final = [pytest.param(case, id=case.name) for case in CASES]
SURFACES: Final[tuple[Surface, ...]] = ("positions", "open_orders", "fills")


@pytest.fixture(scope="module")
def there() -> Generator[Replaying]:
    server = Replaying()
    yield server
    server.stop()


def answers(there: Replaying, case: Case, *questions: Question, **config: Any) -> list[Answer]:
    """What one fresh broker answers to these questions, one after the other."""

    async def asked() -> list[Answer]:
        exchange = exchange_of(case.name, there, *case.markets, **{**case.keys, **config})
        broker = CcxtBroker(exchange, **case.broker)
        try:
            return [await broker.ask(question) for question in questions]
        finally:
            await broker.close()

    return asyncio.run(asked())


EVERYTHING: Final = tuple(Question(surface=surface) for surface in SURFACES)


@pytest.mark.parametrize("case", NAMED)
def test_what_an_exchange_states_is_what_is_read(there: Replaying, case: Case) -> None:
    there.fresh(case.bodies)
    positions, orders, fills = answers(there, case, *EVERYTHING)
    assert [(one.completeness, one.why) for one in (positions, orders, fills)] == [("complete", "")] * 3
    assert {one.symbol: one.signed_quantity for one in positions.positions.values()} == {
        symbol: Decimal(quantity) for symbol, quantity in case.holds.items()
    }
    assert {one.order_id: (one.type, one.stop) for one in orders.orders} == {
        id: (kind, None if stop is None else Decimal(stop)) for id, (kind, stop) in case.orders.items()
    }
    assert {one.execution_id: one.signed_quantity for one in fills.executions} == {
        id: Decimal(quantity) for id, quantity in case.fills.items()
    }


TROUBLES: Final = (
    Reply('{"message": "internal error"}', 500),
    Reply("<html>maintenance</html>", 503),
    Reply("<html>maintenance</html>", 200),
    Reply("", 200),
    Reply('{"a": [', 200),
    Reply("{}", 200),
    Reply('{"status": "error", "data": [], "result": []}', 200),
    Reply('{"code": "50001", "msg": "Service temporarily unavailable", "data": []}', 200),
    Reply('{"error": ["EService:Unavailable"]}', 200),
    Reply('{"success": false, "data": [], "positions": [], "orders": []}', 200),
)


@pytest.mark.parametrize("case", NAMED)
def test_l01_l03_l48_no_failure_is_an_absence(there: Replaying, case: Case) -> None:
    there.fresh(case.bodies)
    questions = (*EVERYTHING, Question(surface="order", order_id="7"))
    for reply, question, answer in troubled(there, case, *questions):
        assert answer.completeness in ("failed", "partial"), (reply, question, answer)
        assert answer.why
        assert (len(answer.positions), len(answer.orders), len(answer.executions)) == (0, 0, 0)
        for secret in (*KEYS.values(), *case.keys.values()):
            assert secret not in answer.why
            assert secret.encode() not in answer.raw


def troubled(there: Replaying, case: Case, *questions: Question) -> list[tuple[Reply, Question, Answer]]:
    """What one broker answers to each question in each trouble."""

    async def asked() -> list[tuple[Reply, Question, Answer]]:
        broker = CcxtBroker(exchange_of(case.name, there, *case.markets, **case.keys), **case.broker)
        told: list[tuple[Reply, Question, Answer]] = []
        try:
            for reply in TROUBLES:
                there.reply = reply
                told += [(reply, question, await broker.ask(question)) for question in questions]
        finally:
            await broker.close()
        return told

    return asyncio.run(asked())


@pytest.mark.parametrize("case", NAMED)
def test_l03_a_reply_that_breaks_off_is_no_answer(there: Replaying, case: Case) -> None:
    there.fresh(case.bodies)
    there.cut = 1
    assert [one.completeness for one in answers(there, case, *EVERYTHING)] == ["failed"] * 3


@pytest.mark.parametrize("case", NAMED)
def test_l01_silence_is_no_answer(there: Replaying, case: Case) -> None:
    there.fresh(case.bodies)
    there.reply = Reply()
    (answer,) = answers(there, case, EVERYTHING[0], timeout=40)
    assert answer.completeness == "failed"
    assert "Timeout" in answer.why


@pytest.mark.parametrize(("case", "status"), [(case, (418, 429)[n % 2]) for n, case in enumerate(CASES)])
def test_too_many_requests_are_followed_by_a_pause_whatever_the_body_says(
    there: Replaying, case: Case, status: int
) -> None:
    there.fresh(case.bodies)
    there.reply = Reply('{"code": "1", "msg": "slow down"}', status, {"Retry-After": "7"})
    first, second = answers(there, case, EVERYTHING[0], EVERYTHING[0])
    assert (first.completeness, second.completeness) == ("failed", "failed")
    assert "pause" in second.why
    assert len(there.asked) <= 2  # bitget asks for its settings first


def test_l04_l06_an_order_is_not_found_only_by_the_exchanges_own_word(there: Replaying) -> None:
    case = next(one for one in CASES if one.name == "okx")
    unknown = {"code": "51603", "msg": "Order does not exist", "data": []}
    there.fresh({**case.bodies, "trade/order": unknown, "orders-algo-history": okx()})
    question = Question(surface="order", order_id="7")
    broker = {**case.broker, "symbols": ("BTC/USDT:USDT",)}
    (answer,) = answers(there, msgspec.structs.replace(case, broker=broker), question)
    assert (answer.completeness, list(answer.orders)) == ("complete", [])


@pytest.mark.parametrize("name", ["kraken", "krakenfutures"])
def test_l06_an_order_that_ccxt_misses_in_a_strange_reply_is_not_proven_absent(there: Replaying, name: str) -> None:
    case = next(one for one in CASES if one.name == name)
    there.fresh(
        {**case.bodies, "QueryOrders|orders/status": {"code": 9, "msg": "try again later", "result": {}, "orders": []}}
    )
    (answer,) = answers(there, case, Question(surface="order", order_id="7"))
    assert answer.completeness == "failed"
    assert "try again later" in answer.why


def test_l44_what_an_exchange_does_not_have_is_unsupported(there: Replaying) -> None:
    case = Case("luno", (market("LTCZAR", "LTC/ZAR"),), {}, {})
    there.fresh({})
    (positions,) = answers(there, case, EVERYTHING[0])
    assert positions.completeness == "unsupported"
    assert "does not offer positions" in positions.why
    assert there.asked == []


def test_l05_one_part_of_an_account_that_does_not_answer_makes_the_whole_fail(there: Replaying) -> None:
    case = next(one for one in CASES if one.name == "okx")

    def positions(asked: str) -> str:
        return json.dumps(okx() if "SWAP" in asked else {"code": "50001", "msg": "unavailable", "data": []})

    there.fresh({**case.bodies, "account/positions": positions})
    scopes = ({"instType": "SWAP"}, {"instType": "FUTURES"})
    parts = msgspec.structs.replace(case, broker={**case.broker, "scopes": scopes})
    (answer,) = answers(there, parts, EVERYTHING[0])
    assert answer.completeness == "failed"


def test_l05_executions_are_followed_over_their_pages(there: Replaying) -> None:
    """okx tells a hundred at a time, the newest first."""
    case = next(one for one in CASES if one.name == "okx")
    first = 1_627_227_626_502
    rows = [
        {"tradeId": str(n), "ordId": "8", "instId": "BTC-USDT-SWAP", "side": "buy", "fillSz": "1", "fillPx": "34131.1"}
        | {"fee": "-0.17", "feeCcy": "USDT", "ts": str(first + n * 1000), "posSide": "net"}
        for n in range(230)
    ]

    def fills(asked: str) -> str:
        query = parse_qs(asked.split(" ")[0].partition("?")[2])
        begin, end = int(query.get("begin", ["0"])[0]), int(query.get("end", [str(10**15)])[0])
        told = [row for row in reversed(rows) if begin <= int(row["ts"]) <= end]
        return json.dumps(okx(*told[: int(query.get("limit", ["100"])[0])]))

    there.fresh({**case.bodies, "trade/fills": fills})
    (answer,) = answers(there, case, Question(surface="fills", since_ns=first * 1_000_000))
    assert len(answer.executions) == 230, answer.why
    assert [one.execution_id for one in answer.executions] == [str(n) for n in range(230)]


# -- numbers -----------------------------------------------------------------------------------------------

ROWS: Final = [
    (line["exchange"], line["method"], row)
    for line in (json.loads(text) for text in (TEXT + EXAMPLES).splitlines())
    for row in (line["parsedResponse"] if isinstance(line["parsedResponse"], list) else [line["parsedResponse"]])
    if line["method"] not in ("fetchBalance", "fetchTrades") and isinstance(row.get("info"), dict) and row.get("symbol")
]
"""Raw rows under `info`, each with its exchange, what it is a row of, and its symbol."""


def test_l35_a_row_is_read_alike_whether_ccxt_is_given_text_or_floats(there: Replaying) -> None:
    """Given Decimals, ccxt loses them: a trigger price, a contract size, a fee become None."""
    classes: Any = importlib.import_module("ccxt.async_support")
    compared = 0
    for name, method, row in ROWS:
        if name not in classes.exchanges:
            continue
        kind = kind_of(method)
        reader = {"positions": "parse_position", "trades": "parse_trade"}.get(str(kind), "parse_order")
        judge: Any = {"positions": judge_positions, "trades": judge_trades}.get(str(kind), judge_orders)
        read: list[Any] = []
        for number in (str, float):
            one = market("id-of-it", row["symbol"], "0.5")
            exchange = exchange_of(name, there, one)
            guard(exchange)
            exchange.number = number
            given = getattr(exchange, reader)(json.loads(json.dumps(row["info"])), exchange.markets[row["symbol"]])
            reading = Reading(position_mode="netting", exchange=name, contract_size=lambda symbol: "0.5")
            judged = judge([given], reading)
            read.append((judged.read, len(judged.refused), len(judged.set_aside)))
        assert read[0] == read[1], (name, method, row["info"])
        compared += 1
    assert compared > 100
