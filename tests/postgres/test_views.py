"""Do the read models follow a journal in PostgreSQL as they follow one in a file, also over a lost connection?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

from journal.databases import PostgresStore, postgres_url
from trueup import Fill, Reconciler
from trueup_projections import Views

ACCOUNTS = ("mt5:1", "mt5:2")


def fills(first: int, last: int) -> list[Fill]:
    return [
        Fill(execution_id=f"e{n}", symbol="EURUSD", side="buy", quantity="1", price="1.05") for n in range(first, last)
    ]


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the tables that a person would look at, in order."""
    with closing(sqlite3.connect(path)) as views:
        return {
            name: sorted(views.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
            for name in ("audit", "fills", "positions", "epochs", "gate")
        }


def test_law_11_views_of_two_accounts_on_postgresql_equal_those_made_anew(postgres: PostgresStore, tmp_path) -> None:
    kept = tmp_path / "kept.db"
    for account in ACCOUNTS:
        with Reconciler.open(postgres.url, account=account) as rec:
            rec.record(fills(0, 20))
    with Views.open(postgres.url, kept, page_events=7) as views:
        assert views.catch_up() == 2 * 22
        with Reconciler.open(postgres.url, account=ACCOUNTS[0]) as rec:
            rec.record(fills(20, 30))
        assert views.catch_up() == 11
        assert views.catch_up() == 0
    with Views.open(postgres.url, tmp_path / "anew.db") as views:
        views.catch_up()
    assert tables(kept) == tables(tmp_path / "anew.db")
    with closing(sqlite3.connect(kept)) as views:
        held = dict(views.execute("SELECT account, quantity FROM positions").fetchall())
    assert held == {"mt5:1": "30", "mt5:2": "20"}


def test_a_lost_connection_loses_and_doubles_nothing(postgres: PostgresStore, tmp_path) -> None:
    kept = tmp_path / "kept.db"
    with Reconciler.open(postgres.url, account=ACCOUNTS[0]) as rec:
        rec.record(fills(0, 10))
    with Views.open(postgres.url, kept, page_events=3) as views:
        views.catch_up()
        with closing(psycopg.connect(postgres_url(), autocommit=True)) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        with Reconciler.open(postgres.url, account=ACCOUNTS[0]) as rec:
            rec.record(fills(10, 20))
        views.catch_up()  # it connects again by itself, and goes on behind the last page that it wrote
    with closing(sqlite3.connect(kept)) as views:
        assert views.execute("SELECT count(*), count(DISTINCT execution_id) FROM fills").fetchone() == (20, 20)
        assert views.execute("SELECT quantity FROM positions").fetchone() == ("20",)
