"""How is one pass done: ask, journal, decide, act, and ask again where that settles something?

Coroutines over ports: the clock and the broker are arguments, so a simulation runs this very code without threads
or real time. Nothing here holds a lock while it waits, and whatever the broker does becomes an observation.
"""

from __future__ import annotations

import asyncio
from typing import Final

from trueup.asking import Attempts, action_of, connection_of, send_once
from trueup.compare import compare
from trueup.decisions import Decision
from trueup.evidence import Absent, Present
from trueup.facts import PassKind, Sought
from trueup.ledger import Ledger
from trueup.model import Surface
from trueup.ports import Answer, Broker, Clock, Outcome, Question
from trueup.reconciliation.outbox import to_look_up, to_send
from trueup.reconciliation.state import State
from trueup.reconciliation.waiting import fills_wanted_since, next_question_ns
from trueup.report import PassReport, SurfaceRow, report

NS: Final = 1_000_000_000
SURFACES: Final[tuple[Surface, ...]] = ("positions", "open_orders", "order", "fills", "balances")
"""In the order in which a report tells of them."""
QUESTIONS_MAX: Final = 1_000
"""Rounds of questions in one start-up pass (law 12); its deadline ends it long before."""
ANSWER_NS_MIN: Final = NS // 2
"""What a question of the start-up pass must have left of its deadline; with less it is not asked."""
ROUNDS_APART_NS: Final = NS // 4
"""The least time between two of them: what could be settled at once and is not must not become a storm of questions."""
DEALS_LOOK_BACK_NS: Final = 86_400 * NS
"""How far before something its deals are asked for: a broker's clock may be hours off (L46)."""
PROBE_S: Final = 3
"""How long a surface that has never answered may take: a gateway that only knows positions may say nothing at all."""
PROBE_REST_PASSES: Final = 20
"""Passes for which a surface is left alone that has never answered."""
LOOK_UP_FAILURES_MAX: Final = 2
"""Look-ups that fail before a pass leaves the rest to the next one: the broker is not heard (L06)."""


class Passes:
    """Runs passes for one account, one after the other."""

    def __init__(self, ledger: Ledger, broker: Broker, clock: Clock, *, acts: bool = True) -> None:
        """acts  False: nothing is asked *of* the broker, only of what it knows (dry runs)"""
        self._ledger = ledger
        self._broker = broker
        self._clock = clock
        self._acts = acts
        self._turn = asyncio.Lock()
        self._started: int | None = None  # the epoch that had a start-up pass
        self._resting: dict[Surface, int] = {}
        self._connection: int | None = None

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
            one = _Pass(ledger, self._broker, self._clock, kind, deadline_ns, self._resting, acts=self._acts)
            connections = self._broker.connections
            reconnected = self._connection not in (None, connections)
            await one.ask_all(everything=kind == "startup" or reconnected)
            if kind == "startup":
                await one.settle()
            self._connection = connections or self._broker.connections  # the first connection is no reconnect
            ledger.maintain()
            return one.report(began_ns)


class _Pass:
    """One pass under way."""

    def __init__(
        self,
        ledger: Ledger,
        broker: Broker,
        clock: Clock,
        kind: PassKind,
        deadline_ns: int | None,
        resting: dict[Surface, int],
        *,
        acts: bool,
    ) -> None:
        self.ledger = ledger
        self.broker = broker
        self.clock = clock
        self.kind: PassKind = kind
        self.number = ledger.state.pass_number + 1
        self.attempts = Attempts(broker, clock, deadline_ns)
        self.resting = resting
        self.acts = acts
        self.decisions: list[Decision] = []
        self.rows: dict[Surface, SurfaceRow] = {}
        self.silent: dict[Surface, str] = {}
        self.failed: set[Surface] = set()

    # -- one round -----------------------------------------------------------------------------------------

    async def ask_all(self, *, everything: bool = False) -> None:
        """One round: the lists side by side, what they leave open, what is to be sent, and what became of it.

        everything   the fills too, although nothing calls for them: at start-up, and after a reconnect (L10)
        """
        self._interrupted()
        questions = [Question(surface="positions")]
        if "open_orders" in self.broker.capabilities.surfaces:
            questions.append(Question(surface="open_orders"))
        if everything and "fills" in self.broker.capabilities.surfaces:
            questions.append(Question(surface="fills", since_ns=self._fills_since()))
        known = [one for one in questions if self._is_known(one.surface)]
        await asyncio.gather(*(self._ask(one) for one in known))
        for one in questions:
            if one not in known:
                await self._probe(one)
        await self._look_up()
        await self._explain()
        if self.acts and await self._send():
            await self._look_up()

    def _is_known(self, surface: Surface) -> bool:
        """Positions every broker has; of the others what the adapter is certain of, or what was answered once."""
        if surface == "positions" or self.ledger.state.offers(surface):
            return True
        return surface in self.broker.capabilities.certain and self.ledger.state.view(surface).supported

    async def _probe(self, question: Question) -> None:
        """Ask for what has never been answered: once, briefly, and not in every pass."""
        surface, state = question.surface, self.ledger.state
        if "positions" in self.failed or not state.view(surface).supported or self.resting.get(surface, 0) > 0:
            self.resting[surface] = self.resting.get(surface, 0) - 1
            return
        await self._ask(question, attempts_max=1, timeout_s=PROBE_S)
        if surface in self.failed:
            self.resting[surface] = PROBE_REST_PASSES

    def _fills_since(self) -> int | None:
        """From where on fills are wanted: a good while before they were last listed."""
        listed = self.ledger.state.view("fills").complete_asked.at_ns
        return listed - DEALS_LOOK_BACK_NS if listed else None

    async def _look_up(self) -> None:
        """Ask for single orders: what no list mentions, and actions whose outcome is unknown."""
        failures = 0
        for sought in to_look_up(self.ledger.state, self.ledger.now()):
            await self._ask(_question(sought), attempts_max=1)
            failures += "order" in self.failed
            if failures >= LOOK_UP_FAILURES_MAX or self.attempts.left_ns() <= 0:
                return

    async def _explain(self) -> None:
        """The deals, where they may explain what vanished: a mass absence, or an order that a look-up did not find."""
        surfaces, state = self.broker.capabilities.surfaces, self.ledger.state
        if "fills" not in surfaces or not state.view("fills").supported or "fills" in self.failed:
            return
        if state.hold is not None and state.hold.position != state.view().position:
            # a glitch is usually over by the second answer: only then are its deals worth a question
            since_ns = state.hold.since.at_ns
        else:
            wanted = fills_wanted_since(state)
            if wanted is None:
                return
            since_ns = wanted
        await self._ask(Question(surface="fills", since_ns=since_ns - DEALS_LOOK_BACK_NS), attempts_max=1)

    # -- actions -------------------------------------------------------------------------------------------

    def _interrupted(self) -> None:
        """An action that this epoch sent and whose outcome nobody wrote down, because its pass was cut short."""
        state = self.ledger.state
        for client_id in sorted(state.outbox):
            if state.outbox[client_id].state == "sent":
                outcome = Outcome(state="unknown", why="the pass that sent it was interrupted")
                self.decisions += self.ledger.acted(client_id, outcome).decisions

    async def _send(self) -> bool:
        """Send what was requested: journalled before and after, each once. Returns whether anything was sent."""
        sent = False
        for client_id in to_send(self.ledger.state):
            slot = self.ledger.state.outbox.get(client_id)
            if slot is None or slot.state != "requested":
                continue  # what became of the one before it made it needless
            self.decisions += self.ledger.sending(client_id).decisions
            before, timeout_s = self.broker.connections, self.ledger.state.policy.broker_timeout_s
            outcome = await send_once(self.broker, action_of(client_id, slot.terms), timeout_s)
            connection = connection_of(before, self.broker.connections)
            self.decisions += self.ledger.acted(client_id, outcome, connection=connection).decisions
            sent = True
        return sent

    # -- asking --------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Ask again, each time as soon as another answer could settle something, until the deadline."""
        for _ in range(QUESTIONS_MAX):
            wait_ns = next_question_ns(self.ledger.state, self.ledger.now())
            if wait_ns is None:
                return
            wait_ns = max(wait_ns, ROUNDS_APART_NS)
            if wait_ns + ANSWER_NS_MIN > self.attempts.left_ns():
                return  # cut off by our own deadline, it would look as if the broker were silent
            await self.clock.sleep(wait_ns / NS)
            await self.ask_all()

    async def _ask(
        self, question: Question, *, attempts_max: int | None = None, timeout_s: float | None = None
    ) -> None:
        """One question with all its attempts: one observation."""
        asking = self.ledger.asking()
        policy = self.ledger.state.policy
        before = self.broker.connections
        answer, attempts = await self.attempts.answer(question, policy, attempts_max, timeout_s)
        committed = self.ledger.observe(
            question.surface,
            answer,
            asking,
            attempts=attempts,
            pass_number=self.number,
            pass_kind=self.kind,
            question=question,
            connection=connection_of(before, self.broker.connections),
        )
        self.decisions.extend(committed.decisions)
        self._note(question.surface, answer)

    def _note(self, surface: Surface, answer: Answer) -> None:
        self.silent.pop(surface, None)
        self.failed.discard(surface)
        view = self.ledger.state.view(surface)
        if answer.completeness == "failed":
            self.failed.add(surface)
        # Only what was answered once, or the adapter is certain of, is known to be supported.
        certain = surface == "positions" or surface in self.broker.capabilities.certain
        never = not certain and not view.complete_received.at_ns
        if answer.completeness == "unsupported" or (answer.completeness == "failed" and never):
            self.rows.pop(surface, None)
            return
        complete = answer.completeness == "complete" and not view.refused
        why = answer.why or ("" if complete else view.why)
        self.rows[surface] = SurfaceRow(surface, complete, why)
        if answer.completeness == "failed":
            self.silent[surface] = f"{surface}: {answer.why}"

    def report(self, began_ns: int) -> PassReport:
        """What it came to, after comparing everything once more from scratch (L51)."""
        state = self.ledger.state
        return report(
            state,
            self.decisions,
            [self.rows[surface] for surface in SURFACES if surface in self.rows],
            pass_number=self.number,
            kind=self.kind,
            gate=self.ledger.gate.narrowest,
            at_ns=self.clock.wall_ns(),
            duration_ns=self.clock.monotonic_ns() - began_ns,
            disagreements=len(disagreements(state)) if self.decisions else 0,
            silent=[self.silent[surface] for surface in SURFACES if surface in self.silent],
        )


def _question(sought: Sought) -> Question:
    return Question(surface="order", client_order_id=sought.client_order_id, order_id=sought.order_id)


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
