"""Is an address one, and is a connection there refused where it would be unsafe?"""

from __future__ import annotations

import asyncio

import pytest
import zmq

from trueup.errors import InputError
from trueup.ports import Question
from trueup_adapters.gateway import Gateway
from trueup_adapters.mt5 import CurveKeys, Mt5Broker

HERE = [
    "tcp://127.0.0.1:5555",
    "tcp://127.9.9.9:1",
    "tcp://localhost:65535",
    "tcp://LOCALHOST:5555",
    "tcp://[::1]:5555",
    "ipc:///tmp/gateway.sock",
    "inproc://gateway",
]
ELSEWHERE = [
    "tcp://10.0.0.7:5555",
    "tcp://gateway.example.com:5555",
    "tcp://0.0.0.0:5555",
    "tcp://[2001:db8::1]:5555",
    "tcp://127.0.0.1.example.com:5555",
    "tcp://localhost.example.com:5555",
    "tcp://128.0.0.1:5555",
]
NOWHERE = [
    "",
    "tcp://",
    "127.0.0.1:5555",
    "tcp:127.0.0.1:5555",
    "http://127.0.0.1:5555",
    "tcp://127.0.0.1",
    "tcp://127.0.0.1:",
    "tcp://127.0.0.1:0",
    "tcp://127.0.0.1:65536",
    "tcp://127.0.0.1:port",
    "tcp://127.0.0.1:٥",
    "tcp://:5555",
    "tcp://*:5555",
    "tcp://[::1:5555",
    "tcp://[nonsense]:5555",
    "tcp://eth0;127.0.0.1:5555",
    "tcp://a b:5555",
    "tcp://127.0.0.1:5555/path",
]


@pytest.mark.parametrize("url", HERE)
def test_this_machine_may_be_asked_plainly(url: str) -> None:
    assert url in repr(Mt5Broker(url))


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_plain_connection_that_leaves_this_machine_is_refused_and_says_what_would_allow_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GTW_INSECURE", raising=False)
    with pytest.raises(InputError) as refused:
        Mt5Broker(url)
    for way in ("GTW_INSECURE=1", "insecure=True", "--insecure", "CURVE"):
        assert way in str(refused.value)
    assert url in repr(Mt5Broker(url, insecure=True))
    monkeypatch.setenv("GTW_INSECURE", "1")
    assert url in repr(Mt5Broker(url))


def test_a_variable_that_says_no_allows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("", "0", "no", "false"):
        monkeypatch.setenv("GTW_INSECURE", text)
        with pytest.raises(InputError):
            Mt5Broker(ELSEWHERE[0])


def test_curve_keys_make_another_machine_safe_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GTW_INSECURE", raising=False)
    server, _ = (key.decode() for key in zmq.curve_keypair())
    public, secret = (key.decode() for key in zmq.curve_keypair())
    broker = Mt5Broker(ELSEWHERE[0], curve=(server, public, secret))
    assert secret not in repr(broker)
    assert secret not in repr(CurveKeys(server, public, secret))


@pytest.mark.parametrize("keys", [("a", "b", "c"), ("x" * 39,) * 3, ("x" * 40, "x" * 40, "secret words" + "x" * 27)])
def test_keys_that_are_none_are_refused_without_being_told(keys: tuple[str, str, str]) -> None:
    with pytest.raises(InputError) as refused:
        Mt5Broker(curve=keys)
    assert keys[2] not in str(refused.value) or len(keys[2]) < 5


@pytest.mark.parametrize("url", NOWHERE)
def test_what_is_no_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(InputError, match="tcp://127"):
        Mt5Broker(url, insecure=True)


@pytest.mark.parametrize("knobs", [{"position_mode": "both"}, {"timeout_ms": 0}, {"lag_ms_max": -1}])
def test_what_cannot_be_meant_is_refused(knobs: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Mt5Broker(**knobs)  # type: ignore[arg-type]


def test_the_environment_says_where_the_gateway_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GTW_HOST", "GTW_PORT", "GTW_TIMEOUT_MS", "GTW_INSECURE"):
        monkeypatch.delenv(name, raising=False)
    assert "tcp://127.0.0.1:5555" in repr(Mt5Broker.from_env())
    monkeypatch.setenv("GTW_HOST", "::1")
    monkeypatch.setenv("GTW_PORT", "7777")
    assert "tcp://[::1]:7777" in repr(Mt5Broker.from_env())
    monkeypatch.setenv("GTW_HOST", "10.0.0.7")
    with pytest.raises(InputError, match="GTW_INSECURE=1"):
        Mt5Broker.from_env()
    monkeypatch.setenv("GTW_INSECURE", "1")
    assert "tcp://10.0.0.7:7777" in repr(Mt5Broker.from_env())
    monkeypatch.setenv("GTW_PORT", "seven")
    with pytest.raises(InputError, match="seven"):
        Mt5Broker.from_env()


@pytest.mark.parametrize("text", ["soon", "0", "-5", "1.5", "9" * 20])
def test_a_time_out_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GTW_TIMEOUT_MS", text)
    with pytest.raises(InputError, match="GTW_TIMEOUT_MS"):
        Mt5Broker.from_env()


def test_the_time_out_of_the_environment_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GTW_HOST", raising=False)
    monkeypatch.setenv("GTW_PORT", "1")
    monkeypatch.setenv("GTW_TIMEOUT_MS", "30")

    async def ask() -> str:
        broker = Mt5Broker.from_env()
        answer = await broker.ask(Question(surface="positions"))
        await broker.close()
        return f"{answer.completeness}: {answer.why}"

    said = asyncio.run(ask())
    assert said.startswith("failed: no reply within 30 ms from tcp://127.0.0.1:1")
    assert "not connected" in said


def test_capabilities_are_declared() -> None:
    capabilities = Mt5Broker(position_mode="netting", lag_ms_max=700).capabilities
    assert (capabilities.source, capabilities.position_mode) == ("mt5", "netting")
    assert capabilities.surfaces == {"positions", "fills", "open_orders", "order"}
    assert capabilities.lag_ms_max == dict.fromkeys(capabilities.surfaces, 700)
    assert capabilities.actions == {"cancel", "place_stop", "close_position"}
    assert capabilities.can_reduce_only
    assert Mt5Broker().capabilities.lag_ms_max["positions"] == 2000


def test_a_gateway_of_ours_listens_elsewhere_only_with_keys() -> None:
    with pytest.raises(InputError, match="CURVE"):
        Gateway(host="0.0.0.0")
