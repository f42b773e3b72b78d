"""Does the walk over a journal keep what is of the key, leave the rest, and stay within its limits?"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from lessons.world import World, deal, fill, held, pending, row
from telling.stories import MadePast, last_correction, past_of, weighed
from trueup import Policy
from trueup.decisions import BaselineTaken, BreakMoved, FillAdopted, FillSettled, MassAbsenceMoved, PositionBound, Step
from trueup.events import Event
from trueup.facts import ExecutionPushed, FillRecorded, Observed, Rows, WriterClaimed
from trueup.model import BrokerPosition, Execution, Moment
from trueup.telling import Target, explain
from trueup.telling.history import History
from trueup.telling.told import iso, seconds

Worlds = Callable[..., World]


def moment(second: int) -> Moment:
    return Moment(second * 1_000_000_000, second * 1_000_000_000, 1)


def walked(*events: Event, key: str = "EURUSD") -> History:
    history = History(key, "EURUSD")
    history.take(enumerate(events, start=1))
    return history


def execution(name: str, symbol: str = "EURUSD") -> Execution:
    return Execution(name, symbol, Decimal(1))


def positions(second: int, completeness: str, rows: Rows | None) -> Observed:
    return Observed(
        moment(second), moment(second), 0, 0, "positions", "s", "", completeness, "cut", 1, "periodic", 1, b"", rows  # type: ignore[arg-type]
    )  # fmt: skip


def test_other_symbols_and_keys_leave_no_trace() -> None:
    history = walked(
        FillRecorded(moment(1), execution("x1", "USDJPY")),
        ExecutionPushed(moment(2), execution("x2", "USDJPY")),
        BaselineTaken(2, 0, b"", ("USDJPY",), ""),
        PositionBound(2, 0, b"", "?order/c1", "#7", ""),
        MassAbsenceMoved(2, 0, b"", "held", ("USDJPY",), 1, 1, ""),
        FillSettled(2, 0, b"", "x1", "USDJPY", Decimal(0), (), ""),
    )
    assert not history.changes
    assert not history.deals
    assert not history.holds


def test_a_fill_adopted_of_another_symbol_is_none_of_ours(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1"))
    w.deals()
    w.deals(deal("x2", "USDJPY", "1"), deal("x3", "EURUSD", "1"))
    adopted = [one for one in w.events(FillAdopted) if isinstance(one, FillAdopted)]
    history = walked(*adopted)
    assert list(history.deals) == ["x3"]
    elsewhere = walked(*adopted, key="#9")
    assert list(elsewhere.deals) == ["x3"]
    assert elsewhere.adoptions == []


@pytest.mark.parametrize(
    ("rows", "completeness", "row", "mentions"),
    [
        (Rows(0, (BrokerPosition("EURUSD", Decimal(2)),)), "complete", "2", True),
        (Rows(0, ()), "complete", None, True),
        (Rows(1, ()), "complete", "1", True),
        (Rows(1, (), ("EURUSD",)), "complete", None, True),
        (Rows(1, (), ("USDJPY",)), "complete", "1", True),
        (Rows(0, (BrokerPosition("EURUSD", Decimal(2)),)), "partial", "2", True),
        (Rows(0, (BrokerPosition("USDJPY", Decimal(2)),)), "partial", None, False),
        (None, "failed", None, False),
    ],
)
def test_what_an_answer_says_of_the_key(rows: Rows | None, completeness: str, row: str | None, mentions: bool) -> None:
    first = positions(1, "complete", Rows(0, (BrokerPosition("EURUSD", Decimal(1)),)))
    answer = walked(first, positions(2, completeness, rows)).answers[-1]
    assert (None if answer.row is None else str(answer.row.signed_quantity), answer.mentions) == (row, mentions)


def test_deals_of_one_id_are_one_and_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trueup.telling.history.DEALS_MAX", 2)
    events = [FillRecorded(moment(n), execution(name)) for n, name in enumerate(("x1", "x2", "x2", "x3"))]
    assert list(walked(*events).deals) == ["x2", "x3"]


def test_only_the_first_complete_answer_on_fills_is_history(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.deals(deal("d0", "EURUSD", "1"), complete=False)
    w.deals(deal("d1", "EURUSD", "1"))
    w.deals(deal("d2", "EURUSD", "1"))
    history = walked(*(one.event for one in w.journal()))
    assert {name: one.history for name, one in history.deals.items()} == {"d0": False, "d1": True, "d2": False}


def test_which_policy_was_in_force(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    history = walked(*(one.event for one in w.journal()))
    assert history.policy_at(1) == (0, Policy())
    assert history.policy_at(99) == (2, w.policy)


def test_hedging_speaks_of_tickets() -> None:
    claimed = WriterClaimed(moment(0), "hedging", "1", 1, 1, "", "")
    rows = Rows(0, (BrokerPosition("EURUSD", Decimal(2), "7"), BrokerPosition("EURUSD", Decimal(3), "8")))
    history = walked(claimed, positions(1, "complete", rows), key="#8")
    assert history.answers[-1].row == BrokerPosition("EURUSD", Decimal(3), "8")


def test_an_earlier_mass_absence_was_not_weighed(world: Worlds) -> None:
    names = ("AUDUSD", "EURUSD", "GBPUSD", "USDJPY")
    w = world(*(held(name, "1") for name in names))
    w.sees()
    every = [row(name, "1") for name in names]
    w.sees(*every)
    w.passes(s=600)
    w.sees(*every)
    w.sees(*every[1:], times=2)
    told = last_correction(w)
    assert told.subject.symbol == "AUDUSD"
    assert [finding for finding, _ in weighed(told, "mass absence")] == ["passed"]


def test_evidence_that_does_not_mention_the_key_says_nothing_of_it(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.sees_part(row("USDJPY", "1"))
    events = [one.event for one in w.journal()]
    asked = next(at for at, event in enumerate(events, start=1) if isinstance(event, Observed))
    step = Step("b1", "drift", "stop", "opened", "1", "2", 0, "first seen")
    move = BreakMoved(asked, 0, b"", "position", "EURUSD", "EURUSD", None, (step,), (asked,))
    told = explain(MadePast([*events, move]), Target("break", "b1", len(events) + 1))
    assert [one.says for one in told.observations] == ["says nothing of it"]
    assert told.observations[0].why == "one page of several"


def test_times_and_spans_are_said_plainly() -> None:
    assert iso(0) == ""
    assert iso(1_767_225_600_123_456_789) == "2026-01-01T00:00:00.123456Z"
    assert [seconds(ns) for ns in (0, 500_000_000, 2_000_000_000, 2_960_000_000, 12_340_000_000)] == [
        "0 ms", "500 ms", "2 s", "2.9 s", "12 s",
    ]  # fmt: skip


def test_what_came_long_afterwards_displaces_nothing(world: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old correction in a long journal: its answers, changes, deals and orders are those of its time."""
    for name in ("CHANGES_MAX", "DEALS_MAX", "ANSWERS_MAX"):
        monkeypatch.setattr(f"trueup.telling.history.{name}", 12)
    w = world(fill("x1", "EURUSD", "1.5", client_order_id="c1"))
    w.record(pending("c2", "EURUSD", "accepted"))
    w.sees(row("EURUSD", "2.5"), times=2)
    position = next(one.position for one in reversed(w.journal()) if isinstance(one.event, BreakMoved))
    w.record(fill("x2", "EURUSD", "1", client_order_id="c2"))
    for n in range(20):
        w.passes(s=400)
        w.record(fill(f"y{n}", "EURUSD", "1", client_order_id="c2"), pending("c2", "EURUSD", "canceled"))
        w.sees(row("EURUSD", str(Decimal("3.5") + n)))
    past = past_of(w)
    told = explain(past, Target("correction", "", position))
    assert [one.says for one in told.observations] == ["lists it: long 2.5", "lists it: long 2.5"]
    assert "the process recorded fill x1: bought 1.5 EURUSD at 1" in [one.what for one in told.changes]
    assert (told.causes[0].cause, told.causes[0].executions) == ("missed_fill", ("x2",))


def test_deals_after_a_correction_displace_none_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trueup.telling.history.DEALS_MAX", 2)
    events = [FillRecorded(moment(n), execution(f"x{n}")) for n in range(1, 6)]
    history = History("EURUSD", "EURUSD", upto=2)
    history.take(enumerate(events, start=1))
    assert list(history.deals) == ["x1", "x2"]


def test_an_undoing_counts_however_late_it_came(world: Worlds) -> None:
    w = world(held("EURUSD", "2"), held("USDJPY", "1"), held("AUDUSD", "1"))
    others = (row("USDJPY", "1"), row("AUDUSD", "1"))
    w.sees(*others, times=2)
    closed = last_correction(w)
    w.passes(s=100_000)
    w.sees(row("EURUSD", "2"), *others, times=2)
    again = explain(past_of(w), Target("correction", closed.subject.id, closed.subject.position))
    assert again.subject.undone_by == last_correction(w).subject.id
