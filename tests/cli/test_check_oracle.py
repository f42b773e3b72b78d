"""Does `check` find exactly what a plain reading of its rules finds, whatever the two files hold?

The oracle is written by hand over dictionaries and shares nothing with the code under trial.
"""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from trueup.policy import Policy
from trueup_adapters.files import check, sheet_of

Row = dict[str, Any]
Found = set[tuple[Any, ...]]

rows = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["A", "B"]),
        "side": st.sampled_from(["long", "short", "short", "long", "up"]),
        "quantity": st.sampled_from(["0", "1", "2", "0.3", "1", "2", "-1", "x"]),
    },
    optional={
        "ticket": st.sampled_from(["1", "2", "3"]),
        "price": st.sampled_from(["1.5", "1.6"]),
        "stop": st.sampled_from([None, "1"]),
    },
)
files = st.lists(rows, max_size=5)


def is_bad(row: Row) -> bool:
    return row["side"] == "up" or row["quantity"] in ("-1", "x")


def cleaned(listed: list[Row]) -> tuple[list[Row], list[int]]:
    """(rows that hold something, places of refused rows)."""
    refused = {place for place, row in enumerate(listed) if is_bad(row)}
    good = [place for place in range(len(listed)) if place not in refused]
    for ticket in ("1", "2", "3"):
        twins = [place for place in good if listed[place].get("ticket") == ticket]
        same = all(listed[place] == listed[twins[0]] for place in twins)
        refused |= set(twins[1:] if same else twins)
    held = [place for place in good if place not in refused and listed[place]["quantity"] != "0"]
    for symbol in "AB":
        loose = [place for place in held if listed[place]["symbol"] == symbol and "ticket" not in listed[place]]
        if len(loose) > 1:
            refused |= set(loose)
    return [listed[place] for place in held if place not in refused], sorted(refused)


def said(row: Row) -> str:
    return f"{row['side']} {row['quantity']}"


def joined(part: list[Row]) -> Row:
    """One row, or the sum of several of one side."""
    if len(part) == 1:
        return part[0]
    total = sum(Fraction(row["quantity"]) for row in part)
    tenths = total * 10
    text = str(total) if total.denominator == 1 else f"{tenths.numerator // 10}.{tenths.numerator % 10}"
    return {"symbol": part[0]["symbol"], "side": part[0]["side"], "quantity": text}


def pair(mine: list[Row], other: list[Row], partial: tuple[bool, bool]) -> Found:
    symbol = (mine + other)[0]["symbol"]
    tickets = [part[0]["ticket"] for part in (other, mine) if len(part) == 1 and "ticket" in part[0]]
    ticket = tickets[0] if tickets and max(len(mine), len(other)) == 1 else None
    if not other:
        return set() if partial[1] else {("ghost", symbol, ticket, None, said(joined(mine)), None)}
    if not mine:
        return set() if partial[0] else {("recovery", symbol, ticket, None, None, said(joined(other)))}
    ours, theirs = joined(mine), joined(other)
    found = {
        ("drift", symbol, ticket, field, ours[field], theirs[field])
        for field in ("side", "quantity")
        if ours[field] != theirs[field]
    }
    if max(len(mine), len(other)) == 1:
        for field in ("price", "stop"):
            if field in ours and field in theirs and ours[field] != theirs[field]:
                found.add(("drift", symbol, ticket, field, ours[field] or "none", theirs[field] or "none"))
    return found


def oracle(book: list[Row], broker: list[Row]) -> tuple[Found, list[int], list[int]]:
    (ours, bad), (theirs, worse) = cleaned(book), cleaned(broker)
    partial = bool(bad), bool(worse)
    found: Found = set()
    for symbol in "AB":
        mine = [row for row in ours if row["symbol"] == symbol]
        other = [row for row in theirs if row["symbol"] == symbol]
        hidden_mine = any(book[place]["symbol"] == symbol for place in bad)
        hidden_other = any(broker[place]["symbol"] == symbol for place in worse)
        if all("ticket" in row for row in mine + other):
            for ticket in ("1", "2", "3"):
                both = [[row for row in part if row["ticket"] == ticket] for part in (mine, other)]
                if any(both):
                    found |= pair(both[0], both[1], partial)
            continue
        lone = len(mine) <= 1 and len(other) <= 1
        if lone and hidden_mine and any("ticket" in row for row in mine):
            lone = False  # it may be one leg of several
        if lone and hidden_other and any("ticket" in row for row in other):
            lone = False
        if lone:
            found |= pair(mine, other, partial)
            continue
        for side in ("long", "short"):
            legs = [[row for row in part if row["side"] == side] for part in (mine, other)]
            if all(legs) and (hidden_mine or hidden_other):
                continue  # a sum of which a row is missing is not known
            if any(legs):
                found |= pair(legs[0], legs[1], partial)
    return found, bad, worse


def sheet(listed: list[Row], name: str) -> Any:
    raw = json.dumps({"account": "mt5:1", "positions": listed}).encode()
    return sheet_of(raw, name=name, policy=Policy.adopt())


@settings(max_examples=600, deadline=None)
@given(book=files, broker=files)
@example(book=[{"symbol": "A", "side": "long", "quantity": "0.3"}], broker=[
    {"symbol": "A", "side": "long", "quantity": "0.3", "ticket": "1"},
    {"symbol": "A", "side": "long", "quantity": "0.3", "ticket": "2"},
])  # fmt: skip
def test_check_finds_what_the_rules_say_and_nothing_else(book: list[Row], broker: list[Row]) -> None:
    found, bad, worse = oracle(book, broker)
    report = check(sheet(book, "book.json"), sheet(broker, "broker.json"), Policy.adopt())
    shown = [(one.kind, one.symbol, one.ticket, one.field, one.book, one.broker) for one in report.breaks]
    assert set(shown) == found
    assert len(shown) == len(found)
    assert [one.row - 1 for one in report.refused if one.side == "book"] == bad
    assert [one.row - 1 for one in report.refused if one.side == "broker"] == worse
    assert report.agrees is (not found and not bad and not worse)
    assert shown == sorted(shown, key=lambda one: (one[1], one[2] or "", one[3] or "", one[0]))


@settings(max_examples=200, deadline=None)
@given(book=files)
def test_a_file_agrees_with_itself_unless_a_row_is_refused(book: list[Row]) -> None:
    one = sheet(book, "book.json")
    report = check(one, one, Policy.adopt())
    assert report.breaks == ()
    assert report.agrees is not bool(report.refused)


@settings(max_examples=200, deadline=None)
@given(book=files, broker=files)
def test_the_other_way_round_recoveries_are_ghosts(book: list[Row], broker: list[Row]) -> None:
    one, other = sheet(book, "book.json"), sheet(broker, "broker.json")
    there, back = (check(*both, Policy.adopt()).counts for both in ((one, other), (other, one)))
    assert (there["recovery"], there["ghost"], there["drift"]) == (back["ghost"], back["recovery"], back["drift"])
