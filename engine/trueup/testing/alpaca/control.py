"""How is the fake Alpaca's account moved by hand, while something talks to it?

Every call takes the account's lock, so it may come from any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

from trueup.model import Side, TradeSide
from trueup.testing.alpaca.account import Number
from trueup.testing.alpaca.faults import READS, WRITES, Endpoint, Fault, Faults
from trueup.testing.alpaca.server import Seen, Server
from trueup.testing.alpaca.things import AssetClass, Fill, Order


class Control:
    """The strings of a fake Alpaca: what truly is there, and what goes wrong when it is asked for.

    Quantities and prices are Decimals or their text, always greater than 0; `order` is Alpaca's id of an order, as
    `place` returns it; a symbol may be spelled either way (`BTC/USD`, `BTCUSD`). Raises InputError for what cannot be.
    """

    def __init__(self, server: Server, faults: Faults) -> None:
        self._server = server
        self._faults = faults
        self._account = server.routes.account
        self._desk = server.routes.desk

    # -- positions -----------------------------------------------------------------------------------------

    def asset(
        self, symbol: str, asset_class: AssetClass | None = None, *, shortable: bool = True, fractionable: bool = True
    ) -> str:
        """Make an asset known, or return the id of one that is. Without a class it goes by the symbol's looks."""
        with self._server.lock:
            return self._account.asset(symbol, asset_class, shortable=shortable, fractionable=fractionable).id

    def open(self, symbol: str, side: Side, quantity: Number, *, price: Number) -> str:
        """A trade somewhere else than through us, by the side of the position. Returns its order's id."""
        with self._server.lock:
            return self._account.open(symbol, side, quantity, price)

    def trade(self, symbol: str, side: TradeSide, quantity: Number, *, price: Number) -> str:
        """The same by the side of the order."""
        with self._server.lock:
            return self._account.trade(symbol, side, quantity, price)

    def close(self, symbol: str, *, price: Number | None = None) -> str:
        """Close a position by hand, at what it cost where no price is given. Returns the order's id."""
        with self._server.lock:
            held = self._account.position(symbol)
            side: TradeSide = "buy" if held.signed_quantity.is_signed() else "sell"
            size = held.signed_quantity.copy_abs()
            return self._account.trade(symbol, side, size, held.price if price is None else price)

    def liquidate(self, symbol: str, *, price: Number) -> str:
        """The broker closes a position by itself (L40). Returns the id of the order that it made for that."""
        return self.close(symbol, price=price)

    def split(self, symbol: str, ratio: Number) -> None:
        """A split, 2 for two-for-one: the quantity changes, and no order does (L39)."""
        with self._server.lock:
            self._account.split(symbol, ratio)

    def fee(self, symbol: str, quantity: Number) -> None:
        """Take a fee in the coin itself: the position shrinks without any fill (L37)."""
        with self._server.lock:
            self._account.fee(symbol, quantity)

    def vanish(self, symbol: str) -> None:
        """Lose a position without any fill (L02)."""
        with self._server.lock:
            self._account.vanish(symbol)

    def held(self, symbol: str) -> Decimal:
        """What is truly held, signed; 0 where nothing is."""
        with self._server.lock:
            return self._account.held(symbol)

    # -- orders --------------------------------------------------------------------------------------------

    def place(
        self,
        symbol: str,
        side: TradeSide,
        type: Literal["limit", "stop", "market"],
        quantity: Number,
        *,
        price: Number | None = None,
        client_id: str | None = None,
    ) -> str:
        """An order by hand, taken without any check; `price` is its limit or stop. Returns its id."""
        with self._server.lock:
            return self._desk.place(symbol, side, type, quantity, price=price, client_id=client_id)

    def fill(self, order: str, quantity: Number | None = None, *, price: Number | None = None) -> str:
        """Fill the rest of an order or so much of it, even one that has ended (L17, L18). The position's symbol."""
        with self._server.lock:
            return self._desk.fill(order, quantity, price=price)

    def cancel(self, order: str) -> None:
        """End an order as a person does."""
        with self._server.lock:
            self._desk.end(order, "canceled")

    def reject(self, order: str) -> None:
        """Let Alpaca refuse an order that it had taken."""
        with self._server.lock:
            self._desk.end(order, "rejected")

    def expire(self, order: str) -> None:
        """Let an order's time run out."""
        with self._server.lock:
            self._desk.end(order, "expired")

    def replace(self, order: str, **changes: Number) -> str:
        """Replace an order (`qty`, `limit_price`, `stop_price`). Returns the id of the one in its place."""
        with self._server.lock:
            return self._desk.ask_replace(order, {name: str(value) for name, value in changes.items()}).id

    def bracket(
        self, symbol: str, side: TradeSide, quantity: Number, *, price: Number, profit: Number, loss: Number
    ) -> tuple[str, str, str]:
        """A limit order at `price` with both its exits. Returns the ids of entry, take profit and stop loss."""
        body = {"symbol": symbol, "side": side, "qty": str(quantity), "type": "limit", "limit_price": str(price)}
        exits = {"take_profit": {"limit_price": str(profit)}, "stop_loss": {"stop_price": str(loss)}}
        with self._server.lock:
            entry = self._desk.submit({**body, **exits, "time_in_force": "gtc", "order_class": "bracket"})
            return entry.id, entry.legs[0], entry.legs[1]

    def settle(self, order: str) -> None:
        """Finish a pending cancel or replacement."""
        with self._server.lock:
            self._desk.settle(order)

    def say(self, order: str, word: str) -> None:
        """Any word in the place of an order's status (L41)."""
        with self._server.lock:
            self._desk.say(order, word)

    def forget(self, order: str, times: int = 1) -> None:
        """Leave an order out of the next so many answers about orders (L04)."""
        with self._server.lock:
            self._server.routes.hidden[self._account.find_order(order).id] = times

    def price(self, symbol: str, price: Number) -> None:
        """Where the market is: resting orders that it reaches fill there."""
        with self._server.lock:
            self._desk.price(symbol, price)

    def orders(self, client_id: str | None = None) -> Sequence[Order]:
        """Every order that there truly is or was, oldest first; of one client id."""
        with self._server.lock:
            every = self._account.orders.values()
            return [order for order in every if client_id in (None, order.client_order_id)]

    def executions(self, order: str) -> Sequence[str]:
        """The ids of an order's fills, as their activities have them, oldest first."""
        with self._server.lock:
            return [a.id for a in self._account.activities if isinstance(a, Fill) and a.order_id == order]

    def slow(self, *, fills: bool = False, cancels: bool = False, replaces: bool = False) -> None:
        """What no longer happens at once: market orders rest until `fill`, cancels and replacements until `settle`."""
        with self._server.lock:
            self._desk.fills_at_once = not fills
            self._desk.cancels_at_once = not cancels
            self._desk.replaces_at_once = not replaces

    # -- what goes wrong -----------------------------------------------------------------------------------

    def misbehave(self, kind: str, *, on: Sequence[Endpoint] = (), times: int = 1, **how: Any) -> None:
        """Let the next so many requests go wrong that a fault applies to.

        kind  one of `faults.KINDS`; docs/reference/alpaca.md says what each does
        on    endpoints; by default those that read, and for `lost_ack` those that write
        how   the fault's own fields: status, text, retry_after, delay_ms, how, differs, field, word, changes

        Raises InputError for what is none.
        """
        default = WRITES if kind == "lost_ack" else READS
        with self._server.lock:
            self._faults.add(Fault(kind=kind, on=frozenset(on) or default, **how), times)

    def behave(self) -> None:
        """No fault waits any more."""
        with self._server.lock:
            self._faults.clear()

    def cut(self) -> None:
        """Break every connection that there is now; they can be made again."""
        self._server.cut()

    @property
    def seen(self) -> Sequence[Seen]:
        """The requests that came in, oldest first, as far as they are remembered."""
        with self._server.lock:
            return list(self._server.seen)

    def requests(self, method: str, path: str = "") -> int:
        """How many of them had that method and a path that begins so."""
        return sum(one.method == method and one.target.startswith(path) for one in self.seen)
