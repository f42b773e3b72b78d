"""What does one answer do to the breaks of one key: open, sight again, confirm, correct, clear, escalate?

Breaks live *opened -> confirmed -> corrected | cleared | escalated*. A claim is confirmed by independent, settled
answers that say the very same; whatever changes on either side starts it anew. All that one answer does to one
key is one event. Pure: the state, the answer and the policy decide, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from trueup import explain
from trueup.compare import Difference, compare
from trueup.decisions import BreakMoved, BreakState, Correction, Step
from trueup.evidence import Absent, Present, Unknown, independent, read
from trueup.facts import Observed
from trueup.model import BrokerPosition, Holding, Key, elapsed_ns, subtract
from trueup.reconciliation.identity import break_id, correction_id
from trueup.reconciliation.outcomes import adopted
from trueup.reconciliation.settling import unsettled
from trueup.reconciliation.state import Break, Slot, State

CLOSED_EXTERNALLY = "CLOSED_EXTERNALLY"
"""The exit reason of a ghost whose cause nobody explained."""

Outcome: TypeAlias = Literal["correct", "wait", "alert", "quarantine"]


class Reading(msgspec.Struct, frozen=True):
    """One answer, as the keys are judged by it."""

    state: State
    """With the answer folded in."""
    fact: Observed
    rows: Mapping[Key, BrokerPosition]
    complete: bool
    held: frozenset[Key]
    """Missing keys that a mass absence holds back."""
    restarted: bool
    """A hold just ended: what is still missing is sighted anew."""
    total: bool
    """A small book is gone whole: absence needs more, for longer."""


def judge(reading: Reading, key: Key) -> BreakMoved | None:
    """What the answer does to the breaks of `key`; None when nothing changes."""
    state = reading.state
    slot = state.book.get(key)
    holding = None if slot is None else slot.holding
    read_as = read(key, reading.rows, complete=reading.complete, why=reading.fact.why)
    if isinstance(read_as, Unknown):
        return None
    row = read_as.value if isinstance(read_as, Present) else None
    seen = Absent((state.position,)) if row is None else read_as
    assert isinstance(seen, Present | Absent)
    found = {one.field: one for one in compare(holding, seen, state.policy)}
    known = {one.field: one for one in state.breaks.get(key, ())}
    if not found and not known:
        return None
    symbol, ticket = _name(holding, row, known)
    return _KeyJudgement(reading, key, slot, row, symbol, ticket).decide(found, known)


def _name(
    holding: Holding | None, row: BrokerPosition | None, known: Mapping[str | None, Break]
) -> tuple[str, str | None]:
    """Symbol and ticket of a key, from whoever still has it."""
    if row is not None:
        return row.symbol, row.ticket
    if holding is not None:
        return holding.symbol, holding.ticket
    last = next(iter(known.values()))
    return last.symbol, last.ticket


class _KeyJudgement:
    """One key under one answer: gathers the steps, then the correction they lead to."""

    def __init__(
        self,
        reading: Reading,
        key: Key,
        slot: Slot | None,
        row: BrokerPosition | None,
        symbol: str,
        ticket: str | None,
    ) -> None:
        self.reading = reading
        self.state = reading.state
        self.fact = reading.fact
        self.key = key
        self.slot = slot
        self.row = row
        self.symbol = symbol
        self.ticket = ticket
        self.waits = unsettled(self.state, key, symbol, reading.fact.asked)
        self.steps: list[Step] = []
        self.ready: list[tuple[Difference, Step]] = []
        self.proof: set[int] = {self.state.view().position}

    def decide(self, found: Mapping[str | None, Difference], known: Mapping[str | None, Break]) -> BreakMoved | None:
        """All steps, in field order: what is over first, then what is open."""
        for field in sorted(known, key=_in_order):
            if field not in found or found[field].kind != known[field].kind:
                self._clear(known[field])
        for field in sorted(found, key=_in_order):
            before = known.get(field)
            if before is None or before.kind != found[field].kind:
                self._open(found[field])
            else:
                self._again(found[field], before)
        correction = self._correction() if self.ready else None
        if not self.steps:
            return None
        return BreakMoved(
            cause=self.state.view().position,
            at_ns=self.fact.at.at_ns,
            policy=self.state.policy_mark,
            of="position",
            key=self.key,
            symbol=self.symbol,
            ticket=self.ticket,
            steps=tuple(self.steps),
            evidence=tuple(sorted(self.proof)),
            correction=correction,
        )

    # -- steps ---------------------------------------------------------------------------------------------

    def _clear(self, known: Break) -> None:
        why = "the two sides agree again" if self.row is not None else "neither side has it any more"
        self._step(known.id, Difference(known.kind, known.field, known.book, known.broker), "cleared", 0, why)

    def _open(self, found: Difference) -> None:
        identity = break_id(self.state, "position", self.key, found.field)
        sightings = 0 if self.waits else 1
        why = self.waits or self._hold_why(found) or f"first seen; {self._needed(found)} independent answers decide"
        self._step(identity, found, "opened", sightings, why)

    def _again(self, found: Difference, known: Break) -> None:
        """A claim that was open before: is it the same, and is this answer a new witness?"""
        same = (found.book, found.broker) == (known.book, known.broker)
        self.proof.update(known.sightings.proof)
        if self.waits:
            if not same:
                self._step(known.id, found, "seen", 0, self.waits)
            return
        counted = known.sightings.count
        if same and counted and not self._restarts(found, known):
            spacing_ns = self.state.spacing_ns("positions")
            if not independent(known.sightings, self.fact.asked, spacing_ns=spacing_ns):
                return
            counted += 1
        else:
            counted = 1
        self._count(found, known, counted, same)

    def _restarts(self, found: Difference, known: Break) -> bool:
        """Whether earlier sightings no longer speak of what is there now."""
        if found.kind == "ghost" and self.reading.restarted:
            return True
        return self.slot is not None and elapsed_ns(known.sightings.last_received, self.slot.changed) > 0

    def _count(self, found: Difference, known: Break, counted: int, same: bool) -> None:
        if counted < self._needed(found) or not self._long_enough(found, known, counted):
            self._step(known.id, found, "seen", counted, f"seen by {explain.answers(counted)}")
            return
        outcome, why = self._outcome(found)
        if outcome == "wait":
            if known.sightings.count < self._needed(found) or not same:
                self._step(known.id, found, "seen", counted, why)
            return
        if outcome == "correct":
            if known.state != "confirmed":
                self._step(known.id, found, "confirmed", counted, f"confirmed by {explain.answers(counted)}")
            self._step(known.id, found, "corrected", counted, "")
            self.ready.append((found, self.steps[-1]))
            return
        self._escalate(found, known, counted, why)

    def _escalate(self, found: Difference, known: Break, counted: int, why: str) -> None:
        """Hand it to a human, once; again only when it has become materially worse (L38)."""
        if known.state == "escalated":
            if materially_worse(known, found):
                self._step(known.id, found, "escalated", counted, f"materially worse: {why}")
            elif known.sightings.count < self._needed(found):
                self._step(known.id, found, "seen", counted, why)
            return
        if known.state != "confirmed":
            self._step(known.id, found, "confirmed", counted, f"confirmed by {explain.answers(counted)}")
        self._step(known.id, found, "escalated", counted, why)

    def _step(self, identity: str, found: Difference, state: BreakState, count: int, why: str) -> None:
        self.steps.append(Step(identity, found.kind, found.field, state, found.book, found.broker, count, why))

    # -- rules ---------------------------------------------------------------------------------------------

    def _needed(self, found: Difference) -> int:
        policy = self.state.policy
        if found.kind != "ghost":
            return 2  # one settled observation and a second, independent one
        return max(policy.confirmations, policy.confirmations_total) if self._is_total() else policy.confirmations

    def _is_total(self) -> bool:
        return self.reading.total and self.key not in self.state.acknowledged

    def _long_enough(self, found: Difference, known: Break, counted: int) -> bool:
        if found.kind != "ghost" or not self._is_total():
            return True
        over_ns = elapsed_ns(known.sightings.first_asked, self.fact.asked) if counted > 1 else 0
        return over_ns >= self.state.policy.total_absence_s * 1_000_000_000

    def _hold_why(self, found: Difference) -> str | None:
        if found.kind == "ghost" and self.key in self.reading.held:
            return "too much of the book vanished at once: nothing is closed until explained or acknowledged"
        return None

    def _outcome(self, found: Difference) -> tuple[Outcome, str]:
        """What the policy makes of a confirmed claim, and why."""
        policy = self.state.policy
        if (why := self._hold_why(found)) is not None:
            return "wait", why
        wish = {"recovery": policy.on_recovery, "ghost": policy.on_ghost, "drift": policy.on_drift}[found.kind]
        if wish in ("alert", "quarantine"):
            assert wish == "alert" or wish == "quarantine"
            return wish, f"policy {policy.preset}: on_{found.kind} = {wish}, a human decides"
        slot = self.slot or self.state.closed.get(self.key)
        if slot is not None:
            window_ns = policy.correction_window_s * 1_000_000_000
            lately = sum(elapsed_ns(when, self.fact.at) <= window_ns for when in slot.corrections)
            if lately >= policy.correction_attempts_max:
                return "alert", f"corrected {lately} times lately and it does not hold: a human decides"
        return "correct", ""

    # -- the correction ------------------------------------------------------------------------------------

    def _correction(self) -> Correction:
        """One correction for all that is ready on this key; its reason also stands in the steps."""
        count = min(step.sightings for _, step in self.ready)
        kind = self.ready[0][0].kind
        slot = self.slot or self.state.closed.get(self.key)
        compensates: str | None = None
        exit_reason: str | None = None
        if kind == "recovery":
            assert self.row is not None
            after, compensates = self._recovered(self.row, slot)
            why = (
                explain.recovered(self.row, count, after.strategy)
                if compensates is None
                else explain.restored(self.row, count, compensates)
            )
        elif kind == "ghost":
            assert self.slot is not None
            assert self.slot.holding is not None
            after, exit_reason = None, CLOSED_EXTERNALLY
            acknowledged = self.key in self.state.acknowledged
            why = explain.vanished(self.slot.holding, count, " (acknowledged)" if acknowledged else "")
        else:
            after, why = self._redrawn(count)
        self.steps = [replace(s, why=why) if s.state == "corrected" else s for s in self.steps]
        before = self.slot.holding if self.slot is not None else None
        identity = correction_id(self.state, self.key, slot, after)
        return Correction(identity, kind, before, after, why, exit_reason, compensates)

    def _recovered(self, row: BrokerPosition, slot: Slot | None) -> tuple[Holding, str | None]:
        """(the holding to adopt, the ghost correction that it undoes)."""
        after = adopted(row)
        if slot is None:
            return after, None
        if slot.before is not None and (slot.closed_by is not None or self.state.mode == "hedging"):
            after = replace(after, strategy=slot.before.strategy)
        return replace(after, source=slot.source), slot.closed_by

    def _redrawn(self, count: int) -> tuple[Holding, str]:
        """The holding with the broker's word in every field that is ready."""
        assert self.slot is not None
        assert self.slot.holding is not None
        assert self.row is not None
        holding, row = self.slot.holding, self.row
        fields = {found.field for found, _ in self.ready}
        changes = [(f.field or "", f.book or "", f.broker or "") for f, _ in self.ready]
        after = replace(
            holding,
            signed_quantity=row.signed_quantity if fields & {"side", "quantity"} else holding.signed_quantity,
            price=row.price if "price" in fields or holding.price is None else holding.price,
            stop=row.stop if "stop" in fields or holding.stop is None else holding.stop,
            ticket=row.ticket or holding.ticket,
        )
        return after, explain.corrected(self.symbol, self.ticket, changes, count)


def _in_order(field: str | None) -> str:
    return field or ""


def materially_worse(known: Break, found: Difference) -> bool:
    """Whether a drift that a human was told of is now at least twice as far off."""
    if known.alerted is None or found.book is None or found.broker is None:
        return False
    try:
        then = subtract(Decimal(known.alerted), Decimal(found.book)).copy_abs()
        now = subtract(Decimal(found.broker), Decimal(found.book)).copy_abs()
    except InvalidOperation:
        return False  # a side or "none": there is no more or less of it
    return now >= 2 * then and now > then
