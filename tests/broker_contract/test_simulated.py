"""Does the simulated broker do with orders what no contract can ask of a broker, and refuse what no broker takes?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

import pytest

from trueup.errors import InputError
from trueup.model import OrderStatus
from trueup.ports import Action, Outcome, Question
from trueup.testing.broker import ALL_ACTIONS, ALL_SURFACES, SimulatedBroker


def simulated(**knobs: object) -> SimulatedBroker:
    return SimulatedBroker(surfaces=ALL_SURFACES, actions=ALL_ACTIONS, **knobs)  # type: ignore[arg-type]


def acted(broker: SimulatedBroker, action: Action) -> Outcome:
    return asyncio.run(broker.act(action))


def closing(ticket: str, client_id: str) -> Action:
    return Action(
        kind="close_position", client_id=client_id, symbol="EURUSD", ticket=ticket, side="sell", quantity=Decimal(1)
    )


def test_l21_a_refused_action_that_comes_again_is_refused_again() -> None:
    broker = simulated()
    ticket = broker.open("EURUSD", "long", 3)
    broker.trouble_actions("refusal")
    assert [acted(broker, closing(ticket, "q")).state for _ in range(2)] == ["rejected", "rejected"]
    assert (len(broker.acted), len(broker.orders)) == (2, 0)


def test_l21_a_client_id_that_an_order_has_is_that_orders() -> None:
    broker = simulated()
    ticket = broker.open("EURUSD", "long", 3)
    order_id = broker.place("EURUSD", "buy", "limit", 1, "1.05", client_id="q")
    outcome = acted(broker, closing(ticket, "q"))
    assert (outcome.state, outcome.order_id) == ("acknowledged", order_id)
    assert broker.truth[f"#{ticket}"].signed_quantity == 3


def test_l24_a_stop_fills_no_further_than_its_position() -> None:
    broker = simulated()
    ticket = broker.open("EURUSD", "long", 2)
    stop = Action(
        kind="place_stop",
        client_id="s",
        symbol="EURUSD",
        ticket=ticket,
        side="sell",
        quantity=Decimal(2),
        stop=Decimal("1.05"),
    )
    order_id = acted(broker, stop).order_id
    assert order_id is not None
    acted(broker, closing(ticket, "q"))
    with pytest.raises(InputError, match="less than 2"):
        broker.fill(order_id)
    broker.fill(order_id, 1)
    with pytest.raises(InputError, match="no position"):
        broker.fill(order_id, 1)
    assert broker.truth == {}
    assert broker.orders[order_id].status is OrderStatus.PARTIALLY_FILLED


def test_an_order_filled_at_two_prices_reports_none_rather_than_a_rounded_one() -> None:
    broker = simulated()
    order_id = broker.place("EURUSD", "buy", "limit", 3, "1.05")
    broker.fill(order_id, 1)
    broker.fill(order_id, 1, "1.05")
    assert broker.orders[order_id].average_price == Decimal("1.05")
    broker.fill(order_id, 1, "1.04")
    assert broker.orders[order_id].average_price is None


def test_l12_a_stale_answer_is_of_one_change_ago() -> None:
    broker = simulated()
    order_id = broker.place("EURUSD", "buy", "limit", 3, "1.05")
    broker.fill(order_id, 1)
    broker.trouble("stale")
    (order,) = asyncio.run(broker.ask(Question(surface="open_orders"))).orders
    assert (order.status, order.filled) == (OrderStatus.ACCEPTED, Decimal(0))


def test_what_was_not_declared_is_not_done() -> None:
    broker = SimulatedBroker()
    ticket = broker.open("EURUSD", "long", 3)
    assert (broker.capabilities.actions, broker.capabilities.can_reduce_only) == (frozenset(), False)
    assert acted(broker, closing(ticket, "q")).state == "rejected"
    assert broker.truth[f"#{ticket}"].signed_quantity == 3


def test_orders_that_no_broker_takes_are_refused() -> None:
    broker = simulated()
    order_id = broker.place("EURUSD", "buy", "limit", 1, "1.05")
    ended = broker.place("EURUSD", "buy", "limit", 1, "1.05")
    broker.cancel(ended)
    before = broker.orders
    wrongs: tuple[Callable[[], object], ...] = (
        lambda: broker.place("EURUSD", "buy", "limit", 1),
        lambda: broker.place("EURUSD", "buy", "limit", 0, 1),
        lambda: broker.place("EURUSD", "buy", "stop", 1, 0),
        lambda: broker.place("", "buy", "limit", 1, 1),
        lambda: broker.fill(order_id, 2),
        lambda: broker.fill("o99"),
        lambda: broker.cancel(ended),
        lambda: broker.reject(ended),
        lambda: broker.forget("o99"),
    )
    for wrong in wrongs:
        with pytest.raises(InputError):
            wrong()
    assert (broker.orders, broker.truth) == (before, {})
