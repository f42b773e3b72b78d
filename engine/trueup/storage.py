"""What does the ledger need of storage, and how is a journal folded from it?

Ports, not a database: production gives `trueup.journal`'s writer and reader, a rehearsal gives one that forgets.
"""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Protocol

import msgspec

from trueup.events import Event
from trueup.journal import Head, Snapshot
from trueup.reconciliation.fold import fold
from trueup.reconciliation.saved import load
from trueup.reconciliation.state import FOLD_VERSION, State


class ReadPort(Protocol):
    """What folding needs of storage; `trueup.journal.JournalReader` is it."""

    def events(self, *, after: int = 0, upto: int | None = None) -> Iterable[tuple[int, Event]]: ...
    def snapshot(self, *, fold_version: int, upto: int | None = None) -> Snapshot | None: ...


class JournalPort(ReadPort, Protocol):
    """What the ledger needs of storage; `trueup.journal.JournalWriter` is it."""

    @property
    def account(self) -> str: ...
    @property
    def interrupted(self) -> bool: ...
    def resume(self) -> bool: ...
    def head(self) -> Head: ...
    def append(self, events: Sequence[Event], *, raws: Sequence[bytes] = ()) -> Head: ...
    def keep_raws(self, raws: Sequence[bytes]) -> None: ...
    def save_snapshot(self, snapshot: Snapshot) -> None: ...
    def maintain(self) -> None: ...
    def close(self) -> None: ...


def rehydrate(account: str, journal: ReadPort, *, upto: int | None = None) -> State:
    """The state at a position (default: the head), from the nearest snapshot and the events after it."""
    state = _kept(journal, upto) or State(account=account)
    with no_collecting():
        return fold(state, journal.events(after=state.position, upto=upto))


def _kept(journal: ReadPort, upto: int | None) -> State | None:
    """The nearest state that was kept; None where there is none, or where it cannot be read: the journal has everything
    that it was made from, and `verify` says so."""
    snapshot = journal.snapshot(fold_version=FOLD_VERSION, upto=upto)
    if snapshot is None:
        return None
    try:
        return load(snapshot.state)
    except (msgspec.MsgspecError, TypeError, KeyError):
        return None


@contextmanager
def no_collecting() -> Generator[None]:
    """Folding makes no cycles, only a great many values that stay: looking for garbage among them again and again
    takes a fifth of the time that a long journal needs."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class Nowhere:
    """A journal that forgets: for rehearsals."""

    def __init__(self, account: str, head: Head) -> None:
        self.account = account
        self.interrupted = False
        self._head = head

    def resume(self) -> bool:
        return False

    def head(self) -> Head:
        return self._head

    def append(self, events: Sequence[Event], *, raws: Sequence[bytes] = ()) -> Head:
        self._head = Head(self._head.position + len(events), self._head.digest)
        return self._head

    def keep_raws(self, raws: Sequence[bytes]) -> None:
        """Nothing is kept."""

    def events(self, *, after: int = 0, upto: int | None = None) -> Iterable[tuple[int, Event]]:
        return ()

    def snapshot(self, *, fold_version: int, upto: int | None = None) -> Snapshot | None:
        return None

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Nothing is kept."""

    def maintain(self) -> None:
        """Nothing has grown."""

    def close(self) -> None:
        """Nothing was open."""
