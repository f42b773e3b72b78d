"""What does an error of SQLite mean, to the library and to whoever must move?"""

from __future__ import annotations

import sqlite3
from typing import Final
from urllib.parse import unquote

from eventsourcing import persistence

from trueup.errors import JournalCorrupt, JournalError, JournalLocked

_LIBRARY_ERRORS: Final[tuple[tuple[type[sqlite3.Error], type[persistence.PersistenceError]], ...]] = (
    (sqlite3.InterfaceError, persistence.InterfaceError),
    (sqlite3.DataError, persistence.DataError),
    (sqlite3.OperationalError, persistence.OperationalError),
    (sqlite3.IntegrityError, persistence.IntegrityError),
    (sqlite3.InternalError, persistence.InternalError),
    (sqlite3.ProgrammingError, persistence.ProgrammingError),
    (sqlite3.NotSupportedError, persistence.NotSupportedError),
    (sqlite3.DatabaseError, persistence.DatabaseError),
)


def library_error(error: sqlite3.Error) -> persistence.PersistenceError:
    """The library's error of the same name, which is what its own contract tests expect."""
    for theirs, ours in _LIBRARY_ERRORS:
        if isinstance(error, theirs):
            return ours(error)
    return persistence.PersistenceError(error)


def where(db_name: str) -> str:
    """A database's name as people know it: its path, without the URI around it."""
    return unquote(db_name.removeprefix("file:").partition("?")[0])


def explained(error: Exception, what: str, where: str) -> JournalError:
    """Our error for one of SQLite's or the library's: who must move, in one clear sentence."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, sqlite3.Error):
        cause = cause.__cause__
    if isinstance(error, persistence.ConnectionUnavailableError):
        return JournalLocked(f"{where}: could not {what}: every connection is busy; try again")
    if isinstance(error, persistence.ConnectionPoolClosedError) or "closed database" in str(cause):
        return JournalError(f"{where}: could not {what}: it was closed; open it again")
    if cause is None:
        return JournalError(f"{where}: could not {what} ({error})")
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return JournalLocked(f"{where}: could not {what}: another process is busy with the file; try again")
    if code == sqlite3.SQLITE_NOTADB:
        return JournalCorrupt(f"{where}: could not {what}: this file is not an SQLite database, or its head is damaged")
    if code == sqlite3.SQLITE_CORRUPT or "decode to UTF-8" in str(cause):
        return JournalCorrupt(f"{where}: could not {what}: the file is damaged ({cause}); run `trueup verify`")
    if code == sqlite3.SQLITE_FULL:
        return JournalError(f"{where}: could not {what}: the disk is full; it works again as soon as there is room")
    if code == sqlite3.SQLITE_IOERR:
        return JournalError(
            f"{where}: could not {what}: the disk failed ({getattr(cause, 'sqlite_errorname', cause)}); "
            "it may be full, over a quota, or broken. The next attempt begins anew"
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return JournalError(f"{where}: could not {what}: {cause}; the file and its folder must be accessible")
    return JournalError(f"{where}: could not {what} ({cause})")
