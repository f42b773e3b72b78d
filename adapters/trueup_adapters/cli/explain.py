"""`trueup explain`: why was that corrected, or why is it open: from what was asked to what would have changed it?

All of it is read from the journal, with or without a live writer, and nothing is locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, cast

import msgspec
import typer
from rich.text import Text

from trueup.audit import AuditEntry, entry
from trueup.causes import Proposal, Rate, Reason, propose, reason_of
from trueup.causes.shapes import spellings_of
from trueup.decisions import BreakMoved, Decision
from trueup.errors import InputError
from trueup.events import Event
from trueup.facts import Observed
from trueup.journal import JournalReader, Recorded
from trueup.model import exact
from trueup.reconciliation.state import State
from trueup.report import BreakRow
from trueup.storage import rehydrate
from trueup.telling import Explanation, Target, about, explain, facts_of, find
from trueup.telling.sentences import lines
from trueup_adapters.cli.exits import DONE, FOUND
from trueup_adapters.cli.options import Account, Json, Store
from trueup_adapters.cli.output import busy, give, note, out, say, table
from trueup_adapters.cli.stores import reading
from trueup_adapters.logs.secrets import hidden

RAW_ROWS_MAX: Final = 20
"""Rows of one raw reply that are shown."""
RAW_DEPTH_MAX: Final = 6
"""How deep a reply is searched for rows."""
EXPLAINED_MAX: Final = 20
"""Open breaks that one call looks into: each walks the journal once."""
REPLIES_MAX: Final = 200
"""Answers on fills whose raw replies are searched for what the broker says made a deal: the latest."""


class JournalPast:
    """A journal as telling reads it."""

    def __init__(self, reader: JournalReader, upto: int | None = None) -> None:
        """`upto`: as the journal stood at that position; what came later is not looked at."""
        self._reader = reader
        self._upto = reader.head().position if upto is None else upto
        self.account = reader.account

    def events(self, first: int = 1, last: int | None = None) -> Iterable[tuple[int, Event]]:
        """(position, event) from `first` to `last`, in any case no further than the journal is looked at, and of an
        excerpt what it holds."""
        end = self._upto if last is None else min(last, self._upto)
        after = max(self._reader.begins_after, first - 1)
        return ((one.position, one.event) for one in self._reader.read(after=after, upto=end))

    def state(self, position: int) -> State:
        """The fold up to there."""
        return rehydrate(self.account, self._reader, upto=position)

    def has_raw(self, digest: bytes) -> bool:
        """Whether that reply is kept."""
        return self._reader.raw(digest) is not None


def explain_command(
    which: Annotated[
        str,
        typer.Argument(
            metavar="WHICH",
            help="The id of a correction or a break, the beginning of one, or a journal position; or a symbol, a "
            "ticket (#7), an order or an execution.",
        ),
    ],
    store: Store,
    account: Account = None,
    raw: Annotated[bool, typer.Option("--raw", help="Show the rows of the raw replies that speak of it.")] = False,
    rate: Annotated[
        str | None,
        typer.Option(
            "--rate", metavar="CURRENCY=N", help="The account's currency for one of the quote currency: USD=1."
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Why something was corrected, or is open: the whole chain behind it, from the journal. 1 where several match."""
    rated = None if rate is None else _rate_of(rate)
    with reading(store, account) as reader:
        past = JournalPast(reader)
        with busy("reading the journal"):
            targets = find(which, past.events()) or about(which, past.events())
        if not targets:
            raise InputError(
                f"{reader.account}: {which!r} is no position of the journal, and no correction or break of it is "
                "called so or about it; `trueup audit` and `trueup breaks --json` show ids"
            )
        target, *others = targets
        if others:
            return _several(which, targets, as_json)
        if target.what == "event":
            return _event(reader, target.position, as_json)
        with busy("putting the chain together"):
            told = explain(past, target, said=reasons_in(reader), rate=rated)
        rows = _raw_rows(reader, told) if raw else None
    _shown(told, rows, as_json)
    return DONE


def _rate_of(text: str) -> Rate:
    currency, equals, number = text.partition("=")
    if not (equals and currency.isalnum()):
        raise InputError(f"--rate is {text[:40]!r}; write CURRENCY=N, for example USD=1.0832")
    rate = exact(number, what="--rate")
    if rate <= 0:
        raise InputError(f"--rate is {text[:40]!r}; a rate is more than 0, for example USD=1.0832")
    return Rate(rate, currency.upper())


# -- showing -----------------------------------------------------------------------------------------------


def _several(which: str, targets: Iterable[Target], as_json: bool) -> int:
    if as_json:
        give({"ambiguous": which, "candidates": [msgspec.to_builtins(one) for one in targets]})
    else:
        note(f"{which} may mean several things; give the id of one, or @POSITION")
        rows = ((one.what, one.id or None, str(one.position), one.text) for one in targets)
        table(("what", "id", "position", "which"), rows, right=("position",))
    return FOUND


def _shown(told: Explanation, rows: list[dict[str, Any]] | None, as_json: bool) -> None:
    if as_json:
        give(msgspec.to_builtins(told) | ({} if rows is None else {"raw_rows": rows}))
        return
    console = out()
    for heading, under in lines(told):
        if under:
            console.print(Text(hidden(heading), style="bold"), soft_wrap=True)
            for line in under:
                console.print(Text(hidden(f"  {line}")), soft_wrap=True)
    if rows is not None:
        console.print(Text("What the raw replies say of it", style="bold"))
        for one in rows:
            for row in one["rows"] or ["no row speaks of it"]:
                text = row if isinstance(row, str) else msgspec.json.encode(row).decode()
                console.print(Text(hidden(f"  {one['position']}  {text}")), soft_wrap=True)


def causes_in(reader: JournalReader, breaks: Sequence[BreakRow], upto: int) -> dict[str, tuple[Proposal, ...]]:
    """What is proposed for each of these open breaks, by id, as the journal stood at a position.

    At most `EXPLAINED_MAX` are looked into, in the order given; the others have no entry.
    """
    past, wanted = JournalPast(reader, upto), {one.id for one in breaks[:EXPLAINED_MAX]}
    moved = {
        step.break_id: position
        for position, event in past.events()
        if isinstance(event, BreakMoved)
        for step in event.steps
        if step.break_id in wanted
    }
    said = reasons_in(reader)
    found: dict[str, tuple[Proposal, ...]] = {}
    for identity, position in moved.items():
        facts = facts_of(past, Target("break", identity, position), said=said)
        if facts is not None:
            found[identity] = propose(facts)
    return found


class EventTold(msgspec.Struct, frozen=True, kw_only=True):
    """One event that is neither correction nor break, and what it caused or was caused by."""

    account: str
    event: AuditEntry
    cause: AuditEntry | None
    """For a decision: its input."""
    caused: tuple[AuditEntry, ...]
    """For an input: what was decided on it."""


def _event(reader: JournalReader, position: int, as_json: bool) -> int:
    """An event that nothing was corrected by, in its own words."""
    (recorded,) = reader.read(after=position - 1, upto=position)
    told = entry(recorded)
    cause = None if told.cause is None else entry(next(iter(reader.read(after=told.cause - 1, upto=told.cause))))
    caused = () if told.cause is not None else tuple(entry(one) for one in _caused_by(reader, position))
    if as_json:
        give(EventTold(account=reader.account, event=told, cause=cause, caused=caused))
        return DONE
    say(f"{told.position}  {told.at}  {told.sentence}")
    if cause is not None:
        say(f"caused by {cause.position}  {cause.at}  {cause.sentence}")
    for one in caused:
        say(f"made us decide {one.position}  {one.sentence}" + (f"  ({one.correction})" if one.correction else ""))
    return DONE


def _caused_by(reader: JournalReader, position: int) -> Iterable[Recorded]:
    """The decisions on one input: they follow it without a gap."""
    for one in reader.read(after=position):
        if not isinstance(one.event, Decision) or one.event.cause != position:
            return
        yield one


_EXECUTION_CELLS: Final = (
    "deal",
    "execution_id",
    "execId",
    "tradeId",
    "trade_id",
    "trade-id",
    "deal_id",
    "fill_id",
    "id",
)
"""What brokers call the cell with an execution's id, the most particular first."""
_REASON_CELLS: Final = ("reason", "execType", "stopOrderType", "fillType")
"""And the one that says what made it: MetaTrader's, Bybit's two, Kraken's."""


# -- raw replies -------------------------------------------------------------------------------------------


def reasons_in(reader: JournalReader) -> Mapping[str, Reason]:
    """What the broker says made each deal, by execution id, as far as raw replies on fills are kept."""
    digests = [
        one.event.raw_digest
        for one in reader.read(after=reader.begins_after)
        if isinstance(one.event, Observed) and one.event.surface == "fills" and one.event.raw_digest
    ]
    found: dict[str, Reason] = {}
    for digest in dict.fromkeys(digests[-REPLIES_MAX:]):
        for row in _objects(_parsed(reader.raw(digest))):
            name = next((row[cell] for cell in _EXECUTION_CELLS if cell in row), None)
            reason = _reason_in(row)
            if name is not None and reason is not None:
                found[str(name)] = reason
    return found


def _reason_in(row: Mapping[str, object]) -> Reason | None:
    """What one row says made the deal; the first cell that says something understood."""
    for cell in _REASON_CELLS:
        if (reason := reason_of(row.get(cell), comment=row.get("comment"))) is not None:
            return reason
    return None


def _raw_rows(reader: JournalReader, told: Explanation) -> list[dict[str, Any]]:
    """Of each kept reply that the verdict rests on, the rows that name the ticket, or else the symbol."""
    subject = told.subject
    spellings = spellings_of(subject.symbol)
    shown: list[dict[str, Any]] = []
    for one in told.observations:
        if one.raw != "present":
            continue
        replied = _objects(_parsed(reader.raw(bytes.fromhex(one.raw_digest))))
        rows = [row for row in replied if _speaks_of(row, subject.ticket, spellings)]
        shown.append({"position": one.position, "rows": rows[:RAW_ROWS_MAX], "more": max(0, len(rows) - RAW_ROWS_MAX)})
    return shown


_TICKETS: Final = frozenset({"ticket", "position", "position_id", "positionid", "id", "client_order_id", "order"})
"""What brokers call the cell that names a position, or an order; a volume of 7 is not ticket 7."""


def _speaks_of(row: Mapping[str, object], ticket: str | None, spellings: frozenset[str]) -> bool:
    """Whether a row is of the ticket, or where there is none of the symbol, in any spelling (L33)."""
    if ticket is not None:
        return any(name.lower() in _TICKETS and str(value) == ticket for name, value in row.items())
    return any(spellings_of(value) & spellings for value in row.values() if isinstance(value, str))


def _parsed(raw: bytes | None) -> object:
    """The reply as JSON, numbers exact; None where it is not kept or no JSON."""
    if raw is None:
        return None
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)


def _objects(value: object, depth: int = 0) -> Iterable[dict[str, Any]]:
    """Every object inside that holds no further list of objects: the rows, wherever the dialect keeps them."""
    if depth > RAW_DEPTH_MAX:
        return
    if isinstance(value, list):
        for one in cast(list[object], value):
            yield from _objects(one, depth + 1)
    elif isinstance(value, dict):
        row = cast(dict[str, object], value)
        inner: list[object] = [one for one in row.values() if isinstance(one, list | dict) and one]
        if not inner:
            yield row
        for one in inner:
            yield from _objects(one, depth + 1)
