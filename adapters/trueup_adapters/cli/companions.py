"""What goes beside the passes of a sidecar: alerts, metrics, a log?

Everything that can be wrong with them is found before anything starts. While it runs, none of them is ever in a pass's
way, and what goes wrong with one is said and stops nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Final, NamedTuple, Self

from trueup.foreign import Book, Keeper, Kept, OrderBook, Watching, keep
from trueup.journal.urls import without_secrets
from trueup.reconciler import Reconciler
from trueup.report import PassReport
from trueup_adapters.alerts import Messenger, Rule, open_channel
from trueup_adapters.cli.exits import COULD_NOT, DONE, FOUND
from trueup_adapters.cli.output import complain, note
from trueup_adapters.config.brokers import address_of
from trueup_adapters.config.plans import Plan, Planned
from trueup_adapters.logs import JournalLog, Log, of_pass
from trueup_adapters.metrics import Registered, register, serve

WRITING_S_MAX: Final = 60
"""How long `--once` waits at most until what it learned of orders may be written."""
LISTED: Final = 1_000
"""Entries of the audit that the command in an alert lists."""


class Elsewhere(NamedTuple):
    """The bot's own book, and the broker that is asked behind it."""

    watching: Watching
    book: Book
    orders: OrderBook | None


class Companions:
    """For all accounts of one process. A context manager."""

    def __init__(self, what: Planned) -> None:
        """Raises InputError for a channel or port that cannot be used, TrueupError where an extra is missing."""
        self._what = what
        self.log = None if what.logs.format is None else Log(sys.stderr, what.logs.format, level=what.logs.level)
        rehearsed = all(plan.dry_run for plan in what.plans)
        self._rules = (
            []
            if rehearsed
            else [Rule(open_channel(one.name, one.url or ""), one.severity, one.resolved) for one in what.channels]
        )
        self._registered: dict[str, Registered] = {}
        self._keepers: dict[str, Keeper] = {}
        self._open = ExitStack()

    @contextmanager
    def beside(self, rec: Reconciler, plan: Plan, book: Elsewhere | None) -> Generator[None]:
        """For as long as one account is open.

        book  the bot's own, and the broker that `rec` was opened with
        """
        with ExitStack() as stack:
            registered = None
            if self._what.metrics.port is not None:
                registered = self._registered[plan.account] = stack.enter_context(register(rec))
            if self.log is not None:
                self.log.say(
                    "info", "opened", account=plan.account, store=without_secrets(plan.store), broker=address_of(plan),
                    policy=plan.policy.preset, environment=plan.environment or "unsaid", dry_run=plan.dry_run,
                )  # fmt: skip
                stack.enter_context(JournalLog(rec, self.log))
            if book is not None:
                keeper = stack.enter_context(
                    keep(rec, book.watching, book.book, orders=book.orders, writes=plan.writes_book)
                )
                self._keepers[plan.account] = keeper
                stack.callback(self._keepers.pop, plan.account, None)
                self._told(plan.account, keeper.step())  # what the bot did while nobody looked is older than any answer
            if self._rules and not plan.dry_run:
                where = f"--store {without_secrets(plan.store)} --account {plan.account}"
                messenger = Messenger(
                    rec, self._rules, command=f"trueup audit {where} --limit {LISTED}",
                    details=f"trueup breaks {where}", note=self.trouble,
                )  # fmt: skip
                stack.enter_context(messenger)
                if registered is not None:
                    registered.watch_alerts(messenger.standings)
            yield

    def passed(self, report: PassReport, *, dry_run: bool) -> None:
        """A pass has ended."""
        registered = self._registered.get(report.account)
        if registered is not None:
            registered.note(report)
        if self.log is not None:
            self.log.write(of_pass(report, dry_run=dry_run))
        keeper = self._keepers.get(report.account)
        if keeper is not None:
            keeper.wake()  # what the pass corrected is written back on the keeper's own thread

    def written(self, account: str) -> int:
        """Bring the bot's own book up to date now; the exit status that this comes to: 0 when it is, or there is none,
        1 where a correction met an edit of the bot's and was left, 3 where it could not be read or written."""
        keeper = self._keepers.get(account)
        if keeper is None:
            return DONE
        status, until = DONE, time.monotonic() + WRITING_S_MAX
        while True:
            kept = keeper.step()
            self._told(account, kept)
            trouble = kept.trouble or kept.orders_trouble
            status = max(status, COULD_NOT if trouble else FOUND if kept.conflicts else DONE)
            rest_s = None if kept.waits_ns is None or trouble else kept.waits_ns / 1_000_000_000
            if rest_s is None or time.monotonic() + rest_s > until:
                return status
            time.sleep(rest_s)  # what the bot may be writing by itself just now is left to it for that long

    def _told(self, account: str, kept: Kept) -> None:
        """Say what a person should know of a step."""
        for text in (*kept.conflicts, *(one for one in (kept.trouble, kept.orders_trouble) if one)):
            if self.log is not None:
                self.log.say("warning", "book", account=account, what=text)
            else:
                complain(text)

    def trouble(self, text: str) -> None:
        """Something beside the passes went wrong, or is well again."""
        if self.log is not None:
            self.log.say("warning", "alerts", what=text)
        else:
            complain(text)

    def __enter__(self) -> Self:
        metrics = self._what.metrics
        if metrics.port is not None:
            served = self._open.enter_context(serve(metrics.port, host=metrics.host))
            if self.log is not None:
                self.log.say("info", "metrics", url=served.url)
            else:
                note(f"metrics: {served.url}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
