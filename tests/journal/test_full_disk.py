"""Does a disk that is full, or fails, stop us at once, harm nothing, and let us go on by itself?"""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from journal.samples import ACCOUNT, fills, observed, url_of
from lessons.world import World, fill, row
from trueup.errors import JournalCorrupt, JournalError, JournalLocked
from trueup.facts import FillRecorded, WriterClaimed
from trueup.gate import GateRefusal, Intent
from trueup.journal import open_reader, open_writer, sqlite, sqlite_connection, verify

BUY = Intent(symbol="EURUSD", side="buy", quantity="1")
BIG = b"x" * 200_000


@contextmanager
def no_more_pages(writer: object) -> Iterator[None]:
    """SQLite's own limit, at what the database has."""
    store = writer._journal.rows._store  # type: ignore[attr-defined]
    with store.connection() as connection:
        (pages,) = connection.sqlite.execute("PRAGMA page_count").fetchone()
        connection.sqlite.execute(f"PRAGMA max_page_count={pages}")
    yield
    with store.connection() as connection:
        connection.sqlite.execute("PRAGMA max_page_count=1000000")


@contextmanager
def no_bigger_files(size: int) -> Iterator[None]:
    """The system's limit on a file's size, as a quota would show."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 400 KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here ({mounted.stderr.strip()})")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_law_7_a_full_database_refuses_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    with open_writer(url, ACCOUNT) as writer:
        before = writer.append(fills(1, 3))
        with no_more_pages(writer):
            with pytest.raises(JournalError, match="the disk is full; it works again as soon as there is room"):
                writer.append(fills(4, 2_000))
            with pytest.raises(JournalError, match="disk is full"):
                writer.keep_raws([os.urandom(100_000)])
            assert writer.head() == before
            assert verify(url, ACCOUNT, head=before).events == 3
        assert writer.append(fills(4, 5)).position == 5
        assert [recorded.event for recorded in writer.read()] == fills(1, 5)
    assert verify(url, ACCOUNT).ok


def test_law_7_a_file_that_may_not_grow_refuses_and_goes_on(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    with open_writer(url, ACCOUNT) as writer:
        before = writer.append(fills(1, 3))
        wal = (tmp_path / "a.db-wal").stat().st_size
        with no_bigger_files(wal), pytest.raises(JournalError, match=r"the disk (failed|is full)"):
            writer.append(fills(4, 2_000))
        assert writer.resume() is False
        assert writer.head() == before
        assert writer.append(fills(4, 5)).position == 5
    assert [verify(url, ACCOUNT).ok, verify(url, ACCOUNT).events] == [True, 5]


def test_law_7_a_full_disk_refuses_and_goes_on(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        url = url_of(disk / "a.db")
        with open_writer(url, ACCOUNT) as writer:
            writer.append(fills(1, 3))
            hog = disk / "hog"
            with suppress(OSError), hog.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            with pytest.raises(JournalError, match=r"the disk (failed|is full)"):
                writer.append(fills(4, 2_000))
            kept = writer.head()
            assert verify(url, ACCOUNT, head=kept).ok
            hog.unlink()
            after = writer.append(fills(1, 1))
            assert after.position == kept.position + 1
            assert verify(url, ACCOUNT, head=after).ok


def test_law_9_a_full_disk_closes_the_gate_until_a_pass_has_verified_the_book(tmp_path: Path) -> None:
    world = World(url=url_of(tmp_path / "a.db"))
    world.sees(times=2)
    assert world.ledger.gate.check(BUY) is None
    with no_more_pages(world.ledger._journal):
        many = [fill(f"e{n}", "EURUSD", "1") for n in range(500)]
        with pytest.raises(JournalError, match="disk is full"):
            world.record(*many)
        refusal = world.ledger.gate.check(BUY)
        assert isinstance(refusal, GateRefusal)
        assert "disk is full" in refusal.reason
        assert world.book == {}
    world.record(fill("e0", "EURUSD", "1"))
    assert isinstance(world.ledger.gate.check(BUY), GateRefusal)
    world.sees(row("EURUSD", "1"))
    assert world.ledger.gate.check(BUY) is None
    assert len(world.events(FillRecorded)) == 1
    assert len(world.events(WriterClaimed)) == 1  # the lock was ours all along
    world.close()


def test_a_damaged_file_is_told_from_a_busy_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_connection, "BUSY_S_MAX", 0)
    url = url_of(tmp_path / "a.db")
    with open_writer(url, ACCOUNT) as writer:
        writer.append(fills(1, 2_000))
        rival = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        rival.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalLocked, match="another process is busy with the file; try again"):
            writer.append(fills(1, 1))
        rival.execute("ROLLBACK")
        rival.close()
    damaged = bytearray((tmp_path / "a.db").read_bytes())
    for offset in range(4096 * 8, len(damaged), 4096):
        damaged[offset : offset + 64] = b"\xff" * 64
    (tmp_path / "a.db").write_bytes(damaged)
    with pytest.raises(JournalCorrupt, match=r"damaged .*run `trueup verify`"), open_reader(url, ACCOUNT) as reader:
        list(reader.read())


# -- the write-ahead log -----------------------------------------------------------------------------------


def pages_moved(path: Path) -> int:
    """How much of the store lies in its file rather than in the log beside it."""
    return path.stat().st_size // 4096


def test_an_append_leaves_the_log_to_maintain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.db"
    with open_writer(url_of(path), ACCOUNT) as writer, open_reader(url_of(path), ACCOUNT) as reader:
        before = pages_moved(path)
        writer.append(fills(1, 30_000))
        assert (tmp_path / "a.db-wal").stat().st_size > 1_000 * 4096  # where SQLite would have moved it by itself
        assert pages_moved(path) == before
        reader.changed()
        writer.maintain()
        moved = pages_moved(path)
        assert moved > 500
        assert not reader.changed()
        moves: list[int] = []
        monkeypatch.setattr(writer._journal.rows._store, "checkpoint", lambda: moves.append(1))  # type: ignore[attr-defined]
        writer.append(fills(1, 1))
        writer.maintain()  # too little to be worth two syncs
        assert moves == []
        reply = os.urandom(sqlite.CHECKPOINT_BYTES)
        writer.append([observed(1, reply)], raws=[reply])
        writer.maintain()
        writer.maintain()
        assert moves == [1]
        assert len(list(reader.read())) == 30_002
    assert verify(url_of(path), ACCOUNT).ok


def test_maintain_waits_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_BYTES", 1)
    with (
        open_writer(url_of(tmp_path / "a.db"), ACCOUNT) as writer,
        open_reader(url_of(tmp_path / "a.db"), ACCOUNT) as reader,
    ):
        writer.append([observed(1, BIG)], raws=[BIG])
        with reader._journal.rows.view() as view, writer._journal.rows._store.transaction(commit=True):  # type: ignore[attr-defined]
            list(view.streams())
            writer._journal.rows.maintain()  # a reader in the middle, a writer in the middle: neither is in the way
        assert writer.append(fills(2, 2)).position == 2
    with open_writer(f"memory://{tmp_path.name}", ACCOUNT) as writer:
        writer.append(fills(1, 1))
        writer.maintain()


def test_law_12_without_maintain_the_log_stops_growing(tmp_path: Path) -> None:
    with (
        open_writer(url_of(tmp_path / "a.db"), ACCOUNT) as writer,
        writer._journal.rows._store.connection() as connection,  # type: ignore[attr-defined]
    ):
        (pages,) = tuple(connection.sqlite.execute("PRAGMA wal_autocheckpoint").fetchone())
        assert pages == sqlite.WAL_PAGES_MAX
