"""How do the journal's tests get a store on each database, and tamper with it behind our back?"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest

from journal.samples import tampering
from trueup.journal.postgres import PostgresJournalRecorder
from trueup.journal.sqlite_connection import JournalConnection

_numbers = count(1)


class _ServerFull(psycopg.errors.DiskFull):
    pass


def at_commit(patch: pytest.MonkeyPatch, *, store: bool, then: str) -> None:
    """On both databases, let every commit of a journal first do its work or not, and then fail in one way.

    then   `full`: no room; `broken`: an I/O error, or the connection's end; `interrupt`: Ctrl-C
    """

    def lite(self: JournalConnection) -> None:
        if store:
            lite_commit(self)
        if then == "interrupt":
            raise KeyboardInterrupt
        error = sqlite3.OperationalError("database or disk is full" if then == "full" else "disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL if then == "full" else sqlite3.SQLITE_IOERR
        raise error

    def server(self: PostgresJournalRecorder, connection: psycopg.Connection[Any]) -> None:
        if store:
            server_commit(self, connection)
        if then == "interrupt":
            raise KeyboardInterrupt
        if then == "full":
            raise _ServerFull("could not extend file: No space left on device")
        raise psycopg.errors.InternalError_("it fell over")

    lite_commit, server_commit = JournalConnection._commit, PostgresJournalRecorder._commit
    patch.setattr(JournalConnection, "_commit", lite)
    patch.setattr(PostgresJournalRecorder, "_commit", server)


def postgres_url() -> str:
    """The tests' server. Skips without one; in CI that is a failure."""
    url = os.environ.get("TRUEUP_TEST_POSTGRES")
    if url:
        return url
    why = "no PostgreSQL: install its server and run scripts/test, or set TRUEUP_TEST_POSTGRES to a URL"
    if os.environ.get("CI"):
        pytest.fail(f"{why}; in CI these tests have to run", pytrace=False)
    pytest.skip(why)


class Tampering(Protocol):
    """A connection of somebody with an editor: qmark statements, no triggers."""

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]: ...


class Database(Protocol):
    """One store, on one kind of database."""

    url: str

    def tampering(self) -> Any:
        """A context manager that gives a `Tampering`."""


class _SQLite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, values).fetchall()


class SQLiteStore:
    """A store in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    @contextmanager
    def tampering(self) -> Iterator[Tampering]:
        with tampering(self.path) as connection:
            yield _SQLite(connection)


class _Postgres:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        cursor = self._connection.execute(statement.replace("?", "%s").encode(), values)
        return cursor.fetchall() if cursor.description else []


class PostgresStore:
    """A store in a schema of its own on the tests' server."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.schema = f"test_{os.getpid()}_{next(_numbers)}"
        self.url = f"{server}{'&' if '?' in server else '?'}schema={self.schema}"

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of the server's owner, with the store's schema in its path."""
        connection = psycopg.connect(self.server, autocommit=True)
        connection.execute(f"SET search_path = {self.schema}".encode())
        return connection

    @contextmanager
    def tampering(self) -> Iterator[Tampering]:
        with closing(self.connect()) as connection:
            connection.execute("ALTER TABLE stored_events DISABLE TRIGGER ALL")
            yield _Postgres(connection)
            connection.execute("ALTER TABLE stored_events ENABLE TRIGGER ALL")

    def backends(self) -> list[int]:
        """The server's processes that serve this store's handles."""
        with closing(self.connect()) as connection:
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'trueup' AND datname = current_database()"
            )
            return [int(pid) for (pid,) in found]

    def drop(self) -> None:
        with closing(psycopg.connect(self.server, autocommit=True)) as connection:
            connection.execute("SET client_min_messages = warning")
            connection.execute(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE".encode())
