"""Does a journal that was written once still open, verify, fold, replay, and go on?"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from golden.story import played
from golden.write import newest
from lessons.world import NEW_YEAR_NS, FakeClock, fill, replays
from trueup import Policy
from trueup.events import encode, name_of_event, names
from trueup.facts import FillRecorded, WriterClaimed
from trueup.journal import Head, open_reader, open_writer, verify
from trueup.ledger import Claim, Ledger, rehydrate
from trueup.model import plain
from trueup.reconciliation.saved import save
from trueup.reconciliation.state import DECIDER_VERSION, FOLD_VERSION
from trueup_projections import Views

HERE = Path(__file__).parent
JOURNALS = sorted(HERE.glob("journal.*.db"))


@pytest.fixture(params=JOURNALS, ids=lambda path: path.stem)
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict]:  # type: ignore[type-arg]
    """(the URL of a copy, what was true of it when it was written)."""
    golden: Path = request.param
    facts = json.loads(golden.with_suffix(".json").read_text("utf-8"))
    shutil.copy(golden, tmp_path / "journal.db")
    return f"sqlite:///{tmp_path / 'journal.db'}", facts


def test_there_is_one_of_today_and_all_are_small() -> None:
    _, last = newest(HERE, "journal", "json")
    assert last is not None
    facts = json.loads(last.read_text("utf-8"))
    assert (facts["decider_version"], facts["fold_version"]) == (DECIDER_VERSION, FOLD_VERSION), (
        "what is decided or folded has another version now: run `python -m golden.write` in tests"
    )
    assert all(path.stat().st_size < 80_000 for path in JOURNALS)


def test_it_verifies_up_to_its_head(journal) -> None:
    url, facts = journal
    head = Head(facts["head"]["position"], bytes.fromhex(facts["head"]["digest"]))
    report = verify(url, facts["account"], head=head)
    assert report.faults == ()
    assert report.ok
    assert report.head == head


def test_it_folds_to_the_book_that_was(journal) -> None:
    url, facts = journal
    with open_writer(url, facts["account"]) as writer:
        state = rehydrate(facts["account"], writer)
    holdings = {key: slot.holding for key, slot in state.book.items() if slot.holding is not None}
    assert {key: plain(holding.signed_quantity) for key, holding in holdings.items()} == facts["book"]
    assert (state.epoch, state.gate.status, state.position) == (
        facts["epoch"],
        facts["gate"],
        facts["head"]["position"],
    )
    if facts["fold_version"] == FOLD_VERSION:
        assert sha256(save(state)).hexdigest() == facts["state"], (
            "the fold comes out otherwise: raise FOLD_VERSION and run `python -m golden.write` in tests"
        )


def test_it_projects_to_the_book_that_was(journal, tmp_path) -> None:
    url, facts = journal
    with Views.open(url, tmp_path / "views.db") as views:
        assert views.catch_up() == facts["head"]["position"]
    with closing(sqlite3.connect(tmp_path / "views.db")) as views:
        held = dict(views.execute("SELECT key, signed_quantity FROM positions").fetchall())
        told = views.execute("SELECT count(*) FROM audit WHERE sentence <> ''").fetchone()
    assert held == facts["book"]
    assert told == (facts["head"]["position"],)


def test_it_replays_as_it_was_decided(journal) -> None:
    url, facts = journal
    with open_reader(url, facts["account"]) as reader:
        events = list(reader.read())
    if facts["decider_version"] == DECIDER_VERSION:
        replays(facts["account"], events)
    assert events[0].event.__class__ is WriterClaimed
    assert len(events) == facts["head"]["position"]


def test_it_goes_on_under_a_new_epoch(journal) -> None:
    """And what was there stays as it was, byte for byte."""
    url, facts = journal
    account = facts["account"]
    with open_reader(url, account) as reader:
        before = [(one.digest, encode(one.event)) for one in reader.read()]
    clock = FakeClock()
    clock.wall = NEW_YEAR_NS + 86_400 * 1_000_000_000
    with closing(Ledger(open_writer(url, account), clock, Claim(policy=Policy.adopt()))) as ledger:
        assert ledger.state.epoch == facts["epoch"] + 1
        assert ledger.state.mode == "hedging"
        assert ledger.gate.status == "closed"
        ledger.record(fill("x99", "EURUSD", "1", ticket="99"))
        assert plain(ledger.state.book["#99"].holding.signed_quantity) == "1"  # type: ignore[union-attr]
    with open_reader(url, account) as reader:
        events = list(reader.read())
    assert [(one.digest, encode(one.event)) for one in events[: len(before)]] == before
    assert isinstance(events[-1].event, FillRecorded)
    assert verify(url, account, head=Head(len(before), before[-1][0])).ok


def test_the_story_has_every_kind_of_event_and_is_told_alike_twice(tmp_path: Path) -> None:
    """So that the golden journal holds them all, and nothing in it came from a clock, an address or luck."""
    heads = []
    for name in ("a", "b"):
        world = played(f"sqlite:///{tmp_path / name}.db")
        heads.append(world.ledger._journal.head())
        assert {name_of_event(one.event) for one in world.journal()} == set(names())
        world.close()
    assert heads[0] == heads[1]
