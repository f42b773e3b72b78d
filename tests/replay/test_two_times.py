"""Do `positions` and `diff` answer by both times: when it was learned, and when it happened?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.conftest import shell as shell_fixture
from cli.shell import Shell
from replay.journals import events, stored
from replay.recording import Recording, fill, held, row
from trueup.facts import FillRecorded
from trueup.model import Stop

shell = shell_fixture


class Told:
    """A fill at once, one that came a minute late, and one after it."""

    def __init__(self, tmp_path: Path) -> None:
        self.recording = Recording(mode="hedging")
        record = self.recording.record
        record(fill("e1", "AUD", 2, ticket="7", strategy="mean", at=self.now()))
        self.first = self.now()
        self.recording.clock.advance(60_000)
        record(fill("late", "AUD", 3, ticket="7", at=self.first + timedelta(seconds=20)))
        self.known = len(self.recording.journal.stored)
        record(held("BTC", 1), fill("e3", "CHF", -1, ticket="9", at=self.first + timedelta(seconds=50)))
        self.url = stored(self.recording.journal, tmp_path / "s.db")

    def now(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.recording.clock.wall_ns() // 1000)

    def after(self, seconds: int) -> str:
        return (self.first + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_when_it_was_learned_is_the_default(told: Told, shell: Shell) -> None:
    learned = shell("positions", "--store", told.url, "--as-of", told.after(30), "--json")
    assert [(one["symbol"], one["quantity"]) for one in learned.json] == [("AUD", "2")]
    same = shell("positions", "--store", told.url, "--as-of", told.after(30), "--time", "learned", "--json")
    assert same == learned


def test_when_it_happened(told: Told, shell: Shell) -> None:
    ended = shell("positions", "--store", told.url, "--as-of", told.after(30), "--time", "happened", "--json")
    assert ended.status == 0
    assert ended.json == [
        {
            "account": "test:1", "symbol": "AUD", "ticket": "7", "side": "long", "quantity": "5", "price": "1",
            "strategy": "mean", "opened_at": ended.json[0]["opened_at"],
        }
    ]  # fmt: skip
    assert "1 of 4 movements say not when they happened" in ended.err
    early = shell("positions", "--store", told.url, "--as-of", told.after(10), "--time", "happened", "--json")
    assert early.json == [
        {
            "account": "test:1", "symbol": "AUD", "ticket": "7", "side": "long", "quantity": "2", "price": None,
            "strategy": "mean", "opened_at": None,
        }
    ]  # fmt: skip
    said = shell("positions", "--store", told.url, "--as-of", told.after(10), "--time", "happened")
    assert "test:1: 1 positions had come about by" in said.out


def test_what_was_known_then_of_what_had_happened(told: Told, shell: Shell) -> None:
    command = ("positions", "--store", told.url, "--time", "happened", "--json", "--as-of", told.after(50))
    assert [one["symbol"] for one in shell(*command).json] == ["AUD", "CHF"]
    before = shell(*command, "--position", told.known)
    assert [(one["symbol"], one["quantity"]) for one in before.json] == [("AUD", "5")]
    assert before.err == "", "every movement known by then says when it happened"
    first = shell(*command, "--position", told.known - 1)
    assert [(one["symbol"], one["quantity"]) for one in first.json] == [("AUD", "2")]


def test_a_stop_is_told_of_a_position_that_nothing_moved_since(tmp_path: Path, shell: Shell) -> None:
    recording = Recording(mode="hedging", baseline=True)
    recording.answers({"#7": row("AUD", 1, "7", stop=Stop())})
    url = stored(recording.journal, tmp_path / "s.db")
    (one,) = shell("positions", "--store", url, "--time", "happened", "--as-of", "2030-01-01T00:00:00Z", "--json").json
    assert one["stop"] is None
    assert "none" in shell("positions", "--store", url).out


def test_differences_by_when_they_happened(told: Told, shell: Shell) -> None:
    ended = shell("diff", told.after(10), told.after(55), "--store", told.url, "--time", "happened", "--json")
    assert ended.status == 1
    found = ended.json
    assert (found["identical"], found["from"], "broker" in found) == (
        False,
        {"position": None, "at": told.after(10)},
        False,
    )
    aud, chf = found["book"]["positions"]
    assert (aud["key"], aud["change"], aud["fields"]) == ("#7", "changed", ["quantity"])
    assert (aud["before"]["quantity"], aud["after"]["quantity"]) == ("2", "5")
    (late,) = aud["events"]
    assert (late["position"], late["name"], aud["events_count"]) == (told.known, "fill-recorded/1", 1)
    assert isinstance(events(told.recording.journal)[told.known - 1], FillRecorded)
    assert (chf["key"], chf["change"], chf["before"]) == ("#9", "appeared", None)
    said = shell("diff", told.after(10), told.after(55), "--store", told.url, "--time", "happened")
    assert said.status == 1
    for words in ("long 2", "long 5", "the process recorded fill late", "2 positions came about otherwise"):
        assert words in said.out
    same = shell("diff", told.after(21), told.after(22), "--store", told.url, "--time", "happened")
    assert same.status == 0
    assert "the book was the same" in same.out


def test_a_position_that_turned_and_one_that_ended(tmp_path: Path, shell: Shell) -> None:
    recording = Recording()
    start = datetime(2023, 11, 14, 22, 0, tzinfo=UTC)
    times = [start + timedelta(seconds=n) for n in range(4)]
    recording.record(
        fill("e1", "AUD", 1, at=times[0]),
        fill("e2", "AUD", -3, at=times[2]),
        fill("e3", "BTC", 1, at=times[0]),
        fill("e4", "BTC", -1, at=times[2]),
        fill("e5", "CHF", 1, at=times[0]),
        fill("e6", "CHF", -2, at=times[2]),
    )
    url = stored(recording.journal, tmp_path / "s.db")
    one, other = (when.isoformat() for when in (times[1], times[3]))
    found = shell("diff", one, other, "--store", url, "--time", "happened", "--json").json["book"]["positions"]
    assert [(row["key"], row["change"], row["fields"]) for row in found] == [
        ("AUD", "changed", ["side", "quantity"]), ("BTC", "vanished", []), ("CHF", "changed", ["side"]),
    ]  # fmt: skip


def test_many_movements_and_many_positions_for_a_person(tmp_path: Path, shell: Shell) -> None:
    recording = Recording()
    start = datetime(2023, 11, 14, 22, 0, tzinfo=UTC)
    recording.record(*(fill(f"e{n}", "AUD", 1, at=start) for n in range(30)))
    recording.record(*(fill(f"f{n}", f"S{n}", 1, at=start) for n in range(60)))
    url = stored(recording.journal, tmp_path / "s.db")
    said = shell("diff", "2023-11-14T21:00:00Z", "2023-11-14T23:00:00Z", "--store", url, "--time", "happened")
    assert "and 10 more" in said.out
    assert "and 11 more; --json has them" in said.err


def test_words_that_cannot_be_meant(told: Told, shell: Shell) -> None:
    def refused(*words: object) -> str:
        ended = shell(*words, "--store", told.url, "--time", "happened")
        assert (ended.status, ended.out) == (2, "")
        return ended.err

    assert "give a time" in refused("positions")
    assert "give a time" in refused("diff", 3, 5)
    assert "earlier moment first" in refused("diff", told.after(50), told.after(5))
    assert "--side book" in refused("positions", "--side", "broker", "--as-of", told.after(5))
    assert "which zone" in refused("positions", "--as-of", "2026-01-15T09:30:00")
