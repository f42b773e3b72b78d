"""Some bytes of a good reply are others: is what is still called an answer what an independent reader finds there?"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alpaca_broker import samples
from alpaca_broker.playing import said
from mt5.samples import reading, row
from trueup.ports import Answer
from trueup_adapters.alpaca.positions import positions_answer as alpaca_answer
from trueup_adapters.alpaca.symbols import Symbols
from trueup_adapters.mt5.wire import positions_answer as mt5_answer

Found = dict[str, Decimal]
MT5 = json.dumps(
    {"status": "SUCCESS", "positions": [row(ticket=n, volume=v) for n, v in ((11, 0.5), (22, "1.25"), (33, 7))]}
).encode()
ALPACA = json.dumps(
    [
        samples.position("AAPL", qty="2"),
        samples.position("MSFT", qty=3),
        samples.position("TSLA", qty="-4", side="short"),
    ]
).encode()
BYTES = st.sampled_from(
    [b"", b"0", b"9", b"-", b".", b",", b'"', b"{", b"}", b"[", b"]", b"e", b"\\", b"\xff", b"null", b" "]
)
EDITS = st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 6), BYTES), min_size=1, max_size=3)
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z", re.ASCII)


class Twice(Exception):
    """A key is there twice: the independent reader gives up."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise Twice
    return dict(pairs)


def edited(raw: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for place, length, put in edits:
        at = place % len(raw)
        raw = raw[:at] + put + raw[at + length :]
    return raw


def number(cell: object) -> Decimal:
    assert isinstance(cell, str), cell
    assert NUMBER.match(cell), cell
    return Decimal(cell)


def read_independently(raw: bytes) -> Any:
    return json.loads(raw, object_pairs_hook=once, parse_int=str, parse_float=str)


def agrees(answer: Answer, found: Found) -> bool:
    return {
        row_.symbol if row_.ticket is None else row_.ticket: row_.signed_quantity for row_ in answer.positions.values()
    } == found


@settings(max_examples=300)
@given(edits=EDITS)
def test_l01_l03_a_complete_answer_of_a_gateway_is_what_stands_there(edits: list[tuple[int, int, bytes]]) -> None:
    raw = edited(MT5, edits)
    answer = mt5_answer(raw, reading())
    if answer.completeness != "complete":
        assert answer.why
        return
    whole = read_independently(raw)
    assert whole["status"] in ("SUCCESS", "ok")
    signs = {"buy": 1, "BUY": 1, "0": 1, "sell": -1, "SELL": -1, "1": -1}
    found = {cells["ticket"]: number(cells["volume"]) * signs[cells["type"]] for cells in whole["positions"]}
    assert agrees(answer, found), (raw, answer.positions)


@settings(max_examples=300)
@given(edits=EDITS)
def test_l01_l03_a_complete_answer_of_alpacas_is_what_stands_there(edits: list[tuple[int, int, bytes]]) -> None:
    raw = edited(ALPACA, edits)
    answer = alpaca_answer(said(raw), Symbols())
    if answer.completeness != "complete":
        assert answer.why
        return
    rows = read_independently(raw)
    found = {cells["symbol"]: abs(number(cells["qty"])) * (1 if cells["side"] == "long" else -1) for cells in rows}
    assert agrees(answer, found), (raw, answer.positions)
