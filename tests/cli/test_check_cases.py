"""Does `trueup check` answer as the file format promises, rule by rule?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.shell import ACCOUNT, Shell

LONG: dict[str, Any] = {"symbol": "EURUSD", "ticket": "1", "side": "long", "quantity": "0.01", "price": "1.0543"}
Case = tuple[list[Any], list[Any], list[tuple[Any, ...]], list[tuple[str, int]]]
"""book's rows, broker's rows, (kind, symbol, ticket, field, book, broker) expected, (side, row) refused."""


def row(**cells: Any) -> dict[str, Any]:
    """The usual row with other cells; `...` leaves one out."""
    return {name: cell for name, cell in (LONG | cells).items() if cell is not ...}


def flat(symbol: str = "EURUSD", **cells: Any) -> dict[str, Any]:
    """A row without a ticket and a price."""
    return row(**{"symbol": symbol, "ticket": ..., "price": ..., **cells})


def drift(field: str, book: str, broker: str, ticket: str | None = "1", symbol: str = "EURUSD") -> tuple[Any, ...]:
    return ("drift", symbol, ticket, field, book, broker)


GHOST = ("ghost", "EURUSD", "1", None, "long 0.01", None)
RECOVERY = ("recovery", "EURUSD", "1", None, None, "long 0.01")
BAD = row(ticket="9", quantity="-1")

CASES: dict[str, Case] = {
    # -- what is there and what is not
    "both empty": ([], [], [], []),
    "the same row": ([LONG], [LONG], [], []),
    "only in the book": ([LONG], [], [GHOST], []),
    "only at the broker": ([], [LONG], [RECOVERY], []),
    "another ticket is another position": (
        [LONG], [row(ticket="2")], [GHOST, ("recovery", "EURUSD", "2", None, None, "long 0.01")], [],
    ),
    "one ticket under two symbols": (
        [LONG], [row(symbol="GBPUSD")], [GHOST, ("recovery", "GBPUSD", "1", None, None, "long 0.01")], [],
    ),
    # -- drifts, one row a field
    "quantity": ([LONG], [row(quantity="0.02")], [drift("quantity", "0.01", "0.02")], []),
    "side": ([LONG], [row(side="short")], [drift("side", "long", "short")], []),
    "side and quantity": (
        [LONG], [row(side="short", quantity="3")],
        [drift("quantity", "0.01", "3"), drift("side", "long", "short")], [],
    ),
    "price": ([LONG], [row(price="1.0544")], [drift("price", "1.0543", "1.0544")], []),
    "price at the coarser scale": ([LONG], [row(price="1.05432")], [], []),
    "zeros at the end are no difference": ([LONG], [row(price="1.05430", quantity="0.0100")], [], []),
    "stop": ([row(stop="1.04")], [row(stop="1.03")], [drift("stop", "1.04", "1.03")], []),
    "stop against none": ([row(stop="1.04")], [row(stop=None)], [drift("stop", "1.04", "none")], []),
    "stop 0 is none": ([row(stop="0")], [row(stop=None)], [], []),
    "all fields, in order": (
        [row(stop="1")], [row(quantity="2", price="2", stop="2", side="short")],
        [
            drift("price", "1.0543", "2"), drift("quantity", "0.01", "2"),
            drift("side", "long", "short"), drift("stop", "1", "2"),
        ], [],
    ),
    # -- what is not reported is not compared
    "a stop left out": ([row(stop="1.04")], [LONG], [], []),
    "a price left out": ([LONG], [row(price=...)], [], []),
    "a price of null": ([LONG], [row(price=None)], [], []),
    "a price of 0 is a price": ([row(price="0")], [LONG], [drift("price", "0", "1.0543")], []),
    "a strategy is nobody's break": ([row(strategy="mean")], [row(strategy=None)], [], []),
    "columns of others": ([row(profit=1e9, magic="x", comment=[1])], [LONG], [], []),
    # -- exact numbers
    "a number and its text": ([row(quantity=0.01, price=1.0543, ticket=1)], [LONG], [], []),
    "a ticket above 2^63": ([row(ticket=2**70)], [row(ticket=str(2**70))], [], []),
    "an exponent": ([row(quantity="1e-2")], [LONG], [], []),
    "a tenth is a tenth": ([row(quantity=0.1)], [row(quantity="0.10000000000000001")],
                           [drift("quantity", "0.1", "0.10000000000000001")], []),
    "0 holds nothing there": ([row(quantity="0")], [], [], []),
    "0 against something": ([row(quantity=0)], [LONG], [RECOVERY], []),
    "0 on both sides of a hedge": ([flat(quantity="0"), flat(side="short")], [flat(side="short")], [], []),
    # -- rows that cannot be meant
    "negative": ([row(quantity="-1")], [], [], [("book", 1)]),
    "NaN": ([row(quantity=float("nan"))], [], [], [("book", 1)]),
    "Infinity": ([row(quantity=float("inf"))], [], [], [("book", 1)]),
    "NaN as text": ([], [row(quantity="NaN")], [], [("broker", 1)]),
    "1e400": ([row(quantity="1e400")], [], [], [("book", 1)]),
    "a word": ([row(quantity="string")], [], [], [("book", 1)]),
    "a boolean": ([row(quantity=True)], [], [], [("book", 1)]),
    "no quantity": ([row(quantity=...)], [], [], [("book", 1)]),
    "a list for a quantity": ([row(quantity=[1])], [], [], [("book", 1)]),
    "a bad price": ([row(price="cheap")], [], [], [("book", 1)]),
    "a bad stop": ([row(stop=False)], [], [], [("book", 1)]),
    "a negative stop": ([row(stop="-1")], [], [], [("book", 1)]),
    "an unknown side": ([row(side="buy")], [], [], [("book", 1)]),
    "a side in capitals": ([row(side="LONG")], [], [], [("book", 1)]),
    "no symbol": ([row(symbol=...)], [], [], [("book", 1)]),
    "an empty symbol": ([row(symbol="")], [], [], [("book", 1)]),
    "a ticket of 0": ([row(ticket=0)], [], [], [("book", 1)]),
    "a ticket that is a fraction": ([row(ticket=1.5)], [], [], [("book", 1)]),
    "no object at all": ([None, "x", 5, [LONG]], [], [], [("book", n) for n in (1, 2, 3, 4)]),
    "only the bad row goes": ([BAD, LONG], [LONG], [], [("book", 1)]),
    # -- a refused row makes its side partial
    "no ghost beside a refused row of the broker": ([LONG], [BAD], [], [("broker", 1)]),
    "no recovery beside a refused row of the book": ([BAD], [LONG], [], [("book", 1)]),
    "a ghost beside a refused row of the book": ([BAD, LONG], [], [GHOST], [("book", 1)]),
    "a recovery beside a refused row of the broker": ([], [BAD, LONG], [RECOVERY], [("broker", 1)]),
    "drifts stay": (
        [BAD, LONG], [row(quantity="2"), BAD], [drift("quantity", "0.01", "2")], [("book", 1), ("broker", 2)],
    ),
    # -- rows of one file against each other
    "the same ticket in the same words": ([LONG, LONG], [LONG], [], [("book", 2)]),
    "the same ticket in other words": ([LONG, row(quantity="2")], [LONG], [], [("book", 1), ("book", 2)]),
    "several rows without a ticket": ([flat(), flat(side="short")], [], [], [("book", 1), ("book", 2)]),
    "several without a ticket, among others": (
        [flat(), flat("GBPUSD"), flat()], [flat("GBPUSD")], [], [("book", 1), ("book", 3)],
    ),
    # -- by symbol where a ticket is missing
    "by symbol": ([flat()], [flat(quantity="0.02")], [drift("quantity", "0.01", "0.02", None)], []),
    "by symbol, turned": ([flat()], [flat(side="short")], [drift("side", "long", "short", None)], []),
    "by symbol against one ticket": (
        [flat(price="1")], [row(quantity="0.02")],
        [drift("price", "1", "1.0543"), drift("quantity", "0.01", "0.02")], [],
    ),
    "legs add up exactly": ([flat(quantity="0.3")], [row(quantity="0.1"), row(quantity="0.2", ticket="2")], [], []),
    "legs that do not": (
        [flat(quantity="0.3", price="9", stop="9")],
        [row(quantity="0.1", stop="1"), row(quantity="0.1", ticket="2", stop="1")],
        [drift("quantity", "0.3", "0.2", None)], [],
    ),
    "a leg on the other side": (
        [flat(quantity="0.01")], [LONG, row(side="short", ticket="2", quantity="3")],
        [("recovery", "EURUSD", "2", None, None, "short 3")], [],
    ),
    "a sum with a refused leg is not known": (
        [flat(quantity="3")], [LONG, row(ticket="2"), row(ticket="3", side="?")], [], [("broker", 3)],
    ),
    "one leg is left of several": ([flat(quantity="3")], [LONG, row(ticket="3", side="?")], [], [("broker", 2)]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_two_files(case: Case, shell: Shell, tmp_path: Path) -> None:
    mine, theirs, expected, refused = case
    paths = tmp_path / "book.json", tmp_path / "broker.json"
    for path, rows in zip(paths, (mine, theirs), strict=True):
        path.write_text(json.dumps({"account": ACCOUNT, "positions": rows}))
    ended = shell("check", *paths, "--json")
    found = ended.json
    shown = [
        tuple(one[name] for name in ("kind", "symbol", "ticket", "field", "book", "broker")) for one in found["breaks"]
    ]
    assert shown == expected
    assert [(one["side"], one["row"]) for one in found["refused"]] == refused
    assert found["agrees"] is (not expected and not refused)
    assert ended.status == (1 if expected or refused else 0)
    assert found["counts"] == {kind: sum(one[0] == kind for one in expected) for kind in ("recovery", "ghost", "drift")}
    assert all(one["why"] for one in found["breaks"] + found["refused"])


def test_l31_opposite_legs_are_no_nothing(shell: Shell, tmp_path: Path) -> None:
    book, broker = tmp_path / "book.json", tmp_path / "broker.json"
    book.write_text(json.dumps({"account": ACCOUNT, "positions": []}))
    broker.write_text(json.dumps({"account": ACCOUNT, "positions": [LONG, row(side="short", ticket="2")]}))
    assert shell("check", book, broker, "--json").json["counts"] == {"recovery": 2, "ghost": 0, "drift": 0}


def test_the_whole_report(shell: Shell, tmp_path: Path) -> None:
    book, broker = tmp_path / "book.json", tmp_path / "broker.json"
    book.write_text(json.dumps({"account": ACCOUNT, "positions": [row(quantity="0.010")]}))
    broker.write_text(json.dumps({"account": ACCOUNT, "positions": [row(quantity=0.05), row(ticket="3", side=7)]}))
    assert shell("check", book, broker, "--json").json == {
        "account": ACCOUNT,
        "agrees": False,
        "breaks": [
            {
                "of": "position",
                "kind": "drift",
                "symbol": "EURUSD",
                "ticket": "1",
                "field": "quantity",
                "book": "0.01",
                "broker": "0.05",
                "correction": "correct",
                "why": "the quantity of EURUSD #1 is 0.01 in the book and 0.05 at the broker",
            }
        ],
        "refused": [{"side": "broker", "row": 2, "why": 'its side is 7; write "long" or "short"'}],
        "counts": {"recovery": 0, "ghost": 0, "drift": 1},
    }


@pytest.mark.parametrize(("preset", "said"), [("observe", "alert"), ("guarded", "quarantine"), ("adopt", "close")])
def test_the_correction_is_the_policys(preset: str, said: str, shell: Shell, tmp_path: Path) -> None:
    book, broker, policy = tmp_path / "book.json", tmp_path / "broker.json", tmp_path / "p.toml"
    book.write_text(json.dumps({"account": ACCOUNT, "positions": [LONG]}))
    broker.write_text(json.dumps({"account": ACCOUNT, "positions": []}))
    policy.write_text(f'preset = "{preset}"')
    (one,) = shell("check", book, broker, "--json", "--policy", policy).json["breaks"]
    assert one["correction"] == said
