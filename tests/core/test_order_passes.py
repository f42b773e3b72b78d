"""What does a pass ask, and in which order, once orders are part of it?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lessons.world import LAG_MS, World, pending
from trueup import Policy
from trueup.facts import PassKind
from trueup.model import OrderStatus, Surface
from trueup.passes import PROBE_REST_PASSES, Passes
from trueup.policy import Protect
from trueup.report import PassReport
from trueup.testing.broker import ALL_ACTIONS, ALL_SURFACES, SimulatedBroker

Worlds = Callable[..., World]


class Desk:
    """A world and a broker with orders, and the passes between them."""

    def __init__(self, w: World, broker: SimulatedBroker | None = None, *, acts: bool = True) -> None:
        self.w = w
        self.broker = broker or SimulatedBroker(
            position_mode="netting", surfaces=ALL_SURFACES, actions=ALL_ACTIONS, lag_ms_max=LAG_MS
        )
        self.acts = acts
        self.passes = Passes(w.ledger, self.broker, w.clock, acts=acts)

    def run(self, kind: PassKind = "periodic") -> PassReport:
        """One pass; fifteen seconds later the next one is due."""
        self.broker.asked.clear()
        report = asyncio.run(self.passes.run(kind))
        self.w.passes(s=15)
        return report

    def restart(self, down_s: int = 5) -> None:
        self.w.restart(down_s=down_s)
        self.passes = Passes(self.w.ledger, self.broker, self.w.clock, acts=self.acts)

    @property
    def asked(self) -> list[Surface]:
        return [one.surface for one in self.broker.asked]


def test_start_up_asks_for_everything_and_a_pass_only_for_what_changes(world: Worlds) -> None:
    desk = Desk(world(orders=True))
    assert desk.run("startup").status == "SUCCESS"
    assert desk.asked[:3] == ["positions", "open_orders", "fills"]
    assert desk.run().status == "SUCCESS"
    assert desk.asked == ["positions", "open_orders"]
    desk.broker.reconnect()
    desk.run()
    desk.run()
    assert "fills" in desk.asked, "after a reconnect what was missed nobody sends again (L10)"
    desk.run()
    assert "fills" not in desk.asked


def test_a_surface_that_never_answers_is_left_alone_for_a_while(world: Worlds) -> None:
    """A gateway that only knows positions: asked once, then not in every pass."""
    desk = Desk(world(orders=True))
    desk.broker.open("DAX", "long", 1)
    for number in range(PROBE_REST_PASSES + 3):
        desk.broker.trouble("stale", "garbage", "garbage")
        report = desk.run("startup" if not number else "periodic")
        desk.broker._troubles.clear()
        assert report.status in ("SUCCESS", "PARTIAL"), report
        assert "open_orders" not in [one.surface for one in report.observations]
        if number in range(1, PROBE_REST_PASSES - 4):
            assert "open_orders" not in desk.asked, number


def test_l21_one_fill_not_two(world: Worlds) -> None:
    """Recorded, sent, acknowledged to nobody, killed: after the restart the order is what the broker says it is."""
    desk = Desk(world(orders=True))
    desk.run("startup")
    desk.w.record(pending("c1", "DAX", strategy="trend"))
    desk.broker.place("DAX", "buy", "market", 1, "100", client_id="c1")
    desk.restart()
    report = desk.run("startup")
    assert (report.status, report.gate) == ("SUCCESS", "open")
    assert (desk.w.book, desk.w.owner("DAX")) == ({"DAX": "1"}, "trend")
    assert desk.w.order("c1").status is OrderStatus.FILLED
    assert len(desk.broker.orders) == 1


def test_l25_an_order_that_was_never_sent_fails_when_it_cannot_come_any_more(world: Worlds) -> None:
    desk = Desk(world(orders=True))
    desk.run("startup")
    desk.w.record(pending("c1", "DAX"))
    desk.restart()
    report = desk.run("startup")
    assert (report.status, report.gate) == ("PARTIAL", "reduce_only")
    assert desk.w.order("c1").status is OrderStatus.PENDING
    for _ in range(6):
        report = desk.run()
    assert (report.status, report.gate) == ("SUCCESS", "open")
    assert desk.w.order("c1").status is OrderStatus.FAILED
    assert desk.broker.acted == []


@pytest.mark.parametrize("fate", [None, "lost_ack", "refusal", "silence"])
def test_an_orphan_is_cancelled_whatever_becomes_of_the_answer(world: Worlds, fate: str | None) -> None:
    desk = Desk(world(policy=Policy.adopt(on_orphan_order="cancel", broker_timeout_s=1), orders=True))
    desk.run("startup")
    order_id = desk.broker.place("DAX", "buy", "limit", 1, "90")
    if fate is not None:
        desk.broker.trouble_actions(fate)  # type: ignore[arg-type]
    for _ in range(8):
        desk.run()
    assert desk.broker.orders[order_id].status is OrderStatus.CANCELED
    assert len(desk.broker.acted) == (1 if fate in (None, "lost_ack") else 2)
    assert not desk.w.state.outbox


def test_a_rehearsal_asks_the_broker_and_asks_nothing_of_it(world: Worlds) -> None:
    desk = Desk(world(policy=Policy.adopt(protect=Protect(), on_orphan_order="cancel"), orders=True), acts=False)
    desk.broker.open("DAX", "long", 1, price="100")
    desk.broker.place("DAX", "buy", "limit", 1, "90")
    report = desk.run("startup")
    assert report.actions != ()
    assert {one.state for one in report.actions} == {"requested"}
    assert desk.broker.acted == []


def test_an_adapter_without_act_is_told_of_and_not_waited_for(world: Worlds) -> None:
    """A third party's adapter may say that it can act, and not be able to."""

    class Mute(SimulatedBroker):
        act = None  # type: ignore[assignment]

    broker = Mute(position_mode="netting", surfaces=ALL_SURFACES, actions=ALL_ACTIONS, lag_ms_max=LAG_MS)
    desk = Desk(world(policy=Policy.adopt(protect=Protect()), orders=True), broker)
    broker.open("DAX", "long", 1, price="100")
    for _ in range(6):
        report = desk.run("startup")
    assert report.status == "PARTIAL"
    assert any("has no working stop" in text for text in report.critical)


def test_an_action_whose_pass_was_cut_short_is_looked_up(world: Worlds) -> None:
    desk = Desk(world(policy=Policy.adopt(on_orphan_order="cancel"), orders=True))
    desk.run("startup")
    desk.broker.place("DAX", "buy", "limit", 1, "90")
    desk.broker.trouble_actions("silence")

    async def cut_short() -> None:
        task = asyncio.ensure_future(desk.passes.run("startup"))
        for _ in range(500):
            await asyncio.sleep(0)
            if desk.broker.acted:
                break
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cut_short())
    (slot,) = desk.w.state.outbox.values()
    assert slot.state == "sent"
    desk.w.passes(s=100)
    report = desk.run()
    assert any("interrupted" in one.why or one.state in ("unknown", "done", "failed") for one in report.actions)
    for _ in range(6):
        desk.run()
    assert not desk.w.state.outbox
