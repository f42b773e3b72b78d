"""How is one question put, and one action sent, to a broker that may do anything?

Attempts, back-off and time-outs for questions; exactly one try for an action (L21, L27). A third party's adapter may
raise in spite of its contract: that is a failure like any other, and says what it was.
"""

from __future__ import annotations

import asyncio
from typing import Final

from trueup.decisions import ActionTerms
from trueup.policy import Policy
from trueup.ports import Action, Answer, Broker, Clock, Outcome, Question, failed

NS: Final = 1_000_000_000


class Attempts:
    """Puts questions within one outer deadline."""

    def __init__(self, broker: Broker, clock: Clock, deadline_ns: int | None) -> None:
        self._broker = broker
        self._clock = clock
        self._deadline_ns = deadline_ns

    def left_ns(self) -> int:
        """How much time is left."""
        if self._deadline_ns is None:
            return 3_600 * NS
        return self._deadline_ns - self._clock.monotonic_ns()

    async def answer(
        self, question: Question, policy: Policy, attempts_max: int | None, timeout_s: float | None
    ) -> tuple[Answer, int]:
        """The first usable answer, else the last failure; backing off in between; the outer deadline wins.

        attempts_max  None: as the policy says
        timeout_s     for one attempt, never more than the policy's
        """
        answer = failed("not asked: no time was left")
        attempts_max = policy.retries_max + 1 if attempts_max is None else attempts_max
        each_s = policy.broker_timeout_s if timeout_s is None else min(timeout_s, policy.broker_timeout_s)
        for attempt in range(1, attempts_max + 1):
            left_s = self.left_ns() / NS
            if left_s <= 0:
                return answer, attempt - 1
            answer = await attempt_once(self._broker, question, min(each_s, left_s))
            if answer.completeness != "failed":
                return answer, attempt
            if attempt == attempts_max:
                break
            pause_s = policy.backoff_s[min(attempt, len(policy.backoff_s)) - 1] if policy.backoff_s else 0
            if pause_s >= self.left_ns() / NS:
                return answer, attempt
            await self._clock.sleep(pause_s)
        return answer, attempts_max


async def attempt_once(broker: Broker, question: Question, timeout_s: float) -> Answer:
    """One attempt within its time."""
    try:
        return await asyncio.wait_for(broker.ask(question), timeout_s)
    except TimeoutError:
        return failed(f"no answer within {timeout_s:g} s")
    except Exception as error:  # noqa: BLE001 - the outside must never stop a pass (law 4)
        return failed(f"the adapter raised {type(error).__name__}: {error}")


async def send_once(broker: Broker, action: Action, timeout_s: float) -> Outcome:
    """Send an action, once. What it came to is unknown whenever it may have been sent and nothing was heard."""
    act = getattr(broker, "act", None)
    if act is None or action.kind not in broker.capabilities.actions:
        return Outcome(state="rejected", why=f"not sent: this adapter cannot ask the broker to {action.kind}")
    try:
        return await asyncio.wait_for(act(action), timeout_s)
    except TimeoutError:
        return Outcome(state="unknown", why=f"no answer within {timeout_s:g} s")
    except Exception as error:  # noqa: BLE001 - it may have been sent before the adapter raised (law 6)
        return Outcome(state="unknown", why=f"the adapter raised {type(error).__name__}: {error}")


def connection_of(before: int, after: int) -> int:
    """Which connection carried an exchange, by the adapter's counts around it; 0: more than one may have."""
    return after if before in (0, after) else 0


def action_of(client_id: str, terms: ActionTerms) -> Action:
    """An action as an adapter takes it."""
    return Action(
        kind=terms.kind,
        client_id=client_id,
        symbol=terms.symbol,
        order_id=terms.order_id,
        target=terms.target,
        ticket=terms.ticket,
        side=terms.side,
        quantity=terms.quantity,
        stop=terms.stop,
    )
