"""Does an installed package's adapter answer to its address, and is it said whose it is when it fails?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest

from config.test_brokers import opened, plan, refused
from trueup.errors import InputError, PolicyError, TrueupError
from trueup.testing.broker import SimulatedBroker
from trueup_adapters.config import BrokerWanted, configuration_of
from trueup_adapters.config.brokers import mode_of
from trueup_adapters.config.installed import GROUP

Make = Callable[[BrokerWanted], object]


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> Callable[[Make], None]:
    """A package that brings `harbor`."""

    def with_(make: Make) -> None:
        module = ModuleType("harbor_package")
        module.open_broker = make  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "harbor_package", module)
        point = EntryPoint("harbor", "harbor_package:open_broker", GROUP)
        monkeypatch.setattr("trueup_adapters.config.installed.entry_points", lambda group: [point] * (group == GROUP))

    return with_


def test_it_is_handed_what_the_configuration_says(installs: Callable[[Make], None]) -> None:
    said: list[BrokerWanted] = []

    def make(wanted: BrokerWanted) -> SimulatedBroker:
        said.append(wanted)
        return SimulatedBroker(position_mode=wanted.mode or "netting")

    installs(make)
    broker = opened("harbor://dock/1", account="harbor:1", environment="paper", mode="hedging")
    assert broker.capabilities.position_mode == "hedging"
    assert opened("harbor://dock").capabilities.position_mode == "netting"
    assert said == [
        BrokerWanted(
            address="harbor://dock/1", account="harbor:1", mode="hedging", environment="paper", timeout_ms=300
        ),
        BrokerWanted(address="harbor://dock", account="x:1", mode=None, environment=None, timeout_ms=300),
    ]
    assert mode_of(plan("harbor://dock")) == "netting", "most brokers net"


def test_what_it_says_of_an_address_is_told_as_it_is(installs: Callable[[Make], None]) -> None:
    def make(_: BrokerWanted) -> Any:
        raise InputError("HARBOR_TOKEN is not set")

    installs(make)
    with pytest.raises(InputError, match=r"^HARBOR_TOKEN is not set$"):
        opened("harbor://dock")


@pytest.mark.parametrize(
    ("make", "why"), [(lambda _: None, "AttributeError: "), (lambda _: 1 // 0, "ZeroDivisionError: ")]
)
def test_whose_it_is_when_it_fails(make: Make, why: str, installs: Callable[[Make], None]) -> None:
    installs(make)
    with pytest.raises(TrueupError) as caught:
        opened("harbor://dock")
    said = f"broker harbor://: the adapter harbor_package:open_broker that is installed for it failed, {why}"
    assert str(caught.value).startswith(said)


def test_an_address_that_nobody_answers_to_names_the_nearest(installs: Callable[[Make], None]) -> None:
    assert refused("alpca://paper") == (
        "broker 'alpca://paper': there is no adapter 'alpca'; did you mean 'alpaca'? there are tcp (an MT5 gateway), "
        "alpaca, ccxt, and what an installed package brings"
    )
    assert "there is no adapter 'http'" in refused("http://127.0.0.1:5555")
    installs(lambda _: None)
    assert "did you mean 'harbor'? there are tcp (an MT5 gateway), alpaca, ccxt, harbor, and" in refused("habor://dock")


def test_a_secret_that_stands_in_an_address_is_hidden_before_the_rest_is_cut_off() -> None:
    secret = "xq7canary93zz" * 20
    for address in (f"habor://user:{secret}@h", f"alpaca://user:{secret}@h", f"ccxt://?token={secret}"):
        assert "canary" not in refused(address, environment="paper")
    with pytest.raises(PolicyError) as caught:
        configuration_of(f"account = 'a:1'\nbroker = 'habor://user:{secret}@h'", name="t.toml")
    assert "there is no adapter 'habor'" in str(caught.value)
    assert "canary" not in str(caught.value)
