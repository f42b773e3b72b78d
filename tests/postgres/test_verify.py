"""Does `verify` find on PostgreSQL, too, every change to what was written (law 8)?"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

from journal.databases import PostgresStore, postgres_url
from journal.samples import ACCOUNT, OTHER, fill_store, fills, item
from trueup.journal import open_inbox, open_reader, open_writer, verify

TABLES = {
    "stored_events": ("originator_id", "originator_version", "topic", "state"),
    "stored_snapshots": ("originator_id", "originator_version", "topic", "state"),
    "raw_replies": ("digest", "body"),
}

OURS = "WHERE originator_id = 'mt5:5001' AND originator_version"


@pytest.fixture(scope="module")
def filled() -> Iterator[PostgresStore]:
    store = PostgresStore(postgres_url())
    fill_store(store.url)
    yield store
    store.drop()


def flipped(value: str | int | bytes, dice: random.Random) -> str | int | bytes:
    """The value with some bits of one of its bytes turned over, still of its type."""
    if isinstance(value, int):
        return value ^ (1 << dice.randrange(20))
    if isinstance(value, str):
        place = dice.randrange(len(value))
        return value[:place] + chr(ord(value[place]) ^ dice.randrange(1, 16)) + value[place + 1 :]
    data = bytearray(value)
    data[dice.randrange(len(data))] ^= dice.randrange(1, 256)
    return bytes(data)


def same_reply(one: bytes, other: bytes) -> bool:
    """Unused bits at the end of a compressed stream are no part of the reply."""
    with suppress(zlib.error):
        return zlib.decompress(one) == zlib.decompress(other)
    return False


@pytest.mark.parametrize("table", TABLES)
def test_law_8_any_flipped_byte_is_found(filled: PostgresStore, table: str) -> None:
    dice = random.Random(table)
    columns = TABLES[table]
    keys = [name for name in columns if name not in ("topic", "state", "body")]
    with filled.tampering() as editor:
        rows = editor.execute(f"SELECT {', '.join(columns)} FROM {table}")
        assert rows
        tried = 0
        while tried < 60:
            row = dict(zip(columns, dice.choice(rows), strict=True))
            column = dice.choice(columns)
            changed = flipped(row[column], dice)
            if column == "body" and same_reply(row[column], changed):  # type: ignore[arg-type]
                continue
            where = " AND ".join(f"{key} = ?" for key in keys)
            now = {**row, column: changed}
            try:
                editor.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (changed, *(row[key] for key in keys)))
            except psycopg.errors.UniqueViolation:
                continue
            owner = str(row.get("originator_id", ACCOUNT)).removesuffix("/inbox")
            report = verify(filled.url, owner)
            assert report.faults, (table, column, row, changed)
            editor.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (row[column], *(now[key] for key in keys)))
            tried += 1
    for account in (ACCOUNT, OTHER):
        assert verify(filled.url, account).ok


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (f"DELETE FROM stored_events {OURS} = 2", "events 2 to 2"),
        (f"UPDATE stored_events SET originator_id = 'nobody' {OURS} = 5", "which is no account"),
        (f"UPDATE stored_events SET notification_id = 1000 {OURS} = 2", "3: out of order"),
        ("UPDATE stored_snapshots SET originator_version = 9", "does not fit its contents"),
        ("INSERT INTO raw_replies VALUES ('\\x00', '\\x00')", "does not unpack"),
    ],
)
def test_law_8_rows_moved_removed_or_exchanged(postgres: PostgresStore, statement: str, found: str) -> None:
    fill_store(postgres.url)
    with postgres.tampering() as editor:
        editor.execute(statement)
    report = verify(postgres.url, ACCOUNT)
    assert found in " | ".join(f"{fault.position}: {fault.why}" for fault in report.faults)


def test_law_8_a_truncated_tail_shows_against_an_exported_head(postgres: PostgresStore) -> None:
    fill_store(postgres.url)
    with open_reader(postgres.url, ACCOUNT) as reader:
        head = reader.head()
    with postgres.tampering() as editor:
        editor.execute("DELETE FROM stored_events WHERE originator_id = 'mt5:5001' AND originator_version = 5")
        editor.execute("DELETE FROM stored_snapshots")
        editor.execute("DELETE FROM raw_replies")
    assert verify(postgres.url, ACCOUNT).ok
    assert not verify(postgres.url, ACCOUNT, head=head).ok


def test_verify_works_beside_a_live_writer(postgres: PostgresStore) -> None:
    with open_writer(postgres.url, ACCOUNT) as writer, open_inbox(postgres.url, ACCOUNT) as inbox:
        for n in (1, 2):
            writer.append(fills(n, n))
            inbox.put(item(n))
            assert verify(postgres.url, ACCOUNT, head=writer.head()).ok


def test_an_index_that_is_not_valid_is_damage(postgres: PostgresStore) -> None:
    fill_store(postgres.url)
    with postgres.tampering() as editor:
        editor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'stored_events_notification_id_idx'::regclass"
        )
    report = verify(postgres.url, ACCOUNT)
    assert [fault.why for fault in report.faults] == [
        "the file itself is damaged: index stored_events_notification_id_idx is not valid"
    ]
