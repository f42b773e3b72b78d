"""How do our recorders put rows into PostgreSQL tables, and make these tables?

The library's own tables; plain arrays instead of its composite types; one session instead of its pool.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresAggregateRecorder, PostgresDatastore
from psycopg.rows import DictRow, TupleRow, tuple_row
from psycopg.sql import SQL, Composed, Identifier

from trueup.journal.backend import SnapshotRecorder
from trueup.journal.mapper import Row
from trueup.journal.postgres_session import Session, lock_key


class JournalDatastore(PostgresDatastore):
    """One session on one database; the stock pool is never opened (see `postgres_session`)."""

    def __init__(self, session: Session, *, schema: str) -> None:
        super().__init__("", "", "", "", "", schema=schema, originator_id_type="text")
        self.session = session

    def register_type_adapters(self) -> None:
        """Nothing: rows go in as plain arrays, so that no composite type has to be made."""

    @contextmanager
    def get_connection(self) -> Generator[psycopg.Connection[DictRow]]:
        with self.session.use() as connection:
            yield connection

    @contextmanager
    def rows(self, *, commit: bool) -> Generator[psycopg.Cursor[TupleRow]]:
        """A cursor that gives tuples, with values in their binary form; in a transaction when it is to commit."""
        with self.session.use() as connection:
            if commit:
                with connection.transaction(), connection.cursor(binary=True, row_factory=tuple_row) as cursor:
                    yield cursor
            else:
                with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
                    yield cursor

    def close(self) -> None:
        self.session.close()

    def __del__(self) -> None:
        """Nothing: who opens closes. The stock method would take locks inside the garbage collector."""


class Arrays(PostgresAggregateRecorder):
    """Inserts by one statement over four arrays, which is several times faster than by composite values."""

    datastore: JournalDatastore

    def prepare(self, *, returning: bool) -> None:
        """Replace the stock statements: no composite type, no functions in the database."""
        self.sql_create_statements = [
            statement
            for statement in self.sql_create_statements
            if not statement.as_string().startswith(("CREATE TYPE", "CREATE OR REPLACE FUNCTION"))
        ]
        self.insert_events_statement = self.sql(
            "INSERT INTO {schema}.{table} (originator_id, originator_version, topic, state) "
            "SELECT * FROM unnest(%b::text[], %b::bigint[], %b::text[], %b::bytea[])"
            + (" RETURNING notification_id" if returning else "")
        )

    def sql(self, statement: LiteralString, **names: Any) -> Composed:
        return SQL(statement).format(
            schema=Identifier(self.datastore.schema), table=Identifier(self.events_table_name), **names
        )

    def insert_arrays(self, cursor: psycopg.Cursor[Any], rows: Sequence[Row]) -> None:
        """Put rows in, in their order."""
        columns = [list(column) for column in zip(*rows, strict=True)]
        cursor.execute(self.insert_events_statement, columns)

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """As the library promises."""
        if stored_events:
            with self.datastore.rows(commit=True) as cursor:
                self.insert_arrays(
                    cursor, [(str(s.originator_id), s.originator_version, s.topic, s.state) for s in stored_events]
                )
        return None

    def create_table(self) -> None:
        """Make what is missing, whole or not at all; a schema that is complete is not written to.

        Raises StoreUrlError for a schema that belongs to something else.
        """
        with self.datastore.rows(commit=False) as cursor:
            if self.complete(cursor):
                return
        with self.datastore.rows(commit=True) as cursor:
            key = lock_key("trueup create", self.datastore.schema)
            cursor.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s)", (key,))  # two may begin at once
            if self.complete(cursor):
                return
            schema = self.datastore.schema
            # IF NOT EXISTS alone would want the right to make schemas where there is nothing to make.
            known = cursor.execute("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,))
            if known.fetchone() is None:
                cursor.execute(SQL("CREATE SCHEMA IF NOT EXISTS {0}").format(Identifier(schema)))
            for statement in self.sql_create_statements:
                cursor.execute(statement)

    def complete(self, cursor: psycopg.Cursor[TupleRow]) -> bool:
        return self.exist(cursor, self.events_table_name)

    def exist(self, cursor: psycopg.Cursor[TupleRow], *tables: str) -> bool:
        # Read as rows, not by to_regclass: that answers from a cache which waiting for an advisory lock leaves stale.
        cursor.execute(
            "SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
            "ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = ANY(%s)",
            (self.datastore.schema, list(tables)),
        )
        return cursor.fetchone() == (len(tables),)


class PostgresSnapshotRecorder(Arrays, SnapshotRecorder):
    """Snapshots, in the library's own table for them."""

    def __init__(self, datastore: PostgresDatastore, *, events_table_name: str = "stored_snapshots") -> None:
        super().__init__(datastore, events_table_name=events_table_name)
        self.prepare(returning=False)

    def replace(self, snapshot: StoredEvent, *, kept_max: int) -> None:
        """As promised; for a role that may not DELETE them, the older ones stay, and at their positions win."""
        stream = str(snapshot.originator_id)
        with self.datastore.rows(commit=True) as cursor:
            cursor.execute(
                "SELECT pg_catalog.has_table_privilege(%s, 'DELETE')",
                (f"{quoted(self.datastore.schema)}.{quoted(self.events_table_name)}",),
            )
            tidies = cursor.fetchone() == (True,)
            if tidies:
                cursor.execute(
                    self.sql("DELETE FROM {schema}.{table} WHERE originator_id = %s AND originator_version = %s"),
                    (stream, snapshot.originator_version),
                )
            cursor.execute(
                self.sql("INSERT INTO {schema}.{table} VALUES (%s, %s, %s, %b) ON CONFLICT DO NOTHING"),
                (stream, snapshot.originator_version, snapshot.topic, snapshot.state),
            )
            if tidies:
                cursor.execute(
                    self.sql(
                        "DELETE FROM {schema}.{table} WHERE originator_id = %s AND originator_version NOT IN "
                        "(SELECT originator_version FROM {schema}.{table} WHERE originator_id = %s "
                        "ORDER BY originator_version DESC LIMIT %s)"
                    ),
                    (stream, stream, kept_max),
                )


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
