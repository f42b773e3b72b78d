"""What must every adapter do that reads orders? More of the test suite that each inherits.

`OrdersContract` holds all of `BrokerContract` as well. That an order was found, that there is none, and that nobody can
say are three answers, and none of them is ever taken for another (L04, L06, L44).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Final, Literal, Protocol

from trueup.model import BrokerOrder, OrderStatus, TradeSide
from trueup.ports import Answer, Question
from trueup.testing.broker import Trouble
from trueup.testing.broker_contract import (
    FILLS,
    BrokerContract,
    BrokerHarness,
    ask,
    given_up,
    skip_without,
    tickets,
)

ORDERS: Final = Question(surface="open_orders")


class OrdersHarness(BrokerHarness, Protocol):
    """Both ends of one adapter that reads orders."""

    def place(
        self,
        symbol: str,
        side: TradeSide,
        type: Literal["limit", "stop"],
        quantity: str,
        *,
        price: str,
        client_id: str | None = None,
    ) -> str:
        """Put a resting order there; returns its id."""
        ...

    def fill(self, order_id: str, quantity: str, *, price: str) -> str:
        """Fill so much of it; returns the ticket of the position that this moved."""
        ...

    def cancel(self, order_id: str) -> None:
        """End it, as a person at the broker does."""
        ...

    def reject(self, order_id: str) -> None:
        """Let the broker refuse an order that it had taken."""
        ...

    def say(self, order_id: str, word: str) -> None:
        """Put a word in the place of its status."""
        ...

    def forget(self, order_id: str, times: int) -> None:
        """Leave it out of the next so many answers about orders (L04)."""
        ...


OrdersScenario = Callable[[OrdersHarness], Awaitable[None]]


class OrdersContract(BrokerContract):
    """Inherit, give a `harness`, and run with pytest."""

    def harness(self) -> AbstractContextManager[OrdersHarness]:
        """A fresh broker without positions and orders, and its other end; left when the test is over."""
        raise NotImplementedError("a subclass says what is tested")

    def play_orders(self, scenario: OrdersScenario, *needs: Trouble) -> None:
        """Run `scenario` in a loop of its own, and close the broker in that loop."""
        with self.harness() as harness:
            skip_without(needs, harness.troubles)
            asyncio.run(_played(scenario, harness))

    # -- working orders ------------------------------------------------------------------------------------

    def test_l44_an_account_without_orders_is_a_complete_empty_answer(self) -> None:
        async def scenario(harness: OrdersHarness) -> None:
            answer = await ask(harness, ORDERS)
            assert (answer.completeness, answer.why, list(answer.orders)) == ("complete", "", [])

        self.play_orders(scenario)

    def test_l35_working_orders_are_told_exactly(self) -> None:
        async def scenario(harness: OrdersHarness) -> None:
            quantity = "0.100000000000000005"
            first = harness.place("EURUSD", "buy", "limit", quantity, price="1.0543", client_id="c1")
            second = harness.place("GBPUSD", "sell", "stop", "2.5", price="1.27")
            answer = await ask(harness, ORDERS)
            assert answer.completeness == "complete"
            limit, stop = sorted(answer.orders, key=lambda order: order.symbol)
            assert (limit.order_id, limit.client_order_id) == (first, "c1")
            assert (limit.symbol, limit.side, limit.type) == ("EURUSD", "buy", "limit")
            assert (limit.quantity, limit.limit) == (Decimal(quantity), Decimal("1.0543"))
            assert (limit.status, limit.filled) == (OrderStatus.ACCEPTED, Decimal(0))
            assert stop.order_id == second
            assert stop.client_order_id not in ("", "c1")  # some brokers give an order that has none one of their own
            assert (stop.side, stop.type, stop.stop, stop.limit) == ("sell", "stop", Decimal("1.27"), None)

        self.play_orders(scenario)

    def test_l19_what_is_filled_is_cumulative_and_only_grows(self) -> None:
        async def scenario(harness: OrdersHarness) -> None:
            order_id = harness.place("EURUSD", "buy", "limit", "0.3", price="1.05", client_id="c1")
            filled: list[Decimal | None] = []
            for _ in range(3):
                (order,) = (await ask(harness, ORDERS)).orders
                filled.append(order.filled)
                assert order.quantity == Decimal("0.3")
                assert (order.status is OrderStatus.PARTIALLY_FILLED) == (order.filled != 0)
                harness.fill(order_id, "0.1", price="1.05")
            assert filled == [0, Decimal("0.1"), Decimal("0.2")]
            assert list((await ask(harness, ORDERS)).orders) == []
            order = found(await look_up(harness, order_id=order_id))
            assert (order.status, order.filled) == (OrderStatus.FILLED, Decimal("0.3"))

        self.play_orders(scenario)

    def test_l20_executions_name_their_order(self) -> None:
        async def scenario(harness: OrdersHarness) -> None:
            order_id = harness.place("EURUSD", "sell", "stop", "0.3", price="1.05", client_id="c1")
            ticket = harness.fill(order_id, "0.1", price="1.05")
            harness.fill(order_id, "0.2", price="1.04")
            executions = (await ask(harness, FILLS)).executions
            assert [e.signed_quantity for e in executions] == [Decimal("-0.1"), Decimal("-0.2")]
            assert {(e.order_id, e.client_order_id) for e in executions} == {(order_id, "c1")}
            assert all(e.ticket in tickets(harness, ticket) for e in executions)
            assert found(await look_up(harness, order_id=order_id)).ticket in tickets(harness, ticket)

        self.play_orders(scenario)

    def test_l17_an_order_that_has_ended_is_told_by_its_end_and_by_what_filled_after_it(self) -> None:
        async def scenario(harness: OrdersHarness) -> None:
            first = harness.place("EURUSD", "buy", "limit", "1", price="1.05")
            second = harness.place("EURUSD", "buy", "limit", "1", price="1.04")
            harness.cancel(first)
            harness.reject(second)
            assert list((await ask(harness, ORDERS)).orders) == []
            assert found(await look_up(harness, order_id=first)).status is OrderStatus.CANCELED
            assert found(await look_up(harness, order_id=second)).status is OrderStatus.REJECTED
            harness.fill(first, "1", price="1.05")
            assert found(await look_up(harness, order_id=first)).filled == 1

        self.play_orders(scenario)

    def test_l41_a_status_that_nobody_knows_is_kept_in_its_own_word(self) -> None:
        async def scenario(harness: OrdersHarness) -> None:
            order_id = harness.place("EURUSD", "buy", "limit", "1", price="1.05")
            harness.say(order_id, "on_hold")
            for answer in (await ask(harness, ORDERS), await look_up(harness, order_id=order_id)):
                order = found(answer)
                assert (order.status, order.raw_status.lower()) == (OrderStatus.UNKNOWN, "on_hold")

        self.play_orders(scenario)

    def test_l42_one_bad_order_is_refused_and_the_rest_is_kept(self) -> None:
        self._refuses_orders("bad_row", refused=1)

    def test_l43_an_order_of_no_number_is_refused_and_the_rest_is_kept(self) -> None:
        self._refuses_orders("bad_number", refused=1)

    def test_l29_orders_that_contradict_each_other_are_both_refused(self) -> None:
        self._refuses_orders("contradiction", refused=2)

    def _refuses_orders(self, trouble: Trouble, *, refused: int) -> None:
        async def scenario(harness: OrdersHarness) -> None:
            harness.place("EURUSD", "buy", "limit", "1", price="1.05")
            second = harness.place("GBPUSD", "buy", "limit", "1", price="1.05")
            harness.trouble(trouble)
            answer = await ask(harness, ORDERS)
            assert (answer.completeness, len(answer.refused)) == ("partial", refused)
            assert [order.order_id for order in answer.orders] == [second]
            assert answer.why
            assert (await ask(harness, ORDERS)).completeness == "complete"

        self.play_orders(scenario, trouble)

    # -- looking one up ------------------------------------------------------------------------------------

    def test_l04_an_order_is_found_by_either_of_its_ids_also_when_it_has_ended(self) -> None:
        async def scenario(harness: OrdersHarness) -> None:
            order_id = harness.place("EURUSD", "buy", "limit", "1", price="1.05", client_id="c1")
            harness.place("EURUSD", "buy", "limit", "2", price="1.04", client_id="c2")
            for status in (OrderStatus.ACCEPTED, OrderStatus.FILLED):
                if status is OrderStatus.FILLED:
                    harness.fill(order_id, "1", price="1.05")
                by_id = found(await look_up(harness, order_id=order_id))
                by_name = found(await look_up(harness, client_id="c1"))
                by_both = found(await look_up(harness, order_id=order_id, client_id="c1"))
                assert by_id == by_name == by_both
                assert (by_id.order_id, by_id.client_order_id, by_id.quantity) == (order_id, "c1", Decimal(1))
                assert by_id.status is status

        self.play_orders(scenario)

    def test_l04_an_order_that_is_not_there_is_a_complete_answer_without_one(self) -> None:
        async def scenario(harness: OrdersHarness) -> None:
            order_id = harness.place("EURUSD", "buy", "limit", "1", price="1.05", client_id="c1")
            assert not_found(await look_up(harness, client_id="c2"))
            assert not_found(await look_up(harness, order_id="987654321"))
            contradicting = await look_up(harness, order_id=order_id, client_id="c2")
            assert not contradicting.orders  # no order has both; whether one of them has another name is not told
            assert contradicting.completeness in ("complete", "failed")

        self.play_orders(scenario)

    def test_l06_a_look_up_that_fails_is_not_one_that_finds_nothing(self) -> None:
        self._look_up_fails("failure")

    def test_l03_a_look_up_that_breaks_off_is_not_one_that_finds_nothing(self) -> None:
        self._look_up_fails("truncated")

    def test_l06_garbage_is_not_a_look_up_that_finds_nothing(self) -> None:
        self._look_up_fails("garbage")

    def _look_up_fails(self, trouble: Trouble) -> None:
        async def scenario(harness: OrdersHarness) -> None:
            order_id = harness.place("EURUSD", "buy", "limit", "1", price="1.05")
            for question in (Question(surface="order", order_id=order_id), ORDERS):
                harness.trouble(trouble)
                answer = await ask(harness, question)
                assert (answer.completeness, list(answer.orders)) == ("failed", [])
                assert answer.why
                assert found(await ask(harness, question)).order_id == order_id

        self.play_orders(scenario, trouble)

    def test_l06_a_look_up_without_an_answer_can_be_given_up_and_asked_again(self) -> None:
        async def scenario(harness: OrdersHarness) -> None:
            order_id = harness.place("EURUSD", "buy", "limit", "1", price="1.05")
            harness.trouble("silence")
            assert await given_up(harness, Question(surface="order", order_id=order_id))
            assert found(await look_up(harness, order_id=order_id)).order_id == order_id

        self.play_orders(scenario, "silence")

    def test_l44_a_look_up_that_names_nothing_is_a_failed_answer(self) -> None:
        async def scenario(harness: OrdersHarness) -> None:
            harness.place("EURUSD", "buy", "limit", "1", price="1.05")
            answer = await ask(harness, Question(surface="order"))
            assert (answer.completeness, list(answer.orders)) == ("failed", [])

        self.play_orders(scenario)

    def test_l04_what_the_broker_forgets_is_passed_on_as_what_it_is(self) -> None:
        """Whether to believe it is not the adapter's decision."""

        async def scenario(harness: OrdersHarness) -> None:
            order_id = harness.place("EURUSD", "buy", "limit", "1", price="1.05")
            harness.forget(order_id, 2)
            assert (await ask(harness, ORDERS)).completeness == "complete"
            assert not_found(await look_up(harness, order_id=order_id))
            assert found(await look_up(harness, order_id=order_id)).order_id == order_id
            assert found(await ask(harness, ORDERS)).order_id == order_id

        self.play_orders(scenario)


# -- parts of scenarios, for subclasses' own tests too -----------------------------------------------------


async def _played(scenario: OrdersScenario, harness: OrdersHarness) -> None:
    try:
        await scenario(harness)
    finally:
        await harness.broker.close()


async def look_up(harness: OrdersHarness, *, order_id: str | None = None, client_id: str | None = None) -> Answer:
    """One answer about one order."""
    return await ask(harness, Question(surface="order", order_id=order_id, client_order_id=client_id))


def found(answer: Answer) -> BrokerOrder:
    """The one order of an answer that is complete."""
    assert answer.completeness == "complete", answer.why
    (order,) = answer.orders
    return order


def not_found(answer: Answer) -> bool:
    """Whether the answer says, completely, that there is none."""
    assert answer.completeness == "complete", answer.why
    return not answer.orders
