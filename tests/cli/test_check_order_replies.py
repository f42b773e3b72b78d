"""Can a gateway's own list of orders be compared with a book, without any positions?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.order_files import order
from cli.shell import ACCOUNT, Ended, Shell

Check = Callable[..., Ended]
BOOK: dict[str, Any] = {"account": ACCOUNT, "positions": [], "orders": [order(order_id="7001", filled="0.3")]}
ROW_1: dict[str, Any] = {
    "order": 7001, "symbol": "EURUSD", "type": "buy_limit", "volume_initial": 1, "volume_current": 0.7,
    "price_open": 1.05, "state": "partial", "client_id": "c1", "time_setup": 1704153600,
}  # fmt: skip
ROW_2: dict[str, Any] = {
    "ticket": 7001, "symbol": "EURUSD", "type": "BUY_LIMIT", "volume": 1.0, "filled": 0.3, "price": 1.0500,
    "status": "PARTIALLY_FILLED", "open_time": "2026-01-15T02:08:34.234567Z",
}  # fmt: skip


def reply(*rows: Any, status: str = "SUCCESS", **more: Any) -> dict[str, Any]:
    return {"status": status, "orders": list(rows)} | more


@pytest.fixture
def check(shell: Shell, tmp_path: Path) -> Check:
    def run(book: dict[str, Any], broker: dict[str, Any]) -> Ended:
        for name, content in (("book.json", book), ("broker.json", broker)):
            (tmp_path / name).write_text(json.dumps(content))
        return shell("check", tmp_path / "book.json", tmp_path / "broker.json", "--json")

    return run


@pytest.mark.parametrize("broker", [reply(ROW_1), reply(ROW_2, status="ok")], ids=["first", "second"])
def test_l47_a_list_of_orders_in_either_dialect(broker: dict[str, Any], check: Check) -> None:
    book = BOOK | {"orders": [BOOK["orders"][0] | {"status": "partially_filled"}]}
    ended = check(book, broker)
    assert (ended.status, ended.json["agrees"], ended.json["breaks"]) == (0, True, [])
    assert ended.json["account"] == ACCOUNT
    assert ended.json["notes"] == [note for note in ended.json["notes"] if "its 0 positions were not compared" in note]
    found = check(BOOK, broker).json["breaks"]
    assert [(one["of"], one["field"], one["book"], one["broker"]) for one in found] == [
        ("order", "status", "accepted", "partially_filled")
    ]


def test_an_empty_list_of_orders_says_that_there_are_none(check: Check) -> None:
    ended = check(BOOK, reply())
    assert (ended.status, [(one["of"], one["kind"]) for one in ended.json["breaks"]]) == (1, [("order", "ghost")])


def test_l31_positions_that_only_one_side_lists_are_no_breaks_and_said(check: Check) -> None:
    held = BOOK | {"positions": [{"symbol": "EURUSD", "side": "long", "quantity": "1"}, {"symbol": ""}], "orders": []}
    ended = check(held, reply())
    assert (ended.status, ended.json["breaks"], ended.json["refused"]) == (0, [], [])
    (note,) = ended.json["notes"]
    assert "book.json: its 2 positions were not compared" in note
    assert note.endswith("broker.json has no list `positions`")


def test_l26_a_book_that_is_a_reply_still_says_nothing_against_a_protective_order(check: Check) -> None:
    stop = order(client_order_id="s1", order_id="9", side="sell", type="stop", stop="1.04", limit=...)
    broker = {"account": ACCOUNT, "positions": [{"symbol": "EURUSD", "side": "long", "quantity": "1"}]}
    (one,) = check(reply(), broker | {"orders": [stop]}).json["breaks"]
    assert (one["of"], one["kind"], one["correction"]) == ("order", "recovery", "adopt")


def test_l42_a_row_that_cannot_be_used_is_refused_in_its_place(check: Check) -> None:
    spoilt = reply(ROW_1 | {"order": 1, "volume_initial": "0,3"}, ROW_1, ROW_1 | {"order": 7, "type": "shrug"}, 5)
    ended = check(BOOK, spoilt)
    assert ended.json["agrees"] is False
    told = [(one["side"], one["row"], one["why"].split(":")[0]) for one in ended.json["refused"]]
    assert told == [("broker", 1, "order 1"), ("broker", 3, "order 7"), ("broker", 4, "order")]
    assert {one["kind"] for one in ended.json["breaks"]} == {"drift"}, "no ghosts of a partial list"


def test_l21_rows_keep_their_places_behind_refused_ones(check: Check) -> None:
    twice = reply(5, ROW_1, ROW_1 | {"order": 7002})
    told = [(one["row"], "sent more than once" in one["why"]) for one in check(BOOK, twice).json["refused"]]
    assert told == [(1, False), (2, True), (3, True)]


@pytest.mark.parametrize(
    ("broker", "why"),
    [
        (reply(ROW_1, status="FAILED", error="busy"), "the gateway says FAILED: busy"),
        (reply(ROW_1, status="maybe"), "in no dialect"),
        (reply(ROW_1, error="half"), "an error at once"),
        ({"status": "SUCCESS", "orders": {}}, "`orders` is not a list"),
        ({"status": "SUCCESS", "deals": []}, "has no `positions`"),
        ({"status": "SUCCESS", "order": ROW_1}, "has no `positions`"),
        ({"status": "SUCCESS", "positions": None, "orders": []}, "`positions` is not a list"),
    ],
)
def test_l48_a_reply_that_says_nothing_proves_nothing(broker: dict[str, Any], why: str, check: Check) -> None:
    ended = check(BOOK, broker)
    assert (ended.status, ended.json["agrees"], ended.json["breaks"]) == (3, None, [])
    assert why in ended.json["errors"][0]


def test_where_one_lists_positions_and_the_other_orders_nobody_can_tell(check: Check) -> None:
    ended = check({"account": ACCOUNT, "positions": []}, reply())
    assert (ended.status, ended.json["agrees"], ended.json["account"]) == (3, None, ACCOUNT)
    assert "there is nothing to compare" in ended.json["errors"][0]
    both = check(reply(ROW_1), reply(ROW_1)).json
    assert (both["agrees"], both["account"]) == (True, None)
    assert "notes" not in both
