"""What do the laws' tests journal into, and what clock do they live by? Lists and numbers, no file, no real time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from trueup.errors import InputError, JournalError
from trueup.events import Event, decode, encode, name_of_event
from trueup.journal import Head, Recorded, Snapshot

MS = 1_000_000
S = 1_000_000_000
DAWN_NS = 1_700_000_000 * S
"""Where the worlds' wall clocks begin."""

Trouble = Literal["refused", "unsure"]
"""How an append goes wrong: nothing was stored; or it was, and the answer was lost."""


class FakeClock:
    """A clock that only moves when told to. Sleeping moves it."""

    def __init__(self) -> None:
        self.now_ns = 7 * S  # a monotonic clock's zero means nothing
        self.wall_offset_ns = DAWN_NS

    def wall_ns(self) -> int:
        return self.now_ns + self.wall_offset_ns

    def monotonic_ns(self) -> int:
        return self.now_ns

    async def sleep(self, seconds: float) -> None:
        self.now_ns += max(0, int(seconds * S))

    def advance(self, ms: int) -> None:
        self.now_ns += ms * MS

    def jump(self, ms: int) -> None:
        """The wall clock is set; the monotonic one goes on."""
        self.wall_offset_ns += ms * MS


class ListJournal:
    """A journal in a list, as bytes: what is read back was decoded. Goes wrong on demand."""

    def __init__(self, account: str = "test:1") -> None:
        self.account = account
        self.stored: list[tuple[str, bytes]] = []
        self.appends: list[int] = []
        """Where each append ended: what one transaction held."""
        self.snapshots: list[Snapshot] = []
        self.troubles: list[Trouble] = []
        self.raws: list[bytes] = []
        self._told = 0
        """Where the writer was last told that the journal ends."""

    def head(self) -> Head:
        self._told = len(self.stored)
        return Head(len(self.stored), b"")

    def append(self, events: Sequence[Event], *, raws: Sequence[bytes] = ()) -> Head:
        if self._told != len(self.stored):
            self._told = len(self.stored)
            raise JournalError("the append before this one was stored although it was reported as failed; read on")
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble == "refused":
            raise JournalError("the disk is full")
        self.stored.extend((name_of_event(event), encode(event)) for event in events)
        self.appends.append(len(self.stored))
        if trouble == "unsure":
            raise JournalError("the disk did not answer")
        return self.head()

    @property
    def interrupted(self) -> bool:
        return False

    def resume(self) -> bool:
        return False

    def maintain(self) -> None:
        """Nothing grows here."""

    def keep_raws(self, raws: Sequence[bytes]) -> None:
        self.raws.extend(raws)

    def read(self, *, after: int = 0, upto: int | None = None) -> Iterator[Recorded]:
        end = len(self.stored) if upto is None else min(upto, len(self.stored))
        for position in range(after + 1, end + 1):
            yield Recorded(position, decode(*self.stored[position - 1]), b"")

    def events(self, *, after: int = 0, upto: int | None = None) -> Iterator[tuple[int, Event]]:
        return ((one.position, one.event) for one in self.read(after=after, upto=upto))

    def event(self, position: int) -> Event:
        if not 0 < position <= len(self.stored):
            raise InputError(f"there is no event {position}")
        return decode(*self.stored[position - 1])

    def snapshot(self, *, fold_version: int, upto: int | None = None) -> Snapshot | None:
        fit = [one for one in self.snapshots if upto is None or one.position <= upto]
        return max(fit, key=lambda one: one.position, default=None)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def close(self) -> None:
        """A later ledger goes on with the same list, and begins by reading where it ends."""
        self.head()
