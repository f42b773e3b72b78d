"""What does each happening of a scenario do to the world?

Trades of our own process, what others do on the account, what goes wrong with answers, messages, disks, clocks and
processes. Each has a name; those that are faults are counted where they had an effect.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from trueup.changes import Fill, OrderUpdate, PositionSet
from trueup.errors import JournalError
from trueup.ledger import Claim, Ledger
from trueup.model import BrokerPosition, Execution, Key, Stop, side_of
from trueup.simulation.disk import ACCOUNT, Died
from trueup.simulation.exchange import Placed
from trueup.simulation.loop import MS, VirtualClock
from trueup.simulation.scenario import LOT, PRICES, SYMBOLS, Happening

if TYPE_CHECKING:
    from trueup.simulation.world import World

TRACKED: Final = ("pending", "late", "untracked")
"""Whether the process records an order before it is sent, when it hears of its end, or never."""


def happen(world: World, happening: Happening) -> None:
    """Let it happen; a happening whose time has passed into the liveness phase does not."""
    if world.quiet:
        return
    world.tally.steps += 1
    _DOING[happening.name](world, *happening.numbers)


# -- our own trading ---------------------------------------------------------------------------------------


def _trade(world: World, symbol: int, lots: int, parts: int, how: int) -> None:
    """Our process opens, or moves what it nets."""
    _order(world, SYMBOLS[symbol], lots * LOT, parts, TRACKED[how], None)


def _close(world: World, which: int, percent: int, parts: int, how: int) -> None:
    """Our process closes a position, or part of it."""
    key = _held_key(world, which)
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
    if how == "pending" and not _told(world, _update(order, quantity, "pending")):
        return  # it could not be written down, and so it is not sent
    world.tally.cover("orders sent")
    if world.is_on("lost_order"):
        world.tally.fault("lost_order")
        world.tell(f"order {order.client_id} is lost on its way")
        return
    world.orders.append(order)
    dice = world.dice("order", order_id)
    due_ms = dice.between(1, world.settings.latency_ms_max)
    sizes = _parts(quantity, parts)
    for number, size in enumerate(sizes):
        last = number == len(sizes) - 1
        due_ms += dice.between(0, 3_000) if number else 0
        world.loop.after_ms(due_ms, lambda size=size, last=last: _executed(world, order, size, quantity, last, how))  # type: ignore[misc]


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
    if world.settings.mode == "hedging" and not order.opens:
        held = world.exchange.rows.get(f"#{order.ticket}")
        left = Decimal(0) if held is None else held.signed_quantity
        if not left or left.is_signed() == size.is_signed():
            return  # somebody else was faster
        size = max(size, -left) if left > 0 else min(size, -left)
    done = world.exchange.move(order.symbol, size, order.ticket, order=order)
    world.tell(f"order {order.client_id}: executed {size} {order.symbol} as {done.execution_id}")
    report(world, done, order, how)
    if last and how != "untracked":
        if world.is_on("lost_ack"):
            world.tally.fault("lost_ack")
        else:
            world.send(_update(order, whole, "filled"))


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


def _update(order: Placed, quantity: Decimal, status: str) -> OrderUpdate:
    return OrderUpdate(
        client_order_id=order.client_id,
        symbol=order.symbol,
        side="sell" if quantity.is_signed() else "buy",
        type="market",
        quantity=quantity.copy_abs(),
        status=status,
        order_id=None if status == "pending" else order.order_id,
        filled=quantity.copy_abs() if status == "filled" else None,
    )


def _told(world: World, change: OrderUpdate | Fill | PositionSet) -> bool:
    """The process writes something down of its own accord; whether that is done."""
    from trueup.simulation.world import Letter

    return world.hand(Letter(change))


# -- others on the account -----------------------------------------------------------------------------------


def _held_key(world: World, which: int) -> Key | None:
    """One of the positions that exist, by number."""
    names = sorted(world.exchange.rows)
    return names[which % len(names)] if names else None


def _manual(world: World, which: int, symbol: int, lots: int) -> None:
    """Somebody trades by hand: more of something, less of it, or a new position."""
    key = _held_key(world, which) if which % 2 else None
    row = None if key is None else world.exchange.rows[key]
    name = SYMBOLS[symbol] if row is None else row.symbol
    ticket = row.ticket if row is not None else world.exchange.next_id() if world.settings.mode == "hedging" else None
    done = world.exchange.move(name, lots * LOT, ticket)
    world.tally.fault("manual_trade")
    world.tell(f"by hand: {done.signed_quantity} {name} (ticket {ticket})")


def _second_system(world: World, symbol: int, lots: int, pushed: int) -> None:
    """Another system trades on the same account; its executions may be pushed at us too."""
    ticket = world.exchange.next_id() if world.settings.mode == "hedging" else None
    done = world.exchange.move(SYMBOLS[symbol], lots * LOT, ticket)
    world.tally.fault("second_system")
    world.tell(f"a second system: {done.signed_quantity} {done.symbol} as {done.execution_id}")
    if pushed and world.settings.bot == "fills":
        world.send(fill_of(world, done, None, "untracked"), pushed=True)


def _closed_by_broker(world: World, which: int, pushed: int) -> None:
    """The broker closes a position by itself (L40)."""
    key = _held_key(world, which)
    if key is None:
        return
    row = world.exchange.rows[key]
    done = world.exchange.move(row.symbol, -row.signed_quantity, row.ticket)
    world.tally.fault("liquidation")
    world.tell(f"the broker liquidates {key}")
    if pushed and world.settings.bot == "fills":
        world.send(fill_of(world, done, None, "untracked"), pushed=True)


def _redraw(world: World, which: int, name: str, change: Callable[[BrokerPosition], BrokerPosition]) -> None:
    key = _held_key(world, which)
    if key is None:
        return
    row = world.exchange.rows[key]
    now = change(row)
    if now != row:
        world.exchange.set(key, now)
        world.tally.fault(name)
        world.tell(f"{name}: {key} is {now.signed_quantity} at {now.price}, stop {now.stop}")


def _split(world: World, which: int, ratio: int) -> None:
    def change(row: BrokerPosition) -> BrokerPosition:
        price = None if row.price is None else row.price / ratio
        return replace(row, signed_quantity=row.signed_quantity * ratio, price=price)

    _redraw(world, which, "split", change)


def _base_fee(world: World, which: int) -> None:
    """A fee is taken in what is held (L37)."""
    fee = Decimal("0.999")
    _redraw(world, which, "base_fee", lambda row: replace(row, signed_quantity=row.signed_quantity * fee))


def _stop_moved(world: World, which: int, percent: int) -> None:
    def change(row: BrokerPosition) -> BrokerPosition:
        return replace(row, stop=Stop(None if not percent else PRICES[row.symbol] * percent / 100))

    _redraw(world, which, "stop_moved", change)


def _price_moved(world: World, which: int, percent: int) -> None:
    _redraw(world, which, "price_moved", lambda row: replace(row, price=PRICES[row.symbol] * percent / 100))


def _rename(world: World) -> None:
    if not world.exchange.renamed:
        world.exchange.renamed = True
        world.tally.fault("symbol_rename")
        world.tell("the broker calls EURUSD by another name")


# -- what our own process gets wrong ---------------------------------------------------------------------------


def _invented(world: World, symbol: int, lots: int) -> None:
    """The process records a fill that the broker never had."""
    number = len(world.invented)
    ticket = f"9{number}" if world.settings.mode == "hedging" else None
    name = SYMBOLS[symbol]
    done = Execution(f"invented-{number}", name, lots * LOT, price=PRICES[name], ticket=ticket)
    change = fill_of(world, done, None, "untracked")
    if world.settings.bot == "positions":
        row = BrokerPosition(name, lots * LOT, ticket=ticket)
        taken = _told(world, position_set(done, row))
    else:
        taken = _told(world, change)
    if taken:
        world.invented.add(done.execution_id)
        world.tally.fault("invented_fill")
        world.tell(f"the process records {lots * LOT} {name} that never was")


# -- processes, disks and clocks -------------------------------------------------------------------------------


def _kill(world: World) -> None:
    if world.process is not None and world.process.alive:
        world.tally.fault("kill")
        world.process.die()


def _power_cut(world: World, transactions: int) -> None:
    """The machine stops: what was never synced is gone."""
    if world.process is None or not world.process.alive:
        return
    world.tally.fault("power_cut")
    world.process.die()
    before = world.disk.written[-1].position if world.disk.written else 0
    left = world.disk.lose_tail(transactions)
    if left < before:
        world.tally.fault("lost_tail")
        world.kept = [one for one in world.kept if one.position <= left]
    world.tell(f"power cut: the journal ends at {left}, before it was {before}")


def _restart(world: World, which: int) -> None:
    """The process is started anew, under other rules."""
    policies = (world.settings.policy, *world.settings.policies)
    if world.process is not None and world.process.alive:
        world.policy = policies[which % len(policies)]
        world.tally.fault("restart_with_another_policy")
        world.process.die()


def _disk(world: World, kind: int, times: int) -> None:
    """The coming appends go wrong."""
    trouble = ("refused", "unsure", "die_before", "die_after")[kind]
    world.disk.troubles.extend([trouble] * times)  # type: ignore[list-item]


def _disk_full(world: World, ms: int) -> None:
    world.disk.full = True
    world.tally.fault("disk_full")
    world.tell("the disk is full")

    def freed() -> None:
        world.disk.full = False
        world.tell("there is room on the disk again")

    world.loop.after_ms(ms, freed)


def _wall_jump(world: World, ms: int) -> None:
    world.wall.offset_ns += ms * MS
    world.tally.fault("wall_jump")
    world.tell(f"the wall clock is set by {ms} ms")


def _rival(world: World) -> None:
    """A second process wants to be the writer, and must not become it."""
    if world.process is None or not world.process.alive or world.process.rec is None:
        return
    world.tally.fault("rival")
    try:
        writer = world.disk.writer()
    except JournalError:
        world.tell("a second process was kept out")
        return
    writer.close()
    world.errors.append("two processes hold one account")


def _thief(world: World) -> None:
    """The lock was lost, and a second process appends; the first must notice, and step down."""
    process = world.process
    if process is None or not process.alive or process.rec is None:
        return
    world.tally.fault("stolen_lock")
    writer = world.disk.thief()
    try:
        clock = VirtualClock(world.loop, world.wall, zero_ns=99)
        claim = Claim(policy=world.policy, position_mode=world.settings.mode, process="thief")
        world.disk.committed(Ledger(writer, clock, claim).state.position)
    finally:
        writer.close()
    world.tell("another process appended behind the writer's back")


def _snapshot(world: World) -> None:
    process = world.process
    if process is None or not process.alive or process.ledger is None:
        return
    try:
        process.ledger.save_snapshot()
    except JournalError:
        return  # the disk has trouble just now, and a snapshot is only a convenience
    except Died:
        process.die()
        return
    world.tally.cover("snapshots")


def _dry_run(world: World) -> None:
    process = world.process
    if process is not None and process.alive and process.rec is not None:
        world.tally.cover("dry runs")
        process.also(process.rec.detect_drift())


def _ask_now(world: World) -> None:
    process = world.process
    if process is not None and process.alive and process.rec is not None:
        process.also(process.rec.sync_positions())


def _reconnect(world: World) -> None:
    if world.process is not None and world.process.alive:
        world.process.broker.disconnect()


# -- whoever looks ---------------------------------------------------------------------------------------------


def _probe(world: World, symbol: int, lots: int) -> None:
    world.may_send(SYMBOLS[symbol], lots * LOT)


def _operator(world: World, right: int) -> None:
    if right:
        world.operate("ack", {"what": "mass-absence"})
    else:
        world.operate("abracadabra", {})


def _fault(world: World, name: int, ms: int) -> None:
    """Something lasting goes wrong with answers or messages."""
    world.until_ms[LASTING[name]] = world.now_ms + ms
    world.tell(f"{LASTING[name]} for {ms} ms")


LASTING: Final = (
    "silence", "raises", "failure", "failure_with_list", "garbage", "rate_limit", "maintenance", "cut_off",
    "page_cut", "refused_row", "unreadable_row", "contradiction", "empty_answer", "short_answer", "slow_answer",
    "stale_answer", "lost_message", "late_message", "duplicate_message", "lost_order", "lost_ack", "pushed_first",
)  # fmt: skip
"""Faults that last for a while, by number: scenarios hold numbers only."""

_DOING: Final[dict[str, Callable[..., Any]]] = {
    "trade": _trade,
    "close": _close,
    "manual": _manual,
    "second_system": _second_system,
    "liquidation": _closed_by_broker,
    "split": _split,
    "base_fee": _base_fee,
    "stop_moved": _stop_moved,
    "price_moved": _price_moved,
    "rename": _rename,
    "invented": _invented,
    "kill": _kill,
    "power_cut": _power_cut,
    "restart": _restart,
    "disk": _disk,
    "disk_full": _disk_full,
    "wall_jump": _wall_jump,
    "rival": _rival,
    "thief": _thief,
    "snapshot": _snapshot,
    "dry_run": _dry_run,
    "ask_now": _ask_now,
    "reconnect": _reconnect,
    "probe": _probe,
    "operator": _operator,
    "fault": _fault,
}
HAPPENINGS: Final = tuple(_DOING)
__all__ = ["ACCOUNT", "HAPPENINGS", "LASTING", "happen"]
