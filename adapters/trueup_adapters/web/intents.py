"""Which intent does a request state?

The default for services whose orders are JSON objects; whoever's are not gives a callable of their own. Numbers are
read exactly from their text (L35), and an order that cannot be read is not let pass (law 9).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from trueup.errors import InputError
from trueup.gate import Intent
from trueup.model import TradeSide, exact, name_of
from trueup_adapters.web.asgi import Scope, Unreadable

FIELDS: Final = ("symbol", "side", "quantity", "strategy", "reduce_only", "ticket", "client_order_id", "kind")


class _Order(msgspec.Struct):
    symbol: str
    side: str
    quantity: Decimal
    strategy: str | None = None
    reduce_only: bool = False
    ticket: str | int | None = None
    client_order_id: str | None = None
    kind: str = "order"


def intent_of_json(names: Mapping[str, str] | None = None) -> Callable[[Scope, bytes], Intent]:
    """Reads an intent from a JSON body.

    names   what the body calls a field, by ours: `{"quantity": "qty"}`; ours are symbol, side (`buy`, `sell`),
            quantity, and, where they are there, strategy, reduce_only, ticket, client_order_id. `kind` (`order`,
            `cancel`) is read only where it is named here: a cancel always passes, and a service that does not know
            the field would place the order all the same

    Raises InputError for a name that is none of them; what it returns raises Unreadable.
    """
    known = dict(names or {})
    read_fields = [name for name in FIELDS if name != "kind" or name in known]
    if wrong := sorted(set(known) - set(FIELDS)):
        raise InputError(f"names has {wrong[0]!r}; an intent has {', '.join(FIELDS)}")

    def read(scope: Scope, body: bytes) -> Intent:
        try:
            given = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            picked = {name: given[known.get(name, name)] for name in read_fields if known.get(name, name) in given}
            return _intent(msgspec.json.decode(msgspec.json.encode(picked), type=_Order))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Unreadable(f"the body is no order that the gate can judge: {error}") from error
        except InputError as error:
            raise Unreadable(str(error)) from error

    return read


def _intent(order: _Order) -> Intent:
    quantity = exact(order.quantity, what="quantity")
    if quantity <= 0:
        raise InputError(f"quantity is {quantity}; it must be greater than 0")
    sides: dict[str, TradeSide] = {"buy": "buy", "sell": "sell"}
    if order.side not in sides:
        raise InputError(f"side is {order.side[:40]!r}; it must be buy or sell")
    if order.kind not in ("order", "cancel"):
        raise InputError(f"kind is {order.kind[:40]!r}; it must be order or cancel")
    named: dict[str, Any] = {
        name: None if (value := getattr(order, name)) is None else name_of(value, what=name)
        for name in ("strategy", "ticket", "client_order_id")
    }
    return Intent(
        symbol=name_of(order.symbol, what="symbol"),
        side=sides[order.side],
        quantity=quantity,
        kind="cancel" if order.kind == "cancel" else "order",
        reduce_only=order.reduce_only,
        **named,
    )
