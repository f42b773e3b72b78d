"""How does the library talk to SQLite on our terms: durable, immediate, and rolled back whatever fails?

Five things differ from the stock pool: `synchronous` is chosen (stock leaves the compiled default, and it can be
set nowhere else), writers begin with `BEGIN IMMEDIATE` (a deferred one can fail half-way through with no
remedy), a transaction whose commit failed is rolled back before its connection is used again, the write-ahead
log is moved into the file beside the appends (`checkpoint`), not within one of them, and nothing is written once the
file lies under its name no more.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from time import monotonic, sleep
from types import TracebackType
from typing import Final, cast

from eventsourcing import persistence
from eventsourcing.sqlite import (
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
)

from trueup.journal.sqlite_errors import library_error, where

BUSY_S_MAX = 5
"""How long a transaction waits for another process's before it gives up with JournalLocked (law 12)."""

_WAL_RETRY_S: Final = 0.005

_turns: dict[str, threading.RLock] = {}
_turns_guard = threading.Lock()


def turn_of(db_name: str) -> threading.RLock:
    """The lock under which all connections of this process to one shared store in memory take turns.

    Shared-cache connections do not wait for each other, whatever the busy time-out: they fail (SQLITE_LOCKED).
    One small lock a name stays for the life of the process.
    """
    with _turns_guard:
        return _turns.setdefault(db_name, threading.RLock())


class SameFile:
    """Whether a database's name still leads to the file that was opened by it.

    SQLite goes on writing into a file that somebody moved or removed: what it acknowledges then is nowhere to be
    found afterwards (law 7). Its write-ahead log stays behind under the old name, so a file put back is whole.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._opened: tuple[int, int] | None = None

    def opened(self) -> None:
        """A connection is there: what the name leads to now is what it has, from the first one on."""
        if self._opened is None:
            self._opened = self._found()

    def check(self) -> None:
        """Raises OperationalError when the name leads to nothing, or to another file."""
        if self._opened is not None and self._found() != self._opened:
            raise persistence.OperationalError(
                "the file was moved, removed or replaced while it was open here; put it back under this name, beside "
                "its -wal file, and it goes on"
            )

    def _found(self) -> tuple[int, int] | None:
        try:
            there = os.stat(self._path)
        except OSError:
            return None  # not there, or not for us: either way nothing more is written
        return there.st_dev, there.st_ino


class JournalConnection(SQLiteConnection):
    """One connection; each transaction commits whole, or leaves nothing.

    The pool's `close` closes connections that are in use as well. Under a statement of another thread that ends
    the process (a segmentation fault, in ours and in whatever embeds us), so closing waits for `busy`.
    """

    def __init__(self, sqlite_conn: sqlite3.Connection, before_writing: Callable[[], None]) -> None:
        super().__init__(sqlite_conn, max_age=None)
        self.busy = threading.RLock()
        self._before_writing = before_writing

    def close(self) -> None:
        with self.busy:
            super().close()

    @property
    def sqlite(self) -> sqlite3.Connection:
        """The connection below, for pragmas."""
        return self._sqlite_conn

    @contextmanager
    def transaction(self, *, commit: bool) -> Generator[SQLiteCursor]:
        with _Transaction(self, commit=commit) as cursor:
            yield cursor

    def begin(self, *, commit: bool) -> sqlite3.Cursor:
        """A cursor in a new transaction."""
        cursor: sqlite3.Cursor | None = None
        try:
            if commit:
                self._before_writing()
            cursor = self._sqlite_conn.cursor()
            cursor.execute("BEGIN IMMEDIATE" if commit else "BEGIN")
            return cursor
        except BaseException as error:
            if cursor is not None:  # whoever keeps the error keeps the cursor, and with it the file's log open
                cursor.close()
            self.undo()
            if isinstance(error, sqlite3.Error):
                raise library_error(error) from error
            raise

    def end(self, *, commit: bool) -> None:
        """Commit the transaction, or let go of it. Raises the library's errors; then nothing of it is stored."""
        try:
            if commit:
                self._commit()
            else:
                self._sqlite_conn.rollback()
        except BaseException as error:
            self.undo()
            if isinstance(error, sqlite3.Error):
                raise library_error(error) from error
            raise

    def _commit(self) -> None:
        self._sqlite_conn.commit()

    def undo(self) -> None:
        """Nothing of a failed transaction may wait in this connection for the next one to commit it."""
        try:
            if self._sqlite_conn.in_transaction:
                self._sqlite_conn.rollback()
        except sqlite3.Error:
            self.close()  # the pool makes a new one; closing rolls back


class _Transaction(AbstractContextManager[SQLiteCursor]):
    """One transaction on a connection: stored whole when the block ends (`commit`), and not at all when it raises.

    A class, because three generators, one in the other, cost half of what SQLite takes for one fill.
    """

    __slots__ = ("_commit", "_connection", "_cursor")

    def __init__(self, connection: JournalConnection, *, commit: bool) -> None:
        self._connection = connection
        self._commit = commit
        self._cursor: sqlite3.Cursor | None = None

    def __enter__(self) -> SQLiteCursor:
        self._cursor = self._connection.begin(commit=self._commit)
        # What the stock recorders use as their cursor is sqlite3's own (see SQLiteCursor.__enter__).
        return cast(SQLiteCursor, self._cursor)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._cursor is not None  # entered
        try:
            if error is None:
                self._connection.end(commit=self._commit)
                return
            self._connection.undo()
            if isinstance(error, sqlite3.Error):
                raise library_error(error) from error
        finally:
            with suppress(sqlite3.Error):
                self._cursor.close()


class _Lent(AbstractContextManager["JournalConnection"]):
    """A connection of a store's pool, for one block."""

    __slots__ = ("_connection", "_store")

    def __init__(self, store: JournalDatastore) -> None:
        self._store = store
        self._connection: JournalConnection | None = None

    def __enter__(self) -> JournalConnection:
        self._connection = self._store.lend()
        self._connection.busy.acquire()
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._connection is not None  # entered
        self._connection.busy.release()
        self._store.take_back(self._connection)
        if isinstance(error, sqlite3.Error):
            raise library_error(error) from error


class _Work(AbstractContextManager[SQLiteCursor]):
    """One transaction on a connection of a store's pool."""

    __slots__ = ("_commit", "_lent", "_transaction")

    def __init__(self, store: JournalDatastore, *, commit: bool) -> None:
        self._lent = _Lent(store)
        self._commit = commit
        self._transaction: _Transaction | None = None

    def __enter__(self) -> SQLiteCursor:
        connection = self._lent.__enter__()
        try:
            self._transaction = _Transaction(connection, commit=self._commit)
            return self._transaction.__enter__()
        except BaseException as error:
            self._lent.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._transaction is not None  # entered
        try:
            self._transaction.__exit__(kind, error, trace)
        finally:
            self._lent.__exit__(None, None, None)


class JournalPool(SQLiteConnectionPool):
    """Connections to one database, all set up alike."""

    def __init__(
        self,
        *,
        synchronous: str,
        read_only: bool,
        busy_s_max: int,
        pool_size: int,
        max_overflow: int,
        db_name: str,
        wal_pages_max: int | None,
    ) -> None:
        self._synchronous = synchronous
        self._wal_pages_max = wal_pages_max
        self._read_only = read_only
        self._busy_s_max = busy_s_max
        self._file = SameFile(where(db_name))
        super().__init__(
            db_name=db_name,
            lock_timeout=busy_s_max,
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_timeout=max(busy_s_max, 1),
        )

    def _create_connection(self) -> JournalConnection:
        watched = not (self._read_only or self.is_sqlite_memory_mode)
        if watched:
            self._file.check()  # a new connection would make a new, empty file where the old one is gone
        try:
            connection = sqlite3.connect(
                self.db_name,
                uri=True,
                check_same_thread=False,
                isolation_level=None,
                timeout=self._busy_s_max,
            )
        except sqlite3.Error as error:
            raise persistence.InterfaceError(error) from error
        try:
            if not self._read_only:
                if not self.is_sqlite_memory_mode:
                    self._use_wal(connection)
                    if self._wal_pages_max is not None:
                        connection.execute(f"PRAGMA wal_autocheckpoint={self._wal_pages_max}")
                connection.execute(f"PRAGMA synchronous={self._synchronous}")
        except sqlite3.Error as error:
            connection.close()
            raise library_error(error) from error
        connection.row_factory = sqlite3.Row
        if watched:
            self._file.opened()
        return JournalConnection(connection, self._file.check)

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Write-ahead logging, so that readers and the writer never wait for each other.

        SQLite does not wait when two processes switch a new database at the same time, so we do.
        """
        deadline = monotonic() + self._busy_s_max
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() >= deadline:
                    raise
                sleep(_WAL_RETRY_S)
                continue
            if mode != "wal":
                raise sqlite3.NotSupportedError(
                    f"this file system keeps journal mode {mode}; write-ahead logging is needed"
                )
            return


class JournalDatastore(SQLiteDatastore):
    """Transactions of one handle on one database."""

    def __init__(
        self,
        db_name: str,
        *,
        synchronous: str = "FULL",
        read_only: bool = False,
        busy_s_max: int | None = None,
        pool_size: int = 5,
        max_overflow: int = 10,
        wal_pages_max: int | None = None,
    ) -> None:
        """
        wal_pages_max   how long the write-ahead log may grow before a commit moves it into the file itself; None:
                        SQLite's own 1,000 pages
        """
        super().__init__(db_name, originator_id_type="text")
        self._db_name = db_name
        self.read_only = read_only
        self.companions: list[JournalDatastore] = []
        """Others that were opened on our behalf, and are closed with us."""
        self.pool = self.journal_pool = JournalPool(
            db_name=db_name,
            synchronous=synchronous,
            read_only=read_only,
            busy_s_max=BUSY_S_MAX if busy_s_max is None else busy_s_max,
            pool_size=pool_size,
            max_overflow=max_overflow,
            wal_pages_max=wal_pages_max,
        )
        self._spare: deque[JournalConnection] = deque()
        """One that was used a moment ago and is free: the pool's own bookkeeping takes longer than some statements. The
        pool counts it as in use, and closes it like any other."""
        self._connections_max = pool_size + max_overflow
        self._turn: threading.RLock | None = None
        if self.pool.is_sqlite_memory_mode:
            self._turn = turn_of(db_name)
        elif pool_size + max_overflow == 1:
            # Whoever waits inside the pool is not woken when it closes, and finds out by its time-out only.
            self._turn = threading.RLock()

    @contextmanager
    def transaction(self, *, commit: bool) -> Generator[SQLiteCursor]:
        with self.work(commit=commit) as cursor:
            yield cursor

    def work(self, *, commit: bool) -> AbstractContextManager[SQLiteCursor]:
        """What `transaction` is to the library, for us: the same, and cheaper to enter and to leave."""
        return _Work(self, commit=commit)

    def _put(self, connection: JournalConnection) -> None:
        # Closed meanwhile: what was done under it is done, and there is no pool to go back to.
        with suppress(persistence.ConnectionPoolClosedError):
            self.pool.put_connection(connection)

    def close(self) -> None:
        for companion in self.companions:
            companion.close()
        super().close()

    def checkpoint(self) -> None:
        """Move what the write-ahead log holds into the file, as far as no reader needs it there.

        On a connection of its own: ours goes on appending meanwhile, and nobody is made to wait (PASSIVE).
        """
        try:
            with closing(sqlite3.connect(self._db_name, uri=True, isolation_level=None, timeout=0)) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            raise library_error(error) from error

    @contextmanager
    def get_connection(self, *, commit: bool) -> Generator[SQLiteConnection]:
        with self.connection() as connection:
            yield connection

    def connection(self) -> AbstractContextManager[JournalConnection]:
        """A connection of the pool, for one block. What sqlite3 raises in it comes out as the library's errors."""
        return _Lent(self)

    def lend(self) -> JournalConnection:
        """A connection of the pool, until it is taken back.

        Asked for without the pool's own reader-writer interlock, which keeps its lock for ever when making a
        connection fails; SQLite's locks and, in memory, `turn_of` do that work.
        """
        if self._turn is not None and not self._turn.acquire(timeout=self.pool.pool_timeout):
            raise persistence.ConnectionUnavailableError("other threads kept it busy")
        try:
            while self._spare:
                with suppress(IndexError):  # another thread was quicker
                    connection = self._spare.pop()
                    if not connection.closed:
                        return connection
                    self._put(connection)
            return cast(JournalConnection, self.pool.get_connection())
        except BaseException:
            if self._turn is not None:
                self._turn.release()
            raise

    def take_back(self, connection: JournalConnection) -> None:
        """It is free for others."""
        try:
            # Where the pool has given out all that it may, somebody may wait in it, and is woken by it alone; where
            # all take turns, nobody waits there.
            full = self._turn is None and self.pool.num_in_use >= self._connections_max
            if full or self._spare or connection.closed:
                self._put(connection)
            else:
                self._spare.append(connection)
        finally:
            if self._turn is not None:
                self._turn.release()
