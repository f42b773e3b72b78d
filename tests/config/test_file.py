"""Does a configuration mean what it says, and does an error name line, key, value and what was meant, all at once?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from house.source import ROOT
from trueup.errors import PolicyError
from trueup.policy import Policy
from trueup.policy_file import BESIDE, read_policy
from trueup_adapters.config import (
    ENVIRONMENT,
    TABLES,
    Configuration,
    configuration_of,
    read_configuration,
    template,
)
from trueup_adapters.config.reading import ACCOUNTS_MAX

PAGE = (ROOT / "docs/reference/configuration.md").read_text("utf-8")
WHOLE = """
environment = "paper"
dry_run = true
account = "mt5:1"
broker = "tcp://127.0.0.1:1"
store = "sqlite:///s.db"
mode = "netting"
baseline = false
insecure = true
curve_server = "the gateway's"
curve_secret_file = "ours"
timeout_ms = 300
durability = "normal"
confirmations = 3

[policy]
preset = "guarded"

[book]
url = "sqlite:///b.db"
table = "held"
quantity = "qty"
side = "dir"
closed = "zero"
write = false
[book.only]
account = "main"

[alerts]
severity = "critical"
resolved = false
[[alerts.channels]]
name = "desk"
url_env = "DESK"
[[alerts.channels]]
name = "night"
url = "json://127.0.0.1/abcdefgh"
severity = "info"
resolved = true

[metrics]
port = 0
host = "::1"
[logs]
format = "json"
level = "debug"
[views]
keep = false
file = "v.db"
"""


def said(text: str) -> Configuration:
    return configuration_of(text, name="t.toml")


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        said(text)
    return str(caught.value).splitlines()


def test_every_key_is_read() -> None:
    found = said(WHOLE)
    (one,) = found.accounts
    assert (one.account, one.broker, one.store) == ("mt5:1", "tcp://127.0.0.1:1", "sqlite:///s.db")
    assert one.book is not None
    mapping = one.book.mapping
    assert (one.book.url, one.book.table, one.book.write) == ("sqlite:///b.db", "held", False)
    assert (mapping.quantity, mapping.side, mapping.closed, mapping.only) == ("qty", "dir", "zero", {"account": "main"})
    assert (one.environment, one.dry_run, one.mode, one.baseline, one.insecure) == (
        "paper",
        True,
        "netting",
        False,
        True,
    )
    assert (one.curve_server, one.curve_secret_file) == ("the gateway's", "ours")
    assert (one.timeout_ms, found.durability, found.several) == (300, "normal", False)
    assert one.policy == Policy.guarded(confirmations=3)
    desk, night = found.alerts.channels
    assert (desk.name, desk.url_env, desk.url, desk.severity, desk.resolved) == (
        "desk",
        "DESK",
        None,
        "critical",
        False,
    )
    assert (night.url, night.severity, night.resolved) == ("json://127.0.0.1/abcdefgh", "info", True)
    assert (found.metrics.port, found.metrics.host) == (0, "::1")
    assert (found.logs.format, found.logs.level) == ("json", "debug")
    assert (found.views, found.views_file) == (False, "v.db")


def test_nothing_said_is_the_default() -> None:
    found = said("")
    assert found == read_configuration(None)
    assert (found.metrics.port, found.logs.format, found.alerts.channels, found.views) == (None, None, (), True)


def test_accounts_take_from_the_top_what_they_do_not_say() -> None:
    found = said(
        'store = "sqlite:///{account}.db"\nenvironment = "paper"\nmode = "netting"\nretries_max = 7\n'
        "[policy]\nconfirmations = 3\nsettle_ms = 5\n"
        '[[accounts]]\naccount = "a:1"\nbroker = "tcp://127.0.0.1:1"\n'
        '[[accounts]]\naccount = "a:2"\nmode = "hedging"\nenvironment = "live"\n'
        '[accounts.policy]\nsettle_ms = 6\npreset = "observe"\n'
    )
    first, second = found.accounts
    assert found.several
    assert (first.account, first.broker, first.store, first.mode, first.environment) == (
        "a:1", "tcp://127.0.0.1:1", "sqlite:///{account}.db", "netting", "paper",
    )  # fmt: skip
    assert (second.broker, second.mode, second.environment) == (None, "hedging", "live")
    assert first.policy == Policy.adopt(confirmations=3, settle_ms=5, retries_max=7)
    assert second.policy == Policy.observe(confirmations=3, settle_ms=6, retries_max=7)


def test_one_file_serves_check_as_well(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(WHOLE)
    assert read_policy(path) == Policy.guarded(confirmations=3)
    assert read_configuration(path).accounts[0].account == "mt5:1"
    judged_here = {key.name for key in TABLES[""]} | {name for name in TABLES if name and "." not in name}
    assert set(BESIDE) == judged_here - {"account", "broker", "store"}, "no more is passed over there"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("stroe = 'x'", ["t.toml, line 1: there is no key 'stroe'; did you mean 'store'?"]),
        ("[metrics]\n\nprot = 1", ["t.toml, line 3: there is no key 'metrics.prot'; did you mean 'port'?"]),
        ("[alert]\nx = 1", ["t.toml, line 1: there is no key 'alert'; did you mean 'alerts'?"]),
        ("environment = 'real'", ["t.toml, line 1: environment is 'real'; it must be one of paper, live"]),
        ("dry_run = 'yes'", ["t.toml, line 1: dry_run is 'yes'; it must be true or false"]),
        (
            "account = 'a:1'\nstore = 'sqllite:///x.db'",
            ["t.toml, line 2: store cannot be meant: sqllite:///x.db: sqllite names no kind of store we know"],
        ),
        (
            "[[accounts]]\naccount = 'a:1'\nbroker = 'alpca://paper'",
            ["t.toml, line 3: broker is 'alpca://paper': there is no adapter 'alpca'; did you mean 'alpaca'?"],
        ),
        ("[policy]\nstroe = 1", ["t.toml, line 2: there is no knob 'policy.stroe'"]),
        ("timeout_ms = 0", ["t.toml, line 1: timeout_ms is 0; it must be a whole number from 1 to 86400000"]),
        ("timeout_ms = true", ["t.toml, line 1: timeout_ms is true; it must be a whole number"]),
        ("[metrics]\nport = 65536", ["t.toml, line 2: port is 65536; it must be a whole number from 0 to 65535"]),
        ("account = 3", ["t.toml, line 1: account is 3; it must be text"]),
        ("account = ' '", ["t.toml, line 1: account is ' '; it must be text"]),
        ("account = '5001'", ["t.toml, line 1: ", "broker:id"]),
        ("book = 'sqlite:///b.db'", ["t.toml, line 1: book must be a table, [book]"]),
        ("[book]\ntable = 't'", ["t.toml, line 1: a book has either url, its address, or url_env"]),
        ("[book]\nurl = 'sqlite:///b'\nurl_env = 'B'", ["t.toml, line 1: a book has either url"]),
        ("[book]\nurl = 'sqlite:///b'\nsimbol = 's'", ["there is no key 'book.simbol'; did you mean 'symbol'?"]),
        ("[book]\nurl = 'sqlite:///b'\nclosed = 'status'", ["t.toml, line 1: a book whose closed rows have a status"]),
        ("[book]\nurl = 'sqlite:///b'\n[book.only]\na = 3", ["t.toml, line 4: only.a is 3; it must be text"]),
        ("metrics = 3", ["t.toml, line 1: metrics must be a table, [metrics]"]),
        ("accounts = 3", ["t.toml, line 1: accounts must be tables, each of them under [[accounts]]"]),
        ("[accounts]\naccount = 'a:1'", ["t.toml, line 1: accounts must be tables"]),
        (
            "[[accounts]]\naccount = 'a:1'\n[[accounts]]\nbrocker = 'x'\n",
            [
                "t.toml, line 4: there is no key 'accounts.brocker'; did you mean 'broker'?",
                "t.toml, line 3: an account lacks its name",
            ],
        ),
        (
            "[[accounts]]\naccount = 'a:1'\n[[accounts]]\naccount = 'a:1'",
            ["t.toml, line 4: account a:1 is listed twice"],
        ),
        (
            "account = 'a:1'\n[[accounts]]\naccount = 'a:2'",
            ["t.toml, line 1: account stands at the top and [[accounts]] too"],
        ),
        (
            "[[accounts]]\naccount = 'a:1'\n[accounts.policy]\nconfirmations = 1",
            ["t.toml, line 4: confirmations is 1; it must be at least 2"],
        ),
        ("[[accounts]]\naccount = 'a:1'\npolicy = 3", ["t.toml, line 3: policy must be a table"]),
        ("[[alerts.channels]]\nurl_env = 'X'", ["t.toml, line 1: a channel lacks its name"]),
        ("[[alerts.channels]]\nname = 'a'", ["t.toml, line 1: a channel has either url_env"]),
        (
            "[[alerts.channels]]\nname = 'a'\nurl = 'x://y'\n[[alerts.channels]]\nname = 'a'\nurl_env = 'X'",
            ["t.toml, line 5: two channels are called 'a'"],
        ),
        (
            "dry_run = 1\nmode = 'both'\n[logs]\nformat = 'xml'\nlevle = 'x'",
            [
                "t.toml, line 1: dry_run is 1; it must be true or false",
                "t.toml, line 2: mode is 'both'; it must be one of hedging, netting",
                "t.toml, line 4: format is 'xml'; it must be one of text, json",
                "t.toml, line 5: there is no key 'logs.levle'; did you mean 'level'?",
            ],
        ),
        ("account = ", ["t.toml: is not TOML"]),
    ],
)
def test_all_errors_are_told_with_line_key_value_and_what_was_meant(text: str, sentences: list[str]) -> None:
    found = problems(text)
    for sentence in sentences:
        assert any(sentence in line for line in found), found
    assert len(found) <= len(sentences), found


def test_the_value_of_a_secret_key_is_in_no_error() -> None:
    found = problems("[[alerts.channels]]\nname = 'a'\nurl = 4711471147114711\n")
    assert not any("4711" in line for line in found)
    assert any("url is what is not shown; it must be text" in line for line in found)
    assert "hunter22" not in repr(said("[[alerts.channels]]\nname = 'a'\nurl = 'json://u:hunter22@h'"))


def test_numbers_of_accounts_and_channels_are_bounded() -> None:
    many = "".join(f"[[accounts]]\naccount = 'a:{n}'\n" for n in range(ACCOUNTS_MAX + 1))
    assert problems(many) == [f"t.toml, line 1: accounts are {ACCOUNTS_MAX + 1}; at most {ACCOUNTS_MAX} are allowed"]


# -- what init writes, and what the page says ----------------------------------------------------------------------


def test_what_init_writes_is_understood_and_harmless() -> None:
    (one,) = said(template()).accounts
    assert (one.environment, one.dry_run, one.account) == ("paper", True, "mt5:5001")
    (named,) = said(template(account="a:1", broker='x"\\y', store="sqlite:///z.db")).accounts
    assert (named.account, named.broker, named.store) == ("a:1", 'x"\\y', "sqlite:///z.db")


def test_what_init_writes_shows_every_key_and_every_shown_one_is_understood() -> None:
    lines = template().splitlines()
    shown = {re.match(r"(?:# )?(\w+) = ", line)[1] for line in lines if re.match(r"(?:# )?(\w+) = ", line)}  # type: ignore[index]
    assert {key.name for keys in TABLES.values() for key in keys} <= shown
    for table, keys in TABLES.items():
        for key in keys:
            if table == "":
                text = f"{key.name} = {key.example}"
            elif table == "accounts":
                text = f"[[accounts]]\naccount = 'a:1'\n{key.name} = {key.example}" if key.name != "account" else ""
            elif table == "alerts.channels":
                rest = {"name": "name = 'x'", "url": "url = 'a://b'"}
                rest.pop("url" if key.name == "url_env" else key.name, None)
                text = "[[alerts.channels]]\n" + "\n".join([*rest.values(), f"{key.name} = {key.example}"])
            elif table == "book":
                rest = {"url": "url = 'sqlite:///b.db'", "closed": "closed = 'status'", "status": "status = 's'"}
                if key.name in ("url", "url_env"):
                    rest.pop("url")
                if key.name == "closed":
                    rest.pop("status")
                rest.pop(key.name, None)
                text = "[book]\n" + "\n".join([*rest.values(), f"{key.name} = {key.example}"])
            elif table == "book.orders":
                rest = {"client_order_id": "client_order_id = 'cid'"}
                rest.pop(key.name, None)
                orders = "\n".join([*rest.values(), f"{key.name} = {key.example}"])
                text = f"[book]\nurl = 'sqlite:///b.db'\n[book.orders]\n{orders}"
            else:
                text = f"[{table}]\n{key.name} = {key.example}"
            said(text)


def test_the_page_lists_every_key_and_variable_and_none_that_is_not_there() -> None:
    rows = set(re.findall(r"(?m)^\| `([\w]+)` \|", PAGE))
    keys = {key.name for keys in TABLES.values() for key in keys}
    variables = {one.name for one in ENVIRONMENT}
    assert rows == keys | variables
    listed = re.search(r"(?s)Keys: (.+?)\. ", PAGE)
    assert listed
    assert set(re.findall(r"`(\w+)`", listed[1])) == {key.name for key in TABLES["accounts"]} | {"policy", "book"}
    for words in (key.words for keys in TABLES.values() for key in keys):
        assert all(f"`{word}`" in PAGE for word in words)


def test_the_examples_on_the_page_are_understood() -> None:
    examples = re.findall(r"(?s)```toml\n(.*?)```", PAGE)
    assert len(examples) >= 2
    for example in examples:
        said(example)
