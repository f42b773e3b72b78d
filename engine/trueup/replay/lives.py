"""How did each break of one world go: when was it opened, and how did it end?

A world is a journal's inputs with somebody's decisions on them: those that were recorded, or those of another policy.
Two worlds are compared by the lives of their breaks. Pure: decisions go in, lives come out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from trueup.decisions import BreakMoved, Correction, Decision, FillAdopted, Step
from trueup.model import Holding, Key, Moment

Outcome: TypeAlias = Literal["open", "escalated", "cleared", "corrected"]
Identity: TypeAlias = tuple[str, str, Key, str | None]
"""Of what, which kind, of which key, which field: what is the same in two worlds whose ids may differ."""


class Life:
    """One break of one world, from its first sight to its end."""

    __slots__ = (
        "after", "before", "book", "broker", "correction_id", "doubt", "ended", "ended_at", "escalated", "field", "id",
        "key", "kind", "of", "opened", "opened_at", "outcome", "symbol", "ticket", "why", "wrong",
    )  # fmt: skip

    def __init__(self, moved: BreakMoved | FillAdopted, step: Step, position: int, at: Moment) -> None:
        self.id = step.break_id
        self.of: str = moved.of if isinstance(moved, BreakMoved) else "position"
        self.kind: str = step.kind
        self.key = moved.key
        self.field = step.field
        self.symbol = moved.symbol if isinstance(moved, BreakMoved) else moved.execution.symbol
        self.ticket = moved.ticket if isinstance(moved, BreakMoved) else moved.execution.ticket
        self.opened = position
        """The journal position of the input that opened it."""
        self.opened_at = at
        self.ended: int | None = None
        """The input that ended it; None: it still stands."""
        self.ended_at: Moment | None = None
        self.outcome: Outcome = "open"
        self.escalated = False
        """Whether it was ever handed to a human."""
        self.book = step.book
        self.broker = step.broker
        self.why = step.why
        self.correction_id: str | None = None
        self.before: Holding | None = None
        """What the correction found on a position's key."""
        self.after: Holding | None = None
        self.wrong = ""
        """Why its correction turned out to be wrong; '' where it did not."""
        self.doubt = ""
        """Why this world could not really tell; '' where it could."""

    @property
    def identity(self) -> Identity:
        return self.of, self.kind, self.key, self.field

    @property
    def is_waiting(self) -> bool:
        """Whether it stands, and more answers could still decide it."""
        return self.outcome == "open"

    def end(self, outcome: Outcome, position: int, at: Moment, why: str) -> None:
        self.outcome, self.ended, self.ended_at = outcome, position, at
        self.why = why or self.why


class Lives:
    """The breaks of one world, the ended ones and those that stand."""

    def __init__(self) -> None:
        self.ended: list[Life] = []
        self.standing: dict[str, Life] = {}
        """By break id, in the order in which they were opened."""
        self.by_key: dict[Key, dict[str, Life]] = {}
        """The standing ones of each key."""
        self._by_correction: dict[str, Life] = {}
        self.last_corrected: dict[Key, Life] = {}
        """The latest correction of each key of a position."""

    def all(self) -> list[Life]:
        """Every life, by identity, then by when it was opened."""
        return sorted([*self.ended, *self.standing.values()], key=_in_order)

    def corrected(self) -> list[Life]:
        """Those that ended in a correction, in order of time."""
        return [one for one in self.ended if one.outcome == "corrected"]

    def follow(self, position: int, at: Moment, decisions: Iterable[Decision]) -> None:
        """What one input did. Decisions that move no break are passed over, also of kinds not known here."""
        for one in decisions:
            if isinstance(one, BreakMoved):
                self._moved(one, position, at)
            elif isinstance(one, FillAdopted):
                self._adopted(one, position, at)

    def _moved(self, moved: BreakMoved, position: int, at: Moment) -> None:
        for step in moved.steps:
            life = self.standing.get(step.break_id)
            if life is None:
                life = Life(moved, step, position, at)
                self.standing[step.break_id] = life
                self.by_key.setdefault(life.key, {})[step.break_id] = life
            life.book, life.broker, life.why = step.book, step.broker, step.why or life.why
            if step.state == "escalated":
                life.escalated, life.outcome = True, "escalated"
            elif step.state == "cleared":
                self._ends(life, "cleared", position, at, step.why)
            elif step.state == "corrected":
                self._corrected(life, moved, position, at)

    def _corrected(self, life: Life, moved: BreakMoved, position: int, at: Moment) -> None:
        correction = moved.correction or moved.order_correction
        self._ends(life, "corrected", position, at, "" if correction is None else correction.why)
        if correction is not None:
            life.correction_id = correction.id
            self._by_correction[correction.id] = life
            undone = self._by_correction.get(correction.compensates or "")
            if undone is not None:
                undone.wrong = f"undone at {position}: {correction.why}"
        if isinstance(correction, Correction):
            life.before, life.after = correction.before, correction.after
            self.last_corrected[life.key] = life

    def _adopted(self, adopted: FillAdopted, position: int, at: Moment) -> None:
        """A missed fill is seen and corrected in one go; its field is the execution, which is never the same twice."""
        correction, execution = adopted.correction, adopted.execution.execution_id
        step = Step(correction.id, "drift", execution, "corrected", None, None, 1, correction.why)
        life = Life(adopted, step, position, at)
        life.kind, life.correction_id = "missed-fill", correction.id
        life.before, life.after = correction.before, correction.after
        life.end("corrected", position, at, correction.why)
        self.ended.append(life)

    def _ends(self, life: Life, outcome: Outcome, position: int, at: Moment, why: str) -> None:
        life.end(outcome, position, at, why)
        del self.standing[life.id]
        rest = self.by_key[life.key]
        del rest[life.id]
        if not rest:
            del self.by_key[life.key]
        self.ended.append(life)


def _in_order(life: Life) -> tuple[str, str, Key, str, int]:
    return life.of, life.kind, life.key, life.field or "", life.opened
