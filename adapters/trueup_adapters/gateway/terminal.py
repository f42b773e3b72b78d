"""What can be done, by a hand from outside, to the account behind the gateway?

A state machine without I/O: the same calls in the same order give the same tickets and deals. Its clock is an
argument. Quantities are exact; a hedging terminal holds one position per ticket, a netting one per symbol.
"""

from __future__ import annotations

import msgspec

from trueup.model import TradeSide, exact, name_of
from trueup_adapters.gateway.account import (
    Deal,
    Number,
    Order,
    Position,
    State,
    TerminalError,
    Ticket,
    checked_side,
    opposite,
    positive,
)
from trueup_adapters.gateway.orders import OrderDesk

__all__ = ["Deal", "Order", "Position", "State", "Terminal", "TerminalError"]


class Terminal(OrderDesk):
    """One account: positions, orders and deals, and what can be done to them."""

    def open(
        self,
        symbol: str,
        side: TradeSide,
        volume: Number,
        price: Number = "1",
        *,
        sl: Number | None = None,
        magic: int = 0,
        comment: str = "",
        client_id: str | None = None,
    ) -> Ticket:
        """A deal at the market: a new position when hedging, a change of the symbol's one when netting.

        Returns the ticket of the position it belongs to. Raises TerminalError, BadNumber, InputError.
        """
        name_of(symbol, what="symbol")
        size, paid = positive(volume, "volume"), exact(price, what="price")
        stop = None if sl is None else exact(sl, what="sl") or None
        way = checked_side(side)
        self._remember()
        held = self.held_in(symbol)
        ticket = self._next_ticket() if held is None else held.ticket
        order = Order(
            order=self._next_ticket(),
            symbol=symbol,
            side=way,
            type="market",
            volume=size,
            position=ticket,
            magic=magic,
            comment=comment,
            client_id=client_id,
            time_s=self._now_s(),
        )
        self._put(self._execute(order, size, paid))
        if held is None and stop is not None:
            opened = self.state.positions[ticket]
            self.state.positions[ticket] = msgspec.structs.replace(opened, sl=stop)
        return ticket

    def close(
        self,
        which: Ticket | str,
        volume: Number | None = None,
        price: Number | None = None,
        *,
        client_id: str | None = None,
    ) -> Ticket:
        """Close a position, or `volume` of it, with a deal. `which` is a ticket or, of a single one, a symbol."""
        held = self.find(which)
        size = held.volume if volume is None else positive(volume, "volume")
        if size > held.volume:
            raise TerminalError(f"position {held.ticket} holds {held.volume}, less than {size}")
        paid = held.price if price is None else exact(price, what="price")
        self._remember()
        order = Order(
            order=self._next_ticket(),
            symbol=held.symbol,
            side=opposite(held.side),
            type="market",
            volume=size,
            position=held.ticket,
            magic=held.magic,
            comment=held.comment,
            client_id=client_id,
            time_s=self._now_s(),
        )
        self._put(self._execute(order, size, paid))
        return held.ticket

    def resize(self, which: Ticket | str, volume: Number) -> Ticket:
        """Give a position another volume without any deal: what a lost message or a split looks like."""
        held = self.find(which)
        size = positive(volume, "volume")
        self._remember()
        self._keep(held, size)
        return held.ticket

    def set_stop(self, which: Ticket | str, sl: Number | None) -> Ticket:
        """Move a position's stop; None or 0 removes it."""
        held = self.find(which)
        self._remember()
        stop = None if sl is None else exact(sl, what="sl") or None
        self.state.positions[held.ticket] = msgspec.structs.replace(held, sl=stop)
        return held.ticket

    def vanish(self, which: Ticket | str) -> Ticket:
        """Lose a position without any deal: what no broker should do, and some did (L02)."""
        held = self.find(which)
        self._remember()
        del self.state.positions[held.ticket]
        return held.ticket

    def deposit(self, amount: Number) -> int:
        """A balance entry of the ledger, with an empty symbol (L45). Returns its number."""
        exact(amount, what="amount")
        self._remember()
        return self._append(Deal(deal=self.state.next_deal, kind="balance", time_s=self._now_s()))
