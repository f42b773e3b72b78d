"""How does a journal use the event-sourcing library: its application, its event store, its snapshots?

One `Journal` is one handle on one store: the library's classic application, configured by the store's URL alone.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import cast

import eventsourcing.persistence as library
from eventsourcing.application import Application
from eventsourcing.domain import EventSourcingError
from eventsourcing.utils import Environment, EnvType

from trueup.errors import JournalCorrupt, JournalError
from trueup.journal.backend import Access, Durability, JournalRecorder, Location, SnapshotRecorder
from trueup.journal.chain import EMPTY, BadFrame, Head
from trueup.journal.mapper import JournalMapper


class Journal(Application[str]):
    """The library's application over one store."""

    name = "trueup"
    is_snapshotting_enabled = True

    def __init__(self, location: Location, access: Access, durability: Durability) -> None:
        self._location = location
        super().__init__(env=location.settings(access, durability))

    def construct_env(self, name: str, env: EnvType | None = None) -> Environment:
        """Only what the store's URL says.

        The stock method merges `os.environ`: an embedding process that uses the library for itself sets
        PERSISTENCE_MODULE, CIPHER_KEY and the like there, and would move our journal into its own database.
        """
        return Environment(name, {"IS_SNAPSHOTTING_ENABLED": "y", **(env or {})})

    def construct_mapper(self) -> library.Mapper[str]:
        return self.factory.mapper(transcoder=library.JSONTranscoder(), mapper_class=JournalMapper)

    @property
    def rows(self) -> JournalRecorder:
        """The recorder of events."""
        return cast(JournalRecorder, self.recorder)

    @property
    def sealing(self) -> JournalMapper:
        """The mapper."""
        return cast(JournalMapper, self.mapper)

    @property
    def snapshot_rows(self) -> SnapshotRecorder:
        """The recorder of snapshots."""
        assert self.snapshots is not None  # is_snapshotting_enabled
        return cast(SnapshotRecorder, self.snapshots.recorder)

    @contextmanager
    def telling(self, what: str) -> Generator[None]:
        """Turns whatever the database raises while doing `what` into our errors, with a clear sentence."""
        try:
            yield
        except EventSourcingError as error:
            raise self.explained(error, what) from error

    def explained(self, error: Exception, what: str) -> JournalError:
        """Our error for one of the database's or the library's."""
        return self._location.explain(error, what)

    def stored_head(self, stream: str) -> Head:
        """Where `stream` ends, read from the database. Raises JournalError."""
        with self.telling("read the head"):
            last = self.rows.select_last(stream)
        if last is None:
            return EMPTY
        return Head(last[0], self.digest_of(stream, last[0], last[2]))

    def digest_of(self, stream: str, position: int, state: bytes) -> bytes:
        """The digest inside a stored state. Raises JournalCorrupt with its position."""
        try:
            return self.sealing.unseal(state)[1]
        except (BadFrame, TypeError) as error:
            raise JournalCorrupt(f"{stream} at {position}: {error}; run `trueup verify`") from error


def open_journal(location: Location, access: Access, durability: Durability = "full") -> Journal:
    """A handle on the store at `location`.

    Raises InputError when there is none and `access` may not make it, JournalError when it cannot be used.
    """
    location.prepare(access)
    try:
        journal = Journal(location, access, durability)
    except EventSourcingError as error:
        raise location.explain(error, "open it") from error
    try:
        with journal.telling("open it"):
            journal.rows.check()
    except BaseException:
        journal.close()
        raise
    return journal
