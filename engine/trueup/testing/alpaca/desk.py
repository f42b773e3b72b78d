"""What does the fake Alpaca do with orders: take them by its rules, fill, cancel, replace, refuse?"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal

import msgspec

from trueup.errors import InputError
from trueup.model import EXACT, ZERO, TradeSide, exact, plain
from trueup.testing.alpaca.account import Account, Number, above_zero
from trueup.testing.alpaca.exits import Exits
from trueup.testing.alpaca.things import HELD, Asset, Order, Refused, missing, unprocessable

CLIENT_ID_MAX: Final = 128
_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "us_equity": frozenset({"market", "limit", "stop", "stop_limit", "trailing_stop"}),
    "us_option": frozenset({"market", "limit", "stop", "stop_limit"}),
    "crypto": frozenset({"market", "limit", "stop_limit"}),
}
_IN_FORCE: Final[Mapping[str, frozenset[str]]] = {
    "us_equity": frozenset({"day", "gtc", "opg", "cls", "ioc", "fok"}),
    "us_option": frozenset({"day"}),
    "crypto": frozenset({"gtc", "ioc"}),
}


class Desk:
    """The orders of one account, by Alpaca's rules."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.fills_at_once = True
        """Whether market orders fill as soon as a price is known."""
        self.cancels_at_once = True
        """False: a cancelled order is `pending_cancel` until `settle` (L23)."""
        self.replaces_at_once = True
        """False: a replaced order is `pending_replace` until `settle`."""
        self._replacing: dict[str, Order] = {}
        self._exits = Exits(account)

    # -- as the API is asked -------------------------------------------------------------------------------

    def submit(self, body: Mapping[str, object]) -> Order:
        """POST /v2/orders. Raises Refused."""
        client_id = body.get("client_order_id") or self.account.new_id()
        if not isinstance(client_id, str) or len(client_id) > CLIENT_ID_MAX:
            raise unprocessable(f"client_order_id must be at most {CLIENT_ID_MAX} characters", code=40010001)
        if self.by_client_id(client_id) is not None:
            raise unprocessable("client_order_id must be unique", code=40010001)
        symbol, side = body.get("symbol"), body.get("side")
        if not isinstance(symbol, str) or not symbol:
            raise unprocessable("symbol is required", code=40010001)
        if side not in ("buy", "sell"):
            raise unprocessable("invalid side", code=40010001)
        asset = self.account.asset(symbol)
        order = Order(
            id=self.account.new_id(),
            client_order_id=client_id,
            asset=asset,
            side=side,
            type=str(body.get("type")),
            time_in_force=str(body.get("time_in_force")),
            created_ns=self.account.now_ns(),
            updated_ns=self.account.now_ns(),
            quantity=_number(body, "qty"),
            notional=_number(body, "notional"),
            limit=_number(body, "limit_price"),
            stop=_number(body, "stop_price"),
            position_intent=self.account.intent(asset, side),
            extended_hours=bool(body.get("extended_hours")),
        )
        order, legs = self._exits.planned(order, body, _given)
        self._check(order, body.get("position_intent"))
        self.account.note()
        placed = self._at_once(self._exits.kept(order, legs))
        self._exits.settle()
        return placed

    def _check(self, order: Order, intent: object) -> None:
        kind = order.asset.asset_class
        if (order.quantity is None) == (order.notional is None):
            raise unprocessable("exactly one of qty and notional is required", code=40010001)
        if order.type not in _TYPES[kind]:
            raise unprocessable(f"invalid order type for {kind} order")
        if order.time_in_force not in _IN_FORCE[kind]:
            raise unprocessable(f"invalid {kind} time_in_force")
        if "limit" in order.type and order.limit is None:
            raise unprocessable(f"{order.type} orders require limit_price")
        if order.type.startswith("stop") and order.stop is None:
            raise unprocessable(f"{order.type} orders require stop_price")
        for name, price in (("limit_price", order.limit), ("stop_price", order.stop)):
            if kind == "us_equity" and price is not None and _is_sub_penny(price):
                why = "sub-penny increment does not fulfill minimum pricing criteria"
                raise unprocessable(f"invalid {name} {plain(price)}. {why}")
        if order.quantity is not None and order.quantity != order.quantity.to_integral_value():
            if kind == "us_option":
                raise unprocessable("options qty must be a whole number")
            if kind == "us_equity" and order.time_in_force != "day":
                raise unprocessable("fractional orders must be DAY orders")
            if kind == "us_equity" and not order.asset.fractionable:
                raise unprocessable(f'asset "{order.asset.symbol}" is not fractionable')
        if intent is not None and intent != order.position_intent:
            said = f"position intent mismatch, inferred: {order.position_intent}, specified: {intent}"
            raise unprocessable(said)
        if order.quantity is not None:
            self._check_available(order, order.quantity)

    def _check_available(self, order: Order, wanted: Decimal, besides: str = "") -> None:
        """An order never turns a position round, and what other orders hold cannot be sold twice."""
        asset, held = order.asset, self.account.held(order.asset.symbol)
        closes = str(order.position_intent).endswith("close")
        if not closes:
            if order.side == "sell" and not asset.shortable:
                raise Refused(403, 40310000, f"asset {asset.symbol!r} cannot be sold short")
            return
        reserved = self.held_for_orders(asset, order.side, besides)
        available = EXACT.subtract(held.copy_abs(), reserved)
        if wanted > available:
            raise Refused(
                403,
                40310000,
                f"insufficient qty available for order (requested: {plain(wanted)}, available: {plain(available)})",
                available=plain(available),
                existing_qty=plain(held.copy_abs()),
                held_for_orders=plain(reserved),
                symbol=asset.position_symbol,
            )

    def held_for_orders(self, asset: Asset, side: TradeSide, besides: str = "") -> Decimal:
        """What working orders of that side have reserved of a position."""
        rests = [
            EXACT.subtract(o.quantity, o.filled)
            for o in self.account.orders.values()
            if o.is_open
            and o.status != HELD
            and o.asset == asset
            and o.side == side
            and o.quantity is not None
            and o.id != besides
        ]
        return sum(rests, ZERO)

    def by_client_id(self, client_id: str) -> Order | None:
        """The order of that client id."""
        return next((o for o in self.account.orders.values() if o.client_order_id == client_id), None)

    def ask_cancel(self, order_id: str) -> None:
        """DELETE /v2/orders/{id}. Raises Refused."""
        order = self._asked(order_id)
        if not order.is_open or order.status == "pending_cancel":
            raise unprocessable(f'order is already in "{order.status}" state')
        self.account.note()
        self._end(order, "canceled" if self.cancels_at_once else "pending_cancel")

    def ask_replace(self, order_id: str, body: Mapping[str, object]) -> Order:
        """PATCH /v2/orders/{id}: the order that takes its place. Raises Refused."""
        order = self._asked(order_id)
        if not order.is_open or order.status.startswith("pending"):
            raise unprocessable(f'order is already in "{order.status}" state')
        client_id = str(body.get("client_order_id") or self.account.new_id())
        if self.by_client_id(client_id) is not None:
            raise unprocessable("client_order_id must be unique", code=40010001)
        successor = msgspec.structs.replace(
            order,
            id=self.account.new_id(),
            client_order_id=client_id,
            created_ns=self.account.now_ns(),
            quantity=_number(body, "qty") or order.quantity,
            limit=_number(body, "limit_price") or order.limit,
            stop=_number(body, "stop_price") or order.stop,
            time_in_force=str(body.get("time_in_force") or order.time_in_force),
            filled=ZERO,
            average_price=None,
            status="new",
            replaces=order.id,
        )
        if successor.quantity is not None:
            self._check_available(successor, successor.quantity, besides=order.id)
        self.account.note()
        if self.replaces_at_once:
            return self._replaced(order, successor)
        self._replacing[order.id] = successor
        self.account.put(msgspec.structs.replace(order, status="pending_replace"))
        return successor

    def ask_close(self, symbol: str, quantity: str | None, percentage: str | None) -> Order:
        """DELETE /v2/positions/{symbol}: a market order that closes at most what is there. Raises Refused."""
        asset = self.account.find_asset(symbol)
        held = ZERO if asset is None or "/" in symbol else self.account.held(asset.symbol)
        if asset is None or not held:
            raise missing("position does not exist")
        size = held.copy_abs()
        if quantity is not None:
            size = _parsed(quantity, "qty")
        elif percentage is not None:
            size = EXACT.divide(EXACT.multiply(size, _parsed(percentage, "percentage")), Decimal(100))
        side: TradeSide = "sell" if held > 0 else "buy"
        body = {"symbol": asset.symbol, "side": side, "qty": plain(size), "type": "market"}
        return self.submit(body | {"time_in_force": "gtc" if asset.asset_class == "crypto" else "day"})

    def _asked(self, order_id: str) -> Order:
        order = self.account.orders.get(order_id)
        if order is None:
            raise missing(f"order not found for {order_id}")
        return order

    # -- as a market, a broker or a person moves it --------------------------------------------------------

    def place(
        self,
        symbol: str,
        side: TradeSide,
        type: Literal["limit", "stop", "stop_limit", "market"],
        quantity: Number,
        *,
        price: Number | None = None,
        client_id: str | None = None,
    ) -> str:
        """An order by hand, taken without any check. Returns its id. Raises InputError."""
        size = above_zero(quantity, "quantity")
        level = None if price is None else above_zero(price, "price")
        self.account.note()
        asset = self.account.asset(symbol)
        return self._at_once(self.account.new_order(asset, side, type, size, price=level, client_id=client_id)).id

    def fill(self, order_id: str, quantity: Number | None = None, *, price: Number | None = None) -> str:
        """Fill an order or part of it, even one that has ended (L17, L18). Returns the position's symbol."""
        order = self.account.find_order(order_id)
        rest = ZERO if order.quantity is None else EXACT.subtract(order.quantity, order.filled)
        size = rest if quantity is None else above_zero(quantity, "quantity")
        if size <= 0:
            raise InputError(f"order {order_id} has nothing left to fill; say how much it fills beyond that")
        paid = self._price_of(order) if price is None else above_zero(price, "price")
        if paid is None:
            raise InputError(f"order {order_id} has no price; give one")
        self.account.note()
        self.account.execute(order, size, paid)
        self._exits.settle()
        return order.asset.position_symbol

    def end(self, order_id: str, status: str) -> None:
        """Let an order be `canceled`, `expired` or `rejected` at the broker."""
        order = self.account.find_order(order_id)
        self.account.note()
        self._end(order, status)

    def say(self, order_id: str, word: str) -> None:
        """Any word in the place of its status (L41)."""
        order = self.account.find_order(order_id)
        self.account.note()
        self.account.put(msgspec.structs.replace(order, status=word))

    def settle(self, order_id: str) -> None:
        """Finish a pending cancel or replacement. Raises InputError where none is pending."""
        order = self.account.find_order(order_id)
        self.account.note()
        if order.status == "pending_cancel":
            self._end(order, "canceled")
        elif order.id in self._replacing:
            self._replaced(order, self._replacing.pop(order.id))
        else:
            raise InputError(f"order {order_id} is {order.status}: nothing is pending")

    def price(self, symbol: str, price: Number) -> None:
        """Let the market be there: resting orders that it reaches fill at it."""
        asset, now = self.account.asset(symbol), above_zero(price, "price")
        self.account.prices[asset.symbol] = now
        for order in [o for o in self.account.orders.values() if o.is_open and o.asset == asset]:
            standing = self.account.orders[order.id]  # another's fill may have ended it by now
            if self._exits.live(standing) and _reaches(standing, now):
                self.fill(order.id, price=now)

    def _at_once(self, order: Order) -> Order:
        if order.type != "market" or not self.fills_at_once:
            return order
        paid = self._price_of(order)
        if paid is None:
            return order
        size = EXACT.divide(order.notional or ZERO, paid) if order.quantity is None else order.quantity
        return self.account.execute(order, size, paid)

    def _price_of(self, order: Order) -> Decimal | None:
        held = self.account.positions.get(order.asset.symbol)
        level = order.limit if order.limit is not None else order.stop
        market = self.account.prices.get(order.asset.symbol)
        if level is not None:
            return level
        return market if market is not None or held is None else held.price

    def _end(self, order: Order, status: str) -> None:
        self.account.put(msgspec.structs.replace(order, status=status, ended_ns=self.account.now_ns()))
        self._exits.settle()

    def _replaced(self, order: Order, successor: Order) -> Order:
        self.account.put(
            msgspec.structs.replace(order, status="replaced", replaced_by=successor.id, ended_ns=self.account.now_ns())
        )
        self._exits.replaced(order.id, successor.id)
        return self.account.put(successor)


def _is_sub_penny(price: Decimal) -> bool:
    """Whether a share's price is finer than a cent, or than a hundredth of one below a dollar."""
    return EXACT.remainder(price, Decimal("0.01") if price >= 1 else Decimal("0.0001")) != 0


def _reaches(order: Order, price: Decimal) -> bool:
    """Whether the market at that price fills a resting order."""
    if order.stop is not None:
        return price <= order.stop if order.side == "sell" else price >= order.stop
    if order.limit is not None:
        return price >= order.limit if order.side == "sell" else price <= order.limit
    return True


def _given(value: object, name: str) -> Decimal:
    return _parsed(str(value), name)


def _number(body: Mapping[str, object], name: str) -> Decimal | None:
    value = body.get(name)
    return None if value is None else _parsed(str(value), name)


def _parsed(text: str, name: str) -> Decimal:
    try:
        return above_zero(exact(text, what=name), name)
    except InputError as error:
        raise unprocessable(f"{name} is invalid: {error}", code=40010001) from error
