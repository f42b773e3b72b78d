"""What does the ledger do when its journal fails for a while, or its tenure is cut short?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from lessons.world import World, fill, row
from trueup.errors import JournalError, TenureLost
from trueup.events import Event
from trueup.facts import FillRecorded, Observed, WriterClaimed
from trueup.gate import GateRefusal, Intent
from trueup.journal import Head
from trueup.passes import Passes
from trueup.testing.broker import SimulatedBroker

BUY = Intent(symbol="EURUSD", side="buy", quantity="1")


class Line:
    """A journal behind a connection that tears, as a writer on a server shows it."""

    def __init__(self, journal: Any) -> None:
        self._journal = journal
        self.down = ""
        """`refuses`: nothing gets there; `swallows`: the next append is stored, and its answer lost; `is full`: the
        next append is refused, and the connection stays."""
        self.torn = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    @property
    def interrupted(self) -> bool:
        return self.torn

    def append(self, events: Sequence[Event], *, raws: Sequence[bytes] = ()) -> Head:
        if self.torn:
            raise TenureLost("the connection was lost; resume")
        if self.down:
            if self.down == "swallows":
                self._journal.append(events, raws=raws)
            self.torn = self.down != "is full"
            self.down = "refuses" if self.torn else ""
            raise JournalError("the connection was lost, or the disk is full")
        head: Head = self._journal.append(events, raws=raws)
        return head

    def resume(self) -> bool:
        if self.down:
            raise JournalError("the server is not there")
        torn, self.torn = self.torn, False
        return torn


def lined(world: World) -> Line:
    """The world's ledger, writing through a line."""
    line = Line(world.ledger._journal)
    world.ledger._journal = line
    return line


def claims(world: World) -> list[int]:
    return [one.at.epoch for one in world.events(WriterClaimed) if isinstance(one, WriterClaimed)]


def test_law_9_a_failed_append_closes_the_gate_until_a_later_question_verifies_the_book(
    world: Callable[..., World],
) -> None:
    one = world()
    one.sees(times=2)
    assert one.ledger.gate.check(BUY) is None
    line = lined(one)
    line.down = "refuses"
    with pytest.raises(JournalError):
        one.record(fill("e1", "EURUSD", "1"))
    refusal = one.ledger.gate.check(BUY)
    assert isinstance(refusal, GateRefusal)
    assert "the journal cannot be written" in refusal.reason
    assert one.ledger.gate.check(Intent(symbol="EURUSD", side="buy", quantity="1", kind="cancel")) is None
    line.down, line.torn = "", False  # there is room again, and nothing was lost but this one
    one.record(fill("e1", "EURUSD", "1"))
    refusal = one.ledger.gate.check(BUY)
    assert isinstance(refusal, GateRefusal)
    assert "no pass has verified the book since" in refusal.reason
    one.sees(row("EURUSD", "1"))
    assert one.ledger.gate.check(BUY) is None
    assert claims(one) == [1]
    assert len(one.events(FillRecorded)) == 1


@pytest.mark.parametrize("down", ["refuses", "swallows"])
def test_law_7_after_a_lost_tenure_a_new_epoch_begins_and_nothing_is_forgotten_or_doubled(
    world: Callable[..., World], down: str
) -> None:
    one = world()
    one.sees(times=2)
    line = lined(one)
    line.down = down
    with pytest.raises(JournalError):
        one.record(fill("e1", "EURUSD", "1"))
    with pytest.raises(JournalError, match="not there"):
        one.record(fill("e1", "EURUSD", "1"))
    line.down = ""
    one.record(fill("e1", "EURUSD", "1"))
    assert claims(one) == [1, 2]
    assert len(one.events(FillRecorded)) == 1
    assert one.book == {"EURUSD": "1"}
    refusal = one.ledger.gate.check(BUY)
    assert isinstance(refusal, GateRefusal)
    assert one.ledger.gate.status == "closed"
    one.sees(row("EURUSD", "1"))
    assert one.ledger.gate.check(BUY) is None


def test_a_lock_lost_while_nobody_appended_is_claimed_anew_before_the_next_input(world: Callable[..., World]) -> None:
    one = world()
    one.sees(times=2)
    line = lined(one)
    line.torn, line.down = True, "refuses"  # somebody who only read has noticed
    with pytest.raises(JournalError, match="not there"):
        one.record(fill("e1", "EURUSD", "1"))
    refusal = one.ledger.gate.check(BUY)
    assert isinstance(refusal, GateRefusal)
    assert "not there" in refusal.reason
    line.down = ""
    one.record(fill("e1", "EURUSD", "1"))
    assert claims(one) == [1, 2]
    assert one.events(FillRecorded)[0].at.epoch == 2  # type: ignore[union-attr]
    assert one.ledger.gate.status == "closed"


@pytest.mark.parametrize(("down", "epochs"), [("swallows", [1, 2, 3]), ("is full", [1, 2])])
def test_a_claim_that_is_cut_off_in_its_turn_is_made_again(
    world: Callable[..., World], down: str, epochs: list[int]
) -> None:
    one = world()
    line = lined(one)
    line.torn = True
    real = line.resume

    def resume() -> bool:
        torn, line.down = real(), down
        return torn

    line.resume = resume  # type: ignore[method-assign]
    with pytest.raises(JournalError):
        one.record(fill("e1", "EURUSD", "1"))
    line.resume = real  # type: ignore[method-assign]
    line.down = ""
    one.record(fill("e1", "EURUSD", "1"))
    assert claims(one) == epochs
    assert len(one.events(FillRecorded)) == 1


def test_an_answer_received_while_the_tenure_was_lost_does_not_open_the_gate_of_the_next(
    world: Callable[..., World],
) -> None:
    one = world()
    one.sees(times=2)
    lined(one).torn = True
    one.sees()
    seen = one.observations()[-1]
    assert (seen.asked.epoch, seen.at.epoch) == (1, 2)
    assert one.ledger.gate.status == "closed"
    one.sees()
    assert one.ledger.gate.status == "open"


def test_the_first_pass_of_an_epoch_claimed_on_the_way_is_its_start_up_pass(world: Callable[..., World]) -> None:
    one = world()
    broker = SimulatedBroker(position_mode="netting")
    passes = Passes(one.ledger, broker, one.clock)

    async def run(kind: Any) -> None:
        one.passes(s=20)
        await passes.run(kind)

    asyncio.run(run("startup"))
    asyncio.run(run("periodic"))
    line = lined(one)
    line.torn = True
    asyncio.run(run("periodic"))
    asyncio.run(run("periodic"))
    kinds = [seen.pass_kind for seen in one.events(Observed) if isinstance(seen, Observed)]
    order = [kind for n, kind in enumerate(kinds) if n == 0 or kinds[n - 1] != kind]
    assert order == ["startup", "periodic", "startup", "periodic"]
    assert claims(one) == [1, 2]
    line.down, line.torn = "refuses", True
    asked = len(kinds)
    with pytest.raises(JournalError):
        asyncio.run(run("periodic"))
    line.down = ""
    assert len(one.events(Observed)) == asked  # nobody was asked for what could not be written down
