"""Which orders truly exist at the simulated broker, whose are they, and what does an action do to them?

Not idempotent on purpose: an action that arrives twice is carried out twice, so that whoever sends twice is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from trueup.model import TERMINAL, BrokerOrder, BrokerPosition, Execution, OrderStatus, add
from trueup.ports import Action, Outcome
from trueup.simulation.past import Past

if TYPE_CHECKING:
    from trueup.simulation.exchange import Exchange


ACTION_FAULTS: Final = ("action_silence", "action_lost_ack", "action_refused", "action_raises", "action_late")
"""What can go wrong with an action: it never arrives; it is done and nobody hears of it (L21); the broker says no; the
adapter raises after it was sent; a server executes it later, from its queue."""


class Acted(msgspec.Struct):
    """One action as it was sent."""

    action: Action
    at_ns: int
    stored: bool
    """Whether the journal had said before that it would be sent (law 6)."""
    fault: str | None
    guards: str | None
    """For a cancel: the key of a position that its order protected then."""


class Desk:
    """All orders that there ever were, by the broker's id, with their whole past."""

    def __init__(self, exchange: Exchange, now_ns: Callable[[], int]) -> None:
        self.orders: dict[str, BrokerOrder] = {}
        self.past: Past[BrokerOrder] = Past()
        self.carried_out: dict[str, int] = {}
        """Client ids of actions, and how often each took effect."""
        self._exchange = exchange
        self._now_ns = now_ns

    def put(self, order: BrokerOrder) -> None:
        """An order comes to be, or changes."""
        assert order.order_id is not None
        self.orders[order.order_id] = replace(order, updated_at=self._exchange.stamp())
        self.past.note(self._now_ns(), self.orders)

    def end(self, order_id: str, status: OrderStatus) -> None:
        """A working order ends; one that has ended stays as it is."""
        order = self.orders.get(order_id)
        if order is not None and order.status not in TERMINAL:
            self.put(replace(order, status=status))

    def fill(self, order_id: str, size: Decimal, price: Decimal | None) -> None:
        """More of an order is filled, even of one that has ended (L17)."""
        order = self.orders[order_id]
        filled = add(order.filled or Decimal(0), size.copy_abs())
        whole = filled >= order.quantity
        status = OrderStatus.FILLED if whole else OrderStatus.PARTIALLY_FILLED
        if order.status in TERMINAL and not whole:
            status = order.status
        self.put(replace(order, filled=filled, status=status, average_price=price))

    def of_client(self, client_id: str) -> BrokerOrder | None:
        """The order with a client id."""
        return next((one for one in self.orders.values() if one.client_order_id == client_id), None)

    def working(self) -> dict[str, BrokerOrder]:
        """What works now, by order id."""
        return working(self.orders)

    def position_ended(self) -> None:
        """Stops of positions that are gone go with them, as brokers do that attach them."""
        for order in list(self.working().values()):
            if order.reduce_only and guarded(order, self._exchange.rows) is None:
                assert order.order_id is not None
                self.end(order.order_id, OrderStatus.CANCELED)

    # -- actions ---------------------------------------------------------------------------------------------

    def act(self, action: Action) -> tuple[Outcome, Execution | None]:
        """Carry an action out, however often it comes: what it came to, and the execution that it made."""
        if action.kind == "cancel":
            return self._cancelled(action), None
        key = self._exchange.key(action.symbol, action.ticket)
        held = self._exchange.rows.get(key)
        size = action.quantity or Decimal(0)
        reduces = held is not None and (action.side == "sell") != held.signed_quantity.is_signed()
        if held is None or not reduces or size > held.signed_quantity.copy_abs():
            return Outcome(state="rejected", why=f"that does not reduce a position in {action.symbol}"), None
        assert action.side is not None
        order = BrokerOrder(
            symbol=action.symbol,
            side=action.side,
            type="stop" if action.kind == "place_stop" else "market",
            quantity=size,
            status=OrderStatus.ACCEPTED,
            order_id=self._exchange.next_id(),
            client_order_id=action.client_id,
            filled=Decimal(0),
            stop=action.stop,
            reduce_only=True,
            ticket=held.ticket,
        )
        self._took_effect(action)
        self.put(order)
        done = None
        if action.kind == "close_position":
            move = size.copy_negate() if action.side == "sell" else size
            done = self._exchange.move(action.symbol, move, held.ticket)
            assert order.order_id is not None
            self.fill(order.order_id, size, done.price)
        return Outcome(state="acknowledged", order_id=order.order_id), done

    def _cancelled(self, action: Action) -> Outcome:
        found = self.orders.get(action.order_id or "") or self.of_client(action.target or "")
        if found is None or found.order_id is None:
            return Outcome(state="rejected", why="there is no such order")
        if found.status in TERMINAL:
            return Outcome(state="rejected", why=f"it is {found.status.value} already")
        self._took_effect(action)
        self.end(found.order_id, OrderStatus.CANCELED)
        return Outcome(state="acknowledged", order_id=found.order_id)

    def _took_effect(self, action: Action) -> None:
        self.carried_out[action.client_id] = self.carried_out.get(action.client_id, 0) + 1


def working(orders: Mapping[str, BrokerOrder]) -> dict[str, BrokerOrder]:
    """Those that may still be filled."""
    return {name: order for name, order in orders.items() if order.status not in TERMINAL}


def guarded(order: BrokerOrder, rows: Mapping[str, BrokerPosition]) -> str | None:
    """The key of a position that an order would reduce, by our own rule; None: there is none."""
    for key, row in sorted(rows.items()):
        same = row.symbol == order.symbol and order.ticket in (None, row.ticket)
        if same and (order.side == "sell") != row.signed_quantity.is_signed():
            return key
    return None
