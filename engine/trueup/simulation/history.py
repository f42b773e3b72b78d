"""What does a journal say, read by rules that are written here once more?

The checkers go by this and by the world's memory. Folding gives the book of any moment, which is what the book is;
what to compare, what counts as proof and what follows from it is worked out anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from trueup.decisions import BreakMoved, Correction, Decision, FillAdopted
from trueup.events import decode, encode, name_of_event
from trueup.facts import Fact, Observed
from trueup.journal.chain import unframe
from trueup.model import BrokerPosition, Key, Moment, PositionMode
from trueup.reconciliation.decide import decide
from trueup.reconciliation.fold import fold
from trueup.reconciliation.state import State
from trueup.simulation.answers import Said
from trueup.simulation.disk import ACCOUNT

Rows = Mapping[Key, BrokerPosition]


class Turn(NamedTuple):
    """One input, what was recorded with it, and the books around it."""

    position: int
    fact: Fact
    decisions: tuple[Decision, ...]
    before: State
    after: State
    redone: tuple[tuple[str, bytes], ...]
    """What deciding anew on the recorded state came to."""


class Made(NamedTuple):
    """One correction of a break, with where it came from."""

    place: int
    """Of its turn in the history."""
    turn: Turn
    key: Key
    correction: Correction
    said: Said | None
    """The answer that caused it, as it was given; None: nobody gave it."""


class History:
    """A whole journal, turn by turn."""

    def __init__(self, stored: Iterable[tuple[int, str, str, int, bytes]], said: Iterable[Said]) -> None:
        """
        stored   every row of the events' table: row, name, stream, version, state
        said     every answer that was given
        """
        self.stored = [row for row in stored if row[2] == ACCOUNT]
        self.said = {one.position: one for one in said if one.position is not None}
        self.turns = list(_turns(self.stored))
        self.state = self.turns[-1].after if self.turns else State(account=ACCOUNT)
        self.answers: dict[int, tuple[Observed, Rows]] = {}
        """Every usable answer about positions, by journal position, with all rows that it stands for."""
        for turn in self.turns:
            fact = turn.fact
            if isinstance(fact, Observed) and fact.surface == "positions" and fact.positions is not None:
                self.answers[turn.position] = fact, self._rows(fact, turn.before.mode)

    def _rows(self, fact: Observed, mode: PositionMode) -> Rows:
        """All rows that an answer stands for: its own, and those of the answer that it names as its base."""
        assert fact.positions is not None
        if fact.positions.base and fact.positions.base not in self.answers:
            return {}
        rows = dict(self.answers[fact.positions.base][1]) if fact.positions.base else {}
        for row in fact.positions.stated:
            rows[row.symbol if mode == "netting" else f"#{row.ticket}"] = row
        for key in fact.positions.gone:
            rows.pop(key, None)
        return rows

    def made(self) -> list[Made]:
        """Every correction of a break, in order."""
        return [
            Made(place, turn, one.key, one.correction, self.said.get(turn.position))
            for place, turn in enumerate(self.turns)
            for one in turn.decisions
            if isinstance(one, BreakMoved) and one.of == "position" and one.correction is not None
        ]

    def told(self) -> list[str]:
        """The ids of all corrections that changed the book, in order: what the trading process has to hear of."""
        found: list[str] = []
        for turn in self.turns:
            for one in turn.decisions:
                if isinstance(one, BreakMoved):
                    made = one.correction or one.order_correction
                    found += [] if made is None else [made.id]
                elif isinstance(one, FillAdopted) and one.correction.before != one.correction.after:
                    found.append(one.correction.id)
        return found

    def at(self, position: int) -> State:
        """The book at a journal position, whole turns only."""
        found = State(account=ACCOUNT)
        for turn in self.turns:
            if turn.position > position:
                break
            found = turn.after
        return found


def _turns(stored: list[tuple[int, str, str, int, bytes]]) -> Iterable[Turn]:
    """A journal, input by input."""
    state = State(account=ACCOUNT)
    fact: Fact | None = None
    position, decisions = 0, list[Decision]()
    for _, name, _, version, framed in stored:
        event = decode(name, unframe(framed)[0])
        if isinstance(event, Decision):
            decisions.append(event)
            continue
        if fact is not None:
            turn = _turn(state, position, fact, decisions)
            yield turn
            state = turn.after
        fact, position, decisions = event, version, []
    if fact is not None:
        yield _turn(state, position, fact, decisions)


def _turn(before: State, position: int, fact: Fact, decisions: list[Decision]) -> Turn:
    folded = fold(before, [(position, fact)])
    redone = tuple((name_of_event(one), encode(one)) for one in decide(before, folded, fact).decisions)
    after = fold(folded, enumerate(decisions, start=position + 1))
    return Turn(position, fact, tuple(decisions), before, after, redone)


# -- by our own reckoning ------------------------------------------------------------------------------------


def apart_ns(earlier: Moment, later: Moment) -> int:
    """Time between two moments: by the monotonic clock within one tenure, else by the wall clock, but no less than
    the later tenure is old."""
    if earlier.epoch == later.epoch:
        return later.tick_ns - earlier.tick_ns
    return max(0, later.at_ns - earlier.at_ns, later.tick_ns)


def witnesses(answers: Iterable[Observed], spacing_ns: int) -> int:
    """How many of these answers, in order, are independent: asked `spacing_ns` after the one before had come."""
    count, last = 0, None
    for one in answers:
        if last is None or apart_ns(last.at, one.asked) >= spacing_ns:
            count, last = count + 1, one
    return count


def quantities(state: State) -> dict[Key, Decimal]:
    """What the book holds, by key."""
    found: dict[Key, Decimal] = {}
    for key, slot in state.book.items():
        if slot.holding is not None:
            found[key] = slot.holding.signed_quantity
    return found


def true_key(key: Key) -> Key:
    """The ticket that an entry without one really is: our orders' client ids hold the ids that become tickets."""
    return "#" + key.removeprefix("?order/").removeprefix("c") if key.startswith("?order/") else key
