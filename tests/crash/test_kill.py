"""Law 7 end to end: of a process that is killed with -9 at any moment, is all that it acknowledged still there?"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from crash.child import ACCOUNT, reconciler
from laws.oracle import replay
from laws.profiles import NAME
from trueup.decisions import BreakMoved, FillAdopted
from trueup.events import encode, name_of_event
from trueup.facts import CorrectionsDelivered, FillRecorded, WriterClaimed
from trueup.journal import JournalReader, open_reader, verify
from trueup.ledger import rehydrate
from trueup.reconciliation.fold import fold
from trueup.reconciliation.saved import save
from trueup.reconciliation.state import State
from trueup_adapters.gateway import Control, Gateway, Ports

TESTS = Path(__file__).parents[1]
KILLS = 5


@pytest.fixture
def gateway() -> Iterator[Ports]:
    """A real gateway on two sockets of this machine."""
    found: list[Ports] = []
    ready = threading.Event()

    def tell(ports: Ports) -> None:
        found.append(ports)
        ready.set()

    thread = threading.Thread(target=Gateway(mode="hedging").run, args=(tell,), daemon=True)
    thread.start()
    assert ready.wait(20)
    yield found[0]
    with Control(found[0].control_url) as control:
        control.stop()
    thread.join(20)
    assert not thread.is_alive()


@dataclass
class Acknowledged:
    """What the processes said had returned."""

    fills: list[str] = field(default_factory=list)
    corrections: set[str] = field(default_factory=set)
    position: int = 0
    epochs: list[int] = field(default_factory=list)

    def take(self, line: str) -> None:
        if not line.endswith("\n"):
            return  # cut off by the kill: not acknowledged
        what, number, *names = line.split()
        if what == "open":
            self.epochs.append(int(number))
        else:
            assert int(number) >= self.position
            self.position = int(number)
        if what == "recorded":
            self.fills += names
        elif what == "passed":
            self.corrections |= set(names[1:])


@pytest.mark.parametrize("seed", range(40 if NAME == "deep" else 3))
def test_law_7_l58_all_that_a_killed_process_acknowledged_is_there(tmp_path: Path, gateway: Ports, seed: int) -> None:
    url, told = f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "told"
    told.touch()
    chosen = random.Random(seed)
    said = Acknowledged()
    with Control(gateway.control_url) as control:
        for epoch in range(1, KILLS + 1):
            _run_and_kill(url, gateway.url, told, epoch, said, chosen, control)
            assert said.epochs == list(range(1, epoch + 1))  # each tenure is the next one
            _all_is_there(url, said)
        with _process(url, gateway.url, told, KILLS + 1, "3") as process:  # and one that ends in good order
            assert process.stdout is not None
            for line in process.stdout:
                said.take(line)
            assert process.wait(60) == 0
        _all_is_there(url, said)
        _each_was_handed_over(url, told)
        with reconciler(url, gateway.url, str(told)) as rec:
            report = rec.startup_recovery(timeout_s=20)
            assert report.status == "SUCCESS", report
            held = {f"#{key}": quantity for key, quantity in _truth(control).items()}
            assert {key: one.signed_quantity for key, one in rec.book.by_key.items()} == held


def _process(url: str, gateway: str, told: Path, epoch: int, *rounds: str) -> subprocess.Popen[str]:
    code = f"import sys; sys.path.insert(0, {str(TESTS)!r}); from crash.child import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, url, gateway, str(told), str(epoch), *rounds],
        stdout=subprocess.PIPE,
        text=True,
    )


def _run_and_kill(
    url: str, gateway: str, told: Path, epoch: int, said: Acknowledged, chosen: random.Random, control: Control
) -> None:
    """Let a process work while the broker's positions change, and kill it at a moment that a seed chooses."""
    with _process(url, gateway, told, epoch) as process:
        assert process.stdout is not None
        for _ in range(chosen.randrange(1, 60)):
            said.take(process.stdout.readline())
            if chosen.random() < 0.4:
                _trade(control, chosen)
        time.sleep(chosen.random() * 0.02)  # anywhere: in a commit, on the wire, while a correction is handed over
        process.kill()
        assert process.wait(20) == -signal.SIGKILL
        for line in process.stdout.read().splitlines(keepends=True):
            said.take(line)


def _trade(control: Control, chosen: random.Random) -> None:
    """The broker's side moves."""
    held = control.state()["positions"]
    if held and chosen.random() < 0.5:
        control.close_position(chosen.choice(held)["ticket"])
    else:
        control.open("EURUSD", chosen.choice(["buy", "sell"]), "0.5", "1.5")


def _truth(control: Control) -> dict[str, Decimal]:
    """What the gateway's terminal holds, by ticket, signed."""
    return {
        str(one["ticket"]): Decimal(one["volume"]) * (1 if one["type"] == "buy" else -1)
        for one in control.state()["positions"]
    }


# -- what must be true of the store ------------------------------------------------------------------------


def _all_is_there(url: str, said: Acknowledged) -> None:
    report = verify(url, ACCOUNT)
    assert report.ok, report.faults
    assert report.events >= said.position
    with open_reader(url, ACCOUNT) as reader:
        events = [(one.position, one.event) for one in reader.read()]
        stored = [one.execution.execution_id for _, one in events if isinstance(one, FillRecorded)]
        assert [name for name in stored if name in set(said.fills)] == said.fills  # all, once, in order
        assert len(stored) == len(set(stored))
        assert said.corrections <= _corrections(reader).keys()
        assert [one.at.epoch for _, one in events if isinstance(one, WriterClaimed)] == said.epochs
        whole = fold(State(account=ACCOUNT), events)
        assert save(_rehydrated(reader)) == save(whole)
        again = replay(ACCOUNT, [(name_of_event(one), encode(one)) for _, one in events])
        assert again.differences == ()  # every decision beside its input, and none without


def _rehydrated(reader: JournalReader) -> State:
    """As a restart finds it: from the newest snapshot on."""
    return rehydrate(ACCOUNT, reader)  # type: ignore[arg-type]


def _corrections(reader: JournalReader) -> dict[str, int]:
    """Every correction in the journal, with its position."""
    return {
        one.event.correction.id: one.position
        for one in reader.read()
        if isinstance(one.event, BreakMoved | FillAdopted) and one.event.correction is not None
    }


def _each_was_handed_over(url: str, told: Path) -> None:
    """At least once each, in order of first delivery, and none that was never made."""
    lines = [line.split() for line in told.read_text().splitlines()]
    with open_reader(url, ACCOUNT) as reader:
        made = _corrections(reader)
        upto = [one.event.upto for one in reader.read() if isinstance(one.event, CorrectionsDelivered)]
    assert {(name, str(position)) for name, position in made.items()} == {(name, cursor) for cursor, name in lines}
    first = list(dict.fromkeys(int(cursor) for cursor, _ in lines))
    assert first == sorted(first)
    assert upto == sorted(upto)
    assert made, "nothing was ever corrected: this tried nothing"
