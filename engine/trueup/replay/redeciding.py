"""Law 1: does every input of a journal still lead to the very decisions that were recorded with it?

Each input is decided on the *recorded* state before it, so one difference stays one. Compared are bytes. What another
version of the decider wrote cannot be held to this one: it is undetermined, and counts neither way. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

import msgspec

from trueup.decisions import Decision
from trueup.events import encode
from trueup.facts import WriterClaimed
from trueup.reconciliation.decide import decide
from trueup.reconciliation.fold import fold
from trueup.reconciliation.state import DECIDER_VERSION, State
from trueup.replay.turns import Turn, recorded

DIFFERENCES_MAX: Final = 10_000
"""Differences that are kept to be shown; all are counted (law 12)."""
SPANS_MAX: Final = 1_000
"""Undetermined parts that are kept to be shown; the last one then takes all that follow in."""
ALIGNED_MAX: Final = 2_000
"""Decisions of one turn that are searched for where they moved to; beyond, they are compared one by one."""


class Difference(msgspec.Struct, frozen=True):
    """One decision that is not the same again."""

    position: int
    """Where it stands in the journal; for one that was not recorded, where it would stand."""
    recorded: Decision | None
    replayed: Decision | None


class Span(msgspec.Struct, frozen=True):
    """A part of the journal that could not be decided on."""

    first: int
    last: int
    why: str


class Redeciding:
    """Takes a journal turn by turn, and adds up what comes of it."""

    def __init__(
        self, account: str, *, decider_version: int = DECIDER_VERSION, before: tuple[State, int] | None = None
    ) -> None:
        """`decider_version` is ours: what the decisions that we make are comparable with. `before`, of an excerpt: the
        state that its first input met, and the version that decided then."""
        self.state = State(account=account) if before is None else before[0]
        """The recorded fold, as far as it has come."""
        self.inputs = 0
        self.decisions = 0
        self.compared = 0
        """Recorded decisions that were decided on anew."""
        self.differing = 0
        self.differences: list[Difference] = []
        self.undetermined: list[Span] = []
        self._ours = decider_version
        self._theirs: int | None = None if before is None else before[1]

    @property
    def events(self) -> int:
        """Events taken."""
        return self.inputs + self.decisions

    def take(self, turn: Turn) -> None:
        """One turn, the next one."""
        fact = turn.fact
        self.inputs += 1
        self.decisions += len(turn.decisions)
        if isinstance(fact, WriterClaimed):
            self._theirs = fact.decider_version
        after = fold(self.state, [(turn.position, fact)])
        if self._theirs != self._ours:
            self._undetermined(turn)
            self.state = recorded(after, turn)
            return
        decided = decide(self.state, after, fact)
        again = decided.decisions if turn.whole else decided.decisions[: len(turn.decisions)]
        self.compared += len(turn.decisions)
        if not again and not turn.decisions:
            self.state = decided.state
            return
        ours, theirs = [encode(one) for one in again], [encode(one) for one in turn.decisions]
        if ours == theirs:  # the same events on the same state: it need not be folded again
            self.state = decided.state if turn.whole else recorded(after, turn)
            return
        for one in _aligned(turn, again, theirs, ours):
            self.differing += 1
            if len(self.differences) < DIFFERENCES_MAX:
                self.differences.append(one)
        self.state = recorded(after, turn)

    def _undetermined(self, turn: Turn) -> None:
        wrote = "no writer had claimed the account yet" if self._theirs is None else f"decider version {self._theirs}"
        why = f"written by {wrote}; this is version {self._ours}" if self._theirs is not None else wrote
        known = self.undetermined[-1] if self.undetermined else None
        if known is not None and ((known.last == turn.position - 1 and known.why == why) or self._is_full):
            self.undetermined[-1] = Span(known.first, turn.last, known.why)
        else:
            self.undetermined.append(Span(turn.position, turn.last, why))

    @property
    def _is_full(self) -> bool:
        return len(self.undetermined) >= SPANS_MAX


def _aligned(
    turn: Turn, again: Sequence[Decision], before: Sequence[bytes], now: Sequence[bytes]
) -> Iterator[Difference]:
    """One missing decision is one difference, not one for each decision behind it."""
    start = end = 0
    while start < min(len(before), len(now)) and before[start] == now[start]:
        start += 1
    while end < min(len(before), len(now)) - start and before[-1 - end] == now[-1 - end]:
        end += 1
    theirs, ours = before[start : len(before) - end], now[start : len(now) - end]
    blocks: Sequence[tuple[str, int, int, int, int]] = [("replace", 0, len(theirs), 0, len(ours))]
    if max(len(ours), len(theirs)) <= ALIGNED_MAX:
        blocks = SequenceMatcher(None, theirs, ours, autojunk=False).get_opcodes()
    for tag, i1, i2, j1, j2 in blocks:
        for step in range(0 if tag == "equal" else max(i2 - i1, j2 - j1)):
            i, j = start + i1 + step, start + j1 + step
            was = turn.decisions[i] if i < start + i2 else None
            replayed = again[j] if j < start + j2 else None
            if was is None or replayed is None or before[i] != now[j]:
                yield Difference(turn.position + 1 + min(i, start + i2), was, replayed)
