"""How do the tables of the two sides follow the fold?

What a position is after an event is said once, by `trueup.reconciliation.fold`; these tables never reckon it again.
After each page the new state is held against the one before, and only the keys that differ are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from trueup.decisions import (
    ActionMoved,
    ActionRequested,
    AlertRaised,
    GateMoved,
    MassAbsenceMoved,
    OverrideMoved,
    ProtectionMoved,
    QuarantineMoved,
    RecordRefused,
)
from trueup.facts import (
    ActionAnswered,
    ActionSent,
    AlertsDelivered,
    BookRead,
    BookWriting,
    BookWritten,
    CommandGiven,
    CorrectionsDelivered,
    ExecutionPushed,
    InboxTaken,
    Observed,
    PermitGiven,
    PolicyAdopted,
    StatePushed,
    WriterClaimed,
)
from trueup.model import ZERO, BrokerPosition, Key, add, plain, subtract
from trueup.reconciliation.state import Slot, State
from trueup_projections.cells import position, when
from trueup_projections.writing import Rows

LEAVES_THE_BOOK: Final = frozenset(
    {
        WriterClaimed, PolicyAdopted, Observed, CommandGiven, StatePushed, ExecutionPushed, InboxTaken,
        CorrectionsDelivered, AlertsDelivered, PermitGiven, ActionSent, ActionAnswered, ActionRequested, ActionMoved,
        RecordRefused, MassAbsenceMoved, QuarantineMoved, GateMoved, AlertRaised, ProtectionMoved, OverrideMoved,
        BookRead, BookWriting, BookWritten,
    }
)  # fmt: skip
"""Events that cannot change what the book says of a position or an order; a page of nothing else need not compare it.
One that is not known here yet may change anything."""

Owner = tuple[str, str]
"""Strategy and symbol."""


class Exposure:
    """The book of one account by owner and symbol, kept so that a change costs what it touches."""

    def __init__(self, book: Mapping[Key, Slot]) -> None:
        self._held: dict[Owner, dict[Key, Decimal]] = {}
        self._touched: set[Owner] = set()
        for key, slot in book.items():
            self.change(key, None, slot)
        self._touched.clear()

    def change(self, key: Key, before: Slot | None, after: Slot | None) -> None:
        """A key that changed."""
        if before is not None and before.holding is not None:
            owner = (before.holding.strategy, before.holding.symbol)
            self._held.get(owner, {}).pop(key, None)
            self._touched.add(owner)
        if after is not None and after.holding is not None:
            owner = (after.holding.strategy, after.holding.symbol)
            self._held.setdefault(owner, {})[key] = after.holding.signed_quantity
            self._touched.add(owner)

    def write(self, rows: Rows, account: str) -> None:
        """The sums that changed."""
        for owner in sorted(self._touched):
            held = self._held.get(owner)
            if not held:
                self._held.pop(owner, None)
                rows.drop("exposure", (account, *owner))
                continue
            long = short = ZERO
            for quantity in held.values():
                if quantity.is_signed():
                    short = subtract(short, quantity)
                else:
                    long = add(long, quantity)
            rows.put(
                "exposure",
                {
                    "account": account,
                    "strategy": owner[0],
                    "symbol": owner[1],
                    "positions": len(held),
                    "long_quantity": plain(long),
                    "short_quantity": plain(short),
                    "net_quantity": plain(subtract(long, short)),
                },
            )
        self._touched.clear()


def write_book(rows: Rows, before: State, after: State, exposure: Exposure) -> None:
    """The book's keys that differ between two states."""
    account = after.account
    for key, slot in after.book.items():
        known = before.book.get(key)
        if slot is not known and slot != known:
            exposure.change(key, known, slot)
            _put_slot(rows, account, key, slot)
    for key, slot in before.book.items():
        if key not in after.book:
            exposure.change(key, slot, None)
            rows.drop("positions", (account, key))
    exposure.write(rows, account)


def _put_slot(rows: Rows, account: str, key: Key, slot: Slot) -> None:
    holding = slot.holding
    assert holding is not None, "the book holds only what is held"
    inferred = ZERO
    for one in slot.inferred:
        inferred = add(inferred, one.remaining)
    rows.put(
        "positions",
        position(account, key, holding)
        | {
            "source": holding.source,
            "inferred_quantity": plain(inferred),
            "changed_position": slot.position,
            **when("changed", slot.changed.at_ns),
        },
    )


def write_broker(
    rows: Rows, account: str, before: Mapping[Key, BrokerPosition], after: Mapping[Key, BrokerPosition]
) -> None:
    """The broker's keys that differ between two complete answers. An unchanged answer is the very same mapping."""
    if after is before:
        return
    for key, row in after.items():
        known = before.get(key)
        if row is not known and row != known:
            rows.put("broker_positions", position(account, key, row) | {"spelling": row.spelling, "unit": row.unit})
    for key in before:
        if key not in after:
            rows.drop("broker_positions", (account, key))
