"""What do the rows of a recorded answer say: positions, orders, executions?

Row by row: a bad one is refused with its reason and makes the answer partial, the rest counts (L42). Of rows that
contradict each other none is chosen (law 13). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from trueup.incident import cells
from trueup.incident.cells import BadCell, Cells, Object
from trueup.model import (
    BrokerOrder,
    BrokerPosition,
    Execution,
    Key,
    OrderStatus,
    PositionMode,
    Refusal,
    Stop,
    signed,
)
from trueup.policy import Policy

ROWS_MAX: Final = 1_000_000
"""The most rows of one line (law 12)."""
_STATUSES: Final = {status.value: status for status in OrderStatus if status is not OrderStatus.UNKNOWN}
_R = TypeVar("_R")


class Rules(msgspec.Struct, frozen=True):
    """What reading a row depends on."""

    mode: PositionMode
    policy: Policy


def positions(given: Sequence[object], rules: Rules) -> tuple[dict[Key, BrokerPosition], list[Refusal]]:
    """Positions by key. A quantity of 0 says that nothing is held there, and is no row."""
    rows, refused = _rows(given, rules, _position)
    held = [(place, row) for place, row in rows if row.signed_quantity]
    found = {key: row for key, (_, row) in _once(held, lambda row: _key(rules.mode, row), refused)}
    return found, refused


def orders(given: Sequence[object], rules: Rules) -> tuple[list[BrokerOrder], list[Refusal]]:
    """Orders in the file's order."""
    rows, refused = _rows(given, rules, _order)
    return [row for _, (_, row) in _once(rows, lambda row: row.order_id or row.client_order_id or "", refused)], refused


def executions(given: Sequence[object], rules: Rules) -> tuple[list[Execution], list[Refusal]]:
    """Executions in the file's order."""
    rows, refused = _rows(given, rules, _execution)
    return [row for _, (_, row) in _once(rows, lambda row: row.execution_id, refused)], refused


# -- one row -----------------------------------------------------------------------------------------------


def _position(row: Cells, rules: Rules) -> BrokerPosition:
    spelling = cells.named(row, "symbol")
    symbol = rules.policy.canonical(spelling)
    side = cells.word(row, "side", ("long", "short"))
    quantity = cells.quantity(row)
    ticket = cells.name(row, "ticket")
    if rules.mode == "hedging" and ticket is None and quantity:
        raise BadCell("it has no ticket, and this account is hedging; give its ticket, or import with --mode netting")
    price = cells.number(row, "price")
    return BrokerPosition(
        symbol=symbol,
        signed_quantity=signed("long" if side == "long" else "short", quantity),
        ticket=ticket,
        price=price,
        stop=Stop(cells.number(row, "stop") or None) if "stop" in row else None,
        strategy=cells.name(row, "strategy"),
        opened_at=cells.time_text(row, "opened_at"),
        spelling=None if symbol == spelling else spelling,
        client_order_id=cells.name(row, "client_order_id"),
    )


def _order(row: Cells, rules: Rules) -> BrokerOrder:
    order_id, client_order_id = cells.name(row, "order_id"), cells.name(row, "client_order_id")
    if order_id is None and client_order_id is None:
        raise BadCell("it has neither order_id nor client_order_id; without one nobody can say which order it is")
    spelling = cells.named(row, "symbol")
    symbol = rules.policy.canonical(spelling)
    quantity = cells.quantity(row)
    if not quantity:
        raise BadCell("its quantity is 0; write what was ordered, greater than 0")
    said = cells.named(row, "status")
    status = _STATUSES.get(said, OrderStatus.UNKNOWN)
    return BrokerOrder(
        symbol=symbol,
        side="buy" if cells.word(row, "side", ("buy", "sell")) == "buy" else "sell",
        type=cells.named(row, "type").lower(),
        quantity=quantity,
        status=status,
        raw_status=said if status is OrderStatus.UNKNOWN else "",
        order_id=order_id,
        client_order_id=client_order_id,
        filled=None if row.get("filled") is None else cells.quantity(row, "filled"),
        average_price=cells.number(row, "average_price"),
        limit=cells.number(row, "limit") or None,
        stop=cells.number(row, "stop") or None,
        reduce_only=cells.truth(row, "reduce_only"),
        ticket=cells.name(row, "ticket"),
        strategy=cells.name(row, "strategy"),
        updated_at=cells.time_text(row, "updated_at"),
        spelling=None if symbol == spelling else spelling,
    )


def _execution(row: Cells, rules: Rules) -> Execution:
    side = cells.word(row, "side", ("buy", "sell"))
    quantity = cells.quantity(row)
    if not quantity:
        raise BadCell("its quantity is 0; an execution has one greater than 0")
    return Execution(
        execution_id=cells.named(row, "execution_id"),
        symbol=rules.policy.canonical(cells.named(row, "symbol")),
        signed_quantity=signed("buy" if side == "buy" else "sell", quantity),
        price=cells.number(row, "price"),
        ticket=cells.name(row, "ticket"),
        order_id=cells.name(row, "order_id"),
        client_order_id=cells.name(row, "client_order_id"),
        strategy=cells.name(row, "strategy"),
        fee=cells.number(row, "fee"),
        fee_asset=cells.name(row, "fee_asset"),
        happened_at=cells.time_text(row, "at"),
    )


def _key(mode: PositionMode, row: BrokerPosition) -> Key:
    return row.symbol if mode == "netting" else f"#{row.ticket}"


# -- all of them -------------------------------------------------------------------------------------------


def _rows(
    given: Sequence[object], rules: Rules, read: Callable[[Cells, Rules], _R]
) -> tuple[list[tuple[int, _R]], list[Refusal]]:
    if len(given) > ROWS_MAX:
        raise BadCell(f"it lists {len(given):,} rows; {ROWS_MAX:,} are the most that is read")
    rows: list[tuple[int, _R]] = []
    refused: list[Refusal] = []
    for place, one in enumerate(given, 1):
        try:
            rows.append((place, read(cells.table(one, "the row"), rules)))
        except BadCell as bad:
            row = one if isinstance(one, Object) else Object()
            symbol = _readable(row, "symbol")
            canonical = None if symbol is None else rules.policy.canonical(symbol)
            refused.append(Refusal(place, str(bad), canonical, _readable(row, "ticket")))
    return rows, refused


def _readable(row: Cells, field: str) -> str | None:
    try:
        return cells.name(row, field)
    except BadCell:
        return None


def _once(
    rows: Iterable[tuple[int, _R]], key_of: Callable[[_R], str], refused: list[Refusal]
) -> list[tuple[str, tuple[int, _R]]]:
    """Each key once: a repeat in the same words is refused, rows that contradict each other all are."""
    by_key: dict[str, list[tuple[int, _R]]] = {}
    for place, row in rows:
        by_key.setdefault(key_of(row), []).append((place, row))
    kept: list[tuple[str, tuple[int, _R]]] = []
    for key, twins in by_key.items():
        same = all(row == twins[0][1] for _, row in twins)
        if same:
            kept.append((key, twins[0]))
        for place, row in twins[1:] if same else twins:
            why = (
                f"{key.removeprefix('#')} was listed before, in the same words"
                if same
                else f"{key.removeprefix('#')} is listed {len(twins)} times, and not in the same words"
            )
            refused.append(Refusal(place, why, getattr(row, "symbol", None), getattr(row, "ticket", None)))
    refused.sort(key=lambda one: one.row)
    return kept
