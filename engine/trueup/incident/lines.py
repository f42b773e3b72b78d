"""What does one line of a recorded incident say, and if nothing, why?

    {"at": "2026-01-15T09:30:00Z", "kind": "snapshot", "surface": "positions", "complete": true, "positions": [...]}
    {"at": ..., "kind": "failure", "surface": "positions", "why": "no answer within 10 s"}
    {"at": ..., "kind": "local", "fill": {...}}        or "order", or "position" (quantity "0": closed)
    {"at": ..., "kind": "command", "name": "ack", "who": "ada", "why": "...", "arguments": {...}}

A line that cannot be meant is refused whole; of an answer's rows each is judged alone (L42). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, cast

import msgspec
from msgspec.structs import replace

from trueup.changes import Change, Command, Fill, OrderUpdate, PositionSet
from trueup.errors import InputError
from trueup.incident import cells, rows
from trueup.incident.cells import BadCell, Cells, NumberText, Object
from trueup.incident.rows import Rules
from trueup.model import Surface
from trueup.ports import Answer, Question, failed

KINDS: Final = ("snapshot", "failure", "local", "command")
LISTS: Final[dict[str, str]] = {
    "positions": "positions",
    "open_orders": "orders",
    "order": "orders",
    "fills": "fills",
}
"""Which list the snapshot of a surface carries."""
PARTIAL: Final = "the recording says that it is not complete"
_LOCALS: Final[dict[str, type[Change]]] = {"fill": Fill, "order": OrderUpdate, "position": PositionSet}
_NEEDED: Final = {
    name: tuple(one.name for one in msgspec.structs.fields(kind) if one.required) for name, kind in _LOCALS.items()
}
_MOMENTS: Final = ("at", "scheduled_for")


class Seen(msgspec.Struct, frozen=True):
    """An answer, or a failure to answer."""

    question: Question
    answer: Answer

    @property
    def surface(self) -> Surface:
        """What was asked."""
        return self.question.surface


What: TypeAlias = Seen | Change | Command


class Line(msgspec.Struct, frozen=True):
    """One line that can be meant."""

    at_ns: int
    """UTC, nanoseconds since 1970."""
    what: What


class LineRefused(Exception):
    """A line that cannot be meant; the text is one sentence that says why. Never leaves this package."""


def is_blank(raw: bytes) -> bool:
    """Whether a line holds nothing at all; such lines are passed over."""
    return not raw.strip()


def line_of(raw: bytes, rules: Rules, *, account: str) -> Line:
    """What a line says.

    raw      its bytes, without the end of the line; an answer keeps them as its raw reply
    account  whose incident it is: a line that names another is refused (L32)

    Raises LineRefused.
    """
    try:
        given = _opened(raw)
        if given.get("account", account) != account:
            raise BadCell(f"it is of account {cells.shown(given['account'])}, and this is the incident of {account}")
        at_ns = cells.time_ns(given, "at")
        kind = cells.word(given, "kind", KINDS)
        if kind == "snapshot":
            return Line(at_ns, _snapshot(given, rules, raw))
        if kind == "failure":
            why = cells.text(given, "why") or "the recording does not say why"
            return Line(at_ns, Seen(_question(given), failed(why, raw=raw, dialect="recording")))
        return Line(at_ns, _local(given) if kind == "local" else _command(given))
    except (BadCell, InputError) as error:
        raise LineRefused(str(error)) from error


class Hint(msgspec.Struct, frozen=True):
    """What a line gives away before anything is decided."""

    at_ns: int
    account: str | None
    tickets: bool | None
    """Whether its positions carry tickets; None where it lists none."""


def hint_of(raw: bytes) -> Hint | None:
    """What a line gives away of the whole recording; None for one that will be refused anyway."""
    try:
        given = _opened(raw)
        at_ns = cells.time_ns(given, "at")
    except BadCell:
        return None
    account = given.get("account")
    rows_given = given.get("positions") if given.get("kind") == "snapshot" else [given.get("position")]
    found = cast("list[object]", rows_given) if isinstance(rows_given, list) else []
    listed = [one for one in found if isinstance(one, Object)]
    tickets = any(one.get("ticket") not in (None, "") for one in listed) if listed else None
    return Hint(at_ns, str(account) if isinstance(account, str) else None, tickets)


def _opened(raw: bytes) -> Object:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadCell(f"it is not UTF-8 text ({error.reason} at byte {error.start})") from error
    return cells.table(cells.parsed(text), "the line")


def _surface(given: Cells) -> Surface:
    word = cells.word(given, "surface", tuple(LISTS))
    surface: Surface
    for surface in ("positions", "open_orders", "order", "fills"):
        if word == surface:
            return surface
    raise AssertionError(word)


def _question(given: Cells) -> Question:
    """What was asked; of a look-up also which order, where the line says so."""
    surface = _surface(given)
    if surface != "order":
        return Question(surface=surface)
    names = {name: cells.name(given, name) for name in ("client_order_id", "order_id")}
    return Question(surface=surface, client_order_id=names["client_order_id"], order_id=names["order_id"])


def _snapshot(given: Cells, rules: Rules, raw: bytes) -> Seen:
    question = _question(given)
    surface = question.surface
    complete = cells.truth(given, "complete")
    if complete is None:
        raise BadCell("it does not say whether it is `complete`; write true for the whole list, false for a message")
    listed = cells.listed(given, LISTS[surface])
    answer = Answer(
        completeness="complete" if complete else "partial",
        why="" if complete else cells.text(given, "why") or PARTIAL,
        dialect="recording",
        raw=raw,
    )
    if surface == "positions":
        held, refused = rows.positions(listed, rules)
        answer = replace(answer, positions=held, refused=tuple(refused))
    elif surface == "fills":
        executions, refused = rows.executions(listed, rules)
        answer = replace(answer, executions=tuple(executions), refused=tuple(refused))
    else:
        orders, refused = rows.orders(listed, rules)
        answer = replace(answer, orders=tuple(orders), refused=tuple(refused))
    if refused and complete:
        answer = replace(answer, completeness="partial", why=f"{len(refused)} of {len(listed)} rows refused")
    return Seen(question, answer)


def _local(given: Cells) -> Change:
    """A change of the trading process's own, held to the very rules of `record`."""
    said = [name for name in _LOCALS if name in given]
    if len(said) != 1:
        raise BadCell(f"it must hold exactly one of {', '.join(_LOCALS)}, and holds {len(said)}")
    name = said[0]
    kind = _LOCALS[name]
    body = cells.table(given[name], f"its `{name}`")
    fields: dict[str, Any] = {}
    for key, value in body.items():
        if key not in kind.__struct_fields__:
            known = ", ".join(kind.__struct_fields__)
            raise BadCell(f"its `{name}` has no field `{cells.shown(key)[1:-1]}`; there are {known}")
        fields[key] = _moment(body, key) if key in _MOMENTS and value is not None else _plain(value, key)
    lacking = [one for one in _NEEDED[name] if one not in fields]
    if lacking:
        raise BadCell(f"its `{name}` has no {', '.join(lacking)}")
    return kind(**fields)


def _plain(value: object, key: str) -> object:
    if isinstance(value, NumberText):
        return str(value)
    if isinstance(value, dict | list):
        said = cells.shown(cast("object", value))
        raise BadCell(f"its {key} is {said}; it must be text, a number, true, false or null")
    return value


def _moment(given: Cells, key: str) -> datetime:
    at_ns = cells.time_ns(given, key)
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).replace(microsecond=at_ns % 1_000_000_000 // 1000)


def _command(given: Cells) -> Command:
    """Its words beside `kind`, or in an object of their own under `command`."""
    words: Mapping[str, object] = given
    if isinstance(given.get("command"), dict):
        words = cells.table(given["command"], "its `command`")
    elif "command" in given and "name" not in given:
        words = {**given, "name": given["command"]}
    arguments = cells.table(words.get("arguments") or Object(), "its `arguments`")
    for key, value in arguments.items():
        if not isinstance(value, str):
            raise BadCell(f"its argument {key} is {cells.shown(value)}; it must be text")
    return Command(
        name=cells.named(words, "name"),
        who=cells.name(words, "who") or "recording",
        why=cells.text(words, "why"),
        arguments={key: cells.storable(str(value), f"its argument {key}") for key, value in arguments.items()},
    )
