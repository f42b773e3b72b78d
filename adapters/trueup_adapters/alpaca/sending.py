"""In which words is Alpaca asked to do something? Pure: values in, bytes out.

Alpaca has no reduce-only. An order that must only reduce says so by its `position_intent`: Alpaca infers what an order
would do from the position that there is when the order arrives, and refuses one that says otherwise, or that is larger
than what is free of other orders. Pairs cannot be sold short at all, and carry no intent.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from trueup.model import EXACT, plain
from trueup.ports import Action, ActionKind
from trueup_adapters.action_terms import lacking_terms
from trueup_adapters.alpaca.positions import Position
from trueup_adapters.alpaca.symbols import CRYPTO

CLIENT_ID_MAX: Final = 128
"""The longest client id that Alpaca takes."""
ACTIONS: Final[frozenset[ActionKind]] = frozenset({"cancel", "place_stop", "close_position"})
OPTION: Final = "us_option"


class _Order(msgspec.Struct, omit_defaults=True):
    symbol: str
    qty: str
    side: str
    type: str
    time_in_force: str
    client_order_id: str
    position_intent: str | UnsetType = UNSET
    stop_price: str | UnsetType = UNSET
    limit_price: str | UnsetType = UNSET


def lacking(action: Action) -> str:
    """What keeps an action from being sent at all, as a sentence; '' where nothing does."""
    if action.kind not in ACTIONS:
        return f"this adapter cannot ask Alpaca for {action.kind!r}"
    if not action.client_id or len(action.client_id) > CLIENT_ID_MAX:
        return f"an action has a client_id of 1 to {CLIENT_ID_MAX} characters: by it Alpaca knows it again (L21)"
    return lacking_terms(action)


def exceeds(action: Action, held: Position | None) -> str:
    """Why an action would do more than reduce the position that there is; '' where it would not (L22, L24)."""
    if held is None:
        return f"there is no position in {action.symbol}: it is flat"
    quantity = held.position.signed_quantity
    if (action.side == "buy") != quantity.is_signed():
        return f"a {action.side} does not reduce the position of {plain(quantity)} in {action.symbol}"
    assert action.quantity is not None
    if action.quantity > quantity.copy_abs():
        return f"{action.symbol} holds {plain(quantity)}, less than the {plain(action.quantity)} to be closed"
    return ""


def order_body(action: Action, held: Position, stop_limit_slack: Decimal | None) -> bytes | str:
    """The bytes of POST /v2/orders for a place_stop or close_position that lacks nothing; or why there are none.

    stop_limit_slack   how far behind its stop a pair's limit lies, as a fraction: Alpaca takes no plain stop for pairs
    """
    assert action.side is not None
    assert action.quantity is not None
    pair = held.asset_class == CRYPTO
    order = _Order(
        symbol=held.sent_as,
        qty=plain(action.quantity),
        side=action.side,
        type="market",
        time_in_force="gtc" if pair else "day",
        client_order_id=action.client_id,
    )
    if not pair:
        order.position_intent = f"{action.side}_to_close"
    if action.kind == "place_stop":
        assert action.stop is not None
        order.type = "stop_limit" if pair else "stop"
        order.stop_price = plain(action.stop)
        if pair:
            if stop_limit_slack is None:
                return (
                    f"Alpaca takes no plain stop for the pair {action.symbol}, only a stop with a limit; say how far "
                    "the limit may lie behind the stop with stop_limit_slack, for example '0.01'"
                )
            order.limit_price = plain(_behind(action, action.stop, stop_limit_slack))
        elif held.asset_class != OPTION and action.quantity == action.quantity.to_integral_value():
            order.time_in_force = "gtc"  # fractions and options are taken for one day only
    return msgspec.json.encode(order)


def _behind(action: Action, stop: Decimal, slack: Decimal) -> Decimal:
    """The limit of a stop: below it to sell, above it to buy."""
    distance = EXACT.multiply(stop, slack)
    limit = EXACT.subtract(stop, distance) if action.side == "sell" else EXACT.add(stop, distance)
    return limit.quantize(Decimal("1e-9"), context=EXACT)
