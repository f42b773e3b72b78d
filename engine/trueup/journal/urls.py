"""Which store does a URL name?

Addresses follow SQLAlchemy: `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://user@host/database`,
and, for as long as somebody in this process has it open, `memory://NAME` (`sqlite://` and `sqlite:///:memory:` are
`memory://main`). `bundle:///incident.zip` is what `trueup export --bundle` wrote, for reading. A new kind of database
is one more entry in `_KINDS`, and nothing else changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from trueup.errors import StoreUrlError
from trueup.journal.backend import Location
from trueup.journal.files import Memory, SQLiteFile, named_beside

_URL = re.compile(r"([a-zA-Z][a-zA-Z0-9+.\-]*)://(.*)\Z", re.DOTALL)
_PASSWORD = re.compile(r"(://[^:/?#@]*):.*@", re.DOTALL)  # greedy: a password may hold what it should not
_PASSWORD_PARAMETER = re.compile(r"([?&](?:ssl)?password=)[^&]*", re.IGNORECASE)
_MEMORY_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,100}\Z", re.ASCII)


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
