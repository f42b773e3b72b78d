"""Which files can `trueup check` read, and what does it say of those that it cannot?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.shell import ACCOUNT, Ended, Shell

Check = Callable[..., Ended]
ROW = {"symbol": "EURUSD", "ticket": "123456", "side": "long", "quantity": "0.01", "price": "1.0543"}
BOOK = json.dumps({"account": ACCOUNT, "positions": [ROW]})
REPLY_1: dict[str, Any] = {
    "status": "SUCCESS",
    "positions": [
        {"ticket": 123456, "symbol": "EURUSD", "type": "buy", "volume": 0.01, "price_open": 1.0543, "profit": 10.5,
         "time": 1704153600}
    ],
}  # fmt: skip
REPLY_2: dict[str, Any] = {
    "status": "ok",
    "positions": [
        {"ticket": 123456, "symbol": "EURUSD", "type": "BUY", "volume": 0.01, "open_price": 1.0543,
         "sl": 1.05, "tp": 1.06, "profit": 5.0, "magic": 12345, "comment": "x", "open_time": "2026-01-15T02:08:34.2Z"}
    ],
}  # fmt: skip


@pytest.fixture
def check(shell: Shell, tmp_path: Path) -> Check:
    """`trueup check --json` of two contents; `names` decide how they are read."""

    def run(
        book: str | bytes, broker: str | bytes, *more: object, names: tuple[str, str] = ("book.json", "broker.json")
    ) -> Ended:
        for name, content in zip(names, (book, broker), strict=True):
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return shell("check", tmp_path / names[0], tmp_path / names[1], "--json", *more)

    return run


@pytest.mark.parametrize("reply", [REPLY_1, REPLY_2], ids=["SUCCESS", "ok"])
def test_l47_both_dialects_of_a_raw_reply(reply: dict[str, Any], check: Check) -> None:
    ended = check(BOOK, json.dumps(reply))
    assert (ended.status, ended.json["agrees"], ended.json["account"]) == (0, True, ACCOUNT)
    assert check(json.dumps(reply), BOOK).json["agrees"] is True
    both = check(json.dumps(reply), json.dumps(reply)).json
    assert (both["account"], both["agrees"]) == (None, True)


def test_a_raw_reply_says_stops_as_metatrader_does(check: Check) -> None:
    reply = json.dumps(REPLY_2 | {"positions": [REPLY_2["positions"][0] | {"sl": 0}]})
    book = json.dumps({"account": ACCOUNT, "positions": [ROW | {"stop": "1.05"}]})
    (one,) = check(book, reply).json["breaks"]
    assert (one["field"], one["book"], one["broker"]) == ("stop", "1.05", "none")
    assert check(json.dumps({"account": ACCOUNT, "positions": [ROW | {"stop": None}]}), reply).json["agrees"] is True


def test_l42_a_bad_row_of_a_reply_costs_itself(check: Check) -> None:
    reply = json.dumps(REPLY_1 | {"positions": [{"ticket": 1, "symbol": "X", "type": "buy", "volume": "string"}]})
    found = check(BOOK, reply).json
    assert (found["agrees"], found["breaks"]) == (False, [])
    assert [(one["side"], one["row"]) for one in found["refused"]] == [("broker", 1)]


UNUSABLE: dict[str, str | bytes] = {
    "failed": '{"status": "FAILED", "error": "no connection", "positions": []}',
    "error": '{"status": "error", "error_code": 4, "error_msg": "busy"}',
    "unknown status": '{"status": "maybe", "positions": []}',
    "status without a list": '{"status": "SUCCESS"}',
    "null": "null",
    "a list": json.dumps([ROW]),
    "an empty list": "[]",
    "text": '"positions"',
    "a number": "5",
    "empty": "",
    "blank": " \n",
    "garbage": "}{",
    "cut off": BOOK[:-5],
    "not UTF-8": b'{"account": "mt5:5001", "positions": [], "x": "\xff"}',
    "no account": '{"positions": []}',
    "no positions": json.dumps({"account": ACCOUNT}),
    "positions is no list": json.dumps({"account": ACCOUNT, "positions": {}}),
    "orders is no list": json.dumps({"account": ACCOUNT, "positions": [], "orders": 5}),
    "account is a number": '{"account": 5001, "positions": []}',
    "account without a broker": '{"account": "5001", "positions": []}',
    "positions twice": f'{{"account": "{ACCOUNT}", "positions": [1], "positions": []}}',
    "too deep": "[" * 100_000,
}


@pytest.mark.parametrize("content", UNUSABLE.values(), ids=UNUSABLE.keys())
@pytest.mark.parametrize("place", ["book", "broker"])
def test_l01_l48_an_unusable_file_proves_nothing(content: str | bytes, place: str, check: Check) -> None:
    ended = check(content, BOOK) if place == "book" else check(BOOK, content)
    found = ended.json
    assert ended.status == 3
    assert found["agrees"] is None
    assert (found["breaks"], found["refused"]) == ([], [])
    assert found["account"] == ACCOUNT
    (error,) = found["errors"]
    assert f"{place}.json" in error
    assert error in ended.err


def test_a_missing_file_and_both_at_once(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "here.json").write_text(BOOK)
    ended = shell("check", tmp_path / "here.json", tmp_path / "gone.json")
    assert (ended.status, ended.out) == (3, "")
    assert "gone.json: cannot be read" in ended.err
    assert len(shell("check", tmp_path / "gone.json", tmp_path, "--json").json["errors"]) == 2


def test_l32_different_accounts_are_a_mistake_of_the_caller(check: Check) -> None:
    ended = check(BOOK, json.dumps({"account": "mt5:5002", "positions": [ROW]}))
    assert ended.status == 2
    assert ended.json["agrees"] is None
    assert "mt5:5001" in ended.err
    assert "mt5:5002" in ended.err


# -- CSV ---------------------------------------------------------------------------------------------------

HEADER = "symbol,ticket,side,quantity,price,stop\n"
CSV = ("book.csv", "broker.json")


def test_csv(check: Check) -> None:
    table = HEADER + "EURUSD,123456,long,0.01,1.0543,\n"
    assert check(table, BOOK, names=CSV).json["agrees"] is True
    assert check(table, BOOK, names=("book", "broker.json")).json["agrees"] is True, "a header is recognised"
    assert check("\ufeff" + table, BOOK, names=CSV).json["agrees"] is True, "spreadsheets begin with a mark"


def test_csv_an_empty_cell_is_not_reported_and_none_is_none(check: Check) -> None:
    broker = json.dumps({"account": ACCOUNT, "positions": [ROW | {"stop": "1.05"}]})
    for cell, fields in (("", []), ("none", ["stop"]), ("null", ["stop"]), ("1.05", [])):
        found = check(HEADER + f"EURUSD,123456,long,0.01,,{cell}\n", broker, names=CSV).json
        assert [one["field"] for one in found["breaks"]] == fields


def test_csv_rows_are_counted_without_header_and_blank_lines(check: Check) -> None:
    table = HEADER + "EURUSD,123456,long,0.01,1.0543,\n\nGBPUSD,2,up,1,,\nUSDJPY,3,long\n"
    found = check(table, BOOK, names=CSV).json
    assert [(one["side"], one["row"]) for one in found["refused"]] == [("book", 2), ("book", 3)]
    assert found["breaks"] == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("EURUSD,123456,long,0.01\n", "header"),
        ("symbol,side\nEURUSD,long\n", "quantity"),
        ("symbol,side,quantity,side\n", "side twice"),
        ('symbol,side,quantity\n"EUR,long,1\n', "not CSV"),
    ],
)
def test_csv_without_a_usable_header_is_unusable(content: str, said: str, check: Check) -> None:
    ended = check(content, BOOK, names=CSV)
    assert (ended.status, ended.json["agrees"]) == (3, None)
    assert said in ended.err


def test_csv_may_name_its_account(check: Check) -> None:
    table = "account,symbol,ticket,side,quantity\n{0},EURUSD,123456,long,0.01\n{1},EURUSD,2,long,1\n"
    other = json.dumps({"account": ACCOUNT, "positions": [ROW, ROW | {"ticket": "2", "quantity": "1"}]})
    assert check(table.format(ACCOUNT, ""), other, names=CSV).json["agrees"] is True
    assert check(table.format("mt5:2", "mt5:2"), other, names=CSV).status == 2
    assert check(table.format("mt5:2", ACCOUNT), other, names=CSV).status == 2
    found = check(table.format("nonsense", ACCOUNT), other, names=CSV).json
    assert [one["row"] for one in found["refused"]] == [1]


# -- names, tolerances -------------------------------------------------------------------------------------


def test_l33_aliases_are_one_symbol_and_collide_loudly(check: Check, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[instruments.EURUSD]\naliases = ["EURUSD.m", "EUR/USD"]\n')
    policy = ("--policy", tmp_path / "p.toml")
    dotted = json.dumps({"account": ACCOUNT, "positions": [ROW | {"symbol": "EURUSD.m"}]})
    assert check(BOOK, dotted, *policy).json["agrees"] is True
    assert check(BOOK, dotted).json["counts"] == {"recovery": 1, "ghost": 1, "drift": 0}
    loose = {name: cell for name, cell in ROW.items() if name != "ticket"}
    both = json.dumps({"account": ACCOUNT, "positions": [loose, loose | {"symbol": "EUR/USD"}]})
    found = check(BOOK, both, *policy).json
    assert [one["row"] for one in found["refused"]] == [1, 2]
    assert "EUR/USD and EURUSD are both spellings" in found["refused"][0]["why"]


def test_l37_tolerance_and_dust(check: Check, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('quantity_tolerance = 0.001\ndust = {XAU = "0.5"}\nprice_tolerance = 0.1\n')
    policy = ("--policy", tmp_path / "p.toml")
    dust = {"symbol": "XAU", "side": "long", "quantity": "0.5"}
    other = json.dumps({"account": ACCOUNT, "positions": [ROW | {"quantity": "0.011", "price": "1.15"}, dust]})
    assert check(BOOK, other, *policy).json["agrees"] is True
    assert len(check(BOOK, other).json["breaks"]) == 3


def test_a_key_named_twice_costs_its_row(check: Check) -> None:
    book = BOOK.replace('"quantity": "0.01"', '"quantity": "0.01", "quantity": "5"')
    found = check(book, BOOK).json
    assert "`quantity` twice" in found["refused"][0]["why"]


# -- for people --------------------------------------------------------------------------------------------


def test_a_person_gets_a_table_and_a_verdict(shell: Shell, tmp_path: Path) -> None:
    book, broker = tmp_path / "book.json", tmp_path / "broker.json"
    book.write_text(
        json.dumps({"account": ACCOUNT, "positions": [ROW | {"symbol": "[red]EUR[/red]"}, ROW | {"side": 1}]})
    )
    broker.write_text(json.dumps({"account": ACCOUNT, "positions": []}))
    ended = shell("check", book, broker)
    assert ended.status == 1
    assert "[red]EUR[/red]" in ended.out, "what comes from outside is text, never markup"
    assert "\x1b" not in ended.out, "no colour where nobody sees it"
    assert f"{ACCOUNT}: the two files differ: 1 ghost, 1 rows refused" in ended.out
    broker.write_text(BOOK)
    book.write_text(BOOK)
    assert shell("check", book, broker).out == f"{ACCOUNT}: the two files agree\n"
