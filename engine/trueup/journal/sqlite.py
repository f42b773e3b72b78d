"""How are events, snapshots and raw replies kept in one SQLite file, by the library's own tables?"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, Final, cast
from urllib.parse import quote

from eventsourcing.persistence import Notification, OperationalError, StoredEvent
from eventsourcing.sqlite import (
    SQLiteAggregateRecorder,
    SQLiteApplicationRecorder,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteFactory,
    SQLiteTrackingRecorder,
)
from eventsourcing.utils import Environment, EnvType

from trueup.errors import InputError, JournalCorrupt, JournalError, StoreUrlError
from trueup.journal.backend import PAGE_BYTES_MAX, PAGE_EVENTS_MAX, Base, JournalRecorder, SnapshotRecorder
from trueup.journal.files import named_beside
from trueup.journal.mapper import Row
from trueup.journal.sqlite_connection import JournalDatastore
from trueup.journal.sqlite_errors import where

LAYOUT: Final = 1
"""Of our tables; kept as the file's `user_version`."""
LAYOUT_ARCHIVED: Final = 2
"""Of a store that was archived, and of its archive: with the tables of `archiving`."""
ARCHIVED_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS archived "
    "(account TEXT PRIMARY KEY, position INTEGER, digest BLOB, file TEXT, last_id INTEGER)"
)
"""Where each account's earlier events lie, and how far."""

_OURS: Final = frozenset({"stored_events", "stored_snapshots", "raw_replies", "tracking", "archived", "sealed"})
WAL_PAGES_MAX: Final = 16_384
"""At 4 KiB: where nobody calls `maintain`, the write-ahead log stops growing at 64 MiB (law 12)."""
CHECKPOINT_BYTES: Final = 1_048_576
"""How much must have been written since the last time before `maintain` moves it: it costs two syncs."""
COMMIT_BYTES: Final = 8_192
"""What a transaction writes into the log at the least, however short its events are: a page of rows, a page of index. A
log that is moved in time is written over again from its beginning, and that is synced quicker than one that grows."""

_FETCH: Final = 128
_INSERT_RAW: Final = "INSERT OR IGNORE INTO raw_replies VALUES (?,?)"


def missing_archive(base: Base, path: Path) -> str:
    """What to say where an archive is wanted that is not there."""
    return (
        f"events up to {base.position} were archived in {base.file}, and there is no such file beside the store; "
        f"put it back as {path}"
    )


def _whatever(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _plain(cursor: SQLiteCursor) -> sqlite3.Cursor:
    """The cursor with tuples for rows: no object and no dictionary a row."""
    plain = cast(sqlite3.Cursor, cursor)
    plain.row_factory = None
    return plain


class SQLiteJournalRecorder(SQLiteApplicationRecorder, JournalRecorder):
    """Events and raw replies of all accounts in one file."""

    def __init__(self, datastore: SQLiteDatastore, events_table_name: str = "stored_events") -> None:
        super().__init__(datastore, events_table_name)
        self._store = cast(JournalDatastore, datastore)
        self._where = where(datastore.pool.db_name)
        self._seen_version: int | None = None
        self._unmoved_bytes = 0
        self._bases: dict[str, Base] = {}
        self._archive: SQLiteJournalRecorder | None = None

    def construct_create_table_statements(self) -> list[str]:
        table = self.events_table_name
        return [
            *super().construct_create_table_statements(),
            *(
                f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'trueup: stored events are never changed'); END"
                for verb in ("UPDATE", "DELETE")
            ),
            # INSERT OR REPLACE removes a row without any DELETE trigger. Its rowid is -1 here where none was given.
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN NEW.rowid <> -1 OR EXISTS (SELECT 1 FROM {table} "
            "WHERE originator_id = NEW.originator_id AND originator_version = NEW.originator_version) "
            "BEGIN SELECT RAISE(ABORT, 'trueup: stored events are never changed, and this version is taken'); END",
            "CREATE TABLE IF NOT EXISTS raw_replies (digest BLOB PRIMARY KEY, body BLOB)",
            f"PRAGMA user_version={LAYOUT}",
        ]

    def create_table(self) -> None:
        """Make what is missing; a file that is complete is not written to.

        Raises StoreUrlError for a database that belongs to something else.
        """
        tables = self._tables()
        if {self.events_table_name, "raw_replies"} <= tables:
            return
        foreign = sorted(tables - _OURS - {self.events_table_name})
        if foreign:
            raise StoreUrlError(
                f"{self._where} is a database of something else (it holds {', '.join(foreign[:3])}); "
                "a journal needs a file of its own"
            )
        super().create_table()

    def _tables(self) -> set[str]:
        with self._store.work(commit=False) as cursor:
            found = _plain(cursor).execute(
                "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'"
            )
            return {str(name) for (name,) in found}

    def check(self) -> None:
        tables = self._tables()
        if not {self.events_table_name, "raw_replies", "stored_snapshots"} <= tables:
            raise InputError(f"there is no journal in {self._where}")
        with self._store.work(commit=False) as cursor:
            (layout,) = _plain(cursor).execute("PRAGMA user_version").fetchone()
        if layout > LAYOUT_ARCHIVED:
            raise JournalError(
                f"{self._where} was written by a newer trueup (layout {layout}, this one knows {LAYOUT_ARCHIVED}); "
                "upgrade before opening it"
            )
        if "sealed" in tables:
            self._check_sealed()
        self._bases = self._read_bases() if "archived" in tables else {}
        self._seen_version = self._data_version()

    def _check_sealed(self) -> None:
        """An archive is read, under its own name; under another one it is a store whose place was taken."""
        with self._store.work(commit=False) as cursor:
            (file,) = _plain(cursor).execute("SELECT file FROM sealed").fetchone()
        if PurePath(self._where).name != file:
            raise JournalError(
                f"{self._where} was just archived as {file}: open it again; if that does not help, archiving was "
                "interrupted: run it again"
            )
        if not self._store.read_only:
            raise InputError(f"{self._where} is an archive: it is read, and never written again")

    def _read_bases(self) -> dict[str, Base]:
        with self._store.work(commit=False) as cursor:
            found = _plain(cursor).execute("SELECT account, position, digest, file, last_id FROM archived")
            return {account: Base(*rest) for account, *rest in found}

    def select_bases(self) -> dict[str, Base]:
        return self._bases

    # -- writing -------------------------------------------------------------------------------------------

    def _insert_events(self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        if not stored_events:
            return None
        rows = [(str(s.originator_id), s.originator_version, s.topic, s.state) for s in stored_events]
        return self._insert_rows(cast(sqlite3.Cursor, c), rows)

    def _insert_rows(self, cursor: sqlite3.Cursor, rows: Sequence[Row]) -> Sequence[int]:
        """One statement for all; ids are consecutive, because nobody else writes inside BEGIN IMMEDIATE."""
        if len(rows) == 1:
            cursor.execute(self.insert_events_statement, rows[0])
            assert cursor.lastrowid is not None  # a row was inserted
            return [cursor.lastrowid]
        cursor.executemany(self.insert_events_statement, rows)
        last = int(cursor.execute("SELECT last_insert_rowid()").fetchone()[0])
        return list(range(last - len(rows) + 1, last + 1))

    def insert_rows(self, rows: Sequence[Row], raws: Sequence[tuple[bytes, bytes]]) -> Sequence[int]:
        with self._store.work(commit=True) as c:
            cursor = _plain(c)
            ids = self._insert_rows(cursor, rows)
            if raws:
                cursor.executemany(_INSERT_RAW, raws)
        self._unmoved_bytes += COMMIT_BYTES
        for _, _, _, state in rows:
            self._unmoved_bytes += len(state)
        for _, body in raws:
            self._unmoved_bytes += len(body)
        return ids

    def insert_raws(self, raws: Sequence[tuple[bytes, bytes]]) -> None:
        with self._store.work(commit=True) as c:
            _plain(c).executemany(_INSERT_RAW, raws)
        self._unmoved_bytes += sum(len(body) for _, body in raws)

    def maintain(self) -> None:
        if self._unmoved_bytes >= CHECKPOINT_BYTES and not self._store.pool.is_sqlite_memory_mode:
            self._unmoved_bytes = 0
            self._store.checkpoint()

    # -- reading -------------------------------------------------------------------------------------------

    def select_rows(
        self, stream: str, *, after: int, upto: int | None, limit: int = PAGE_EVENTS_MAX
    ) -> list[tuple[int, str, bytes]]:
        page: list[tuple[int, str, bytes]] = []
        size = 0
        with self._store.work(commit=False) as c:
            cursor = _plain(c).execute(
                f"SELECT originator_version, topic, state FROM {self.events_table_name} "
                "WHERE originator_id=? AND originator_version>? AND originator_version<=? "
                "ORDER BY originator_version LIMIT ?",
                (stream, after, 2**63 - 1 if upto is None else upto, limit),
            )
            while size < PAGE_BYTES_MAX and (some := cursor.fetchmany(_FETCH)):
                page += some
                size += sum(len(state) for _, _, state in some)
        return page

    def select_last(self, stream: str) -> tuple[int, str, bytes] | None:
        with self._store.work(commit=False) as c:
            row: tuple[int, str, bytes] | None = (
                _plain(c)
                .execute(
                    f"SELECT originator_version, topic, state FROM {self.events_table_name} "
                    "WHERE originator_id=? ORDER BY originator_version DESC LIMIT 1",
                    (stream,),
                )
                .fetchone()
            )
            return row

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """As the library promises; where the store was archived, first from the archive, which has all up to then."""
        if any(base.decider_version is None for base in self._bases.values()):  # an excerpt continues nothing
            newest = max(self._bases.values(), key=lambda base: base.last_id)
            if (start or 0) + (not inclusive_of_start) <= newest.last_id:
                archive = self._opened_archive(newest)
                there = newest.last_id if stop is None else min(stop, newest.last_id)
                found = archive.select_notifications(start, limit, there, topics, inclusive_of_start=inclusive_of_start)
                if found:
                    return found
        return super().select_notifications(start, limit, stop, topics, inclusive_of_start=inclusive_of_start)

    def _opened_archive(self, base: Base) -> SQLiteJournalRecorder:
        if self._archive is None:
            path = named_beside(Path(self._where), base.file)
            if not path.exists():
                raise OperationalError(missing_archive(base, path))
            store = JournalDatastore(f"file:{quote(str(path))}?mode=ro", read_only=True, pool_size=1, max_overflow=0)
            self._store.companions.append(store)
            archive = SQLiteJournalRecorder(store)
            archive.check()
            self._archive = archive
        return self._archive

    def select_streams(self) -> list[str]:
        """One index seek a stream, not a walk over every event."""
        table = self.events_table_name
        with self._store.work(commit=False) as c:
            found = _plain(c).execute(
                f"WITH RECURSIVE streams(name) AS (SELECT MIN(originator_id) FROM {table} UNION ALL "
                f"SELECT (SELECT MIN(originator_id) FROM {table} WHERE originator_id > name) "
                "FROM streams WHERE name IS NOT NULL) SELECT name FROM streams WHERE name IS NOT NULL"
            )
            return [str(name) for (name,) in found]

    def select_raw(self, digest: bytes) -> bytes | None:
        with self._store.work(commit=False) as c:
            row = _plain(c).execute("SELECT body FROM raw_replies WHERE digest=?", (digest,)).fetchone()
            return None if row is None else bytes(row[0])

    def changed(self) -> bool:
        now, before = self._data_version(), self._seen_version
        self._seen_version = now
        return before is not None and now != before

    def _data_version(self) -> int:
        """Moves with other connections' commits only: it means something while the pool holds one connection."""
        with self._store.connection() as connection:
            return int(connection.sqlite.execute("PRAGMA data_version").fetchone()[0])

    def size_bytes(self) -> int:
        with self._store.connection() as connection:
            (pages,) = connection.sqlite.execute("PRAGMA page_count").fetchone()
            (size,) = connection.sqlite.execute("PRAGMA page_size").fetchone()
            return int(pages) * int(size)

    @contextmanager
    def view(self) -> Generator[SQLiteView]:
        with self._store.connection() as connection, connection.transaction(commit=False):
            # Text that is no longer UTF-8 was tampered with: verify must see it, not stumble over it.
            connection.sqlite.text_factory = _whatever
            try:
                yield SQLiteView(connection.sqlite, self.events_table_name)
            finally:
                connection.sqlite.text_factory = str


class SQLiteView:
    """Everything in one file as of one moment."""

    def __init__(self, connection: sqlite3.Connection, events: str) -> None:
        self._connection = connection
        self._events = events

    def _all(self, statement: str, *values: object) -> Iterator[tuple[Any, ...]]:
        cursor = self._connection.cursor()
        cursor.row_factory = None
        try:
            yield from cursor.execute(statement, values)
        except sqlite3.Error as error:
            raise JournalCorrupt(f"the file is damaged ({error})") from error
        finally:
            cursor.close()

    def streams(self) -> list[tuple[object, int, object, object]]:
        return cast(
            "list[tuple[object, int, object, object]]",
            list(
                self._all(
                    "SELECT originator_id, COUNT(*), MIN(originator_version), MAX(originator_version) "
                    f"FROM {self._events} GROUP BY originator_id"
                )
            ),
        )

    def ids(self) -> tuple[int, object, object] | None:
        """Rows are never removed, and a number whose transaction failed is given out again: there are no gaps."""
        (found,) = self._all(f"SELECT COUNT(*), MIN(rowid), MAX(rowid) FROM {self._events}")
        return cast("tuple[int, object, object]", found)

    def rows(self, stream: str) -> Iterator[tuple[int, object, object, object]]:
        found = self._all(
            f"SELECT rowid, originator_version, topic, state FROM {self._events} "
            "WHERE originator_id=? ORDER BY originator_version",
            stream,
        )
        return cast("Iterator[tuple[int, object, object, object]]", found)

    def row(self, stream: str, version: int) -> tuple[int, object, object, object] | None:
        found = self._all(
            f"SELECT rowid, originator_version, topic, state FROM {self._events} "
            "WHERE originator_id=? AND originator_version=?",
            stream,
            version,
        )
        return cast("tuple[int, object, object, object] | None", next(found, None))

    def states(self, name: str) -> Iterator[object]:
        return (state for (state,) in self._all(f"SELECT state FROM {self._events} WHERE topic=?", name))

    def snapshots(self) -> Iterator[tuple[object, object, object, object]]:
        found = self._all(
            "SELECT originator_id, originator_version, topic, state FROM stored_snapshots "
            "ORDER BY originator_id, originator_version"
        )
        return cast("Iterator[tuple[object, object, object, object]]", found)

    def raws(self) -> Iterator[tuple[object, object]]:
        return cast("Iterator[tuple[object, object]]", self._all("SELECT digest, body FROM raw_replies"))

    def damage(self) -> list[str]:
        found = [str(line) for (line,) in self._all("PRAGMA integrity_check(5)")]
        return [] if found == ["ok"] else found


class SQLiteSnapshotRecorder(SQLiteAggregateRecorder, SnapshotRecorder):
    """Snapshots, in the library's own table for them."""

    def create_table(self) -> None:
        with self.datastore.transaction(commit=False) as c:
            known = _plain(c).execute("SELECT 1 FROM sqlite_master WHERE name=?", (self.events_table_name,))
            if known.fetchone():
                return
        super().create_table()

    def replace(self, snapshot: StoredEvent, *, kept_max: int) -> None:
        stream = str(snapshot.originator_id)
        table = self.events_table_name
        with self.datastore.transaction(commit=True) as c:
            c.execute(
                f"INSERT OR REPLACE INTO {table} VALUES (?,?,?,?)",
                (stream, snapshot.originator_version, snapshot.topic, snapshot.state),
            )
            c.execute(
                f"DELETE FROM {table} WHERE originator_id=? AND originator_version NOT IN "
                f"(SELECT originator_version FROM {table} WHERE originator_id=? "
                "ORDER BY originator_version DESC LIMIT ?)",
                (stream, stream, kept_max),
            )


class JournalFactory(SQLiteFactory):
    """The library's door to all this; `PERSISTENCE_MODULE` names it."""

    SYNCHRONOUS = "SQLITE_SYNCHRONOUS"
    READ_ONLY = "SQLITE_READ_ONLY"
    CONNECTIONS_MAX = "SQLITE_CONNECTIONS_MAX"

    aggregate_recorder_class = SQLiteSnapshotRecorder
    application_recorder_class = SQLiteJournalRecorder
    tracking_recorder_class = SQLiteTrackingRecorder

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        stock = self.datastore
        connections_max = self.env.get(self.CONNECTIONS_MAX)
        self.datastore = JournalDatastore(
            stock.pool.db_name,
            synchronous=self.env.get(self.SYNCHRONOUS, "FULL"),
            read_only=self.env.get(self.READ_ONLY) == "y",
            busy_s_max=stock.pool.lock_timeout,
            pool_size=int(connections_max or 5),
            max_overflow=0 if connections_max else 10,
            wal_pages_max=WAL_PAGES_MAX,
        )
        stock.close()
