"""What do the director of the demo and its trading process say to one another?

One JSON object a line: instructions go to the process's standard input, one reply to each comes back from its
standard output.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from trueup import AuditEntry, BookChange, PassReport
from trueup.model import TradeSide

Positions: TypeAlias = dict[str, str]
"""What somebody takes an account to hold: `EURUSD #100001` to `long 0.1`."""


class Trade(msgspec.Struct, frozen=True, kw_only=True, tag="trade"):
    """Ask the gate, record the order, send it, record its fill."""

    symbol: str
    side: TradeSide
    volume: Decimal
    price: Decimal
    reckless: bool = False
    """Record nothing: send, say so, and go on only when told to. Whoever kills it then kills it in between."""
    unheard: bool = False
    """Record it before it is sent, as it should be; the acknowledgement is lost, so nothing is recorded after."""


class Sync(msgspec.Struct, frozen=True, kw_only=True, tag="sync"):
    """Do passes, each as late after the one before as makes it an independent witness."""

    until: Literal["agreed", "closed", "once"] = "agreed"
    """Until a pass ends with SUCCESS, until the gate is closed, or just one."""
    passes_max: int = 12


class Look(msgspec.Struct, frozen=True, tag="look"):
    """Say how things stand."""


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag="ask"):
    """Ask the gate whether something might be sent, and send nothing."""

    symbol: str
    kind: Literal["order", "cancel"] = "order"


class Tell(msgspec.Struct, frozen=True, tag="tell"):
    """Tell the audit trail."""


class Leave(msgspec.Struct, frozen=True, tag="leave"):
    """Close the book and end."""


Instruction: TypeAlias = Trade | Sync | Look | Ask | Tell | Leave


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """What a process that holds the account begins with."""

    epoch: int
    report: PassReport


class First(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a process; exactly one of the two is there."""

    started: Started | None = None
    fenced: str | None = None
    """Why it does not have the account; it ends then."""


class Traded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a `Trade`."""

    name: str
    """`EURUSD #100001`; '' when the gate refused."""
    recorded: bool
    client_id: str = ""
    refused: str | None = None


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """The reports of the passes of a `Sync`, in order."""

    reports: tuple[PassReport, ...]


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand."""

    epoch: int
    gate: str
    gate_why: str
    book: Positions
    owners: dict[str, str]
    """By the names of `book`."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate said."""

    refused: bool
    code: int = 0
    reason: str = ""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The audit trail, and the corrections among it."""

    entries: tuple[AuditEntry, ...]
    changes: tuple[BookChange, ...]


def name_of(symbol: str, ticket: str | None) -> str:
    """`EURUSD #100001`, or the symbol alone."""
    return symbol if ticket is None else f"{symbol} #{ticket}"
