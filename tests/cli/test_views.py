"""The read models that `trueup run` keeps beside the journal."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from trueup import Fill, Reconciler
from trueup_adapters.cli.views import KeptViews, views_path


def test_they_lie_beside_a_file_and_where_it_was_said() -> None:
    assert views_path("sqlite:////var/a.db", None) == Path("/var/a.db.views.db")
    assert views_path("sqlite:////var/a.db", Path("b.db")) == Path("b.db")
    assert views_path("memory://x", None) is None


def fill(number: int) -> Fill:
    return Fill(execution_id=f"e{number}", symbol="EURUSD", side="buy", quantity="1", price="1.05")


def test_they_hold_all_that_was_journalled_when_the_sidecar_ends(tmp_path) -> None:
    store = f"sqlite:///{tmp_path}/a.db"
    path = tmp_path / "a.db.views.db"
    with KeptViews(store, path) as kept, Reconciler.open(store, account="mt5:5001") as rec:
        kept.start()
        for number in range(50):
            rec.record(fill(number))
    assert kept.failure is None
    with closing(sqlite3.connect(path)) as views:
        assert views.execute("SELECT count(*) FROM fills").fetchone() == (50,)
        assert views.execute("SELECT quantity FROM positions").fetchone() == ("50",)


def test_once_they_are_brought_up_to_date_without_following(tmp_path) -> None:
    store = f"sqlite:///{tmp_path}/a.db"
    with KeptViews(store, tmp_path / "v.db"), Reconciler.open(store, account="mt5:5001") as rec:
        rec.record(fill(1))
    with closing(sqlite3.connect(tmp_path / "v.db")) as views:
        assert views.execute("SELECT count(*) FROM fills").fetchone() == (1,)


def test_their_failure_is_said_once_and_is_no_failure_of_the_journal(tmp_path, capsys) -> None:
    store = f"sqlite:///{tmp_path}/a.db"
    blocked = tmp_path / "blocked.db"
    blocked.write_bytes(b"something else, not a database at all " * 20)
    with KeptViews(store, blocked) as kept, Reconciler.open(store, account="mt5:5001") as rec:
        kept.start()
        rec.record(fill(1))
    assert kept.failure is not None
    said = capsys.readouterr().err
    assert said.count("are not kept") == 1
    assert "the journal is not affected" in said
    assert blocked.read_bytes().startswith(b"something else")
