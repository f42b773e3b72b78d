"""What do the orders of one file say of each other: which of them cannot both be meant?

One client order id is one order, and so is one order id. Of rows that contradict each other none is chosen: choosing
would be inventing (law 13). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trueup.model import Refusal
from trueup_adapters.files.order_cells import refused_order
from trueup_adapters.files.sheet import OrderList, OrderRow


def ordered_orders(listed: OrderList) -> OrderList:
    """The orders that nobody contradicts, and the refused rows. No two rows left share an id of either kind."""
    refused: dict[int, Refusal] = {}
    _repeated("client_order_id", [(row.order.client_order_id, row) for row in listed.rows], refused)
    _repeated("order_id", [(row.order.order_id, row) for row in listed.rows], refused)
    everything = sorted((*listed.refused, *refused.values()), key=lambda one: one.row)
    return OrderList(tuple(row for row in listed.rows if row.number not in refused), tuple(everything))


def _repeated(what: str, rows: Iterable[tuple[str | None, OrderRow]], refused: dict[int, Refusal]) -> None:
    """A repeat in the same words is refused; rows of one id that differ are refused together."""
    by_id: dict[str, list[OrderRow]] = {}
    for name, row in rows:
        if name is not None:
            by_id.setdefault(name, []).append(row)
    for name, twins in by_id.items():
        if all(row.order == twins[0].order for row in twins):
            _refuse(twins[1:], refused, f"{what} {name} was listed before, in the same words")
        else:
            _refuse(twins, refused, f"{what} {name} is listed {len(twins)} times, {_how(what, twins)}")


def _how(what: str, twins: Sequence[OrderRow]) -> str:
    """In which way rows of one id differ. Two orders under one client id is how a double send shows (L21)."""
    ids = {row.order.order_id for row in twins} - {None}
    if what == "client_order_id" and len(ids) > 1:
        return f"as {len(ids)} orders; look whether it was sent more than once"
    return "and not in the same words"


def _refuse(rows: Iterable[OrderRow], refused: dict[int, Refusal], why: str) -> None:
    for row in rows:
        refused.setdefault(row.number, refused_order(row.number, row.name, why, row.order.symbol))
