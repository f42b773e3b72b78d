"""Does a channel go on where it was: after a long quiet, and where the journal's beginning has been archived?"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from alerts.test_messenger import Bench, Desk
from lessons.world import row
from trueup.errors import JournalError
from trueup_adapters.alerts import Sent


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.w.close()


def test_a_long_quiet_is_journalled_once_so_that_it_is_not_read_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup_adapters.alerts.messenger.PROGRESS_EVENTS", 10)
    desk = Desk()
    runner = bench.runner(desk)
    before = len(bench.said())
    bench.w.sees(row("HELD", "1"), times=8)
    bench.runs(runner)
    assert len(bench.said()) == before
    bench.w.sees(row("HELD", "1"), times=2)
    bench.runs(runner, 10_000)
    assert bench.said()[before:] == [("desk", 0, 0)]
    assert dict(bench.w.state.alerts_delivered)["desk"] == bench.w.state.position - 1
    desk.outcomes = [Sent("later", "down")] * 3
    told = dict(bench.w.state.alerts_delivered)["desk"]
    bench.escalates("A")
    bench.w.sees(row("HELD", "1"), row("A", "1"), times=30)
    runner.step()
    assert dict(bench.w.state.alerts_delivered)["desk"] == told, "nor what is still gathered"
    bench.runs(runner, 3_000)
    bench.w.sees(row("HELD", "1"), row("A", "1"), times=30)
    bench.runs(runner, 1_000)
    assert dict(bench.w.state.alerts_delivered)["desk"] == told, "what waits is not passed over"


def test_what_was_archived_elsewhere_is_said_and_journalled_as_not_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk()
    runner = bench.runner(desk)
    bench.escalates("LOST")
    upto, base = dict(bench.w.state.alerts_delivered)["desk"], bench.w.state.position
    reader = bench.w._reader
    whole = {name: getattr(reader, name) for name in ("read", "events")}

    def from_base_on(name: str) -> Any:
        def read(*, after: int = 0, **more: Any) -> Any:
            if after < base:
                raise JournalError("the archive is not there")
            return whole[name](after=after, **more)

        return read

    for name in whole:
        monkeypatch.setattr(reader, name, from_base_on(name))
    with pytest.raises(JournalError):
        runner.step()
    monkeypatch.setattr(type(reader), "bases", property(lambda _: {bench.w.account: SimpleNamespace(position=base)}))
    bench.escalates("LOST", "NEW")
    bench.runs(runner)
    (note,) = bench.notes
    assert (
        note == f"alerts on desk: events {upto + 1} to {base} were archived, and the archive cannot be read: not told"
    )
    assert [one.title for one in desk.messages] == ["trueup mt5:5001: 1 alert, 1 critical"]
    monkeypatch.undo()
    assert bench.said()[-2:] == [("desk", 0, 1), ("desk", 1, 0)]
