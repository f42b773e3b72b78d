"""What is known of a book that lives elsewhere, between one read of it and the next?

A part of the fold's state. Its rows are not in it: they became local changes. What a book has no use for has its
default, and is left out where the state is saved (`saved`), so that older states keep their bytes. Bounded (law 12).
"""

from __future__ import annotations

from typing import Final

import msgspec

from trueup.facts import RowLeft
from trueup.model import Key, Moment, Refusal


class ForeignOrders(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The orders of a book that lives elsewhere, as far as the journal knows them."""

    book: str = ""
    """Where they are kept; '' while there are none."""
    read: int = 0
    """The journal position of their first usable read; 0: none yet."""
    written: int = 0
    """Corrections of orders up to here were written back, were there already, or conflict."""
    missing: tuple[str, ...] = ()
    """Working orders of ours that it does not know, by client order id."""
    refused: tuple[Refusal, ...] = ()
    left: tuple[RowLeft, ...] = ()
    """Rows that stand against what we know and could not be written over."""
    writing: tuple[int, ...] = ()
    """Changes whose writing has begun, and of which nobody knows yet what came of it."""
    unread: str = ""
    """Why the last read brought nothing."""


NO_FOREIGN_ORDERS: Final = ForeignOrders()


class ForeignBook(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A book that lives elsewhere, as far as the journal knows it."""

    book: str
    """Its name; '' while there is none."""
    read: int = 0
    """The journal position of its first usable read; 0: none yet."""
    written: int = 0
    """Corrections up to here were written back, were there already, or conflict."""
    missing: tuple[tuple[Key, Moment], ...] = ()
    """Positions that vanished from it, and since when, in key order."""
    held: tuple[Key, ...] = ()
    """Those of them that are too many at once."""
    refused: tuple[Refusal, ...] = ()
    writing: tuple[int, ...] = ()
    """Corrections whose writing has begun, and of which nobody knows yet what came of it."""
    unread: str = ""
    """Why the last read brought nothing."""
    unwritten: str = ""
    """Why the last writing did not come to its end."""
    orders: ForeignOrders = NO_FOREIGN_ORDERS
    left: tuple[RowLeft, ...] = ()
    """Rows that could not take what we learned of their position, such as its ticket."""


NO_FOREIGN_BOOK: Final = ForeignBook("")
FOREIGN_BOOK_AT_FIRST: Final = 9
"""Fields of `ForeignBook` that every saved state has; those behind them are saved only where one says something."""
