"""Which positions do the rows of a reply state, and which rows can nobody use?

Rows are judged one by one (L42). What contradicts itself is not resolved by choosing: two differing rows of one
ticket are both refused (L29), for either could be the true one (law 13).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET

from trueup.errors import TrueupError
from trueup.model import (
    ZERO,
    BrokerPosition,
    Key,
    PositionMode,
    Refusal,
    Stop,
    symbol_key,
    ticket_key,
)
from trueup_adapters.mt5.rows import (
    DIALECT_1,
    BadRow,
    Dialect,
    PositionRow,
    Unread,
    mark_cell,
    price_cell,
    printable,
    readable,
    side_cell,
    symbol_cell,
    ticket_cell,
    volume_cell,
    when_cell,
)

AnyRow: TypeAlias = PositionRow | Unread
NAMES_MAX: Final = 10_000
"""Spellings of symbols that are remembered (law 12)."""


class Reading(msgspec.Struct, frozen=True):
    """What is known before any row is seen, and colours how each is read."""

    position_mode: PositionMode
    strategies: Mapping[str, str]
    """Magic number, as text, to the name of the strategy that owns it."""
    canonical: Callable[[str], str] | None = None
    """The one name of a symbol that may be spelled in several ways (L33). The same name for the same spelling."""
    names: dict[str, tuple[str, str | None]] = {}
    """Spellings met so far, with their canonical name and, where it differs, themselves."""


class Judged(msgspec.Struct, frozen=True):
    """Every row of a list, on one side or the other: none is lost (L03)."""

    positions: dict[Key, BrokerPosition]
    refused: tuple[Refusal, ...]


def position_of(row: PositionRow, dialect: Dialect, reading: Reading) -> BrokerPosition:
    """One row as a position. Raises BadRow, with the cell that is to blame."""
    ticket = ticket_cell(row.ticket, what="ticket")
    symbol, spelling = canonical_of(row.symbol, reading)
    sign = side_cell(row.type, dialect)
    if not sign:
        word = printable(repr(row.type))[:80]
        raise BadRow(f"its type is {word}, which is neither a buy nor a sell of {dialect}")
    volume = volume_cell(row.volume)
    first = dialect == DIALECT_1
    mark = mark_cell(row.magic) if reading.strategies else None
    return BrokerPosition(
        symbol,
        volume if sign > 0 else volume.copy_negate(),
        ticket,
        price_cell(row.price_open if first else row.open_price, what="opening price"),
        _stop_of(row),
        None if mark is None else reading.strategies.get(mark),
        when_cell(row.time if first else row.open_time),
        spelling,
        client_order_id=None if row.client_id is None else readable(row.client_id),
    )


def canonical_of(symbol: object, reading: Reading) -> tuple[str, str | None]:
    """A symbol's canonical name, and the broker's own spelling where it differs (L33). Raises BadRow."""
    met = reading.names.get(symbol) if isinstance(symbol, str) else None
    if met is not None:
        return met
    spelled = name = symbol_cell(symbol)
    if reading.canonical is not None:
        try:
            name = symbol_cell(reading.canonical(spelled))
        except (TrueupError, LookupError, ValueError) as error:
            raise BadRow(printable(f"its symbol {spelled!r} has no canonical name: {error}")) from error
    met = name, None if name == spelled else spelled
    if len(reading.names) < NAMES_MAX:
        reading.names[spelled] = met
    return met


def _stop_of(row: PositionRow) -> Stop | None:
    """Left out: not reported, hence not compared. null or 0: there is none (DESIGN 4)."""
    if row.sl is UNSET:
        return None
    price = price_cell(row.sl, what="sl")
    if price is not None and price < ZERO:
        raise BadRow(f"its sl is {price}; a stop is greater than 0, or 0 for none")
    return Stop(price)


def judge(rows: Sequence[AnyRow], dialect: Dialect, reading: Reading) -> Judged:
    """Every row, judged on its own and then against its twins. Pure; never raises for what a row holds."""
    verdicts = [_verdict(number, row, dialect, reading) for number, row in enumerate(rows, 1)]
    repeats = _settle_repeats(verdicts)
    if reading.position_mode == "netting":
        _refuse_shared_symbols(verdicts, repeats)
    mode = reading.position_mode
    stated = (verdict for verdict in verdicts if isinstance(verdict, BrokerPosition))
    refused = tuple(verdict for verdict in verdicts if isinstance(verdict, Refusal))
    return Judged({key_of(position, mode): position for position in stated}, refused)


def key_of(position: BrokerPosition, mode: PositionMode) -> Key:
    """The key under which a position stands: its symbol when netting, its ticket when hedging (L29)."""
    if mode == "netting":
        return symbol_key(position.symbol)
    assert position.ticket is not None
    return ticket_key(position.ticket)


_Verdict: TypeAlias = BrokerPosition | Refusal


def _verdict(number: int, row: AnyRow, dialect: Dialect, reading: Reading) -> _Verdict:
    if isinstance(row, Unread):
        return Refusal(row=number, why=row.why, symbol=known_symbol(row.symbol, reading), ticket=row.ticket)
    try:
        return position_of(row, dialect, reading)
    except BadRow as bad:
        return Refusal(
            row=number,
            why=str(bad),
            symbol=known_symbol(readable(row.symbol), reading),
            ticket=readable(row.ticket),
        )


def known_symbol(symbol: str | None, reading: Reading) -> str | None:
    """The canonical name of a refused row's symbol, so that the right scope is closed; else as spelled."""
    if symbol is None:
        return None
    try:
        return canonical_of(symbol, reading)[0]
    except BadRow:
        return symbol


def _settle_repeats(verdicts: list[_Verdict]) -> set[int]:
    """Rows that share a ticket: an exact repeat is refused, contradicting ones are refused together (L29).

    Returns the places of the exact repeats, which say nothing that was not said before.
    """
    repeats: set[int] = set()
    for ticket, places in _shared(verdicts, lambda verdict: verdict.ticket):
        first = verdicts[places[0]]
        if isinstance(first, BrokerPosition) and all(verdicts[place] == first for place in places):
            _refuse(verdicts, places[1:], f"ticket {ticket} was listed before, in the same words")
            repeats.update(places[1:])
        else:
            _refuse(verdicts, places, f"ticket {ticket} is listed {len(places)} times, and not in the same words")
    return repeats


def _refuse_shared_symbols(verdicts: list[_Verdict], repeats: set[int]) -> None:
    """A netting account has one position in a symbol; of two rows nobody can say which one it is."""
    for symbol, places in _shared(verdicts, lambda verdict: verdict.symbol):
        rows = [place for place in places if place not in repeats]
        if len(rows) > 1:
            _refuse(verdicts, rows, f"{symbol} is listed {len(rows)} times, and netting holds one position in it")


def _shared(verdicts: Sequence[_Verdict], name: Callable[[_Verdict], str | None]) -> list[tuple[str, list[int]]]:
    """The names that more than one row bears, each with the places of those rows."""
    names = [name(verdict) for verdict in verdicts]
    if len(set(names)) == len(names):
        return []
    places: dict[str, list[int]] = {}
    for place, named in enumerate(names):
        if named is not None:
            places.setdefault(named, []).append(place)
    return [(named, those) for named, those in places.items() if len(those) > 1]


def _refuse(verdicts: list[_Verdict], places: Sequence[int], why: str) -> None:
    """Turn the positions at `places` into refusals; what is refused already keeps its own reason."""
    for place in places:
        verdict = verdicts[place]
        if isinstance(verdict, BrokerPosition):
            verdicts[place] = Refusal(place + 1, why, verdict.symbol, verdict.ticket)
