"""Does virtual time pass as it should, however much of it has passed?"""

from __future__ import annotations

import asyncio
import signal

import pytest

from trueup.errors import InvariantBroken
from trueup.simulation.loop import NS, VirtualLoop

DAY_NS = 86_400 * NS


@pytest.fixture
def loop():
    made = VirtualLoop()
    yield made
    made.close()


@pytest.mark.parametrize("days", [0, 30, 200, 400, 4_000])
def test_timers_go_off_in_order_and_on_time_even_after_years(loop: VirtualLoop, days: int) -> None:
    """After 194 days the sum of a time and a nanosecond was that time, and a timer that was due was never called."""
    loop.now_ns = days * DAY_NS + 1_234_567_891
    woken: list[tuple[int, int]] = []

    async def nap(number: int, seconds: float) -> None:
        began = loop.now_ns
        for _ in range(50):
            await asyncio.sleep(seconds)
        woken.append((number, loop.now_ns - began))

    async def naps() -> None:
        await asyncio.wait_for(asyncio.gather(nap(1, 0.003), nap(2, 1 / 3), nap(3, 300.0)), 20_000)

    loop.run_until_complete(naps())
    assert [number for number, _ in woken] == [1, 2, 3]
    for (_, took_ns), seconds in zip(woken, (0.003, 1 / 3, 300.0), strict=True):
        assert abs(took_ns - 50 * seconds * NS) < 50_000, "a float's error, fifty times, and no more"


def test_an_interrupt_is_heard_between_two_steps_and_the_signal_is_given_back(loop: VirtualLoop) -> None:
    steps: list[str] = []

    async def work() -> None:
        signal.raise_signal(signal.SIGINT)
        steps.append("the step is done")
        await asyncio.sleep(1)
        steps.append("never")

    with pytest.raises(KeyboardInterrupt), loop.interruptible():
        loop.run_until_complete(work())
    assert steps == ["the step is done"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    for task in asyncio.all_tasks(loop):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)


def test_an_interrupt_in_the_last_step_is_heard_behind_it(loop: VirtualLoop) -> None:
    async def work() -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), loop.interruptible():
        loop.run_until_complete(work())


def test_whoever_handles_interrupts_in_another_way_goes_on_doing_so(
    loop: VirtualLoop,
) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with loop.interruptible():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_waiting_for_nothing_is_a_broken_law_and_no_hanging(loop: VirtualLoop) -> None:
    with pytest.raises(InvariantBroken, match="nothing will ever do"):
        loop.run_until_complete(asyncio.Event().wait())
