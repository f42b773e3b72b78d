"""Law 3: does no message that is late, twice, or out of order make the book wrong?"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from laws.oracle import turns
from laws.profiles import tried
from laws.steps import ANY, HONEST, Step, play
from laws.stores import MS
from laws.world import LAG_MS, World, patient, quantities
from trueup.changes import OrderUpdate
from trueup.decisions import BreakMoved, FillAdopted
from trueup.facts import FillRecorded, Observed, OrderRecorded
from trueup.model import BrokerPosition, OrderStatus, PositionMode

MODES: st.SearchStrategy[PositionMode] = st.sampled_from(["netting", "hedging"])
NAMED: st.SearchStrategy[Literal["ticket", "order"]] = st.sampled_from(["ticket", "order"])


@tried(500)
@given(steps=HONEST, mode=MODES, named_by=NAMED, baseline=st.booleans(), priced=st.booleans())
def test_law_3_no_false_correction(
    steps: list[Step], mode: PositionMode, named_by: Literal["ticket", "order"], baseline: bool, priced: bool
) -> None:
    world = play(World(mode, named_by=named_by, baseline=baseline, priced=priced), steps)
    _held_then(world)
    world.hear_all()
    assert world.meant() == world.owed(), "all messages have arrived"
    made = len(world.made)
    world.look(4)
    assert [one.correction for one in world.made[made:]] == []
    assert world.book() == world.owed()


def _held_then(world: World) -> None:
    """Every correction gave its key what the broker held between asked - lag and received (i)."""
    for made in world.made:
        after = made.correction.after
        states = world.held(made.asked_ms - LAG_MS, made.received_ms)
        key = world.true_key(made.key)
        values = [quantities(state).get(key) for state in states]
        assert (None if after is None else after.signed_quantity) in values, made


SETTLE_MS = 3 * LAG_MS


@tried(200)
@given(steps=ANY)
def test_law_3_l13_what_is_unsettled_is_never_corrected(steps: list[Step]) -> None:
    """Not while an order on the symbol is in flight, nor until `settle_ms` after the last word on it."""
    steady = [
        step for step in steps if step[0] not in ("restart", "jump", "set")
    ]  # ticks tell the time, fills the rest
    world = play(World("netting", patient(settle_ms=SETTLE_MS)), steady)
    spoke: dict[str, int] = {}
    flying: dict[str, tuple[str, int]] = {}
    known: set[str] = set()
    for turn in turns(world.journal.stored):
        fact, now_ns = turn.fact, turn.fact.at.tick_ns
        if isinstance(fact, OrderRecorded):
            if fact.status is OrderStatus.PENDING:
                flying.setdefault(fact.client_order_id, (fact.symbol, now_ns))
            elif flying.pop(fact.client_order_id, None) is not None:
                spoke[fact.symbol] = now_ns
        elif isinstance(fact, FillRecorded) and fact.execution.execution_id not in known:
            known.add(fact.execution.execution_id)
            spoke[fact.execution.symbol] = now_ns
        for one in turn.decisions:
            if isinstance(one, BreakMoved) and one.correction is not None:
                assert isinstance(fact, Observed)
                asked_ns = fact.asked.tick_ns
                assert asked_ns - spoke.get(one.symbol, -SETTLE_MS * MS) >= SETTLE_MS * MS
                pending = [since for symbol, since in flying.values() if symbol == one.symbol]
                assert all(asked_ns - since > world.policy.in_flight_s_max * 1_000 * MS for since in pending)
                spoke[one.symbol] = now_ns
            if isinstance(one, FillAdopted):
                known.add(one.execution.execution_id)
                spoke[one.key] = now_ns


def test_law_3_l12_an_order_that_has_just_ended_unsettles_its_symbol() -> None:
    world = World(policy=patient(settle_ms=SETTLE_MS), baseline=False)
    world.change("AUD", BrokerPosition("AUD", Decimal(1)))
    world.clock.advance(60_000)
    order = OrderUpdate(client_order_id="o", symbol="AUD", side="buy", type="market", quantity=1, status="pending")
    world.record(order)
    world.record(replace(order, status="canceled"))
    world.look(1, apart_ms=SETTLE_MS // 2)  # its fill may be told after its end (L17): too early to say
    world.look(1, apart_ms=SETTLE_MS // 2)  # settled, and so the first to count
    assert world.book() == {}
    world.look(1)
    assert world.book() == {"AUD": Decimal(1)}
