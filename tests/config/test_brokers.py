"""Which adapter does an address mean, and is paper kept apart from live before anything is asked?"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import ccxt.async_support
import pytest

from trueup.errors import InputError, TrueupError
from trueup.policy import Instrument, Policy
from trueup.ports import Question
from trueup.testing.alpaca import FakeAlpaca
from trueup_adapters.ccxt import CcxtBroker
from trueup_adapters.config.brokers import mode_of, open_broker
from trueup_adapters.config.plans import Plan

KEYS = {"APCA_API_KEY_ID": "PKTESTTESTTEST", "APCA_API_SECRET_KEY": "secret-of-nobody"}


def plan(broker: str | None, **more: Any) -> Plan:
    fields: dict[str, Any] = {
        "account": "x:1", "store": "memory://x", "broker": broker, "book": None, "policy": Policy.adopt(),
        "environment": None, "dry_run": False, "mode": None, "baseline": True, "insecure": False, "durability": "full",
        "timeout_ms": 300,
    }  # fmt: skip
    return Plan(**(fields | more))


def opened(broker: str | None, environ: dict[str, str] | None = None, **more: Any) -> Any:
    """The broker, closed again."""
    one = plan(broker, **more)

    async def made() -> Any:
        found = open_broker(one, mode_of(one), environ or {})
        await found.close()
        return found

    return asyncio.run(made())


def refused(broker: str, environ: dict[str, str] | None = None, **more: Any) -> str:
    with pytest.raises(TrueupError) as caught:
        opened(broker, environ, **more)
    return str(caught.value)


def test_mt5_by_default_and_by_its_address() -> None:
    assert repr(opened(None)) == "Mt5Broker('tcp://127.0.0.1:5555', position_mode='hedging')"
    assert "127.0.0.1:7" in repr(opened("tcp://127.0.0.1:7"))
    assert "--insecure" in refused("tcp://10.0.0.1:7")
    assert "10.0.0.1" in repr(opened("tcp://10.0.0.1:7", insecure=True))
    assert "gateway address" in refused("localhost:5555")


@pytest.mark.parametrize(
    ("address", "environment", "becomes"),
    [
        ("alpaca://", None, "paper"),
        ("alpaca://", "paper", "paper"),
        ("alpaca://paper", None, "paper"),
        ("alpaca://paper/", "paper", "paper"),
        ("alpaca://live", "live", "live"),
        ("alpaca://", "live", "live"),
        ("alpaca+http://127.0.0.1:9", None, "paper"),
    ],
)
def test_alpaca_goes_to_paper_unless_all_say_live(address: str, environment: str | None, becomes: str) -> None:
    keys = KEYS if becomes == "paper" else KEYS | {"APCA_API_KEY_ID": "AKTESTTESTTEST"}
    broker = opened(address, keys, environment=environment)
    assert (broker.environment, broker.capabilities.position_mode) == (becomes, "netting")
    assert "127.0.0.1:9" in repr(broker) or "+" not in address


@pytest.mark.parametrize(
    ("account", "held_to"),
    [
        ("alpaca:PA3FAKE00001", "PA3FAKE00001"),
        ("alpaca:916893457", "916893457"),
        ("alpaca:PA3X", None),  # a name that somebody gave it
        ("alpaca:mine", None),
        ("desk:PA3FAKE00001", None),
    ],
)
def test_l32_alpaca_is_held_to_an_account_that_alpaca_itself_calls_so(account: str, held_to: str | None) -> None:
    async def answered() -> str:
        with FakeAlpaca(account_number="PA3OTHER0002") as fake:
            one = plan(f"alpaca+{fake.url}", account=account, environment="paper", timeout_ms=5_000)
            keys = {"APCA_API_KEY_ID": fake.key_id, "APCA_API_SECRET_KEY": fake.secret}
            broker = open_broker(one, "netting", keys)
            answer = await broker.ask(Question(surface="positions"))
            await broker.close()
            return f"{answer.completeness} {answer.why}"

    said = asyncio.run(answered())
    if held_to is None:
        assert said.startswith("complete")
    else:
        assert said.startswith("failed")
        assert f"PA3OTHER0002, and not of {held_to}" in said


def test_l33_alpaca_spells_as_the_policys_aliases_say() -> None:
    async def held(policy: Policy) -> list[str]:
        with FakeAlpaca() as fake:
            fake.control.open("AAPL", "long", "3", price="190.5")
            keys = {"APCA_API_KEY_ID": fake.key_id, "APCA_API_SECRET_KEY": fake.secret}
            one = plan(f"alpaca+{fake.url}", environment="paper", timeout_ms=5_000, policy=policy)
            broker = open_broker(one, "netting", keys)
            answer = await broker.ask(Question(surface="positions"))
            await broker.close()
            return [one.symbol for one in answer.positions.values()]

    aliased = Policy.adopt(instruments={"AAPL.US": Instrument(aliases=("AAPL",))})
    assert asyncio.run(held(Policy.adopt())) == ["AAPL"]
    assert asyncio.run(held(aliased)) == ["AAPL.US"]


def test_alpaca_that_is_not_agreed_on_is_refused() -> None:
    assert "takes two words" in refused("alpaca://live", KEYS)
    assert "environment says paper" in refused("alpaca://live", KEYS, environment="paper")
    assert "environment says live" in refused("alpaca://paper", KEYS, environment="live")
    assert "write alpaca://paper or alpaca://live" in refused("alpaca://somewhere", KEYS)
    assert "there is no 'secret'" in refused("alpaca://paper?secret=x", KEYS)
    assert "APCA_API_KEY_ID" in refused("alpaca://paper")


def test_ccxt_is_told_the_exchange_the_market_and_which_money() -> None:
    broker = opened("ccxt://kraken?market=spot&quotes=USD,USDT", environment="live")
    assert "kraken" in repr(broker)
    assert "sandbox" in refused("ccxt://kraken?market=spot&quotes=USD")
    assert "ccxt knows no exchange" in refused("ccxt://nosuch", environment="live")
    assert "write ccxt://EXCHANGE" in refused("ccxt://", environment="live")
    assert "write ccxt://EXCHANGE" in refused("ccxt://kraken?market=fish", environment="live")
    assert "there is no 'apiKey'" in refused("ccxt://kraken?apiKey=x", environment="live")


def test_an_exchange_is_told_parts_sizes_and_kind_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def made(name: str, config: dict[str, object], **options: Any) -> Any:
        given.update(name=name, config=config, **options)
        return CcxtBroker(ccxt.async_support.okx(config), **options)

    monkeypatch.setattr(CcxtBroker, "of", made)
    opened(
        "ccxt://okx?type=swap&symbols=BTC/USDT:USDT&scope=&scope=settleCoin=USDC,portfolio=true"
        "&contract_size=BTC/USDT:USDT=0.01&contract_size=ETH/USDT:USDT=0.1",
        environment="live",
    )
    assert given["config"] == {"options": {"defaultType": "swap"}, "sandbox": False}
    assert given["scopes"] == ({}, {"settleCoin": "USDC", "portfolio": True})
    assert given["contract_sizes"] == {"BTC/USDT:USDT": Decimal("0.01"), "ETH/USDT:USDT": Decimal("0.1")}
    assert given["symbols"] == ("BTC/USDT:USDT",)
    opened("ccxt://okx", environment="live")
    assert (given["scopes"], given["contract_sizes"]) == (({},), {})


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("scope=settleCoin", "write it like scope=settleCoin=USDC"),
        ("scope==USDC", "write it like scope=settleCoin=USDC"),
        ("contract_size=0.01", "write it like contract_size=BTC/USDT:USDT=0.01"),
        ("contract_size=BTC/USDT:USDT=much", "contract_size of 'BTC/USDT:USDT'"),
        ("market=spot&market=contracts", "market is there twice"),
        ("scop=x", "there are market, type, quotes, symbols, scope, contract_size"),
    ],
)
def test_a_part_of_an_address_that_cannot_be_meant_is_refused(query: str, said: str) -> None:
    assert said in refused(f"ccxt://okx?{query}", environment="live")


@pytest.mark.parametrize(
    ("module", "address", "extra"),
    [("trueup_adapters.alpaca", "alpaca://", "alpaca"), ("trueup_adapters.ccxt", "ccxt://kraken", "ccxt")],
)
def test_an_adapter_that_is_not_installed_names_its_extra(
    module: str, address: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(TrueupError, match=rf'pip install "trueup\[{extra}\]"') as caught:
        opened(address, KEYS, environment="paper")
    assert not isinstance(caught.value, InputError)
