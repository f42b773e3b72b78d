"""How is an action asked of an exchange through ccxt, once, and what became of it?

Nothing is sent that the live position does not prove (L22): it is asked for first, and an action that exceeds it or
would open the other side is not sent. What was sent is never sent again here, and whatever leaves a doubt about it is
`unknown` (L21, L27).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from trueup.errors import InputError
from trueup.model import TERMINAL, BrokerPosition, Side, TradeSide, exact, plain, side_of
from trueup.ports import Action, Outcome, Question
from trueup_adapters.ccxt.asking import Asking
from trueup_adapters.ccxt.exchange import Exchange, Kind
from trueup_adapters.ccxt.faults import meaning_of, told
from trueup_adapters.ccxt.hearing import TOO_MANY, decoded, hearing, raw_of
from trueup_adapters.ccxt.markets import Reading, canonical_of, leg_named
from trueup_adapters.ccxt.memory import Memory
from trueup_adapters.ccxt.rows import BadRow, readable, row_in, word

_HEDGED: Final[Mapping[str, str]] = {
    "binance": "positionSide",
    "binanceusdm": "positionSide",
    "binancecoinm": "positionSide",
    "okx": "posSide",
    "bybit": "positionIdx",
    "bitget": "hedged",
}
"""Exchanges on whose hedged accounts this adapter knows how an order names its leg, and by which parameter."""


class NotSent(Exception):
    """Why nothing was sent. Never leaves this package."""


class Acting:
    """The actions that one exchange can be asked for."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        kind: Kind,
        reading: Reading,
        asking: Asking,
        memory: Memory,
        secrets: tuple[str, ...],
        apart: bool,
        slow_down: Callable[[], None],
    ) -> None:
        """`secrets` are taken out of every reason that is told; `apart`: some orders stand in lists of their own;
        `slow_down` is called when the exchange says that there were too many requests."""
        self._exchange = exchange
        self._kind = kind
        self._reading = reading
        self._asking = asking
        self._memory = memory
        self._secrets = secrets
        self._apart = apart
        self._slow_down = slow_down

    async def act(self, action: Action) -> Outcome:
        """Ask for it, once. Raises NotSent before anything was sent; afterwards nothing."""
        if action.kind == "cancel":
            return await self._cancel(action)
        symbol, params = await self._checked(action)
        assert action.quantity is not None
        amount = self._amount(symbol, action.quantity)
        params["clientOrderId"] = action.client_id
        if action.kind == "place_stop":
            params["stopLossPrice"] = None if action.stop is None else plain(action.stop)
        self._memory.placed(symbol, action.client_id)
        return await self._sent("create_order", symbol, "market", action.side, amount, None, params)

    async def _sent(self, method: str, *arguments: object) -> Outcome:
        """Call a method that sends something, and read what became of it."""
        with hearing() as heard:
            try:
                answer: object = await getattr(self._exchange, method)(*arguments)
                decoded(heard, empty=False)
            except Exception as error:  # noqa: BLE001 - whatever it was, it may have been sent (L21)
                if heard.codes & TOO_MANY or meaning_of(error) == "slow down":
                    self._slow_down()
                return self._failed(error, raw_of(heard), cancels=method == "cancel_order")
        row = row_in(answer) or {}
        order_id = readable(row.get("id"))
        if word(row.get("status")) == "rejected":
            return Outcome(
                state="rejected", why="the exchange rejected the order", order_id=order_id, raw=raw_of(heard)
            )
        if order_id is None:
            why = "the reply names no order: whether it was done is not known"
            return Outcome(state="unknown", why=why, raw=raw_of(heard))
        self._memory.placed(str(arguments[0 if method == "create_order" else 1]), order_id)
        return Outcome(state="acknowledged", order_id=order_id, raw=raw_of(heard))

    def _failed(self, error: Exception, raw: bytes, *, cancels: bool) -> Outcome:
        """What an exception says of an action: refused, or in doubt. A refused cancel is in doubt too (L23)."""
        why = told(error, self._secrets)
        meaning = meaning_of(error)
        if meaning in ("refused", "unsupported") and not cancels:
            return Outcome(state="rejected", why=why, raw=raw)
        doubt = "an order of this client id is there already" if meaning == "duplicate" else "look it up"
        return Outcome(state="unknown", why=f"{why} ({doubt})", raw=raw)

    # -- before anything is sent ---------------------------------------------------------------------------

    async def _cancel(self, action: Action) -> Outcome:
        if not (action.order_id or action.target):
            raise NotSent("a cancel names its order, by order_id or by target")
        symbol = self._memory.symbol_of(action.order_id) or self._memory.symbol_of(action.target)
        symbol = symbol or self._spelled(action.symbol, None)
        self._memory.placed(symbol, action.order_id, action.target)
        order_id = action.order_id
        if order_id is None:
            order_id = await self._working(str(action.target))
        if self._memory.variant_of(order_id) is None and self._apart:
            await self._asking.order(Question(surface="order", order_id=order_id))  # it may stand in a list of its own
        return await self._sent("cancel_order", order_id, symbol, dict(self._memory.variant_of(order_id) or {}))

    async def _working(self, client_id: str) -> str:
        """The exchange's id of a working order. Raises NotSent where there is none that is certain to work."""
        answer = await self._asking.order(Question(surface="order", client_order_id=client_id))
        if answer.completeness != "complete" or not answer.orders:
            raise NotSent(f"no order of the client id {client_id} was found: {answer.why or 'it is nowhere'}")
        order = answer.orders[0]
        if order.order_id is None or order.status in TERMINAL:
            raise NotSent(f"the order of the client id {client_id} is {order.status.value}")
        return order.order_id

    async def _checked(self, action: Action) -> tuple[str, dict[str, object]]:
        """(ccxt's symbol, parameters), once the live position proves that the action only reduces (L22)."""
        if action.quantity is None or action.side is None or action.quantity <= 0:
            raise NotSent("it needs a side and a quantity above 0")
        if action.kind == "place_stop" and (action.stop is None or action.stop <= 0):
            raise NotSent("a stop needs a price above 0")
        answer = await self._asking.positions()
        held = [p for p in answer.positions.values() if p.symbol == action.symbol and action.ticket in (None, p.ticket)]
        if answer.completeness != "complete" and not held:
            raise NotSent(f"the position in {action.symbol} cannot be proven: {answer.why}")
        if len(held) != 1:
            raise NotSent(f"{len(held)} positions in {action.symbol} are held; one was to be reduced")
        position = held[0]
        size = position.signed_quantity.copy_abs()
        if action.side == _opening(side_of(position.signed_quantity)):
            raise NotSent(f"a {action.side} would add to the position of {plain(position.signed_quantity)}")
        if action.quantity > size:
            raise NotSent(f"{plain(action.quantity)} is more than the {plain(size)} that are held")
        return self._spelled(action.symbol, position), self._leg(position)

    def _leg(self, position: BrokerPosition) -> dict[str, object]:
        """The parameters that make an order reduce this position, and no other. Raises NotSent."""
        if self._kind == "spot":
            return {}
        if self._reading.position_mode == "netting":
            return {"reduceOnly": True}
        named = leg_named(str(position.ticket))
        how = _HEDGED.get(self._exchange.id)
        if named is None or how is None:
            raise NotSent(f"how an order names its leg on a hedged account of {self._exchange.id} is not known here")
        if how == "hedged":
            return {"reduceOnly": True, "hedged": True}
        leg = named[1]
        if how == "positionIdx":  # by `hedged` ccxt would leave out that it only reduces
            return {"reduceOnly": True, how: 1 if leg == "long" else 2}
        return {how: leg.upper() if how == "positionSide" else leg}

    def _spelled(self, symbol: str, position: BrokerPosition | None) -> str:
        """ccxt's spelling of a canonical symbol (L33). Raises NotSent where there are several and none is certain."""
        if position is not None:
            return position.spelling or position.symbol
        spot = self._kind == "spot"
        markets = (market for market in row_in(self._exchange.markets) or {} if (":" not in market) == spot)
        met = [market for market in markets if self._name_of(market) == symbol]
        if len(met) != 1:
            raise NotSent(f"{symbol} names {len(met)} markets of {self._exchange.id}; it must name one")
        return met[0]

    def _name_of(self, market: str) -> str | None:
        try:
            return canonical_of(market, self._reading)[0]
        except BadRow:
            return None

    def _amount(self, symbol: str, quantity: Decimal) -> str:
        """The quantity as text, where the market takes exactly that. Raises NotSent: nothing is rounded (L35)."""
        try:
            taken = exact(self._exchange.amount_to_precision(symbol, plain(quantity)), what="amount")
        except InputError as error:
            raise NotSent(str(error)) from error
        except Exception as error:
            raise NotSent(told(error, self._secrets)) from error
        if taken != quantity:
            raise NotSent(f"{plain(quantity)} is no multiple of the market's lot; it would take {plain(taken)}")
        return plain(quantity)


def _opening(side: Side) -> TradeSide:
    return "buy" if side == "long" else "sell"
