"""Does `check` find in two lists of orders exactly what a plain reading of its rules finds?

The oracle is written by hand over dictionaries and shares nothing with the code under trial.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from trueup.policy import Policy
from trueup_adapters.files import CheckReport, check, sheet_of

Row = dict[str, Any]
Found = set[tuple[Any, ...]]

rows = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["A", "A", "B"]),
        "side": st.sampled_from(["buy", "buy", "sell", "sell", "up"]),
        "type": st.sampled_from(["limit", "limit", "stop", "iceberg"]),
        "quantity": st.sampled_from(["1", "1", "2", "2", "1", "0"]),
        "status": st.sampled_from(["accepted", "partially_filled", "canceled", "scheduled", "pending_cancel", "HELD"]),
    },
    optional={
        "client_order_id": st.sampled_from(["c1", "c2", "c3"]),
        "order_id": st.sampled_from(["1", "2", "3"]),
        "filled": st.sampled_from(["0", "0.5", None]),
        "limit": st.sampled_from(["1.5", "1.6", "0"]),
        "stop": st.sampled_from(["1.4", None]),
        "reduce_only": st.sampled_from([True, True, False, None]),
    },
)
lists = st.lists(rows, max_size=5)
held = st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from(["long", "short"])), max_size=3)


def price(row: Row, field: str) -> str | None:
    return None if row.get(field) in (None, "0") else row[field]


def meaning(row: Row) -> tuple[Any, ...]:
    """What a row says; two that say the same are one repeated."""
    cells = [row.get(name) for name in ("symbol", "side", "type", "quantity", "status", "client_order_id", "order_id")]
    return (*cells, row.get("filled"), price(row, "limit"), price(row, "stop"), row.get("reduce_only"))


def cleaned(listed: list[Row]) -> tuple[list[Row], list[int]]:
    """(rows that can be used, places of refused ones)."""
    refused = {
        place
        for place, row in enumerate(listed)
        if row["side"] == "up" or row["quantity"] == "0" or not ({"client_order_id", "order_id"} & row.keys())
    }
    good = [place for place in range(len(listed)) if place not in refused]
    for field in ("client_order_id", "order_id"):
        for name in {listed[place][field] for place in good if field in listed[place]}:
            twins = [place for place in good if listed[place].get(field) == name]
            alike = len({meaning(listed[place]) for place in twins}) == 1
            refused |= set(twins[1:] if alike else twins)
    return [row for place, row in enumerate(listed) if place not in refused], sorted(refused)


def are_one(mine: Row, other: Row) -> bool:
    if mine["symbol"] != other["symbol"]:
        return False
    if "client_order_id" in mine and "client_order_id" in other:
        return mine["client_order_id"] == other["client_order_id"]
    return "order_id" in mine and mine.get("order_id") == other.get("order_id")


def by_client(mine: Row, other: Row) -> bool:
    return are_one(mine, other) and "client_order_id" in mine and "client_order_id" in other


def said(row: Row) -> str:
    level = price(row, "limit") or price(row, "stop")
    return f"{row['side']} {row['quantity']} {row['type']}" + (f" at {level}" if level else "")


def label(*those: Row) -> str:
    names = [row[field] for field in ("client_order_id", "order_id") for row in those if field in row]
    return str(names[0])


def drifts(mine: Row, other: Row) -> Found:
    found: Found = set()
    for field in ("side", "type", "quantity", "filled", "limit", "stop", "status", "reduce_only"):
        ours, theirs = (price(row, field) if field in ("limit", "stop") else row.get(field) for row in (mine, other))
        if ours is None or theirs is None or ours == theirs:
            continue
        if field == "status" and {ours, theirs} & {"HELD", "pending_cancel"}:
            continue  # neither word says where the order stands
        if field == "type" and "iceberg" in {ours, theirs}:
            continue  # it may be the broker's name for either
        if field == "reduce_only":
            if theirs:
                continue  # brokers infer that of whatever closes
            ours, theirs = "yes", "no"
        found.add(("drift", mine["symbol"], label(mine, other), field, ours, theirs, "correct"))
    one, another = mine.get("order_id"), other.get("order_id")
    if one is not None and another is not None and one != another:
        found.add(("drift", mine["symbol"], label(mine, other), "order_id", one, another, "look up"))
    return found


def protected(row: Row, legs: list[tuple[str, str]]) -> bool:
    """Each leg is of size 1."""
    if row["type"] != "stop" and price(row, "stop") is None:
        return False
    other_way = "long" if row["side"] == "sell" else "short"
    return int(row["quantity"]) <= legs.count((row["symbol"], other_way))


def oracle(book: list[Row], broker: list[Row], legs: list[tuple[str, str]]) -> tuple[Found, list[int], list[int]]:
    (mine, bad), (other, worse) = cleaned(book), cleaned(broker)
    couples = [(one, another) for one in mine for another in other if by_client(one, another)]
    for one in mine:
        for another in other:
            alone = all(one is not a and another is not b for a, b in couples)
            if alone and are_one(one, another):
                couples.append((one, another))
    found: Found = set()
    for one, another in couples:
        found |= drifts(one, another)
    for row in mine:
        if all(row is not one for one, _ in couples) and row["status"] not in ("canceled", "scheduled") and not worse:
            found.add(("ghost", row["symbol"], label(row), None, said(row), None, "look up"))
    for row in other:
        if all(row is not one for _, one in couples) and not bad and row["status"] != "canceled":
            remedy = "adopt" if protected(row, legs) else "quarantine"
            found.add(("recovery", row["symbol"], label(row), None, None, said(row), remedy))
    return found, bad, worse


def compared(book: list[Row], broker: list[Row], legs: list[tuple[str, str]]) -> CheckReport:
    positions = [
        {"symbol": symbol, "side": side, "quantity": "1", "ticket": str(100 + place)}
        for place, (symbol, side) in enumerate(legs)
    ]
    both = [
        sheet_of(
            json.dumps({"account": "mt5:1", "positions": positions, "orders": listed}).encode(),
            name=name,
            policy=Policy.adopt(),
        )
        for listed, name in ((book, "book.json"), (broker, "broker.json"))
    ]
    return check(both[0], both[1], Policy.adopt())


@settings(max_examples=800, deadline=None)
@given(book=lists, broker=lists, legs=held)
@example(
    book=[
        {"symbol": "A", "side": "buy", "type": "limit", "quantity": "1", "status": "accepted", "order_id": "1"},
        {"symbol": "A", "side": "buy", "type": "limit", "quantity": "1", "status": "accepted", "client_order_id": "c1",
         "order_id": "2"},
    ],
    broker=[
        {"symbol": "A", "side": "buy", "type": "limit", "quantity": "1", "status": "accepted", "client_order_id": "c1",
         "order_id": "1"},
    ],
    legs=[],
)  # fmt: skip
def test_check_finds_in_orders_what_the_rules_say_and_nothing_else(
    book: list[Row], broker: list[Row], legs: list[tuple[str, str]]
) -> None:
    found, bad, worse = oracle(book, broker, legs)
    report = compared(book, broker, legs)
    assert {one.of for one in report.breaks} <= {"order"}
    shown = [
        (one.kind, one.symbol, one.ticket, one.field, one.book, one.broker, one.correction) for one in report.breaks
    ]
    assert set(shown) == found
    assert len(shown) == len(found)
    assert [one.row - 1 for one in report.refused if one.side == "book"] == bad
    assert [one.row - 1 for one in report.refused if one.side == "broker"] == worse
    assert report.agrees is (not found and not bad and not worse)
    assert shown == sorted(shown, key=lambda one: (one[1], one[2], one[3] or "", one[0]))
    assert report.counts == {kind: sum(one[0] == kind for one in shown) for kind in ("recovery", "ghost", "drift")}


@settings(max_examples=200, deadline=None)
@given(book=lists)
def test_orders_agree_with_themselves_unless_a_row_is_refused(book: list[Row]) -> None:
    report = compared(book, book, [])
    assert report.breaks == ()
    assert report.agrees is not bool(report.refused)


@settings(max_examples=200, deadline=None)
@given(book=lists, broker=lists)
def test_the_other_way_round_drifts_stay_drifts(book: list[Row], broker: list[Row]) -> None:
    there, back = (
        {(one.ticket, one.field) for one in compared(*both, []).breaks if one.kind == "drift"}
        for both in ((book, broker), (broker, book))
    )
    assert there == back
