"""How are read models kept up with the journals of a store, and made anew, and made for a moment of the past?

`Views` follows a store in pages: a page's rows and the place of its last event land in one transaction, so that a
process may be killed anywhere and nothing is missing or counted twice. Readers (Datasette, sqlite3) look on
meanwhile.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from trueup.errors import InputError, JournalLocked
from trueup.journal import Followed, Follower, Overtaken, TrackedFile, open_follower, open_reader, path_of_store
from trueup_projections.account import AccountTables
from trueup_projections.datasette import write_metadata
from trueup_projections.files import database, made_ready, refuse_what_is_not_ours
from trueup_projections.writing import Rows

PAGE_EVENTS: Final = 4_000
"""Events of one transaction; fewer when they are long."""
POLL_S: Final = 0.01
"""How often `follow` looks whether anything was committed: microseconds a look."""
LOCKED_MAX: Final = 20
"""How many times in a row `follow` finds a file busy, each time for seconds, before it gives up (law 12)."""

_LIVE: Final = "trueup"
_log = logging.getLogger("trueup.projections")


def default_path(journal_url: str) -> Path:
    """`<store>.views.db`, beside the store. Raises InputError for a store that is no file."""
    path = path_of_store(journal_url)
    if path is None:
        raise InputError(f"{journal_url} is no file that read models could lie beside; say where they shall be")
    return path.with_name(path.name + ".views.db")


class Views:
    """The read models of one store. Not for several threads at once; several processes may keep the same file."""

    def __init__(self, journal_url: str, follower: Follower, file: TrackedFile, page_events: int) -> None:
        self.journal_url = journal_url
        self.rebuilt = ""
        """Why the tables were emptied and made anew, last; '' when they were continued."""
        self._follower = follower
        self._file = file
        self._page_events = page_events
        self._after = 0
        self._accounts: dict[str, AccountTables] = {}

    @classmethod
    def open(cls, journal_url: str, views_path: str | Path | None = None, *, page_events: int = PAGE_EVENTS) -> Views:
        """The read models of the store at `journal_url`, made if they are not there. Nothing is projected yet.

        views_path   None: `<store>.views.db`

        Tables of another version, or of another journal (a restored backup), are emptied and made anew by the next
        `catch_up`; `rebuilt` says why. Raises InputError when there is no such store, or `views_path` is something
        else's; JournalError.
        """
        path = Path(views_path) if views_path is not None else default_path(journal_url)
        store = path_of_store(journal_url)
        if store is not None and path.absolute() == store.absolute():
            raise InputError(f"{path} is the journal itself; read models need a file of their own")
        refuse_what_is_not_ours(path)
        follower = open_follower(journal_url)
        try:
            file = TrackedFile(path, name=_LIVE)
            try:
                views = cls(journal_url, follower, file, page_events)
                views._begin()
            except BaseException:
                file.close()
                raise
        except BaseException:
            follower.close()
            raise
        return views

    @property
    def path(self) -> Path:
        """Where the read models are."""
        return self._file.path

    @property
    def tracked(self) -> int:
        """How far they go: a place in the store's order over all accounts, 0 for none."""
        return self._after

    def catch_up(self, *, stop: threading.Event | None = None) -> int:
        """Project everything that was committed until now; how many events that were.

        stop   set by another thread: ends it after the page at hand

        Raises JournalLocked (try again), JournalCorrupt, JournalError; whole pages before it stay.
        """
        done = 0
        while stop is None or not stop.is_set():
            page = self._follower.page(after=self._after, events_max=self._page_events)
            if page.end == self._after:
                break
            try:
                self._write(page.events, page.end)
            except Overtaken:
                self._resume()  # somebody else keeps this file too: go on from where they are
            else:
                done += len(page.events)
        return done

    def follow(self, stop: threading.Event, *, poll_s: float = POLL_S) -> None:
        """Keep up with the store until `stop` is set. For a thread, or a process, of its own.

        A file that is busy is tried again; any other error ends it and is raised.
        """
        locked = 0
        self._follower.changed()
        while not stop.is_set():
            try:
                self.catch_up(stop=stop)
                while not stop.wait(poll_s) and not self._follower.changed():
                    pass
                locked = 0
            except JournalLocked as error:
                locked += 1
                if locked > LOCKED_MAX:
                    raise
                _log.warning("read models wait: %s", error)

    def rebuild(self) -> int:
        """Empty the tables and make them anew from the journal; how many events that were.

        In pages like everything: whoever reads meanwhile sees them fill up, and a kill in between loses nothing.
        """
        self._empty("it was asked for")
        return self.catch_up()

    def close(self) -> None:
        """Let go of both files; again is harmless."""
        self._follower.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- inside --------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if why := made_ready(self._file):
            self._say(why)
        self._resume()
        if why := self._stranger():
            self._empty(why)
        write_metadata(self.path)

    def _write(self, events: Sequence[Followed], end: int) -> None:
        try:
            with self._file.page(after=self._after, end=end) as connection:
                db = database(connection)
                rows = Rows(db)
                for account, some in _by_account(events).items():
                    tables = self._accounts.get(account)
                    if tables is None:
                        with open_reader(self.journal_url, account) as reader:
                            tables = self._accounts[account] = AccountTables.resumed(db, account, reader)
                    tables.apply(rows, some)
                rows.flush()
        except BaseException:
            self._accounts.clear()  # they went on, and the tables did not: fold them anew
            raise
        self._after = end

    def _resume(self) -> None:
        self._accounts.clear()
        self._after = self._file.tracked()

    def _empty(self, why: str) -> None:
        made_ready(self._file, anew=True)
        self._say(why)
        self._resume()

    def _say(self, why: str) -> None:
        self.rebuilt = why
        _log.info("%s is made anew: %s", self.path, why)

    def _stranger(self) -> str:
        """Why these tables cannot be of this journal: an account's last event is not there, or is another."""
        with self._file.look() as connection:
            ends = connection.execute("SELECT account, position, digest FROM accounts").fetchall()
        for account, position, digest in ends:
            with open_reader(self.journal_url, account) as reader:
                found = next(iter(reader.read(after=position - 1, upto=position)), None)
            if found is None:
                return f"the journal of {account} has no event {position}, up to which the tables go"
            if found.digest.hex() != digest:
                return f"event {position} of {account} is not the one that the tables end with"
        return ""


def _by_account(events: Iterable[Followed]) -> dict[str, list[Followed]]:
    """Each account's events, in order: accounts know nothing of each other."""
    found: dict[str, list[Followed]] = {}
    for one in events:
        found.setdefault(one.account, []).append(one)
    return found


def project(journal_url: str, account: str, upto: int | None, into: str | Path) -> int:
    """Write the read models of one account as of a moment into a file of their own; the position they go up to.

    upto   journal position of the last event; None: as far as the journal goes
    into   is made, or, if it holds read models, emptied first. `Views.open` refuses it: it is never continued

    Raises InputError when there is no such event, or `into` is something else's; JournalCorrupt, JournalError.
    """
    path = Path(into)
    refuse_what_is_not_ours(path)
    with open_reader(journal_url, account) as reader:
        head = reader.head().position
        if upto is None:
            upto = head
        if not 0 < upto <= head:
            raise InputError(f"{account} has events 1 to {head}; there is no event {upto}")
        with TrackedFile(path, name=f"{account} up to {upto}") as file:
            made_ready(file, anew=True)
            followed = (Followed(0, account, *recorded) for recorded in reader.read(upto=upto))
            tables: AccountTables | None = None
            after = 0
            for events in _pages(followed):
                end = events[-1].position
                with file.page(after=after, end=end) as connection:
                    db = database(connection)
                    rows = Rows(db)
                    tables = tables or AccountTables.resumed(db, account, reader)
                    tables.apply(rows, events)
                    rows.flush()
                after = end
    write_metadata(path)
    return upto


def _pages(events: Iterator[Followed]) -> Iterator[list[Followed]]:
    while page := list(islice(events, PAGE_EVENTS)):
        yield page
