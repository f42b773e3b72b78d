"""Another policy on the same inputs: does it decide as it would have, live, and is every correction accounted for?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from laws.profiles import tried
from laws.steps import ANY, Step, play
from laws.stores import ListJournal
from laws.test_values import MODES, NAMED
from laws.world import LAG_MS, World, impatient, patient
from replay.journals import events
from trueup.decisions import BreakMoved, FillAdopted
from trueup.events import Event
from trueup.policy import Policy
from trueup.reconciliation.saved import save
from trueup.replay import both_worlds, redecide_under

LAGS: Any = {"positions": LAG_MS, "fills": LAG_MS}
POLICIES = st.sampled_from(
    [
        patient(),
        impatient(),
        patient(confirmations=3),
        patient(confirmations=5, confirmations_total=5),
        patient(lag_ms_max={"positions": 5_000, "fills": 5_000}),
        patient(quantity_tolerance={"*": "1"}),
        impatient(mass_absence_fraction_max="0.9", correction_attempts_max=1),
        Policy.observe(lag_ms_max=LAGS),
        Policy.guarded(lag_ms_max=LAGS),
    ]
)


@tried(100)
@given(steps=ANY, mode=MODES, named_by=NAMED, policy=POLICIES)
def test_law_1_under_the_recorded_policy_the_other_world_is_the_recorded_one(
    steps: list[Step], mode, named_by, policy: Policy
) -> None:
    world = play(World(mode, policy, named_by=named_by), steps)
    elsewhere = both_worlds(world.journal, policy)
    assert (
        save(elsewhere.other.state) == save(elsewhere.recorded.state) == save(world.folded(len(world.journal.stored)))
    )
    found = redecide_under(world.journal, policy)
    assert found.compared.rows == found.compared.undetermined == ()
    assert found.compared.same == fields(events(world.journal))
    assert found.recorded == found.replayed
    assert (found.unasked, found.set_aside, found.unsent) == (0, 0, ())


def fields(told: Iterable[Event]) -> int:
    """Corrected fields and missed fills, by our own count."""
    return sum(_fields(one) for one in told)


def _fields(event: Event) -> int:
    if isinstance(event, BreakMoved):
        return sum(step.state == "corrected" for step in event.steps)
    return isinstance(event, FillAdopted)


def corrections(told: Iterable[Event]) -> list[tuple[object, ...]]:
    """What was corrected, when, and into what; ids and positions apart, which may differ between worlds."""
    found: list[tuple[object, ...]] = []
    for one in told:
        if isinstance(one, BreakMoved | FillAdopted) and one.correction is not None:
            after = one.correction.after
            found.append((one.at_ns, one.key, one.correction.kind, one.correction.before, after))
    return found


@tried(150)
@given(steps=ANY, mode=MODES, named_by=NAMED, recorded=POLICIES, other=POLICIES)
def test_what_another_policy_would_have_decided_is_what_it_decides_live(
    steps: list[Step], mode, named_by, recorded: Policy, other: Policy
) -> None:
    """The same history is lived twice; a world's steps do not look at the book, so its inputs are the same."""
    steps = [step for step in steps if step[0] != "disk"]
    past = play(World(mode, recorded, named_by=named_by), steps).journal
    live = play(World(mode, other, named_by=named_by), steps)
    elsewhere = both_worlds(past, other)
    ours = Counter(made_by(past, other))
    assert ours == Counter(corrections(events(live.journal)))
    assert held(elsewhere.other.state) == held(live.ledger.state)


def made_by(journal: ListJournal, policy: Policy) -> list[tuple[object, ...]]:
    """Every correction of the other world."""
    seen: dict[str | None, tuple[object, ...]] = {}
    for one in both_worlds(journal, policy).other.lives.corrected():
        assert one.ended_at is not None
        kind = one.kind
        seen[one.correction_id] = (one.ended_at.at_ns, one.key, kind, one.before, one.after)
    return list(seen.values())


def held(state: Any) -> dict[str, object]:
    return {key: slot.holding for key, slot in state.book.items()}


@tried(150)
@given(steps=ANY, mode=MODES, named_by=NAMED, recorded=POLICIES, other=POLICIES)
def test_every_correction_of_both_worlds_is_accounted_for_once(
    steps: list[Step], mode, named_by, recorded: Policy, other: Policy
) -> None:
    world = play(World(mode, recorded, named_by=named_by), steps)
    found = redecide_under(world.journal, other)
    changes = Counter(one.change for one in found.compared.rows)
    moved = found.compared.same + changes["earlier"] + changes["later"]
    lost = sum(one.recorded is not None and one.recorded.outcome == "corrected" for one in found.compared.undetermined)
    assert moved + changes["avoided"] + lost == fields(events(world.journal)) == found.recorded.corrections
    assert moved + changes["added"] == found.replayed.corrections
    for one in found.compared.rows:
        assert (one.by_ms is not None) == (one.change in ("earlier", "later"))
        assert one.why
    assert all(one.why for one in found.compared.undetermined)
