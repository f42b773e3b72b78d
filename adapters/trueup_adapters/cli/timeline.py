"""`trueup timeline`: how did the book stand against the broker on one symbol, over time?

All of it is read from the journal, with or without a live writer, and nothing is locked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec.structs import replace

from trueup.causes import propose
from trueup.errors import InputError
from trueup.journal import JournalReader
from trueup.model import name_of, plain
from trueup.report import iso
from trueup.telling import Mark, Point, Target, Timeline, facts_of, timeline
from trueup.telling.sentences import cause_said
from trueup_adapters.cli.exits import DONE, CouldNot
from trueup_adapters.cli.explain import EXPLAINED_MAX, JournalPast, reasons_in
from trueup_adapters.cli.options import Account, Json, Store
from trueup_adapters.cli.output import busy, give, note, out, say
from trueup_adapters.cli.stores import moment_of, reading
from trueup_adapters.logs.secrets import hidden
from trueup_adapters.pictures import drawn, page, svg
from trueup_adapters.pictures.scene import scene_of

NAMED_MAX = 20
"""How many symbols a message names."""


def timeline_command(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Which symbol, in any of its configured spellings.")],
    store: Store,
    account: Account = None,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="From then on: ISO 8601 in UTC; without it all.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Until then: ISO 8601 in UTC; without it all.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say of each correction what may have caused it.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page to attach to a report: one file.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Write the picture alone: one file.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Book against broker over time on one symbol, with its breaks and corrections: drawn, or as a file."""
    with reading(store, account) as reader:
        found = _read(reader, symbol, begin, end)
        if explain:
            with busy("looking for causes"):
                found = _with_causes(reader, found)
    found = _fit_to_be_seen(found)
    for path, content in ((html, page), (picture, svg)):
        if path is not None:
            _write(path, content(found))
    if as_json:
        give(_as_json(found))
    elif html is None and picture is None:
        console = out()
        console.print(drawn(found, min(console.width, 140)), soft_wrap=True)
    for path in (html, picture):
        if path is not None and not as_json:
            say(f"{found.symbol}, events {found.first} to {found.last}, drawn into {path}")
    return DONE


def _read(reader: JournalReader, symbol: str, begin: str | None, end: str | None) -> Timeline:
    past = JournalPast(reader)
    notes: list[str] = []
    first = reader.begins_after
    if begin is not None:
        moment = moment_of(reader, begin, None)
        first = moment.position
        notes += [] if moment.note is None else [moment.note]
    last = moment_of(reader, end, None)
    notes += [] if last.note is None else [last.note]
    if last.position < first:
        raise InputError(f"--from {begin} lies after --to {end}")
    with busy("reading the journal"):
        policy = past.state(last.position).policy
        canonical = policy.canonical(name_of(symbol, what="SYMBOL"))
        found = timeline(past.state(first), past.events(first + 1, last.position), canonical)
    for one in notes:
        note(one)
    if not found.legs:
        raise CouldNot(_nothing(reader, canonical, last.position))
    return found


def _with_causes(reader: JournalReader, found: Timeline) -> Timeline:
    """The timeline with the best cause beside each correction of a position; of many, the first are looked into."""
    past, said = JournalPast(reader), reasons_in(reader)
    left, marks = EXPLAINED_MAX, list[Mark]()
    for mark in found.marks:
        if mark.kind == "correction" and mark.key is not None and left:
            left -= 1
            facts = facts_of(past, Target("correction", mark.id, mark.position), said=said)
            if facts is not None:
                mark = replace(mark, text=f"{mark.text}. Cause: {cause_said(propose(facts)[0])}")
        marks.append(mark)
    return replace(found, marks=tuple(marks))


def _fit_to_be_seen(found: Timeline) -> Timeline:
    """A gateway's own words may quote a password, and a picture is made to be handed on: masked as on the screen."""
    return replace(found, marks=tuple(replace(mark, text=hidden(mark.text)) for mark in found.marks))


def _nothing(reader: JournalReader, symbol: str, position: int) -> str:
    state = JournalPast(reader).state(position)
    known = {slot.holding.symbol for slot in state.book.values() if slot.holding is not None}
    known |= {row.symbol for row in state.view().rows.values()}
    names = ", ".join(sorted(known)[:NAMED_MAX]) or "nothing"
    return f"{reader.account}: neither side ever held {symbol} in this time; at {position} there is {names}"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise CouldNot(f"{path} could not be written: {error.strerror or error}") from error


def _as_json(found: Timeline) -> dict[str, Any]:
    scene = scene_of(found)
    return {
        "account": found.account,
        "symbol": found.symbol,
        "first": found.first,
        "last": found.last,
        "from": iso(found.from_ns),
        "to": iso(found.to_ns),
        "legs": [{"key": leg.key, "book": _points(leg.book), "broker": _points(leg.broker)} for leg in found.legs],
        "marks": [
            {
                "position": one.position,
                "at": iso(one.at_ns),
                "kind": one.kind,
                "key": one.key,
                "id": one.id,
                "text": one.text,
            }
            for one in found.marks
        ],
        "differs_ms": scene.differs_ns // 1_000_000,
        "cut_short": found.cut_short,
    }


def _points(points: tuple[Point, ...]) -> list[dict[str, Any]]:
    return [
        {
            "position": one.position,
            "at": iso(one.at_ns),
            "quantity": None if one.signed_quantity is None else plain(one.signed_quantity),
        }
        for one in points
    ]
