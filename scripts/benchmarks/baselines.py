"""What is the least that the same work can cost: raw sqlite3, with the same rows and the same durability."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from trueup.events import decode

TABLE = (
    "CREATE TABLE stored_events (originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB, "
    "PRIMARY KEY (originator_id, originator_version))"
)
Stored = tuple[str, int, str, bytes]


def raw_database(path: Path, *, synchronous: str) -> sqlite3.Connection:
    """An empty database with the event table and nothing else."""
    for old in path.parent.glob(path.name + "*"):
        old.unlink()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute(TABLE)
    return connection


def insert(connection: sqlite3.Connection, rows: Sequence[Stored]) -> None:
    """All rows in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO stored_events VALUES (?,?,?,?)", rows)
    connection.execute("COMMIT")


def stored_rows(path: Path) -> list[Stored]:
    """The rows of a trueup journal, as they stand."""
    connection = sqlite3.connect(path)
    try:
        statement = (
            "SELECT originator_id, originator_version, topic, state FROM stored_events ORDER BY originator_version"
        )
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def read_and_decode(path: Path) -> int:
    """Read every row of a journal and decode it, and nothing more."""
    count = 0
    for _, _, name, state in stored_rows(path):
        decode(name, state[1:-34])
        count += 1
    return count
