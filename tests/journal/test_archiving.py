"""Is nothing lost, and nothing noticed but the size, when a store's earlier events are archived?"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import pytest

from journal.samples import ACCOUNT, OTHER, decision, edit, fill, fills, item, observed, tampering, url_of
from lessons.world import World, row
from lessons.world import fill as told
from trueup.errors import InputError, JournalCorrupt, JournalError, JournalLocked, WriterFenced
from trueup.journal import (
    Head,
    Recorded,
    Snapshot,
    accounts,
    archive,
    archiving,
    open_follower,
    open_inbox,
    open_reader,
    open_writer,
    verify,
)
from trueup.storage import rehydrate

EARLY, LATE = b"an early reply" * 30, b"a late reply" * 30


def grown(path: Path) -> tuple[str, list[Head]]:
    """A store of two accounts, one with replies, snapshots and an inbox; the heads of the first after each event."""
    url = url_of(path)
    heads: list[Head] = []
    with open_writer(url, ACCOUNT) as writer, open_writer(url, OTHER) as other, open_inbox(url, ACCOUNT) as inbox:
        for n in range(1, 31):
            event, raw = (fill(n), b"") if n not in (5, 25) else (observed(n, EARLY if n == 5 else LATE), b"x")
            reply = [EARLY if n == 5 else LATE] if raw else []
            if n in (6, 26):
                event = decision(n - 1)  # type: ignore[assignment]
            heads.append(writer.append([event], raws=reply))
            if n % 10 == 0:
                writer.save_snapshot(Snapshot(n, heads[-1].digest, 1, b"%d" % n))
                other.append([fill(n)])
                inbox.put(item(n))
    return url, heads


def events(url: str, account: str = ACCOUNT) -> list[Recorded]:
    with open_reader(url, account) as reader:
        return list(reader.read())


def followed(url: str) -> list[tuple[int, str, int]]:
    follower, after, found = open_follower(url), 0, []
    while True:
        page = follower.page(after=after, events_max=7)
        found += [(one.notification, one.account, one.position) for one in page.events]
        if page.end == after:
            follower.close()
            return found
        after = page.end


def test_law_8_what_is_archived_is_still_read_followed_and_verified(tmp_path: Path) -> None:
    url, heads = grown(tmp_path / "a.db")
    before, others, order = events(url), events(url, OTHER), followed(url)
    done = archive(url, ACCOUNT, before=21)
    assert (done.account, done.head, done.file.name) == (ACCOUNT, heads[19], "a.db.mt5_5001.1-20.archive")
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".lock") == ["a.db", done.file.name]
    connection = sqlite3.connect(tmp_path / "a.db")
    live = connection.execute("SELECT MIN(originator_version) FROM stored_events WHERE originator_id=?", (ACCOUNT,))
    assert live.fetchone() == (21,)
    connection.close()
    assert events(url) == before
    assert events(url, OTHER) == others
    assert followed(url) == order
    assert accounts(url) == [ACCOUNT, OTHER]
    with open_inbox(url, ACCOUNT) as inbox:
        assert [found.id for _, found, _ in inbox.read()] == ["operator-10", "operator-20", "operator-30"]
    for account, count in ((ACCOUNT, 30), (OTHER, 3)):
        report = verify(url, account)
        assert (report.ok, report.events, report.faults, report.raw_missing) == (True, count, (), 0)
    for head in heads:
        assert verify(url, ACCOUNT, head=head).ok
        assert not verify(url, ACCOUNT, head=Head(head.position, bytes(32))).ok
    with open_reader(url, ACCOUNT) as reader:
        assert [reader.event(n) for n in (1, 20, 21, 30)] == [before[n - 1].event for n in (1, 20, 21, 30)]
        assert [one.position for one in reader.read(after=18, upto=22)] == [19, 20, 21, 22]
        assert [one.position for one in reader.read(after=3, upto=5)] == [4, 5]
        assert [reader.digest_at(n) for n in (1, 20, 21)] == [heads[n - 1].digest for n in (1, 20, 21)]
        assert reader.raw(sha256(EARLY).digest()) == EARLY
        assert reader.raw(sha256(LATE).digest()) == LATE
        assert reader.raw(bytes(32)) is None
        assert [reader.snapshot(fold_version=1, upto=n).position for n in (30, 29, 20, 19, 10)] == [  # type: ignore[union-attr]
            30,
            20,
            20,
            10,
            10,
        ]
        assert reader.snapshot(fold_version=1, upto=9) is None


def test_a_writer_goes_on_after_an_archive_and_archives_go_on_after_each_other(tmp_path: Path) -> None:
    url, _ = grown(tmp_path / "a.db")
    first = archive(url, ACCOUNT, before=11)
    with open_writer(url, ACCOUNT) as writer, open_inbox(url, ACCOUNT) as inbox:
        assert writer.append(fills(31, 40)).position == 40
        assert inbox.put(item(99)) == 4
    second = archive(url, ACCOUNT, before=36)
    third = archive(url, OTHER, before=3)
    with open_writer(url, ACCOUNT) as writer, open_writer(url, OTHER) as other:
        assert writer.append(fills(41, 41)).position == 41
        assert other.append(fills(4, 4)).position == 4
        assert verify(url, ACCOUNT, head=writer.head()).ok
    assert [first.file.name, second.file.name, third.file.name] == [
        "a.db.mt5_5001.1-10.archive",
        "a.db.mt5_5001.11-35.archive",
        "a.db.mt5_5002.1-2.archive",
    ]
    assert [one.position for one in events(url)] == list(range(1, 42))
    assert [one.position for one in events(url, OTHER)] == [1, 2, 3, 4]
    order = followed(url)
    assert len(order) == 45
    assert order == sorted(order)
    assert len({id for id, _, _ in order}) == 45
    for account in (ACCOUNT, OTHER):
        assert verify(url, account).faults == ()


def test_law_8_changes_in_an_archive_are_found_and_a_missing_one_is_said(tmp_path: Path) -> None:
    url, heads = grown(tmp_path / "a.db")
    file = archive(url, ACCOUNT, before=21).file
    pristine = file.read_bytes()
    for statement, found in (
        ("DELETE FROM stored_events WHERE originator_id='mt5:5001' AND originator_version=7", "events 7 to 7"),
        ("UPDATE raw_replies SET body=x'00'", "does not unpack"),
    ):
        with tampering(file) as editor:
            editor.execute(statement)
        faults = verify(url, ACCOUNT).faults
        assert any(fault.why.startswith(f"archive {file.name}: ") and found in fault.why for fault in faults), faults
        file.write_bytes(pristine)
    with tampering(file) as editor:
        edit(editor, b"e20", b"eXX", f"originator_id='{ACCOUNT}' AND originator_version=20")
    assert {fault.position for fault in verify(url, ACCOUNT).faults} >= {20}
    file.rename(tmp_path / "elsewhere")
    (fault,) = verify(url, ACCOUNT).faults
    assert "there is no such file beside the store" in fault.why
    with open_reader(url, ACCOUNT) as reader:
        assert reader.event(21) == fill(21)
        assert reader.snapshot(fold_version=1, upto=20) is not None  # a start from a snapshot does not need it
        with pytest.raises(JournalError, match=r"were archived in a.db.mt5_5001.1-20.archive.*put it back"):
            reader.event(20)
    follower = open_follower(url)
    with pytest.raises(JournalError, match="put it back"):
        follower.page(after=0)
    follower.close()
    assert heads[29].position == 30


def test_law_8_the_base_itself_is_held_against_the_archive(tmp_path: Path) -> None:
    url, _ = grown(tmp_path / "a.db")
    archive(url, ACCOUNT, before=21)
    with tampering(tmp_path / "a.db") as editor:
        editor.execute("UPDATE archived SET digest=x'" + "00" * 32 + "'")
    faults = verify(url, ACCOUNT).faults
    assert any("archive" in fault.why for fault in faults)
    assert any(fault.position == 21 and "does not follow" in fault.why for fault in faults)


def test_law_8_snapshots_are_folded_again_through_the_archive(tmp_path: Path) -> None:
    def count(recorded: Iterable[Recorded], upto: int) -> bytes:
        positions = [one.position for one in recorded]
        assert positions == list(range(1, upto + 1))
        return b"%d" % len(positions)

    url, _ = grown(tmp_path / "a.db")
    archive(url, ACCOUNT, before=21)
    assert verify(url, ACCOUNT, refold=count, fold_version=1).faults == ()
    report = verify(url, ACCOUNT, refold=lambda recorded, upto: b"?", fold_version=1)
    assert {fault.position for fault in report.faults} == {10, 20, 30}


def test_an_archive_is_read_and_never_written_again(tmp_path: Path) -> None:
    url, heads = grown(tmp_path / "a.db")
    file = archive(url, ACCOUNT, before=21).file
    with open_reader(url_of(file), ACCOUNT) as reader:
        assert reader.head() == heads[29]
    assert verify(url_of(file), ACCOUNT).ok
    for opener in (open_writer, open_inbox):
        with pytest.raises(InputError, match="is an archive"):
            opener(url_of(file), ACCOUNT)
    with pytest.raises(InputError, match="is an archive already"):
        archive(url_of(file), ACCOUNT, before=5)
    connection = sqlite3.connect(file)
    with pytest.raises(sqlite3.IntegrityError, match="this store is an archive"):
        connection.execute("INSERT INTO stored_events VALUES ('x:1', 1, '', '')")
    connection.close()


def test_law_8_the_new_store_refuses_changes_as_the_old_one_did(tmp_path: Path) -> None:
    url, _ = grown(tmp_path / "a.db")
    archive(url, ACCOUNT, before=21)
    connection = sqlite3.connect(tmp_path / "a.db")
    for statement in (
        f"INSERT OR REPLACE INTO stored_events VALUES ('{ACCOUNT}', 25, 'x', x'00')",
        "UPDATE stored_events SET topic='x'",
        "DELETE FROM stored_events",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="stored events are never changed"):
            connection.execute(statement)
    connection.close()


def test_a_follower_that_wants_some_events_only_goes_on_from_the_archive(tmp_path: Path) -> None:
    url, _ = grown(tmp_path / "a.db")
    archive(url, ACCOUNT, before=21)
    with open_writer(url, ACCOUNT) as writer:
        writer.append([observed(31, b"")])
        rows = writer._journal.rows
        found = rows.select_notifications(1, 10, topics=("observed/1",))
        assert [one.originator_version for one in found] == [5, 25]
        (last,) = rows.select_notifications(found[-1].id, 10, topics=("observed/1",), inclusive_of_start=False)
        assert last.originator_version == 31
        assert [one.id for one in rows.select_notifications(None, 3, stop=2)] == [1, 2]


def test_nobody_else_may_have_the_store_open(tmp_path: Path) -> None:
    url, _ = grown(tmp_path / "a.db")
    with open_writer(url, ACCOUNT), pytest.raises(WriterFenced):
        archive(url, ACCOUNT, before=21)
    for opener in (open_reader, open_inbox):
        with opener(url, ACCOUNT), pytest.raises(JournalLocked, match="somebody has the store open"):
            archive(url, ACCOUNT, before=21)
    with open_writer(url, OTHER), pytest.raises(JournalLocked, match="somebody has the store open"):
        archive(url, ACCOUNT, before=21)
    assert verify(url, ACCOUNT).ok
    assert archive(url, ACCOUNT, before=21).head.position == 20


def test_what_cannot_be_archived_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    url, _ = grown(tmp_path / "a.db")
    for before in (0, 1, 31, 99):
        with pytest.raises(InputError, match="a position from 2 to 30"):
            archive(url, ACCOUNT, before=before)
    with pytest.raises(InputError, match="has no journal"):
        archive(url, "mt5:none", before=2)
    with pytest.raises(InputError, match="there is no store"):
        archive(url_of(tmp_path / "none.db"), ACCOUNT, before=2)
    for other in ("memory://x", "postgresql://ada:hunter2@h/db"):
        with pytest.raises(InputError, match="is no file") as raised:
            archive(other, ACCOUNT, before=2)
        assert "hunter2" not in str(raised.value)
    (tmp_path / "a.db.mt5_5001.1-20.archive").write_text("mine")
    with pytest.raises(InputError, match="never writes over anything"):
        archive(url, ACCOUNT, before=21)
    assert archive(url, ACCOUNT, before=2).head.position == 1
    with pytest.raises(InputError, match="a position from 3 to 30"):
        archive(url, ACCOUNT, before=2)
    assert archive(url, ACCOUNT, before=30).head.position == 29
    assert verify(url, ACCOUNT).ok


def test_a_store_that_does_not_verify_is_not_archived(tmp_path: Path) -> None:
    url, _ = grown(tmp_path / "a.db")
    with tampering(tmp_path / "a.db") as editor:
        edit(editor, b"e28", b"eXX", f"originator_id='{ACCOUNT}' AND originator_version=28")
    with pytest.raises(JournalCorrupt, match=r"at 28: .*Nothing was archived"):
        archive(url, ACCOUNT, before=21)
    assert not list(tmp_path.glob("*.archive"))
    assert not list(tmp_path.glob("*.fresh*"))
    with open_writer(url, ACCOUNT) as writer:
        assert writer.append(fills(31, 31)).position == 31


def test_law_1_the_fold_is_the_same_before_and_after_and_at_every_moment(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    world = World(url=url)
    for n in range(1, 20):
        world.record(told(f"e{n}", "EURUSD", "1"))
    end = world.state.position
    world.sees(row("EURUSD", "19"), times=2)
    with open_reader(url, ACCOUNT) as reader:
        states = [rehydrate(ACCOUNT, reader, upto=n) for n in range(1, end + 1)]
    world.close()
    archive(url, ACCOUNT, before=end - 3)
    with open_reader(url, ACCOUNT) as reader:
        assert [rehydrate(ACCOUNT, reader, upto=n) for n in range(1, end + 1)] == states
    again = World(url=url)
    assert again.book == {"EURUSD": "19"}
    again.record(told("e20", "EURUSD", "1"))
    assert again.book == {"EURUSD": "20"}
    again.close()


class Crash(BaseException):
    """The power goes."""


@pytest.mark.parametrize("step", ["link", "replace", "sync_folder"])
@pytest.mark.parametrize("how", [Crash, OSError])
def test_law_7_archiving_that_is_cut_off_anywhere_loses_nothing_and_can_be_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, how: type[BaseException]
) -> None:
    url, _ = grown(tmp_path / "a.db")
    before, order = events(url), followed(url)

    def cut(*_: object) -> None:
        raise how(28, "No space left on device")

    swap = archiving._unseal
    with monkeypatch.context() as patch:
        patch.setattr(archiving if step == "sync_folder" else os, step, cut)
        if how is Crash:  # nothing tidies up after a crash
            patch.setattr(Path, "unlink", lambda self, missing_ok=False: None)
            patch.setattr(archiving, "_unseal", lambda old: None)
        with pytest.raises((JournalError, Crash)):
            archive(url, ACCOUNT, before=21)
    assert archiving._unseal is swap
    if step == "sync_folder":
        assert events(url) == before  # it was swapped, whole
    elif how is Crash:
        with pytest.raises(JournalError, match="archiving was interrupted: run it again"):
            open_reader(url, ACCOUNT)
        assert archive(url, ACCOUNT, before=21).head.position == 20
    else:
        assert events(url) == before
        assert archive(url, ACCOUNT, before=21).head.position == 20
    assert events(url) == before
    assert followed(url) == order
    assert verify(url, ACCOUNT).faults == ()
    with open_writer(url, ACCOUNT) as writer:
        assert writer.append(fills(31, 31)).position == 31
