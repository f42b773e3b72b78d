"""Which journals are replayed here, and how is one of them changed by somebody with an editor?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from laws.stores import ListJournal
from laws.world import World
from trueup.events import Event, decode, encode, name_of_event
from trueup.journal import open_writer

ACCOUNT = "test:1"


def events(journal: ListJournal) -> list[Event]:
    """All events, decoded."""
    return [decode(*one) for one in journal.stored]


def listed(journal_events: Iterable[Event], account: str = ACCOUNT) -> ListJournal:
    """A journal that holds just these."""
    journal = ListJournal(account)
    journal.stored = [(name_of_event(event), encode(event)) for event in journal_events]
    return journal


def stored(world: World | ListJournal, path: Path) -> str:
    """The same journal in a file; its address."""
    journal = world.journal if isinstance(world, World) else world
    url = f"sqlite:///{path}"
    writing(journal, url)
    return url


def writing(journal: ListJournal, url: str) -> None:
    """The same journal in a store."""
    with open_writer(url, journal.account, durability="normal") as writer:
        for start, end in zip([0, *journal.appends], [*journal.appends, len(journal.stored)], strict=True):
            if some := events(journal)[start:end]:
                writer.append(some)
