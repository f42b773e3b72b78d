"""Is every way in which a store can fail one clear sentence of the right kind?"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from journal.samples import ACCOUNT, fills, tampering, url_of
from trueup.errors import InputError, JournalCorrupt, JournalError, JournalLocked
from trueup.journal import open_inbox, open_reader, open_writer, sqlite_connection, verify


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"positions,quantity\n" * 100)
    for opener in (open_writer, open_reader, open_inbox, verify):
        with pytest.raises(JournalCorrupt, match="not an SQLite database"):
            opener(url_of(tmp_path / "a.db"), ACCOUNT)
    (tmp_path / "a.db").write_bytes(b"")
    with pytest.raises(InputError, match="no journal"):
        open_reader(url_of(tmp_path / "a.db"), ACCOUNT)


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE customers (name)")
    connection.close()
    with pytest.raises(InputError, match="a database of something else"):
        open_writer(url_of(tmp_path / "a.db"), ACCOUNT)
    with pytest.raises(InputError, match="no journal"):
        open_reader(url_of(tmp_path / "a.db"), ACCOUNT)


def test_a_store_of_a_newer_layout_is_refused(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    open_writer(url, ACCOUNT).close()
    with tampering(tmp_path / "a.db") as connection:
        connection.execute("PRAGMA user_version=3")
    with pytest.raises(JournalError, match="newer trueup"):
        open_writer(url, ACCOUNT)


def test_a_store_that_is_busy_too_long_is_locked_and_works_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_connection, "BUSY_S_MAX", 0)
    with open_writer(url_of(tmp_path / "a.db"), ACCOUNT) as writer, tampering(tmp_path / "a.db") as rival:
        head = writer.append(fills(1, 1))
        rival.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalLocked, match="try again"):
            writer.append(fills(2, 2))
        assert writer.head() == head
        rival.execute("ROLLBACK")
        assert writer.append(fills(2, 2)).position == 2


def test_a_store_in_an_unusable_place_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be made"):
        open_writer(url_of(tmp_path / "file" / "deeper" / "a.db"), ACCOUNT)
    with pytest.raises(InputError, match="is a folder"):
        open_writer(url_of(tmp_path), ACCOUNT)
    with pytest.raises(InputError, match="no folder"):
        open_inbox(url_of(tmp_path / "none" / "a.db"), ACCOUNT)
    with open_writer(url_of(tmp_path / "made" / "deeper" / "a.db"), ACCOUNT) as writer:
        assert writer.append(fills(1, 1)).position == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(JournalError, match="cannot be taken"):
        open_writer(url_of(tmp_path / "closed" / "a.db"), ACCOUNT)


def test_an_event_that_is_missing_or_unreadable_is_named(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    with open_writer(url, ACCOUNT) as writer:
        writer.append(fills(1, 5))
    with open_reader(url, ACCOUNT) as reader, tampering(tmp_path / "a.db") as connection:
        connection.execute("UPDATE stored_events SET topic='unheard-of/9' WHERE originator_version=4")
        with pytest.raises(JournalCorrupt, match=r"mt5:5001 at 4: .*no event of that name"):
            list(reader.read())
        connection.execute("UPDATE stored_events SET state=x'00' WHERE originator_version=3")
        with pytest.raises(JournalCorrupt, match=r"at 3: .*not a plain state"):
            list(reader.read())
        connection.execute("DELETE FROM stored_events WHERE originator_version=2")
        with pytest.raises(JournalCorrupt, match="event 2 is missing; the next one is 3"):
            list(reader.read())
        connection.execute("UPDATE stored_events SET topic=CAST(x'ff' AS TEXT) WHERE originator_version=1")
        with pytest.raises(JournalCorrupt, match="damaged"):
            list(reader.read())


def test_accounts_are_checked_at_the_door(tmp_path: Path) -> None:
    for opener in (open_writer, open_reader, open_inbox, verify):
        with pytest.raises(InputError, match="broker:id"):
            opener(url_of(tmp_path / "a.db"), "mt5:5001/inbox")
