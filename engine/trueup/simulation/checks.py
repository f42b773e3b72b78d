"""Which laws did a history break? All checkers, and what they saw being tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trueup.decisions import BreakMoved
from trueup.events import name_of_event
from trueup.simulation.check_evidence import check_evidence
from trueup.simulation.check_journal import check_journal
from trueup.simulation.check_once import check_once
from trueup.simulation.check_orders import check_orders
from trueup.simulation.check_values import Violation, check_values
from trueup.simulation.history import History

if TYPE_CHECKING:
    from trueup.simulation.world import World


def check(world: World, history: History) -> list[Violation]:
    """Every violation in a history that was played to its end, in order, each once.

    history   what the world's journal says
    """
    found = {*check_values(world, history), *check_evidence(world, history), *check_journal(world, history)}
    found |= {*check_orders(world, history), *check_once(world, history)}
    if world.beside is not None:
        world.tally.cover("followed from beside")
        found |= {Violation(law, what) for law, what in world.beside.judge(history.state)}
    found |= {Violation(0, what) for what in world.errors}
    _cover(world, history)
    return sorted(found)


def _cover(world: World, history: History) -> None:
    """Count what trueup was brought to do."""
    tally = world.tally
    for turn in history.turns:
        tally.cover(name_of_event(turn.fact))
        for one in turn.decisions:
            tally.cover(name_of_event(one))
            if isinstance(one, BreakMoved):
                for step in one.steps:
                    if step.state in ("opened", "escalated", "cleared"):
                        tally.cover(f"{step.kind} {step.state}")
            correction = getattr(one, "correction", None)
            if correction is not None:
                tally.cover(f"correction {correction.kind}")
                if correction.compensates is not None:
                    tally.cover("correction undone")
