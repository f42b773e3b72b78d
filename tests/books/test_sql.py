"""Is every number of a table exact, both ways, and is a table that cannot be used refused with a sentence?"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from books.tables import MAPPINGS, Table
from trueup.errors import InputError
from trueup.foreign import BookAnswer, BookWrite
from trueup.model import Holding, Stop
from trueup_adapters.books import Mapping
from trueup_adapters.books.sql import SqlBook


def made(folder: Path, columns: str, *rows: tuple[object, ...]) -> Path:
    path = folder / "t.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"CREATE TABLE positions ({columns})")
        for row in rows:
            connection.execute(f"INSERT INTO positions VALUES ({', '.join('?' * len(row))})", row)
    return path


def book(path: Path, **mapping: object) -> SqlBook:
    return SqlBook(f"sqlite:///{path}", "positions", Mapping(**mapping), position_mode="netting", name="t")  # type: ignore[arg-type]


def said(path: Path, **mapping: object) -> BookAnswer:
    return book(path, **mapping).read()


def adding(symbol: str, quantity: str, **more: object) -> BookWrite:
    after = Holding(symbol, Decimal(quantity), **more)  # type: ignore[arg-type]
    return BookWrite(cursor=1, correction_id="c", before=None, after=after)


@pytest.mark.parametrize("kind", ["TEXT", "NUMERIC", "DECIMAL(18,8)", "INTEGER"])
def test_l35_decimals_are_exact_whatever_the_column(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path, f"symbol TEXT, quantity {kind}", ("A", "0.1"), ("B", "-3"), ("C", "1e-8"), ("D", 7))
    answer = said(path)
    assert (answer.completeness, {row.symbol: row.signed_quantity for row in answer.positions}) == (
        "complete",
        {"A": Decimal("0.1"), "B": Decimal(-3), "C": Decimal("1e-8"), "D": Decimal(7)},
    )


@pytest.mark.parametrize("kind", ["REAL", "FLOAT", "DOUBLE PRECISION"])
def test_l35_a_column_of_binary_floats_is_refused_or_read_as_text(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path, f"symbol TEXT, quantity {kind}", ("A", 0.1))
    answer = said(path)
    assert answer.completeness == "failed"
    assert "a binary float, which is not exact: make it TEXT or NUMERIC, or say floats" in answer.why
    (row,) = said(path, floats="text").positions
    assert row.signed_quantity == Decimal("0.1")


def test_l35_a_numeric_with_more_digits_than_sqlite_keeps_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path, "symbol TEXT, quantity NUMERIC", ("A", "0.1234567890123456"), ("B", "1"))
    answer = said(path)
    assert (answer.completeness, [row.symbol for row in answer.positions]) == ("partial", ["B"])
    assert "with as many digits as SQLite's binary floats have: keep it as TEXT" in answer.refused[0].why
    written = book(path).write(adding("C", "0.12345678901234567"))
    assert written.state == "conflict"
    assert [row.symbol for row in said(path).positions] == ["B"], "undone"


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (("A", "nan", "long"), "not a decimal number"),
        (("A", None, "long"), "quantity is empty"),
        (("A", "1e400", "long"), "beyond"),
        (("A", "1", "sideways"), "it must be 'long' or 'short'"),
        (("A", "-1", "long"), "must not be negative then (L28)"),
        (("", "1", "long"), "symbol"),
        (("A", "0", "long"), "quantity is 0 in a row that counts as open"),
    ],
)
def test_l42_l43_a_bad_row_is_refused_alone(tmp_path: Path, cells: tuple[object, ...], why: str) -> None:
    path = made(tmp_path, "symbol TEXT, quantity TEXT, side TEXT", cells, ("B", "2", "SELL"))
    answer = said(path, side="side")
    assert (answer.completeness, answer.why) == ("partial", "1 rows refused")
    assert why in answer.refused[0].why
    assert [(row.symbol, row.signed_quantity) for row in answer.positions] == [("B", -2)]


def test_l41_a_status_that_means_neither_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path, "symbol TEXT, quantity TEXT, state TEXT", ("A", "1", "pending"), ("B", "1", "Open"),
                ("C", "1", "CLOSED"), ("D", "1", None))  # fmt: skip
    answer = said(path, closed="status", status="state")
    assert [row.symbol for row in answer.positions] == ["B"]
    assert [one.symbol for one in answer.refused] == [None, None]


def test_only_the_rows_of_the_account_are_read(tmp_path: Path) -> None:
    path = made(tmp_path, "symbol TEXT, quantity TEXT, bot TEXT", ("A", "1", "one"), ("A", "2", "two"))
    (row,) = said(path, only={"bot": "two"}).positions
    assert row.signed_quantity == 2


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-07-01T12:00:00", "Europe/Berlin", "2026-07-01T10:00:00+00:00"),
        ("2026-07-01 12:00:00+02:00", "UTC", "2026-07-01T10:00:00+00:00"),
        ("1767225600", "UTC", "2026-01-01T00:00:00+00:00"),
        ("yesterday", "UTC", None),
        (None, "UTC", None),
    ],
)  # fmt: skip
def test_l46_times_are_evidence_in_the_zone_that_they_are_in(
    tmp_path: Path, text: str | None, zone: str, utc: str | None
) -> None:
    path = made(tmp_path, "symbol TEXT, quantity TEXT, since TEXT", ("A", "1", text))
    (row,) = said(path, opened_at="since", time_zone=zone).positions
    assert row.opened_at == utc


def test_a_stop_that_is_empty_is_none_and_one_that_is_not_mapped_is_not_reported(tmp_path: Path) -> None:
    path = made(tmp_path, "symbol TEXT, quantity TEXT, sl TEXT", ("A", "1", None), ("B", "1", "9.5"))
    assert [row.stop for row in said(path, stop="sl").positions] == [Stop(), Stop(Decimal("9.5"))]
    assert [row.stop for row in said(path).positions] == [None, None]
    (before,) = [row for row in said(path, stop="sl").positions if row.symbol == "B"]
    for stop, cell in ((Stop(Decimal(9)), "9"), (Stop(), None)):
        write = BookWrite(cursor=1, correction_id="c", before=before, after=Holding("B", Decimal(1), stop=stop))
        assert book(path, stop="sl").write(write).state == "written"
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT sl FROM positions WHERE symbol = 'B'").fetchall() == [(cell,)]
        (before,) = [row for row in said(path, stop="sl").positions if row.symbol == "B"]


def test_what_cannot_be_meant_is_said(tmp_path: Path) -> None:
    path = made(tmp_path, "symbol TEXT, quantity TEXT")
    assert "has no column side; it has symbol, quantity" in said(path, side="side").why
    assert "there is no table" in SqlBook(f"sqlite:///{path}", "x", Mapping(), position_mode="netting").read().why
    with pytest.raises(InputError, match="none that SQLAlchemy understands"):
        SqlBook("nonsense", "positions", Mapping(), position_mode="netting")
    with pytest.raises(InputError, match="map ticket"):
        SqlBook("sqlite:///x", "positions", Mapping(), position_mode="hedging")
    with pytest.raises(InputError, match="no driver for mysql"):
        SqlBook("mysql+pymysql://h/d", "positions", Mapping(), position_mode="netting")
    secret = SqlBook("postgresql://bot:hunter22@127.0.0.1:1/d", "positions", Mapping(), position_mode="netting")
    assert "hunter22" not in secret.name
    assert (secret.read().completeness, "hunter22" in secret.read().why) == ("failed", False)
    for wrong, why in (
        ({"closed": "status"}, "needs its column"),
        ({"status": "s"}, 'write closed = "status"'),
        ({"exit_reason": "r"}, "need a row that stays"),
        ({"long": "X", "short": "x"}, "must be told apart"),
        ({"time_zone": "Mars"}, "none that is known here"),
        ({"price": "quantity"}, "mapped twice"),
    ):
        with pytest.raises(InputError, match=why):
            Mapping(**wrong).check()  # type: ignore[arg-type]


def test_a_table_that_refuses_a_row_says_what_it_wants(tmp_path: Path) -> None:
    path = made(tmp_path, "symbol TEXT, quantity TEXT, owner TEXT NOT NULL")
    wrote = book(path).write(adding("A", "1"))
    assert (wrote.state, "owner" in wrote.why, list(said(path).positions)) == ("conflict", True, [])
    assert book(path, added={"owner": "trueup"}).write(adding("A", "1")).state == "written"


def test_a_trigger_that_interferes_is_found_before_it_counts(tmp_path: Path) -> None:
    path = made(tmp_path, "symbol TEXT, quantity TEXT", ("A", "3"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "CREATE TRIGGER halves AFTER UPDATE ON positions BEGIN "
            "UPDATE positions SET quantity = '2' WHERE symbol = NEW.symbol; END"
        )
        connection.execute("PRAGMA recursive_triggers = 0")
    (before,) = said(path).positions
    wrote = book(path).write(BookWrite(cursor=1, correction_id="c", before=before, after=Holding("A", Decimal(5))))
    assert (wrote.state, "did not keep what was written" in wrote.why) == ("conflict", True)
    assert [row.signed_quantity for row in said(path).positions] == [3]


def test_without_a_primary_key_only_the_open_row_is_changed(tmp_path: Path) -> None:
    table = Table(tmp_path, "zero")
    table.put("A", "3", "1")
    table.drop("A")
    table.do("INSERT INTO positions (symbol, quantity, price) VALUES ('A', '4', '1')")
    (before,) = table.book.read().positions
    assert table.book.write(BookWrite(cursor=1, correction_id="c", before=before, after=None)).state == "written"
    assert table.do("SELECT quantity, exit_reason FROM positions ORDER BY rowid") == [
        ("0", None), ("0", "CLOSED_EXTERNALLY"),
    ]  # fmt: skip


def test_too_many_rows_are_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trueup_adapters.books.sql.ROWS_MAX", 2)
    path = made(tmp_path, "symbol TEXT, quantity TEXT", ("A", "1"), ("B", "1"), ("C", "1"))
    assert "more than 2 rows" in said(path).why


def test_a_bot_that_holds_the_lock_leaves_the_outcome_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trueup_adapters.books.sql_table.WAIT_S", 0)
    table = Table(tmp_path)
    table.put("A", "3", "1")
    (before,) = table.book.read().positions
    with closing(sqlite3.connect(table.path, isolation_level=None)) as bot:
        bot.execute("BEGIN IMMEDIATE")
        wrote = table.book.write(
            BookWrite(cursor=1, correction_id="c", before=before, after=Holding("A", Decimal(5), price=Decimal(1)))
        )
        bot.execute("ROLLBACK")
    assert (wrote.state, "locked" in wrote.why) == ("unknown", True)
    assert table.held() == {"A": "3"}


def test_of_many_who_write_at_once_one_wins(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.put("A", "0.5", "1")
    (before,) = table.book.read().positions
    states: list[str] = []

    def write(quantity: int) -> None:
        other = SqlBook(f"sqlite:///{table.path}", "positions", MAPPINGS["signed"], position_mode="netting")
        after = Holding("A", Decimal(quantity), price=Decimal(1))
        states.append(other.write(BookWrite(cursor=1, correction_id="c", before=before, after=after)).state)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(states) == ["conflict"] * 5 + ["written"]


def test_a_row_is_named_by_its_key(tmp_path: Path) -> None:
    path = made(tmp_path, "symbol TEXT, quantity TEXT", ("A", "1"))
    assert [row.ref for row in said(path).positions] == ["('A',)"]


def test_l32_without_a_primary_key_another_accounts_row_is_not_touched(tmp_path: Path) -> None:
    path = made(tmp_path, "symbol TEXT, quantity TEXT, bot TEXT", ("A", "3", "one"), ("A", "3", "two"))
    mine = book(path, only={"bot": "two"})
    (before,) = mine.read().positions
    write = BookWrite(cursor=1, correction_id="c", before=before, after=Holding("A", Decimal(5)))
    assert mine.write(write).state == "written"
    (other,) = said(path, only={"bot": "one"}).positions
    assert other.signed_quantity == 3


def test_rows_that_nothing_tells_apart_are_both_left(tmp_path: Path) -> None:
    path = made(tmp_path, "symbol TEXT, quantity TEXT", ("A", "3"), ("A", "3"))
    before, _ = said(path).positions
    wrote = book(path).write(BookWrite(cursor=1, correction_id="c", before=before, after=Holding("A", Decimal(5))))
    assert (wrote.state, "2 rows would have changed, not one" in wrote.why) == ("conflict", True)
    assert [row.signed_quantity for row in said(path).positions] == [3, 3]


@pytest.mark.parametrize(
    "columns",
    ["symbol TEXT PRIMARY KEY, quantity TEXT", "symbol TEXT UNIQUE, quantity TEXT, id INTEGER PRIMARY KEY",
     "symbol TEXT, quantity TEXT"],
)  # fmt: skip
def test_a_table_with_one_row_for_each_symbol_takes_a_position_again(tmp_path: Path, columns: str) -> None:
    path = made(tmp_path, columns)
    with closing(sqlite3.connect(path, isolation_level=None)) as bot:
        bot.execute("INSERT INTO positions (symbol, quantity) VALUES ('A', '0')")
    assert book(path, closed="zero").write(adding("A", "5")).state == "written"
    (row,) = said(path, closed="zero").positions
    assert row.signed_quantity == 5
    with closing(sqlite3.connect(path)) as bot:
        (count,) = bot.execute("SELECT count(*) FROM positions").fetchone()
    assert count == (2 if columns == "symbol TEXT, quantity TEXT" else 1), "history is kept where nothing forbids it"
