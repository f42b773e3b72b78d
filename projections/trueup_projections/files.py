"""Is this file ours, of this version, and of this journal, and how is it made ready?

A views file is known by SQLite's `application_id`, its version by `user_version`, its journal by the digest of each
account's last event. What is not ours is never touched; what is ours and does not fit is emptied, because it can be
made again (law 11).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlite_utils import Database

from trueup.errors import InputError
from trueup.journal import TrackedFile
from trueup_projections.queries import QUERIES
from trueup_projections.schema import create, drop_everything
from trueup_projections.tables import SCHEMA_VERSION, TABLES

APPLICATION_ID: Final = 0x54525550
"""`TRUP`, in SQLite's header."""


def refuse_what_is_not_ours(path: Path) -> None:
    """Raises InputError when there is something else at `path`; looks without changing it."""
    if not path.exists() or not path.is_file() or path.stat().st_size == 0:
        if path.is_dir():
            raise InputError(f"{path} is a folder; name a file in it for the read models")
        return
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            (mark,) = connection.execute("PRAGMA application_id").fetchone()
            things = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise InputError(f"{path} cannot be read as read models ({error}); name another file, or delete it") from error
    if mark != APPLICATION_ID and things:
        raise InputError(f"{path} is a database of something else; read models need a file of their own")


def made_ready(file: TrackedFile, *, anew: bool = False) -> str:
    """Make tables and views where they are missing, or all of them anew; why they were emptied, '' if they were not."""
    with file.change() as connection:
        db = database(connection)
        why = "it was asked for" if anew else _misfit(connection, file.name)
        empty = _is_empty(connection)
        if why or empty:
            drop_everything(db)
            create(db, TABLES, QUERIES)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    file.prepare()
    return "" if empty else why


def _misfit(connection: sqlite3.Connection, name: str) -> str:
    """Why what stands there cannot be continued. Raises InputError when it was made for another purpose."""
    if _is_empty(connection):
        return ""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        return f"its tables are of version {version}, this is version {SCHEMA_VERSION}"
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'tracking'").fetchone():
        wanted = "SELECT application_name FROM tracking WHERE application_name NOT IN (?, '__migration__')"
        other = connection.execute(wanted, [name]).fetchone()
        if other is not None:
            raise InputError(f"this file holds {other[0]} and is not continued as {name}; name another file")
    return ""


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def database(connection: sqlite3.Connection) -> Database:
    """sqlite-utils on a connection whose transaction is open: it nests in it, and commits nothing."""
    # No plugins: what somebody installed for their own data must not change ours.
    return Database(connection, execute_plugins=False)
