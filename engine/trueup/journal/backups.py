"""How is a store copied while it is written?

A copy is of one moment and whole. What was appended after that moment is not in it: a store that was restored from
it would go on from an older book as if nothing had happened. Against that there are heads (`heads.require_head`).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from trueup.errors import InputError, JournalError
from trueup.journal.chain import Head
from trueup.journal.files import SQLiteFile
from trueup.journal.sqlite_errors import explained
from trueup.journal.store import accounts, open_reader
from trueup.journal.urls import location, without_secrets

_STEP_PAGES: Final = -1
"""All at once: a copy in steps begins anew whenever somebody commits in between. WAL lets the writer go on."""


def backup(url: str, to: str | Path) -> dict[str, Head]:
    """Copy the whole store, all accounts, as of one moment, beside a live writer; the head of each account in it.

    to   a file that does not exist yet, in a folder that does. It appears under this name only when it is whole
         and on the disk; it is a store like any other, in one file.

    Keep the heads apart from the copy: `require_head` and `verify` hold a store against them. Raises InputError for a
    store that is not there, is no file (PostgreSQL has pg_dump), or a target that exists, JournalError.
    """
    place = location(url)
    target = Path(to)
    if not isinstance(place, SQLiteFile):
        raise InputError(
            f"{without_secrets(url)} is no file: a store on PostgreSQL is backed up with the server's own tools, "
            "`pg_dump --schema=trueup` or a base backup"
        )
    place.prepare("read")
    if target.exists():
        raise InputError(f"{target} exists; a backup never writes over anything, name another file")
    if not target.absolute().parent.is_dir():
        raise InputError(f"{target}: there is no folder {target.absolute().parent}; make it first")
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        _copy(place, unfinished)
        heads = _heads(f"sqlite:///{unfinished}")
        os.link(unfinished, target)  # unlike a rename, this does not write over what has appeared meanwhile
    except FileExistsError:
        raise InputError(f"{target} exists; a backup never writes over anything, name another file") from None
    except OSError as error:
        raise JournalError(f"{target}: the backup cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
    sync_folder(target.absolute().parent)
    return heads


def _copy(place: SQLiteFile, to: Path) -> None:
    with suppress(FileNotFoundError):
        to.unlink()  # of a backup that was interrupted
    try:
        with (
            closing(sqlite3.connect(f"{place.path.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(to, isolation_level=None)) as copy,
        ):
            source.backup(copy, pages=_STEP_PAGES)
            copy.execute("PRAGMA journal_mode=DELETE")  # one plain file; whoever writes to it turns the log on again
    except sqlite3.Error as error:
        raise explained(error, "copy it", place.url) from error
    sync_file(to)


def _heads(url: str) -> dict[str, Head]:
    heads: dict[str, Head] = {}
    for account in accounts(url):
        with open_reader(url, account) as reader:
            heads[account] = reader.head()
    return heads


def sync_file(path: Path) -> None:
    """See to it that a file's contents survive a power cut. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """See to it that the names in a folder survive a power cut. Raises OSError."""
    sync_file(path)
