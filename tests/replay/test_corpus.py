"""Many journals under several policies: is each counted once, rightly, wherever it was measured?"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import shell as shell_fixture
from cli.shell import Shell
from laws.steps import play, random_steps
from laws.world import World, impatient
from replay.journals import stored
from replay.recording import Recording, fill
from trueup.errors import InputError, TrueupError
from trueup.journal import archive, open_writer
from trueup.policy import Policy
from trueup.replay import Tally, corpus, journals_in, measured, summed
from trueup_adapters.cli import corpus as shown
from trueup_adapters.cli import output

shell = shell_fixture

COMMON = "mass_absence_count_min = 100\nconfirmations_total = 2\ntotal_absence_s = 0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three journals: a glitch that was believed, a true end that was healed, and one that ends too soon."""
    into = tmp_path / "corpus"
    into.mkdir()
    glitch = Recording()
    glitch.record(fill("e1", "AUD", 2))
    for lots in ({"AUD": 2}, {"BTC": 1}, {"BTC": 1}, {"AUD": 2, "BTC": 1}, {"AUD": 2, "BTC": 1}):
        glitch.says(**lots)
    stored(glitch.journal, into / "a-glitch.db")
    end = Recording()
    end.record(fill("e1", "AUD", 2))
    end.says(AUD=2)
    for _ in range(3):
        end.says(3_000)
    stored(end.journal, into / "b-end.db")
    soon = Recording()
    soon.record(fill("e1", "AUD", 2))
    soon.says(AUD=2)
    for _ in range(2):
        soon.says(5_000)
    stored(soon.journal, into / "c-soon.db")
    (into / "a-glitch.db.views.db").write_bytes(b"read models")
    (into / "notes.txt").write_text("no journal")
    return into


@pytest.fixture
def policies(tmp_path: Path) -> list[Path]:
    quick, patient = tmp_path / "quick.toml", tmp_path / "patient.toml"
    quick.write_text(COMMON)
    patient.write_text(COMMON + "confirmations = 3\n")
    return [quick, patient]


def figures(one: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name not in ("policy", "preset", "digest")}


QUICK = {
    # BTC is recovered after 2,001 ms; AUD's two ghosts and its recovery after 2,001, 3,001 and 5,001
    "journals": 3, "corrections": 5, "wrong": 1, "missed": 0, "undetermined": 0, "asked": 12, "unasked": 0,
    "healed": 5, "heal_ms_median": 2_001, "heal_ms_p95": 5_001,
}  # fmt: skip
PATIENT = {
    "journals": 3, "corrections": 2, "wrong": 0, "missed": 1, "undetermined": 1, "asked": 12, "unasked": 0,
    "healed": 2, "heal_ms_median": 2_001, "heal_ms_p95": 6_002,
}  # fmt: skip


@pytest.mark.parametrize("workers", [1, 2])
def test_every_journal_under_every_policy(folder: Path, policies: list[Path], shell: Shell, workers: int) -> None:
    ended = shell("replay", "--corpus", folder, "--policies", *policies, "--workers", workers, "--json")
    found = ended.json
    assert ended.status == 0
    assert (found["corpus"], found["journals"], found["failed"]) == (str(folder), 3, [])
    quick, patient = found["policies"]
    assert (quick["policy"], patient["policy"]) == tuple(map(str, policies))
    assert figures(found["recorded"]) == figures(quick) == QUICK
    assert figures(patient) == PATIENT


def test_the_same_for_a_person(folder: Path, policies: list[Path], shell: Shell) -> None:
    said = shell("replay", "--corpus", folder, "--policies", policies[0], "--policies", policies[1], "--workers", 1)
    assert said.status == 0
    assert said.err == "", "no bar where nobody watches"
    for words in ("(as recorded)", "patient.toml", "2.001 s", "6.002 s", "3 journals under 2 policies"):
        assert words in said.out


def test_a_bar_for_whoever_watches(
    folder: Path, policies: list[Path], shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.console import Console

    def terminal() -> Console:
        return Console(stderr=True, force_terminal=True, width=100)

    monkeypatch.setattr(shown, "err", terminal)
    assert output.err() is not terminal()
    said = shell("replay", "--corpus", folder, "--policies", *policies, "--workers", 1)
    assert said.status == 0
    assert "replaying" in said.err
    assert "6/6" in said.err


def test_a_file_that_is_no_journal_is_named_and_stops_no_other(
    folder: Path, policies: list[Path], shell: Shell
) -> None:
    (folder / "d-broken.db").write_bytes(b"SQLite format 3\x00 and then nothing of the kind" * 100)
    with open_writer(f"sqlite:///{folder / 'e-tampered.db'}", "test:1", durability="normal") as writer:
        told = World().journal.read()
        writer.append([one.event for one in told][1:] or [next(World().journal.read()).event])
    ended = shell("replay", "--corpus", folder, "--policies", policies[0], "--workers", 1, "--json")
    assert ended.status == 3
    assert [one["file"] for one in ended.json["failed"]] == ["d-broken.db"]
    assert ended.json["failed"][0]["why"]
    assert ended.json["policies"][0]["corrections"] == QUICK["corrections"]
    said = shell("replay", "--corpus", folder, "--policies", policies[0], "--workers", 1)
    assert said.status == 3
    assert "d-broken.db: " in said.err


def test_a_journal_that_cannot_be_read_to_its_end_is_named(folder: Path, policies: list[Path], shell: Shell) -> None:
    with closing(sqlite3.connect(folder / "b-end.db")) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        table = next(
            name
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            if "stored_events" in name or name == "events"
        )
        db.execute(f"DELETE FROM {table} WHERE originator_version = 4")
        db.commit()
    ended = shell("replay", "--corpus", folder, "--policies", *policies, "--workers", 1, "--json")
    assert ended.status == 3
    (failed,) = ended.json["failed"]
    assert (failed["file"], failed["account"]) == ("b-end.db", "test:1")
    assert "event 4 is missing" in failed["why"]
    assert [one["journals"] for one in ended.json["policies"]] == [2, 2]


def test_an_archive_is_no_journal_of_its_own(tmp_path: Path) -> None:
    world = play(World("hedging", impatient()), random_steps(5, 120))
    url = stored(world, tmp_path / "s.db")
    (whole,) = journals_in(tmp_path)[0]
    before = corpus.measure(corpus.Task(whole, Policy.adopt(), "p"))
    archive(url, "test:1", before=40)
    assert len(list(tmp_path.iterdir())) > 1
    found, left_out = journals_in(tmp_path)
    assert (found, left_out) == ([whole], {})
    assert corpus.measure(corpus.Task(whole, Policy.adopt(), "p")) == before, "what was archived is read with it"


def test_words_that_cannot_be_meant(
    folder: Path, policies: list[Path], tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*words: object) -> str:
        ended = shell("replay", *words)
        assert (ended.status, ended.out) == (2, "")
        return ended.err

    assert "--policies FILE" in refused("--corpus", folder)
    assert "takes none" in refused("--corpus", folder, "--policies", policies[0], "--store", "sqlite:///s.db")
    assert "belong to --corpus" in refused("--store", "sqlite:///s.db", "--policies", policies[0])
    assert "belong to --corpus" in refused("--store", "sqlite:///s.db", policies[0])
    assert "twice" in refused("--corpus", folder, "--policies", policies[0], policies[0])
    assert "is no folder" in refused("--corpus", tmp_path / "none", "--policies", policies[0])
    (tmp_path / "empty").mkdir()
    assert "holds no journal" in refused("--corpus", tmp_path / "empty", "--policies", policies[0])
    assert "at most 100" in refused("--corpus", folder, "--policies", *([policies[0]] * 101))
    monkeypatch.setattr(corpus, "JOURNALS_MAX", 2)
    with pytest.raises(InputError, match="more than 2 journals"):
        journals_in(folder)


def test_figures_by_rank() -> None:
    def ranked(*ms: int) -> tuple[int | None, int | None]:
        one = summed("p", [Tally(heal_ms=ms)])
        return one.heal_ms_median, one.heal_ms_p95

    assert ranked() == (None, None)
    assert ranked(7) == (7, 7)
    assert ranked(4, 1, 3, 2) == (2, 4)
    assert ranked(*range(1, 101)) == (50, 95)
    assert ranked(*range(1, 21)) == (10, 19)


def test_of_very_many_times_to_heal_a_fair_part_is_kept(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(corpus, "HEALS_MAX", 2)
    (journal,) = [one for one in journals_in(folder)[0] if one.path.endswith("a-glitch.db")]
    found = corpus.measure(corpus.Task(journal, Policy.adopt(mass_absence_count_min=100), "p"))
    assert found.recorded is not None
    assert (found.recorded.corrections, len(found.recorded.heal_ms)) == (3, 2)


# -- where it is measured ----------------------------------------------------------------------------------


def process_of(task: int) -> tuple[int, int]:
    return task, os.getpid()


def dies(task: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return task


def test_all_cores_and_no_more_processes_than_tasks() -> None:
    assert list(measured(process_of, [1], workers=4)) == [(1, os.getpid())]
    spread = sorted(measured(process_of, range(4), workers=2))
    assert [task for task, _ in spread] == [0, 1, 2, 3]
    assert os.getpid() not in {process for _, process in spread}
    assert list(measured(process_of, [])) == []


def test_a_process_that_is_killed_is_said() -> None:
    with pytest.raises(TrueupError, match="was killed"):
        list(measured(dies, [1, 2], workers=2))


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        local_directory=str(tmp_path),
    ) as cluster:
        yield cluster.scheduler_address


def test_many_machines_by_dask(folder: Path, policies: list[Path], shell: Shell, scheduler: str) -> None:
    ended = shell("replay", "--corpus", folder, "--policies", *policies, "--dask", scheduler, "--json")
    assert ended.status == 0
    assert [figures(one) for one in ended.json["policies"]] == [QUICK, PATIENT]


def test_a_scheduler_that_is_not_there_and_dask_that_is_not_installed(
    folder: Path, policies: list[Path], shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("trueup.replay.machines.CONNECT_S_MAX", 0.2)
    gone = shell("replay", "--corpus", folder, "--policies", policies[0], "--dask", "tcp://127.0.0.1:9")
    assert (gone.status, gone.out) == (3, "")
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in gone.err
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    missing = shell("replay", "--corpus", folder, "--policies", policies[0], "--dask", "tcp://127.0.0.1:9")
    assert missing.status == 3
    assert 'pip install "trueup[dask]"' in missing.err
