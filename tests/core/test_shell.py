"""Does a reconciler see to what nobody calls for: the inbox, pushed news, corrections, its lock when opening fails?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path

import pytest

from core.test_deliveries import Told
from lessons.world import LAG_MS, FakeClock, World, fill, held, row
from trueup import AsyncReconciler, Policy, PushedExecution, PushedState, Reconciler, ledger, shell
from trueup.errors import InputError, JournalError
from trueup.gate import Intent
from trueup.journal import InboxItem, open_inbox
from trueup.ports import Answer
from trueup.testing.broker import SimulatedBroker

ACCOUNT = "mt5:5001"
_names = count()


@pytest.fixture
def url() -> str:
    return f"memory://shell-{next(_names)}"


@pytest.fixture
def broker() -> SimulatedBroker:
    return SimulatedBroker(position_mode="netting")


class StillClock(FakeClock):
    """Time that does not pass at all; who sleeps only lets the others have their turn."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


async def others_have_had_their_turns(times: int = 20) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


# -- passes ------------------------------------------------------------------------------------------------


def test_a_pass_takes_the_inbox_first(url: str, broker: SimulatedBroker) -> None:
    """What somebody left there before the question is not a recovery after it."""

    async def story() -> None:
        rec = AsyncReconciler.open(url, account=ACCOUNT, broker=broker)  # entered by nobody: nothing looks after it
        with open_inbox(url, ACCOUNT) as inbox:
            inbox.put(InboxItem("1", "bot", 1, fill("e1", "EURUSD", "1")))
        broker.open("EURUSD", "long", "1")
        report = await rec.sync_positions()
        assert [one.symbol for one in rec.book.positions] == ["EURUSD"]
        assert (report.status, report.breaks, report.baseline) == ("SUCCESS", (), None)
        await rec.close()

    asyncio.run(story())


def test_the_first_pass_is_the_start_up_pass_whoever_starts_it(url: str, broker: SimulatedBroker) -> None:
    async def story() -> list[str]:
        kinds: list[str] = []
        async with AsyncReconciler.open(url, account=ACCOUNT, broker=broker, clock=FakeClock()) as rec:
            while len(kinds) < 2:
                before = rec.get_status().last_pass
                rec.sync_continuous()
                await asyncio.sleep(0)
                last = rec.get_status().last_pass
                if last is not None and last is not before:
                    kinds.append(last.kind)
        return kinds

    assert asyncio.run(asyncio.wait_for(story(), 20)) == ["startup", "periodic"]


@pytest.mark.parametrize(
    "news", [PushedState(surface="positions", text="changed"), PushedExecution(fill=fill("e1", "EURUSD", "1"))]
)
def test_pushed_news_makes_a_pass_due_at_once(url: str, broker: SimulatedBroker, news: object) -> None:
    async def story() -> None:
        async with AsyncReconciler.open(url, account=ACCOUNT, broker=broker, clock=StillClock()) as rec:
            await rec.startup_recovery()
            asked = len(broker.asked)
            rec.sync_continuous()
            await others_have_had_their_turns()
            assert len(broker.asked) == asked, "the interval is not over"
            rec.observe(news)  # type: ignore[arg-type]
            rec.sync_continuous()
            await others_have_had_their_turns()
            assert len(broker.asked) > asked

    asyncio.run(story())


def test_news_that_come_while_a_pass_runs_make_another_one_due(url: str, broker: SimulatedBroker) -> None:
    """The question may have been answered before what they tell of."""

    async def story() -> None:
        async with AsyncReconciler.open(url, account=ACCOUNT, broker=broker, clock=StillClock()) as rec:
            await rec.startup_recovery()
            under_way = asyncio.ensure_future(rec.sync_positions())
            await asyncio.sleep(0)
            rec.observe(PushedState(surface="positions", text="changed"))
            await under_way
            asked = len(broker.asked)
            rec.sync_continuous()
            await others_have_had_their_turns()
            assert len(broker.asked) > asked

    asyncio.run(story())


def test_an_inbox_that_cannot_be_read_is_looked_at_again(url: str, broker: SimulatedBroker) -> None:
    async def story() -> None:
        async with AsyncReconciler.open(url, account=ACCOUNT, broker=broker, clock=StillClock()) as rec:
            failures = iter([True, True, False])
            there = rec._inbox.changed

            def changed() -> bool:
                if next(failures, False):
                    raise JournalError("the disk failed")
                return there()

            rec._inbox.changed = changed  # type: ignore[method-assign]
            with open_inbox(url, ACCOUNT) as inbox:
                inbox.put(InboxItem("1", "bot", 1, fill("e1", "EURUSD", "1")))
            await others_have_had_their_turns()
            assert [one.symbol for one in rec.book.positions] == ["EURUSD"]

    asyncio.run(story())


# -- corrections, by asking and by being told --------------------------------------------------------------


def test_a_pass_and_a_push_wake_whoever_hands_corrections_over(url: str, broker: SimulatedBroker) -> None:
    told = Told()

    async def story() -> None:
        rec = AsyncReconciler.open(url, account=ACCOUNT, broker=broker, on_correction=told, clock=FakeClock())
        rec.observe(PushedExecution(fill=fill("e0", "AUDUSD", "1")))
        told.wait_for(1)  # it is up, and has nothing more to do
        broker.open("AUDUSD", "long", "1")
        broker.open("EURUSD", "long", "1")
        await rec.startup_recovery()
        assert told.wait_for(2) == ["AUDUSD", "EURUSD"]
        rec.observe(PushedExecution(fill=fill("e1", "GBPUSD", "1")))
        assert told.wait_for(3) == ["AUDUSD", "EURUSD", "GBPUSD"]
        await rec.close()

    asyncio.run(story())


def test_changes_come_in_parts_and_those_of_one_event_together(
    url: str, broker: SimulatedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever goes on from the last cursor would miss the rest of its event."""
    monkeypatch.setattr(shell, "CHANGES_MAX", 2)
    for symbol in ("A", "B", "C"):
        broker.open(symbol, "long", "1")
    with Reconciler.open(url, account=ACCOUNT, broker=broker) as rec:
        rec.startup_recovery()
        rec.observe(PushedExecution(fill=fill("e1", "D", "1")))
        first = rec.changes()
        assert [one.symbol for one in first] == ["A", "B", "C"]
        assert [one.symbol for one in rec.changes(after=first[-1].cursor)] == ["D"]


# -- opening and ending ------------------------------------------------------------------------------------


def test_an_opening_that_fails_leaves_the_account_unlocked(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with Reconciler.open(url, account=ACCOUNT, position_mode="netting") as rec:
        rec.record(held("EURUSD", "1"))
    with pytest.raises(InputError) as kept:  # what holds the error holds its frames: nothing is let go of by itself
        Reconciler.open(url, account=ACCOUNT, position_mode="hedging")
    Reconciler.open(url, account=ACCOUNT, position_mode="netting").close()
    assert "netting" in str(kept.value)


# -- what the ledger keeps, and what a rehearsal leaves alone ----------------------------------------------


@pytest.fixture
def world() -> Iterator[World]:
    made = World(held("EURUSD", "1"), policy=Policy.adopt())
    yield made
    made.close()


def answer(w: World, quantity: str, raw: bytes) -> Answer:
    return Answer(completeness="complete", positions=w.keyed([row("EURUSD", quantity)]), raw=raw)


def test_the_last_reply_before_a_change_is_kept_and_so_is_what_a_decision_cites(world: World) -> None:
    for quantity, raw in (("1", b"a"), ("1", b"b"), ("1", b"c"), ("2", b"d"), ("2", b"e"), ("2", b"f"), ("2", b"g")):
        world.answered(answer(world, quantity, raw))
    world.ledger.maintain()
    kept = [world._reader.raw(one.raw_digest) for one in world.observations()]
    assert kept == [b"a", None, b"c", b"d", b"e", None, None], "e confirmed what d said, and corrected the book"


def test_what_still_waits_is_kept_at_the_end(tmp_path: Path) -> None:
    w = World(held("EURUSD", "1"), url=f"sqlite:///{tmp_path}/store.db")
    w.answered(answer(w, "2", b"reply"))
    digest = w.observations()[-1].raw_digest
    w.ledger.close()
    assert w._reader.raw(digest) == b"reply"
    w._reader.close()


def test_a_snapshot_is_saved_every_so_many_events_and_no_oftener(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "SNAPSHOT_EVERY", 5)
    saved: list[int] = []
    journal = world.ledger._journal
    monkeypatch.setattr(journal, "save_snapshot", lambda snapshot: saved.append(snapshot.position))
    for _ in range(14):
        world.sees(row("EURUSD", "1"))
        world.ledger.maintain()
    assert len(saved) >= 2
    assert all(later - sooner == 5 for sooner, later in pairwise(saved))


def test_a_rehearsal_touches_neither_the_gate_nor_what_waits_to_be_kept(world: World) -> None:
    world.sees(row("EURUSD", "1"))
    world.ledger.maintain()
    before, gate = world.ledger.state, world.ledger.gate
    buy = Intent(symbol="EURUSD", side="buy", quantity="1")
    assert gate.check(buy) is None
    rehearsal = world.ledger.rehearsal()
    world.passes(ms=LAG_MS)
    rehearsal.observe("positions", answer(world, "2", b"rehearsed"), rehearsal.asking())
    assert rehearsal.gate.check(buy) is not None
    assert (world.ledger.gate, world.ledger.state, gate.check(buy)) == (gate, before, None)
    assert not world.ledger._raws
