"""On which databases do the journal's tests run?

On SQLite always, and on PostgreSQL where `TRUEUP_TEST_POSTGRES` names a server (`scripts/test` starts one when it is
installed). In CI a missing server is a failure, not a skip: a promise about PostgreSQL is a promise.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from journal.databases import Database, PostgresStore, SQLiteStore, postgres_url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A store that does not exist yet, and the means to tamper with it."""
    if request.param == "sqlite":
        yield SQLiteStore(tmp_path_factory.mktemp("store") / "a.db")
        return
    store = PostgresStore(postgres_url())
    yield store
    store.drop()


@pytest.fixture
def postgres() -> Iterator[PostgresStore]:
    """A schema of its own on the tests' server."""
    store = PostgresStore(postgres_url())
    yield store
    store.drop()


@pytest.fixture
def store_url(database: Database) -> str:
    """The URL of a store that does not exist yet, on each database."""
    return database.url


@pytest.fixture(params=["sqlite", "memory", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """As `store_url`, and one in memory."""
    if request.param == "memory":
        yield f"memory://{tmp_path_factory.mktemp('memory').name}"
    elif request.param == "sqlite":
        yield SQLiteStore(tmp_path_factory.mktemp("store") / "a.db").url
    else:
        store = PostgresStore(postgres_url())
        yield store.url
        store.drop()
