"""What does `check` answer, to a program and to a person alike?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

AGREES: Final = 0
DIFFERS: Final = 1
UNUSABLE: Final = 3


class FileBreak(msgspec.Struct, frozen=True):
    """One disagreement: one row for each differing field."""

    of: Literal["position", "order"]
    kind: Literal["recovery", "ghost", "drift"]
    symbol: str
    ticket: str | None
    """Of an order: its client order id, else its order id."""
    field: str | None
    """The differing field of a drift; None when one side lacks the position or order."""
    book: str | None
    broker: str | None
    correction: str
    """What the policy does about such a break; of an order that is missing somewhere, what is to be done."""
    why: str


class RefusedRow(msgspec.Struct, frozen=True):
    """One row that could not be used (L42)."""

    side: Literal["book", "broker"]
    row: int
    """Its place in that file's list, from 1."""
    why: str
    """Of a row of the list of orders it begins with `order`."""


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """What comparing two files came to."""

    account: str | None
    agrees: bool | None
    """None: it cannot be told, a file is unusable."""
    breaks: tuple[FileBreak, ...] = ()
    refused: tuple[RefusedRow, ...] = ()
    counts: dict[str, int]
    notes: tuple[str, ...] | UnsetType = UNSET
    """What was in the files and was not compared (L41); left out when there is nothing to say."""
    errors: tuple[str, ...] | UnsetType = UNSET
    """Why nothing could be told; left out when it could."""

    @property
    def exit_code(self) -> int:
        """0 agrees, 1 differs or refused, 3 cannot tell."""
        if self.agrees is None:
            return UNUSABLE
        return AGREES if self.agrees else DIFFERS


def counted(breaks: Sequence[FileBreak]) -> dict[str, int]:
    """How many rows of each kind."""
    counts = {"recovery": 0, "ghost": 0, "drift": 0}
    for one in breaks:
        counts[one.kind] += 1
    return counts


def failed_check(errors: Sequence[str], account: str | None = None) -> CheckReport:
    """The report of a comparison that could not be made."""
    return CheckReport(account=account, agrees=None, counts=counted(()), errors=tuple(errors))
