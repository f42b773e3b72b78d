"""Who is at this end of a store, as the channel itself authenticates it?

The operating system's user of this process for a file, the server's session user for PostgreSQL. Never an environment
variable and never a claim: `$USER` is whatever somebody set it to.
"""

from __future__ import annotations

import os
import sys
from typing import Protocol, runtime_checkable

from trueup.journal.urls import location
from trueup.model import TEXT_MAX


@runtime_checkable
class _Authenticates(Protocol):
    """A store whose server knows who we are."""

    def session_user(self) -> str: ...


def store_user(url: str) -> str:
    """The authenticated name of whoever uses the store at `url`. Raises StoreUrlError, JournalError."""
    place = location(url)
    return (place.session_user() if isinstance(place, _Authenticates) else system_user())[:TEXT_MAX]


def system_user() -> str:
    """The operating system's user that this process acts as; `uid:1000` where it has no name."""
    if sys.platform == "win32":
        return os.getlogin()
    import pwd  # there is none on Windows

    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid:{number}"
