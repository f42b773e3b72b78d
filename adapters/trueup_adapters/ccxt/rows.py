"""How is a list of somebody else's rows judged so that none is lost and none is guessed?

Every row ends as exactly one of three: read, refused with a reason (L42), or *not ours*: a row that was never about
this account's positions, orders or executions, such as a flat position or a funding payment (L45). Rows that
contradict each other are refused together, for either could be the true one (law 13).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, TypeAlias, TypeVar, cast

import msgspec

from trueup.errors import InputError
from trueup.model import Refusal, name_of

Row: TypeAlias = Mapping[str, object]
Read = TypeVar("Read")

UNREAD: Final = "trueup_unread"
"""The cell of a row that ccxt could not read, with its reason (see `guarding`)."""
WHY_MAX: Final = 300
"""The longest text of the outside's that is repeated in a reason."""


class BadRow(Exception):
    """A row cannot be used; the text says which cell and why. Never leaves this package."""


class NotOurs(Exception):
    """A row states nothing that is looked for; the text says what it is instead. Never leaves this package."""


def row_in(value: object) -> Row | None:
    """`value` as a row; None for anything else."""
    return cast(Row, value) if isinstance(value, Mapping) else None


def list_in(value: object) -> list[object] | None:
    """`value` as a list; None for anything else."""
    return cast("list[object]", value) if isinstance(value, list) else None


class SetAside(msgspec.Struct, frozen=True):
    """One row that states nothing that was asked for: which, and what it is instead."""

    row: int
    """Its place in the list, from 1."""
    why: str


class Judged(msgspec.Struct, Generic[Read], frozen=True):
    """Every row of a list, in one of three places: none is lost (L03)."""

    read: tuple[Read, ...]
    refused: tuple[Refusal, ...]
    set_aside: tuple[SetAside, ...]


def judge(
    rows: Sequence[object],
    read: Callable[[Row], Read],
    named: Callable[[Read], str],
    scope: Callable[[Row], str | None],
) -> Judged[Read]:
    """Every row, judged on its own and then against those of the same name. Pure; never raises for a row.

    read   a row's reading; raises BadRow or NotOurs
    named  what two readings of one and the same thing share
    scope  the symbol of a row that is refused, as far as it can be read, so that the right scope is closed

    A repeat in the same words is refused, rows of one name in other words are refused together (L29).
    """
    found: list[tuple[int, Read]] = []
    refused: list[Refusal] = []
    set_aside: list[SetAside] = []
    for place, given in enumerate(rows, 1):
        row = row_in(given)
        if row is None:
            refused.append(Refusal(place, f"it is {printable(repr(given))[:40]}, not a row"))
            continue
        try:
            if UNREAD in row:
                raise BadRow(f"ccxt could not read it: {printable(str(row[UNREAD]))}")
            found.append((place, read(row)))
        except NotOurs as other:
            set_aside.append(SetAside(place, str(other)))
        except BadRow as bad:
            refused.append(Refusal(place, _told(row, str(bad)), scope(row)))
    kept = _without_twins(found, refused, rows, named, scope)
    refused.sort(key=lambda refusal: refusal.row)
    return Judged(kept, tuple(refused), tuple(set_aside))


def _without_twins(
    found: Sequence[tuple[int, Read]],
    refused: list[Refusal],
    rows: Sequence[object],
    named: Callable[[Read], str],
    scope: Callable[[Row], str | None],
) -> tuple[Read, ...]:
    groups: dict[str, list[tuple[int, Read]]] = {}
    for place, one in found:
        groups.setdefault(named(one), []).append((place, one))
    kept: list[tuple[int, Read]] = []
    for name, those in groups.items():
        same = all(one == those[0][1] for _, one in those)
        if same:
            kept.append(those[0])
        why = f"{name} was listed before, in the same words" if same else f"{name} is listed again, in other words"
        for place, _ in those[1:] if same else those:
            row = row_in(rows[place - 1])
            refused.append(Refusal(place, why, None if row is None else scope(row)))
    kept.sort(key=lambda pair: pair[0])
    return tuple(one for _, one in kept)


def _told(row: Row, why: str) -> str:
    """A reason, with the row's own id where it has one that can be read."""
    own = readable(row.get("id"))
    return why if own is None or own in why else f"{own}: {why}"


# -- cells that are text -----------------------------------------------------------------------------------


def readable(value: object) -> str | None:
    """`value` as a name if it is a usable one, for a refusal to mention."""
    try:
        return name_of(value, what="name")
    except InputError:
        return None


def printable(text: str) -> str:
    """The outside's own words, bounded and without anything that a terminal or a channel would act on (L60)."""
    return "".join(c if c.isprintable() else " " for c in text[:WHY_MAX]).strip()


def id_cell(value: object, what: str) -> str | None:
    """An id as text, whatever its shape (L45); None where there is none. Raises BadRow for what can be no id."""
    if value is None or value == "":
        return None
    try:
        return name_of(value, what=what)
    except InputError as error:
        raise BadRow(printable(f"its {error}")) from error


def when_cell(row: Row, *names: str) -> str | None:
    """The first of the exchange's own times that is there, as it came: evidence, never order (L46)."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and 0 < len(value) <= 64 and value.isprintable():
            return value
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**19:
            return str(value)
    return None


def word(value: object) -> str:
    """A word in lower case without its punctuation, so that `REDUCE_ONLY` and `reduceOnly` are one; '' for none."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return "".join(c for c in text.lower() if c.isalnum())


def raw_cells(row: Row) -> dict[str, object]:
    """The cells of the exchange's own row (ccxt's `info`), by the word of their name."""
    info = row_in(row.get("info"))
    return {} if info is None else {word(name): cell for name, cell in info.items()}
