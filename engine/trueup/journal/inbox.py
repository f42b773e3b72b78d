"""Where does everybody who is not the writer leave something for it, exactly once and in order?

The inbox is the stream `account/inbox` of the same store: chained like the journal, open to all processes.
The writer copies its items into the journal.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from types import TracebackType
from typing import Final, Self

from eventsourcing.persistence import IntegrityError

from trueup.errors import JournalCorrupt, JournalLocked
from trueup.journal.application import Journal, open_journal
from trueup.journal.backend import Durability
from trueup.journal.chain import EMPTY, Head
from trueup.journal.items import InboxItem, decode_item
from trueup.journal.mapper import UNREADABLE
from trueup.journal.reader import INBOX
from trueup.journal.urls import location
from trueup.model import account_of

ATTEMPTS_MAX: Final = 200
"""How often `put` yields to others who took its position first; each time one of them has got on (law 12)."""

IDS_MAX: Final = 10_000
"""How many of the latest items an id is recognised among (law 12)."""


class Inbox:
    """One account's inbox, as one process uses it. One object may be used by several threads."""

    def __init__(self, journal: Journal, url: str, account: str) -> None:
        self.url = url
        self.account = account
        self._journal = journal
        self._stream = account + INBOX
        self._guard = threading.Lock()
        self._head = EMPTY
        self._known: OrderedDict[str, int] = OrderedDict()
        self._told = journal.stored_head(self._stream).position

    def put(self, item: InboxItem) -> int:
        """Leave an item; its position in the inbox, from 1. When this returns, it survives a power cut.

        An id that is among the last `IDS_MAX` items already is not stored again: its position is returned.
        Raises InputError for an item too long or without a usable id, JournalLocked, JournalError.
        """
        with self._guard:
            for _ in range(ATTEMPTS_MAX):
                self._catch_up()
                known = self._known.get(item.id)
                if known is not None:
                    return known
                rows, head = self._journal.sealing.chained(self._stream, self._head, (item,))
                try:
                    with self._journal.telling("leave an item"):
                        self._journal.rows.insert_rows(rows, ())
                except JournalLocked:
                    raise
                except Exception as error:
                    if isinstance(error.__cause__, IntegrityError):
                        continue  # somebody else took this position: chain to theirs
                    raise
                self._head = head
                self._remember(item.id, head.position)
                return head.position
        raise JournalLocked(
            f"{self.account}: others were faster {ATTEMPTS_MAX} times before this item could be left; try again"
        )

    def read(self, *, after: int = 0) -> list[tuple[int, InboxItem, bytes]]:
        """One page of items after a position, in order: position, item, digest. Empty only at the end.

        Raises JournalCorrupt, with the position, where an item is missing or does not decode.
        """
        with self._journal.telling("read the inbox"):
            page = self._journal.rows.select_rows(self._stream, after=after, upto=None)
        items: list[tuple[int, InboxItem, bytes]] = []
        for expected, (position, name, state) in enumerate(page, after + 1):
            if position != expected:
                raise JournalCorrupt(
                    f"{self._stream}: item {expected} is missing; the next one is {position}. Run `trueup verify`"
                )
            try:
                plain, digest = self._journal.sealing.unseal(state)
                items.append((position, decode_item(plain), digest))
            except UNREADABLE as error:
                raise JournalCorrupt(
                    f"{self._stream} at {position}: stored as {name!r}, its state does not decode ({error})"
                ) from error
        return items

    def changed(self) -> bool:
        """Whether anything was left since this was last asked (at first: since it was opened); microseconds."""
        with self._journal.telling("look into the inbox"):
            if not self._journal.rows.changed() and self._head.position <= self._told:
                return False
            last = self._journal.rows.select_last(self._stream)
        position = 0 if last is None else last[0]
        before, self._told = self._told, max(position, self._told)
        return position > before

    def close(self) -> None:
        """Let go of the store; again is harmless."""
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _catch_up(self) -> None:
        """Learn the ids and the head of what others left since; at first of the last `IDS_MAX` items."""
        if self._head.position == 0:
            end = self._journal.stored_head(self._stream)
            self._head = Head(max(0, end.position - IDS_MAX), end.digest)
        while items := self.read(after=self._head.position):
            for position, item, digest in items:
                self._remember(item.id, position)
                self._head = Head(position, digest)

    def _remember(self, id: str, position: int) -> None:
        self._known[id] = position
        while len(self._known) > IDS_MAX:
            self._known.popitem(last=False)


def open_inbox(url: str, account: str, *, durability: Durability = "full") -> Inbox:
    """The inbox of `account` in the store at `url`; the store is made if its folder exists.

    durability   `normal`: an item that was left survives `kill -9`, perhaps no power cut; for who can leave it again

    Raises InputError, StoreUrlError, JournalError.
    """
    account_of(account)
    place = location(url)
    journal = open_journal(place, "inbox", durability)
    try:
        return Inbox(journal, url, account)
    except BaseException:
        journal.close()
        raise
