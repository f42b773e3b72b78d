"""What is kept of a campaign, in one SQLite file, and what does such a file say?

Runs are written as they are finished, so that a campaign that is broken off leaves what it did. The same seed of the
same version replaces what stood there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from trueup.simulation.faults import FAULTS
from trueup.simulation.healing import BY
from trueup.simulation.run import Outcome

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS runs (
    version TEXT NOT NULL, seed INTEGER NOT NULL, steps INTEGER NOT NULL, virtual_ms INTEGER NOT NULL,
    digest TEXT NOT NULL, violations INTEGER NOT NULL, healed_ms INTEGER, allowed_ms INTEGER NOT NULL,
    PRIMARY KEY (version, seed)
);
CREATE TABLE IF NOT EXISTS violations (
    version TEXT NOT NULL, seed INTEGER NOT NULL, law INTEGER NOT NULL, what TEXT NOT NULL,
    PRIMARY KEY (version, seed, law, what)
);
CREATE TABLE IF NOT EXISTS counts (
    version TEXT NOT NULL, seed INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (version, seed, kind, name)
);
CREATE TABLE IF NOT EXISTS heals (
    version TEXT NOT NULL, seed INTEGER NOT NULL, key TEXT NOT NULL, since_ms INTEGER NOT NULL, ms INTEGER NOT NULL,
    by TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS heals_by_seed ON heals (version, seed);
CREATE VIEW IF NOT EXISTS totals AS
    SELECT kind, name, SUM(count) AS count, COUNT(*) AS runs FROM counts GROUP BY kind, name;
"""


class Results:
    """One SQLite file of runs, being written."""

    def __init__(self, path: Path | None) -> None:
        """
        path   None: nothing is kept

        Raises sqlite3.Error where it cannot be written, or was written by a version that kept something else.
        """
        self._connection = None if path is None else sqlite3.connect(path)
        self._version = version("trueup")
        if self._connection is not None:
            try:
                self._connection.executescript(_TABLES)
                self._connection.execute("SELECT healed_ms, allowed_ms FROM runs LIMIT 1").fetchall()
            except sqlite3.Error:
                self._connection.close()
                raise

    def write(self, outcomes: Iterable[Outcome]) -> None:
        """Some runs, in one transaction."""
        if self._connection is None:
            return
        with self._connection as connection:
            for one in outcomes:
                self._write(connection, one)

    def _write(self, connection: sqlite3.Connection, one: Outcome) -> None:
        where, healing = (self._version, one.seed), one.healing
        for table in ("runs", "violations", "counts", "heals"):
            connection.execute(f"DELETE FROM {table} WHERE version=? AND seed=?", where)
        figures = (one.steps, one.virtual_ms, one.digest, len(one.violations), healing.after_ms, healing.allowed_ms)
        connection.execute("INSERT INTO runs VALUES (?,?,?,?,?,?,?,?)", (*where, *figures))
        connection.executemany(
            "INSERT OR IGNORE INTO violations VALUES (?,?,?,?)",
            [(*where, broken.law, broken.what) for broken in one.violations],
        )
        for kind, counted in (("fault", one.faults), ("coverage", one.coverage)):
            connection.executemany(
                "INSERT INTO counts VALUES (?,?,?,?,?)",
                [(*where, kind, name, count) for name, count in counted.items()],
            )
        connection.executemany(
            "INSERT INTO heals VALUES (?,?,?,?,?,?)",
            [(*where, heal.key, heal.since_ms, heal.ms, heal.by) for heal in healing.heals],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()


# -- reading it ----------------------------------------------------------------------------------------------


class Counted(msgspec.Struct, frozen=True):
    """One thing that was counted."""

    name: str
    count: int
    runs: int
    """Histories in which it was seen."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of one version's runs."""

    version: str
    runs: int
    steps: int
    virtual_ms: int
    violations: int
    faults: tuple[Counted, ...]
    """By name; every kind that this version knows, with 0 for those that never had an effect."""
    coverage: tuple[Counted, ...]
    """By name."""
    heals: dict[str, tuple[int, ...]]
    """By what brought the two sides together: for how many milliseconds they were apart, the shortest first."""
    after: tuple[tuple[int, int], ...]
    """(milliseconds from when faults stopped until the two sides agreed for good, how many law 2 allows), by the first,
    of the histories that came to agree."""
    apart: int
    """Histories that the policy left apart in the end."""


def read_results(path: Path) -> Kept:
    """What a file holds of the version that was written to it last.

    Raises sqlite3.Error where it is no such file, LookupError where it holds no run.
    """
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
        last = file.execute("SELECT version FROM runs ORDER BY rowid DESC LIMIT 1").fetchone()
        if last is None:
            raise LookupError(f"{path} holds no run")
        (figures,) = file.execute(
            "SELECT COUNT(*), SUM(steps), SUM(virtual_ms), SUM(violations) FROM runs WHERE version=?", last
        ).fetchall()
        counted = file.execute(
            "SELECT kind, name, SUM(count), COUNT(*) FROM counts WHERE version=? GROUP BY kind, name ORDER BY name",
            last,
        ).fetchall()
        heals = file.execute("SELECT by, ms FROM heals WHERE version=? ORDER BY ms", last).fetchall()
        after = file.execute("SELECT healed_ms, allowed_ms FROM runs WHERE version=? ORDER BY 1, 2", last).fetchall()
    found = {(kind, name): Counted(name, count, runs) for kind, name, count, runs in counted}
    return Kept(
        version=last[0],
        runs=figures[0],
        steps=figures[1],
        virtual_ms=figures[2],
        violations=figures[3],
        faults=tuple(found.get(("fault", name), Counted(name, 0, 0)) for name in FAULTS),
        coverage=tuple(one for (kind, _), one in found.items() if kind == "coverage"),
        heals={by: tuple(ms for other, ms in heals if other == by) for by in BY},
        after=tuple((ms, allowed) for ms, allowed in after if ms is not None),
        apart=sum(ms is None for ms, _ in after),
    )
