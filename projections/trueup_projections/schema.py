"""How is a read model's table described once, and made, documented and labelled from that?

A `Table` says what its rows are, what each column means and in which unit; `create` makes it through sqlite-utils,
`datasette` labels it, `docs/reference/read-models.md` lists it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast

from sqlite_utils import Database

Kind: TypeAlias = Literal["text", "integer", "flag", "decimal", "time", "ns", "json"]
"""What a column holds. None of them is a float (L35):

text, integer
flag      0 or 1
decimal   an exact number as text, without exponent or trailing zeros
time      ISO 8601 in UTC, to the microsecond, as text
ns        the same moment, or a span, in whole nanoseconds; moments since 1970
json      a list or an object, as text
"""

_STORED: Final[dict[Kind, type]] = {
    "text": str,
    "integer": int,
    "flag": int,
    "decimal": str,
    "time": str,
    "ns": int,
    "json": str,
}


@dataclass(frozen=True)
class Column:
    """One column: its name, what it holds, what that means, and whether it may be NULL."""

    name: str
    kind: Kind
    about: str
    null: bool = False


@dataclass(frozen=True)
class Table:
    """One table. The first column of every table, and of every key, is the account (L32)."""

    name: str
    title: str
    about: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    links: tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...] = ()
    """Foreign keys: (columns, table, its columns)."""
    indexes: tuple[tuple[str, ...], ...] = ()
    searched: tuple[str, ...] = ()
    """Columns under full-text search (FTS5)."""


@dataclass(frozen=True)
class Query:
    """One SQL view: a question that is asked often."""

    name: str
    title: str
    about: str
    sql: str


def must(name: str, kind: Kind, about: str) -> Column:
    """A column that always has a value."""
    return Column(name, kind, about)


def may(name: str, kind: Kind, about: str) -> Column:
    """A column that may be NULL: not known, not reported, or not yet."""
    return Column(name, kind, about, null=True)


def moment(name: str, about: str, *, null: bool = False) -> tuple[Column, Column]:
    """A moment as two columns, `…_at` to read and `…_at_ns` to reckon with; `at` stands for itself."""
    name = name if name == "at" else f"{name}_at"
    return Column(name, "time", about, null), Column(f"{name}_ns", "ns", f"the same moment in ns: {about}", null)


def create(db: Database, tables: Sequence[Table], queries: Sequence[Query]) -> None:
    """Make every table, index, search index and view, in the transaction that is open."""
    for table in tables:
        made = db.table(table.name)
        made.create(
            {column.name: _STORED[column.kind] for column in table.columns},
            pk=cast(Any, table.key[0] if len(table.key) == 1 else table.key),
            not_null=[column.name for column in table.columns if not column.null],
            foreign_keys=cast(Any, [_link(*link) for link in table.links]),
            strict=True,  # the database itself refuses a value of another type
        )
        for columns in table.indexes:
            made.create_index(columns)
        if table.searched:
            made.enable_fts(table.searched, create_triggers=True)
    for query in queries:
        db.create_view(query.name, query.sql)


def _link(columns: tuple[str, ...], table: str, others: tuple[str, ...]) -> tuple[object, str, object]:
    if len(columns) == 1:
        return (columns[0], table, others[0])
    return (columns, table, others)


def drop_everything(db: Database) -> None:
    """Drop all that is in the file, whatever version made it, in the transaction that is open."""
    # Virtual tables first: they take their shadow tables with them. Triggers and indexes go with their tables.
    order = "CASE WHEN type='view' THEN 0 WHEN sql LIKE 'CREATE VIRTUAL%' THEN 1 ELSE 2 END"
    wanted = f"SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY {order}, name"
    for kind, name in list(db.conn.execute(wanted)):
        if not str(name).startswith("sqlite_"):
            quoted = str(name).replace('"', '""')
            db.conn.execute(f'DROP {kind} IF EXISTS "{quoted}"')
