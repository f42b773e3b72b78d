"""Is every order of a table read exactly, in the bot's own words, and is what cannot be meant said in a sentence?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from books.order_tables import Orders
from trueup.errors import InputError
from trueup.foreign import OrderField, OrderName, OrderRow, OrdersAnswer, OrderWrite
from trueup.model import BookOrder, OrderStatus
from trueup_adapters.books import OrderMapping
from trueup_adapters.books.sql_orders import SqlOrders

COLUMNS = "cid TEXT, oid TEXT, symbol TEXT, side TEXT, type TEXT, quantity TEXT, status TEXT, filled TEXT, ro TEXT"
ROW = ("a", None, "AAPL", "buy", "LMT", "10", "accepted", None, None)


def made(folder: Path, *rows: tuple[object, ...], columns: str = COLUMNS) -> Path:
    path = folder / "t.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE orders ({columns})")
        for row in rows:
            connection.execute(f"INSERT INTO orders VALUES ({', '.join('?' * len(row))})", row)
        connection.commit()
    return path


def book(path: Path, **mapping: object) -> SqlOrders:
    given = {"client_order_id": "cid", "order_id": "oid", "filled": "filled", "reduce_only": "ro"} | mapping
    return SqlOrders(f"sqlite:///{path}", "orders", OrderMapping(**given), name="t")  # type: ignore[arg-type]


def said(path: Path, *known: OrderName, **mapping: object) -> OrdersAnswer:
    return book(path, **mapping).read(known)


def changing(before: OrderRow | None, *fields: OrderField, name: str = "a", **more: object) -> OrderWrite:
    given: dict[str, object] = {"quantity": Decimal(10), "status": OrderStatus.ACCEPTED} | more
    after = BookOrder(name, "AAPL", "buy", **({"type": "limit"} | given))  # type: ignore[arg-type]
    return OrderWrite(cursor=1, correction_id="c", before=before, after=after, fields=fields)


def with_(**cells: object) -> tuple[object, ...]:
    names = ("cid", "oid", "symbol", "side", "type", "quantity", "status", "filled", "ro")
    return tuple(cells.get(name, ROW[place]) for place, name in enumerate(names))


def test_what_a_row_says_is_read_as_it_is(tmp_path: Path) -> None:
    path = made(tmp_path, with_(oid="77", side="S", quantity="0.1", status="Partially_Filled", filled="0.05", ro="t"),
                with_(cid="b", side="0", ro="0"), with_(cid="c", ro=""))  # fmt: skip
    one, two, three = said(path, reduce_only="ro").orders
    assert (one.side, one.quantity, one.filled, one.status, one.reduce_only, one.type) == (
        "sell", Decimal("0.1"), Decimal("0.05"), OrderStatus.PARTIALLY_FILLED, True, "lmt",
    )  # fmt: skip
    assert (two.side, two.filled, two.reduce_only) == ("buy", 0, False)
    assert three.reduce_only is None
    assert said(path, filled=None).orders[1].filled is None, "there is no place for it"


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"cid": None}, "it names neither a client order id nor the broker's"),
        ({"cid": ""}, "it names neither"),
        ({"symbol": ""}, "symbol"),
        ({"side": "up"}, "side is 'up'; it must be 'buy' or 'sell'"),
        ({"quantity": "0"}, "quantity is 0; an order has a quantity greater than 0"),
        ({"quantity": "-1"}, "quantity is -1"),
        ({"quantity": None}, "quantity is empty"),
        ({"quantity": "nan"}, "not a decimal number"),
        ({"filled": "-1"}, "filled is -1; it must not be negative"),
        ({"status": "parked"}, "status is 'parked', which is none of scheduled, pending"),
        ({"status": None}, "status is 'None'"),
        ({"type": ""}, "type"),
        ({"ro": "maybe"}, "ro is 'maybe'; it must be true or false"),
    ],
)
def test_l42_l43_a_bad_row_is_refused_alone(tmp_path: Path, cells: dict[str, object], why: str) -> None:
    path = made(tmp_path, with_(cid="z"), with_(**cells))
    answer = said(path)
    assert (answer.completeness, answer.why) == ("partial", "1 rows refused")
    assert why in answer.refused[0].why
    assert [row.client_order_id for row in answer.orders] == ["z"]


def test_l41_a_word_means_what_the_file_says_and_nothing_else(tmp_path: Path) -> None:
    words = {"Live": "accepted", "working": "accepted", "done": "filled", "gone": "canceled", "lapsed": "expired"}
    path = made(tmp_path, with_(status="LIVE"), with_(cid="b", status="accepted"), with_(cid="c", status="Gone"),
                with_(cid="d", status="lapsed"))  # fmt: skip
    orders = book(path, statuses=words)
    answer = orders.read([OrderName("d")])
    assert [(row.client_order_id, row.status.value) for row in answer.orders] == [("a", "accepted"), ("d", "expired")]
    assert [one.ticket for one in answer.refused] == ["b"], "our own word is none of the bot's"
    wrote = orders.write(changing(answer.orders[0], "status", status=OrderStatus.CANCELED))
    assert wrote.state == "written"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT status FROM orders WHERE cid = 'a'").fetchone() == ("gone",)
    assert orders.write(changing(None, name="n")).state == "written"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT status FROM orders WHERE cid = 'n'").fetchone() == ("Live",), "the first"
    assert "no word for rejected" in orders.write(changing(None, name="o", status=OrderStatus.REJECTED)).why


def test_a_type_may_have_a_word_of_the_bots_own(tmp_path: Path) -> None:
    path = made(tmp_path, with_(type="Lmt"), with_(cid="b", type="ICEBERG"))
    orders = book(path, types={"LMT": "limit", "STP": "stop"})
    one, two = orders.read([]).orders
    assert (one.type, two.type) == ("limit", "iceberg")
    assert orders.write(changing(one, "type", "reduce_only", reduce_only=True, type="stop")).state == "written"
    assert orders.write(changing(None, name="c", type="market")).state == "written"
    with closing(sqlite3.connect(path)) as connection:
        said_now = connection.execute("SELECT type, ro FROM orders ORDER BY cid").fetchall()
    assert said_now == [("STP", "1"), ("ICEBERG", None), ("market", None)]


def test_without_words_of_its_own_ours_are_read_in_any_case(tmp_path: Path) -> None:
    path = made(
        tmp_path, with_(status="Cancelled"), with_(cid="b", status="CANCELED"), with_(cid="c", status="Pending")
    )
    assert [row.client_order_id for row in said(path).orders] == ["c"]
    assert {row.status for row in said(path, OrderName("a"), OrderName("b")).orders} == {
        OrderStatus.PENDING, OrderStatus.CANCELED,
    }  # fmt: skip


def test_orders_are_asked_for_by_either_id_and_only_those_of_the_account(tmp_path: Path) -> None:
    rows = [with_(cid=f"n{number}", oid=f"o{number}", status="filled", ro=str(number % 2)) for number in range(1200)]
    path = made(tmp_path, *rows)
    by_theirs = [OrderName(None, f"o{number}") for number in range(600)]
    by_ours = [OrderName(f"n{number}", "unheard of") for number in range(600, 1200)]
    assert len(said(path, *by_theirs, *by_ours).orders) == 1200
    assert len(said(path, *by_theirs, *by_ours, only={"ro": "1"}).orders) == 600
    assert [row.client_order_id for row in said(path, OrderName("n5"), order_id=None).orders] == ["n5"]
    assert said(path, OrderName("n5"), client_order_id=None).orders == []


def test_without_a_key_or_a_client_id_a_row_is_named_by_the_brokers(tmp_path: Path) -> None:
    path = made(tmp_path, with_(cid="x", oid="77"), with_(cid="y", oid="78"))
    orders = book(path, client_order_id=None)
    first, _ = orders.read([]).orders
    assert (first.client_order_id, first.order_id) == (None, "77")
    write = changing(first, "status", name="external:77", order_id="77", status=OrderStatus.CANCELED)
    assert orders.write(write).state == "written"
    assert [row.order_id for row in orders.read([]).orders] == ["78"]
    assert orders.write(changing(None, name="external:79", order_id="79")).state == "written"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT cid FROM orders WHERE oid = '79'").fetchone() == (None,)


def test_a_name_that_we_made_up_is_no_client_id(tmp_path: Path) -> None:
    path = made(tmp_path)
    assert book(path).write(changing(None, name="external:79", order_id="79")).state == "written"
    (row,) = said(path).orders
    assert (row.client_order_id, row.order_id) == (None, "79")


def test_rows_that_nothing_tells_apart_are_both_left(tmp_path: Path) -> None:
    path = made(tmp_path, with_(), with_())
    before, _ = said(path).orders
    wrote = book(path).write(changing(before, "status", status=OrderStatus.CANCELED))
    assert (wrote.state, "2 rows would have changed, not one" in wrote.why) == ("conflict", True)
    assert len(said(path).orders) == 2


def test_a_trigger_that_interferes_is_found_before_it_counts(tmp_path: Path) -> None:
    path = made(tmp_path, with_())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "CREATE TRIGGER keeps AFTER UPDATE ON orders BEGIN "
            "UPDATE orders SET status = 'accepted' WHERE cid = NEW.cid; END"
        )
        connection.execute("PRAGMA recursive_triggers = 0")
    (before,) = said(path).orders
    wrote = book(path).write(changing(before, "status", "filled", status=OrderStatus.CANCELED, filled=Decimal(1)))
    assert (wrote.state, "did not keep what was written (it says buy 10, accepted" in wrote.why) == ("conflict", True)
    assert said(path).orders == [before]


def test_a_table_that_refuses_a_row_says_what_it_wants(tmp_path: Path) -> None:
    path = made(tmp_path, columns=COLUMNS + ", owner TEXT NOT NULL, CHECK (status <> 'canceled')")
    wrote = book(path).write(changing(None))
    assert (wrote.state, "owner" in wrote.why) == ("conflict", True)
    assert book(path, added={"owner": "trueup"}).write(changing(None)).state == "written"
    (before,) = said(path).orders
    wrote = book(path).write(changing(before, "status", status=OrderStatus.CANCELED))
    assert (wrote.state, "CHECK" in wrote.why) == ("conflict", True)


def test_a_row_beside_which_none_is_added_may_be_unreadable(tmp_path: Path) -> None:
    path = made(tmp_path, with_(status="parked"))
    wrote = book(path).write(changing(None))
    assert (wrote.state, "row 1 cannot be read" in wrote.why) == ("conflict", True)


def test_a_bot_that_holds_the_lock_leaves_the_outcome_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trueup_adapters.books.sql_table.WAIT_S", 0)
    table = Orders(tmp_path)
    table.put("a", "accepted")
    (before,) = table.orders.read([]).orders
    with closing(sqlite3.connect(table.path, isolation_level=None)) as bot:
        bot.execute("BEGIN IMMEDIATE")
        wrote = table.orders.write(changing(before, "status", status=OrderStatus.CANCELED))
        bot.execute("ROLLBACK")
    assert (wrote.state, "locked" in wrote.why) == ("unknown", True)
    assert table.held() == {"a": ("accepted", "0", None)}


@pytest.mark.parametrize("kind", ["REAL", "FLOAT"])
def test_l35_a_column_of_binary_floats_is_refused_or_read_as_text(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path, with_(filled=0.1), columns=COLUMNS.replace("filled TEXT", f"filled {kind}"))
    answer = said(path)
    assert (answer.completeness, "a binary float, which is not exact" in answer.why) == ("failed", True)
    assert said(path, floats="text").orders[0].filled == Decimal("0.1")


def test_l35_a_numeric_with_more_digits_than_sqlite_keeps_is_refused(tmp_path: Path) -> None:
    columns = COLUMNS.replace("quantity TEXT", "quantity NUMERIC")
    path = made(tmp_path, with_(quantity="0.1234567890123456"), with_(cid="b"), columns=columns)
    answer = said(path)
    assert [(one.symbol, one.ticket) for one in answer.refused] == [("AAPL", "a")]
    assert [row.client_order_id for row in answer.orders] == ["b"]


def test_too_many_that_work_are_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trueup_adapters.books.sql_orders.ROWS_MAX", 2)
    path = made(tmp_path, with_(), with_(cid="b"), with_(cid="c"))
    assert "more than 2 of its orders work" in said(path).why


def test_what_cannot_be_meant_is_said(tmp_path: Path) -> None:
    path = made(tmp_path)
    assert "has no column price; it has cid, oid" in said(path, limit="price").why
    assert "there is no table" in SqlOrders(f"sqlite:///{path}", "x", OrderMapping(order_id="oid")).read([]).why
    gone = SqlOrders(f"sqlite:///{tmp_path}/none.db", "orders", OrderMapping(order_id="oid"))
    assert gone.read([]).why == f"there is no file {tmp_path}/none.db"
    assert gone.write(changing(None)).state == "unknown"
    assert not (tmp_path / "none.db").exists()
    assert gone.name == f"sqlite:///{tmp_path}/none.db#orders"
    ends = {"DONE": "filled", "DEAD": "canceled"}
    for wrong, why in (
        ({"order_id": None}, "matched by client_order_id, by order_id, or by both"),
        ({"buy": "X", "sell": "x"}, "must be told apart"),
        ({"statuses": {"X": "open"}}, "'X' means 'open'; it must be one of scheduled, pending"),
        ({"statuses": {"X": "unknown"}}, "'X' means 'unknown'"),
        ({"statuses": ends | {"x": "accepted", "X": "pending"}}, "which one?"),
        ({"statuses": {"DONE": "filled"}}, "statuses has no word for canceled"),
        ({"statuses": {"DEAD": "canceled"}}, "statuses has no word for filled"),
        ({"types": {"LMT": "limited"}}, "'LMT' means 'limited'; it must be one of limit, market"),
        ({"time_zone": "Mars"}, "none that is known here"),
        ({"filled": "quantity"}, "mapped twice"),
    ):
        with pytest.raises(InputError, match=why):
            OrderMapping(**({"order_id": "oid"} | wrong)).check()  # type: ignore[arg-type]
