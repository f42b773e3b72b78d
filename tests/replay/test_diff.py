"""Does `trueup diff` name all that differs between two moments, and just the events that did it?"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.conftest import shell as shell_fixture
from cli.shell import Shell
from laws.profiles import tried
from laws.steps import ANY, Step, play
from laws.test_values import MODES, NAMED
from laws.world import World, impatient
from replay.journals import events, stored
from replay.recording import Recording, fill, pending
from trueup.changes import OrderUpdate
from trueup.facts import Observed
from trueup.reconciliation.fold import fold
from trueup.reconciliation.state import State
from trueup.replay import Between, between
from trueup.replay.between import NOTED_MAX

shell = shell_fixture


def quantities(state: State, side: str) -> dict[str, Decimal]:
    """One side of a state, by our own reading of it."""
    if side == "broker":
        return {key: row.signed_quantity for key, row in state.view().rows.items()}
    return {key: slot.holding.signed_quantity for key, slot in state.book.items() if slot.holding is not None}


@tried(80)
@given(
    steps=ANY,
    mode=MODES,
    named_by=NAMED,
    one=st.integers(0, 10_000),
    other=st.integers(0, 10_000),
    size=st.integers(1, 9),
)
def test_every_difference_is_named_and_every_event_that_did_it(
    steps: list[Step], mode, named_by, one: int, other: int, size: int
) -> None:
    """Against states folded event by event, and held against each other one by one."""
    world = play(World(mode, impatient(), named_by=named_by), steps)
    told = list(enumerate(events(world.journal), start=1))
    first, last = sorted((one % (len(told) + 1), other % (len(told) + 1)))
    states = [State(account=world.journal.account)]
    for pair in told:
        states.append(fold(states[-1], [pair]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(between, "SEGMENT_EVENTS", size)
        found = Between(states[first], states[last])
        found.follow(told[first:last])
    changed = found.changed()
    assert found.differs == bool(changed)
    for side in ("book", "broker"):
        before, after = quantities(states[first], side), quantities(states[last], side)
        ours = {one.key: one for one in changed if (one.side, one.of) == (side, "position")}
        for key in before.keys() | after.keys():
            if before.get(key) != after.get(key):
                assert key in ours, (side, key)
        for key, change in ours.items():
            did = {
                position
                for position in range(first + 1, last + 1)
                if quantities(states[position - 1], side).get(key) != quantities(states[position], side).get(key)
            }
            named = set(change.events)
            assert did <= named or change.events_count > NOTED_MAX
            assert all(first < position <= last for position in named)
            assert change.events_count >= len(named) > 0
            kind = "appeared" if key not in before else "vanished" if key not in after else "changed"
            assert change.change == kind
            if side == "broker":
                assert all(isinstance(told[position - 1][1], Observed) for position in named)


def recorded(tmp_path: Path) -> tuple[Recording, str]:
    """A ghost closed, a recovery adopted, a drift, an order that came and one that went."""
    recording = Recording()
    recording.record(fill("e1", "AUD", 2), fill("e2", "CHF", 1), pending("c1", "AUD", 1))
    recording.says(40_000, AUD=2, CHF=1)
    for _ in range(3):
        recording.says(40_000, CHF=3, DAX=1)
    done = OrderUpdate(client_order_id="c1", symbol="AUD", side="buy", type="market", quantity="1", status="canceled")
    recording.record(done, pending("c2", "DAX", 1))
    return recording, stored(recording.journal, tmp_path / "s.db")


def test_both_sides_position_by_position(tmp_path: Path, shell: Shell) -> None:
    recording, url = recorded(tmp_path)
    start = next(at for at, one in enumerate(events(recording.journal), 1) if isinstance(one, Observed))
    end = len(recording.journal.stored)
    ended = shell("diff", start, end, "--store", url, "--json")
    found = ended.json
    assert ended.status == 1
    assert (found["account"], found["identical"]) == ("test:1", False)
    assert (found["from"]["position"], found["to"]["position"]) == (start, end)
    assert found["from"]["at"] < found["to"]["at"]
    book: dict[str, Any] = {one["key"]: one for one in found["book"]["positions"]}
    assert {key: one["change"] for key, one in book.items()} == {
        "AUD": "vanished", "CHF": "changed", "DAX": "appeared",
    }  # fmt: skip
    assert book["CHF"]["fields"] == ["quantity"]
    assert (book["CHF"]["before"]["quantity"], book["CHF"]["after"]["quantity"]) == ("1", "3")
    assert book["AUD"]["after"] is None
    (closed,) = book["AUD"]["events"]
    assert closed["name"] == "break-moved/1"
    assert "closed in the book" in closed["sentence"]
    assert book["AUD"]["events_count"] == 1
    broker = {one["key"]: one for one in found["broker"]["positions"]}
    assert {key: one["change"] for key, one in broker.items()} == {
        "AUD": "vanished", "CHF": "changed", "DAX": "appeared",
    }  # fmt: skip
    (seen,) = broker["DAX"]["events"]
    assert seen["name"] == "observed/1"
    orders = {one["key"]: one for one in found["book"]["orders"]}
    assert orders["c2"]["change"] == "appeared"
    assert orders["c1"]["change"] in ("vanished", "changed")
    assert orders["c2"]["after"]["symbol"] == "DAX"


def test_the_same_for_a_person_and_by_time(tmp_path: Path, shell: Shell) -> None:
    _, url = recorded(tmp_path)
    said = shell("diff", "2023-11-14T22:14:10Z", "2023-11-14T22:20:00Z", "--store", url)
    assert said.status == 1
    for words in ("vanished", "closed in the book", "quantity 1", "quantity 3", "positions and orders differ"):
        assert words in said.out
    same = shell("diff", 5, 5, "--store", url)
    assert same.status == 0
    assert "from 5 to 5: neither side differs" in same.out
    nothing = shell("diff", 0, 1, "--store", url, "--json")
    assert nothing.json["from"] == {"position": 0, "at": None}
    assert nothing.json["identical"] is True


def test_moments_that_cannot_be_meant(tmp_path: Path, shell: Shell) -> None:
    _, url = recorded(tmp_path)
    back = shell("diff", 5, 3, "--store", url)
    assert (back.status, back.out) == (2, "")
    assert "5 (position 5) lies behind 3 (position 3); give the earlier moment first" in back.err
    assert shell("diff", 5, 5_000, "--store", url).status == 2
    assert shell("diff", "yesterday", 5, "--store", url).status == 2


def test_a_time_that_the_clock_had_twice_is_said(tmp_path: Path, shell: Shell) -> None:
    recording = Recording()
    recording.says(AUD=1)
    recording.jump(-3_600_000)
    recording.says(AUD=1)
    url = stored(recording.journal, tmp_path / "s.db")
    ended = shell("diff", 1, "2023-11-14T22:13:28Z", "--store", url, "--json")
    assert "ambiguous" in ended.err


def test_what_was_touched_often_names_the_first_and_the_last_event(tmp_path: Path, shell: Shell) -> None:
    recording = Recording()
    recording.record(*(fill(f"e{n}", "AUD", 1) for n in range(30)))
    url = stored(recording.journal, tmp_path / "s.db")
    (one,) = shell("diff", 0, 32, "--store", url, "--json").json["book"]["positions"]
    assert one["events_count"] == 30
    assert [told["position"] for told in one["events"]] == [*range(3, 22), 32]
    assert "and 10 more" in shell("diff", 0, 32, "--store", url).out


def test_more_than_a_person_reads_is_counted(tmp_path: Path, shell: Shell) -> None:
    recording = Recording()
    recording.record(*(fill(f"e{n}", f"S{n}", 1) for n in range(60)))
    url = stored(recording.journal, tmp_path / "s.db")
    said = shell("diff", 0, 62, "--store", url)
    assert "and 10 more; --json has them" in said.err
    assert "60 positions and orders differ" in said.out
