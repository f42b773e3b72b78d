"""Whatever comes over the line, is it read whole or is it no answer, and never an absence?"""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from alpaca_broker import samples
from alpaca_broker.playing import FILLS, ORDERS, POSITIONS, TestClock, order
from alpaca_broker.raw_server import RawServer, Script, chunked, reply
from trueup.model import OrderStatus
from trueup.ports import Answer, Question
from trueup_adapters.alpaca import AlpacaBroker, Limiter

ROWS = [samples.position("AAPL"), samples.position("MSFT"), samples.position("TSLA", qty="-3", side="short")]
WHOLE = json.dumps(ROWS).encode()
HALF = len(WHOLE) // 2


def served(script: Script, ask: Callable[[AlpacaBroker], Awaitable[Any]], **settings: Any) -> tuple[Any, RawServer]:
    """What `ask` brings of a broker whose other side is a script."""
    with RawServer(script) as server:

        async def playing() -> Any:
            broker = AlpacaBroker(("PKFAKE00000000000000", "nobodys-secret"), url=server.url, **settings)
            try:
                async with asyncio.timeout(10):
                    return await ask(broker)
            finally:
                await broker.close()

        return asyncio.run(playing()), server


def positions(said: bytes) -> Answer:
    answer, _ = served(lambda target: said, lambda broker: broker.ask(POSITIONS))
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize(
    "said",
    [
        reply(WHOLE),
        reply(gzip.compress(WHOLE), "Content-Encoding: gzip"),
        reply(zlib.compress(WHOLE), "Content-Encoding: deflate"),
        chunked(WHOLE[:HALF], WHOLE[HALF:]),
        chunked(*(WHOLE[at : at + 1] for at in range(len(WHOLE)))),
        reply(WHOLE, length=-1).replace(b"HTTP/1.1", b"HTTP/1.0"),
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + reply(WHOLE),
        reply(WHOLE, "Content-Type: text/plain", "Set-Cookie: a=b", "Alt-Svc: h3"),
        reply(b" \n" + WHOLE + b"\r\n "),
    ],
    ids=["plain", "gzip", "deflate", "chunks", "tiny chunks", "HTTP/1.0", "early hints", "headers", "space"],
)
def test_a_whole_reply_is_read_however_it_is_wrapped(said: bytes) -> None:
    answer = positions(said)
    assert (answer.completeness, len(answer.positions)) == ("complete", 3), answer.why


PACKED = gzip.compress(WHOLE)


@pytest.mark.parametrize(
    "said",
    [
        reply(WHOLE[:HALF], length=len(WHOLE)),
        reply(WHOLE[:HALF]),
        reply(WHOLE[:HALF], length=-1),
        chunked(WHOLE[:HALF], ended=False),
        chunked(WHOLE, ended=False)[:-3],
        chunked(b"[]", ended=False),
        chunked(b"[", ended=True),
        reply(PACKED[:-20], "Content-Encoding: gzip", length=len(PACKED)),
        reply(PACKED[: len(PACKED) // 2], "Content-Encoding: gzip"),
        reply(zlib.compress(WHOLE)[:-10], "Content-Encoding: deflate"),
        reply(WHOLE, "Content-Encoding: gzip"),
        reply(b"", "Content-Encoding: gzip"),
        reply(b""),
        reply(b"", status="204 No Content", length=-1),
        reply(WHOLE, status="206 Partial Content"),
        reply(b"[]", status="207 Multi-Status"),
        reply(b"[]", status="202 Accepted"),
        reply(b"[]", status="304 Not Modified"),
        reply(b"<html><body><h1>502 Bad Gateway</h1>nginx</body></html>", "Content-Type: text/html"),
        reply(b"<html>502</html>", status="502 Bad Gateway"),
        reply(b"[]", status="503 Service Unavailable"),
        reply(b'{"code":40310000,"message":"request is not authorized"}', status="403 Forbidden"),
        reply(b'{"code":40410000,"message":"endpoint not found."}', status="404 Not Found"),
        reply(b'{"message":"too many requests."}', status="429 Too Many Requests"),
        reply(WHOLE + b"[]"),
        reply(WHOLE + WHOLE),
        reply(b"[] []"),
        reply(b"null"),
        reply(b"{}"),
        reply(b'{"positions": []}'),
        reply(b'"[]"'),
        reply("[]".encode("utf-16")),
        reply(b"\xef\xbb\xbf[]"),
        reply(b"[],"),
        reply(b"[,]"),
        reply(b"[" * 100_000),
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: x\r\n\r\n[]",
        b"HTTP/9.9 banana\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"",
    ],
)
def test_l01_l03_what_is_not_a_whole_list_is_a_failed_answer(said: bytes) -> None:
    answer = positions(said)
    assert (answer.completeness, dict(answer.positions)) == ("failed", {})
    assert answer.why


def test_law_12_a_small_reply_that_unpacks_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from trueup_adapters.alpaca import transport

    monkeypatch.setattr(transport, "REPLY_BYTES_MAX", 1_000_000)
    bomb = gzip.compress(b"[" + b" " * 50_000_000 + b"]", compresslevel=9)
    assert len(bomb) < 100_000
    answer = positions(reply(bomb, "Content-Encoding: gzip"))
    assert (answer.completeness, "longer than 1000000 bytes" in answer.why) == ("failed", True), answer.why


# -- orders that are listed in part -------------------------------------------------------------------------


def test_a_spread_that_is_listed_without_its_legs_is_looked_up() -> None:
    bare = samples.SPREAD | {"legs": None}

    def script(target: str) -> bytes:
        return reply(json.dumps([samples.order(1), bare] if "status=" in target else samples.SPREAD).encode())

    answer, server = served(script, lambda broker: broker.ask(ORDERS))
    assert (answer.completeness, answer.refused) == ("complete", ()), answer.why
    legs = [leg["id"] for leg in samples.SPREAD["legs"]]
    assert [one.order_id for one in answer.orders] == [samples.order(1)["id"], *legs]
    assert server.seen[1] == f"GET /v2/orders/{samples.SPREAD['id']}?nested=true"
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (reply(b"oops", status="500 No"), "could not be looked up: Alpaca answers 500"),
        (reply(json.dumps(samples.SPREAD | {"legs": []}).encode()), "1 of 2 rows could not be used"),
        (reply(json.dumps(samples.SPREAD | {"legs": [{"id": "x"}]}).encode()), "1 of 2 rows could not be used"),
    ],
)
def test_a_spread_whose_legs_nobody_tells_is_refused_by_name(said: bytes, why: str) -> None:
    bare = samples.SPREAD | {"legs": None}

    def script(target: str) -> bytes:
        return reply(json.dumps([samples.order(1), bare]).encode()) if "status=" in target else said

    answer, _ = served(script, lambda broker: broker.ask(ORDERS))
    assert (answer.completeness, len(answer.orders), why in answer.why) == ("partial", 1, True), answer.why
    (refusal,) = answer.refused
    assert refusal.row == 2
    assert "x: its symbol is None" in refusal.why or samples.SPREAD["id"] in refusal.why


def test_a_spread_of_no_id_is_not_looked_up() -> None:
    bare = samples.SPREAD | {"legs": None, "id": "../account"}
    answer, server = served(lambda target: reply(json.dumps([bare]).encode()), lambda broker: broker.ask(ORDERS))
    assert (answer.completeness, len(server.seen)) == ("partial", 1)


@pytest.mark.parametrize(("cut", "listed"), [(50, 120), (500, 501), (50, 50), (70, 70)])
def test_l05_a_page_may_be_shorter_than_was_asked_for(cut: int, listed: int) -> None:
    """Where nobody hears the limit, Alpaca lists fifty: a list that is taken for whole there loses the rest."""
    rows = [samples.order(n, submitted_at=f"2024-03-14T13:38:01.{n:06}Z") for n in range(listed)]

    def script(target: str) -> bytes:
        after = target.partition("after=")[2][:100].replace("%3A", ":").replace("%2B", "+")
        moment = after.partition(".")[2][:6] if after else ""
        first = 0 if not after else int(moment or 0) + 1
        return reply(json.dumps(rows[first : first + cut]).encode())

    answer, _ = served(script, lambda broker: broker.ask(ORDERS))
    assert (answer.completeness, len(answer.orders)) == ("complete", listed), answer.why


def test_l05_more_orders_of_one_moment_than_an_unasked_page_holds_are_partial() -> None:
    rows = [samples.order(n) for n in range(50)]
    answer, _ = served(lambda target: reply(json.dumps(rows).encode()), lambda broker: broker.ask(ORDERS))
    assert (answer.completeness, len(answer.orders), "one moment" in answer.why) == ("partial", 50, True)


# -- another one than was asked for -------------------------------------------------------------------------


def test_l03_a_position_of_another_symbol_is_not_an_answer_that_this_one_is_flat() -> None:
    said = reply(json.dumps(samples.position("MSFT")).encode())
    answer, _ = served(lambda target: said, lambda broker: broker.position("AAPL"))
    assert (answer.completeness, "in MSFT, and not in AAPL" in answer.why) == ("failed", True)


def test_l06_an_endpoint_that_is_not_there_says_nothing_of_what_was_asked_of_it() -> None:
    """A proxy that does not know `orders:by_client_order_id` answers in Alpaca's own words and code."""
    said = reply(b'{"code": 40410000, "message": "endpoint not found."}', status="404 Not Found")
    answer, _ = served(lambda target: said, lambda broker: broker.ask(order("c1")))
    assert answer.completeness == "failed"
    answer, _ = served(lambda target: said, lambda broker: broker.position("AAPL"))
    assert answer.completeness == "failed"


def test_a_look_up_takes_an_order_with_its_legs_for_the_order() -> None:
    leg = samples.order(61, side="sell", type="stop", stop_price="140", status="held")
    parent = samples.order(60, order_class="bracket", legs=[leg], client_order_id="c1")
    answer, _ = served(lambda target: reply(json.dumps(parent).encode()), lambda broker: broker.ask(order("c1")))
    assert [one.order_id for one in answer.orders] == [parent["id"]]
    answer, _ = served(
        lambda target: reply(json.dumps(leg).encode()), lambda broker: broker.ask(order(order_id=leg["id"]))
    )
    assert [one.status for one in answer.orders] == [OrderStatus.ACCEPTED]


def test_a_list_of_activities_that_holds_others_too_says_which_are_no_fills() -> None:
    dividend = {"activity_type": "DIV", "id": "20240801011955195::5f5", "date": "2024-08-01", "net_amount": "1.02"}
    rows = [samples.fill(1), dividend | {"symbol": "T", "qty": "2", "per_share_amount": "0.51"}]

    def script(target: str) -> bytes:
        return reply(json.dumps(rows if "activities" in target else samples.order(9, id=rows[0]["order_id"])).encode())

    answer, _ = served(script, lambda broker: broker.ask(FILLS))
    assert [one.execution_id for one in answer.executions] == [rows[0]["id"]]
    assert [(one.row, "type 'DIV'" in one.why) for one in answer.refused] == [(2, True)]


# -- the limit ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "held_s"),
    [
        (["Retry-After: 7"], 7),
        (["X-RateLimit-Limit: 200", "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 1700000009"], 9),
        (["Retry-After: 3", "X-RateLimit-Reset: 1700000009"], 3),
        (["X-RateLimit-Reset: 1600000000"], 1),
        (["X-RateLimit-Reset: 99999999999999"], 3600),
        (["X-RateLimit-Reset: soon"], 2),
        (["Retry-After: -5"], 2),
        ([], 2),
    ],
)
def test_after_a_429_nothing_leaves_for_as_long_as_was_asked(headers: list[str], held_s: int) -> None:
    clock = TestClock(1_700_000_000_000_000_000)
    limiter = Limiter(clock, wait_s_max=10_000)
    said = [reply(b'{"code":42910000,"message":"rate limit exceeded"}', *headers, status="429 Too Many Requests")]

    async def ask(broker: AlpacaBroker) -> Answer:
        assert (await broker.ask(Question(surface="positions"))).completeness == "failed"
        said[0] = reply(WHOLE)
        return await broker.ask(Question(surface="positions"))

    answer, _ = served(lambda target: said[0], ask, clock=clock, limiter=limiter)
    assert (answer.completeness, sum(clock.slept)) == ("complete", held_s)
