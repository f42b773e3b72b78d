"""Is a book kept equal to an account at Alpaca, over real HTTP, whatever goes wrong on the way?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from alpaca_broker.harness import broker_of
from trueup import Fill, Intent, Policy, Reconciler
from trueup.testing.alpaca import FakeAlpaca
from trueup_adapters.cli import main

ACCOUNT = "alpaca:PA3FAKE00001"
POLICY = Policy.adopt(confirm_interval_ms=0, settle_ms=0, total_absence_s=0, retries_max=0, confirmations_total=2)


@pytest.fixture
def rec(fake: FakeAlpaca, tmp_path: Path) -> Iterator[Reconciler]:
    fake.control.open("AAPL", "long", "3", price="190.5")
    fake.control.open("BTC/USD", "long", "0.25", price="60000")
    fake.control.open("TSLA", "short", "2", price="200")
    broker = broker_of(fake, account=ACCOUNT, lag_ms_max=0)
    with Reconciler.open(f"sqlite:///{tmp_path}/a.db", account=ACCOUNT, broker=broker, policy=POLICY) as opened:
        assert opened.startup_recovery().status == "SUCCESS"
        yield opened


def book(rec: Reconciler) -> dict[str, Decimal]:
    return {holding.symbol: holding.signed_quantity for holding in rec.book.positions}


def synced(rec: Reconciler, passes: int = 3) -> str:
    """The status of the last of several passes."""
    for _ in range(passes):
        report = rec.sync_positions()
    return report.status


def test_the_baseline_is_the_account(rec: Reconciler) -> None:
    assert book(rec) == {"AAPL": 3, "BTC/USD": Decimal("0.25"), "TSLA": -2}
    assert rec.gate.check(Intent(symbol="AAPL", side="buy", quantity="1")) is None


def test_what_is_traded_elsewhere_is_adopted_followed_and_closed(rec: Reconciler, fake: FakeAlpaca) -> None:
    fake.control.open("MSFT", "long", "1.5", price="400")
    fake.control.open("AAPL", "short", "1", price="191")
    fake.control.close("TSLA")
    assert synced(rec) == "SUCCESS"
    assert book(rec) == {"AAPL": 2, "BTC/USD": Decimal("0.25"), "MSFT": Decimal("1.5")}


def test_l15_a_fill_that_is_recorded_and_seen_counts_once(rec: Reconciler, fake: FakeAlpaca) -> None:
    order = fake.control.trade("AAPL", "buy", "2", price="192")
    rec.record(
        Fill(
            execution_id="e1",
            symbol="AAPL",
            side="buy",
            quantity="2",
            price="192",
            order_id=order,
            client_order_id="c1",
        )
    )
    assert synced(rec) == "SUCCESS"
    assert (book(rec)["AAPL"], fake.control.held("AAPL")) == (5, 5)


def test_l02_an_empty_list_in_between_closes_nothing(rec: Reconciler, fake: FakeAlpaca) -> None:
    before = book(rec)
    fake.control.misbehave("empty", on=("positions",))
    assert rec.sync_positions().status == "PARTIAL"
    assert book(rec) == before
    assert synced(rec) == "SUCCESS"
    assert book(rec) == before


@pytest.mark.parametrize("kind", ["status", "html", "cut", "garbage", "truncated", "broken", "too_many"])
def test_l01_l06_an_answer_that_fails_closes_nothing(rec: Reconciler, fake: FakeAlpaca, kind: str) -> None:
    before = book(rec)
    fake.control.misbehave(kind, on=("positions",), retry_after="1")
    assert rec.sync_positions().status == "DEGRADED"
    assert book(rec) == before


def test_l42_a_bad_row_limits_its_symbol_and_the_rest_is_verified(rec: Reconciler, fake: FakeAlpaca) -> None:
    fake.control.open("MSFT", "long", "1", price="400")
    fake.control.misbehave("bad_row", on=("positions",), times=3)
    assert synced(rec) == "PARTIAL"
    assert book(rec) == {"AAPL": 3, "BTC/USD": Decimal("0.25"), "TSLA": -2, "MSFT": 1}
    assert rec.gate.check(Intent(symbol="AAPL", side="buy", quantity="1")) is not None
    assert rec.gate.check(Intent(symbol="BTC/USD", side="buy", quantity="1")) is None
    assert synced(rec) == "SUCCESS"


def test_l32_the_keys_of_another_account_never_reach_the_book(fake: FakeAlpaca, tmp_path: Path) -> None:
    fake.control.open("AAPL", "long", "3", price="190.5")
    broker = broker_of(fake, account="alpaca:PA3MINE", lag_ms_max=0)
    url = f"sqlite:///{tmp_path}/b.db"
    with Reconciler.open(url, account="alpaca:PA3MINE", broker=broker, policy=POLICY) as rec:
        report = rec.startup_recovery(timeout_s=1)
        assert (report.status, book(rec)) == ("DEGRADED", {})
        assert any("PA3FAKE00001" in error for error in report.errors)


def test_the_sidecar_follows_an_account_at_alpaca(
    fake: FakeAlpaca, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.control.open("AAPL", "long", "3", price="190.5")
    monkeypatch.setenv("APCA_API_KEY_ID", fake.key_id)
    monkeypatch.setenv("APCA_API_SECRET_KEY", fake.secret)
    store = f"sqlite:///{tmp_path}/side.db"
    run = ["run", "--account", ACCOUNT, "--broker", f"alpaca+{fake.url}", "--store", store, "--once", "--json"]
    assert main(run) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["status"], told["gate"], told["errors"]) == ("SUCCESS", "open", [])
    assert main(["positions", "--store", store, "--json"]) == 0
    assert [(row["symbol"], row["quantity"]) for row in json.loads(capsys.readouterr().out)] == [("AAPL", "3")]
    assert fake.secret.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
