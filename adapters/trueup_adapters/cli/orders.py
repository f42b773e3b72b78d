"""`trueup orders`: which orders does the book hold, or did the broker last list, now or at any earlier moment?

Read from the journal alone, like `look`. What the broker never listed is not known, and is not an empty list (L01).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import typer

from trueup.model import TERMINAL, BookOrder, BrokerOrder, OrderStatus, plain
from trueup.reconciliation.orphans import orphans_of
from trueup.reconciliation.state import State
from trueup.report import iso
from trueup_adapters.cli.exits import DONE, CouldNot
from trueup_adapters.cli.options import Account, AsOf, Json, Position, Store
from trueup_adapters.cli.output import give, note, say, table
from trueup_adapters.cli.stores import moment_of, reading, state_at

COLUMNS: Final = (
    "client_order_id", "order_id", "symbol", "side", "type", "quantity", "filled", "limit", "stop", "status",
    "reduce_only", "strategy",
)  # fmt: skip
_NUMBERS: Final = ("order_id", "quantity", "filled", "limit", "stop")

Side = Literal["book", "broker"]


def orders(
    store: Store,
    account: Account = None,
    side: Annotated[
        Side, typer.Option("--side", help="What the process believes, or what the broker last listed.")
    ] = "book",
    ended: Annotated[
        bool, typer.Option("--all", help="Also those that have ended, as far as they are remembered.")
    ] = False,
    as_of: AsOf = None,
    position: Position = None,
    as_json: Json = False,
) -> int:
    """The working orders of the book, or of the broker as it last listed them; now or at any earlier moment."""
    with reading(store, account) as reader:
        moment = moment_of(reader, as_of, position)
        state = state_at(reader, moment.position)
    if moment.note is not None:
        note(moment.note)
    rows = list(_book(state, ended) if side == "book" else _broker(state, ended))
    if as_json:
        give(rows)
        return DONE
    if rows:
        table(COLUMNS, (_cells(row) for row in rows), right=_NUMBERS)
    what = "orders, the ended ones that are remembered among them," if ended else "working orders"
    say(f"{state.account} at {state.position}: {len(rows)} {what} in {_whose(state, side)}")
    if side == "broker" and (strange := len(orphans_of(state))):
        say(f"{strange} of them nobody here knows: `trueup breaks` says what becomes of them", "yellow")
    return DONE


def _book(state: State, ended: bool) -> Iterable[dict[str, Any]]:
    """The book's orders by client order id; of the ended ones those that are remembered."""
    known = dict(state.orders)
    if ended:  # what is working again stays as it works
        known = {**state.ended_orders.old, **state.ended_orders.young, **known}
    return (_row(state.account, known[name].order) for name in sorted(known))


def _broker(state: State, ended: bool) -> Iterable[dict[str, Any]]:
    """The broker's last complete list, by its own reference. Raises CouldNot where there is none."""
    view = state.view("open_orders")
    if not view.complete_received.at_ns:
        why = f": {view.why}" if view.why else ""
        raise CouldNot(
            f"{state.account} at {state.position}: the broker has never listed its working orders completely{why}; "
            "that is not known, and is no empty list"
        )
    listed = view.orders
    return (_row(state.account, listed[ref]) for ref in sorted(listed) if ended or listed[ref].status not in TERMINAL)


def _row(account: str, one: BookOrder | BrokerOrder) -> dict[str, Any]:
    """A row with the file format's columns, the account, and what else this side knows."""
    row: dict[str, Any] = {
        "account": account,
        "client_order_id": one.client_order_id,
        "order_id": one.order_id,
        "symbol": one.symbol,
        "side": one.side,
        "type": one.type,
        "quantity": plain(one.quantity),
        "filled": _maybe(one.filled),
        "limit": _maybe(one.limit),
        "stop": _maybe(one.stop),
        "status": one.raw_status or "unknown" if one.status is OrderStatus.UNKNOWN else one.status.value,
        "reduce_only": one.reduce_only,
        "average_price": _maybe(one.average_price),
        "ticket": one.ticket,
        "strategy": one.strategy,
    }
    if isinstance(one, BookOrder):
        return row | {"parent": one.parent, "scheduled_for": one.scheduled_for, "mark": one.mark or None}
    return row | {"updated_at": one.updated_at}


def _maybe(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)


def _cells(row: dict[str, Any]) -> Sequence[str | None]:
    """A row for a person: yes and no are words, and a mark stands with the status."""
    said = {True: "yes", False: "no", None: None}[row["reduce_only"]]
    status = f"{row['status']}, {row['mark']}" if row.get("mark") else row["status"]
    return [{"reduce_only": said, "status": status}.get(name, row[name]) for name in COLUMNS]


def _whose(state: State, side: Side) -> str:
    if side == "book":
        return "the book"
    return f"the broker's last complete list, of {iso(state.view('open_orders').complete_received.at_ns)}"
