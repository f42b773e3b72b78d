"""Does everything that came more than once stand in the journal once, and count once?

Law 5: executions that were told twice, pushed twice, or told and listed; observations handed in again; what waited in
the inbox.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from trueup.decisions import FillAdopted
from trueup.facts import CommandGiven, ExecutionPushed, FillRecorded, InboxTaken, Observed
from trueup.model import Execution
from trueup.simulation.check_values import Violation
from trueup.simulation.disk import ACCOUNT
from trueup.simulation.history import History, quantities

if TYPE_CHECKING:
    from trueup.simulation.world import World

What: TypeAlias = tuple[str, str, Decimal]
"""An execution by its id, and what it must say to be the same: its symbol and size."""


def check_once(world: World, history: History) -> Iterator[Violation]:
    """Law 5."""
    yield from _executions(history)
    yield from _observations(history)
    yield from _inbox(world, history)


def _what(one: Execution) -> What:
    return one.execution_id, one.symbol, one.signed_quantity


def _executions(history: History) -> Iterator[Violation]:
    """One execution is recorded once by us, adopted once from the broker, pushed once, and moves the book once."""
    words: set[tuple[What, str]] = set()
    counted: set[What] = set()
    adopted: set[str] = set()
    pushed: dict[str, Execution] = {}
    for turn in history.turns:
        fact = turn.fact
        if isinstance(fact, FillRecorded):
            one = fact.execution
            same = _what(one), f"{one.strategy} {one.ticket} {one.client_order_id}"
            if same in words and one.execution_id not in adopted:
                yield Violation(5, f"execution {one.execution_id} was recorded twice, at {turn.position} again")
            if same[0] in counted and quantities(turn.before) != quantities(turn.after):
                yield Violation(5, f"execution {one.execution_id} moved the book again at {turn.position}")
            words.add(same)
            counted.add(same[0])
            pushed.pop(one.execution_id, None)
        elif isinstance(fact, ExecutionPushed):
            one = fact.execution
            if pushed.get(one.execution_id) == one:
                yield Violation(5, f"execution {one.execution_id} was pushed twice, at {turn.position} again")
            pushed[one.execution_id] = one
        for decision in turn.decisions:
            if isinstance(decision, FillAdopted):
                name = decision.execution.execution_id
                if name in adopted:
                    yield Violation(5, f"execution {name} was adopted twice")
                if _what(decision.execution) in counted and decision.moved:
                    yield Violation(5, f"execution {name} was recorded, and adopted at {turn.position} all the same")
                adopted.add(name)
                counted.add(_what(decision.execution))


def _observations(history: History) -> Iterator[Violation]:
    """An observation that was handed in twice is stored once."""
    seen: set[str] = set()
    for turn in history.turns:
        if isinstance(turn.fact, Observed) and turn.fact.id:
            if turn.fact.id in seen:
                yield Violation(5, f"observation {turn.fact.id} was stored twice, at {turn.position} again")
            seen.add(turn.fact.id)


def _inbox(world: World, history: History) -> Iterator[Violation]:
    """What anybody left in the inbox was taken, in order, each item once."""
    taken = [turn.fact.inbox_position for turn in history.turns if isinstance(turn.fact, InboxTaken)]
    left = [version for _, _, stream, version, _ in world.disk.stored() if stream != ACCOUNT]
    if taken != left[: len(taken)]:
        yield Violation(5, f"items {taken} of the inbox were taken, and {left} were left in it")
    elif len(taken) < len(left) and world.live is not None:
        yield Violation(7, f"items {left[len(taken) :]} of the inbox were never taken")
    commands = sum(isinstance(turn.fact, CommandGiven) for turn in history.turns)
    if commands != len(taken):
        yield Violation(5, f"{len(taken)} commands were taken from the inbox, and {commands} were given")
