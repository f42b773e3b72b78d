"""What must every broker adapter do? A test suite that each inherits, ours and yours.

```python
from trueup.testing.broker_contract import BrokerContract, BrokerHarness

class TestMyBroker(BrokerContract):
    def harness(self) -> AbstractContextManager[BrokerHarness]:
        return my_gateway_and_broker()          # both ends: something to ask, and a hand in what it answers
```

pytest collects the inherited tests; each gets a fresh harness. The tests speak of what the port promises
(`trueup.ports`) and bear the numbers of the lessons that they keep. An adapter that reads orders inherits
`orders_contract.OrdersContract` instead, and one that acts `acting_contract.ActingBrokerContract`; each of them
holds the one before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence, Set
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Final, Protocol

from trueup.model import BrokerPosition, Key, Side, Stop, symbol_key, ticket_key
from trueup.ports import Answer, Broker, Question
from trueup.testing.broker import Trouble

POSITIONS: Final = Question(surface="positions")
FILLS: Final = Question(surface="fills")
GIVE_UP_S: Final = 0.1
"""How long a question to a silent broker is given."""
ANSWER_S_MAX: Final = 10
"""How long any other may take before the test fails."""
ASKED_AGAIN_MAX: Final = 20
"""Attempts that a broker may fail while its connection comes about anew."""


class BrokerHarness(Protocol):
    """Both ends of one adapter: the broker to ask, and a hand in what it answers."""

    @property
    def broker(self) -> Broker:
        """The adapter under test, connected to what the other methods change."""
        ...

    @property
    def troubles(self) -> frozenset[Trouble]:
        """Which troubles can be made; tests of others are skipped."""
        ...

    def open(self, symbol: str, side: Side, quantity: str, *, price: str, stop: str | None = None) -> str:
        """Put a position there; returns its ticket. The price and size are exactly these.

        Where the broker has no tickets, which only a netting account may lack, it returns whatever `close` knows
        the position by, such as its symbol.
        """
        ...

    def close(self, ticket: str) -> None:
        """Close it at the broker."""
        ...

    def trouble(self, *troubles: Trouble) -> None:
        """Let the coming answers go wrong, one each, in this order."""
        ...

    def reconnect(self) -> None:
        """Break the connection, as a restart of the other side does; it can be made again at once."""
        ...


Scenario = Callable[[BrokerHarness], Awaitable[None]]


class BrokerContract:
    """Inherit, give a `harness`, and run with pytest."""

    def harness(self) -> AbstractContextManager[BrokerHarness]:
        """A fresh broker without positions, and its other end; left when the test is over."""
        raise NotImplementedError("a subclass says what is tested")

    # -- how a scenario is played --------------------------------------------------------------------------

    def play(self, scenario: Scenario, *needs: Trouble) -> None:
        """Run `scenario` in a loop of its own, and close the broker in that loop."""
        with self.harness() as harness:
            skip_without(needs, harness.troubles)
            asyncio.run(_played(scenario, harness))

    # -- answers -------------------------------------------------------------------------------------------

    def test_l44_an_account_without_positions_is_a_complete_empty_answer(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            answer = await ask(harness)
            assert answer.completeness == "complete"
            assert dict(answer.positions) == {}
            assert answer.why == ""

        self.play(scenario)

    def test_l29_every_position_is_there_under_the_key_of_its_mode(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            first = harness.open("EURUSD", "long", "0.01", price="1.0543", stop="1.05")
            second = harness.open("GBPUSD", "short", "2.5", price="1.27")
            answer = await ask(harness)
            assert answer.completeness == "complete"
            assert set(answer.positions) == {key(harness, "EURUSD", first), key(harness, "GBPUSD", second)}
            long = answer.positions[key(harness, "EURUSD", first)]
            assert long.symbol == "EURUSD"
            assert long.ticket in tickets(harness, first)
            assert long.signed_quantity == Decimal("0.01")
            short = answer.positions[key(harness, "GBPUSD", second)]
            assert short.signed_quantity == Decimal("-2.5")  # the sign says which side (L28)

        self.play(scenario)

    def test_l29_many_legs_of_one_symbol_stay_apart_when_hedging(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            if harness.broker.capabilities.position_mode == "netting":
                return
            sides: tuple[Side, Side] = ("long", "short")
            tickets = [harness.open("EURUSD", sides[n % 2], "0.01", price="1.1") for n in range(29)]
            answer = await ask(harness)
            assert set(answer.positions) == {ticket_key(ticket) for ticket in tickets}
            assert sum(p.signed_quantity for p in answer.positions.values()) == Decimal("0.01")  # L31

        self.play(scenario)

    def test_l35_numbers_are_exact(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            ticket = harness.open("XAUUSD", "long", "0.100000000000000005", price="2000.00000000000001")
            position = (await ask(harness)).positions[key(harness, "XAUUSD", ticket)]
            assert isinstance(position.signed_quantity, Decimal)
            assert position.signed_quantity == Decimal("0.100000000000000005")
            assert position.price == Decimal("2000.00000000000001")

        self.play(scenario)

    def test_a_stop_is_its_price_or_none_or_not_reported(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            with_stop = harness.open("EURUSD", "long", "1", price="1.1", stop="1.05")
            without = harness.open("GBPUSD", "long", "1", price="1.2")
            positions = (await ask(harness)).positions
            assert positions[key(harness, "EURUSD", with_stop)].stop in (Stop(Decimal("1.05")), None)
            assert positions[key(harness, "GBPUSD", without)].stop in (Stop(None), None)

        self.play(scenario)

    def test_what_is_closed_is_gone_from_the_next_answer(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            ticket = harness.open("EURUSD", "long", "0.01", price="1.0543")
            await ask(harness)
            harness.close(ticket)
            answer = await ask(harness)
            assert (answer.completeness, dict(answer.positions)) == ("complete", {})

        self.play(scenario)

    def test_an_unchanged_answer_is_equal(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            harness.open("EURUSD", "long", "0.01", price="1.0543")
            harness.open("GBPUSD", "short", "0.02", price="1.2543")
            first, second = await ask(harness), await ask(harness)
            assert second.positions == first.positions
            assert second.completeness == first.completeness == "complete"

        self.play(scenario)

    def test_what_was_handed_over_never_changes(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            ticket = harness.open("EURUSD", "long", "0.01", price="1.0543")
            before = (await ask(harness)).positions
            noted = dict(before)
            harness.open("GBPUSD", "short", "0.02", price="1.2543")
            harness.close(ticket)
            after = (await ask(harness)).positions
            assert dict(before) == noted
            assert set(after) != set(before)

        self.play(scenario)

    def test_l20_executions_carry_the_brokers_own_ids(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            if "fills" not in harness.broker.capabilities.surfaces:
                return
            ticket = harness.open("EURUSD", "long", "0.01", price="1.0543")
            harness.close(ticket)
            answer = await ask(harness, FILLS)
            assert answer.completeness == "complete"
            assert [e.signed_quantity for e in answer.executions] == [Decimal("0.01"), Decimal("-0.01")]
            assert len({e.execution_id for e in answer.executions}) == 2
            assert {e.symbol for e in answer.executions} == {"EURUSD"}
            again = await ask(harness, FILLS)
            assert list(again.executions) == list(answer.executions)

        self.play(scenario)

    # -- failures ------------------------------------------------------------------------------------------

    def test_l48_a_failure_with_an_empty_list_is_a_failed_answer(self) -> None:
        self._fails("failure")

    def test_l06_garbage_is_a_failed_answer(self) -> None:
        self._fails("garbage")

    def test_l03_an_answer_that_breaks_off_is_a_failed_answer(self) -> None:
        self._fails("truncated")

    def _fails(self, trouble: Trouble) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            ticket = harness.open("EURUSD", "long", "0.01", price="1.0543")
            harness.trouble(trouble)
            answer = await ask(harness)
            assert answer.completeness == "failed"
            assert answer.why
            assert not answer.positions
            after = await ask(harness)
            assert after.completeness == "complete"
            assert set(after.positions) == {key(harness, "EURUSD", ticket)}

        self.play(scenario, trouble)

    def test_l02_a_successful_empty_answer_is_passed_on_as_what_it_is(self) -> None:
        """Whether to believe it is not the adapter's decision."""

        async def scenario(harness: BrokerHarness) -> None:
            harness.open("EURUSD", "long", "0.01", price="1.0543")
            assert len((await ask(harness)).positions) == 1
            harness.trouble("empty")
            answer = await ask(harness)
            assert (answer.completeness, dict(answer.positions)) == ("complete", {})
            assert len((await ask(harness)).positions) == 1

        self.play(scenario, "empty")

    def test_a_question_that_the_broker_does_not_know_is_unsupported(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            harness.trouble("unsupported")
            answer = await ask(harness)
            assert answer.completeness == "unsupported"
            assert answer.why

        self.play(scenario, "unsupported")

    def test_a_surface_that_is_not_declared_is_unsupported(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            declared = harness.broker.capabilities.surfaces
            for surface in ("positions", "open_orders", "order", "fills", "balances"):
                if surface not in declared:
                    answer = await ask(harness, Question(surface=surface))
                    assert answer.completeness == "unsupported"

        self.play(scenario)

    def test_capabilities_declare_a_lag_for_each_surface_and_nothing_else(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            capabilities = harness.broker.capabilities
            assert capabilities.source
            assert "positions" in capabilities.surfaces
            assert set(capabilities.lag_ms_max) == set(capabilities.surfaces)
            assert all(lag >= 0 for lag in capabilities.lag_ms_max.values())

        self.play(scenario)

    # -- rows ----------------------------------------------------------------------------------------------

    def test_l42_one_bad_row_is_refused_and_the_rest_is_kept(self) -> None:
        self._refuses_the_first("bad_row")

    def test_l43_a_quantity_that_is_no_number_is_refused_and_the_rest_is_kept(self) -> None:
        self._refuses_the_first("bad_number")

    def _refuses_the_first(self, trouble: Trouble) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            harness.open("EURUSD", "long", "0.01", price="1.0543")
            second = harness.open("GBPUSD", "short", "0.02", price="1.2543")
            harness.trouble(trouble)
            answer = await ask(harness)
            assert answer.completeness == "partial"
            assert answer.why
            assert set(answer.positions) == {key(harness, "GBPUSD", second)}
            (refusal,) = answer.refused
            assert refusal.row == 1
            assert refusal.why
            assert refusal.symbol in ("EURUSD", None)
            assert (await ask(harness)).completeness == "complete"

        self.play(scenario, trouble)

    def test_l29_the_same_row_twice_counts_once_and_shows(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            ticket = harness.open("EURUSD", "long", "0.01", price="1.0543")
            harness.trouble("twin")
            answer = await ask(harness)
            assert answer.completeness == "partial"
            position: BrokerPosition = answer.positions[key(harness, "EURUSD", ticket)]
            assert position.signed_quantity == Decimal("0.01")
            assert len(answer.refused) == 1

        self.play(scenario, "twin")

    def test_l29_rows_that_contradict_each_other_are_both_refused(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            harness.open("EURUSD", "long", "0.01", price="1.0543")
            second = harness.open("GBPUSD", "short", "0.02", price="1.2543")
            harness.trouble("contradiction")
            answer = await ask(harness)
            assert answer.completeness == "partial"
            assert set(answer.positions) == {key(harness, "GBPUSD", second)}
            assert len(answer.refused) == 2

        self.play(scenario, "contradiction")

    # -- time and connections ------------------------------------------------------------------------------

    def test_l01_a_silent_broker_can_be_given_up_and_asked_again(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            ticket = harness.open("EURUSD", "long", "0.01", price="1.0543")
            harness.trouble("silence")
            assert await given_up(harness)
            answer = await ask(harness)
            assert answer.completeness == "complete"
            assert set(answer.positions) == {key(harness, "EURUSD", ticket)}

        self.play(scenario, "silence")

    def test_an_answer_never_belongs_to_an_earlier_question(self) -> None:
        """Given up once, every later answer would be off by one on a transport that pairs by order."""

        async def scenario(harness: BrokerHarness) -> None:
            harness.trouble("silence")
            assert await given_up(harness)
            for count in range(1, 4):
                harness.open(f"SYM{count}", "long", "1", price="1")
                assert len((await ask(harness)).positions) == count

        self.play(scenario, "silence")

    def test_two_questions_at_once_get_their_own_answers(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            if "fills" not in harness.broker.capabilities.surfaces:
                return
            harness.open("EURUSD", "long", "0.01", price="1.0543")
            for _ in range(3):
                positions, fills = await asyncio.gather(ask(harness), ask(harness, FILLS))
                assert (len(positions.positions), len(positions.executions)) == (1, 0)
                assert (len(fills.positions), len(fills.executions)) == (0, 1)

        self.play(scenario)

    def test_l10_connections_grow_with_each_new_connection_and_not_otherwise(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            await ask(harness)
            first = harness.broker.connections
            assert first >= 1
            await ask(harness)
            assert harness.broker.connections == first
            harness.reconnect()
            assert (await ask_until_answered(harness)).completeness == "complete"
            assert harness.broker.connections > first

        self.play(scenario)

    def test_a_closed_broker_fails_every_question_and_can_be_closed_again(self) -> None:
        async def scenario(harness: BrokerHarness) -> None:
            await ask(harness)
            await harness.broker.close()
            assert (await ask(harness)).completeness == "failed"
            await harness.broker.close()

        self.play(scenario)


# -- parts of scenarios, for subclasses' own tests too -----------------------------------------------------


async def _played(scenario: Scenario, harness: BrokerHarness) -> None:
    try:
        await scenario(harness)
    finally:
        await harness.broker.close()


def skip_without(needs: Sequence[str], troubles: Set[str]) -> None:
    """Skip a test whose troubles this harness cannot make."""
    missing = [trouble for trouble in needs if trouble not in troubles]
    if missing:
        import pytest

        pytest.skip(f"this harness cannot make {', '.join(missing)}")


async def ask(harness: BrokerHarness, question: Question = POSITIONS) -> Answer:
    """One answer; an adapter that hangs fails the test instead of stopping it."""
    async with asyncio.timeout(ANSWER_S_MAX):
        return await harness.broker.ask(question)


async def ask_until_answered(harness: BrokerHarness, question: Question = POSITIONS) -> Answer:
    """The first answer that is not a failure: attempts on a connection that just broke may fail."""
    answer = await ask(harness, question)
    for _ in range(ASKED_AGAIN_MAX):
        if answer.completeness != "failed":
            return answer
        answer = await ask(harness, question)
    raise AssertionError(f"no answer in {ASKED_AGAIN_MAX} attempts: {answer.why}")


async def given_up(harness: BrokerHarness, question: Question = POSITIONS) -> bool:
    """Ask and cancel, as an engine does whose patience ends. Whether it was still waiting then."""
    try:
        async with asyncio.timeout(GIVE_UP_S):
            return (await harness.broker.ask(question)).completeness == "failed"
    except TimeoutError:
        return True


def key(harness: BrokerHarness, symbol: str, ticket: str) -> Key:
    """The key under which a position must stand."""
    return symbol_key(symbol) if _is_netting(harness) else ticket_key(ticket)


def tickets(harness: BrokerHarness, ticket: str) -> tuple[str | None, ...]:
    """What may stand for a ticket: when netting the symbol is the key, and many a broker has no tickets at all."""
    return (ticket, None) if _is_netting(harness) else (ticket,)


def _is_netting(harness: BrokerHarness) -> bool:
    return harness.broker.capabilities.position_mode == "netting"
