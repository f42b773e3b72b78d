"""What happens to positions and fills of the fake Alpaca's account when something trades?

The account remembers what it was before each change, so that answers can be stale (L12).
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from trueup.errors import InputError
from trueup.model import EXACT, ZERO, Side, TradeSide, add, exact, plain, signed
from trueup.testing.alpaca.things import Asset, AssetClass, Fill, Held, Order, OtherActivity, class_of

Number = Decimal | str | int
PAST_MAX: Final = 64
"""Changes that a stale answer can be behind."""
_SPACE: Final = uuid.UUID("6e1f7a52-0f1c-5d58-9c36-8a9d5f0b4a11")
_PRICE_STEP: Final = Decimal("1e-9")


class Books(NamedTuple):
    """What there was at one moment."""

    positions: Mapping[str, Held]
    orders: Mapping[str, Order]
    activities: tuple[Fill | OtherActivity, ...]


class Account:
    """One account: what is held, ordered and done, and the moves that a market or a person can make."""

    def __init__(self, number: str, now_ns: Callable[[], int]) -> None:
        self.number = number
        self.now_ns = now_ns
        self.assets: dict[str, Asset] = {}
        self.positions: dict[str, Held] = {}
        self.orders: dict[str, Order] = {}
        self.activities: list[Fill | OtherActivity] = []
        self.prices: dict[str, Decimal] = {}
        self._past: deque[Books] = deque(maxlen=PAST_MAX)
        self._counted = 0

    # -- looking -------------------------------------------------------------------------------------------

    def books(self, changes_ago: int = 0) -> Books:
        """What there is, or was before so many changes (as far as that is remembered)."""
        if changes_ago and self._past:
            return self._past[max(0, len(self._past) - changes_ago)]
        return Books(self.positions, self.orders, tuple(self.activities))

    def asset(
        self,
        symbol: str,
        asset_class: AssetClass | None = None,
        *,
        shortable: bool = True,
        fractionable: bool = True,
    ) -> Asset:
        """The asset of that name, in either spelling of a pair; made where nobody has heard of it yet."""
        known = self.find_asset(symbol)
        if known is None:
            kind = asset_class or class_of(symbol)
            known = Asset(
                id=self.new_id(),
                symbol=symbol,
                asset_class=kind,
                shortable=shortable and kind != "crypto",
                fractionable=fractionable,
            )
            self.assets[symbol] = known
        return known

    def find_asset(self, name: str) -> Asset | None:
        """An asset by its symbol, by the spelling that positions have, or by its id."""
        if name in self.assets:
            return self.assets[name]
        return next((a for a in self.assets.values() if name in (a.position_symbol, a.id)), None)

    def find_order(self, order_id: str) -> Order:
        """The order of that id. Raises InputError."""
        if order_id not in self.orders:
            raise InputError(f"there is no order {order_id!r} at the fake Alpaca")
        return self.orders[order_id]

    def position(self, symbol: str) -> Held:
        """The position in a symbol. Raises InputError."""
        asset = self.find_asset(symbol)
        if asset is None or asset.symbol not in self.positions:
            raise InputError(f"nothing is held in {symbol!r} at the fake Alpaca")
        return self.positions[asset.symbol]

    def held(self, symbol: str) -> Decimal:
        """What is held, signed; 0 where nothing is."""
        asset = self.find_asset(symbol)
        held = None if asset is None else self.positions.get(asset.symbol)
        return ZERO if held is None else held.signed_quantity

    # -- moving --------------------------------------------------------------------------------------------

    def new_id(self) -> str:
        """The next id: the same in every run that does the same."""
        self._counted += 1
        return str(uuid.uuid5(_SPACE, f"{self.number}/{self._counted}"))

    def note(self) -> None:
        """Remember what there is; called before each change."""
        self._past.append(Books(dict(self.positions), dict(self.orders), tuple(self.activities)))

    def put(self, order: Order) -> Order:
        """Store an order as it stands now."""
        stored = msgspec.structs.replace(order, updated_ns=self.now_ns())
        self.orders[stored.id] = stored
        return stored

    def execute(self, order: Order, quantity: Decimal, price: Decimal) -> Order:
        """One fill of an order: the position moves, an activity is written, the order says so."""
        before = self.held(order.asset.symbol)
        after = add(before, signed(order.side, quantity))
        filled = add(order.filled, quantity)
        wanted = order.quantity if order.quantity is not None else filled
        leaves = EXACT.subtract(wanted, filled) if wanted > filled else ZERO
        self.activities.append(
            Fill(
                id=self._activity_id(),
                order_id=order.id,
                symbol=order.asset.symbol,
                side="sell_short" if order.side == "sell" and before <= 0 else order.side,
                quantity=quantity,
                price=price,
                cumulative=filled,
                leaves=leaves,
                at_ns=self.now_ns(),
            )
        )
        self._hold(order.asset, before, after, price)
        spent = EXACT.multiply(order.filled, order.average_price or ZERO)
        total = add(spent, EXACT.multiply(quantity, price))
        ended = order.status in ("canceled", "expired", "rejected", "replaced")
        status = "filled" if not leaves else order.status if ended else "partially_filled"
        return self.put(
            msgspec.structs.replace(
                order,
                filled=filled,
                average_price=_divided(total, filled),
                status=status,
                ended_ns=self.now_ns() if status == "filled" else order.ended_ns,
            )
        )

    def _hold(self, asset: Asset, before: Decimal, after: Decimal, price: Decimal) -> None:
        held = self.positions.get(asset.symbol)
        if not after:
            self.positions.pop(asset.symbol, None)
            return
        size, more = after.copy_abs(), EXACT.subtract(after.copy_abs(), before.copy_abs())
        if held is None or not before or before.is_signed() != after.is_signed():
            average = price
        elif more > 0:
            paid = add(EXACT.multiply(before.copy_abs(), held.price), EXACT.multiply(more, price))
            average = _divided(paid, size)
        else:
            average = held.price
        self.positions[asset.symbol] = Held(asset, after, average)

    def _activity_id(self) -> str:
        """Sorted like time, as Alpaca's are: the moment, the count, and a number of its own."""
        moment = datetime.fromtimestamp(self.now_ns() // 1_000_000_000, UTC).strftime("%Y%m%d%H%M%S")
        millis = self.now_ns() // 1_000_000 % 1000
        return f"{moment}{millis:03}::{len(self.activities):08x}-{self.new_id()[9:]}"

    # -- what the account lives through --------------------------------------------------------------------

    def new_order(
        self,
        asset: Asset,
        side: TradeSide,
        type: str,
        quantity: Decimal | None,
        *,
        price: Decimal | None = None,
        client_id: str | None = None,
    ) -> Order:
        """A resting order, unasked by the API; `price` is its limit or its stop."""
        return self.put(
            Order(
                id=self.new_id(),
                client_order_id=client_id or self.new_id(),
                asset=asset,
                side=side,
                type=type,
                time_in_force="gtc" if asset.asset_class != "us_option" else "day",
                created_ns=self.now_ns(),
                updated_ns=self.now_ns(),
                quantity=quantity,
                limit=price if "limit" in type else None,
                stop=price if "stop" in type else None,
                position_intent=self.intent(asset, side),
            )
        )

    def trade(self, symbol: str, side: TradeSide, quantity: Number, price: Number) -> str:
        """A trade by hand, somewhere else than through us. Returns its order's id."""
        self.note()
        asset = self.asset(symbol)
        order = self.new_order(asset, side, "market", above_zero(quantity, "quantity"))
        return self.execute(order, above_zero(quantity, "quantity"), above_zero(price, "price")).id

    def open(self, symbol: str, side: Side, quantity: Number, price: Number) -> str:
        """The same, named by the side of the position that it makes or adds to."""
        return self.trade(symbol, "buy" if side == "long" else "sell", quantity, price)

    def intent(self, asset: Asset, side: TradeSide) -> str:
        """What an order of that side does, as Alpaca infers it from the position."""
        held = self.held(asset.symbol)
        closes = held > 0 if side == "sell" else held < 0
        return f"{side}_to_{'close' if closes else 'open'}"

    def split(self, symbol: str, ratio: Number) -> None:
        """A split, 2 for two-for-one, 0.1 for a reverse one: the quantity changes, and no order does (L39)."""
        self.note()
        factor = above_zero(ratio, "ratio")
        held = self.position(symbol)
        quantity = EXACT.multiply(held.signed_quantity, factor)
        self.positions[held.asset.symbol] = Held(held.asset, quantity, _divided(held.price, factor))
        moved = EXACT.subtract(quantity, held.signed_quantity)
        self.activities.append(
            OtherActivity(
                id=self._activity_id(), activity_type="SPLIT", symbol=symbol, quantity=moved, at_ns=self.now_ns()
            )
        )

    def fee(self, symbol: str, quantity: Number) -> None:
        """A fee in the coin itself: the position shrinks, and no fill says so (L37)."""
        self.note()
        held = self.position(symbol)
        taken = above_zero(quantity, "quantity")
        if taken >= held.signed_quantity:
            raise InputError(f"{symbol!r} holds {plain(held.signed_quantity)}; a fee is less than that")
        left = EXACT.subtract(held.signed_quantity, taken)
        self.positions[held.asset.symbol] = Held(held.asset, left, held.price)
        self.activities.append(
            OtherActivity(
                id=self._activity_id(),
                activity_type="CFEE",
                symbol=held.asset.position_symbol,
                quantity=taken.copy_negate(),
                at_ns=self.now_ns(),
            )
        )

    def vanish(self, symbol: str) -> None:
        """Lose a position, without a trace."""
        self.note()
        del self.positions[self.position(symbol).asset.symbol]


def above_zero(value: Number, what: str) -> Decimal:
    """An exact number greater than 0. Raises BadNumber and InputError."""
    number = exact(value, what=what)
    if number <= 0:
        raise InputError(f"{what} is {number}; it must be greater than 0")
    return number


def _divided(amount: Decimal, by: Decimal) -> Decimal:
    """A price per unit: exact where it is, else at nine decimals as Alpaca rounds it."""
    price = EXACT.divide(amount, by)
    exponent = price.as_tuple().exponent
    return price.quantize(_PRICE_STEP) if isinstance(exponent, int) and exponent < -18 else price
