"""What does `trueup check` say of orders: in its report, of refused rows, in notes, to a person, and on its page?"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cli.order_files import BAD, LONG, ORDER, Check, checker, order, theirs, written
from cli.shell import ACCOUNT, Shell
from house.source import ROOT
from trueup.model import OrderStatus
from trueup_adapters.files.order_breaks import NAMED_MAX


@pytest.fixture
def check(shell: Shell, tmp_path: Path) -> Check:
    """`trueup check --json` of two lists of orders."""
    return checker(shell, tmp_path)


def test_the_whole_report(check: Check) -> None:
    stop = order(client_order_id="s", order_id="7", side="sell", type="stop", limit=None, stop="1.0400")
    found = check(
        [ORDER, order(client_order_id="c0", order_id="90"), order(client_order_id="c3", order_id="93", side=1)],
        [order(limit=1.06), stop],
        positions=([LONG], [LONG | {"quantity": "2"}]),
    ).json
    assert found == {
        "account": ACCOUNT,
        "agrees": False,
        "breaks": [
            {
                "of": "order", "kind": "ghost", "symbol": "EURUSD", "ticket": "c0", "field": None,
                "book": "buy 1 limit at 1.05", "broker": None, "correction": "look up",
                "why": "the book has the order c0 in EURUSD open, buy 1 limit at 1.05, and the broker does not list "
                "it: look it up by its id and in the fills before taking it for gone",
            },
            {
                "of": "order", "kind": "drift", "symbol": "EURUSD", "ticket": "c1", "field": "limit",
                "book": "1.05", "broker": "1.06", "correction": "correct",
                "why": "the limit of the order c1 in EURUSD is 1.05 in the book and 1.06 at the broker",
            },
            {
                "of": "position", "kind": "drift", "symbol": "EURUSD", "ticket": "1", "field": "quantity",
                "book": "1", "broker": "2", "correction": "correct",
                "why": "the quantity of EURUSD #1 is 1 in the book and 2 at the broker",
            },
        ],
        "refused": [{"side": "book", "row": 3, "why": 'order c3: its side is 1; write "buy" or "sell"'}],
        "counts": {"recovery": 0, "ghost": 1, "drift": 2},
    }  # fmt: skip


def test_breaks_are_sorted_by_of_symbol_ticket_and_field(check: Check) -> None:
    found = check(
        [order(client_order_id="c2", order_id=..., symbol="A"), order(client_order_id="c1", order_id=..., symbol="B")],
        [order(client_order_id="c1", order_id=..., symbol="A"),
         order(client_order_id="c3", order_id=..., symbol="B", status="partially_filled")],
        positions=([LONG | {"symbol": "A"}], []),
    ).json  # fmt: skip
    assert [(one["of"], one["symbol"], one["ticket"], one["kind"]) for one in found["breaks"]] == [
        ("order", "A", "c1", "recovery"), ("order", "A", "c2", "ghost"),
        ("order", "B", "c1", "ghost"), ("order", "B", "c3", "recovery"), ("position", "A", "1", "ghost"),
    ]  # fmt: skip
    assert found["counts"] == {"recovery": 2, "ghost": 3, "drift": 0}


STOP = theirs(side="sell", type="stop", limit=..., stop="1.04")
SHORT = LONG | {"side": "short"}


@pytest.mark.parametrize(
    ("orphan", "held", "said"),
    [
        (STOP, [LONG], "adopt"),
        (theirs(side="sell", type="trailing STOP", limit=...), [LONG], "adopt"),
        (order(side="buy", type="stop", stop="1.2"), [SHORT], "adopt"),
        (STOP | {"quantity": "2"}, [LONG, LONG | {"ticket": "2"}], "adopt"),
        (STOP, [LONG, SHORT | {"ticket": "2"}], "adopt"),
        (STOP, [], "quarantine"),
        (STOP, [SHORT], "quarantine"),
        (STOP, [LONG | {"symbol": "GBPUSD"}], "quarantine"),
        (STOP | {"quantity": "1.01"}, [LONG], "quarantine"),
        (STOP | {"quantity": "1.5"}, [LONG, SHORT | {"ticket": "2"}], "quarantine"),
        (STOP | {"type": "market", "stop": "0"}, [LONG], "quarantine"),
        (theirs(side="sell"), [LONG], "quarantine"),
    ],
)
@pytest.mark.parametrize("preset", ["adopt", "observe"])
def test_l26_an_orphan_is_set_aside_unless_it_protects_a_position_at_the_broker(
    orphan: dict[str, Any], held: list[Any], said: str, preset: str, check: Check, tmp_path: Path
) -> None:
    (tmp_path / "p.toml").write_text(f'preset = "{preset}"')
    found = check([], [orphan], "--policy", tmp_path / "p.toml", positions=([], held)).json
    (one,) = [one for one in found["breaks"] if one["of"] == "order"]
    assert (one["kind"], one["correction"]) == ("recovery", said)
    side = "long" if orphan["side"] == "sell" else "short"
    assert (f"; it protects the {side} position there" in one["why"]) is (said == "adopt")


@pytest.mark.parametrize("status", ["filled", "canceled", "rejected", "expired", "failed", "replaced"])
def test_what_has_ended_at_the_broker_is_no_orphan_and_is_said(status: str, check: Check) -> None:
    found = check([ORDER], [ORDER, order(client_order_id="c2", order_id="92", status=status)]).json
    assert (found["agrees"], found["breaks"]) == (True, [])
    (note,) = found["notes"]
    assert note.endswith(f"broker.json: orders that ended, and that the book lacks, are no breaks: c2 {status}")
    many = [order(client_order_id=f"c{n}", order_id=str(n), status=status) for n in range(2, 27)]
    assert check([ORDER], [ORDER, *many]).json["notes"][0].endswith(f"c21 {status} and 5 more")


def test_l21_one_client_order_id_under_two_order_ids_is_looked_into(check: Check) -> None:
    (one,) = check([order(order_id="1")], [order(order_id="2")]).json["breaks"]
    assert (one["kind"], one["ticket"], one["field"], one["book"], one["broker"], one["correction"]) == (
        "drift", "c1", "order_id", "1", "2", "look up",
    )  # fmt: skip
    assert "sent more than once" in one["why"]
    assert check([order(order_id=...)], [order(order_id="2")]).json["agrees"] is True


def test_l26_what_only_the_book_holds_is_protected_by_nothing(check: Check) -> None:
    one, other = check([], [STOP], positions=([LONG], [])).json["breaks"]
    assert (one["of"], one["correction"], other["of"]) == ("order", "quarantine", "position")


@pytest.mark.parametrize(("preset", "said"), [("observe", "alert"), ("guarded", "quarantine"), ("adopt", "correct")])
def test_l04_a_drift_is_the_policys_and_an_absence_is_to_be_looked_up(
    preset: str, said: str, check: Check, tmp_path: Path
) -> None:
    (tmp_path / "p.toml").write_text(f'preset = "{preset}"')
    gone = order(client_order_id="c2", order_id="92")
    found = check([ORDER, gone], [order(quantity="2")], "--policy", tmp_path / "p.toml").json
    assert [(one["kind"], one["correction"]) for one in found["breaks"]] == [("drift", said), ("ghost", "look up")]


# -- tolerances and names --------------------------------------------------------------------------------------


def test_l33_l37_aliases_and_tolerances_are_the_policys(check: Check, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(
        'quantity_tolerance = 0.1\nprice_tolerance = 0.01\n[instruments.EURUSD]\naliases = ["EURUSD.m"]\n'
    )
    policy = ("--policy", tmp_path / "p.toml")
    near = order(symbol="EURUSD.m", quantity="1.1", filled="0.1", limit="1.06")
    assert check([ORDER], [near], *policy).json["agrees"] is True
    assert check([ORDER], [near]).json["counts"] == {"recovery": 1, "ghost": 1, "drift": 0}
    far = order(quantity="1.11", filled="0.11", limit="1.061")
    assert [one["field"] for one in check([ORDER], [far], *policy).json["breaks"]] == ["filled", "limit", "quantity"]
    both = check([], [near, order(symbol="EURUSD")], *policy).json
    assert [one["row"] for one in both["refused"]] == [1, 2], "two spellings are not the same words"


def test_l21_two_orders_of_one_client_id_say_what_to_look_for(check: Check) -> None:
    why = check([], [ORDER, order(order_id="92"), order(order_id="93")]).json["refused"][0]["why"]
    assert why == "order c1: client_order_id c1 is listed 3 times, as 3 orders; look whether it was sent more than once"
    assert "client_order_id c1" in check([], [ORDER, order(quantity="2")]).json["refused"][0]["why"]
    other = check([], [ORDER, order(order_id=...)]).json["refused"][0]["why"]
    assert other == "order c1: client_order_id c1 is listed 2 times, and not in the same words"


def test_a_refused_order_is_named_as_far_as_it_can_be_read(check: Check) -> None:
    rows = [
        BAD, theirs(order_id=5, symbol=...), order(client_order_id=[], order_id=[]), 7,
        {"orders": 1, **ORDER} | {"client_order_id": "", "order_id": ""},
    ]  # fmt: skip
    whys = [one["why"] for one in check(rows, []).json["refused"]]
    assert [why.partition(":")[0] for why in whys] == ["order bad", "order 5", "order", "order", "order"]
    assert whys[0].endswith("write what was ordered, greater than 0")
    assert "which is no order; write an object" in whys[3]


def test_a_key_named_twice_costs_its_row(shell: Shell, tmp_path: Path) -> None:
    book, broker = written(tmp_path / "book.json", [ORDER]), written(tmp_path / "broker.json", [])
    book.write_text(book.read_text().replace('"side": "buy"', '"side": "buy", "side": "sell"'))
    found = shell("check", book, broker, "--json").json
    assert [one["why"] for one in found["refused"]] == ["order: it names `side` twice; keep one"]
    assert found["breaks"] == []


# -- positions and orders apart --------------------------------------------------------------------------------


def test_law_4_a_refused_order_leaves_positions_whole_and_the_other_way_round(check: Check) -> None:
    held = LONG | {"ticket": "2"}
    by_order = check([BAD], [ORDER], positions=([LONG], [held])).json
    assert [(one["of"], one["kind"]) for one in by_order["breaks"]] == [("position", "ghost"), ("position", "recovery")]
    bad = LONG | {"ticket": "9", "quantity": "x"}
    by_position = check([ORDER], [order(client_order_id="c2")], positions=([LONG, bad], [held, bad])).json
    assert [(one["of"], one["kind"]) for one in by_position["breaks"]] == [("order", "ghost"), ("order", "recovery")]


def test_refused_rows_come_side_by_side_positions_first(check: Check) -> None:
    bad = LONG | {"quantity": "x"}
    found = check([ORDER, BAD], [BAD], positions=([bad], [LONG, bad])).json["refused"]
    assert [(one["side"], one["row"], one["why"].startswith("order")) for one in found] == [
        ("book", 1, False), ("book", 2, True), ("broker", 2, False), ("broker", 1, True),
    ]  # fmt: skip


# -- what is said beside it ------------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", [[ORDER], [ORDER, BAD], []])
@pytest.mark.parametrize("place", ["book", "broker"])
def test_orders_of_one_file_only_are_not_compared_and_that_is_said(
    listed: list[Any], place: str, check: Check, shell: Shell, tmp_path: Path
) -> None:
    ended = check(listed, None) if place == "book" else check(None, listed)
    assert (ended.status, ended.json["agrees"], ended.json["refused"]) == (0, True, [])
    (note,) = ended.json["notes"]
    other = "broker" if place == "book" else "book"
    assert f"{place}.json: its {len(listed)} orders were not compared; " in note
    assert note.endswith(f"{other}.json has no list `orders`")
    assert note in shell("check", tmp_path / "book.json", tmp_path / "broker.json").err


def test_orders_of_null_are_no_list_and_no_note_is_given_where_nobody_has_one(shell: Shell, tmp_path: Path) -> None:
    one = tmp_path / "book.json"
    one.write_text(json.dumps({"account": ACCOUNT, "positions": [], "orders": None}))
    assert "notes" not in shell("check", one, written(tmp_path / "broker.json", None), "--json").json
    assert "notes" in shell("check", one, written(tmp_path / "broker.json", []), "--json").json


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broker.json", json.dumps({"status": "SUCCESS", "positions": [], "orders": [ORDER]})),
        ("broker.json", json.dumps({"status": "SUCCESS", "positions": [], "orders": 5})),
        ("broker.csv", "symbol,side,quantity,client_order_id\n"),
    ],
)
def test_a_reply_about_positions_and_a_table_carry_no_orders(
    name: str, content: str, shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    found = shell("check", written(tmp_path / "book.json", [ORDER]), tmp_path / name, "--json").json
    assert (found["agrees"], found["breaks"]) == (True, [])
    (note,) = found["notes"]
    assert "its 1 orders were not compared" in note


@pytest.mark.parametrize("word", ["HELD", "Filled", "unknown", 0, float("nan")])
def test_l41_an_unknown_status_is_kept_said_and_compared_to_nothing(word: Any, check: Check) -> None:
    found = check([order(status="canceled")], [order(status=word)]).json
    assert (found["agrees"], found["breaks"]) == (True, [])
    (note,) = found["notes"]
    shown = "NaN" if word != word else word
    assert f"broker.json: statuses that are unknown were compared with nothing: c1 {shown}; known are sched" in note
    assert "filled, canceled" in note
    (one,) = check([order(status=word, limit="2")], [ORDER]).json["breaks"]
    assert one["field"] == "limit", "only the status is set aside"


def test_l41_an_order_of_unknown_status_may_well_be_open(check: Check) -> None:
    found = check([order(status="HELD")], [order(client_order_id="c2", order_id="92", status="HELD")]).json
    assert [(one["kind"], one["ticket"]) for one in found["breaks"]] == [("ghost", "c1"), ("recovery", "c2")]
    assert len(found["notes"]) == 2


def test_law_12_a_note_names_a_bounded_number_and_counts_the_rest(check: Check) -> None:
    many = [order(client_order_id=f"c{n:03}", order_id=..., status="HELD") for n in range(NAMED_MAX + 5)]
    (one, other) = check(many, many).json["notes"]
    assert one.count("HELD") == other.count("HELD") == NAMED_MAX
    assert " and 5 more; known are " in one
    (exactly, _) = check(many[:NAMED_MAX], many[:NAMED_MAX]).json["notes"]
    assert exactly.count("HELD") == NAMED_MAX
    assert " more" not in exactly


def test_a_person_is_told_of_what_a_row_is_and_what_is_to_be_done(shell: Shell, tmp_path: Path) -> None:
    book = written(tmp_path / "book.json", [ORDER], [LONG])
    ended = shell("check", book, written(tmp_path / "broker.json", []))
    assert ended.status == 1
    lines = ended.out.splitlines()
    assert lines[0].split()[:4] == ["of", "kind", "symbol", "ticket"]
    assert lines[1].split()[:4] == ["order", "ghost", "EURUSD", "c1"]
    assert "looked up" in lines[1]
    assert any(line.startswith("position") and "closed" in line for line in lines)
    assert lines[-1] == f"{ACCOUNT}: the two files differ: 2 ghost"


# -- the page --------------------------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "reference" / "files.md").read_text("utf-8")


def test_the_example_of_the_reference_is_a_file_of_ours(shell: Shell, tmp_path: Path) -> None:
    (example,) = re.findall(r"(?ms)^```json$(.*?)^```$", PAGE)
    (tmp_path / "book.json").write_text(example)
    listed = json.loads(example)
    found = shell("check", tmp_path / "book.json", tmp_path / "book.json", "--json").json
    assert found == {
        "account": listed["account"], "agrees": True, "breaks": [], "refused": [],
        "counts": {"recovery": 0, "ghost": 0, "drift": 0},
    }  # fmt: skip
    empty = written(tmp_path / "broker.json", [], [])
    names = [one["ticket"] for one in shell("check", tmp_path / "book.json", empty, "--json").json["breaks"]]
    assert names == [listed["orders"][0]["client_order_id"], "123456", None]


def test_the_reference_names_every_cell_of_an_order_and_every_status() -> None:
    cells = PAGE.partition("A cell of an order:")[2].partition("Other columns")[0]
    named = {name for line in re.findall(r"(?m)^\| (`.*?) \|", cells) for name in re.findall(r"`(\w+)`", line)}
    assert named == {*ORDER, "stop", "reduce_only"}
    (words,) = re.findall(r"(?m)^\| `status` \| yes \| (.*)$", cells)
    assert set(re.findall(r"`(\w+)`", words)) == {status.value for status in OrderStatus} - {"unknown"}
