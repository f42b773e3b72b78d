"""How does what a caller or an adapter hands in become a fact?

The edge resolves symbol aliases (L33), checks what needs the policy in force (units, L34), and writes observations
as the difference to what is already known. Pure: moments and positions are arguments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, cast

import msgspec
from msgspec.structs import replace

from trueup.changes import Command, Fill, Message, OrderUpdate, PositionSet, PushedExecution
from trueup.errors import InputError
from trueup.facts import (
    CommandGiven,
    ExecutionPushed,
    Fact,
    FillRecorded,
    Observed,
    OrderRecorded,
    PositionRecorded,
    Rows,
    StatePushed,
)
from trueup.model import (
    BrokerPosition,
    Execution,
    Key,
    Moment,
    OrderStatus,
    PositionMode,
    Refusal,
    Stop,
    signed,
)
from trueup.policy import Policy
from trueup.reconciliation.keys import key_of_row
from trueup.reconciliation.state import State, View

PUSHED_TEXT_MAX: Final = 4_000
"""Characters of a pushed message that are kept."""


# -- local changes -----------------------------------------------------------------------------------------


def fact_of(given: object, at: Moment, policy: Policy) -> Fact:
    """A recorded `Change` as a fact. Raises InputError for what is none."""
    if isinstance(given, Fill):
        return FillRecorded(at, execution_of(given, policy))
    if isinstance(given, OrderUpdate):
        return _order(given, at, policy)
    if isinstance(given, PositionSet):
        return _position(given, at, policy)
    raise InputError(f"record takes Fill, OrderUpdate or PositionSet, not {type(given).__name__}")


def execution_of(fill: Fill, policy: Policy) -> Execution:
    """A fill as an execution: one signed quantity, the symbol by its one name."""
    return Execution(
        execution_id=fill.execution_id,
        symbol=policy.canonical(fill.symbol),
        signed_quantity=signed(fill.side, cast(Decimal, fill.quantity)),
        price=cast(Decimal, fill.price),
        ticket=fill.ticket,
        order_id=fill.order_id,
        client_order_id=fill.client_order_id,
        strategy=fill.strategy,
        fee=cast("Decimal | None", fill.fee),
        fee_asset=fill.fee_asset,
        happened_at=_text(fill.at),
    )


def _order(order: OrderUpdate, at: Moment, policy: Policy) -> OrderRecorded:
    known = isinstance(order.status, OrderStatus)
    return OrderRecorded(
        at,
        client_order_id=order.client_order_id,
        symbol=policy.canonical(order.symbol),
        side=order.side,
        type=order.type,
        quantity=cast(Decimal, order.quantity),
        status=order.status if isinstance(order.status, OrderStatus) else OrderStatus.UNKNOWN,
        raw_status="" if known else str(order.status),
        order_id=order.order_id,
        filled=cast("Decimal | None", order.filled),
        average_price=cast("Decimal | None", order.average_price),
        limit=cast("Decimal | None", order.limit),
        stop=cast("Decimal | None", order.stop),
        reduce_only=order.reduce_only,
        strategy=order.strategy,
        parent=order.parent,
        scheduled_for=_text(order.scheduled_for),
        happened_at=_text(order.at),
    )


def _position(position: PositionSet, at: Moment, policy: Policy) -> PositionRecorded:
    stop = position.stop
    return PositionRecorded(
        at,
        symbol=policy.canonical(position.symbol),
        signed_quantity=signed(position.side, cast(Decimal, position.quantity)),
        side="buy" if position.side == "long" else "sell",
        ticket=position.ticket,
        price=cast("Decimal | None", position.price),
        strategy=position.strategy,
        stop=None if isinstance(stop, msgspec.UnsetType) else Stop(cast("Decimal | None", stop)),
        happened_at=_text(position.at),
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


# -- messages and commands -----------------------------------------------------------------------------------


def pushed_fact(message: Message, at: Moment, policy: Policy) -> Fact:
    """A pushed message as a fact."""
    if isinstance(message, PushedExecution):
        return ExecutionPushed(at, execution_of(message.fill, policy), message.message_id or "")
    symbol = None if message.symbol is None else policy.canonical(message.symbol)
    return StatePushed(at, message.surface, symbol, message.message_id or "", message.text[:PUSHED_TEXT_MAX])


def command_fact(command: Command, at: Moment) -> CommandGiven:
    """A command as a fact."""
    return CommandGiven(at, command.name, command.who, command.why, tuple(sorted(command.arguments.items())))


# -- the broker's rows -------------------------------------------------------------------------------------


def unusable(key: Key, row: BrokerPosition, mode: PositionMode) -> str | None:
    """Why a row breaks the adapter's contract; None when it keeps it.

    Adapters judge their rows themselves; this is the door that also stops a third party's mistake.
    """
    if not row.signed_quantity.is_finite() or not row.signed_quantity:
        return f"its quantity is {row.signed_quantity}; the adapter must refuse such a row"
    if mode == "hedging" and row.ticket is None:
        return "it has no ticket, and this account is hedging"
    if key_of_row(mode, row) != key:
        return f"the adapter hands it out as {key!r}, but it is {key_of_row(mode, row)!r}"
    return None


def canonical_rows(
    rows: Mapping[Key, BrokerPosition], mode: PositionMode, policy: Policy
) -> tuple[Mapping[Key, BrokerPosition], list[Refusal]]:
    """(rows under their symbols' one name, rows that this makes unusable).

    The very same mapping comes back where no instrument is configured. Two spellings of one symbol in a netting
    answer are refused both: choosing one would be inventing (L33). So is a quantity in another unit than the
    instrument's (L34).
    """
    if not policy.instruments:
        return rows, []
    found: dict[Key, BrokerPosition] = {}
    refused: list[Refusal] = []
    ambiguous: set[Key] = set()
    for place, (key_given, given) in enumerate(rows.items(), start=1):
        row = _renamed(given, policy)
        if (broken := unusable(key_given, given, mode)) is not None:
            refused.append(Refusal(place, broken, given.symbol or None, given.ticket))
            continue
        known = policy.instruments.get(row.symbol)
        if row.unit is not None and known is not None and known.unit not in (None, row.unit):
            why = f"its quantity is in {row.unit}, the instrument's in {known.unit}: nothing is converted silently"
            refused.append(Refusal(place, why, row.symbol, row.ticket))
            continue
        key = key_of_row(mode, row)
        if key in found or key in ambiguous:
            ambiguous.add(key)
            why = f"{given.symbol} and another row are both spellings of {row.symbol}"
            refused.append(Refusal(place, why, row.symbol, row.ticket))
            if (other := found.pop(key, None)) is not None:
                refused.append(Refusal(place, why, other.symbol, other.ticket))
            continue
        found[key] = row
    return found, refused


def _renamed(row: BrokerPosition, policy: Policy) -> BrokerPosition:
    symbol = policy.canonical(row.symbol)
    return row if symbol == row.symbol else replace(row, symbol=symbol, spelling=row.spelling or row.symbol)


class Change(msgspec.Struct, frozen=True):
    """What a complete answer says that the last one did not."""

    stated: list[Key]
    """New or differing."""
    gone: list[Key]


def change(known: Mapping[Key, BrokerPosition], rows: Mapping[Key, BrokerPosition]) -> Change:
    """How an answer differs from the last complete one. Unchanged answers are the rule, and comparing two dicts of
    structs is one call into C."""
    if rows is known or rows == known:
        return Change([], [])
    stated = [key for key, row in rows.items() if known.get(key) != row]
    return Change(stated, [key for key in known if key not in rows])


def written(view: View, rows: Mapping[Key, BrokerPosition], changed: Change) -> Rows:
    """A complete answer as its difference to the last one, or whole when the differences outweigh that."""
    weight = len(changed.stated) + len(changed.gone)
    if not view.base or (weight and view.weight + weight > len(rows)):
        return keyframe(rows)
    return Rows(view.base, tuple(rows[key] for key in sorted(changed.stated)), tuple(sorted(changed.gone)))


def with_rows(state: State, fact: Observed, given: Mapping[Key, BrokerPosition]) -> Observed:
    """The observation with its rows: canonical, fit for use, and as the difference to what is known."""
    view = state.view()
    rows, refused = canonical_rows(given, state.mode, state.policy)
    changed = change(view.rows, rows)
    bad = {key: why for key in changed.stated if (why := unusable(key, rows[key], state.mode)) is not None}
    if bad:
        refused += [Refusal(0, bad[key], rows[key].symbol or None, rows[key].ticket) for key in sorted(bad)]
        rows = {key: row for key, row in rows.items() if key not in bad}
    if refused:
        why = fact.why or f"{len(refused)} rows refused"
        fact = replace(fact, refused=(*fact.refused, *refused), completeness="partial", why=why)
    if fact.completeness != "complete":
        return replace(fact, positions=keyframe(rows))
    return replace(fact, positions=written(view, rows, changed))


def digest_of(raw: bytes) -> bytes:
    """SHA-256 of a reply as it came; b'' when nothing came."""
    return hashlib.sha256(raw).digest() if raw else b""


def keyframe(rows: Mapping[Key, BrokerPosition]) -> Rows:
    """All rows, in key order."""
    return Rows(0, tuple(rows[key] for key in sorted(rows)))
