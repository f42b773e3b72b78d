"""Does `trueup orders` list what either side holds of each order, at any moment, as rows that `trueup check` reads?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.shell import ACCOUNT, Shell, at
from lessons.world import World, order_row, pending
from trueup.journal import open_reader
from trueup.model import TERMINAL
from trueup.reconciliation.orphans import orphans_of
from trueup.storage import rehydrate

LATER = datetime(2026, 3, 1, tzinfo=UTC)


def told(store: str) -> World:
    """A book with every kind of order, and a broker that lists some of them and one that is nobody's."""
    w = World(url=store, orders=True)
    w.sees()
    w.record(
        pending("c1", "DAX", "accepted", type="limit", limit="100.50", quantity="2.50", reduce_only=False),
        pending("c2", "DAX", type="stop", side="sell", stop="90", strategy="trend", reduce_only=True),
        pending("c3", "EURUSD", "scheduled", parent="twap", scheduled_for=LATER),
        pending("c4", "EURUSD", "canceled", order_id="b4"),
        pending("c5", "EURUSD", "filled", order_id="b5"),
        pending("c6", "DAX", "sent to the moon"),
    )
    w.passes(s=60)
    w.lists(
        order_row("DAX", name="c1", order_id="b1", limit="100.5", quantity="2.5", filled="0.5", average_price="100.4"),
        order_row("DAX", "what?", name="c2", order_id="b2", type="stop", side="sell", stop="90"),
        order_row("OIL", order_id="b9", limit="70", updated_at="2026.01.01 02:00:00"),
        order_row("OIL", "canceled", order_id="b8", limit="71"),
    )
    w.ledger.close()
    return w


@pytest.fixture
def store(tmp_path: Path) -> str:
    told(at(tmp_path))
    return at(tmp_path)


def named(rows: list[dict[str, Any]], column: str = "client_order_id") -> list[str]:
    return [row[column] for row in rows]


def test_the_books_working_orders_are_rows_of_the_file_format(store: str, shell: Shell) -> None:
    ended = shell("orders", "--store", store, "--json")
    assert ended.status == 0
    first, second, third, last = ended.json
    assert first == {
        "account": ACCOUNT, "client_order_id": "c1", "order_id": "b1", "symbol": "DAX", "side": "buy", "type": "limit",
        "quantity": "2.5", "filled": "0.5", "limit": "100.5", "stop": None, "status": "partially_filled",
        "reduce_only": False, "average_price": "100.4", "ticket": None, "strategy": "external", "parent": None,
        "scheduled_for": None, "mark": None,
    }  # fmt: skip
    assert (second["side"], second["stop"], second["reduce_only"], second["strategy"]) == ("sell", "90", True, "trend")
    assert second["status"] == "pending", "a word that nobody knows changed nothing"
    assert (third["status"], third["parent"], third["scheduled_for"][:10]) == ("scheduled", "twap", "2026-03-01")
    assert (last["client_order_id"], last["status"]) == ("c6", "sent to the moon")


def test_with_all_come_the_ended_ones_that_are_remembered(store: str, shell: Shell) -> None:
    assert named(shell("orders", "--store", store, "--json").json) == ["c1", "c2", "c3", "c6"]
    rows = shell("orders", "--store", store, "--all", "--json").json
    assert named(rows) == ["c1", "c2", "c3", "c4", "c5", "c6"]
    assert [row["status"] for row in rows[3:5]] == ["canceled", "filled"]


def test_l17_an_order_that_was_reopened_is_told_of_once_as_it_works(tmp_path: Path, shell: Shell) -> None:
    w = World(url=at(tmp_path), orders=True)
    w.record(pending("c1", "DAX", type="limit", limit="9"), pending("c1", "DAX", "canceled"))
    w.passes(s=60)
    w.lists(order_row("DAX", name="c1", limit="9"), times=2)
    assert "c1" in w.state.orders
    assert w.state.ended_orders.get("c1") is not None
    w.ledger.close()
    (row,) = shell("orders", "--store", at(tmp_path), "--all", "--json").json
    assert row["status"] == "accepted"


def test_the_brokers_side_is_its_last_complete_list(store: str, shell: Shell) -> None:
    rows = shell("orders", "--store", store, "--side", "broker", "--json").json
    assert named(rows, "order_id") == ["b1", "b2", "b9"], "what it lists as ended is no working order"
    assert rows[1]["status"] == "what?", "the broker's own word"
    assert rows[2] == {
        "account": ACCOUNT, "client_order_id": None, "order_id": "b9", "symbol": "OIL", "side": "buy", "type": "limit",
        "quantity": "1", "filled": None, "limit": "70", "stop": None, "status": "accepted", "reduce_only": None,
        "average_price": None, "ticket": None, "strategy": None, "updated_at": "2026.01.01 02:00:00",
    }  # fmt: skip
    rows = shell("orders", "--store", store, "--side", "broker", "--all", "--json").json
    assert named(rows, "order_id") == ["b1", "b2", "b8", "b9"]


def test_l01_what_the_broker_never_listed_is_not_empty(tmp_path: Path, shell: Shell) -> None:
    w = World(pending("c1", "DAX"), url=at(tmp_path), orders=True)
    w.lists(order_row("DAX", order_id="b1"), whole=False)
    w.ledger.close()
    ended = shell("orders", "--store", at(tmp_path), "--side", "broker", "--json")
    assert (ended.status, ended.out) == (3, "")
    assert "has never listed its working orders completely: one page of several" in ended.err
    assert named(shell("orders", "--store", at(tmp_path), "--json").json) == ["c1"]


def test_an_empty_list_is_an_answer(tmp_path: Path, shell: Shell) -> None:
    w = World(url=at(tmp_path), orders=True)
    w.lists()
    w.ledger.close()
    ended = shell("orders", "--store", at(tmp_path), "--side", "broker", "--json")
    assert (ended.status, ended.json) == (0, [])


@pytest.mark.parametrize("side", ["book", "broker"])
def test_the_rows_make_a_file_that_check_reads(store: str, shell: Shell, tmp_path: Path, side: str) -> None:
    rows = shell("orders", "--store", store, "--side", side, "--all", "--json").json
    path = tmp_path / "side.json"
    path.write_text(json.dumps({"account": ACCOUNT, "positions": [], "orders": rows}))
    report = shell("check", path, path, "--json").json
    assert (report["agrees"], report["breaks"], report["refused"]) == (True, [], [])
    worse = [row | {"limit": "1"} if row["limit"] else row for row in rows]
    (tmp_path / "worse.json").write_text(json.dumps({"account": ACCOUNT, "positions": [], "orders": worse}))
    report = shell("check", path, tmp_path / "worse.json", "--json").json
    assert {one["field"] for one in report["breaks"]} == {"limit"}


def test_two_sides_checked_against_each_other_say_what_the_journal_says(
    store: str, shell: Shell, tmp_path: Path
) -> None:
    for side in ("book", "broker"):
        rows = shell("orders", "--store", store, "--side", side, "--json").json
        (tmp_path / f"{side}.json").write_text(json.dumps({"account": ACCOUNT, "positions": [], "orders": rows}))
    found = shell("check", tmp_path / "book.json", tmp_path / "broker.json", "--json").json["breaks"]
    orphans = [one["ticket"] for one in found if one["kind"] == "recovery"]
    with open_reader(store, ACCOUNT) as reader:
        state = rehydrate(ACCOUNT, reader, upto=reader.head().position)
    assert orphans == list(orphans_of(state)) == ["b9"]


def test_every_moment_has_the_orders_of_the_fold_there(store: str, shell: Shell) -> None:
    with open_reader(store, ACCOUNT) as reader:
        head = reader.head().position
        for position in range(1, head + 1):
            state = rehydrate(ACCOUNT, reader, upto=position)
            working = [name for name in sorted(state.orders) if state.orders[name].order.status not in TERMINAL]
            rows = shell("orders", "--store", store, "--position", position, "--json").json
            assert named(rows) == working, position
    at_noon = shell("orders", "--store", store, "--as-of", "2026-01-01T00:00:01Z", "--json")
    assert (at_noon.status, at_noon.json) == (0, [])
    both = shell("orders", "--store", store, "--as-of", "2026-01-01T00:00:01Z", "--position", 1)
    assert (both.status, "give one of them" in both.err) == (2, True)


def test_a_person_gets_a_table_and_what_is_nobodys(store: str, shell: Shell) -> None:
    ended = shell("orders", "--store", store, "--side", "broker")
    assert "3 working orders in the broker's last complete list, of 2026-01-01T00:01:0" in ended.out
    assert "1 of them nobody here knows" in ended.out
    told = shell("orders", "--store", store).out
    assert "c2" in told
    assert " yes " in told
    assert "nobody here knows" not in told


def test_l36_a_fill_whose_price_nobody_states_is_marked(tmp_path: Path, shell: Shell) -> None:
    w = World(pending("c1", "DAX", "filled"), url=at(tmp_path), orders=True)
    w.sees()
    for _ in range(3):
        w.passes(s=60)
        w.deals()
    assert w.order("c1").mark == "no price"
    w.ledger.close()
    (row,) = shell("orders", "--store", at(tmp_path), "--all", "--json").json
    assert (row["mark"], row["average_price"]) == ("no price", None)
    assert "filled, no price" in shell("orders", "--store", at(tmp_path), "--all").out
