"""Laws 4 and 5: on what does every correction rest, and can silence, half an answer or an echo ever make one?"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from laws.oracle import corrections, said, turns, witnesses
from laws.profiles import tried
from laws.steps import ANY, HONEST, Step, play
from laws.stores import MS
from laws.test_values import MODES, NAMED
from laws.world import LAG_MS, SYMBOLS, World, impatient, patient
from trueup.changes import Fill, PushedExecution
from trueup.decisions import BreakMoved, FillAdopted, MassAbsenceMoved
from trueup.facts import Observed
from trueup.model import BrokerPosition, Execution
from trueup.ports import Answer, failed, unsupported

QUIET = [
    failed("no answer"),
    unsupported("unknown action"),
    Answer(completeness="partial", why="a page is missing"),
]
"""Answers of which nothing may be concluded."""
SPACING_NS = LAG_MS * MS


@tried(200)
@given(steps=ANY, mode=MODES, named_by=NAMED, holds=st.booleans())
def test_law_4_every_correction_rests_on_independent_answers_that_say_so(
    steps: list[Step], mode, named_by, holds: bool
) -> None:
    policy = impatient(confirmations=3) if holds else patient(confirmations=3)
    world = play(World(mode, policy, named_by=named_by), steps)
    answers = said(world.journal.stored, mode)
    for turn, moved in corrections(world.journal.stored):
        assert moved.correction is not None
        assert moved.evidence[-1] == turn.position
        agreeing = []
        for position in moved.evidence:
            fact, rows = answers[position]
            row = rows.get(moved.key)
            if moved.correction.kind == "ghost":
                if row is None and fact.completeness == "complete":
                    agreeing.append(fact)
            elif row is not None and _says(moved, row):
                agreeing.append(fact)
        needed = 3 if moved.correction.kind == "ghost" else 2
        assert witnesses(agreeing, spacing_ns=SPACING_NS) >= needed, moved


def _says(moved: BreakMoved, row) -> bool:
    """Whether a row states, in every corrected field, what the book now holds."""
    after = moved.correction.after
    fields = {step.field for step in moved.steps if step.state == "corrected"}
    return (
        (fields & {None, "side", "quantity"} == set() or row.signed_quantity == after.signed_quantity)
        and ("price" not in fields or row.price == after.price)
        and ("stop" not in fields or row.stop == after.stop)
    )


@tried(200)
@given(steps=ANY, mode=MODES, named_by=NAMED, holds=st.booleans())
def test_law_4_the_unknown_makes_neither_ghost_nor_drift(steps: list[Step], mode, named_by, holds: bool) -> None:
    world = play(World(mode, impatient() if holds else patient(), named_by=named_by), steps)
    answers = said(world.journal.stored, mode)
    for turn in turns(world.journal.stored):
        if not isinstance(turn.fact, Observed) or turn.fact.surface != "positions":
            continue
        moves = [one for one in turn.decisions if isinstance(one, BreakMoved)]
        if turn.fact.completeness in ("failed", "unsupported"):
            assert moves == []
        if turn.fact.completeness == "partial":
            rows = answers[turn.position][1]
            for move in moves:
                assert move.key in rows, "a partial answer said nothing of it"
                assert all(step.kind != "ghost" or step.state == "cleared" for step in move.steps)


@tried(100)
@given(steps=HONEST, mode=MODES, quiet=st.lists(st.sampled_from(QUIET), min_size=3, max_size=20))
def test_law_4_l01_no_amount_of_silence_changes_the_book(steps: list[Step], mode, quiet: list[Answer]) -> None:
    world = play(World(mode), steps)
    book = world.book()
    for answer in quiet:
        world.clock.advance(60_000)
        world.ask()
        world.give(answer)
    assert world.book() == book


# -- too much at once --------------------------------------------------------------------------------------


@tried(150)
@given(steps=ANY, mode=MODES, named_by=NAMED)
def test_law_4_l02_more_than_half_of_a_book_is_never_closed_unless_somebody_says_so(
    steps: list[Step], mode, named_by
) -> None:
    steady = [step for step in steps if step[0] not in ("restart", "jump")]  # so that ticks tell the time
    world = play(World(mode, impatient(), named_by=named_by), steady)
    window_ns = world.policy.mass_absence_window_s * 1_000 * MS
    excused: set[str] = set()
    sizes: list[tuple[int, int]] = []
    for turn in turns(world.journal.stored):
        now_ns, before = turn.fact.at.tick_ns, len(world.folded(turn.position - 1).book)
        closed: set[str] = set()
        for one in turn.decisions:
            if isinstance(one, MassAbsenceMoved) and one.state in ("acknowledged", "explained"):
                excused |= set(one.missing)
            if isinstance(one, BreakMoved) and one.correction is not None and one.correction.kind == "ghost":
                closed.add(one.key)
        if isinstance(turn.fact, Observed) and turn.fact.positions is not None:
            sizes.append((now_ns, before))
        largest = max((size for when, size in sizes if now_ns - when <= window_ns), default=0)
        if largest >= world.policy.mass_absence_count_min:
            assert 2 * len(closed - excused) <= largest, closed


def many(count: int, policy=None) -> World:
    """A book of so many positions, seen once, in agreement with the broker."""
    world = World(policy=policy or impatient(mass_absence_count_min=3, confirmations_total=5, total_absence_s=10))
    for number in range(count):
        symbol = f"S{number}"
        fill = Fill(execution_id=f"f{number}", symbol=symbol, side="buy", quantity=1, price="2")
        world.record(fill)
        world.change(symbol, _row(symbol))
    world.look(2)
    assert world.book() == world.owed()
    return world


def _row(symbol: str):
    return BrokerPosition(symbol, Decimal(1), price=Decimal(2))


def test_law_4_l02_l03_a_mass_absence_is_held_for_as_long_as_it_lasts() -> None:
    world = many(4)
    for _ in range(30):
        world.clock.advance(20_000)
        world.ask()
        world.glitch("empty")
    assert len(world.book()) == 4
    assert world.ledger.state.hold is not None
    assert world.ledger.gate.status == "reduce_only"
    assert world.journal.appends[-25:] == list(range(len(world.journal.stored) - 24, len(world.journal.stored) + 1))
    world.look(1)
    assert world.ledger.state.hold is None
    assert not world.ledger.state.breaks
    assert world.ledger.gate.status == "open"


def test_law_4_a_hold_that_is_acknowledged_lets_go_after_fresh_confirmations() -> None:
    world = many(4)
    world.holds({})
    world.look(3)
    assert world.ledger.state.hold is not None
    world.acknowledge()
    assert world.ledger.state.hold is None
    assert len(world.book()) == 4  # acknowledging is no observation
    world.look(2)
    assert world.book() == {}


def test_law_4_l02_what_was_acknowledged_once_is_held_again_after_it_came_back() -> None:
    world = many(4)
    rows = dict(world.truth)
    world.holds({})
    world.look(2)
    world.acknowledge()
    world.holds(rows)  # the operator was wrong: it was a glitch after all
    world.look(1)
    assert world.ledger.state.acknowledged == frozenset()
    world.clock.advance(90_000)
    world.look(1)
    world.holds({})
    world.look(6)
    assert world.ledger.state.hold is not None
    assert len(world.book()) == 4


def test_law_4_an_acknowledged_key_that_was_closed_otherwise_is_not_remembered() -> None:
    world = many(4)
    world.holds({})
    world.look(2)
    world.acknowledge()
    world.record(Fill(execution_id="sold", symbol="S0", side="sell", quantity=1, price="2"))
    world.look(1)
    assert "S0" not in world.ledger.state.acknowledged


def test_law_4_a_hold_ends_by_itself_when_enough_is_back_and_what_is_missing_starts_anew() -> None:
    world = many(4)
    back = dict(world.truth)
    world.holds({})
    world.look(5)
    world.holds({key: back[key] for key in ("S0", "S1", "S2")})
    world.look(1)
    assert world.ledger.state.hold is None
    assert set(world.book()) == {"S0", "S1", "S2", "S3"}  # what was seen during the hold does not count
    world.look(1)
    assert set(world.book()) == {"S0", "S1", "S2"}


def test_law_4_deals_explain_a_hold_key_by_key() -> None:
    world = many(4)
    world.holds({})
    world.look(2)
    assert world.ledger.state.hold is not None
    deals = [_deal(f"S{number}", -1) for number in (0, 1, 2)] + [_deal("S3", -2)]
    world.give(Answer(completeness="complete", executions=deals), surface="fills")
    assert world.ledger.state.acknowledged >= {"S0", "S1", "S2"}
    assert "S3" not in world.ledger.state.acknowledged  # two sold do not explain one gone
    world.look(2)
    assert set(world.book()) <= {"S3"}


def test_law_4_l55_deals_that_do_not_add_up_explain_nothing() -> None:
    world = many(4)
    world.holds({})
    world.look(2)
    deals = [_deal(f"S{number}", 1) for number in range(4)]  # bought, not sold
    world.give(Answer(completeness="complete", executions=deals), surface="fills")
    world.look(4)
    assert len(world.book()) == 4
    assert world.ledger.state.hold is not None


def _deal(symbol: str, quantity: int):
    return Execution(f"d-{symbol}", symbol, Decimal(quantity), price=Decimal(2))


@pytest.mark.parametrize("count", [1, 2])
def test_law_4_a_small_book_that_vanishes_whole_needs_more_answers_for_longer(count: int) -> None:
    world = many(count)
    world.holds({})
    for answer in range(1, 8):
        world.look(1)
        seconds = (answer - 1) * (2 * LAG_MS + 1) / 1_000  # since the first of them was asked for
        assert (world.book() == {}) == (answer >= 5 and seconds >= 10), answer


def test_law_4_one_of_a_small_book_is_an_ordinary_ghost() -> None:
    world = many(2)
    world.change("S0", None)
    world.look(2)
    assert set(world.book()) == {"S1"}


# -- law 5 -------------------------------------------------------------------------------------------------


@tried(80)
@given(steps=ANY, mode=MODES, named_by=NAMED, times=st.integers(1, 4))
def test_law_5_the_same_observation_is_stored_once(steps: list[Step], mode, named_by, times: int) -> None:
    world = play(World(mode, named_by=named_by), steps)
    world.journal.troubles.clear()
    world.clock.advance(5_000)
    world.ask()
    world.answer(identity="seen-1")
    assert world.last is not None
    surface, answer, asking = world.last
    stored, state = len(world.journal.stored), world.ledger.state
    for _ in range(times):
        world.clock.advance(5_000)
        again = world.ledger.observe(surface, answer, asking, identity="seen-1")
        assert again.decisions == ()
    assert (len(world.journal.stored), world.ledger.state) == (stored, state)
    world.restart()
    stored = len(world.journal.stored)
    world.ledger.observe(surface, answer, asking, identity="seen-1")
    assert len(world.journal.stored) == stored  # also after a restart


@tried(80)
@given(steps=ANY, mode=MODES, echoes=st.integers(2, 12), complete=st.booleans())
def test_law_5_equal_answers_in_quick_succession_confirm_nothing(
    steps: list[Step], mode, echoes: int, complete: bool
) -> None:
    world = play(World(mode, baseline=False), steps)
    world.journal.troubles.clear()
    world.clock.advance(60_000)
    world.restart()
    for key, row in list(world.truth.items()):
        world.change(key, replace(row, signed_quantity=row.signed_quantity * 7))
    world.move(SYMBOLS[3], Decimal(5), "555")  # certainly something to correct
    world.clock.advance(5_000)
    world.ask()
    world.answer(rows=None if complete else 0xFFFF)
    made = len(world.made)  # what was seen before may be confirmed by this one
    for _ in range(echoes):  # all within one lag of it: one cache can have fed them all
        world.clock.advance(LAG_MS // (echoes + 1))
        world.ask()
        world.answer(rows=None if complete else 0xFFFF)
    assert len(world.made) == made
    world.look(1)
    assert len(world.made) > made  # and one that is independent does


@tried(100)
@given(
    ways=st.lists(st.sampled_from(["record", "push", "deals", "restart", "look"]), min_size=1, max_size=8),
    first=st.sampled_from(["record", "push", "deals"]),
    mode=MODES,
)
def test_law_5_l20_one_execution_moves_the_book_once_however_it_comes(ways, first: str, mode) -> None:
    world = World(mode, baseline=False)
    world.answer_deals()  # so that what deals list from here on is news
    world.trade(SYMBOLS[0], (2,), "untracked")
    for way in [first, *ways]:
        world.clock.advance(5_000)
        fill = next(one for one in (*world.messages, *world.heard) if isinstance(one, Fill))
        if way == "record":
            world.record(fill)
        elif way == "push":
            world.ledger.push(PushedExecution(fill=fill))
        elif way == "deals":
            world.answer_deals()
        elif way == "restart":
            world.restart()
        else:
            world.look(1)
        assert world.book() == world.owed() == dict.fromkeys(world.truth, Decimal(2))
    entered = [one for turn in turns(world.journal.stored) for one in turn.decisions if isinstance(one, FillAdopted)]
    assert len(entered) == (first != "record")
