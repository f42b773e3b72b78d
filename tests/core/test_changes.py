"""Is what a process may say checked in its own line, exactly once, and kept as it was meant?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest

from trueup import Command, Fill, OrderStatus, OrderUpdate, PositionSet, PushedExecution, PushedState
from trueup.errors import BadNumber, InputError

FILL = {"execution_id": "x1", "symbol": "EURUSD", "side": "buy", "quantity": "0.01", "price": "1.0543"}
ORDER = {
    "client_order_id": "c1",
    "symbol": "EURUSD",
    "side": "buy",
    "type": "limit",
    "quantity": 1,
    "status": "pending",
}
POSITION = {"symbol": "EURUSD", "side": "long", "quantity": "1"}
COMMAND = {"name": "ack", "who": "ada", "why": "so"}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_texts_become_exact_numbers_and_names() -> None:
    fill = Fill(**FILL, ticket=123456, fee="-0.1", fee_asset="USD", at=NOON)  # type: ignore[arg-type]
    assert (fill.quantity, fill.price, fill.fee, fill.ticket) == (
        Decimal("0.01"),
        Decimal("1.0543"),
        Decimal("-0.1"),
        "123456",
    )
    assert all(isinstance(number, Decimal) for number in (fill.quantity, fill.price, fill.fee))


def test_statuses_are_known_words_or_kept_as_they_came() -> None:
    assert OrderUpdate(**ORDER).status is OrderStatus.PENDING  # type: ignore[arg-type]
    for status in OrderStatus:
        assert OrderUpdate(**ORDER | {"status": status.value}).status is status  # type: ignore[arg-type]
        assert OrderUpdate(**ORDER | {"status": status}).status is status  # type: ignore[arg-type]
    assert OrderUpdate(**ORDER | {"status": "Held For Review"}).status == "Held For Review"  # type: ignore[arg-type]
    assert OrderUpdate(**ORDER | {"status": "FILLED"}).status == "FILLED", "words are compared as they are"  # type: ignore[arg-type]


def test_an_orders_numbers() -> None:
    order = OrderUpdate(**ORDER | {"filled": "0", "average_price": "1.05", "limit": "-1", "stop": 2})  # type: ignore[arg-type]
    assert (order.filled, order.average_price, order.limit, order.stop) == (0, Decimal("1.05"), -1, 2)


def test_a_stop_left_out_is_not_none() -> None:
    assert PositionSet(**POSITION).stop is msgspec.UNSET  # type: ignore[arg-type]
    assert PositionSet(**POSITION, stop=None).stop is None  # type: ignore[arg-type]
    assert PositionSet(**POSITION, stop="1.01").stop == Decimal("1.01")  # type: ignore[arg-type]


def test_quantity_zero_is_closed_and_has_no_sign() -> None:
    closed = PositionSet(**POSITION | {"quantity": "-0.0"})  # type: ignore[arg-type]
    assert str(closed.quantity) == "0"


@pytest.mark.parametrize(
    ("cls", "fields", "says"),
    [
        (Fill, FILL | {"quantity": "0"}, "Fill.quantity is 0; it must be greater than 0"),
        (Fill, FILL | {"quantity": "-1"}, "Fill.quantity is -1; it must be greater than 0"),
        (Fill, FILL | {"price": 1.5}, "Fill.price is 1.5, a float"),
        (Fill, FILL | {"fee": "nothing"}, "Fill.fee is 'nothing'"),
        (OrderUpdate, ORDER | {"quantity": 0}, "OrderUpdate.quantity is 0"),
        (OrderUpdate, ORDER | {"filled": "-1"}, "OrderUpdate.filled is -1; it must not be negative"),
        (OrderUpdate, ORDER | {"limit": "x"}, "OrderUpdate.limit is 'x'"),
        (PositionSet, POSITION | {"quantity": "-1"}, "PositionSet.quantity is -1; it must not be negative"),
        (PositionSet, POSITION | {"price": "x"}, "PositionSet.price is 'x'"),
        (PositionSet, POSITION | {"stop": "x"}, "PositionSet.stop is 'x'"),
    ],
)
def test_bad_numbers_are_named(cls: type, fields: dict[str, object], says: str) -> None:
    with pytest.raises(BadNumber) as refused:
        cls(**fields)
    assert str(refused.value).startswith(says)


@pytest.mark.parametrize(
    ("cls", "fields", "says"),
    [
        (Fill, FILL | {"side": "long"}, "Fill.side is 'long'; it must be one of buy, sell"),
        (OrderUpdate, ORDER | {"side": "BUY"}, "OrderUpdate.side is 'BUY'; it must be one of buy, sell"),
        (PositionSet, POSITION | {"side": "buy"}, "PositionSet.side is 'buy'; it must be one of long, short"),
        (Fill, FILL | {"execution_id": ""}, "Fill.execution_id is ''"),
        (Fill, FILL | {"symbol": None}, "Fill.symbol is None, a NoneType; it must be text"),
        (Fill, FILL | {"at": "2026-01-01"}, "Fill.at is '2026-01-01', of type str; it must be of type datetime"),
        (OrderUpdate, ORDER | {"type": None}, "OrderUpdate.type is None"),
        (
            OrderUpdate,
            ORDER | {"status": None},
            "OrderUpdate.status is None, of type NoneType; it",
        ),
        (OrderUpdate, ORDER | {"reduce_only": 1}, "OrderUpdate.reduce_only is 1, of type int; it must be of type bool"),
        (PositionSet, POSITION | {"symbol": None}, "PositionSet.symbol is None"),
        (PushedState, {"surface": "weather"}, "PushedState.surface is 'weather'; it must be one of positions, "),
        (PushedState, {"surface": "positions", "symbol": ""}, "PushedState.symbol is ''"),
        (PushedState, {"surface": "positions", "text": b"{}"}, "PushedState.text is b'{}', of type bytes"),
        (PushedExecution, {"fill": None}, "PushedExecution.fill is None, of type NoneType; it must be of type Fill"),
        (PushedExecution, {"fill": Fill(**FILL), "message_id": " "}, "PushedExecution.message_id is ' '"),  # type: ignore[arg-type]
        (Command, COMMAND | {"name": None}, "Command.name is None"),
        (Command, COMMAND | {"who": ""}, "Command.who is ''"),
        (Command, COMMAND | {"why": None}, "Command.why is None, of type NoneType; it must be text"),
        (Command, COMMAND | {"why": "x" * 4_001}, "Command.why is 4,001 characters long; at most 4,000 are taken"),
        (
            Command,
            COMMAND | {"arguments": None},
            "Command.arguments is None, of type NoneType; it",
        ),
        (
            Command,
            COMMAND | {"arguments": {"a": 1}},
            "Command.arguments['a'] is 1, of type int; it",
        ),
        (Command, COMMAND | {"arguments": {"": "a"}}, "the name of a Command's argument is ''"),
        (Command, COMMAND | {"arguments": {f"a{n}": "" for n in range(101)}}, "Command.arguments has 101 entries"),
        (OrderUpdate, ORDER | {"client_order_id": " c"}, "OrderUpdate.client_order_id is ' c'"),
        (OrderUpdate, ORDER | {"status": ""}, "OrderUpdate.status is ''"),
        (PositionSet, POSITION | {"ticket": "a\nb"}, "PositionSet.ticket is 'a\\nb'"),
        (Fill, FILL | {"at": datetime(2026, 1, 1)}, "Fill.at is 2026-01-01T00:00:00; give a time in UTC"),  # noqa: DTZ001
        (
            OrderUpdate,
            ORDER | {"at": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))},
            "OrderUpdate.at is 2026-01-01T00:00:00+02:00; give a time in UTC",
        ),
        (OrderUpdate, ORDER | {"scheduled_for": datetime(2026, 1, 1)}, "OrderUpdate.scheduled_for is"),  # noqa: DTZ001
        (PositionSet, POSITION | {"at": datetime(2026, 1, 1)}, "PositionSet.at is"),  # noqa: DTZ001
    ],
)
def test_words_that_cannot_be_meant_are_refused(cls: type, fields: dict[str, object], says: str) -> None:
    """Whatever passed here would be stored; what cannot be read back must not get that far."""
    with pytest.raises(InputError) as refused:
        cls(**fields)
    assert not isinstance(refused.value, BadNumber)
    assert str(refused.value).startswith(says)


def test_an_operators_reason_may_be_long_and_empty() -> None:
    assert Command(**COMMAND | {"why": "x" * 4_000, "arguments": {f"a{n}": "" for n in range(100)}}).who == "ada"  # type: ignore[arg-type]
    assert Command(**COMMAND | {"why": ""}).why == ""  # type: ignore[arg-type]


def test_utc_by_another_name_is_utc() -> None:
    zero = datetime(2026, 1, 1, tzinfo=timezone(timedelta(0), "GMT"))
    assert Fill(**FILL, at=zero).at == zero  # type: ignore[arg-type]


def test_what_was_made_stays_as_it_is() -> None:
    for made in (
        Fill(**FILL),  # type: ignore[arg-type]
        PushedExecution(fill=Fill(**FILL)),  # type: ignore[arg-type]
        PushedState(surface="positions"),
        Command(name="ack", who="ada", why="so"),
    ):
        with pytest.raises(AttributeError):
            made.symbol = "USDJPY"  # type: ignore[union-attr,misc]
