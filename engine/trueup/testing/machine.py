"""How does a bot behave when its book and its broker come apart? Put it into this machine, and Hypothesis tries.

```python
class TestMyBot(BotMachine):
    def make_bot(self, rec, broker):
        return MyBot(rec)

    def check_bot(self, bot):
        assert bot.exposure == sum(one.signed_quantity for one in self.rec.book.positions)

TestMyBot = TestMyBot.TestCase
```

The machine trades behind the bot's back, lets answers go wrong, passes time, kills the process and starts it again, on
the reconciler of production over a store in memory, in virtual time. After each step it asks `check_bot`; in the end it
lets all faults stop and demands that book and broker agree (law 2), so that a bot which hinders that is found, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any, ClassVar, Final, TypeVar

from trueup.errors import InputError
from trueup.model import PositionMode, Side
from trueup.policy import Policy
from trueup.reconciler import AsyncReconciler
from trueup.simulation.disk import Disk
from trueup.simulation.loop import VirtualClock, VirtualLoop, WallClock
from trueup.testing.answers import Trouble
from trueup.testing.broker import SimulatedBroker
from trueup.testing.strategies import PRICES, quantities, symbols

try:
    from hypothesis import strategies as st
    from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
except ImportError as error:  # it is no dependency of trueup's own
    raise InputError(f"trueup.testing.machine needs Hypothesis ({error}): pip install hypothesis") from error

T = TypeVar("T")
ACCOUNT: Final = "test:1"
TROUBLES: Final[tuple[Trouble, ...]] = ("silence", "failure", "garbage", "bad_row", "empty", "stale")
LOOKS_MAX: Final = 30
"""Passes in which book and broker must have come to agree, once faults stop."""


SIDES: Final[st.SearchStrategy[Side]] = st.sampled_from(["long", "short"])


class BotMachine(RuleBasedStateMachine):
    """A broker, a store, virtual time, and your bot. Subclass it; add rules of your own with `@rule`."""

    position_mode: ClassVar[PositionMode] = "netting"
    policy: ClassVar[Policy] = Policy.adopt(sync_interval_s=5, confirmations_total=2, total_absence_s=0)
    """What the bot's reconciler follows; the default agrees with the broker quickly."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop, WallClock(self.loop))
        self.broker = SimulatedBroker(position_mode=self.position_mode)
        self._disk = Disk("full")
        self._holds = True
        self.rec: AsyncReconciler
        """The reconciler of the bot's present life."""
        self.bot: Any
        """What `make_bot` gave for it."""
        self._start()

    # -- yours -----------------------------------------------------------------------------------------------

    def make_bot(self, rec: AsyncReconciler, broker: SimulatedBroker) -> Any:
        """Your bot, as it starts: on a fresh store, or on what an earlier life left in it."""
        raise NotImplementedError("a subclass makes the bot that is tried")

    def step_bot(self, bot: Any) -> None:
        """What your bot does each time around; called after whatever happened. By default nothing."""

    def check_bot(self, bot: Any) -> None:
        """What must be true of your bot at any time. Assert it. By default nothing."""

    # -- for your rules --------------------------------------------------------------------------------------

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Await something in virtual time: `self.run(self.rec.sync_positions())`."""
        return self.loop.run_until_complete(work)

    def wait(self, seconds: float) -> None:
        """Let time pass; passes that fall due are made."""
        self.run(self._passing(seconds))
        self.step_bot(self.bot)

    # -- what happens ----------------------------------------------------------------------------------------

    @rule(symbol=symbols(), side=SIDES, quantity=quantities())
    def somebody_trades(self, symbol: str, side: Side, quantity: Decimal) -> None:
        """By hand, on another terminal: the bot is not told."""
        self.broker.open(symbol, side, quantity, price=PRICES[symbol])
        self.step_bot(self.bot)

    @rule(which=st.integers(0, 5))
    def somebody_closes(self, which: int) -> None:
        """A position is closed behind the bot's back."""
        held = sorted(self.broker.truth)
        if held:
            self.broker.close_position(held[which % len(held)])
        self.step_bot(self.bot)

    @rule(trouble=st.sampled_from(TROUBLES), times=st.integers(1, 3))
    def answers_go_wrong(self, trouble: Trouble, times: int) -> None:
        """The coming answers of the broker."""
        coming: list[Trouble] = [trouble] * times
        self.broker.trouble(*coming)

    @rule(seconds=st.sampled_from([1, 5, 20]))
    def time_passes(self, seconds: int) -> None:
        """Periodic passes are made."""
        self.wait(seconds)

    @rule()
    def process_restarts(self) -> None:
        """The process ends and starts again on the same store: a new bot."""
        self.run(self.rec.close())
        self.broker.reopen()
        self._start()
        self.step_bot(self.bot)

    @invariant()
    def bot_holds(self) -> None:
        """`check_bot`, after every step."""
        self._holds = False
        self.check_bot(self.bot)
        self._holds = True

    def teardown(self) -> None:
        """Faults stop; book and broker must come to agree; the bot still has to hold."""
        try:
            if self._holds:  # what was found already is not found once more
                self._calm_down()
        finally:
            self.run(self.rec.close())
            self._disk.close()
            self.loop.close()

    # -- inner parts -----------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.rec = AsyncReconciler.open(
            self._disk.url,
            account=ACCOUNT,
            broker=self.broker,
            policy=self.policy,
            clock=self.clock,
            position_mode=self.position_mode,
        )
        self.run(self.rec.startup_recovery())
        self.bot = self.make_bot(self.rec, self.broker)

    async def _passing(self, seconds: float) -> None:
        until_ns = self.clock.monotonic_ns() + int(seconds * 1_000_000_000)
        while self.clock.monotonic_ns() < until_ns:
            await asyncio.sleep(self.policy.sync_interval_s)
            await self.rec.sync_positions()

    def _calm_down(self) -> None:
        """No more trouble, and as many looks as agreement may take."""
        self.broker.untrouble()
        for _ in range(LOOKS_MAX):
            self.wait(self.policy.sync_interval_s)
            if self._held() == self._truth():
                break
        assert self._held() == self._truth(), (
            f"after {LOOKS_MAX} looks at a quiet broker the book holds {self._held()}, the broker {self._truth()}"
        )
        self.check_bot(self.bot)

    def _held(self) -> dict[str, Decimal]:
        return {key: one.signed_quantity for key, one in self.rec.book.by_key.items()}

    def _truth(self) -> dict[str, Decimal]:
        return {key: row.signed_quantity for key, row in self.broker.truth.items()}
