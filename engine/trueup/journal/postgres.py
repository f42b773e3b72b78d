"""How are events, snapshots and raw replies kept in one PostgreSQL schema, by the library's own tables?

Appends take turns by an advisory transaction lock, not by the library's LOCK TABLE: a role that may only INSERT and
SELECT can take it, and numbers still become visible in their order, so that nobody who follows the notification log
passes over a gap that is filled later.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

import psycopg
from eventsourcing.persistence import StoredEvent, Subscription
from eventsourcing.postgres import (
    PostgresApplicationRecorder,
    PostgresDatastore,
    PostgresFactory,
    PostgresSubscription,
    PostgresTrackingRecorder,
)
from eventsourcing.utils import Environment, EnvType
from psycopg.abc import Query
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, TupleRow, tuple_row
from psycopg.sql import SQL, Identifier, Literal

from trueup.errors import InputError, JournalError, StoreUrlError
from trueup.journal.backend import PAGE_BYTES_MAX, PAGE_EVENTS_MAX, JournalRecorder
from trueup.journal.mapper import Row
from trueup.journal.postgres_session import LOCK_WAIT_S_MAX, Session, lock_key
from trueup.journal.postgres_tables import Arrays, JournalDatastore, PostgresSnapshotRecorder, quoted
from trueup.journal.postgres_view import PostgresView

LAYOUT: Final = 1
"""Of our tables; kept as the comment on `raw_replies`."""

_LAYOUT_WORDS: Final = "trueup journal, layout "


class PostgresJournalRecorder(Arrays, PostgresApplicationRecorder, JournalRecorder):
    """Events and raw replies of all accounts in one schema."""

    def __init__(self, datastore: PostgresDatastore, *, events_table_name: str = "stored_events") -> None:
        super().__init__(datastore, events_table_name=events_table_name)
        self._session = self.datastore.session
        self._seen: int | None = None
        self.prepare(returning=True)
        # Never with enable_db_functions: that skips this lock, and whoever follows the log misses events.
        lock = self.sql("SELECT pg_catalog.pg_advisory_xact_lock({key})", key=Literal(self._append_key()))
        self.lock_table_statements: list[Query] = [lock]
        self._begin = SQL("BEGIN; {0}; NOTIFY {1}").format(lock, Identifier(self.channel_name))
        self._insert_raws = self.sql(
            "INSERT INTO {schema}.raw_replies SELECT * FROM unnest(%b::bytea[], %b::bytea[]) ON CONFLICT DO NOTHING"
        )
        # One statement a page: the window stops it by bytes, without anything to close at the server afterwards.
        self._select_page = self.sql(
            "SELECT originator_version, topic, state FROM ("
            "SELECT originator_version, topic, state, pg_catalog.sum(pg_catalog.length(state)) OVER "
            "(ORDER BY originator_version ROWS UNBOUNDED PRECEDING) - pg_catalog.length(state) AS before "
            "FROM (SELECT originator_version, topic, state FROM {schema}.{table} WHERE originator_id = %s "
            "AND originator_version > %s AND originator_version <= %s ORDER BY originator_version LIMIT %s) AS first"
            ") AS page WHERE before < %s ORDER BY originator_version"
        )
        self._select_last = self.sql(
            "SELECT originator_version, topic, state FROM {schema}.{table} WHERE originator_id = %s "
            "ORDER BY originator_version DESC LIMIT 1"
        )
        self.sql_create_statements += [
            self.sql("CREATE TABLE {schema}.raw_replies (digest bytea PRIMARY KEY, body bytea)"),
            self.sql(
                "CREATE OR REPLACE FUNCTION {schema}.stored_events_are_never_changed() RETURNS trigger "
                "LANGUAGE plpgsql SET search_path = pg_catalog AS $$ BEGIN "
                "RAISE EXCEPTION 'trueup: stored events are never changed' "
                "USING ERRCODE = 'integrity_constraint_violation'; END $$"
            ),
            # Also an INSERT … ON CONFLICT DO UPDATE fires it, whether or not there is a conflict.
            self.sql(
                "CREATE TRIGGER {trigger} BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.{table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION {schema}.stored_events_are_never_changed()",
                trigger=Identifier(f"{events_table_name}_never_changed"),
            ),
            self.sql("COMMENT ON TABLE {schema}.raw_replies IS {words}", words=Literal(f"{_LAYOUT_WORDS}{LAYOUT}")),
        ]

    def _append_key(self) -> int:
        return lock_key("trueup append", self.datastore.schema, self.events_table_name)

    def complete(self, cursor: psycopg.Cursor[TupleRow]) -> bool:
        if self.exist(cursor, self.events_table_name, "raw_replies"):
            return True
        if self.exist(cursor, self.events_table_name):
            raise StoreUrlError(
                f"schema {self.datastore.schema} has events of something else; a journal needs a schema of its own: "
                "name one, as in postgresql://host/database?schema=trueup"
            )
        return False

    def check(self) -> None:
        schema = self.datastore.schema
        with self.datastore.rows(commit=False) as cursor:
            if not self.exist(cursor, self.events_table_name, "raw_replies", "stored_snapshots"):
                raise InputError(f"there is no journal in schema {schema} of this database")
            cursor.execute(
                "SELECT pg_catalog.obj_description(pg_catalog.to_regclass(%s)::oid, 'pg_class')",
                (f"{quoted(schema)}.raw_replies",),
            )
            (words,) = cursor.fetchone() or ("",)
        layout = str(words or "").removeprefix(_LAYOUT_WORDS)
        if not layout.isdecimal() or int(layout) > LAYOUT:
            raise JournalError(
                f"schema {schema} was made by a newer trueup ({words!r}, this one knows layout {LAYOUT}); "
                "upgrade before opening it"
            )
        self._seen = self._last_id()

    # -- the writer's lock ---------------------------------------------------------------------------------

    def hold(self, account: str, wait_s: float) -> None:
        self._session.hold(account, lock_key("trueup writer", self.datastore.schema, account), wait_s)

    @property
    def interrupted(self) -> bool:
        return self._session.interrupted

    def regain(self) -> None:
        self._session.regain()

    def resumed(self) -> None:
        self._session.interrupted = False

    # -- writing -------------------------------------------------------------------------------------------

    def insert_rows(self, rows: Sequence[Row], raws: Sequence[tuple[bytes, bytes]]) -> Sequence[int]:
        """Three round trips: the lock, the rows, the commit.

        Not in the library's pipeline: psycopg 3.3 stops for ever in one now and then, when a message of some
        megabytes follows others.
        """
        with self._session.use() as connection:
            try:
                connection.execute(self._begin)
                with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
                    if raws:
                        cursor.execute(self._insert_raws, ([d for d, _ in raws], [b for _, b in raws]))
                    self.insert_arrays(cursor, rows)
                    ids = [int(id) for (id,) in cursor.fetchall()]
                self._commit(connection)
            except BaseException:
                if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
                    connection.rollback()
                raise
        if self._seen is None or ids[0] == self._seen + 1:  # our own commits are no change to us
            self._seen = ids[-1]
        return ids

    def _commit(self, connection: psycopg.Connection[DictRow]) -> None:
        if connection.execute("COMMIT").statusmessage != "COMMIT":
            raise psycopg.OperationalError("the server rolled the transaction back instead of committing it")

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """As the library promises; not tried again by itself, because a lost answer is no lost commit."""
        if not stored_events:
            return None
        rows = [(str(s.originator_id), s.originator_version, s.topic, s.state) for s in stored_events]
        return self.insert_rows(rows, ())

    def insert_raws(self, raws: Sequence[tuple[bytes, bytes]]) -> None:
        with self.datastore.rows(commit=True) as cursor:
            cursor.execute(self._insert_raws, ([digest for digest, _ in raws], [body for _, body in raws]))

    # -- reading -------------------------------------------------------------------------------------------

    def select_rows(
        self, stream: str, *, after: int, upto: int | None, limit: int = PAGE_EVENTS_MAX
    ) -> list[tuple[int, str, bytes]]:
        last = 2**63 - 1 if upto is None else upto
        with self.datastore.rows(commit=False) as cursor:
            cursor.execute(self._select_page, (stream, after, last, limit, PAGE_BYTES_MAX), prepare=True)
            return cast("list[tuple[int, str, bytes]]", cursor.fetchall())

    def select_last(self, stream: str) -> tuple[int, str, bytes] | None:
        with self.datastore.rows(commit=False) as cursor:
            row = cursor.execute(self._select_last, (stream,), prepare=True).fetchone()
            return cast("tuple[int, str, bytes] | None", row)

    def select_streams(self) -> list[str]:
        """One index seek a stream, not a walk over every event."""
        statement = self.sql(
            "WITH RECURSIVE streams(name) AS (SELECT pg_catalog.min(originator_id) FROM {schema}.{table} UNION ALL "
            "SELECT (SELECT pg_catalog.min(originator_id) FROM {schema}.{table} WHERE originator_id > name) "
            "FROM streams WHERE name IS NOT NULL) SELECT name FROM streams WHERE name IS NOT NULL"
        )
        with self.datastore.rows(commit=False) as cursor:
            return sorted(str(name) for (name,) in cursor.execute(statement))

    def select_raw(self, digest: bytes) -> bytes | None:
        statement = self.sql("SELECT body FROM {schema}.raw_replies WHERE digest = %s")
        with self.datastore.rows(commit=False) as cursor:
            row = cursor.execute(statement, (digest,)).fetchone()
            return None if row is None else bytes(row[0])

    def changed(self) -> bool:
        """One question by an index, about a tenth of a millisecond beside the server."""
        now, before = self._last_id(), self._seen
        self._seen = now
        return before is not None and now != before

    def _last_id(self) -> int:
        with self.datastore.rows(commit=False) as cursor:
            row = cursor.execute(self.max_notification_id_statement, prepare=True).fetchone()
            return 0 if row is None or row[0] is None else int(row[0])

    def size_bytes(self) -> int:
        statement = self.sql(
            "SELECT pg_catalog.sum(pg_catalog.pg_total_relation_size(c.oid))::bigint FROM pg_catalog.pg_class c "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {name} AND c.relkind = 'r'",
            name=Literal(self.datastore.schema),
        )
        with self.datastore.rows(commit=False) as cursor:
            row = cursor.execute(statement).fetchone()
            return 0 if row is None or row[0] is None else int(row[0])

    @contextmanager
    def view(self) -> Generator[PostgresView]:
        with self._session.use() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield PostgresView(connection, self.datastore.schema, self.events_table_name)

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[PostgresApplicationRecorder]:
        return _Listening(recorder=self, gt=gt, topics=topics)


class _Listening(PostgresSubscription):
    """Listens on a connection of its own, and looks once more after it has begun to."""

    def _listen(self) -> None:
        recorder = cast(PostgresJournalRecorder, self._recorder)
        try:
            with recorder.datastore.session.connect() as connection:
                connection.execute(SQL("LISTEN {0}").format(Identifier(recorder.channel_name)))
                self._has_been_notified.set()  # what was committed before this line would wait for the next event
                while not self._has_been_stopped and not self._thread_error:
                    for _ in connection.notifies(timeout=0.1, stop_after=1):
                        self._has_been_notified.set()
        except BaseException as error:  # noqa: BLE001  (handed on: the subscriber raises it)
            if self._thread_error is None:
                self._thread_error = error
            self.stop()


class JournalFactory(PostgresFactory):
    """The library's door to all this; `PERSISTENCE_MODULE` names it."""

    CONNINFO = "POSTGRES_CONNINFO"
    READ_ONLY = "POSTGRES_READ_ONLY"
    COMMIT = "POSTGRES_SYNCHRONOUS_COMMIT"
    LOCK_WAIT_S_MAX = "POSTGRES_LOCK_WAIT_S_MAX"

    aggregate_recorder_class = PostgresSnapshotRecorder
    application_recorder_class = PostgresJournalRecorder
    tracking_recorder_class = PostgresTrackingRecorder

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        stock = self.datastore
        conninfo = self.env.get(self.CONNINFO)
        parameters = conninfo_to_dict(conninfo) if conninfo else _stock_parameters(stock)
        session = Session(
            dict(parameters),
            read_only=self.env.get(self.READ_ONLY) == "y",
            commit=self.env.get(self.COMMIT, "on"),
            lock_wait_s_max=int(self.env.get(self.LOCK_WAIT_S_MAX) or LOCK_WAIT_S_MAX),
        )
        self.datastore = JournalDatastore(session, schema=stock.schema)

    def application_recorder(self) -> PostgresJournalRecorder:
        """By a fixed table name: the stock one carries the application's."""
        recorder = PostgresJournalRecorder(self.datastore)
        if self.env_create_table():
            recorder.create_table()
        return recorder

    def aggregate_recorder(self, purpose: str = "events") -> PostgresSnapshotRecorder:
        """As above."""
        recorder = PostgresSnapshotRecorder(self.datastore, events_table_name=f"stored_{purpose}")
        if self.env_create_table():
            recorder.create_table()
        return recorder


def _stock_parameters(stock: PostgresDatastore) -> dict[str, Any]:
    """What the stock settings say of a server, for whoever uses the factory by the library's own names."""
    given = cast("dict[str, Any]", stock.pool.kwargs)
    return {name: value for name, value in given.items() if name != "row_factory"}
