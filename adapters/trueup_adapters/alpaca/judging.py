"""Which rows of a list can be used, each on its own and then against those of its name?

What positions, orders and fills have in common. Rows are judged one by one (L42), and none is lost (L03). Of rows
that bear one name and differ none is chosen: choosing would be inventing (law 13).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Raw

from trueup.model import BrokerOrder, BrokerPosition, Execution, Key, Refusal
from trueup.ports import Answer
from trueup_adapters.alpaca.cells import MALFORMED, BadRow, printable, readable
from trueup_adapters.alpaca.symbols import Symbols
from trueup_adapters.json_text import first_named_twice

DIALECT: Final = "alpaca/2"
_Row = TypeVar("_Row", bound=msgspec.Struct)
_Value = TypeVar("_Value")


class Verdict(NamedTuple, Generic[_Value]):
    """What one row comes to."""

    number: int
    """Its place in the list, from 1."""
    name: str
    """What two rows of one thing share, in words for a reason; '' where nobody can tell."""
    value: _Value | Refusal
    repeats: bool = False
    """Whether it may say again what another row has said, as a leg does that is also a row of its own."""


class Judged(msgspec.Struct, Generic[_Value], frozen=True):
    """Every row of a list, on one side or the other."""

    values: tuple[_Value, ...]
    """In the list's order."""
    refused: tuple[Refusal, ...]
    """In the list's order, too."""


class _Names(msgspec.Struct):
    """What a refusal can name of a row, whatever else is wrong with it."""

    symbol: Raw = Raw()
    id: Raw = Raw()
    asset_class: Raw = Raw()


_NAMES = msgspec.json.Decoder(_Names)


def row_of(row: Raw, decoder: msgspec.json.Decoder[_Row]) -> _Row:
    """A row as its struct. Raises BadRow for one of another shape, and for one that names a cell twice (law 13)."""
    try:
        read = decoder.decode(row)
    except MALFORMED as error:
        raise BadRow(printable(str(error)) or type(error).__name__) from error
    if twice := first_named_twice(bytes(row), read.__struct_fields__):
        raise BadRow(f"its {twice} is there twice, and nobody can say which is meant")
    return read


class Judging(Generic[_Value]):
    """How the rows of one kind of list are judged."""

    def __init__(self, symbols: Symbols, what: str, name_of: Callable[[_Value], str]) -> None:
        """what     what a row is called beside its id, such as `order`; '' where the symbol is its name
        name_of  the id of what was read, or the symbol
        """
        self._symbols = symbols
        self._what = what
        self._name_of = name_of

    def verdict(
        self, number: int, row: Raw, read: Callable[[Raw], _Value], *, repeats: bool = False
    ) -> Verdict[_Value]:
        """What a row is read as, or why it cannot be used. Never raises for what it holds; `read` raises BadRow."""
        try:
            value = read(row)
        except BadRow as bad:
            why = str(bad)
        except MALFORMED as error:
            why = printable(str(error)) or type(error).__name__
        else:
            return Verdict(number, self._named(self._name_of(value)), value, repeats)
        name, symbol = named_in(row, self._symbols)
        if not self._what:
            return Verdict(number, symbol or "", Refusal(number, why, symbol))
        if name is None:
            return Verdict(number, "", Refusal(number, why, symbol))
        return Verdict(number, self._named(name), Refusal(number, f"{self._named(name)}: {why}", symbol))

    def _named(self, name: str) -> str:
        return f"{self._what} {name}" if self._what else name


def named_in(row: Raw, symbols: Symbols) -> tuple[str | None, str | None]:
    """(id, the one name of the symbol) of a row that cannot be used, as far as they can be read: so the right scope is
    closed."""
    try:
        names = _NAMES.decode(row)
    except MALFORMED:
        return None, None
    return _text(names.id), symbols.known(_text(names.symbol), _text(names.asset_class))


def _text(cell: Raw) -> str | None:
    try:
        return readable(msgspec.json.decode(cell, type=str | int))
    except (*MALFORMED, ValueError):  # ValueError: a number of thousands of digits
        return None


def settled(verdicts: Iterable[Verdict[_Value]]) -> Judged[_Value]:
    """The rows, judged against those of the same name: an exact repeat is refused, and where rows contradict each
    other all of them are; a row that nobody can read contradicts every other of its name."""
    listed = list(verdicts)
    places: dict[str, list[int]] = {}
    for place, verdict in enumerate(listed):
        places.setdefault(verdict.name, []).append(place)
    places.pop("", None)
    told: set[int] = set()
    for name, twins in places.items():
        if len(twins) == 1:
            continue
        same = all(listed[place].value == listed[twins[0]].value for place in twins)
        if same and any(listed[place].repeats for place in twins):
            told.update(twins[1:])
            continue
        why = f"{name} was listed before, in the same words"
        if not same:
            why = f"{name} is listed {len(twins)} times, and not in the same words"
        for place in twins[1:] if same else twins:
            number, _, value, _ = listed[place]
            if not isinstance(value, Refusal):  # what is refused already keeps its own reason
                listed[place] = Verdict(number, name, Refusal(number, why, getattr(value, "symbol", None)))
    kept = [verdict.value for place, verdict in enumerate(listed) if place not in told]
    return Judged(
        tuple(value for value in kept if not isinstance(value, Refusal)),
        tuple(value for value in kept if isinstance(value, Refusal)),
    )


def answered(
    raw: bytes,
    listed: int,
    refused: Sequence[Refusal],
    why: str = "",
    *,
    positions: Mapping[Key, BrokerPosition] | None = None,
    orders: Sequence[BrokerOrder] = (),
    executions: Sequence[Execution] = (),
) -> Answer:
    """What was judged as an `Answer`: complete only if no row was refused and nothing else is missing.

    listed   how many rows there were
    why      what else is missing; '' where nothing is
    """
    reasons = [f"{len(refused)} of {listed} rows could not be used"] if refused else []
    reasons += [why] if why else []
    return Answer(
        completeness="partial" if reasons else "complete",
        why="; ".join(reasons),
        dialect=DIALECT,
        positions={} if positions is None else positions,
        orders=tuple(orders),
        executions=tuple(executions),
        refused=tuple(refused),
        raw=raw,
    )
