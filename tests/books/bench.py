"""What is the smallest foreign book, and the world beside it, in which each case can be made to happen?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from lessons.world import World
from trueup import Policy
from trueup.events import Event
from trueup.foreign import BookAnswer, BookRow, BookWrite, Keeper, Wrote, unreadable
from trueup.model import PositionMode, Refusal

NAME = "shelf"


def at_book(symbol: str, quantity: str, price: str | None = None, **more: object) -> BookRow:
    """A row; `quantity` is signed."""
    given = None if price is None else Decimal(price)
    return BookRow(symbol=symbol, signed_quantity=Decimal(quantity), price=given, **more)  # type: ignore[arg-type]


@dataclass
class Shelf:
    """A book whose every answer the test dictates, and which remembers what it was asked to write."""

    rows: list[BookRow] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    fails: str = ""
    outcomes: list[Wrote | Exception] = field(default_factory=list)
    writes: list[BookWrite] = field(default_factory=list)
    meanwhile: Callable[[], object] | None = None
    name: str = NAME
    keeps: bool = True
    raises: Exception | None = None

    def read(self) -> BookAnswer:
        if self.raises is not None:
            raise self.raises
        rows, then = tuple(self.rows), self.meanwhile
        self.meanwhile = None
        if then is not None:
            then()
        if self.fails:
            return unreadable(self.fails)
        kind = "partial" if self.refused else "complete"
        return BookAnswer(completeness=kind, positions=rows, refused=tuple(self.refused))

    def write(self, write: BookWrite) -> Wrote:
        self.writes.append(write)
        said = self.outcomes.pop(0) if self.outcomes else Wrote("written")
        if isinstance(said, Exception):
            raise said
        if said.state == "written" and self.keeps:
            self.rows = [one for one in self.rows if one != write.before]
            if (after := write.after) is not None:
                self.rows.append(
                    BookRow(symbol=after.symbol, signed_quantity=after.signed_quantity, ticket=after.ticket)
                )
        return said

    def close(self) -> None:
        self.fails = "closed"


made: list[Bench] = []
"""Those of the test that runs: each is replayed when it is over."""


class Bench:
    """A world with a foreign book."""

    def __init__(self, *rows: BookRow, mode: PositionMode = "netting", policy: Policy | None = None) -> None:
        self.w = World(mode=mode, policy=policy or Policy.adopt(confirm_interval_ms=0))
        self.shelf = Shelf(list(rows))
        self.keeper = Keeper(self.w.ledger, self.w._reader, self.shelf)
        made.append(self)

    def facts(self, *kinds: type[Event]) -> Sequence[Event]:
        return [one.event for one in self.w.journal() if isinstance(one.event, kinds)]

    @property
    def held(self) -> dict[str, Decimal]:
        return {key: slot.holding.signed_quantity for key, slot in self.w.state.book.items() if slot.holding}

    def alerts(self) -> list[str]:
        return [one.topic for one in self.w.alerts()]
