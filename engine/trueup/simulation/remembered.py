"""What does a world remember of its processes, as far as the journal tells: what was answered, said, promised, stirred?

The checkers go by it. It is filled while the history is played, from what was really appended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from trueup.audit import sentence
from trueup.changes import Change
from trueup.decisions import ActionMoved, ActionRequested, BreakMoved, FillAdopted, OrderMerged, PositionBound
from trueup.events import Event
from trueup.facts import ActionSent, FillRecorded, Observed, OrderRecorded, PositionRecorded
from trueup.model import Holding, Key, OrderStatus
from trueup.simulation.answers import Said
from trueup.simulation.loop import NS, VirtualLoop
from trueup.simulation.process import Process
from trueup.simulation.scenario import SYMBOLS, Scenario

if TYPE_CHECKING:
    from trueup.report import PassReport
    from trueup.simulation.process import Process


class Letter(msgspec.Struct, eq=False):
    """One message on its way from the broker to the process."""

    change: Change
    pushed: bool = False
    heard: int = 0


class Acknowledged(msgspec.Struct, frozen=True):
    """What `record` said was safe."""

    position: int
    change: Change


class Remembered:
    """The part of a world that looks back."""

    def __init__(self, scenario: Scenario, *, narrated: bool) -> None:
        self.scenario = scenario
        self.narrated = narrated
        self.settings = scenario.settings
        self.loop = VirtualLoop()
        self.process: Process | None = None
        self.stored: set[str] = set()
        """Client ids of actions that the journal says are about to be sent."""
        self.said: list[Said] = []
        self.letters: list[Letter] = []
        """Messages that are still on their way."""
        self.executing: Counter[str] = Counter()
        """By symbol, parts of orders that the broker is still to carry out."""
        self.told_ns: dict[str, int] = {}
        """By symbol: when the last message about it was written down."""
        self.needless: list[tuple[int, Key, bool]] = []
        """Corrections (journal position, key, whether the book lacked it) of sizes that all fills had told already."""
        self.kept: list[Acknowledged] = []
        self.reports: list[tuple[int, int, PassReport]] = []
        """(when, which process, report)."""
        self.errors: list[str] = []
        """What broke that must never break."""
        self.told: list[tuple[int, str]] = []
        """The story: when, and what."""
        self.written_ns: dict[int, int] = {}
        """By journal position: when its transaction was stored. Where a lost tail was written anew, the second time."""
        self.lost_tail = False
        """Whether a power cut took what was never synced: then even an action may be sent again."""
        self._letter: Letter | None = None
        self._asked_for: dict[str, str] = {}
        self._spoke_ns: dict[str, int] = {}
        self._flying: dict[str, tuple[str, int, int]] = {}

    def tell(self, what: str) -> None:
        """Write down what happened."""
        self.told.append((self.loop.now_ns, what))

    def appended(self, process: Process, first: int, events: Sequence[Event]) -> None:
        """A transaction was stored: which answers it holds, and what it changed."""
        for position, event in enumerate(events, start=first):
            self.written_ns[position] = self.loop.now_ns
            if self.narrated:
                self.tell(f"  {position:>4} {sentence(event)}")
            if isinstance(event, Observed):
                self._answered(process, position, event)
            elif isinstance(event, FillRecorded | FillAdopted):
                self._spoke(event.execution.symbol)
            elif isinstance(event, PositionRecorded):
                self._spoke(event.symbol)
            elif isinstance(event, OrderRecorded):
                self._spoke(event.symbol)
                if event.status is OrderStatus.PENDING:
                    self._flying.setdefault(event.client_order_id, (event.symbol, self.loop.now_ns, process.number))
                else:
                    self._flying.pop(event.client_order_id, None)
            elif isinstance(event, BreakMoved) and event.correction is not None:
                if self._all_told(event):
                    self.needless.append((position, event.key, event.correction.before is None))
                self._spoke(event.symbol)
            elif isinstance(event, OrderMerged):
                self._spoke(event.after.symbol)
            elif isinstance(event, BreakMoved) and event.order_correction is not None:
                self._spoke(event.order_correction.after.symbol)
            elif isinstance(event, ActionRequested):
                self._asked_for[event.client_id] = event.terms.symbol
            elif isinstance(event, ActionSent):
                self.stored.add(event.client_id)
                symbol = self._asked_for.get(event.client_id, "")
                self._flying[event.client_id] = symbol, self.loop.now_ns, process.number
            elif isinstance(event, ActionMoved):
                if event.state in ("done", "failed", "abandoned"):
                    self._flying.pop(event.client_id, None)
                self._spoke(self._asked_for.get(event.client_id, ""))
            elif isinstance(event, PositionBound):
                for symbol in SYMBOLS:
                    self._spoke(symbol)

    def _all_told(self, moved: BreakMoved) -> bool:
        """Whether a correction changed a size although every fill of its symbol had been told, and written down, when
        the question that caused it was asked."""
        made, symbol = moved.correction, moved.symbol
        assert made is not None
        if self.settings.bot != "fills" or _size(made.before) == _size(made.after):
            return False
        asked = next((one.first_ns for one in reversed(self.said) if one.position == moved.cause), None)
        if asked is None or self.executing.get(symbol) or self.told_ns.get(symbol, 0) > asked:
            return False
        return not any(letter.change.symbol == symbol for letter in self.letters)

    def _answered(self, process: Process, position: int, event: Observed) -> None:
        """Which of the answers that were given an observation is: its raw bytes say so."""
        if not event.raw_digest:
            return
        for said in reversed(self.said):
            if said.answer is not None and sha256(said.answer.raw).digest() == event.raw_digest:
                said.position = position
                if event.asked.epoch == event.at.epoch:
                    said.first_ns = process.opened_ns + event.asked.tick_ns
                return
        self.errors.append(f"position {position} holds an answer that the broker never gave")

    def forget_after(self, position: int) -> None:
        """The journal lost its tail: what was promised of it is no promise any more, with durability `normal`."""
        self.lost_tail = True
        self.kept = [one for one in self.kept if one.position <= position]
        self.reports.clear()  # the numbers of passes will be given out again
        for said in self.said:
            if said.position is not None and said.position > position:
                said.position = None

    def _spoke(self, symbol: str) -> None:
        self._spoke_ns[symbol] = self.loop.now_ns

    def stirred(self, symbol: str, asked_ns: int, settle_ns: int) -> bool:
        """Whether the book's side of a symbol was still moving when a question was asked."""
        process = self.process
        assert process is not None
        if asked_ns - self._spoke_ns.get(symbol, 0) < settle_ns:
            return True
        for name, since_ns, number in self._flying.values():
            earlier = number != process.number
            limit_ns = process.opened_ns + settle_ns if earlier else since_ns + process.policy.in_flight_s_max * NS
            if name == symbol and asked_ns <= limit_ns:
                return True
        return False

    def acknowledged(self, position: int) -> None:
        """`record` returned."""
        if self._letter is not None and not self._letter.pushed:
            self.kept.append(Acknowledged(position, self._letter.change))


def _size(held: Holding | None) -> Decimal:
    return Decimal(0) if held is None else held.signed_quantity
