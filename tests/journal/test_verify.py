"""Does `verify` find every change to what was written (law 8), and nothing where nothing was changed?"""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from journal.samples import (
    ACCOUNT,
    OTHER,
    decision,
    edit,
    fill,
    filled_store,
    fills,
    item,
    moment,
    observed,
    tampering,
    url_of,
)
from trueup import events
from trueup.errors import InputError, JournalCorrupt
from trueup.facts import ActionAnswered
from trueup.journal import (
    GENESIS,
    Head,
    Recorded,
    Snapshot,
    VerifyReport,
    open_inbox,
    open_reader,
    open_writer,
    verify,
)
from trueup.journal.chain import frame, link, prefixed
from trueup.journal.snapshots import encode_snapshot
from trueup.journal.sqlite import SQLiteView

INBOX = ACCOUNT + "/inbox"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pristine") / "a.db"
    filled_store(path)
    return path


@pytest.fixture
def path(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(pristine, tmp_path / "a.db"))


def whys(report: VerifyReport) -> str:
    assert report.ok is not bool(report.faults)
    return " | ".join(f"{fault.position}: {fault.why}" for fault in report.faults)


def test_what_was_written_verifies(path: Path) -> None:
    for account in (ACCOUNT, OTHER):
        report = verify(url_of(path), account)
        assert (report.ok, report.events, report.faults, report.raw_missing) == (True, 5, (), 0)
        with open_reader(url_of(path), account) as reader:
            assert report.head == reader.head()
    empty = verify(url_of(path), "mt5:none")
    assert (empty.ok, empty.events, empty.head) == (True, 0, Head(0, GENESIS))


# -- one byte ----------------------------------------------------------------------------------------------

COLUMNS = [
    ("stored_events", "originator_id"),
    ("stored_events", "originator_version"),
    ("stored_events", "topic"),
    ("stored_events", "state"),
    ("stored_snapshots", "originator_id"),
    ("stored_snapshots", "originator_version"),
    ("stored_snapshots", "topic"),
    ("stored_snapshots", "state"),
    ("raw_replies", "digest"),
    ("raw_replies", "body"),
]


def flipped(value: str | int | bytes, place: int, bits: int) -> object:
    """The value with some bits of one of its bytes turned over; text may no longer be text."""
    if isinstance(value, int):
        return value ^ (bits << 8 * (place % 3))
    data = bytearray(value.encode() if isinstance(value, str) else value)
    data[place % len(data)] ^= bits
    return bytes(data)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    column=st.sampled_from(COLUMNS),
    row=st.integers(0, 15),
    place=st.integers(0, 2_000),
    bits=st.integers(1, 255),
)
def test_law_8_any_flipped_byte_is_found(
    pristine: Path, tmp_path: Path, column: tuple[str, str], row: int, place: int, bits: int
) -> None:
    path = Path(shutil.copy(pristine, tmp_path / "a.db"))
    table, field = column
    with tampering(path) as connection:
        rows = connection.execute(f"SELECT * FROM {table}").fetchall()
        names = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
        victim = dict(zip(names, rows[row % len(rows)], strict=True))
        changed = flipped(victim[field], place, bits)
        if field == "body":  # unused bits at the end of a compressed stream are no part of the reply
            stream = zlib.decompressobj()
            with suppress(zlib.error):
                assume(stream.decompress(changed) != zlib.decompress(victim["body"]))  # type: ignore[arg-type]
        keys = [name for name in names if name not in ("state", "body")]
        as_text = isinstance(victim[field], str)
        try:
            connection.execute(
                f"UPDATE {table} SET {field}={'CAST(? AS TEXT)' if as_text else '?'} "
                f"WHERE {' AND '.join(f'{key}=?' for key in keys)}",
                (changed, *(victim[key] for key in keys)),
            )
        except sqlite3.IntegrityError:
            assume(False)  # another row stands there already
        assert connection.execute("SELECT changes()").fetchone() == (1,)
    # The account whose row it is; raw replies belong to whoever asks.
    owner = str(victim.get("originator_id", ACCOUNT)).removesuffix("/inbox")
    report = verify(url_of(path), owner)
    assert not report.ok
    assert report.faults


# -- rows --------------------------------------------------------------------------------------------------


def sql(*statements: str) -> Callable[[sqlite3.Connection], None]:
    def change(connection: sqlite3.Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    return change


PACKED = zlib.compress(b"?", 1)
WHERE = f"WHERE originator_id='{ACCOUNT}' AND originator_version"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param(sql(f"DELETE FROM stored_events {WHERE}=2"), "events 2 to 2 are not there", id="gap"),
        pytest.param(
            sql(f"DELETE FROM stored_events {WHERE}=1"), "1: missing: events 1 to 1 are not there", id="cut head"
        ),
        pytest.param(
            sql(
                f"UPDATE stored_events SET originator_version=-1 {WHERE}=2",
                f"UPDATE stored_events SET originator_version=2 {WHERE}=3",
                f"UPDATE stored_events SET originator_version=3 {WHERE}=-1",
            ),
            "2: changed: its digest does not follow",
            id="reorder",
        ),
        pytest.param(
            sql(f"UPDATE stored_events SET rowid=1000 {WHERE}=2"), "3: out of order", id="stored in another order"
        ),
        pytest.param(
            sql(
                f"DELETE FROM stored_events {WHERE}=2",
                f"INSERT INTO stored_events SELECT '{ACCOUNT}', 2, topic, state FROM stored_events "
                f"WHERE originator_id='{OTHER}' AND originator_version=2",
            ),
            "2: changed: its digest does not follow",
            id="splice from another account",
        ),
        pytest.param(
            sql(f"UPDATE stored_events SET originator_id='mt5:9' {WHERE}=5"),
            "mt5:9: has 1 events",
            id="moved tail",
        ),
        pytest.param(
            sql(f"UPDATE stored_events SET originator_id='nobody' {WHERE}=5"),
            "'nobody', which is no account",
            id="hidden",
        ),
        pytest.param(
            sql(
                f"DELETE FROM stored_events WHERE originator_id='{OTHER}' AND originator_version=5",
                f"UPDATE stored_events SET originator_id='{OTHER}' {WHERE}=5",
            ),
            "mt5:5002: its event 5 was changed, or belongs to another stream",
            id="tail moved behind another account",
        ),
        pytest.param(sql(f"UPDATE stored_events SET topic='observed/1' {WHERE}=1"), "1: changed", id="another name"),
        pytest.param(sql(f"UPDATE stored_events SET state='text' {WHERE}=1"), "not of the kind", id="another type"),
        pytest.param(
            sql(f"UPDATE stored_events SET originator_version='two' {WHERE}=2"),
            "impossible position 'two'",
            id="text",
        ),
        pytest.param(
            sql(f"UPDATE stored_events SET originator_version=0 {WHERE}=1"), "impossible position 0", id="zero"
        ),
        pytest.param(
            sql(f"DELETE FROM stored_events WHERE originator_id='{INBOX}' AND originator_version=1"),
            "1: inbox: missing: events 1 to 1",
            id="inbox gap",
        ),
        pytest.param(
            lambda connection: edit(connection, b"operator", b"intruder", f"originator_id='{INBOX}'"),
            "1: inbox: changed: its digest does not follow",
            id="inbox edit",
        ),
        pytest.param(
            sql(f"UPDATE stored_snapshots SET originator_version=3 {WHERE}=5"),
            "3: a snapshot of",
            id="moved snapshot",
        ),
        pytest.param(
            sql(f"UPDATE raw_replies SET body=x'{PACKED.hex()}'"),
            "is not the one whose digest",
            id="another reply",
        ),
        pytest.param(
            sql(f"INSERT INTO raw_replies VALUES (x'{sha256(b'?').hexdigest()}', x'{PACKED.hex()}')"),
            "no event cites it",
            id="a reply nobody got",
        ),
        pytest.param(
            sql("UPDATE raw_replies SET body=CAST(body || x'00' AS BLOB)"),
            "does not unpack to its end",
            id="appendix",
        ),
    ],
)
def test_law_8_rows_moved_removed_or_exchanged(
    path: Path, change: Callable[[sqlite3.Connection], None], found: str
) -> None:
    with tampering(path) as connection:
        change(connection)
    assert found in whys(verify(url_of(path), ACCOUNT))


def test_law_8_a_truncated_tail_shows_against_an_exported_head(path: Path) -> None:
    with open_reader(url_of(path), ACCOUNT) as reader:
        head = reader.head()
    assert verify(url_of(path), ACCOUNT, head=head).ok
    assert verify(url_of(path), ACCOUNT, head=Head(0, GENESIS)).ok
    with tampering(path) as connection:
        connection.execute(f"DELETE FROM stored_events {WHERE}=5")
        connection.execute("DELETE FROM stored_snapshots")
    assert "some were moved" in whys(verify(url_of(path), ACCOUNT))  # others' events were stored after it
    with tampering(path) as connection:
        connection.execute(f"DELETE FROM stored_events WHERE originator_id NOT LIKE '{ACCOUNT}%'")
        connection.execute("UPDATE stored_events SET rowid = rowid - 1000 WHERE rowid > 4")
        connection.execute("UPDATE stored_events SET rowid = rowid + 999 WHERE rowid < 0")
        connection.execute("DELETE FROM raw_replies WHERE body NOT IN (SELECT body FROM raw_replies LIMIT 1)")
    assert verify(url_of(path), ACCOUNT).ok  # nothing left to see it by: this is why heads are exported
    assert "5: truncated" in whys(verify(url_of(path), ACCOUNT, head=head))


def test_law_8_history_recomputed_to_the_end_shows_against_an_exported_head(path: Path) -> None:
    with open_reader(url_of(path), ACCOUNT) as reader:
        head = reader.head()
        recorded = list(reader.read())
    forged = [fill(99), *(r.event for r in recorded[1:])]
    with tampering(path) as connection:
        connection.execute("DELETE FROM stored_snapshots")
        previous = GENESIS
        for position, event in enumerate(forged, 1):
            name, plain = events.name_of_event(event), events.encode(event)
            previous = link(previous, prefixed(ACCOUNT), position, prefixed(name), plain)
            connection.execute(f"UPDATE stored_events SET state=? {WHERE}=?", (frame(plain, previous), position))
    assert verify(url_of(path), ACCOUNT).ok
    assert "5: recomputed" in whys(verify(url_of(path), ACCOUNT, head=head))


def test_one_edit_is_one_fault(path: Path) -> None:
    with tampering(path) as connection:
        edit(connection, b"e2", b"eX", f"originator_id='{ACCOUNT}' AND originator_version=2")
    report = verify(url_of(path), ACCOUNT)
    assert [fault.position for fault in report.faults] == [2]
    assert report.head.position == 1
    assert verify(url_of(path), OTHER).ok


# -- snapshots and raw replies -----------------------------------------------------------------------------


def count_fills(recorded: Iterable[Recorded], upto: int) -> bytes:
    positions = [r.position for r in recorded]
    assert positions == list(range(1, upto + 1))
    return b"%d" % len(positions)


def test_law_8_snapshots_are_folded_again(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    with open_writer(url, ACCOUNT) as writer:
        for n in range(1, 4):
            head = writer.append([fill(n)])
            writer.save_snapshot(Snapshot(head.position, head.digest, 7, b"%d" % n if n != 2 else b"wrong"))
    assert verify(url, ACCOUNT).ok
    assert verify(url, ACCOUNT, refold=count_fills, fold_version=8).ok
    report = verify(url, ACCOUNT, refold=count_fills, fold_version=7)
    assert whys(report) == "2: a snapshot differs from the state that folding again gives"

    def broken(recorded: Iterable[Recorded], upto: int) -> bytes:
        raise ValueError("no")

    assert "failed: ValueError('no')" in whys(verify(url, ACCOUNT, refold=broken, fold_version=7))


def test_law_8_a_snapshot_left_from_another_history_is_found(path: Path) -> None:
    with tampering(path) as connection:
        connection.execute(f"DELETE FROM stored_events {WHERE}=5")
    assert "beyond the end" in whys(verify(url_of(path), ACCOUNT))
    with open_writer(url_of(path), ACCOUNT) as writer:
        writer.append([fill(5)])
    assert "5: a snapshot was not taken of the event" in whys(verify(url_of(path), ACCOUNT))


def test_law_8_a_snapshot_of_an_account_without_journal_is_found(path: Path) -> None:
    plain, own = encode_snapshot("mt5:77", Snapshot(3, b"d" * 32, 1, b"state"))
    with tampering(path) as connection:
        values = ("mt5:77", 3, "snapshot/1", frame(plain, own))
        connection.execute("INSERT INTO stored_snapshots VALUES (?,?,?,?)", values)
    assert "which has no journal here" in whys(verify(url_of(path), ACCOUNT))


def test_raw_missing_counts_what_should_be_there(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    with open_writer(url, ACCOUNT) as writer:
        writer.append(
            [
                observed(1, b"unchanged, hence not kept"),
                observed(2, b"cut", completeness="partial"),
                observed(3, b"acted on"),
                decision(3),
                observed(5, b"", completeness="failed"),
            ]
        )
        assert (verify(url, ACCOUNT).ok, verify(url, ACCOUNT).raw_missing) == (True, 2)
        writer.keep_raws([b"cut"])
        assert verify(url, ACCOUNT).raw_missing == 1
        writer.keep_raws([b"acted on"])
        assert verify(url, ACCOUNT).raw_missing == 0


def test_the_answer_to_an_action_cites_its_raw_reply_too(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    answered = ActionAnswered(moment(1), "c1", "rejected", "too late", raw_digest=sha256(b"no").digest())
    with open_writer(url, ACCOUNT) as writer:
        writer.append([answered], raws=[b"no"])
    with open_writer(url, OTHER) as writer:
        writer.append(fills(1, 1))
    assert whys(verify(url, ACCOUNT)) == ""
    assert whys(verify(url, OTHER)) == ""


# -- circumstances -----------------------------------------------------------------------------------------


def test_verify_works_beside_a_live_writer_and_in_memory(tmp_path: Path) -> None:
    for url in (url_of(tmp_path / "a.db"), f"memory://{tmp_path.name}-verify"):
        with open_writer(url, ACCOUNT) as writer, open_inbox(url, ACCOUNT) as inbox:
            for n in (1, 2):
                writer.append(fills(n, n))
                inbox.put(item(n))
                assert verify(url, ACCOUNT, head=writer.head()).ok


def test_damage_to_the_file_is_a_fault_and_no_database_an_error(path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    for offset in range(4096 * 2, len(damaged), 4096):  # the head of every page behind the schema
        damaged[offset] ^= 0xFF
    path.write_bytes(damaged)
    report = verify(url_of(path), ACCOUNT)
    assert "the file" in whys(report)
    path.write_bytes(b"no database " * 1000)
    with pytest.raises(JournalCorrupt):
        verify(url_of(path), ACCOUNT)
    with pytest.raises(InputError):
        verify(url_of(path.with_name("none.db")), ACCOUNT)


def test_what_the_database_finds_wrong_with_itself_is_reported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SQLiteView, "damage", lambda self: ["Page 7 is never used"])
    assert whys(verify(url_of(path), ACCOUNT)) == "0: the file itself is damaged: Page 7 is never used"


def test_law_12_a_report_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    monkeypatch.setattr(importlib.import_module("trueup.journal.verify"), "FAULTS_MAX", 3)
    url = url_of(tmp_path / "a.db")
    with open_writer(url, ACCOUNT) as writer:
        writer.append(fills(1, 10))
    with tampering(tmp_path / "a.db") as connection:
        connection.execute("UPDATE stored_events SET state=x'00'")
    report = verify(url, ACCOUNT)
    assert [fault.why for fault in report.faults][3:] == ["and 7 more faults"]
