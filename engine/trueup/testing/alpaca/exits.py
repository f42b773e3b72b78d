"""Which orders of the fake Alpaca wait for another one: the legs of a bracket, an OCO or an OTO order?

A bracket's exits are `held` until its entry has filled; then the take profit works, and the stop loss stays `held`,
for the same shares cannot be sold twice. It comes to life when the market reaches it. What ends one exit ends the
other, and an entry that ends unfilled ends both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final, cast

import msgspec

from trueup.model import TradeSide
from trueup.testing.alpaca.account import Account
from trueup.testing.alpaca.things import CLOSED, HELD, Order, unprocessable

CLASSES: Final = frozenset({"simple", "bracket", "oco", "oto"})


class _Group(msgspec.Struct):
    """Orders that wait for one another, by id."""

    entry: str | None
    """None: there is none (OCO)."""
    exits: list[str]
    """The take profit before the stop loss."""


class Exits:
    """The groups of one account's orders."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._groups: list[_Group] = []

    def planned(
        self, order: Order, body: Mapping[str, object], number: Callable[[object, str], Decimal]
    ) -> tuple[Order, Sequence[Order]]:
        """The order that a body asks for, and its legs where it asks for any; nothing is kept yet. Raises Refused."""
        kind = str(body.get("order_class") or "simple")
        if kind not in CLASSES:
            raise unprocessable(f"invalid order_class: {kind}", code=40010001)
        profit, loss = (_table(body, name) for name in ("take_profit", "stop_loss"))
        if kind == "simple":
            if profit or loss:
                raise unprocessable("order class simple takes no take_profit or stop_loss", code=40010001)
            return order, ()
        if order.asset.asset_class != "us_equity":
            raise unprocessable(f"{order.asset.asset_class} orders must be simple")
        if kind != "oto" and not (profit.get("limit_price") and loss.get("stop_price")):
            raise unprocessable(f"{kind} orders require take_profit.limit_price and stop_loss.stop_price")
        if kind == "oto" and bool(profit) == bool(loss):
            raise unprocessable("oto orders require either take_profit or stop_loss")
        side: TradeSide = order.side if kind == "oco" else "sell" if order.side == "buy" else "buy"
        limit = number(profit["limit_price"], "limit_price") if profit else None
        stop = number(loss["stop_price"], "stop_price") if loss else None
        stop_limit = number(loss["limit_price"], "limit_price") if loss.get("limit_price") else None
        order = msgspec.structs.replace(order, order_class=kind)
        legs: list[Order] = []
        if kind == "oco":
            order = msgspec.structs.replace(order, type="limit", limit=limit)
        elif limit is not None:
            legs.append(self._leg(order, side, "limit", limit=limit))
        if stop is not None:
            legs.append(self._leg(order, side, "stop_limit" if stop_limit else "stop", stop=stop, limit=stop_limit))
        return msgspec.structs.replace(order, legs=tuple(leg.id for leg in legs)), legs

    def kept(self, order: Order, legs: Sequence[Order]) -> Order:
        """Store an order and its legs, and remember that they wait for one another."""
        placed = self._account.put(order)
        for leg in legs:
            self._account.put(leg)
        if legs:
            ids = [leg.id for leg in legs]
            oco = order.order_class == "oco"
            self._groups.append(_Group(None if oco else order.id, [order.id, *ids] if oco else ids))
        return placed

    def _leg(
        self, order: Order, side: TradeSide, type: str, *, limit: Decimal | None = None, stop: Decimal | None = None
    ) -> Order:
        return msgspec.structs.replace(
            order,
            id=self._account.new_id(),
            client_order_id=self._account.new_id(),
            side=side,
            type=type,
            limit=limit,
            stop=stop,
            status=HELD,
            position_intent=f"{side}_to_close",
            parent=order.id,
        )

    def live(self, order: Order) -> bool:
        """Whether the market can reach an order: a held exit only once its entry has filled."""
        if order.status != HELD:
            return order.is_open
        entries = [group.entry for group in self._groups if order.id in group.exits]
        return all(entry is None or self._account.orders[entry].status == "filled" for entry in entries)

    def replaced(self, order_id: str, successor_id: str) -> None:
        """One order has taken the place of another."""
        for group in self._groups:
            group.entry = successor_id if group.entry == order_id else group.entry
            group.exits = [successor_id if exit_id == order_id else exit_id for exit_id in group.exits]

    def settle(self) -> None:
        """Let the groups be as they must be after whatever happened; what is settled stays as it is."""
        for group in self._groups:
            orders = self._account.orders
            exits = [orders[exit_id] for exit_id in group.exits]
            entry = None if group.entry is None else orders[group.entry]
            gone = entry is not None and entry.status in CLOSED and not entry.filled
            if gone or any(exit.status in CLOSED for exit in exits):
                for exit in exits:
                    if exit.is_open:
                        ended = self._account.now_ns()
                        self._account.put(msgspec.structs.replace(exit, status="canceled", ended_ns=ended))
            elif (entry is None or entry.status == "filled") and exits[0].status == HELD:
                self._account.put(msgspec.structs.replace(exits[0], status="new"))


def _table(body: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = body.get(name)
    if found is not None and not isinstance(found, dict):
        raise unprocessable(f"{name} is invalid", code=40010001)
    return cast(Mapping[str, object], found or {})
