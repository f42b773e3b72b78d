"""What has the simulator found? Each defect as the shortest history that shows it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from trueup import Reconciler, passes
from trueup import ledger as ledger_module
from trueup.changes import Command, OrderUpdate, PositionSet
from trueup.errors import JournalError, WriterFenced
from trueup.facts import CommandGiven, WriterClaimed
from trueup.gate import GateRefusal, Intent
from trueup.journal import InboxItem, open_inbox
from trueup.ledger import Claim, Ledger
from trueup.model import BrokerPosition, Refusal, Surface
from trueup.policy import Instrument, Policy, Protect
from trueup.ports import Answer, Question
from trueup.reconciliation.waiting import next_question_ns
from trueup.simulation import Happening, Scenario, Settings, simulate
from trueup.simulation.disk import ACCOUNT, Disk, FaultyJournal
from trueup.simulation.loop import NS, VirtualClock, VirtualLoop, WallClock
from trueup.testing.broker import SimulatedBroker


@pytest.fixture
def disk():
    made = Disk("full")
    yield made
    made.close()


def opened(disk: Disk, policy: Policy | None = None) -> Ledger:
    loop = VirtualLoop()
    clock = VirtualClock(loop, WallClock(loop))
    loop.close()
    claim = Claim(policy=policy or Policy.adopt(), position_mode="hedging")
    return Ledger(FaultyJournal(disk, disk.writer(), lambda first, events: None), clock, claim)


def test_law_9_what_a_rival_appended_behind_an_unanswered_append_is_not_taken_for_ours(disk: Disk) -> None:
    """Seed 355 of drawing 1: the answer to an append was lost; before we asked, another process had appended."""
    ours = opened(disk)
    epoch, head = ours.state.epoch, ours.state.position
    disk.troubles.append("unsure")
    asked = ours.asking()
    with pytest.raises(JournalError):
        ours.observe("positions", Answer(completeness="complete", positions={}), asked)
    thief = disk.thief()
    loop = VirtualLoop()
    Ledger(thief, VirtualClock(loop, WallClock(loop)), Claim(policy=Policy.adopt(), position_mode="hedging"))
    loop.close()
    ours.catch_up()
    stored = [one.event for one in thief.read(after=head)]
    mine = next(place for place, event in enumerate(stored) if isinstance(event, WriterClaimed))
    assert ours.state.position == head + mine, "what we appended, though we had not heard of it, and nothing else"
    assert ours.state.epoch == epoch
    rehearsal = ours.rehearsal()  # broke a law of ours: its fold was ahead of its journal
    rehearsal.observe("positions", Answer(completeness="failed", why="no answer"), rehearsal.asking())
    with pytest.raises(WriterFenced):
        ours.observe("positions", Answer(completeness="failed", why="no answer"), ours.asking())
    ours.close()
    thief.close()


def test_law_9_l33_a_refused_row_in_another_spelling_limits_its_symbol(disk: Disk) -> None:
    """Seed 359 of drawing 1: the broker called EURUSD by another name, and its row could not be read."""
    ledger = opened(disk, Policy.adopt(instruments={"EURUSD": Instrument(aliases=("EURUSD.m",))}))
    ledger.record(PositionSet(symbol="AAPL", side="long", quantity=1, ticket="1"))
    rows = {"#1": BrokerPosition("AAPL", Decimal(1), ticket="1")}
    refused = (Refusal(2, "its quantity is NaN", "EURUSD.m", "2"),)
    answer = Answer(completeness="partial", why="1 row refused", positions=rows, refused=refused)
    ledger.observe("positions", answer, ledger.asking())
    for spelling in ("EURUSD", "EURUSD.m"):
        said = ledger.gate.check(Intent(symbol=spelling, side="buy", quantity=1))
        assert isinstance(said, GateRefusal), spelling
        assert said.scope == "EURUSD"
    assert ledger.gate.check(Intent(symbol="AAPL", side="buy", quantity=1)) is None
    ledger.close()


def test_law_12_a_break_seen_before_waits_for_the_symbol_to_settle_again(disk: Disk) -> None:
    """Seed 3002 of drawing 1: a start-up pass asked every 30 ms, for seconds, for what no answer could settle yet."""
    loop = VirtualLoop()
    clock = VirtualClock(loop, WallClock(loop))
    claim = Claim(policy=Policy.adopt(confirm_interval_ms=500, settle_ms=10_000), lag_ms_max={"positions": 500})
    ledger = Ledger(FaultyJournal(disk, disk.writer(), lambda first, events: None), clock, claim)
    ledger.record(PositionSet(symbol="AAPL", side="long", quantity=1))
    loop.now_ns += 60 * NS
    answer = Answer(completeness="complete", positions={"AAPL": BrokerPosition("AAPL", Decimal(3))})
    ledger.observe("positions", answer, ledger.asking())
    assert ledger.state.breaks["AAPL"][0].sightings.count == 1
    order = OrderUpdate(client_order_id="c", symbol="AAPL", side="buy", type="market", quantity=1, status="pending")
    ledger.record(order)
    ledger.record(replace(order, status="canceled"))
    loop.now_ns += NS
    wait_ns = next_question_ns(ledger.state, ledger.now())
    assert wait_ns is not None
    assert 9 * NS <= wait_ns < 10 * NS, "it can be judged again when the order's end has settled, and no sooner"
    ledger.close()
    loop.close()


def test_law_10_l12_a_stop_that_was_placed_since_the_last_list_of_orders_is_waited_for() -> None:
    """Seed 167 of drawing 2: positions were answered before orders, and every position was closed although its stop
    had just been placed and acknowledged: the list of orders at hand was older than the stop."""
    policy = Policy.adopt(sync_interval_s=5, protect=Protect(retries_max=1))
    settings = Settings(policy=policy, held=(5, -1), lag_ms=0, lists_orders=True, latency_ms_max=900, minutes=2)
    placed = 0
    for seed in range(20):  # each answers positions and orders in another order
        outcome = simulate(Scenario(seed=seed, settings=settings))
        assert outcome.violations == ()
        assert "actions sent: close_position" not in outcome.coverage
        placed += outcome.coverage["actions sent: place_stop"]
    assert placed == 40


def test_law_12_whatever_the_start_up_pass_hopes_for_it_asks_four_times_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch, disk: Disk
) -> None:
    """Seeds 165 and 324 of drawing 2: breaks that no answer could settle, and that said "at once" each time."""
    monkeypatch.setattr(passes, "next_question_ns", lambda state, now: 0)
    loop = VirtualLoop()
    clock = VirtualClock(loop, WallClock(loop))
    broker = SimulatedBroker(position_mode="hedging")
    claim = Claim(policy=Policy.adopt(startup_timeout_s=30), position_mode="hedging")
    ledger = Ledger(FaultyJournal(disk, disk.writer(), lambda first, events: None), clock, claim)
    loop.run_until_complete(passes.Passes(ledger, broker, clock).run("startup"))
    asked = [one for one in broker.asked if one.surface == "positions"]
    assert 10 < len(asked) <= 30 * 4 + 1
    ledger.close()
    loop.close()


def test_law_7_what_could_not_be_taken_from_the_inbox_is_taken_later() -> None:
    """Seed 1033 of drawing 4: the disk was full when an operator's command came. Nobody looked again, because nothing
    newer came, and the command was never taken until the process ended."""
    happenings = (Happening(40_000, "disk_full", (8_000,)), Happening(41_000, "operator", (0,)))
    settings = Settings(policy=Policy.adopt(sync_interval_s=15), held=(1,), minutes=2)
    outcome = simulate(Scenario(seed=1, settings=settings, happenings=happenings))
    assert outcome.violations == ()
    assert outcome.coverage["command-given/1"] == 1
    assert outcome.faults["append_refused"] > 0


def test_law_7_of_more_items_than_one_transaction_takes_the_rest_is_taken_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "INBOX_ITEMS_MAX", 3)
    url = "memory://more-items-than-one-transaction-takes"
    with Reconciler.open(url, account=ACCOUNT, broker=SimulatedBroker(position_mode="hedging")) as rec:
        with open_inbox(url, ACCOUNT) as inbox:
            for number in range(5):
                inbox.put(InboxItem(f"i{number}", "ada", number, Command(name="abracadabra", who="ada", why="a test")))
        for _ in range(3):
            rec.sync_positions()
        assert sum(isinstance(one.event, CommandGiven) for one in rec.journal.read()) == 5


def test_law_2_l25_an_order_that_ends_while_it_is_looked_for_leaves_no_break_behind(disk: Disk) -> None:
    """Seeds 68 and 229 of drawing 3: a look-up did not find an order, and then we recorded that it had ended. The break
    that the look-up had opened stayed for ever: nothing looked at it again."""
    loop = VirtualLoop()
    clock = VirtualClock(loop, WallClock(loop))
    surfaces = frozenset[Surface]({"positions", "fills", "open_orders", "order"})
    claim = Claim(policy=Policy.adopt(), position_mode="hedging", lag_ms_max={"open_orders": 0}, surfaces=surfaces)
    ledger = Ledger(FaultyJournal(disk, disk.writer(), lambda first, events: None), clock, claim)
    order = OrderUpdate(client_order_id="c", symbol="AAPL", side="buy", type="limit", quantity=1, status="pending")
    nothing = Answer(completeness="complete", orders=[])

    def look(surface: Surface) -> None:
        loop.now_ns += 90 * NS
        asked = Question(surface=surface, client_order_id="c" if surface == "order" else None)
        ledger.observe(surface, nothing, ledger.asking(), question=asked)

    ledger.record(order)
    ledger.record(replace(order, status="accepted", order_id="7"))
    look("open_orders")
    look("order")
    assert [one.kind for one in ledger.state.order_breaks["c"]] == ["ghost"]
    ledger.record(replace(order, status="expired", order_id="7"))
    look("open_orders")
    assert not ledger.state.order_breaks
    ledger.close()
    loop.close()
