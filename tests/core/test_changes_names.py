"""Is every field of a change that names something held to what a name is, and is the field itself named? (L43, L45)"""

from __future__ import annotations

import pytest

from trueup import Command, Fill, OrderUpdate, PositionSet, PushedExecution, PushedState
from trueup.changes import Change, Message
from trueup.errors import InputError

FILL = Fill(execution_id="x", symbol="EURUSD", side="buy", quantity=1, price=1)
SOUND: dict[str, tuple[type[Change | Message | Command], dict[str, object]]] = {
    "Fill": (Fill, {"execution_id": "x", "symbol": "EURUSD", "side": "buy", "quantity": 1, "price": 1}),
    "OrderUpdate": (
        OrderUpdate,
        {"client_order_id": "c", "symbol": "EURUSD", "side": "buy", "type": "limit", "quantity": 1, "status": "new"},
    ),
    "PositionSet": (PositionSet, {"symbol": "EURUSD", "side": "long", "quantity": 1}),
    "PushedExecution": (PushedExecution, {"fill": FILL}),
    "PushedState": (PushedState, {"surface": "positions"}),
    "Command": (Command, {"name": "ack", "who": "ada", "why": "so"}),
}
NAMES = {
    "Fill": ("execution_id", "symbol", "client_order_id", "order_id", "ticket", "strategy", "fee_asset"),
    "OrderUpdate": ("client_order_id", "symbol", "type", "order_id", "strategy", "parent", "status"),
    "PositionSet": ("symbol", "ticket", "strategy"),
    "PushedExecution": ("message_id",),
    "PushedState": ("symbol", "message_id"),
    "Command": ("name", "who"),
}
REQUIRED = {
    "Fill": {"execution_id", "symbol"},
    "OrderUpdate": {"client_order_id", "symbol", "type", "status"},
    "PositionSet": {"symbol"},
    "Command": {"name", "who"},
}


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind, fields in NAMES.items() for field in fields])
@pytest.mark.parametrize("wrong", ["", "x" * 10_000, "a\nb", "\ud800"])
def test_l43_what_is_no_name_is_refused_by_the_fields_name(kind: str, field: str, wrong: str) -> None:
    made, sound = SOUND[kind]
    with pytest.raises(InputError, match=rf"{kind}\.{field}"):
        made(**sound | {field: wrong})


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind, fields in NAMES.items() for field in fields])
def test_l43_no_name_is_taken_only_where_it_may_be_left_out(kind: str, field: str) -> None:
    made, sound = SOUND[kind]
    if field in REQUIRED.get(kind, ()):
        with pytest.raises(InputError, match=rf"{kind}\.{field}"):
            made(**sound | {field: None})
    else:
        assert getattr(made(**sound | {field: None}), field) is None
