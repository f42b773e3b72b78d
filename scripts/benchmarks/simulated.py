"""How many simulated histories a second, and what does a history cost beside the bare core that decides its inputs?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from benchmarks.harness import Measured
from trueup.policy import Policy
from trueup.reconciliation.decide import decide
from trueup.reconciliation.fold import fold
from trueup.reconciliation.state import State
from trueup.simulation import Scenario, Settings, draw, simulate
from trueup.simulation.disk import ACCOUNT
from trueup.simulation.history import History, Turn
from trueup.simulation.world import World

SYNC_S = 300
DAY_MINUTES = 24 * 60


def histories(runs: int) -> list[Measured]:
    """The first seeds, one after the other on one core: played and judged, played only, and only decided again."""
    drawn = [draw(seed) for seed in range(1, runs + 1)]
    turns = [_turns(scenario) for scenario in drawn]
    judged_s = seconds(lambda: _all(drawn))
    played_s = seconds(lambda: [_played(scenario) for scenario in drawn])
    bare_s = seconds(lambda: [_decided(one) for one in turns])
    inputs = sum(len(one) for one in turns)
    each = f"{judged_s / runs * 1e3:.0f} ms each, judging {(judged_s - played_s) / judged_s:.0%} of it"
    detail = f"{inputs / runs:.0f} inputs each, {bare_s / inputs * 1e6:.0f} us of bare core for one"
    return [
        Measured("simulated histories, every law held against them", "a second, on one core", runs / judged_s, None,
                 detail=each),
        Measured("a simulated history against the bare core", "x fold + decide of its inputs", judged_s / bare_s, None,
                 detail=detail),
    ]  # fmt: skip


def quiet(days: int) -> Measured:
    """Virtual days of a book that agrees: a pass every five minutes, each journalled, decided again and judged."""
    policy = Policy.adopt(sync_interval_s=SYNC_S, verified_age_s_max=4 * SYNC_S)
    slow = {"poll_ms": SYNC_S * 1_000, "tick_ms": SYNC_S * 1_000}
    settings = Settings(policy=policy, held=(1, -2, 3), minutes=days * DAY_MINUTES, honest=True, **slow)
    spent_s = seconds(lambda: simulate(Scenario(seed=1, settings=settings)))
    passes = days * DAY_MINUTES * 60 // SYNC_S
    detail = f"{passes:,} passes, {spent_s / passes * 1e6:.0f} us each, judged"
    return Measured(f"{days} simulated days of a quiet book", "s", spent_s, None, detail=detail)


def seconds(work: Callable[[], object]) -> float:
    """How long one core works on it: nothing here waits for a disk or anybody else."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _all(drawn: Sequence[Scenario]) -> None:
    for scenario in drawn:
        assert not simulate(scenario).violations, f"seed {scenario.seed} breaks a law"


def _played(scenario: Scenario) -> None:
    world = World(scenario)
    world.play()
    world.close()


def _turns(scenario: Scenario) -> list[Turn]:
    world = World(scenario)
    world.play()
    found = History(world.disk.stored(), world.said).turns
    world.close()
    return found


def _decided(turns: Sequence[Turn]) -> None:
    state = State(account=ACCOUNT)
    for turn in turns:
        folded = fold(state, [(turn.position, turn.fact)])
        made = decide(state, folded, turn.fact).decisions
        state = fold(folded, enumerate(made, start=turn.position + 1))
