"""Does what was appended stand there, whole, whoever asks and whatever failed?"""

from __future__ import annotations

import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest

from journal.databases import Database, at_commit
from journal.samples import ACCOUNT, OTHER, edit, fill, fills, item, observed, url_of
from trueup.errors import InputError, JournalError, WriterFenced
from trueup.journal import (
    GENESIS,
    Head,
    JournalWriter,
    Snapshot,
    accounts,
    backend,
    open_inbox,
    open_reader,
    open_writer,
    raw,
    snapshots,
    store,
    verify,
)
from trueup.journal.sqlite_connection import JournalConnection


def test_append_and_read(url: str) -> None:
    with open_writer(url, ACCOUNT) as writer:
        assert writer.head() == Head(0, GENESIS)
        assert list(writer.read()) == []
        head = writer.append(fills(1, 3))
        assert head == writer.head()
        with open_reader(url, ACCOUNT) as reader:
            assert reader.head() == head
            found = list(reader.read())
            assert [(r.position, r.event) for r in found] == [(n, fill(n)) for n in (1, 2, 3)]
            assert found[-1].digest == head.digest
            assert [r.position for r in reader.read(after=1, upto=2)] == [2]
            assert reader.event(3) == fill(3)
            with pytest.raises(InputError, match="no event 4"):
                reader.event(4)


def test_a_reopened_writer_goes_on_where_it_was(store_url: str) -> None:
    url = store_url
    with open_writer(url, ACCOUNT) as writer:
        head = writer.append(fills(1, 2))
    with open_writer(url, ACCOUNT) as writer:
        assert writer.head() == head
        writer.append(fills(3, 3))
    assert verify(url, ACCOUNT).ok


def test_accounts_are_streams_of_their_own_and_inboxes_no_accounts(url: str) -> None:
    with open_writer(url, OTHER) as other, open_writer(url, ACCOUNT) as writer, open_inbox(url, "x:1") as inbox:
        other.append(fills(1, 1))
        writer.append(fills(1, 2))
        inbox.put(item(1))
        assert accounts(url) == [ACCOUNT, OTHER]
        assert other.head().position == 1


def test_pages_follow_each_other_without_gap(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trueup.journal.sqlite.PAGE_BYTES_MAX", 1)
    monkeypatch.setattr("trueup.journal.postgres.PAGE_BYTES_MAX", 1)
    with open_writer(url, ACCOUNT) as writer:
        writer.append(fills(1, 300))
        reading = writer.read()
        first = next(reading)
        writer.append(fills(301, 301))
        assert [first.position, *(r.position for r in reading)] == list(range(1, 302))


def test_law_12_a_page_is_bounded_by_count_and_by_bytes(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_writer(store_url, ACCOUNT) as writer:
        writer.append(fills(1, backend.PAGE_EVENTS_MAX + 10))
        rows = writer._journal.rows
        assert len(rows.select_rows(ACCOUNT, after=0, upto=None)) == backend.PAGE_EVENTS_MAX
        page = rows.select_rows(ACCOUNT, after=0, upto=None, limit=10)
        assert [position for position, _, _ in page] == list(range(1, 11))
        for module in ("sqlite", "postgres"):
            monkeypatch.setattr(f"trueup.journal.{module}.PAGE_BYTES_MAX", 1_000)
        assert 0 < len(rows.select_rows(ACCOUNT, after=0, upto=None)) < 200


def test_law_12_limits_are_named_and_kept(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "APPEND_EVENTS_MAX", 2)
    monkeypatch.setattr(raw, "RAW_BYTES_MAX", 10)
    with open_writer(store_url, ACCOUNT) as writer:
        with pytest.raises(InputError, match="at most 2"):
            writer.append(fills(1, 3))
        with pytest.raises(InputError, match="longer than the 10"):
            writer.append(fills(1, 1), raws=[b"x" * 11])
        assert writer.append(fills(1, 2), raws=[b"x" * 10]).position == 2


# -- all or nothing ----------------------------------------------------------------------------------------


def test_law_7_a_failed_append_leaves_nothing_and_the_next_one_works(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_writer(url, ACCOUNT) as writer:
        before = writer.append(fills(1, 2))

        with monkeypatch.context() as patch:
            at_commit(patch, store=False, then="full")
            with pytest.raises(JournalError, match=r"the disk( of the database server)? is full"):
                writer.append([observed(3, b"raw")], raws=[b"raw"])
        assert writer.head() == before
        assert writer.raw(sha256(b"raw").digest()) is None
        assert writer.append(fills(3, 3)).position == 3
        assert [r.event for r in writer.read()] == fills(1, 3)


def test_law_7_an_append_that_failed_half_way_is_undone(url: str) -> None:
    with open_writer(url, ACCOUNT) as writer:
        writer.append(fills(1, 2))
        rows, _ = writer._journal.sealing.chained(ACCOUNT, writer.head(), fills(3, 5))
        rows[2] = rows[1]  # the third row cannot be stored
        with pytest.raises(Exception, match=r"version is taken|unique"):
            writer._journal.rows.insert_rows(rows, [(b"digest", b"body")])
        assert writer.raw(b"digest") is None
        with open_reader(url, ACCOUNT) as reader:
            assert reader.head() == writer.head()
        assert writer.append(fills(3, 5)).position == 5


def test_law_7_a_commit_that_worked_although_it_reported_failure_counts(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(url, ACCOUNT) as writer:
        writer.append(fills(1, 2))
        with monkeypatch.context() as patch:
            at_commit(patch, store=True, then="broken")
            assert writer.append(fills(3, 4)).position == 4
        assert writer.append(fills(5, 5)).position == 5
        assert verify(url, ACCOUNT).ok


def test_law_7_an_append_in_doubt_is_settled_by_reading_before_the_next(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(url, ACCOUNT) as writer:
        writer.append(fills(1, 2))
        with monkeypatch.context() as patch:
            at_commit(patch, store=True, then="interrupt")
            with pytest.raises(KeyboardInterrupt):
                writer.append(fills(3, 4))
        with pytest.raises(JournalError, match="was stored although it was reported as failed; read on to 4"):
            writer.append(fills(5, 5))
        assert writer.head().position == 4
        assert writer.append(fills(5, 5)).position == 5
        assert [r.event for r in writer.read()] == fills(1, 5)


def test_law_7_in_doubt_anothers_event_at_our_version_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url_of(tmp_path / "a.db")
    with open_writer(url, ACCOUNT) as writer:
        writer.append(fills(1, 2))

        def failing(self: JournalConnection) -> None:
            self.sqlite.rollback()
            rows, _ = writer._journal.sealing.chained(ACCOUNT, writer._head, fills(9, 9))
            with sqlite3.connect(tmp_path / "a.db") as rival:
                rival.execute("INSERT INTO stored_events VALUES (?,?,?,?)", rows[0])
            rival.close()
            raise sqlite3.OperationalError("disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(JournalConnection, "_commit", failing)
            with pytest.raises(WriterFenced, match="another's event"):
                writer.append(fills(3, 3))


# -- readers -----------------------------------------------------------------------------------------------


def test_a_reader_neither_makes_nor_changes_a_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no store at"):
        open_reader(url_of(tmp_path / "none.db"), ACCOUNT)
    with pytest.raises(InputError, match="no journal"):
        open_reader("memory://nobody", ACCOUNT)
    assert list(tmp_path.iterdir()) == []
    with open_writer(url_of(tmp_path / "a.db"), ACCOUNT) as writer:
        writer.append(fills(1, 1))
        with open_reader(url_of(tmp_path / "a.db"), ACCOUNT) as reader:
            with pytest.raises(JournalError), reader._journal.telling("write"):
                reader._journal.rows.insert_raws([(b"a", b"b")])
            assert writer.append(fills(2, 2)).position == 2


def test_a_reader_hears_of_every_commit_and_a_writer_only_of_others(url: str) -> None:
    with (
        open_writer(url, ACCOUNT) as writer,
        open_reader(url, ACCOUNT) as reader,
        open_inbox(url, ACCOUNT) as inbox,
    ):
        assert [reader.changed(), writer.changed(), inbox.changed()] == [False, False, False]
        writer.append(fills(1, 1))
        assert [reader.changed(), reader.changed(), writer.changed(), inbox.changed()] == [
            True,
            False,
            False,
            False,
        ]
        inbox.put(item(1))
        assert [reader.changed(), writer.changed(), writer.changed()] == [True, True, False]


def test_an_account_without_events_is_an_empty_journal(url: str) -> None:
    with open_writer(url, ACCOUNT), open_reader(url, OTHER) as reader:
        assert reader.head() == Head(0, GENESIS)
        assert list(reader.read()) == []


def test_a_store_in_memory_lives_while_anybody_has_it_open(tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}-x"
    with open_inbox(url, ACCOUNT):
        with open_writer(url, ACCOUNT) as writer:
            writer.append(fills(1, 2))
        with open_writer(url, ACCOUNT) as writer:
            assert writer.head().position == 2
    with open_writer(url, ACCOUNT) as writer:
        assert writer.head().position == 0
    for alias in ("sqlite://", "sqlite:///:memory:"):
        with open_writer(alias, ACCOUNT) as writer:
            assert writer.append(fills(1, 1)).position == 1


# -- snapshots and raw replies -----------------------------------------------------------------------------


def snap(writer: JournalWriter, position: int, fold_version: int, state: bytes) -> Snapshot:
    (recorded,) = writer.read(after=position - 1, upto=position)
    snapshot = Snapshot(position, recorded.digest, fold_version, state)
    writer.save_snapshot(snapshot)
    return snapshot


def test_the_newest_usable_snapshot_is_found(url: str) -> None:
    with open_writer(url, ACCOUNT) as writer:
        writer.append(fills(1, 5))
        assert writer.snapshot(fold_version=1) is None
        two, four = snap(writer, 2, 1, b"two"), snap(writer, 4, 1, b"four")
        assert writer.snapshot(fold_version=1) == four
        assert writer.snapshot(fold_version=1, upto=3) == two
        assert writer.snapshot(fold_version=1, upto=1) is None
        newer = snap(writer, 4, 2, b"four, folded anew")
        assert writer.snapshot(fold_version=2) == newer
        assert writer.snapshot(fold_version=1) == two  # another fold version is passed over


def test_law_8_a_snapshot_that_is_not_of_this_journal_is_neither_kept_nor_used(database: Database) -> None:
    with open_writer(database.url, ACCOUNT) as writer:
        writer.append(fills(1, 5))
        with pytest.raises(InputError, match="does not carry that event's digest"):
            writer.save_snapshot(Snapshot(3, b"x" * 32, 1, b"state"))
        with pytest.raises(InputError):
            writer.save_snapshot(Snapshot(6, writer.head().digest, 1, b"state"))
        good = snap(writer, 2, 1, b"good")
        snap(writer, 4, 1, b"bad to be")
        with database.tampering() as connection:
            edit(connection, b"bad", b"BAD", "originator_version=4", table="stored_snapshots")
        assert writer.snapshot(fold_version=1) == good


def test_law_8_a_snapshot_of_an_event_that_stands_there_no_more_is_not_used(database: Database) -> None:
    url = database.url
    with open_writer(url, ACCOUNT) as writer:
        writer.append(fills(1, 5))
        good = snap(writer, 2, 1, b"good")
        snap(writer, 5, 1, b"of what was taken away")
    with database.tampering() as connection:
        connection.execute("DELETE FROM stored_events WHERE originator_version=5")
    with open_writer(url, ACCOUNT) as writer:
        assert writer.snapshot(fold_version=1) == good
        writer.append(fills(6, 6))
        assert writer.snapshot(fold_version=1) == good


def test_law_12_only_the_newest_snapshots_stay(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SNAPSHOTS_MAX", 3)
    assert snapshots.SNAPSHOTS_MAX == 16
    with open_writer(url, ACCOUNT) as writer:
        writer.append(fills(1, 9))
        for position in range(1, 10):
            snap(writer, position, 1, b"state")
        assert writer.snapshot(fold_version=1, upto=7) is not None
        assert writer.snapshot(fold_version=1, upto=6) is None


def test_raw_replies_are_kept_once_by_digest(url: str) -> None:
    with open_writer(url, ACCOUNT) as writer:
        writer.append([observed(1, b"one")], raws=[b"one"])
        writer.keep_raws([b"one", b"two"])
        writer.append([], raws=[b"three"])
        for text in (b"one", b"two", b"three"):
            assert writer.raw(sha256(text).digest()) == text
        assert writer.raw(b"nothing") is None


@pytest.mark.parametrize(("durability", "level"), [("full", 2), ("normal", 1)])
def test_durability_is_what_was_asked_for(tmp_path: Path, durability: backend.Durability, level: int) -> None:
    with (
        open_writer(url_of(tmp_path / "a.db"), ACCOUNT, durability=durability) as writer,
        writer._journal.rows._store.connection() as connection,  # type: ignore[attr-defined]
    ):
        assert connection.sqlite.execute("PRAGMA synchronous").fetchone()[0] == level
        assert connection.sqlite.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
