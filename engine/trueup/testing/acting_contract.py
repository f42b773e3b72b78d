"""What must every adapter do that acts? The rest of the test suite that each inherits.

```python
from trueup.testing.acting_contract import ActingBrokerContract, ActingHarness

class TestMyBroker(ActingBrokerContract):
    def harness(self) -> AbstractContextManager[ActingHarness]:
        return my_gateway_and_broker()          # as for BrokerContract, with a hand in its orders too
```

`ActingBrokerContract` holds all of `OrdersContract` and `BrokerContract` as well. Done, refused and not known are three
outcomes, and none of them is ever taken for another (L21, L23, L24).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Protocol

from trueup.model import OrderStatus, TradeSide
from trueup.ports import ActingBroker, Action, Outcome
from trueup.testing.broker import ActionTrouble
from trueup.testing.broker_contract import (
    ANSWER_S_MAX,
    FILLS,
    GIVE_UP_S,
    ask,
    ask_until_answered,
    skip_without,
    tickets,
)
from trueup.testing.orders_contract import ORDERS, OrdersContract, OrdersHarness, found, look_up, not_found


class ActingHarness(OrdersHarness, Protocol):
    """Both ends of one adapter that reads orders and acts."""

    @property
    def broker(self) -> ActingBroker:
        """The adapter under test."""
        ...

    @property
    def action_troubles(self) -> frozenset[ActionTrouble]:
        """Which troubles of actions can be made; tests of others are skipped."""
        ...

    def trouble_actions(self, *troubles: ActionTrouble) -> None:
        """Let the coming actions go wrong, one each, in this order."""
        ...

    def held(self, ticket: str) -> Decimal:
        """What the position truly holds, signed; 0 where there is none any more."""
        ...

    def orders_of(self, client_id: str) -> int:
        """How many orders of that client id there truly are or were."""
        ...


ActingScenario = Callable[[ActingHarness], Awaitable[None]]


class ActingBrokerContract(OrdersContract):
    """Inherit, give a `harness`, and run with pytest."""

    def harness(self) -> AbstractContextManager[ActingHarness]:
        """A fresh broker without positions and orders, and its other end; left when the test is over."""
        raise NotImplementedError("a subclass says what is tested")

    def act_out(self, scenario: ActingScenario, *needs: ActionTrouble) -> None:
        """Run `scenario` in a loop of its own, and close the broker in that loop."""
        with self.harness() as harness:
            skip_without(needs, harness.action_troubles)
            asyncio.run(_acted_out(scenario, harness))

    def test_it_declares_what_it_reads_and_does(self) -> None:
        async def scenario(harness: ActingHarness) -> None:
            capabilities = harness.broker.capabilities
            assert {"open_orders", "order"} <= capabilities.surfaces
            assert capabilities.actions == {"cancel", "place_stop", "close_position"}
            assert capabilities.can_reduce_only

        self.act_out(scenario)

    def test_l26_a_stop_is_placed_and_shows_what_it_protects(self) -> None:
        async def scenario(harness: ActingHarness) -> None:
            ticket = harness.open("EURUSD", "long", "2", price="1.1")
            outcome = await act(harness, place_stop(harness, ticket, "2", "s1"))
            assert outcome.state == "acknowledged"
            order = found(await ask(harness, ORDERS))
            assert order == found(await look_up(harness, client_id="s1"))
            assert outcome.order_id in (order.order_id, None)
            assert (order.type, order.side, order.quantity, order.stop) == ("stop", "sell", Decimal(2), Decimal("1.05"))
            assert (order.reduce_only, order.client_order_id) == (True, "s1")
            assert order.ticket in tickets(harness, ticket)
            assert harness.held(ticket) == 2

        self.act_out(scenario)

    def test_a_close_closes_what_it_says_with_an_execution(self) -> None:
        async def scenario(harness: ActingHarness) -> None:
            ticket = harness.open("EURUSD", "short", "2", price="1.1")
            part = close(harness, ticket, "0.5", "q1", side="buy")
            assert (await act(harness, part)).state == "acknowledged"
            assert harness.held(ticket) == Decimal("-1.5")
            assert found(await look_up(harness, client_id="q1")).status is OrderStatus.FILLED
            rest = close(harness, ticket, "1.5", "q2", side="buy")
            assert (await act(harness, rest)).state == "acknowledged"
            assert dict((await ask(harness)).positions) == {}
            executions = (await ask(harness, FILLS)).executions
            assert [(e.signed_quantity, e.client_order_id) for e in executions[1:]] == [
                (Decimal("0.5"), "q1"),
                (Decimal("1.5"), "q2"),
            ]

        self.act_out(scenario)

    def test_a_cancel_ends_the_order_that_it_names_by_either_id(self) -> None:
        async def scenario(harness: ActingHarness) -> None:
            first = harness.place("EURUSD", "buy", "limit", "1", price="1.05", client_id="c1")
            second = harness.place("EURUSD", "buy", "limit", "1", price="1.05", client_id="c2")
            third = harness.place("EURUSD", "buy", "limit", "1", price="1.05", client_id="c3")
            assert (await act(harness, cancel("x1", order_id=first))).state == "acknowledged"
            assert (await act(harness, cancel("x2", target="c2"))).state == "acknowledged"
            assert [order.order_id for order in (await ask(harness, ORDERS)).orders] == [third]
            assert found(await look_up(harness, order_id=second)).status is OrderStatus.CANCELED

        self.act_out(scenario)

    def test_l22_l24_nothing_exceeds_its_position_or_opens_the_other_side(self) -> None:
        async def scenario(harness: ActingHarness) -> None:
            ticket = harness.open("EURUSD", "long", "2", price="1.1")
            wrongs = (
                close(harness, ticket, "2.01", "q1"),
                close(harness, ticket, "1", "q2", side="buy"),
                place_stop(harness, ticket, "2.01", "s1"),
            )
            for wrong in wrongs:
                outcome = await act(harness, wrong)
                assert outcome.state == "rejected"
                assert outcome.why
            assert harness.held(ticket) == 2
            assert (await act(harness, close(harness, ticket, "2", "q3"))).state == "acknowledged"
            assert (await act(harness, close(harness, ticket, "2", "q4"))).state == "rejected"
            assert dict((await ask(harness)).positions) == {}
            assert list((await ask(harness, ORDERS)).orders) == []

        self.act_out(scenario)

    def test_l23_a_cancel_that_comes_too_late_is_never_acknowledged(self) -> None:
        async def scenario(harness: ActingHarness) -> None:
            order_id = harness.place("EURUSD", "buy", "limit", "1", price="1.05", client_id="c1")
            harness.fill(order_id, "1", price="1.05")
            for action in (cancel("x1", order_id=order_id), cancel("x2", target="c1"), cancel("x3", target="c9")):
                outcome = await act(harness, action)
                assert outcome.state in ("rejected", "unknown")
                assert outcome.why
            order = found(await look_up(harness, order_id=order_id))
            assert (order.status, order.filled) == (OrderStatus.FILLED, Decimal(1))

        self.act_out(scenario)

    def test_l21_an_action_that_comes_twice_is_done_once(self) -> None:
        async def scenario(harness: ActingHarness) -> None:
            ticket = harness.open("EURUSD", "long", "3", price="1.1")
            for action in (close(harness, ticket, "1", "q1"), place_stop(harness, ticket, "2", "s1")):
                first = await act(harness, action)
                again = await act(harness, action)
                assert first.state == "acknowledged"
                assert again.state in ("acknowledged", "unknown")  # never "rejected": it has been done
                assert harness.orders_of(action.client_id) == 1
            assert harness.held(ticket) == 2

        self.act_out(scenario)

    def test_l21_a_lost_acknowledgement_is_unknown_and_a_look_up_tells(self) -> None:
        async def scenario(harness: ActingHarness) -> None:
            ticket = harness.open("EURUSD", "long", "3", price="1.1")
            await ask(harness)
            harness.trouble_actions("lost_ack")
            assert (await act_until_given_up(harness, close(harness, ticket, "1", "q1"))).state == "unknown"
            await ask_until_answered(harness)
            order = found(await look_up(harness, client_id="q1"))
            assert (order.status, order.filled) == (OrderStatus.FILLED, Decimal(1))
            assert harness.held(ticket) == 2
            assert harness.orders_of("q1") == 1

        self.act_out(scenario, "lost_ack")

    def test_l27_an_action_that_went_unanswered_is_never_sent_again(self) -> None:
        async def scenario(harness: ActingHarness) -> None:
            ticket = harness.open("EURUSD", "long", "3", price="1.1")
            await ask(harness)
            harness.trouble_actions("silence")
            assert (await act_until_given_up(harness, close(harness, ticket, "1", "q1"))).state == "unknown"
            for _ in range(3):
                await ask_until_answered(harness)
            assert harness.held(ticket) == 3
            assert harness.orders_of("q1") == 0
            harness.reconnect()
            await ask_until_answered(harness)
            assert harness.held(ticket) == 3
            assert harness.orders_of("q1") == 0
            assert not_found(await look_up(harness, client_id="q1"))

        self.act_out(scenario, "silence")

    def test_a_refusal_is_a_rejection_with_the_brokers_reason(self) -> None:
        async def scenario(harness: ActingHarness) -> None:
            ticket = harness.open("EURUSD", "long", "3", price="1.1")
            harness.trouble_actions("refusal")
            outcome = await act(harness, close(harness, ticket, "1", "q1"))
            assert outcome.state == "rejected"
            assert outcome.why
            assert harness.held(ticket) == 3
            assert harness.orders_of("q1") == 0

        self.act_out(scenario, "refusal")

    def test_l21_garbage_is_unknown(self) -> None:
        async def scenario(harness: ActingHarness) -> None:
            ticket = harness.open("EURUSD", "long", "3", price="1.1")
            await ask(harness)
            harness.trouble_actions("garbage")
            outcome = await act_until_given_up(harness, close(harness, ticket, "1", "q1"))
            assert outcome.state == "unknown"
            assert outcome.why
            await ask_until_answered(harness)
            assert (await act(harness, close(harness, ticket, "1", "q2"))).state == "acknowledged"

        self.act_out(scenario, "garbage")

    def test_acting_never_raises_whatever_became_of_the_broker(self) -> None:
        async def scenario(harness: ActingHarness) -> None:
            ticket = harness.open("EURUSD", "long", "3", price="1.1")
            harness.reconnect()
            outcome = await act_until_given_up(harness, close(harness, ticket, "1", "q1"))
            assert outcome.state in ("acknowledged", "unknown")
            await harness.broker.close()
            outcome = await act(harness, close(harness, ticket, "1", "q2"))
            assert outcome.state == "unknown"
            assert outcome.why
            assert harness.orders_of("q2") == 0

        self.act_out(scenario)

    def test_what_is_no_whole_action_is_rejected_and_does_nothing(self) -> None:
        async def scenario(harness: ActingHarness) -> None:
            ticket = harness.open("EURUSD", "long", "3", price="1.1")
            harness.place("EURUSD", "buy", "limit", "1", price="1.05")
            wrongs = (
                cancel("x1"),
                Action(kind="close_position", client_id="q1", symbol="EURUSD", ticket=ticket),
                Action(kind="place_stop", client_id="s1", symbol="EURUSD", ticket=ticket, side="sell"),
            )
            assert [(await act(harness, wrong)).state for wrong in wrongs] == ["rejected"] * 3
            assert harness.held(ticket) == 3
            assert len((await ask(harness, ORDERS)).orders) == 1

        self.act_out(scenario)


# -- parts of scenarios, for subclasses' own tests too -----------------------------------------------------


async def _acted_out(scenario: ActingScenario, harness: ActingHarness) -> None:
    try:
        await scenario(harness)
    finally:
        await harness.broker.close()


async def act(harness: ActingHarness, action: Action) -> Outcome:
    """One outcome; an adapter that hangs fails the test instead of stopping it."""
    async with asyncio.timeout(ANSWER_S_MAX):
        return await harness.broker.act(action)


async def act_until_given_up(harness: ActingHarness, action: Action) -> Outcome:
    """Act and cancel, as an engine does whose patience ends: then it may have been done."""
    try:
        async with asyncio.timeout(GIVE_UP_S):
            return await harness.broker.act(action)
    except TimeoutError:
        return Outcome(state="unknown", why="given up")


def cancel(client_id: str, *, order_id: str | None = None, target: str | None = None) -> Action:
    """The cancelling of an order in EURUSD."""
    return Action(kind="cancel", client_id=client_id, symbol="EURUSD", order_id=order_id, target=target)


def close(harness: ActingHarness, ticket: str, quantity: str, client_id: str, *, side: TradeSide = "sell") -> Action:
    """The closing of so much of a position in EURUSD."""
    return Action(
        kind="close_position",
        client_id=client_id,
        symbol="EURUSD",
        ticket=_named(harness, ticket),
        side=side,
        quantity=Decimal(quantity),
    )


def place_stop(harness: ActingHarness, ticket: str, quantity: str, client_id: str) -> Action:
    """A stop at 1.05 for so much of a long position in EURUSD."""
    return Action(
        kind="place_stop",
        client_id=client_id,
        symbol="EURUSD",
        ticket=_named(harness, ticket),
        side="sell",
        quantity=Decimal(quantity),
        stop=Decimal("1.05"),
    )


def _named(harness: ActingHarness, ticket: str) -> str | None:
    """When netting the symbol says which position is meant."""
    return None if harness.broker.capabilities.position_mode == "netting" else ticket
