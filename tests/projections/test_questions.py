"""Do the questions that are asked often get right answers, on a story that was worked out by hand?"""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from projections.histories import SECOND, Clock, World  # noqa: TID251 - our own folder
from projections.tables import ask, faults, opened  # noqa: TID251
from trueup import Fill, Policy, Question
from trueup.journal import open_writer
from trueup.ledger import Claim, Ledger
from trueup.passes import Passes
from trueup.report import PassReport
from trueup.testing.broker import SimulatedBroker
from trueup_projections import Views
from trueup_projections.datasette import CANNED, metadata, metadata_path
from trueup_projections.queries import QUERIES
from trueup_projections.reference import page
from trueup_projections.tables import SCHEMA_VERSION, TABLES

DOCS = Path(__file__).resolve().parents[2] / "docs"


class Quick(Clock):
    """A clock on which waiting is at once over."""

    async def sleep(self, seconds: float) -> None:
        self.ns += int(seconds * SECOND)


class Story:
    """One netting account, its ledger, its simulated broker, its views."""

    def __init__(self, folder: Path, policy: Policy) -> None:
        self.url = f"sqlite:///{folder}/store.db"
        self.clock = Quick()
        self.broker = SimulatedBroker(position_mode="netting")
        claim = Claim(policy=policy, position_mode="netting", source="simulated", lag_ms_max={"positions": 0})
        self.ledger = Ledger(open_writer(self.url, "sim:1", durability="normal"), self.clock, claim)
        self.passes = Passes(self.ledger, self.broker, self.clock)
        self.reports: list[PassReport] = []
        self.path = folder / "store.db.views.db"

    def ask_broker(self, times: int = 1) -> None:
        for _ in range(times):
            self.clock.ns += 10 * SECOND
            self.reports.append(asyncio.run(self.passes.run("periodic")))

    def told(self, question: str, *values: object) -> list[tuple[object, ...]]:
        with Views.open(self.url) as views:
            views.catch_up()
        return ask(self.path, question, *values)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path, Policy.adopt(confirm_interval_ms=0, retries_max=0, backoff_s=()))


def test_open_breaks_come_oldest_first_with_their_age(story: Story) -> None:
    story.ask_broker()
    story.broker.open("EURUSD", "long", "0.01", price="1.05")
    story.ask_broker()
    assert story.told("SELECT symbol, kind, state, broker, age_ms FROM open_breaks") == [
        ("EURUSD", "recovery", "opened", "long 0.01", 0)
    ]
    story.clock.ns += 25 * SECOND
    story.ledger.record(Fill(execution_id="x", symbol="GBPUSD", side="buy", quantity="0.5", price="1.2"))
    assert story.told("SELECT symbol, age_ms FROM open_breaks") == [("EURUSD", 25_000)]
    story.ask_broker(3)
    assert story.told("SELECT symbol, kind FROM open_breaks") == []
    assert story.told(
        "SELECT kind, exit_reason, corrections, symbols, undone FROM corrections_by_cause ORDER BY kind"
    ) == [("ghost", "CLOSED_EXTERNALLY", 1, 1, 0), ("recovery", None, 1, 1, 0)]


def test_a_correction_that_was_undone_is_counted_as_such(story: Story) -> None:
    story.broker.open("EURUSD", "long", "0.01", price="1.05")
    story.broker.open("GBPUSD", "long", "0.01", price="1.25")
    story.ask_broker()
    hidden = story.broker._rows.pop("EURUSD")  # the broker forgets it, and lists it again (L02)
    story.ask_broker(2)
    story.broker._rows["EURUSD"] = hidden
    story.ask_broker(2)
    assert story.told("SELECT kind, corrections, undone FROM corrections_by_cause ORDER BY kind") == [
        ("ghost", 1, 1),
        ("recovery", 1, 0),
    ]


def test_l09_time_blind_to_the_broker_is_between_two_answers(story: Story) -> None:
    story.ask_broker()
    story.broker.trouble("failure", "failure")
    story.ask_broker(2)
    story.ask_broker()
    story.ask_broker()
    assert story.told("SELECT blind_ms, unanswered, restarted FROM blind") == [(30_000, 2, 0), (10_000, 0, 0)]


def test_exposure_is_summed_exactly_where_floats_would_not_be(tmp_path: Path) -> None:
    world = World(f"sqlite:///{tmp_path}/store.db")
    parts = ["0.1", "0.2", "0.000000000000000003"]
    world.ledgers["sim:hedge"].record(
        [
            Fill(
                execution_id=f"e{n}",
                symbol="BTCUSD",
                side="buy",
                quantity=part,
                price="1",
                ticket=str(n),
                strategy="trend",
            )
            for n, part in enumerate(parts)
        ]
        + [
            Fill(
                execution_id="s",
                symbol="BTCUSD",
                side="sell",
                quantity="0.3",
                price="1",
                ticket="9",
                strategy="trend",
            )
        ]
    )
    with Views.open(world.url) as views:
        views.catch_up()
        assert ask(views.path, "SELECT * FROM exposure") == [
            ("sim:hedge", "trend", "BTCUSD", 4, "0.300000000000000003", "0.3", "0.000000000000000003")
        ]
        world.ledgers["sim:hedge"].record(
            Fill(execution_id="b", symbol="BTCUSD", side="buy", quantity="0.3", price="1", ticket="9")
        )
        views.catch_up()
        assert ask(views.path, "SELECT positions, short_quantity FROM exposure") == [(3, "0")]
    world.close()


def test_the_status_of_a_pass_is_the_one_that_was_reported(story: Story) -> None:
    story.ask_broker()
    story.broker.open("EURUSD", "long", "0.01", price="1.05")
    story.broker.trouble("failure", "bad_row")
    story.ask_broker(5)
    story.broker.resize("EURUSD", "0.03")
    story.ask_broker(3)
    rows = story.told("SELECT pass, status, corrections, open_breaks, kind FROM passes ORDER BY pass")
    assert [(number, status) for number, status, *_ in rows] == [(one.pass_number, one.status) for one in story.reports]
    assert {one.status for one in story.reports} == {"SUCCESS", "PARTIAL", "DEGRADED"}
    assert [count for _, _, count, _, _ in rows] == [len({c.id for c in one.corrections}) for one in story.reports]
    latest = story.told("SELECT pass FROM last_passes")
    assert latest[0] == (story.reports[-1].pass_number,)
    assert faults(story.path) == []


def test_a_fill_that_nobody_recorded_is_told_from_one_that_was(story: Story) -> None:
    story.ledger.record(Fill(execution_id="ours", symbol="EURUSD", side="buy", quantity="0.01", price="1.05"))
    asking = story.ledger.asking()
    story.broker.open("EURUSD", "long", "0.01", price="1.05")
    answer = asyncio.run(story.broker.ask(fills()))
    story.ledger.observe("fills", answer, asking)
    rows = story.told("SELECT execution_id, listed_position IS NOT NULL FROM fills_nobody_recorded")
    assert rows == [(answer.executions[0].execution_id, 1)]
    ours = story.told(
        "SELECT side, quantity, price, recorded_position = heard_position FROM fills WHERE price = '1.05'"
    )
    assert ("buy", "0.01", "1.05", 1) in ours


def fills() -> Question:
    return Question(surface="fills")


def test_gate_and_quarantine_say_for_how_long(tmp_path: Path) -> None:
    story = Story(tmp_path, Policy.guarded(confirm_interval_ms=0))
    story.ask_broker()
    story.broker.open("EURUSD", "long", "0.01", price="1.05")
    story.ask_broker(3)
    assert story.told("SELECT scope, age_ms FROM quarantined_now") == [("*:EURUSD", 10_000)]
    spans = story.told("SELECT status, lasted_ms FROM gate_spans ORDER BY position")
    assert sum(int(str(lasted)) for _, lasted in spans) == 40_000
    story.broker.close_position("EURUSD")
    story.ask_broker()
    assert story.told("SELECT scope FROM quarantined_now") == []


# -- said once, and everywhere the same --------------------------------------------------------------------


def test_every_table_and_every_key_begins_with_the_account() -> None:
    for table in TABLES:
        assert table.columns[0].name == table.key[0] == "account", table.name
        assert table.about.endswith("."), table.name
        names = [column.name for column in table.columns]
        assert len(names) == len(set(names)), table.name
        assert all(column.about for column in table.columns), table.name


def test_the_page_about_the_read_models_is_made_from_them() -> None:
    told = (DOCS / "reference" / "read-models.md").read_text("utf-8")
    assert told == page(), "write trueup_projections.reference.page() to docs/reference/read-models.md"


def test_a_changed_schema_has_another_version() -> None:
    """Change tables or views, and raise SCHEMA_VERSION: files of the version before must be made anew."""
    shape = [
        (
            table.name,
            table.key,
            [(column.name, column.kind, column.null) for column in table.columns],
            table.links,
            table.indexes,
            table.searched,
        )
        for table in TABLES
    ]
    digest = hashlib.sha256(repr((shape, [(query.name, query.sql) for query in QUERIES])).encode()).hexdigest()
    assert (SCHEMA_VERSION, digest[:16]) == (2, "94331f557d6bda37")


def test_the_metadata_names_what_is_there_and_its_questions_run(story: Story) -> None:
    story.broker.open("EURUSD", "long", "0.01", price="1.05")
    story.ask_broker(2)
    views = {query.name for query in QUERIES}
    there = {name for (name,) in story.told("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    written = json.loads(metadata_path(story.path).read_bytes())
    assert written == json.loads(json.dumps(metadata(story.path.stem)))
    (shown,) = written["databases"].values()
    assert set(written["databases"]) == {"store.db.views"}
    assert set(shown["tables"]) <= there
    assert {table.name for table in TABLES} | views <= set(shown["tables"])
    for name in views:
        assert ask(story.path, f"SELECT * FROM {name}") is not None
    asked = {"symbol": "EURUSD", "correction": "x", "account": "sim:1", "position": 3, "words": "baseline", "ms": 1}
    asked["client_order_id"] = "c1"
    answers = {name: ask_named(story.path, sql, asked) for name, (_, _, sql) in CANNED.items()}
    assert len(answers["what_follows_from"]) >= 2
    assert any("baseline" in str(row) for row in answers["search_the_audit"])
    assert answers["blind_for_longer_than"]


def ask_named(path: Path, sql: str, values: dict[str, object]) -> list[tuple[object, ...]]:
    with opened(path) as connection:
        return connection.execute(sql, values).fetchall()


def test_an_open_break_stands_where_the_fold_has_it_whatever_its_claim_becomes(tmp_path: Path) -> None:
    story = Story(tmp_path, Policy.observe(confirm_interval_ms=0))
    story.broker.open("EURUSD", "long", "0.01", price="1.05")
    story.ask_broker()
    states = []
    for quantity in ("0.05", "0.02"):
        story.broker.resize("EURUSD", quantity)
        for _ in range(2):
            story.ask_broker()
            states.append(story.told("SELECT state, broker FROM breaks WHERE is_open AND field = 'quantity'"))
            (known,) = [one for one in story.ledger.state.breaks["EURUSD"] if one.field == "quantity"]
            assert states[-1] == [(known.state, known.broker)]
    assert [state for ((state, _),) in states[:2]] == ["opened", "escalated"]
    assert len({told for (told,) in states}) > 2
