"""How is a foreign book always read before the broker is asked what it holds?

By standing in front of the broker: whoever asks it for positions, or for working orders where the book keeps orders,
has the book read first. A bot's own trade is then known before the broker's answer shows it, as if the bot had recorded
it. Where the book cannot be read the broker is not asked either: with one side silent there is nothing to compare, and
the gate closes by age (laws 4 and 9).
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from trueup.errors import JournalError
from trueup.foreign.keeping import Keeper, Kept
from trueup.foreign.port import Book, OrderBook
from trueup.ports import Answer, Broker, Capabilities, Question, failed
from trueup.shell import Shell


class Watching:
    """A broker, and before each question about what the book keeps a step of the keeper. Until there is a keeper, the
    broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.keeper: Keeper | None = None
        self._step: asyncio.Future[Kept] | None = None

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
        keeper = self.keeper
        orders = question.surface == "open_orders" and keeper is not None and keeper.keeps_orders
        if keeper is not None and (orders or question.surface == "positions"):
            try:
                kept = await self._kept(keeper)
            except JournalError as error:
                return failed(f"our own journal: {error}")
            trouble = kept.trouble or ("" if kept.orders_read or not orders else kept.orders_trouble)
            if trouble:
                return failed(f"{trouble}; the broker was not asked")
        return await self._broker.ask(question)

    async def _kept(self, keeper: Keeper) -> Kept:
        """One step of the keeper; of questions that are put side by side, one for all of them."""
        step = self._step
        if step is None or step.done() or step.get_loop() is not asyncio.get_running_loop():
            step = self._step = asyncio.ensure_future(asyncio.to_thread(keeper.step))
            step.add_done_callback(_heard)
        return await asyncio.shield(step)  # who gives up waiting does not end it for the others

    async def close(self) -> None:
        """The broker's; the keeper is closed by whoever opened it."""
        await self._broker.close()


def _heard(step: asyncio.Future[Kept]) -> None:
    """A step whose askers have all given up: what became of it is in the journal, or the next one says it."""
    if not step.cancelled():
        step.exception()


@contextmanager
def keep(
    rec: Shell, watching: Watching, book: Book, *, orders: OrderBook | None = None, writes: bool = True
) -> Generator[Keeper]:
    """Keep a book for as long as a reconciler is open that was opened with `watching` as its broker.

        watching = Watching(Mt5Broker("tcp://127.0.0.1:5555"))
        with Reconciler.open(url, account=..., broker=watching) as rec, keep(rec, watching, book) as keeper:
            rec.startup_recovery()

    orders  where its orders are kept, if anywhere
    writes  False: the book is read and never written
    """
    with Keeper(rec.ledger, rec.journal, book, orders=orders, writes=writes) as keeper:
        watching.keeper = keeper  # and it stays: behind its end nobody is asked any more without a read before
        yield keeper
