"""Is nothing acknowledged into a file that its name does not lead to any more? (law 7)

SQLite itself goes on writing into a file that was moved or removed, and says nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from eventsourcing.persistence import OperationalError

from journal.samples import ACCOUNT, fills, item, url_of
from lessons.world import World, fill, row
from trueup.errors import JournalError
from trueup.gate import GateRefusal, Intent
from trueup.journal import open_inbox, open_reader, open_writer, verify
from trueup.journal.sqlite_connection import JournalDatastore

BUY = Intent(symbol="EURUSD", side="buy", quantity="1")
MOVED = "was moved, removed or replaced while it was open"


def moved(file: Path) -> None:
    file.rename(file.with_name("elsewhere.db"))


def removed(file: Path) -> None:
    file.unlink()


def replaced(file: Path) -> None:
    moved(file)
    sqlite3.connect(file).close()
    file.touch()


@pytest.mark.parametrize("gone", [moved, removed, replaced])
def test_what_would_be_written_to_nowhere_is_refused(tmp_path: Path, gone: Callable[[Path], None]) -> None:
    file = tmp_path / "store.db"
    url = url_of(file)
    w = World(url=url)
    w.sees(row("EURUSD", "1"))
    w.record(fill("before", "EURUSD", "1"))
    assert w.ledger.gate.check(BUY) is None

    gone(file)
    there = file.exists()
    for _ in range(2):
        with pytest.raises(JournalError, match=MOVED):
            w.record(fill("after", "EURUSD", "1"))
    refusal = w.ledger.gate.check(BUY)
    assert isinstance(refusal, GateRefusal)
    assert MOVED in refusal.reason
    assert file.exists() is there, "and no empty store takes its name"
    w.ledger._journal.close()
    w._reader.close()


def test_a_file_that_is_put_back_goes_on_and_lacks_nothing(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    url = url_of(file)
    w = World(url=url)
    w.record(fill("before", "EURUSD", "1"))
    moved(file)
    with pytest.raises(JournalError, match=MOVED):
        w.record(fill("meanwhile", "EURUSD", "1"))
    file.with_name("elsewhere.db").rename(file)
    w.record(fill("after", "EURUSD", "1"))
    assert w.book == {"EURUSD": "2"}
    w.close()
    with open_reader(url, w.account) as reader:
        assert [event.event.execution.execution_id for event in reader.read() if hasattr(event.event, "execution")] == [
            "before",
            "after",
        ]
    assert verify(url, w.account).ok


def test_an_end_while_it_is_away_leaves_everything_behind(tmp_path: Path) -> None:
    """The write-ahead log stays under the old name: with it, the file is whole wherever both lie."""
    file = tmp_path / "store.db"
    url = url_of(file)
    writer = open_writer(url, ACCOUNT)
    writer.append(fills(1, 5))
    moved(file)
    writer.close()
    file.with_name("elsewhere.db").rename(file)
    with open_reader(url, ACCOUNT) as reader:
        assert len(list(reader.read())) == 5


def test_no_further_connection_makes_an_empty_store_of_the_name(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    store = JournalDatastore(f"file:{file}")
    with store.connection():
        moved(file)
        with pytest.raises(OperationalError, match=MOVED), store.connection():
            pass
    assert not file.exists()
    store.close()


def test_the_inbox_takes_nothing_into_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    url = url_of(file)
    open_writer(url, ACCOUNT).close()
    with open_inbox(url, ACCOUNT) as inbox:
        inbox.put(item(1))
        moved(file)
        with pytest.raises(JournalError, match=MOVED):
            inbox.put(item(2))
