"""What has happened on one account since it was registered: breaks, corrections, alerts, questions, passes?

The journal is followed by position, so nothing is counted twice and nothing between two scrapes is missed. Passes are
counted from their reports: an embedding process hands them in, or the last one is looked at when somebody asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from trueup.decisions import AlertRaised, BreakMoved, FillAdopted
from trueup.facts import Observed
from trueup.journal import Recorded
from trueup.report import PassReport
from trueup_adapters.metrics.names import BUCKETS_MS

EVENTS_PER_LOOK_MAX: Final = 50_000
"""Events that one look at the journal counts; the next look goes on (law 12)."""


class Counts:
    """Counters of one account; each by the values of its labels."""

    def __init__(self, position: int) -> None:
        """`position`: where in the journal counting begins."""
        self.position = position
        self.mismatches: Counter[str] = Counter(dict.fromkeys(("recovery", "ghost", "drift"), 0))
        self.corrections: Counter[str] = Counter(dict.fromkeys(("recovery", "ghost", "drift", "missed-fill"), 0))
        self.alerts: Counter[str] = Counter(dict.fromkeys(("info", "warning", "critical"), 0))
        self.observations: Counter[tuple[str, str]] = Counter()
        self.passes: Counter[tuple[str, str]] = Counter()
        self.durations: list[int] = [0] * (len(BUCKETS_MS) + 1)
        """Passes by duration: up to each bound, and beyond the last."""
        self.duration_ms = 0
        """Of all passes together."""
        self._last: tuple[int, str] | None = None

    def read(self, events: Iterable[Recorded]) -> None:
        """Count what the journal holds after `position`."""
        for recorded in events:
            event = recorded.event
            if isinstance(event, BreakMoved):
                for step in event.steps:
                    if step.state == "opened":
                        self.mismatches[step.kind] += 1
                for correction in (event.correction, event.order_correction):
                    if correction is not None:
                        self.corrections[correction.kind] += 1
            elif isinstance(event, FillAdopted):
                self.corrections[event.correction.kind] += 1
            elif isinstance(event, AlertRaised):
                self.alerts[event.severity] += 1
            elif isinstance(event, Observed):
                self.observations[event.surface, event.completeness] += 1
            self.position = recorded.position

    def note(self, report: PassReport) -> None:
        """One pass has ended; the same report again counts once."""
        this = (report.pass_number, report.at)
        if this == self._last:
            return
        self._last = this
        self.passes[report.kind, report.status] += 1
        place = next((n for n, bound in enumerate(BUCKETS_MS) if report.duration_ms <= bound), len(BUCKETS_MS))
        self.durations[place] += 1
        self.duration_ms += report.duration_ms
