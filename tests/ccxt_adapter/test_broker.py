"""What does `CcxtBroker` make of an exchange object, and what never leaves it?"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from ccxt_adapter.bybit import listed
from ccxt_adapter.fakes import ExchangeError, Fake, NetworkError, features, play, position
from ccxt_adapter.harness import KEY, SECRET, BybitHarness, bybit, ccxt_classes
from trueup.errors import InputError
from trueup.ports import Answer, Question
from trueup_adapters.ccxt import CcxtBroker
from trueup_adapters.ccxt.faults import hushed
from trueup_adapters.ccxt.memory import ORDERS_MAX, SYMBOLS_MAX, Memory

POSITIONS = Question(surface="positions")
ORDERS = Question(surface="open_orders")


# -- what can be meant -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"market": "futures"}, "'spot' or 'contracts'"),
        ({"market": "contracts", "position_mode": "both"}, "position_mode"),
        ({"market": "spot"}, "quotes"),
        ({"market": "spot", "quotes": ("USDT",), "position_mode": "hedging"}, "netting"),
        ({"market": "contracts", "scopes": ()}, "scopes"),
        ({"market": "contracts", "lag_ms_max": -1}, "lag_ms_max"),
    ],
)
def test_what_cannot_be_meant_is_said_at_construction(options: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        CcxtBroker(Fake(), **options)


def test_blocking_classes_of_ccxt_are_refused() -> None:
    import importlib

    with pytest.raises(InputError, match="blocking"):
        CcxtBroker(importlib.import_module("ccxt").bybit(), market="contracts")
    with pytest.raises(InputError, match=r"ccxt\.async_support"):
        CcxtBroker(object(), market="contracts")


def test_ccxts_own_exchanges_can_be_named() -> None:
    broker = CcxtBroker.of("kraken", {"apiKey": KEY}, market="spot", quotes=("USD",))
    assert broker.capabilities.source == "ccxt-kraken"
    assert {"positions", "open_orders", "order", "fills"} <= broker.capabilities.surfaces
    with pytest.raises(InputError, match="no exchange 'mtgox2'"):
        CcxtBroker.of("mtgox2", {}, market="contracts")
    with pytest.raises(InputError, match="no exchange 'Exchange'"):
        CcxtBroker.of("Exchange", {}, market="contracts")


def test_what_was_meant_for_a_sandbox_never_goes_anywhere_else() -> None:
    for name in ("bybit", "okx", "bitget", "binanceusdm"):
        exchange = CcxtBroker.of(name, {"sandbox": True}, market="contracts")._exchange
        assert exchange.isSandboxModeEnabled or exchange.options["sandboxMode"]
    with pytest.raises(InputError, match="no sandbox of kraken"):
        CcxtBroker.of("kraken", {"sandbox": True}, market="contracts")


def test_a_sandbox_that_ccxt_does_not_enter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ccxt_classes().bybit, "set_sandbox_mode", lambda self, on: None)
    with pytest.raises(InputError, match="did not take bybit to its sandbox"):
        CcxtBroker.of("bybit", {"sandbox": True}, market="contracts")


def test_a_configuration_that_ccxt_cannot_take_is_said_so() -> None:
    with pytest.raises(InputError, match="cannot make a bybit"):
        CcxtBroker.of("bybit", {"options": 7}, market="contracts")


def test_every_exchange_of_ccxt_can_be_a_broker() -> None:
    classes = ccxt_classes()
    for name in classes.exchanges:
        broker = CcxtBroker(getattr(classes, name)(), market="spot", quotes=("USDT",))
        assert broker.capabilities.lag_ms_max.keys() == broker.capabilities.surfaces


def test_without_ccxt_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ccxt.async_support", None)
    with pytest.raises(InputError, match=r'pip install "trueup\[ccxt\]"'):
        CcxtBroker.of("bybit", {}, market="contracts")


def test_l27_ccxts_own_retries_are_off_and_its_rate_limiter_is_on() -> None:
    fake = Fake()
    fake.options["maxRetriesOnFailure"] = 3
    CcxtBroker(fake, market="contracts")
    assert (fake.options["kept"], fake.options["maxRetriesOnFailure"]) == (1, 0)
    assert fake.enableRateLimit is True
    assert fake.number is str


def test_lags_are_15_seconds_unless_said_otherwise() -> None:
    assert set(CcxtBroker(Fake(), market="contracts").capabilities.lag_ms_max.values()) == {15_000}
    assert set(CcxtBroker(Fake(), market="contracts", lag_ms_max=9).capabilities.lag_ms_max.values()) == {9}


def test_reduce_only_is_declared_for_contracts_and_not_for_coins() -> None:
    assert CcxtBroker(Fake(), market="contracts").capabilities.can_reduce_only
    assert not CcxtBroker(Fake(), market="spot", quotes=("USDT",)).capabilities.can_reduce_only


def test_stops_are_offered_where_the_features_say_so() -> None:
    fake = Fake()
    assert "place_stop" not in CcxtBroker(fake, market="contracts").capabilities.actions
    fake.features = features(createOrder={"stopLossPrice": True})
    assert "place_stop" in CcxtBroker(fake, market="contracts").capabilities.actions


# -- loops and closing -------------------------------------------------------------------------------------


def test_a_broker_belongs_to_the_loop_in_which_it_was_first_asked() -> None:
    broker = CcxtBroker(Fake(fetch_positions=[[position()]]), market="contracts")
    assert asyncio.run(broker.ask(POSITIONS)).completeness == "complete"
    answer = asyncio.run(broker.ask(POSITIONS))
    assert answer.completeness == "failed"
    assert "another event loop" in answer.why


def test_it_is_closed_once() -> None:
    fake = Fake()

    async def scenario(broker: CcxtBroker) -> None:
        await broker.close()

    play(fake, scenario)
    assert fake.closed == 1


def test_an_answer_in_the_same_words_is_equal() -> None:
    fake = Fake(fetch_positions=[[position()]])

    async def scenario(broker: CcxtBroker) -> None:
        assert (await broker.ask(POSITIONS)).positions == (await broker.ask(POSITIONS)).positions

    play(fake, scenario)


# -- keys --------------------------------------------------------------------------------------------------


def test_keys_are_in_no_reason_and_no_repr() -> None:
    url = "https://api.fake.com/v5/position?apiKey=key-of-mine&signature=abc123 said secret-of-mine"
    fake = Fake(fetch_positions=[ExchangeError(f"fake GET {url}")])

    async def scenario(broker: CcxtBroker) -> None:
        answer = await broker.ask(POSITIONS)
        assert "https://api.fake.com/v5/position" in answer.why
        for told in (answer.why, repr(broker), str(answer)):
            assert not any(secret in told for secret in ("key-of-mine", "secret-of-mine", "abc123"))

    play(fake, scenario)


def test_keys_are_in_no_log_and_on_no_screen(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario(harness: BybitHarness) -> None:
        try:
            assert (await harness.broker.ask(POSITIONS)).completeness == "complete"
        finally:
            await harness.broker.close()

    with caplog.at_level("DEBUG"), bybit(verbose=True) as harness:
        asyncio.run(scenario(harness))
        headers = harness.broker._exchange.last_request_headers
    assert KEY in str(headers)  # it was sent
    assert not any(secret in caplog.text + str(capsys.readouterr()) for secret in (KEY, SECRET))


def test_l60_what_the_outside_says_is_bounded_and_printable() -> None:
    told = hushed("a\x1b[31m" + "x" * 1000, ())
    assert len(told) <= 300
    assert told.isprintable()


# -- over HTTP, with ccxt's own class ----------------------------------------------------------------------


def over_http(body: bytes, question: Question = POSITIONS) -> Answer:
    """What the answer is when this is what bybit replies."""
    answers: list[Answer] = []

    async def asked(harness: BybitHarness) -> None:
        try:
            answers.append(await harness.broker.ask(question))
        finally:
            await harness.broker.close()

    with bybit() as harness:
        harness.there.answer = lambda path, asked: body  # type: ignore[method-assign]
        asyncio.run(asked(harness))
    return answers[0]


def row(**cells: Any) -> dict[str, Any]:
    return {"symbol": "EURUSDT", "side": "Buy", "size": "1", "avgPrice": "1.1", "positionIdx": 0, **cells}


def test_l35_numbers_that_are_not_quoted_are_exact_too() -> None:
    body = listed([row(size="SIZE")]).replace(b'"SIZE"', b"0.100000000000000005")
    answer = over_http(body)
    assert answer.completeness == "complete"
    assert answer.positions["EURUSD"].signed_quantity == Decimal("0.100000000000000005")


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[", b"{}", b'{"retCode": 0}', b"<html></html>", b'{"retCode": 0, "result"']
)
def test_l03_a_reply_that_is_none_is_never_an_empty_list(body: bytes) -> None:
    for question in (POSITIONS, ORDERS, Question(surface="fills")):
        answer = over_http(body, question)
        assert answer.completeness == "failed", answer.why
        assert answer.why


def test_l03_a_position_that_ccxt_drops_makes_the_answer_partial() -> None:
    """A row that ccxt cannot match to a market, as after an upgrade or a new listing, is told; a lost one is missed."""
    rows = [row(), row(symbol="GBPUSDT", size="2")]

    async def asked(harness: BybitHarness) -> Answer:
        exchange = harness.broker._exchange
        whole = exchange.fetch_positions

        async def dropping(*arguments: Any) -> Any:
            return (await whole(*arguments))[:1]

        exchange.fetch_positions = dropping
        try:
            return await harness.broker.ask(POSITIONS)
        finally:
            await harness.broker.close()

    with bybit() as harness:
        harness.there.answer = lambda path, asked: listed(rows)  # type: ignore[method-assign]
        answer = asyncio.run(asked(harness))
    assert (answer.completeness, set(answer.positions)) == ("partial", {"EURUSD"})
    assert "GBPUSDT" in answer.refused[0].why


def test_l05_a_page_full_of_flat_rows_may_go_on() -> None:
    """ccxt drops what is flat, at some exchanges: the list that it came in is what was as long as a page."""
    rows = [row(), *(row(symbol=f"C{n}USDT", side="", size="0") for n in range(199))]
    answer = over_http(listed(rows))
    assert (answer.completeness, set(answer.positions)) == ("partial", {"EURUSD"})
    assert "L05" in answer.why


def test_a_flat_row_is_not_ours_over_http_either() -> None:
    answer = over_http(listed([row(side="", size="0"), row(symbol="GBPUSDT")]))
    assert (answer.completeness, set(answer.positions)) == ("complete", {"GBPUSD"})


def test_the_raw_reply_is_kept_as_it_came_but_for_keys() -> None:
    body = json.loads(listed([row()]))
    body["result"]["owner"] = KEY
    answer = over_http(json.dumps(body).encode())
    assert b'"size": "1"' in answer.raw
    assert KEY.encode() not in answer.raw
    assert SECRET.encode() not in answer.raw


def test_l42_one_row_that_ccxt_stumbles_over_does_not_take_the_list_with_it() -> None:
    answer = over_http(listed([row(size="NaN"), row(symbol="GBPUSDT")]))
    assert (answer.completeness, set(answer.positions)) == ("partial", {"GBPUSD"})
    assert "ccxt could not read it" in answer.refused[0].why


# -- connections -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("silence_s", "grown"), [(9.0, 1), (11.0, 0)])
def test_l10_a_connection_that_idled_out_is_no_reconnect(silence_s: float, grown: int) -> None:
    now = [1000.0]

    async def scenario(harness: BybitHarness) -> None:
        broker = CcxtBroker(harness.broker._exchange, market="contracts", clock=lambda: now[0])
        try:
            assert broker.connections == 0
            for _ in range(2):
                await broker.ask(POSITIONS)
                assert broker.connections == 1
            harness.reconnect()
            now[0] += silence_s
            for _ in range(5):
                if (await broker.ask(POSITIONS)).completeness == "complete":
                    break
            assert broker.connections == 1 + grown
        finally:
            await broker.close()

    with bybit() as harness:
        asyncio.run(scenario(harness))


def test_questions_side_by_side_are_no_reconnect() -> None:
    async def scenario(harness: BybitHarness) -> None:
        try:
            await asyncio.gather(*(harness.broker.ask(POSITIONS) for _ in range(5)))
            await asyncio.gather(*(harness.broker.ask(POSITIONS) for _ in range(5)))
            assert harness.broker.connections == 1
        finally:
            await harness.broker.close()

    with bybit() as harness:
        asyncio.run(scenario(harness))


def test_l10_a_connection_that_was_given_up_in_the_middle_of_a_question_was_a_break() -> None:
    async def scenario(harness: BybitHarness) -> None:
        try:
            await harness.broker.ask(POSITIONS)
            harness.trouble("silence")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(harness.broker.ask(POSITIONS), 0.2)
            for _ in range(2):
                assert (await harness.broker.ask(POSITIONS)).completeness == "complete"
                assert harness.broker.connections == 2
        finally:
            await harness.broker.close()

    with bybit() as harness:
        asyncio.run(scenario(harness))


def test_l10_a_question_that_failed_on_the_way_was_a_break() -> None:
    fake = Fake(fetch_positions=[[position()], NetworkError("reset"), [position()], ExchangeError("no"), [position()]])

    async def scenario(broker: CcxtBroker) -> None:
        seen: list[int] = []
        for _ in range(5):
            await broker.ask(POSITIONS)
            seen.append(broker.connections)
        assert seen == [1, 1, 2, 2, 2]

    play(fake, scenario)


# -- memory ------------------------------------------------------------------------------------------------


def test_law_12_the_memory_of_orders_and_symbols_is_bounded() -> None:
    memory = Memory(("A/B",))
    for n in range(ORDERS_MAX + 5):
        memory.placed(f"S{n % 500}/B", str(n), None)
    assert memory.symbol_of("0") is None
    assert memory.symbol_of(str(ORDERS_MAX + 4)) == f"S{(ORDERS_MAX + 4) % 500}/B"
    assert len(memory.symbols) == SYMBOLS_MAX + 1
    assert memory.symbols[0] == "A/B"
