"""Whatever is done to a file, is every row read right or refused with its place and cell, and is nothing concluded from
a file that is cut off?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.policy import Policy
from trueup_adapters.files import UnusableFile, check
from trueup_adapters.files.reading import sheet_of
from trueup_adapters.files.sheet import AccountsDiffer, Sheet

POLICY = Policy.adopt()
POSITION: dict[str, Any] = {
    "symbol": "EURUSD", "ticket": "1", "side": "long", "quantity": "0.01", "price": "1.0543", "strategy": "trend",
    "stop": "1.05", "opened_at": "2026-01-15T02:08:34Z",
}  # fmt: skip
ORDER: dict[str, Any] = {
    "client_order_id": "c1", "order_id": "91", "symbol": "EURUSD", "side": "buy", "type": "limit", "quantity": "1",
    "filled": "0", "limit": "1.0500", "stop": None, "status": "accepted", "reduce_only": False,
}  # fmt: skip
OTHERS = (POSITION | {"symbol": "GBPUSD", "ticket": "2"}, ORDER | {"client_order_id": "c2", "order_id": "92"})
JUNK = st.sampled_from(
    [None, True, False, 0, -1, 0.1, 10**30, "", " ", "0", "-1", "NaN", "1e400", "1_000", "0,01", "٣", "two", "LONG",
     "EUR\u202eUSD", "A\x00B", "A" * 5000, "9" * 5000, "\U0001f4a5", "\ud800", [], {}, [1], {"a": None}, "=1+1", "'",
     "@everyone"]
)  # fmt: skip
CELLS = [("positions", cell) for cell in POSITION] + [("orders", cell) for cell in ORDER]


def sheet(content: object, name: str = "a.json") -> Sheet:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return sheet_of(raw, name=name, policy=POLICY)


def whole(position: dict[str, Any] = POSITION, order: dict[str, Any] = ORDER) -> dict[str, Any]:
    return {"account": "mt5:1", "positions": [position, OTHERS[0]], "orders": [order, OTHERS[1]]}


@settings(max_examples=200)
@given(place=st.sampled_from(CELLS), junk=JUNK, gone=st.booleans())
def test_l42_a_spoilt_cell_costs_its_row_at_most_and_says_which(place: tuple[str, str], junk: Any, gone: bool) -> None:
    which, cell = place
    row = {**(POSITION if which == "positions" else ORDER), cell: junk}
    if gone:
        del row[cell]
    content = whole(position=row) if which == "positions" else whole(order=row)
    read = sheet(content)
    assert read.orders is not None
    for rows, refused in ((read.rows, read.refused), (read.orders.rows, read.orders.refused)):
        assert len(rows) + len(refused) == 2
        assert rows[-1].number == 2  # what is wrong with one row costs no other
    (refused_here, kept) = (
        (read.refused, read.rows) if which == "positions" else (read.orders.refused, read.orders.rows)
    )
    for refusal in refused_here:
        assert refusal.row == 1
        named = cell if cell not in ("client_order_id", "order_id") else "order_id"
        assert named in refusal.why, refusal.why
        assert len(refusal.why) < 400
    good = sheet(whole())
    assert good.orders is not None
    if len(kept) == 2:
        before, now = (good.rows[0], kept[0]) if which == "positions" else (good.orders.rows[0].order, kept[0].order)  # type: ignore[union-attr]
        differs = {name for name in now.__struct_fields__ if getattr(before, name) != getattr(now, name)}
        assert differs <= {cell, "spelling"} | ({"raw_status"} if cell == "status" else set()), differs
    report = check(good, read, POLICY)
    assert report.agrees is (not report.breaks and not report.refused)
    assert len(report.refused) == len(refused_here)


@settings(max_examples=100)
@given(st.data())
def test_l01_a_file_that_is_cut_off_anywhere_is_unusable(data: st.DataObject) -> None:
    reply = {"status": "SUCCESS", "positions": [{"ticket": 1, "symbol": "X", "type": "buy", "volume": 1}]}
    raw = json.dumps(data.draw(st.sampled_from([whole(), reply]))).encode()
    part = raw[: data.draw(st.integers(0, len(raw) - 1))]
    with pytest.raises(UnusableFile) as refused:
        sheet(part, "cut.json")
    assert str(refused.value).startswith("cut.json: ")


@settings(max_examples=100)
@given(raw=st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace"))))
@pytest.mark.parametrize("name", ["a.json", "a.csv", "a"])
def test_no_bytes_do_anything_but_be_read_or_refused(raw: bytes, name: str) -> None:
    said = ""
    try:
        sheet(raw, name)
    except (UnusableFile, AccountsDiffer) as refused:
        said = str(refused)
    assert not said or said.startswith(f"{name}: ")


HEADER = ("symbol", "ticket", "side", "quantity", "price", "stop")
CSV_ROW = ("EURUSD", "1", "long", "0.01", "1.0543", "1.05")
TABLE_CELL = st.sampled_from(
    [
        "",
        " ",
        "EURUSD",
        "LONG",
        '"0,01"',
        '"a""b"',
        '"two\nlines"',
        "NaN",
        "1_0",
        "none",
        "=cmd",
        "x" * 5000,
        "٣",
    ]
)


@settings(max_examples=200)
@given(
    place=st.integers(0, len(HEADER) - 1),
    cell=TABLE_CELL,
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    bom=st.booleans(),
    blank=st.booleans(),
    more=st.integers(-1, 1),
)
def test_a_table_is_read_whichever_way_it_is_written(
    place: int, cell: str, ending: str, bom: bool, blank: bool, more: int
) -> None:
    spoilt = [*CSV_ROW[:place], cell, *CSV_ROW[place + 1 :]]
    spoilt = spoilt[:-1] if more < 0 else [*spoilt, *[""] * more]
    lines = [",".join(HEADER), ",".join(spoilt), *[" "] * blank, "GBPUSD,2,short,0.02,,none"]
    raw = (b"\xef\xbb\xbf" if bom else b"") + (ending.join(lines) + ending).encode()
    read = sheet(raw, "a.csv")
    assert len(read.rows) + len(read.refused) == 2
    assert [row.symbol for row in read.rows if row.number == 2] == ["GBPUSD"]
    assert bool(more) <= bool(read.refused)
    for refusal in read.refused:
        assert refusal.row == 1
        assert more or HEADER[place] in refusal.why, refusal.why


def test_l37_numbers_as_text_and_as_numbers_are_the_same_file() -> None:
    as_numbers = whole(POSITION | {"quantity": 0.010, "price": 1.05430, "ticket": 1}, ORDER | {"quantity": 1.0})
    report = check(sheet(whole()), sheet(as_numbers), POLICY)
    assert (report.agrees, report.refused) == (True, ())


def test_a_long_file_is_compared_row_by_row() -> None:
    rows = [POSITION | {"ticket": str(n), "symbol": f"S{n % 100}"} for n in range(20_000)]
    book = sheet({"account": "mt5:1", "positions": rows})
    broker = sheet({"account": "mt5:1", "positions": [*rows[:-1], rows[-1] | {"quantity": "0.02"}]})
    (one,) = check(book, broker, POLICY).breaks
    assert (one.kind, one.ticket, one.field) == ("drift", "19999", "quantity")
