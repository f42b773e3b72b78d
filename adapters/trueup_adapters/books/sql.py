"""How is a bot's own table of positions read and corrected, in any database that SQLAlchemy speaks to?

Read as text, column by column, so that no decimal ever is a float. Written by compare-and-set: in one transaction the
row is locked, read again, changed if it still says what the correction starts from, and read back. Tried on SQLite
and PostgreSQL. Needs `pip install "trueup[sql]"`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, RowMapping, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from trueup.errors import InputError
from trueup.foreign import BookAnswer, BookRow, BookWrite, Wrote, unreadable
from trueup.model import Holding, PositionMode, Refusal
from trueup_adapters.books.cells import cells_of, differs, moment, row_of, same, unchanged
from trueup_adapters.books.mapping import Mapping

ROWS_MAX: Final = 100_000
"""Rows of one table that are read at most (law 12): more make the read a failed one."""
WAIT_S: Final = 5
"""How long a lock or a connection is waited for."""
DIGITS_OF_A_FLOAT: Final = 15
"""What SQLite prints of a number that it keeps as a binary float; beyond that the text is not the number."""
_TYPE: Final = "typeof "


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
        try:
            address = make_url(url)
        except ArgumentError as error:
            raise InputError(
                "the book's url is none that SQLAlchemy understands; write for example sqlite:///bot.db"
            ) from error
        if position_mode == "hedging" and mapping.ticket is None:
            raise InputError(
                "a hedging account keeps positions by ticket, and the book has no column for it; map ticket, or say "
                'mode = "netting"'
            )
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        self._file = Path(address.database) if address.drivername.startswith("sqlite") and address.database else None
        self._name = name or f"{address.render_as_string(hide_password=True)}#{table}"
        self._schema, _, self._table_name = table.rpartition(".")
        self._mapping = mapping
        self._mode = position_mode
        self._engine = _engine(address)
        self._table: sa.Table | None = None

    @property
    def name(self) -> str:
        """The address without its password, and the table."""
        return self._name

    # -- reading -------------------------------------------------------------------------------------------

    def read(self) -> BookAnswer:
        """All open positions, as of one moment."""
        if self._file is not None and not self._file.exists():
            return unreadable(f"there is no file {self._file}")
        try:
            with self._transaction(writes=False) as connection:
                found = self._rows(connection, self._shape(connection))
        except (SQLAlchemyError, InputError) as error:
            return unreadable(_words(error))
        if len(found) > ROWS_MAX:
            return unreadable(
                f"it has more than {ROWS_MAX:,} rows; keep closed positions elsewhere, or say which count"
            )
        rows = [row for row, _ in found if isinstance(row, BookRow)]
        refused = tuple(row for row, _ in found if isinstance(row, Refusal))
        why = f"{len(refused)} rows refused" if refused else ""
        return BookAnswer(completeness="partial" if refused else "complete", why=why, positions=rows, refused=refused)

    def _shape(self, connection: Connection) -> sa.Table:
        """The table as it is. Raises InputError where it lacks a column, or keeps exact numbers as floats."""
        if self._table is not None:
            return self._table
        try:
            table = sa.Table(self._table_name, sa.MetaData(), schema=self._schema or None, autoload_with=connection)
        except NoSuchTableError as error:
            raise InputError(f"there is no table {self._table_name}") from error
        mapping = self._mapping
        for name in (*mapping.columns, mapping.exit_reason, mapping.closed_at, *mapping.added):
            if name is not None and name not in table.columns:
                there = ", ".join(column.name for column in table.columns)
                raise InputError(f"the table {self._table_name} has no column {name}; it has {there}")
        for name in (mapping.quantity, mapping.price, mapping.stop):
            if name is not None and isinstance(table.columns[name].type, sa.Float) and mapping.floats != "text":
                raise InputError(
                    f"column {name} is {table.columns[name].type}, a binary float, which is not exact: make it TEXT or "
                    'NUMERIC, or say floats = "text" to take what it prints as'
                )
        self._table = table
        return table

    def _rows(
        self, connection: Connection, table: sa.Table, *, symbols: Sequence[str] | None = None, lock: bool = False
    ) -> list[tuple[BookRow | Refusal, RowMapping]]:
        """Open rows and unusable ones, each with its raw primary key."""
        mapping = self._mapping
        columns: list[sa.ColumnElement[Any]] = [*_names_of(table, mapping)]
        columns += [sa.cast(table.columns[name], sa.Text).label(name) for name in mapping.columns]
        numbers = [name for name in (mapping.quantity, mapping.price, mapping.stop) if name is not None]
        if self._is_sqlite:
            columns += [sa.func.typeof(table.columns[name]).label(_TYPE + name) for name in numbers]
        asked = sa.select(*columns).limit(ROWS_MAX + 1)
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
            row = _inexact(mapping, cells, place) or row_of(mapping, cells, place=place, ref=_ref(raw, table, mapping))
            if row is not None:
                found.append((row, raw))
        return found

    # -- writing -------------------------------------------------------------------------------------------

    def write(self, write: BookWrite) -> Wrote:
        """One correction, in one transaction."""
        began = False
        try:
            with self._transaction(writes=True) as connection:
                began = True
                table = self._shape(connection)
                self._alone(connection, table)
                return self._write(connection, table, write)
        except _Left as left:
            return left.wrote
        except InputError as error:
            return Wrote("unknown", _words(error))
        except IntegrityError as error:
            return Wrote("conflict", f"{_symbol(write)}: the table refuses it: {_words(error)}")
        except SQLAlchemyError as error:
            what = "its outcome is unknown" if began else "nothing was written"
            return Wrote("unknown", f"{_words(error)}; {what}")

    def _write(self, connection: Connection, table: sa.Table, write: BookWrite) -> Wrote:
        symbol = write.before.symbol if write.before is not None else _symbol(write)
        found = self._rows(connection, table, symbols=(symbol,), lock=True)
        if write.before is None:
            assert write.after is not None
            self._nothing_there(found, write.after)
            cells = cells_of(self._mapping, write.after, new=True)
            typed, closed = self._typed(table, cells), _taken(connection, table, cells)
            connection.execute(
                table.insert().values(typed) if closed is None else table.update().where(closed).values(typed)
            )
        else:
            raw = self._still_there(found, write)
            change = (
                self._closing(table, write) if write.after is None
                else self._typed(table, cells_of(self._mapping, write.after, new=False))
            )  # fmt: skip
            where = _only_this(table, self._mapping, raw)
            done = connection.execute(
                table.delete().where(where) if change is None else table.update().where(where).values(change)
            )
            if done.rowcount != 1:
                raise _Left(Wrote("conflict", f"{symbol}: {done.rowcount} rows would have changed, not one"))
        self._came_out(self._rows(connection, table, symbols=(symbol,)), write, symbol)
        return Wrote("written")

    def _nothing_there(self, found: Sequence[tuple[BookRow | Refusal, RowMapping]], after: Holding) -> None:
        """Somebody may have added the row meanwhile."""
        for row, _ in found:
            if isinstance(row, Refusal):
                raise _Left(Wrote("conflict", f"{after.symbol}: row {row.row} cannot be read: {row.why}"))
            if self._mode == "netting" or row.ticket == after.ticket:
                if same(row, after):
                    raise _Left(Wrote("already", "it is there"))
                raise _Left(Wrote("conflict", f"{after.symbol}: a row is there meanwhile, {differs(row)}"))

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
                raise _Left(Wrote("already", "it says so"))
            raise _Left(Wrote("conflict", f"{before.symbol}: it was changed meanwhile, {differs(row)}"))
        others = [
            row
            for row, _ in found
            if isinstance(row, Refusal) or self._mode == "netting" or row.ticket == before.ticket
        ]
        if write.after is None and not others:
            raise _Left(Wrote("already", "it is closed"))
        raise _Left(Wrote("conflict", f"{before.symbol}: its row is gone, or another has taken its place"))

    def _came_out(self, found: Sequence[tuple[BookRow | Refusal, RowMapping]], write: BookWrite, symbol: str) -> None:
        """Read back before it counts: a column may round, a trigger may interfere. Else nothing is written."""
        rows = [row for row, _ in found if isinstance(row, BookRow)]
        after = write.after
        if after is None:
            kept = write.before is not None and any(row.ref == write.before.ref for row in rows)
            if kept:
                raise _Left(Wrote("conflict", f"{symbol}: it is open after it was closed; is the mapping right?"))
            return
        mine = [row for row in rows if row.ticket == after.ticket or self._mode == "netting"]
        if not any(row.signed_quantity == after.signed_quantity for row in mine):
            said = differs(mine[0]) if mine else "no open row came of it"
            raise _Left(Wrote("conflict", f"{symbol}: the table did not keep what was written ({said}); undone"))

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
        change = self._typed(table, cells)
        if mapping.closed_at is not None:
            when = moment(write.at_ns, mapping.time_zone)
            kind = table.columns[mapping.closed_at].type
            if isinstance(kind, sa.DateTime):
                naive = self._is_sqlite or not kind.timezone
                text = (when.replace(tzinfo=None) if naive else when).isoformat(" ", "microseconds")
            else:
                text = str(write.at_ns // 1_000_000_000) if isinstance(kind, sa.Integer) else when.isoformat()
            change |= self._typed(table, {mapping.closed_at: text})
        return change

    def _typed(self, table: sa.Table, cells: dict[str, str | None]) -> dict[str, Any]:
        """Exact text as each column takes it: SQLite converts by itself, others are told to."""
        found: dict[str, Any] = {}
        for name, text in cells.items():
            given = sa.literal(text, sa.Text())
            plain = self._is_sqlite or isinstance(table.columns[name].type, sa.String)
            found[name] = sa.null() if text is None else given if plain else sa.cast(given, table.columns[name].type)
        return found

    # -- connections ---------------------------------------------------------------------------------------

    @property
    def _is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def _transaction(self, *, writes: bool) -> Generator[Connection]:
        """One transaction on a connection of its own; rolled back when anything is raised."""
        if self._file is not None and not self._file.exists():
            raise InputError(f"there is no file {self._file}")  # connecting would make an empty one
        with self._engine.connect().execution_options(trueup_writes=writes) as connection, connection.begin():
            if self._engine.dialect.name == "postgresql":  # a migration may hold the table for as long as it likes
                connection.execute(sa.text(f"SET LOCAL statement_timeout = '{WAIT_S}s'"))
            yield connection

    def _alone(self, connection: Connection, table: sa.Table) -> None:
        """Until the end of the transaction nobody else writes to the table: a row that another adds could not be seen,
        and a statement that a lost connection left running is waited for (L21)."""
        if self._engine.dialect.name == "postgresql":
            connection.execute(sa.text(f"SET LOCAL lock_timeout = '{WAIT_S}s'"))
            quoted = self._engine.dialect.identifier_preparer.format_table(table)
            connection.execute(sa.text(f"LOCK TABLE {quoted} IN SHARE ROW EXCLUSIVE MODE"))

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


class _Left(Exception):
    """Nothing is to be written: ends the transaction without having changed anything."""

    def __init__(self, wrote: Wrote) -> None:
        super().__init__(wrote.why)
        self.wrote = wrote


def _engine(address: sa.URL) -> Engine:
    """Connections that last for one transaction, and never wait for ever."""
    options: dict[str, Any] = {}
    if address.drivername.startswith("sqlite"):
        options = {"timeout": WAIT_S}
    elif address.drivername.startswith("postgresql"):
        options = {"connect_timeout": WAIT_S}
    try:
        engine = sa.create_engine(address, poolclass=NullPool, connect_args=options)
    except (ImportError, SQLAlchemyError) as error:
        raise InputError(f"no driver for {address.drivername} is installed: {error}") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _by_hand)
        event.listen(engine, "begin", _begin)
    return engine


def _by_hand(connection: Any, _: object) -> None:
    """The driver's own idea of when a transaction begins would leave the first read outside of it."""
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    """Who means to write takes the lock before it reads, so that nobody writes in between."""
    writes = connection.get_execution_options().get("trueup_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


# -- rows ----------------------------------------------------------------------------------------------------------


def _key_columns(table: sa.Table, mapping: Mapping) -> list[str]:
    """What names a row: the primary key; without one the ticket, else symbol and side."""
    primary = [column.name for column in table.primary_key.columns]
    if primary:
        return primary
    return [name for name in ((mapping.ticket,) if mapping.ticket else (mapping.symbol, mapping.side)) if name]


def _names_of(table: sa.Table, mapping: Mapping) -> list[sa.ColumnElement[Any]]:
    return [table.columns[name].label(f"key {name}") for name in _key_columns(table, mapping)]


def _ref(raw: RowMapping, table: sa.Table, mapping: Mapping) -> str:
    return repr(tuple(str(raw[f"key {name}"]) for name in _key_columns(table, mapping)))


def _only_this(table: sa.Table, mapping: Mapping, raw: RowMapping) -> sa.ColumnElement[bool]:
    columns = _key_columns(table, mapping)
    named = [table.columns[name] == raw[f"key {name}"] for name in columns]
    if not table.primary_key.columns:  # the name may be used again by rows that are closed: only this one is meant
        said = [name for name in (mapping.quantity, mapping.status, *mapping.only) if name is not None]
        named += [sa.cast(table.columns[name], sa.Text) == raw[name] for name in said]
    return sa.and_(*named)


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


def _inexact(mapping: Mapping, cells: dict[str, Any], place: int) -> Refusal | None:
    """Numbers that SQLite keeps as binary floats with more digits than it prints."""
    for name in (mapping.quantity, mapping.price, mapping.stop):
        text = cells.get(name or "")
        if name is None or cells.get(_TYPE + name) != "real" or mapping.floats == "text" or text is None:
            continue
        digits = text.lower().partition("e")[0].replace(".", "").replace("-", "").strip("0")
        if len(digits) >= DIGITS_OF_A_FLOAT:
            why = f"{name} is {text}, with as many digits as SQLite's binary floats have: keep it as TEXT"
            return Refusal(place, why, str(cells.get(mapping.symbol) or "") or None)
    return None


def _symbol(write: BookWrite) -> str:
    if write.after is not None:
        return write.after.symbol
    return write.before.symbol if write.before is not None else "it"


def _words(error: Exception) -> str:
    """One line of what a driver says, without the statement that SQLAlchemy adds."""
    said = getattr(error, "orig", None) or error
    return " ".join(str(said).split())[:300]
