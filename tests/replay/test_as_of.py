"""Is every earlier moment what folding everything up to there gives, by position and by time?"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.conftest import shell as shell_fixture
from cli.shell import Shell
from journal.databases import PostgresStore, postgres_url
from laws.profiles import tried
from laws.steps import ANY, Step, play, random_steps
from laws.stores import ListJournal
from laws.test_values import MODES, NAMED
from laws.world import World, impatient
from replay.journals import events, stored, writing
from replay.recording import Recording, fill
from trueup.facts import Fact
from trueup.journal import Snapshot, open_reader, open_writer
from trueup.model import plain
from trueup.reconciliation.fold import fold
from trueup.reconciliation.saved import save
from trueup.reconciliation.state import FOLD_VERSION, State
from trueup.storage import rehydrate
from trueup_adapters.cli.stores import moment_of

shell = shell_fixture


def folded(journal: ListJournal, upto: int) -> State:
    return fold(State(account=journal.account), list(enumerate(events(journal)[:upto], start=1)))


@tried(60)
@given(steps=ANY, mode=MODES, named_by=NAMED, kept=st.sets(st.integers(0, 10_000), max_size=4))
def test_law_1_any_position_is_a_fresh_fold_whatever_snapshots_there_are(
    steps: list[Step], mode, named_by, kept: set[int]
) -> None:
    """Of these snapshots half are of another fold: those are passed over, and so is whatever lies behind the moment."""
    journal = play(World(mode, impatient(), named_by=named_by), steps).journal
    journal.snapshots.clear()
    head = len(journal.stored)
    for number, place in enumerate(sorted(kept)):
        cut = place % (head + 1)
        journal.save_snapshot(Snapshot(cut, b"", FOLD_VERSION + number % 2, save(folded(journal, cut))))
    for upto in range(head + 1):
        assert save(rehydrate(journal.account, Versioned(journal), upto=upto)) == save(folded(journal, upto))


class Versioned(ListJournal):
    """A journal that gives snapshots of one fold only, as a stored one does."""

    def __init__(self, journal: ListJournal) -> None:
        super().__init__(journal.account)
        self.stored = journal.stored
        self.snapshots = journal.snapshots

    def snapshot(self, *, fold_version: int, upto: int | None = None) -> Snapshot | None:
        fit = [one for one in self.snapshots if one.fold_version == fold_version]
        fit = [one for one in fit if upto is None or one.position <= upto]
        return max(fit, key=lambda one: one.position, default=None)


def position_by_hand(journal: ListJournal, limit_us: int) -> tuple[int, bool]:
    """(the last position before the first input that came later than a time, whether a later one has an earlier)."""
    inputs = [(at, one.at.at_ns // 1000) for at, one in enumerate(events(journal), 1) if isinstance(one, Fact)]
    late = [at for at, us in inputs if us > limit_us]
    if not late:
        return len(journal.stored), False
    return late[0] - 1, any(us <= limit_us for at, us in inputs if at > late[0])


@tried(40)
@given(steps=ANY, mode=MODES, place=st.integers(0, 10_000), off_us=st.sampled_from([-1, 0, 1]))
def test_a_time_is_the_last_position_before_the_first_later_input(
    steps: list[Step], mode, place: int, off_us: int
) -> None:
    """With clocks that are set back and forth: then it says so where two positions could be meant."""
    journal = play(World(mode, impatient()), steps).journal
    at = [one.at.at_ns // 1000 for one in events(journal) if isinstance(one, Fact)]
    limit_us = at[place % len(at)] + off_us
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=limit_us)).isoformat()
    with tempfile.TemporaryDirectory() as folder:
        url = stored(journal, Path(folder) / "s.db")
        with open_reader(url, journal.account) as reader:
            moment = moment_of(reader, text, None)
    position, ambiguous = position_by_hand(journal, limit_us)
    assert moment.position == position
    assert (moment.note is not None) == ambiguous


@pytest.mark.parametrize("seed", range(3))
def test_positions_at_every_tenth_event_of_a_stored_journal(seed: int, tmp_path: Path, shell: Shell) -> None:
    world = play(World("hedging" if seed % 2 else "netting", impatient()), random_steps(seed, 150))
    url = stored(world, tmp_path / "s.db")
    with open_writer(url, "test:1", durability="normal") as writer:
        for cut in (40, 90):
            digest = writer.digest_at(cut)
            assert digest is not None
            writer.save_snapshot(Snapshot(cut, digest, FOLD_VERSION, save(folded(world.journal, cut))))
    for upto in range(0, len(world.journal.stored) + 1, 10):
        rows = shell("positions", "--store", url, "--position", upto, "--json").json
        book = folded(world.journal, upto).book
        held = [book[key].holding for key in sorted(book)]
        assert [(one["symbol"], one["ticket"], one["quantity"]) for one in rows] == [
            (one.symbol, one.ticket, plain(abs(one.signed_quantity))) for one in held if one is not None
        ]


def test_a_moment_of_a_long_journal_begins_at_the_nearest_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = Recording()
    recording.record(*(fill(f"e{n}", "AUD", 1) for n in range(100)))
    url = stored(recording.journal, tmp_path / "s.db")
    with open_writer(url, "test:1", durability="normal") as writer:
        digest = writer.digest_at(90)
        assert digest is not None
        writer.save_snapshot(Snapshot(90, digest, FOLD_VERSION, save(folded(recording.journal, 90))))
    with open_reader(url, "test:1") as reader:
        asked: list[int] = []
        events = reader.events

        def counted(*, after: int = 0, upto: int | None = None):  # type: ignore[no-untyped-def]
            asked.append(after)
            return events(after=after, upto=upto)

        monkeypatch.setattr(reader, "events", counted)
        assert rehydrate("test:1", reader, upto=95).position == 95
        assert rehydrate("test:1", reader, upto=80).position == 80
    assert asked == [90, 0]


def test_a_journal_in_postgresql_at_any_moment(shell: Shell) -> None:
    store = PostgresStore(postgres_url())
    try:
        world = play(World("hedging", impatient()), random_steps(4, 80))
        writing(world.journal, store.url)
        for upto in range(0, len(world.journal.stored) + 1, 15):
            rows = shell("positions", "--store", store.url, "--position", upto, "--json").json
            assert len(rows) == len(folded(world.journal, upto).book)
        assert shell("replay", "--store", store.url).status == 0
        assert shell("diff", 0, len(world.journal.stored), "--store", store.url, "--json").status in (0, 1)
    finally:
        store.drop()


def test_law_7_a_journal_whose_writer_died_in_the_middle_is_decided_again(tmp_path: Path, shell: Shell) -> None:
    """Whole transactions are there or are not: what is there is replayed, and its moments asked for, like any other."""
    world = play(World("hedging", impatient()), random_steps(9, 100))
    journal = world.journal
    for cut in journal.appends[::12]:
        part = ListJournal(journal.account)
        part.stored, part.appends = journal.stored[:cut], [one for one in journal.appends if one <= cut]
        url = stored(part, tmp_path / f"{cut}.db")
        ended = shell("replay", "--store", url, "--json")
        assert (ended.status, ended.json["events"]) == (0, cut)
