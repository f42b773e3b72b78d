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
from trueup.decisions import AlertRaised, BreakMoved
from trueup.facts import WriterClaimed
from trueup.reconciliation.state import DECIDER_VERSION

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
    assert (ended.status, ended.err) == (2, "trueup: which journal? Give --store\n")
    assert shell("replay", "--store", f"sqlite:///{tmp_path}/none.db").status == 3
