"""Is every row read right in the shapes that Alpaca documents, and refused by name whatever becomes of its cells?"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from alpaca_broker import samples
from alpaca_broker.playing import said
from trueup.model import BrokerOrder, Refusal, plain
from trueup.ports import Answer
from trueup_adapters.alpaca.fills import judge_fills
from trueup_adapters.alpaca.heads import rows_of
from trueup_adapters.alpaca.orders import Reading, judge_orders
from trueup_adapters.alpaca.positions import positions_answer
from trueup_adapters.alpaca.symbols import Symbols

CLIENT_IDS: dict[str, str | None] = {samples.fill(1)["order_id"]: "c1"}


def reading() -> Reading:
    return Reading(Symbols())


def raws(*rows: Any) -> list[Raw]:
    found = rows_of(said(json.dumps(rows)))
    assert not isinstance(found, Answer), found.why
    return found


@pytest.mark.parametrize(("row", "symbol", "signed", "price"), samples.POSITIONS)
def test_each_documented_position_is_read(row: samples.Row, symbol: str, signed: str, price: str | None) -> None:
    answer = positions_answer(said(json.dumps([row])), Symbols())
    assert answer.completeness == "complete", answer.refused
    (held,) = answer.positions.values()
    assert (held.symbol, held.signed_quantity) == (symbol, Decimal(signed))
    assert held.price == (None if price is None else Decimal(price))


@pytest.mark.parametrize(("row", "symbol", "side", "quantity", "filled", "status"), samples.ORDERS)
def test_each_documented_order_is_read(
    row: samples.Row, symbol: str, side: str, quantity: str, filled: str | None, status: str
) -> None:
    judged = judge_orders(raws(row), reading())
    assert not judged.refused
    (one,) = judged.orders
    assert (one.symbol, one.side, one.quantity, one.status.value) == (symbol, side, Decimal(quantity), status)
    assert one.filled == (None if filled is None else Decimal(filled))
    assert (one.order_id, one.client_order_id) == (row["id"], row["client_order_id"])


@pytest.mark.parametrize(("row", "symbol", "signed"), samples.FILLS)
def test_each_documented_fill_is_read(row: samples.Row, symbol: str, signed: str) -> None:
    judged = judge_fills(raws(row), CLIENT_IDS, reading())
    assert not judged.refused
    (one,) = judged.values
    assert (one.symbol, one.signed_quantity, one.execution_id) == (symbol, Decimal(signed), row["id"])


def test_a_spread_is_its_legs_though_they_have_no_type_of_their_own() -> None:
    judged = judge_orders(raws(samples.SPREAD), reading())
    assert not judged.refused
    assert [(o.symbol, o.side, o.type, plain(o.quantity), o.status.value) for o in judged.orders] == [
        (samples.OPTION, "buy", "mleg", "3", "filled"),
        ("AAPL241213C00260000", "sell", "mleg", "1", "accepted"),
    ]


def test_a_leg_that_is_also_a_row_of_its_own_is_one_order_and_no_refusal() -> None:
    leg = samples.order(41, side="sell", type="stop", stop_price="140", status="held")
    parent = samples.order(40, order_class="bracket", legs=[leg])
    for listed in ((parent, leg), (leg, parent)):
        judged = judge_orders(raws(*listed), reading())
        assert (sorted(o.order_id or "" for o in judged.orders), judged.refused) == ([parent["id"], leg["id"]], ())
    judged = judge_orders(raws(parent, leg | {"qty": "7"}), reading())  # in other words: either could be true
    assert ([o.order_id for o in judged.orders], [r.row for r in judged.refused]) == ([parent["id"]], [1, 2])


def test_l35_l36_an_order_for_money_that_ended_unfilled_is_refused_by_name_and_not_made_up() -> None:
    row = samples.order(50, qty=None, notional="500", status="rejected")
    judged = judge_orders(raws(row), reading())
    assert [refusal.why for refusal in judged.refused] == [
        f"order {row['id']}: it is ordered for an amount of money (500), and has no quantity yet"
    ]


# -- what is done to them ----------------------------------------------------------------------------------

JUNK = st.sampled_from(
    [None, True, False, 0, -1, 1.5, 10**30, "", " ", "0", "-1", "NaN", "nan", "Infinity", "1e400", "1e-400", "1_000",
     "1,5", "٣", "two", "AAPL\u202e", "A\x00B", "A" * 5000, "9" * 5000, "\U0001f4a5", [], {}, [1], {"a": None},
     "perplexed", ["x"] * 1000]
)  # fmt: skip
SPOILT_BYTES = st.sampled_from([b"1e400", b"1e99999999999999999999", b"NaN", b"-Infinity", b"9" * 5000, b"-0", b"1E5"])
CELLS_OF = {
    "positions": sorted({"symbol", "qty", "side", "asset_class", "avg_entry_price"}),
    "orders": sorted(
        {"id", "client_order_id", "symbol", "asset_class", "qty", "notional", "filled_qty", "filled_avg_price", "type",
         "order_type", "order_class", "side", "limit_price", "stop_price", "status", "legs", "position_intent",
         "submitted_at", "updated_at"}
    ),
    "fills": sorted({"id", "activity_type", "type", "symbol", "side", "qty", "price", "order_id", "transaction_time"}),
}  # fmt: skip
GOOD = {
    "positions": [row for row, *_ in samples.POSITIONS],
    "orders": [row for row, *_ in samples.ORDERS] + [samples.SPREAD],
    "fills": [row for row, *_ in samples.FILLS],
}


def judged(kind: str, rows: list[Raw]) -> tuple[list[Any], tuple[Refusal, ...]]:
    """What rows of a kind of list come to, by the very code that reads replies."""
    if kind == "positions":
        answer = positions_answer(said(b"[" + b",".join(map(bytes, rows)) + b"]"), Symbols())
        return list(answer.positions.values()), answer.refused
    if kind == "orders":
        orders = judge_orders(rows, reading())
        return list(orders.orders), orders.refused
    fills = judge_fills(rows, CLIENT_IDS, reading())
    return list(fills.values), fills.refused


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, dict[str, Any], str, bytes]:
    """(kind of list, a good row, the cell of it that is spoilt, the row as it comes)."""
    kind = draw(st.sampled_from(sorted(CELLS_OF)))
    good = draw(st.sampled_from(GOOD[kind]))
    cell = draw(st.sampled_from(CELLS_OF[kind]))
    how = draw(st.sampled_from(["left out", "junk", "bytes", "twice"]))
    row = {name: value for name, value in good.items() if name != cell}
    text = json.dumps(row).encode()
    name = json.dumps(cell).encode()
    if how == "junk":
        text = json.dumps(row | {cell: draw(JUNK)}).encode()
    elif how == "bytes":
        text = text[:-1] + b", %s: %s}" % (name, draw(SPOILT_BYTES))
    elif how == "twice":
        cells = [json.dumps(draw(JUNK)).encode(), json.dumps(good.get(cell)).encode()]
        if draw(st.booleans()):
            name = name.replace(cell[0].encode(), b"\\u%04x" % ord(cell[0]), 1)  # a key can hide behind an escape
        twice = b", %s: %s, %s: %s}" % (name, cells[0], json.dumps(cell).encode(), cells[1])
        text = text[:-1] + twice
    return kind, good, how + " " + cell, text


@settings(max_examples=600)
@given(case=spoilt())
def test_a_spoilt_row_is_read_right_or_refused_by_its_name_and_touches_no_other(
    case: tuple[str, dict[str, Any], str, bytes],
) -> None:
    """Never wrong, never lost, never an exception: what is still read of it is what it said before it was spoilt."""
    kind, good, what, text = case
    how, _, cell = what.rpartition(" ")
    other = next(row for row in GOOD[kind] if row is not good and row.get("symbol") != good.get("symbol"))
    rows = rows_of(said(b"[" + text + b"," + json.dumps(other).encode() + b"]"))
    assert not isinstance(rows, Answer), rows.why
    found, refused = judged(kind, rows)
    (alone, nothing) = judged(kind, raws(other))
    assert not nothing
    assert found[-len(alone) :] == alone  # whatever is wrong with one row costs no other (L42)
    mine = found[: -len(alone)]
    assert all(refusal.row == 1 and refusal.why for refusal in refused)
    assert mine or refused
    if how == "twice":
        assert refused
        assert any(cell in refusal.why or "not UTF-8" in refusal.why for refusal in refused), refused
    (whole, _) = judged(kind, raws(good))
    for value in mine:
        same_names = [one for one in whole if _names(one) & _names(value)] or whole
        assert any(_differs(one, value) <= _may_differ(cell) for one in same_names), (value, whole)


def _names(value: Any) -> set[str]:
    cells = ("symbol", "order_id", "execution_id")
    return {f"{cell}={getattr(value, cell)}" for cell in cells if getattr(value, cell, None) is not None}


def _differs(one: Any, other: Any) -> set[str]:
    return {name for name in one.__struct_fields__ if getattr(one, name) != getattr(other, name)}


def _may_differ(cell: str) -> set[str]:
    """Which fields of what is read may follow from a cell."""
    follows = {
        "symbol": {"symbol", "spelling"},
        "asset_class": {"unit", "symbol", "spelling"},
        "qty": {"signed_quantity", "quantity", "status", "raw_status"},
        "notional": {"quantity"},
        "filled_qty": {"filled", "status", "raw_status", "quantity"},
        "avg_entry_price": {"price"},
        "price": {"price"},
        "side": {"side", "signed_quantity"},
        "id": {"order_id", "execution_id"},
        "client_order_id": {"client_order_id"},
        "order_id": {"order_id"},
        "filled_avg_price": {"average_price"},
        "limit_price": {"limit"},
        "stop_price": {"stop"},
        "type": {"type"},
        "order_type": {"type"},
        "order_class": {"type"},
        "status": {"status", "raw_status", "quantity"},
        "position_intent": {"reduce_only"},
        "updated_at": {"updated_at"},
        "transaction_time": {"happened_at"},
    }
    return follows.get(cell, set())


@settings(max_examples=150)
@given(st.data())
def test_a_reply_that_is_cut_anywhere_is_a_failed_answer(data: st.DataObject) -> None:
    """However much of it came: what is missing is not absent (L01, L03)."""
    kind = data.draw(st.sampled_from(sorted(GOOD)))
    whole = json.dumps(GOOD[kind]).encode()
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    answer = rows_of(said(part))
    assert isinstance(answer, Answer)
    assert (answer.completeness, bool(answer.why)) == ("failed", True)


def test_l05_a_huge_list_is_read_to_its_end() -> None:
    rows = [samples.position(f"S{number}", qty=str(number + 1)) for number in range(20_000)]
    answer = positions_answer(said(json.dumps(rows)), Symbols())
    assert (answer.completeness, len(answer.positions)) == ("complete", 20_000)


def test_numbers_of_thousands_of_digits_cost_one_row() -> None:
    huge = b"9" * 6000
    for kind, cell in (("positions", "symbol"), ("orders", "id"), ("fills", "order_id"), ("orders", "status")):
        good = GOOD[kind][0]
        text = json.dumps({name: value for name, value in good.items() if name != cell}).encode()
        found, refused = judged(kind, [Raw(text[:-1] + b', "%s": %s}' % (cell.encode(), huge))])
        assert len(found) + len(refused) == 1
        assert refused, found


def test_every_cell_that_is_read_is_among_those_that_are_spoilt() -> None:
    from trueup_adapters.alpaca.fills import FillRow
    from trueup_adapters.alpaca.orders import OrderRow
    from trueup_adapters.alpaca.positions import PositionRow

    structs: dict[str, type[msgspec.Struct]] = {"positions": PositionRow, "orders": OrderRow, "fills": FillRow}
    assert {kind: sorted(row.__struct_fields__) for kind, row in structs.items()} == CELLS_OF
    assert isinstance(judged("orders", raws(samples.order(1)))[0][0], BrokerOrder)
