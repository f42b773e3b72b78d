"""Are read models that were kept along a simulated history what the journal alone makes of it (law 11)?

`trueup.simulation` lets something stand beside a journal while a history is played, and judges it in the end. This
keeps read models up as a process does that now and then dies, is away for a while, or comes back to a journal whose
tail was lost; in the end they are made anew from nothing, in one go, and every row has to be the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeAlias

from trueup.errors import TrueupError
from trueup.model import plain
from trueup.reconciliation.state import State
from trueup.simulation.beside import Found
from trueup_projections.tables import TABLES
from trueup_projections.views import Views

PAGES: Final = (1, 2, 7, 40, 4_000)
"""Events of a page, one of these for each life of whoever keeps the read models."""
Rows: TypeAlias = list[tuple[object, ...]]


class ReadModels:
    """Read models of one store, kept up and judged. A `trueup.simulation.beside.Beside`."""

    def __init__(self, url: str, account: str) -> None:
        self._url = url
        self._account = account
        self._folder = TemporaryDirectory(prefix="trueup-views-")
        self._views: Views | None = None
        self._trouble: list[str] = []
        """What kept the read models from following."""

    def look(self, chance: int) -> None:
        """Catch up, or be away; afterwards go on living, or not.

        chance  0 to 999; what decides
        """
        if chance % 4 == 0:
            return  # away: more comes at once next time
        try:
            if self._views is None:
                self._views = Views.open(self._url, self._path("kept"), page_events=PAGES[chance % len(PAGES)])
            self._views.catch_up()
        except TrueupError as error:
            self._trouble.append(str(error))
            self.stop()
        if chance % 3 == 0:
            self.stop()

    def stop(self) -> None:
        """The machine stops, and whoever kept the read models with it."""
        if self._views is not None:
            self._views.close()
            self._views = None

    def judge(self, state: State) -> Iterator[Found]:
        """Law 11, and that what stands in the tables is what the fold of the journal holds."""
        self.stop()
        for name in ("kept", "anew"):
            try:
                with Views.open(self._url, self._path(name)) as views:
                    views.catch_up()
            except TrueupError as error:
                self._trouble.append(str(error))
        if self._trouble:
            yield from ((11, f"the read models could not follow: {why}") for why in self._trouble)
            return
        along, rebuilt = self._content("kept"), self._content("anew")
        for table, rows in rebuilt.items():
            if along[table] != rows:
                yield 11, f"{table}: {_apart(along[table], rows)}"
        yield from self._says(state)

    def close(self) -> None:
        """Take it all away."""
        self.stop()
        self._folder.cleanup()

    def _says(self, state: State) -> Iterator[Found]:
        held = {key: plain(slot.holding.signed_quantity) for key, slot in state.book.items() if slot.holding}
        told = dict(self._ask("kept", "SELECT key, signed_quantity FROM positions"))
        if {key: str(quantity) for key, quantity in told.items()} != held:
            yield 11, f"positions say {told}, the journal comes to {held}"
        sides = (*state.breaks.values(), *state.order_breaks.values())
        breaks = sorted((one.id, one.state) for some in sides for one in some)
        listed = sorted(self._ask("kept", "SELECT id, state FROM breaks WHERE is_open = 1"))
        if breaks != listed:
            yield 11, f"open breaks are said to be {listed}, the journal comes to {breaks}"

    def _path(self, name: str) -> Path:
        return Path(self._folder.name, f"{name}.db")

    def _ask(self, name: str, question: str) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(self._path(name))) as connection:
            return connection.execute(question).fetchall()

    def _content(self, name: str) -> dict[str, Rows]:
        with closing(sqlite3.connect(self._path(name))) as connection:
            return {
                table.name: connection.execute(f"SELECT * FROM {table.name} ORDER BY {','.join(table.key)}").fetchall()
                for table in TABLES
            }


def _apart(along: Rows, rebuilt: Rows) -> str:
    """The first row that is not the same, both ways."""
    for kept, anew in zip(along, rebuilt, strict=False):
        if kept != anew:
            return f"kept along the way {kept}, made anew {anew}"
    return f"{len(along)} rows were kept along the way, and {len(rebuilt)} are made anew"
