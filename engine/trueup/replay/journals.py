"""How is a stored journal decided on again, as a stream, without ever holding it in memory?

The thin shell of this package: it reads, and hands every event on to the pure parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import msgspec

from trueup.events import Event
from trueup.journal import Head, Recorded
from trueup.reconciliation.state import DECIDER_VERSION
from trueup.replay.redeciding import Difference, Redeciding, Span
from trueup.replay.turns import turns
from trueup.storage import no_collecting


class Readable(Protocol):
    """What is needed of a journal; `trueup.journal.JournalReader` is it."""

    account: str

    def head(self) -> Head: ...
    def read(self, *, after: int = 0, upto: int | None = None) -> Iterable[Recorded]: ...


class Redecided(msgspec.Struct, frozen=True):
    """What deciding a journal again came to."""

    account: str
    events: int
    inputs: int
    decisions: int
    """As recorded."""
    compared: int
    """Of them, those that were decided on anew; the rest is undetermined."""
    differing: int
    differences: tuple[Difference, ...]
    """The first `DIFFERENCES_MAX` of them, in order of position."""
    undetermined: tuple[Span, ...]

    @property
    def identical(self) -> bool:
        """Whether nothing that could be compared differs."""
        return not self.differing


def redecide(reader: Readable, *, upto: int | None = None, decider_version: int = DECIDER_VERSION) -> Redecided:
    """Law 1, tried on a whole journal: each input is decided on the recorded state before it.

    upto   the last event that counts; None: the head as it is now. It may lie between two decisions of one input

    Raises JournalCorrupt where the journal cannot be read, JournalError.
    """
    upto = reader.head().position if upto is None else upto
    redeciding = Redeciding(reader.account, decider_version=decider_version)
    with no_collecting():
        for turn in turns(events_of(reader, upto), upto=upto):
            redeciding.take(turn)
    return Redecided(
        account=reader.account,
        events=redeciding.events,
        inputs=redeciding.inputs,
        decisions=redeciding.decisions,
        compared=redeciding.compared,
        differing=redeciding.differing,
        differences=tuple(redeciding.differences),
        undetermined=tuple(redeciding.undetermined),
    )


def events_of(reader: Readable, upto: int, *, after: int = 0) -> Iterator[tuple[int, Event]]:
    """The journal's events as (position, event), and the one after `upto`, which tells where its turn ends."""
    return ((recorded.position, recorded.event) for recorded in reader.read(after=after, upto=upto + 1))
