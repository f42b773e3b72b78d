"""How does the log keep up with the journal, without being in a pass's way?

A thread reads by position what was appended since, and writes the lines that it is worth. What comes at once in great
numbers is told in part, and how much was left out is told too (law 12).
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final, Protocol, Self

from trueup.errors import TrueupError
from trueup.journal import JournalReader
from trueup.ledger import Ledger
from trueup_adapters.logs.lines import of_event
from trueup_adapters.logs.writing import Log

POLL_S: Final = 0.25
LINES_PER_LOOK_MAX: Final = 200
"""Lines that one look at the journal writes; a storm of ten thousand breaks is counted."""


class Logged(Protocol):
    """The account whose journal is logged: a `Reconciler` or `AsyncReconciler`."""

    @property
    def account(self) -> str: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def journal(self) -> JournalReader: ...


class JournalLog:
    """Logs one account's journal for as long as it is open, from `after` on. A context manager."""

    def __init__(self, rec: Logged, log: Log, *, after: int | None = None) -> None:
        self._rec = rec
        self._log = log
        self._position = rec.ledger.state.position if after is None else after
        self._stop = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name=f"trueup-log-{rec.account}", daemon=True)

    def look(self) -> None:
        """Write what is new."""
        upto = self._rec.ledger.state.position
        if upto <= self._position:
            return
        written = left = 0
        for recorded in self._rec.journal.read(after=self._position, upto=upto):
            for line in of_event(self._rec.account, recorded.position, recorded.event):
                if written < LINES_PER_LOOK_MAX or line[0] == "error":
                    self._log.write(line)
                    written += 1
                else:
                    left += 1
            self._position = recorded.position
        if left:
            self._log.say("warning", "log-cut", account=self._rec.account, left_out=left, position=self._position)

    def _run(self) -> None:
        while not self._stop.wait(POLL_S):
            self._guarded()
        self._guarded()

    def _guarded(self) -> None:
        try:
            self.look()
        except TrueupError as error:
            if not self._failing:
                self._log.say("error", "journal-unreadable", account=self._rec.account, what=str(error))
            self._failing = True
        else:
            self._failing = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
