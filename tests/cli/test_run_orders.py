"""What does `trueup run --once --json` say and do at a gateway that has orders?"""

from __future__ import annotations

from pathlib import Path

from cli.gateways import gateway
from cli.shell import Shell
from cli.test_run import Sidecar, at, checked

ORPHANS = 'on_orphan_order = "{}"\n[lag_ms_max]\npositions = 100\nopen_orders = 100\norder = 100\nfills = 100\n'
PROTECT = ORPHANS.format("quarantine") + "[protect]\nstop_distance_pct = 2\n"


def order_rows(report: dict) -> list[tuple[object, ...]]:  # type: ignore[type-arg]
    rows = [one for one in report["breaks"] if one["of"] == "order"]
    return [(one["kind"], one["state"], one["symbol"], one["ticket"], one["field"], one["correction"]) for one in rows]


def test_an_order_of_nobody_is_quarantined_until_it_is_gone(shell: Shell, tmp_path: Path) -> None:
    with gateway() as (url, control):
        once = Sidecar(shell, tmp_path, url)
        (tmp_path / "p.toml").write_text(ORPHANS.format("quarantine"))
        control.open("EURUSD", "buy", "0.10", "1.05")
        assert checked(once().json)["status"] == "SUCCESS"
        number = control.place("EURUSD", "buy", "limit", "0.10", "1.01", client_id="hand-1")
        ended = once()
        report = checked(ended.json)
        assert (ended.status, report["status"], report["gate"]) == (1, "PARTIAL", "reduce_only")
        assert order_rows(report) == [("recovery", "escalated", "EURUSD", "hand-1", None, "quarantine")]
        assert report["counts"]["recovery"] == 1
        status = shell("status", "--store", at(tmp_path), "--json").json
        assert list(status["quarantine"]) == ["*:EURUSD"]
        control.cancel(number)
        ended = once()
        report = checked(ended.json)
        assert (ended.status, report["status"], report["gate"]) == (0, "SUCCESS", "open")
        assert order_rows(report) == [("recovery", "cleared", "EURUSD", "hand-1", None, "quarantine")]
        assert shell("verify", "--store", at(tmp_path)).status == 0
        assert shell("replay", "--store", at(tmp_path), "--json").json["identical"]


def test_the_policy_may_have_it_cancelled_and_its_answer_may_be_lost(shell: Shell, tmp_path: Path) -> None:
    with gateway() as (url, control):
        once = Sidecar(shell, tmp_path, url)
        (tmp_path / "p.toml").write_text(ORPHANS.format("cancel"))
        control.open("EURUSD", "buy", "0.10", "1.05")
        once()
        guard = control.place("EURUSD", "sell", "stop", "0.10", "1.00", client_id="hand-stop")
        number = control.place("EURUSD", "buy", "limit", "0.10", "1.01")
        control.misbehave("lost_ack", times=1)
        for _ in range(3):
            report = checked(once().json)
            if report["status"] == "SUCCESS":
                break
        states = {row["order"]: row["state"] for row in control.state()["orders"]}
        assert number not in states or "CANCEL" in states[number].upper()
        assert guard in states, "what protects a position is never cancelled (L26)"
        assert "CANCEL" not in states[guard].upper()
        assert report["status"] == "SUCCESS"


def test_a_position_without_a_stop_gets_one(shell: Shell, tmp_path: Path) -> None:
    with gateway() as (url, control):
        once = Sidecar(shell, tmp_path, url)
        (tmp_path / "p.toml").write_text(PROTECT)
        control.open("EURUSD", "buy", "0.10", "1.05")
        control.open("GBPUSD", "sell", "0.20", "1.25")
        control.open("USDJPY", "buy", "0.30", "150", sl="145")
        report = checked(once().json)
        assert report["status"] == "SUCCESS", report
        placed = {one["symbol"]: one for one in report["actions"] if one["kind"] == "place_stop"}
        assert {symbol: (one["side"], one["stop"], one["state"]) for symbol, one in placed.items()} == {
            "EURUSD": ("sell", "1.029", "done"),
            "GBPUSD": ("buy", "1.275", "done"),
        }
        again = checked(once().json)
        assert (again["status"], again["actions"]) == ("SUCCESS", [])
        works = [row for row in control.state()["orders"] if row["type"].endswith("stop")]
        assert len(works) == 2


def test_a_gateway_that_only_knows_positions_is_left_alone(shell: Shell, tmp_path: Path) -> None:
    with gateway() as (url, control):
        once = Sidecar(shell, tmp_path, url)
        control.open("EURUSD", "buy", "0.10", "1.05")
        control.misbehave("unknown_action", times=None, action="GET_ORDERS")
        control.misbehave("garbage", times=None, action="GET_DEALS")
        ended = once()
        report = checked(ended.json)
        assert (ended.status, report["status"], report["gate"]) == (0, "SUCCESS", "open")
        assert [one["surface"] for one in report["observations"]] == ["positions"]
