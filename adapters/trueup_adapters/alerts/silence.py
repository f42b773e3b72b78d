"""Has the broker fallen silent, as a whole or about one surface, and is it back?

That an answer did not come is a fact of the journal and decides nothing (law 4), so no decision says it; a person
wants to know all the same. It is read here from the facts: told once when it begins to matter, once more when it lasts,
and when the broker is steadily back. One that comes and goes is told of once an hour at most, until it lasts (decision
0023). Pure.
"""

from __future__ import annotations

from typing import Final

import msgspec

from trueup.decisions import Severity
from trueup.events import Event
from trueup.facts import Observed, PolicyAdopted
from trueup.model import Moment, Surface, elapsed_ns
from trueup.policy import Policy
from trueup.reconciliation.state import State
from trueup.report import iso

SILENT_AFTER: Final = 3
"""Questions in a row without an answer, each with all its attempts, after which it is told."""
GRAVE_AFTER: Final = 10
"""After so many it is told as critical."""
STEADY_AFTER: Final = 2
"""Answers in a row after which the broker is back: one alone may be luck."""
AGAIN_NS: Final = 3_600_000_000_000
"""Within this time after it was back, only a silence that lasts is told (L38, L60)."""
WATCHED: Final[tuple[Surface, ...]] = ("positions", "open_orders", "fills")


class Word(msgspec.Struct, frozen=True):
    """What a person should hear."""

    severity: Severity
    text: str
    over: bool = False
    """It is over; `severity` is that of what was told before."""


class _Surface:
    """How one surface is being answered."""

    def __init__(self) -> None:
        self.known = False
        """It has been answered once; until then its silence may mean that the broker has no such thing."""
        self.failures = self.answers = 0
        """In a row."""
        self.heard: Moment | None = None
        """When the last answer before the silence was asked for."""
        self.began: Moment | None = None
        """From when on the silence is reckoned, while we were asking."""
        self.told: Severity | None = None
        self.back_ns: int | None = None


class Silence:
    """One account's broker, read event by event, in order."""

    def __init__(self, policy: Policy | None = None) -> None:
        """`policy`: the one in force where reading begins."""
        self._policy = policy or Policy.adopt()
        self._surfaces: dict[Surface, _Surface] = {surface: _Surface() for surface in WATCHED}

    def know(self, state: State) -> None:
        """What the fold says at the point where reading begins."""
        self._policy = state.policy
        for surface, one in self._surfaces.items():
            one.known = surface == "positions" or state.offers(surface)

    def read(self, event: Event) -> Word | None:
        """The next event; what is to be told because of it."""
        if isinstance(event, PolicyAdopted):
            self._policy = event.policy
        if not isinstance(event, Observed) or event.surface not in self._surfaces:
            return None
        one = self._surfaces[event.surface]
        if event.completeness == "failed":
            return self._unanswered(one, event) if one.known or event.surface == "positions" else None
        if event.completeness == "unsupported":
            return None
        return self._answered(one, event)

    def _answered(self, one: _Surface, event: Observed) -> Word | None:
        one.known, one.failures, one.began = True, 0, None
        one.answers += 1
        if one.told is None:
            one.heard = event.asked
            return None
        if one.answers < STEADY_AFTER:
            return None
        word = Word(one.told, f"the broker {_answers(event.surface)} again, after no answer{_since(one)}", over=True)
        one.told, one.heard, one.back_ns = None, event.asked, event.at.at_ns
        return word

    def _unanswered(self, one: _Surface, event: Observed) -> Word | None:
        one.answers = 0
        if self._policy.is_closed_hours(event.at.at_ns):
            one.began = None  # nobody is told in closed hours, and they count for nothing afterwards
            return None
        one.failures += 1
        if one.began is None:
            one.began = self._reckoned_from(one, event)
        if event.surface != "positions" and self._surfaces["positions"].failures:
            return None  # the whole broker is silent, and that is told once
        severity = self._severity(one, event)
        if severity is None or one.told in (severity, "critical"):
            return None
        still = "still " if one.told else ""
        one.told = severity
        return Word(severity, self._text(one, event, still))

    def _reckoned_from(self, one: _Surface, event: Observed) -> Moment:
        """The last answer's asking, where we have been asking since; else this question: a process that did not ask
        for a while learns nothing about that while."""
        heard = one.heard
        if heard is None or heard.epoch != event.asked.epoch:
            return event.asked
        return heard if elapsed_ns(heard, event.asked) < self._policy.verified_age_ns_max() else event.asked

    def _severity(self, one: _Surface, event: Observed) -> Severity | None:
        if one.failures >= GRAVE_AFTER:
            return "critical"
        if one.back_ns is not None and event.at.at_ns - one.back_ns < AGAIN_NS:
            return None
        return "warning" if one.failures >= SILENT_AFTER or self._is_unverified(one, event) else None

    def _is_unverified(self, one: _Surface, event: Observed) -> bool:
        """Whether the gate has closed for it, after however few questions."""
        began = one.began
        if event.surface != "positions" or began is None or began.epoch != event.at.epoch:
            return False
        return elapsed_ns(began, event.at) >= self._policy.verified_age_ns_max()

    def _text(self, one: _Surface, event: Observed, still: str) -> str:
        asked = f"{one.failures} questions in a row" if one.failures > 1 else "one question with all its attempts"
        text = f"the broker {still}{_lacks(event.surface)}{_since(one)}: {asked}, {event.why.rstrip('.')}. "
        text += "Nothing is concluded from that"
        if event.surface == "positions" and self._policy.unverified == "block":
            allowed_s = self._policy.verified_age_ns_max() // 1_000_000_000
            text += f"; orders that add risk are refused once the book has been unverified for {allowed_s} s"
        return text


def _answers(surface: Surface) -> str:
    return "answers" if surface == "positions" else f"answers about {surface}"


def _lacks(surface: Surface) -> str:
    return "does not answer" if surface == "positions" else f"does not answer about {surface}"


def _since(one: _Surface) -> str:
    return "" if one.heard is None else f" since {iso(one.heard.at_ns)[:19]}Z"
