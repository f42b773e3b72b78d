"""What does a simulated broker do with orders and actions? `SimulatedDesk`: takes, fills, ends, and does things once.

Deterministic, like the broker that it belongs to. What may only reduce never does more than that (L22, L24), and an
action that comes again under its client id is answered as it was and done once (L21).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from trueup.errors import InputError
from trueup.model import (
    TERMINAL,
    ZERO,
    BrokerOrder,
    BrokerPosition,
    OrderStatus,
    TradeSide,
    add,
    exact,
    name_of,
    plain,
    subtract,
)
from trueup.ports import Action, Outcome

OrderType: TypeAlias = Literal["market", "limit", "stop"]
Number: TypeAlias = Decimal | str | int
_STATUS_OF: Final = {status.value: status for status in OrderStatus if status is not OrderStatus.UNKNOWN}


class Positions(Protocol):
    """The positions that orders move."""

    def held(self, symbol: str, ticket: str | None) -> BrokerPosition | None:
        """The position of a ticket; when netting, of a symbol."""
        ...

    def execute(self, order: BrokerOrder, size: Decimal, price: Decimal | None) -> str:
        """One execution of an order; the ticket of the position that it moved."""
        ...


class SimulatedDesk:
    """The orders of one account."""

    def __init__(self, positions: Positions) -> None:
        self._positions = positions
        self._orders: dict[str, BrokerOrder] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._hidden: dict[str, int] = {}

    # -- asking --------------------------------------------------------------------------------------------

    @property
    def orders(self) -> Mapping[str, BrokerOrder]:
        """Every order there has been, by its id, oldest first."""
        return dict(self._orders)

    def find(self, order_id: str) -> BrokerOrder:
        """The order of that id. Raises InputError."""
        if order_id not in self._orders:
            raise InputError(f"there is no order {order_id!r}")
        return self._orders[order_id]

    def told(self, orders: Mapping[str, BrokerOrder]) -> list[BrokerOrder]:
        """Those of `orders` that an answer tells of; an order that is to be forgotten is left out of it (L04)."""
        told = [order for order_id, order in orders.items() if not self._hidden.get(order_id)]
        self._hidden = {order_id: left - 1 for order_id, left in self._hidden.items() if left > 1}
        return told

    def forget(self, order_id: str, times: int) -> None:
        """Leave an order out of the next so many answers."""
        self._hidden[self.find(order_id).order_id or order_id] = times

    # -- by hand -------------------------------------------------------------------------------------------

    def place(
        self,
        symbol: str,
        side: TradeSide,
        type: OrderType,
        quantity: Number,
        price: Number | None,
        *,
        client_id: str | None = None,
        ticket: str | None = None,
        reduce_only: bool = False,
    ) -> str:
        """A resting order, or with `market` one that is filled at once. Returns its id. Raises InputError."""
        size = _above_zero(quantity, "quantity")
        paid = None if price is None else _above_zero(price, "price")
        if paid is None and type != "market":
            raise InputError(f"a {type} order needs a price")
        order = BrokerOrder(
            symbol=name_of(symbol, what="symbol"),
            side=side,
            type=type,
            quantity=size,
            status=OrderStatus.ACCEPTED,
            order_id=f"o{len(self._orders) + 1}",
            client_order_id=client_id,
            filled=ZERO,
            limit=paid if type == "limit" else None,
            stop=paid if type == "stop" else None,
            reduce_only=reduce_only,
            ticket=ticket,
        )
        assert order.order_id is not None
        self._orders[order.order_id] = order
        if type == "market":
            self.fill(order.order_id, size, paid)
        return order.order_id

    def fill(self, order_id: str, quantity: Number | None = None, price: Number | None = None) -> str:
        """Fill an order or part of it, even one that has ended (L17). Returns the ticket of its position.

        Raises InputError for more than is left of it, or more than it may reduce.
        """
        order = self.find(order_id)
        before = order.filled or ZERO
        rest = subtract(order.quantity, before)
        size = rest if quantity is None else _above_zero(quantity, "quantity")
        if not 0 < size <= rest:
            raise InputError(f"order {order_id} has {plain(rest)} left to fill, less than {plain(size)}")
        if order.reduce_only:
            self._reduced(order.symbol, order.ticket, order.side, size)
        paid = (order.limit or order.stop) if price is None else exact(price, what="price")
        ticket = self._positions.execute(order, size, paid)
        filled = add(before, size)
        status = order.status if order.status in TERMINAL else OrderStatus.PARTIALLY_FILLED
        same = not before or order.average_price == paid
        self._orders[order_id] = msgspec.structs.replace(
            order,
            filled=filled,
            status=OrderStatus.FILLED if filled == order.quantity else status,
            raw_status="",
            average_price=paid if same else None,  # of several prices it reports none, rather than a rounded one
            ticket=ticket,
        )
        return ticket

    def end(self, order_id: str, status: OrderStatus) -> None:
        """Cancel, reject or expire a working order. Raises InputError where it works no more (L23)."""
        order = self.find(order_id)
        if order.status in TERMINAL:
            raise InputError(f"order {order_id} is {order.status.value}; there is nothing left of it to end")
        self._orders[order_id] = msgspec.structs.replace(order, status=status, raw_status="")

    def say(self, order_id: str, word: str) -> None:
        """Put any word in the place of an order's status; one that nobody knows is kept as it is (L41)."""
        status = _STATUS_OF.get(word, OrderStatus.UNKNOWN)
        raw = word if status is OrderStatus.UNKNOWN else ""
        self._orders[order_id] = msgspec.structs.replace(self.find(order_id), status=status, raw_status=raw)

    # -- actions -------------------------------------------------------------------------------------------

    def act(self, action: Action, *, refuse: str = "") -> Outcome:
        """Do an action, or refuse it with those words; one whose client id was seen before is answered as then."""
        if action.client_id not in self._outcomes:
            self._outcomes[action.client_id] = self._acted(action, refuse)
        return self._outcomes[action.client_id]

    def _acted(self, action: Action, refuse: str) -> Outcome:
        known = next((o for o in self._orders.values() if o.client_order_id == action.client_id), None)
        if known is not None:
            return Outcome(state="acknowledged", order_id=known.order_id)
        if refuse:
            return Outcome(state="rejected", why=refuse)
        try:
            return Outcome(state="acknowledged", order_id=self._done(action))
        except InputError as no:
            return Outcome(state="rejected", why=str(no))

    def _done(self, action: Action) -> str:
        if action.kind == "cancel":
            named = (action.order_id, action.target)
            found = [
                order_id
                for order_id, order in self._orders.items()
                if named != (None, None) and named[0] in (None, order_id) and named[1] in (None, order.client_order_id)
            ]
            if not found:
                raise InputError(f"there is no order {action.order_id or action.target}")
            self.end(found[0], OrderStatus.CANCELED)
            return found[0]
        if action.side is None or action.quantity is None:
            raise InputError(f"a {action.kind} has a side and a quantity")
        held = self._reduced(action.symbol, action.ticket, action.side, action.quantity)
        return self.place(
            action.symbol,
            action.side,
            "stop" if action.kind == "place_stop" else "market",
            action.quantity,
            action.stop if action.kind == "place_stop" else held.price,
            client_id=action.client_id,
            ticket=held.ticket,
            reduce_only=True,
        )

    def _reduced(self, symbol: str, ticket: str | None, side: TradeSide, size: Decimal) -> BrokerPosition:
        """The position that would be reduced. Raises InputError where there is none, or less than that."""
        held = self._positions.held(symbol, ticket)
        if held is None or held.symbol != symbol:
            raise InputError(f"there is no position {ticket or ''} in {symbol}")
        quantity = held.signed_quantity
        if (side == "buy") != quantity.is_signed():
            raise InputError(f"a {side} does not reduce a position of {plain(quantity)} in {symbol}")
        if size > quantity.copy_abs():
            raise InputError(f"{symbol} holds {plain(quantity)}, less than {plain(size)}")
        return held


def _above_zero(value: Number, what: str) -> Decimal:
    number = exact(value, what=what)
    if number <= 0:
        raise InputError(f"{what} is {plain(number)}; it must be greater than 0")
    return number
