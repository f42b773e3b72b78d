"""Do our recorders and factory pass the event-sourcing library's own persistence suites?

9.5.6 ships no suite for mappers; `test_mapper.py` holds what this one promises.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from eventsourcing.sqlite import SQLiteProcessRecorder, SQLiteTrackingRecorder
from eventsourcing.utils import Environment

from journal import library_cipher
from trueup.journal.sqlite import JournalFactory, SQLiteJournalRecorder, SQLiteSnapshotRecorder
from trueup.journal.sqlite_connection import JournalDatastore

library_cipher.install()

from eventsourcing.tests import persistence as suites  # noqa: E402  (after the stand-in it may need)


class _InFolder:
    """Gives each case a database of its own, and closes it."""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.stores: list[JournalDatastore] = []

    def tearDown(self) -> None:
        for store in self.stores:
            store.close()
        self.folder.cleanup()

    def store(self) -> JournalDatastore:
        self.stores.append(JournalDatastore(self.db_name()))
        return self.stores[-1]

    def db_name(self) -> str:
        return f"file:{Path(self.folder.name) / 'suite.db'}?mode=rwc"

    def new_originator_id(self) -> UUID | str:
        return str(uuid4())  # our ids are text


class _InMemory(_InFolder):
    def db_name(self) -> str:
        return f"file:suite-{Path(self.folder.name).name}?mode=memory&cache=shared"


class TestSnapshotRecorder(_InFolder, suites.AggregateRecorderTestCase):
    def create_recorder(self) -> SQLiteSnapshotRecorder:
        recorder = SQLiteSnapshotRecorder(self.store(), events_table_name="stored_snapshots")
        recorder.create_table()
        return recorder


class TestSnapshotRecorderInMemory(_InMemory, TestSnapshotRecorder):
    pass


class TestJournalRecorder(_InFolder, suites.ApplicationRecorderTestCase[SQLiteJournalRecorder]):
    def create_recorder(self) -> SQLiteJournalRecorder:
        recorder = SQLiteJournalRecorder(self.store())
        recorder.create_table()
        return recorder

    def optional_test_insert_subscribe(self, initial_position: int = 0) -> None:
        """Not run (the suite leaves it optional): SQLite cannot notify, and we poll `changed()` instead."""
        with pytest.raises(NotImplementedError):
            self.create_recorder().subscribe(gt=initial_position)

    def test_subscriptions_are_refused_as_by_the_stock_recorder(self) -> None:
        self.optional_test_insert_subscribe()


class TestJournalRecorderInMemory(_InMemory, TestJournalRecorder):
    pass


class TestNotificationIdsDoNotInterleave(_InFolder, suites.NonInterleavingNotificationIDsBaseCase):
    insert_num = 1000

    def create_recorder(self) -> SQLiteJournalRecorder:
        recorder = SQLiteJournalRecorder(self.store())
        recorder.create_table()
        return recorder


class SQLiteTrackingRecorderSubclass(SQLiteTrackingRecorder):
    pass


class TestFactory(_InFolder, suites.InfrastructureFactoryTestCase[JournalFactory]):
    def setUp(self) -> None:
        _InFolder.setUp(self)
        self.env = Environment("TestCase")
        self.env["PERSISTENCE_MODULE"] = "trueup.journal.sqlite:JournalFactory"
        self.env["SQLITE_DBNAME"] = self.db_name()
        suites.InfrastructureFactoryTestCase.setUp(self)

    def tearDown(self) -> None:
        suites.InfrastructureFactoryTestCase.tearDown(self)
        _InFolder.tearDown(self)

    def expected_factory_class(self) -> type[JournalFactory]:
        return JournalFactory

    def expected_aggregate_recorder_class(self) -> type[SQLiteSnapshotRecorder]:
        return SQLiteSnapshotRecorder

    def expected_application_recorder_class(self) -> type[SQLiteJournalRecorder]:
        return SQLiteJournalRecorder

    def expected_tracking_recorder_class(self) -> type[SQLiteTrackingRecorder]:
        return SQLiteTrackingRecorder

    def tracking_recorder_subclass(self) -> type[SQLiteTrackingRecorderSubclass]:
        return SQLiteTrackingRecorderSubclass

    def expected_process_recorder_class(self) -> type[SQLiteProcessRecorder]:
        return SQLiteProcessRecorder
