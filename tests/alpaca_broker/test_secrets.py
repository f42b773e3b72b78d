"""Do keys stay out of everything that is written down: reprs, errors, logs, tracebacks, replies that are kept?"""

from __future__ import annotations

import logging
import pickle
import traceback
from pathlib import Path

import pytest

from alpaca_broker.playing import FILLS, ORDERS, POSITIONS, close, order, play
from trueup.errors import InputError
from trueup.testing.alpaca import KEY_ID, SECRET, Control
from trueup_adapters.alpaca import AlpacaBroker, Credentials, from_config, from_environment
from trueup_adapters.alpaca.keys import FILE_BYTES_MAX
from trueup_adapters.logs.secrets import hidden

KEYS = {"APCA_API_KEY_ID": "PKMINE00000000000000", "APCA_API_SECRET_KEY": "mine-" * 8}


def key_file(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "alpaca.env"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_no_answer_outcome_or_log_holds_the_secret_even_where_alpaca_repeats_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[object] = []

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        echo = f'{{"code": 50010000, "message": "what is {KEY_ID}:{SECRET}?"}}'
        for question in (POSITIONS, ORDERS, FILLS, order("c1")):
            control.misbehave("status", text=echo)
            told.append(await broker.ask(question))
        control.misbehave("status", on=("submit",), status=422, text=echo)
        told.append(await broker.act(close("AAPL", "1", "q1")))
        control.misbehave("cut")
        told.append(await broker.ask(POSITIONS))
        told.append(broker)

    play(scenario)
    written = repr(told) + caplog.text
    assert "what is" in written
    assert SECRET not in written
    assert KEY_ID not in written


def test_credentials_show_themselves_to_nobody() -> None:
    keys = Credentials(KEYS["APCA_API_KEY_ID"], KEYS["APCA_API_SECRET_KEY"])
    assert repr(keys) == "Credentials('PKMI'..., secret=...)"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(keys)
    assert hidden(f"it is {KEYS['APCA_API_SECRET_KEY']}!") == "it is ***!"  # whoever logs in this process hides it too
    spaced = " ".join(("a", "secret"))
    with pytest.raises(InputError) as wrong:
        Credentials("PKMINE00000000000000", spaced)
    assert spaced not in "".join(traceback.format_exception(wrong.value))


def test_a_failure_to_connect_does_not_show_them() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        gone = AlpacaBroker((KEY_ID, SECRET), url="http://127.0.0.1:1")
        try:
            answer = await gone.ask(POSITIONS)
            assert answer.completeness == "failed"
            assert "127.0.0.1" in answer.why
            outcome = await gone.act(close("AAPL", "1", "q1"))
            assert (outcome.state, outcome.why[:9]) == ("unknown", "not sent:")
            assert SECRET not in repr(answer) + repr(outcome)
        finally:
            await gone.close()

    play(scenario)


# -- where they come from ----------------------------------------------------------------------------------


def test_a_broker_of_the_environment() -> None:
    assert repr(from_environment(KEYS)) == "AlpacaBroker('https://paper-api.alpaca.markets', environment='paper')"
    live = KEYS | {"APCA_API_KEY_ID": "AKMINE00000000000000", "APCA_API_BASE_URL": "https://api.alpaca.markets/v2/"}
    assert from_environment(live).environment == "live"
    here = from_environment(KEYS | {"APCA_API_BASE_URL": "http://127.0.0.1:8700"}, read_only=True)
    assert (here.environment, here.capabilities.actions) == ("paper", frozenset())
    other = from_environment(KEYS | {"APCA_API_BASE_URL": "http://127.0.0.1:8700"}, url="http://127.0.0.1:8701")
    assert "8701" in repr(other)


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("APCA_API_BASE_URL", raising=False)
    monkeypatch.delenv("APCA_KEY_FILE", raising=False)
    assert from_environment().environment == from_config({}).environment == "paper"


@pytest.mark.parametrize(
    ("environ", "settings", "why"),
    [
        ({}, {}, "APCA_API_KEY_ID and APCA_API_SECRET_KEY are not set"),
        ({"APCA_API_KEY_ID": "PKMINE00000000000000"}, {}, "APCA_API_SECRET_KEY are not set"),
        (KEYS | {"APCA_API_BASE_URL": "https://api.alpaca.markets"}, {}, "is one of a paper account"),
        (KEYS | {"APCA_API_BASE_URL": "https://api.alpaca.markets"}, {"environment": "paper"}, "live environment"),
        (KEYS | {"APCA_KEY_FILE": "no/such/file"}, {}, "cannot be read"),
    ],
)
def test_an_environment_that_cannot_be_meant(environ: dict[str, str], settings: dict[str, str], why: str) -> None:
    with pytest.raises(InputError, match=why):
        from_environment(environ, **settings)


def test_a_file_of_keys(tmp_path: Path) -> None:
    path = key_file(
        tmp_path, "# mine\nexport APCA_API_KEY_ID='PKMINE00000000000000'\nAPCA_API_SECRET_KEY = secret-of-mine\nX=1\n"
    )
    assert from_config({"key_file": path}, environ={}).environment == "paper"
    assert from_environment({"APCA_KEY_FILE": path}).environment == "paper"


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        ("APCA_API_KEY_ID=PKMINE00000000000000\n", 0o600, "has no APCA_API_SECRET_KEY"),
        ("", 0o600, "has no APCA_API_KEY_ID and no APCA_API_SECRET_KEY"),
        ("APCA_API_KEY_ID=PKMINE00000000000000\nAPCA_API_SECRET_KEY=secret-of-mine\n", 0o640, "chmod 600"),
        ("APCA_API_KEY_ID=PKMINE00000000000000\nAPCA_API_SECRET_KEY=secret-of-mine\n", 0o604, "chmod 600"),
        ("x" * (FILE_BYTES_MAX + 1), 0o600, "are the most that is read"),
    ],
)
def test_a_file_of_keys_that_is_open_to_others_or_lacks_one(tmp_path: Path, text: str, mode: int, why: str) -> None:
    with pytest.raises(InputError, match=why) as refused:
        from_config({"key_file": key_file(tmp_path, text, mode)}, environ={})
    assert "secret-of-mine" not in str(refused.value)


def test_settings_are_checked_and_hold_no_keys() -> None:
    broker = from_config(
        {
            "environment": "paper",
            "account": "alpaca:PA3X",
            "lag_ms_max": {"fills": 30_000},
            "aliases": {"BTCUSD": "BTC/USD"},
            "strategies": {"mo-": "momentum"},
            "stop_limit_slack": "0.01",
            "timeout_ms": 5_000,
        },
        environ=KEYS,
    )
    assert broker.capabilities.lag_ms_max == {
        "positions": 15_000,
        "open_orders": 15_000,
        "order": 15_000,
        "fills": 30_000,
    }
    for settings, why in (
        ({"secret": "x"}, "does not belong into settings"),
        ({"APCA_API_SECRET_KEY": "x"}, "does not belong into settings"),
        ({"enviroment": "live"}, "there is no setting 'enviroment'"),
        ({"timeout_ms": "5"}, "not what it must be"),
        ({"timeout_ms": True}, "not what it must be"),
        ({"read_only": 1}, "not what it must be"),
        ({"key_file": 7}, "key_file is no text"),
    ):
        with pytest.raises(InputError, match=why):
            from_config(settings, environ=KEYS)
