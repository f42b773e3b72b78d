"""Do the pages about books do what they say, with the table and the file that they show?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import firestore

from books.firestore_server import Server
from books.tables import Table
from cli.gateways import gateway
from cli.shell import Shell
from demo.pages import blocks
from house.source import ROOT
from trueup.testing.alpaca import FakeAlpaca

HOW_TO = ROOT / "docs" / "how-to"
KNOBS = (
    "lag_ms_max = {positions = 20, fills = 20, open_orders = 20, order = 20}\nconfirm_interval_ms = 10\n"
    "startup_timeout_s = 3\nretries_max = 0\ntotal_absence_s = 0\nconfirmations_total = 2\n"
)
"""Short times, so that what takes seconds in earnest takes milliseconds here."""


def shown(page: str, kind: str, *, of: int = 1) -> list[str]:
    """The blocks of a kind, of which there are so many."""
    found = [block.body for block in blocks(HOW_TO / page) if block.info == kind]
    assert len(found) == of
    return found


def settled(page: str, folder: Path, *, of: int = 1, upto: int | None = None, **places: str) -> Path:
    """The page's file, as it stands, but for where things are and how long they take."""
    text = "\n".join(shown(page, "toml", of=of)[:upto])
    for name, value in {"store": f"sqlite:///{folder}/trueup.db", **places}.items():
        text, count = re.subn(rf'(?m)^{name} = ".*"$', f'{name} = "{value}"', text)
        assert count == 1, name
    path = folder / "trueup.toml"
    path.write_text(KNOBS + text)
    return path


def commands(page: str) -> list[str]:
    found = "".join(block.body for block in blocks(HOW_TO / page) if block.info == "console")
    return [line.removeprefix("$ trueup ") for line in found.splitlines() if line.startswith("$ trueup ")]


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAlpaca]:
    with FakeAlpaca() as running:
        monkeypatch.setenv("APCA_API_KEY_ID", running.key_id)
        monkeypatch.setenv("APCA_API_SECRET_KEY", running.secret)
        running.control.open("AAPL", "long", "2", price="190.5")
        running.control.open("NVDA", "short", "1", price="900")
        yield running


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch) -> Iterator[firestore.Client]:
    server = Server()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.port}")
    client = firestore.Client(project="demo")
    yield client
    client.close()
    server.stop()


def test_a_table_is_trued_up_as_the_page_says(fake: FakeAlpaca, tmp_path: Path, shell: Shell) -> None:
    page, table = "sql-book.md", Table.__new__(Table)
    table.path = tmp_path / "bot.db"
    table.do(shown(page, "sql", of=2)[0])
    for symbol, side in (("AAPL", "long"), ("TSLA", "short")):
        table.do("INSERT INTO positions (symbol, side, qty, entry_price, status) VALUES (?, ?, '3', '190.5', 'open')",
                 symbol, side)  # fmt: skip
    config = settled(page, tmp_path, of=2, upto=1, broker=f"alpaca+{fake.url}", url=f"sqlite:///{table.path}")
    asked = commands(page)
    assert [line.split()[0] for line in asked] == ["doctor", "run", "run", "run", "audit", "positions", "orders"]
    assert shell("doctor", "--config", config).status == 0
    before = table.path.read_bytes()
    shell("run", "--config", config, "--once", "--dry-run")
    assert table.path.read_bytes() == before, "a rehearsal writes nothing"
    assert shell("run", "--config", config, "--once", "--json").status == 0
    rows = table.do("SELECT symbol, side, CAST(qty AS TEXT), status, exit_reason FROM positions ORDER BY symbol")
    assert rows == [
        ("AAPL", "long", "2", "open", None),
        ("NVDA", "short", "1", "open", None),
        ("TSLA", "short", "3", "closed", "CLOSED_EXTERNALLY"),
    ]
    store = f"sqlite:///{tmp_path}/trueup.db"
    told = shell("audit", "--store", store, "--json")
    assert "was read: 2 positions; 2 changed by its own process" in told.out
    held = json.loads(shell("positions", "--store", store, "--json").out)
    assert [(one["symbol"], one["side"], one["quantity"]) for one in held] == [
        ("AAPL", "long", "2"), ("NVDA", "short", "1"),
    ]  # fmt: skip


def test_its_orders_are_trued_up_as_the_page_says(fake: FakeAlpaca, tmp_path: Path, shell: Shell) -> None:
    page, table = "sql-book.md", Table.__new__(Table)
    table.path = tmp_path / "bot.db"
    for statement in shown(page, "sql", of=2):
        table.do(statement)
    placed = {
        name: fake.control.place("MSFT", "buy", "limit", "10", price="400", client_id=name) for name in ("a", "b", "c")
    }
    for name, state in (("a", "NEW"), ("b", "OPEN"), ("c", "OPEN"), ("d", "DONE")):
        table.do(
            "INSERT INTO orders (client_order_id, broker_id, symbol, direction, kind, qty, price, state) VALUES "
            "(?, ?, 'MSFT', 'buy', 'LMT', '10', '400', ?)", name, placed.get(name) if name != "a" else None, state,
        )  # fmt: skip
    fake.control.cancel(placed["b"])
    fake.control.fill(placed["c"], price="399.5")
    config = settled(page, tmp_path, of=2, broker=f"alpaca+{fake.url}", url=f"sqlite:///{table.path}")
    assert shell("doctor", "--config", config).status == 0
    ended = shell("run", "--config", config, "--once", "--json")
    assert (ended.status, ended.err) == (0, ""), ended
    rows = table.do("SELECT client_order_id, broker_id, state, CAST(done AS TEXT), reason FROM orders ORDER BY id")
    assert rows == [
        ("a", placed["a"], "OPEN", None, None),
        ("b", placed["b"], "DEAD", None, "CLOSED_EXTERNALLY"),
        ("c", placed["c"], "DONE", "10", None),
        ("d", None, "DONE", None, None),
    ]
    told = shell("orders", "--store", f"sqlite:///{tmp_path}/trueup.db", "--json").json
    assert [one["client_order_id"] for one in told] == ["a"]


def test_a_collection_is_trued_up_as_the_page_says(
    fake: FakeAlpaca, bot: firestore.Client, tmp_path: Path, shell: Shell
) -> None:
    for symbol, side in (("AAPL", "long"), ("TSLA", "short")):
        bot.collection("positions").document(symbol).set(
            {"symbol": symbol, "side": side, "quantity": 3, "entry_price": 190.5, "status": "open"}
        )
    config = settled("firestore-book.md", tmp_path, broker=f"alpaca+{fake.url}")
    assert shell("doctor", "--config", config).status == 0
    ended = shell("run", "--config", config, "--once", "--json")
    assert (ended.status, ended.err) == (0, "")
    said = {one.get("symbol"): one.to_dict() for one in bot.collection("positions").stream()}
    assert {name: (one["side"], one["quantity"], one["status"]) for name, one in said.items()} == {
        "AAPL": ("long", 2, "open"), "NVDA": ("short", 1, "open"), "TSLA": ("short", 3, "closed"),
    }  # fmt: skip
    assert said["TSLA"]["exit_reason"] == "CLOSED_EXTERNALLY"


def test_alpaca_and_firestore_as_the_page_says(
    fake: FakeAlpaca, bot: firestore.Client, tmp_path: Path, shell: Shell
) -> None:
    bot.collection("positions").document("one").set(
        {"symbol": "AAPL", "quantity": 2.5, "avg_entry_price": 190.5, "strategy": "trend"}
    )
    placed = fake.control.place("AAPL", "sell", "limit", "1", price="250", client_id="bot-1")
    bot.collection("orders").document("bot-1").set(
        {"client_order_id": "bot-1", "symbol": "AAPL", "side": "sell", "type": "limit", "qty": 1, "filled_qty": 0,
         "limit_price": 250, "status": "sent"}
    )  # fmt: skip
    config = settled("my-bot-uses-alpaca-and-firestore.md", tmp_path, broker=f"alpaca+{fake.url}")
    assert shell("doctor", "--config", config).status == 0
    ended = shell("run", "--config", config, "--once", "--json")
    assert (ended.status, ended.err) == (0, "")
    said = sorted(
        (one.get("symbol"), one.get("quantity"), one.get("strategy")) for one in bot.collection("positions").stream()
    )
    assert said == [("AAPL", 2, "trend"), ("NVDA", -1, "external")]
    assert json.loads(ended.out)["gate"] == "open", "the bot's own working order is no stranger"
    (order,) = [one.to_dict() for one in bot.collection("orders").stream()]
    assert (order["status"], order["alpaca_id"]) == ("new", placed)


def test_a_bot_on_mt5_as_the_page_says(tmp_path: Path, shell: Shell) -> None:
    page, table = "my-bot-is-on-mt5.md", Table.__new__(Table)
    table.path = tmp_path / "bot.db"
    table.do(shown(page, "sql")[0])
    with gateway() as (url, control):
        ticket = str(control.open("EURUSD", "buy", "0.10", "1.0543"))
        other = str(control.open("EURUSD", "sell", "0.02", "1.0550"))
        table.do("INSERT INTO tickets VALUES (?, 'EURUSD', 'buy', '0.30', '1.0543', NULL, NULL)", ticket)
        table.do("INSERT INTO tickets VALUES ('77', 'EURUSD', 'buy', '0.30', '1.0543', NULL, NULL)")
        config = settled(page, tmp_path, broker=url, url=f"sqlite:///{table.path}")
        assert shell("doctor", "--config", config).status == 0
        ended = shell("run", "--config", config, "--once", "--json")
        assert (ended.status, json.loads(ended.out)["status"]) == (0, "SUCCESS"), ended
    rows = {str(row[0]): row[1:] for row in table.do("SELECT ticket, symbol, type, volume, reason FROM tickets")}
    assert rows == {
        ticket: ("EURUSD", "buy", "0.1", None),
        other: ("EURUSD", "sell", "0.02", None),
        "77": ("EURUSD", "buy", "0", "CLOSED_EXTERNALLY"),
    }
