"""Does the follower hand on every event once, in pages that have an end, and say so when one cannot be read?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from projections.histories import Step, World  # noqa: TID251 - our own folder
from trueup import Command
from trueup.errors import InputError, JournalCorrupt, JournalError, JournalLocked
from trueup.journal import (
    Followed,
    InboxItem,
    Overtaken,
    TrackedFile,
    follow,
    open_follower,
    open_inbox,
    open_reader,
    path_of_store,
)


def all_of(url: str, events_max: int) -> tuple[list[Followed], list[int]]:
    follower = open_follower(url)
    found: list[Followed] = []
    sizes: list[int] = []
    after = 0
    while (page := follower.page(after=after, events_max=events_max)).end != after:
        assert page.end > after
        found += page.events
        sizes.append(len(page.events))
        after = page.end
    follower.close()
    return found, sizes


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(f"sqlite:///{tmp_path}/store.db")
    made.play(
        [Step("move", "sim:net", 1, 1), *[Step("complete", "sim:net", 0, 0), Step("fill", "sim:hedge", 1, 1)] * 3]
    )
    return made


@pytest.mark.parametrize("events_max", [1, 3, 1_000])
def test_every_event_comes_once_and_in_each_accounts_order(world: World, events_max: int) -> None:
    found, sizes = all_of(world.url, events_max)
    for account, ledger in world.ledgers.items():
        with open_reader(world.url, account) as reader:
            stored = [(one.position, one.event, one.digest) for one in reader.read()]
        assert [(one.position, one.event, one.digest) for one in found if one.account == account] == stored
        assert len(stored) == ledger.state.position
    assert [one.notification for one in found] == sorted({one.notification for one in found})
    assert max(sizes) <= events_max
    world.close()


def test_inbox_items_are_passed_over_and_never_asked_for_again(world: World) -> None:
    before, _ = all_of(world.url, 100)
    with open_inbox(world.url, "sim:net") as inbox:
        for n in range(3):
            inbox.put(InboxItem(f"i{n}", "ann", n, Command(name="ack", who="ann", why="")))
    follower = open_follower(world.url)
    page = follower.page(after=before[-1].notification)
    assert page.events == []
    assert page.end == before[-1].notification + 3
    assert follower.page(after=page.end).end == page.end
    follower.close()
    world.close()


def test_a_page_of_long_events_ends_early(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "PAGE_BYTES_MAX", 1)
    monkeypatch.setattr(follow, "_CHUNK", 2)
    _, sizes = all_of(world.url, 1_000)
    assert max(sizes) == 2
    world.close()


@pytest.mark.parametrize("what", ["topic = 'from-the-future/1'", "state = x'00'"])
def test_an_event_that_cannot_be_read_is_named(world: World, what: str, tmp_path: Path) -> None:
    world.close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.execute("DROP TRIGGER stored_events_no_update")
        connection.execute(
            f"UPDATE stored_events SET {what} WHERE originator_id = 'sim:net' AND originator_version = 2"
        )
        connection.commit()
    with pytest.raises(JournalCorrupt, match="sim:net at 2"):
        all_of(world.url, 100)


def test_only_a_store_in_a_file_has_a_path() -> None:
    assert path_of_store("sqlite:///var/a.db") == Path("var/a.db")
    assert path_of_store("sqlite:////var/a.db") == Path("/var/a.db")
    assert path_of_store("memory://main") is None


def test_a_tracked_file_refuses_a_page_that_does_not_follow(tmp_path: Path) -> None:
    with TrackedFile(tmp_path / "v.db", name="trueup") as one, TrackedFile(tmp_path / "v.db", name="trueup") as other:
        one.prepare()
        other.prepare()
        with one.page(after=0, end=4) as connection:
            connection.execute("CREATE TABLE t (a)")
        with pytest.raises(Overtaken, match="goes up to 4"), other.page(after=0, end=9):
            raise AssertionError("nothing may be written here")
        with other.page(after=4, end=9):
            pass
        assert one.tracked() == other.tracked() == 9


def test_a_tracked_file_that_is_busy_damaged_or_nowhere_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup.journal.sqlite_connection.BUSY_S_MAX", 0)
    with TrackedFile(tmp_path / "v.db", name="trueup") as file:
        file.prepare()
        with closing(sqlite3.connect(file.path)) as rival:
            rival.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalLocked, match="busy"), file.page(after=0, end=1):
                raise AssertionError("nobody else may write now")
    (tmp_path / "text.db").write_text("no database, and longer than the head of one. " * 40)
    with TrackedFile(tmp_path / "text.db", name="trueup") as file, pytest.raises(JournalError, match="delete it"):
        file.prepare()
    with pytest.raises(InputError, match="there is no folder"):
        TrackedFile(tmp_path / "no" / "v.db", name="trueup")
