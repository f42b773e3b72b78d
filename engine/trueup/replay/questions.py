"""Which questions would another policy have put that were never asked?

A pass asks again while an open break can still be decided, and how long that is depends on the policy. Where the other
world would have asked, and the recording did not before things changed, whatever ended without a correction is in
doubt: one more answer might have confirmed it. Pure arithmetic on both folds.
"""

from __future__ import annotations

from typing import Final

from trueup.facts import Observed
from trueup.model import Moment, elapsed_ns
from trueup.reconciliation.state import State
from trueup.reconciliation.waiting import next_question_ns
from trueup.replay.lives import Lives

NS: Final = 1_000_000_000


class Questions:
    """Follows the questions on positions, which are those that confirm."""

    def __init__(self) -> None:
        self.unasked = 0
        """How many times the other world would have asked, and the recording did not."""
        self._began: tuple[int, int, Moment] | None = None
        self._due: tuple[Moment, int, int, int] | None = None
        """(since when, asked again within, and late only after, the input)."""

    def comes(self, fact: Observed, lives: Lives) -> None:
        """An answer is about to be decided on: did the other world wait for one that was due long before it?"""
        if fact.surface != "positions":
            return
        due, self._due = self._due, None
        if due is None:
            return
        since, due_ns, late_ns, position = due
        if elapsed_ns(since, fact.asked) <= late_ns:
            return
        self.unasked += 1
        took_ms = elapsed_ns(since, fact.asked) // 1_000_000
        why = (
            f"after input {position} this policy would have asked again within {due_ns // 1_000_000} ms; "
            f"the recording asked {took_ms} ms later"
        )
        for life in lives.standing.values():
            if life.is_waiting and not life.doubt:
                life.doubt = why

    def came(self, fact: Observed, position: int, recorded: State, other: State) -> None:
        """It was decided on, in both worlds: when is the next one due in each?

        A question of the other world that the recording's own next one stands in for, within the time in which two
        answers are no two witnesses anyway, is not missed.
        """
        if fact.surface != "positions":
            return
        number = (fact.at.epoch, fact.pass_number)
        if self._began is None or self._began[:2] != number:
            self._began = (*number, fact.asked)
        began = self._began[2]
        due_ns = _due_ns(other, fact, began)
        late_ns = due_ns + other.spacing_ns("positions")
        if late_ns < _due_ns(recorded, fact, began):
            self._due = (fact.at, due_ns, late_ns, position)


def _due_ns(state: State, fact: Observed, began: Moment) -> int:
    """How long after an answer a world puts its next question: in this start-up pass, else in the next pass."""
    if fact.pass_kind == "startup":
        wait_ns = next_question_ns(state, fact.at)
        left_ns = state.policy.startup_timeout_s * NS - elapsed_ns(began, fact.at)
        if wait_ns is not None and wait_ns <= left_ns:
            return wait_ns
    return max(0, state.policy.sync_interval_s * NS - elapsed_ns(began, fact.at))
