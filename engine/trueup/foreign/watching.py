"""How is a foreign book always read before the broker is asked what it holds?

By standing in front of the broker: whoever asks it for positions has the book read first. A bot's own trade is then
known before the broker's answer shows it, as if the bot had recorded it. Where the book cannot be read the broker is
not asked either: with one side silent there is nothing to compare, and the gate closes by age (laws 4 and 9).
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from trueup.errors import JournalError
from trueup.foreign.keeping import Keeper
from trueup.foreign.port import Book
from trueup.ports import Answer, Broker, Capabilities, Question, failed
from trueup.shell import Shell


class Watching:
    """A broker, and before each question about positions a step of the keeper. Until there is a keeper, the broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.keeper: Keeper | None = None

    @property
    def capabilities(self) -> Capabilities:
        """The broker's."""
        return self._broker.capabilities

    @property
    def connections(self) -> int:
        """The broker's."""
        return self._broker.connections

    def __getattr__(self, name: str) -> Any:
        """What else the broker can do: `act`, a clock of its own."""
        return getattr(self._broker, name)

    async def ask(self, question: Question) -> Answer:
        """The broker's answer, asked behind a read of the book."""
        if question.surface == "positions" and self.keeper is not None:
            try:
                kept = await asyncio.to_thread(self.keeper.step)
            except JournalError as error:
                return failed(f"our own journal: {error}")
            if kept.trouble:
                return failed(f"{kept.trouble}; the broker was not asked")
        return await self._broker.ask(question)

    async def close(self) -> None:
        """The broker's; the keeper is closed by whoever opened it."""
        await self._broker.close()


@contextmanager
def keep(rec: Shell, watching: Watching, book: Book, *, writes: bool = True) -> Generator[Keeper]:
    """Keep a book for as long as a reconciler is open that was opened with `watching` as its broker.

        watching = Watching(Mt5Broker("tcp://127.0.0.1:5555"))
        with Reconciler.open(url, account=..., broker=watching) as rec, keep(rec, watching, book) as keeper:
            rec.startup_recovery()

    writes  False: the book is read and never written
    """
    with Keeper(rec.ledger, rec.journal, book, writes=writes) as keeper:
        watching.keeper = keeper  # and it stays: behind its end nobody is asked any more without a read before
        yield keeper
