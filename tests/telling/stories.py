"""How do these tests tell a story and look back at it?"""

from __future__ import annotations

from collections.abc import Iterator

from lessons.world import World, fill, row
from trueup import Instrument, Policy, PushedExecution
from trueup.decisions import BreakMoved, FillAdopted
from trueup.events import Event
from trueup.journal import open_reader
from trueup.reconciliation.fold import fold
from trueup.reconciliation.state import State
from trueup.telling import Explanation, Target, explain, find


class MadePast:
    """A past that is a list of events, positions from 1; raw replies are kept, but for those named."""

    account = "mt5:5001"

    def __init__(self, events: list[Event], missing: tuple[bytes, ...] = ()) -> None:
        self._events = list(enumerate(events, start=1))
        self._missing = missing

    def events(self, first: int = 1, last: int | None = None) -> Iterator[tuple[int, Event]]:
        return iter(self._events[first - 1 : last])

    def state(self, position: int) -> State:
        return fold(State(account=self.account), self._events[:position])

    def has_raw(self, digest: bytes) -> bool:
        return digest not in self._missing


def past_of(world: World, missing: tuple[bytes, ...] = ()) -> MadePast:
    """Everything that happened in a world so far."""
    return MadePast([one.event for one in world.journal()], missing)


def past_in(url: str, account: str) -> MadePast:
    """Everything in a store's journal."""
    with open_reader(url, account) as reader:
        return MadePast([one.event for one in reader.read()])


def last_correction(world: World) -> Explanation:
    """The latest correction, explained."""
    past = past_of(world)
    made = [at for at, event in past.events() if isinstance(event, BreakMoved | FillAdopted) and event.correction]
    (target,) = find(f"@{made[-1]}", past.events())
    return explain(past, target)


def last_break(world: World) -> Explanation:
    """The break that was moved last, explained as a break."""
    past = past_of(world)
    moved = [(at, event) for at, event in past.events() if isinstance(event, BreakMoved)]
    position, event = moved[-1]
    return explain(past, Target("break", event.steps[-1].break_id, position))


def weighed(told: Explanation, what: str) -> list[tuple[str, str]]:
    """(finding, why) of what was weighed under that name."""
    return [(one.finding, one.why) for one in told.considered if what in one.what]


def rule(told: Explanation, name: str) -> tuple[str, str]:
    """(value, source) of a rule that was in force."""
    (found,) = [(one.value, one.source) for one in told.rules if one.name == name]
    return found


def told_into(url: str) -> None:
    """A small journal of a hedging account: a baseline, a ghost that a late fill explains, drift, alias, pushes."""
    policy = Policy.adopt(on_recovery="quarantine", instruments={"BTCUSD": Instrument("coins", aliases=("BTC/USD",))})
    w = World(mode="hedging", policy=policy, url=url)
    rows = [
        row(symbol, f"{n}.50", ticket=str(n), price="1.1000")
        for n, symbol in enumerate(("AUDUSD", "EURUSD", "GBPUSD", "USDJPY", "BTCUSD"), start=1)
    ]
    w.sees(*rows, kind="startup")
    w.record(fill("x1", "EURUSD", "-0.5", "1.2", ticket="2", client_order_id="c1", strategy="trend"))
    w.sees(rows[0], row("EURUSD", "2.0", ticket="2", price="1.1000"), *rows[2:], times=2)
    w.sees(rows[0], row("EURUSD", "1.0", ticket="2", price="1.1000"), *rows[2:], times=2)
    w.fails()
    left = (row("EURUSD", "1.0", ticket="2", price="1.1000"), *rows[2:])
    w.sees(*left, times=2)
    w.record(fill("x3", "AUDUSD", "-1.5", "1.3", ticket="1"))
    w.ledger.push(PushedExecution(fill=fill("x5", "GBPUSD", "-3.5", "1.5", ticket="3")))
    w.sees(*left, row("CADJPY", "-3", ticket="9"), times=2)
    w.ledger._journal.close()
    w._reader.close()
