"""Is a bot's table in PostgreSQL read exactly, and corrected by compare-and-set, whoever else writes?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from books.test_pages import settled, shown
from ccxt_adapter.harness import bybit
from cli.shell import Shell
from journal.databases import PostgresStore
from trueup.foreign import BookWrite
from trueup.model import Holding, plain
from trueup.testing.book_contract import BookContract
from trueup_adapters.books import Mapping
from trueup_adapters.books.sql import SqlBook
from trueup_adapters.ccxt import CcxtBroker

MAPPING = Mapping(
    quantity="qty", side="side", price="avg", closed="status", status="status", exit_reason="exit_reason",
    closed_at="closed_at", opened_at="opened_at",
)  # fmt: skip
SCHEMA = """CREATE TABLE {schema}.held (
    id bigserial PRIMARY KEY, symbol text NOT NULL, side text NOT NULL, qty numeric(24, 8) NOT NULL, avg numeric,
    status varchar(10) NOT NULL DEFAULT 'open', exit_reason text, opened_at timestamptz, closed_at timestamp)"""


class Held:
    """The bot's side, and trueup's book on it."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store
        self.do(SCHEMA.format(schema=store.schema))
        self.book = self.another()
        self.silent = False

    def another(self, **more: object) -> SqlBook:
        url = self.store.server
        return SqlBook(url, f"{self.store.schema}.held", MAPPING, position_mode="netting", name="pg")

    def do(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with closing(self.store.connect()) as connection:
            cursor = connection.execute(statement.encode(), values)
            found = cursor.fetchall() if cursor.description else []
            connection.commit()
            return found

    @property
    def table(self) -> str:
        return f"{self.store.schema}.held"

    def put(self, symbol: str, quantity: str, price: str) -> None:
        self.drop(symbol)
        side = "short" if quantity.startswith("-") else "long"
        self.do(
            f"INSERT INTO {self.table} (symbol, side, qty, avg) VALUES (%s, %s, %s::numeric, %s::numeric)",
            symbol, side, "NaN" if quantity == "many" else quantity.lstrip("-"), price,
        )  # fmt: skip

    def drop(self, symbol: str) -> None:
        self.do(f"UPDATE {self.table} SET status = 'closed' WHERE symbol = %s", symbol)

    def held(self) -> dict[str, str]:
        rows = self.do(f"SELECT symbol, side, qty FROM {self.table} WHERE status = 'open'")
        return {str(symbol): plain(Decimal(str(qty)) * (-1 if side == "short" else 1)) for symbol, side, qty in rows}

    def spoil(self, symbol: str) -> None:
        self.put(symbol, "many", "1")

    def silence(self) -> None:
        self.do(f"ALTER TABLE {self.table} RENAME TO gone")


@pytest.fixture
def held(postgres: PostgresStore) -> Iterator[Held]:
    with closing(postgres.connect()) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {postgres.schema}".encode())
        connection.commit()
    made = Held(postgres)
    yield made
    made.book.close()


class TestPostgresBook(BookContract):
    @pytest.fixture
    def harness(self, held: Held) -> Held:
        return held


def test_l35_a_numeric_is_exact_and_what_its_scale_rounds_is_undone(held: Held) -> None:
    after = Holding("BTC/USD", Decimal("1234567890123456.12345678"), price=Decimal("0.1"))
    assert held.book.write(BookWrite(cursor=1, correction_id="c", before=None, after=after)).state == "written"
    (row,) = held.book.read().positions
    assert (row.signed_quantity, row.price) == (Decimal("1234567890123456.12345678"), Decimal("0.1"))
    finer = Holding("BTC/USD", Decimal("0.123456789"), price=Decimal("0.1"))
    wrote = held.book.write(BookWrite(cursor=1, correction_id="c", before=row, after=finer))
    assert (wrote.state, "did not keep what was written" in wrote.why) == ("conflict", True)
    assert held.held() == {"BTC/USD": "1234567890123456.12345678"}


def test_a_closed_row_says_why_and_when(held: Held) -> None:
    held.put("AAPL", "3", "10")
    (row,) = held.book.read().positions
    write = BookWrite(cursor=1, correction_id="c", before=row, after=None, at_ns=1_767_225_600_000_000_000)
    assert held.book.write(write).state == "written"
    (said,) = held.do(f"SELECT status, exit_reason, closed_at::text FROM {held.table}")
    assert said == ("closed", "CLOSED_EXTERNALLY", "2026-01-01 00:00:00")


def test_l49_of_many_who_add_one_position_at_once_one_does(held: Held) -> None:
    states: list[str] = []

    def add(quantity: int) -> None:
        after = Holding("AAPL", Decimal(quantity), price=Decimal(1))
        wrote = held.another().write(BookWrite(cursor=1, correction_id="c", before=None, after=after))
        states.append(wrote.state)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(states) == ["conflict"] * 4 + ["written"], "there is no unique key that would see to it"
    assert len(held.held()) == 1


def test_l01_a_table_that_somebody_keeps_locked_is_no_answer(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trueup_adapters.books.sql_table.WAIT_S", 1)
    held.put("AAPL", "3", "10")
    (row,) = held.book.read().positions
    with closing(held.store.connect()) as migration:
        migration.execute(b"BEGIN")
        migration.execute(f"LOCK TABLE {held.table} IN ACCESS EXCLUSIVE MODE".encode())
        answer = held.book.read()
        after = Holding("AAPL", Decimal(4), price=Decimal(10))
        wrote = held.book.write(BookWrite(cursor=1, correction_id="c", before=row, after=after))
    assert (answer.completeness, "statement timeout" in answer.why) == ("failed", True)
    assert (wrote.state, "timeout" in wrote.why) == ("unknown", True)
    assert held.held() == {"AAPL": "3"}


def test_ccxt_and_postgres_as_the_page_says(
    held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = "my-bot-uses-ccxt-and-postgres.md"
    held.do(shown(page, "sql")[0])
    for account, symbol, contracts in (("main", "EURUSD", "-3"), ("main", "GONE", "1"), ("other", "EURUSD", "9")):
        held.do(
            "INSERT INTO positions (account, symbol, contracts, opened_by) VALUES (%s, %s, %s::numeric, 'bot')",
            account, symbol, contracts,
        )  # fmt: skip
    separator = "&" if "?" in held.store.server else "?"
    monkeypatch.setenv("BOT_DATABASE_URL", f"{held.store.server}{separator}options=-csearch_path%3D{held.store.schema}")
    shell = Shell(capsys)
    with bybit() as harness:
        harness.open("EURUSD", "long", "2", price="1.1")
        harness.open("GBPUSD", "short", "0.5", price="1.2")
        monkeypatch.setattr(CcxtBroker, "of", lambda name, config, **options: harness.broker)
        config = settled(page, tmp_path)
        ended = shell("run", "--config", config, "--once", "--json")
    assert (ended.status, ended.err) == (0, "")
    assert held.do("SELECT account, symbol, contracts, entry, opened_by FROM positions ORDER BY account, symbol") == [
        ("main", "EURUSD", 2, Decimal("1.1"), "bot"),
        ("main", "GBPUSD", Decimal("-0.5"), Decimal("1.2"), "trueup"),
        ("other", "EURUSD", 9, None, "bot"),
    ]


def test_types_of_the_databases_own_are_written_and_what_overflows_is_a_conflict(held: Held) -> None:
    """An ENUM takes only its own words, and a number that is too large for its column is no unknown outcome: it would
    be tried for ever, and the broker never asked."""
    schema = held.store.schema
    held.do(f"CREATE TYPE {schema}.way AS ENUM ('long', 'short')")
    held.do(f"CREATE TABLE {schema}.narrow (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), symbol text, "
            f"side {schema}.way, quantity numeric(6, 2))")  # fmt: skip
    mapping = Mapping(side="side")
    book = SqlBook(held.store.server, f"{schema}.narrow", mapping, position_mode="netting", name="pg")
    fits, over = Holding("AAPL", Decimal("-9999.25")), Holding("AAPL", Decimal("10000"))
    assert book.write(BookWrite(cursor=1, correction_id="c", before=None, after=fits)).state == "written"
    (row,) = book.read().positions
    assert row.signed_quantity == Decimal("-9999.25")
    wrote = book.write(BookWrite(cursor=1, correction_id="c", before=row, after=over))
    assert (wrote.state, "overflow" in wrote.why) == ("conflict", True), wrote
    other = SqlBook(
        held.store.server, f"{schema}.narrow", Mapping(side="side", long="LONG", short="SHORT"),
        position_mode="netting", name="pg",
    )  # fmt: skip
    wrote = other.write(BookWrite(cursor=1, correction_id="c", before=row, after=Holding("AAPL", Decimal(1))))
    assert (wrote.state, "LONG" in wrote.why) == ("conflict", True), wrote
    assert [one.signed_quantity for one in book.read().positions] == [Decimal("-9999.25")]
    book.close()
    other.close()
