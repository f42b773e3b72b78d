"""Where do the ids of breaks and corrections come from?

From content alone, so that a restart, a replay and another machine give the same ones (L49): a break's from
where it was first seen, a correction's from the very state that it corrects, never from the broker's times (L50).
"""

from __future__ import annotations

import hashlib

import msgspec

from trueup.model import BookOrder, Holding, Key
from trueup.reconciliation.state import Slot, State

ID_HEX_LENGTH = 16


def break_id(state: State, of: str, key: Key, field: str | None, *, position: int | None = None) -> str:
    """The id of a break that the observation just folded opens; `position` is that one's, if not of positions."""
    return _id("break", state.account, of, key, field or "", str(position or state.view().position))


def correction_id(state: State, key: Key, slot: Slot | None, after: Holding | None) -> str:
    """The id of the correction that takes a slot as it is now to `after`."""
    changed = 0 if slot is None else slot.position
    held = None if slot is None else slot.holding
    return _id("correction", state.account, key, str(changed), _text(held), _text(after))


def order_correction_id(state: State, name: str, position: int, after: BookOrder) -> str:
    """The id of the correction that takes an order, last changed at `position`, to `after`."""
    return _id("order-correction", state.account, name, str(position), str(msgspec.structs.astuple(after)))


def action_id(state: State, purpose: str, key: Key, since: int, attempt: int) -> str:
    """The client id of an action: what it is for, the journal position where that began, and which attempt it is.

    Short and plain, because some brokers take no more than 31 letters.
    """
    return "tu-" + _id("action", state.account, purpose, key, str(since), str(attempt))


def missed_fill_id(state: State, key: Key, execution_id: str) -> str:
    """The id of the correction that enters one execution; one execution, one id (L20)."""
    return _id("missed-fill", state.account, key, execution_id)


def _text(holding: Holding | None) -> str:
    if holding is None:
        return "none"
    stop = "" if holding.stop is None else holding.stop.price
    # !s: a Decimal's own __format__ costs four times its __str__
    return f"{holding.symbol} {holding.ticket} {holding.signed_quantity!s} {holding.price!s} {stop!s}"


def _id(*parts: str) -> str:
    """A short digest of the parts; none of them can hold the separator, which is not printable."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:ID_HEX_LENGTH]
