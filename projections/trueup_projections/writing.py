"""How do a page's rows get into the tables, few statements for many rows?

`Rows` gathers all that one page of events does to the tables and writes it at once, on sqlite-utils' connection,
inside the page's transaction. Rows that live a while are loaded once, changed in memory as the events say, and
written whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, Protocol, TypeAlias, cast

from sqlite_utils import Database

from trueup_projections.schema import Table
from trueup_projections.tables import TABLES

Row: TypeAlias = dict[str, Any]
"""One row by column name; a Decimal never comes here, only its text."""
Key: TypeAlias = tuple[object, ...]

_ROWS_A_STATEMENT: Final = 250
"""Many rows a statement: FTS5 writes its index out at the end of each one. At most 32,766 values go into one."""
_ASKED_AT_ONCE: Final = 500
"""Keys in one SELECT; SQLite takes 999 parameters everywhere."""

_TABLES: Final[dict[str, Table]] = {table.name: table for table in TABLES}


class _Reads(Protocol):
    """What this needs of a table of sqlite-utils, whose own hints are partly unknown to a strict checker."""

    def rows_where(self, where: str, where_args: Sequence[object]) -> Iterator[Row]: ...


class Rows:
    """What one page does to the tables."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._added: dict[str, list[Row]] = {}
        self._known: dict[str, dict[Key, Row]] = {}
        self._changed: dict[str, dict[Key, Row]] = {}
        self._dropped: dict[str, list[Key]] = {}

    def add(self, table: str, row: Row) -> None:
        """A row that is new and will not change."""
        self._added.setdefault(table, []).append(row)

    def load(self, table: str, account: str, names: Iterable[object]) -> None:
        """Fetch the rows of an account with these names, so that `known` finds them. The key is (account, name)."""
        column = _TABLES[table].key[1]
        known = self._known.setdefault(table, {})
        wanted = sorted({name for name in names if (account, name) not in known}, key=str)
        for start in range(0, len(wanted), _ASKED_AT_ONCE):
            some = wanted[start : start + _ASKED_AT_ONCE]
            where = f"account = ? and {column} in ({','.join('?' * len(some))})"
            for row in self._table(table).rows_where(where, [account, *some]):
                known[(account, row[column])] = row

    def load_one(self, table: str, account: str) -> None:
        """Fetch the row of an account from a table that has one for each."""
        known = self._known.setdefault(table, {})
        for row in self._table(table).rows_where("account = ?", [account]):
            known[(account,)] = row

    def known(self, table: str, key: Key) -> Row | None:
        """The row as it now is, of those that `load` fetched and `put` wrote; yours to change, then `put` it."""
        return self._known.setdefault(table, {}).get(key)

    def put(self, table: str, row: Row) -> None:
        """A row that is new, or has changed."""
        key = tuple(row[column] for column in _TABLES[table].key)
        self._known.setdefault(table, {})[key] = row
        self._changed.setdefault(table, {})[key] = row

    def drop(self, table: str, key: Key) -> None:
        """A row that is no more. Not for one that this page `put`s."""
        self._dropped.setdefault(table, []).append(key)

    def flush(self) -> None:
        """Write it all."""
        for table, keys in self._dropped.items():
            condition = " and ".join(f'"{column}" = ?' for column in _TABLES[table].key)
            self._db.conn.executemany(f"DELETE FROM {table} WHERE {condition}", keys)
        for table, rows in self._added.items():
            self._write(_TABLES[table], rows, "")
        for table, changed in self._changed.items():
            self._write(_TABLES[table], list(changed.values()), _UPSERTS[table])
        self._added, self._changed, self._dropped = {}, {}, {}

    def _write(self, table: Table, rows: Sequence[Row], conflict: str) -> None:
        """Prepared statements of our own: sqlite-utils' `insert_all` looks at each value and took 3 times as long."""
        names = [column.name for column in table.columns]
        in_order = itemgetter(*names)
        columns = ",".join(f'"{name}"' for name in names)  # `limit` is a word of SQL's own
        one = f"({','.join('?' * len(names))})"
        for start in range(0, len(rows), _ROWS_A_STATEMENT):
            some = rows[start : start + _ROWS_A_STATEMENT]
            values = ",".join([one] * len(some))
            cells = list(chain.from_iterable(map(in_order, some)))
            self._db.conn.execute(f"INSERT INTO {table.name} ({columns}) VALUES {values}{conflict}", cells)

    def _table(self, name: str) -> _Reads:
        return cast(_Reads, self._db.table(name))


def _upsert(table: Table) -> str:
    """What to do about a row that is there: everything in it takes its new value."""
    new = [f'"{column.name}"=excluded."{column.name}"' for column in table.columns if column.name not in table.key]
    return f" ON CONFLICT ({','.join(table.key)}) DO UPDATE SET {','.join(new)}"


_UPSERTS: Final = {table.name: _upsert(table) for table in TABLES}
