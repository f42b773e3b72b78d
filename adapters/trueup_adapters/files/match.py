"""Which row of the book belongs to which of the broker's?

Per symbol: by ticket where every row of it on both sides has one; else by symbol. Several rows on a side are then
compared leg by leg, all longs with all longs and all shorts with all shorts, never as a net (L31). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from trueup.evidence import Absent, Present, Unknown, Verdict
from trueup.model import ZERO, BrokerPosition, Holding, Side, add
from trueup_adapters.files.rules import Ordered
from trueup_adapters.files.sheet import Row


class Pair(msgspec.Struct, frozen=True):
    """One key of the comparison."""

    symbol: str
    ticket: str | None
    book: Holding | None
    seen: Verdict[BrokerPosition]
    legs: tuple[int, int] = (1, 1)
    """How many rows of each side were added up."""


def pairs(book: Ordered, broker: Ordered) -> Iterator[Pair]:
    """Every key of either side, in no particular order, as far as the two files prove anything of it."""
    ours, theirs = _by_symbol(book.rows), _by_symbol(broker.rows)
    for symbol in sorted({*ours, *theirs}):
        mine, other = ours.get(symbol, []), theirs.get(symbol, [])
        if all(row.ticket is not None for row in (*mine, *other)):
            found = _by_ticket(symbol, mine, other, book, broker)
        elif len(mine) <= 1 and len(other) <= 1 and not _hidden_leg(symbol, mine, other, book, broker):
            found = _paired(symbol, mine, other, book, broker)
        else:
            found = _by_leg(symbol, mine, other, book, broker)
        yield from found


def _by_symbol(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.symbol, []).append(row)
    return found


def _by_ticket(symbol: str, mine: list[Row], other: list[Row], book: Ordered, broker: Ordered) -> Iterator[Pair]:
    ours, theirs = ({row.ticket: row for row in rows} for rows in (mine, other))
    for ticket in {*ours, *theirs}:
        one, another = ours.get(ticket), theirs.get(ticket)
        yield from _paired(symbol, [one] if one else [], [another] if another else [], book, broker)


def _hidden_leg(symbol: str, mine: list[Row], other: list[Row], book: Ordered, broker: Ordered) -> bool:
    """Whether a ticketed row that stands alone for its symbol may be one leg of several: the others were refused."""
    return any(
        row.ticket is not None and any(one.symbol == symbol for one in side.refused)
        for rows, side in ((mine, book), (other, broker))
        for row in rows
    )


def _by_leg(symbol: str, mine: list[Row], other: list[Row], book: Ordered, broker: Ordered) -> Iterator[Pair]:
    """Longs with longs, shorts with shorts. A sum of which a row may have been refused is not known (law 4)."""
    unsure = book.may_lack(symbol) or broker.may_lack(symbol)
    sides: tuple[Side, Side] = ("long", "short")
    for side in sides:
        ours = [row for row in mine if row.side == side]
        theirs = [row for row in other if row.side == side]
        if not (ours and theirs and unsure):
            yield from _paired(symbol, ours, theirs, book, broker)


def _paired(symbol: str, mine: list[Row], other: list[Row], book: Ordered, broker: Ordered) -> Iterator[Pair]:
    """The two sides of one key; nothing where a partial side's silence would have to prove an absence."""
    if not mine and not other:
        return
    seen: Verdict[BrokerPosition]
    if other:
        if not mine and book.partial:
            return  # the row that the book seems to lack may be one of its refused ones
        seen = Present(_summed(symbol, other).position())
    else:
        seen = Unknown("rows of the broker's file were refused") if broker.partial else Absent(())
    ticket = next((rows[0].ticket for rows in (other, mine) if len(rows) == 1 and rows[0].ticket), None)
    if max(len(mine), len(other)) > 1:
        ticket = None
    holding = _summed(symbol, mine).holding() if mine else None
    yield Pair(symbol, ticket, holding, seen, (len(mine), len(other)))


def _summed(symbol: str, rows: list[Row]) -> Row:
    """One row as it is; several of one side as their exact sum, which has no price and no stop to compare."""
    if len(rows) == 1:
        return rows[0]
    total = ZERO
    for row in rows:
        total = add(total, row.quantity)
    return Row(rows[0].number, symbol, rows[0].spelling, rows[0].side, total)
