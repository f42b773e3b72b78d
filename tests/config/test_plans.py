"""What is run, once flags, environment and file have spoken; and is live really said twice?"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from trueup.errors import InputError
from trueup_adapters.config import Flags, Plan, configuration_of, planned
from trueup_adapters.config.plans import Planned

ONE = 'account = "mt5:1"\nstore = "sqlite:///s.db"\n'
TWO = (
    'store = "sqlite:///{account}.db"\n'
    '[[accounts]]\naccount = "a:1"\nbroker = "tcp://127.0.0.1:1"\n[[accounts]]\naccount = "a:2"\n'
)


def plans(text: str, environ: dict[str, str] | None = None, **flags: Any) -> tuple[Plan, ...]:
    return whole(text, environ, **flags).plans


def whole(text: str, environ: dict[str, str] | None = None, **flags: Any) -> Planned:
    return planned(configuration_of(text, name="t.toml"), Flags(**flags), environ or {})


def refused(text: str, environ: dict[str, str] | None = None, **flags: Any) -> str:
    with pytest.raises(InputError) as caught:
        whole(text, environ, **flags)
    return str(caught.value)


def test_flags_then_the_environment_then_the_file() -> None:
    text = ONE + 'broker = "tcp://127.0.0.1:1"\ndry_run = true\n[metrics]\nport = 1\n[logs]\nformat = "text"\n'
    environ = {
        "TRUEUP_ACCOUNT": "mt5:2", "TRUEUP_BROKER": "tcp://127.0.0.1:2", "TRUEUP_STORE": "sqlite:///e.db",
        "TRUEUP_DRY_RUN": "off", "TRUEUP_METRICS_PORT": "2", "TRUEUP_LOG_FORMAT": "json", "TRUEUP_LOG_LEVEL": "error",
    }  # fmt: skip
    (file,), (env,) = plans(text), plans(text, environ)
    (flag,) = plans(text, environ, account="mt5:3", broker="tcp://127.0.0.1:3", store="sqlite:///f.db", dry_run=True)
    assert [(one.account, one.broker, one.store, one.dry_run) for one in (file, env, flag)] == [
        ("mt5:1", "tcp://127.0.0.1:1", "sqlite:///s.db", True),
        ("mt5:2", "tcp://127.0.0.1:2", "sqlite:///e.db", False),
        ("mt5:3", "tcp://127.0.0.1:3", "sqlite:///f.db", True),
    ]
    assert (whole(text).metrics.port, whole(text, environ).metrics.port) == (1, 2)
    assert (whole(text, environ).logs.format, whole(text, environ).logs.level) == ("json", "error")
    (gateway,) = plans(text, {"GTW_PORT": "7"})
    assert gateway.broker == "tcp://127.0.0.1:7"


def test_several_accounts_one_of_them_and_stores_of_their_own() -> None:
    assert [(one.account, one.store) for one in plans(TWO)] == [
        ("a:1", "sqlite:///a-1.db"),
        ("a:2", "sqlite:///a-2.db"),
    ]
    assert [one.account for one in plans(TWO, account="a:2")] == ["a:2"]
    assert [one.account for one in plans(TWO, {"TRUEUP_ACCOUNT": "a:1"})] == ["a:1"]
    assert "a:3 is none of those under [[accounts]]: a:1, a:2" in refused(TWO, account="a:3")
    assert "--broker names one broker" in refused(TWO, broker="tcp://127.0.0.1:9")
    assert "TRUEUP_BROKER names one broker" in refused(TWO, {"TRUEUP_BROKER": "tcp://127.0.0.1:9"})
    assert plans(TWO, {"GTW_PORT": "7"})[0].broker == "tcp://127.0.0.1:1", (
        "the environment's gateway is for who names none"
    )


def test_curve_keys_from_flag_environment_and_file() -> None:
    text = ONE + 'curve_server = "file"\ncurve_secret_file = "file"\n'
    environ = {"GTW_CURVE_SERVER": "env", "GTW_CURVE_SECRET": "a secret of nobody"}
    flags = {"curve_server": "flag", "curve_secret_file": "flag"}
    found = [
        (one.curve_server, one.curve_secret_file)
        for (one,) in (plans(text), plans(text, environ), plans(text, environ, **flags), plans(ONE))
    ]
    assert found == [("file", "file"), ("env", None), ("flag", "flag"), (None, None)]
    several = TWO.replace('account = "a:1"', 'account = "a:1"\ncurve_server = "own"\ncurve_secret_file = "own"')
    assert [(one.curve_server, one.curve_secret_file) for one in plans(several, environ)] == [
        ("own", "own"),  # the environment has one gateway's keys: they are for the account that names none
        ("env", None),
    ]


WORDS = ("paper", "live", None)


@pytest.mark.parametrize(("file", "flag", "variable"), list(product(WORDS, (True, False), WORDS)))
def test_live_is_said_twice_and_contradicted_by_none(file: str | None, flag: bool, variable: str | None) -> None:
    text = ONE + (f'environment = "{file}"\n' if file else "")
    environ = {"TRUEUP_ENVIRONMENT": variable} if variable else {}
    words = [word for word in (file, "live" if flag else None, variable) if word]
    if "live" in words and "paper" in words:
        assert "is it live or paper?" in refused(text, environ, live=flag)
    elif words == ["live"]:
        assert "real money takes two words" in refused(text, environ, live=flag)
    else:
        (plan,) = plans(text, environ, live=flag)
        assert plan.environment == (words[0] if words else None)


def test_one_account_live_and_one_paper_are_told_apart() -> None:
    text = TWO.replace('account = "a:1"', 'account = "a:1"\nenvironment = "live"') + 'environment = "paper"\n'
    said = refused(text, live=True)
    assert "a:2: is it live or paper?" in said, "--live is about everything that is run"
    assert [one.environment for one in plans(text, live=True, account="a:1")] == ["live"]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"TRUEUP_STOR": "x"}, "nothing reads TRUEUP_STOR; did you mean TRUEUP_STORE?"),
        ({"TRUEUP_DRYRUN": "1"}, "did you mean TRUEUP_DRY_RUN?"),
        ({"TRUEUP_DRY_RUN": "perhaps"}, "TRUEUP_DRY_RUN is 'perhaps'; it must be 1 or 0"),
        ({"TRUEUP_METRICS_PORT": "-1"}, "TRUEUP_METRICS_PORT is '-1'; it must be a whole number from 0 to 65535"),
        ({"TRUEUP_LOG_FORMAT": "xml"}, "TRUEUP_LOG_FORMAT is 'xml'; it must be one of text, json"),
        ({"TRUEUP_ENVIRONMENT": "prod"}, "TRUEUP_ENVIRONMENT is 'prod'; it must be one of paper, live"),
        ({"SYNC_INTERVAL_SEC": "0"}, "SYNC_INTERVAL_SEC"),
        ({"GTW_TIMEOUT_MS": "x"}, "GTW_TIMEOUT_MS"),
    ],
)
def test_a_variable_that_cannot_be_meant_is_told(environ: dict[str, str], said: str) -> None:
    assert said in refused(ONE, environ)


def test_variables_of_others_that_begin_like_ours_are_left_alone() -> None:
    assert plans(ONE, {"TRUEUP_TEST_POSTGRES": "x", "TRUEUP_DEEP_FACTOR": "3", "STORE": "y"})


def test_all_problems_are_told_at_once() -> None:
    said = refused("", {"TRUEUP_STOR": "x", "GTW_TIMEOUT_MS": "x"}, live=True).splitlines()
    assert len(said) == 5, said


def test_channels_have_their_addresses_from_the_environment() -> None:
    text = ONE + "[alerts]\nseverity = 'critical'\n[[alerts.channels]]\nname = 'desk'\nurl_env = 'DESK_URL'\n"
    environ = {"DESK_URL": " slack://a/b/c ", "TRUEUP_ALERTS": "discord://1/2  json://h"}
    found = whole(text, environ).channels
    assert [(one.name, one.url, one.severity) for one in found] == [
        ("desk", "slack://a/b/c", "critical"),
        ("env-1", "discord://1/2", "critical"),
        ("env-2", "json://h", "critical"),
    ]  # fmt: skip
    assert "alert channel desk: DESK_URL, which should hold its address, is not set" in refused(text)


def test_what_the_policy_is_told_by_times() -> None:
    (plan,) = plans(ONE, timeout_ms=1_500, interval_s=3)
    assert (plan.policy.broker_timeout_s, plan.policy.sync_interval_s, plan.timeout_ms) == (2, 3, 1_500)
