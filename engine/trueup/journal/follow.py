"""How does a read model follow all journals of a store, page by page, and count nothing twice?

The library's notification log numbers the events of a store in one order over all accounts; its tracking recorder
keeps how far a read model has come, in the read model's own file. `Follower` reads the one in pages;
`TrackedFile` commits a page's rows and the place of its last event in one transaction (law 11).

The library's own runner is not used (decision 0030): it commits once per event, and SQLite cannot notify it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self, cast
from urllib.parse import quote

from eventsourcing.domain import EventSourcingError
from eventsourcing.persistence import Notification, Tracking
from eventsourcing.sqlite import SQLiteCursor, SQLiteTrackingRecorder

from trueup.errors import InputError, JournalCorrupt, JournalError
from trueup.events import Event, decode
from trueup.journal.application import Journal, open_journal
from trueup.journal.backend import PAGE_BYTES_MAX, PAGE_EVENTS_MAX
from trueup.journal.files import SQLiteFile
from trueup.journal.mapper import UNREADABLE
from trueup.journal.sqlite_connection import JournalDatastore
from trueup.journal.sqlite_errors import explained
from trueup.journal.store import INBOX
from trueup.journal.urls import location

_CHUNK: Final = 128
"""Notifications of one look at the log (the library's default of 10 is for its HTTP interface)."""


class Followed(NamedTuple):
    """One event, with its place in the store and in its account's journal."""

    notification: int
    account: str
    position: int
    event: Event
    digest: bytes


class Page(NamedTuple):
    """Some events in the store's order."""

    events: list[Followed]
    end: int
    """How far this page goes: what to give as `after` next. Inbox items count, and are not among the events."""


class Follower:
    """Reads the journals of all accounts of one store in the order in which they were committed."""

    def __init__(self, journal: Journal, url: str) -> None:
        self._journal = journal
        self.url = url

    def page(self, *, after: int, events_max: int = PAGE_EVENTS_MAX) -> Page:
        """What was committed after a place in the store's order (0: the beginning); `end` is `after` when nothing.

        A page ends at `events_max` events or about 8 MiB (law 12). Raises JournalCorrupt, with account and position,
        where an event does not decode; JournalError.
        """
        found: list[Followed] = []
        size = read = 0
        while read < events_max and size < PAGE_BYTES_MAX:
            wanted = min(_CHUNK, events_max - read)
            with self._journal.telling("follow the store"):
                some = self._journal.rows.select_notifications(after, wanted, inclusive_of_start=False)
            for notification in some:
                size += len(notification.state)
                if not str(notification.originator_id).endswith(INBOX):
                    found.append(self._followed(notification))
            read += len(some)
            if some:
                after = some[-1].id
            if len(some) < wanted:
                break
        return Page(found, after)

    def changed(self) -> bool:
        """Whether any other connection has committed to the store since this was last asked; microseconds."""
        with self._journal.telling("look for changes"):
            return self._journal.rows.changed()

    def close(self) -> None:
        """Let go of the store; again is harmless."""
        self._journal.close()

    def _followed(self, notification: Notification) -> Followed:
        account, position = str(notification.originator_id), notification.originator_version
        try:
            plain, digest = self._journal.sealing.unseal(notification.state)
            return Followed(notification.id, account, position, decode(notification.topic, plain), digest)
        except UNREADABLE as error:
            raise JournalCorrupt(
                f"{account} at {position}: stored as {notification.topic!r}, which this version cannot read ({error}). "
                "A newer version may have written it; else run `trueup verify`"
            ) from error


def open_follower(url: str) -> Follower:
    """A follower of the store at `url`. Never locks, never writes. Raises InputError when there is no such store."""
    return Follower(open_journal(location(url), "read"), url)


def path_of_store(url: str) -> Path | None:
    """The file that a store's URL names; None for a store that is no file. Raises StoreUrlError."""
    return Path(url.partition(":///")[2]) if isinstance(location(url), SQLiteFile) else None


class Overtaken(JournalError):
    """Another process wrote the page that we were about to write: read anew how far the file goes."""


class _Tracking(SQLiteTrackingRecorder):
    """The library's tracking recorder, for a transaction that somebody else has opened."""

    def standing(self, cursor: SQLiteCursor, name: str) -> int:
        """How far `name` has come; 0 for nowhere."""
        return self._max_tracking_id(name, cursor) or 0

    def move(self, cursor: SQLiteCursor, tracking: Tracking) -> None:
        """Note that it has come this far. Raises the library's IntegrityError when it already had."""
        self._insert_tracking(cursor, tracking)


class TrackedFile:
    """An SQLite file of ours whose rows are committed together with how far they go.

    In WAL, so that any number of readers look on meanwhile. `synchronous` is NORMAL: after a power cut the last pages
    may be missing, with their tracking, and are simply made again.
    """

    def __init__(self, path: Path, *, name: str) -> None:
        """
        path   is made, if its folder is there
        name   of what is followed; tracking is kept under it

        Raises InputError when there is no such folder, JournalError when it cannot be opened.
        """
        self.path = path
        self.name = name
        if not path.absolute().parent.is_dir():
            raise InputError(f"{path}: there is no folder {path.absolute().parent}; make it, or name another file")
        self._datastore = JournalDatastore(
            f"file:{quote(os.path.realpath(path))}?mode=rwc", synchronous="NORMAL", pool_size=1, max_overflow=0
        )
        self._recorder = _Tracking(self._datastore)

    def prepare(self) -> None:
        """Make the library's tracking table, if it is not there."""
        with self._telling("be set up"):
            self._recorder.create_table()

    def tracked(self) -> int:
        """How far the rows go: the place of the last event that they hold; 0 for none."""
        with self._telling("be read"):
            return self._recorder.max_tracking_id(self.name) or 0

    @contextmanager
    def page(self, *, after: int, end: int) -> Generator[sqlite3.Connection]:
        """A transaction in which what is written goes from `after` to `end`; it commits both, or nothing.

        Raises Overtaken when the file does not stand at `after`, and nothing was written; JournalLocked, JournalError.
        """
        with self._telling("be written"), self._datastore.transaction(commit=True) as cursor:
            self._expect(cursor, after)
            yield _connection(cursor)
            if end > after:
                self._recorder.move(cursor, Tracking(self.name, end))

    @contextmanager
    def change(self) -> Generator[sqlite3.Connection]:
        """A transaction that moves no tracking, for setting up."""
        with self._telling("be set up"), self._datastore.transaction(commit=True) as cursor:
            yield _connection(cursor)

    @contextmanager
    def look(self) -> Generator[sqlite3.Connection]:
        """A read transaction."""
        with self._telling("be read"), self._datastore.transaction(commit=False) as cursor:
            yield _connection(cursor)

    def close(self) -> None:
        """Let go of the file; again is harmless."""
        self._datastore.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _expect(self, cursor: SQLiteCursor, after: int) -> None:
        found = self._recorder.standing(cursor, self.name)
        if found != after:
            raise Overtaken(f"{self.path}: it goes up to {found}, not {after}; another process writes it as well")

    @contextmanager
    def _telling(self, what: str) -> Generator[None]:
        try:
            yield
        except EventSourcingError as error:
            told = explained(error, what, str(self.path))
            if isinstance(told, JournalCorrupt):
                raise JournalError(
                    f"{self.path}: this is no database, or a damaged one ({error}). If it held read models, "
                    "delete it: they are made again from the journal"
                ) from error
            raise told from error


def _connection(cursor: SQLiteCursor) -> sqlite3.Connection:
    """The connection below, in the cursor's transaction."""
    return cast(sqlite3.Cursor, cursor).connection
