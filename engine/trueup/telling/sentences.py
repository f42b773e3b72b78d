"""How is an explanation read at three in the morning: in which order, in which words?

Plain lines under headings, the verdict first. The same explanation gives the same lines.
"""

from __future__ import annotations

from collections.abc import Iterator

from trueup.causes import Proposal
from trueup.explain import named
from trueup.telling.told import CauseTold, Explanation, ObservationTold


def lines(told: Explanation) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(heading, its lines), in the order in which somebody asks."""
    subject = told.subject
    yield f"{subject.what} {subject.id}", tuple(_head(told))
    yield "Why it came to differ", tuple(_causes(told))
    yield "What the broker was asked, and answered", tuple(_observation(one) for one in told.observations)
    yield "What our side had changed before", tuple(f"{one.position}  {one.at}  {one.what}" for one in told.changes)
    yield (
        f"Which rules were in force: {told.policy}",
        tuple(f"{one.name} = {one.value} ({one.source}): {one.meaning}" for one in told.rules),
    )
    yield (
        "What was weighed",
        tuple(f"{one.finding}: {one.what}{_at(one.positions)}: {one.why}" for one in told.considered),
    )
    yield "What would have changed the verdict", told.would_change


def _head(told: Explanation) -> Iterator[str]:
    subject = told.subject
    yield told.verdict
    name = named(subject.symbol, subject.ticket)
    if subject.of == "order":
        name = f"order {subject.ticket} on {subject.symbol}"
    yield f"{told.account}, {name}, at {subject.position}, {subject.at}"
    if subject.what == "correction":
        yield f"before: {subject.before or 'nothing'}"
        yield f"after: {subject.after or 'nothing'}"
    if subject.exit_reason is not None:
        yield f"exit reason: {subject.exit_reason}"
    if subject.compensates is not None:
        yield f"it undid correction {subject.compensates}"
    if subject.undone_by is not None:
        yield f"correction {subject.undone_by} undid it: it was wrong"


def _causes(told: Explanation) -> Iterator[str]:
    if not told.causes:
        yield "causes are sought for positions only"
    for one in told.causes:
        yield cause_said(one)
        yield from (f"look: {warning}" for warning in one.warnings)
    if told.worth is not None:
        currency = "" if told.worth.currency is None else f" {told.worth.currency}"
        amount = (
            "what it is worth is not known" if told.worth.amount is None else f"worth {told.worth.amount}{currency}"
        )
        yield f"{amount}: {told.worth.why}"


def cause_said(one: CauseTold | Proposal) -> str:
    """`stop hit (certain): execution 17 ... [41, 44]`."""
    doubt = ", and not the only one that fits" if one.ambiguous else ""
    if one.cause == "unexplained":
        return f"unexplained: {one.why}"
    return f"{one.cause.replace('_', ' ')} ({one.strength}{doubt}): {one.why}{_at(one.positions)}"


def _observation(one: ObservationTold) -> str:
    why = f" ({one.why})" if one.why else ""
    refused = f"; {one.refused} rows refused" if one.refused else ""
    raw = {"present": "the reply is kept", "missing": "the reply is not kept any more", "none": "nothing came"}[one.raw]
    return (
        f"{one.position}  {one.surface} asked {one.asked_at}, answered in {one.took_ms} ms, {one.completeness}{why}: "
        f"{one.says}{refused}; {raw}"
    )


def _at(positions: tuple[int, ...]) -> str:
    return f" [{', '.join(str(one) for one in positions)}]" if positions else ""
