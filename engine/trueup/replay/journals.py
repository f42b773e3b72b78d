"""How is a stored journal decided on again, as a stream, without ever holding it in memory?

The thin shell of this package: it reads, and hands every event on to the pure parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from trueup.decisions import ActionTerms
from trueup.errors import InputError
from trueup.events import Event
from trueup.journal import Head, JournalReader, Recorded
from trueup.model import exactly
from trueup.policy import Policy
from trueup.reconciliation.state import DECIDER_VERSION, State
from trueup.replay.between import Between
from trueup.replay.elsewhere import Elsewhere, World
from trueup.replay.ending import Ending, contradict, ending, wrong
from trueup.replay.happened import Happened
from trueup.replay.pairing import Compared, compared
from trueup.replay.redeciding import Difference, Redeciding, Span
from trueup.replay.turns import turns
from trueup.storage import no_collecting, rehydrate


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


@exactly
def redecide(reader: Readable, *, upto: int | None = None, decider_version: int = DECIDER_VERSION) -> Redecided:
    """Law 1, tried on a whole journal: each input is decided on the recorded state before it.

    upto   the last event that counts; None: the head as it is now. It may lie between two decisions of one input

    Raises JournalCorrupt where the journal cannot be read, JournalError.
    """
    upto = reader.head().position if upto is None else upto
    after, before = _beginning(reader)
    redeciding = Redeciding(reader.account, decider_version=decider_version, before=before)
    with no_collecting():
        for turn in turns(events_of(reader, upto, after=after), upto=upto):
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


def _beginning(reader: Readable) -> tuple[int, tuple[State, int] | None]:
    """Of an excerpt: the event behind which it begins, the state there, and the version that decided then."""
    if not isinstance(reader, JournalReader) or reader.decider_before is None:
        return 0, None
    after = reader.begins_after
    return after, (rehydrate(reader.account, reader, upto=after), reader.decider_before)


class WorldTold(msgspec.Struct, frozen=True, kw_only=True):
    """One world, in figures."""

    decisions: dict[str, int]
    """How many of each name, in order of name."""
    corrections: int
    """One for each field that was corrected, and each missed fill."""
    wrong: int
    """Of them: undone later by a compensating one, or contradicted by the broker's last complete answer."""
    standing: int
    """Breaks open at the end."""
    escalated: int
    """Breaks that were handed to a human."""
    ending: Ending


class Unsent(msgspec.Struct, frozen=True):
    """An action that another policy requests and the recording never sent."""

    position: int
    """The input on which it is requested."""
    client_id: str
    terms: ActionTerms


class Otherwise(msgspec.Struct, frozen=True, kw_only=True):
    """What another policy would have decided on the same inputs, beside what was decided."""

    account: str
    events: int
    inputs: int
    decisions: int
    """As recorded."""
    asked: int
    """Questions that were put to the broker."""
    unasked: int
    """Times that the other policy would have put one, and the recording has none."""
    set_aside: int
    """Outcomes of actions that it did not request."""
    unsent: tuple[Unsent, ...]
    """Actions that it requested and nobody sent: what would have come of them cannot be known."""
    unseen: dict[str, str]
    """Knobs that it has otherwise and that act before anything is recorded, and why nothing can be said of them."""
    compared: Compared
    recorded: WorldTold
    replayed: WorldTold


def redecide_under(reader: Readable, policy: Policy, *, upto: int | None = None) -> Otherwise:
    """Decide on the same inputs under another policy, its own decisions folded, open-loop.

    upto   the last event that counts; None: the head as it is now. An input whose decisions go on behind it is
           left out

    Raises JournalCorrupt where the journal cannot be read, JournalError.
    """
    elsewhere = both_worlds(reader, policy, upto=upto)
    return Otherwise(
        account=reader.account,
        events=elsewhere.inputs + elsewhere.decisions,
        inputs=elsewhere.inputs,
        decisions=elsewhere.decisions,
        asked=elsewhere.asked,
        unasked=elsewhere.questions.unasked,
        set_aside=elsewhere.set_aside,
        unsent=tuple(Unsent(position, name, terms) for name, (position, terms) in elsewhere.requested.items()),
        unseen=dict(sorted(elsewhere.unseen.items())),
        compared=compared(elsewhere.recorded.lives, elsewhere.other.lives),
        recorded=_world(elsewhere.recorded),
        replayed=_world(elsewhere.other),
    )


@exactly
def both_worlds(reader: Readable, policy: Policy, *, upto: int | None = None) -> Elsewhere:
    """The recorded world and the other one, as far as `upto`. Raises as `redecide_under`."""
    upto = reader.head().position if upto is None else upto
    begins, before = _beginning(reader)
    elsewhere = Elsewhere(reader.account, policy, before=None if before is None else before[0])
    with no_collecting():
        for turn in turns(events_of(reader, upto, after=begins), upto=upto):
            if turn.whole:  # half of what was decided on an input can be held against nothing
                elsewhere.take(turn)
    for world in (elsewhere.recorded, elsewhere.other):
        contradict(world.lives, world.state)
    return elsewhere


def differences_between(reader: JournalReader, first: int, last: int) -> Between:
    """What differs between two journal positions, with the events that did it.

    Each moment is folded from the nearest snapshot at or before it. Raises InputError when `first` lies behind `last`,
    JournalCorrupt, JournalError.
    """
    if first > last:
        raise InputError(f"{reader.account}: position {first} lies behind {last}; give the earlier moment first")
    before = rehydrate(reader.account, reader, upto=first)
    between = Between(before, rehydrate(reader.account, reader, upto=last))
    if between.differs:
        with no_collecting():
            between.follow((one.position, one.event) for one in reader.read(after=first, upto=last))
    return between


def happened_by(reader: Readable, limits_us: Sequence[int], *, upto: int | None = None) -> Happened:
    """What had happened by each of some moments, by all that is known at a journal position.

    limits_us  wall times in microseconds since 1970, ascending
    upto       what is known: the last event that counts; None: the head as it is now

    Raises JournalCorrupt, JournalError.
    """
    happened = Happened(reader.account, limits_us)
    with no_collecting():
        happened.follow((one.position, one.event) for one in reader.read(upto=upto))
    return happened


def _world(world: World) -> WorldTold:
    lives = world.lives
    every = lives.all()
    return WorldTold(
        decisions=dict(sorted(world.names.items())),
        corrections=sum(one.outcome == "corrected" for one in every),
        wrong=len(wrong(lives)),
        standing=len(lives.standing),
        escalated=sum(one.escalated for one in every),
        ending=ending(world.state),
    )


def events_of(reader: Readable, upto: int, *, after: int = 0) -> Iterator[tuple[int, Event]]:
    """The journal's events as (position, event), and the one after `upto`, which tells where its turn ends."""
    return ((recorded.position, recorded.event) for recorded in reader.read(after=after, upto=upto + 1))
