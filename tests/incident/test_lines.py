"""What does a recorded line say, and what does one that cannot be meant cost?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from incident.told import brought, events, is_sound, jsonl, pos, sees, when
from trueup.facts import CommandGiven, Observed, PositionRecorded
from trueup.incident import rows

ACCOUNT = "import:recording"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


REFUSED = [
    ("junk", "not JSON"),
    ("[1]", "must be an object"),
    ('{"at": "x", "at": "y"}', "names `at` twice"),
    ("[" * 100_000, "recursion"),
    ({"kind": "failure"}, "has no `at`"),
    ({"at": 17, "kind": "failure"}, "`at` is 17"),
    ({"at": "yesterday", "kind": "failure"}, "is no time"),
    ({"at": "2026-01-15T09:30:00", "kind": "failure"}, "not in UTC"),
    ({"at": "2026-01-15T09:30:00+01:00", "kind": "failure"}, "not in UTC"),
    ({"at": "1969-01-15T09:30:00Z", "kind": "failure"}, "between the years"),
    ({"at": "2200-01-15T09:30:00Z", "kind": "failure"}, "between the years"),
    ({"at": when(1)}, "has no kind"),
    ({"at": when(1), "kind": "tick"}, 'kind is "tick"'),
    ({"at": when(1), "kind": "failure", "surface": "moods"}, 'surface is "moods"'),
    ({"at": when(1), "kind": "failure", "surface": "positions", "why": ["x"]}, "its why is a list"),
    ({"at": when(1), "kind": "snapshot", "surface": "positions", "positions": []}, "whether it is `complete`"),
    ({"at": when(1), "kind": "snapshot", "surface": "positions", "complete": "yes"}, "write true or false"),
    ({"at": when(1), "kind": "snapshot", "surface": "positions", "complete": True}, "`positions` is missing"),
    ({"at": when(1), "kind": "snapshot", "surface": "fills", "complete": True, "fills": {}}, "`fills` is an object"),
    ({"at": when(1), "kind": "local"}, "exactly one of"),
    ({"at": when(1), "kind": "local", "fill": {}, "order": {}}, "holds 2"),
    ({"at": when(1), "kind": "local", "fill": 3}, "its `fill` is 3"),
    ({"at": when(1), "kind": "local", "fill": {"symbol": "A"}}, "has no execution_id, side, quantity, price"),
    ({"at": when(1), "kind": "local", "position": {"tiket": 1}}, "has no field `tiket`"),
    ({"at": when(1), "kind": "local", "position": {"symbol": ["A"]}}, "its symbol is a list"),
    ({"at": when(1), "kind": "local", "position": pos("A", "NaN")}, "'NaN'"),
    ({"at": when(1), "kind": "local", "position": pos("A", "-1")}, "must not be negative"),
    ({"at": when(1), "kind": "local", "position": pos("A", at="noon")}, "its `at` is"),
    ({"at": when(1), "kind": "command", "who": "ada"}, "has no name"),
    ({"at": when(1), "kind": "command", "name": "ack", "arguments": {"n": [1]}}, "its argument n is a list"),
    ({"at": when(1), "kind": "command", "name": "ack", "why": "x" * 5000}, "at most 4,000"),
    ({"at": when(1), "kind": "command", "name": "a", "arguments": {f"n{n}": "x" * 2000 for n in range(40)}}, "65,536"),
    ({"at": when(1), "kind": "failure", "surface": "positions", "account": "mt5:1"}, "this is the incident of"),
]


@pytest.mark.parametrize(("line", "why"), REFUSED)
def test_l42_a_line_that_cannot_be_meant_costs_itself_only(url: str, line: object, why: str) -> None:
    told: list[tuple[int, str]] = []
    story = [sees(0, pos("A")), line, sees(30, pos("A"), pos("B")), sees(60, pos("A"), pos("B"))]
    done = brought(url, story, refused=lambda number, said: told.append((number, said)))
    assert (done.taken, done.refused_count, done.corrections) == (3, 1, 1)
    assert [(one.line, one.why) for one in done.refused] == told
    assert told[0][0] == 2
    assert why in told[0][1]
    assert len(told[0][1]) < 500
    assert set(is_sound(url, ACCOUNT).book) == {"A", "B"}


ROWS = [
    (3, "must be an object"),
    ({"side": "long", "quantity": 1}, "no symbol"),
    ({"symbol": {}, "side": "long", "quantity": 1}, "its symbol is an object"),
    ({"symbol": " B", "side": "long", "quantity": 1}, "printable"),
    ({"symbol": "B", "quantity": 1}, "no side"),
    ({"symbol": "B", "side": "up", "quantity": 1}, 'side is "up"'),
    ({"symbol": "B", "side": "long"}, "no quantity"),
    ({"symbol": "B", "side": "long", "quantity": True}, "quantity is true"),
    ({"symbol": "B", "side": "long", "quantity": "1e400"}, "beyond"),
    ({"symbol": "B", "side": "long", "quantity": "-1"}, "negative"),
    ({"symbol": "B", "side": "long", "quantity": 1, "price": "cheap"}, "not a decimal number"),
]


@pytest.mark.parametrize(("row", "why"), ROWS)
def test_l42_a_bad_row_makes_its_answer_partial_and_no_more(url: str, row: object, why: str) -> None:
    brought(url, [sees(0, pos("A"), pos("C")), sees(30, pos("A", "2"), row), sees(60, pos("A", "2"), row)])
    seen = [e for e in events(url, ACCOUNT) if isinstance(e, Observed)]
    assert seen[1].completeness == "partial"
    assert "1 of 2 rows refused" in seen[1].why
    assert [(one.row, why in one.why) for one in seen[1].refused] == [(2, True)]
    state = is_sound(url, ACCOUNT)
    assert state.held("C") is not None, "absence from a partial answer proves nothing (L42)"
    held = state.held("A")
    assert held is not None
    assert held.signed_quantity == 2


def test_a_number_that_is_none_costs_its_row_not_the_line(url: str) -> None:
    line = json.dumps(sees(0, pos("A"), {"symbol": "B", "side": "long", "quantity": float("nan")}))
    assert brought(url, [line]).taken == 1
    (seen,) = [e for e in events(url, ACCOUNT) if isinstance(e, Observed)]
    assert seen.refused[0].symbol == "B"


def test_rows_that_contradict_each_other_are_all_refused_and_repeats_once(url: str) -> None:
    brought(url, [sees(0, pos("A"), pos("A"), pos("B", "1"), pos("B", "2"), pos("C", "0"))])
    (seen,) = [e for e in events(url, ACCOUNT) if isinstance(e, Observed)]
    assert seen.positions is not None
    assert [one.symbol for one in seen.positions.stated] == ["A"]
    assert [(one.row, one.symbol) for one in seen.refused] == [(2, "A"), (3, "B"), (4, "B")]


def test_l41_an_unknown_status_keeps_its_word(url: str) -> None:
    row = {"order_id": "7", "symbol": "A", "side": "buy", "type": "limit", "quantity": 1, "status": "weird"}
    bad = [{**row, "order_id": None}, {**row, "quantity": 0}, {**row, "status": None}, {**row, "filled": -1}]
    bad += [{**row, "reduce_only": "no", "order_id": "8"}]
    line = {"at": when(0), "kind": "snapshot", "surface": "order", "complete": True, "orders": [row, *bad]}
    assert brought(url, [line]).taken == 1
    (seen,) = [e for e in events(url, ACCOUNT) if isinstance(e, Observed)]
    assert [one.row for one in seen.refused] == [2, 3, 4, 5, 6]


def test_a_zero_execution_and_an_unnamed_one_are_refused(url: str) -> None:
    row = {"execution_id": "e", "symbol": "A", "side": "buy", "quantity": 1}
    rows = [row, {**row, "execution_id": "f", "quantity": 0}, {**row, "execution_id": ""}]
    brought(
        url, [{"at": when(0), "kind": "snapshot", "surface": "fills", "complete": False, "fills": rows, "why": "p"}]
    )
    (seen,) = [e for e in events(url, ACCOUNT) if isinstance(e, Observed)]
    assert [one.execution_id for one in seen.executions] == ["e"]
    assert [one.row for one in seen.refused] == [2, 3]
    assert (seen.completeness, seen.why) == ("partial", "p")


def test_law_12_a_list_has_an_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "ROWS_MAX", 2)
    done = brought(url, [sees(0, pos("A"), pos("B")), sees(1, pos("A"), pos("B"), pos("C"))])
    assert [(one.line, one.why) for one in done.refused] == [(2, "it lists 3 rows; 2 are the most that is read")]


def test_words_of_a_command_beside_it_or_in_an_object(url: str) -> None:
    said = {"name": "ack", "who": "ada", "why": "I  looked", "arguments": {"what": "mass-absence", "n": 7}}
    lines = [sees(0, pos("A")), {"at": when(1), "kind": "command", **said}]
    lines += [{"at": when(2), "kind": "command", "command": said}, {"at": when(3), "kind": "command", "command": "ack"}]
    assert brought(url, lines).refused_count == 0
    given = [(e.name, e.who, e.why, e.arguments) for e in events(url, ACCOUNT) if isinstance(e, CommandGiven)]
    words = ("ack", "ada", "I looked", (("n", "7"), ("what", "mass-absence")))
    assert given == [words, words, ("ack", "recording", "", ())]


def test_what_is_no_text_is_refused(url: str) -> None:
    raw = jsonl([sees(0, pos("A"))]) + b"\xff\xfe\n" + "\ufeff".encode() + jsonl([sees(30, pos("A"))])
    done = brought(url, raw)
    assert (done.taken, [(one.line, "UTF-8" in one.why) for one in done.refused]) == (2, [(2, True)])


def test_times_of_a_local_change_are_read(url: str) -> None:
    line = {"at": when(1), "kind": "local", "position": {**pos("A"), "at": when(0.5), "stop": None}}
    assert brought(url, [sees(0), line]).refused_count == 0
    (told,) = [e for e in events(url, ACCOUNT) if isinstance(e, PositionRecorded)]
    assert told.happened_at == "2026-01-15T09:30:00.500000+00:00"
