"""How does a user's test suite use the simulator? A pytest plugin: `pytest -p trueup.testing.plugin`.

Fixtures
    simulated_broker    a `SimulatedBroker`, hedging, without positions
    trueup_store        the address of a store in memory that lives as long as the test
    trueup_histories    plays seeded histories on trueup itself, and fails with the story of the first that breaks a law

Options
    --trueup-seed S     where `trueup_histories` begins; a failure names the seed that repeats it
    --trueup-runs N     how many it plays
    --trueup-keep DIR   where journal, bundle, scenario and story of a failing history are left

Nothing of the simulator is imported before a test asks for it: a suite that does not use it pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pytest

if TYPE_CHECKING:
    from trueup.simulation import Outcome
    from trueup.simulation.scenario import Faults
    from trueup.testing.broker import SimulatedBroker

RUNS_DEFAULT: Final = 20
Histories: TypeAlias = "Callable[..., list[Outcome]]"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options."""
    group = parser.getgroup("trueup")
    group.addoption("--trueup-seed", type=int, default=1, metavar="S", help="the first seed of trueup_histories")
    group.addoption("--trueup-runs", type=int, default=RUNS_DEFAULT, metavar="N", help="how many histories it plays")
    group.addoption("--trueup-keep", default=None, metavar="DIR", help="where failing histories are left")


@pytest.fixture
def simulated_broker() -> SimulatedBroker:
    """A broker that does as it is told."""
    from trueup.testing.broker import SimulatedBroker

    return SimulatedBroker()


@pytest.fixture
def trueup_store() -> Iterator[str]:
    """A store in memory, for one test."""
    from trueup.simulation.disk import Disk

    disk = Disk("full")
    yield disk.url
    disk.close()


@pytest.fixture
def trueup_histories(request: pytest.FixtureRequest) -> Histories:
    """`trueup_histories(faults="all", minutes=None)`: their outcomes; fails with the first violation's story."""
    chosen: Any = request.config.option
    first: int = chosen.trueup_seed
    runs: int = chosen.trueup_runs
    keep: str | None = chosen.trueup_keep

    from trueup.simulation import draw, simulate

    def histories(*, faults: Faults = "all", minutes: int | None = None) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for seed in range(first, first + runs):
            outcome = simulate(draw(seed, faults, minutes))
            if outcome.violations:
                pytest.fail(_told(seed, faults, minutes, outcome, keep))
            outcomes.append(outcome)
        return outcomes

    return histories


def _told(seed: int, faults: Faults, minutes: int | None, outcome: Outcome, keep: str | None) -> str:
    """The story of a failing history, shortened, and where it was left."""
    from trueup.simulation import draw, leave, shrink, story, told

    scenario, where = draw(seed, faults, minutes), ""
    if keep is not None:
        left = leave(scenario, Path(keep), laws=frozenset(one.law for one in outcome.violations))
        shortest, played = left.scenario, left.told
        where = f"; left in {keep}: `trueup replay --store bundle:///{left.stem}.zip` decides all of it again"
    else:
        shortest = shrink(scenario, frozenset(one.law for one in outcome.violations))
        played = told(shortest, narrated=True)
    text = "\n".join(story(shortest, played))
    return f"{text}\n--trueup-seed={seed} --trueup-runs=1 repeats it{where}"
