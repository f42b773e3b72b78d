"""What had happened by a moment, whenever we learned of it?

The journal's own order is that of learning. A fill also carries when it happened, by the word of whoever executed it:
evidence, never order (L46). Here each fill counts from that time on, with all that is known today, and whatever carries
no such time (corrections, the baseline, whole positions) from when it was learned. What a correction had inferred and a
later fill claims counts from the fill's time, and not from the correction's any more (law 13). Pure, and a stream: kept
are sums by key, never the fills.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from trueup.decisions import BaselineTaken, BreakMoved, Decision, FillAdopted, FillSettled
from trueup.events import Event
from trueup.facts import Fact, FillRecorded, PositionRecorded
from trueup.model import ZERO, Execution, Holding, Key, Side, add, is_unbound, subtract
from trueup.reconciliation.fold import fold
from trueup.reconciliation.inputs import met
from trueup.reconciliation.keys import key_of_execution, key_of_position, unbound_of
from trueup.reconciliation.state import State

NOTED_MAX: Final = 20
"""Events that are named for one key: the first ones, and the last one (law 12)."""
BASELINE: Final = "baseline"
"""What the fold names as the correction behind a quantity that the baseline took over."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Was(msgspec.Struct, frozen=True):
    """A position as it had come about by a moment."""

    key: Key
    signed_quantity: Decimal
    known: Holding
    """What is known of it otherwise: symbol, ticket, owner."""
    whole: bool
    """Whether nothing has happened to it since: then `known` is all of it, price and stop too."""


class _Sums:
    """One key: what it came to by each limit, and by now."""

    __slots__ = ("by", "known", "noted", "noted_count", "now", "since")

    def __init__(self, limits: int) -> None:
        self.by = [ZERO] * limits
        self.since = [False] * limits
        """Whether anything moved it after each limit."""
        self.now = ZERO
        self.known: Holding | None = None
        self.noted: list[int] = []
        self.noted_count = 0


class Happened:
    """Follows a journal, and adds up what had happened by each of some moments."""

    def __init__(self, account: str, limits_us: Sequence[int]) -> None:
        """`limits_us`: wall times in microseconds since 1970, ascending; what happened at one counts."""
        self.state = State(account=account)
        self.stamped = 0
        """Movements that carry when they happened."""
        self.unstamped = 0
        """Movements that do not, and count from when they were learned."""
        self._limits = tuple(limits_us)
        self._keys: dict[Key, _Sums] = {}
        self._learned: dict[str, int] = {}

    def follow(self, events: Iterable[tuple[int, Event]]) -> None:
        """Every event from the first one on, in order."""
        for position, event in events:
            before = self.state
            self.state = fold(before, [(position, event)])
            at_us = (event.at.at_ns if isinstance(event, Fact) else event.at_ns) // 1000
            execution = _execution(event)
            stamp_us = None if execution is None else stamp_of(execution)
            touched = set(_touched(before, event))
            for old, new in (*_renamed(before, event), *self._filed(touched)):
                self._rename(before, execution, old, new, at_us)
                touched |= {old, new}
            for key in sorted(touched):
                self._move(key, position, at_us if stamp_us is None else stamp_us, stamped=stamp_us is not None)
            if isinstance(event, FillSettled | FillAdopted):
                self._claim(event, position, at_us)
            if isinstance(event, BreakMoved) and event.correction is not None:
                self._learned[event.correction.id] = at_us
            if isinstance(event, BaselineTaken):
                self._learned.update({_baseline(key): at_us for key in event.keys})

    def was(self, limit: int) -> list[Was]:
        """The positions at a limit (its place among those given), in key order."""
        found: list[Was] = []
        for key in sorted(self._keys):
            sums = self._keys[key]
            held = self.state.held(key)
            whole = held is not None and not sums.since[limit]
            if sums.by[limit]:
                known = held or sums.known
                assert known is not None
                found.append(Was(key, sums.by[limit], known, whole))
        return found

    def noted(self, key: Key) -> tuple[tuple[int, ...], int]:
        """(journal positions of what moved a key between the first and the last limit, how many there were)."""
        sums = self._keys[key]
        return tuple(sums.noted), sums.noted_count

    # -- inside --------------------------------------------------------------------------------------------

    def _filed(self, touched: Iterable[Key]) -> list[tuple[Key, Key]]:
        """Entries without a ticket that were closed, and filed under the ticket that fills may yet name."""
        unbound = sorted(key for key in touched if is_unbound(key) and key in self._keys and key not in self.state.book)
        bound = ((key, self.state.bindings.get(key)) for key in unbound)
        return [(old, new) for old, new in bound if new is not None]

    def _move(self, key: Key, position: int, at_us: int, *, stamped: bool) -> None:
        """Whatever the fold made of the key that is not in the sums yet."""
        sums = self._keys.setdefault(key, _Sums(len(self._limits)))
        held = self.state.held(key)
        sums.known = held or sums.known
        moved = subtract(ZERO if held is None else held.signed_quantity, sums.now)
        if moved:
            self._add(sums, position, at_us, moved)
            if stamped:
                self.stamped += 1
            else:
                self.unstamped += 1

    def _claim(self, event: FillSettled | FillAdopted, position: int, at_us: int) -> None:
        """What a correction had inferred was this fill all along: it counts from the fill's own time, if it has one."""
        execution = self.state.executions.get(event.execution_id) if isinstance(event, FillSettled) else event.execution
        stamp_us = None if execution is None else stamp_of(execution)
        if stamp_us is None:
            return
        sums = self._keys.setdefault(event.key, _Sums(len(self._limits)))
        for correction, quantity in event.consumed:
            self._add(sums, position, stamp_us, quantity)
            self._add(sums, position, self._learned_us(event.key, correction, at_us), quantity.copy_negate())

    def _learned_us(self, key: Key, correction: str, otherwise_us: int) -> int:
        """When a correction was made; the baseline's by the key that it took over."""
        return self._learned.get(_baseline(key) if correction == BASELINE else correction, otherwise_us)

    def _add(self, sums: _Sums, position: int, at_us: int, quantity: Decimal) -> None:
        sums.now = add(sums.now, quantity)
        for place, limit in enumerate(self._limits):
            if at_us <= limit:
                sums.by[place] = add(sums.by[place], quantity)
            else:
                sums.since[place] = True
        if self._limits[0] < at_us <= self._limits[-1]:
            sums.noted_count += 1
            if len(sums.noted) >= NOTED_MAX:
                sums.noted.pop()
            sums.noted.append(position)

    def _rename(self, before: State, execution: Execution | None, old: Key, new: Key, at_us: int) -> None:
        """An entry without a ticket goes on under it, with all its past.

        Where a correction had adopted the ticket already, the entry claims what that had inferred.
        """
        entry = self._keys.pop(old)
        sums = self._keys.setdefault(new, _Sums(len(self._limits)))
        sums.now = add(sums.now, entry.now)
        sums.by = [add(one, other) for one, other in zip(sums.by, entry.by, strict=True)]
        sums.since = [one or other for one, other in zip(sums.since, entry.since, strict=True)]
        sums.known = sums.known or entry.known
        sums.noted = [*entry.noted, *sums.noted][:NOTED_MAX]
        sums.noted_count += entry.noted_count
        known = before.slot(new)
        if known is None or not known.inferred:
            return
        bound = self.state.slot(new) if execution is None else met(before, new, execution)
        held = None if bound is None else bound.holding
        claimed = subtract(ZERO if held is None else held.signed_quantity, sums.now)
        if claimed:
            learned_us = self._learned_us(new, known.inferred[0].correction_id, at_us)
            self._add(sums, before.position + 1, learned_us, claimed)


def _baseline(key: Key) -> str:
    return f"{BASELINE} {key}"


def stamp_of(execution: Execution) -> int | None:
    """When an execution happened, by its own word, in microseconds since 1970; None where it says nothing readable.

    A time without a zone is taken for UTC.
    """
    if execution.happened_at is None:
        return None
    try:
        when = datetime.fromisoformat(execution.happened_at)
    except ValueError:
        return None  # a time that cannot be read is evidence of nothing
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return (when - _EPOCH) // timedelta(microseconds=1)


def _execution(event: Event) -> Execution | None:
    return event.execution if isinstance(event, FillRecorded | FillAdopted) else None


def _touched(state: State, event: Event) -> Iterator[Key]:
    """The keys whose quantity an event may change, by its own word; also of decisions of a kind not known here."""
    if isinstance(event, FillRecorded):
        yield key_of_execution(state, event.execution)
    elif isinstance(event, PositionRecorded):
        yield key_of_position(state, event.symbol, "long" if event.side == "buy" else "short", event.ticket)
    elif isinstance(event, Decision):
        for key in (getattr(event, "key", None), *getattr(event, "keys", ())):
            if isinstance(key, str):
                yield key


def _renamed(state: State, event: Event) -> Iterator[tuple[Key, Key]]:
    """(an entry without a ticket, the key under which it goes on), where an event recognises one."""
    execution = _execution(event)
    if execution is not None:
        unbound = unbound_of(state, execution)
        if unbound is not None:
            yield unbound, key_of_execution(state, execution)
    elif isinstance(event, PositionRecorded):
        side: Side = "long" if event.side == "buy" else "short"
        reference = key_of_position(state, event.symbol, side, None)
        key = key_of_position(state, event.symbol, side, event.ticket)
        if reference != key and reference in state.book and key not in state.book:
            yield reference, key
    elif isinstance(event, Decision):
        unbound = getattr(event, "unbound", None)
        if isinstance(unbound, str):
            yield unbound, str(getattr(event, "key", unbound))
