"""What does one answer do to the breaks of one key: open, sight again, confirm, correct, clear, escalate?

Breaks live *opened -> confirmed -> corrected | cleared | escalated*. A claim is confirmed by independent, settled
answers that say the very same; whatever changes on either side starts it anew. All that one answer does to one
key is one event. Pure: the state, the answer and the policy decide, nothing else.

Ten thousand keys may be judged in one answer, so what is the same for all of them is looked up once, in `Reading`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, TypeAlias

from trueup.compare import Difference, compare, compare_row
from trueup.decisions import BreakKind, BreakMoved, BreakState, Step
from trueup.evidence import Absent, independent
from trueup.facts import Observed
from trueup.model import EXACT, ZERO, BrokerPosition, Holding, Key, add, elapsed_ns, subtract
from trueup.policy import OnDrift, OnGhost, OnRecovery
from trueup.reconciliation.identity import break_id
from trueup.reconciliation.remedies import Ready, correct
from trueup.reconciliation.settling import unsettled
from trueup.reconciliation.state import Break, Slot, State

Outcome: TypeAlias = Literal["correct", "wait", "alert", "quarantine"]

HELD_WHY = "too much of the book vanished at once: nothing is closed until explained or acknowledged"


class Reading:
    """One answer, as the keys are judged by it, with everything that is the same for all keys."""

    __slots__ = (
        "absent", "acknowledged", "asked", "at", "at_ns", "book", "breaks", "cause", "closed", "complete", "evidences",
        "held", "policy", "restarted", "rows", "settle_ns", "spacing_ns", "state", "total", "wishes",
    )  # fmt: skip

    def __init__(
        self,
        state: State,
        fact: Observed,
        rows: Mapping[Key, BrokerPosition],
        *,
        complete: bool,
        held: Collection[Key] = frozenset(),
        restarted: bool = False,
        total: bool = False,
    ) -> None:
        """Prepare to judge keys.

        state      with the answer folded in
        rows       what the answer states; `complete`: and that is all there is
        held       missing keys that a mass absence holds back
        restarted  a hold just ended: what is still missing is sighted anew
        total      a small book is gone whole: absence needs more answers, for longer
        """
        policy = state.policy
        self.state = state
        self.rows = rows
        self.complete = complete
        self.held = held
        self.restarted = restarted
        self.total = total
        self.at = fact.at
        self.at_ns = fact.at.at_ns
        self.asked = fact.asked
        self.policy = policy
        self.book = state.book
        self.breaks = state.breaks
        self.closed = state.closed
        self.acknowledged = state.acknowledged
        self.cause = state.view().position
        self.absent = Absent((self.cause,))
        self.evidences: dict[tuple[int, ...], tuple[int, ...]] = {}
        self.settle_ns = state.settle_ns("positions")
        self.spacing_ns = state.spacing_ns("positions")
        self.wishes: Mapping[BreakKind, OnRecovery | OnGhost | OnDrift] = {
            "recovery": policy.on_recovery,
            "ghost": policy.on_ghost,
            "drift": policy.on_drift,
        }

    def evidence(self, proof: tuple[int, ...]) -> tuple[int, ...]:
        """Earlier answers and this one. Most keys have the same, and share it: the garbage collector looks at each."""
        known = self.evidences.get(proof)
        if known is None:
            known = self.evidences[proof] = (*proof, self.cause)
        return known


_SIZE: Final = ("quantity", "side")


def _claimed_size(fields: Mapping[str | None, Difference] | Mapping[str | None, Break]) -> list[tuple[str | None, ...]]:
    """What both sides say of the signed quantity, as far as they differ."""
    return [(name, fields[name].book, fields[name].broker) for name in _SIZE if name in fields]


def judge(reading: Reading, key: Key) -> BreakMoved | None:
    """What the answer does to the breaks of `key`; None when nothing changes.

    A key that a partial answer does not state is unknown: nothing happens to it (law 4).
    """
    slot = reading.book.get(key)
    row = reading.rows.get(key)
    if row is None and not reading.complete:
        return None
    holding = None if slot is None else slot.holding
    if row is None:
        found = compare(holding, reading.absent, reading.policy)
    else:
        found = compare_row(holding, row, reading.policy)
    known = reading.breaks.get(key, ())
    if not found and not known:
        return None
    return _KeyJudgement(reading, key, slot, row, known).decide(found)


class _KeyJudgement:
    """One key under one answer: gathers the steps, then the correction they lead to."""

    __slots__ = (
        "key",
        "known",
        "past",
        "proof",
        "reading",
        "ready",
        "resized",
        "row",
        "slot",
        "steps",
        "symbol",
        "ticket",
        "waits",
    )

    def __init__(
        self, reading: Reading, key: Key, slot: Slot | None, row: BrokerPosition | None, known: tuple[Break, ...]
    ) -> None:
        self.reading = reading
        self.key = key
        self.slot = slot
        self.row = row
        self.known = known
        self.symbol, self.ticket = _name(row, None if slot is None else slot.holding, known)
        self.past = slot or reading.closed.get(key)
        self.waits = unsettled(reading.state, self.past, self.symbol, reading.asked, reading.settle_ns)
        self.steps: list[Step] = []
        self.ready: list[Ready] = []
        self.proof: tuple[int, ...] = ()
        self.resized = False

    def decide(self, found: tuple[Difference, ...]) -> BreakMoved | None:
        """All steps: what is over first, then what is open, in field order."""
        fields = {one.field: one for one in found}
        known = {one.field: one for one in self.known}
        if "side" in fields or "side" in known:
            self.resized = _claimed_size(fields) != _claimed_size(known)
        for before in self.known:
            now = fields.get(before.field)
            if now is None or now.kind != before.kind:
                self._clear(before)
        for one in found if len(found) < 2 else sorted(found, key=_by_field):
            open_before = known.get(one.field)
            if open_before is None or open_before.kind != one.kind:
                self._open(one)
            else:
                self._again(one, open_before)
        if not self.steps:
            return None
        reading = self.reading
        correction = None
        if self.ready:
            correction = correct(reading.state, self.key, self.past, self.row, self.ready)
        return BreakMoved(
            cause=reading.cause,
            at_ns=reading.at_ns,
            policy=reading.state.policy_mark,
            of="position",
            key=self.key,
            symbol=self.symbol,
            ticket=self.ticket,
            steps=tuple(self.steps),
            evidence=reading.evidence(self.proof),
            correction=correction,
        )

    # -- steps ---------------------------------------------------------------------------------------------

    def _clear(self, known: Break) -> None:
        why = "the two sides agree again" if self.row is not None else "neither side has it any more"
        self.steps.append(Step(known.id, known.kind, known.field, "cleared", known.book, known.broker, 0, why))

    def _open(self, found: Difference) -> None:
        identity = break_id(self.reading.state, "position", self.key, found.field)
        needed = self._needed(found)
        why = self.waits or self._hold_why(found) or f"first seen; {needed} independent answers decide"
        self._step(identity, found, "opened", 0 if self.waits else 1, why)

    def _again(self, found: Difference, known: Break) -> None:
        """A claim that was open before: is it the same, and is this answer a new witness?"""
        same = found.book == known.book and found.broker == known.broker
        if self.resized and found.field in _SIZE:
            same = (
                False  # side and quantity are one claim and corrected as one: short 3, then short 2, agree on neither
            )
        seen = known.sightings
        self._prove(seen.proof)
        if self.waits:
            if not same:
                self._step(known.id, found, "seen", 0, self.waits)
            return
        counted = 1
        if same and seen.count and not self._restarts(found, known):
            if not independent(seen, self.reading.asked, spacing_ns=self.reading.spacing_ns):
                return
            counted = seen.count + 1
        self._count(found, known, counted, same)

    def _prove(self, proof: tuple[int, ...]) -> None:
        """The answers that counted before are evidence, in order."""
        if not self.proof:
            self.proof = proof
        elif self.proof != proof:
            self.proof = tuple(sorted({*self.proof, *proof}))

    def _restarts(self, found: Difference, known: Break) -> bool:
        """Whether earlier sightings no longer speak of what is there now."""
        if self.reading.restarted and found.kind == "ghost":
            return True
        return self.slot is not None and elapsed_ns(known.sightings.last_received, self.slot.changed) > 0

    def _count(self, found: Difference, known: Break, counted: int, same: bool) -> None:
        needed = self._needed(found)
        if counted < needed or not self._long_enough(found, known, counted):
            self._step(known.id, found, "seen", counted, self._so_far(counted, needed))
            return
        outcome, why = self._outcome(found)
        if outcome == "correct":
            self._step(known.id, found, "confirmed", counted, "")
            self._step(known.id, found, "corrected", counted, "")
            self.ready.append(Ready(found, counted))
        elif outcome == "wait":
            if known.sightings.count < needed or not same:
                self._step(known.id, found, "seen", counted, why)
        else:
            self._escalate(found, known, counted, why)

    def _escalate(self, found: Difference, known: Break, counted: int, why: str) -> None:
        """Hand it to a human, once; again only when it has become materially worse (L38)."""
        if known.state == "escalated":
            if materially_worse(known, found):
                self._step(known.id, found, "escalated", counted, f"materially worse: {why}")
            elif known.sightings.count < self._needed(found):
                self._step(known.id, found, "seen", counted, why)
            return
        self._step(known.id, found, "confirmed", counted, "")
        self._step(known.id, found, "escalated", counted, why)

    def _step(self, identity: str, found: Difference, state: BreakState, count: int, why: str) -> None:
        self.steps.append(Step(identity, found.kind, found.field, state, found.book, found.broker, count, why))

    # -- rules ---------------------------------------------------------------------------------------------

    def _needed(self, found: Difference) -> int:
        """How many independent answers decide."""
        if found.kind != "ghost":
            return 2  # one settled observation and a second, independent one
        policy = self.reading.policy
        return max(policy.confirmations, policy.confirmations_total) if self._is_total() else policy.confirmations

    def _is_total(self) -> bool:
        return self.reading.total and self.key not in self.reading.acknowledged

    def _long_enough(self, found: Difference, known: Break, counted: int) -> bool:
        """Whether a small book that is gone whole has been gone for long enough."""
        if found.kind != "ghost" or not self._is_total():
            return True
        over_ns = elapsed_ns(known.sightings.first_asked, self.reading.asked) if counted > 1 else 0
        return over_ns >= self.reading.policy.total_absence_s * 1_000_000_000

    def _so_far(self, counted: int, needed: int) -> str:
        """Why a claim that was sighted again is not confirmed yet."""
        if counted < needed:
            return f"{counted} of {needed} independent answers that decide"
        return f"{counted} independent answers, which have to span {self.reading.policy.total_absence_s} s"

    def _hold_why(self, found: Difference) -> str | None:
        return HELD_WHY if found.kind == "ghost" and self.key in self.reading.held else None

    def _outcome(self, found: Difference) -> tuple[Outcome, str]:
        """What the policy makes of a confirmed claim, and why."""
        policy = self.reading.policy
        if (why := self._hold_why(found)) is not None:
            return "wait", why
        wish = self.reading.wishes[found.kind]
        if wish == "alert" or wish == "quarantine":
            return wish, f"policy {policy.preset}: on_{found.kind} = {wish}, a human decides"
        slot = self.past
        if slot is not None and slot.corrections and not slot.repair_held:
            window_ns = policy.correction_window_s * 1_000_000_000
            lately = sum(elapsed_ns(when, self.reading.at) <= window_ns for when in slot.corrections)
            if lately >= policy.correction_attempts_max:
                return "alert", f"corrected {lately} times lately and it does not hold: a human decides"
        return "correct", ""


def _by_field(one: Difference) -> str:
    return one.field or ""


def _name(row: BrokerPosition | None, holding: Holding | None, known: tuple[Break, ...]) -> tuple[str, str | None]:
    """Symbol and ticket of a key, from whoever still has it."""
    last = row or holding or known[0]
    return last.symbol, last.ticket


def materially_worse(known: Break, found: Difference) -> bool:
    """Whether what a human was told of is now at least twice as far off, or on the other side (L38)."""
    if known.alerted is None or found.broker is None:
        return False
    told, now = _number(known.alerted), _number(found.broker)
    book = ZERO if found.book is None else _number(found.book)
    if told is None or now is None or book is None:
        return False  # a side, or "none": there is no more or less of it
    if found.kind == "recovery" and told.is_signed() != now.is_signed():
        return True
    was, far = subtract(told, book).copy_abs(), subtract(now, book).copy_abs()
    return far > was and far >= add(was, was)


def _number(said: str) -> Decimal | None:
    """`1.05`, or the signed size in `short 0.01`; None for words without a number."""
    side, _, size = said.rpartition(" ")
    try:
        number = EXACT.create_decimal(size)
    except InvalidOperation:
        return None
    return number.copy_negate() if side == "short" else number
