"""How is one account opened for a sidecar, and when must it step down?"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

import msgspec

from trueup.errors import InputError, StoreUrlError, TrueupError
from trueup.foreign import Watching
from trueup.journal import Head, accounts, open_reader
from trueup.model import PositionMode
from trueup.reconciler import Reconciler
from trueup.report import PassReport
from trueup.storage import rehydrate
from trueup_adapters.cli.companions import Companions, Elsewhere
from trueup_adapters.config.books import open_book, open_orders
from trueup_adapters.config.brokers import mode_of, open_broker
from trueup_adapters.config.plans import Plan


class Start(msgspec.Struct, frozen=True):
    """What else is said when an account is opened."""

    head: Head | None = None
    restored: bool = False


def mode_in(store: str, account: str) -> PositionMode | None:
    """How the journal keys its positions already; None where there is no journal of the account yet."""
    try:
        if account not in accounts(store):
            return None
    except StoreUrlError:
        raise
    except InputError:
        return None  # no store yet: opening it to write makes it
    with open_reader(store, account) as reader:
        state = rehydrate(account, reader)
    return state.mode if state.epoch else None


@contextmanager
def opened(plan: Plan, start: Start, companions: Companions) -> Generator[Reconciler]:
    """The account's writer, with all that goes beside its passes.

    Raises InputError for what cannot be meant, WriterFenced, JournalError.
    """
    mode = plan.mode or mode_in(plan.store, plan.account) or mode_of(plan)
    broker = open_broker(plan, mode)
    book = None
    if plan.book is not None:
        kept = open_book(plan.book, broker.capabilities.position_mode)
        book = Elsewhere(Watching(broker), kept, open_orders(plan.book))
    with (
        Reconciler.open(
            plan.store,
            account=plan.account,
            broker=broker if book is None else book.watching,
            policy=plan.policy,
            durability=plan.durability,
            baseline=plan.baseline,
            head=start.head,
            restored=start.restored,
        ) as rec,
        companions.beside(rec, plan, book),
    ):
        yield rec


def asking(rec: Reconciler, plan: Plan) -> Callable[[], PassReport]:
    """The start-up pass: in earnest, or rehearsed on a copy of the fold, which settles as much as it can within it."""
    return lambda: rec.startup_recovery(dry_run=plan.dry_run)


def overtaken(rec: Reconciler, plan: Plan) -> str | None:
    """Why we must step down: the journal goes on beyond what we wrote. None while it is only our store that fails."""
    try:
        with open_reader(plan.store, plan.account) as reader:
            found, ours = reader.head().position, rec.get_status().position
    except TrueupError:
        return None  # nor can it be read: the next pass says why, until it is there again
    if found <= ours:
        return None
    return f"{plan.account}: the journal stands at {found}, we wrote {ours}: another process writes this account"
