"""What is a store in one SQLite file, or in this process's memory?

How it is opened, locked and explained: what `urls.location` hands out for an address.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import Final
from urllib.parse import quote

from trueup.errors import InputError, JournalCorrupt, JournalError, StoreUrlError
from trueup.journal.backend import Access, Durability
from trueup.journal.lock import AccountLock, FileAccountLock, MemoryAccountLock
from trueup.journal.sqlite_errors import explained

_FACTORY: Final = "trueup.journal.sqlite:JournalFactory"


class SQLiteFile:
    """A store in one SQLite file."""

    def __init__(self, url: str, path: str) -> None:
        self._url = url
        self._path = Path(path)

    @property
    def url(self) -> str:
        return self._url

    @property
    def path(self) -> Path:
        """Where the file lies, links resolved: SQLite names its write-ahead log after the path it was given."""
        return Path(os.path.realpath(self._path))

    def prepare(self, access: Access) -> None:
        path, folder = self._path, self._path.absolute().parent
        if path.is_dir():
            raise StoreUrlError(f"{self._url}: {path} is a folder; name a file in it")
        if access == "read" and not path.exists():
            raise InputError(f"{self._url}: there is no store at {path.absolute()}")
        if access == "inbox" and not folder.is_dir():
            raise InputError(f"{self._url}: there is no folder {folder}")
        if access == "write":
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise JournalError(f"{self._url}: the folder {folder} cannot be made ({error.strerror})") from error

    def settings(self, access: Access, durability: Durability) -> dict[str, str]:
        name = f"file:{quote(str(self.path))}?mode={'ro' if access == 'read' else 'rwc'}"
        return _settings(name, access, durability)

    def lock(self, account: str) -> AccountLock:
        return FileAccountLock(self._path, account)

    def explain(self, error: Exception, what: str) -> JournalError:
        return explained(error, what, self._url)


class Memory:
    """A store that lives in this process, for tests and simulation, while anybody has it open."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name

    @property
    def url(self) -> str:
        return self._url

    def prepare(self, access: Access) -> None:
        """Nothing to make; whether a reader finds a journal shows when it looks."""

    def settings(self, access: Access, durability: Durability) -> dict[str, str]:
        return _settings(f"file:trueup-{self._name}?mode=memory&cache=shared", access, durability)

    def lock(self, account: str) -> AccountLock:
        return MemoryAccountLock(self._name, account)

    def explain(self, error: Exception, what: str) -> JournalError:
        return explained(error, what, self._url)


def named_beside(path: Path, file: object) -> Path:
    """A file of that name in the same folder. Raises JournalCorrupt for what a store that was changed may say."""
    if not isinstance(file, str) or "\0" in file or PurePath(file).name != file:
        raise JournalCorrupt(f"{path}: says that its earlier events lie in {file!r}, which is no file's name")
    return path.with_name(file)


def _settings(db_name: str, access: Access, durability: Durability) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": _FACTORY,
        "SQLITE_DBNAME": db_name,
        "SQLITE_SYNCHRONOUS": durability.upper(),
        "SQLITE_READ_ONLY": "y" if access == "read" else "n",
        "SQLITE_CONNECTIONS_MAX": "1",  # `changed` compares what one connection has seen
        "ORIGINATOR_ID_TYPE": "text",
        "CREATE_TABLE": "n" if access == "read" else "y",
    }
