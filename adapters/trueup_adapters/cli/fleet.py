"""How are many accounts kept true by one process, without one of them ever waiting for another?

A thread for each account opens it and looks for due passes; broker I/O of each is on that account's own event loop
besides. What they have to tell comes together in one queue, is told by the main thread, line by line, and one stop ends
them all. An account that cannot be opened, or is taken over, is said, and the others go on.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack
from typing import Final, TypeAlias

import msgspec

from trueup.errors import InputError, TrueupError
from trueup.reconciler import Reconciler
from trueup.report import EXIT_CODES, PassReport
from trueup_adapters.cli.companions import Companions
from trueup_adapters.cli.exits import COULD_NOT, DONE, status_of
from trueup_adapters.cli.sidecar import Start, opened, overtaken
from trueup_adapters.cli.stopping import Stopping
from trueup_adapters.cli.views import KeptViews
from trueup_adapters.config.plans import Plan

POLL_S: Final = 0.1
"""How often a due pass is looked for, and the queue."""


class News(msgspec.Struct, frozen=True):
    """What an account's thread has to tell: that it is open, a pass, or why it has ended."""

    plan: Plan
    report: PassReport | None = None
    held: int = 0
    """Positions in the book then."""
    error: TrueupError | None = None
    broken: BaseException | None = None


Tell: TypeAlias = Callable[[News], object]


class Member(threading.Thread):
    """One account."""

    def __init__(self, plan: Plan, start: Start, companions: Companions, tell: Tell, *, once: bool) -> None:
        super().__init__(name=f"trueup-run-{plan.account}", daemon=True)
        self.plan = plan
        self._begin = start
        self._companions = companions
        self._tell = tell
        self._once = once
        self._stop_asked = threading.Event()
        self._rec: Reconciler | None = None

    def run(self) -> None:
        """Until stopped, or until it may not write any more."""
        try:
            with opened(self.plan, self._begin, self._companions) as rec:
                self._rec = rec
                self._tell(News(self.plan))
                if self.plan.dry_run or self._once:
                    self._one_by_one(rec)
                else:
                    self._continuously(rec)
        except TrueupError as error:
            if not self._stop_asked.is_set():  # closed under its own hands
                self._tell(News(self.plan, error=error))
        except CancelledError:
            pass  # stopped while it waited for a pass
        except BaseException as error:  # noqa: BLE001 - a broken law of ours: raised again in the main thread
            self._tell(News(self.plan, broken=error))

    def stop(self) -> None:
        """End, and do not wait for a silent broker."""
        self._stop_asked.set()
        if self._rec is not None and (self.plan.dry_run or self._once):
            self._rec.close()  # ends the pass that its thread waits for

    def _one_by_one(self, rec: Reconciler) -> None:
        while not self._stop_asked.is_set():
            report = rec.startup_recovery(dry_run=self.plan.dry_run)
            if self._once and self._companions.written(self.plan.account):
                self._tell(
                    News(self.plan, error=TrueupError(f"{self.plan.account}: its book was not brought up to date"))
                )
            self._tell(News(self.plan, report=report, held=len(rec.book)))
            if self._once or self._stop_asked.wait(self.plan.policy.sync_interval_s):
                return

    def _continuously(self, rec: Reconciler) -> None:
        last: PassReport | None = None
        while not self._stop_asked.wait(POLL_S):
            if last is not None and last.status == "FAILED" and (why := overtaken(rec, self.plan)) is not None:
                self._tell(News(self.plan, error=TrueupError(why)))
                return
            latest = rec.sync_continuous()
            if latest is not None and latest is not last:
                last = latest
                self._tell(News(self.plan, report=latest, held=len(rec.book)))


class Fleet:
    """All accounts of one process."""

    def __init__(
        self,
        plans: Sequence[Plan],
        start: Start,
        companions: Companions,
        views: Callable[[str], KeptViews],
        tell: Callable[[News], object],
        *,
        once: bool,
    ) -> None:
        """
        views   the read models of a store
        tell    called in the main thread, in the order in which things happened
        """
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._members = [Member(plan, start, companions, self._news.put, once=once) for plan in plans]
        self._companions = companions
        self._kept = {plan.store: views(plan.store) for plan in plans}
        self._started: set[str] = set()
        self._tell = tell
        self._once = once
        self._worst = DONE

    def run(self) -> int:
        """Until told to stop, or until none is left; the exit status: 0, or 3 (or 2) where an account had to end, and
        with `once` the worst of all passes."""
        with ExitStack() as stack, Stopping() as stopping:
            for kept in self._kept.values():
                stack.enter_context(kept)
            for member in self._members:
                member.start()
            try:
                while any(member.is_alive() for member in self._members) and not stopping.wait(POLL_S):
                    self._drain()
            finally:
                for kept in self._kept.values():
                    kept.halt()
                for member in self._members:
                    member.stop()
                for member in self._members:
                    member.join()
            self._drain()
        return self._worst

    def _drain(self) -> None:
        while True:
            try:
                news = self._news.get_nowait()
            except queue.Empty:
                return
            if news.broken is not None:
                raise news.broken
            if news.report is not None:
                self._companions.passed(news.report, dry_run=news.plan.dry_run)
                if self._once:
                    self._worst = max(self._worst, EXIT_CODES[news.report.status])
            elif news.error is not None:
                self._worst = max(
                    self._worst, status_of(news.error) if isinstance(news.error, InputError) else COULD_NOT
                )
            elif news.plan.store not in self._started:
                self._started.add(news.plan.store)
                self._kept[news.plan.store].start()
            if news.report is not None or news.error is not None:
                self._tell(news)
