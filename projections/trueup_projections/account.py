"""What does a page of one account's events do to the tables, and what must be remembered until the next?

Between pages an account's fold is kept in memory. When a process begins anew, it is folded again up to the very event
that the tables hold (law 11): the journal is the only thing that is remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlite_utils import Database

from trueup.decisions import ActionMoved, ActionRequested
from trueup.errors import JournalCorrupt
from trueup.facts import ActionAnswered, ActionSent, Fact, WriterClaimed
from trueup.journal import Followed, JournalReader
from trueup.reconciliation.state import State
from trueup.storage import rehydrate
from trueup_projections import moments
from trueup_projections.cells import when
from trueup_projections.living import Counts, Living
from trueup_projections.logged import audit, log
from trueup_projections.order_sides import BrokerOrders, write_orders
from trueup_projections.sides import LEAVES_THE_BOOK, Exposure, write_book, write_broker
from trueup_projections.writing import Rows

_ACTED: Final = tuple(str(kind.__struct_config__.tag) for kind in (ActionSent, ActionAnswered))


class AccountTables:
    """One account's part of the tables: where it stands, and what the next page does to it."""

    def __init__(self, state: State, counts: Counts) -> None:
        self._state = state
        self._counts = counts
        self._exposure = Exposure(state.book)
        self._epoch = state.epoch
        self._broker_orders = BrokerOrders(state)

    @classmethod
    def resumed(cls, db: Database, account: str, reader: JournalReader) -> AccountTables:
        """As the tables hold it: folded from the journal up to the event that they end with."""
        rows = Rows(db)
        rows.load_one("accounts", account)
        found = rows.known("accounts", (account,))
        if found is None:
            return cls(State(account=account), Counts())
        state = rehydrate(account, reader, upto=found["position"])
        last = db.conn.execute(
            "SELECT position, pass FROM observations WHERE account = ? ORDER BY position DESC LIMIT 1", [account]
        ).fetchone()
        counts = Counts(found["open_breaks"], found["held"], *(last or ()))
        acted = db.conn.execute(
            f"SELECT max(position) FROM audit WHERE account = ? AND name IN ({','.join('?' * len(_ACTED))})",
            [account, *_ACTED],
        ).fetchone()
        counts.acted_position = acted[0] or 0
        return cls(state, counts)

    def apply(self, rows: Rows, events: Sequence[Followed]) -> None:
        """Put everything that these events do into `rows`.

        Raises JournalCorrupt when they do not follow on the last ones.
        """
        before = self._state
        self._follow_on(events)
        living = Living(rows, before, self._counts)
        living.load(events)
        moments.load(rows, before, events)
        for one in events:
            if isinstance(one.event, WriterClaimed):
                self._epoch = one.event.at.epoch
            audit(rows, one, self._epoch)
            log(rows, one)
            living.apply(one)
        after = moments.follow(rows, before, events)
        living.stand(before.breaks, after.breaks)
        living.stand(before.order_breaks, after.order_breaks)
        moved = any(type(one.event) not in LEAVES_THE_BOOK for one in events)
        if moved:
            write_book(rows, before, after, self._exposure)
            write_orders(rows, before, after)
        write_broker(rows, after.account, before.view().rows, after.view().rows)
        if moved or _may_move_orphans(before, after, events):
            self._broker_orders.write(rows, after)
        self._state = after
        self._stand(rows, events[-1])

    def _follow_on(self, events: Sequence[Followed]) -> None:
        for expected, one in enumerate(events, start=self._state.position + 1):
            if one.position != expected:
                raise JournalCorrupt(
                    f"{one.account}: event {expected} should come next in the store, and {one.position} does. Run "
                    "`trueup verify`; if the store is whole, these read models are of another one: delete their file"
                )

    def _stand(self, rows: Rows, last: Followed) -> None:
        state = self._state
        event = last.event
        rows.put(
            "accounts",
            {
                "account": state.account,
                "position": last.position,
                "digest": last.digest.hex(),
                **when("", event.at.at_ns if isinstance(event, Fact) else event.at_ns),
                "epoch": state.epoch,
                "position_mode": state.mode,
                "policy": state.policy_mark.hex() or None,
                "gate": state.gate.status,
                "positions": len(state.book),
                "broker_positions": len(state.view().rows),
                "orders": len(state.orders),
                "broker_orders": len(state.view("open_orders").orders),
                "orphans": self._broker_orders.orphans,
                "open_breaks": self._counts.open_breaks,
                "held": self._counts.held,
                "unsettled": len(state.outbox),
                "unprotected": len(state.guards),
            },
        )


def _may_move_orphans(before: State, after: State, events: Sequence[Followed]) -> bool:
    """Whether who knows an order, or what it protects, may have changed although the book did not."""
    if after.view().rows is not before.view().rows:
        return True
    if after.view("open_orders").orders is not before.view("open_orders").orders:
        return True
    return any(isinstance(one.event, ActionRequested | ActionMoved) for one in events)
