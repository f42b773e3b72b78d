"""Is whatever reads a journal at ease with one of a foreign book: verify, replay, read models, timeline, export?"""

from __future__ import annotations

import json
from pathlib import Path

from books.tables import Table
from books.test_run import configured, fake, once, shell
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
