"""Whatever the bytes: does reading raise nothing, lose no row, and never depend on what was read before?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt5.samples import deal, read, reading, row
from trueup.model import PositionMode
from trueup.ports import Answer
from trueup_adapters.mt5 import positions
from trueup_adapters.mt5.memory import PositionsMemory
from trueup_adapters.mt5.wire import deals_answer, echoed, positions_answer

MODES = st.sampled_from(["hedging", "netting"])
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.integers() | st.text(max_size=8) | FLOATS
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
TICKETS = st.sampled_from([1, 2, 3, 4, "1", "4", 2**63 + 1, 0, None, "", 1.5, True]) | st.integers(1, 9)
CELLS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "ticket": TICKETS,
        "symbol": st.sampled_from(["EURUSD", "GBPUSD", "XAU.m", "", None, " X", 3]),
        "type": st.sampled_from(["buy", "sell", "BUY", "SELL", 0, 1, 2, "?", None, True]),
        "volume": st.sampled_from([0.01, 0.02, 1, 1.0, "0.01", "NaN", "sNaN", -1, 0, None, True, "x", 1e300]),
        "price_open": st.sampled_from([1.1, 1.2, 0, None, "1.1", "x", "sNaN", False, 12]),
        "open_price": st.sampled_from([1.1, 0, None, "x"]),
        "sl": st.sampled_from([1.05, 0, None, -1, "NaN", "sNaN", True]),
        "magic": st.sampled_from([7, 8, "7", None, [], True]),
        "time": st.sampled_from([1704153600, "2024", None, {}, 1.5]),
    },
)
ROWS = st.lists(CELLS.map(lambda cells: row(**cells)) | ANYTHING, max_size=6)
GOOD_ROWS = st.lists(
    st.builds(
        row,
        ticket=st.integers(1, 6),
        volume=st.sampled_from([0.01, 0.02, 1, "0.01"]),
        type=st.sampled_from(["buy", "sell"]),
        symbol=st.sampled_from(["EURUSD", "GBPUSD", "XAUUSD"]),
        sl=st.sampled_from([0, 1.05, None]),
        profit=st.integers(),
    ),
    max_size=6,
    unique_by=lambda cells: cells["ticket"],
)
STATUSES = st.sampled_from(["SUCCESS", "ok", "SUCCESS", "ok", "FAILED", "error", "?", None])


def encoded(status: object, rows: list[Any]) -> bytes:
    return json.dumps({"status": status, "positions": rows}).encode()


def judged(answer: Answer) -> tuple[object, ...]:
    """What an answer says, without the bytes that it was said in."""
    return answer.completeness, answer.why, answer.dialect, dict(answer.positions), answer.refused


@given(raw=st.binary(max_size=200), mode=MODES)
def test_l06_no_bytes_make_reading_raise(raw: bytes, mode: PositionMode) -> None:
    answer = read(raw, mode)
    assert answer.completeness in ("failed", "unsupported")
    assert answer.why
    assert deals_answer(raw, reading(mode)).completeness in ("failed", "unsupported")
    echoed(raw)


@given(value=ANYTHING | st.dictionaries(st.sampled_from(["status", "positions", "error", "error_code"]), ANYTHING))
def test_l06_no_json_makes_reading_raise(value: object) -> None:
    raw = json.dumps(value).encode()
    answer = read(raw)
    if answer.completeness in ("complete", "partial"):
        assert isinstance(value, dict)
        assert value["status"] in ("SUCCESS", "ok")
        assert isinstance(value["positions"], list)
    else:
        assert answer.why
        assert not answer.positions
    echoed(raw)


@given(status=STATUSES, rows=ROWS, mode=MODES)
def test_l03_no_row_is_lost(status: object, rows: list[Any], mode: PositionMode) -> None:
    answer = read(encoded(status, rows), mode)
    if status not in ("SUCCESS", "ok"):
        assert answer.completeness == "failed"
        return
    assert len(answer.positions) + len(answer.refused) == len(rows)
    assert answer.completeness == ("partial" if answer.refused else "complete")
    numbers = [refusal.row for refusal in answer.refused]
    assert numbers == sorted(set(numbers))
    assert all(1 <= number <= len(rows) for number in numbers)
    for key, position in answer.positions.items():
        assert position.signed_quantity.is_finite()
        assert position.signed_quantity
        assert key == (f"#{position.ticket}" if mode == "hedging" else position.symbol)


@given(rows=st.lists(CELLS.map(lambda cells: deal(**cells)) | ANYTHING, max_size=6), status=STATUSES)
def test_l42_no_deal_makes_reading_raise(rows: list[Any], status: object) -> None:
    answer = deals_answer(json.dumps({"status": status, "deals": rows}).encode(), reading())
    if status not in ("SUCCESS", "ok"):
        assert answer.completeness == "failed"
        return
    assert len(answer.executions) + len(answer.refused) <= len(rows)
    assert answer.completeness == ("partial" if answer.refused else "complete")
    ids = [execution.execution_id for execution in answer.executions]
    assert len(set(ids)) == len(ids)


@settings(max_examples=300)
@given(
    history=st.lists(st.tuples(st.sampled_from(["SUCCESS", "SUCCESS", "ok", "FAILED"]), ROWS | GOOD_ROWS), max_size=6),
    mode=MODES,
)
def test_memory_changes_no_answer(history: list[tuple[str, list[Any]]], mode: PositionMode) -> None:
    memory = PositionsMemory(reading(mode, strategies={"7": "trend"}))
    for status, rows in history:
        raw = encoded(status, rows)
        fresh = positions_answer(raw, reading(mode, strategies={"7": "trend"}))
        assert judged(memory.answer(raw)) == judged(fresh)


@settings(max_examples=300)
@given(history=st.lists(GOOD_ROWS, min_size=1, max_size=6))
def test_what_was_handed_over_is_never_changed_and_is_the_same_while_nothing_changes(
    history: list[list[dict[str, Any]]],
) -> None:
    memory = PositionsMemory(reading())
    handed: list[tuple[Any, dict[str, Any]]] = []
    for rows in history:
        answer = memory.answer(encoded("SUCCESS", rows))
        again = memory.answer(encoded("SUCCESS", [{**cells, "profit": 0.5} for cells in rows]))
        assert again.positions is answer.positions
        shuffled = memory.answer(encoded("SUCCESS", rows[::-1]))
        assert shuffled.positions is answer.positions
        assert shuffled.completeness == "complete"
        handed.append((answer.positions, dict(answer.positions)))
    for kept, noted in handed:
        assert kept == noted


def test_positions_that_did_not_change_are_the_same_objects() -> None:
    memory = PositionsMemory(reading())
    rows = [row(ticket=n) for n in range(1, 101)]
    before = memory.answer(encoded("SUCCESS", rows)).positions
    rows[6] = row(ticket=7, volume=5)
    del rows[8]
    after = memory.answer(encoded("SUCCESS", [*rows, row(ticket=200)])).positions
    assert set(before) - set(after) == {"#9"}
    assert set(after) - set(before) == {"#200"}
    assert {key for key in after if key in before and after[key] is not before[key]} == {"#7"}


def test_l43_a_boolean_where_a_number_was_is_noticed() -> None:
    """To Python `true` equals 1; to us a row that says so is another row."""
    memory = PositionsMemory(reading())
    assert memory.answer(encoded("SUCCESS", [row(volume=1, sl=0, price_open=1)])).completeness == "complete"
    for cells in ({"volume": True}, {"sl": False}, {"price_open": True}):
        spoiled = row(**({"volume": 1, "sl": 0, "price_open": 1} | cells))
        assert memory.answer(encoded("SUCCESS", [spoiled])).completeness == "partial"


def test_l29_a_ticket_that_comes_back_as_text_beside_itself_is_refused_also_from_memory() -> None:
    """`7` and `"7"` are one ticket: two rows of it contradict each other, whatever was known before."""
    memory = PositionsMemory(reading())
    assert memory.answer(encoded("SUCCESS", [row(ticket=7)])).completeness == "complete"
    twice = encoded("SUCCESS", [row(ticket=7), row(ticket="7", volume=5)])
    answer = memory.answer(twice)
    assert (answer.completeness, answer.positions, len(answer.refused)) == ("partial", {}, 2)
    assert judged(answer) == judged(positions_answer(twice, reading()))


def test_law_12_names_of_symbols_are_remembered_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that spells another one each time must not grow us."""
    monkeypatch.setattr(positions, "NAMES_MAX", 3)
    met = reading()
    for n in range(10):
        answer = positions_answer(encoded("SUCCESS", [row(symbol=f"S{n}")]), met)
        assert [one.symbol for one in answer.positions.values()] == [f"S{n}"]
    assert sorted(met.names) == ["S0", "S1", "S2"]


def test_l01_a_failed_answer_between_two_good_ones_forgets_nothing() -> None:
    memory = PositionsMemory(reading())
    before = memory.answer(encoded("SUCCESS", [row()])).positions
    assert memory.answer(b"").completeness == "failed"
    assert memory.answer(encoded("FAILED", [])).completeness == "failed"
    assert memory.answer(encoded("SUCCESS", [row()])).positions is before


def test_a_reply_beyond_the_limit_is_refused_unread() -> None:
    memory = PositionsMemory(reading(), reply_bytes_max=20)
    assert "20 are the most" in memory.answer(encoded("SUCCESS", [row()])).why
