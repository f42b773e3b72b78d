"""Are Alpaca's limits kept: 200 requests a minute over all surfaces, and no more than it asks for after a 429?"""

from __future__ import annotations

import asyncio

import pytest

from alpaca_broker.playing import FILLS, ORDERS, POSITIONS, TestClock, close, order, play, whole
from trueup.errors import InputError
from trueup.testing.alpaca import Control
from trueup_adapters.alpaca import AlpacaBroker, Limiter
from trueup_adapters.alpaca.limiter import NS, TooSoon


def test_never_more_in_any_minute_than_alpaca_allows() -> None:
    async def scenario() -> None:
        clock = TestClock()
        limiter = Limiter(clock, requests_per_minute_max=10, kept_for_actions=2, wait_s_max=60)
        left: list[int] = []
        for number in range(40):
            await limiter.turn()
            left.append(clock.monotonic_ns())
            clock.now_ns += (number % 3) * NS
        for moment in left:
            assert sum(moment <= other < moment + 60 * NS for other in left) <= 8
        assert left[-1] >= 4 * 60 * NS  # 40 questions at 8 a minute

    asyncio.run(scenario())


def test_l22_an_action_does_not_wait_behind_the_questions() -> None:
    async def scenario() -> None:
        clock = TestClock()
        limiter = Limiter(clock, requests_per_minute_max=10, kept_for_actions=2, wait_s_max=60)
        for _ in range(8):
            await limiter.turn()
        await limiter.turn(acts=True)
        await limiter.turn(acts=True)
        assert clock.monotonic_ns() == 0
        await limiter.turn(acts=True)  # the limit itself is never passed
        assert clock.monotonic_ns() == 60 * NS

    asyncio.run(scenario())


def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    async def scenario() -> None:
        clock = TestClock()
        limiter = Limiter(clock, requests_per_minute_max=2, kept_for_actions=0, wait_s_max=600)
        came: list[int] = []

        async def ask(number: int) -> None:
            await limiter.turn()
            came.append(number)

        await asyncio.gather(*(ask(number) for number in range(9)))
        assert came == list(range(9))

    asyncio.run(scenario())


def test_a_turn_that_is_given_up_is_not_taken() -> None:
    async def scenario() -> None:
        clock = TestClock()
        limiter = Limiter(clock, requests_per_minute_max=2, kept_for_actions=0, wait_s_max=600)
        await limiter.turn()
        await limiter.turn()
        waiting = asyncio.create_task(limiter.turn())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        clock.now_ns = 60 * NS
        await limiter.turn()
        await limiter.turn()
        assert clock.monotonic_ns() == 60 * NS

    asyncio.run(scenario())


def test_a_turn_that_is_too_far_away_says_so_at_once() -> None:
    async def scenario() -> None:
        clock = TestClock()
        limiter = Limiter(clock)
        limiter.hold(30)
        with pytest.raises(TooSoon, match="none for 30 s"):
            await limiter.turn(acts=True)
        assert not clock.slept
        clock.now_ns = 26 * NS
        await limiter.turn()
        assert clock.monotonic_ns() == 30 * NS
        limiter.hold(1)
        limiter.hold(0)  # the longer one counts
        await limiter.turn()
        assert clock.monotonic_ns() == 31 * NS

    asyncio.run(scenario())


@pytest.mark.parametrize(("most", "kept"), [(1, 0), (200, 200), (200, -1)])
def test_limits_that_leave_nothing_are_refused(most: int, kept: int) -> None:
    with pytest.raises(InputError, match="leave no question"):
        Limiter(TestClock(), requests_per_minute_max=most, kept_for_actions=kept)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7),
        ("99999999", 3600),
        ("", 2),
        ("soon", 2),
        ("Tue, 14 Nov 2023 22:13:32 GMT", 12),
        ("Tue, 14 Nov 2000 22:13:32 GMT", 1),
    ],
)
def test_after_a_429_nothing_leaves_until_alpaca_is_ready(retry_after: str, seconds: int) -> None:
    """On every surface: the limit is the account's."""
    clock = TestClock()  # 22:13:20 on that day

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        control.misbehave("too_many", retry_after=retry_after)
        answer = await broker.ask(POSITIONS)
        assert (answer.completeness, dict(answer.positions)) == ("failed", {})
        assert "429" in answer.why
        seen = len(control.seen)
        if seconds > 5:
            for question in (POSITIONS, ORDERS, FILLS, order("c1")):
                answer = await broker.ask(question)
                assert answer.completeness == "failed"
                assert f"none for {seconds} s" in answer.why
            outcome = await broker.act(close("AAPL", "1", "q1"))
            assert (outcome.state, f"none for {seconds} s" in outcome.why) == ("rejected", True)
            assert len(control.seen) == seen
            clock.now_ns += seconds * NS
        whole(await broker.ask(POSITIONS))
        assert clock.monotonic_ns() == seconds * NS

    play(scenario, clock=clock)


def test_one_limiter_serves_several_brokers_of_one_account() -> None:
    clock = TestClock()
    limiter = Limiter(clock, requests_per_minute_max=3, kept_for_actions=0, wait_s_max=60)

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        other = AlpacaBroker((control_keys[0], control_keys[1]), url=broker._url, limiter=limiter, clock=clock)
        try:
            for one in (broker, other, broker):
                whole(await one.ask(POSITIONS))
            assert clock.monotonic_ns() == 0
            whole(await other.ask(ORDERS))
            assert clock.monotonic_ns() == 60 * NS
        finally:
            await other.close()

    from trueup.testing.alpaca import KEY_ID, SECRET

    control_keys = (KEY_ID, SECRET)
    play(scenario, clock=clock, limiter=limiter)


def test_an_attempt_ends_by_itself_after_its_time() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.misbehave("silence", on=("positions",))
        answer = await broker.ask(POSITIONS)
        assert answer.completeness == "failed"
        assert "within 100 ms" in answer.why
        whole(await broker.ask(POSITIONS))
        control.misbehave("late", on=("positions",), delay_ms=20)
        whole(await broker.ask(POSITIONS))

    play(scenario, timeout_ms=100)


def test_by_default_questions_have_180_of_alpacas_200_and_wait_at_most_five_seconds() -> None:
    async def scenario() -> None:
        clock = TestClock()
        limiter = Limiter(clock)
        for _ in range(180):
            await limiter.turn()
        clock.now_ns = 54 * NS
        with pytest.raises(TooSoon, match="none for 6 s"):
            await limiter.turn()
        for _ in range(20):
            await limiter.turn(acts=True)
        with pytest.raises(TooSoon):
            await limiter.turn(acts=True)
        assert clock.now_ns == 54 * NS
        clock.now_ns = 55 * NS
        await limiter.turn()
        assert clock.now_ns == 60 * NS

    asyncio.run(scenario())


def test_l22_no_request_of_an_action_waits_behind_the_questions() -> None:
    """Nor do those that look first: whose account it is, what is held, whether it was done before."""
    clock = TestClock()
    limiter = Limiter(clock, requests_per_minute_max=10, kept_for_actions=8)

    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("AAPL", "long", "3", price="190.5")
        for _ in range(2):
            whole(await broker.ask(POSITIONS))
        assert "none for 60 s" in (await broker.ask(POSITIONS)).why
        assert (await broker.act(close("AAPL", "1", "q1"))).state == "acknowledged"
        assert (await broker.act(close("AAPL", "9", "q1"))).state == "acknowledged"  # it is found by its client id
        assert len(control.seen) == 2 + 3 + 2
        assert clock.now_ns == 0

    play(scenario, clock=clock, limiter=limiter)
