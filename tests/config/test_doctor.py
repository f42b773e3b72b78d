"""Does `trueup init` write once, and does `trueup doctor` find what is wrong and say what to do?"""

from __future__ import annotations

import os
import re
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alerts.servers import web
from alerts.test_channels import SLACK
from cli.gateways import gateway
from cli.shell import Ended, Shell, at, recorded
from trueup import PositionSet
from trueup_adapters.config import Flags, configuration_of, planned
from trueup_adapters.config.examining import broker_findings, examine
from trueup_adapters.config.plans import Planned

ACCOUNT = "mt5:5001"


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in list(os.environ):
        if name.startswith(("GTW_", "TRUEUP_", "SYNC_", "FORCE_COLOR")) and not name.startswith("TRUEUP_TEST"):
            monkeypatch.delenv(name)
    return Shell(capsys)


# -- init ----------------------------------------------------------------------------------------------------------


def test_it_is_written_once_and_never_over_one_that_is_there(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "trueup.toml"
    ended = shell("init", path, "--account", "mt5:7", "--store", at(tmp_path))
    assert ended.status == 0
    assert "trueup doctor" in ended.out
    text = path.read_text()
    (plan,) = planned(configuration_of(text, name="t"), Flags(), {}).plans
    assert (plan.account, plan.store, plan.dry_run, plan.environment) == ("mt5:7", at(tmp_path), True, "paper")
    path.write_text("mine = 1\n")
    ended = shell("init", path)
    assert (ended.status, path.read_text()) == (3, "mine = 1\n")
    assert "is not overwritten" in ended.err
    assert shell("init", tmp_path / "no" / "x.toml").status == 2
    assert shell("init", tmp_path / "y.toml", "--account", "nonsense").status == 2
    assert not (tmp_path / "y.toml").exists()
    assert shell("init", tmp_path / "z.toml", "--json").json == {"file": str(tmp_path / "z.toml")}


# -- doctor --------------------------------------------------------------------------------------------------------


def found(ended: Ended) -> dict[str, tuple[str, str]]:
    """(state, what) by part; of several the worst."""
    rank = {"ok": 0, "note": 1, "wrong": 2}
    parts: dict[str, tuple[str, str]] = {}
    for one in ended.json["findings"]:
        assert bool(one["do"]) == (one["state"] == "wrong" or one["state"] == "note") or one["state"] == "note"
        if rank[one["state"]] >= rank[parts.get(one["part"], ("ok", ""))[0]]:
            parts[one["part"]] = (one["state"], one["what"])
    return parts


def test_all_is_well(shell: Shell, tmp_path: Path) -> None:
    with gateway() as (url, control):
        control.open("EURUSD", "buy", "1", "1.1")
        (tmp_path / "t.toml").write_text(
            f'account = "{ACCOUNT}"\nbroker = "{url}"\nstore = "{at(tmp_path)}"\nenvironment = "paper"\n'
            "[metrics]\nport = 0\n[logs]\nformat = 'json'\n"
        )
        ended = shell("doctor", "--config", tmp_path / "t.toml", "--json")
        assert (ended.status, ended.json["ok"]) == (0, True)
        parts = found(ended)
        assert parts["store"][1].startswith("there is no store yet")
        assert "answered complete" in parts["broker"][1]
        assert parts["broker"][1].endswith(" ms: 1 position")
        assert parts["clock"][0] == "ok"
        assert {"metrics", "logs", "configuration"} <= set(parts)
        assert not list(tmp_path.glob("s.db*")), "it writes nothing"
        recorded(at(tmp_path), PositionSet(symbol="EURUSD", side="long", quantity=1))
        before = sqlite3.connect(tmp_path / "s.db").execute("SELECT count(*) FROM stored_events").fetchone()
        ended = shell("doctor", "--config", tmp_path / "t.toml")
        assert ended.status == 0
        assert "3 events, last input" in ended.out
        assert "are well" in ended.out
        assert sqlite3.connect(tmp_path / "s.db").execute("SELECT count(*) FROM stored_events").fetchone() == before


def test_what_is_wrong_is_told_part_by_part(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "s.db").write_bytes(b"this is no database at all, however long it goes on" * 100)
    with socket.create_server(("127.0.0.1", 0)) as taken, gateway() as (url, control):
        control.misbehave("silence", times=None)
        (tmp_path / "t.toml").write_text(
            f'account = "{ACCOUNT}"\nbroker = "{url}"\nstore = "{at(tmp_path)}"\ntimeout_ms = 100\n'
            f"[metrics]\nport = {taken.getsockname()[1]}\n"
            "[[alerts.channels]]\nname = 'desk'\nurl = 'nosuch://SECRETSECRET'\n"
        )
        ended = shell("doctor", "--config", tmp_path / "t.toml", "--json")
    assert (ended.status, ended.json["ok"]) == (1, False)
    parts = found(ended)
    assert {part for part, (state, _) in parts.items() if state == "wrong"} == {"store", "broker", "metrics", "alerts"}
    assert parts["broker"][1].endswith("; something listens there, and does not answer as a gateway does")
    assert "100 ms" in parts["broker"][1]
    assert "SECRETSECRET" not in ended.out + ended.err


def test_a_gateway_that_is_not_there_is_told_from_one_that_is_silent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as freed:
        port = freed.getsockname()[1]
    text = f'account = "{ACCOUNT}"\nbroker = "tcp://127.0.0.1:{port}"\nstore = "{at(tmp_path)}"\ntimeout_ms = 100\n'
    (broker,) = states(text, "broker")
    assert broker[0] == "wrong"
    assert broker[1].endswith("; nothing listens there (Connection refused)")


def test_a_clock_that_went_back_is_noticed_by_the_journal(tmp_path: Path) -> None:
    recorded(at(tmp_path), PositionSet(symbol="EURUSD", side="long", quantity=1))
    text = f'account = "{ACCOUNT}"\nbroker = "tcp://127.0.0.1:1"\nstore = "{at(tmp_path)}"\ntimeout_ms = 50\n'
    assert states(text, "clock") == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trueup_adapters.config.examining.time.time_ns", lambda: 1_600_000_000_000_000_000)
        ((state, said),) = states(text, "clock")
        assert states(text, "store")[0][1].startswith("3 events, last input in the future")
    assert state == "wrong"
    assert re.match(r"the journal's last input lies [\d,]{11} s in the future", said)


def test_a_configuration_that_is_not_understood_stops_it_there(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text("stroe = 'x'\ndry_run = 3\n")
    ended = shell("doctor", "--config", tmp_path / "t.toml", "--json")
    assert ended.status == 1
    assert [one["what"].split(": ")[0][-6:] for one in ended.json["findings"]] == ["line 1", "line 2"]
    (tmp_path / "t.toml").write_text(f'account = "{ACCOUNT}"\nstore = "sqlite:///x.db"\nenvironment = "live"\n')
    (only,) = shell("doctor", "--config", tmp_path / "t.toml", "--json").json["findings"]
    assert "two words" in only["what"]


def test_refused_rows_are_named(shell: Shell, tmp_path: Path) -> None:
    with gateway() as (url, control):
        control.open("EURUSD", "buy", "1", "1.1")
        control.misbehave("nan_volume", times=None)
        ended = shell("doctor", "--account", ACCOUNT, "--broker", url, "--store", at(tmp_path), "--json")
    assert found(ended)["broker"][0] == "wrong"
    assert "row 1" in found(ended)["broker"][1]


def test_channels_are_tried_only_when_asked(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.slack import NotifySlack

    with web() as service, gateway() as (url, _):
        monkeypatch.setattr(NotifySlack, "webhook_url", service.url)
        monkeypatch.setenv("TRUEUP_ALERTS", SLACK)
        arguments = ("doctor", "--account", ACCOUNT, "--broker", url, "--store", at(tmp_path), "--json")
        ended = shell(*arguments)
        assert (found(ended)["alerts"][0], service.requests) == ("ok", [])
        assert "not tried" in found(ended)["alerts"][1]
        assert "took a test message" in found(shell(*arguments, "--send-test"))["alerts"][1]
        assert "a test" in str(service.requests)
        service.answers = [(403, {}, b"")]
        ended = shell(*arguments, "--send-test")
        assert (ended.status, found(ended)["alerts"][0]) == (1, "wrong")
        assert "403" in found(ended)["alerts"][1]


def what(text: str) -> Planned:
    return planned(configuration_of(text, name="t"), Flags(), {})


def states(text: str, part: str) -> list[tuple[str, str]]:
    return [(one.state, one.what) for one in examine(what(text), send_test=False) if one.part == part]


def test_stores_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = f'account = "{ACCOUNT}"\nbroker = "tcp://127.0.0.1:1"\ntimeout_ms = 50\n'
    said = planned(configuration_of(base, name="t.toml"), Flags(store="mysql://x"), {})
    assert [one.state for one in examine(said, send_test=False) if one.part == "store"] == ["wrong"]
    recorded(at(tmp_path), PositionSet(symbol="EURUSD", side="long", quantity=1), account="mt5:9")
    assert states(base + f'store = "{at(tmp_path)}"\n', "store") == [
        ("ok", states(base + f'store = "{at(tmp_path)}"\n', "store")[0][1])
    ]
    assert "1 other account" in states(base + f'store = "{at(tmp_path)}"\n', "store")[0][1]
    recorded(at(tmp_path), PositionSet(symbol="EURUSD", side="long", quantity=1))
    found_states = states(base + f'store = "{at(tmp_path)}"\nmode = "netting"\n', "store")
    assert found_states[-1] == ("wrong", "the journal keeps positions hedging, and the plan says netting")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "cannot be written" in states(base + f'store = "{at(tmp_path)}"\n', "store")[0][1]
    monkeypatch.undo()
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("U", (), {"free": 5_000_000})())
    assert "has 5 MB left" in states(base + f'store = "{at(tmp_path)}"\n', "store")[0][1]
    assert states(base + 'store = "memory://nowhere"\n', "store")[0][0] == "ok"


def test_a_book_is_read_and_what_is_wrong_with_it_is_said(tmp_path: Path) -> None:
    base = f'account = "{ACCOUNT}"\nbroker = "tcp://127.0.0.1:1"\ntimeout_ms = 50\nstore = "memory://n"\n'
    book = f'{base}mode = "netting"\n[book]\nurl = "sqlite:///{tmp_path}/bot.db"\n'
    assert f"there is no file {tmp_path}/bot.db" in states(book, "book")[0][1]
    with closing(sqlite3.connect(tmp_path / "bot.db")) as bot:
        bot.execute("CREATE TABLE positions (symbol TEXT, quantity TEXT)")
        bot.execute("INSERT INTO positions VALUES ('AAPL', '3')")
        bot.commit()
        assert states(book, "book")[0] == ("ok", f"sqlite:///{tmp_path}/bot.db#positions holds 1 open position")
        assert states(book + "write = false\n", "book")[0][1].endswith("; it is only read")
        assert "has no column side; it has symbol, quantity" in states(book + 'side = "side"\n', "book")[0][1]
        bot.execute("INSERT INTO positions VALUES ('MSFT', 'many')")
        bot.commit()
        assert "1 rows refused: row 2: quantity is 'many'" in states(book, "book")[0][1]
    (found,) = states(base + '[book]\nurl = "sqlite:///b.db"\n', "book")
    assert "a hedging account keeps positions by ticket" in found[1]


def test_an_address_of_a_broker_that_is_none() -> None:
    text = f'account = "{ACCOUNT}"\nbroker = "tcp://10.0.0.1:1"\nstore = "memory://n"\n'
    ((state, said),) = states(text, "broker")
    assert state == "wrong"
    assert "--insecure" in said


@pytest.mark.parametrize(
    ("offset_s", "state", "says"),
    [(0, "ok", "ms from ours"), (90, "wrong", "+89,"), (-90, "wrong", "-90,")],
)
def test_the_brokers_own_clock_beside_ours(
    offset_s: int, state: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio
    from datetime import UTC, datetime, timedelta

    from trueup.testing.broker import SimulatedBroker
    from trueup_adapters.config import examining

    class Telling(SimulatedBroker):
        async def market_clock(self) -> Any:
            said = datetime.now(UTC) + timedelta(seconds=offset_s)
            return type("C", (), {"timestamp": said.isoformat()})()

    (plan,) = what(f'account = "{ACCOUNT}"\nstore = "memory://n"\n').plans
    assert examining.AHEAD_MS_MAX < 90_000
    findings = asyncio.run(broker_findings(plan, Telling(position_mode="netting")))
    assert [one.part for one in findings] == ["broker", "clock"]
    assert findings[1].state == state
    assert says in findings[1].what or offset_s == 90
    assert bool(findings[1].do) == (state == "wrong")


def test_times_in_the_future_are_said() -> None:
    import asyncio
    from datetime import UTC, datetime, timedelta
    from decimal import Decimal

    from trueup.model import BrokerPosition
    from trueup.testing.broker import SimulatedBroker

    broker = SimulatedBroker(position_mode="netting")
    later = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
    broker._rows = {"EURUSD": BrokerPosition("EURUSD", Decimal(1), opened_at=later)}
    (plan,) = what(f'account = "{ACCOUNT}"\nstore = "memory://n"\n').plans
    findings = asyncio.run(broker_findings(plan, broker))
    assert findings[1].state == "note"
    assert "in the future" in findings[1].what
