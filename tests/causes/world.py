"""What does a break look like to whoever asks for its cause? Facts in few words; one second is one journal position."""

from __future__ import annotations

from decimal import Decimal

from trueup.causes import BreakFacts, Deal, Neighbour, OrderSeen, Reason
from trueup.model import BrokerOrder, BrokerPosition, Execution, Holding, Moment, OrderStatus, PositionMode, Stop
from trueup.policy import Policy

START_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""
AGREED = 100
SEEN = 110
"""Where both sides last agreed, and where the break was first seen."""


def moment(position: int) -> Moment:
    """One position is one second."""
    return Moment(START_NS + position * 1_000_000_000, position * 1_000_000_000, 1)


def stamp(second: int) -> str:
    """A time of the broker's own clock, which is three hours ahead of ours."""
    return f"2026-01-01T03:{second // 60:02}:{second % 60:02}+00:00"


def number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def held(
    quantity: str | None, *, symbol: str = "EURUSD", price: str | None = "1", stop: str | None = None, **more: str
) -> Holding | None:
    """A position of the book; None for none."""
    if quantity is None:
        return None
    level = None if stop is None else Stop(None if stop == "none" else Decimal(stop))
    return Holding(symbol, Decimal(quantity), price=number(price), stop=level, **more)


def row(
    quantity: str | None, *, symbol: str = "EURUSD", price: str | None = "1", stop: str | None = None, **more: str
) -> BrokerPosition | None:
    """A position of the broker; None for none."""
    if quantity is None:
        return None
    level = None if stop is None else Stop(None if stop == "none" else Decimal(stop))
    return BrokerPosition(symbol, Decimal(quantity), price=number(price), stop=level, **more)


def deal(
    name: str,
    quantity: str,
    at: int = 105,
    *,
    price: str | None = "1",
    symbol: str = "EURUSD",
    ours: bool | None = None,
    reason: Reason | None = None,
    recorded: bool = False,
    listed: bool = True,
    counted: bool = False,
    claimed: str = "0",
    history: bool = False,
    **more: object,
) -> Deal:
    """An execution that the broker lists and the book has not counted, first heard of at 105."""
    return Deal(
        execution=Execution(name, symbol, Decimal(quantity), number(price), **more),  # type: ignore[arg-type]
        position=at,
        heard=moment(at),
        listed=listed,
        recorded=recorded,
        counted=counted,
        claimed=Decimal(claimed),
        ours=ours,
        reason=reason,
        history=history,
    )


def fill(name: str, quantity: str, at: int = 105, *, listed: bool = False, **more: object) -> Deal:
    """An execution that the process recorded and the book counted."""
    return deal(name, quantity, at, recorded=True, counted=True, listed=listed, ours=True, **more)  # type: ignore[arg-type]


def order(
    name: str,
    side: str = "sell",
    quantity: str = "1",
    at: int = 105,
    *,
    type: str = "market",
    status: OrderStatus = OrderStatus.FILLED,
    filled: str | None = None,
    counted: str = "0",
    ours: bool = True,
    symbol: str = "EURUSD",
    sent_position: int = 0,
    **more: object,
) -> OrderSeen:
    """An order on the symbol."""
    return OrderSeen(
        order=BrokerOrder(
            symbol, side, type, Decimal(quantity), status, order_id=name, filled=number(filled), **more,  # type: ignore[arg-type]
        ),
        position=at,
        heard=moment(at),
        ours=ours,
        sent_position=sent_position,
        counted=Decimal(counted),
    )  # fmt: skip


def neighbour(book: Holding | None, broker: BrokerPosition | None, at: int = SEEN) -> Neighbour:
    """Another key that differs."""
    one = book or broker
    assert one is not None
    return Neighbour(key=one.symbol if one.ticket is None else "#" + one.ticket, book=book, broker=broker, position=at)


def facts(
    book: Holding | None,
    broker: BrokerPosition | None,
    *,
    deals: tuple[Deal, ...] = (),
    orders: tuple[OrderSeen, ...] = (),
    neighbours: tuple[Neighbour, ...] = (),
    mode: PositionMode = "netting",
    policy: Policy | None = None,
    agreed: int | None = AGREED,
    lag_s: int = 2,
    fields: tuple[str | None, ...] = (None,),
) -> BreakFacts:
    """A break that was first seen at 110, after both sides had agreed at 100."""
    one = book or broker
    assert one is not None
    return BreakFacts(
        key=one.symbol if one.ticket is None or mode == "netting" else "#" + one.ticket,
        symbol=one.symbol,
        ticket=one.ticket,
        mode=mode,
        book=book,
        broker=broker,
        policy=policy or Policy.adopt(),
        seen=moment(SEEN),
        seen_position=SEEN,
        agreed=None if agreed is None else moment(agreed),
        agreed_position=agreed or 0,
        lag_ns=lag_s * 1_000_000_000,
        fields=fields,
        deals=deals,
        orders=orders,
        neighbours=neighbours,
    )
