"""Are the small promises kept: the market's clock, limits of memory and length, silence, closing?"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from msgspec import Raw

from alpaca_broker.playing import FILLS, ORDERS, POSITIONS, TestClock, close, play, whole
from trueup.ports import Action, Question
from trueup.testing.alpaca import Control, FakeAlpaca
from trueup_adapters.alpaca import AlpacaBroker, MarketClock, asking, client_ids, transport
from trueup_adapters.alpaca.fills import Signpost


def test_the_markets_clock_is_open_closed_or_unknown() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        clock = await broker.market_clock()
        assert (clock.is_open, clock.why) == (True, "")
        assert clock.timestamp < clock.next_close < clock.next_open
        for kind, why in (
            ("status", "answers 500"),
            ("garbage", "no clock"),
            ("empty", "no clock"),
            ("cut", "broke"),
            ("silence", "within"),
        ):
            control.misbehave(kind, on=("clock",))
            unknown: MarketClock = await broker.market_clock()
            assert unknown.is_open is None
            assert why in unknown.why, kind

    play(scenario, timeout_ms=300)


def test_an_action_that_alpaca_does_not_answer_in_time_is_unknown() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        control.misbehave("silence", on=("submit",))
        outcome = await broker.act(close("AAPL", "1", "q1"))
        assert (outcome.state, outcome.why) == ("unknown", f"no reply within 300 ms from {broker._url}")

    play(scenario, timeout_ms=300)


def test_an_action_of_another_kind_is_not_sent() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        outcome = await broker.act(Action(kind="exercise", client_id="x1", symbol="AAPL"))  # type: ignore[arg-type]
        assert outcome.state == "rejected"
        assert "exercise" in outcome.why
        assert not control.seen

    play(scenario)


@pytest.mark.parametrize("surface", ["balances", "news"])
def test_a_surface_that_is_not_offered_is_unsupported(surface: Any) -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        assert (await broker.ask(Question(surface=surface))).completeness == "unsupported"
        assert not control.seen

    play(scenario)


def test_law_12_a_reply_that_does_not_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "REPLY_BYTES_MAX", 1_000)

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "1", price="1")
        whole(await broker.ask(POSITIONS))
        for number in range(5):
            control.open(f"S{number}", "long", "1", price="1")
        answer = await broker.ask(POSITIONS)
        assert (answer.completeness, dict(answer.positions)) == ("failed", {})
        assert "longer than 1000 bytes" in answer.why

    play(scenario)


def test_law_12_client_ids_are_remembered_up_to_a_limit_and_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_ids, "CLIENT_IDS_MAX", 3)
    monkeypatch.setattr(asking, "TRIES_MAX", 3)

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        for number in range(3):
            control.fill(control.place("AAPL", "buy", "limit", "1", price="100", client_id=f"c{number}"))
        assert [e.client_order_id for e in whole(await broker.ask(FILLS)).executions] == ["c0", "c1", "c2"]
        for _ in range(5):
            control.place("MSFT", "buy", "limit", "1", price="100")
        whole(await broker.ask(ORDERS))
        assert len(broker._asking._client_ids) == 3
        for number in range(10):
            broker._asking._least_tried([f"o{number}"])
        assert len(broker._asking._tries) <= 4

    play(scenario)


@pytest.mark.parametrize("count", [100, 150])
def test_l05_a_page_of_fills_that_does_not_say_where_it_ends_is_partial(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count(1_700_000_000_000_000_000, 1_000_000)

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        for number in range(count):
            control.open("AAPL", "long", str(number + 1), price="190")
        monkeypatch.setattr(asking, "signpost", lambda row: Signpost())
        answer = await broker.ask(FILLS)
        assert answer.completeness == "partial"
        assert "the rest was not read" in answer.why

    fake = FakeAlpaca(now_ns=lambda: next(ticks))
    play(scenario, fake, clock=TestClock(1_700_000_000_000_000_000))


def test_a_closed_broker_answers_nothing_and_lets_go() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        await broker.ask(POSITIONS)
        await broker.close()
        await broker.close()
        assert "was closed" in (await broker.ask(POSITIONS)).why
        assert "was closed" in (await broker.market_clock()).why
        outcome = await broker.act(close("AAPL", "1", "q1"))
        assert (outcome.state, "was closed" in outcome.why) == ("unknown", True)

    play(scenario)


def test_l10_connections_count_what_was_lost_and_found_again_and_not_what_idled() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        assert broker.connections == 0
        await asyncio.gather(*(broker.ask(POSITIONS) for _ in range(5)))
        assert broker.connections == 1
        control.misbehave("goodbye", on=("positions",))
        for _ in range(3):
            whole(await broker.ask(POSITIONS))
        assert broker.connections == 1
        control.misbehave("cut", on=("positions",))
        assert (await broker.ask(POSITIONS)).completeness == "failed"
        assert broker.connections == 1
        whole(await broker.ask(POSITIONS))
        assert broker.connections == 2
        control.misbehave("silence", on=("positions",))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await broker.ask(POSITIONS)
        whole(await broker.ask(POSITIONS))
        assert broker.connections == 2  # a question that was given up lost nothing

    play(scenario)


@pytest.mark.parametrize("order_id", [".", "..", "o1", "/", "?status=all", "../account"])
def test_an_id_that_is_none_cancels_nothing_and_asks_for_nothing_else(order_id: str) -> None:
    """`DELETE /v2/orders/.` is `DELETE /v2/orders/`, and cancels every order that there is."""

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        placed = control.place("AAPL", "buy", "limit", "1", price="100", client_id="c1")
        outcome = await broker.act(Action(kind="cancel", client_id="x1", symbol="AAPL", order_id=order_id))
        assert (outcome.state, control.requests("DELETE")) == ("rejected", 0)
        assert "no id of an order" in outcome.why
        answer = await broker.ask(Question(surface="order", order_id=order_id))
        assert not answer.orders
        assert control.requests("GET", "/v2/orders") == (0 if order_id in (".", "..") else 1)
        assert control.requests("GET", "/v2/account") <= 1
        assert [o.order_id for o in whole(await broker.ask(ORDERS)).orders] == [placed]

    play(scenario)


@pytest.mark.parametrize("symbol", ["", ".", "..", "/", "./."])
def test_a_symbol_that_is_none_is_not_asked_for(symbol: str) -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "1", price="1")
        answer = await broker.position(symbol)
        assert (answer.completeness, dict(answer.positions)) == ("failed", {})
        assert not control.seen

    play(scenario)


def test_an_action_that_was_answered_is_no_new_connection() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        for number in range(3):
            assert (await broker.act(close("AAPL", "1", f"q{number}"))).state == "acknowledged"
            whole(await broker.ask(POSITIONS))
        assert (await broker.act(close("AAPL", "1", "q9"))).state == "rejected"
        whole(await broker.ask(POSITIONS))
        assert broker.connections == 1

    play(scenario)


def test_l10_an_alpaca_that_was_away_is_a_new_connection() -> None:
    async def whole_story() -> None:
        fake = FakeAlpaca()
        port = int(fake.url.rpartition(":")[2])
        broker = AlpacaBroker((fake.key_id, fake.secret), url=fake.url)
        try:
            fake.start()
            whole(await broker.ask(POSITIONS))
            fake.close()
            assert (await broker.ask(POSITIONS)).completeness == "failed"
            assert (await broker.ask(POSITIONS)).completeness == "failed"
            with FakeAlpaca(port=port):
                whole(await broker.ask(POSITIONS))
                assert broker.connections == 2
        finally:
            await broker.close()

    asyncio.run(whole_story())


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ('{"id": "o1", "client_order_id": "c1"}', {"o1": "c1"}),
        ('{"id": "o1", "client_order_id": "c1", "qty": null, "notional": "9", "side": 7}', {"o1": "c1"}),
        ('{"id": "o1", "client_order_id": ""}', {"o1": None}),
        ('{"id": "o1"}', {"o1": None}),
        ('{"id": "o1", "client_order_id": " c1"}', {}),
        ('{"id": "o1", "client_order_id": "c1", "client_order_id": "c2"}', {}),
        ('{"client_order_id": "c9"}', {}),
        ('{"id": "o1", "client_order_id": "c1", "legs": [{"id": "o2", "client_order_id": "c2"}, 5]}',
         {"o1": "c1", "o2": "c2"}),
        ("5", {}),
        ("[", {}),
    ],
)  # fmt: skip
def test_l21_a_client_id_is_remembered_of_orders_that_nobody_can_use_otherwise(row: str, told: object) -> None:
    known = client_ids.ClientIds()
    known.note([Raw(row.encode())])
    assert known == told
