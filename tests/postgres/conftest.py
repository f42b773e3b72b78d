"""On which server do these tests run? The one that `scripts/test` starts; see `journal.conftest`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from journal.databases import PostgresStore, postgres_url


@pytest.fixture
def postgres() -> Iterator[PostgresStore]:
    """A schema of its own on the tests' server."""
    store = PostgresStore(postgres_url())
    yield store
    store.drop()
