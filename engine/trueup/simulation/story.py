"""How does one run read to a person?"""

from __future__ import annotations

from collections.abc import Iterator

from trueup.simulation.loop import NS
from trueup.simulation.run import Told
from trueup.simulation.scenario import Scenario


def story(scenario: Scenario, told: Told) -> Iterator[str]:
    """The run, line by line: what the world was like, what happened when, and what was broken."""
    settings = scenario.settings
    regime = "honest (law 3 holds in full)" if settings.honest else "rough"
    yield (
        f"seed {scenario.seed}: {regime}, {settings.mode}, a bot that records {settings.bot}, policy "
        f"{settings.policy.preset}, a pass every {settings.policy.sync_interval_s} s, answers up to "
        f"{settings.lag_ms} ms old, durability {settings.durability}, {settings.minutes} min before faults stop"
    )
    for at_ns, what in told.story:
        yield f"{_clock(at_ns)}  {what}"
    outcome = told.outcome
    faults = ", ".join(f"{count} {name}" for name, count in outcome.faults.items()) or "none"
    yield f"faults: {faults}"
    for one in outcome.violations:
        yield f"BROKEN {law_said(one.law)}: {one.what}"
    if not outcome.violations:
        yield f"no law was broken in {outcome.steps:,} steps"


def law_said(law: int) -> str:
    """A law by its number; 0 is none of them: something was raised that nobody may ever see."""
    return f"law {law}" if law else "trust"


def _clock(ns: int) -> str:
    seconds, rest = divmod(ns, NS)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes:>4}:{seconds:02}.{rest // 1_000_000:03}"
