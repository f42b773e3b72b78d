"""What does one cell of a recorded row say, exactly, and what is wrong with it?

Numbers are kept as the text that stood in the file until they are judged (L35, L43); what cannot be meant is a
`BadCell` with a sentence, which costs its row and nothing else (L42). Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, cast

from trueup.errors import InputError
from trueup.model import ZERO, exact, name_of

SHOWN_MAX: Final = 60
TEXT_MAX: Final = 4_000
"""The longest free text (a reason, a time in the broker's words) that a row may hold (law 12)."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION: Final = re.compile(r"[.,](\d+)")
_YEARS: Final = (1970, 2200)

Cells = Mapping[str, object]


class BadCell(Exception):
    """Something that cannot be meant; the text says what and what to write. Never leaves this package."""


class NumberText(str):
    """A number exactly as it stood in the file: `1e400` and `NaN` too, which are judged row by row."""

    __slots__ = ()


class Object(dict[str, Any]):
    """A JSON object, and the first of its keys that it names more than once."""

    twice: str | None = None


def _object(pairs: list[tuple[str, Any]]) -> Object:
    made = Object(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        made.twice = next(name for name in names if names.count(name) > 1)
    return made


def parsed(text: str) -> object:
    """A JSON text with its numbers as `NumberText`, its objects as `Object`. Raises BadCell."""
    try:
        return json.loads(
            text, parse_float=NumberText, parse_int=NumberText, parse_constant=NumberText, object_pairs_hook=_object
        )
    except (ValueError, RecursionError) as error:
        raise BadCell(f"it is not JSON: {str(error)[:120]}") from error


def table(value: object, what: str) -> Object:
    """An object whose keys are named once each. Raises BadCell."""
    if not isinstance(value, Object):
        raise BadCell(f"{what} is {shown(value)}; it must be an object, {{...}}")
    if value.twice is not None:
        raise BadCell(f"{what} names `{value.twice}` twice, and nobody can say which is meant; keep one")
    return value


def listed(cells: Cells, name: str) -> list[object]:
    """A list, which must be there: one that is missing is not an empty one (L01). Raises BadCell."""
    value = cells.get(name)
    if not isinstance(value, list):
        said = "is missing" if name not in cells else f"is {shown(value)}"
        raise BadCell(f"its list `{name}` {said}; write [] where there is nothing")
    return cast("list[object]", value)


def shown(value: object) -> str:
    """A cell as it stood in the file, bounded and safe to print: text in quotes, every other character escaped."""
    if isinstance(value, NumberText):
        text = str(value)
    elif isinstance(value, dict | list):
        text = "an object" if isinstance(value, dict) else "a list"
    else:
        text = json.dumps(value)
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


# -- one cell each -----------------------------------------------------------------------------------------


def name(cells: Cells, field: str, *, needed: bool = False) -> str | None:
    """A symbol, ticket, id or strategy, as text (L45). Raises BadCell."""
    value = cells.get(field)
    if value is None or value == "":
        if needed:
            raise BadCell(f"it has no {field}; write one")
        return None
    if not isinstance(value, str):
        raise BadCell(f"its {field} is {shown(value)}; it must be text")
    try:
        return name_of(str(value), what=f"its {field}")
    except InputError as error:
        raise BadCell(str(error)) from error


def named(cells: Cells, field: str) -> str:
    """A name that must be there. Raises BadCell."""
    found = name(cells, field, needed=True)
    assert found is not None  # needed
    return found


def number(cells: Cells, field: str) -> Decimal | None:
    """An exact number; None where it is null or missing (L36). Raises BadCell."""
    value = cells.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadCell(f'its {field} is {shown(value)}, which is no number; write one such as "0.01"')
    try:
        return exact(str(value), what=f"its {field}")
    except InputError as error:
        raise BadCell(str(error)) from error


def quantity(cells: Cells, field: str = "quantity") -> Decimal:
    """A quantity, 0 or more: the side says the direction (L28). Raises BadCell."""
    found = number(cells, field)
    if found is None:
        raise BadCell(f'it has no {field}; write a number such as "0.01"')
    if found < ZERO:
        raise BadCell(f"its {field} is {shown(cells[field])}, which is negative; the direction belongs into `side`")
    return found or ZERO


def word(cells: Cells, field: str, allowed: tuple[str, ...]) -> str:
    """One of a few words. Raises BadCell."""
    value = cells.get(field)
    for one in allowed:
        if type(value) is str and value == one:
            return one
    said = f"it has no {field}" if field not in cells else f"its {field} is {shown(value)}"
    raise BadCell(f"{said}; it must be one of {', '.join(allowed)}")


def truth(cells: Cells, field: str) -> bool | None:
    """true or false; None where it is null or missing. Raises BadCell."""
    value = cells.get(field)
    if value is None or isinstance(value, bool):
        return value
    raise BadCell(f"its {field} is {shown(value)}; write true or false")


def text(cells: Cells, field: str) -> str:
    """Free text on one line, '' where it is null or missing. Raises BadCell."""
    value = cells.get(field)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise BadCell(f"its {field} is {shown(value)}; it must be text of at most {TEXT_MAX:,} characters")
    return " ".join(storable(str(value), f"its {field}").split())


def storable(value: str, what: str) -> str:
    """Text that UTF-8 can write; JSON's escapes can say halves of characters. Raises BadCell."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadCell(f"{what} is {shown(value)}, which holds half a character; nothing can store that") from error
    return value


def time_text(cells: Cells, field: str) -> str | None:
    """The broker's own time as the file has it: evidence, never order (L46), and never a reason to refuse a row."""
    value = cells.get(field)
    return str(value) if isinstance(value, str) and 0 < len(value) <= SHOWN_MAX and value.isprintable() else None


def time_ns(cells: Cells, field: str) -> int:
    """A moment as nanoseconds since 1970, from ISO 8601 in UTC with up to nine decimals. Raises BadCell."""
    value = cells.get(field)
    ask = "write ISO 8601 in UTC, like 2026-01-15T09:30:00.250Z"
    if not isinstance(value, str) or isinstance(value, NumberText):
        said = f"it has no `{field}`" if field not in cells else f"its `{field}` is {shown(value)}"
        raise BadCell(f"{said}; {ask}")
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise BadCell(f"its `{field}` is {shown(value)}, which is no time; {ask}") from error
    if when.tzinfo is None or when.utcoffset() != timedelta(0):
        raise BadCell(f"its `{field}` is {shown(value)}, which is not in UTC; {ask}")
    if not _YEARS[0] <= when.year < _YEARS[1]:
        raise BadCell(f"its `{field}` is {shown(value)}; times lie between the years {_YEARS[0]} and {_YEARS[1]}")
    whole = (when.replace(microsecond=0) - _EPOCH) // timedelta(seconds=1)
    fraction = _FRACTION.search(str(value))
    return max(1, whole * 1_000_000_000 + (0 if fraction is None else int(fraction[1][:9].ljust(9, "0"))))
