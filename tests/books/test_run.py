"""Is a bot with a table of positions trued up by a configuration file and no code?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from books.tables import Table
from cli.gateways import gateway
from cli.shell import Ended, Shell
from trueup.facts import BookRead, BookWriting, BookWritten, PositionRecorded
from trueup.journal import open_reader, verify
from trueup.testing.alpaca import FakeAlpaca

ACCOUNT = "alpaca:PA3FAKE00001"
POLICY = """
[policy]
lag_ms_max = {positions = 20, fills = 20, open_orders = 20, order = 20}
confirm_interval_ms = 10
startup_timeout_s = 3
retries_max = 0
total_absence_s = 0
confirmations_total = 2
"""
SIGNED = '[book]\nurl = "sqlite:///{path}"\nprice = "price"\n'
SIDED = """[book]
url = "sqlite:///{path}"
quantity = "qty"
side = "side"
long = "LONG"
short = "SHORT"
price = "avg"
strategy = "strategy"
closed = "status"
status = "status"
open_word = "OPEN"
closed_word = "CLOSED"
exit_reason = "exit_reason"
closed_at = "closed_at"
only = {{account = "main"}}
added = {{source = "trueup"}}
"""
HEDGED = """[book]
url = "sqlite:///{path}"
ticket = "ticket"
side = "side"
long = "buy"
short = "sell"
price = "price"
"""
BOOKS = {"signed": SIGNED, "sided": SIDED, "hedged": HEDGED}


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAlpaca]:
    with FakeAlpaca() as running:
        monkeypatch.setenv("APCA_API_KEY_ID", running.key_id)
        monkeypatch.setenv("APCA_API_SECRET_KEY", running.secret)
        yield running


def configured(folder: Path, table: Table, broker: str, *, more: str = "", account: str = ACCOUNT) -> Path:
    path = folder / "trueup.toml"
    top = f'account = "{account}"\nbroker = "{broker}"\nstore = "sqlite:///{folder}/journal.db"\n'
    path.write_text(top + more + BOOKS[table.convention].format(path=table.path) + POLICY)
    return path


def once(shell: Shell, config: Path) -> tuple[Ended, Any]:
    ended = shell("run", "--config", config, "--once", "--json", "--no-views")
    return ended, json.loads(ended.out.splitlines()[-1]) if ended.out else None


def journal(folder: Path, account: str = ACCOUNT) -> list[object]:
    url = f"sqlite:///{folder}/journal.db"
    assert verify(url, account).ok
    with open_reader(url, account) as reader:
        return [one.event for one in reader.read()]


@pytest.mark.parametrize("convention", ["signed", "sided"])
def test_a_table_is_trued_up_by_a_file_alone(fake: FakeAlpaca, tmp_path: Path, shell: Shell, convention: str) -> None:
    table = Table(tmp_path, convention)
    table.put("AAPL", "3", "190.5")
    table.put("MSFT", "4", "400")
    table.put("TSLA", "1", "200")
    fake.control.open("AAPL", "long", "3", price="190.5")
    fake.control.open("MSFT", "long", "1.5", price="400")
    fake.control.open("NVDA", "short", "2", price="900")
    config = configured(tmp_path, table, f"alpaca+{fake.url}")
    ended, told = once(shell, config)
    assert (ended.status, ended.err) == (0, "")
    assert told["status"] == "SUCCESS"
    assert sorted((one["kind"], one["symbol"]) for one in told["corrections"]) == [
        ("drift", "MSFT"), ("ghost", "TSLA"), ("recovery", "NVDA"),
    ]  # fmt: skip
    assert table.held() == {"AAPL": "3", "MSFT": "1.5", "NVDA": "-2"}
    events = journal(tmp_path)
    kinds = [type(one) for one in events]
    assert kinds.index(BookRead) < kinds.index(PositionRecorded) < kinds.index(BookWriting) < kinds.index(BookWritten)
    assert sum(isinstance(one, PositionRecorded) for one in events) == 3
    written = [one for one in events if isinstance(one, BookWritten)]
    assert sum(one.written for one in written) == 3
    assert not [one for one in written if one.conflicts or one.failed]
    if convention == "sided":
        (closed,) = table.do("SELECT exit_reason, closed_at FROM positions WHERE symbol = 'TSLA'")
        assert closed[0] == "CLOSED_EXTERNALLY"
        assert str(closed[1]).startswith("20")
    ended, told = once(shell, config)  # again: nothing differs, nothing is written
    assert (ended.status, told["status"], told["corrections"]) == (0, "SUCCESS", [])
    assert sum(isinstance(one, BookWritten) for one in journal(tmp_path)) == len(written)
    assert sum(isinstance(one, PositionRecorded) for one in journal(tmp_path)) == 3


def test_l28_l29_a_hedging_table_is_trued_up_by_ticket(tmp_path: Path, shell: Shell) -> None:
    table = Table(tmp_path, "hedged", position_mode="hedging")
    with gateway() as (url, control):
        mine = control.open("EURUSD", "buy", "0.10", "1.0543")
        other = control.open("EURUSD", "sell", "0.02", "1.0550")
        table.do("INSERT INTO positions VALUES (?, 'EURUSD', 'buy', '0.30', '1.0543')", str(mine))
        table.do("INSERT INTO positions VALUES ('77', 'XAUUSD', 'sell', '1', '2000')")
        config = configured(tmp_path, table, url, account="mt5:5001")
        ended, told = once(shell, config)
        assert (ended.status, told["status"]) == (0, "SUCCESS"), ended
    assert table.do("SELECT * FROM positions ORDER BY CAST(ticket AS INTEGER)") == [
        (str(mine), "EURUSD", "buy", "0.1", "1.0543"),
        (str(other), "EURUSD", "sell", "0.02", "1.055"),
    ]


def test_l01_a_table_that_cannot_be_read_closes_nothing(fake: FakeAlpaca, tmp_path: Path, shell: Shell) -> None:
    table = Table(tmp_path)
    table.put("AAPL", "3", "190.5")
    fake.control.open("AAPL", "long", "3", price="190.5")
    config = configured(tmp_path, table, f"alpaca+{fake.url}")
    assert once(shell, config)[0].status == 0
    kept = table.path.read_bytes()
    table.silence()
    ended, told = once(shell, config)
    assert (ended.status, told["status"], told["corrections"]) == (3, "DEGRADED", [])
    assert "the broker was not asked" in told["errors"][0]
    table.path.rmdir()
    ended, told = once(shell, config)  # its file is gone: connecting must not make an empty one
    assert (ended.status, told["status"]) == (3, "DEGRADED")
    assert not table.path.exists()
    table.path.write_bytes(kept)
    ended, told = once(shell, config)
    assert (ended.status, told["status"], told["corrections"]) == (0, "SUCCESS", [])
    assert table.held() == {"AAPL": "3"}


def test_what_the_bot_itself_changed_is_no_break(fake: FakeAlpaca, tmp_path: Path, shell: Shell) -> None:
    table = Table(tmp_path)
    table.put("AAPL", "3", "190.5")
    fake.control.open("AAPL", "long", "3", price="190.5")
    config = configured(tmp_path, table, f"alpaca+{fake.url}")
    assert once(shell, config)[0].status == 0
    table.put("AAPL", "5", "190.5")
    table.put("MSFT", "1", "400")
    fake.control.open("AAPL", "long", "2", price="190.5")
    fake.control.open("MSFT", "long", "1", price="400")
    ended, told = once(shell, config)
    assert (ended.status, told["status"], told["corrections"]) == (0, "SUCCESS", [])
    assert table.held() == {"AAPL": "5", "MSFT": "1"}


def test_l02_a_table_that_is_suddenly_empty_is_not_believed(fake: FakeAlpaca, tmp_path: Path, shell: Shell) -> None:
    table = Table(tmp_path)
    for symbol in ("AAPL", "MSFT", "NVDA", "TSLA"):
        table.put(symbol, "3", "100")
        fake.control.open(symbol, "long", "3", price="100")
    config = configured(tmp_path, table, f"alpaca+{fake.url}")
    assert once(shell, config)[0].status == 0
    table.do("DELETE FROM positions")
    for _ in range(3):
        _, told = once(shell, config)
        assert (told["corrections"], table.held()) == ([], {})
    reads = [one for one in journal(tmp_path) if isinstance(one, BookRead) and one.held]
    assert [one.held for one in reads] == [("AAPL", "MSFT", "NVDA", "TSLA")]
    for symbol in ("AAPL", "MSFT", "NVDA"):
        table.put(symbol, "3", "100")
    assert once(shell, config)[0].status == 0
    assert not [one for one in journal(tmp_path) if isinstance(one, PositionRecorded) and one.symbol == "AAPL"][1:]


def test_a_mass_absence_of_the_table_is_acknowledged_by_a_person(
    fake: FakeAlpaca, tmp_path: Path, shell: Shell
) -> None:
    table = Table(tmp_path)
    for symbol in ("AAPL", "MSFT", "NVDA"):
        table.put(symbol, "3", "100")
        fake.control.open(symbol, "long", "3", price="100")
    config = configured(tmp_path, table, f"alpaca+{fake.url}")
    assert once(shell, config)[0].status == 0
    table.do("DELETE FROM positions")
    assert once(shell, config)[0].status == 0
    store = f"sqlite:///{tmp_path}/journal.db"
    ended = shell("ack", "mass-absence", "--store", store, "--why", "the table was moved", "--who", "ada")
    assert ended.status == 0, ended
    ended, told = once(shell, config)
    assert sorted(one["kind"] for one in told["corrections"]) == ["recovery"] * 3
    assert table.held() == {"AAPL": "3", "MSFT": "3", "NVDA": "3"}
