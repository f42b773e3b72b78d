"""What does the account behind the gateway hold: positions, orders, and the ledger of its deals?

The values, and the one way in which a deal moves a position. What may be done to them stands in `orders`, where a
broker would refuse, and in `terminal`, where a hand from outside does as it likes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.model import EXACT, ZERO, PositionMode, TradeSide, exact

Ticket: TypeAlias = int
OrderType: TypeAlias = Literal["market", "limit", "stop"]
Number: TypeAlias = Decimal | str | int
TICKET_FIRST: Final = 100_001
DEALS_MAX: Final = 100_000
ORDERS_MAX: Final = 100_000
PAST_MAX: Final = 64
"""How many earlier states are kept, for a terminal whose answers are stale."""
ENDED: Final = frozenset({"filled", "canceled", "rejected", "expired", "replaced"})
"""The states in which an order works no more. It may be filled all the same (L17)."""


class TerminalError(Exception):
    """The terminal refuses: the text says why, as a gateway would pass it on."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """One position as the terminal holds it."""

    ticket: Ticket
    symbol: str
    side: TradeSide
    volume: Decimal
    """In lots, > 0: the sign is in `side`."""
    price: Decimal
    sl: Decimal | None = None
    """None: there is none."""
    tp: Decimal | None = None
    magic: int = 0
    comment: str = ""
    client_id: str | None = None
    """Of the order that opened it."""
    time_s: int = 0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order, working or of the past."""

    order: Ticket
    symbol: str
    side: TradeSide
    type: OrderType
    volume: Decimal
    """As ordered, in lots, > 0."""
    filled: Decimal = ZERO
    price: Decimal | None = None
    """A limit's or a stop's own; None for a market order."""
    average: Decimal | None = None
    """What was paid on average; None before the first deal."""
    state: str = "placed"
    """In MetaTrader's words, lower case, or whatever word somebody has put there."""
    position: Ticket = 0
    """The position that it belongs to; 0: none yet."""
    reduce_only: bool = False
    magic: int = 0
    comment: str = ""
    client_id: str | None = None
    time_s: int = 0

    @property
    def works(self) -> bool:
        """Whether it is listed among the working orders."""
        return self.state not in ENDED

    @property
    def rest(self) -> Decimal:
        """What is still to be filled."""
        return EXACT.subtract(self.volume, self.filled)


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the account's ledger."""

    deal: int
    kind: Literal["buy", "sell", "balance"]
    symbol: str = ""
    volume: Decimal = ZERO
    price: Decimal = ZERO
    order: int = 0
    position: Ticket = 0
    entry: Literal["in", "out", "inout"] = "in"
    commission: Decimal = ZERO
    magic: int = 0
    comment: str = ""
    client_id: str | None = None
    time_s: int = 0


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered to an action, for whoever asks for it again under the same client id."""

    order: Ticket | None = None
    why: str | None = None
    """Why it was refused; None where it was done."""


class State(msgspec.Struct, kw_only=True):
    """All that a terminal is; what is written to its state file."""

    position_mode: PositionMode
    positions: dict[Ticket, Position] = {}
    orders: dict[Ticket, Order] = {}
    deals: list[Deal] = []
    done: dict[str, Done] = {}
    """By client id, oldest first."""
    next_ticket: Ticket = TICKET_FIRST
    next_deal: int = 1
    changes: int = 0


class Account:
    """Positions, orders and deals, and how a deal moves them."""

    def __init__(
        self,
        position_mode: PositionMode = "hedging",
        *,
        now_s: Callable[[], int] = lambda: 1_704_153_600,
        state: State | None = None,
    ) -> None:
        self.state = state or State(position_mode=position_mode)
        self._now_s = now_s
        self._past: deque[dict[Ticket, Position]] = deque(maxlen=PAST_MAX)
        self._past_orders: deque[tuple[int, Ticket, Order | None]] = deque(maxlen=4 * PAST_MAX)

    @property
    def position_mode(self) -> PositionMode:
        return self.state.position_mode

    @property
    def positions(self) -> tuple[Position, ...]:
        """What is held now, oldest ticket first."""
        return tuple(self.state.positions.values())

    def positions_before(self, changes: int) -> tuple[Position, ...]:
        """What was held that many changes ago, as far back as is remembered."""
        if changes < 1 or not self._past:
            return self.positions
        return tuple(self._past[-min(changes, len(self._past))].values())

    @property
    def orders(self) -> tuple[Order, ...]:
        """Every order there has been, oldest first."""
        return tuple(self.state.orders.values())

    def orders_before(self, changes: int) -> tuple[Order, ...]:
        """Every order as it stood that many changes ago, as far back as is remembered."""
        orders = dict(self.state.orders)
        for change, number, was in reversed(self._past_orders):
            if change <= self.state.changes - changes:
                break
            if was is None:
                del orders[number]
            else:
                orders[number] = was
        return tuple(orders.values())

    def deals_since(self, since_s: int | None) -> tuple[Deal, ...]:
        """The ledger from that moment on, by the terminal's clock."""
        return tuple(deal for deal in self.state.deals if since_s is None or deal.time_s >= since_s)

    # -- looking up ----------------------------------------------------------------------------------------

    def find(self, which: Ticket | str) -> Position:
        """The position of a ticket, or the only one of a symbol. Raises TerminalError."""
        if isinstance(which, str) and not which.isdigit():
            of_symbol = [position for position in self.positions if position.symbol == which]
            if len(of_symbol) == 1:
                return of_symbol[0]
            raise TerminalError(f"{which} has {len(of_symbol)} positions; name one by its ticket")
        held = self.state.positions.get(int(which))
        if held is None:
            raise TerminalError(f"no position has the ticket {which}")
        return held

    def find_order(self, which: Ticket | str) -> Order:
        """The order of that number. Raises TerminalError."""
        order = self.state.orders.get(int(which)) if str(which).isdigit() else None
        if order is None:
            raise TerminalError(f"no order has the number {which}")
        return order

    def order_of(self, client_id: str) -> Order | None:
        """The order that was given that client id."""
        return next((order for order in self.orders if order.client_id == client_id), None)

    def held_in(self, symbol: str) -> Position | None:
        """When netting: the one position of a symbol."""
        if self.position_mode == "hedging":
            return None
        return next((position for position in self.positions if position.symbol == symbol), None)

    # -- inner parts ---------------------------------------------------------------------------------------

    def _execute(self, order: Order, size: Decimal, paid: Decimal) -> Order:
        """One deal of `order`, and the position that it opens, adds to, reduces or turns. The order as it is then.

        The caller has checked it, and noted that a change comes.
        """
        held = self.held_in(order.symbol) or self.state.positions.get(order.position)
        if held is None:
            held = Position(
                ticket=order.position or self._next_ticket(),
                symbol=order.symbol,
                side=order.side,
                volume=size,
                price=paid,
                magic=order.magic,
                comment=order.comment,
                client_id=order.client_id,
                time_s=self._now_s(),
            )
            self.state.positions[held.ticket] = held
            entry: Literal["in", "out", "inout"] = "in"
        else:
            entry = self._move(held, order.side, size, paid)
        self._append(
            Deal(
                deal=self.state.next_deal,
                kind=order.side,
                symbol=order.symbol,
                volume=size,
                price=paid,
                order=order.order,
                position=held.ticket,
                entry=entry,
                magic=held.magic,
                comment=held.comment,
                client_id=order.client_id,
                time_s=self._now_s(),
            )
        )
        filled = EXACT.add(order.filled, size)
        average = paid if order.average is None else _average(order.average, order.filled, paid, size)
        state = "filled" if filled >= order.volume else order.state if not order.works else "partial"
        return msgspec.structs.replace(order, filled=filled, average=average, state=state, position=held.ticket)

    def _move(self, held: Position, side: TradeSide, size: Decimal, paid: Decimal) -> Literal["in", "out", "inout"]:
        """Add to, reduce, close or turn a position."""
        if side == held.side:
            price = _average(held.price, held.volume, paid, size)
            volume = EXACT.add(held.volume, size)
            self.state.positions[held.ticket] = msgspec.structs.replace(held, volume=volume, price=price)
            return "in"
        rest = EXACT.subtract(held.volume, size)
        if rest >= 0:
            self._keep(held, rest)
            return "out"
        self.state.positions[held.ticket] = msgspec.structs.replace(held, side=side, volume=rest.copy_abs(), price=paid)
        return "inout"

    def _keep(self, held: Position, volume: Decimal) -> None:
        if volume:
            self.state.positions[held.ticket] = msgspec.structs.replace(held, volume=volume)
        else:
            del self.state.positions[held.ticket]

    def _put(self, order: Order) -> Order:
        """Let an order stand as it is given, and remember how it stood before."""
        was = self.state.orders.get(order.order)
        self._past_orders.append((self.state.changes, order.order, was))
        self.state.orders[order.order] = order
        return order

    def _append(self, deal: Deal) -> int:
        self.state.deals.append(deal)
        self.state.next_deal += 1
        return deal.deal

    def _next_ticket(self) -> Ticket:
        ticket = self.state.next_ticket
        self.state.next_ticket += 1
        return ticket

    def _remember(self) -> None:
        """Note the state before a change. Raises TerminalError where there is no room for one."""
        if len(self.state.deals) >= DEALS_MAX or len(self.state.orders) >= ORDERS_MAX:
            raise TerminalError(f"the account is full: {DEALS_MAX} deals or {ORDERS_MAX} orders")
        self._past.append(dict(self.state.positions))
        self.state.changes += 1


def positive(value: Number, what: str) -> Decimal:
    """A number above 0. Raises TerminalError, BadNumber."""
    number = exact(value, what=what)
    if number <= ZERO:
        raise TerminalError(f"{what} is {number}; it must be greater than 0")
    return number


def checked_side(side: object) -> TradeSide:
    """`buy` or `sell`. Raises TerminalError."""
    if side == "buy":
        return "buy"
    if side == "sell":
        return "sell"
    raise TerminalError(f"side is {side!r}; it is 'buy' or 'sell'")


def opposite(side: TradeSide) -> TradeSide:
    """The side that reduces a position of this one."""
    return "sell" if side == "buy" else "buy"


def _average(price: Decimal, volume: Decimal, paid: Decimal, size: Decimal) -> Decimal:
    """The volume-weighted price of both, to 8 decimals."""
    worth = EXACT.add(EXACT.multiply(price, volume), EXACT.multiply(paid, size))
    average = EXACT.divide(worth, EXACT.add(volume, size)).quantize(Decimal("0.00000001"), context=EXACT)
    return EXACT.normalize(average)
