"""How do the read models keep up with a sidecar, without ever being in its way?

They follow the journal on a thread of their own, from the files alone. Whatever goes wrong with them is said once, on
stderr, and changes nothing: the journal is the truth, and views can be made again from it (law 11).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

from trueup.errors import TrueupError
from trueup.journal import path_of_store
from trueup_adapters.cli.output import complain

if TYPE_CHECKING:
    from trueup_projections import Views

    Work: TypeAlias = Callable[[Views], object]


def views_path(store: str, named: Path | None) -> Path | None:
    """Where the read models of a store go: where it was said, else beside the store; None where that is no file."""
    if named is not None:
        return named
    path = path_of_store(store)
    return None if path is None else path.with_name(path.name + ".views.db")


class KeptViews:
    """Read models that are kept up for as long as this is open, and brought up to date at its end."""

    def __init__(self, store: str, path: Path | None) -> None:
        self._store = store
        self._path = path
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: str | None = None
        """Why they are not kept; said already."""

    def start(self) -> None:
        """Begin to follow. The journal must exist by now."""
        if self._path is not None:
            self._thread = threading.Thread(target=self._follow, name="trueup-views", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Stop following, and take in what came last."""
        self.halt()
        if self._path is not None and self.failure is None:
            self._guarded(lambda views: views.catch_up())

    def halt(self) -> None:
        """Let go of the journal, before its writer does: only the last connection, if it may write, moves the
        write-ahead log into the store's one file (law 7)."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _follow(self) -> None:
        self._guarded(lambda views: views.follow(self._stop))

    def _guarded(self, work: Work) -> None:
        from trueup_projections import Views

        try:
            with Views.open(self._store, self._path) as views:
                work(views)
        except (TrueupError, sqlite3.Error, OSError) as error:
            self.failure = f"the read models in {self._path} are not kept: {error}; the journal is not affected"
            complain(self.failure)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()
        else:  # what went wrong is told by whoever it happened to; views can wait
            self.halt()
