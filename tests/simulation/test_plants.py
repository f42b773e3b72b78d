"""Do the checkers bite? Each planted bug is found, and by the laws that it breaks."""

from __future__ import annotations

import pytest

from simulation.planting import as_drawn
from simulation.plants import PLANTS, Plant
from trueup.simulation import draw, simulate
from trueup_projections.trial import ReadModels

CAUGHT = 25
"""Bugs that the catalogue holds at least."""


def test_the_catalogue_is_long_enough_and_names_each_bug_once() -> None:
    assert len(PLANTS) >= CAUGHT
    assert len({one.name for one in PLANTS}) == len(PLANTS)
    assert all(one.laws for one in PLANTS)


@pytest.mark.parametrize("bug", [pytest.param(one, id=one.name) for one in PLANTS])
def test_a_planted_bug_is_found(bug: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.plant(monkeypatch)
    found: set[int] = set()
    for seed in range(1, bug.runs_max + 1):
        outcome = simulate(bug.focus(draw(seed)), beside=ReadModels if 11 in bug.laws else None)
        found |= {one.law for one in outcome.violations}
        if found & bug.laws:
            return
    pytest.fail(f"not found in {bug.runs_max} histories; of other laws: {sorted(found)}")


@pytest.mark.parametrize("bug", [pytest.param(one, id=one.name) for one in PLANTS if one.focus is not as_drawn])
def test_without_the_bug_nothing_is_found_where_it_was_looked_for(bug: Plant) -> None:
    for seed in range(1, 7):
        assert simulate(bug.focus(draw(seed))).violations == ()
