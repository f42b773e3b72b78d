"""Is whatever reads a journal at ease with one of a foreign book: verify, replay, read models, timeline, export?"""

from __future__ import annotations

import json
from pathlib import Path

from books.tables import Table
from books.test_run import configured, fake, once, shell
from books.test_run_orders import Bot
from cli.shell import Shell
from trueup.testing.alpaca import FakeAlpaca

__all__ = ["fake", "shell"]


def test_whatever_reads_a_journal_reads_this_one(fake: FakeAlpaca, tmp_path: Path, shell: Shell) -> None:
    table = Table(tmp_path, "sided")
    for symbol in ("AAPL", "MSFT", "TSLA"):
        table.put(symbol, "3", "100")
    fake.control.open("AAPL", "long", "2", price="100")
    fake.control.open("MSFT", "long", "3", price="100")
    assert once(shell, configured(tmp_path, table, f"alpaca+{fake.url}"))[0].status == 0
    store = ["--store", f"sqlite:///{tmp_path}/journal.db"]
    assert shell("verify", *store, "--json").json["ok"]
    replayed = shell("replay", *store, "--json").json
    assert (replayed["identical"], replayed["differences"], replayed["undetermined"]) == (True, [], [])
    assert shell("replay", *store, "--into", tmp_path / "views.db").status == 0
    assert shell("timeline", "TSLA", *store, "--json").status == 0
    (ghost,) = [
        one for one in json.loads(shell("audit", *store, "--json").out) if one["symbol"] == "TSLA" and one["correction"]
    ]
    told = shell("explain", ghost["correction"], *store)
    assert told.status == 0
    assert "TSLA" in told.out
    assert shell("export", "--out", tmp_path / "out.jsonl", *store).status == 0


def test_whatever_reads_a_journal_reads_one_of_a_book_of_orders(fake: FakeAlpaca, tmp_path: Path, shell: Shell) -> None:
    bot = Bot(tmp_path, f"alpaca+{fake.url}", "theirs")
    placed = {name: fake.control.place("AAPL", "buy", "limit", "10", price="100", client_id=name) for name in "ab"}
    for name in "ab":
        bot.orders.put(name, "accepted", order_id=placed[name])
    bot.orders.put("gone", "parked")
    fake.control.cancel(placed["b"])
    before = bot.orders.path.read_bytes()
    rehearsed = shell("run", "--config", bot.config, "--once", "--dry-run", "--json", "--no-views")
    assert rehearsed.status in (0, 1), rehearsed
    assert bot.orders.path.read_bytes() == before, "a rehearsal writes nothing"
    shell("run", "--config", bot.config, "--once", "--json", "--no-views")
    assert bot.orders.held()["b"][0] == "canceled"
    store = ["--store", f"sqlite:///{tmp_path}/journal.db"]
    assert shell("verify", *store, "--json").json["ok"]
    replayed = shell("replay", *store, "--json").json
    assert (replayed["identical"], replayed["differences"], replayed["undetermined"]) == (True, [], [])
    assert shell("replay", *store, "--into", tmp_path / "views.db").status == 0
    told = json.loads(shell("audit", *store, "--json").out)
    words = " ".join(one["sentence"] for one in told)
    assert "2 orders of sqlite:///" in words
    assert "row 3 refused: state is 'parked'" in words
    assert "changes of orders" in words
    (ended,) = [one for one in told if one["correction"] and "order b" in one["sentence"]]
    assert "canceled" in shell("explain", ended["correction"], *store).out
    listed = shell("orders", *store, "--json").json
    assert [(one["client_order_id"], one["status"]) for one in listed] == [("a", "accepted")]
    assert shell("export", "--out", tmp_path / "out.jsonl", *store).status == 0
