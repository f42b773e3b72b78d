"""Laws 1, 2, 4 and 13 with operators: whatever they say and whenever, is it replayed, borne out, and survived?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from laws.oracle import replay, said, turns
from laws.profiles import tried
from laws.steps import ANY, Step, play
from laws.test_convergence import _falls_quiet as falls_quiet
from laws.test_convergence import _matches as matches
from laws.test_values import MODES, NAMED
from laws.world import LAG_MS, SYMBOLS, World
from trueup.changes import Command
from trueup.decisions import ActionRequested, BreakMoved, RecordRefused
from trueup.errors import JournalError
from trueup.facts import CommandGiven
from trueup.ledger import Claim, Ledger
from trueup.model import ZERO
from trueup.policy import Policy
from trueup.reconciliation.saved import load, save

WORD = st.tuples(st.sampled_from(["adopt", "close", "unproven", "at_broker", "release", "override"]), st.integers(0, 5))
STORIES = st.lists(st.tuples(ANY.map(lambda steps: steps[:8]), WORD), min_size=1, max_size=12)


def say(world: World, name: str, which: int) -> None:
    """An operator speaks, mostly of what there is."""
    state = world.ledger.state
    broken = sorted(one.id for key in state.breaks for one in state.breaks[key])
    there = {
        "release": sorted(state.quarantine) + list(SYMBOLS[:1]),
        "override": ["account", *SYMBOLS],
        "at_broker": sorted(state.view().rows) + list(SYMBOLS[:1]),
    }.get(name, broken + list(SYMBOLS[:2]))
    meant = there[which % len(there)]
    given_ = {"scope": meant, "seconds": "20"} if name in ("release", "override") else {"target": meant}
    given_ |= {name: "yes"} if name in ("unproven", "at_broker") else {}
    command = "close" if name in ("unproven", "at_broker") else name
    try:
        world.ledger.command(Command(name=command, who="ada", why="seen", arguments=given_))
    except JournalError:
        assert world.ledger.failure is not None  # the disk was full: nothing was decided


class Acting(World):
    """A world whose broker can be asked to do things; nothing of it is sent here."""

    def _open(self) -> Ledger:
        claim = Claim(
            policy=self.policy, position_mode=self.mode, baseline=self.baseline, source="acting",
            lag_ms_max={"positions": LAG_MS}, surfaces=frozenset({"positions"}),
            actions=frozenset({"close_position", "cancel"}),
        )  # fmt: skip
        return Ledger(self.journal, self.clock, claim)


def told(stories: list[tuple[list[Step], tuple[str, int]]], world: World) -> World:
    for steps, (name, which) in stories:
        play(world, steps)
        say(world, name, which)
    return world


def guarded() -> Policy:
    return Policy.guarded(mass_absence_count_min=99, confirmations_total=2, total_absence_s=0)


@tried(150)
@given(stories=STORIES, mode=MODES, named_by=NAMED, by_hand=st.booleans())
def test_law_1_what_operators_say_is_replayed_byte_for_byte(stories, mode, named_by, by_hand: bool) -> None:
    world = told(stories, World(mode, guarded() if by_hand else None, named_by=named_by))
    world.journal.troubles.clear()
    world.ledger.catch_up()  # an append may have been stored although nobody heard of it
    again = replay(world.journal.account, world.journal.stored)
    assert again.differences == ()
    assert again.state == world.ledger.state == load(save(world.ledger.state))


@tried(200)
@given(stories=STORIES, mode=MODES, named_by=NAMED)
def test_laws_4_and_13_what_is_adopted_or_closed_by_hand_is_what_the_broker_last_said(stories, mode, named_by) -> None:
    """Adopted: the row of the last complete answer, size for size. Closed: a key that it does not list, unless
    somebody said that it is gone without proof. A refusal changes nothing."""
    world = told(stories, World(mode, guarded(), named_by=named_by))
    answers = said(world.journal.stored, mode)
    for turn in turns(world.journal.stored):
        if not isinstance(turn.fact, CommandGiven):
            continue
        refused = [one for one in turn.decisions if isinstance(one, RecordRefused)]
        assert not refused or len(turn.decisions) == 1
        for moved in turn.decisions:
            if not isinstance(moved, BreakMoved) or moved.correction is None:
                continue
            whole = [place for place, (fact, _) in answers.items() if fact.completeness == "complete"]
            last = answers[max(place for place in whole if place < turn.position)][1]
            row, after = last.get(moved.key), moved.correction.after
            if turn.fact.name == "adopt":
                assert row is not None
                assert after is not None
                fields = {step.field for step in moved.steps if step.state == "corrected"}
                if not fields.isdisjoint({None, "quantity", "side"}):
                    assert after.signed_quantity == row.signed_quantity
            else:
                assert (row, after) == (None, None)


@tried(150)
@given(stories=STORIES, mode=MODES, named_by=NAMED)
def test_law_9_nothing_that_an_operator_asks_for_is_more_than_what_is_live(stories, mode, named_by) -> None:
    world = told(stories, Acting(mode, guarded(), named_by=named_by))
    answers = said(world.journal.stored, mode)
    for turn in turns(world.journal.stored):
        for asked in turn.decisions:
            if isinstance(asked, ActionRequested) and asked.purpose == "operator" and asked.terms.quantity is not None:
                whole = [place for place, (fact, _) in answers.items() if fact.completeness == "complete"]
                row = answers[max(place for place in whole if place < turn.position)][1][asked.key]
                assert ZERO < asked.terms.quantity <= abs(row.signed_quantity)
                assert asked.terms.side == ("buy" if row.signed_quantity < 0 else "sell")


@tried(60)
@given(stories=STORIES, mode=MODES, named_by=NAMED)
def test_law_2_after_whatever_operators_said_a_quiet_broker_is_matched(stories, mode, named_by) -> None:
    """Also what was closed by hand and wrongly: the broker is right in the end."""
    world = told(stories, World(mode, named_by=named_by))
    falls_quiet(world)
    world.clock.advance(3_600_000)  # a repair that did not hold is tried again once its window is over (L52)
    world.look(6)
    matches(world)
