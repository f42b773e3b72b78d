"""Is the timeline the two sides as they were at every event, and nothing in between made up?"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lessons.world import World, fill, held, row
from projections.histories import ACCOUNTS, STEPS, SYMBOLS, Step, scratch  # noqa: TID251 - tests/projections
from projections.histories import World as Several  # noqa: TID251 - tests/projections
from telling.stories import MadePast, past_in, past_of
from trueup import Policy, PushedExecution
from trueup.decisions import BreakMoved, FillAdopted
from trueup.facts import Observed
from trueup.model import ZERO, is_unbound, plain
from trueup.reconciliation.fold import fold
from trueup.reconciliation.keys import key_of_row
from trueup.reconciliation.state import State
from trueup.telling import Leg, Point, Target, Timeline, explain, facts_of, timeline
from trueup.telling.over_time import leg_name

Worlds = Callable[..., World]


def of(world: World, symbol: str, first: int = 0) -> Timeline:
    past = past_of(world)
    return timeline(past.state(first), past.events(first + 1), symbol)


def said(points: tuple[Point, ...]) -> list[str]:
    return ["?" if one.signed_quantity is None else plain(one.signed_quantity) for one in points]


def as_of(points: tuple[Point, ...], position: int) -> Decimal | None:
    """The quantity of a step line after the event at a position."""
    return [one.signed_quantity for one in points if one.position <= position][-1]


# -- an oracle on many histories ---------------------------------------------------------------------------


@given(STEPS, st.integers(0, 3), st.data())
def test_at_every_event_both_sides_are_what_the_fold_says(steps: list[Step], policy: int, data: st.DataObject) -> None:
    """The fold is taken event by event, by itself; the broker's side from the answers alone, by hand."""
    with scratch() as folder:
        world = Several(f"sqlite:///{folder}/s.db", policy=policy)
        try:
            world.play(steps)
        finally:
            world.close()
        pasts = {account: past_in(world.url, account) for account in ACCOUNTS}
    for past in pasts.values():
        first = data.draw(st.integers(0, len(list(past.events())) - 1))
        for symbol in SYMBOLS:
            found = timeline(past.state(first), past.events(first + 1), symbol)
            legs = {leg.key: leg for leg in found.legs}
            state = past.state(first)
            for position, event in past.events(first + 1):
                before, state = state, fold(state, [(position, event)])
                held_now = {
                    key: slot.holding.signed_quantity
                    for key, slot in state.book.items()
                    if slot.holding is not None and slot.holding.symbol == symbol
                }
                assert {key: as_of(leg.book, position) for key, leg in legs.items()} == {
                    key: held_now.get(key, ZERO) for key in legs
                }, position
                assert held_now.keys() <= legs.keys()
                if isinstance(event, Observed) and event.positions is not None:
                    _broker_agrees(legs, before, state, event, position)


def _broker_agrees(legs: dict[str, Leg], before: State, state: State, event: Observed, position: int) -> None:
    stated = {key_of_row(state.mode, one): one for one in event.positions.stated} if event.positions else {}
    for key, leg in legs.items():
        shown = as_of(leg.broker, position)
        if event.completeness == "complete" and not is_unbound(key):
            row = state.view().rows.get(key)
            assert shown == (ZERO if row is None else row.signed_quantity)
        elif key in stated:
            assert shown == stated[key].signed_quantity
        elif position > leg.broker[0].position:
            assert shown == as_of(leg.broker, position - 1)


@given(STEPS, st.integers(0, 3))
def test_everything_that_was_decided_can_be_explained(steps: list[Step], policy: int) -> None:
    """No correction and no break of any history is beyond telling; what is told is what the event holds; and deals that
    explain a difference sum to it, by our own sum."""
    with scratch() as folder:
        world = Several(f"sqlite:///{folder}/s.db", policy=policy)
        try:
            world.play(steps)
        finally:
            world.close()
        pasts = [past_in(world.url, account) for account in ACCOUNTS]
    for past in pasts:
        for position, event in past.events():
            if isinstance(event, BreakMoved | FillAdopted):
                _explained(past, position, event)


def _explained(past: MadePast, position: int, event: BreakMoved | FillAdopted) -> None:
    correction = event.correction
    identity = correction.id if correction is not None else event.steps[-1].break_id  # type: ignore[union-attr]
    target = Target("break" if correction is None else "correction", identity, position)
    told = explain(past, target)
    if isinstance(event, BreakMoved):
        assert {one.position for one in told.observations} == {*event.evidence, event.cause}
    facts = facts_of(past, target)
    if isinstance(event, BreakMoved) and event.of == "order":
        assert facts is None  # causes are sought for positions only
        return
    assert facts is not None
    if correction is not None:
        before = ZERO if correction.before is None else correction.before.signed_quantity
        after = ZERO if correction.after is None else correction.after.signed_quantity
        assert facts.delta == after - before
    deals = {one.execution.execution_id: one for one in facts.deals}
    for cause in told.causes:
        if cause.executions and cause.cause not in ("duplicate_fill", "base_asset_fee"):
            counted = [deals[name].claimed or deals[name].execution.signed_quantity for name in cause.executions]
            assert sum(counted) == facts.delta
            assert not any(deals[name].counted and not deals[name].claimed for name in cause.executions)
        heard = {one.position for one in (*facts.deals, *facts.orders)}
        assert all(0 < one <= position or one in heard for one in cause.positions)


# -- one by one --------------------------------------------------------------------------------------------


def test_book_and_broker_and_what_happened_between_them(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "2"))
    w.sees(row("EURUSD", "2"))
    w.fails("no answer")
    w.sees(row("EURUSD", "3"), times=2)
    w.ledger.push(PushedExecution(fill=fill("x2", "EURUSD", "-9")))
    found = of(w, "EURUSD")
    (leg,) = found.legs
    assert said(leg.book) == ["0", "2", "3", "-6"]
    assert said(leg.broker) == ["?", "2", "3"]
    assert [one.kind for one in found.marks] == ["failed", "opened", "correction", "correction"]
    assert found.marks[1].text.startswith("drift of quantity opened on EURUSD (book 2, broker 3)")
    assert found.marks[1].id
    assert (found.first, found.last) == (1, len(w.journal()))
    assert not found.cut_short


def test_legs_are_kept_apart(world: Worlds) -> None:
    """L31: equal and opposite legs are two positions, not none."""
    w = world(held("EURUSD", "1", ticket="7"), held("EURUSD", "-1", ticket="8"), mode="hedging")
    w.sees(row("EURUSD", "1", ticket="7"))
    found = of(w, "EURUSD")
    assert [(leg.key, said(leg.book), said(leg.broker)) for leg in found.legs] == [
        ("#7", ["0", "1"], ["?", "1"]), ("#8", ["0", "-1"], ["?", "0"]),
    ]  # fmt: skip


def test_a_leg_without_a_ticket_goes_on_under_it_and_the_broker_never_knew_it_otherwise(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1", client_order_id="c1", order_id="7"), held("USDJPY", "1"), mode="hedging")
    w.sees(row("EURUSD", "1", ticket="7"), row("USDJPY", "1", ticket="5"))
    found = of(w, "EURUSD")
    assert [(leg.key, said(leg.book), said(leg.broker)) for leg in found.legs] == [
        ("#7", ["0", "1"], ["?", "1"]), ("?order/c1", ["0", "1", "0"], ["?"]),
    ]  # fmt: skip


def test_it_begins_with_what_both_sides_were(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "2"))
    w.sees(row("EURUSD", "2"))
    first = len(w.journal())
    w.record(fill("x2", "EURUSD", "1"))
    found = of(w, "EURUSD", first)
    (leg,) = found.legs
    assert (said(leg.book), said(leg.broker)) == (["2", "3"], ["2"])
    assert (found.first, found.last) == (first + 1, first + 1)
    assert leg.book[0].at_ns == found.from_ns


def test_a_leg_that_only_the_broker_had_before(world: Worlds) -> None:
    w = world(held("USDJPY", "1"))
    w.sees(row("EURUSD", "3"), row("USDJPY", "1"))
    first = len(w.journal())
    w.sees(row("USDJPY", "1"))
    (leg,) = of(w, "EURUSD", first).legs
    assert (said(leg.book), said(leg.broker)) == (["0"], ["3", "0"])


def test_a_mass_absence_and_a_human_and_a_clearing_are_marked(world: Worlds) -> None:
    names = ("AUDUSD", "EURUSD", "GBPUSD")
    w = world(*(held(name, "1") for name in names), policy=Policy.guarded())
    w.sees()
    w.sees(*(row(name, "1") for name in names))
    w.sees(row("AUDUSD", "2"), row("EURUSD", "1"), row("GBPUSD", "1"), times=2)
    kinds = [one.kind for one in of(w, "AUDUSD").marks]
    assert kinds == ["held", "opened", "cleared", "opened", "escalated"]
    assert of(w, "XAUUSD").legs == ()


def test_nothing_happened(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    found = of(w, "EURUSD", len(w.journal()))
    assert (found.legs, found.marks, found.from_ns, found.to_ns) == ((), (), 0, 0)


@pytest.mark.parametrize(("name", "limit"), [("POINTS_MAX", 2), ("LEGS_MAX", 1), ("MARKS_MAX", 1)])
def test_what_is_too_much_is_cut_and_said(
    world: Worlds, monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    w = world(held("EURUSD", "1", ticket="1"), held("EURUSD", "1", ticket="2"), mode="hedging")
    w.sees(row("EURUSD", "2", ticket="1"), row("EURUSD", "3", ticket="2"), times=2)
    assert not of(w, "EURUSD").cut_short
    monkeypatch.setattr(f"trueup.telling.over_time.{name}", limit)
    found = of(w, "EURUSD")
    assert found.cut_short
    kept = {
        "POINTS_MAX": sum(len(leg.book) + len(leg.broker) - 2 for leg in found.legs),
        "LEGS_MAX": len(found.legs),
        "MARKS_MAX": len(found.marks),
    }
    assert kept[name] == limit


def test_names_of_legs() -> None:
    assert leg_name("EURUSD", "EURUSD") == "EURUSD"
    assert leg_name("EURUSD", "#7") == "#7"
    assert leg_name("EURUSD", "?order/c1") == "order/c1, no ticket yet"
