"""What does each happening of a scenario do to the world?

Trades of our own process (`trading`), what others do on the account, what goes wrong with answers and messages, and
with disks, clocks and processes (`accidents`). Those that are faults are counted where they had an effect.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from trueup.model import BrokerPosition, Stop
from trueup.simulation import accidents, ordering, trading
from trueup.simulation.loop import MS
from trueup.simulation.scenario import LOT, PRICES, SYMBOLS, Happening
from trueup.simulation.trading import fill_of, held_key

if TYPE_CHECKING:
    from trueup.simulation.world import World


def happen(world: World, happening: Happening) -> None:
    """Let it happen; a happening whose time has passed into the liveness phase does not."""
    if world.quiet:
        return
    world.tally.steps += 1
    _DOING[happening.name](world, *happening.numbers)


# -- others on the account -----------------------------------------------------------------------------------


def _manual(world: World, which: int, symbol: int, lots: int) -> None:
    """Somebody trades by hand: more of something, less of it, or a new position."""
    key = held_key(world, which) if which % 2 else None
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
    key = held_key(world, which)
    if key is None:
        return
    row = world.exchange.rows[key]
    done = world.exchange.move(row.symbol, -row.signed_quantity, row.ticket)
    world.tally.fault("liquidation")
    world.tell(f"the broker liquidates {key}")
    if pushed and world.settings.bot == "fills":
        world.send(fill_of(world, done, None, "untracked"), pushed=True)


def _redraw(world: World, which: int, name: str, change: Callable[[BrokerPosition], BrokerPosition]) -> None:
    key = held_key(world, which)
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
    if world.settings.priced:
        _redraw(world, which, "price_moved", lambda row: replace(row, price=PRICES[row.symbol] * percent / 100))


def _rename(world: World) -> None:
    if not world.exchange.renamed:
        world.exchange.renamed = True
        world.tally.fault("symbol_rename")
        world.tell("the broker calls EURUSD by another name")


def _broker_clock(world: World, ms: int, everything: int) -> None:
    """The broker's clock goes wrong, or right again; what it stated before keeps its times, or does not (L46)."""
    world.exchange.set_clock(ms * MS, everything=bool(everything))
    world.tell(f"the broker's clock is set by {ms} ms{', and so is all that it dated before' if everything else ''}")


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
    "slow_order", "false_not_found", "unknown_status", "action_silence", "action_lost_ack", "action_refused",
    "action_raises", "action_late",
)  # fmt: skip
"""Faults that last for a while, by number: scenarios hold numbers only."""

_DOING: Final[dict[str, Callable[..., Any]]] = {
    "trade": trading.trade,
    "close": trading.close,
    "rest": ordering.rest,
    "foreign": ordering.foreign,
    "amended": ordering.amended,
    "manual": _manual,
    "second_system": _second_system,
    "liquidation": _closed_by_broker,
    "split": _split,
    "base_fee": _base_fee,
    "stop_moved": _stop_moved,
    "price_moved": _price_moved,
    "rename": _rename,
    "broker_clock": _broker_clock,
    "invented": trading.invented,
    "kill": accidents.kill,
    "power_cut": accidents.power_cut,
    "restart": accidents.restart,
    "disk": accidents.disk,
    "disk_full": accidents.disk_full,
    "wall_jump": accidents.wall_jump,
    "rival": accidents.rival,
    "thief": accidents.thief,
    "snapshot": accidents.snapshot,
    "dry_run": accidents.dry_run,
    "ask_now": accidents.ask_now,
    "reconnect": accidents.reconnect,
    "relayed": accidents.relayed,
    "probe": _probe,
    "operator": _operator,
    "fault": _fault,
}
HAPPENINGS: Final = tuple(_DOING)
