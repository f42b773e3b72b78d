"""What is in a views file, as the tests compare it?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from trueup_projections.tables import TABLES

Rows = list[tuple[object, ...]]


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A reader of its own, as a person would have one."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        yield connection


def ask(path: Path, question: str, *values: object) -> Rows:
    """All rows of one question."""
    with opened(path) as connection:
        return connection.execute(question, values).fetchall()


def dicts(path: Path, question: str, *values: object) -> list[dict[str, Any]]:
    """All rows of one question, by column."""
    with opened(path) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(question, values)]


def content(path: Path) -> dict[str, Rows]:
    """Every table, in the order of its key."""
    with opened(path) as connection:
        return {
            table.name: connection.execute(f"SELECT * FROM {table.name} ORDER BY {','.join(table.key)}").fetchall()
            for table in TABLES
        }


def faults(path: Path) -> list[str]:
    """What is wrong within a file: links into nothing, floats, search indexes that do not fit their tables."""
    found: list[str] = []
    with closing(sqlite3.connect(path)) as connection:
        found += [f"link: {row}" for row in connection.execute("PRAGMA foreign_key_check")]
        for table in TABLES:
            for column in table.columns:
                real = connection.execute(f"SELECT count(*) FROM {table.name} WHERE typeof(\"{column.name}\") = 'real'")
                if real.fetchone()[0]:
                    found.append(f"float: {table.name}.{column.name}")
            if table.searched:
                try:
                    index = f"{table.name}_fts"
                    connection.execute(f"INSERT INTO {index}({index}, rank) VALUES('integrity-check', 1)")
                except sqlite3.DatabaseError as error:
                    found.append(f"search: {table.name} ({error})")
        connection.rollback()
    return found
