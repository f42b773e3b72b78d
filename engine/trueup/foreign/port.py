"""What must a book that lives elsewhere be able to do?

Two things: say which positions it holds, and take one correction if its row still says what the correction starts
from. It is not asked on an event loop: both methods may block, are called on a thread of their own, one at a time.
Neither raises for what the outside does: a book that cannot be read is a fact (law 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, Protocol, TypeAlias

import msgspec

from trueup.model import Holding, Refusal, Stop

WroteState: TypeAlias = Literal["written", "already", "conflict", "unknown"]


class BookRow(msgspec.Struct, frozen=True, kw_only=True):
    """One open position as the book states it. What a book has no place for is left out, and is not compared."""

    symbol: str
    """In the book's own spelling; aliases of the policy are resolved later (L33)."""
    signed_quantity: Decimal
    """+ long, - short, never 0: a closed row is not listed (L28)."""
    ticket: str | None = None
    price: Decimal | None = None
    stop: Stop | None = None
    """None: the book has no place for it; `Stop()`: it says that there is none."""
    strategy: str | None = None
    opened_at: str | None = None
    """ISO 8601, UTC: evidence, never order (L46)."""
    ref: str = ""
    """What names the row in the book: a primary key, a document's path. The adapter's own, never shown as a ticket."""


class BookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one read brought."""

    completeness: Literal["complete", "partial", "failed"] = "complete"
    why: str = ""
    """Why it is not complete; '' when it is."""
    positions: Sequence[BookRow] = ()
    """All that are open: one that is not listed is not held."""
    refused: Sequence[Refusal] = ()
    """Rows that are there and cannot be used. They make the answer partial (L42)."""


class BookWrite(msgspec.Struct, frozen=True, kw_only=True):
    """One correction, as it is to be written."""

    cursor: int
    """The journal position of the (last) correction that it carries."""
    correction_id: str
    before: BookRow | None
    """What the book said a moment ago, and must still say; None: it had no open row."""
    after: Holding | None
    """What it is to say; None: the position is closed."""
    exit_reason: str | None = None
    """For a closed one: `CLOSED_EXTERNALLY`, unless explained."""
    why: str = ""
    at_ns: int = 0
    """When the correction was decided: wall time, UTC."""


class Wrote(msgspec.Struct, frozen=True):
    """What one write came to."""

    state: WroteState
    """`written`; `already`: the book says `after` as it is; `conflict`: it says something else than `before`, and
    nothing was written; `unknown`: it may have been written or not, and is read again before anything else."""
    why: str = ""


class Book(Protocol):
    """One account's book, kept by somebody else."""

    @property
    def name(self) -> str:
        """What the journal calls it: an address without secrets."""
        ...

    def read(self) -> BookAnswer:
        """All open positions, as of one moment. Never raises for what the outside does: `unreadable(why)`."""
        ...

    def write(self, write: BookWrite) -> Wrote:
        """Bring one row from `before` to `after`, if it still says `before`; else nothing.

        Never tries twice by itself (L27). Where it cannot be compared and set in one step, the adapter's page says so.
        """
        ...

    def close(self) -> None:
        """Let go of everything, promptly."""
        ...


def unreadable(why: str) -> BookAnswer:
    """No usable answer: nothing may be concluded from it (L01)."""
    return BookAnswer(completeness="failed", why=why.encode("utf-8", "replace").decode())
