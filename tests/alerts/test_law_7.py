"""Whatever channels and processes do, is every alert told at least once, or counted, and never more than five a minute?

The journal is a list here, and the fold is the real one; time, services and deaths are drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.decisions import AlertRaised
from trueup.events import Event
from trueup.facts import AlertsDelivered
from trueup.journal import Recorded
from trueup.model import Moment
from trueup.reconciliation.fold import fold
from trueup.reconciliation.state import State
from trueup_adapters.alerts import Message, Rule, Sent
from trueup_adapters.alerts.messenger import BACKOFF_MS, POLL_MS, WINDOW_MS, Runner

NS = 1_000_000
ACCOUNT = "a:1"


class Account:
    """A journal that survives, and the fold of it: reconciler, ledger and reader in one."""

    account = ACCOUNT
    failure = None

    def __init__(self) -> None:
        self.log: list[Event] = []
        self.state = State(account=ACCOUNT)
        self.now_ns = 0
        self.raised = 0

    @property
    def ledger(self) -> Any:
        return self

    @property
    def journal(self) -> Any:
        return self

    def _append(self, event: Event) -> None:
        self.log.append(event)
        self.state = fold(self.state, [(len(self.log), event)])

    def alerts_delivered(self, channel: str, upto: int, *, messages: int = 0, failures: Iterable[Any] = ()) -> None:
        self._append(AlertsDelivered(Moment(self.now_ns, 0, 1), channel, upto, messages, tuple(failures)))

    def raises(self, count: int) -> None:
        for _ in range(count):
            self.raised += 1
            self._append(AlertRaised(1, self.now_ns, b"", "critical", "orphan-order", f"N{self.raised}N @everyone"))

    def read(self, *, after: int = 0, upto: int | None = None) -> Iterator[Recorded]:
        for position in range(after + 1, (len(self.log) if upto is None else upto) + 1):
            yield Recorded(position, self.log[position - 1], b"")

    def events(self, *, after: int = 0, upto: int | None = None) -> Iterator[tuple[int, Event]]:
        return ((one.position, one.event) for one in self.read(after=after, upto=upto))

    def snapshot(self, **_: object) -> None:
        return None


class Service:
    """A channel that takes, fails or asks to wait, as drawn; it takes everything in the end."""

    name, markdown, spacing_ms = "desk", False, 0

    def __init__(self, account: Account, outcomes: list[Sent], body_max: int) -> None:
        self.body_max = body_max
        self._account = account
        self._outcomes = outcomes
        self.taken: list[tuple[int, Message]] = []
        self.blocked_until_ns = 0
        self.asked_too_soon = 0

    def send(self, message: Message) -> Sent:
        now_ns = self._account.now_ns
        self.asked_too_soon += now_ns < self.blocked_until_ns
        outcome = self._outcomes.pop(0) if self._outcomes else Sent("sent")
        if outcome.state == "sent":
            self.taken.append((now_ns, message))
        elif outcome.wait_ms:
            self.blocked_until_ns = now_ns + outcome.wait_ms * NS
        return outcome


OUTCOMES = st.lists(
    st.sampled_from([Sent("sent"), Sent("later", "HTTP 500"), Sent("later", "HTTP 429", 45_000)]), max_size=8
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("raise"), st.integers(1, 40)),
        st.tuples(st.just("raise"), st.just(700)),
        st.tuples(st.just("pass"), st.integers(100, 90_000)),
        st.tuples(st.just("die"), st.just(0)),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=120)
@given(steps=STEPS, outcomes=OUTCOMES, body_max=st.sampled_from([400, 2_000, 4_096]))
def test_law_7_l60_every_alert_is_told_or_counted_whoever_fails_or_dies(
    steps: list[tuple[str, int]], outcomes: list[Sent], body_max: int
) -> None:
    account = Account()
    service = Service(account, list(outcomes), body_max)
    lives = [0]

    def born() -> Runner:
        runner = Runner(account, Rule(service), "CMD", lambda: account.now_ns, 1_000, lambda _: None)
        if service.name not in dict(account.state.alerts_delivered):
            account.alerts_delivered(service.name, account.state.position)
        lives.append(account.now_ns)
        return runner

    runner = born()

    def passes(ms: int) -> None:
        until_ns = account.now_ns + ms * NS
        while account.now_ns < until_ns:
            account.now_ns += max(10, min(runner.step(), POLL_MS)) * NS

    for what, much in steps:
        if what == "raise":
            account.raises(much)
        elif what == "pass":
            passes(much)
        else:
            runner = born()  # the old one is never heard of again, in the middle of whatever it did
    passes(sum(BACKOFF_MS) + len(outcomes) * BACKOFF_MS[-1] + WINDOW_MS * 3)

    told: set[int] = set()
    counted = 0
    for _, message in service.taken:
        told |= {int(number) for number in re.findall(r"N(\d+)N", message.body)}
        counted += sum(int(more.replace(",", "")) for more in re.findall(r"and ([\d,]+) more: CMD", message.body))
        assert "@everyone" not in message.body
    assert len(told) + counted >= account.raised, "nothing is lost"
    assert runner.standing.waiting == 0
    assert dict(account.state.alerts_delivered)["desk"] >= max(
        (n for n, event in enumerate(account.log, 1) if isinstance(event, AlertRaised)), default=0
    )
    # A life of its own has a window of its own: a process that dies cannot know what the one before it sent.
    sent = [at_ns for at_ns, _ in service.taken]
    for at_ns in sent:
        window = [one for one in sent if at_ns - WINDOW_MS * NS < one <= at_ns]
        assert len(window) <= 5 * (1 + sum(at_ns - WINDOW_MS * NS < born_ns <= at_ns for born_ns in lives[2:]))
    if not any(what == "die" for what, _ in steps):
        assert service.asked_too_soon == 0, "what a service asks for is kept to"
