"""What does an error of PostgreSQL mean, to the library and to whoever must move?"""

from __future__ import annotations

from typing import Final

import psycopg
from eventsourcing import persistence
from psycopg import errors

from trueup.errors import JournalCorrupt, JournalError, JournalLocked

_LIBRARY_ERRORS: Final[tuple[tuple[type[psycopg.Error], type[persistence.PersistenceError]], ...]] = (
    (psycopg.InterfaceError, persistence.InterfaceError),
    (psycopg.DataError, persistence.DataError),
    (psycopg.OperationalError, persistence.OperationalError),
    (psycopg.IntegrityError, persistence.IntegrityError),
    (psycopg.InternalError, persistence.InternalError),
    (psycopg.ProgrammingError, persistence.ProgrammingError),
    (psycopg.NotSupportedError, persistence.NotSupportedError),
    (psycopg.DatabaseError, persistence.DatabaseError),
)

_BUSY: Final = (
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.DeadlockDetected,
    errors.SerializationFailure,
)
_DAMAGED: Final = (errors.DataCorrupted, errors.IndexCorrupted)


class NotNow(persistence.OperationalError):
    """Nothing was tried: the server could not be reached a moment ago, or our own dead session is still there."""


def library_error(error: psycopg.Error) -> persistence.PersistenceError:
    """The library's error of the same name, which is what its own contract tests expect."""
    for theirs, ours in _LIBRARY_ERRORS:
        if isinstance(error, theirs):
            return ours(str(error))
    return persistence.PersistenceError(str(error))


def sentence(error: BaseException) -> str:
    """What the server or its client library said, on one line. They never repeat a password."""
    return " ".join(str(error).split()).rstrip(".")


def explained(error: Exception, what: str, where: str) -> JournalError:
    """Our error for one of PostgreSQL's or the library's: who must move, in one clear sentence.

    where   the store's URL as it may be shown, without its password
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, psycopg.Error):
        cause = cause.__cause__
    said = f"{where}: could not {what}"
    if isinstance(error, NotNow) or cause is None:
        return JournalError(f"{said}: {sentence(error)}")
    if isinstance(cause, _BUSY):
        return JournalLocked(f"{said}: others kept the journal's tables busy ({sentence(cause)}); try again")
    if isinstance(cause, _DAMAGED):
        return JournalCorrupt(f"{said}: the database is damaged ({sentence(cause)}); run `trueup verify`")
    if isinstance(cause, errors.DiskFull):
        return JournalError(f"{said}: the disk of the database server is full; appending works again when it has room")
    if isinstance(cause, errors.InsufficientPrivilege):
        return JournalError(
            f"{said}: this role is not allowed to ({sentence(cause)}); "
            "the how-to about PostgreSQL lists what a role needs"
        )
    if isinstance(cause, errors.ReadOnlySqlTransaction):
        return JournalError(f"{said}: this server or session takes no writes, as a standby does; name the primary")
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return JournalError(f"{said}: the connection was lost or could not be made ({sentence(cause)}); try again")
    return JournalError(f"{said} ({sentence(cause)})")
