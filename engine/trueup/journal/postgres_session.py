"""How does one handle talk to a PostgreSQL server that may go away, and hold an account's lock there?

One connection a handle, and no pool: a pool recycles connections, and a lock that lives on one of them would go
silently with it. The account's lock is a session advisory lock on the very connection that appends. Whoever has got
it therefore knows that any earlier holder's transaction has ended, an unanswered commit included.

A lost connection fails the call at hand at once; one that holds no lock and was ended while idle is replaced before
it is used. The next call connects again, after a pause that doubles up to
`BACKOFF_S_MAX`, and takes the lock again; `interrupted` stays true until the writer has dealt with it.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from hashlib import sha256
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row, tuple_row

from trueup.errors import WriterFenced
from trueup.journal.postgres_errors import NotNow, library_error

BUSY_S_MAX: Final = 5
"""How long a statement waits for another transaction's lock before it gives up with JournalLocked (law 12)."""
LOCK_WAIT_S_MAX: Final = 60
"""How long, after a reconnection, the account's lock is asked for: our own dead session may still hold it."""
BACKOFF_FIRST_S: Final = 0.1
BACKOFF_S_MAX: Final = 5
"""The longest pause between two attempts to connect (law 12)."""
RETAKE_S_MAX: Final = 1
"""How long one call waits for the lock of its own dead session; later calls go on waiting."""
IDLE_IN_TRANSACTION_S_MAX: Final = 30
"""The server ends a writer's session that stops in the middle of an append: others wait for it."""
USER_TIMEOUT_S: Final = 10
"""How long the network may leave something unacknowledged before the connection counts as lost."""

CLIENT_DEFAULTS: Final[dict[str, object]] = {
    "connect_timeout": 5,
    "application_name": "trueup",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": USER_TIMEOUT_S * 1000,
}
"""What a store's URL may say otherwise: a server that vanishes without a word is noticed within seconds."""


def lock_key(*parts: str) -> int:
    """The advisory lock's number for a name: 64 bits of its SHA-256, signed as PostgreSQL wants it."""
    return int.from_bytes(sha256("\0".join(parts).encode()).digest()[:8], "big", signed=True)


class Session:
    """One connection to one database, made when it is needed and again when it was lost."""

    def __init__(
        self,
        parameters: dict[str, object],
        *,
        read_only: bool = False,
        commit: str = "on",
        lock_wait_s_max: int = LOCK_WAIT_S_MAX,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """
        parameters       libpq's, by name
        commit           the least `synchronous_commit`: `on` waits for what the server is set up to wait for,
                         `local` for its own disk only
        lock_wait_s_max  see LOCK_WAIT_S_MAX
        """
        self._parameters = {**CLIENT_DEFAULTS, **parameters}
        self._read_only = read_only
        self._commit = commit
        self._lock_wait_s_max = lock_wait_s_max
        self._clock = clock
        self._turn = threading.RLock()
        self._process = os.getpid()
        self._connection: psycopg.Connection[DictRow] | None = None
        self._closed = False
        self._depth = 0
        self._failures = 0
        self._not_before = 0.0
        self._account = ""
        self._key = 0
        self._holds = False
        self._lost_at: float | None = None
        self._backend: tuple[int, object] | None = None
        self.connections = 0
        """How many connections there have been."""
        self.interrupted = False
        """The connection that held the account's lock was lost, and nobody has dealt with that yet."""

    @contextmanager
    def use(self) -> Generator[psycopg.Connection[DictRow]]:
        """The connection, for this thread alone. Raises the library's errors; WriterFenced, for a lost lock."""
        with self._turn:
            connection = self._ready()
            self._depth += 1
            try:
                yield connection
            except psycopg.Error as error:
                raise library_error(error) from error
            finally:
                self._depth -= 1
                if self._depth == 0 and (
                    connection.closed or connection.info.transaction_status != TransactionStatus.IDLE
                ):
                    self._drop()  # lost, or in the middle of something that nobody will end

    def hold(self, account: str, key: int, wait_s: float) -> None:
        """Take the account's lock and keep it, over reconnections too. Raises WriterFenced while another has it."""
        with self.use() as connection:
            if not _try_lock(connection, key, wait_s):
                raise WriterFenced(account=account, why="another writer holds its lock in this database")
            self._account, self._key, self._holds = account, key, True
            self._remember(connection)

    def regain(self) -> None:
        """Be connected, and hold the lock if it was held before. Raises as `use`."""
        with self.use():
            pass

    def connect(self) -> psycopg.Connection[DictRow]:
        """One more connection, set up alike, for whoever must wait on it. Raises psycopg.Error."""
        connection = psycopg.Connection[DictRow].connect(
            autocommit=True,
            row_factory=dict_row,
            **self._parameters,  # type: ignore[arg-type]
        )
        try:
            self._set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Let go of the connection, and with it of the lock; waits for a statement of another thread."""
        with self._turn:
            self._closed = True
            connection, self._connection = self._connection, None
            if connection is not None and self._process == os.getpid():  # a forked child shares its parent's socket
                connection.close()

    # -- inside the turn -----------------------------------------------------------------------------------

    def _ready(self) -> psycopg.Connection[DictRow]:
        if self._closed:
            raise NotNow("it was closed; open it again")
        if self._process != os.getpid():
            raise NotNow(f"its connection belongs to process {self._process}, this is a fork of it; open another")
        connection = self._connection
        if connection is not None and not self._account and self._depth == 0 and _is_over(connection):
            self._drop()  # a reader's idle connection that the server ended; a writer's is never replaced in silence
            connection = None
        if connection is None:
            connection = self._connect()
        if self._account and not self._holds:
            self._retake(connection)
        return connection

    def _connect(self) -> psycopg.Connection[DictRow]:
        now = self._clock()
        if now < self._not_before:
            raise NotNow(
                f"the server could not be reached a moment ago; the next attempt is in {self._not_before - now:.1f} s"
            )
        try:
            connection = self.connect()
        except psycopg.Error as error:
            pause_s = min(BACKOFF_S_MAX, BACKOFF_FIRST_S * 2 ** min(self._failures, 10))
            self._failures += 1
            self._not_before = self._clock() + pause_s
            raise library_error(error) from error
        self._failures, self._connection = 0, connection
        self.connections += 1
        return connection

    def _set_up(self, connection: psycopg.Connection[Any]) -> None:
        """Everything in one round trip. An empty search path but the system's: nobody's function stands in for one."""
        settings = {
            "search_path": "pg_catalog",
            "lock_timeout": f"{BUSY_S_MAX}s",
            "default_transaction_read_only": "on" if self._read_only else "off",
            "idle_in_transaction_session_timeout": "0" if self._read_only else f"{IDLE_IN_TRANSACTION_S_MAX}s",
            "tcp_keepalives_idle": "10",  # so that the server, too, finds out that we are gone
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
        }
        values = [part for pair in settings.items() for part in pair]
        # Not less than asked for, and not less than what the server's owner wants of everybody.
        weak = ("off", "local") if self._commit == "on" else ("off",)
        connection.execute(
            b"SELECT " + b", ".join([b"pg_catalog.set_config(%s, %s, false)"] * len(settings)) + b", "
            b"CASE WHEN pg_catalog.current_setting('synchronous_commit') = ANY(%s) OR %s "
            b"THEN pg_catalog.set_config('synchronous_commit', %s, false) END",
            (*values, list(weak), self._commit == "local", self._commit),
        )

    def _retake(self, connection: psycopg.Connection[DictRow]) -> None:
        """Take the lock again that a lost connection held.

        Nobody else may have had it meanwhile for long, but our own session may live on at the server, which has not
        noticed yet. It is ours: we end it, by its number and the moment it began, and never another's.
        """
        now = self._clock()
        started = self._lost_at if self._lost_at is not None else now
        self._lost_at = started
        try:
            if self._backend is not None:
                connection.execute(
                    "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity "
                    "WHERE pid = %s AND backend_start = %s AND pid <> pg_catalog.pg_backend_pid()",
                    self._backend,
                )
            taken = _try_lock(connection, self._key, RETAKE_S_MAX)
        except psycopg.Error as error:
            if connection.closed or connection.broken:
                self._drop()
            raise library_error(error) from error
        if not taken:
            if now - started >= self._lock_wait_s_max:
                raise WriterFenced(
                    account=self._account,
                    why=f"after a lost connection its lock was held by another for {self._lock_wait_s_max} s",
                )
            raise NotNow(
                f"the account's lock is still held, perhaps by our own lost session; it is waited for, "
                f"at most {self._lock_wait_s_max} s"
            )
        self._holds, self._lost_at = True, None
        self._remember(connection)

    def _remember(self, connection: psycopg.Connection[DictRow]) -> None:
        row = connection.execute(
            "SELECT pid, backend_start FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()"
        ).fetchone()
        self._backend = None if row is None else (int(row["pid"]), row["backend_start"])

    def _drop(self) -> None:
        """The connection is gone, and its lock with it."""
        connection, self._connection = self._connection, None
        if self._holds:
            self._holds, self.interrupted = False, True
        if connection is not None:
            connection.close()


def _is_over(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has said something unasked on an idle connection: as a rule, good-bye."""
    if connection.closed:
        return True
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(waiting.poll(0))


def _try_lock(connection: psycopg.Connection[Any], key: int, wait_s: float) -> bool:
    """Take a session lock, waiting at most so long; whether it was got. Raises psycopg.Error."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("SELECT pg_catalog.pg_try_advisory_lock(%s)", (key,)).fetchone()
        if row is not None and row[0]:
            return True
        if wait_s <= 0:
            return False
        try:
            with connection.transaction():
                cursor.execute(
                    "SELECT pg_catalog.set_config('lock_timeout', %s, true)", (f"{max(1, int(wait_s * 1000))}ms",)
                )
                cursor.execute("SELECT pg_catalog.pg_advisory_lock(%s)", (key,))
        except errors.LockNotAvailable:
            return False
        return True
