"""Why was that decided: from what was asked and answered to what would have changed the verdict?

`explain` tells one correction or break from the journal alone. The state of the moments that matter is folded from the
very events that were folded then, so the explanation sees what the decision saw.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from trueup.causes import BreakFacts, Examined, Rate, Reason, examine, worth
from trueup.compare import stop_said
from trueup.decisions import BreakMoved, BreakOf, Correction, FillAdopted, Step
from trueup.errors import InputError
from trueup.events import Event
from trueup.explain import described, named
from trueup.facts import CommandGiven, Fact, Observed
from trueup.model import BookOrder, Holding, plain
from trueup.orders import said_order
from trueup.policy import Policy
from trueup.reconciliation.fold import fold
from trueup.reconciliation.state import State
from trueup.telling.history import History
from trueup.telling.material import facts_of_break, opened_at, price_of
from trueup.telling.reference import Target
from trueup.telling.rules import rules_of
from trueup.telling.told import (
    CauseTold,
    ChangeTold,
    ConsideredTold,
    Explanation,
    ObservationTold,
    Past,
    Subject,
    WorthTold,
    iso,
)
from trueup.telling.verdict import considered, rejected, steps_weighed, would_change

CHANGES_TOLD_MAX = 20
"""Changes of the key before the verdict that are told: the latest."""
EVENTS_AFTER_MAX = 100_000
"""Events after the verdict among which a late fill and an undoing are looked for (law 12)."""


def explain(
    past: Past, target: Target, *, said: Mapping[str, Reason] | None = None, rate: Rate | None = None
) -> Explanation:
    """The whole chain behind one correction or break.

    target  as `reference.find` gave it; not an `event`
    said    what the raw replies say made a deal, by execution id: the journal keeps replies, not their every word
    rate    the account's currency for one unit of the quote currency, where somebody knows it

    Raises InputError for an event that is neither correction nor break. Pure, but for what `past` reads.
    """
    event = at(past, target.position)
    if target.what == "event" or not isinstance(event, BreakMoved | FillAdopted):
        raise InputError(f"event {target.position} is neither a correction nor a step of a break")
    return _Explaining(past, target, event, said or {}).told(rate)


def facts_of(past: Past, target: Target, *, said: Mapping[str, Reason] | None = None) -> BreakFacts | None:
    """The facts that an explanation of this target's cause is sought from; None for an order's break."""
    event = at(past, target.position)
    if not isinstance(event, BreakMoved | FillAdopted):
        return None
    return _Explaining(past, target, event, said or {}).facts


def at(past: Past, position: int) -> Event:
    """The event at a position. Raises InputError when there is none."""
    for _, event in past.events(position, position):
        return event
    raise InputError(f"{past.account}: there is no event {position}")


class _Explaining:
    """One correction or break, with everything that is read for it."""

    def __init__(self, past: Past, target: Target, event: BreakMoved | FillAdopted, said: Mapping[str, Reason]) -> None:
        self.past = past
        self.target = target
        self.event = event
        self.correction = event.correction
        self.symbol = event.symbol if isinstance(event, BreakMoved) else event.execution.symbol
        self.ticket = event.ticket if isinstance(event, BreakMoved) else event.execution.ticket
        self.made = event.correction if isinstance(event, FillAdopted) else event.correction or event.order_correction
        self.of: BreakOf = event.of if isinstance(event, BreakMoved) else "position"
        self.history = History(event.key, self.symbol, self.of, target.position)
        self.history.take(past.events(1, target.position + EVENTS_AFTER_MAX))
        self.steps = _steps_of(target, event)
        self.break_ids = frozenset(step.break_id for step in self.steps)
        self.moves = [one for one in self.history.steps_of(self.break_ids) if one[0] <= target.position]
        self.seen_position = opened_at(self.moves, self.break_ids) or event.cause
        opened = past.state(self.seen_position - 1)
        self.judged = fold(opened, past.events(self.seen_position, event.cause))
        self.fact = at(past, event.cause)
        self.facts = self._facts(opened, said)
        self.done = None if self.facts is None else examine(self.facts)

    def _facts(self, opened: State, said: Mapping[str, Reason]) -> BreakFacts | None:
        """What a cause is sought from: of positions only."""
        seen = at(self.past, self.seen_position)
        if not isinstance(seen, Fact) or self.of != "position":
            return None
        fields = tuple(step.field for step in self.steps)
        facts = facts_of_break(
            self.history,
            opened=opened,
            judged=self.judged,
            key=self.event.key,
            symbol=self.symbol,
            ticket=self.ticket,
            fields=fields or (None,),
            seen=seen,
            seen_position=self.seen_position,
            correction=self.correction,
            before=self.target.position,
            said=said,
        )
        if isinstance(self.event, BreakMoved):
            return facts
        name = self.event.execution.execution_id  # that very execution entered, and no other of its size
        deals = tuple(deal for deal in facts.deals if deal.counted or deal.execution.execution_id == name)
        return replace(facts, deals=deals)

    # -- telling -------------------------------------------------------------------------------------------

    def told(self, rate: Rate | None) -> Explanation:
        subject = self._subject()
        adopted, policy = self.history.policy_at(self.event.cause)
        name = _name(self.of, self.symbol, self.ticket)
        return Explanation(
            account=self.past.account,
            subject=subject,
            verdict=_verdict(subject),
            observations=tuple(self._observations()),
            changes=self._changes(),
            policy=_policy_said(policy, adopted),
            rules=rules_of(self.judged, self.of, subject.kind, self.symbol),
            considered=tuple(self._considered()),
            causes=() if self.done is None else _causes_told(self.done),
            worth=None if self.facts is None or not self.facts.delta else _worth_told(self.facts, rate),
            would_change=would_change(self.of, subject.kind, subject.state, self.judged, name),
        )

    def _subject(self) -> Subject:
        made = self.made
        correction = made if self.target.what == "correction" else None
        steps = self.steps
        return Subject(
            what="correction" if correction is not None else "break",
            id=self.target.id,
            position=self.target.position,
            at=iso(self.event.at_ns),
            of=self.of,
            kind=correction.kind if correction is not None else steps[-1].kind,
            state="corrected" if correction is not None else steps[-1].state,
            key=self.event.key,
            symbol=self.symbol,
            ticket=self.ticket,
            fields=tuple(dict.fromkeys(step.field for step in steps if step.field is not None)),
            book=_sides([(step.field, step.book) for step in steps]),
            broker=_sides([(step.field, step.broker) for step in steps]),
            before=None if made is None else _held_said(made.before),
            after=None if made is None else _held_said(made.after),
            why=correction.why if correction is not None else steps[-1].why or ("" if made is None else made.why),
            exit_reason=made.exit_reason if isinstance(made, Correction) else None,
            compensates=None if made is None else made.compensates,
            undone_by=None if made is None else self.history.undone.get(made.id),
            breaks=tuple(sorted(self.break_ids)),
        )

    def _observations(self) -> Iterator[ObservationTold]:
        cited = self.event.evidence if isinstance(self.event, BreakMoved) else ()
        for position in sorted({*cited, self.event.cause}):
            event = at(self.past, position)
            if isinstance(event, Observed):
                yield self._observation(position, event)

    def _observation(self, position: int, event: Observed) -> ObservationTold:
        digest = event.raw_digest
        kept = bool(digest) and self.past.has_raw(digest)
        return ObservationTold(
            position=position,
            surface=event.surface,
            asked_at=iso(event.asked.at_ns),
            received_at=iso(event.at.at_ns),
            took_ms=max(0, event.at.tick_ns - event.asked.tick_ns) // 1_000_000,
            completeness=event.completeness,
            why=event.why,
            says=self._says(position, event),
            refused=len(event.refused),
            raw="none" if not digest else "present" if kept else "missing",
            raw_digest=digest.hex(),
        )

    def _says(self, position: int, event: Observed) -> str:
        if event.surface == "fills":
            ours = [one.execution_id for one in event.executions if one.symbol == self.symbol]
            names = ", ".join(ours[:5]) + (f" and {len(ours) - 5} more" if len(ours) > 5 else "")
            return f"lists {len(ours)} executions on {self.symbol}" + (f": {names}" if ours else "")
        if event.surface in ("open_orders", "order"):
            return self._says_of_order(position, event)
        answer = next((one for one in self.history.answers if one.position == position), None)
        if event.surface != "positions" or answer is None:
            return f"was asked about {event.surface}"
        if not answer.mentions:
            return "says nothing of it"
        return "does not list it" if answer.row is None else f"lists it: {described(answer.row)}"

    def _says_of_order(self, position: int, event: Observed) -> str:
        answer = next(one for one in self.history.orders.answers if one.position == position)
        if not answer.mentions:
            return "says nothing of it"
        row = answer.row
        if row is None:
            return "does not find it" if event.surface == "order" else "does not list it"
        filled = "" if row.filled is None else f", filled {plain(row.filled)}"
        return f"states it: {said_order(row)}, {row.raw_status or row.status.value}{filled}"

    def _changes(self) -> tuple[ChangeTold, ...]:
        before = [one for one in self.history.changes if one.position < self.target.position]
        return tuple(before[-CHANGES_TOLD_MAX:])

    def _considered(self) -> Iterator[ConsideredTold]:
        fact = self.fact
        if self.of == "order" or not isinstance(fact, Observed):
            yield from steps_weighed(self.moves, self.break_ids)
            if isinstance(fact, CommandGiven):
                said = f"{fact.who} said {fact.name}: {fact.why}"
                at_position = (self.event.cause,)
                yield ConsideredTold(what="an operator's word", finding="counted", why=said, positions=at_position)
        elif self.moves:
            yield from considered(self.history, self.moves, self.break_ids, self.judged, fact, self.event.key)
        if self.done is not None:
            yield from rejected(self.done)


def _steps_of(target: Target, event: BreakMoved | FillAdopted) -> tuple[Step, ...]:
    """The steps in question: of a break its own, of a correction those of the breaks that it ended."""
    if isinstance(event, FillAdopted):
        return ()
    if target.what == "break":
        return tuple(step for step in event.steps if step.break_id == target.id)
    ended = {step.break_id for step in event.steps if step.state == "corrected"}
    return tuple(step for step in event.steps if step.break_id in ended and step.state == "corrected")


def _sides(said: list[tuple[str | None, str | None]]) -> str | None:
    """`long 0.2`; of several fields `quantity 2, stop none`; None where that side has nothing."""
    latest = dict(said)  # of one field's steps the last
    parts = [value if field is None else f"{field} {value}" for field, value in latest.items() if value is not None]
    return ", ".join(parts) or None


def _held_said(held: Holding | BookOrder | None) -> str | None:
    if held is None:
        return None
    if isinstance(held, BookOrder):
        return f"{said_order(held)}, {held.raw_status or held.status.value}, filled {plain(held.filled)}"
    stop = "" if held.stop is None else f", stop {stop_said(held.stop)}"
    return f"{described(held)}{stop}, owned by {held.strategy}"


def _name(of: str, symbol: str, ticket: str | None) -> str:
    return f"order {ticket} on {symbol}" if of == "order" else named(symbol, ticket)


def _verdict(subject: Subject) -> str:
    if subject.what == "correction":
        return subject.why
    name = _name(subject.of, subject.symbol, subject.ticket)
    sides = f"book {subject.book or 'nothing'}, broker {subject.broker or 'nothing'}"
    return f"{subject.kind} of {name} {subject.state} ({sides}): {subject.why}"


def _policy_said(policy: Policy, adopted: int) -> str:
    return f"{policy.preset} ({policy.mark.hex()}), in force since {adopted}"


def _causes_told(done: Examined) -> tuple[CauseTold, ...]:
    return tuple(
        CauseTold(
            cause=one.cause,
            strength=one.strength,
            ambiguous=one.ambiguous,
            why=one.why,
            executions=one.executions,
            orders=one.orders,
            positions=one.positions,
            warnings=one.warnings,
        )
        for one in done.proposals
    )


def _worth_told(facts: BreakFacts, rate: Rate | None) -> WorthTold:
    found = worth(facts.delta, price_of(facts), facts.policy.instruments.get(facts.symbol), rate)
    return WorthTold(
        amount=None if found.amount is None else plain(found.amount), currency=found.currency, why=found.why
    )
