"""What is left of a history for whoever looks into it: its journal, a bundle of it, what happens in it, its story?

One place for the command line and the pytest plugin, so that both leave the same files.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from trueup.errors import TrueupError
from trueup.incident import write_bundle
from trueup.journal import open_reader
from trueup.simulation.beside import Making
from trueup.simulation.disk import ACCOUNT
from trueup.simulation.run import Told, told
from trueup.simulation.scenario import Scenario, to_json
from trueup.simulation.shrinking import shrink
from trueup.simulation.story import story


class Left(msgspec.Struct, frozen=True):
    """One history, and where it was left."""

    scenario: Scenario
    """What was played: the shortest that still fails, where the given one fails; else the given one."""
    told: Told
    stem: Path
    """`DIR/seed-S`: `.db` is its journal, `.zip` the bundle, `.json` what happens in it, `.txt` its story."""
    unbundled: str
    """Why there is no bundle, where what the bug left cannot be made one; '' where there is."""


def leave(
    scenario: Scenario, folder: Path, *, laws: frozenset[int] | None = None, beside: Making | None = None
) -> Left:
    """Play a history, shortened where it breaks a law, and leave it in a folder, which is made where it is missing.

    scenario  any; one that breaks no law is left as it is
    laws      those that it is known to break; None: that is still to be found out
    beside    what stands beside its journal and is judged, too

    What an earlier run left of the same seed is replaced. Raises OSError where nothing can be written there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if laws is None:
        laws = frozenset(one.law for one in told(scenario, beside=beside).outcome.violations)
    shortest = shrink(scenario, laws, beside=beside) if laws else scenario
    stem = folder / f"seed-{scenario.seed}"
    for kind in (".db", ".db-wal", ".db-shm", ".zip"):
        Path(f"{stem}{kind}").unlink(missing_ok=True)
    played = told(shortest, narrated=True, export=Path(f"{stem}.db"), beside=beside)
    Path(f"{stem}.json").write_bytes(to_json(shortest))
    Path(f"{stem}.txt").write_text("\n".join(story(shortest, played)) + "\n", "utf-8")
    unbundled = _bundled(stem)
    with closing(sqlite3.connect(f"{stem}.db")) as writable:  # what a reader cannot clear away goes with a writer
        writable.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return Left(shortest, played, stem, unbundled)


def _bundled(stem: Path) -> str:
    """Make a bundle of a left journal, all of it; what kept it from being made, for people."""
    try:
        with open_reader(f"sqlite:///{stem}.db", ACCOUNT) as reader:
            head = reader.head().position
            if not head:
                return "its journal is empty"
            write_bundle(reader, Path(f"{stem}.zip"), first=1, last=head)
    except TrueupError as error:  # a history that breaks law 8 leaves a journal that nobody can read
        return str(error)
    return ""
