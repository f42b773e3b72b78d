"""How is a bot's own table of orders read and corrected, in any database that SQLAlchemy speaks to?

What the table says still works is read whole; of orders that are asked for by name, also what has ended. Written as
positions are (`sql`): in one transaction the row is locked, read again, changed if it still says what it said before,
and read back. Tried on SQLite and PostgreSQL. Needs `pip install "trueup[sql]"`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import SQLAlchemyError

from trueup.errors import InputError
from trueup.foreign import OrderName, OrderRow, OrdersAnswer, OrderWrite, Places, Wrote, unreadable_orders
from trueup.model import Refusal
from trueup_adapters.books.leaving import Left, no_order_there, order_still_there
from trueup_adapters.books.order_cells import ends_now, order_cells_of, order_differs, order_of, order_says
from trueup_adapters.books.order_mapping import OrderMapping
from trueup_adapters.books.sql_table import SqlTable, inexact, key_columns, only_this, ref_of, words

ROWS_MAX: Final = 100_000
"""Orders that are read at most (law 12): more that work make the read a failed one."""
NAMES_AT_ONCE: Final = 500
"""Orders that one query asks for by name."""
_Found = list[tuple[OrderRow | Refusal, RowMapping]]


class SqlOrders:
    """One table of one database."""

    def __init__(self, url: str, table: str, mapping: OrderMapping, *, name: str | None = None) -> None:
        """
        url    as SQLAlchemy writes it: `sqlite:///bot.db`, `postgresql://user@host/db`
        table  its name, with a schema before a dot where it has one
        name   what the journal calls it; None: the address without its password, and the table

        Connects to nothing yet. Raises InputError for an address that is none, or a mapping that cannot be meant.
        """
        mapping.check()
        self._place = SqlTable(url, table, name=name)
        self._mapping = mapping

    @property
    def name(self) -> str:
        """The address without its password, and the table."""
        return self._place.name

    @property
    def places(self) -> Places:
        """As it is mapped."""
        return self._mapping.places

    # -- reading -------------------------------------------------------------------------------------------

    def read(self, known: Sequence[OrderName]) -> OrdersAnswer:
        """All that still work, and those that are asked for, as of one moment."""
        if self._place.missing_file is not None:
            return unreadable_orders(self._place.missing_file)
        try:
            with self._place.transaction(writes=False) as connection:
                found = self._all(connection, self._shape(connection), known)
        except (SQLAlchemyError, InputError) as error:
            return unreadable_orders(words(error))
        if found is None:
            return unreadable_orders(f"more than {ROWS_MAX:,} of its orders work; do the words of ended ones count?")
        rows = [row for row, _ in found if isinstance(row, OrderRow)]
        refused = tuple(row for row, _ in found if isinstance(row, Refusal))
        why = f"{len(refused)} rows refused" if refused else ""
        return OrdersAnswer(completeness="partial" if refused else "complete", why=why, orders=rows, refused=refused)

    def _all(self, connection: Connection, table: sa.Table, known: Sequence[OrderName]) -> _Found | None:
        """Working orders, then of those that were asked for the ones that are not among them; None: too many."""
        status = sa.func.lower(sa.cast(table.columns[self._mapping.status], sa.Text))
        working = sa.or_(status.not_in([word.lower() for word in self._mapping.ends]), status.is_(None))
        found = self._rows(connection, table, working)
        if len(found) > ROWS_MAX:
            return None
        ids = {one.client_order_id for one, _ in found if isinstance(one, OrderRow)}
        ids |= {one.order_id for one, _ in found if isinstance(one, OrderRow)}
        asked = [one for one in known if not ids & ({one.client_order_id, one.order_id} - {None})]
        seen = {ref_of(raw, self._keys(table)) for _, raw in found}
        for first in range(0, len(asked), NAMES_AT_ONCE):
            more = self._rows(connection, table, self._of(table, asked[first : first + NAMES_AT_ONCE]))
            found += [one for one in more if ref_of(one[1], self._keys(table)) not in seen]
        return found

    def _of(self, table: sa.Table, names: Sequence[OrderName]) -> sa.ColumnElement[bool]:
        """Rows of these orders, by whichever id they have."""
        mapping, either = self._mapping, list[sa.ColumnElement[bool]]()
        ours = [one.client_order_id for one in names if one.client_order_id is not None]
        theirs = [one.order_id for one in names if one.order_id is not None]
        for column, ids in ((mapping.client_order_id, ours), (mapping.order_id, theirs)):
            if column is not None and ids:
                either.append(sa.cast(table.columns[column], sa.Text).in_(ids))
        return sa.or_(sa.false(), *either)

    def _shape(self, connection: Connection) -> sa.Table:
        mapping = self._mapping
        columns = (*mapping.columns, mapping.exit_reason, mapping.closed_at, *mapping.added)
        return self._place.shape(connection, columns, mapping.numbers, mapping.floats)

    def _keys(self, table: sa.Table) -> list[str]:
        """What names a row: the primary key; without one the client order id, or the broker's."""
        return key_columns(table, (self._mapping.client_order_id or self._mapping.order_id,))

    def _rows(
        self, connection: Connection, table: sa.Table, which: sa.ColumnElement[bool], *, lock: bool = False
    ) -> _Found:
        """Rows of this account, and unusable ones, each with its raw key."""
        mapping, keys = self._mapping, self._keys(table)
        asked = self._place.asked(table, keys, mapping.columns, mapping.numbers).where(which).limit(ROWS_MAX + 1)
        for name, value in mapping.only.items():
            asked = asked.where(sa.cast(table.columns[name], sa.Text) == value)
        if lock:
            asked = asked.with_for_update()
        found: _Found = []
        for place, raw in enumerate(connection.execute(asked).mappings(), 1):
            cells = dict(raw)
            row = order_of(mapping, cells, place=place, ref=ref_of(raw, keys))
            of = (row.symbol, row.ticket if isinstance(row, Refusal) else row.client_order_id or row.order_id)
            found.append((inexact(mapping.numbers, mapping.floats, cells, place, of) or row, raw))
        return found

    # -- writing -------------------------------------------------------------------------------------------

    def write(self, write: OrderWrite) -> Wrote:
        """One order, in one transaction."""
        return self._place.wrote(
            f"order {write.after.client_order_id}", lambda connection: self._write(connection, write)
        )

    def _write(self, connection: Connection, write: OrderWrite) -> Wrote:
        table = self._shape(connection)
        self._place.alone(connection, table)
        before, after = write.before, write.after
        names = [OrderName(after.client_order_id, after.order_id)]
        if before is not None:
            names.append(OrderName(before.client_order_id, before.order_id))
        which = self._of(table, names)
        found = self._rows(connection, table, which, lock=True)
        change = self._change(table, write)
        if before is None:
            no_order_there([row for row, _ in found], write, what="row")
            connection.execute(table.insert().values(change))
        else:
            raw = order_still_there(found, write, before, what="row")
            where = only_this(table, self._keys(table), raw, (self._mapping.quantity, self._mapping.status))
            done = connection.execute(table.update().where(where).values(change))
            if done.rowcount != 1:
                said = f"{done.rowcount} rows would have changed, not one"
                raise Left(Wrote("conflict", f"order {after.client_order_id}: {said}"))
        self._came_out(self._rows(connection, table, which), write)
        return Wrote("written")

    def _change(self, table: sa.Table, write: OrderWrite) -> dict[str, object]:
        """What the row is to say, as its columns take it."""
        mapping = self._mapping
        change: dict[str, object] = self._place.typed(table, order_cells_of(mapping, write))
        if mapping.closed_at is not None and ends_now(write):
            when = self._place.time_text(table, mapping.closed_at, write.at_ns, mapping.time_zone)
            change |= self._place.typed(table, {mapping.closed_at: when})
        return change

    def _came_out(self, found: _Found, write: OrderWrite) -> None:
        """Read back before it counts: a column may round, a trigger may interfere. Else nothing is written."""
        ref = None if write.before is None else write.before.ref
        for row, _ in found:
            if isinstance(row, OrderRow) and ref in (None, row.ref) and order_says(row, write):
                return
        said = next((order_differs(row) for row, _ in found if isinstance(row, OrderRow)), "no row came of it")
        name = write.after.client_order_id
        raise Left(Wrote("conflict", f"order {name}: the table did not keep what was written ({said}); undone"))

    def close(self) -> None:
        """Let go of every connection."""
        self._place.close()
