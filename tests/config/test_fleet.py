"""Are many accounts kept true side by side: no broker waits for another, one line each, one stop?"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.gateways import POLICY, gateway, line_of, started
from cli.shell import Clock, Shell, at, writing
from trueup.journal import accounts, verify

PATIENCE_S = 30


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def configured(folder: Path, *brokers: str, top: str = "") -> Path:
    """A configuration of as many accounts as there are brokers."""
    tables = "".join(f'[[accounts]]\naccount = "mt5:{n}"\nbroker = "{url}"\n' for n, url in enumerate(brokers, 1))
    path = folder / "t.toml"
    path.write_text(f'store = "sqlite:///{folder}/{{account}}.db"\nsync_interval_s = 1\n{top}{POLICY}\n{tables}')
    return path


def until(process: subprocess.Popen[str], fits: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Reports up to the first that fits."""
    seen: list[dict[str, Any]] = []
    while not seen or not fits(seen[-1]):
        assert process.poll() is None, seen
        seen.append(line_of(process))
    return seen


def test_a_silent_broker_delays_no_other_and_one_stop_ends_them_all(tmp_path: Path) -> None:
    with gateway() as (first, _), gateway() as (second, control), gateway() as (third, _):
        control.misbehave("silence", times=None)
        path = configured(tmp_path, first, second, third)
        with started("run", "--config", str(path), "--json", "--no-views", cwd=tmp_path) as process:
            seen = until(process, lambda one: one["account"] == "mt5:2")
            before = {one["account"] for one in seen[:-1]}
            assert before == {"mt5:1", "mt5:3"}, "both have passed while the silent one was still being asked"
            assert seen[-1]["status"] == "DEGRADED"
            assert all(one["status"] == "SUCCESS" for one in seen[:-1])
            control.behave()
            assert until(process, lambda one: one["account"] == "mt5:2" and one["status"] == "SUCCESS")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_S) == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""
    for number in (1, 2, 3):
        store = f"sqlite:///{tmp_path}/mt5-{number}.db"
        assert accounts(store) == (f"mt5:{number}",) or list(accounts(store)) == [f"mt5:{number}"]
        assert verify(store, f"mt5:{number}").ok


def test_it_stops_at_once_while_every_broker_is_silent(tmp_path: Path) -> None:
    with gateway() as (url, control):
        control.misbehave("silence", times=None)
        path = configured(tmp_path, url, url, top="broker_timeout_s = 60\n")
        path.write_text(path.read_text().replace("startup_timeout_s = 2", "startup_timeout_s = 60"))
        with started("run", "--config", str(path), "--json", "--no-views", cwd=tmp_path) as process:
            while control.state()["asked"] < 2:
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=10) == 0


def test_an_account_that_is_taken_is_said_and_the_others_go_on(tmp_path: Path) -> None:
    with gateway() as (first, _), gateway() as (second, _), writing(at(tmp_path, "mt5-2.db"), Clock(), account="mt5:2"):
        path = configured(tmp_path, first, second)
        with started("run", "--config", str(path), "--json", "--no-views", cwd=tmp_path) as process:
            seen = until(process, lambda one: one["account"] == "mt5:1" and one["pass"] >= 2)
            seen += until(process, lambda one: one["account"] == "mt5:1" and one["pass"] >= 3)
            (fenced,) = [one for one in seen if one["account"] == "mt5:2"]
            assert (fenced["status"], fenced["pass"]) == ("FAILED", 0)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_S) == 3
            assert process.stderr is not None
            assert "another writer" in process.stderr.read()


def test_once_asks_all_and_ends_by_the_worst(shell: Shell, tmp_path: Path) -> None:
    with gateway() as (first, _), gateway() as (second, control):
        path = configured(tmp_path, first, second)
        ended = shell("run", "--config", path, "--once", "--no-views")
        assert ended.status == 0
        assert sorted(re.findall(r"(mt5:\d)  SUCCESS", ended.out)) == ["mt5:1", "mt5:2"]
        control.misbehave("silence", times=None)
        ended = shell("run", "--config", path, "--once", "--json", "--timeout-ms", 200)
        reports = {one["account"]: one["status"] for one in map(json.loads, ended.out.splitlines())}
        assert (ended.status, reports) == (3, {"mt5:1": "SUCCESS", "mt5:2": "DEGRADED"})
        ended = shell("run", "--config", path, "--once", "--json", "--account", "mt5:1")
        assert (ended.status, ended.json["account"]) == (0, "mt5:1")
        assert (tmp_path / "mt5-1.db.views.db").exists()
        assert shell("run", "--config", path, "--once", "--views-file", tmp_path / "v.db").status == 2
        assert shell("run", "--config", path, "--once", "--restored").status == 2


def test_passes_are_rehearsed_and_nothing_is_decided_in_the_journal(shell: Shell, tmp_path: Path) -> None:
    with gateway() as (url, control):
        path = configured(tmp_path, url)
        assert shell("run", "--config", path, "--once", "--no-views").status == 0
        before = shell("audit", "--store", at(tmp_path, "mt5-1.db"), "--json").json
        control.open("EURUSD", "buy", "1", "1.1")
        ended = shell("run", "--config", path, "--once", "--dry-run", "--json", "--no-views")
        report = ended.json
        assert (ended.status, report["dry_run"], len(report["corrections"])) == (0, True, 1)
        ended = shell("run", "--config", path, "--once", "--dry-run", "--no-views")
        assert "rehearsed: nothing was corrected, and no decision is in the journal" in ended.out
        assert "SUCCESS: 1 would be corrected, " in ended.out
        after = shell("audit", "--store", at(tmp_path, "mt5-1.db"), "--json").json
        assert {one["name"] for one in after[len(before) :]} == {"writer-claimed/1"}
        assert shell("positions", "--store", at(tmp_path, "mt5-1.db"), "--json").json == []
        with started("run", "--config", str(path), "--dry-run", "--no-views", cwd=tmp_path) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(3)]
            assert all("rehearsed" in line for line in lines if "SUCCESS" in line)
            assert sum("SUCCESS" in line for line in lines) >= 2 or "EURUSD" in "".join(lines)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_S) == 0
        assert shell("positions", "--store", at(tmp_path, "mt5-1.db"), "--json").json == []
        path.write_text("dry_run = true\n" + path.read_text())
        assert shell("run", "--config", path, "--once", "--json", "--no-views").json["dry_run"] is True
        assert "dry_run" not in shell("run", "--config", path, "--once", "--json", "--no-views", "--no-dry-run").json


def test_a_broken_law_in_one_account_ends_the_process_loudly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trueup.errors import InvariantBroken
    from trueup_adapters.cli import main
    from trueup_adapters.cli.fleet import Member

    def breaks(*_: object) -> None:
        raise InvariantBroken("the fold is at 3, the journal at 4")

    monkeypatch.setattr(Member, "_continuously", breaks)
    with gateway() as (url, _):
        path = configured(tmp_path, url, url)
        with pytest.raises(InvariantBroken, match="the fold is at 3"):
            main(["run", "--config", str(path), "--no-views"])


def test_metrics_of_all_accounts_are_served_while_they_run(tmp_path: Path) -> None:
    with gateway() as (first, control), gateway() as (second, _):
        control.open("EURUSD", "buy", "1", "1.1")
        path = configured(tmp_path, first, second)
        arguments = ("run", "--config", str(path), "--json", "--no-views", "--metrics", "0")
        with started(*arguments, cwd=tmp_path) as process:
            assert process.stderr is not None
            said = process.stderr.readline()
            url = said.split()[-1]
            seen = until(process, lambda one: one["account"] == "mt5:1")
            if not any(one["account"] == "mt5:2" for one in seen):
                until(process, lambda one: one["account"] == "mt5:2")
            with urllib.request.urlopen(url, timeout=10) as reply:
                text = reply.read().decode()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_S) == 0
    assert 'trueup_book_positions{account="mt5:1"} 1.0' in text
    assert 'trueup_passes_total{account="mt5:2",kind="startup",status="SUCCESS"} 1.0' in text
    assert 'trueup_pass_duration_seconds_count{account="mt5:1"}' in text


def test_what_is_beside_the_passes_is_judged_before_anything_starts(shell: Shell, tmp_path: Path) -> None:
    with gateway() as (url, _):
        path = configured(tmp_path, url)
        path.write_text(path.read_text() + "[[alerts.channels]]\nname = 'desk'\nurl = 'nosuch://SECRETSECRET'\n")
        ended = shell("run", "--config", path, "--once", "--json")
        assert (ended.status, ended.out) == (2, "")
        assert "alert channel desk" in ended.err
        assert "SECRETSECRET" not in ended.err
        assert not list(tmp_path.glob("mt5-1.db*"))


def test_a_book_that_cannot_be_read_keeps_its_account_alone_from_being_compared(shell: Shell, tmp_path: Path) -> None:
    path = configured(tmp_path, "tcp://127.0.0.1:1", top='mode = "netting"\nbook = {url = "sqlite:///none.db"}\n')
    ended = shell("run", "--config", path, "--once")
    assert ended.status == 3
    assert "the book sqlite:///none.db#positions could not be read: there is no file none.db" in ended.err
