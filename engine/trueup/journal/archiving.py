"""How does a store grow small again without anything being deleted?

The store as it is becomes the archive, sealed: it is read, and never written again. In its place comes a new store
with what is still live: the account's later events, every other account, all inboxes. The new one says where it
begins, behind which digest, and in which file the rest lies; readers, `verify` and whoever follows the store go on
into the archive by themselves. The swap is one rename, made while nobody else has the store open.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from trueup.errors import InputError, JournalCorrupt, JournalError, JournalLocked
from trueup.events import decode
from trueup.journal.application import open_journal
from trueup.journal.backend import Base
from trueup.journal.backups import sync_file, sync_folder
from trueup.journal.chain import BadFrame, Head, unframe
from trueup.journal.files import SQLiteFile
from trueup.journal.mapper import UNREADABLE
from trueup.journal.raw import CITING, cited_by
from trueup.journal.sqlite import ARCHIVED_TABLE, LAYOUT_ARCHIVED
from trueup.journal.sqlite_errors import explained
from trueup.journal.store import accounts, open_reader
from trueup.journal.urls import location, without_secrets
from trueup.journal.verify import verify_opened
from trueup.model import account_of

_PAGE: Final = 1_000
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.\-]")
_SEAL: Final = (
    "CREATE TABLE sealed (file TEXT)",
    "CREATE TRIGGER stored_events_sealed BEFORE INSERT ON stored_events "
    "BEGIN SELECT RAISE(ABORT, 'trueup: this store is an archive; open the live one again'); END",
)
_UNSEAL: Final = ("DROP TRIGGER IF EXISTS stored_events_sealed", "DROP TABLE IF EXISTS sealed")


class Archived(NamedTuple):
    """What was archived."""

    account: str
    head: Head
    """The last event that is in the archive only."""
    file: Path


def archive(url: str, account: str, *, before: int) -> Archived:
    """Move the events of `account` before a position out of the live store; see above for how.

    before   the first position that stays live; at least one event stays

    Nobody else may have the store open: stop its writers, and whoever reads it. After a crash in the middle, run it
    again. Raises WriterFenced or JournalLocked when somebody has it open, InputError for a store that is not
    there, is no file, or holds nothing to archive there, JournalCorrupt when the new store would not verify.
    """
    account_of(account)
    place = location(url)
    if not isinstance(place, SQLiteFile):
        raise InputError(f"{without_secrets(url)} is no file: only stores in files are archived")
    place.prepare("read")
    lock = place.lock(account)
    lock.acquire(0)
    try:
        with _alone(place) as old:
            return _archive(place, old, account, before)
    except sqlite3.Error as error:
        raise explained(error, "archive it", url) from error
    finally:
        lock.release()


def _archive(place: SQLiteFile, old: sqlite3.Connection, account: str, before: int) -> Archived:
    path = place.path
    _mend(path, old)
    base = _base(old, account)
    upto = before - 1
    digest = _digest_at(old, account, upto)
    (last_id,) = old.execute("SELECT MAX(rowid) FROM stored_events").fetchone()
    first = 1 if base is None else base.position + 1
    archived = path.with_name(f"{path.name}.{_UNSAFE.sub('_', account)}.{first}-{upto}.archive")
    if archived.exists():
        raise InputError(f"{archived} exists; an archive never writes over anything, move it away")
    fresh = path.with_name(f"{path.name}.fresh")
    try:
        _fill(fresh, old, account, Base(upto, digest, archived.name, last_id))
        _check(fresh)
        sync_file(fresh)
        for statement in _SEAL:
            old.execute(statement)
        old.execute("INSERT INTO sealed VALUES (?)", (archived.name,))
        old.execute(f"PRAGMA user_version={LAYOUT_ARCHIVED}")
        old.execute("COMMIT")  # the lock on the file stays ours until the connection is closed
        _swap(path, archived, fresh, old)
    except OSError as error:
        raise JournalError(f"{archived}: the archive cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(FileNotFoundError):
            fresh.unlink()
    return Archived(account, Head(upto, digest), archived)


@contextmanager
def _alone(place: SQLiteFile) -> Generator[sqlite3.Connection]:
    """The store, within a transaction, while nobody else can even read it; its log is moved into the one file."""
    with closing(sqlite3.connect(place.path, isolation_level=None, timeout=0)) as connection:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            mode = "busy"
        if mode != "delete":
            raise JournalLocked(
                f"{place.url}: somebody has the store open; stop its writers and whoever reads it, then archive again"
            )
        yield connection


def _mend(path: Path, old: sqlite3.Connection) -> None:
    """After an archiving that was cut off between the seal and the swap: begin anew. Refuses an archive."""
    if not _exists(old, "sealed"):
        return
    (file,) = old.execute("SELECT file FROM sealed").fetchone()
    archived = path.with_name(str(file))
    if path.name == file:
        raise InputError(f"{path} is an archive already")
    if archived.exists() and not archived.samefile(path):
        raise JournalCorrupt(f"{path} is sealed as {archived.name}, which is another file; put the live store back")
    archived.unlink(missing_ok=True)  # a second name of this very file
    _unseal(old)
    old.execute("COMMIT")
    old.execute("BEGIN EXCLUSIVE")


def _unseal(old: sqlite3.Connection) -> None:
    for statement in _UNSEAL:
        old.execute(statement)


def _swap(path: Path, archived: Path, fresh: Path, old: sqlite3.Connection) -> None:
    """Give the old store its new name, and the new one its place; the second is one rename, whole or not at all."""
    try:
        os.link(path, archived)
        os.replace(fresh, path)
    except OSError:
        archived.unlink(missing_ok=True)
        _unseal(old)
        raise
    sync_folder(path.parent)


def _exists(connection: sqlite3.Connection, table: str) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name=?", (table,)).fetchone() is not None


def _base(old: sqlite3.Connection, account: str) -> Base | None:
    if not _exists(old, "archived"):
        return None
    row = old.execute("SELECT position, digest, file, last_id FROM archived WHERE account=?", (account,)).fetchone()
    return None if row is None else Base(*row)


def _digest_at(old: sqlite3.Connection, account: str, position: int) -> bytes:
    """The digest of the last event to archive. Raises InputError where there is none, or nothing would stay."""
    found = old.execute(
        "SELECT MIN(originator_version), MAX(originator_version) FROM stored_events WHERE originator_id=?", (account,)
    ).fetchone()
    first, last = found
    if last is None:
        raise InputError(f"{account} has no journal in this store")
    if not first <= position < last:
        raise InputError(
            f"{account}: its live events are {first} to {last}, and at least one stays; archive before a position "
            f"from {first + 1} to {last}"
        )
    (state,) = old.execute(
        "SELECT state FROM stored_events WHERE originator_id=? AND originator_version=?", (account, position)
    ).fetchone()
    try:
        return unframe(state)[1]
    except (BadFrame, TypeError) as error:
        raise JournalCorrupt(f"{account} at {position}: {error}; run `trueup verify`") from error


def _fill(fresh: Path, old: sqlite3.Connection, account: str, base: Base) -> None:
    """Make the new store: everything but the account's events up to the base, at the places where it stood."""
    fresh.unlink(missing_ok=True)  # of an archiving that was cut off
    open_journal(SQLiteFile(f"sqlite:///{fresh}", str(fresh)), "write").close()
    gone = (account, base.position)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as new:
        new.execute("PRAGMA journal_mode=DELETE")
        new.execute("PRAGMA synchronous=FULL")
        new.execute("BEGIN")
        (trigger,) = new.execute("SELECT sql FROM sqlite_master WHERE name='stored_events_no_replace'").fetchone()
        new.execute("DROP TRIGGER stored_events_no_replace")  # it refuses given ids, which followers count by
        live = old.execute(
            "SELECT rowid, originator_id, originator_version, topic, state FROM stored_events "
            "WHERE NOT (originator_id=? AND originator_version<=?) ORDER BY rowid",
            gone,
        )
        new.executemany(
            "INSERT INTO stored_events (rowid, originator_id, originator_version, topic, state) VALUES (?,?,?,?,?)",
            live,
        )
        new.execute(trigger)
        snapshots = old.execute(
            "SELECT * FROM stored_snapshots WHERE NOT (originator_id=? AND originator_version<?)", gone
        )
        new.executemany("INSERT INTO stored_snapshots VALUES (?,?,?,?)", snapshots)
        for digest in _cited(new):
            kept = old.execute("SELECT digest, body FROM raw_replies WHERE digest=?", (digest,))
            new.executemany("INSERT OR IGNORE INTO raw_replies VALUES (?,?)", kept)
        new.execute(ARCHIVED_TABLE)
        if _exists(old, "archived"):
            new.executemany("INSERT INTO archived VALUES (?,?,?,?,?)", old.execute("SELECT * FROM archived"))
        new.execute("INSERT OR REPLACE INTO archived VALUES (?,?,?,?,?)", (account, *base))
        new.execute(f"PRAGMA user_version={LAYOUT_ARCHIVED}")
        new.execute("COMMIT")


def _cited(new: sqlite3.Connection) -> list[bytes]:
    """The digests of the raw replies that live events cite; what does not decode is for `_check`."""
    cited: set[bytes] = set()
    for name in CITING:
        for (state,) in new.execute("SELECT state FROM stored_events WHERE topic=?", (name,)):
            with suppress(*UNREADABLE):
                cited.add(cited_by(decode(name, unframe(state)[0])))
    return sorted(cited - {b""})


def _check(fresh: Path) -> None:
    """Every journal in the new store must verify before anything is swapped."""
    url = f"sqlite:///{fresh}"
    for account in accounts(url):
        with open_reader(url, account) as reader:
            report = verify_opened(reader, archives=False)
        if not report.ok:
            raise JournalCorrupt(
                f"{account} at {report.faults[0].position}: {report.faults[0].why}. Nothing was archived; run "
                "`trueup verify`, and repair the store from a backup first"
            )
