"""How is it told what another policy would have decided: the rows, both worlds' ends, and what cannot be known?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from trueup.policy import Policy
from trueup.replay import Otherwise, Row, Told, Undecided, WorldTold, plainly
from trueup.report import iso
from trueup_adapters.cli.output import note, say, table

SHOWN_MAX: Final = 50
CHANGES: Final = ("avoided", "added", "earlier", "later")


def otherwise_shown(found: Otherwise, policy: Policy, position: int) -> dict[str, Any]:
    """The whole answer, as a program reads it."""
    return {
        "account": found.account,
        "position": position,
        "policy": {"preset": policy.preset, "digest": policy.digest.hex()},
        "events": found.events,
        "inputs": found.inputs,
        "decisions": found.decisions,
        "identical": not found.compared.rows,
        "same": found.compared.same,
        "counts": counted(found),
        "differences": [_row(one) for one in found.compared.rows],
        "undetermined": list(_undetermined(found)),
        "asked": found.asked,
        "unasked": found.unasked,
        "set_aside": found.set_aside,
        "unsent": len(found.unsent),
        "worlds": {"recorded": found.recorded, "replayed": found.replayed},
    }


def counted(found: Otherwise) -> dict[str, int]:
    """How many corrections each change concerns."""
    changes = [one.change for one in found.compared.rows]
    return {change: changes.count(change) for change in CHANGES}


def _row(one: Row) -> dict[str, Any]:
    fields = msgspec.structs.asdict(one)
    return fields | {"recorded": _told(one.recorded), "replayed": _told(one.replayed)}


def _told(one: Told | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "position": one.position,
        "at": iso(one.at_ns),
        "outcome": one.outcome,
        "book": one.book,
        "broker": one.broker,
        "why": one.why,
    }


def _undetermined(found: Otherwise) -> Iterator[dict[str, Any]]:
    for one in found.compared.undetermined:
        yield {"what": "break"} | msgspec.structs.asdict(one) | {"recorded": _told(one.recorded)}
    for action in found.unsent:
        why = "this policy would have asked it of the broker, and the recording never did"
        yield {"what": "action", "position": action.position, "client_id": action.client_id, "why": why} | {
            name: value for name, value in plainly(action.terms).items() if value is not None
        }
    for knob, why in found.unseen.items():
        yield {"what": "knob", "knob": knob, "why": why}


# -- for people --------------------------------------------------------------------------------------------


def tell_otherwise(found: Otherwise, policy: Policy) -> None:
    """The same for a person."""
    rows = found.compared.rows
    if rows:
        table(
            ("position", "would be", "kind", "symbol", "ticket", "field", "recorded", "replayed", "why"),
            (_line(one) for one in rows[:SHOWN_MAX]),
            right=("position", "ticket"),
        )
        if len(rows) > SHOWN_MAX:
            note(f"and {len(rows) - SHOWN_MAX:,} more; --json has them")
    for one in found.compared.undetermined[:SHOWN_MAX]:
        note(f"undetermined: {_named(one)} at {one.position}: {one.why}")
    if len(found.compared.undetermined) > SHOWN_MAX:
        note(f"and {len(found.compared.undetermined) - SHOWN_MAX:,} more; --json has them")
    for knob, why in found.unseen.items():
        note(f"undetermined: {knob} is another, but {why}")
    if found.set_aside or found.unsent:
        note(
            f"{found.set_aside} outcomes of actions it did not request were set aside; "
            f"{len(found.unsent)} that it did were never sent"
        )
    table(
        ("world", "corrections", "wrong", "standing", "to a human", "final book and broker"),
        (_world(name, one) for name, one in (("recorded", found.recorded), ("replayed", found.replayed))),
        right=("corrections", "wrong", "standing", "to a human"),
    )
    counts = ", ".join(f"{count:,} {change}" for change, count in counted(found).items() if count)
    what = f"{found.account} under {policy.preset} ({policy.mark.hex()}): {found.compared.same:,} corrections the same"
    undetermined = len(found.compared.undetermined)
    rest = ", ".join(filter(None, (counts, f"{undetermined:,} undetermined" if undetermined else "")))
    say(f"{what}{', ' + rest if rest else ', and no other'}", "yellow" if rows else "green")


def _line(one: Row) -> tuple[str | None, ...]:
    return (
        str(one.position),
        _moved(one),
        one.kind,
        one.symbol,
        one.ticket,
        one.field,
        _at(one.recorded),
        _at(one.replayed),
        one.why,
    )


def _moved(one: Row) -> str:
    if one.by_ms is None:
        return one.change
    return f"{'' if one.certain else 'at most '}{seconds(one.by_ms)} {one.change}"


def _at(one: Told | None) -> str | None:
    return None if one is None else f"{one.outcome} at {one.position}"


def _named(one: Undecided) -> str:
    where = f"{one.symbol} #{one.ticket}" if one.ticket else one.symbol
    return f"{one.kind} of {one.field}, {where}" if one.field else f"{one.kind}, {where}"


def _world(name: str, one: WorldTold) -> tuple[str, ...]:
    end = one.ending
    if end.agrees is None:
        said = "the broker never answered completely"
    elif end.agrees:
        said = "agree"
    else:
        said = f"differ in {end.differing:,}"
    if end.unverified:
        said += f" ({end.unverified:,} not verified since)"
    return (name, f"{one.corrections:,}", f"{one.wrong:,}", f"{one.standing:,}", f"{one.escalated:,}", said)


def seconds(ms: int) -> str:
    """`2.5 s`, exactly."""
    whole, rest = divmod(ms, 1000)
    return f"{whole:,}{f'.{rest:03}'.rstrip('0') if rest else ''} s"
