"""What do positions and orders share that stand in tables of a bot's own database?

Connections that last for one transaction and never wait for ever, the table's shape as it is, a lock under which nobody
else writes, numbers as exact text both ways, and what names a row. Needs `pip install "trueup[sql]"`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, RowMapping, make_url
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from trueup.errors import InputError
from trueup.foreign import Wrote
from trueup.model import Refusal
from trueup_adapters.books.cells import moment
from trueup_adapters.books.leaving import Left

WAIT_S: Final = 5
"""How long a lock or a connection is waited for."""
DIGITS_OF_A_FLOAT: Final = 15
"""What SQLite prints of a number that it keeps as a binary float; beyond that the text is not the number."""
_TYPE: Final = "typeof "
_KEY: Final = "key "


class SqlTable:
    """One table of one database."""

    def __init__(self, url: str, table: str, *, name: str | None = None) -> None:
        """
        url    as SQLAlchemy writes it: `sqlite:///bot.db`, `postgresql://user@host/db`
        table  its name, with a schema before a dot where it has one
        name   what the journal calls it; None: the address without its password, and the table

        Connects to nothing yet. Raises InputError for an address that is none, or that no driver is installed for.
        """
        try:
            address = make_url(url)
        except ArgumentError as error:
            raise InputError(
                "the book's url is none that SQLAlchemy understands; write for example sqlite:///bot.db"
            ) from error
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg")
        self._file = Path(address.database) if address.drivername.startswith("sqlite") and address.database else None
        self.name = name or f"{address.render_as_string(hide_password=True)}#{table}"
        self._schema, _, self._table_name = table.rpartition(".")
        self._engine = _engine(address)
        self._table: sa.Table | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of SQLite's."""
        return self._engine.dialect.name == "sqlite"

    @property
    def missing_file(self) -> str | None:
        """Why there is nothing to be read: there is no file; None where there is one, or none is needed."""
        return f"there is no file {self._file}" if self._file is not None and not self._file.exists() else None

    @contextmanager
    def transaction(self, *, writes: bool) -> Generator[Connection]:
        """One transaction on a connection of its own; rolled back when anything is raised."""
        if self.missing_file is not None:
            raise InputError(self.missing_file)  # connecting would make an empty one
        options: dict[str, Any] = {"trueup_writes": writes}
        if self._engine.dialect.name == "postgresql" and not writes:
            options["isolation_level"] = "REPEATABLE READ"  # what several queries read is of one moment
        with self._engine.connect().execution_options(**options) as connection, connection.begin():
            if self._engine.dialect.name == "postgresql":  # a migration may hold the table for as long as it likes
                connection.execute(sa.text(f"SET LOCAL statement_timeout = '{WAIT_S}s'"))
            yield connection

    def wrote(self, what: str, change: Callable[[Connection], Wrote]) -> Wrote:
        """What came of `change`, in one transaction that is tried once; `what` it is about is named where the table
        refuses it."""
        began = False
        try:
            with self.transaction(writes=True) as connection:
                began = True
                return change(connection)
        except Left as left:
            return left.wrote
        except InputError as error:
            return Wrote("unknown", words(error))
        except (DataError, IntegrityError) as error:  # what no column takes will not be taken later either
            return Wrote("conflict", f"{what}: the table refuses it: {words(error)}")
        except SQLAlchemyError as error:
            outcome = "its outcome is unknown" if began else "nothing was written"
            return Wrote("unknown", f"{words(error)}; {outcome}")

    def alone(self, connection: Connection, table: sa.Table) -> None:
        """Until the end of the transaction nobody else writes to the table: a row that another adds could not be seen,
        and a statement that a lost connection left running is waited for (L21)."""
        if self._engine.dialect.name == "postgresql":
            connection.execute(sa.text(f"SET LOCAL lock_timeout = '{WAIT_S}s'"))
            quoted = self._engine.dialect.identifier_preparer.format_table(table)
            connection.execute(sa.text(f"LOCK TABLE {quoted} IN SHARE ROW EXCLUSIVE MODE"))

    def shape(
        self, connection: Connection, columns: Sequence[str | None], numbers: Sequence[str | None], floats: str
    ) -> sa.Table:
        """The table as it is. Raises InputError where it lacks one of `columns`, or has one of `numbers` as a float."""
        if self._table is not None:
            return self._table
        try:
            table = sa.Table(self._table_name, sa.MetaData(), schema=self._schema or None, autoload_with=connection)
        except NoSuchTableError as error:
            raise InputError(f"there is no table {self._table_name}") from error
        for name in columns:
            if name is not None and name not in table.columns:
                there = ", ".join(column.name for column in table.columns)
                raise InputError(f"the table {self._table_name} has no column {name}; it has {there}")
        for name in numbers:
            if name is not None and isinstance(table.columns[name].type, sa.Float) and floats != "text":
                raise InputError(
                    f"column {name} is {table.columns[name].type}, a binary float, which is not exact: make it TEXT or "
                    'NUMERIC, or say floats = "text" to take what it prints as'
                )
        self._table = table
        return table

    def asked(
        self, table: sa.Table, keys: Sequence[str], columns: Sequence[str], numbers: Sequence[str | None]
    ) -> sa.Select[Any]:
        """A query for rows, each column as text, with what names each row."""
        wanted: list[sa.ColumnElement[Any]] = [table.columns[name].label(_KEY + name) for name in keys]
        wanted += [sa.cast(table.columns[name], sa.Text).label(name) for name in columns]
        if self.is_sqlite:
            wanted += [sa.func.typeof(table.columns[name]).label(_TYPE + name) for name in numbers if name is not None]
        return sa.select(*wanted)

    def typed(self, table: sa.Table, cells: dict[str, str | None]) -> dict[str, Any]:
        """Exact text as each column takes it: SQLite converts by itself, others are told to."""
        found: dict[str, Any] = {}
        for name, text in cells.items():
            given, kind = sa.literal(text, sa.Text()), table.columns[name].type
            plain = self.is_sqlite or (isinstance(kind, sa.String) and not isinstance(kind, sa.Enum))
            found[name] = sa.null() if text is None else given if plain else sa.cast(given, kind)
        return found

    def time_text(self, table: sa.Table, column: str, at_ns: int, zone: str) -> str:
        """A wall time as a column keeps it: a date and time in the book's zone, or seconds since 1970."""
        when, kind = moment(at_ns, zone), table.columns[column].type
        if isinstance(kind, sa.DateTime):
            naive = self.is_sqlite or not kind.timezone
            return (when.replace(tzinfo=None) if naive else when).isoformat(" ", "microseconds")
        return str(at_ns // 1_000_000_000) if isinstance(kind, sa.Integer) else when.isoformat()

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


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


def key_columns(table: sa.Table, else_: Sequence[str | None]) -> list[str]:
    """What names a row: the primary key; without one the first columns that are given."""
    primary = [column.name for column in table.primary_key.columns]
    return primary or [name for name in else_ if name]


def ref_of(raw: RowMapping, keys: Sequence[str]) -> str:
    """What names a row, as text."""
    return repr(tuple(str(raw[_KEY + name]) for name in keys))


def only_this(
    table: sa.Table, keys: Sequence[str], raw: RowMapping, said: Sequence[str | None]
) -> sa.ColumnElement[bool]:
    """The one row. Without a primary key its name may be used again by rows that ended: it also says what it `said`."""
    named = [table.columns[name] == raw[_KEY + name] for name in keys]
    if not table.primary_key.columns:
        named += [sa.cast(table.columns[name], sa.Text) == raw[name] for name in said if name is not None]
    return sa.and_(*named)


def inexact(
    numbers: Sequence[str | None], floats: str, cells: dict[str, Any], place: int, named: tuple[str | None, str | None]
) -> Refusal | None:
    """Numbers that SQLite keeps as binary floats with more digits than it prints. `named`: (symbol, ticket or id)."""
    for name in numbers:
        text = cells.get(name or "")
        if name is None or cells.get(_TYPE + name) != "real" or floats == "text" or text is None:
            continue
        digits = text.lower().partition("e")[0].replace(".", "").replace("-", "").strip("0")
        if len(digits) >= DIGITS_OF_A_FLOAT:
            why = f"{name} is {text}, with as many digits as SQLite's binary floats have: keep it as TEXT"
            return Refusal(place, why, *named)
    return None


def words(error: Exception) -> str:
    """One line of what a driver says, without the statement that SQLAlchemy adds."""
    said = getattr(error, "orig", None) or error
    return " ".join(str(said).split())[:300]
