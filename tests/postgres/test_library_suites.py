"""Do our recorders and factory for PostgreSQL pass the event-sourcing library's own persistence suites?"""

from __future__ import annotations

from uuid import UUID, uuid4

from eventsourcing.postgres import PostgresProcessRecorder, PostgresTrackingRecorder
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict

from journal import library_cipher
from journal.databases import PostgresStore, postgres_url
from trueup.journal.postgres import (
    JournalDatastore,
    JournalFactory,
    PostgresJournalRecorder,
    PostgresSnapshotRecorder,
)
from trueup.journal.postgres_session import Session

library_cipher.install()

from eventsourcing.tests import persistence as suites  # noqa: E402  (after the stand-in it may need)


class _InSchema:
    """Gives each case a schema of its own, and drops it."""

    def setUp(self) -> None:
        self.place = PostgresStore(postgres_url())
        self.stores: list[JournalDatastore] = []

    def tearDown(self) -> None:
        for store in self.stores:
            store.close()
        self.place.drop()

    def store(self) -> JournalDatastore:
        self.stores.append(JournalDatastore(Session(dict(self.parameters())), schema=self.place.schema))
        return self.stores[-1]

    def parameters(self) -> dict[str, object]:
        return dict(conninfo_to_dict(self.place.server))

    def new_originator_id(self) -> UUID | str:
        return str(uuid4())  # our ids are text


class TestSnapshotRecorder(_InSchema, suites.AggregateRecorderTestCase):
    def create_recorder(self) -> PostgresSnapshotRecorder:
        recorder = PostgresSnapshotRecorder(self.store())
        recorder.create_table()
        return recorder


class TestJournalRecorder(_InSchema, suites.ApplicationRecorderTestCase[PostgresJournalRecorder]):
    def create_recorder(self) -> PostgresJournalRecorder:
        recorder = PostgresJournalRecorder(self.store())
        recorder.create_table()
        return recorder

    def test_subscriptions(self) -> None:
        self.optional_test_insert_subscribe()


class TestNotificationIdsDoNotInterleave(_InSchema, suites.NonInterleavingNotificationIDsBaseCase):
    insert_num = 1000

    def create_recorder(self) -> PostgresJournalRecorder:
        recorder = PostgresJournalRecorder(self.store())
        recorder.create_table()
        return recorder


class PostgresTrackingRecorderSubclass(PostgresTrackingRecorder):
    pass


class TestFactory(_InSchema, suites.InfrastructureFactoryTestCase[JournalFactory]):
    def setUp(self) -> None:
        _InSchema.setUp(self)
        parameters = conninfo_to_dict(self.place.server)
        self.env = Environment("TestCase")
        self.env["PERSISTENCE_MODULE"] = "trueup.journal.postgres:JournalFactory"
        self.env["POSTGRES_DBNAME"] = str(parameters["dbname"])
        self.env["POSTGRES_HOST"] = str(parameters.get("host", ""))
        self.env["POSTGRES_PORT"] = str(parameters.get("port", "5432"))
        self.env["POSTGRES_USER"] = str(parameters.get("user", ""))
        self.env["POSTGRES_PASSWORD"] = str(parameters.get("password", ""))
        self.env["POSTGRES_SCHEMA"] = self.place.schema
        with self.place.connect() as connection:  # the library's own tracking recorder makes no schema
            connection.execute(f"CREATE SCHEMA {self.place.schema}".encode())
        connection.close()
        suites.InfrastructureFactoryTestCase.setUp(self)

    def tearDown(self) -> None:
        suites.InfrastructureFactoryTestCase.tearDown(self)
        _InSchema.tearDown(self)

    def expected_factory_class(self) -> type[JournalFactory]:
        return JournalFactory

    def expected_aggregate_recorder_class(self) -> type[PostgresSnapshotRecorder]:
        return PostgresSnapshotRecorder

    def expected_application_recorder_class(self) -> type[PostgresJournalRecorder]:
        return PostgresJournalRecorder

    def expected_tracking_recorder_class(self) -> type[PostgresTrackingRecorder]:
        return PostgresTrackingRecorder

    def tracking_recorder_subclass(self) -> type[PostgresTrackingRecorderSubclass]:
        return PostgresTrackingRecorderSubclass

    def expected_process_recorder_class(self) -> type[PostgresProcessRecorder]:
        return PostgresProcessRecorder
