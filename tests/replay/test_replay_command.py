"""Does `trueup replay` say what the engine found, to people and to programs, and end as it should?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cli.conftest import shell as shell_fixture
from cli.shell import Shell
from laws.steps import play, random_steps
from laws.world import World, impatient
from replay.journals import events, listed, stored
from replay.recording import Recording, fill
from trueup.decisions import AlertRaised, BreakMoved
from trueup.facts import WriterClaimed
from trueup.journal import open_reader
from trueup.reconciliation.state import DECIDER_VERSION
from trueup_adapters.cli.otherwise import seconds

shell = shell_fixture


@pytest.fixture
def world() -> World:
    return play(World("hedging", impatient()), random_steps(3, 150))


def test_law_1_a_journal_that_is_as_it_was(world: World, tmp_path: Path, shell: Shell) -> None:
    url = stored(world, tmp_path / "s.db")
    ended = shell("replay", "--store", url, "--json")
    inputs = sum(not hasattr(one, "cause") for one in events(world.journal))
    total = len(world.journal.stored)
    assert ended.status == 0
    assert ended.json == {
        "account": "test:1", "position": total, "events": total, "inputs": inputs, "decisions": total - inputs,
        "compared": total - inputs, "identical": True, "differing": 0, "differences": [], "undetermined": [],
    }  # fmt: skip
    said = shell("replay", "--store", url)
    assert said.status == 0
    assert (
        f"{inputs:,} inputs, {total - inputs:,} of {total - inputs:,} decisions made again, all identical" in said.out
    )
    part = shell("replay", "--store", url, "--position", 20, "--json").json
    assert (part["position"], part["events"]) == (20, 20)


def test_law_1_a_forged_decision_is_shown_field_by_field(world: World, tmp_path: Path, shell: Shell) -> None:
    told = events(world.journal)
    at, move = next((at, one) for at, one in enumerate(told) if isinstance(one, BreakMoved))
    forged = AlertRaised(move.cause, move.at_ns, move.policy, "info", "weather", "it rains")
    url = stored(listed([*told[:at], forged, *told[at:]]), tmp_path / "s.db")
    ended = shell("replay", "--store", url, "--json")
    assert ended.status == 1
    assert ended.json["identical"] is False
    assert ended.json["differences"][0] == {
        "position": at + 1,
        "recorded": {
            "event": "alert-raised/1", "cause": move.cause, "at_ns": move.at_ns, "policy": move.policy.hex(),
            "severity": "info", "topic": "weather", "text": "it rains", "breaks": [],
        },
        "replayed": None,
    }  # fmt: skip
    said = shell("replay", "--store", url)
    assert said.status == 1
    assert "it rains" in said.out
    assert "alert-raised/1 is missing in the replay" in said.out
    assert "differ" in said.out
    assert shell("replay", "--store", url, "--position", at).status == 0


def test_more_differences_than_a_person_reads_are_counted(world: World, tmp_path: Path, shell: Shell) -> None:
    told = events(world.journal)
    forged = [AlertRaised(1, 1, b"", "info", "weather", f"it rains {n}") for n in range(60)]
    url = stored(listed([*told, *forged]), tmp_path / "s.db")
    said = shell("replay", "--store", url)
    assert "it rains 49" in said.out
    assert "it rains 50" not in said.out
    assert "and 10 more; --json has them" in said.err
    assert len(shell("replay", "--store", url, "--json").json["differences"]) == 60


def test_what_another_version_wrote_is_said(world: World, tmp_path: Path, shell: Shell) -> None:
    told = [
        WriterClaimed(one.at, one.position_mode, one.trueup_version, 0, one.fold_version, one.source, one.process)
        if isinstance(one, WriterClaimed)
        else one
        for one in events(world.journal)
    ]
    url = stored(listed(told), tmp_path / "s.db")
    ended = shell("replay", "--store", url)
    assert ended.status == 0
    assert f"undetermined: events 1 to {len(told)}, written by decider version 0; this is version " in ended.err
    assert str(DECIDER_VERSION) in ended.err
    assert "decisions made again: nothing could be compared" in ended.out
    assert "identical" not in ended.out
    assert shell("replay", "--store", url, "--json").json["undetermined"] == [
        {"first": 1, "last": len(told), "why": f"written by decider version 0; this is version {DECIDER_VERSION}"}
    ]


def test_read_models_of_any_moment(world: World, tmp_path: Path, shell: Shell) -> None:
    url = stored(world, tmp_path / "s.db")
    into = tmp_path / "then.db"
    cut = len(world.journal.stored) // 2
    ended = shell("replay", "--store", url, "--position", cut, "--into", into, "--json")
    assert (ended.status, ended.json) == (0, {"account": "test:1", "position": cut, "into": str(into)})
    book = world.folded(cut).book
    with closing(sqlite3.connect(into)) as views:
        held = {key for (key,) in views.execute("SELECT key FROM positions")}
        assert views.execute("SELECT max(position) FROM audit").fetchone() == (cut,)
    assert held == set(book)
    said = shell("replay", "--store", url, "--position", cut, "--into", into)
    assert f"as they were at {cut}" in said.out


def test_an_ambiguous_time_is_said(tmp_path: Path, shell: Shell) -> None:
    world = play(World(), [("manual", 1, 0, 2), ("look", 2), ("jump", -3_600_000), ("look", 2)])
    url = stored(world, tmp_path / "s.db")
    for more in ((), ("--into", tmp_path / "v.db")):
        ended = shell("replay", "--store", url, "--as-of", "2023-11-14T22:13:30Z", *more)
        assert ended.status == 0
        assert "ambiguous" in ended.err


def test_words_that_cannot_be_meant(tmp_path: Path, shell: Shell) -> None:
    ended = shell("replay")
    assert (ended.status, ended.err) == (2, "trueup: which journal? Give --store, or --corpus for all of a folder\n")
    assert shell("replay", "--store", f"sqlite:///{tmp_path}/none.db").status == 3


# -- under another policy ----------------------------------------------------------------------------------


def policy_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "other.toml"
    path.write_text(text)
    return path


def glitched(tmp_path: Path) -> str:
    """Two answers that left a position out, then one that listed it again; and two more that confirm that."""
    recording = Recording()
    recording.record(fill("e1", "AUD", 2))
    recording.says(AUD=2)
    for _ in range(2):
        recording.says(BTC=1)
    for _ in range(2):
        recording.says(AUD=2, BTC=1)
    return stored(recording.journal, tmp_path / "s.db")


def test_another_policy_s_decisions_row_by_row(tmp_path: Path, shell: Shell) -> None:
    url = glitched(tmp_path)
    patient = policy_file(tmp_path, "confirmations = 3\nmass_absence_count_min = 100\nretries_max = 1\n")
    ended = shell("replay", "--store", url, "--policy", patient, "--json")
    found = ended.json
    assert ended.status == 1
    assert (found["identical"], found["same"]) == (False, 1)
    assert found["counts"] == {"avoided": 2, "added": 0, "earlier": 0, "later": 0}
    ghost = found["differences"][0]
    assert ghost["recorded"].pop("at").endswith("Z")
    assert "2 independent answers do not list AUD" in ghost["recorded"].pop("why")
    assert ghost["replayed"].pop("at").endswith("Z")
    assert "over by input" in ghost.pop("why")
    corrected, cleared = ghost["recorded"].pop("position"), ghost["replayed"].pop("position")
    assert corrected == ghost.pop("position") < cleared
    assert ghost == {
        "change": "avoided", "of": "position", "kind": "ghost", "key": "AUD", "symbol": "AUD", "ticket": None,
        "field": None, "recorded": {"outcome": "corrected", "book": "long 2", "broker": None},
        "replayed": {"outcome": "cleared", "book": "long 2", "broker": None, "why": "the two sides agree again"},
        "by_ms": None, "certain": True,
    }  # fmt: skip
    assert [one["what"] for one in found["undetermined"]] == ["knob"]
    assert found["policy"]["preset"] == "adopt"
    assert (found["worlds"]["recorded"]["wrong"], found["worlds"]["replayed"]["wrong"]) == (1, 0)
    assert found["worlds"]["replayed"]["ending"]["agrees"] is True


def test_another_policy_for_a_person(tmp_path: Path, shell: Shell) -> None:
    url = glitched(tmp_path)
    patient = policy_file(tmp_path, "confirmations = 3\nmass_absence_count_min = 100\nretries_max = 1\n")
    said = shell("replay", "--store", url, "--policy", patient)
    assert said.status == 1
    assert "avoided" in said.out
    assert "1 corrections the same, 2 avoided" in said.out
    assert "undetermined: retries_max is another, but how often the broker was asked" in said.err
    same = policy_file(tmp_path, "mass_absence_count_min = 100\ntotal_absence_s = 0\nconfirmations_total = 2\n")
    said = shell("replay", "--store", url, "--policy", same)
    assert said.status == 0
    assert "3 corrections the same, and no other" in said.out
    patient = policy_file(tmp_path, "confirmations = 3\nmass_absence_count_min = 100\n")
    shorter = shell("replay", "--store", url, "--policy", patient, "--position", ghost_closed(url))
    assert "1 undetermined" in shorter.out
    assert "undetermined: ghost, AUD at " in shorter.err


def ghost_closed(url: str) -> int:
    """Where the turn ends that closed it."""
    with open_reader(url, "test:1") as reader:
        told = [(one.position, one.event) for one in reader.read()]
    at = next(p for p, one in told if isinstance(one, BreakMoved) and one.correction and one.correction.kind == "ghost")
    return next(p for p, one in told if p > at and not hasattr(one, "cause")) - 1


def test_seconds_are_told_exactly() -> None:
    assert [seconds(ms) for ms in (0, 5, 2_001, 60_000, 1_234_500)] == [
        "0 s",
        "0.005 s",
        "2.001 s",
        "60 s",
        "1,234.5 s",
    ]


def test_policies_that_cannot_be_asked_about(tmp_path: Path, shell: Shell) -> None:
    url = glitched(tmp_path)
    bad = policy_file(tmp_path, "confirmatons = 3\n")
    assert shell("replay", "--store", url, "--policy", bad).status == 2
    good = policy_file(tmp_path, "confirmations = 3\n")
    both = shell("replay", "--store", url, "--policy", good, "--into", tmp_path / "v.db")
    assert (both.status, both.out) == (2, "")
    assert "give one of them" in both.err
