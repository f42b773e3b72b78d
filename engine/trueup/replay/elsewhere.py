"""What would have been decided on the same inputs under another policy?

Two worlds go side by side: the recorded one folds what was decided, the other decides anew and folds its own decisions.
Open-loop: the inputs are fixed. They are those of a process and a broker that knew the recorded decisions; where that
matters (a question not put, a word of a process that had been told otherwise) the other world says that it cannot tell.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import replace

from trueup.decisions import ActionRequested, ActionTerms, Decision
from trueup.events import name_of_event
from trueup.facts import (
    ActionAnswered,
    ActionSent,
    Fact,
    FillRecorded,
    Observed,
    OrderRecorded,
    PolicyAdopted,
    PositionRecorded,
)
from trueup.model import BookOrder, Key, OrderStatus
from trueup.policy import Policy
from trueup.reconciliation.decide import decide
from trueup.reconciliation.fold import fold
from trueup.reconciliation.keys import key_of_execution, key_of_position
from trueup.reconciliation.state import State
from trueup.replay.lives import Lives
from trueup.replay.questions import Questions
from trueup.replay.turns import Turn, recorded

SHIFTS_MAX: Final = 4_096
"""Inputs behind which the other world is longer than the recording, kept to translate positions (law 12)."""
ORDERS_MAX: Final = 100_000
"""Orders sent under a belief that the other world does not share, as many as are remembered."""
UNSEEN: Final = {
    "instruments": "symbols and quantities were read by the recorded instruments, and stay as they were read",
    "strategies": "owners were read by the recorded strategies, and stay as they were read",
    "broker_timeout_s": "how long the broker was waited for is fixed by the recording",
    "retries_max": "how often the broker was asked again is fixed by the recording",
    "backoff_s": "how often the broker was asked again is fixed by the recording",
}
"""Knobs that act before anything is journalled: a recording cannot say what another value would have brought."""


class World:
    """One of the two: a fold, the lives of its breaks, and counts."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.lives = Lives()
        self.names: Counter[str] = Counter()
        """Decisions by name."""

    def took(self, turn: Turn, decisions: Iterable[Decision]) -> None:
        """Decisions on a turn's input, which are folded already."""
        decisions = tuple(decisions)
        self.lives.follow(turn.position, turn.fact.at, decisions)
        self.names.update(map(name_of_event, decisions))


class Elsewhere:
    """Takes a journal turn by turn, in both worlds."""

    def __init__(self, account: str, policy: Policy, *, before: State | None = None) -> None:
        """`before`: of an excerpt, the recorded state where it begins; until then both worlds are one."""
        start = State(account=account) if before is None else before
        self.policy = policy
        self.recorded = World(start)
        self.other = World(replace(start, policy=policy, policy_mark=policy.mark, recheck=before is not None))
        self.inputs = 0
        self.decisions = 0
        self.asked = 0
        """Questions that were put, on all surfaces."""
        self.set_aside = 0
        """Outcomes of actions that the other world did not request."""
        self.unseen: dict[str, str] = {}
        """Knobs in which the policies differ and of which no recording can say anything, each with the reason."""
        self.questions = Questions()
        self.requested: dict[str, tuple[int, ActionTerms]] = {}
        """Actions that the other world requested and nobody sent: by client id, the input, and what was wanted."""
        self._adopted = False
        self._sent: set[str] = set()
        self._shifts: deque[tuple[int, int]] = deque(maxlen=SHIFTS_MAX)
        self._apart: dict[Key, str] = {}
        self._influenced: dict[str, int] = {}

    def take(self, turn: Turn) -> None:
        """One turn, the next one."""
        self.inputs += 1
        self.decisions += len(turn.decisions)
        self._influence(turn)
        world = self.recorded
        after = fold(world.state, [(turn.position, turn.fact)])
        world.state = recorded(after, turn)
        world.took(turn, turn.decisions)
        observed = turn.fact if isinstance(turn.fact, Observed) else None
        if observed is not None:
            self.asked += 1
            self.questions.comes(observed, self.other.lives)
        self._touch(turn, self._decide(turn))
        if observed is not None:
            self.questions.came(observed, turn.position, world.state, self.other.state)

    # -- the other world -----------------------------------------------------------------------------------

    def _decide(self, turn: Turn) -> tuple[Decision, ...]:
        fact = self._its_own(turn)
        if fact is None:
            return ()
        world = self.other
        position = max(turn.position, world.state.position + 1)
        after = fold(world.state, [(position, fact)])
        decided = decide(world.state, after, fact)
        world.state = decided.state
        if world.state.position > turn.last:
            self._shifts.append((turn.position, world.state.position))
        world.took(turn, decided.decisions)
        for one in decided.decisions:
            if isinstance(one, ActionRequested):
                self.requested[one.client_id] = (turn.position, one.terms)
        return decided.decisions

    def _its_own(self, turn: Turn) -> Fact | None:
        """The input as it meets this world; None where it does not."""
        fact = turn.fact
        if isinstance(fact, PolicyAdopted):
            self._compare_knobs(fact.policy)
            if self._adopted:
                return None  # it keeps its own
            self._adopted = True
            return PolicyAdopted(fact.at, self.policy.digest, self.policy)
        if isinstance(fact, Observed) and self._shifts:
            return replace(
                fact,
                asked_position=self._translated(fact.asked_position),
                received_position=self._translated(fact.received_position),
            )
        if isinstance(fact, ActionSent | ActionAnswered) and fact.client_id not in self._sent:
            if fact.client_id not in self.requested:
                self.set_aside += 1
                return None
            del self.requested[fact.client_id]
            self._sent.add(fact.client_id)
        return fact

    def _translated(self, position: int) -> int:
        """Where this world was when the recording was at `position`."""
        for start, end in reversed(self._shifts):
            if start <= position:
                return max(position, end)
        return position

    def _compare_knobs(self, recorded: Policy) -> None:
        for knob, why in UNSEEN.items():
            if getattr(recorded, knob) != getattr(self.policy, knob):
                self.unseen[knob] = why

    # -- what the process was told -------------------------------------------------------------------------

    def _touch(self, turn: Turn, decided: Iterable[Decision]) -> None:
        """Keep up which keys the two books hold differently."""
        keys = {key for one in (*turn.decisions, *decided) for key in _keys(one)}
        keys.update(_key_of(self.other.state, turn.fact))
        for key in sorted(keys):
            ours, theirs = self.recorded.state.slot(key), self.other.state.slot(key)
            one, other = (None if slot is None else slot.holding for slot in (ours, theirs))
            if (None if one is None else one.signed_quantity) == (None if other is None else other.signed_quantity):
                self._apart.pop(key, None)
            else:
                held = one or other
                assert held is not None
                self._apart[key] = held.symbol

    def _influence(self, turn: Turn) -> None:
        """A word of the process, which believed the recorded book, on a key where this world's book is another.

        A fill is the broker's word whoever passes it on, unless its order was sent under that other belief.
        """
        fact = turn.fact
        if isinstance(fact, OrderRecorded):
            sent = fact.status in (OrderStatus.PENDING, OrderStatus.SCHEDULED)
            if sent and len(self._influenced) < ORDERS_MAX and fact.symbol in self._apart.values():
                self._influenced[fact.client_order_id] = turn.position
            if self._order(self.recorded.state, fact) != self._order(self.other.state, fact):
                self._doubt("order", fact.client_order_id, turn.position)
            return
        for key in _key_of(self.other.state, fact):
            own = not isinstance(fact, FillRecorded) or fact.execution.client_order_id in self._influenced
            if key in self._apart and own:
                self._doubt("position", key, turn.position)

    def _order(self, state: State, fact: OrderRecorded) -> BookOrder | None:
        slot = state.order(fact.client_order_id)
        return None if slot is None else slot.order

    def _doubt(self, of: str, key: Key, position: int) -> None:
        why = f"input {position} came from a process whose book held something else under this key"
        for life in self.other.lives.by_key.get(key, {}).values():
            if life.of == of:
                life.doubt = life.doubt or why


def _key_of(state: State, fact: Fact) -> tuple[Key, ...]:
    """The keys that a word of the process speaks of."""
    if isinstance(fact, FillRecorded):
        return (key_of_execution(state, fact.execution),)
    if isinstance(fact, PositionRecorded):
        return (key_of_position(state, fact.symbol, "long" if fact.side == "buy" else "short", fact.ticket),)
    return ()


def _keys(decision: Decision) -> tuple[Key, ...]:
    """The keys that a decision may change, whatever its kind."""
    found: list[Any] = [getattr(decision, "key", None), getattr(decision, "unbound", None)]
    found += getattr(decision, "keys", ())
    return tuple(key for key in found if isinstance(key, str))
