"""How do orders live at the simulated broker: rest, are filled late, end without a word, or belong to somebody else?"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from trueup.model import TERMINAL, BrokerOrder, OrderStatus
from trueup.simulation.exchange import Placed
from trueup.simulation.scenario import LOT, PRICES, SYMBOLS
from trueup.simulation.trading import held_key, report, told, update

if TYPE_CHECKING:
    from trueup.simulation.world import World

FATES: Final = ("filled", "canceled", "rejected", "expired", "working", "part and canceled", "canceled and filled")
"""What becomes of a resting order, by number."""


def rest(world: World, symbol: int, lots: int, fate: int, ms: int) -> None:
    """Our process places a limit order, which rests for a while."""
    process, name = world.process, SYMBOLS[symbol]
    if process is None or not process.alive or process.rec is None or not world.settings.lists_orders:
        return
    quantity = lots * LOT
    if not world.may_send(name, quantity) and not world.settings.bold:
        world.tally.cover("orders withheld by the gate")
        return
    order_id = world.exchange.next_id()
    opens = world.settings.mode == "hedging"
    order = Placed(order_id, f"c{order_id}", name, order_id if opens else None, opens, True)
    if not told(world, update(order, quantity, "pending", type="limit")):
        return
    world.tally.cover("orders sent")
    world.orders.append(order)
    if world.is_on("lost_order"):
        world.tally.fault("lost_order")
        world.tell(f"order {order.client_id} is lost on its way")
        return
    world.executing[name] += 1
    arrives_ms = world.dice("rest", order_id).between(1, world.settings.latency_ms_max)
    world.loop.after_ms(arrives_ms, lambda: _arrived(world, order, quantity, FATES[fate], ms))


def _arrived(world: World, order: Placed, quantity: Decimal, fate: str, ms: int) -> None:
    status = OrderStatus.REJECTED if fate == "rejected" else OrderStatus.ACCEPTED
    world.desk.put(row_of(order, quantity, "limit", status))
    world.tell(f"order {order.client_id} rests: {quantity} {order.symbol}, to be {fate}")
    _word(world, order, quantity, status.value)
    if fate in ("rejected", "working"):
        world.executing[order.symbol] -= 1
        return
    world.loop.after_ms(ms, lambda: _fate(world, order, quantity, fate))


def _fate(world: World, order: Placed, quantity: Decimal, fate: str) -> None:
    """What was to become of it, unless somebody has cancelled it by hand."""
    if world.desk.orders[order.order_id].status in TERMINAL:
        world.executing[order.symbol] -= 1
        return
    if fate == "part and canceled":
        _fill(world, order, LOT.copy_sign(quantity))
    if fate in ("canceled", "part and canceled", "canceled and filled"):
        world.desk.end(order.order_id, OrderStatus.CANCELED)
        _word(world, order, quantity, "canceled")
    if fate == "expired":
        world.desk.end(order.order_id, OrderStatus.EXPIRED)
        _word(world, order, quantity, "expired")
    if fate in ("filled", "canceled and filled"):
        if fate != "filled":
            world.tally.fault("late_fill")
        _fill(world, order, quantity)
        _word(world, order, quantity, "filled")
    world.executing[order.symbol] -= 1


def _fill(world: World, order: Placed, size: Decimal) -> None:
    done = world.exchange.move(order.symbol, size, order.ticket, order=order)
    world.desk.fill(order.order_id, size, done.price)
    world.tell(f"order {order.client_id}: executed {size} {order.symbol} as {done.execution_id}")
    report(world, done, order, "pending")


def _word(world: World, order: Placed, quantity: Decimal, status: str) -> None:
    """The broker tells the process how an order stands."""
    if world.is_on("lost_ack"):
        world.tally.fault("lost_ack")
        world.tell(f"lost: that order {order.client_id} is {status}")
        return
    filled = world.desk.orders[order.order_id].filled
    world.send(update(order, quantity, status, type="limit", filled=filled))


def amended(world: World, which: int, percent: int) -> None:
    """Somebody changes one of our resting orders on another terminal, or cancels it there, and we are not told."""
    ours = [one for one in world.desk.working().values() if one.client_order_id is not None and one.limit is not None]
    if not ours:
        return
    order = sorted(ours, key=lambda one: one.order_id or "")[which % len(ours)]
    assert order.order_id is not None
    if not percent:
        world.desk.end(order.order_id, OrderStatus.CANCELED)
        world.tally.fault("order_canceled_by_hand")
        world.tell(f"order {order.client_order_id} is cancelled by hand")
        return
    limit = PRICES[order.symbol] * percent / 100
    if limit != order.limit:
        world.desk.put(replace(order, limit=limit))
        world.tally.fault("order_amended")
        world.tell(f"the limit of order {order.client_order_id} is changed to {limit} by hand")


def row_of(order: Placed, quantity: Decimal, type: str, status: OrderStatus) -> BrokerOrder:
    """An order as the broker states it."""
    return BrokerOrder(
        symbol=order.symbol,
        side="sell" if quantity.is_signed() else "buy",
        type=type,
        quantity=quantity.copy_abs(),
        status=status,
        order_id=order.order_id,
        client_order_id=order.client_id,
        filled=Decimal(0),
        limit=PRICES[order.symbol] if type == "limit" else None,
    )


def foreign(world: World, symbol: int, lots: int, protective: int, which: int) -> None:
    """Somebody else's order appears; now and then it is the stop that protects a position (L26)."""
    if not world.settings.lists_orders:
        return
    key = held_key(world, which) if protective else None
    row = None if key is None else world.exchange.rows[key]
    quantity = lots * LOT if row is None else -row.signed_quantity
    name = SYMBOLS[symbol] if row is None else row.symbol
    order_id = world.exchange.next_id()
    world.desk.put(
        BrokerOrder(
            symbol=name,
            side="sell" if quantity.is_signed() else "buy",
            type="limit" if row is None else "stop",
            quantity=quantity.copy_abs(),
            status=OrderStatus.ACCEPTED,
            order_id=order_id,
            filled=Decimal(0),
            limit=PRICES[name] if row is None else None,
            stop=None if row is None else PRICES[name] * 9 / 10,
            reduce_only=row is not None,
            ticket=None if row is None else row.ticket,
        )
    )
    world.tally.fault("foreign_stop" if row is not None else "foreign_order")
    world.tell(f"somebody else's order {order_id}: {quantity} {name}{' as a stop' if row is not None else ''}")
