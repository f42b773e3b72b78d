"""Law 6 and law 7: of a sidecar killed with -9 between reading, correcting and writing back, is no correction lost or
doubled?"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from books.killed import ORDER_STEPS, STEPS
from books.tables import Table
from books.test_run import configured, fake, journal, once, shell
from books.test_run_orders import Bot
from cli.shell import Shell
from trueup.decisions import BreakMoved
from trueup.facts import BookWriting, BookWritten
from trueup.testing.alpaca import FakeAlpaca

__all__ = ["fake", "shell"]
TESTS = Path(__file__).parents[1]


def killed(step: str, config: Path) -> None:
    """The sidecar runs, and ends at that step."""
    code = (
        f"import sys, runpy; sys.path.insert(0, {str(TESTS)!r}); runpy.run_module('books.killed', run_name='__main__')"
    )
    command = [sys.executable, "-c", code, step, str(config)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, f"it was not killed, and this tried nothing: {done.stderr}"


@pytest.mark.parametrize("step", STEPS)
def test_law_6_law_7_killed_at_any_step_nothing_is_lost_or_doubled(
    fake: FakeAlpaca, tmp_path: Path, shell: Shell, step: str
) -> None:
    table = Table(tmp_path, "sided")
    for symbol in ("AAPL", "MSFT", "TSLA", "AMZN"):
        table.put(symbol, "4", "100")
        fake.control.open(symbol, "long", "4", price="100")
    config = configured(tmp_path, table, f"alpaca+{fake.url}")
    fake.control.close("TSLA")
    fake.control.close("MSFT")
    fake.control.open("MSFT", "long", "1.5", price="100")
    fake.control.open("NVDA", "short", "2", price="900")
    killed(step, config)
    ended, told = once(shell, config)
    assert (ended.status, told["status"]) == (0, "SUCCESS")
    assert table.held() == {"AAPL": "4", "MSFT": "1.5", "AMZN": "4", "NVDA": "-2"}
    rows = Counter(str(symbol) for (symbol,) in table.do("SELECT symbol FROM positions"))
    assert rows == {"AAPL": 1, "MSFT": 1, "TSLA": 1, "AMZN": 1, "NVDA": 1}, "a row for each, and none twice"
    events = journal(tmp_path)
    made = [one.correction.kind for one in events if isinstance(one, BreakMoved) and one.correction is not None]
    assert Counter(made) == {"drift": 1, "ghost": 1, "recovery": 1}, "each correction was made once"
    places = [
        place for place, one in enumerate(events, 1) if isinstance(one, BreakMoved) and one.correction is not None
    ]
    settled = [one.upto for one in events if isinstance(one, BookWritten)]
    assert settled == sorted(settled)
    assert settled[-1] >= places[-1]
    assert not [one for one in events if isinstance(one, BookWritten) and (one.conflicts or one.failed)]
    assert {cursor for one in events if isinstance(one, BookWriting) for cursor in one.corrections} == set(places)


@pytest.mark.parametrize("step", ORDER_STEPS)
def test_law_6_law_7_killed_at_any_step_no_order_is_lost_or_doubled(
    fake: FakeAlpaca, tmp_path: Path, shell: Shell, step: str
) -> None:
    bot = Bot(tmp_path, f"alpaca+{fake.url}", "theirs", policy='on_orphan_order = "adopt"\n')
    placed = {name: fake.control.place("AAPL", "buy", "limit", "10", price="100", client_id=name) for name in "abcx"}
    for name in "abc":
        bot.orders.put(name, "accepted", order_id=placed[name])
    fake.control.cancel(placed["b"])
    fake.control.fill(placed["c"], "4", price="100")
    bot.positions.put("AAPL", "4", "100")
    killed(step, bot.config)
    ended, told = once(shell, bot.config)
    assert (ended.status, told["status"]) == (0, "SUCCESS"), told
    assert bot.orders.held() == {
        "a": ("accepted", "0", placed["a"]),
        "b": ("canceled", "0", placed["b"]),
        "c": ("partially_filled", "4", placed["c"]),
        "x": ("accepted", "0", placed["x"]),
    }
    assert len(bot.orders.do("SELECT id FROM orders")) == 4, "none twice"
    events = journal(tmp_path)
    assert not [one for one in events if isinstance(one, BookWritten) and (one.conflicts or one.failed)]
    before = [one for one in events if isinstance(one, BookWriting) and one.orders]
    assert before, "and each was journalled before it was written"
    position = len(events)
    ended, told = once(shell, bot.config)
    assert (ended.status, told["corrections"]) == (0, [])
    assert not [one for one in journal(tmp_path)[position:] if isinstance(one, BookWriting | BookWritten)]
