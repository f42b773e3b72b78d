"""What was weighed before a break was decided: what waited, what counted, what did not, and what would have changed it?

Made from what the journal keeps (the steps of the break with their reasons, every answer about positions in between)
and from the same rules that decided, asked again of the state of that moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trueup.causes import Examined
from trueup.decisions import BreakMoved, BreakOf, Step
from trueup.facts import Observed
from trueup.model import Key, elapsed_ns, plain
from trueup.reconciliation.absence import count
from trueup.reconciliation.settling import unsettled
from trueup.reconciliation.state import State
from trueup.telling.history import Answered, History
from trueup.telling.told import ConsideredTold, Finding, seconds

ANSWERS_TOLD_MAX = 20
"""Answers that did not count, told one by one; of the rest their number."""
REJECTED_MAX = 20


def considered(
    history: History,
    moves: Sequence[tuple[int, BreakMoved]],
    break_ids: frozenset[str],
    judged: State,
    fact: Observed,
    key: Key,
) -> tuple[ConsideredTold, ...]:
    """Everything that was weighed, in the order in which it happened."""
    told = [
        *steps_weighed(moves, break_ids),
        *_uncounted(history, moves, judged),
        *_settled(judged, fact, key, moves[-1][1].symbol),
        *_mass(history, judged, fact, key, moves),
        *_attempts(judged, key),
    ]
    return tuple(sorted(told, key=_first_position))


def _first_position(one: ConsideredTold) -> int:
    return one.positions[0] if one.positions else 1 << 62


def rejected(done: Examined) -> Iterator[ConsideredTold]:
    """The evidence for causes that was turned away, with the reason."""
    for one in done.rejected[:REJECTED_MAX]:
        yield ConsideredTold(what=f"cause: {one.what}", finding="rejected", why=one.why, positions=one.positions)
    if len(done.rejected) > REJECTED_MAX:
        more = len(done.rejected) - REJECTED_MAX
        yield ConsideredTold(what=f"cause: {more} more", finding="rejected", why="for reasons like these")


def steps_weighed(moves: Sequence[tuple[int, BreakMoved]], break_ids: frozenset[str]) -> Iterator[ConsideredTold]:
    """Each step of these breaks, with its reason."""
    for position, move in moves:
        for step in move.steps:
            if step.break_id in break_ids:
                yield _step(position, move, step)


def _step(position: int, move: BreakMoved, step: Step) -> ConsideredTold:
    field = "" if step.field is None else f" of {step.field}"
    if step.state in ("opened", "seen"):
        finding: Finding = "counted" if step.sightings else "waited"
        counted = f"sighting {step.sightings}" if step.sightings else "no sighting yet"
        what = f"{step.kind}{field} {'first seen' if step.state == 'opened' else 'seen again'}, {counted}"
        return ConsideredTold(what=what, finding=finding, why=step.why, positions=(move.cause, position))
    why = step.why or f"{step.sightings} independent answers said the very same"
    what = f"{step.kind}{field} {step.state}"
    return ConsideredTold(what=what, finding="counted", why=why, positions=(move.cause, position))


# -- answers that did not count ----------------------------------------------------------------------------


def _uncounted(history: History, moves: Sequence[tuple[int, BreakMoved]], judged: State) -> Iterator[ConsideredTold]:
    """The answers between the first sight and the verdict that moved nothing, each with the reason."""
    spoke = {move.cause for _, move in moves}
    first = moves[0][1].cause
    between = [one for one in history.answers if first < one.position <= judged.position and one.position not in spoke]
    counted = [one for one in history.answers if one.position in spoke]
    for one in between[:ANSWERS_TOLD_MAX]:
        yield ConsideredTold(
            what=f"the answer at {one.position}",
            finding="not counted",
            why=_why_not(one, counted, judged),
            positions=(one.position,),
        )
    if len(between) > ANSWERS_TOLD_MAX:
        more = len(between) - ANSWERS_TOLD_MAX
        last = between[-1].position
        yield ConsideredTold(
            what=f"{more} more answers", finding="not counted", why="for reasons like these", positions=(last,)
        )


def _why_not(one: Answered, counted: Sequence[Answered], judged: State) -> str:
    if one.completeness not in ("complete", "partial"):
        return f"it brought nothing ({one.why}), and that is evidence of nothing"
    if not one.mentions:
        return f"it was partial ({one.why}) and does not mention the key, which says nothing of it"
    earlier = [other for other in counted if other.position < one.position]
    needed_ns = judged.spacing_ns("positions")
    apart_ns = elapsed_ns(earlier[-1].received, one.asked)
    if apart_ns < needed_ns:
        return (
            f"it was asked {seconds(max(0, apart_ns))} after the answer at {earlier[-1].position} had arrived, and one "
            f"stale source may have fed both: at least {seconds(needed_ns)} are needed"
        )
    return "it changed nothing: the key was still unsettled, or held back, or with a human already"


# -- what could have held it -------------------------------------------------------------------------------


def _settled(judged: State, fact: Observed, key: Key, symbol: str) -> Iterator[ConsideredTold]:
    settle_ns = judged.settle_ns("positions")
    slot = judged.slot(key)
    why_not = unsettled(judged, slot, symbol, fact.asked, settle_ns)
    if why_not is not None:
        yield ConsideredTold(what="is the key settled?", finding="waited", why=why_not, positions=(judged.position,))
        return
    since = "the book never changed it"
    if slot is not None:
        quiet = seconds(elapsed_ns(slot.changed, fact.asked))
        needed = seconds(settle_ns)
        since = f"the book had last changed it at {slot.position}, {quiet} before the question ({needed} needed)"
    why = f"settled: {since}; no order on {symbol} is in flight"
    yield ConsideredTold(what="is the key settled?", finding="passed", why=why, positions=(judged.position,))


def _mass(
    history: History, judged: State, fact: Observed, key: Key, moves: Sequence[tuple[int, BreakMoved]]
) -> Iterator[ConsideredTold]:
    """Whether too much of the book was gone at once; asked for ghosts only."""
    last = moves[-1]
    if last[1].steps[-1].kind != "ghost":
        return
    for position, hold in history.holds:
        if moves[0][1].cause <= position <= last[0]:
            finding: Finding = "held" if hold.state == "held" else "passed"
            yield ConsideredTold(
                what=f"mass absence {hold.state}", finding=finding, why=hold.why, positions=(position,)
            )
    counted = count(judged, fact, sorted(judged.book))
    allowed = plain(judged.policy.mass_absence_fraction_max)
    gone = f"{len(counted.missing)} of {counted.base} positions missing"
    if key in judged.acknowledged:
        gone = f"acknowledged as gone; besides {gone}"
    found: Finding = "passed"
    if counted.is_mass(judged):
        why, found = f"{gone}, more than {allowed} of them", "held"
    elif counted.base < judged.policy.mass_absence_count_min:
        why = f"{gone}: the book is too small for the rule, which begins at {judged.policy.mass_absence_count_min}"
    else:
        why = f"{gone}, not more than {allowed} of them"
    yield ConsideredTold(what="is it a mass absence?", finding=found, why=why, positions=(judged.position,))


def _attempts(judged: State, key: Key) -> Iterator[ConsideredTold]:
    slot = judged.slot(key)
    if slot is not None and slot.corrections:
        allowed = judged.policy.correction_attempts_max
        why = f"{len(slot.corrections)} corrections of it are remembered; {allowed} that do not hold go to a human"
        yield ConsideredTold(what="does a repair hold?", finding="passed", why=why, positions=(judged.position,))


# -- what would have changed it ----------------------------------------------------------------------------


def would_change(of: BreakOf, kind: str, state: str, judged: State, name: str) -> tuple[str, ...]:
    """What evidence, or which rule, would have led to another verdict.

    state  how far the break has come: corrected, escalated, opened, cleared
    """
    if of == "order":
        return tuple(_order_would_change(kind, judged, name))
    if kind == "missed-fill":
        return (
            f"a record of that execution by the process before the broker's answer: then {name} would have moved by it",
            "an earlier correction that had inferred that quantity: then the execution would have claimed it instead",
        )
    return tuple(_would_change(kind, state, judged, name))


def _would_change(kind: str, state: str, judged: State, name: str) -> Iterator[str]:
    policy = judged.policy
    needed = policy.confirmations if kind == "ghost" else 2
    settle = seconds(judged.settle_ns("positions"))
    if kind == "ghost":
        yield f"one answer that lists {name}, complete or partial, before {needed} complete ones had not: then no ghost"
        yield f"a failed or partial answer in place of one of the {needed}: it would not have counted"
    else:
        yield f"an answer that states {name} as the book holds it before the second that does not: then no {kind}"
        yield "an answer that states it differently again: the sightings would have begun anew"
    yield f"a fill, position or pending order of {name} recorded within {settle} of the question: a wait"
    wish: str = {"ghost": policy.on_ghost, "recovery": policy.on_recovery}.get(kind, policy.on_drift)
    if state == "corrected" and wish in ("quarantine", "alert"):
        yield f"no word of an operator: on_{kind} = {wish} leaves it to a human"
    elif state == "corrected":
        yield f"on_{kind} = quarantine or alert in place of {wish}: a human would have decided"
        if kind == "ghost":
            yield f"confirmations = {policy.confirmations + 1}: one more answer would have been needed"
    elif state == "escalated":
        yield f"a correcting policy in place of on_{kind} = {wish}, or corrections that hold"
    elif state == "opened":
        yield f"{needed} independent, settled answers that say the very same: they would decide it"


def _order_would_change(kind: str, judged: State, name: str) -> Iterator[str]:
    policy = judged.policy
    if kind == "ghost":
        yield f"a look-up by its id, or a list of working orders, that states {name}: then it is there"
        yield "executions of it among the fills: then it was filled, not lost"
        yield f"a look-up asked within {policy.action_queue_s_max} s of its record as pending: it would not count"
    elif kind == "recovery":
        yield f"a record of {name} by the process, with its id: then it is ours, and nobody's orphan"
        yield f"on_orphan_order other than {policy.on_orphan_order}"
    else:
        yield f"an answer that states {name} as the book holds it before the second that does not"
        yield f"on_drift other than {policy.on_drift}; what was filled or has ended is believed all the same"
