"""What does each exit status mean, and which error leads to which?

0  agree, done
1  differs, found, refused
2  usage: the caller's words are wrong, and saying them again will not help
3  could not: the store, a file or the broker failed, or what was asked for is queued
"""

from __future__ import annotations

from typing import Final

from trueup.errors import InputError, TrueupError

DONE: Final = 0
FOUND: Final = 1
USAGE: Final = 2
COULD_NOT: Final = 3


class CouldNot(TrueupError):
    """Nothing is wrong with the words, and yet it could not be done; the message says what to do."""


def status_of(error: TrueupError) -> int:
    """The exit status of a command that ended in this error."""
    return USAGE if isinstance(error, InputError) else COULD_NOT
