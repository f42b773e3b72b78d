"""What is the smallest foreign book of orders in which each case can be made to happen?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from books.bench import Bench, Shelf, made
from lessons.world import World, order_row
from trueup import Policy
from trueup.foreign import Keeper, OrderName, OrderRow, OrdersAnswer, OrderWrite, Places, Wrote, unreadable_orders
from trueup.model import TERMINAL, BrokerOrder, OrderStatus, PositionMode, Refusal

DESK = "desk"
ALL = Places(
    frozenset(
        {"status", "filled", "average_price", "order_id", "side", "type", "quantity", "limit", "stop", "reduce_only"}
    )
)


def said(name: str | None, status: str = "accepted", **more: Any) -> OrderRow:
    """A row of the bot's: buy 10 AAPL at 100, by default."""
    given: dict[str, Any] = {"symbol": "AAPL", "side": "buy", "type": "limit", "quantity": 10, "limit": 100}
    given |= {"filled": 0} | more
    numbers = ("quantity", "filled", "average_price", "limit", "stop")
    exact = {key: Decimal(str(one)) if key in numbers and one is not None else one for key, one in given.items()}
    return OrderRow(client_order_id=name, status=OrderStatus(status), ref=str(name), **exact)


def listed(name: str, status: str = "accepted", **more: Any) -> BrokerOrder:
    """The broker's row of the same order."""
    given: dict[str, Any] = {"quantity": 10, "limit": 100, "order_id": f"o-{name}"} | more
    return order_row("AAPL", status, name=name, **given)


@dataclass
class Desk:
    """Orders whose every answer the test dictates, and which remember what they were asked to write."""

    rows: list[OrderRow] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    fails: str = ""
    outcomes: list[Wrote | Exception] = field(default_factory=list)
    writes: list[OrderWrite] = field(default_factory=list)
    asked: list[Sequence[OrderName]] = field(default_factory=list)
    meanwhile: Callable[[], object] | None = None
    name: str = DESK
    places: Places = ALL
    raises: Exception | None = None
    closed: bool = False

    def read(self, known: Sequence[OrderName]) -> OrdersAnswer:
        if self.raises is not None:
            raise self.raises
        self.asked.append(known)
        ids = {one.client_order_id for one in known} | {one.order_id for one in known}
        rows = [one for one in self.rows if one.status not in TERMINAL or ids & {one.client_order_id, one.order_id}]
        then, self.meanwhile = self.meanwhile, None
        if then is not None:
            then()
        if self.fails:
            return unreadable_orders(self.fails)
        kind = "partial" if self.refused else "complete"
        return OrdersAnswer(completeness=kind, orders=tuple(rows), refused=tuple(self.refused))

    def write(self, write: OrderWrite) -> Wrote:
        self.writes.append(write)
        outcome = self.outcomes.pop(0) if self.outcomes else Wrote("written")
        if isinstance(outcome, Exception):
            raise outcome
        if outcome.state == "written":
            self.keep(write)
        return outcome

    def keep(self, write: OrderWrite) -> None:
        """As a table would."""
        after, before = write.after, write.before
        if before is None:
            self.rows.append(
                said(after.client_order_id, after.status.value, order_id=after.order_id, symbol=after.symbol,
                     side=after.side, type=after.type, quantity=after.quantity, filled=after.filled,
                     limit=after.limit, stop=after.stop)
            )  # fmt: skip
            return
        change = {name: getattr(after, name) for name in write.fields}
        self.rows = [replace(one, **change) if one == before else one for one in self.rows]

    def close(self) -> None:
        self.closed = True


class OrderBench(Bench):
    """A world with a foreign book that keeps orders and no positions."""

    def __init__(self, *rows: OrderRow, mode: PositionMode = "netting", policy: Policy | None = None) -> None:
        self.w = World(mode=mode, policy=policy or Policy.adopt(confirm_interval_ms=0), orders=True)
        self.shelf = Shelf([])
        self.desk = Desk(list(rows))
        self.keeper = Keeper(self.w.ledger, self.w._reader, self.shelf, orders=self.desk)
        made.append(self)

    def row(self, name: str) -> OrderRow:
        (found,) = [one for one in self.desk.rows if name in (one.client_order_id, one.order_id)]
        return found

    def settles(self) -> int:
        """Enough time passes for the bot to have written by itself; then a step: how many rows were written."""
        self.w.passes(s=2)
        return self.keeper.step().written
