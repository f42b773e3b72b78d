"""What is in a PostgreSQL schema as of one moment, for `verify`?

Everything is read inside the caller's one read transaction, through server-side cursors, so that memory stays flat.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, Final, LiteralString, cast

import psycopg
from psycopg import errors
from psycopg.rows import DictRow, tuple_row
from psycopg.sql import SQL, Identifier, Literal

from trueup.errors import JournalCorrupt

_FETCH: Final = 1_000


class PostgresView:
    """Everything in one schema as of one moment."""

    def __init__(self, connection: psycopg.Connection[DictRow], schema: str, events: str) -> None:
        self._connection = connection
        self._schema = schema
        self._events = events
        self._names = (f"trueup_view_{n}" for n in count())

    def _all(self, statement: LiteralString, *values: object) -> Iterator[tuple[Any, ...]]:
        query = SQL(statement).format(
            schema=Identifier(self._schema), table=Identifier(self._events), name=Literal(self._schema)
        )
        try:
            with self._connection.cursor(next(self._names), row_factory=tuple_row) as cursor:
                cursor.itersize = _FETCH
                yield from cursor.execute(query, values, binary=True)
        except (errors.DataCorrupted, errors.IndexCorrupted, errors.InternalError_) as error:
            raise JournalCorrupt(f"the database is damaged ({error})") from error
        except errors.InFailedSqlTransaction as error:
            raise JournalCorrupt(f"after the damage found so far, the database reads no further ({error})") from error

    def streams(self) -> list[tuple[object, int, object, object]]:
        found = self._all(
            "SELECT originator_id, pg_catalog.count(*), pg_catalog.min(originator_version), "
            "pg_catalog.max(originator_version) FROM {schema}.{table} GROUP BY originator_id"
        )
        return cast("list[tuple[object, int, object, object]]", list(found))

    def ids(self) -> None:
        """A sequence's numbers are not given out again after a transaction that failed: gaps say nothing."""

    def rows(self, stream: str) -> Iterator[tuple[int, object, object, object]]:
        found = self._all(
            "SELECT notification_id, originator_version, topic, state FROM {schema}.{table} "
            "WHERE originator_id = %s ORDER BY originator_version",
            stream,
        )
        return cast("Iterator[tuple[int, object, object, object]]", found)

    def row(self, stream: str, version: int) -> tuple[int, object, object, object] | None:
        found = self._all(
            "SELECT notification_id, originator_version, topic, state FROM {schema}.{table} "
            "WHERE originator_id = %s AND originator_version = %s",
            stream,
            version,
        )
        return cast("tuple[int, object, object, object] | None", next(iter(list(found)), None))

    def states(self, name: str) -> Iterator[object]:
        return (state for (state,) in self._all("SELECT state FROM {schema}.{table} WHERE topic = %s", name))

    def snapshots(self) -> Iterator[tuple[object, object, object, object]]:
        found = self._all(
            "SELECT originator_id, originator_version, topic, state FROM {schema}.stored_snapshots "
            "ORDER BY originator_id, originator_version"
        )
        return cast("Iterator[tuple[object, object, object, object]]", found)

    def raws(self) -> Iterator[tuple[object, object]]:
        return cast("Iterator[tuple[object, object]]", self._all("SELECT digest, body FROM {schema}.raw_replies"))

    def damage(self) -> list[str]:
        """Indexes that a failed build left unusable; the server's own checksums and pg_amcheck find more."""
        found = self._all(
            "SELECT c.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = {name} AND NOT (i.indisvalid AND i.indisready) LIMIT 5"
        )
        return [f"index {name} is not valid" for (name,) in found]
