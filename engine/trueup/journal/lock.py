"""Who may append to an account: how is a second writer kept out, within one process and between processes?

On files the operating system holds the lock (`flock` through filelock), so that `kill -9` releases it. It lies
beside the *real* path of the database: two symbolic links to one file are one store. On PostgreSQL the server holds
it, for the very session that appends (`JournalRecorder.hold`).
"""

from __future__ import annotations

import re
import threading
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep
from typing import Protocol

from filelock import FileLock, Timeout

from trueup.errors import JournalError, WriterFenced

_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-]")
POLL_S = 0.02


class AccountLock(Protocol):
    """Held by the one writer of an account."""

    def acquire(self, wait_s: float) -> None:
        """Take it, waiting at most so long. Raises WriterFenced while another holds it."""
        ...

    def release(self) -> None:
        """Let it go; again is harmless."""
        ...


def lock_path(database: Path, account: str) -> Path:
    """Where the lock of `account` in `database` lies: beside the real file, one per account.

    The readable part may be the same for two accounts (`a:b`, `a_b`); the hash tells them apart.
    """
    real = database.resolve()
    safe = _UNSAFE.sub("_", account)[:64]
    return real.with_name(f"{real.name}.{safe}-{sha256(account.encode()).hexdigest()[:8]}.lock")


class FileAccountLock:
    """The lock of one account in one database file."""

    def __init__(self, database: Path, account: str) -> None:
        self._account = account
        self._path = lock_path(database, account)
        # Not bound to a thread: whoever closes the writer may be another than who opened it.
        self._lock = FileLock(self._path, thread_local=False)

    def acquire(self, wait_s: float) -> None:
        try:
            self._lock.acquire(timeout=max(0.0, wait_s), poll_interval=POLL_S)
        except Timeout:
            raise WriterFenced(
                account=self._account, why=f"another writer holds its lock ({self._path.name})"
            ) from None
        except OSError as error:
            raise JournalError(
                f"{self._account}: its lock {self._path} cannot be taken ({error.strerror or error}); "
                "the folder of the store must be writable for its writer"
            ) from error

    def release(self) -> None:
        self._lock.release(force=True)


class NoLock:
    """Where the appending connection itself holds the lock, there is none beside it."""

    def acquire(self, wait_s: float) -> None:
        """Nothing to take."""

    def release(self) -> None:
        """Nothing to let go of."""


_held: set[tuple[str, str]] = set()
_held_guard = threading.Lock()


class MemoryAccountLock:
    """The lock of one account in a store in memory: as far as its process, like the store."""

    def __init__(self, store: str, account: str) -> None:
        self._account = account
        self._key = (store, account)
        self._mine = False

    def acquire(self, wait_s: float) -> None:
        deadline = monotonic() + wait_s
        while True:
            with _held_guard:
                if self._key not in _held:
                    _held.add(self._key)
                    self._mine = True
                    return
            if monotonic() >= deadline:
                raise WriterFenced(account=self._account, why="another writer of this process holds its lock")
            sleep(POLL_S)

    def release(self) -> None:
        with _held_guard:
            if self._mine:
                _held.discard(self._key)
            self._mine = False
