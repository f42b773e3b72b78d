"""How is a bot's own table of positions read and corrected, in any database that SQLAlchemy speaks to?

Read as text, column by column, so that no decimal ever is a float. Written by compare-and-set: in one transaction the
row is locked, read again, changed if it still says what the correction starts from, and read back. Tried on SQLite
and PostgreSQL. Needs `pip install "trueup[sql]"`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import SQLAlchemyError

from trueup.errors import InputError
from trueup.foreign import BookAnswer, BookRow, BookWrite, Wrote, unreadable
from trueup.model import Holding, PositionMode, Refusal
from trueup_adapters.books.cells import cells_of, differs, row_of, same, unchanged
from trueup_adapters.books.leaving import Left
from trueup_adapters.books.mapping import Mapping
from trueup_adapters.books.sql_table import SqlTable, inexact, key_columns, only_this, ref_of, words

ROWS_MAX: Final = 100_000
"""Rows of one table that are read at most (law 12): more make the read a failed one."""


class SqlBook:
    """One table of one database."""

    def __init__(
        self, url: str, table: str, mapping: Mapping, *, position_mode: PositionMode, name: str | None = None
    ) -> None:
        """
        url            as SQLAlchemy writes it: `sqlite:///bot.db`, `postgresql://user@host/db`
        table          its name, with a schema before a dot where it has one
        position_mode  `hedging`: a row is one ticket; `netting`: one symbol
        name           what the journal calls it; None: the address without its password, and the table

        Connects to nothing yet. Raises InputError for an address that is none, or a mapping that cannot be meant.
        """
        mapping.check()
        self._place = SqlTable(url, table, name=name)
        if position_mode == "hedging" and mapping.ticket is None:
            raise InputError(
                "a hedging account keeps positions by ticket, and the book has no column for it; map ticket, or say "
                'mode = "netting"'
            )
        self._mapping = mapping
        self._mode = position_mode
        self._numbers = (mapping.quantity, mapping.price, mapping.stop)

    @property
    def name(self) -> str:
        """The address without its password, and the table."""
        return self._place.name

    # -- reading -------------------------------------------------------------------------------------------

    def read(self) -> BookAnswer:
        """All open positions, as of one moment."""
        if self._place.missing_file is not None:
            return unreadable(self._place.missing_file)
        try:
            with self._place.transaction(writes=False) as connection:
                found = self._rows(connection, self._shape(connection))
        except (SQLAlchemyError, InputError) as error:
            return unreadable(words(error))
        if len(found) > ROWS_MAX:
            return unreadable(
                f"it has more than {ROWS_MAX:,} rows; keep closed positions elsewhere, or say which count"
            )
        rows = [row for row, _ in found if isinstance(row, BookRow)]
        refused = tuple(row for row, _ in found if isinstance(row, Refusal))
        why = f"{len(refused)} rows refused" if refused else ""
        return BookAnswer(completeness="partial" if refused else "complete", why=why, positions=rows, refused=refused)

    def _shape(self, connection: Connection) -> sa.Table:
        mapping = self._mapping
        columns = (*mapping.columns, mapping.exit_reason, mapping.closed_at, *mapping.added)
        return self._place.shape(connection, columns, self._numbers, mapping.floats)

    def _rows(
        self, connection: Connection, table: sa.Table, *, symbols: Sequence[str] | None = None, lock: bool = False
    ) -> list[tuple[BookRow | Refusal, RowMapping]]:
        """Open rows and unusable ones, each with its raw primary key."""
        mapping = self._mapping
        keys = self._keys(table)
        asked = self._place.asked(table, keys, mapping.columns, self._numbers).limit(ROWS_MAX + 1)
        for name, value in mapping.only.items():
            asked = asked.where(sa.cast(table.columns[name], sa.Text) == value)
        if mapping.status is not None:  # rows that ended long ago are not read: a table keeps them for years
            word = sa.func.lower(sa.cast(table.columns[mapping.status], sa.Text))
            asked = asked.where(sa.or_(word != mapping.closed_word.lower(), word.is_(None)))
        if symbols is not None:
            asked = asked.where(sa.cast(table.columns[mapping.symbol], sa.Text).in_(symbols))
        if lock:
            asked = asked.with_for_update()
        found: list[tuple[BookRow | Refusal, RowMapping]] = []
        for place, raw in enumerate(connection.execute(asked).mappings(), 1):
            cells = dict(raw)
            of = (str(cells.get(mapping.symbol) or "") or None, None)
            row = inexact(self._numbers, mapping.floats, cells, place, of) or row_of(
                mapping, cells, place=place, ref=ref_of(raw, keys)
            )
            if row is not None:
                found.append((row, raw))
        return found

    def _keys(self, table: sa.Table) -> list[str]:
        """What names a row: the primary key; without one the ticket, else symbol and side."""
        mapping = self._mapping
        return key_columns(table, (mapping.ticket,) if mapping.ticket else (mapping.symbol, mapping.side))

    # -- writing -------------------------------------------------------------------------------------------

    def write(self, write: BookWrite) -> Wrote:
        """One correction, in one transaction."""
        return self._place.wrote(_symbol(write), lambda connection: self._write(connection, write))

    def _write(self, connection: Connection, write: BookWrite) -> Wrote:
        table = self._shape(connection)
        self._place.alone(connection, table)
        symbol = write.before.symbol if write.before is not None else _symbol(write)
        found = self._rows(connection, table, symbols=(symbol,), lock=True)
        if write.before is None:
            assert write.after is not None
            self._nothing_there(found, write.after)
            cells = cells_of(self._mapping, write.after, new=True)
            typed, closed = self._place.typed(table, cells), _taken(connection, table, cells)
            connection.execute(
                table.insert().values(typed) if closed is None else table.update().where(closed).values(typed)
            )
        else:
            raw = self._still_there(found, write)
            change = (
                self._closing(table, write) if write.after is None
                else self._place.typed(table, cells_of(self._mapping, write.after, new=False))
            )  # fmt: skip
            said = (self._mapping.quantity, self._mapping.status, *self._mapping.only)
            where = only_this(table, self._keys(table), raw, said)
            done = connection.execute(
                table.delete().where(where) if change is None else table.update().where(where).values(change)
            )
            if done.rowcount != 1:
                raise Left(Wrote("conflict", f"{symbol}: {done.rowcount} rows would have changed, not one"))
        self._came_out(self._rows(connection, table, symbols=(symbol,)), write, symbol)
        return Wrote("written")

    def _nothing_there(self, found: Sequence[tuple[BookRow | Refusal, RowMapping]], after: Holding) -> None:
        """Somebody may have added the row meanwhile."""
        for row, _ in found:
            if isinstance(row, Refusal):
                raise Left(Wrote("conflict", f"{after.symbol}: row {row.row} cannot be read: {row.why}"))
            if self._mode == "netting" or row.ticket == after.ticket:
                if same(row, after):
                    raise Left(Wrote("already", "it is there"))
                raise Left(Wrote("conflict", f"{after.symbol}: a row is there meanwhile, {differs(row)}"))

    def _still_there(self, found: Sequence[tuple[BookRow | Refusal, RowMapping]], write: BookWrite) -> RowMapping:
        """The row, if it still says what the correction starts from."""
        before = write.before
        assert before is not None
        for row, raw in found:
            if not isinstance(row, BookRow) or row.ref != before.ref:
                continue
            if unchanged(row, before):
                return raw
            if same(row, write.after):
                raise Left(Wrote("already", "it says so"))
            raise Left(Wrote("conflict", f"{before.symbol}: it was changed meanwhile, {differs(row)}"))
        others = [
            row
            for row, _ in found
            if isinstance(row, Refusal) or self._mode == "netting" or row.ticket == before.ticket
        ]
        if write.after is None and not others:
            raise Left(Wrote("already", "it is closed"))
        raise Left(Wrote("conflict", f"{before.symbol}: its row is gone, or another has taken its place"))

    def _came_out(self, found: Sequence[tuple[BookRow | Refusal, RowMapping]], write: BookWrite, symbol: str) -> None:
        """Read back before it counts: a column may round, a trigger may interfere. Else nothing is written."""
        rows = [row for row, _ in found if isinstance(row, BookRow)]
        after = write.after
        if after is None:
            kept = write.before is not None and any(row.ref == write.before.ref for row in rows)
            if kept:
                raise Left(Wrote("conflict", f"{symbol}: it is open after it was closed; is the mapping right?"))
            return
        mine = [row for row in rows if row.ticket == after.ticket or self._mode == "netting"]
        if not any(row.signed_quantity == after.signed_quantity for row in mine):
            said = differs(mine[0]) if mine else "no open row came of it"
            raise Left(Wrote("conflict", f"{symbol}: the table did not keep what was written ({said}); undone"))

    def _closing(self, table: sa.Table, write: BookWrite) -> dict[str, Any] | None:
        """What a closed row is to say; None: it is deleted."""
        mapping = self._mapping
        if mapping.closed == "delete":
            return None
        cells: dict[str, str | None] = {}
        if mapping.closed == "zero":
            cells[mapping.quantity] = "0"
        elif mapping.status is not None:
            cells[mapping.status] = mapping.closed_word
        if mapping.exit_reason is not None:
            cells[mapping.exit_reason] = write.exit_reason or "CLOSED_EXTERNALLY"
        change = self._place.typed(table, cells)
        if mapping.closed_at is not None:
            text = self._place.time_text(table, mapping.closed_at, write.at_ns, mapping.time_zone)
            change |= self._place.typed(table, {mapping.closed_at: text})
        return change

    def close(self) -> None:
        """Let go of every connection."""
        self._place.close()


def _taken(connection: Connection, table: sa.Table, cells: dict[str, str | None]) -> sa.ColumnElement[bool] | None:
    """The closed row that a unique key gives the place of the one to be added: a table with one row for each symbol
    keeps it at quantity 0. None where there is none; that no open row is there was seen before."""
    keys = [list(table.primary_key.columns)]
    keys += [list(one.columns) for one in table.constraints if isinstance(one, sa.UniqueConstraint)]
    keys += [list(one.columns) for one in table.indexes if one.unique]
    for key in keys:
        if key and all(cells.get(column.name) is not None for column in key):
            where = sa.and_(*(sa.cast(column, sa.Text) == cells[column.name] for column in key))
            if connection.execute(sa.select(sa.literal(1)).select_from(table).where(where)).first() is not None:
                return where
    return None


def _symbol(write: BookWrite) -> str:
    if write.after is not None:
        return write.after.symbol
    return write.before.symbol if write.before is not None else "it"
