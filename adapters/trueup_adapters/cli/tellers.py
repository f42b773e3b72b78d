"""How is a running sidecar followed: pass by pass, or as a picture that is redrawn?"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.text import Text

from trueup.reconciler import Reconciler
from trueup.report import PassReport
from trueup_adapters.cli.output import busy, out
from trueup_adapters.cli.watch import Picture
from trueup_adapters.logs.secrets import hidden

REDRAW_S = 0.5


class Teller:
    """Tells each pass as it ends, and nothing in between."""

    def __init__(self, tell: Callable[[PassReport], object]) -> None:
        self._tell = tell

    def asking(self, broker: str) -> AbstractContextManager[None]:
        """A sign of life while the first pass is under way."""
        return busy(f"asking {broker}")

    def tell(self, report: PassReport) -> None:
        """One pass is done."""
        self._tell(report)

    def refresh(self) -> None:
        """Time has passed; nothing to say."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was opened."""


class Watched(Teller):
    """Draws how things stand, in place, for whoever watches the terminal."""

    def __init__(self, rec: Reconciler) -> None:
        super().__init__(self._note)
        self._rec = rec
        self._picture = Picture()
        self._live = Live(Text("…"), console=out(), auto_refresh=False, transient=False)
        self._drawn_s = 0.0

    def asking(self, broker: str) -> AbstractContextManager[None]:
        """The picture says so itself."""
        self._live.update(Text(f"asking {hidden(broker)} …", style="dim"), refresh=True)
        return nullcontext()

    def refresh(self) -> None:
        """Redraw, twice a second at most."""
        now_s = time.monotonic()
        if now_s - self._drawn_s >= REDRAW_S:
            self._drawn_s = now_s
            rec = self._rec
            drawn = self._picture.draw(rec.get_status(), rec.book.positions, rec.broker_positions, time.time_ns())
            self._live.update(drawn, refresh=True)

    def _note(self, report: PassReport) -> None:
        self._picture.note(report)
        self._drawn_s = 0.0
        self.refresh()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
