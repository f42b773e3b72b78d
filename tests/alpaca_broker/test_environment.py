"""Can a paper adapter write to the live account, or one account's keys speak for another's?"""

from __future__ import annotations

import asyncio
import sys

import pytest

from alpaca_broker.harness import broker_of
from alpaca_broker.playing import POSITIONS, TestClock, close, play, whole
from trueup.errors import InputError, TrueupError
from trueup.testing.alpaca import Control, FakeAlpaca
from trueup_adapters.alpaca import AlpacaBroker, Credentials, Limiter
from trueup_adapters.alpaca.hosts import other_account, other_key, other_world
from trueup_adapters.alpaca.transport import NoReply, Transport

PAPER = ("PKPAPER0000000000000", "s" * 40)
LIVE = ("AKLIVE00000000000000", "s" * 40)


@pytest.mark.parametrize(
    ("keys", "settings", "why"),
    [
        (PAPER, {"environment": "paper", "url": "https://api.alpaca.markets"}, "Alpaca's live environment"),
        (PAPER, {"environment": "paper", "url": "https://API.alpaca.markets/v2"}, "Alpaca's live environment"),
        (PAPER, {"environment": "paper", "url": "https://api.alpaca.markets./"}, "Alpaca's live environment"),
        (LIVE, {"environment": "live", "url": "https://paper-api.alpaca.markets"}, "Alpaca's paper environment"),
        (LIVE, {"environment": "paper"}, "is one of a live account"),
        (PAPER, {"environment": "live"}, "is one of a paper account"),
        (PAPER, {"environment": "sandbox"}, "'paper' or 'live'"),
        (PAPER, {"url": "ftp://paper-api.alpaca.markets"}, "no address"),
        (PAPER, {"url": "paper-api.alpaca.markets"}, "no address"),
        (PAPER, {"url": "https://me:secret@proxy.example"}, "carries credentials"),
        (PAPER, {"url": "https://proxy.example/alpaca"}, "has the path"),
        (PAPER, {"url": "http://proxy.example"}, "plain HTTP"),
        (PAPER, {"account": "mt5:5001"}, "alpaca:PA3X"),
        (PAPER, {"timeout_ms": 0}, "at least 1"),
        (PAPER, {"execution_ids": "order"}, "'activity' or 'execution'"),
        (PAPER, {"lag_ms_max": -1}, "at least 0"),
        (PAPER, {"lag_ms_max": {"balances": 1}}, "balances"),
        (PAPER, {"stop_limit_slack": "1"}, "between 0 and 1"),
        (("", "s" * 40), {}, "APCA_API_KEY_ID"),
        (("PKPAPER0000000000000", "two words here"), {}, "APCA_API_SECRET_KEY"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(
    keys: tuple[str, str], settings: dict[str, object], why: str
) -> None:
    with pytest.raises(InputError, match=why) as refused:
        AlpacaBroker(keys, **settings)  # type: ignore[arg-type]
    assert "ssss" not in str(refused.value)


def test_each_environment_has_its_own_address() -> None:
    paper, live = AlpacaBroker(PAPER), AlpacaBroker(LIVE, environment="live")
    assert repr(paper) == "AlpacaBroker('https://paper-api.alpaca.markets', environment='paper')"
    assert repr(live) == "AlpacaBroker('https://api.alpaca.markets', environment='live')"


def test_a_write_to_the_other_environment_is_stopped_where_it_would_leave() -> None:
    """The last door, should every other have been passed."""

    async def scenario() -> None:
        clock = TestClock()
        keys = Credentials(*PAPER)
        transport = Transport("https://api.alpaca.markets", keys, "paper", Limiter(clock), clock)
        for writing in (transport.post("/v2/orders", b"{}"), transport.delete("/v2/positions/AAPL")):
            with pytest.raises(NoReply, match="nothing is sent there") as refused:
                await writing
            assert not refused.value.sent
        assert transport._session is None
        await transport.close()

    asyncio.run(scenario())


def test_a_broker_that_was_bent_to_the_other_environment_says_so_and_sends_nothing() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        broker._transport.refused = other_world("api.alpaca.markets", "paper")
        outcome = await broker.act(close("AAPL", "1", "q1"))
        assert outcome.state == "rejected"
        assert outcome.why.startswith("not sent: api.alpaca.markets is Alpaca's live environment")
        assert not control.seen

    play(scenario)


def test_a_live_account_behind_a_proxy_is_read_and_never_written_by_a_paper_adapter() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        whole(await broker.ask(POSITIONS))
        outcome = await broker.act(close("AAPL", "1", "q1"))
        assert outcome.state == "rejected"
        assert "is a live account" in outcome.why
        assert (control.requests("POST"), control.held("AAPL")) == (0, 3)

    play(scenario, FakeAlpaca(account_number="916893457"))


def test_a_paper_account_behind_a_proxy_is_not_written_by_a_live_adapter() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        assert "is a paper account" in (await broker.act(close("AAPL", "1", "q1"))).why
        assert control.requests("POST") == 0

    play(scenario, FakeAlpaca(key_id="AKFAKE00000000000000"), environment="live")


def test_l32_the_keys_of_another_account_are_neither_believed_nor_used() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        answer = await broker.ask(POSITIONS)
        assert (answer.completeness, dict(answer.positions)) == ("failed", {})
        assert "PA3FAKE00001" in answer.why
        assert "PA3MINE" in answer.why
        assert (await broker.act(close("AAPL", "1", "q1"))).state == "rejected"
        assert (control.requests("GET", "/v2/positions"), control.requests("POST")) == (0, 0)

    play(scenario, account="alpaca:PA3MINE")


def test_l32_whose_account_it_is_is_asked_once() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.misbehave("status", on=("account",))
        answer = await broker.ask(POSITIONS)
        assert (answer.completeness, control.requests("GET", "/v2/positions")) == ("failed", 0)
        for _ in range(3):
            whole(await broker.ask(POSITIONS))
        assert control.requests("GET", "/v2/account") == 2

    play(scenario, account="alpaca:PA3FAKE00001")


def test_an_account_that_does_not_say_whose_it_is_is_not_acted_on() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        for kind in ("garbage", "empty", "html", "cut"):
            control.misbehave(kind, on=("account",))
            outcome = await broker.act(close("AAPL", "1", "q1"))
            assert outcome.state == "unknown"
            assert control.requests("POST") == 0
        assert (await broker.act(close("AAPL", "1", "q1"))).state == "acknowledged"

    play(scenario)


def test_keys_that_alpaca_does_not_know_are_told_from_an_account_without_positions() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        stranger = AlpacaBroker(PAPER, url=broker._url)
        try:
            answer = await stranger.ask(POSITIONS)
            assert (answer.completeness, dict(answer.positions)) == ("failed", {})
            assert "check the keys" in answer.why
        finally:
            await stranger.close()

    play(scenario)


def test_a_redirect_is_not_followed() -> None:
    """It would carry the keys, and an order, to wherever it says."""
    with FakeAlpaca() as elsewhere:

        async def scenario(broker: AlpacaBroker, control: Control) -> None:
            control.open("AAPL", "long", "3", price="190.5")
            control.misbehave("redirect", on=("positions",), text=f"{elsewhere.url}/v2/positions")
            assert "redirect" in (await broker.ask(POSITIONS)).why
            control.misbehave("redirect", on=("submit",), text=f"{elsewhere.url}/v2/orders")
            assert (await broker.act(close("AAPL", "1", "q1"))).state == "unknown"
            assert not elsewhere.control.seen

        play(scenario)


def test_what_each_door_says_of_what_it_does_not_know() -> None:
    assert other_world("proxy.example", "paper") == ""
    assert other_key("CK00000000000000", "paper") == ""
    assert other_account("916893457", "paper", "https://paper-api.alpaca.markets") == ""


def test_a_plain_address_elsewhere_is_taken_when_it_is_asked_for() -> None:
    assert "proxy.example" in repr(AlpacaBroker(PAPER, url="http://proxy.example", insecure=True))
    assert "127.0.0.1" in repr(AlpacaBroker(PAPER, url="http://127.0.0.1:8700"))
    assert "localhost" in repr(AlpacaBroker(PAPER, url="http://localhost:8700/v2/"))


def test_a_broker_of_the_fake_is_a_paper_broker() -> None:
    with FakeAlpaca() as fake:
        assert broker_of(fake).environment == "paper"


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(TrueupError, match=r'pip install "trueup\[alpaca\]"') as missing:
        AlpacaBroker(PAPER)
    assert not isinstance(missing.value, InputError)  # nothing is wrong with the words: the command ends with 3
