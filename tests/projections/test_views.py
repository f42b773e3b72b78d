"""Whose file is it, where does it lie, who may look, and does it keep up?"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from projections.histories import Step, World  # noqa: TID251 - our own folder
from projections.tables import ask, content, faults  # noqa: TID251
from trueup.errors import InputError, JournalCorrupt, JournalLocked
from trueup.journal import Follower, open_writer
from trueup_projections import Views, default_path, project
from trueup_projections.tables import SCHEMA_VERSION

STORY = [
    Step("move", "sim:net", 1, 1),
    Step("complete", "sim:net", 0, 0),
    Step("move", "sim:net", 2, -2),
    Step("complete", "sim:net", 0, 0),
    Step("complete", "sim:net", 0, 0),
    Step("fill", "sim:hedge", 1, 1),
]


def world_at(folder: Path, *, story: list[Step] = STORY) -> World:
    world = World(f"sqlite:///{folder}/store.db")
    world.play(story)
    return world


def length(world: World) -> int:
    return sum(ledger.state.position for ledger in world.ledgers.values())


def test_views_lie_beside_their_store(tmp_path: Path) -> None:
    world = world_at(tmp_path)
    with Views.open(world.url) as views:
        assert views.path == tmp_path / "store.db.views.db" == default_path(world.url)
        assert views.catch_up() == length(world)
    assert (tmp_path / "store.db.views.metadata.json").exists()
    world.close()


def test_a_store_in_memory_needs_to_be_told_where(tmp_path: Path) -> None:
    with open_writer("memory://views", "sim:1"):
        with pytest.raises(InputError, match="say where"):
            Views.open("memory://views")
        with Views.open("memory://views", tmp_path / "v.db") as views:
            assert views.catch_up() == 0


def test_a_store_that_is_not_there_is_said_so_and_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no store"):
        Views.open(f"sqlite:///{tmp_path}/none.db")
    assert list(tmp_path.iterdir()) == []


def test_the_journal_itself_and_others_files_are_never_touched(tmp_path: Path) -> None:
    world = world_at(tmp_path)
    world.close()
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but longer than the head of one " * 20)
    for path, why in [
        (tmp_path / "store.db", "journal itself"),
        (other, "something else"),
        (text, "cannot be read"),
        (tmp_path, "folder"),
        (tmp_path / "no" / "v.db", "there is no folder"),
    ]:
        before = path.read_bytes() if path.is_file() else b""
        with pytest.raises(InputError, match=why):
            Views.open(world.url, path)
        if path != tmp_path / "store.db":
            with pytest.raises(InputError, match=why):
                project(world.url, "sim:net", None, path)
        assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_store_cannot_be_projected_onto_itself(tmp_path: Path) -> None:
    world = world_at(tmp_path)
    with pytest.raises(InputError, match="something else"):
        project(world.url, "sim:net", None, tmp_path / "store.db")
    world.close()


def test_tables_of_another_version_are_made_anew_and_it_is_said(tmp_path: Path) -> None:
    world = world_at(tmp_path)
    with Views.open(world.url) as views:
        views.catch_up()
        path, whole = views.path, content(views.path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
        connection.execute("CREATE TABLE of_that_version (a)")
        connection.execute("DELETE FROM positions")
        connection.commit()
    with Views.open(world.url) as views:
        assert f"version {SCHEMA_VERSION + 1}" in views.rebuilt
        assert views.catch_up() == length(world)
    assert content(path) == whole
    assert ask(path, "SELECT 1 FROM sqlite_master WHERE name = 'of_that_version'") == []
    world.close()


def test_tables_of_another_journal_are_made_anew_and_it_is_said(tmp_path: Path) -> None:
    """A backup was restored under the views' feet: first one that is shorter, then one that went on otherwise."""
    world = world_at(tmp_path, story=STORY[:2])
    world.close()
    shutil.copy(tmp_path / "store.db", tmp_path / "backup.db")
    longer = World(world.url)
    longer.play(STORY[2:])
    longer.close()
    with Views.open(world.url) as views:
        views.catch_up()
    for name in list(tmp_path.glob("store.db-*")):
        name.unlink()
    shutil.copy(tmp_path / "backup.db", tmp_path / "store.db")
    with Views.open(world.url) as views:
        assert "has no event" in views.rebuilt
        views.catch_up()
        short = content(views.path)
    other = World(world.url)
    other.play([Step("fill", "sim:net", 1, 1), Step("fill", "sim:hedge", 1, 1)] * 3)
    with Views.open(world.url) as views:
        assert views.rebuilt == ""
        views.catch_up()
        assert content(views.path) != short
        with closing(sqlite3.connect(views.path)) as connection:
            connection.execute("UPDATE accounts SET digest = 'another' WHERE account = 'sim:net'")
            connection.commit()
    with Views.open(world.url) as views:
        assert "is not the one" in views.rebuilt
        views.catch_up()
        with Views.open(world.url, tmp_path / "anew.db") as anew:
            anew.catch_up()
            assert content(views.path) == content(anew.path)
    other.close()


def test_a_moment_is_a_file_of_its_own_and_never_continued(tmp_path: Path) -> None:
    world = world_at(tmp_path)
    into = tmp_path / "moment.db"
    assert project(world.url, "sim:net", 4, into) == 4
    assert ask(into, "SELECT account, position FROM accounts") == [("sim:net", 4)]
    with pytest.raises(InputError, match="holds sim:net up to 4"):
        Views.open(world.url, into)
    assert project(world.url, "sim:net", None, into) == world.ledgers["sim:net"].state.position  # made anew
    for nowhere in (0, 1_000):
        with pytest.raises(InputError, match="there is no event"):
            project(world.url, "sim:net", nowhere, into)
    world.close()


def test_an_event_that_is_missing_stops_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_at(tmp_path)
    page = Follower.page

    def without_the_third(follower: Follower, *, after: int, events_max: int) -> object:
        found = page(follower, after=after, events_max=events_max)
        return found._replace(events=[one for one in found.events if one.position != 3])

    monkeypatch.setattr(Follower, "page", without_the_third)
    with Views.open(world.url) as views:
        with pytest.raises(JournalCorrupt, match="event 3 should come next"):
            views.catch_up()
        assert views.tracked == 0
        monkeypatch.undo()
        assert views.catch_up() == length(world)
    world.close()


def test_readers_look_on_while_pages_are_written(tmp_path: Path) -> None:
    world = world_at(tmp_path)
    with Views.open(world.url, page_events=2) as views:
        views.catch_up()
        with closing(sqlite3.connect(views.path)) as reader:
            reader.execute("BEGIN")
            before = reader.execute("SELECT count(*) FROM audit").fetchone()
            world.do(Step("complete", "sim:net", 0, 0))
            assert views.catch_up() > 0
            assert reader.execute("SELECT count(*) FROM audit").fetchone() == before
            reader.rollback()
            assert reader.execute("SELECT count(*) FROM audit").fetchone() > before
    world.close()


def test_searching_survives_a_vacuum(tmp_path: Path) -> None:
    world = world_at(tmp_path)
    with Views.open(world.url) as views:
        views.catch_up()
        path = views.path
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM")
    assert faults(path) == []
    found = ask(
        path,
        "SELECT a.sentence FROM audit_fts JOIN audit AS a ON a.rowid = audit_fts.rowid WHERE audit_fts MATCH 'adopted'",
    )
    assert found
    assert all("adopted" in str(sentence) for (sentence,) in found)
    world.close()


def test_following_sees_what_is_appended_and_stops_when_told(tmp_path: Path) -> None:
    world = world_at(tmp_path)
    stop = threading.Event()
    seen = threading.Event()
    errors: list[BaseException] = []

    def keep() -> None:
        try:
            with Views.open(world.url) as views:
                catch_up = views.catch_up

                def noticed(*, stop: threading.Event | None = None) -> int:
                    done = catch_up(stop=stop)
                    if views.tracked >= wanted[0]:
                        seen.set()
                    return done

                views.catch_up = noticed  # type: ignore[method-assign]
                views.follow(stop, poll_s=0.001)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)
            seen.set()

    wanted = [length(world)]
    thread = threading.Thread(target=keep)
    thread.start()
    assert seen.wait(20)
    seen.clear()
    wanted[0] += 1
    world.do(Step("failed", "sim:net", 0, 0))
    assert seen.wait(20)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert errors == []
    assert ask(default_path(world.url), "SELECT count(*) FROM audit") == [(length(world),)]
    world.close()


def test_following_tries_a_busy_file_again_and_at_last_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_at(tmp_path)
    busy = [3]
    stop = threading.Event()

    def locked(views: Views, *, stop: threading.Event | None = None) -> int:
        if busy[0]:
            busy[0] -= 1
            raise JournalLocked("somebody is busy")
        assert stop is not None
        stop.set()
        return 0

    monkeypatch.setattr(Views, "catch_up", locked)
    with Views.open(world.url) as views:
        views.follow(stop)
        assert busy == [0]
        busy[0], stop = 1_000, threading.Event()
        with pytest.raises(JournalLocked):
            views.follow(stop)
        assert busy[0] > 900
    world.close()


CHILD = """
import sys
from trueup_projections import Views
from trueup_projections.writing import Rows
flush = Rows.flush
def told(rows):
    flush(rows)
    print("page", flush=True)      # written, and neither tracked nor committed
    if sys.stdin.readline() == "":
        raise SystemExit
Rows.flush = told
with Views.open(sys.argv[1], page_events=2) as views:
    views.catch_up()
"""


def test_law_11_killed_in_the_middle_of_a_page_by_the_system(tmp_path: Path) -> None:
    world = world_at(tmp_path)
    world.close()
    for pages in (0, 2, 1):  # so many pages go through, then the process dies inside the next
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, world.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert child.stdin is not None
        assert child.stdout is not None
        for _ in range(pages):
            assert child.stdout.readline() == "page\n"
            child.stdin.write("go on\n")
            child.stdin.flush()
        assert child.stdout.readline() == "page\n"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdin.close()
        child.stdout.close()
    with Views.open(world.url) as views:
        assert views.tracked == 6  # three pages of two events; nothing of those that died
        assert ask(views.path, "SELECT count(*) FROM audit") == [(6,)]
        views.catch_up()
        with Views.open(world.url, tmp_path / "anew.db") as anew:
            anew.catch_up()
            assert content(views.path) == content(anew.path)
        assert faults(views.path) == []
