"""What must a journal be like, whatever happened? Worked out from its events alone, by rules written here once more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from trueup.decisions import BreakMoved, Decision
from trueup.events import Event, decode, encode, name_of_event
from trueup.facts import Fact, Observed
from trueup.model import BrokerPosition, Key, Moment, PositionMode
from trueup.reconciliation.decide import decide
from trueup.reconciliation.fold import fold
from trueup.reconciliation.saved import save
from trueup.reconciliation.state import State

Stored = Iterable[tuple[str, bytes]]


class Turn(NamedTuple):
    """One input and the decisions that were recorded with it."""

    position: int
    fact: Fact
    decisions: tuple[Decision, ...]


def turns(stored: Stored) -> Iterator[Turn]:
    """A journal, input by input."""
    fact: Fact | None = None
    position, decisions = 0, list[Decision]()
    for place, (name, state) in enumerate(stored, start=1):
        event: Event = decode(name, state)
        if isinstance(event, Decision):
            decisions.append(event)
            continue
        if fact is not None:
            yield Turn(position, fact, tuple(decisions))
        fact, position, decisions = event, place, []
    if fact is not None:
        yield Turn(position, fact, tuple(decisions))


class Replayed(NamedTuple):
    """What deciding anew came to."""

    differences: tuple[int, ...]
    """Positions of inputs on which other decisions were recorded."""
    digest: str
    """SHA-256 of every decision's bytes and of the state in the end."""
    state: State


def replay(account: str, stored: Stored) -> Replayed:
    """Decide on every input again, each on the recorded state before it."""
    state = State(account=account)
    differences: list[int] = []
    digest = hashlib.sha256()
    for turn in turns(stored):
        after = fold(state, [(turn.position, turn.fact)])
        decided = decide(state, after, turn.fact).decisions
        again = [(name_of_event(one), encode(one)) for one in decided]
        recorded = [(name_of_event(one), encode(one)) for one in turn.decisions]
        if again != recorded:
            differences.append(turn.position)
        for _, one in again:
            digest.update(one)
        state = fold(after, enumerate(turn.decisions, start=turn.position + 1))
    digest.update(save(state))
    return Replayed(tuple(differences), digest.hexdigest(), state)


# -- what the broker said, by our own reading --------------------------------------------------------------


def said(stored: Stored, mode: PositionMode) -> dict[int, tuple[Observed, Mapping[Key, BrokerPosition]]]:
    """Every usable answer on positions, by journal position, with all rows that it stands for."""
    found: dict[int, tuple[Observed, Mapping[Key, BrokerPosition]]] = {}
    for turn in turns(stored):
        fact = turn.fact
        if not isinstance(fact, Observed) or fact.surface != "positions" or fact.positions is None:
            continue
        base = dict(found[fact.positions.base][1]) if fact.positions.base else {}
        for row in fact.positions.stated:
            base[row.symbol if mode == "netting" else f"#{row.ticket}"] = row
        for key in fact.positions.gone:
            del base[key]
        found[turn.position] = (fact, base)
    return found


def corrections(stored: Stored) -> Iterator[tuple[Turn, BreakMoved]]:
    """Every correction of a break, with the input that caused it."""
    for turn in turns(stored):
        for one in turn.decisions:
            if isinstance(one, BreakMoved) and one.correction is not None:
                yield turn, one


def witnesses(answers: Iterable[Observed], *, spacing_ns: int) -> int:
    """How many of these answers, in order, are independent: asked `spacing_ns` after the one before had come."""
    count, last = 0, None
    for one in answers:
        if last is None or _later_ns(last.at, one.asked) >= spacing_ns:
            count, last = count + 1, one
    return count


def _later_ns(first: Moment, second: Moment) -> int:
    """By the monotonic clock within one tenure, else by the wall clock, but no less than the tenure is old."""
    if first.epoch == second.epoch:
        return second.tick_ns - first.tick_ns
    return max(0, second.at_ns - first.at_ns, second.tick_ns)
