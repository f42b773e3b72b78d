"""Does a pass ask as often as it should, as long as it may, and for what could explain a mass absence?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lessons.world import LAG_MS, World, held, row
from trueup import Policy, asking
from trueup.facts import PassKind
from trueup.model import Surface
from trueup.passes import DEALS_LOOK_BACK_NS, Passes
from trueup.ports import Answer, Broker, Question, failed
from trueup.report import PassReport
from trueup.testing.broker import SimulatedBroker

Worlds = Callable[..., World]
FOUR = ("S000", "S001", "S002", "S003")
S = 1_000_000_000


def runs(w: World, broker: Broker, kind: PassKind = "periodic", *, timeout_s: float | None = None) -> PassReport:
    """One pass, three seconds after whatever came before."""
    w.passes(s=3)
    return asyncio.run(Passes(w.ledger, broker, w.clock).run(kind, timeout_s=timeout_s))


def asked(broker: SimulatedBroker) -> list[Surface]:
    return [question.surface for question in broker.asked]


def vanished(worlds: Worlds) -> tuple[World, SimulatedBroker]:
    """A book of four, seen whole, of which the broker lists nothing any more."""
    w = worlds(*(held(symbol, "1") for symbol in FOUR))
    w.sees(*(row(symbol, "1") for symbol in FOUR))
    return w, SimulatedBroker(position_mode="netting", lag_ms_max=LAG_MS)


# -- attempts ----------------------------------------------------------------------------------------------


def test_the_pauses_between_attempts_are_the_policys_and_all_attempts_are_one_observation(world: Worlds) -> None:
    w = world(policy=Policy.adopt(retries_max=4, backoff_s=(1, 2, 4)))
    broker = SimulatedBroker(position_mode="netting")
    broker.trouble("failure", "failure", "failure", "failure", "failure")
    began = w.clock.monotonic
    report = runs(w, broker)
    assert (w.clock.monotonic - began) // S == 3 + 1 + 2 + 4 + 4, "the last pause goes on"
    assert [(one.attempts, one.completeness) for one in w.observations()] == [(5, "failed")]
    assert (report.status, asked(broker)) == ("DEGRADED", ["positions"] * 5)


def test_no_pause_reaches_past_the_deadline(world: Worlds) -> None:
    w = world()
    broker = SimulatedBroker(position_mode="netting")
    broker.trouble("failure", "failure", "failure", "failure")
    began = w.clock.monotonic
    runs(w, broker, "startup", timeout_s=2.5)
    assert (w.clock.monotonic - began) // S == 3 + 1, "after the second attempt two seconds more would be too long"
    assert [one.attempts for one in w.observations()] == [2]


def test_an_attempt_has_the_policys_time_or_what_is_left_of_the_pass(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    async def once(broker: Broker, question: Question, timeout_s: float) -> Answer:
        given.append(timeout_s)
        return failed("nobody there")

    monkeypatch.setattr(asking, "attempt_once", once)
    w = world(policy=Policy.adopt(broker_timeout_s=4, backoff_s=(2,), retries_max=2))
    runs(w, SimulatedBroker(position_mode="netting"), "startup", timeout_s=5)
    assert given == [4, 3, 1]


def test_a_start_up_pass_does_not_wait_for_what_comes_after_its_deadline(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    broker = SimulatedBroker(position_mode="netting", lag_ms_max=LAG_MS)
    broker.open("EURUSD", "long", "2")
    began = w.clock.monotonic
    report = runs(w, broker, "startup", timeout_s=1)
    assert (report.status, asked(broker)) == ("PARTIAL", ["positions", "fills"])
    assert (w.clock.monotonic - began) // S == 3


@pytest.mark.parametrize(("timeout_s", "status"), [(2, "PARTIAL"), (2.4, "PARTIAL"), (2.6, "SUCCESS")])
def test_l01_our_own_deadline_is_not_taken_for_the_brokers_silence(
    world: Worlds, timeout_s: float, status: str
) -> None:
    """A second answer that is due when the time is over was asked for, cut off, and told as one that did not come."""
    w = world(held("EURUSD", "1"))
    broker = SimulatedBroker(position_mode="netting", lag_ms_max=LAG_MS)
    broker.open("EURUSD", "long", "2")
    report = runs(w, broker, "startup", timeout_s=timeout_s)
    assert (report.status, report.errors) == (status, ())
    assert [one.completeness for one in w.observations()] == ["complete"] * len(w.observations())


def test_raw_replies_that_decisions_cite_are_kept_with_the_pass(world: Worlds) -> None:
    w = world()
    broker = SimulatedBroker(position_mode="netting")
    broker.open("EURUSD", "long", "2")
    runs(w, broker)
    assert w._reader.raw(w.observations()[-1].raw_digest) is not None


# -- the deals of a mass absence ---------------------------------------------------------------------------


def test_deals_are_asked_for_once_a_mass_absence_outlasts_its_first_answer(world: Worlds) -> None:
    """A glitch is over by the second answer; and deals of a broker whose clock is hours behind count too (L46)."""
    w, broker = vanished(world)
    runs(w, broker)
    assert asked(broker) == ["positions"]
    assert w.state.hold is not None
    since = w.state.hold.since.at_ns
    runs(w, broker)
    assert asked(broker) == ["positions", "positions", "fills"]
    assert broker.asked[-1].since_ns == since - DEALS_LOOK_BACK_NS


def test_deals_are_asked_for_once_a_pass_and_never_tried_again_at_once(world: Worlds) -> None:
    """They may explain; what keeps the account safe meanwhile is the hold."""
    w, broker = vanished(world)
    runs(w, broker)
    broker.trouble(*(None, "failure") * 2)  # type: ignore[arg-type]
    report = runs(w, broker)
    assert asked(broker)[1:] == ["positions", "fills"]
    assert report.status == "PARTIAL", "what was never answered is not known to be supported"
    assert [one.surface for one in report.observations] == ["positions"]


def test_a_broker_that_knows_no_deals_is_not_asked_again(world: Worlds) -> None:
    w, broker = vanished(world)
    runs(w, broker)
    broker.trouble(None, "unsupported")  # type: ignore[arg-type]
    runs(w, broker)
    runs(w, broker)
    assert asked(broker) == ["positions", "positions", "fills", "positions"]


def test_deals_that_were_answered_once_and_fail_now_are_a_surface_that_is_silent(world: Worlds) -> None:
    w, broker = vanished(world)
    runs(w, broker)
    runs(w, broker)
    broker.trouble(None, "failure")  # type: ignore[arg-type]
    report = runs(w, broker)
    assert report.status == "DEGRADED"
    assert [error.partition(":")[0] for error in report.errors] == ["fills"]


def test_deals_that_failed_are_left_for_the_next_pass(world: Worlds) -> None:
    """However often a start-up pass has to ask for positions meanwhile."""
    w, broker = vanished(world)
    runs(w, broker)
    changing = Changing(broker)
    broker.trouble(None, "failure")  # type: ignore[arg-type]
    runs(w, changing, "startup", timeout_s=30)
    assert asked(broker)[1:] == ["positions", "fills", "positions", "positions"]


class Changing:
    """The broker lists a position for the first time with the second question that comes by here."""

    def __init__(self, broker: SimulatedBroker) -> None:
        self.broker = broker
        self.capabilities = broker.capabilities
        self.connections = 1

    async def ask(self, question: Question) -> Answer:
        if question.surface == "fills":
            self.broker.open("EURUSD", "long", "1")
        elif not self.broker.truth:
            self.broker.open("GBPUSD", "long", "1")
        return await self.broker.ask(question)

    async def close(self) -> None:
        await self.broker.close()
