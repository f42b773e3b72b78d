"""Is a backup whole, of one moment, and noticed when it is put back too early in time?"""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from journal.databases import Database
from journal.samples import ACCOUNT, OTHER, edit, fill, fill_store, fills, item, url_of
from trueup.errors import InputError, JournalCorrupt, JournalError
from trueup.journal import GENESIS, Head, backup, backups, open_inbox, open_reader, open_writer, require_head, verify


def test_law_7_a_backup_taken_while_a_writer_appends_is_whole_and_of_one_moment(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    with open_writer(url, ACCOUNT) as writer, open_inbox(url, ACCOUNT) as inbox:
        writer.append(fills(1, 3))
        enough = threading.Event()
        appended = [0]

        def append() -> None:
            while not enough.is_set():
                n = writer.head().position
                inbox.put(item(n))
                appended[0] = writer.append([fill(n + 1), fill(n + 2), fill(n + 3)]).position

        thread = threading.Thread(target=append)
        thread.start()
        copies = []
        for n in range(5):
            least = appended[0]
            heads = backup(url, tmp_path / f"copy-{n}.db")
            copies.append((url_of(tmp_path / f"copy-{n}.db"), heads, least))
        enough.set()
        thread.join()
    for copy, heads, least in copies:
        assert list(heads) == [ACCOUNT]
        report = verify(copy, ACCOUNT, head=heads[ACCOUNT])
        assert report.ok, report.faults
        assert report.events == heads[ACCOUNT].position >= least
        assert report.events % 3 == 0  # no transaction was cut in two
        with open_inbox(copy, ACCOUNT) as inbox:
            items = inbox.read()
        assert [position for position, _, _ in items] == list(range(1, len(items) + 1))
        assert len(items) - (report.events // 3 - 1) in (0, 1)  # an item and its three events, in their order
    assert sorted(path.name for path in tmp_path.iterdir() if "unfinished" in path.name) == []


def test_a_backup_is_one_plain_file_that_can_be_written_on(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    fill_store(url)
    (tmp_path / "elsewhere").mkdir()
    heads = backup(url, tmp_path / "elsewhere" / "copy.db")
    assert sorted(heads) == [ACCOUNT, OTHER]
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["copy.db"]
    for account in (ACCOUNT, OTHER):
        assert verify(url_of(tmp_path / "elsewhere" / "copy.db"), account, head=heads[account]).ok
    with open_writer(url_of(tmp_path / "elsewhere" / "copy.db"), ACCOUNT) as writer:
        assert writer.append(fills(6, 6)).position == 6


def test_a_backup_writes_over_nothing_and_needs_a_store_and_a_folder(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    with pytest.raises(InputError, match="there is no store"):
        backup(url, tmp_path / "copy.db")
    fill_store(url)
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(InputError, match="exists"):
        backup(url, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "mine"
    with pytest.raises(InputError, match="no folder"):
        backup(url, tmp_path / "none" / "copy.db")
    with pytest.raises(InputError, match="pg_dump") as raised:
        backup("postgresql://ada:hunter2@host/db", tmp_path / "copy2.db")
    assert "hunter2" not in str(raised.value)
    with pytest.raises(InputError, match="is no file"):
        backup("memory://x", tmp_path / "copy2.db")


def test_a_backup_does_not_write_over_what_appears_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = url_of(tmp_path / "a.db")
    fill_store(url)
    real = backups._heads

    def meanwhile(url: str) -> dict[str, Head]:
        (tmp_path / "copy.db").write_text("mine")
        return real(url)

    monkeypatch.setattr(backups, "_heads", meanwhile)
    with pytest.raises(InputError, match="exists; a backup never writes over anything"):
        backup(url, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "mine"
    assert not list(tmp_path.glob("*.unfinished"))


def test_a_backup_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = url_of(tmp_path / "a.db")
    fill_store(url)
    before = sorted(path.name for path in tmp_path.iterdir())

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backups, "sync_file", full)
    with pytest.raises(JournalError, match=r"cannot be written .No space left"):
        backup(url, tmp_path / "copy.db")
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.endswith(("-wal", "-shm"))) == before


# -- against a head that was exported ------------------------------------------------------------------------


def test_law_8_a_restored_backup_is_not_opened_unnoticed(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    with open_writer(url, ACCOUNT) as writer:
        early = writer.append(fills(1, 3))
        backup(url, tmp_path / "copy.db")
        late = writer.append(fills(4, 5))
        assert not require_head(writer, early)
        assert not require_head(writer, late)
    shutil.copy(tmp_path / "copy.db", tmp_path / "a.db")
    for beside in ("a.db-wal", "a.db-shm"):
        (tmp_path / beside).unlink(missing_ok=True)
    with pytest.raises(JournalError, match="ends at 3, and a head exported earlier stands at 5: this is a restored"):
        open_writer(url, ACCOUNT, head=late)
    with open_writer(url, ACCOUNT, head=early) as writer:  # and nothing stayed locked
        assert writer.head() == early
    with open_writer(url, ACCOUNT, head=late, restored=True) as writer:
        assert require_head(writer, late, restored=True)
        assert writer.append(fills(4, 4)).position == 4


def test_law_8_a_journal_with_another_history_at_the_head_is_never_accepted(database: Database) -> None:
    with open_writer(database.url, ACCOUNT) as writer:
        writer.append(fills(1, 3))
        with pytest.raises(JournalCorrupt, match="at 2: not the event that stood there"):
            require_head(writer, Head(2, bytes(32)), restored=True)
        assert not require_head(writer, Head(0, GENESIS))
        head = writer.head()
        with database.tampering() as editor:
            edit(editor, b"e3", b"eX", "originator_version=3")
        assert not require_head(writer, head)  # an edit that was not recomputed is for `verify`
    assert not verify(database.url, ACCOUNT, head=head).ok


def test_an_empty_store_is_behind_any_head(database: Database) -> None:
    with open_writer(database.url, ACCOUNT) as writer:
        head = Head(7, b"d" * 32)
        with pytest.raises(JournalError, match="ends at 0"):
            require_head(writer, head)
        assert require_head(writer, head, restored=True)
        with open_reader(database.url, ACCOUNT) as reader, pytest.raises(JournalError):
            require_head(reader, head)


def test_a_copy_of_a_damaged_store_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database " * 1000)
    with pytest.raises(JournalCorrupt):
        backup(url_of(tmp_path / "a.db"), tmp_path / "copy.db")
    with sqlite3.connect(tmp_path / "b.db") as connection:
        connection.execute("CREATE TABLE customers (name)")
    connection.close()
    with pytest.raises(InputError, match="no journal"):
        backup(url_of(tmp_path / "b.db"), tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
