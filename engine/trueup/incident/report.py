"""What happened in an excerpt, told to a person who has nothing but this page?

Plain text: what came from outside stays text, on its own line, and can neither mark anything up nor draw a line. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from trueup.audit import sentence
from trueup.events import Event, name_of_event
from trueup.facts import Fact
from trueup.journal import Recorded
from trueup.model import plain, side_of
from trueup.reconciliation.fold import fold
from trueup.reconciliation.state import State
from trueup.report import iso

EVENTS_TOLD_MAX: Final = 5_000
"""Events told one by one, the last of the excerpt; it is said how many came before (law 12)."""
LINE_MAX: Final = 400


def told(event: Event) -> str:
    """One event in one line."""
    line = "".join(one if one.isprintable() else " " for one in sentence(event))
    return line if len(line) <= LINE_MAX else line[: LINE_MAX - 3] + "..."


def report(before: State, events: Iterable[Recorded], *, heading: Iterable[str]) -> tuple[Iterator[str], State]:
    """The page's lines, and the state at the end of the excerpt.

    before   the state that the first event met
    """
    state, counts, lines = before, Counter[str](), list[str]()
    first_ns = last_ns = 0
    for recorded in events:
        event = recorded.event
        state = fold(state, [(recorded.position, event)])
        counts[name_of_event(event)] += 1
        at_ns = event.at.at_ns if isinstance(event, Fact) else event.at_ns
        first_ns, last_ns = first_ns or at_ns, at_ns
        mark = " " if isinstance(event, Fact) else ">"
        lines.append(f"{recorded.position:>9}  {iso(at_ns)}  {mark} {told(event)}")
        if len(lines) > 2 * EVENTS_TOLD_MAX:
            del lines[:EVENTS_TOLD_MAX]
    return _page(before, state, counts, lines[-EVENTS_TOLD_MAX:], list(heading), (first_ns, last_ns)), state


def _page(
    before: State, after: State, counts: Counter[str], lines: list[str], heading: list[str], span: tuple[int, int]
) -> Iterator[str]:
    yield from heading
    yield f"from {iso(span[0])} to {iso(span[1])}"
    yield f"policy at the end: {after.policy.preset}; positions keyed by {after.mode}"
    yield ""
    yield from _book("book before", before)
    yield from _book("book after", after)
    yield from _open(after)
    yield ""
    yield "events by name"
    for name in sorted(counts):
        yield f"{counts[name]:>9}  {name}"
    yield ""
    missing = counts.total() - len(lines)
    more = f"; {missing:,} earlier ones are in journal.jsonl only" if missing else ""
    yield f"what happened (> marks what trueup decided){more}"
    yield from lines


def _book(title: str, state: State) -> Iterator[str]:
    yield f"{title}: {len(state.book)} positions"
    for key in sorted(state.book):
        holding = state.book[key].holding
        if holding is not None:
            at = "" if holding.price is None else f" at {plain(holding.price)}"
            ticket = "" if holding.ticket is None else f" #{holding.ticket}"
            quantity = plain(holding.signed_quantity.copy_abs())
            yield f"           {holding.symbol}{ticket} {side_of(holding.signed_quantity)} {quantity}{at}"


def _open(state: State) -> Iterator[str]:
    found = [one for key in sorted(state.breaks) for one in state.breaks[key]]
    yield f"breaks open at the end: {len(found)}"
    for one in found:
        what = one.kind if one.field is None else f"{one.kind} of {one.field}"
        sides = f"book {one.book or 'nothing'}, broker {one.broker or 'nothing'}"
        yield f"           {one.symbol} {what}: {sides} ({one.state})"
