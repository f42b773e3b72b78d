"""Which broker can be told exactly what to do? `SimulatedBroker`, in this process, without a network.

Deterministic: the same calls in the same order give the same tickets and answers. It is the smallest thing that
passes `trueup.testing.broker_contract`, and so a model to write an adapter by.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from trueup.errors import InputError
from trueup.facts import ActionKind
from trueup.model import (
    BrokerOrder,
    BrokerPosition,
    Execution,
    Key,
    OrderStatus,
    PositionMode,
    Side,
    Stop,
    Surface,
    TradeSide,
    add,
    exact,
    name_of,
    plain,
    side_of,
    signed,
    symbol_key,
    ticket_key,
)
from trueup.ports import Action, Answer, Capabilities, Outcome, Question, failed, unsupported
from trueup.testing.answers import ActionTrouble, Trouble, orders_answer, positions_answer, wanted
from trueup.testing.desk import OrderType, SimulatedDesk

__all__ = ["ALL_ACTIONS", "ALL_SURFACES", "ActionTrouble", "SimulatedBroker", "Trouble"]

ALL_SURFACES: Final[frozenset[Surface]] = frozenset({"positions", "fills", "open_orders", "order"})
ALL_ACTIONS: Final[frozenset[ActionKind]] = frozenset({"cancel", "place_stop", "close_position"})
TICKET_FIRST: Final = 1


class SimulatedBroker:
    """One account at a broker that does as it is told. A `trueup.ports.ActingBroker`.

    `open`, `close_position`, `resize` and `set_stop` change what truly exists; `place`, `fill`, `cancel`, `reject` and
    `say` do so with orders; `trouble` and `trouble_actions` let coming answers go wrong; `truth` and `orders` are what
    truly exists, for a test to compare with.
    """

    def __init__(
        self,
        *,
        position_mode: PositionMode = "hedging",
        surfaces: frozenset[Surface] = frozenset({"positions", "fills"}),
        actions: frozenset[ActionKind] = frozenset(),
        lag_ms_max: int = 0,
        source: str = "simulated",
    ) -> None:
        """An account without positions and orders.

        surfaces    what can be asked; `ALL_SURFACES` are there to choose from
        actions     what can be done through it; `ALL_ACTIONS` are there to choose from
        lag_ms_max  declared for each of `surfaces`, in ms
        """
        self._capabilities = Capabilities(
            source=source,
            position_mode=position_mode,
            surfaces=surfaces,
            lag_ms_max=dict.fromkeys(sorted(surfaces), lag_ms_max),
            actions=actions,
            can_reduce_only=bool(actions),
        )
        self._desk = SimulatedDesk(self)
        self._orders_before: Mapping[str, BrokerOrder] = {}
        self._action_troubles: deque[ActionTrouble] = deque()
        self._rows: dict[Key, BrokerPosition] = {}
        self._before: dict[Key, BrokerPosition] = {}
        self._executions: list[Execution] = []
        self._next_ticket = TICKET_FIRST
        self._troubles: deque[Trouble] = deque()
        self._handed: Mapping[Key, BrokerPosition] = {}
        self._connections = 0
        self._connected = False
        self._closed = False
        self.asked: list[Question] = []
        """Every question that has come in."""
        self.acted: list[Action] = []
        """Every action that has come in."""

    # -- as a broker ---------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        """Known without asking anybody; never changes."""
        return self._capabilities

    @property
    def connections(self) -> int:
        """How many times a connection has come about (L10)."""
        return self._connections

    async def ask(self, question: Question) -> Answer:
        """One attempt at `question`."""
        if self._closed:
            return failed("this broker was closed")
        self.asked.append(question)
        self._connect()
        if question.surface not in self._capabilities.surfaces:
            return unsupported(f"this broker does not offer {question.surface}")
        trouble = self._troubles.popleft() if self._troubles else None
        if trouble == "silence":
            await asyncio.Event().wait()  # until whoever asked gives up
        if trouble == "failure":
            return failed("the broker says FAILED: terminal is not connected", raw=b"FAILED []")
        if trouble == "garbage":
            return failed("the answer is not text", raw=b"\xff\xfe")
        if trouble == "truncated":
            return failed("the answer breaks off", raw=b"[")
        if trouble == "unsupported":
            return unsupported("the broker does not know this question", raw=b"unknown action")
        if question.surface == "fills":
            return self._fills(trouble)
        if question.surface == "positions":
            return self._positions(trouble)
        if question.surface == "order" and not (question.order_id or question.client_order_id):
            return failed("an order is looked up by order_id or by client_order_id, and neither is given")
        if question.surface in ("open_orders", "order"):
            return self._orders(question, trouble)
        return unsupported(f"a simulated broker cannot answer for {question.surface}")

    async def act(self, action: Action) -> Outcome:
        """Do `action`, once however often it comes."""
        if self._closed:
            return Outcome(state="unknown", why="this broker was closed")
        self.acted.append(action)
        self._connect()
        if action.kind not in self._capabilities.actions:
            return Outcome(state="rejected", why=f"this broker does not offer {action.kind}")
        trouble = self._action_troubles.popleft() if self._action_troubles else None
        if trouble == "silence":
            await asyncio.Event().wait()  # until whoever asked gives up
        self._note()
        outcome = self._desk.act(action, refuse="rejected by the broker" if trouble == "refusal" else "")
        if trouble == "lost_ack":
            await asyncio.Event().wait()
        if trouble == "garbage":
            return Outcome(state="unknown", why="the answer is not text", raw=b"\xff\xfe")
        return outcome

    async def close(self) -> None:
        """Let go. Afterwards every question fails."""
        self._closed = True

    def _connect(self) -> None:
        if not self._connected:
            self._connected = True
            self._connections += 1

    # -- as an account -------------------------------------------------------------------------------------

    @property
    def truth(self) -> dict[Key, BrokerPosition]:
        """What truly exists, by key."""
        return dict(self._rows)

    @property
    def executions(self) -> tuple[Execution, ...]:
        """Every execution that there was, in order."""
        return tuple(self._executions)

    def open(
        self,
        symbol: str,
        side: Side,
        quantity: Decimal | str | int,
        *,
        price: Decimal | str | int | None = None,
        stop: Decimal | str | int | None = None,
    ) -> str:
        """Trade: a new position when hedging, a change of the symbol's one when netting. Returns the ticket.

        Raises BadNumber and InputError for what no broker would take.
        """
        size = _size(quantity)
        move = signed(side, size)
        key, held = self._netted(symbol)
        ticket = str(self._next_ticket) if held is None or held.ticket is None else held.ticket
        self._next_ticket += 1
        paid = None if price is None else exact(price, what="price")
        self._execute(symbol, ticket, move, paid)
        total = move if held is None else add(held.signed_quantity, move)
        if not total:
            del self._rows[key or ticket_key(ticket)]
        else:
            self._rows[key or ticket_key(ticket)] = BrokerPosition(
                symbol=name_of(symbol, what="symbol"),
                signed_quantity=total,
                ticket=ticket,
                price=paid,
                stop=Stop(None if stop is None else exact(stop, what="stop")),
            )
        return ticket

    def close_position(self, which: str) -> None:
        """Close what a ticket (or, when netting, a symbol) names, with an execution."""
        key = self._key(which)
        held = self._rows[key]
        self._execute(held.symbol, held.ticket, held.signed_quantity.copy_negate(), held.price)
        del self._rows[key]

    def resize(self, which: str, quantity: Decimal | str | int) -> None:
        """Give a position another size without any execution."""
        key, size = self._key(which), _size(quantity)
        self._note()
        held = self._rows[key]
        moved = signed(side_of(held.signed_quantity), size)
        self._rows[key] = msgspec.structs.replace(held, signed_quantity=moved)

    def set_stop(self, which: str, price: Decimal | str | int | None) -> None:
        """Move a position's stop; None removes it."""
        key = self._key(which)
        self._note()
        stop = Stop(None if price is None else exact(price, what="stop"))
        self._rows[key] = msgspec.structs.replace(self._rows[key], stop=stop)

    def vanish(self, which: str) -> None:
        """Lose a position, without any execution (L02)."""
        key = self._key(which)
        self._note()
        del self._rows[key]

    def trouble(self, *troubles: Trouble) -> None:
        """Let the coming answers go wrong, one each, in this order."""
        self._troubles.extend(troubles)

    def reopen(self) -> None:
        """Whoever closed it starts again: the same account, another connection."""
        self._closed = self._connected = False

    def untrouble(self) -> None:
        """Whatever trouble is still to come does not."""
        self._troubles.clear()
        self._action_troubles.clear()

    def reconnect(self) -> None:
        """Lose the connection; the next question makes another one (L10)."""
        self._connected = False

    # -- its orders ----------------------------------------------------------------------------------------

    @property
    def orders(self) -> Mapping[str, BrokerOrder]:
        """Every order that there truly is or was, by its id."""
        return self._desk.orders

    def place(
        self,
        symbol: str,
        side: TradeSide,
        type: OrderType,
        quantity: Decimal | str | int,
        price: Decimal | str | int | None = None,
        *,
        client_id: str | None = None,
    ) -> str:
        """A resting order, or with `market` one that is filled at once; its id. Raises BadNumber and InputError."""
        self._note()
        return self._desk.place(symbol, side, type, quantity, price, client_id=client_id)

    def fill(
        self, order_id: str, quantity: Decimal | str | int | None = None, price: Decimal | str | int | None = None
    ) -> str:
        """Fill an order, or part of it, even one that has ended (L17); the ticket of the position that it moved."""
        return self._desk.fill(order_id, quantity, price)

    def cancel(self, order_id: str) -> None:
        """End a working order."""
        self._note()
        self._desk.end(order_id, OrderStatus.CANCELED)

    def reject(self, order_id: str) -> None:
        """Refuse an order that had been taken."""
        self._note()
        self._desk.end(order_id, OrderStatus.REJECTED)

    def say(self, order_id: str, word: str) -> None:
        """Put any word in the place of an order's status (L41)."""
        self._note()
        self._desk.say(order_id, word)

    def forget(self, order_id: str, times: int = 1) -> None:
        """Leave an order out of the next so many answers about orders (L04)."""
        self._desk.forget(order_id, times)

    def trouble_actions(self, *troubles: ActionTrouble) -> None:
        """Let the coming actions go wrong, one each, in this order."""
        self._action_troubles.extend(troubles)

    def held(self, symbol: str, ticket: str | None) -> BrokerPosition | None:
        """The position of a ticket; when netting, of a symbol."""
        netting = self._capabilities.position_mode == "netting"
        return self._rows.get(symbol_key(symbol) if netting else ticket_key(ticket or ""))

    def execute(self, order: BrokerOrder, size: Decimal, price: Decimal | None) -> str:
        """One execution of an order; the ticket of the position that it opened or moved."""
        held, move = self.held(order.symbol, order.ticket), signed(order.side, size)
        ticket = order.ticket if held is None else held.ticket
        if ticket is None or (held is None and self._capabilities.position_mode == "netting"):
            ticket = str(self._next_ticket)
            self._next_ticket += 1
        self._execute(order.symbol, ticket, move, price, order)
        key = symbol_key(order.symbol) if self._capabilities.position_mode == "netting" else ticket_key(ticket)
        total = move if held is None else add(held.signed_quantity, move)
        if not total:
            del self._rows[key]
        elif held is None:
            self._rows[key] = BrokerPosition(
                symbol=order.symbol,
                signed_quantity=total,
                ticket=ticket,
                price=price,
                stop=Stop(None),
                client_order_id=order.client_order_id,
            )
        else:
            self._rows[key] = msgspec.structs.replace(held, signed_quantity=total)
        return ticket

    # -- inner parts ---------------------------------------------------------------------------------------

    def _netted(self, symbol: str) -> tuple[Key | None, BrokerPosition | None]:
        """When netting: the symbol's key and what is held there."""
        if self._capabilities.position_mode == "hedging":
            return None, None
        return symbol_key(symbol), self._rows.get(symbol_key(symbol))

    def _key(self, which: str) -> Key:
        for key in (which, ticket_key(which)):
            if key in self._rows:
                return key
        raise InputError(f"nothing is held as {which!r}")

    def _note(self) -> None:
        self._before, self._orders_before = dict(self._rows), self._desk.orders

    def _execute(
        self, symbol: str, ticket: str | None, move: Decimal, price: Decimal | None, order: BrokerOrder | None = None
    ) -> None:
        self._note()
        self._executions.append(
            Execution(
                execution_id=f"x{len(self._executions) + 1}",
                symbol=symbol,
                signed_quantity=move,
                price=price,
                ticket=ticket,
                order_id=None if order is None else order.order_id,
                client_order_id=None if order is None else order.client_order_id,
            )
        )

    def _orders(self, question: Question, trouble: Trouble | None) -> Answer:
        there: Mapping[str, BrokerOrder] = self._orders_before if trouble == "stale" else self._desk.orders
        told = [order for order in self._desk.told(there) if wanted(order, question)]
        return orders_answer([] if trouble == "empty" else told, trouble)

    def _fills(self, trouble: Trouble | None) -> Answer:
        executions = tuple(self._executions) if trouble != "empty" else ()
        raw = "\n".join(execution.execution_id for execution in executions)
        return Answer(completeness="complete", dialect="simulated", executions=executions, raw=raw.encode())

    def _positions(self, trouble: Trouble | None) -> Answer:
        source = self._before if trouble == "stale" else self._rows
        netting = self._capabilities.position_mode == "netting"
        answer = positions_answer([] if trouble == "empty" else list(source.values()), trouble, netting=netting)
        if answer.positions == self._handed:
            answer = msgspec.structs.replace(answer, positions=self._handed)  # the very same: nothing changed
        self._handed = answer.positions
        return answer


def _size(quantity: Decimal | str | int) -> Decimal:
    size = exact(quantity, what="quantity")
    if size <= 0:
        raise InputError(f"quantity is {plain(size)}; it must be greater than 0")
    return size
