"""Which executions do the rows of a deals list state?

A deals list is the account's ledger: besides executions it holds balance, credit and commission entries, which
are no executions and are set aside by their kind (L45). A kind that nobody knows is refused (L41), and so is a
cancelled deal: it takes an execution back, which no `Execution` can say.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from trueup.causes import reason_of
from trueup.model import EXACT, ZERO, Execution, Refusal
from trueup_adapters.mt5.positions import Reading, canonical_of
from trueup_adapters.mt5.rows import (
    BadRow,
    DealRow,
    Dialect,
    Unread,
    mark_cell,
    number_cell,
    price_cell,
    printable,
    readable,
    reference_cell,
    same_cell,
    side_cell,
    ticket_cell,
    volume_cell,
    when_cell,
)

AnyDeal: TypeAlias = DealRow | Unread

_TAKEN_BACK: Final = frozenset[int | str]({13, 14, "buy_canceled", "sell_canceled"})
_SET_ASIDE: Final = frozenset[int | str](
    {
        *range(2, 13),
        *range(15, 18),
        "balance",
        "credit",
        "charge",
        "correction",
        "bonus",
        "commission",
        "commission_daily",
        "commission_monthly",
        "commission_agent_daily",
        "commission_agent_monthly",
        "interest",
        "dividend",
        "dividend_franked",
        "tax",
    }
)
"""MetaTrader's ENUM_DEAL_TYPE without buy and sell: entries of the account that move no position."""


class JudgedDeals(msgspec.Struct, frozen=True):
    """Every row of a deals list: executions, refusals, and how many entries were no executions."""

    executions: tuple[Execution, ...]
    refused: tuple[Refusal, ...]
    set_aside: int


def judge_deals(rows: Sequence[AnyDeal], dialect: Dialect, reading: Reading) -> JudgedDeals:
    """Every row, judged on its own and then against others of the same id (L20). Pure."""
    executions: dict[str, tuple[int, Execution]] = {}
    refused: list[Refusal] = []
    contradicted: set[str] = set()
    set_aside = 0
    for number, row in enumerate(rows, 1):
        if isinstance(row, Unread):
            refused.append(Refusal(number, row.why, row.symbol, row.ticket))
            continue
        if _kind(row.type) in _SET_ASIDE:
            set_aside += 1
            continue
        try:
            execution = execution_of(row, dialect, reading)
        except BadRow as bad:
            refused.append(_refusal(number, row, str(bad)))
            continue
        known = executions.setdefault(execution.execution_id, (number, execution))
        if known[0] != number:
            same = known[1] == execution
            why = f"deal {execution.execution_id} was listed before, in {'the same' if same else 'other'} words"
            refused.append(Refusal(number, why, execution.symbol, execution.ticket))
            if not same:
                contradicted.add(execution.execution_id)
    for execution_id in contradicted:  # choosing one of them would be inventing (law 13)
        number, execution = executions.pop(execution_id)
        why = f"deal {execution_id} is listed again, in other words"
        refused.append(Refusal(number, why, execution.symbol, execution.ticket))
    refused.sort(key=lambda refusal: refusal.row)
    return JudgedDeals(tuple(e for _, e in executions.values()), tuple(refused), set_aside)


def _refusal(number: int, row: DealRow, why: str) -> Refusal:
    """A refused deal, with the position it belongs to as far as that can be read; the deal's id is in the reason."""
    deal = next((name for name in map(readable, (row.deal, row.ticket)) if name is not None), None)
    told = why if deal is None or deal in why else f"deal {deal}: {why}"
    return Refusal(number, told, readable(row.symbol), readable(row.position or row.position_id))


def execution_of(row: DealRow, dialect: Dialect, reading: Reading) -> Execution:
    """One row as an execution. Raises BadRow, with the cell that is to blame."""
    execution_id = same_cell(row.deal, row.ticket, read=_deal_id, what="deal and ticket")
    if execution_id is None:
        raise BadRow("it has no number: nobody can say which deal it is")
    sign = side_cell(row.type, dialect)
    if not sign:
        if _kind(row.type) in _TAKEN_BACK:
            raise BadRow(f"deal {execution_id} takes an execution back; look at the account by hand")
        raise BadRow(f"its type is {printable(repr(row.type))[:80]}, which is no deal type of {dialect} (L41)")
    symbol, _ = canonical_of(row.symbol, reading)
    volume = volume_cell(row.volume)
    mark = mark_cell(row.magic)
    return Execution(
        execution_id=execution_id,
        symbol=symbol,
        signed_quantity=volume if sign > 0 else volume.copy_negate(),
        price=price_cell(row.price, what="price"),
        ticket=same_cell(row.position, row.position_id, read=_position, what="position and position_id"),
        order_id=reference_cell(row.order, what="order"),
        client_order_id=readable(row.client_id),
        strategy=None if mark is None else reading.strategies.get(mark),
        fee=_fee_of(row),
        happened_at=when_cell(row.time),
        reason=reason_of(row.reason, comment=row.comment),
    )


def _deal_id(cell: int | str | None) -> str | None:
    return None if cell is None else ticket_cell(cell, what="deal")


def _position(cell: int | str | None) -> str | None:
    return reference_cell(cell, what="position")


def _kind(kind: int | str) -> int | str:
    """Names of kinds other than buy and sell are the same in both dialects, whatever their case."""
    return kind.lower() if isinstance(kind, str) else kind


def _fee_of(row: DealRow) -> Decimal | None:
    """What the deal cost, + paid: MetaTrader books commission and fee as negative amounts. None: not reported."""
    charges = (number_cell(row.commission, what="commission"), number_cell(row.fee, what="fee"))
    reported = [charge for charge in charges if charge is not None]
    if not reported:
        return None
    total = ZERO
    for charge in reported:
        total = EXACT.subtract(total, charge)
    return total
