"""Which adapter does an address mean, and is paper kept apart from live before anything is asked?"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from trueup.errors import InputError, TrueupError
from trueup.policy import Policy
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
    assert "gateway address" in refused("http://x")


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
