"""Who gets which connection, and is nobody left waiting for one that is free?"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from eventsourcing.persistence import ConnectionPoolClosedError, OperationalError, ProgrammingError

from trueup.journal.sqlite_connection import JournalConnection, JournalDatastore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JournalDatastore]:
    opened = JournalDatastore(f"file:{tmp_path}/a.db", busy_s_max=0, pool_size=2, max_overflow=0)
    with opened.work(commit=True) as cursor:
        cursor.execute("CREATE TABLE t (n)")
    yield opened
    opened.close()


def count(store: JournalDatastore) -> int:
    with store.work(commit=False) as cursor:
        return int(cursor.execute("SELECT count(*) FROM t").fetchone()[0])


def test_the_one_that_was_used_last_is_used_again(store: JournalDatastore) -> None:
    first = store.lend()
    store.take_back(first)
    again = store.lend()
    second = store.lend()
    assert again is first
    assert second is not first
    store.take_back(second)
    store.take_back(first)


def test_whoever_waits_is_woken_by_the_first_that_comes_back(store: JournalDatastore) -> None:
    """Kept aside, it would be free and nobody would know: the wait would end with the time-out."""
    one, two = store.lend(), store.lend()
    got: list[JournalConnection] = []
    waiting = threading.Thread(target=lambda: got.append(store.lend()))
    waiting.start()
    while store.pool._get_semaphore._value:  # until it stands in the queue
        assert waiting.is_alive()
    store.take_back(one)
    waiting.join(timeout=2)
    assert got == [one]
    store.take_back(one)
    store.take_back(two)


def test_one_that_was_closed_is_not_given_out_again(store: JournalDatastore) -> None:
    first = store.lend()
    store.take_back(first)
    first.close()
    assert count(store) == 0
    assert store.pool.num_in_use == 1


def test_a_closed_store_gives_nothing_and_takes_anything_back(store: JournalDatastore) -> None:
    first = store.lend()
    store.take_back(first)
    held = store.lend()
    store.close()
    store.take_back(held)
    with pytest.raises(ConnectionPoolClosedError):
        store.lend()


def give_up_after(_: object) -> None:
    raise KeyError


@pytest.mark.parametrize("commit", [True, False])
def test_a_block_that_raises_leaves_nothing_and_gives_its_connection_back(
    store: JournalDatastore, commit: bool
) -> None:
    for _ in range(5):  # more often than there are connections
        with pytest.raises(KeyError), store.work(commit=commit) as cursor:
            give_up_after(cursor.execute("INSERT INTO t VALUES (1)"))
        with pytest.raises(OperationalError, match="no such table"), store.work(commit=commit) as cursor:
            cursor.execute("INSERT INTO nowhere VALUES (1)")
    assert count(store) == 0


def test_a_transaction_that_cannot_begin_gives_its_connection_back(store: JournalDatastore, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")
        for _ in range(5):  # more often than there are connections
            with pytest.raises(OperationalError, match="locked"), store.work(commit=True):
                pytest.fail("it began")
        rival.execute("ROLLBACK")
    assert count(store) == 0
    assert store.pool.num_in_use == 1


def test_what_sqlite_says_in_a_block_comes_out_as_the_librarys_error(store: JournalDatastore) -> None:
    with pytest.raises(ProgrammingError), store.connection() as connection:
        connection.sqlite.execute("SELECT ?", ())
