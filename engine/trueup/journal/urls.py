"""Which store does a URL name?

Addresses follow SQLAlchemy: `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://user@host/database`,
and, for as long as somebody in this process has it open, `memory://NAME` (`sqlite://` and `sqlite:///:memory:` are
`memory://main`). `bundle:///incident.zip` is what `trueup export --bundle` wrote, for reading. A new kind of database
is one more entry in `_KINDS`, and nothing else changes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Final
from urllib.parse import quote

from trueup.errors import InputError, JournalCorrupt, JournalError, StoreUrlError
from trueup.journal.backend import Access, Durability, Location
from trueup.journal.lock import AccountLock, FileAccountLock, MemoryAccountLock
from trueup.journal.sqlite_errors import explained

_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.\-]*)://(.*)\Z", re.DOTALL)
_PASSWORD = re.compile(r"(://[^:/?#@]*):.*@", re.DOTALL)  # greedy: a password may hold what it should not
_PASSWORD_PARAMETER = re.compile(r"([?&](?:ssl)?password=)[^&]*", re.IGNORECASE)
_MEMORY_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,100}\Z", re.ASCII)
_FACTORY: Final = "trueup.journal.sqlite:JournalFactory"


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


def _sqlite(url: str, rest: str) -> Location:
    if rest in ("", "/:memory:"):
        return Memory(url, "main")
    if not rest.startswith("/"):
        raise StoreUrlError(
            f"{url}: an SQLite store has no host; write sqlite:///relative.db or sqlite:////absolute/path.db"
        )
    path = rest[1:]
    if not path or "\0" in path or "?" in path:
        raise StoreUrlError(f"{url!r}: after sqlite:/// comes the path of a file, and nothing else")
    return SQLiteFile(url, path)


def beside(url: str, file: str) -> SQLiteFile:
    """The store in another file of the same folder as the one at `url`. Raises StoreUrlError, JournalCorrupt."""
    place = location(url)
    if not isinstance(place, SQLiteFile):
        raise StoreUrlError(f"{without_secrets(url)} is no file, and nothing lies beside it")
    path = named_beside(place.path, file)
    return SQLiteFile(f"sqlite:///{path}", str(path))


def named_beside(path: Path, file: object) -> Path:
    """A file of that name in the same folder. Raises JournalCorrupt for what a store that was changed may say."""
    if not isinstance(file, str) or "\0" in file or PurePath(file).name != file:
        raise JournalCorrupt(f"{path}: says that its earlier events lie in {file!r}, which is no file's name")
    return path.with_name(file)


def _memory(url: str, rest: str) -> Location:
    if not _MEMORY_NAME.match(rest):
        raise StoreUrlError(
            f"{url}: a store in memory has a name of letters, digits, '-', '_' and '.', like memory://test-1"
        )
    return Memory(url, rest)


def _postgresql(url: str, rest: str) -> Location:
    try:
        from trueup.journal.postgres_url import PostgresDatabase
    except ImportError as error:
        raise StoreUrlError(
            f"{without_secrets(url)}: a store on PostgreSQL needs psycopg ({error}); pip install 'trueup[postgres]'"
        ) from error
    return PostgresDatabase(url, rest, without_secrets(url))


def _bundle(url: str, rest: str) -> Location:
    from trueup.journal.bundles import BundleStore

    if not rest.startswith("/") or len(rest) < 2 or "\0" in rest:
        raise StoreUrlError(f"{url!r}: write bundle:///relative.zip or bundle:////absolute/path.zip")
    return BundleStore(url, Path(rest[1:]))


def without_secrets(url: str) -> str:
    """The URL as it may be shown and logged: its password replaced by `***`."""
    kept = _PASSWORD.sub(r"\1:***@", url)
    return _PASSWORD_PARAMETER.sub(r"\1***", kept)


_KINDS: Final[dict[str, Callable[[str, str], Location]]] = {
    "sqlite": _sqlite,
    "memory": _memory,
    "postgresql": _postgresql,
    "postgres": _postgresql,
    "postgresql+psycopg": _postgresql,
    "bundle": _bundle,
}


def location(url: str) -> Location:
    """The store that `url` names. Raises StoreUrlError."""
    match = _URL.match(url)
    if not match:
        raise StoreUrlError(
            f"{without_secrets(url)!r} is not a store address; "
            "write sqlite:///relative.db, sqlite:////absolute/path.db or postgresql://user@host/database"
        )
    kind = _KINDS.get(match[1].lower())
    if kind is None:
        raise StoreUrlError(
            f"{without_secrets(url)}: {match[1]} names no kind of store we know; known are {', '.join(_KINDS)}"
        )
    return kind(url, match[2])
