"""Is our own journal failing, and was it told?

What cannot be journalled cannot be told by way of the journal: a full disk closes the gate, and no alert about it can
be raised. So a channel is told of this one thing directly, once it has lasted, and when it is over (decision 0025).
Pure: time is an argument.
"""

from __future__ import annotations

from typing import Final

from trueup_adapters.alerts.silence import Word

PATIENCE_NS: Final = 10_000_000_000
"""How long appends must have failed before it is told: a file that is busy for a moment is nothing."""
AGAIN_NS: Final = 60_000_000_000
"""How long after it was told and over once: a disk that is nearly full comes and goes (L60)."""


class Outage:
    """One account's journal, as one channel has heard of it."""

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self._told = False
        self._patience_ns = PATIENCE_NS
        self.messages = 0
        """That were sent of the present outage, and stand in no journal yet."""

    def due(self, failure: str | None, now_ns: int) -> Word | None:
        """What is to be told now.

        failure  why the journal cannot be written, as the ledger says; None: it can
        now_ns   monotonic
        """
        if failure is None:
            self._since_ns = None
            return Word("critical", "the journal can be written again", over=True) if self._told else None
        self._since_ns = now_ns if self._since_ns is None else self._since_ns
        if self._told or now_ns - self._since_ns < self._patience_ns:
            return None
        return Word(
            "critical", f"{failure}. The gate is closed, and nothing is corrected or journalled until it can be"
        )

    def told(self, word: Word) -> None:
        """It has been, or its end is not wanted."""
        self._told = not word.over
        self._patience_ns = AGAIN_NS
