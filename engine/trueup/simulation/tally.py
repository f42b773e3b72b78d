"""What has a campaign really tried? Counted where it happened, not where it was planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping


class Tally:
    """Counters of one run."""

    def __init__(self) -> None:
        self.steps = 0
        """Questions asked, messages that arrived, happenings: whatever moved the world."""
        self.faults: Counter[str] = Counter()
        """Faults by name, each time that one had an effect."""
        self.coverage: Counter[str] = Counter()
        """What trueup was brought to do: breaks by kind, corrections by kind, decisions by name."""

    def fault(self, name: str) -> None:
        """A fault had an effect."""
        self.faults[name] += 1

    def cover(self, name: str, count: int = 1) -> None:
        """Something was tried."""
        self.coverage[name] += count


def in_order(counted: Mapping[str, int]) -> dict[str, int]:
    """By name: the same however it was counted."""
    return {name: counted[name] for name in sorted(counted)}
