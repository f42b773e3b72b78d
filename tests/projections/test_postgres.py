"""Law 11 on PostgreSQL: read models of its journals, kept page by page, are what a rebuild gives, orders and all."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from journal.databases import PostgresStore, postgres_url
from projections.histories import WHAT, Step, World  # noqa: TID251 - our own folder
from projections.tables import ask, content, faults  # noqa: TID251
from projections.test_law_11 import says_the_same_as_the_journal  # noqa: TID251
from trueup_projections import Views


@pytest.fixture
def postgres() -> Iterator[PostgresStore]:
    """A schema of its own on the tests' server."""
    store = PostgresStore(postgres_url())
    yield store
    store.drop()


def test_law_11_orders_and_actions_of_a_journal_on_postgresql(postgres: PostgresStore, tmp_path: Path) -> None:
    world, dice = World(postgres.url), random.Random(11)
    kept = tmp_path / "kept.db"
    for _ in range(12):
        for _ in range(8):
            world.do(Step(dice.choice(WHAT), "sim:net", dice.randrange(4), dice.randrange(-3, 4)))
        with Views.open(postgres.url, kept, page_events=5) as views:
            views.catch_up()
    with Views.open(postgres.url, tmp_path / "anew.db") as views:
        views.catch_up()
    assert content(kept) == content(tmp_path / "anew.db")
    assert faults(kept) == []
    says_the_same_as_the_journal(world, kept)
    for table in ("orders", "broker_orders", "order_steps", "actions"):
        assert ask(kept, f"SELECT count(*) > 0 FROM {table}") == [(1,)], table
    world.close()
