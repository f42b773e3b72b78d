"""Does the journal hold all that was acknowledged, in one unbroken chain, and does it replay?

Laws 1, 7, 8, 9 and 12, by our own arithmetic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from trueup.changes import Fill, OrderUpdate, PositionSet
from trueup.decisions import AlertRaised
from trueup.events import encode, name_of_event
from trueup.facts import ExecutionPushed, FillRecorded, Observed, OrderRecorded, PositionRecorded
from trueup.journal import verify
from trueup.reconciliation.saved import load, save
from trueup.simulation.check_values import Violation
from trueup.simulation.disk import ACCOUNT
from trueup.simulation.history import History, quantities
from trueup.simulation.loop import NS

if TYPE_CHECKING:
    from trueup.simulation.world import World

STATE_BYTES_MAX: Final = 400_000
"""More than a history of minutes can need in memory (law 12)."""
QUESTIONS_A_SECOND_MAX: Final = 12
"""Positions are asked for no more often than this by one process, whoever asks (law 12)."""
ALERTS_MAX: Final = 6
"""Alerts about one break: each but the first because it became twice as bad (L38)."""


def check_journal(world: World, history: History) -> Iterator[Violation]:
    """Laws 1, 7, 8, 9 and 12."""
    yield from _replays(world, history)
    yield from _nothing_lost(world, history)
    yield from _chained(world, history)
    yield from _gate_kept(world)
    yield from _one_writer(history)
    yield from _success_is_success(world, history)
    yield from _bounded(world, history)


# -- law 1 -------------------------------------------------------------------------------------------------


def _replays(world: World, history: History) -> Iterator[Violation]:
    """Deciding anew gives the same bytes, and the state in memory is what the journal adds up to."""
    for turn in history.turns:
        recorded = tuple((name_of_event(one), encode(one)) for one in turn.decisions)
        if recorded != turn.redone:
            yield Violation(1, f"input {turn.position} decides otherwise when it is decided again")
    if world.live is not None:
        mine, folded = save(world.live), save(history.state)
        if mine != folded:
            yield Violation(1, "the state in memory is not what the journal adds up to")
        if save(load(folded)) != folded:
            yield Violation(1, "a snapshot of the state does not give the state")


# -- law 7 -------------------------------------------------------------------------------------------------


def _nothing_lost(world: World, history: History) -> Iterator[Violation]:
    """What was acknowledged stands in the journal; what was corrected was told."""
    fills: set[str] = set()
    orders: set[tuple[str, str]] = set()
    sets: Counter[tuple[str, str | None, str]] = Counter()
    for turn in history.turns:
        fact = turn.fact
        if isinstance(fact, FillRecorded | ExecutionPushed):
            fills.add(fact.execution.execution_id)
        elif isinstance(fact, OrderRecorded):
            orders.add((fact.client_order_id, fact.status.value))
        elif isinstance(fact, PositionRecorded):
            sets[fact.symbol, fact.ticket, str(fact.signed_quantity.copy_abs().normalize())] += 1
    for kept in world.kept:
        change = kept.change
        if isinstance(change, Fill):
            missing = change.execution_id not in fills
        elif isinstance(change, OrderUpdate):
            missing = (change.client_order_id, getattr(change.status, "value", "")) not in orders
        else:
            missing = sets[_set(change)] <= 0
            sets[_set(change)] -= 1
        if missing:
            yield Violation(7, f"acknowledged at {kept.position}, and not in the journal: {change}")
    told = [change.correction_id for change in world.fed if change.correction_id is not None]
    if world.live is not None and told != history.told():
        yield Violation(7, f"of {len(history.told())} corrections the process was told {len(told)}")


def _set(change: PositionSet) -> tuple[str, str | None, str]:
    return change.symbol, change.ticket, str(Decimal(change.quantity).normalize())


# -- law 8 -------------------------------------------------------------------------------------------------


def _chained(world: World, history: History) -> Iterator[Violation]:
    """Each event's digest is made of the one before and its own bytes, by our own arithmetic; `verify` agrees."""
    previous = bytes(32)
    for place, (_, name, stream, version, state) in enumerate(history.stored, start=1):
        plain, digest = state[1:-34], state[-32:]
        parts = (previous, stream.encode(), None, name.encode(), plain)
        made = sha256(b"".join(_prefixed(part) if part is not None else version.to_bytes(8) for part in parts))
        if version != place:
            yield Violation(8, f"event {place} is called {version}")
        if digest != made.digest():
            yield Violation(8, f"event {version} does not follow from the one before")
        previous = digest
    report = verify(world.disk.url, ACCOUNT)
    for fault in report.faults:
        yield Violation(8, f"verify at {fault.position}: {fault.why}")


def _prefixed(part: bytes) -> bytes:
    return len(part).to_bytes(8) + part


# -- law 9 -------------------------------------------------------------------------------------------------


def _gate_kept(world: World) -> Iterator[Violation]:
    """Nothing that adds risk was permitted on evidence that did not support it; cancels always were."""
    for one in world.probes:
        if not one.cancel:
            yield Violation(9, f"a cancel on {one.symbol} was refused")
        if not one.permitted:
            continue
        if one.verified_ns is None:
            yield Violation(9, f"an order on {one.symbol} was permitted before any answer came")
        elif one.at_ns - one.verified_ns > one.age_ns_max:
            yield Violation(9, f"an order on {one.symbol} was permitted on an answer that was too old")
        if one.failing:
            yield Violation(9, f"an order on {one.symbol} was permitted while the journal could not be written")
        if one.differs:
            yield Violation(9, f"an order on {one.symbol} was permitted, though {one.differs}")
        if one.unread:
            yield Violation(9, f"an order on {one.symbol} was permitted, though {one.unread}")


def _one_writer(history: History) -> Iterator[Violation]:
    """Once another has claimed the account, the one before writes nothing any more."""
    for turn in history.turns:
        if turn.fact.at.epoch < turn.before.epoch:
            yield Violation(
                9, f"input {turn.position} is of epoch {turn.fact.at.epoch}, after {turn.before.epoch} began"
            )


def _success_is_success(world: World, history: History) -> Iterator[Violation]:
    """A pass that reports SUCCESS left nothing that differs (L51)."""
    last = {
        turn.fact.pass_number: turn
        for turn in history.turns
        if isinstance(turn.fact, Observed) and turn.position in history.answers
    }
    for _, _, report in world.reports:
        turn = last.get(report.pass_number)
        if report.status != "SUCCESS" or turn is None or turn.fact.at.epoch != turn.after.epoch:
            continue
        rows = {key: row.signed_quantity for key, row in history.answers[turn.position][1].items()}
        if rows != quantities(turn.after):
            yield Violation(2, f"pass {report.pass_number} reports SUCCESS, and the two sides differ")


# -- law 12 ------------------------------------------------------------------------------------------------


def _bounded(world: World, history: History) -> Iterator[Violation]:
    """Attempts, alerts, memory, and what a pass without news adds to the journal."""
    alerts: Counter[str] = Counter()
    for turn in history.turns:
        fact = turn.fact
        if isinstance(fact, Observed) and fact.attempts > turn.before.policy.retries_max + 1:
            yield Violation(12, f"observation {turn.position} took {fact.attempts} attempts")
        for one in turn.decisions:
            if isinstance(one, AlertRaised):
                alerts.update(one.breaks)
    yield from _patient(world)
    for name, count in sorted(alerts.items()):
        if count > ALERTS_MAX:
            yield Violation(12, f"break {name} was alerted {count} times")
    size = len(save(history.state))
    if size > STATE_BYTES_MAX:
        yield Violation(12, f"the state takes {size} bytes")
    if not history.state.breaks and not history.state.order_breaks:
        looks = [turn for turn in history.turns if isinstance(turn.fact, Observed)][-2:]
        for turn in looks:
            if turn.decisions:
                yield Violation(12, f"a pass without news decided something at {turn.position}")


def _patient(world: World) -> Iterator[Violation]:
    """Nobody asks the broker again and again for what no answer could settle yet."""
    asked = [one for one in world.said if one.surface == "positions"]
    for first, last in zip(asked, asked[QUESTIONS_A_SECOND_MAX:], strict=False):
        if first.process == last.process and last.asked_ns - first.asked_ns < NS:
            yield Violation(12, f"positions were asked for {QUESTIONS_A_SECOND_MAX + 1} times within a second")
            return
