"""Is everything that was acknowledged there exactly once, when the server is killed while a process records?"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from postgres.server import Server
from trueup.errors import JournalError
from trueup.facts import FillRecorded, WriterClaimed
from trueup.journal import open_reader, verify
from trueup.journal.follow import open_follower
from trueup.storage import rehydrate

ACCOUNT = "mt5:5001"
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    one = Server()
    try:
        one.start()
        yield one
    finally:
        one.end()


@contextmanager
def recording(url: str) -> Iterator[subprocess.Popen[str]]:
    """A process that records; killed with -9 at the end."""
    code = f"import sys; sys.path.insert(0, {str(TESTS)!r}); from postgres.recorder import main; main()"
    process = subprocess.Popen([sys.executable, "-c", code, url, ACCOUNT], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


class Heard:
    """What the recording process has said so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.stored: list[int] = []
        self.epochs: set[int] = set()
        self.failed: list[str] = []

    def line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.endswith("\n"), "it ended"
        word, *rest = line.split()
        if word == "stored":
            self.stored.append(int(rest[0]))
            self.epochs.add(int(rest[1]))
        else:
            self.failed.append(line)
        return word

    def rest(self) -> None:
        """What it said last; a line that was cut off acknowledged nothing."""
        assert self._process.stdout is not None
        for line in self._process.stdout.read().splitlines(keepends=True):
            if line.startswith("stored") and line.endswith("\n"):
                self.stored.append(int(line.split()[1]))

    def until(self, word: str, times: int = 1) -> None:
        while times:
            times -= self.line() == word


class Following(threading.Thread):
    """Another part of the shop: follows the notification log, over every interruption."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._follower = open_follower(url)
        self._enough = threading.Event()
        self.ids: list[str] = []
        self.interruptions = 0

    def run(self) -> None:
        after = 0
        while True:
            enough = self._enough.is_set()
            try:
                page = self._follower.page(after=after)
            except JournalError:
                self.interruptions += 1
                self._enough.wait(0.02)
                continue
            after = page.end
            self.ids += [one.event.execution.execution_id for one in page.events if isinstance(one.event, FillRecorded)]
            if enough and not page.events:
                self._follower.close()
                return

    def all(self) -> list[str]:
        """Everything there is, once it has come to the end."""
        self._enough.set()
        self.join(60)
        assert not self.is_alive()
        return self.ids


def end_one_backend(server: Server) -> None:
    with closing(psycopg.connect(server.url, autocommit=True)) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )


def kill_9(server: Server) -> None:
    server.kill()
    server.start()


def immediate(server: Server) -> None:
    server.stop()
    server.start()


@pytest.mark.parametrize(("blow", "times"), [(end_one_backend, 3), (kill_9, 1), (immediate, 1)])
def test_law_7_what_was_acknowledged_survives_the_servers_death_exactly_once(
    server: Server, blow: Callable[[Server], None], times: int
) -> None:
    url = f"{server.url}&schema={blow.__name__}"
    with recording(url) as process:
        heard = Heard(process)
        heard.until("stored", 20)
        following = Following(url)
        following.start()
        for _ in range(times):
            blow(server)
            heard.until("failed")
            heard.until("stored", 20)
        process.kill()
        heard.rest()
    assert heard.stored == list(range(1, len(heard.stored) + 1))
    assert all(line.split()[1] == "closed" for line in heard.failed)  # the gate, at once
    epochs = list(range(1, times + 2))  # each interruption ends a tenure
    assert sorted(heard.epochs) == epochs
    report = verify(url, ACCOUNT)
    assert report.ok, report.faults
    with open_reader(url, ACCOUNT) as reader:
        events = [recorded.event for recorded in reader.read()]
        state = rehydrate(ACCOUNT, reader)
    ids = [event.execution.execution_id for event in events if isinstance(event, FillRecorded)]
    # One more than was acknowledged may stand there: the one whose answer the last kill cut off.
    assert ids[: len(heard.stored)] == [f"e{n}" for n in heard.stored]
    assert len(ids) - len(heard.stored) in (0, 1)
    assert len(set(ids)) == len(ids)
    assert [event.at.epoch for event in events if isinstance(event, WriterClaimed)] == epochs
    assert state.held("EURUSD").signed_quantity * 100 == len(ids)  # type: ignore[union-attr]
    assert following.all() == ids
