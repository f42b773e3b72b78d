"""Does `trueup run` keep a journal true to a gateway over real sockets, and report each pass as promised?"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from cli.gateways import POLICY, gateway, line_of, started
from cli.shell import ACCOUNT, Clock, Ended, Shell, at, writing
from trueup.errors import InputError
from trueup.policy import Policy
from trueup_adapters.config import AccountSettings, Configuration, Flags, Plan, planned
from trueup_adapters.config.brokers import address_of

REPORT = {
    "account": str, "pass": int, "at": str, "kind": str, "status": str, "observations": list, "breaks": list,
    "corrections": list, "actions": list, "counts": dict, "gate": str, "critical": list, "errors": list,
    "reconciled_count": int, "duration_ms": int,
}  # fmt: skip
BREAK = {
    "of", "kind", "symbol", "ticket", "field", "book", "broker", "correction", "why", "id", "state",
}  # fmt: skip
CORRECTION = {"id", "kind", "symbol", "ticket", "field", "before", "after", "why"}


def checked(report: dict[str, Any]) -> dict[str, Any]:
    """A report whose every key is there and of its kind."""
    assert {name: type(report[name]) for name in REPORT} == REPORT
    assert set(report) == {*REPORT, "baseline"}
    assert all(set(one) == {"surface", "complete", "why"} for one in report["observations"])
    assert all(set(one) == BREAK for one in report["breaks"])
    assert all(one["why"] for one in report["breaks"]), "every break says why"
    assert all(set(one) == CORRECTION for one in report["corrections"])
    assert set(report["counts"]) == {"recovery", "ghost", "drift"}
    return report


def moved(report: dict[str, Any]) -> list[tuple[str, str, str, str | None]]:
    return [(one["kind"], one["state"], one["symbol"], one["field"]) for one in report["breaks"]]


class Sidecar:
    """`trueup run --once` on one store, again and again."""

    def __init__(self, shell: Shell, folder: Path, url: str) -> None:
        (folder / "p.toml").write_text(POLICY)
        self._shell = shell
        self._fixed = (
            "run",
            "--account",
            ACCOUNT,
            "--store",
            at(folder),
            "--policy",
            folder / "p.toml",
            "--broker",
            url,
        )

    def __call__(self, *more: object) -> Ended:
        return self._shell(*self._fixed, "--once", "--json", "--timeout-ms", 300, *more)


def test_one_store_through_its_days(shell: Shell, tmp_path: Path) -> None:
    with gateway() as (url, control):
        once = Sidecar(shell, tmp_path, url)
        first = control.open("EURUSD", "buy", "0.01", "1.0543", sl="1.04")
        second = control.open("GBPUSD", "sell", "0.02", "1.25")

        ended = once()
        report = checked(ended.json)
        assert (ended.status, report["status"], report["baseline"], report["reconciled_count"]) == (0, "SUCCESS", 2, 2)
        assert (report["kind"], report["pass"], report["gate"], report["breaks"]) == ("startup", 1, "open", [])
        assert report["observations"] == [
            {"surface": surface, "complete": True, "why": ""} for surface in ("positions", "open_orders", "fills")
        ]

        third = control.open("XAUUSD", "buy", "1", "2000")
        ended = once()
        report = checked(ended.json)
        assert (ended.status, report["status"], report["pass"], report["baseline"]) == (0, "SUCCESS", 2, None)
        assert moved(report) == [("recovery", "cleared", "XAUUSD", None)], "its deal entered as a missed fill"
        (correction,) = report["corrections"]
        assert (correction["kind"], correction["before"], correction["after"], correction["ticket"]) == (
            "missed-fill", None, "long 1", str(third),
        )  # fmt: skip

        control.vanish(second)
        ended = once()
        assert ended.status == 0
        assert moved(checked(ended.json)) == [("ghost", "corrected", "GBPUSD", None)]

        control.resize(first, "0.03")
        control.set_stop(first, "1.05")
        report = checked(once().json)
        assert moved(report) == [
            ("drift", "corrected", "EURUSD", "quantity"),
            ("drift", "corrected", "EURUSD", "stop"),
        ]
        assert report["counts"] == {"recovery": 0, "ghost": 0, "drift": 2}

        control.misbehave("silence", times=None)
        ended = once()
        report = checked(ended.json)
        assert (ended.status, report["status"], report["gate"]) == (3, "DEGRADED", "closed")
        assert (report["breaks"], report["corrections"]) == ([], [])
        assert "300 ms" in report["errors"][0]

        control.behave()
        control.misbehave("empty", times=None)
        ended = once()
        report = checked(ended.json)
        assert (ended.status, report["status"], report["corrections"]) == (1, "PARTIAL", [])
        assert {one["kind"] for one in report["breaks"]} == {"ghost"}
        assert report["critical"]

        control.behave()
        ended = once()
        assert (ended.status, checked(ended.json)["status"]) == (0, "SUCCESS")
        held = shell("positions", "--store", at(tmp_path), "--json").json
        assert [(row["symbol"], row["quantity"]) for row in held] == [("EURUSD", "0.03"), ("XAUUSD", "1")]
        there = shell("positions", "--store", at(tmp_path), "--side", "broker", "--json").json
        del there[1]["stop"]  # a deal says nothing of stops, and the book does not make one up
        assert held == [row | {"strategy": "external"} for row in there]
        assert shell("verify", "--store", at(tmp_path)).status == 0


def test_without_a_baseline_the_first_answer_is_compared(shell: Shell, tmp_path: Path) -> None:
    with gateway("--mode", "netting", "--dialect", "2", "--no-echo") as (url, control):
        control.open("EURUSD", "buy", "0.01", "1.0543", magic=7)
        once = Sidecar(shell, tmp_path, url)
        (tmp_path / "p.toml").write_text(POLICY + '[strategies]\n7 = "mean"\n[instruments.EUR]\naliases = ["EURUSD"]\n')
        report = checked(once("--no-baseline", "--mode", "netting").json)
        assert (moved(report), report["baseline"]) == ([("recovery", "corrected", "EUR", None)], None)
        (row,) = shell("positions", "--store", at(tmp_path), "--json").json
        assert (row["symbol"], row["strategy"]) == ("EUR", "mean"), "names by the policy"
        assert shell("status", "--store", at(tmp_path), "--json").json["position_mode"] == "netting"
        assert checked(once().json)["status"] == "SUCCESS", "without --mode it stays as the journal has it"
        assert once("--mode", "hedging").status == 2


def test_a_config_file_and_flags_that_win(shell: Shell, tmp_path: Path) -> None:
    with gateway() as (url, _):
        config = tmp_path / "trueup.toml"
        config.write_text(f'account = "mt5:1"\nbroker = "{url}"\nstore = "{at(tmp_path)}"\n[policy]\nretries_max = 0\n')
        assert shell("run", "--config", config, "--once", "--json").json["account"] == "mt5:1"
        assert shell("run", "--config", config, "--once", "--json", "--account", "mt5:2").json["account"] == "mt5:2"
        assert shell("status", "--store", at(tmp_path), "--account", "mt5:2").status == 0


def test_the_environment_names_the_gateway(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with gateway() as (url, _):
        monkeypatch.setenv("GTW_PORT", url.rpartition(":")[2])
        ended = shell("run", "--account", ACCOUNT, "--store", at(tmp_path), "--once")
        assert ended.status == 0
        assert ended.out.startswith("SUCCESS: 0 positions taken over as the baseline")


def plan(environ: dict[str, str] | None = None, **given: Any) -> Plan:
    settings = AccountSettings(policy=Policy.adopt(), account=ACCOUNT, store="sqlite:////nowhere/at/all.db")
    (found,) = planned(Configuration(accounts=(settings,)), Flags(**given), environ or {}).plans
    return found


def test_flags_then_the_environment_then_the_file() -> None:
    environ = {"SYNC_INTERVAL_SEC": "60", "GTW_TIMEOUT_MS": "2500"}
    from_flags = plan(environ, timeout_ms=100, interval_s=5)
    from_environment, from_file = plan(environ), plan()
    assert [one.policy.sync_interval_s for one in (from_flags, from_environment, from_file)] == [5, 60, 15]
    assert [one.timeout_ms for one in (from_flags, from_environment, from_file)] == [100, 2500, None]
    assert [one.policy.broker_timeout_s for one in (from_flags, from_environment, from_file)] == [1, 3, 10]
    assert (from_file.mode, address_of(from_file)) == (None, "tcp://127.0.0.1:5555")
    for wrong in ("0", "-1", "x", "1.5", "99999999999"):
        with pytest.raises(InputError, match="SYNC_INTERVAL_SEC"):
            plan({"SYNC_INTERVAL_SEC": wrong})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--store", "sqlite:///s.db"), "--account"),
        (("--account", ACCOUNT), "--store"),
        (("--account", "5001", "--store", "sqlite:///{}/s.db"), "broker:id"),
        (("--account", ACCOUNT, "--store", "mysql://x"), "mysql"),
        (("--account", ACCOUNT, "--store", "sqlite:///{}/s.db", "--broker", "tcp://10.0.0.1:5555"), "--insecure"),
        (("--account", ACCOUNT, "--store", "sqlite:///{}/s.db", "--broker", "http://x"), "no adapter 'http'"),
        (("--account", ACCOUNT, "--store", "sqlite:///{}/s.db", "--policy", "gone.toml"), "gone.toml"),
        (("--account", ACCOUNT, "--store", "sqlite:///{}/s.db", "--durability", "some"), "some"),
    ],
)
def test_words_that_cannot_be_meant(arguments: tuple[str, ...], said: str, shell: Shell, tmp_path: Path) -> None:
    ended = shell("run", "--once", "--json", *(word.format(tmp_path) for word in arguments))
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_second_writer_is_told_and_the_first_goes_on(shell: Shell, tmp_path: Path) -> None:
    with writing(at(tmp_path), Clock()) as ledger:
        ended = shell("run", "--account", ACCOUNT, "--store", at(tmp_path), "--once", "--json")
        report = checked(ended.json)
        assert (ended.status, report["status"], report["pass"]) == (3, "FAILED", 0)
        assert "another writer" in report["errors"][0]
        assert "another writer" in ended.err
        assert len(ended.err.splitlines()) == 1
        ledger.record([])
        assert shell("run", "--account", ACCOUNT, "--store", at(tmp_path), "--once").out == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_on_until_it_is_told_to_stop(number: signal.Signals, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(POLICY)
    with gateway() as (url, control):
        arguments = ("run", "--account", ACCOUNT, "--store", "sqlite:///s.db", "--broker", url, "--policy", "p.toml")
        with started(*arguments, "--interval", "1", "--json", cwd=tmp_path) as process:
            assert checked(line_of(process))["kind"] == "startup"
            control.open("EURUSD", "buy", "1", "1.1")
            periodic = checked(line_of(process))
            assert (periodic["kind"], periodic["pass"]) == ("periodic", 2)
            process.send_signal(number)
            assert process.wait(timeout=20) == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""
    assert shell("verify", "--store", at(tmp_path)).status == 0


def test_it_steps_down_for_a_rival_that_got_past_the_lock(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(POLICY)
    with gateway() as (url, _):
        arguments = ("run", "--account", ACCOUNT, "--store", "sqlite:///s.db", "--broker", url, "--policy", "p.toml")
        with started(*arguments, "--interval", "1", "--json", cwd=tmp_path) as process:
            assert checked(line_of(process))["status"] == "SUCCESS"
            for lock in tmp_path.glob("*.lock"):
                lock.unlink()
            with writing(at(tmp_path), Clock()):
                while (report := checked(line_of(process)))["status"] == "SUCCESS":
                    assert process.poll() is None
            assert (report["status"], report["gate"]) == ("FAILED", "closed")
            assert process.wait(timeout=20) == 3
            assert process.stderr is not None
            assert "another process writes this account" in process.stderr.read()
    assert shell("verify", "--store", at(tmp_path)).status == 0


def test_it_waits_for_a_store_that_somebody_moved_away(shell: Shell, tmp_path: Path) -> None:
    """Law 7: nothing is written to nowhere, and nobody needs to start it again."""
    (tmp_path / "p.toml").write_text(POLICY)
    store, away = tmp_path / "s.db", tmp_path / "away.db"
    with gateway() as (url, _):
        arguments = ("run", "--account", ACCOUNT, "--store", "sqlite:///s.db", "--broker", url, "--policy", "p.toml")
        with started(*arguments, "--interval", "1", "--json", cwd=tmp_path) as process:
            assert checked(line_of(process))["status"] == "SUCCESS"
            store.rename(away)
            while (report := checked(line_of(process)))["status"] == "SUCCESS":
                assert process.poll() is None
            assert (report["status"], report["gate"]) == ("FAILED", "closed")
            assert "was moved" in report["errors"][0]
            assert checked(line_of(process))["status"] == "FAILED", "it goes on asking"
            away.rename(store)
            while (report := checked(line_of(process)))["status"] != "SUCCESS":
                assert process.poll() is None
            assert report["gate"] == "open"
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
    assert shell("verify", "--store", at(tmp_path)).status == 0


def test_it_stops_at_once_while_a_broker_is_silent(tmp_path: Path) -> None:
    with gateway() as (url, control):
        control.misbehave("silence", times=None)
        arguments = ("run", "--account", ACCOUNT, "--store", "sqlite:///s.db", "--broker", url)
        with started(*arguments, cwd=tmp_path) as process:
            while not control.state()["asked"]:
                assert process.poll() is None
                os.sched_yield()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=5) == 0, "the start-up pass alone would have taken 30 s"


def test_a_person_reads_calm_lines(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(POLICY)
    with gateway() as (url, _):
        arguments = ("run", "--account", ACCOUNT, "--store", "sqlite:///s.db", "--broker", url, "--policy", "p.toml")
        with started(*arguments, cwd=tmp_path) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 0
    assert "SUCCESS   pass 1: 0 positions taken over as the baseline, 0 positions in the book, gate open" in line


def test_reports_are_one_line_of_json_each(shell: Shell, tmp_path: Path) -> None:
    with gateway() as (url, _):
        ended = Sidecar(shell, tmp_path, url)()
    assert ended.out.count("\n") == 1
    order = list(json.loads(ended.out))
    assert order[:8] == ["account", "pass", "at", "kind", "status", "observations", "breaks", "corrections"]


def test_law_7_a_store_is_whole_in_its_one_file_once_the_sidecar_has_ended(tmp_path: Path) -> None:
    """Its read models let go before the writer does: only the last connection empties the write-ahead log."""
    (tmp_path / "p.toml").write_text(POLICY)
    with gateway() as (url, _):
        arguments = ("run", "--account", ACCOUNT, "--store", "sqlite:///s.db", "--broker", url, "--policy", "p.toml")
        with started(*arguments, "--json", "--interval", "1", cwd=tmp_path) as process:
            for _ in range(4):  # long enough for the read models to follow
                assert checked(line_of(process))["status"] == "SUCCESS"
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
    log = tmp_path / "s.db-wal"
    assert not log.exists() or log.stat().st_size == 0
    assert (tmp_path / "s.db.views.db").exists()
