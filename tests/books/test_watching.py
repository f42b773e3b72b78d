"""Is the book always read before the broker is asked, and what if it cannot be?"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import threading
from pathlib import Path

import pytest

from books.bench import Bench, at_book
from books.order_bench import OrderBench, listed, said
from books.tables import Table
from books.test_run import ACCOUNT, configured, fake, journal, once, shell
from cli.gateways import line_of, started
from cli.shell import Shell
from trueup.errors import JournalError
from trueup.facts import BookRead, BookWriting, BookWritten, PositionRecorded
from trueup.foreign import Watching, Wrote, unreadable
from trueup.ports import Question
from trueup.testing.alpaca import FakeAlpaca
from trueup.testing.broker import SimulatedBroker

__all__ = ["fake", "shell"]
POSITIONS = Question(surface="positions")


@pytest.fixture
def bench(replayed: None) -> Bench:
    return Bench(at_book("AAPL", "3"))


def test_the_book_is_read_first_and_only_for_positions(bench: Bench) -> None:
    broker = SimulatedBroker()
    watching = Watching(broker)
    assert (watching.capabilities, watching.connections) == (broker.capabilities, broker.connections)
    assert watching.act == broker.act
    assert asyncio.run(watching.ask(POSITIONS)).completeness == "complete", "nobody keeps a book yet"
    assert bench.held == {}
    watching.keeper = bench.keeper
    asyncio.run(watching.ask(Question(surface="fills")))
    assert bench.held == {}
    assert asyncio.run(watching.ask(POSITIONS)).completeness == "complete"
    assert bench.held == {"AAPL": 3}
    asyncio.run(watching.close())


def test_law_4_the_broker_is_not_asked_where_the_book_is_silent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    watching = Watching(SimulatedBroker())
    watching.keeper = bench.keeper
    bench.shelf.fails = "database is locked"
    answer = asyncio.run(watching.ask(POSITIONS))
    assert (answer.completeness, answer.why) == (
        "failed", "the book shelf could not be read: database is locked; the broker was not asked",
    )  # fmt: skip

    def fails(*_: object) -> None:
        raise JournalError("disk full")

    monkeypatch.setattr(bench.w.ledger, "judged", fails)
    assert asyncio.run(watching.ask(POSITIONS)).why == "our own journal: disk full"
    monkeypatch.undo()


def test_it_runs_until_it_is_stopped_and_follows_both_sides(
    fake: FakeAlpaca, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(tmp_path)
    table.put("AAPL", "3", "190.5")
    fake.control.open("AAPL", "long", "3", price="190.5")
    config = configured(tmp_path, table, f"alpaca+{fake.url}", more="sync_interval_s = 1\n")
    with started("run", "--config", str(config), "--json", "--no-views", cwd=tmp_path) as process:
        assert line_of(process)["status"] == "SUCCESS"
        fake.control.open("MSFT", "long", "1", price="400")
        table.put("AAPL", "5", "190.5")
        fake.control.open("AAPL", "long", "2", price="190.5")
        while (report := line_of(process))["status"] != "SUCCESS" or "MSFT" not in table.held():
            assert not [one for one in report["corrections"] if one["symbol"] != "MSFT"], report
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) == 0
    assert table.held() == {"AAPL": "5", "MSFT": "1"}
    assert sum(one.written for one in journal(tmp_path) if isinstance(one, BookWritten)) == 1


def test_a_rehearsal_reads_the_book_and_writes_nothing(fake: FakeAlpaca, tmp_path: Path, shell: Shell) -> None:
    table = Table(tmp_path)
    table.put("TSLA", "3", "190.5")
    fake.control.open("AAPL", "long", "3", price="190.5")
    config = configured(tmp_path, table, f"alpaca+{fake.url}", more="dry_run = true\n")
    ended, told = once(shell, config)
    assert sorted(one["kind"] for one in told["corrections"]) == ["ghost", "recovery"]
    assert table.held() == {"TSLA": "3"}
    events = journal(tmp_path)
    assert [type(one) for one in events if isinstance(one, BookRead | PositionRecorded)] == [BookRead, PositionRecorded]
    assert not [one for one in events if isinstance(one, BookWriting | BookWritten)]
    assert ended.err == ""


def test_a_conflict_is_told_and_left(fake: FakeAlpaca, tmp_path: Path, shell: Shell) -> None:
    """The table takes whole numbers only."""
    table = Table.__new__(Table)
    table.path, table.convention = tmp_path / "bot.db", "signed"
    table.do(
        "CREATE TABLE positions (symbol TEXT PRIMARY KEY, quantity TEXT CHECK (quantity NOT LIKE '%.%'), price TEXT)"
    )
    table.put("AAPL", "3", "190.5")
    fake.control.open("AAPL", "long", "1.5", price="190.5")
    ended, _ = once(shell, configured(tmp_path, table, f"alpaca+{fake.url}"))
    assert ended.status == 1
    assert table.held() == {"AAPL": "3"}
    conflicts = [why for one in journal(tmp_path) if isinstance(one, BookWritten) for _, why in one.conflicts]
    assert conflicts
    assert "AAPL: the table refuses it: CHECK constraint failed" in conflicts[0]


def test_several_accounts_have_a_book_each(fake: FakeAlpaca, tmp_path: Path, shell: Shell) -> None:
    table = Table(tmp_path)
    fake.control.open("AAPL", "long", "3", price="190.5")
    config = tmp_path / "t.toml"
    config.write_text(
        f'store = "sqlite:///{tmp_path}/journal.db"\nlag_ms_max = {{positions = 20, fills = 20}}\n'
        "confirm_interval_ms = 10\nstartup_timeout_s = 3\nretries_max = 0\n"
        f'[[accounts]]\naccount = "{ACCOUNT}"\nbroker = "alpaca+{fake.url}"\n'
        f'[accounts.book]\nurl = "sqlite:///{table.path}"\nprice = "price"\n'
        '[[accounts]]\naccount = "mt5:1"\nbroker = "tcp://127.0.0.1:1"\nmode = "netting"\ntimeout_ms = 50\n'
        '[accounts.book]\nurl = "sqlite:///none.db"\n'
    )
    ended = shell("run", "--config", config, "--once", "--json", "--no-views")
    reports = {one["account"]: one["status"] for one in map(json.loads, ended.out.splitlines())}
    assert ended.status == 3
    assert reports[ACCOUNT] == "SUCCESS"
    assert table.held() == {"AAPL": "3"}
    assert "there is no file none.db" in ended.err


def test_questions_that_are_put_side_by_side_share_one_read_of_the_book(replayed: None) -> None:
    """Positions and working orders are asked for at once: the book is read once before both, and again next time."""
    bench = OrderBench(said("a"))
    watching = Watching(SimulatedBroker())
    watching.keeper = bench.keeper

    async def both() -> list[str]:
        answers = await asyncio.gather(watching.ask(POSITIONS), watching.ask(Question(surface="open_orders")))
        return [one.completeness for one in answers]

    assert asyncio.run(both())[0] == "complete"
    assert len(bench.desk.asked) == 1
    asyncio.run(both())
    assert len(bench.desk.asked) == 2


def test_law_4_orders_that_cannot_be_read_keep_only_the_question_about_orders_from_being_asked(replayed: None) -> None:
    bench = OrderBench(said("a"))
    watching = Watching(SimulatedBroker())
    watching.keeper = bench.keeper
    bench.desk.fails = "no such table"
    orders = asyncio.run(watching.ask(Question(surface="open_orders")))
    assert (orders.completeness, orders.why) == (
        "failed", "the orders of the book desk could not be read: no such table; the broker was not asked",
    )  # fmt: skip
    assert asyncio.run(watching.ask(POSITIONS)).completeness == "complete"
    bench.shelf.fails = "gone"
    assert "the book shelf could not be read" in asyncio.run(watching.ask(Question(surface="open_orders"))).why


def test_orders_that_cannot_be_written_keep_no_question_from_being_asked(replayed: None) -> None:
    """A role that may only read the table: it is told, and both sides are compared all the same."""
    bench = OrderBench(said("a"))
    bench.keeper.step()
    bench.w.lists(listed("a", "partially_filled", filled=4))
    bench.w.passes(s=5)
    bench.desk.outcomes = [Wrote("unknown", "permission denied")] * 5
    watching = Watching(SimulatedBroker())
    watching.keeper = bench.keeper
    for surface in ("positions", "open_orders"):
        assert asyncio.run(watching.ask(Question(surface=surface))).completeness != "failed"  # type: ignore[arg-type]
    assert "permission denied" in bench.keeper.step().orders_trouble


def test_where_the_book_keeps_no_orders_working_orders_are_asked_for_without_a_read(bench: Bench) -> None:
    watching = Watching(SimulatedBroker())
    watching.keeper = bench.keeper
    asyncio.run(watching.ask(Question(surface="open_orders")))
    assert bench.held == {}


def test_who_gives_up_waiting_ends_no_read_for_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And a read that nobody waits for any more, and that fails, is no error that nobody looked at."""
    watching = Watching(SimulatedBroker())
    watching.keeper = bench.keeper
    free = threading.Event()
    monkeypatch.setattr(bench.shelf, "read", lambda: unreadable("late" if free.wait(20) else "never"))

    async def story() -> str:
        first = asyncio.ensure_future(watching.ask(POSITIONS))
        second = asyncio.ensure_future(watching.ask(POSITIONS))
        await asyncio.sleep(0)
        first.cancel()
        free.set()
        return (await second).why

    assert "late" in asyncio.run(story())

    def fails(*_: object) -> None:
        raise JournalError("disk full")

    monkeypatch.setattr(bench.w.ledger, "judged", fails)
    free.clear()

    async def abandoned() -> None:
        only = asyncio.ensure_future(watching.ask(POSITIONS))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        step = watching._step
        only.cancel()
        free.set()
        assert step is not None
        await asyncio.wait([step])
        watching._step = step = None
        gc.collect()

    asyncio.run(abandoned())
    assert [one.getMessage() for one in caplog.records if one.name == "asyncio"] == []
