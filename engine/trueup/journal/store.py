"""How is one account's journal appended to, and who may?

`JournalWriter` is the one that may, and holds the account's lock for it; it reads as any `JournalReader` does.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Final, NamedTuple

from eventsourcing.domain import EventSourcingError
from eventsourcing.persistence import IntegrityError, StoredEvent

from trueup.errors import InputError, JournalError, TenureLost, WriterFenced
from trueup.events import Event
from trueup.journal.application import Journal, open_journal
from trueup.journal.backend import Durability
from trueup.journal.chain import Head
from trueup.journal.heads import require_head
from trueup.journal.lock import AccountLock
from trueup.journal.raw import packed
from trueup.journal.reader import INBOX as INBOX
from trueup.journal.reader import JournalReader
from trueup.journal.reader import Recorded as Recorded
from trueup.journal.snapshots import (
    SNAPSHOT_NAME,
    SNAPSHOTS_MAX,
    Snapshot,
    encode_snapshot,
)
from trueup.journal.urls import location
from trueup.model import account_of

APPEND_EVENTS_MAX: Final = 1_000_000
"""The most events of one transaction (law 12)."""


class _Doubt(NamedTuple):
    """An append whose commit got no clear answer."""

    before: Head
    after: Head


class JournalWriter(JournalReader):
    """Appends to one account's journal; the only one that may, while it is open."""

    def __init__(self, journal: Journal, url: str, account: str, lock: AccountLock) -> None:
        super().__init__(journal, url, account)
        self._lock = lock
        self._process = os.getpid()
        self._guard = threading.Lock()
        self._doubt: _Doubt | None = None
        self._fence: WriterFenced | None = None
        self._closed = False
        self._head = journal.stored_head(account)

    def head(self) -> Head:
        """Where the journal ends: after our last append, without asking the database.

        Only when an append got no clear answer is the database asked what became of it; raises JournalError then
        if that cannot be read, or WriterFenced if neither outcome stands there.
        """
        if self._doubt is not None:
            with self._guard:
                self._settle()
        return self._head

    def append(self, events: Sequence[Event], *, raws: Sequence[bytes] = ()) -> Head:
        """Store `events` after the head, and raw replies beside them: all in one transaction, or nothing (law 7).

        When this returns, they survive `kill -9`, and with durability `full` a power cut. Returns the new head.
        Raises InputError (too many, or a raw too long), JournalLocked (somebody kept the file busy), JournalError
        (I/O), TenureLost (call `resume` first), WriterFenced (a rival appended; this writer is finished). After
        any but the last, `resume` and a later append work once the cause has gone, and `head` says where the
        journal really ends.
        """
        if not 0 < len(events) <= APPEND_EVENTS_MAX:
            if events:
                raise InputError(f"{self.account}: {len(events):,} events at once; at most {APPEND_EVENTS_MAX:,}")
            self.keep_raws(raws)
            return self.head()
        bodies = packed(raws)
        with self._guard:
            self._may_write()
            if self._journal.rows.interrupted:
                raise TenureLost(
                    f"{self.account}: the connection that held this account's lock was lost; "
                    "resume, and claim a new epoch"
                )
            if self._doubt is not None and self._settle():
                raise JournalError(
                    f"{self.account}: the append before this one was stored although it was reported as failed; "
                    f"read on to {self._head.position} before appending"
                )
            before = self._head
            rows, after = self._journal.sealing.chained(self.account, before, events)
            try:
                self._journal.rows.insert_rows(rows, bodies)
            except IntegrityError as error:
                raise self._fenced(before) from error
            except EventSourcingError as error:
                return self._failed(error, before, after)
            except WriterFenced as error:
                self._fence = error
                raise
            except BaseException:
                self._doubt = _Doubt(before, after)  # interrupted: it may have been stored
                raise
            self._head = after
            return after

    @property
    def interrupted(self) -> bool:
        """Whether an append had no clear answer, or the account's lock was lost: `resume` before the next one."""
        return self._doubt is not None or self._journal.rows.interrupted

    def resume(self) -> bool:
        """After a failure: hold the account's lock again, and find out what became of an unanswered append.

        Afterwards `head` is what stands in the journal, by version *and* digest: our last event, or the one of the
        append that had no answer. Whether the lock was lost meanwhile: then a new epoch is to be claimed before
        anything else is appended. Raises JournalError while the store cannot be reached, and WriterFenced when
        somebody else appended, or holds the lock for longer than we wait.
        """
        if not self.interrupted:
            return False
        rows = self._journal.rows
        with self._guard:
            self._may_write()
            try:
                with self._journal.telling("take the account's lock again"):
                    rows.regain()
                lost = rows.interrupted
                if self._doubt is not None:
                    self._settle()
                elif lost and (found := self._journal.stored_head(self.account)) != self._head:
                    raise WriterFenced(
                        account=self.account,
                        why=f"after a lost connection the journal ends at {found.position}, not where we left it",
                    )
            except WriterFenced as error:
                self._fence = error
                raise
            rows.resumed()
            return lost

    def keep_raws(self, raws: Sequence[bytes]) -> None:
        """Keep raw replies of events already appended, in a transaction of their own. Raises as `append`."""
        if raws:
            bodies = packed(raws)
            with self._guard, self._journal.telling("keep raw replies"):
                self._may_write()
                self._journal.rows.insert_raws(bodies)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot in the place of any other at its position; only the newest `SNAPSHOTS_MAX` stay.

        Raises InputError when it is not of this journal (its digest is not that of its position).
        """
        with self._guard:
            self._may_write()
            if self.digest_at(snapshot.position) != snapshot.digest:
                raise InputError(
                    f"{self.account}: a snapshot at {snapshot.position} does not carry that event's digest"
                )
            plain, own = encode_snapshot(self.account, snapshot)
            state = self._journal.sealing.seal(plain, own)
            stored = StoredEvent(self.account, snapshot.position, SNAPSHOT_NAME, state)
            with self._journal.telling("keep a snapshot"):
                self._journal.snapshot_rows.replace(stored, kept_max=SNAPSHOTS_MAX)

    def maintain(self) -> None:
        """What keeps the store small and quick and must not be part of an append; call it now and then.

        On SQLite: moves the write-ahead log into the file. Appends go on meanwhile. Raises JournalError.
        """
        with self._journal.telling("look after the store"):
            self._journal.rows.maintain()

    def close(self) -> None:
        """Let go of the store and of the account's lock; again is harmless."""
        self._closed = True
        try:
            super().close()
        finally:
            if self._process == os.getpid():  # a forked child shares the lock's file: its parent still writes
                self._lock.release()

    def _may_write(self) -> None:
        if self._closed:
            raise JournalError(f"{self.account}: this writer is closed; open another")
        if self._process != os.getpid():
            raise WriterFenced(
                account=self.account, why=f"the writer belongs to process {self._process}, this is a fork of it"
            )
        if self._fence is not None:
            raise WriterFenced(account=self.account, why=self._fence.why)

    def _fenced(self, before: Head) -> WriterFenced:
        found = self._journal.stored_head(self.account)
        self._fence = WriterFenced(
            account=self.account, why=f"expected to append after {before.position}, found {found.position}"
        )
        return self._fence

    def _failed(self, error: EventSourcingError, before: Head, after: Head) -> Head:
        """What became of an append that raised: stored after all, not stored, or not to be known just now."""
        self._doubt = _Doubt(before, after)
        explained = self._journal.explained(error, "append")
        if self._journal.rows.interrupted:
            raise explained from error  # without the lock, what stands there now need not be the end of it
        try:
            stored = self._settle()
        except WriterFenced as fence:
            self._fence = fence
            raise
        except JournalError:
            raise explained from error  # the doubt stays, and the next head() or append() settles it
        if not stored:
            raise explained from error
        return self._head

    def _settle(self) -> bool:
        """Whether the append in doubt was stored; afterwards the head is what stands in the database.

        By version *and* digest: a version alone may be a rival's. Raises WriterFenced when it is neither.
        """
        if self._doubt is None:
            return False
        found = self._journal.stored_head(self.account)
        if found == self._doubt.before:
            stored = False
        elif found == self._doubt.after:
            stored = True
        else:
            raise WriterFenced(
                account=self.account,
                why=f"after an append without an answer the journal ends at {found.position} with another's event",
            )
        self._head, self._doubt = found, None
        return stored


def open_writer(
    url: str,
    account: str,
    *,
    durability: Durability = "full",
    wait_s: float = 0,
    head: Head | None = None,
    restored: bool = False,
) -> JournalWriter:
    """The one writer of `account` in the store at `url`, which is made if need be, with the folders above it.

    durability   `full`: appends survive a power cut; `normal`: only `kill -9`
    wait_s       how long to wait for another writer to go
    head         one exported earlier, which the journal must hold: a store behind it is a restored backup
    restored     it is known to be one (see `require_head`)

    Raises WriterFenced while another holds the account, in this process too; StoreUrlError, InputError,
    JournalError.
    """
    place = location(url)
    account_of(account)
    place.prepare("write")
    lock = place.lock(account)
    lock.acquire(wait_s)
    try:
        journal = open_journal(place, "write", durability)
        try:
            with journal.telling("take the account's lock"):
                journal.rows.hold(account, wait_s)
            writer = JournalWriter(journal, url, account, lock)
            if head is not None:
                require_head(writer, head, restored=restored)
            return writer
        except BaseException:
            journal.close()
            raise
    except BaseException:
        lock.release()
        raise


def open_reader(url: str, account: str) -> JournalReader:
    """A reader of `account`'s journal. Never locks, never writes.

    Raises InputError when there is no such store; an account without events is an empty journal.
    """
    account_of(account)
    return JournalReader(open_journal(location(url), "read"), url, account)


def accounts(url: str) -> list[str]:
    """The accounts that have a journal in the store at `url`, sorted. Raises InputError when there is no store."""
    journal = open_journal(location(url), "read")
    try:
        with journal.telling("list its accounts"):
            return [name for name in journal.rows.select_streams() if not name.endswith(INBOX)]
    finally:
        journal.close()
