"""What does the sidecar do that is killed? `trueup run --once`, ended by itself, -9, at the step that is asked for."""

from __future__ import annotations

import os
import signal
import sys

from trueup.foreign import BookWrite, OrderWrite, Wrote
from trueup.foreign.keeping import Keeper
from trueup.ledger import Ledger
from trueup_adapters.books.sql import SqlBook
from trueup_adapters.books.sql_orders import SqlOrders
from trueup_adapters.cli import main

STEPS = ("read", "recorded", "corrected", "intended", "written", "half-written", "told")
ORDER_STEPS = ("orders-read", "orders-intended", "orders-written", "orders-half-written")


def die(*_: object) -> None:
    """As a power cut for this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def at(step: str) -> None:
    """Arrange for the end."""
    read, write, keep, judged = SqlBook.read, SqlBook.write, Keeper._write, Ledger.judged
    orders_read, orders_write = SqlOrders.read, SqlOrders.write
    count = iter(range(1_000))

    def reading(self: SqlBook) -> object:
        answer = read(self)
        if step == "read" or (step == "corrected" and next(count) == 1):
            die()
        return answer

    def judging(self: Ledger, judge: object) -> object:
        done = judged(self, judge)  # type: ignore[arg-type]
        if step == "recorded":
            die()
        return done

    def writing(self: SqlBook, asked: BookWrite) -> Wrote:
        if step == "intended":
            die()
        done = write(self, asked)
        if step == "written" or (step == "half-written" and next(count) == 1):
            die()
        return done

    def keeping(self: Keeper, *given: object) -> object:
        done = keep(self, *given)  # type: ignore[arg-type]
        if step == "told" and done.written:  # type: ignore[attr-defined]
            die()
        return done

    def reading_orders(self: SqlOrders, known: object) -> object:
        answer = orders_read(self, known)  # type: ignore[arg-type]
        if step == "orders-read":
            die()
        return answer

    def writing_orders(self: SqlOrders, asked: OrderWrite) -> Wrote:
        if step == "orders-intended":
            die()
        done = orders_write(self, asked)
        if step == "orders-written" or (step == "orders-half-written" and next(count) == 1):
            die()
        return done

    for owner, name, stand_in in (
        (SqlOrders, "read", reading_orders),
        (SqlOrders, "write", writing_orders),
        (SqlBook, "read", reading),
        (SqlBook, "write", writing),
        (Keeper, "_write", keeping),
        (Ledger, "judged", judging),
    ):
        setattr(owner, name, stand_in)


if __name__ == "__main__":
    at(sys.argv[1])
    sys.exit(main(["run", "--config", sys.argv[2], "--once", "--json", "--no-views"]))
