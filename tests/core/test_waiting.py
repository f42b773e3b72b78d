"""When is another question worth asking, and does its answer then count?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lessons.world import LAG_MS, STEP_MS, World, fill, held, pending, row
from trueup import Policy
from trueup.model import Refusal
from trueup.passes import Passes
from trueup.ports import Answer, Question
from trueup.reconciliation.settling import unsettled
from trueup.reconciliation.waiting import MARGIN_NS, next_question_ns
from trueup.testing.broker import SimulatedBroker

Worlds = Callable[..., World]
MS = 1_000_000


def wait_ms(w: World) -> float | None:
    """Milliseconds until the next question, the margin apart."""
    wait = next_question_ns(w.state, w.ledger.now())
    return None if wait is None else (wait - MARGIN_NS) / MS


def settled_then(w: World, symbol: str) -> None:
    """After that wait an answer counts for the symbol, and a moment before it does not."""
    wait = next_question_ns(w.state, w.ledger.now())
    assert wait is not None

    def why(ns: int) -> str | None:
        now = w.ledger.now()
        asked = type(now)(now.at_ns + ns, now.tick_ns + ns, now.epoch)
        return unsettled(w.state, w.state.slot(symbol), symbol, asked, w.state.settle_ns("positions"))

    assert why(wait) is None
    assert why(wait - 2 * MARGIN_NS) is not None


def test_nothing_open_nothing_asked(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    assert wait_ms(w) is None
    w.sees(row("EURUSD", "1"))
    assert wait_ms(w) is None


def test_a_break_seen_once_waits_for_an_independent_answer(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.sees(row("EURUSD", "1"))
    assert wait_ms(w) == LAG_MS
    w.passes(ms=500)
    assert wait_ms(w) == LAG_MS - 500
    w.passes(ms=5_000)
    assert wait_ms(w) == 0, "never negative"
    w.sees(row("EURUSD", "1"))
    assert wait_ms(w) is None


def test_the_soonest_of_several_decides(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("USDJPY", "1"), held("GBPUSD", "1"))
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"), row("GBPUSD", "1"))
    w.sees(row("EURUSD", "3"), row("USDJPY", "2"), row("GBPUSD", "1"), step_ms=500)
    assert wait_ms(w) == LAG_MS
    w.passes(ms=700)
    w.sees(row("EURUSD", "3"), row("USDJPY", "2"), row("GBPUSD", "2"), step_ms=0)
    assert wait_ms(w) == LAG_MS - 710


def test_a_fresh_change_is_waited_for(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"), step_ms=100)
    assert wait_ms(w) == LAG_MS - 110
    settled_then(w, "EURUSD")


def test_a_key_that_the_book_never_held_and_an_order_that_ended_on_it(world: Worlds) -> None:
    w = world(pending("c1", "EURUSD"), pending("c1", "EURUSD", "filled"))
    w.sees(row("EURUSD", "1"), step_ms=100)
    assert wait_ms(w) == LAG_MS - 110
    settled_then(w, "EURUSD")


def test_an_order_in_flight_is_waited_for_at_most_its_limit(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), pending("c1", "EURUSD"))
    w.sees(row("EURUSD", "2"), step_ms=29_000)
    assert wait_ms(w) == 30_000 - 29_010
    settled_then(w, "EURUSD")


def test_an_order_of_a_dead_epoch_is_waited_for_until_this_one_has_settled(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), pending("c1", "EURUSD"))
    w.restart(down_s=60)
    w.sees(row("EURUSD", "2"), step_ms=100, kind="startup")
    assert w.state.breaks["EURUSD"][0].sightings.count == 0
    assert wait_ms(w) == LAG_MS - 110
    settled_then(w, "EURUSD")


def test_a_start_up_pass_asks_as_often_as_needed_and_no_oftener(world: Worlds) -> None:
    """With an order of a dead epoch on the symbol: once at the start, once when settled, once to confirm."""
    broker = SimulatedBroker(position_mode="netting", lag_ms_max=LAG_MS)
    broker.open("EURUSD", "long", "2")
    w = world(held("EURUSD", "1"), pending("c1", "EURUSD"))
    w.restart(down_s=60)
    report = asyncio.run(Passes(w.ledger, broker, w.clock).run("startup"))
    assert report.status == "SUCCESS"
    assert w.book == {"EURUSD": "2"}
    assert [one.surface for one in broker.asked] == ["positions", "fills", "positions", "positions"]


def test_a_broker_that_was_not_heard_is_not_waited_for(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.fails()
    assert wait_ms(w) is None
    w.sees(row("EURUSD", "1"))
    assert wait_ms(w) is not None
    w.fails()
    assert wait_ms(w) is None


@pytest.mark.parametrize(("policy", "waits"), [(Policy.adopt(), False), (Policy.guarded(), False)])
def test_what_a_human_decides_is_not_waited_for(world: Worlds, policy: Policy, waits: bool) -> None:
    w = world(held("EURUSD", "1"), held("USDJPY", "1"), policy=policy)
    w.sees(row("EURUSD", "2"), row("USDJPY", "1"), times=2)
    assert (wait_ms(w) is not None) is waits


def test_a_partial_answer_cannot_settle_a_ghost(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.sees(row("EURUSD", "1"))
    w.sees_part(row("EURUSD", "1"), refused=[Refusal(2, "NaN", symbol="GBPUSD")])
    assert wait_ms(w) is None
    w.sees_part(row("EURUSD", "2"), refused=[Refusal(2, "NaN", symbol="GBPUSD")])
    assert wait_ms(w) == LAG_MS, "but a drift in what it states it can"


def test_an_empty_answer_deserves_a_second_look_once_in_an_epoch(world: Worlds) -> None:
    w = world()
    w.sees()
    assert wait_ms(w) == LAG_MS
    w.sees()
    assert wait_ms(w) is None
    w.restart()
    w.sees()
    assert wait_ms(w) == LAG_MS
    w = world()
    w.sees_part()
    assert wait_ms(w) is None, "a partial one is not empty but unknown"


def test_a_mass_absence_deserves_one_too_and_is_then_for_others_to_settle(world: Worlds) -> None:
    symbols = ("AUDUSD", "EURUSD", "GBPUSD", "USDJPY")
    w = world(*(held(symbol, "1") for symbol in symbols))
    w.sees(*(row(symbol, "1") for symbol in symbols))
    w.sees(row("EURUSD", "1"), step_ms=STEP_MS)
    assert wait_ms(w) == LAG_MS
    w.sees(row("EURUSD", "1"))
    assert w.state.hold is not None
    assert wait_ms(w) is None
    w.says("ack", what="mass-absence")
    assert wait_ms(w) == LAG_MS, "acknowledged, they are ordinary ghosts"


# -- settling ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ms", "settled"), [(0, False), (LAG_MS - 1, False), (LAG_MS, True), (LAG_MS + 1, True)])
@pytest.mark.parametrize("what", ["fill", "position", "order"])
def test_a_key_settles_after_the_lag(world: Worlds, ms: int, settled: bool, what: str) -> None:
    w = world(held("USDJPY", "1"), pending("c1", "EURUSD"))
    w.passes(s=100)
    if what == "order":
        w.record(pending("c1", "EURUSD", "rejected"))
    else:
        w.record(pending("c1", "EURUSD", "accepted"))
        w.passes(s=100)
        w.record(fill("x1", "EURUSD", "1") if what == "fill" else held("EURUSD", "1"))
    w.sees(row("EURUSD", "5"), row("USDJPY", "1"), step_ms=ms)
    assert w.state.breaks["EURUSD"][0].sightings.count == int(settled)


@pytest.mark.parametrize(
    ("settle_ms", "ms", "settled"), [(5_000, 4_999, False), (5_000, 5_000, True), (1, 1_999, False)]
)
def test_the_policy_may_ask_for_more_patience_than_the_lag_and_not_for_less(
    world: Worlds, settle_ms: int, ms: int, settled: bool
) -> None:
    w = world(held("EURUSD", "1"), policy=Policy.adopt(settle_ms=settle_ms))
    w.sees(row("EURUSD", "5"), step_ms=ms)
    assert w.state.breaks["EURUSD"][0].sightings.count == int(settled)


@pytest.mark.parametrize(("lag", "ms", "settled"), [(500, 499, False), (500, 500, True), (None, LAG_MS - 1, False)])
def test_the_policys_lag_goes_before_the_adapters(world: Worlds, lag: int | None, ms: int, settled: bool) -> None:
    policy = Policy.adopt(lag_ms_max={} if lag is None else {"positions": lag})
    w = world(held("EURUSD", "1"), policy=policy)
    w.sees(row("EURUSD", "5"), step_ms=ms)
    assert w.state.breaks["EURUSD"][0].sightings.count == int(settled)


@pytest.mark.parametrize(
    ("status", "ms", "flies"),
    [
        ("pending", 29_000, True), ("pending", 30_000, True), ("pending", 30_001, False), ("accepted", 29_000, False),
        ("partially_filled", 29_000, False), ("held for review", 30_000, True), ("held for review", 30_001, False),
    ],
)  # fmt: skip
def test_an_order_flies_until_it_is_acknowledged_and_thirty_seconds_at_most(
    world: Worlds, status: str, ms: int, flies: bool
) -> None:
    """An order that rests at the broker is not in flight; a status nobody knows changes nothing (L41)."""
    w = world(held("USDJPY", "1"), pending("c1", "EURUSD"))
    if status != "pending":
        w.record(pending("c1", "EURUSD", status))
    w.sees(row("EURUSD", "1"), row("USDJPY", "1"), step_ms=ms)
    assert w.state.breaks["EURUSD"][0].sightings.count == int(not flies)


@pytest.mark.parametrize(("ms", "flies"), [(0, True), (LAG_MS - 1, True), (LAG_MS, False)])
def test_an_order_of_a_dead_epoch_flies_until_this_one_has_settled(world: Worlds, ms: int, flies: bool) -> None:
    """However long ago it was sent, and however short: what was under way has arrived by then."""
    for down_s in (0, 3_600):
        w = world(held("USDJPY", "1"), pending("c1", "EURUSD"))
        w.restart(down_s=down_s)
        w.sees(row("EURUSD", "1"), row("USDJPY", "1"), step_ms=ms)
        assert w.state.breaks["EURUSD"][0].sightings.count == int(not flies)


def test_one_of_several_orders_in_flight_is_enough(world: Worlds) -> None:
    w = world(held("USDJPY", "1"), pending("c1", "EURUSD"))
    w.passes(s=20)
    w.record(pending("c2", "EURUSD"), pending("c3", "GBPUSD"))
    w.record(pending("c2", "EURUSD"))
    assert w.state.in_flight["EURUSD"] == ("c1", "c2")
    w.passes(s=15)
    w.sees(row("EURUSD", "1"), row("USDJPY", "1"))
    assert w.state.breaks["EURUSD"][0].why == "order c2 on EURUSD is in flight"
    w.record(pending("c2", "EURUSD", "canceled"))
    assert w.state.in_flight["EURUSD"] == ("c1",)
    w.record(pending("c1", "EURUSD", "accepted"))
    assert "EURUSD" not in w.state.in_flight
    assert "GBPUSD" in w.state.in_flight


def test_a_resting_order_that_changes_its_status_unsettles_nothing(world: Worlds) -> None:
    w = world(held("USDJPY", "1"), pending("c1", "EURUSD"), pending("c1", "EURUSD", "accepted"))
    w.passes(s=60)
    w.record(pending("c1", "EURUSD", "partially_filled"))
    w.sees(row("EURUSD", "1"), row("USDJPY", "1"), step_ms=1)
    assert w.state.breaks["EURUSD"][0].sightings.count == 1


def test_a_look_up_at_the_moment_that_was_waited_for_counts(world: Worlds) -> None:
    """However long the broker took over the last one: a look-up that comes too soon to be a witness is for nothing."""
    w = world(pending("c1", "DAX", "accepted"), orders=True)
    w.sees(times=2)
    w.deals()
    w.lists()
    question = Question(surface="order", client_order_id="c1")
    for count in (1, 2):
        wait = next_question_ns(w.state, w.ledger.now())
        assert wait is not None
        w.answered(
            Answer(completeness="complete"), surface="order", question=question, step_ms=wait // MS + 1, took_ms=1_500
        )
        assert w.state.order_breaks["c1"][0].sightings.count == count
