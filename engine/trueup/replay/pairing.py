"""Which corrections does another policy avoid, add, make earlier or later, and of which can that not be told?

Breaks of two worlds are the same where they are of the same key, kind and field and stand at the same time; ids may
differ. Where a policy would have asked more than the recording holds, or its answer came from a process that had been
told something else, nothing is claimed: that is undetermined, never avoided. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal, TypeAlias

import msgspec

from trueup.model import Key, elapsed_ns
from trueup.replay.lives import Life, Lives

Change: TypeAlias = Literal["avoided", "added", "earlier", "later"]


class Told(msgspec.Struct, frozen=True):
    """How a break went in one world."""

    position: int
    """The input that ended it, or where it had got to."""
    at_ns: int
    outcome: str
    book: str | None
    broker: str | None
    why: str


class Row(msgspec.Struct, frozen=True):
    """One correction that another policy makes otherwise."""

    position: int
    """The input on which the recording corrected; where it did not, the one on which the other policy does."""
    change: Change
    of: str
    kind: str
    key: Key
    symbol: str
    ticket: str | None
    field: str | None
    recorded: Told | None
    """None: that world has no such break."""
    replayed: Told | None
    by_ms: int | None
    """How much earlier or later; never negative."""
    certain: bool
    """False: `later` is `no later than`: a question that this policy would have put sooner was not recorded."""
    why: str


class Undecided(msgspec.Struct, frozen=True):
    """What another policy could not decide, for lack of questions."""

    position: int
    of: str
    kind: str
    key: Key
    symbol: str
    ticket: str | None
    field: str | None
    recorded: Told | None
    why: str


class Compared(msgspec.Struct, frozen=True):
    """Two worlds held against each other."""

    same: int
    """Corrections that both make on the same input."""
    rows: tuple[Row, ...]
    undetermined: tuple[Undecided, ...]


def compared(recorded: Lives, replayed: Lives) -> Compared:
    """All that differs between two worlds with the same inputs, in the order of the journal."""
    same = 0
    rows: list[Row] = []
    undecided: list[Undecided] = []
    for ours, theirs in paired(recorded.all(), replayed.all()):
        found = _judged(ours, theirs)
        if isinstance(found, Row):
            rows.append(found)
        elif isinstance(found, Undecided):
            undecided.append(found)
        else:
            same += found
    rows.sort(key=_in_order)
    undecided.sort(key=_in_order)
    return Compared(same, tuple(rows), tuple(undecided))


def _in_order(one: Row | Undecided) -> tuple[int, str, str, Key, str]:
    return one.position, one.of, one.kind, one.key, one.field or ""


def paired(recorded: Sequence[Life], replayed: Sequence[Life]) -> Iterator[tuple[Life | None, Life | None]]:
    """The breaks of two worlds, each with its like; both are sorted as `Lives.all` gives them.

    Of one key, kind and field, the first that stand at the same time are each other's like, then the next: a break
    that one world closes and sees again, while the other still has it open, has no like of its own there.
    """
    theirs = {identity: list(some) for identity, some in groupby(replayed, key=lambda one: one.identity)}
    for identity, group in groupby(recorded, key=lambda one: one.identity):
        yield from _in_time(list(group), theirs.pop(identity, []))
    for rest in theirs.values():
        for one in rest:
            yield None, one


def _in_time(ours: Sequence[Life], theirs: Sequence[Life]) -> Iterator[tuple[Life | None, Life | None]]:
    i = j = 0
    before: Life | None = None
    while i < len(ours) or j < len(theirs):
        one = ours[i] if i < len(ours) else None
        other = theirs[j] if j < len(theirs) else None
        if one is not None and _goes_on(one, before) and not (other is not None and _meet(one, other)):
            yield one, before  # the other world never closed it in between
            i += 1
        elif one is not None and other is not None and _meet(one, other):
            yield one, other
            before = other
            i, j = i + 1, j + 1
        elif other is None or (one is not None and one.opened < other.opened):
            yield one, None
            i += 1
        else:
            yield None, other
            before = other
            j += 1


def _goes_on(one: Life, before: Life | None) -> bool:
    """Whether a correction falls into a break of the other world that had its like already, and is not corrected."""
    if before is None or before.outcome == "corrected" or one.outcome != "corrected":
        return False
    return _meet(one, before)


def _meet(one: Life, other: Life) -> bool:
    """Whether both stood at some same input."""
    return (other.ended is None or one.opened <= other.ended) and (one.ended is None or other.opened <= one.ended)


def _judged(ours: Life | None, theirs: Life | None) -> Row | Undecided | int:
    """What to say of a pair; the number of corrections that are the same in both where there is nothing to say."""
    corrected = ours is not None and ours.outcome == "corrected"
    corrects = theirs is not None and theirs.outcome == "corrected"
    if corrected and corrects:
        assert ours is not None
        assert theirs is not None
        return _moved(ours, theirs)
    if corrects:
        assert theirs is not None
        assert theirs.ended is not None
        why = "the recording had not decided it" if ours is not None and ours.is_waiting else theirs.why
        return _row("added", theirs.ended, theirs, ours, theirs, None, why)
    if theirs is not None and (why := _unknown(ours, theirs)):
        at = ours.ended if corrected and ours is not None else theirs.ended
        return _undecided(theirs.opened if at is None else at, ours, theirs, why)
    if corrected:
        assert ours is not None
        assert ours.ended is not None
        return _row("avoided", ours.ended, ours, ours, theirs, None, _avoided(theirs))
    return 0


def _moved(ours: Life, theirs: Life) -> Row | int:
    assert ours.ended is not None
    assert theirs.ended is not None
    if ours.ended == theirs.ended:
        return 1
    later = theirs.ended > ours.ended
    assert ours.ended_at is not None
    assert theirs.ended_at is not None
    by_ms = abs(elapsed_ns(ours.ended_at, theirs.ended_at)) // 1_000_000
    return _row("later" if later else "earlier", ours.ended, ours, ours, theirs, by_ms, theirs.doubt or theirs.why)


def _unknown(ours: Life | None, theirs: Life) -> str:
    """Why it cannot be told whether the other policy would have corrected; '' where it can."""
    if theirs.is_waiting:
        if ours is not None and ours.is_waiting:
            return ""  # neither world had come to an end of it: no difference between them
        return f"the recording ends before this policy could decide: {theirs.why}"
    return "" if theirs.escalated else theirs.doubt


def _avoided(theirs: Life | None) -> str:
    if theirs is None:
        return "this policy finds no such difference there, or corrects it together with another"
    if theirs.escalated:
        return f"left to a human: {theirs.why}"
    return f"over by input {theirs.ended} before this policy would correct: {theirs.why}"


def _row(
    change: Change, position: int, named: Life, ours: Life | None, theirs: Life | None, by_ms: int | None, why: str
) -> Row:
    certain = change != "later" or theirs is None or not theirs.doubt
    return Row(
        position, change, named.of, named.kind, named.key, named.symbol, named.ticket, named.field,
        _told(ours), _told(theirs), by_ms, certain, why,
    )  # fmt: skip


def _undecided(position: int, ours: Life | None, theirs: Life, why: str) -> Undecided:
    return Undecided(
        position, theirs.of, theirs.kind, theirs.key, theirs.symbol, theirs.ticket, theirs.field, _told(ours), why
    )


def _told(life: Life | None) -> Told | None:
    if life is None:
        return None
    at = life.ended_at or life.opened_at
    position = life.opened if life.ended is None else life.ended
    return Told(position, at.at_ns, life.outcome, life.book, life.broker, life.why)
