"""Which correction, break or event does somebody mean by a few characters?

A whole id, the beginning of one that no other id has, a journal position; or what it is about: a symbol, a ticket, an
order, an execution. What could mean several things is not guessed: all of them are handed back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from trueup.decisions import BreakMoved, FillAdopted
from trueup.events import Event

PREFIX_MIN: Final = 4
"""The shortest beginning of an id that is looked for."""
CANDIDATES_MAX: Final = 50
"""Ambiguous ids that are listed (law 12)."""


class Target(msgspec.Struct, frozen=True):
    """One thing that can be explained, or told of."""

    what: Literal["correction", "break", "event"]
    id: str
    """'' for an event."""
    position: int
    """Of the event that made the correction, or that moved the break last."""
    text: str = ""
    """A few words to tell it from others: `ghost GBPUSD #3`."""


def find(reference: str, events: Iterable[tuple[int, Event]]) -> tuple[Target, ...]:
    """Everything that `reference` may mean, in the order of the journal; () when nothing.

    reference  an id (16 characters), the beginning of one (at least 4), or a position. One that is the whole id of
               something means only that. Digits that are a position of this journal mean it, and also every id that
               begins so; `@17` means the position alone.
    """
    exact = reference.removeprefix("@")
    wanted = int(exact) if exact.isascii() and exact.isdigit() else None
    prefix = reference.lower() if len(reference) >= PREFIX_MIN and not reference.startswith("@") else None
    found: dict[str, Target] = {}
    for position, event in events:
        if position == wanted:
            found["@"] = target_at(position, event)
        if prefix is not None:
            for one in _named_in(position, event):
                known = one.id in found
                if one.id.startswith(prefix) and (known or len(found) <= CANDIDATES_MAX):
                    found[one.id] = one
    whole = found.get(reference.lower())
    return (whole,) if whole is not None else tuple(found.values())


def about(name: str, events: Iterable[tuple[int, Event]]) -> tuple[Target, ...]:
    """Every story that is about what somebody calls `name`, the latest `CANDIDATES_MAX`, in the order of the journal.

    name  a symbol in any case, a ticket with or without `#`, an order by its client id or the broker's, an execution's
          id. A break that was corrected is told of as its correction.
    """
    wanted = name.removeprefix("#").lower()
    found: dict[str, Target] = {}
    for position, event in events:
        if not isinstance(event, BreakMoved | FillAdopted) or wanted not in _names_of(event):
            continue
        named = tuple(_named_in(position, event))
        if named[-1].what == "correction":
            for one in named[:-1]:
                found.pop(one.id, None)
            named = named[-1:]
        found |= {one.id: one for one in named}
        while len(found) > CANDIDATES_MAX:
            del found[next(iter(found))]
    return tuple(found.values())


def _names_of(event: BreakMoved | FillAdopted) -> set[str]:
    """All that it may be called by, in lower case."""
    if isinstance(event, BreakMoved):
        names = {event.symbol, event.ticket, event.key.lstrip("#@")}
    else:
        done = event.execution
        names = {done.symbol, done.ticket, done.execution_id, done.order_id, done.client_order_id}
    return {one.lower() for one in names if one is not None}


def target_at(position: int, event: Event) -> Target:
    """What the event at a position is to be explained as: its correction, else its break, else itself."""
    named = tuple(_named_in(position, event))
    return named[-1] if named else Target("event", "", position)


def _named_in(position: int, event: Event) -> Iterable[Target]:
    """The breaks that an event moves and the correction that it makes; the correction last."""
    if isinstance(event, BreakMoved):
        name = event.symbol if event.ticket is None else f"{event.symbol} #{event.ticket}"
        if event.of == "order":
            name = f"order {event.ticket} on {event.symbol}"
        for step in event.steps:
            yield Target("break", step.break_id, position, f"{step.kind} {name}, {step.state}")
        made = event.correction or event.order_correction
        if made is not None:
            yield Target("correction", made.id, position, f"{made.kind} {name}")
    elif isinstance(event, FillAdopted):
        name = event.execution.symbol
        yield Target("correction", event.correction.id, position, f"{event.correction.kind} {name}")
