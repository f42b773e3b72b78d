"""Which recorded decisions belong to which input?

A journal is read as *turns*: one input, and the decisions that were recorded with it. Pure, and lazy: a turn is
made as soon as the next input begins, so a journal of any length is never held in memory (law 12).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from trueup.decisions import Decision
from trueup.errors import JournalCorrupt
from trueup.events import Event
from trueup.facts import Fact
from trueup.reconciliation.fold import fold
from trueup.reconciliation.state import State


class Turn(msgspec.Struct, frozen=True, gc=False):
    """One input and what was decided on it when it came."""

    position: int
    """The input's; its decisions follow it without a gap."""
    fact: Fact
    decisions: tuple[Decision, ...]
    whole: bool = True
    """False: the moment that was asked for lies between two decisions of this turn, and the later ones are left out."""

    @property
    def last(self) -> int:
        """The position of its last event."""
        return self.position + len(self.decisions)


def turns(events: Iterable[tuple[int, Event]], *, upto: int | None = None) -> Iterator[Turn]:
    """A journal, input by input.

    events  (journal position, event) in order; may go on beyond `upto`, and then one event more is looked at
    upto    where to end; None: with the events

    Raises JournalCorrupt when the events begin with a decision: whose input it was cannot be told.
    """
    fact: Fact | None = None
    position, decisions = 0, list[Decision]()
    for place, event in events:
        if upto is not None and place > upto:
            if fact is not None:
                yield Turn(position, fact, tuple(decisions), whole=isinstance(event, Fact))
            return
        if not isinstance(event, Fact):
            if fact is None:
                raise JournalCorrupt(f"event {place} is a decision that stands before any input; run `trueup verify`")
            decisions.append(event)
            continue
        if fact is not None:
            yield Turn(position, fact, tuple(decisions))
        fact, position, decisions = event, place, []
    if fact is not None:
        yield Turn(position, fact, tuple(decisions))


def recorded(after: State, turn: Turn) -> State:
    """The state after a turn as it was recorded; `after` is the one with its input folded in."""
    if not turn.decisions:
        return after
    return fold(after, enumerate(turn.decisions, start=turn.position + 1))
