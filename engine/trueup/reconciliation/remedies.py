"""What will the book hold once a confirmed break is corrected, and how is that said?

The broker's word in every field that was confirmed, and nothing made up beside it (law 13). What an earlier
correction closed wrongly is restored with its owner, and named as that correction's undoing.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from trueup import explain
from trueup.compare import Difference
from trueup.decisions import Correction
from trueup.exits import CLOSED_EXTERNALLY
from trueup.model import BrokerPosition, Holding, Key
from trueup.reconciliation.identity import correction_id
from trueup.reconciliation.outcomes import adopted
from trueup.reconciliation.state import Slot, State


class Ready(msgspec.Struct, frozen=True, gc=False):
    """A difference that enough answers confirmed."""

    found: Difference
    sightings: int


def correct(
    state: State, key: Key, slot: Slot | None, row: BrokerPosition | None, ready: Sequence[Ready]
) -> Correction:
    """The one correction for all that is ready on a key.

    slot  what the book knows of the key, held or closed; None: nothing
    row   the broker's row; None: it does not list the key
    """
    kind = ready[0].found.kind
    before = None if slot is None else slot.holding
    count = min(one.sightings for one in ready) if len(ready) > 1 else ready[0].sightings
    exit_reason = compensates = None
    if kind == "recovery":
        assert row is not None
        after, compensates = _recovered(state, row, slot)
        why = (
            explain.recovered(row, ready[0].found.broker, count, after.strategy)
            if compensates is None
            else explain.restored(row, count, compensates)
        )
    elif kind == "ghost":
        assert before is not None
        after, exit_reason = None, why_closed(state, before)
        why = explain.vanished(before, count, " (acknowledged)" if key in state.acknowledged else "")
    else:
        assert before is not None
        assert row is not None
        after = _redrawn(before, row, {one.found.field for one in ready})
        changes = [(one.found.field or "", one.found.book or "", one.found.broker or "") for one in ready]
        why = explain.corrected(row.symbol, row.ticket, changes, count)
    return Correction(correction_id(state, key, slot, after), kind, before, after, why, exit_reason, compensates)


def why_closed(state: State, holding: Holding) -> str:
    """The exit reason that a deal of its ticket stated, or `CLOSED_EXTERNALLY`, which claims nothing."""
    said = None if holding.ticket is None else state.exits.get(holding.ticket)
    return said or CLOSED_EXTERNALLY


def _recovered(state: State, row: BrokerPosition, slot: Slot | None) -> tuple[Holding, str | None]:
    """(the holding to adopt, the ghost correction that it undoes)."""
    after = adopted(row)
    if slot is None:
        return after, None
    if slot.before is not None and (slot.closed_by is not None or state.mode == "hedging"):
        after = replace(after, strategy=slot.before.strategy)  # it is the same position: its owner is known
    return replace(after, source=slot.source), slot.closed_by


def _redrawn(holding: Holding, row: BrokerPosition, fields: set[str | None]) -> Holding:
    """The holding with the broker's word in the given fields, and in those that the book never had."""
    return replace(
        holding,
        signed_quantity=row.signed_quantity if fields & {"side", "quantity"} else holding.signed_quantity,
        price=row.price if "price" in fields or holding.price is None else holding.price,
        stop=row.stop if "stop" in fields or holding.stop is None else holding.stop,
        ticket=row.ticket or holding.ticket,
    )
