"""What does a journal hold about the orders of one symbol: ours, the broker's, and what trueup itself asked for?

Part of the walk in `history`. An order may be evidence for a position's break, and may itself be what is explained; for
that, each answer about orders is kept with what it said of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from trueup.causes import OrderSeen
from trueup.decisions import ActionRequested, OrderMerged
from trueup.facts import ActionAnswered, Observed, OrderRecorded, OrderRows
from trueup.model import ZERO, BookOrder, BrokerOrder, Execution, Key, Moment, OrderStatus
from trueup.orders import order_ref

ORDERS_MAX: Final = 1_000
ANSWERS_MAX: Final = 10_000
"""Orders of each side, and answers about them, that are remembered: the latest (law 12)."""


class OrderAnswer(msgspec.Struct, frozen=True):
    """One answer about orders, as far as the order in question goes."""

    position: int
    row: BrokerOrder | None
    mentions: bool
    """Whether it says something of it: how it stands, or (complete) that it is not there."""


class OrdersHeard:
    """Orders on one symbol, as they became known."""

    def __init__(self, key: Key, symbol: str) -> None:
        self.key = key
        """Of what is explained; for an order its client id, or `@` and the broker's reference."""
        self.symbol = symbol
        self.ours: dict[str, OrderSeen] = {}
        """By client id."""
        self.theirs: dict[str, OrderSeen] = {}
        """Orders that only the broker states, by its reference."""
        self.actions: dict[str, ActionRequested] = {}
        """What trueup itself asked of the broker, by client id."""
        self.action_orders: set[str] = set()
        """The broker's ids of the orders that these became."""
        self.records_ids = False
        """Whether the process says which orders are its own: only then is another order somebody else's."""
        self.answers: deque[OrderAnswer] = deque(maxlen=ANSWERS_MAX)
        self._row: BrokerOrder | None = None

    # -- reading -------------------------------------------------------------------------------------------

    def as_of(self, counted: Mapping[str, Decimal]) -> tuple[OrderSeen, ...]:
        """Every order, with as much of each as the book had counted; `counted` is by client id or order id."""
        every = (*self.ours.values(), *self.theirs.values())
        return tuple(replace(one, counted=_counted(one.order, counted)) for one in every)

    def is_ours(self, execution: Execution) -> bool | None:
        """Whether an execution is the process's own, or of an action of trueup's; None where nothing says so."""
        client_id, order_id = execution.client_order_id, execution.order_id
        if client_id in self.ours or client_id in self.actions or order_id in self.action_orders:
            return True
        if order_id is not None and any(one.order.order_id == order_id for one in self.ours.values()):
            return True
        names_an_order = order_id is not None or client_id is not None
        return False if names_an_order and self.records_ids else None

    # -- walking -------------------------------------------------------------------------------------------

    def recorded(self, position: int, event: OrderRecorded) -> None:
        """The process said how one of its orders stands."""
        self.records_ids = True
        if event.symbol != self.symbol:
            return
        known = self._known(event.client_order_id)
        sent = position if known is None and event.status is OrderStatus.PENDING else 0
        self._put_ours(
            position,
            event.at,
            BrokerOrder(
                symbol=event.symbol, side=event.side, type=event.type, quantity=event.quantity, status=event.status,
                raw_status=event.raw_status, order_id=event.order_id or (None if known is None else known.order_id),
                client_order_id=event.client_order_id, filled=_grown(known, event.filled), limit=event.limit,
                stop=event.stop, reduce_only=event.reduce_only,
            ),
            sent,
        )  # fmt: skip

    def filled(self, execution: Execution) -> None:
        """The process recorded a fill."""
        self.records_ids = self.records_ids or execution.order_id is not None or execution.client_order_id is not None

    def merged(self, position: int, at: Moment, after: BookOrder) -> None:
        """What the book holds of one of our orders after an answer, or after a correction."""
        if after.symbol == self.symbol:
            known = self._known(after.client_order_id)
            self._put_ours(
                position,
                at,
                BrokerOrder(
                    symbol=after.symbol, side=after.side, type=after.type, quantity=after.quantity,
                    status=after.status, raw_status=after.raw_status, order_id=after.order_id,
                    client_order_id=after.client_order_id, filled=_grown(known, after.filled), limit=after.limit,
                    stop=after.stop, reduce_only=after.reduce_only, ticket=after.ticket,
                ),
            )  # fmt: skip

    def asked_for(self, event: ActionRequested) -> None:
        """Trueup itself asked for something."""
        self.actions[event.client_id] = event

    def answered(self, event: ActionAnswered) -> None:
        """What that came to: the order that it became."""
        if event.client_id in self.actions and event.order_id is not None:
            self.action_orders.add(event.order_id)

    def observed(self, position: int, event: Observed) -> None:
        """An answer of `open_orders` or `order`."""
        rows = event.orders or OrderRows()
        for row in rows.stated:
            if row.symbol == self.symbol:
                self._stated(position, event.at, row)
        self.answers.append(self._answer(position, event, rows))

    def _answer(self, position: int, event: Observed, rows: OrderRows) -> OrderAnswer:
        mine = next((row for row in rows.stated if self._is_it(row)), None)
        complete = event.completeness == "complete"
        if event.surface == "order":
            sought = event.sought is not None and self._is_sought(event.sought.client_order_id, event.sought.order_id)
            return OrderAnswer(position, mine, mine is not None or (complete and sought))
        if mine is not None or (complete and (not rows.base or any(self._is_reference(one) for one in rows.gone))):
            self._row = mine
        says = mine is not None or complete
        return OrderAnswer(position, self._row if says else None, says)

    def _stated(self, position: int, at: Moment, row: BrokerOrder) -> None:
        known = self._known(row.client_order_id)
        if known is not None:
            self._put_ours(position, at, replace(row, filled=_grown(known, row.filled)))
        else:
            _put(self.theirs, order_ref(row), OrderSeen(order=row, position=position, heard=at, ours=False))

    def _known(self, client_id: str | None) -> BrokerOrder | None:
        one = None if client_id is None else self.ours.get(client_id)
        return None if one is None else one.order

    def _put_ours(self, position: int, at: Moment, order: BrokerOrder, sent_position: int = 0) -> None:
        assert order.client_order_id is not None, "an order of ours has a client id"
        known = self.ours.get(order.client_order_id)
        first = sent_position if known is None else known.sent_position
        seen = OrderSeen(order=order, position=position, heard=at, sent_position=first)
        _put(self.ours, order.client_order_id, seen)

    def _is_it(self, row: BrokerOrder) -> bool:
        """Whether a row is the order that is explained."""
        return row.client_order_id == self.key or self._is_reference(order_ref(row))

    def _is_reference(self, reference: str) -> bool:
        known = self._known(self.key)
        return reference in (self.key.removeprefix("@"), "~" + self.key, None if known is None else known.order_id)

    def _is_sought(self, client_id: str | None, order_id: str | None) -> bool:
        return client_id == self.key or (order_id is not None and self._is_reference(order_id))


def _grown(known: BrokerOrder | None, filled: Decimal | None) -> Decimal | None:
    """A cumulative quantity only grows (L19)."""
    before = None if known is None else known.filled
    if before is None or filled is None:
        return filled if before is None else before
    return max(before, filled)


def _counted(order: BrokerOrder, counted: Mapping[str, Decimal]) -> Decimal:
    names = (order.client_order_id, order.order_id)
    return next((counted[name] for name in names if name is not None and name in counted), ZERO)


def _put(known: dict[str, OrderSeen], name: str, value: OrderSeen) -> None:
    """Remember `value` as the latest; beyond the limit the oldest is forgotten."""
    known.pop(name, None)
    known[name] = value
    if len(known) > ORDERS_MAX:
        del known[next(iter(known))]


def order_text(event: OrderMerged) -> str:
    """What made an order better known, for a person."""
    return f"order {event.after.client_order_id} on {event.after.symbol}: {event.why}"
