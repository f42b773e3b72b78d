"""Which PostgreSQL database, and which schema in it, does a store's URL name?

Everything that libpq understands in a URL is passed on to it: several hosts, `sslmode`, `options`, a Unix socket as
`?host=/var/run/postgresql`. Two parameters are ours: `schema` (default `trueup`) and `lock_wait_s_max`. What a URL
leaves out comes from libpq's own environment and password file, as for `psql`.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from trueup.errors import JournalError, StoreUrlError
from trueup.journal.backend import Access, Durability
from trueup.journal.lock import AccountLock, NoLock
from trueup.journal.postgres_errors import explained
from trueup.journal.postgres_session import LOCK_WAIT_S_MAX

SCHEMA: Final = "trueup"
SCHEMA_BYTES_MAX: Final = 63
"""PostgreSQL's own limit on names; longer ones would be cut, and two of them be one."""

_OURS: Final = ("schema", "lock_wait_s_max")
_FACTORY: Final = "trueup.journal.postgres:JournalFactory"


class PostgresDatabase:
    """A store in one schema of one PostgreSQL database."""

    def __init__(self, url: str, rest: str, shown: str) -> None:
        """
        rest    the URL after `postgresql://`
        shown   the URL without its password, for messages

        Raises StoreUrlError, without repeating what may hold a password.
        """
        self._url = url
        self._shown = shown
        address, _, query = rest.partition("?")
        given = [part.partition("=") for part in query.split("&") if part]
        ours = {name: unquote(value) for name, _, value in given if name in _OURS}
        theirs = "&".join(name + equals + value for name, equals, value in given if name not in _OURS)
        self.schema = ours.get("schema", SCHEMA)
        self._lock_wait_s_max = ours.get("lock_wait_s_max", str(LOCK_WAIT_S_MAX))
        if not self.schema or len(self.schema.encode()) > SCHEMA_BYTES_MAX or "\0" in self.schema:
            raise StoreUrlError(f"{shown}: a schema's name has 1 to {SCHEMA_BYTES_MAX} bytes")
        if not re.fullmatch(r"[0-9]{1,6}", self._lock_wait_s_max, re.ASCII):
            raise StoreUrlError(f"{shown}: lock_wait_s_max is a number of seconds")
        try:
            parameters = conninfo_to_dict(f"postgresql://{address}" + (f"?{theirs}" if theirs else ""))
            if not re.fullmatch(r"[0-9,]*", str(parameters.get("port", "")), re.ASCII):
                raise ValueError  # a password with a bare '/' ends here, and a later message would repeat it
        except (psycopg.Error, ValueError):
            raise StoreUrlError(
                f"{shown}: libpq cannot read this address; write "
                "postgresql://user@host:5432/database?sslmode=verify-full, special characters percent-encoded"
            ) from None
        self._conninfo = make_conninfo("", **parameters)

    @property
    def url(self) -> str:
        return self._url

    def prepare(self, access: Access) -> None:
        """Nothing to make before there is a connection."""

    def settings(self, access: Access, durability: Durability) -> dict[str, str]:
        return {
            "PERSISTENCE_MODULE": _FACTORY,
            "POSTGRES_DBNAME": "",
            "POSTGRES_HOST": "",
            "POSTGRES_USER": "",
            "POSTGRES_PASSWORD": "",
            "POSTGRES_SCHEMA": self.schema,
            "POSTGRES_CONNINFO": self._conninfo,
            "POSTGRES_READ_ONLY": "y" if access == "read" else "n",
            # Never `off`: an acknowledged event must survive the death of the server's processes too (law 7).
            "POSTGRES_SYNCHRONOUS_COMMIT": "on" if durability == "full" else "local",
            "POSTGRES_LOCK_WAIT_S_MAX": self._lock_wait_s_max,
            "ORIGINATOR_ID_TYPE": "text",
            "CREATE_TABLE": "n" if access == "read" else "y",
        }

    def session_user(self) -> str:
        """Who we are, as the server authenticated it; `SET ROLE` does not change it. Raises JournalError."""
        try:
            with psycopg.connect(self._conninfo, connect_timeout=5, application_name="trueup") as connection:
                found = connection.execute("SELECT session_user::text").fetchone()
        except psycopg.Error as error:
            raise self.explain(error, "ask who we are") from error
        assert found is not None
        return str(found[0])

    def lock(self, account: str) -> AccountLock:
        """None here: it lives on the appending session (see `JournalRecorder.hold`)."""
        return NoLock()

    def explain(self, error: Exception, what: str) -> JournalError:
        return explained(error, what, self._shown)
