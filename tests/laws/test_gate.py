"""Law 9: can the gate ever be open while nothing is verified, or more be permitted than is live, whatever crosses?"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from laws.profiles import tried
from laws.steps import ANY, Step, play
from laws.stores import FakeClock, ListJournal
from laws.test_values import MODES, NAMED
from laws.world import SYMBOLS, World, impatient, patient
from trueup import Fill, GateRefusal, Intent, OrderUpdate, Permit, Policy, PositionSet
from trueup.events import decode
from trueup.facts import Observed, WriterClaimed
from trueup.ledger import Claim, Ledger
from trueup.model import BrokerPosition
from trueup.ports import Answer, Capabilities, Question, failed
from trueup.proving import Prover

LAG_MS = 1_000
LIVE = Decimal(4)
PERMIT_MS = 5_000


# -- never open while unverified -----------------------------------------------------------------------------


def verified_ago_ns(world: World) -> int | None:
    """How long ago a pass of this epoch asked what the broker answered; our own look at what is stored."""
    asked: int | None = None
    for name, state in world.journal.stored:
        event = decode(name, state)
        if isinstance(event, WriterClaimed):
            asked = None
        elif isinstance(event, Observed) and event.surface == "positions" and event.pass_kind != "proof":
            asked = event.asked.tick_ns if event.completeness in ("complete", "partial") else asked
    return None if asked is None else world.ledger.now().tick_ns - asked


@tried(150)
@given(steps=ANY, mode=MODES, named_by=NAMED, holds=st.booleans(), warns=st.booleans(), age_s=st.integers(1, 40))
def test_law_9_the_gate_is_never_open_while_nothing_is_verified(
    steps: list[Step], mode, named_by, holds: bool, warns: bool, age_s: int
) -> None:
    """After every step, whatever happened: who gets None was verified, by an answer of this epoch, no longer ago than
    the policy allows, into a journal that can be written. What warns is never None, and a cancel always passes."""
    knobs: dict[str, Any] = {"verified_age_s_max": age_s, "unverified": "warn" if warns else "block"}
    world = World(mode, impatient(**knobs) if holds else patient(**knobs), named_by=named_by)
    for step in steps:
        play(world, [step])
        gate, ago = world.ledger.gate, verified_ago_ns(world)
        sound = ago is not None and ago <= age_s * 1_000_000_000 and world.ledger.failure is None
        for symbol in SYMBOLS:
            assert gate.check(Intent(symbol=symbol, side="buy", quantity=1, kind="cancel")) is None
            found = gate.check(Intent(symbol=symbol, side="buy", quantity=1))
            if found is None:
                assert sound, (step, ago)
            elif not isinstance(found, GateRefusal):
                assert warns
                assert world.ledger.failure is None


# -- never more than is live ---------------------------------------------------------------------------------


class Deferred:
    """A broker that answers when the test says so, as things stood at some moment within its lag."""

    capabilities = Capabilities(
        source="deferred", position_mode="netting", surfaces=frozenset({"positions"}),
        lag_ms_max={"positions": LAG_MS},
    )  # fmt: skip
    connections = 1

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.truth = LIVE
        self.history: list[tuple[int, Decimal]] = [(-(10**18), LIVE)]
        self.waiting: list[tuple[int, asyncio.Future[Answer]]] = []

    async def ask(self, question: Question) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.waiting.append((self.clock.monotonic_ns(), answer))
        return await answer

    def trade(self, quantity: Decimal) -> None:
        self.truth -= quantity
        self.history.append((self.clock.monotonic_ns(), self.truth))

    def answer(self, which: int, stale_ms: int) -> None:
        """Answer a question as things stood so long before it was asked; or, negative, at some moment since."""
        asked_ns, waiting = self.waiting.pop(which % len(self.waiting))
        at_ns = min(asked_ns - stale_ms * 1_000_000, self.clock.monotonic_ns())
        held = [left for since, left in self.history if since <= at_ns][-1]
        row = BrokerPosition("EURUSD", held)
        if not waiting.done():
            waiting.set_result(Answer(completeness="complete", positions={"EURUSD": row} if held else {}))

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Trader:
    """Whoever wants to sell, keeps to the rules, and is slow about it."""

    name: str
    quantity: Decimal
    task: asyncio.Task[Permit | GateRefusal]
    permitted_ns: int | None = None
    recorded: bool = False
    ended: bool = False
    filled: Decimal = Decimal(0)
    told: Decimal = Decimal(0)


@dataclass
class Floor:
    """Many traders, one position, one ledger."""

    by_fills: bool = False
    """Whether fills move the book, or whole positions."""
    clock: FakeClock = field(default_factory=FakeClock)
    traders: list[Trader] = field(default_factory=list)

    def open(self) -> None:
        self.broker = Deferred(self.clock)
        policy = Policy.observe(permit_ms_max=PERMIT_MS, retries_max=0)
        claim = Claim(policy=policy, source="deferred", lag_ms_max={"positions": LAG_MS}, position_mode="netting")
        self.ledger = Ledger(ListJournal(), self.clock, claim)
        opened = Fill(execution_id="x0", symbol="EURUSD", side="buy", quantity=LIVE, price=1)
        self.ledger.record(opened if self.by_fills else PositionSet(symbol="EURUSD", side="long", quantity=LIVE))
        self.clock.advance(60_000)
        self.prover = Prover(self.ledger, self.broker, self.clock)

    def order(self, one: Trader, status: str, filled: Decimal) -> None:
        self.ledger.record(
            OrderUpdate(
                client_order_id=one.name, symbol="EURUSD", side="sell", type="limit", quantity=one.quantity,
                status=status, filled=filled,
            )
        )  # fmt: skip

    # -- steps ---------------------------------------------------------------------------------------------

    def want(self, quantity: int) -> None:
        name = f"t{len(self.traders)}"
        intent = Intent(
            symbol="EURUSD", side="sell", quantity=quantity, reduce_only=True,
            client_order_id=name if quantity % 2 else None,
        )  # fmt: skip
        work: Coroutine[Any, Any, Permit | GateRefusal] = self.prover.prove(intent, 30)
        self.traders.append(Trader(name, Decimal(quantity), asyncio.ensure_future(work)))

    def answer(self, which: int, stale_ms: int) -> None:
        if self.broker.waiting:
            self.broker.answer(which, stale_ms)

    async def sold(self, quantity: int) -> None:
        """Wanted, answered, recorded and sent at once: one more order that works."""
        self.want(quantity)
        await self.idle()
        self.answer(len(self.broker.waiting) - 1, 0)
        await self.idle()
        self.send(-1)

    def send(self, which: int) -> None:
        """Record the order as pending, in time, and send it."""
        due = [one for one in self.traders if one.permitted_ns is not None and not one.recorded]
        if due:
            one = due[which % len(due)]
            one.recorded = True
            if self.clock.monotonic_ns() - one.permitted_ns <= PERMIT_MS * 1_000_000:  # type: ignore[operator]
                self.order(one, "pending", Decimal(0))
            else:
                one.ended = True  # too late: it is never sent

    def fill(self, which: int, part: int) -> None:
        working = [one for one in self.traders if one.recorded and not one.ended and one.filled < one.quantity]
        if working:
            one = working[which % len(working)]
            quantity = min(Decimal(part), one.quantity - one.filled)
            one.filled += quantity
            self.broker.trade(quantity)

    def tell(self, which: int, how: str) -> None:
        """Record what was filled: as executions, as the order's own word, or not before it is cancelled."""
        known = [one for one in self.traders if one.recorded and one.filled > one.told]
        if not known:
            return
        one = known[which % len(known)]
        if how == "fill":
            news = one.filled - one.told
            self.ledger.record(
                Fill(
                    execution_id=f"{one.name}-{one.filled}", symbol="EURUSD", side="sell", quantity=news, price=1,
                    client_order_id=one.name,
                )
            )  # fmt: skip
        else:
            self.order(one, "filled" if one.filled == one.quantity else "partially_filled", one.filled)
        one.told = one.filled

    def cancel(self, which: int) -> None:
        working = [one for one in self.traders if one.recorded and not one.ended and one.told < one.quantity]
        if working:
            one = working[which % len(working)]
            one.ended = True
            self.order(one, "canceled", one.told)  # what was filled and not told yet is told later (L17)

    def wait(self, ms: int) -> None:
        self.clock.advance(ms)

    def claimed(self) -> Decimal:
        """All that may still be taken: permits that hold, and orders that work."""
        now_ns = self.clock.monotonic_ns()
        total = Decimal(0)
        for one in self.traders:
            if one.recorded and not one.ended:
                total += one.quantity - one.filled
            elif not one.recorded and one.permitted_ns is not None:
                total += one.quantity if now_ns - one.permitted_ns <= PERMIT_MS * 1_000_000 else 0
        return total

    async def idle(self) -> None:
        """Let everything that can go on go on; note what was permitted."""
        for _ in range(20):
            await asyncio.sleep(0)
        for one in self.traders:
            if one.permitted_ns is None and one.task.done() and isinstance(one.task.result(), Permit):
                one.permitted_ns = self.clock.monotonic_ns()

    async def played(self, steps: list[Step]) -> int:
        self.open()
        for name, *arguments in steps:
            done = getattr(self, name)(*arguments)
            if done is not None:
                await done
            await self.idle()
            assert self.broker.truth >= 0, f"turned over by {name}"
            assert self.claimed() <= self.broker.truth, f"more was permitted than is live, after {name}"
        while self.broker.waiting:
            self.broker.waiting.pop()[1].set_result(failed("the day is over"))
            await self.idle()
        await asyncio.gather(*(one.task for one in self.traders))
        return sum(one.permitted_ns is not None for one in self.traders)


_N = st.integers(0, 3)
_STALE = st.sampled_from([0, 1, 500, LAG_MS, LAG_MS, -500, -100_000])
FLOOR: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.tuples(st.just("want"), st.integers(1, 4)),
        st.tuples(st.just("sold"), st.integers(1, 4)),
        st.tuples(st.just("answer"), _N, _STALE),
        st.tuples(st.just("answer"), _N, _STALE),
        st.tuples(st.just("send"), _N),
        st.tuples(st.just("fill"), _N, st.integers(2, 4)),
        st.tuples(st.just("tell"), _N, st.sampled_from(["fill", "order"])),
        st.tuples(st.just("cancel"), _N),
        st.tuples(st.just("wait"), st.sampled_from([1, 400, LAG_MS, PERMIT_MS, PERMIT_MS + 1])),
    ),
    min_size=4,
    max_size=30,
)
STALE_AGAIN: list[Step] = [("want", 4), ("answer", 0, LAG_MS)]
"""Somebody else wants all of it, and the broker still shows what it held before."""


@tried(400)
@given(steps=FLOOR, by_fills=st.booleans())
@example(steps=[("sold", 4), ("fill", 0, 4), ("tell", 0, "order"), *STALE_AGAIN], by_fills=False)
@example(steps=[("sold", 4), ("fill", 0, 4), ("tell", 0, "order"), *STALE_AGAIN], by_fills=True)
@example(steps=[("sold", 4), ("fill", 0, 4), ("tell", 0, "fill"), *STALE_AGAIN], by_fills=False)
@example(steps=[("sold", 4), ("fill", 0, 4), ("tell", 0, "fill"), *STALE_AGAIN], by_fills=True)
@example(steps=[("sold", 4), ("fill", 0, 4), ("cancel", 0), *STALE_AGAIN], by_fills=True)
@example(steps=[("sold", 4), ("fill", 0, 2), ("tell", 0, "order"), ("cancel", 0), *STALE_AGAIN], by_fills=False)
@example(
    steps=[("want", 4), ("wait", 3_000), ("sold", 4), ("fill", 0, 4), ("tell", 0, "fill"), ("wait", 3_000),
           ("answer", 0, 0)],
    by_fills=True,
)  # fmt: skip
@example(
    steps=[("want", 2), ("answer", 0, 0), ("want", 1), ("answer", 0, 0), ("want", 3), ("answer", 0, 0)], by_fills=True
)
def test_law_9_no_more_is_ever_permitted_than_is_live_however_things_cross(steps: list[Step], by_fills: bool) -> None:
    """Stale answers, fills that nobody has told yet, cancels that crossed a fill, permits that lapse, in any order."""
    asyncio.run(Floor(by_fills).played(steps))


def test_law_9_and_all_of_it_can_be_had() -> None:
    """Refusing everything would keep the law above; so: with nobody in the way the whole position is permitted."""
    steps: list[Step] = []
    for _ in range(4):
        steps += [("want", 1), ("answer", 0, 0), ("send", 0), ("fill", 0, 1), ("tell", 0, "fill"), ("wait", LAG_MS)]
    floor = Floor()
    assert asyncio.run(floor.played(steps)) == 4
    assert floor.broker.truth == 0
