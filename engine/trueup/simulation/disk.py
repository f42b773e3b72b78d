"""What does a simulated process write on, and how does that go wrong?

A store in memory behind the very classes of production: SQLite, the library's application, the chain, the writer,
the reader, the inbox. Between the ledger and the writer stands `FaultyJournal`, which refuses, hesitates, or ends the
process right before or right after a commit.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.errors import JournalError
from trueup.events import Event
from trueup.journal import (
    Durability,
    Head,
    JournalReader,
    JournalWriter,
    Recorded,
    Snapshot,
    open_reader,
    open_writer,
)
from trueup.journal.application import open_journal
from trueup.journal.lock import NoLock
from trueup.journal.urls import location

ACCOUNT: Final = "sim:1"
DiskTrouble: TypeAlias = Literal["refused", "unsure", "die_before", "die_after"]
MET: Final[dict[DiskTrouble, str]] = {
    "refused": "append_refused",
    "unsure": "append_unanswered",
    "die_before": "death_before_commit",
    "die_after": "death_after_commit",
}
"""What each trouble is called where faults are counted."""
_numbers = itertools.count(1)


class Died(BaseException):
    """The process is dead from here on: nothing that it would do next happens."""


class Written(msgspec.Struct, frozen=True):
    """One transaction, as the world remembers it."""

    row: int
    """The last row of the events' table, of all streams."""
    raw: int
    """The last row of the raw replies' table."""
    position: int
    """The journal's head."""


class Disk:
    """One store, which outlives the processes that write on it."""

    def __init__(self, durability: Durability) -> None:
        self.durability: Durability = durability
        self.url = f"memory://simulation-{os.getpid()}-{next(_numbers)}"
        self._address = f"file:trueup-{self.url.removeprefix('memory://')}?mode=memory&cache=shared"
        self._keeper = open_journal(location(self.url), "write")  # a store in memory lives while somebody has it open
        self.written: list[Written] = []
        self.troubles: list[DiskTrouble] = []
        """What the coming appends meet, one each."""
        self.met: Callable[[str], object] = str
        """Told of each trouble that an append met, by name."""
        self.full = False

    def writer(self) -> JournalWriter:
        """As a process opens it. Raises WriterFenced while another has it."""
        return open_writer(self.url, ACCOUNT, durability=self.durability)

    def thief(self) -> JournalWriter:
        """A writer that does not ask for the lock, as where a network's file system has lost it."""
        return JournalWriter(open_journal(location(self.url), "write"), self.url, ACCOUNT, NoLock())

    def reader(self) -> JournalReader:
        """A reader of the account's journal."""
        return open_reader(self.url, ACCOUNT)

    def committed(self, position: int) -> None:
        """A transaction reached the store."""
        row, raw = self._last_rows() if self.durability == "normal" else (0, 0)  # nothing else can lose its tail
        self.written.append(Written(row, raw, position))

    def lose_tail(self, transactions: int) -> int:
        """A power cut takes the last transactions that were never synced; where the journal ends now.

        With durability `full` every commit is synced and nothing is lost.
        """
        lost = 0 if self.durability == "full" else min(transactions, max(0, len(self.written) - 1))
        if lost:
            del self.written[-lost:]
            self._cut(self.written[-1])
        return self.written[-1].position if self.written else 0

    def stored(self) -> list[tuple[int, str, str, int, bytes]]:
        """Every stored event of every stream: row, name, stream, version, state."""
        with closing(self._connect()) as connection:
            found = connection.execute(
                "SELECT rowid, topic, originator_id, originator_version, state FROM stored_events ORDER BY rowid"
            )
            return [(row, topic, stream, version, bytes(state)) for row, topic, stream, version, state in found]

    def export(self, path: Path) -> None:
        """The whole store as an SQLite file, which `trueup verify` and the rest of the commands read."""
        with closing(self._connect()) as source, closing(sqlite3.connect(path)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=WAL").fetchone()

    def close(self) -> None:
        """Forget it all."""
        self._keeper.close()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._address, uri=True, isolation_level=None)

    def _last_rows(self) -> tuple[int, int]:
        with closing(self._connect()) as connection:
            (row,) = connection.execute("SELECT COALESCE(MAX(rowid), 0) FROM stored_events").fetchone()
            (raw,) = connection.execute("SELECT COALESCE(MAX(rowid), 0) FROM raw_replies").fetchone()
            return int(row), int(raw)

    def _cut(self, end: Written) -> None:
        """Everything after a row never happened. The guard against deleting is our own, and steps aside for it."""
        with closing(self._connect()) as connection:
            guard = "stored_events_no_delete"
            (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name=?", (guard,)).fetchone()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(f"DROP TRIGGER {guard}")
            connection.execute("DELETE FROM stored_events WHERE rowid > ?", (end.row,))
            connection.execute("DELETE FROM raw_replies WHERE rowid > ?", (end.raw,))
            connection.execute(
                "DELETE FROM stored_snapshots WHERE originator_version > "
                "(SELECT COALESCE(MAX(originator_version), 0) FROM stored_events WHERE originator_id=?)",
                (ACCOUNT,),
            )
            connection.execute(sql)
            connection.execute("COMMIT")


class FaultyJournal:
    """What the ledger of one simulated process writes to. A `trueup.storage.JournalPort`."""

    def __init__(self, disk: Disk, writer: JournalWriter, appended: Callable[[int, Sequence[Event]], None]) -> None:
        """
        appended   called with the position of the first event, and the events, after each append that was stored
        """
        self.account = writer.account
        self.dead = False
        """The process ended: it writes nothing any more."""
        self.failed = False
        """Whether the last append was refused, as far as the process could see."""
        self.resumed_from: int | None = None
        """The journal position of the snapshot that the process went on from; None: it folded from the first event."""
        self._disk = disk
        self._writer = writer
        self._appended = appended

    @property
    def interrupted(self) -> bool:
        return self._writer.interrupted

    def resume(self) -> bool:
        return self._writer.resume()

    def head(self) -> Head:
        return self._writer.head()

    def append(self, events: Sequence[Event], *, raws: Sequence[bytes] = ()) -> Head:
        """As the writer's, unless the disk has something else in mind."""
        self._live()
        trouble = self._disk.troubles.pop(0) if self._disk.troubles else None
        if self._disk.full and trouble is None:
            trouble = "refused"
        if trouble is not None:
            self._disk.met(MET[trouble])
        if trouble == "refused":
            self.failed = True
            raise JournalError(f"{self.account}: the disk is full")
        if trouble == "die_before":
            self.dead = True
            raise Died
        try:
            head = self._writer.append(events, raws=raws)
        except JournalError:
            self.failed = True
            raise
        self._disk.committed(head.position)
        self._appended(head.position - len(events) + 1, events)
        if trouble == "die_after":
            self.dead = True
            raise Died
        if trouble == "unsure":
            self.failed = True
            raise JournalError(f"{self.account}: the disk did not answer")
        self.failed = False
        return head

    def keep_raws(self, raws: Sequence[bytes]) -> None:
        if not self.dead:
            self._writer.keep_raws(raws)

    def read(self, *, after: int = 0, upto: int | None = None) -> Iterable[Recorded]:
        return self._writer.read(after=after, upto=upto)

    def events(self, *, after: int = 0, upto: int | None = None) -> Iterable[tuple[int, Event]]:
        return self._writer.events(after=after, upto=upto)

    def snapshot(self, *, fold_version: int, upto: int | None = None) -> Snapshot | None:
        found = self._writer.snapshot(fold_version=fold_version, upto=upto)
        self.resumed_from = None if found is None else found.position
        return found

    def save_snapshot(self, snapshot: Snapshot) -> None:
        if not self.dead:
            self._writer.save_snapshot(snapshot)

    def maintain(self) -> None:
        if not self.dead:
            self._writer.maintain()

    def close(self) -> None:
        """Let go, as the system does for a process that ended."""
        self._writer.close()

    def _live(self) -> None:
        if self.dead:
            raise Died
