"""How does our own process trade in the simulated world, and what does it get wrong?

It asks the gate, writes the order down, sends it, and hears of its executions: as a careful bot does, or not.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from trueup.changes import Fill, OrderUpdate, PositionSet
from trueup.model import BrokerPosition, Execution, Key, OrderStatus, side_of
from trueup.simulation.exchange import Placed
from trueup.simulation.scenario import LOT, PRICES, SYMBOLS

if TYPE_CHECKING:
    from trueup.simulation.world import World

TRACKED: Final = ("pending", "late", "untracked")
"""Whether the process records an order before it is sent, when it hears of its end, or never."""


def trade(world: World, symbol: int, lots: int, parts: int, how: int) -> None:
    """Our process opens, or moves what it nets."""
    _order(world, SYMBOLS[symbol], lots * LOT, parts, TRACKED[how], None)


def close(world: World, which: int, percent: int, parts: int, how: int) -> None:
    """Our process closes a position, or part of it."""
    key = held_key(world, which)
    if key is None:
        return
    row = world.exchange.rows[key]
    whole = row.signed_quantity.copy_abs()
    size = whole if percent >= 100 else min(whole, (whole * percent / 100).quantize(LOT) or LOT)
    _order(world, row.symbol, size if row.signed_quantity.is_signed() else -size, parts, TRACKED[how], row.ticket)


def _order(world: World, symbol: str, quantity: Decimal, parts: int, how: str, ticket: str | None) -> None:
    """Ask the gate, write the order down, send it: as a careful bot does."""
    process = world.process
    if process is None or not process.alive or process.rec is None or not quantity:
        return
    permitted = world.may_send(symbol, quantity)
    if not permitted and not world.settings.bold:
        world.tally.cover("orders withheld by the gate")
        return
    order_id = world.exchange.next_id()
    opens = ticket is None and world.settings.mode == "hedging"
    order = Placed(order_id, f"c{order_id}", symbol, order_id if opens else ticket, opens, how == "pending")
    if how == "pending" and not told(world, update(order, quantity, "pending")):
        return  # it could not be written down, and so it is not sent
    world.tally.cover("orders sent")
    if world.is_on("lost_order"):
        world.tally.fault("lost_order")
        world.tell(f"order {order.client_id} is lost on its way")
        return
    world.orders.append(order)
    dice = world.dice("order", order_id)
    due_ms = dice.between(1, world.settings.latency_ms_max)
    world.loop.after_ms(due_ms, lambda: _arrived(world, order, quantity))
    sizes = _parts(quantity, parts)
    world.executing[symbol] += len(sizes)
    for number, size in enumerate(sizes):
        last = number == len(sizes) - 1
        slow = world.is_on("slow_order")
        if slow:
            world.tally.fault("slow_order")
        due_ms += 1  # after its arrival, and each part after the one before
        due_ms += dice.between(2_000, 20_000) if slow else dice.between(0, 3_000) if number else 0
        world.loop.after_ms(due_ms, lambda size=size, last=last: _executed(world, order, size, quantity, last, how))  # type: ignore[misc]


def _arrived(world: World, order: Placed, quantity: Decimal) -> None:
    from trueup.simulation.ordering import row_of

    world.desk.put(row_of(order, quantity, "market", OrderStatus.ACCEPTED))


def _parts(quantity: Decimal, parts: int) -> list[Decimal]:
    """The quantity in at most so many parts, each a whole number of lots."""
    lots = int(quantity.copy_abs() / LOT)
    parts = max(1, min(parts, lots))
    sizes = [(lots // parts + (1 if number < lots % parts else 0)) * LOT for number in range(parts)]
    rest = quantity.copy_abs() - sum(sizes)
    sizes[0] += rest  # what a fee or a split left beside whole lots
    return [size.copy_negate() if quantity.is_signed() else size for size in sizes]


def _executed(world: World, order: Placed, size: Decimal, whole: Decimal, last: bool, how: str) -> None:
    """The broker carries out one part, and tells us of it."""
    world.executing[order.symbol] -= 1
    if world.settings.mode == "hedging" and not order.opens:
        held = world.exchange.rows.get(f"#{order.ticket}")
        left = Decimal(0) if held is None else held.signed_quantity
        if not left or left.is_signed() == size.is_signed():
            world.desk.end(order.order_id, OrderStatus.CANCELED)
            return  # somebody else was faster
        size = max(size, -left) if left > 0 else min(size, -left)
    done = world.exchange.move(order.symbol, size, order.ticket, order=order)
    world.desk.fill(order.order_id, size, done.price)
    world.tell(f"order {order.client_id}: executed {size} {order.symbol} as {done.execution_id}")
    report(world, done, order, how)
    if last:
        _ended(world, order, whole, how)


def _ended(world: World, order: Placed, whole: Decimal, how: str) -> None:
    """After its last part: filled whole, or ended because there was no more to reduce."""
    world.desk.end(order.order_id, OrderStatus.CANCELED)
    row = world.desk.orders[order.order_id]
    if how == "untracked":
        return
    if world.is_on("lost_ack"):
        world.tally.fault("lost_ack")
    elif row.status is OrderStatus.FILLED:
        world.send(update(order, whole, "filled"))
    else:
        world.send(update(order, whole, "canceled", filled=row.filled))


def report(world: World, done: Execution, order: Placed | None, how: str = "untracked") -> None:
    """The broker tells the process of one execution, in the words that its bot records."""
    fill = fill_of(world, done, order, how)
    if world.settings.bot == "positions":
        row = world.exchange.rows.get(world.exchange.key(done.symbol, done.ticket))
        world.send(position_set(done, row))
        return
    if world.is_on("pushed_first"):
        world.tally.fault("pushed_first")
        world.send(fill, pushed=True)
    world.send(fill)


def fill_of(world: World, done: Execution, order: Placed | None, how: str) -> Fill:
    """An execution in the words of the bot."""
    by_order = order is not None and order.opens and world.settings.named_by == "order"
    known = order is not None and (how != "untracked" or by_order)
    return Fill(
        execution_id=done.execution_id,
        symbol=done.symbol,
        side="sell" if done.signed_quantity.is_signed() else "buy",
        quantity=done.signed_quantity.copy_abs(),
        price=done.price or PRICES[done.symbol],
        client_order_id=order.client_id if order is not None and known else None,
        order_id=order.order_id if order is not None and world.settings.mode == "hedging" else None,
        ticket=None if by_order else done.ticket,
        strategy="mine" if order is not None else None,
        at=None if done.happened_at is None else datetime.fromisoformat(done.happened_at),
    )


def position_set(done: Execution, row: BrokerPosition | None) -> PositionSet:
    """A whole position in the words of the bot."""
    signed = done.signed_quantity if row is None else row.signed_quantity
    return PositionSet(
        symbol=done.symbol,
        side=side_of(signed),
        quantity=0 if row is None else signed.copy_abs(),
        ticket=done.ticket,
        strategy="mine",
    )


def update(
    order: Placed, quantity: Decimal, status: str, *, type: str = "market", filled: Decimal | None = None
) -> OrderUpdate:
    """How an order stands, in the words of the bot."""
    return OrderUpdate(
        client_order_id=order.client_id,
        symbol=order.symbol,
        side="sell" if quantity.is_signed() else "buy",
        type=type,
        quantity=quantity.copy_abs(),
        status=status,
        order_id=None if status == "pending" else order.order_id,
        filled=quantity.copy_abs() if status == "filled" else filled,
        limit=PRICES[order.symbol] if type == "limit" else None,
    )


def told(world: World, change: OrderUpdate | Fill | PositionSet) -> bool:
    """The process writes something down of its own accord; whether that is done."""
    from trueup.simulation.remembered import Letter

    return world.hand(Letter(change))


def invented(world: World, symbol: int, lots: int) -> None:
    """The process records a fill that the broker never had."""
    number = len(world.invented)
    ticket = f"9{number}" if world.settings.mode == "hedging" else None
    name = SYMBOLS[symbol]
    done = Execution(f"invented-{number}", name, lots * LOT, price=PRICES[name], ticket=ticket)
    change = fill_of(world, done, None, "untracked")
    if world.settings.bot == "positions":
        row = BrokerPosition(name, lots * LOT, ticket=ticket)
        taken = told(world, position_set(done, row))
    else:
        taken = told(world, change)
    if taken:
        world.invented.add(done.execution_id)
        world.tally.fault("invented_fill")
        world.tell(f"the process records {lots * LOT} {name} that never was")


def held_key(world: World, which: int) -> Key | None:
    """One of the positions that exist, by number."""
    names = sorted(world.exchange.rows)
    return names[which % len(names)] if names else None
