"""Does it hold with real processes, and when they are killed?"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from journal.samples import ACCOUNT, fill, fills
from trueup.errors import WriterFenced
from trueup.journal import Head, open_inbox, open_reader, open_writer, verify

TESTS = Path(__file__).parents[1]


@contextmanager
def child(what: str, url: str, *rest: str) -> Iterator[subprocess.Popen[str]]:
    """Another process; killed with -9 at the end, whatever it does then."""
    code = f"import sys; sys.path.insert(0, {str(TESTS)!r}); from journal.child import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, what, url, ACCOUNT, *rest],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("seed", range(6))
def test_law_7_l58_what_was_acknowledged_survives_kill_9(store_url: str, seed: int) -> None:
    url = store_url
    before = 0
    for epoch in range(2):
        with child("append", url) as process:
            for _ in range(random.Random(seed * 2 + epoch).randrange(1, 150)):
                last = line(process)
            process.kill()
            assert process.stdout is not None
            lines = [last, *process.stdout.read().splitlines(keepends=True)]
        # A line that was cut off was not acknowledged.
        position, digest = next(text for text in reversed(lines) if text.endswith("\n") or text is last).split()
        acknowledged = Head(int(position), bytes.fromhex(digest))
        assert acknowledged.position > before
        report = verify(url, ACCOUNT, head=acknowledged)
        assert not report.faults
        assert report.events % 3 == 0  # all of an append, or nothing of it
        before = report.events
        with open_writer(url, ACCOUNT) as writer:  # and its lock went with it
            assert writer.head().position == report.events
            found = [recorded.event for recorded in writer.read()]
            assert found == fills(1, report.events)


def test_fencing_between_processes(store_url: str) -> None:
    url = store_url
    with child("hold", url) as incumbent:
        assert line(incumbent) == "held"
        with pytest.raises(WriterFenced):
            open_writer(url, ACCOUNT)
        with child("hold", url) as second:
            assert line(second).startswith(f"WriterFenced {ACCOUNT}: another writer holds its lock")
        with open_reader(url, ACCOUNT) as reader:  # readers never lock
            assert reader.event(1) == fill(1)
        assert verify(url, ACCOUNT).ok
        incumbent.kill()
        incumbent.wait()
        with open_writer(url, ACCOUNT) as writer:
            assert writer.append(fills(2, 2)).position == 2


def test_a_writer_can_wait_for_another_to_go(store_url: str) -> None:
    url = store_url
    with child("hold", url) as incumbent:
        assert line(incumbent) == "held"
        assert incumbent.stdin is not None
        incumbent.stdin.write("go\n")
        incumbent.stdin.flush()
        with open_writer(url, ACCOUNT, wait_s=20) as writer:
            assert writer.head().position == 1


def test_many_processes_leave_things_in_one_inbox_each_once_and_in_order(store_url: str) -> None:
    url, count = store_url, 40
    with (
        child("ada", url, str(count)) as ada,
        child("bob", url, str(count)) as bob,
        child("eve", url, str(count)) as eve,
    ):
        everybody = {"ada": ada, "bob": bob, "eve": eve}
        for process in everybody.values():
            assert line(process) == "ready"
        for process in everybody.values():  # none has opened the store: they also race to make it
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = {who: [line(process) for _ in range(count)] for who, process in everybody.items()}
    assert not [lines for lines in told.values() if not lines[0].isdigit()]
    with open_inbox(url, ACCOUNT) as inbox:
        found = inbox.read()
    assert [position for position, _, _ in found] == list(range(1, 3 * count + 1))
    for who in everybody:
        mine = [(str(position), item.id) for position, item, _ in found if item.who == who]
        assert mine == list(zip(told[who], [f"{who}-{n}" for n in range(count)], strict=True))
    assert verify(url, ACCOUNT).ok
