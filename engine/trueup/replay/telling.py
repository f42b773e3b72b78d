"""What is in an event, in plain words that name every field, and where do two of them differ?

Generic: a decision of a class that this module has never heard of is told like any other. Numbers are told as they are
stored (`1.0` is not `1` here): two events that differ must never look alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Final, cast

import msgspec

from trueup.events import Event, name_of_event

FIELDS_MAX: Final = 20
"""Differing fields that are named; it is said how many more there are (law 12)."""


def told(event: Event) -> dict[str, Any]:
    """The event as one flat table of plain values, its name under `event`."""
    return {"event": name_of_event(event), **_fields(event)}


def plainly(value: object) -> Any:
    """A stored value as JSON can say it: structs as tables, exact numbers as text, bytes as hexadecimal digits."""
    if isinstance(value, msgspec.Struct):
        return _fields(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list):
        return [plainly(one) for one in cast("Sequence[object]", value)]
    if isinstance(value, Mapping):
        return {str(key): plainly(one) for key, one in cast("Mapping[object, object]", value).items()}
    return value


def _fields(struct: msgspec.Struct) -> dict[str, Any]:
    return {name: plainly(getattr(struct, name)) for name in struct.__struct_fields__}


def differing(recorded: Event | None, replayed: Event | None) -> tuple[str, ...]:
    """Where two events differ: `steps[0].why: 'a' -> 'b'`, in the order of their fields."""
    if recorded is None or replayed is None:
        one = recorded or replayed
        which = "" if one is None else name_of_event(one)
        return (f"{which} is missing in the {'recording' if recorded is None else 'replay'}",)
    if type(recorded) is not type(replayed):
        return (f"{name_of_event(recorded)} -> {name_of_event(replayed)}",)
    found = list(_paths("", told(recorded), told(replayed)))
    more = len(found) - FIELDS_MAX
    return (*found[:FIELDS_MAX], f"and {more} more fields") if more > 0 else tuple(found)


def _paths(path: str, one: object, other: object) -> Iterator[str]:
    if one == other:
        return
    ours, theirs = _parts(one), _parts(other)
    if ours is None or theirs is None or ours.keys() != theirs.keys():
        yield f"{path}: {one!r} -> {other!r}"
        return
    for name, part in ours.items():
        below = f"[{name}]" if isinstance(one, list) else f".{name}" if path else str(name)
        yield from _paths(path + below, part, theirs[name])


def _parts(value: object) -> dict[Any, object] | None:
    """What a table or a list is made of, by name or place; None for a single value."""
    if isinstance(value, dict):
        return cast("dict[Any, object]", value)
    return dict(enumerate(cast("list[object]", value))) if isinstance(value, list) else None
