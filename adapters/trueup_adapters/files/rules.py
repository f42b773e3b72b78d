"""What do the rows of one file say of each other: which of them contradict, and which say nothing?

Where two rows cannot both be meant, none is chosen: choosing would be inventing (law 13). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from trueup.model import Refusal
from trueup_adapters.files.sheet import Row, Sheet


class Ordered(msgspec.Struct, frozen=True):
    """One side, its rows judged against each other."""

    rows: tuple[Row, ...]
    """What the side holds."""
    refused: tuple[Refusal, ...]
    """In the file's order."""

    @property
    def partial(self) -> bool:
        """Whether its absences prove nothing (law 4)."""
        return bool(self.refused)

    def may_lack(self, symbol: str) -> bool:
        """Whether a refused row may have been one of `symbol`."""
        return any(one.symbol is None or one.symbol == symbol for one in self.refused)


def ordered(sheet: Sheet) -> Ordered:
    """The rows of a sheet that say something nobody contradicts, and the refused ones."""
    refused: dict[int, Refusal] = {}
    _repeated_tickets(sheet.rows, refused)
    held = [row for row in sheet.rows if row.quantity and row.number not in refused]
    _several_without_ticket(held, refused)
    rows = tuple(row for row in held if row.number not in refused)
    everything = sorted((*sheet.refused, *refused.values()), key=lambda one: one.row)
    return Ordered(rows, tuple(everything))


def _repeated_tickets(rows: Iterable[Row], refused: dict[int, Refusal]) -> None:
    """One ticket, one position (L29): a repeat in the same words is refused, differing rows all are."""
    by_ticket: dict[str, list[Row]] = {}
    for row in rows:
        if row.ticket is not None:
            by_ticket.setdefault(row.ticket, []).append(row)
    for ticket, twins in by_ticket.items():
        first = twins[0]
        if all(replace(row, number=first.number) == first for row in twins):
            _refuse(twins[1:], refused, f"ticket {ticket} was listed before, in the same words")
        else:
            _refuse(twins, refused, f"ticket {ticket} is listed {len(twins)} times, and not in the same words")


def _several_without_ticket(rows: Iterable[Row], refused: dict[int, Refusal]) -> None:
    """Several rows of one symbol and no ticket: nobody can say which of the other side's each one is."""
    by_symbol: dict[str, list[Row]] = {}
    for row in rows:
        if row.ticket is None:
            by_symbol.setdefault(row.symbol, []).append(row)
    for symbol, twins in by_symbol.items():
        spellings = sorted({row.spelling for row in twins})
        if len(twins) > 1 and len(spellings) > 1:
            _refuse(twins, refused, f"{' and '.join(spellings)} are both spellings of {symbol}; give them tickets")
        elif len(twins) > 1:
            _refuse(twins, refused, f"{symbol} is listed {len(twins)} times without a ticket; give each its ticket")


def _refuse(rows: Iterable[Row], refused: dict[int, Refusal], why: str) -> None:
    for row in rows:
        refused[row.number] = Refusal(row.number, why, row.symbol, row.ticket)
