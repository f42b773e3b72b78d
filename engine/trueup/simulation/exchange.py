"""What truly exists at the simulated broker, and what did at any earlier moment?

This is the truth that the checkers hold trueup's book against. It knows nothing of trueup beyond the words for
positions and executions, and every sum in it is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from trueup.model import BrokerOrder, BrokerPosition, Execution, Key, PositionMode, Stop, add
from trueup.simulation.loop import DAWN_NS
from trueup.simulation.past import Past
from trueup.simulation.scenario import PRICES, RENAMED


class Placed(msgspec.Struct):
    """One order of our process as the broker carries it out."""

    order_id: str
    client_id: str
    symbol: str
    ticket: str | None
    """When hedging: the position that it moves; the order's own id where it opens one."""
    opens: bool
    recorded: bool
    """Whether the process recorded it as pending before it was sent."""
    parts: tuple[Decimal, ...] = ()


class Exchange:
    """One account at one broker, with its whole past."""

    def __init__(
        self,
        mode: PositionMode,
        now_ns: Callable[[], int],
        *,
        priced: bool = True,
        names_clients: bool = False,
        stamped: bool = False,
    ) -> None:
        """
        priced         whether rows state what a position cost
        stamped        whether rows and executions state the broker's own times
        names_clients  whether executions name the client's own id of their order
        """
        self._names_clients = names_clients
        self.stamped = stamped
        self.offset_ns = 0
        """How wrong the broker's clock is."""
        self.misdated: Callable[[], object] = str
        """Called when something was dated by a clock that is wrong."""
        self.priced = priced
        self.mode: PositionMode = mode
        self.rows: dict[Key, BrokerPosition] = {}
        self.executions: list[tuple[int, Execution]] = []
        self.quantities: dict[Key, set[Decimal]] = {}
        """Every signed quantity that a key ever had."""
        self.prices: dict[str, set[Decimal]] = {}
        """Every price that was ever stated of a symbol."""
        self.stops: set[Decimal | None] = {None}
        self.tickets: set[str] = set()
        self.renamed = False
        self.ended: Callable[[], object] = str
        """Called after each execution: stops of positions that are gone go with them."""
        self._now_ns = now_ns
        self.past: Past[BrokerPosition] = Past()
        self._next = 1

    # -- looking back ----------------------------------------------------------------------------------------

    def at(self, ns: int) -> Mapping[Key, BrokerPosition]:
        """What existed at a moment."""
        return self.past.at(ns)

    def during(self, since_ns: int, until_ns: int) -> list[Mapping[Key, BrokerPosition]]:
        """Every state that held at some moment from `since_ns` to `until_ns`, the oldest first."""
        return self.past.during(since_ns, until_ns)

    # -- what happens ----------------------------------------------------------------------------------------

    def next_id(self) -> str:
        """An id that nothing else has: of an order, or a ticket."""
        self._next += 1
        return str(self._next - 1)

    def key(self, symbol: str, ticket: str | None) -> Key:
        """The key of a position."""
        return symbol if self.mode == "netting" else f"#{ticket}"

    def move(
        self,
        symbol: str,
        quantity: Decimal,
        ticket: str | None,
        *,
        order: Placed | None = None,
        price: Decimal | None = None,
    ) -> Execution:
        """One execution: a new position, a change of one, or its end."""
        paid = PRICES[symbol] if price is None else price
        self._shift(symbol, quantity, ticket, paid if self.priced else None)
        done = Execution(
            f"x{len(self.executions) + 1}",
            symbol,
            quantity,
            price=paid,
            ticket=ticket,
            order_id=None if order is None else order.order_id,
            client_order_id=order.client_id if order is not None and self._names_clients else None,
            happened_at=self.stamp(),
        )
        self.prices.setdefault(symbol, set()).add(paid)
        self.executions.append((self._now_ns(), done))
        self.ended()
        return done

    def _shift(self, symbol: str, quantity: Decimal, ticket: str | None, price: Decimal | None) -> None:
        key = self.key(symbol, ticket)
        held = self.rows.get(key)
        total = quantity if held is None else add(held.signed_quantity, quantity)
        if held is None:
            row = BrokerPosition(symbol, total, ticket=ticket, price=price, stop=Stop(None), opened_at=self.stamp())
        else:
            crossed = held.signed_quantity.is_signed() != total.is_signed()
            row = msgspec.structs.replace(held, signed_quantity=total, price=price if crossed else held.price)
        self.set(key, row if total else None)

    def stamp(self) -> str | None:
        """What the broker's clock says, as its rows do; None where they say nothing."""
        if not self.stamped:
            return None
        if self.offset_ns:
            self.misdated()
        return _text(DAWN_NS + self._now_ns() + self.offset_ns)

    def set_clock(self, ns: int, *, everything: bool) -> None:
        """The broker's clock is set by so much.

        everything   what it stated before is dated anew, too, as where a server's time zone changes
        """
        self.offset_ns += ns
        if not everything or not self.stamped:
            return
        for key, row in list(self.rows.items()):
            self.set(key, msgspec.structs.replace(row, opened_at=_moved(row.opened_at, ns)))
        self.executions = [
            (at_ns, msgspec.structs.replace(one, happened_at=_moved(one.happened_at, ns)))
            for at_ns, one in self.executions
        ]

    def set(self, key: Key, row: BrokerPosition | None) -> None:
        """The truth changes without any execution: a split, a moved stop, a transfer."""
        if row is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = row
            self.quantities.setdefault(key, set()).add(row.signed_quantity)
            if row.price is not None:
                self.prices.setdefault(row.symbol, set()).add(row.price)
            if row.stop is not None:
                self.stops.add(row.stop.price)
            if row.ticket is not None:
                self.tickets.add(row.ticket)
        self.past.note(self._now_ns(), self.rows)

    def spoken(self, rows: Mapping[Key, BrokerPosition]) -> Mapping[Key, BrokerPosition]:
        """Rows as the broker spells them now (L33); the very same object where nothing changed."""
        if not self.renamed:
            return rows
        found: dict[Key, BrokerPosition] = {}
        for key, row in rows.items():
            if row.symbol == "EURUSD":
                row = msgspec.structs.replace(row, symbol=RENAMED)
                key = RENAMED if self.mode == "netting" else key
            found[key] = row
        return found

    def spelled(self, orders: Mapping[str, BrokerOrder]) -> Mapping[str, BrokerOrder]:
        """Orders as the broker spells their symbols now (L33)."""
        if not self.renamed:
            return orders
        return {
            name: msgspec.structs.replace(one, symbol=RENAMED) if one.symbol == "EURUSD" else one
            for name, one in orders.items()
        }


def _text(ns: int) -> str:
    """A time in the broker's words, to the millisecond."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1_000)).isoformat(timespec="milliseconds")


def _moved(text: str | None, ns: int) -> str | None:
    if text is None:
        return None
    return (datetime.fromisoformat(text) + timedelta(microseconds=ns // 1_000)).isoformat(timespec="milliseconds")
