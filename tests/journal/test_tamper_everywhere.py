"""Is every single changed byte of a small journal found: each column of each row, and all of it (law 8)?

Exhaustive: each byte of each stored value is changed, the whole store verified, and the byte put back; each bit by
itself, but for the states, where two changes a byte will do. The journal is a real one: a ledger decided it, beside
another account that shares the store. On SQLite, in memory; on PostgreSQL, whose rows hold the same, `test_verify`
tries some.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from incident.told import fails, fill, jsonl, pos, sees
from journal.samples import tampering
from trueup.errors import JournalError
from trueup.incident import import_incident
from trueup.journal import Snapshot, VerifyReport, archive, open_reader, open_writer, verify
from trueup.journal.raw import packed, slack_in, unpacked
from trueup.journal.reader import JournalReader
from trueup.journal.verify import verify_opened
from trueup.reconciliation.fold import fold
from trueup.reconciliation.saved import save
from trueup.reconciliation.state import FOLD_VERSION, State
from trueup.storage import rehydrate

ACCOUNT, OTHER = "mt5:5001", "mt5:5002"
STORY = [
    sees(0, pos("A"), pos("B", side="short")),
    fill(20, "x1", "A"),
    fails(40),
    sees(60, pos("A"), complete=False),
    sees(90, pos("A"), pos("B", "2", side="short"), pos("C", "0.5")),
    sees(120, pos("A"), pos("B", "2", side="short"), pos("C", "0.5")),
]


def filled(url: str) -> None:
    """Two accounts, each with decisions, an inbox, raw replies, and a snapshot of its whole fold."""
    for account in (ACCOUNT, OTHER):
        import_incident(BytesIO(jsonl(STORY)), url, account=account)
        with open_writer(url, account) as writer:
            head = writer.head()
            writer.save_snapshot(Snapshot(head.position, head.digest, FOLD_VERSION, save(rehydrate(account, writer))))


def seen(reader: JournalReader) -> VerifyReport:
    """As the command verifies: every snapshot is folded again."""

    def refold(recorded: Any, upto: int) -> bytes:
        return save(fold(State(account=reader.account), ((one.position, one.event) for one in recorded)))

    return verify_opened(reader, refold=refold, fold_version=FOLD_VERSION)


EACH_BIT = tuple(1 << bit for bit in range(8))


def variants(value: str | int | bytes, masks: tuple[int, ...] = EACH_BIT) -> Iterator[object]:
    """The value with one byte changed, each in turn; text may no longer be text."""
    if isinstance(value, int):
        yield from (value ^ (1 << bit) for bit in range(63))
        yield -value - 1
        return
    data = value.encode() if isinstance(value, str) else value
    for place in range(len(data)):
        for mask in masks:
            yield data[:place] + bytes((data[place] ^ mask,)) + data[place + 1 :]


TABLES = {
    "stored_events": ("rowid", "originator_id", "originator_version", "topic", "state"),
    "stored_snapshots": ("originator_id", "originator_version", "topic", "state"),
    "raw_replies": ("digest", "body"),
}


def test_every_column_of_every_table_is_tried(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    filled(url)
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        held = {name for name in tables if connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone()}
        assert held == set(TABLES), "a table that holds something is tried"
        for name, columns in TABLES.items():
            found = {column for _, column, *_ in connection.execute(f"PRAGMA table_info({name})")}
            assert set(columns) - {"rowid"} == found


@pytest.mark.parametrize(("table", "column"), [(name, one) for name, columns in TABLES.items() for one in columns])
def test_law_8_every_changed_byte_is_found(table: str, column: str) -> None:
    name = f"tamper-{table}-{column}"
    url = f"memory://{name}"
    with open_writer(url, "mt5:keeper"), open_reader(url, ACCOUNT) as reader:  # the store lives while it is open
        filled(url)
        assert seen(reader).faults == ()
        with closing(
            sqlite3.connect(f"file:trueup-{name}?mode=memory&cache=shared", uri=True, isolation_level=None)
        ) as db:
            for (guard,) in db.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
                db.execute(f"DROP TRIGGER {guard}")
            missed = list(_missed(db, reader, table, column))
        assert missed == []
        assert seen(reader).faults == (), "everything was put back"


def _missed(db: sqlite3.Connection, reader: JournalReader, table: str, column: str) -> Iterator[str]:
    """Changes of our account's rows (raw replies belong to all) that verify does not find."""
    keys = ("originator_id", "originator_version") if table == "stored_snapshots" else ("rowid",)
    mine = "" if table == "raw_replies" else f"WHERE originator_id LIKE '{ACCOUNT}%'"
    at = " AND ".join(f"{key}=?" for key in keys)
    tried = 0
    for *place, value in db.execute(f"SELECT {', '.join(keys)}, {column} FROM {table} {mine}").fetchall():
        for changed in variants(value, *[(0xFF, 0x01)] * (column == "state")):
            stored = "CAST(? AS TEXT)" if isinstance(value, str) else "?"
            try:
                db.execute(f"UPDATE {table} SET {column}={stored} WHERE {at}", (changed, *place))
            except sqlite3.IntegrityError:
                continue  # another row stands there already
            tried += 1
            if seen(reader).ok:
                yield f"{table}.{column} of {place}: {value!r} -> {changed!r}"
            now = " AND ".join(f"{key}={stored if key == column else '?'}" for key in keys)
            moved = [changed if key == column else one for key, one in zip(keys, place, strict=True)]
            done = db.execute(f"UPDATE {table} SET {column}=? WHERE {now}", (value, *moved))
            assert done.rowcount == 1
    assert tried > 50


# -- an archived store, and replies that pack otherwise ---------------------------------------------------


@pytest.fixture
def archived(tmp_path: Path) -> Path:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    filled(url)
    archive(url, ACCOUNT, before=8)
    assert verify(url, ACCOUNT).ok
    return tmp_path / "a.db"


@pytest.mark.parametrize("column", ["account", "position", "digest", "file", "last_id"])
def test_law_8_every_changed_byte_of_where_a_store_begins_is_found(archived: Path, column: str) -> None:
    with tampering(archived) as connection:
        ((value,),) = connection.execute(f"SELECT {column} FROM archived").fetchall()
        for changed in variants(value):
            stored = "CAST(? AS TEXT)" if isinstance(value, str) else "?"
            connection.execute(f"UPDATE archived SET {column}={stored}", (changed,))
            with suppress(JournalError):  # it cannot even be opened
                assert not verify(f"sqlite:///{archived}", ACCOUNT).ok, changed
        connection.execute(f"UPDATE archived SET {column}=?", (value,))
    assert verify(f"sqlite:///{archived}", ACCOUNT).ok


def test_law_8_a_number_of_an_event_that_was_moved_away_is_found(tmp_path: Path) -> None:
    """Followers go by these numbers: an event that gets a later one would be told twice."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    filled(url)
    with tampering(tmp_path / "a.db") as connection:
        ((last,),) = connection.execute("SELECT MAX(rowid) FROM stored_events").fetchall()
        connection.execute("UPDATE stored_events SET rowid=? WHERE rowid=?", (last + 9, last))
    assert [one.why for one in verify(url, ACCOUNT).faults] == [
        f"events are numbered 1 to {last + 9}, and there are {last}: some were moved"
    ]


@pytest.mark.parametrize("size", [0, 1, 2, 17, 300, 5_000, 70_000])
def test_no_reply_is_taken_for_a_changed_one(size: int) -> None:
    for raw in (bytes(size), bytes(n * n % 251 for n in range(size)), b'{"symbol": "EURUSD"}, ' * (size // 20)):
        ((digest, body),) = packed([raw])
        assert unpacked(digest, body) == raw
        assert not slack_in(body, raw)
