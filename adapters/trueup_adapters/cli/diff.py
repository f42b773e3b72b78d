"""`trueup diff`: what differs between two moments of one journal, on both sides, and which events did it?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

import typer

from trueup.audit import AuditEntry, entry
from trueup.errors import InputError
from trueup.facts import Fact
from trueup.journal import JournalReader, Recorded
from trueup.replay import Between, Changed, differences_between
from trueup.report import iso
from trueup_adapters.cli.exits import DONE, FOUND
from trueup_adapters.cli.holdings import Time, changes_happened, happened_in
from trueup_adapters.cli.options import Account, Json, Store
from trueup_adapters.cli.output import busy, give, note, say, table
from trueup_adapters.cli.stores import Moment, moment_of, reading

SHOWN_MAX: Final = 50
_WHEN: Final = "A time, ISO 8601 in UTC, or a journal position."


def diff(
    first: Annotated[str, typer.Argument(metavar="FROM", help=_WHEN)],
    second: Annotated[str, typer.Argument(metavar="TO", help=_WHEN)],
    store: Store,
    account: Account = None,
    time: Time = "learned",
    as_json: Json = False,
) -> int:
    """What appeared, vanished or changed between two moments, on both sides, and by which events. 1 where anything."""
    if time == "happened":
        return _happened(store, account, first, second, as_json)
    with reading(store, account) as reader:
        one, other = (_moment(reader, text) for text in (first, second))
        if one.position > other.position:
            raise InputError(
                f"{first} (position {one.position}) lies behind {second} (position {other.position}); "
                "give the earlier moment first"
            )
        with busy("holding the two moments against each other"):
            between = differences_between(reader, one.position, other.position)
        ends = [_end(reader, moment) for moment in (one, other)]
        name = reader.account
    for moment in (one, other):
        if moment.note is not None:
            note(moment.note)
    changed = between.changed()
    if as_json:
        give(_shown(name, ends, between, changed))
    else:
        _for_people(name, ends, between, changed)
    return FOUND if changed else DONE


def _happened(store: str, account: str | None, first: str, second: str, as_json: bool) -> int:
    """The book at both times by when its fills happened, with all that is known today."""
    with reading(store, account) as reader:
        name, head = reader.account, reader.head().position
        changed = changes_happened(reader, happened_in(reader, [first, second], head))
    if as_json:
        ends = ({"position": None, "at": when} for when in (first, second))
        book = {"positions": changed, "orders": []}
        give({"account": name, "from": next(ends), "to": next(ends), "identical": not changed, "book": book})
        return FOUND if changed else DONE
    if changed:
        rows = (
            ("book", "position", one["key"], one["change"], _size(one["before"]), _size(one["after"]), _by(one))
            for one in changed[:SHOWN_MAX]
        )
        table(("side", "what", "key", "change", "before", "after", "by"), rows)
        if len(changed) > SHOWN_MAX:
            note(f"and {len(changed) - SHOWN_MAX:,} more; --json has them")
    said = f"{len(changed):,} positions came about otherwise" if changed else "the book was the same"
    say(f"{name} from {first} to {second}, by when fills happened: {said}", "yellow" if changed else "green")
    return FOUND if changed else DONE


def _size(row: Any) -> str | None:
    return None if row is None else f"{row['side']} {row['quantity']}"


def _by(one: dict[str, Any]) -> str:
    lines = [f"{told['position']}: {told['sentence']}" for told in one["events"]]
    more = one["events_count"] - len(lines)
    return "\n".join([*lines[:-1], f"and {more} more", *lines[-1:]] if more > 0 else lines)


def _moment(reader: JournalReader, text: str) -> Moment:
    if text.isascii() and text.isdigit():
        return moment_of(reader, None, int(text))
    return moment_of(reader, text, None)


def _end(reader: JournalReader, moment: Moment) -> dict[str, Any]:
    """A moment as it is told: its position, and when the input there had come."""
    if not moment.position:
        return {"position": 0, "at": None}
    event = reader.event(moment.position)
    at_ns = event.at.at_ns if isinstance(event, Fact) else event.at_ns
    return {"position": moment.position, "at": iso(at_ns)}


def _shown(name: str, ends: list[dict[str, Any]], between: Between, changed: list[Changed]) -> dict[str, Any]:
    sides: dict[str, dict[str, list[dict[str, Any]]]] = {
        side: {"positions": [], "orders": []} for side in ("book", "broker")
    }
    for one in changed:
        sides[one.side][one.of + "s"].append(
            {
                "key": one.key,
                "change": one.change,
                "fields": one.fields,
                "before": one.before,
                "after": one.after,
                "events": [_event(told) for told in _told(between, one)],
                "events_count": one.events_count,
            }
        )
    return {"account": name, "from": ends[0], "to": ends[1], "identical": not changed, **sides}


def _event(told: AuditEntry) -> dict[str, Any]:
    return {"position": told.position, "at": told.at, "name": told.name, "sentence": told.sentence}


def _told(between: Between, one: Changed) -> Iterable[AuditEntry]:
    return (entry(Recorded(position, between.noted[position], b"")) for position in one.events)


def _for_people(name: str, ends: list[dict[str, Any]], between: Between, changed: list[Changed]) -> None:
    if changed:
        table(
            ("side", "what", "key", "change", "before", "after", "by"),
            (_line(between, one) for one in changed[:SHOWN_MAX]),
        )
        if len(changed) > SHOWN_MAX:
            note(f"and {len(changed) - SHOWN_MAX:,} more; --json has them")
    span = f"{name} from {ends[0]['position']} to {ends[1]['position']}"
    if changed:
        say(f"{span}: {len(changed):,} positions and orders differ", "yellow")
    else:
        say(f"{span}: neither side differs", "green")


def _line(between: Between, one: Changed) -> tuple[str | None, ...]:
    by = [f"{told.position}: {told.sentence}" for told in _told(between, one)]
    more = one.events_count - len(one.events)
    if more:
        by.insert(-1, f"and {more} more")
    return (
        one.side,
        one.of,
        one.key,
        one.change,
        _said(one, one.before),
        _said(one, one.after),
        "\n".join(by),
    )


def _said(one: Changed, row: Any) -> str | None:
    """What differs, or, of what is there on one side only, what it is."""
    if row is None:
        return None
    names = one.fields or tuple(name for name in ("side", "quantity", "price", "status") if row.get(name) is not None)
    return ", ".join(f"{name} {'unknown' if row[name] is None else row[name]}" for name in names)
