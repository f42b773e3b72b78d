"""How does a world end: does its book agree with what the broker last said, and which corrections did that disprove?

Exact, without any policy's tolerance, so that worlds under different policies are held to the same rule. Pure.
"""

from __future__ import annotations

from typing import Final

import msgspec

from trueup.compare import Difference, compare
from trueup.evidence import Absent, Present
from trueup.model import Holding, Key, elapsed_ns
from trueup.policy import Policy
from trueup.reconciliation.state import State
from trueup.replay.lives import Life, Lives

DIFFERENCES_MAX: Final = 1_000
"""Differing fields at the end that are kept to be shown; all are counted (law 12)."""
_EXACT: Final = Policy()


class Apart(msgspec.Struct, frozen=True):
    """One field on which a final book and the broker's last word differ."""

    key: Key
    kind: str
    field: str | None
    book: str | None
    broker: str | None


class Ending(msgspec.Struct, frozen=True):
    """A world's end."""

    agrees: bool | None
    """None: the broker never answered completely, so nothing can be said."""
    positions: int
    """That the book holds."""
    broker: int
    """That the broker's last complete answer lists."""
    answered: int
    """The journal position of that answer."""
    differing: int
    differences: tuple[Apart, ...]
    unverified: int
    """Keys that the book changed after that answer was asked for: they are not held against it."""


def ending(state: State) -> Ending:
    """The end of a world, by its fold."""
    view = state.view()
    if not view.base:
        return Ending(None, len(state.book), 0, 0, 0, (), len(state.book))
    found: list[Apart] = []
    differing = unverified = 0
    for key in sorted({*state.book, *view.rows}):
        if _changed_since(state, key):
            unverified += 1
            continue
        for one in _differences(state, key):
            differing += 1
            if len(found) < DIFFERENCES_MAX:
                found.append(Apart(key, one.kind, one.field, one.book, one.broker))
    return Ending(not differing, len(state.book), len(view.rows), view.base, differing, tuple(found), unverified)


def _changed_since(state: State, key: Key) -> bool:
    """Whether the book changed a key after the last complete answer had come."""
    slot = state.slot(key)
    return slot is not None and elapsed_ns(state.view().complete_received, slot.changed) > 0


def _differences(state: State, key: Key) -> tuple[Difference, ...]:
    row = state.view().rows.get(key)
    seen = Absent((state.view().base,)) if row is None else Present(row)
    return compare(state.held(key), seen, _EXACT)


def contradict(lives: Lives, state: State) -> None:
    """Mark the corrections that the broker's last complete answer contradicts.

    Contradicted is one that was the last word on its key, and away from which the broker, in the end, states again
    the very quantity that the book had held before it: what was taken for a change had been none, or was none for long.
    """
    view = state.view()
    for key, life in lives.last_corrected.items():
        slot = state.slot(key)
        if slot is None or not slot.repair_held or _changed_since(state, key):
            continue
        row = view.rows.get(key)
        says = None if row is None else row.signed_quantity
        if _size(life.before) == says != _size(life.after):
            life.wrong = life.wrong or f"the broker's last complete answer ({view.base}) says again what the book had"


def _size(holding: Holding | None) -> object:
    return None if holding is None else holding.signed_quantity


def wrong(lives: Lives) -> list[Life]:
    """The corrections that turned out to be wrong, in order of time."""
    return [one for one in lives.corrected() if one.wrong]
