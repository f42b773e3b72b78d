"""What must a database offer to hold journals?

One `Location` per kind of store URL (see `urls`), and a library factory whose application recorder is a
`JournalRecorder` and whose snapshot recorder a `SnapshotRecorder`. Nothing else here knows which database it is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Literal, NamedTuple, Protocol, TypeAlias

from eventsourcing.persistence import AggregateRecorder, ApplicationRecorder, StoredEvent

from trueup.errors import JournalError
from trueup.journal.lock import AccountLock
from trueup.journal.mapper import Row

Durability: TypeAlias = Literal["full", "normal"]
"""`full`: what is acknowledged survives a power cut. `normal`: it survives `kill -9`, perhaps no power cut."""

Access: TypeAlias = Literal["write", "inbox", "read"]
"""`write` makes the store and the folders above it, `inbox` makes the store, `read` makes and changes nothing."""


EXCERPT = "excerpt/"
"""What stands before its number in the place of an excerpt's archive: no file's name holds a slash."""


class Base(NamedTuple):
    """Where a journal begins in a store whose earlier events were archived."""

    position: int
    """The last event that is not here any more."""
    digest: bytes
    file: str
    """The store that holds it and all before it, in the same folder; `excerpt/N` where nobody has it."""
    last_id: int
    """The greatest notification id that was given out when it was archived: up to there the archive has them all."""

    @property
    def decider_version(self) -> int | None:
        """Of an excerpt: which version decided where it begins; None for a journal that is whole (see `bundles`)."""
        return int(self.file.removeprefix(EXCERPT)) if self.file.startswith(EXCERPT) else None


PAGE_EVENTS_MAX = 4_096
PAGE_BYTES_MAX = 8_388_608
"""A page of reading ends at the first of these, so that memory stays flat whatever the events' size (law 12)."""


class Location(Protocol):
    """One store, as its URL names it."""

    @property
    def url(self) -> str:
        """The URL as it was given."""
        ...

    def prepare(self, access: Access) -> None:
        """Make what may be made. Raises InputError when the store is not there and may not be made."""
        ...

    def settings(self, access: Access, durability: Durability) -> dict[str, str]:
        """The library's environment for it; `PERSISTENCE_MODULE` names the factory."""
        ...

    def lock(self, account: str) -> AccountLock:
        """The lock that its one writer holds, taken before the store is opened."""
        ...

    def explain(self, error: Exception, what: str) -> JournalError:
        """Our error, with a clear sentence, for one that the database or the library raised while doing `what`."""
        ...


class View(Protocol):
    """Everything in a store as of one moment, raw, for `verify`. Values are as stored, whatever their type."""

    def streams(self) -> list[tuple[object, int, object, object]]:
        """Per stream: its name, how many events, least and greatest version."""
        ...

    def ids(self) -> tuple[int, object, object] | None:
        """How many events there are, their least and greatest notification id; None where ids may have gaps."""
        ...

    def rows(self, stream: str) -> Iterator[tuple[int, object, object, object]]:
        """Per event in version order: notification id, version, name, state."""
        ...

    def row(self, stream: str, version: int) -> tuple[int, object, object, object] | None:
        """One of them."""
        ...

    def states(self, name: str) -> Iterator[object]:
        """The states of all events of that name, of all streams."""
        ...

    def snapshots(self) -> Iterator[tuple[object, object, object, object]]:
        """Per snapshot: stream, version, name, state."""
        ...

    def raws(self) -> Iterator[tuple[object, object]]:
        """Per raw reply: digest, body."""
        ...

    def damage(self) -> list[str]:
        """What the database itself finds wrong with its own structure; at most a few sentences."""
        ...


class JournalRecorder(ApplicationRecorder):
    """Records events, and raw replies beside them, in rows without an object each."""

    @abstractmethod
    def check(self) -> None:
        """Raises InputError or JournalError unless what is open is a store that this version can use."""

    def hold(self, account: str, wait_s: float) -> None:
        """Take the account's lock where it lives on the connection that appends; by default it does not.

        Raises WriterFenced while another has it. It is taken again after a reconnection, and let go of on closing.
        """

    @property
    def interrupted(self) -> bool:
        """Whether the connection that held the lock was lost, and `resumed` was not called since."""
        return False

    def regain(self) -> None:
        """Be connected, and hold the lock if it was held before. Raises the library's errors, or WriterFenced."""

    def resumed(self) -> None:
        """The interruption has been dealt with."""

    @abstractmethod
    def insert_rows(self, rows: Sequence[Row], raws: Sequence[tuple[bytes, bytes]]) -> Sequence[int]:
        """Append in one transaction; the notification ids. IntegrityError when a version is taken."""

    @abstractmethod
    def insert_raws(self, raws: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep raw replies; those already kept are left as they are."""

    @abstractmethod
    def select_rows(
        self, stream: str, *, after: int, upto: int | None, limit: int = PAGE_EVENTS_MAX
    ) -> list[tuple[int, str, bytes]]:
        """One page: version, name, state, in order; empty only at the end."""

    @abstractmethod
    def select_last(self, stream: str) -> tuple[int, str, bytes] | None:
        """The last event's version, name and state."""

    @abstractmethod
    def select_streams(self) -> list[str]:
        """The names of all streams, sorted."""

    def select_bases(self) -> dict[str, Base]:
        """Where journals begin that do not begin at 1, by account."""
        return {}

    @abstractmethod
    def select_raw(self, digest: bytes) -> bytes | None:
        """The compressed body."""

    @abstractmethod
    def changed(self) -> bool:
        """Whether another connection has committed since this was last asked (at first: since it was opened)."""

    def maintain(self) -> None:
        """Do what the database would otherwise do in the middle of some append."""

    @abstractmethod
    def size_bytes(self) -> int:
        """What the store occupies."""

    @abstractmethod
    def view(self) -> AbstractContextManager[View]:
        """One read transaction over everything."""


class SnapshotRecorder(AggregateRecorder):
    """Records snapshots, which are disposable."""

    @abstractmethod
    def replace(self, snapshot: StoredEvent, *, kept_max: int) -> None:
        """Store it in the place of any other at that version, and let go of all but the newest `kept_max`."""
