"""What does the terminal do with an order: take it, refuse it, let it rest, fill it, cancel it?

What may only reduce never does more than that: a stop or a close beyond its position is refused (L22, L24). An
action that comes again under its client id is answered as before and done once (L21).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from trueup.errors import InputError
from trueup.model import TradeSide, exact, name_of
from trueup_adapters.gateway.account import (
    Account,
    Done,
    Number,
    Order,
    OrderType,
    Position,
    TerminalError,
    Ticket,
    checked_side,
    opposite,
    positive,
)

DONE_MAX: Final = 10_000
"""Client ids that are remembered, with what was answered (law 12)."""
_TYPES: Final[dict[str, OrderType]] = {"market": "market", "limit": "limit", "stop": "stop"}


class OrderDesk(Account):
    """An account, and what becomes of its orders."""

    depth: Decimal | None = None
    """How much a market order finds at once; the rest of it works on. None: all that it wants."""

    def place(
        self,
        symbol: str,
        side: TradeSide,
        type: str,
        volume: Number,
        price: Number | None = None,
        *,
        client_id: str | None = None,
        magic: int = 0,
        comment: str = "",
    ) -> Ticket:
        """An order that opens or adds: `limit` and `stop` rest, `market` is filled at once at `price`.

        Returns its number; of a client id that is known, the order that has it. Raises TerminalError, BadNumber,
        InputError.
        """
        known = None if client_id is None else self.order_of(client_id)
        if known is not None:
            return known.order
        name_of(symbol, what="symbol")
        kind = _TYPES.get(type)
        if kind is None:
            raise TerminalError(f"type is {type!r}; it is one of {', '.join(_TYPES)}")
        way, size = checked_side(side), positive(volume, "volume")
        market = type == "market"
        given = "1" if market and price is None else price
        if given is None:
            raise TerminalError(f"a {type} order needs a price")
        at = exact(given, what="price") if market else positive(given, "price")
        self._remember()
        order = Order(
            order=self._next_ticket(),
            symbol=symbol,
            side=way,
            type=kind,
            volume=size,
            price=None if market else at,
            magic=magic,
            comment=comment,
            client_id=client_id,
            time_s=self._now_s(),
        )
        return (self._at_market(order, at) if market else self._put(order)).order

    def place_stop(
        self,
        symbol: str,
        side: TradeSide,
        volume: Number,
        stop: Number,
        *,
        position: Ticket | str | None = None,
        reduce_only: bool = True,
        client_id: str | None = None,
    ) -> Ticket:
        """A stop order that rests beside the position that it protects. Returns its number. Raises as `place`."""
        held = self._reduced(symbol, position, side, volume, reduce_only=reduce_only)
        at = positive(stop, "stop")
        self._remember()
        return self._put(self._reducing(held, "stop", volume, at, reduce_only, client_id)).order

    def close_position(
        self,
        symbol: str,
        side: TradeSide,
        volume: Number,
        *,
        position: Ticket | str | None = None,
        reduce_only: bool = True,
        client_id: str | None = None,
    ) -> Ticket:
        """A market order that closes a position or part of it. Returns its number. Raises as `place`."""
        held = self._reduced(symbol, position, side, volume, reduce_only=reduce_only)
        self._remember()
        order = self._reducing(held, "market", volume, None, reduce_only, client_id)
        return self._at_market(order, held.price).order

    def fill(self, which: Ticket | str, volume: Number | None = None, price: Number | None = None) -> Ticket:
        """Fill an order, or `volume` of it, with a deal: also one that works no more (L17, L18).

        Returns the ticket of the position that it moved. Raises TerminalError, BadNumber.
        """
        order = self.find_order(which)
        size = order.rest if volume is None else positive(volume, "volume")
        if not 0 < size <= order.rest:
            raise TerminalError(f"order {order.order} has {order.rest} left to fill, less than {size}")
        if price is None and order.price is None:
            raise TerminalError(f"order {order.order} has no price of its own; say at which one it is filled")
        paid = exact(order.price if price is None else price, what="price")
        if order.reduce_only:
            self._reduced(order.symbol, order.position, order.side, size, reduce_only=True)
        self._remember()
        return self._put(self._execute(order, size, paid)).position

    def cancel(self, which: Ticket | str) -> Ticket:
        """End a working order. Refused where it works no more: that it filled meanwhile is one reason (L23)."""
        order = self.find_order(which)
        if not order.works:
            raise TerminalError(f"order {order.order} is {order.state}; there is nothing left of it to cancel")
        return self.set_state(which, "canceled")

    def reject(self, which: Ticket | str) -> Ticket:
        """Refuse an order that was taken before. Raises TerminalError where it works no more."""
        order = self.find_order(which)
        if not order.works:
            raise TerminalError(f"order {order.order} is {order.state}; it can be rejected no more")
        return self.set_state(which, "rejected")

    def set_state(self, which: Ticket | str, word: str) -> Ticket:
        """Put any word in the place of an order's state (L41). Raises TerminalError, InputError."""
        order = self.find_order(which)
        name_of(word, what="state")
        self._remember()
        return self._put(msgspec.structs.replace(order, state=word)).order

    # -- once ----------------------------------------------------------------------------------------------

    def once(self, client_id: str, do: Callable[[], Ticket]) -> Done:
        """Do what is asked, unless this client id was answered before: then that answer again, and nothing done."""
        known = self.state.done.get(client_id)
        if known is not None:
            return known
        order = self.order_of(client_id)
        if order is not None:
            return Done(order=order.order)
        try:
            done = Done(order=do())
        except (TerminalError, InputError) as no:
            done = Done(why=str(no))
        self.state.done[client_id] = done
        if len(self.state.done) > DONE_MAX:
            del self.state.done[next(iter(self.state.done))]
        return done

    # -- inner parts ---------------------------------------------------------------------------------------

    def _reduced(
        self, symbol: str, position: Ticket | str | None, side: TradeSide, volume: Number, *, reduce_only: bool
    ) -> Position:
        """The position that an order of this side and volume would reduce. Raises TerminalError."""
        size, way = positive(volume, "volume"), checked_side(side)
        if position:
            held = self.find(position)
        elif self.position_mode == "netting":
            held = self.find(name_of(symbol, what="symbol"))
        else:
            raise TerminalError("a hedging account closes by ticket; name the position")
        if held.symbol != symbol:
            raise TerminalError(f"position {held.ticket} is in {held.symbol}, not in {symbol}")
        if way != opposite(held.side):
            raise TerminalError(f"a {way} does not reduce position {held.ticket}, which is a {held.side}")
        if size > held.volume and (reduce_only or self.position_mode == "hedging"):
            raise TerminalError(f"position {held.ticket} holds {held.volume}, less than {size}")
        return held

    def _reducing(
        self,
        held: Position,
        type: OrderType,
        volume: Number,
        price: Decimal | None,
        reduce_only: bool,
        client_id: str | None,
    ) -> Order:
        return Order(
            order=self._next_ticket(),
            symbol=held.symbol,
            side=opposite(held.side),
            type=type,
            volume=positive(volume, "volume"),
            price=price,
            position=held.ticket,
            reduce_only=reduce_only,
            magic=held.magic,
            comment=held.comment,
            client_id=client_id,
            time_s=self._now_s(),
        )

    def _at_market(self, order: Order, paid: Decimal) -> Order:
        """Fill as much of a market order as there is to be had."""
        size = order.volume if self.depth is None else min(self.depth, order.volume)
        return self._put(self._execute(order, size, paid) if size > 0 else order)
