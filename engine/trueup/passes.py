"""How is one pass done: ask, journal, decide, and ask again where that settles something?

Coroutines over ports: the clock and the broker are arguments, so a simulation runs this very code without threads
or real time. Nothing here holds a lock while it waits, and whatever the broker does becomes an observation.
"""

from __future__ import annotations

import asyncio
from typing import Final

from trueup.compare import compare
from trueup.decisions import Decision
from trueup.evidence import Absent, Present
from trueup.facts import PassKind
from trueup.ledger import Ledger
from trueup.model import Surface
from trueup.ports import Answer, Broker, Clock, Question, failed
from trueup.reconciliation.state import State
from trueup.reconciliation.waiting import next_question_ns
from trueup.report import PassReport, SurfaceRow, report

NS: Final = 1_000_000_000
QUESTIONS_MAX: Final = 1_000
"""Rounds of questions in one start-up pass (law 12); its deadline ends it long before."""
DEALS_LOOK_BACK_NS: Final = 86_400 * NS
"""How far before a mass absence its deals are asked for: a broker's clock may be hours off (L46)."""


class Passes:
    """Runs passes for one account, one after the other."""

    def __init__(self, ledger: Ledger, broker: Broker, clock: Clock) -> None:
        self._ledger = ledger
        self._broker = broker
        self._clock = clock
        self._turn = asyncio.Lock()
        self._started: int | None = None  # the epoch that had a start-up pass

    async def run(self, kind: PassKind, *, timeout_s: float | None = None) -> PassReport:
        """One pass. A start-up pass asks again while that settles something; others ask once.

        timeout_s   the outer deadline; None: `startup_timeout_s` for a start-up pass, none for others

        Raises JournalError when our own store fails: then nothing of the answer at hand was recorded.
        """
        async with self._turn:
            ledger = self._ledger
            began_ns = self._clock.monotonic_ns()
            ledger.catch_up()
            if kind == "periodic" and self._started not in (None, ledger.state.epoch):
                kind = "startup"  # claimed anew meanwhile: each epoch's first pass is the start-up pass
            if kind == "startup":
                self._started = ledger.state.epoch
            if timeout_s is None and kind == "startup":
                timeout_s = ledger.state.policy.startup_timeout_s
            deadline_ns = None if timeout_s is None else began_ns + int(timeout_s * NS)
            one = _Pass(ledger, self._broker, self._clock, kind, ledger.state.pass_number + 1, deadline_ns)
            await one.ask_all()
            if kind == "startup":
                await one.settle()
            ledger.maintain()
            return one.report(began_ns)


class _Pass:
    """One pass under way."""

    def __init__(
        self, ledger: Ledger, broker: Broker, clock: Clock, kind: PassKind, number: int, deadline_ns: int | None
    ) -> None:
        self.ledger = ledger
        self.broker = broker
        self.clock = clock
        self.kind: PassKind = kind
        self.number = number
        self.deadline_ns = deadline_ns
        self.decisions: list[Decision] = []
        self.rows: dict[Surface, SurfaceRow] = {}
        self.silent: dict[Surface, str] = {}
        self.failed: set[Surface] = set()

    async def ask_all(self) -> None:
        """Positions; then, while so much is missing that it is held, the deals that may explain it."""
        await self._ask(Question(surface="positions"))
        explaining = self._explaining()
        if explaining is not None:
            await self._ask(explaining, attempts_max=1)

    def _explaining(self) -> Question | None:
        """The deals, once a mass absence outlasted its first answer (a glitch is usually over by the second), where
        they are offered and have not just failed."""
        state = self.ledger.state
        if state.hold is None or state.hold.position == state.view().position or "fills" in self.failed:
            return None
        if "fills" not in self.broker.capabilities.surfaces or not state.view("fills").supported:
            return None
        return Question(surface="fills", since_ns=state.hold.since.at_ns - DEALS_LOOK_BACK_NS)

    async def settle(self) -> None:
        """Ask again, each time as soon as another answer could settle something, until the deadline."""
        for _ in range(QUESTIONS_MAX):
            wait_ns = next_question_ns(self.ledger.state, self.ledger.now())
            if wait_ns is None or wait_ns > self._left_ns():
                return
            await self.clock.sleep(wait_ns / NS)
            await self.ask_all()

    def _left_ns(self) -> int:
        if self.deadline_ns is None:
            return 3_600 * NS
        return self.deadline_ns - self.clock.monotonic_ns()

    async def _ask(self, question: Question, *, attempts_max: int | None = None) -> None:
        """One question with all its attempts: one observation."""
        asking = self.ledger.asking()
        answer, attempts = await self._attempts(question, attempts_max)
        committed = self.ledger.observe(
            question.surface,
            answer,
            asking,
            attempts=attempts,
            pass_number=self.number,
            pass_kind=self.kind,
        )
        self.decisions.extend(committed.decisions)
        self._note(question.surface, answer)

    def _note(self, surface: Surface, answer: Answer) -> None:
        self.silent.pop(surface, None)
        view = self.ledger.state.view(surface)
        if answer.completeness == "failed":
            self.failed.add(surface)
        # Only what was answered once is known to be supported; `positions` every broker has.
        never = surface != "positions" and not view.complete_received.at_ns
        if answer.completeness == "unsupported" or (answer.completeness == "failed" and never):
            self.rows.pop(surface, None)
            return
        complete = answer.completeness == "complete" and not view.refused
        why = answer.why or ("" if complete else view.why)
        self.rows[surface] = SurfaceRow(surface, complete, why)
        if answer.completeness == "failed":
            self.silent[surface] = f"{surface}: {answer.why}"

    async def _attempts(self, question: Question, attempts_max: int | None) -> tuple[Answer, int]:
        """The first usable answer, else the last failure; backing off in between; the outer deadline wins."""
        policy = self.ledger.state.policy
        answer = failed("not asked: no time was left")
        attempts_max = policy.retries_max + 1 if attempts_max is None else attempts_max
        for attempt in range(1, attempts_max + 1):
            left_s = self._left_ns() / NS
            if left_s <= 0:
                return answer, attempt - 1
            answer = await attempt_once(self.broker, question, min(policy.broker_timeout_s, left_s))
            if answer.completeness != "failed":
                return answer, attempt
            if attempt == attempts_max:
                break
            pause_s = policy.backoff_s[min(attempt, len(policy.backoff_s)) - 1] if policy.backoff_s else 0
            if pause_s >= self._left_ns() / NS:
                return answer, attempt
            await self.clock.sleep(pause_s)
        return answer, attempts_max

    def report(self, began_ns: int) -> PassReport:
        """What it came to, after comparing everything once more from scratch (L51)."""
        state = self.ledger.state
        return report(
            state,
            self.decisions,
            [self.rows[surface] for surface in sorted(self.rows)],
            pass_number=self.number,
            kind=self.kind,
            gate=self.ledger.gate.narrowest,
            at_ns=self.clock.wall_ns(),
            duration_ns=self.clock.monotonic_ns() - began_ns,
            disagreements=len(disagreements(state)) if self.decisions else 0,
            silent=[self.silent[surface] for surface in sorted(self.silent)],
        )


async def attempt_once(broker: Broker, question: Question, timeout_s: float) -> Answer:
    """One attempt within its time. A third party's adapter may raise in spite of its contract: that is a
    failure to answer like any other, and says what it was."""
    try:
        return await asyncio.wait_for(broker.ask(question), timeout_s)
    except TimeoutError:
        return failed(f"no answer within {timeout_s:g} s")
    except Exception as error:  # noqa: BLE001 - the outside must never stop a pass (law 4)
        return failed(f"the adapter raised {type(error).__name__}: {error}")


def disagreements(state: State) -> list[str]:
    """Keys on which a fresh, whole comparison of the book with the last complete answer finds a difference.

    The decider only looks at what changed; this looks at everything, and knows nothing of breaks.
    """
    view = state.view()
    if not view.base:
        return []
    found: list[str] = []
    for key in sorted({*state.book, *view.rows}):
        row = view.rows.get(key)
        seen = Absent((view.position,)) if row is None else Present(row)
        if compare(state.held(key), seen, state.policy):
            found.append(key)
    return found
