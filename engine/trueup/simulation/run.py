"""What came of one history? Play it, check it, and say so in plain values."""

from __future__ import annotations

import decimal
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from trueup.simulation.beside import Making
from trueup.simulation.check_values import Violation
from trueup.simulation.checks import check
from trueup.simulation.healing import Healing, healing
from trueup.simulation.history import History
from trueup.simulation.scenario import Scenario
from trueup.simulation.tally import in_order
from trueup.simulation.world import World

ARITHMETIC: Final = decimal.Context(prec=28, rounding=decimal.ROUND_HALF_EVEN)
"""What the world reckons by, whatever the thread that plays it is set to: ccxt, for one, sets another rounding for good
when it first rounds a number."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    seed: int
    steps: int
    """Questions, messages and happenings."""
    virtual_ms: int
    """How much time passed in it."""
    violations: tuple[Violation, ...]
    faults: dict[str, int]
    """By name, how often each had an effect."""
    coverage: dict[str, int]
    """What trueup was brought to do, by name."""
    digest: str
    """SHA-256 of every stored event: the same seed and version give the same."""
    healing: Healing
    """For how long the two sides were apart."""


class Told(msgspec.Struct, frozen=True):
    """One run with its story."""

    outcome: Outcome
    story: tuple[tuple[int, str], ...]
    """(virtual nanoseconds, what happened), in order."""


def simulate(scenario: Scenario, *, beside: Making | None = None) -> Outcome:
    """Play a scenario to its end and hold every law against it.

    beside   makes what stands beside the journal and is judged, too; the history is the same with and without it
    """
    return told(scenario, beside=beside).outcome


def told(
    scenario: Scenario, *, narrated: bool = False, export: Path | None = None, beside: Making | None = None
) -> Told:
    """`simulate`, and what happened meanwhile.

    narrated with what the journal says, sentence by sentence
    export   where to leave the run's store, an SQLite file that every command reads; it must not be there yet
    """
    with decimal.localcontext(ARITHMETIC):
        return _told(scenario, narrated, export, beside)


def _told(scenario: Scenario, narrated: bool, export: Path | None, beside: Making | None) -> Told:
    world = World(scenario, narrated=narrated, beside=beside)
    try:
        world.play()
        stored = world.disk.stored()
        history = History(stored, world.said)
        violations = check(world, history)
        digest = sha256()
        for row, name, stream, version, state in stored:
            digest.update(b"%d %s %s %d " % (row, name.encode(), stream.encode(), version))
            digest.update(state)
        if export is not None:
            world.disk.export(export)
        outcome = Outcome(
            seed=scenario.seed,
            steps=world.tally.steps,
            virtual_ms=world.now_ms,
            violations=tuple(violations),
            faults=in_order(world.tally.faults),
            coverage=in_order(world.tally.coverage),
            digest=digest.hexdigest(),
            healing=healing(world, history),
        )
        return Told(outcome, tuple(world.told))
    finally:
        world.close()
