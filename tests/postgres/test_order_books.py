"""Is a bot's table of orders in PostgreSQL read exactly, and corrected by compare-and-set, whoever else writes?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal

import pytest

from journal.databases import PostgresStore
from trueup.foreign import OrderName, OrderWrite, Wrote
from trueup.model import BookOrder, OrderStatus, plain
from trueup.testing.order_book_contract import OrderBookContract
from trueup_adapters.books import OrderMapping
from trueup_adapters.books.sql_orders import SqlOrders

MAPPING = OrderMapping(
    client_order_id="cid", order_id="oid", quantity="qty", status="state", filled="filled", reduce_only="reduce",
    limit="price", exit_reason="reason", closed_at="ended",
)  # fmt: skip
STATES = "'pending', 'accepted', 'partially_filled', 'filled', 'canceled', 'parked'"
SCHEMA = """CREATE TYPE {schema}.state AS ENUM ({states});
CREATE TABLE {schema}.orders (
    id bigserial PRIMARY KEY, cid text, oid bigint, symbol varchar(20) NOT NULL, side char(4) NOT NULL,
    type text NOT NULL, qty numeric(24, 8) NOT NULL, filled numeric(24, 8), price numeric, reduce boolean,
    state {schema}.state NOT NULL, reason text, ended timestamptz)"""


class Held:
    """The bot's side, and trueup's book on it."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store
        for statement in SCHEMA.format(schema=store.schema, states=STATES).split(";"):
            self.do(statement)
        self.orders = self.another()

    def another(self) -> SqlOrders:
        return SqlOrders(self.store.server, f"{self.store.schema}.orders", MAPPING, name="pg")

    def do(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with closing(self.store.connect()) as connection:
            cursor = connection.execute(statement.encode(), values)
            found = cursor.fetchall() if cursor.description else []
            connection.commit()
            return found

    @property
    def table(self) -> str:
        return f"{self.store.schema}.orders"

    def put(self, name: str, status: str, *, filled: str = "0", order_id: str | None = None, side: str = "buy") -> None:
        kind = f"{self.store.schema}.state"
        if self.do(f"SELECT 1 FROM {self.table} WHERE cid = %s", name):
            self.do(
                f"UPDATE {self.table} SET state = %s::{kind}, filled = %s::numeric, oid = %s::bigint WHERE cid = %s",
                status, filled, _number(order_id), name,
            )  # fmt: skip
            return
        self.do(
            f"INSERT INTO {self.table} (cid, oid, symbol, side, type, qty, filled, state) VALUES (%s, %s::bigint, "
            f"'AAPL', %s, 'limit', 10, %s::numeric, %s::{kind})", name, _number(order_id), side, filled, status,
        )  # fmt: skip

    def drop(self, name: str) -> None:
        self.do(f"DELETE FROM {self.table} WHERE cid = %s", name)

    def held(self) -> dict[str, tuple[str, str, str | None]]:
        rows = self.do(f"SELECT cid, state::text, filled, oid FROM {self.table}")
        return {
            str(name): (str(state), plain(Decimal(str(filled))), None if oid is None else str(oid))
            for name, state, filled, oid in rows
        }

    def spoil(self, name: str) -> None:
        self.put(name, "parked")

    def silence(self) -> None:
        self.do(f"ALTER TABLE {self.table} RENAME TO gone")


def _number(order_id: str | None) -> str | None:
    """The contract names orders as it likes; this bot's column takes whole numbers."""
    return None if order_id is None else str(sum(map(ord, order_id))) if not order_id.isdigit() else order_id


@pytest.fixture
def held(postgres: PostgresStore) -> Iterator[Held]:
    with closing(postgres.connect()) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {postgres.schema}".encode())
        connection.commit()
    made = Held(postgres)
    yield made
    made.orders.close()


class TestPostgresOrders(OrderBookContract):
    @pytest.fixture
    def harness(self, held: Held) -> Held:
        return held


def adding(name: str, **more: object) -> OrderWrite:
    given: dict[str, object] = {"quantity": Decimal(10), "status": OrderStatus.ACCEPTED} | more
    after = BookOrder(name, "AAPL", "buy", "limit", **given)  # type: ignore[arg-type]
    return OrderWrite(cursor=1, correction_id="c", before=None, after=after)


def test_an_order_is_added_with_all_that_the_table_has_a_place_for(held: Held) -> None:
    write = adding("a", order_id="77", reduce_only=True, limit=Decimal("1.05430"), quantity=Decimal("0.00000001"))
    assert held.orders.write(write).state == "written"
    (said,) = held.do(f"SELECT cid, oid, side, qty, filled, price, reduce, state::text FROM {held.table}")
    assert said == ("a", 77, "buy ", Decimal("0.00000001"), 0, Decimal("1.0543"), True, "accepted")
    (row,) = held.orders.read([]).orders
    assert (row.reduce_only, row.side, row.limit, row.order_id) == (True, "buy", Decimal("1.0543"), "77")


def test_what_a_column_rounds_is_undone_and_a_word_that_its_type_lacks_is_a_conflict(held: Held) -> None:
    wrote = held.orders.write(adding("a", quantity=Decimal("0.123456789")))
    assert (wrote.state, "did not keep what was written" in wrote.why) == ("conflict", True)
    held.put("b", "accepted")
    (before,) = held.orders.read([]).orders
    after = BookOrder("b", "AAPL", "buy", "limit", Decimal(10), OrderStatus.EXPIRED)
    wrote = held.orders.write(OrderWrite(cursor=1, before=before, after=after, fields=("status",)))
    assert (wrote.state, "expired" in wrote.why) == ("conflict", True), wrote
    assert held.held() == {"b": ("accepted", "0", None)}


def test_an_end_says_why_and_when(held: Held) -> None:
    held.put("a", "accepted")
    (before,) = held.orders.read([OrderName("a")]).orders
    after = BookOrder("a", "AAPL", "buy", "limit", Decimal(10), OrderStatus.CANCELED)
    write = OrderWrite(
        cursor=1, before=before, after=after, fields=("status",), exit_reason="CLOSED_EXTERNALLY",
        at_ns=1_767_225_600_000_000_000,
    )  # fmt: skip
    assert held.orders.write(write).state == "written"
    (said,) = held.do(f"SELECT state::text, reason, (ended AT TIME ZONE 'UTC')::text FROM {held.table}")
    assert said == ("canceled", "CLOSED_EXTERNALLY", "2026-01-01 00:00:00")


def test_l49_of_many_who_write_at_once_one_does(held: Held) -> None:
    held.put("b", "accepted")
    (before,) = held.orders.read([]).orders
    wrote: list[Wrote] = []

    def write(number: int) -> None:
        other = held.another()
        after = BookOrder("b", "AAPL", "buy", "limit", Decimal(10), OrderStatus.CANCELED, filled=Decimal(number))
        changed = OrderWrite(cursor=1, before=before, after=after, fields=("status", "filled"))
        wrote.extend([other.write(changed), other.write(adding("a", quantity=Decimal(number)))])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(one.state for one in wrote) == ["conflict"] * 8 + ["written"] * 2
    assert len(held.held()) == 2, "there is no unique key that would see to it"


def test_what_one_read_says_is_of_one_moment(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot ends one order and begins another between the two queries of a read."""
    held.put("a", "accepted")
    held.put("b", "filled", filled="10")
    rows, queries = SqlOrders._rows, []

    def meanwhile(self: SqlOrders, *given: object, **more: object) -> object:
        found = rows(self, *given, **more)  # type: ignore[arg-type]
        queries.append(len(found))
        held.put("b", "canceled", filled="3")
        return found

    monkeypatch.setattr(SqlOrders, "_rows", meanwhile)
    answer = held.orders.read([OrderName("b")])
    assert queries == [1, 1]
    assert {(row.client_order_id, row.status, row.filled) for row in answer.orders} == {
        ("a", OrderStatus.ACCEPTED, Decimal(0)), ("b", OrderStatus.FILLED, Decimal(10)),
    }  # fmt: skip
