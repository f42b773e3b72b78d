"""`trueup status`, `positions`, `breaks`, `audit`: how do things stand, or how did they, without asking anybody?

All of it is read from the journal, with or without a live writer, and nothing is locked.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, cast

import msgspec
import typer

from trueup.audit import entry
from trueup.breaker import BreakerStatus, breaker_of
from trueup.causes import Proposal
from trueup.errors import InputError
from trueup.model import BrokerPosition, Holding, plain
from trueup.reconciliation.state import Break, State
from trueup.report import ActionRow, OrphanRow, action_rows, in_order, iso, orphan_rows, row_of_break
from trueup.shell import AUDIT_MAX
from trueup.standing import (
    OverrideRow,
    PermitRow,
    QuarantineRow,
    ScopeRow,
    override_rows,
    permit_rows,
    quarantine_rows,
    scope_rows,
)
from trueup.telling.sentences import cause_said
from trueup_adapters.cli.exits import DONE, FOUND
from trueup_adapters.cli.explain import causes_in
from trueup_adapters.cli.holdings import Time, as_it_was, happened_in, row_of, show_rows
from trueup_adapters.cli.options import Account, AsOf, Json, Position, Store
from trueup_adapters.cli.output import facts, give, note, say, table
from trueup_adapters.cli.stores import moment_of, reading, state_at

NS = 1_000_000_000


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """What is at stake, by currency (`""` where no instrument names one): size times price, as exact text."""

    open: dict[str, str]
    """Of the book's positions, at their entry price."""
    orphans: dict[str, str]
    """Of what works at the broker and the book lacks: kept apart, because nobody here decided it."""
    unpriced: int
    """Positions, orphans and closings of which no price is known: they are in none of the sums (L36)."""


class BreakerNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """What a circuit breaker goes by, from the journal; amounts by currency, as exact text."""

    realised_today: dict[str, str]
    """UTC day, less fees."""
    realised_total: dict[str, str]
    drawdown: dict[str, str]
    """How far realised equity is below its peak now."""
    drawdown_deepest: dict[str, str]
    consecutive_losses: int


class StoredStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How an account stood at its journal's end."""

    account: str
    position: int
    """The journal's last position."""
    at: str | None
    """When the last input came, ISO 8601, UTC."""
    epoch: int
    gate: Literal["closed", "reduce_only", "open"]
    """As last decided; closed where the last verification is older than the policy allows by now."""
    gate_why: str
    policy: str
    position_mode: str
    positions: int
    open_breaks: int
    held: int
    """Positions that a mass absence holds back."""
    refused: int
    """Rows refused in the broker's last answer."""
    quarantine: dict[str, QuarantineRow]
    scopes: tuple[ScopeRow, ...]
    """As last decided: the account, then every symbol and quarantined scope that is limited."""
    overrides: tuple[OverrideRow, ...]
    """By whose word orders pass although the evidence does not support it."""
    permits: tuple[PermitRow, ...]
    """For reducing orders that were not recorded yet."""
    verified_at: str | None
    """When the question behind the last answer was asked, ISO 8601, UTC; None: never in this epoch."""
    failures: int
    """Questions about positions in a row that brought nothing."""
    orders: int
    """Working orders in the book."""
    orphans: tuple[OrphanRow, ...]
    """Orders that work at the broker and that nobody here knows."""
    actions: tuple[ActionRow, ...]
    """What was asked of the broker and is not settled."""
    unprotected: dict[str, str]
    """Positions without a working stop, while the policy asks for one, by key, and why."""
    exposure: Exposure
    breaker: BreakerNumbers
    size_bytes: int
    """Of the whole store."""


def status(store: Store, account: Account = None, as_json: Json = False) -> int:
    """How an account stands. 1 where something differs, is held or was refused."""
    with reading(store, account) as reader:
        found = _status(state_at(reader, reader.head().position), time.time_ns(), reader.size_bytes())
    if as_json:
        give(found)
    else:
        facts((name.replace("_", " "), _said(value)) for name, value in msgspec.structs.asdict(found).items())
    return FOUND if found.open_breaks or found.held or found.refused else DONE


def limited_in(state: State) -> list[str]:
    """The symbols and quarantined scopes that may take no new risk, in order."""
    return sorted({*(symbol for symbol, _ in state.gate.symbols), *state.quarantine})


def _status(state: State, now_ns: int, size_bytes: int) -> StoredStatus:
    view = state.view()
    verified_ns = view.answered.at_ns if view.answers else 0
    gate, why = state.gate.status, state.gate.why
    if gate == "open" and (state.gate.symbols or state.quarantine):
        gate, why = "reduce_only", f"reduce-only: {', '.join(limited_in(state))}"
    allowed_ns, numbers = state.policy.verified_age_ns_max(), breaker_of(state, now_ns)
    if gate != "closed" and now_ns - verified_ns > allowed_ns:
        gate, why = "closed", f"the book was last verified more than {allowed_ns // NS} s ago: is `trueup run` running?"
    return StoredStatus(
        account=state.account,
        position=state.position,
        at=iso(state.at.at_ns) if state.at.at_ns else None,
        epoch=state.epoch,
        gate=gate,
        gate_why=why,
        policy=state.policy.preset,
        position_mode=state.mode,
        positions=len(state.book),
        open_breaks=len(_open_breaks(state)),
        held=0 if state.hold is None else len(state.hold.missing),
        refused=len(view.refused),
        quarantine=quarantine_rows(state),
        scopes=scope_rows(state),
        overrides=override_rows(state, now_ns),
        permits=permit_rows(state, now_ns),
        verified_at=iso(verified_ns) if verified_ns else None,
        failures=view.failures,
        orders=len(state.orders),
        orphans=orphan_rows(state),
        actions=action_rows(state, ()),
        unprotected={key: state.guards[key].why for key in sorted(state.guards)},
        exposure=Exposure(
            open=_plain(numbers.open_exposure), orphans=_plain(numbers.orphan_exposure), unpriced=numbers.unpriced
        ),
        breaker=_breaker(numbers),
        size_bytes=size_bytes,
    )


def _breaker(numbers: BreakerStatus) -> BreakerNumbers:
    return BreakerNumbers(
        realised_today=_plain(numbers.realised_today),
        realised_total=_plain(numbers.realised_total),
        drawdown=_plain(numbers.drawdown),
        drawdown_deepest=_plain(numbers.drawdown_deepest),
        consecutive_losses=numbers.consecutive_losses,
    )


def _plain(amounts: dict[str, Decimal]) -> dict[str, str]:
    return {currency: plain(amount) for currency, amount in amounts.items()}


def _said(value: object) -> str:
    if isinstance(value, Exposure | BreakerNumbers):
        told = ((name.replace("_", " "), _said(one)) for name, one in msgspec.structs.asdict(value).items())
        return ", ".join(f"{name} {one}" for name, one in told)
    if isinstance(value, dict):
        rows = cast("dict[str, QuarantineRow | str]", value)
        return "; ".join(_entry_said(name, one) for name, one in rows.items()) or "none"
    if isinstance(value, tuple):
        return "; ".join(_row_said(one) for one in cast("tuple[object, ...]", value)) or "none"
    return "never" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _entry_said(name: str, one: QuarantineRow | str) -> str:
    if isinstance(one, str):
        return f"{name}: {one}" if name else one
    return f"{name}: {one.why}; released by {one.release}"


def _row_said(row: object) -> str:
    if isinstance(row, OverrideRow):
        return f"{row.scope} PASSES until {row.until}, by {row.who}: {row.why}"
    if isinstance(row, PermitRow):
        return f"{row.side} {row.quantity} {row.symbol}{f' #{row.ticket}' if row.ticket else ''} until {row.until}"
    if isinstance(row, OrphanRow):
        return f"{row.client_order_id or row.order_id} {row.side} {row.quantity} {row.symbol} {row.type}"
    if isinstance(row, ActionRow):
        return f"{row.kind} {row.symbol} {row.state}: {row.why}"
    assert isinstance(row, ScopeRow)
    return f"{row.scope} {row.gate}: {row.why}"


def positions(
    store: Store,
    account: Account = None,
    side: Annotated[
        Literal["book", "broker"],
        typer.Option("--side", help="What the process believes, or what the broker last said."),
    ] = "book",
    as_of: AsOf = None,
    position: Position = None,
    time: Time = "learned",
    as_json: Json = False,
) -> int:
    """The positions of the book, or of the broker as it last answered; now or at any earlier moment."""
    if time == "happened":
        return _had_happened(store, account, side, as_of, position, as_json)
    with reading(store, account) as reader:
        moment = moment_of(reader, as_of, position)
        state = state_at(reader, moment.position)
    if moment.note is not None:
        note(moment.note)
    rows = list(_rows(state, side))
    if as_json:
        give(rows)
        return DONE
    show_rows(rows)
    whose = "the book" if side == "book" else "the broker's last complete answer"
    say(f"{state.account} at {state.position}: {len(rows)} positions in {whose}")
    return DONE


def _had_happened(
    store: str, account: str | None, side: str, as_of: str | None, position: int | None, as_json: bool
) -> int:
    """The book by when its fills happened, with all that is known at the position (default: the head)."""
    if side != "book":
        raise InputError("the broker's answers do not say since when they are so: --time happened is for --side book")
    with reading(store, account) as reader:
        known = moment_of(reader, None, position).position
        happened = happened_in(reader, [as_of], known)
        rows = [row_of(reader.account, as_it_was(one)) for one in happened.was(0)]
        name = reader.account
    if as_json:
        give(rows)
        return DONE
    show_rows(rows)
    say(f"{name}: {len(rows)} positions had come about by {as_of}, by what is known at {known}")
    return DONE


def _rows(state: State, side: Literal["book", "broker"]) -> Iterable[dict[str, Any]]:
    """Rows with the file format's columns, and the account, in key order."""
    held: dict[str, Holding | BrokerPosition] = {}
    if side == "book":
        held.update({key: slot.holding for key, slot in state.book.items() if slot.holding is not None})
    else:
        held.update(state.view().rows)
    return (row_of(state.account, held[key]) for key in sorted(held))


def breaks(
    store: Store,
    account: Account = None,
    as_of: AsOf = None,
    position: Position = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what may have caused each.")] = False,
    as_json: Json = False,
) -> int:
    """The breaks that are open, now or at any earlier moment. 1 where there are any."""
    with reading(store, account) as reader:
        moment = moment_of(reader, as_of, position)
        state = state_at(reader, moment.position)
        found = sorted((row_of_break(one, state.policy) for one in _open_breaks(state)), key=in_order)
        causes = causes_in(reader, found, moment.position) if explain else {}
    if moment.note is not None:
        note(moment.note)
    if as_json:
        give([msgspec.to_builtins(one) | {"causes": causes.get(one.id, ())} for one in found] if explain else found)
    elif found:
        table(
            ("state", "of", "kind", "symbol", "ticket", "field", "book", "broker", "why"),
            ((r.state, r.of, r.kind, r.symbol, r.ticket, r.field, r.book, r.broker, r.why) for r in found),
            right=("ticket", "book", "broker"),
        )
        for one in found if explain else ():
            cause = (
                _cause_said(causes.get(one.id, ())) if one.of == "position" else "causes are sought for positions only"
            )
            say(f"{one.id}  {one.kind} {one.symbol}: {cause}")
    else:
        say(f"{state.account} at {state.position}: no break is open", "green")
    return FOUND if found else DONE


def _open_breaks(state: State) -> list[Break]:
    """Every break that is open, of positions and of orders."""
    return [one for breaks in (*state.breaks.values(), *state.order_breaks.values()) for one in breaks]


def _cause_said(proposals: Sequence[Proposal]) -> str:
    """The best cause in a sentence."""
    if not proposals:
        return "not looked into: `trueup explain` does"
    return cause_said(proposals[0])


def audit(
    store: Store,
    account: Account = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="How many of the last entries.")] = 100,
    as_json: Json = False,
) -> int:
    """The journal's last entries, oldest first, each in a sentence. The audit is the journal."""
    if not 1 <= limit <= AUDIT_MAX:
        raise InputError(f"--limit is {limit}; it must be from 1 to {AUDIT_MAX}")
    with reading(store, account) as reader:
        head = reader.head().position
        entries = [entry(recorded) for recorded in reader.read(after=max(reader.begins_after, head - limit), upto=head)]
    if as_json:
        give(entries)
    else:
        rows = ((str(one.position), one.at, one.what, one.sentence) for one in entries)
        table(("position", "at", "what", "sentence"), rows, right=("position",))
    return DONE
