"""Has so much of the book vanished at once that a glitch is likelier than the truth?

One successful but empty answer once closed everything (L02, L03). When more than a fraction of a book is gone,
nothing of it is closed until an independent surface explains it or an operator acknowledges it; a small book that
vanishes whole needs more answers over a longer time. A slower drip passes, and the documentation says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from trueup.decisions import HoldState, MassAbsenceMoved
from trueup.facts import CommandGiven, Observed
from trueup.model import ZERO, Execution, Holding, Key, add, elapsed_ns
from trueup.reconciliation.keys import key_of_execution
from trueup.reconciliation.state import State


class Count(msgspec.Struct, frozen=True):
    """How much is gone, against how much there was."""

    missing: tuple[Key, ...]
    """Held by the book, not listed by this complete answer, and not acknowledged; in order."""
    counted: int
    """Missing now, plus closed as ghosts in the window."""
    base: int
    """The largest book in the window."""

    def is_mass(self, state: State) -> bool:
        """More than the allowed fraction of a book that is large enough."""
        policy = state.policy
        if not self.missing or self.base < policy.mass_absence_count_min:
            return False
        return self.counted > policy.mass_absence_fraction_max * self.base

    def is_total(self, state: State) -> bool:
        """A book below that size, gone whole."""
        return bool(self.missing) and self.base < state.policy.mass_absence_count_min and self.counted >= self.base


def count(state: State, fact: Observed, keys: Iterable[Key]) -> Count:
    """Count the absences of a complete answer; `keys` contains every key that may be missing."""
    rows = state.view().rows
    missing = tuple(key for key in keys if key in state.book and key not in rows and key not in state.acknowledged)
    window_ns = state.policy.mass_absence_window_s * 1_000_000_000
    closed = sum(n for when, n in state.closed_ghosts if elapsed_ns(when, fact.at) <= window_ns)
    sizes = (n for _, n in state.book_sizes)  # of the window that ends with this answer, its own among them
    return Count(missing, len(missing) + closed, max(len(state.book), *sizes))


def judge(state: State, fact: Observed, counted: Count) -> MassAbsenceMoved | None:
    """Whether a hold begins, changes or ends with this answer."""
    cause = state.view().position
    if counted.is_mass(state):
        if state.hold is not None and state.hold.missing == counted.missing:
            return None
        closed = counted.counted - len(counted.missing)
        ghosts = "1 was closed as a ghost" if closed == 1 else f"{closed} were closed as ghosts"
        lately = f" and {ghosts} just before" if closed else ""
        why = (
            f"{len(counted.missing)} positions are missing at once{lately}, of a book of {counted.base}: more than "
            f"{state.policy.mass_absence_fraction_max} of it, so nothing is closed until the deals explain it or "
            "an operator says `trueup ack mass-absence`"
        )
        return _moved(state, cause, fact.at.at_ns, "held", counted, why)
    if state.hold is not None:
        why = "no more than the allowed part of the book is missing now: what still is starts its confirmations anew"
        return _moved(state, cause, fact.at.at_ns, "released", counted, why)
    return None


def acknowledge(state: State, fact: CommandGiven) -> MassAbsenceMoved | None:
    """An operator says that what is missing is really gone; None when nothing is held."""
    if state.hold is None:
        return None
    held = Count(state.hold.missing, state.hold.counted, state.hold.base)
    return _moved(state, state.position, fact.at.at_ns, "acknowledged", held, f"acknowledged by {fact.who}: {fact.why}")


def explain_by_deals(state: State, fact: Observed) -> MassAbsenceMoved | None:
    """Which of the held keys the deals of this answer explain: an independent surface agrees."""
    if state.hold is None or fact.completeness not in ("complete", "partial"):
        return None
    sums = _sums(state, fact.executions)
    explained = tuple(
        key
        for key in state.hold.missing
        if (holding := state.held(key)) is not None and _explains(sums.get(key), holding)
    )
    if not explained:
        return None
    held = Count(explained, state.hold.counted, state.hold.base)
    why = f"the deals close {len(explained)} of {len(state.hold.missing)} missing positions exactly"
    return _moved(state, state.view("fills").position, fact.at.at_ns, "explained", held, why)


def _sums(state: State, executions: Iterable[Execution]) -> Mapping[Key, tuple[Decimal, Decimal]]:
    """Per key: signed sums of what was bought and of what was sold."""
    sums: dict[Key, tuple[Decimal, Decimal]] = {}
    for execution in executions:
        key = key_of_execution(state, execution)
        bought, sold = sums.get(key, (ZERO, ZERO))
        if execution.signed_quantity.is_signed():
            sold = add(sold, execution.signed_quantity)
        else:
            bought = add(bought, execution.signed_quantity)
        sums[key] = (bought, sold)
    return sums


def _explains(sums: tuple[Decimal, Decimal] | None, holding: Holding) -> bool:
    """Whether the deals end a holding exactly: they undo it, or they contain its opening and come to nothing."""
    if sums is None:
        return False
    bought, sold = sums
    undone = bought if holding.signed_quantity.is_signed() else sold
    whole = add(bought, sold)
    return holding.signed_quantity.copy_negate() in (undone, whole) or not whole


def _moved(state: State, cause: int, at_ns: int, to: HoldState, counted: Count, why: str) -> MassAbsenceMoved:
    return MassAbsenceMoved(
        cause=cause,
        at_ns=at_ns,
        policy=state.policy_mark,
        state=to,
        missing=counted.missing,
        counted=counted.counted,
        base=counted.base,
        why=why,
    )
