"""What does one file say: whose positions, which rows can be used, and which cannot?"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from trueup.errors import InputError
from trueup.model import BrokerPosition, Holding, Refusal, Side, Stop, signed

FILE_BYTES_MAX = 64 * 1024 * 1024
"""The longest file that is read (law 12); a gateway's reply may be as long."""


class UnusableFile(InputError):
    """A file from which nothing can be concluded: it is missing, garbled, or a reply that failed (law 4)."""


class AccountsDiffer(InputError):
    """Two files, or two rows of one, are of different accounts (L32): comparing them means nothing."""


class Row(msgspec.Struct, frozen=True):
    """One position as a file states it."""

    number: int
    """Its place in the file's list, from 1."""
    symbol: str
    """Canonical (L33)."""
    spelling: str
    """As the file spells it."""
    side: Side
    quantity: Decimal
    """Not signed, 0 or more; 0: the file says that nothing is held there."""
    ticket: str | None = None
    price: Decimal | None = None
    stop: Stop | None = None
    """None: not reported, hence not compared."""
    strategy: str | None = None
    opened_at: str | None = None

    @property
    def signed_quantity(self) -> Decimal:
        """+ long, - short (L28)."""
        return signed(self.side, self.quantity)

    def holding(self) -> Holding:
        """The row as a book holds it."""
        return Holding(self.symbol, self.signed_quantity, self.ticket, self.price, self.stop)

    def position(self) -> BrokerPosition:
        """The row as a broker states it."""
        return BrokerPosition(self.symbol, self.signed_quantity, self.ticket, self.price, self.stop)


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """What one file says."""

    name: str
    """What messages call it."""
    account: str | None = None
    """`broker:id`; None: the file does not say, and takes the other side's."""
    rows: tuple[Row, ...] = ()
    """Every row that can be used on its own, in the file's order."""
    refused: tuple[Refusal, ...] = ()
    """Every other one (L42)."""
    orders: int = 0
    """How many orders it lists; they are counted, not compared."""
