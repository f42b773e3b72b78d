"""How is a position shown: as a row of the file format, and by when: as it was learned, or as it had happened?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

import typer
from msgspec.structs import replace

from trueup.audit import entry
from trueup.errors import InputError
from trueup.journal import JournalReader, Recorded
from trueup.model import BrokerPosition, Holding, plain, side_of
from trueup.replay import Happened, Was, happened_by
from trueup_adapters.cli.output import busy, note, table
from trueup_adapters.cli.stores import microseconds

COLUMNS: Final = ("symbol", "ticket", "side", "quantity", "price", "stop", "strategy", "opened_at")

Time: TypeAlias = Annotated[
    Literal["learned", "happened"],
    typer.Option("--time", help="By when it reached us, or by when the fills themselves say that they happened."),
]


def row_of(account: str, one: Holding | BrokerPosition) -> dict[str, Any]:
    """A row with the file format's columns, and the account."""
    row: dict[str, Any] = {
        "account": account,
        "symbol": one.symbol,
        "ticket": one.ticket,
        "side": side_of(one.signed_quantity),
        "quantity": plain(one.signed_quantity.copy_abs()),
        "price": None if one.price is None else plain(one.price),
        "strategy": one.strategy,
    }
    if one.stop is not None:  # left out: not reported; null: there is none
        row["stop"] = None if one.stop.price is None else plain(one.stop.price)
    return row | {"opened_at": one.opened_at}


def show_rows(rows: Sequence[dict[str, Any]]) -> None:
    """The rows as a table, where there are any."""
    if rows:
        shown = ([_stop_said(row) if name == "stop" else row[name] for name in COLUMNS] for row in rows)
        table(COLUMNS, shown, right=("ticket", "quantity", "price", "stop"))


def _stop_said(row: dict[str, Any]) -> str | None:
    return (row["stop"] or "none") if "stop" in row else None


# -- as it had happened ------------------------------------------------------------------------------------


def happened_in(reader: JournalReader, times: Iterable[str | None], upto: int) -> Happened:
    """What had happened by each of these times, by what is known at a position. Raises InputError."""
    limits_us: list[int] = []
    for text in times:
        if text is None or text.isdigit():
            raise InputError("--time happened asks by when something happened: give a time, ISO 8601 in UTC")
        limits_us.append(microseconds(text))
    if limits_us != sorted(limits_us):
        raise InputError("give the earlier moment first")
    with busy("adding up what had happened by then"):
        happened = happened_by(reader, limits_us, upto=upto)
    if happened.unstamped:
        note(
            f"{reader.account}: {happened.unstamped:,} of {happened.stamped + happened.unstamped:,} movements say not "
            "when they happened (corrections, the baseline, whole positions, fills without a time); they count from "
            "when they were learned"
        )
    return happened


def as_it_was(one: Was) -> Holding:
    """The position as far as it is known: price and stop only where nothing has moved it since (law 13)."""
    if one.whole:
        return one.known
    return replace(one.known, signed_quantity=one.signed_quantity, price=None, stop=None, opened_at=None)


def changes_happened(reader: JournalReader, happened: Happened) -> list[dict[str, Any]]:
    """What differs between the first and the last moment, as `trueup diff` tells it."""
    sides = [{one.key: as_it_was(one) for one in happened.was(place)} for place in (0, 1)]
    found: list[dict[str, Any]] = []
    for key in sorted({*sides[0], *sides[1]}):
        before, after = (side.get(key) for side in sides)
        if before is not None and after is not None and before.signed_quantity == after.signed_quantity:
            continue
        positions, count = happened.noted(key)
        told = (entry(Recorded(position, reader.event(position), b"")) for position in sorted({*positions}))
        found.append(
            {
                "key": key,
                "change": "appeared" if before is None else "vanished" if after is None else "changed",
                "fields": _fields(before, after),
                "before": None if before is None else row_of(reader.account, before),
                "after": None if after is None else row_of(reader.account, after),
                "events": [
                    {"position": one.position, "at": one.at, "name": one.name, "sentence": one.sentence} for one in told
                ],
                "events_count": count,
            }
        )
    return found


def _fields(before: Holding | None, after: Holding | None) -> tuple[str, ...]:
    if before is None or after is None:
        return ()
    turned = side_of(before.signed_quantity) != side_of(after.signed_quantity)
    grown = before.signed_quantity.copy_abs() != after.signed_quantity.copy_abs()
    return (*(("side",) if turned else ()), *(("quantity",) if grown else ()))
