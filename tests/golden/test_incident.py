"""Does the incident that is kept for ever still verify, replay, and say what happened that night?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from golden.incident import ACCOUNT, bundles, made, versions
from trueup.audit import sentence
from trueup.decisions import BreakMoved, MassAbsenceMoved, RecordRefused
from trueup.facts import Observed, PolicyAdopted, WriterClaimed
from trueup.journal import JournalReader, open_reader, verify
from trueup.reconciliation.state import DECIDER_VERSION, FOLD_VERSION
from trueup.replay import redecide
from trueup.storage import rehydrate


@pytest.fixture(params=bundles(), ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def reader(path: Path) -> Any:
    with open_reader(f"bundle:///{path}", ACCOUNT) as opened:
        yield opened


def test_law_8_it_verifies(path: Path) -> None:
    report = verify(f"bundle:///{path}", ACCOUNT)
    assert (report.faults, report.raw_missing) == ((), 0)


def test_law_1_it_is_decided_again_as_it_was(path: Path, reader: JournalReader) -> None:
    found = redecide(reader)
    assert found.differences == ()
    if versions(path)[0] == DECIDER_VERSION:
        assert (found.undetermined, found.compared) == ((), found.decisions)


def test_l02_what_happened_that_night(reader: JournalReader) -> None:
    events = [recorded.event for recorded in reader.read()]
    held = [(e.state, len(e.missing)) for e in events if isinstance(e, MassAbsenceMoved)]
    assert held[0] == ("held", 4), "two empty answers closed nothing"
    assert held[-1][0] != "held"
    corrected = {
        (e.symbol, e.correction.kind) for e in events if isinstance(e, BreakMoved) and e.correction is not None
    }
    assert corrected == {("GBPUSD", "ghost"), ("AUDUSD", "recovery"), ("XAUUSD", "drift")}
    assert [e.what for e in events if isinstance(e, RecordRefused)] == ["command ack"]
    last = [e for e in events if isinstance(e, Observed)][-1]
    assert (last.completeness, [one.symbol for one in last.refused]) == ("partial", ["NZDUSD"])
    assert sum(isinstance(e, WriterClaimed) for e in events) == 1


def test_the_book_in_the_morning(reader: JournalReader) -> None:
    book = rehydrate(ACCOUNT, reader).book
    held = {key: slot.holding for key, slot in book.items() if slot.holding is not None}
    assert {key: str(one.signed_quantity) for key, one in held.items()} == {
        "#501": "0.80",
        "#503": "0.35",
        "#504": "2",
        "#505": "1",
    }


def test_every_raw_reply_is_there(reader: JournalReader) -> None:
    for recorded in reader.read():
        if isinstance(recorded.event, Observed) and recorded.event.completeness != "complete":
            assert reader.raw(recorded.event.raw_digest) is not None


def test_todays_code_decides_the_same(tmp_path: Path) -> None:
    """Told twice it is one file. As long as the decider is that of the newest golden, so are the decisions; else a new
    one is due, and `golden.write` adds it."""
    fresh = made(_folder(tmp_path, "a"))
    assert fresh == made(_folder(tmp_path, "b"))
    newest = bundles()[-1]
    assert versions(newest) == (DECIDER_VERSION, FOLD_VERSION), "run `python -m golden.write` in tests"
    assert told(tmp_path / "a" / "incident.zip") == told(newest)


def told(path: Path) -> list[str]:
    """Each event in a sentence; the policy apart, whose digest changes with every knob that is added."""
    with open_reader(f"bundle:///{path}", ACCOUNT) as opened:
        return [sentence(one.event) for one in opened.read() if not isinstance(one.event, PolicyAdopted)]


def _folder(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir()
    return tmp_path / name
