"""What of a journal should people hear: which alerts, which of what they were told of is over, who fell silent?

Read event by event, in order. An alert is told once; the aggregate raises another only when things have become
materially worse (L38). A break that an alert spoke of is told again when it is corrected or cleared. Decisions of
kinds unknown here say nothing. What is kept is bounded: of ten thousand alerts all are counted and some are kept (L60).
Pure.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.decisions import AlertRaised, BreakMoved, MassAbsenceMoved, ProtectionMoved, Severity, Step
from trueup.events import Event
from trueup.explain import named
from trueup.facts import BookRead, BookWritten, Observed
from trueup.reconciliation.state import State
from trueup_adapters.alerts.silence import Silence

KEPT_MAX: Final = 500
"""News of one batch whose text is kept; the rest is counted by topic (law 12)."""
TOLD_MAX: Final = 20_000
"""Alerted breaks that are watched for their end; the oldest give way (law 12)."""
RANK: Final[dict[str, int]] = {"info": 0, "warning": 1, "critical": 2}
_GRAVE: Final = ("critical", "exiting")
"""States of a position's protection that a person was alerted of."""
_OF_BOOKS: Final = ("book-unread", "book-unwritten", "book-orders-unread")
"""Alerts about a book that lives elsewhere whose end is told."""
RECALLED_MAX: Final = 300
"""Events before the first that is told of, from which a silence of the broker is known after a restart (law 12)."""
Kind: TypeAlias = Literal["alert", "resolved"]


def severity_of(word: str) -> int:
    """Its rank; a word unknown to this version is critical, for silence would be worse."""
    return RANK.get(word, RANK["critical"])


class News(msgspec.Struct, frozen=True):
    """One thing to be told."""

    kind: Kind
    position: int
    """Of the event in the journal."""
    at_ns: int
    """When its input reached us, wall time, UTC."""
    severity: Severity
    """Of a resolved break: that of the alert which spoke of it."""
    topic: str
    text: str


class Batch(msgspec.Struct, frozen=True):
    """News that are told together."""

    first: int
    """Journal position of the first of them."""
    upto: int
    """Journal position up to which there is nothing else to tell."""
    news: tuple[News, ...]
    """In order of the journal."""
    more: tuple[tuple[str, int], ...] = ()
    """(topic, how many) of those whose text was not kept."""
    criticals: int = 0
    """How many of all of them are critical alerts."""

    @property
    def count(self) -> int:
        """All of them, kept or not."""
        return len(self.news) + sum(number for _, number in self.more)


class Pending:
    """What has been read of a journal and is still to be told on one channel."""

    def __init__(self, *, upto: int, threshold: Severity = "warning", resolved: bool = True) -> None:
        """
        upto       the journal position up to which the channel has been told
        threshold  alerts below it are not told
        resolved   whether the end of alerted breaks is told
        """
        self._threshold = severity_of(threshold)
        self._resolved = resolved
        self.upto = upto
        self._news: list[News] = []
        self._more: Counter[str] = Counter()
        self._criticals = 0
        self._first = 0
        self._told: dict[str, Severity] = {}
        self._escalated: tuple[int, list[str]] = (0, [])
        self._held: Severity | None = None
        self._silence = Silence()

    def know(self, state: State) -> None:
        """What was alerted before `upto` and is still open, as the fold at `upto` says it."""
        for breaks in (state.breaks, state.order_breaks):
            for key in sorted(breaks):
                for one in breaks[key]:
                    if one.alerted is not None:
                        self._tell(one.id, "critical")
        for key in sorted(state.guards):
            if state.guards[key].state in _GRAVE:
                self._tell(_guard_of(key), "critical")
        if state.hold is not None:
            self._held = "critical"
        foreign = state.foreign
        for topic, why in zip(_OF_BOOKS, (foreign.unread, foreign.unwritten, foreign.orders.unread), strict=True):
            if why:
                self._tell(topic, "warning")
        self._silence.know(state)

    def recall(self, event: Event) -> None:
        """One of the last events before `upto`, in order: was the broker silent then, and was it told?"""
        self._silence.read(event)

    def read(self, position: int, event: Event) -> None:
        """The next event of the journal."""
        self.upto = position
        if isinstance(event, AlertRaised):
            self._alert(position, event)
        elif isinstance(event, BreakMoved):
            self._moved(position, event)
        elif isinstance(event, ProtectionMoved):
            self._guarded(position, event)
        elif isinstance(event, MassAbsenceMoved) and event.state != "held" and self._held is not None:
            self._over(position, event.at_ns, self._held, "mass-absence", f"mass absence {event.state}: {event.why}")
            self._held = None
        elif isinstance(event, BookRead) and event.completeness != "failed":
            self._book_again(position, event, "book-unread", f"the book {event.book} can be read again")
            if event.orders is not None and event.orders.completeness != "failed":
                text = f"the orders of {event.orders.book} can be read again"
                self._book_again(position, event, "book-orders-unread", text)
        elif isinstance(event, BookWritten) and not event.failed:
            self._book_again(position, event, "book-unwritten", f"the book {event.book} can be written again")
        self._heard(position, event)

    def take(self) -> Batch | None:
        """Everything read since the last `take`; None when there is nothing to tell."""
        if not self._news:
            return None
        batch = Batch(self._first, self.upto, tuple(self._news), tuple(sorted(self._more.items())), self._criticals)
        self._news, self._more, self._criticals = [], Counter(), 0
        return batch

    @property
    def waiting(self) -> int:
        """How many news wait."""
        return len(self._news) + self._more.total()

    @property
    def first(self) -> int:
        """Journal position of the first that waits; 0 for none."""
        return self._first if self._news else 0

    # -- one kind of event each ------------------------------------------------------------------------------

    def _alert(self, position: int, event: AlertRaised) -> None:
        cause, escalated = self._escalated
        if event.topic == "mass-absence":
            self._held = event.severity
        elif event.topic in _OF_BOOKS:
            self._tell(event.topic, event.severity)
        # An alert lists some of its breaks only; the steps of the same cause name them all.
        for break_id in (*event.breaks, *(escalated if cause == event.cause and event.breaks else ())):
            self._tell(break_id, event.severity)
        if severity_of(event.severity) >= self._threshold:
            self._add(News("alert", position, event.at_ns, event.severity, event.topic, event.text))

    def _moved(self, position: int, event: BreakMoved) -> None:
        for step in event.steps:
            if step.state == "escalated":
                if self._escalated[0] != event.cause:
                    self._escalated = (event.cause, [])
                self._escalated[1].append(step.break_id)
            elif step.state in ("corrected", "cleared"):
                severity = self._told.pop(step.break_id, None)
                if severity is not None:
                    self._over(position, event.at_ns, severity, "resolved", _ended(event, step))

    def _guarded(self, position: int, event: ProtectionMoved) -> None:
        name = _guard_of(event.key)
        if event.state in _GRAVE:
            self._tell(name, "critical")
        elif event.state == "protected" and (severity := self._told.pop(name, None)) is not None:
            text = f"{named(event.symbol, event.ticket)} is protected again: {event.why}"
            self._over(position, event.at_ns, severity, "unprotected", text)

    def _book_again(self, position: int, event: BookRead | BookWritten, topic: str, text: str) -> None:
        severity = self._told.pop(topic, None)
        if severity is not None:
            self._over(position, event.at.at_ns, severity, topic, text)

    def _heard(self, position: int, event: Event) -> None:
        """Silence of the broker is no decision: it is read from what was observed."""
        word = self._silence.read(event)
        if word is None or not isinstance(event, Observed):
            return
        if word.over:
            self._over(position, event.at.at_ns, word.severity, "broker-silent", word.text)
        elif severity_of(word.severity) >= self._threshold:
            self._add(News("alert", position, event.at.at_ns, word.severity, "broker-silent", word.text))

    def _over(self, position: int, at_ns: int, severity: Severity, topic: str, text: str) -> None:
        if self._resolved and severity_of(severity) >= self._threshold:
            self._add(News("resolved", position, at_ns, severity, topic, text))

    def _tell(self, break_id: str, severity: Severity) -> None:
        self._told[break_id] = severity
        if len(self._told) > TOLD_MAX:
            del self._told[next(iter(self._told))]

    def _add(self, one: News) -> None:
        if not self._news:
            self._first = one.position
        if one.kind == "alert" and one.severity == "critical":
            self._criticals += 1
        if len(self._news) < KEPT_MAX:
            self._news.append(one)
        else:
            self._more[one.topic] += 1


def _guard_of(key: str) -> str:
    return f"guard {key}"


def _ended(event: BreakMoved, step: Step) -> str:
    field = f" of {step.field}" if step.field else ""
    correction = event.correction or event.order_correction
    why = step.why or ("" if correction is None else correction.why)
    return f"{step.kind}{field}, {named(event.symbol, event.ticket)}, is {step.state}" + (f": {why}" if why else "")
