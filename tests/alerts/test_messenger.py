"""Are alerts carried from the journal to each channel: at least once, few at a time, and never in a pass's way?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from alerts.servers import web
from alerts.test_channels import SLACK
from lessons.world import World, held, row
from trueup import Policy, Reconciler
from trueup.errors import InputError, JournalError
from trueup.facts import AlertsDelivered
from trueup.testing.broker import SimulatedBroker
from trueup_adapters.alerts import Message, Messenger, Rule, Sent, open_channel
from trueup_adapters.alerts.messenger import BACKOFF_MS, CHANNELS_MAX, POLL_MS, REFUSALS_MAX, WINDOW_MS, Runner

COMMAND = "trueup audit"
NS = 1_000_000


class Desk:
    """A channel that does as the test says."""

    def __init__(self, name: str = "desk", *outcomes: Sent) -> None:
        self.name = name
        self.body_max = 2_000
        self.markdown = False
        self.spacing_ms = 0
        self.outcomes = list(outcomes)
        self.messages: list[Message] = []
        self.tries = 0

    def send(self, message: Message) -> Sent:
        self.tries += 1
        outcome = self.outcomes.pop(0) if self.outcomes else Sent("sent")
        if outcome.state == "sent":
            self.messages.append(message)
        return outcome


class Rec:
    """What a messenger needs of a reconciler, around a world's ledger."""

    def __init__(self, w: World) -> None:
        self.account = w.account
        self._w = w
        self.journal = w._reader

    @property
    def ledger(self):
        return self._w.ledger


class Bench:
    """A world, and runners that are stepped by hand."""

    def __init__(self) -> None:
        self.w = World(held("HELD", "1"), policy=Policy.guarded())
        self.now_ns = 0
        self.notes: list[str] = []
        self.w.sees(row("HELD", "1"), times=2)

    def runner(self, desk: Desk, **more: object) -> Runner:
        rule = Rule(desk, **more)  # type: ignore[arg-type]
        made = Runner(Rec(self.w), rule, COMMAND, lambda: self.now_ns, 1_000, self.notes.append)
        state = self.w.state
        if desk.name not in dict(state.alerts_delivered):
            self.w.ledger.alerts_delivered(desk.name, state.position)
        return made

    def escalates(self, *symbols: str) -> None:
        self.w.sees(row("HELD", "1"), *(row(one, "1") for one in symbols), times=2)

    def runs(self, runner: Runner, ms: int = 2_000) -> None:
        """Steps, as often as the runner asks for, for so long."""
        until_ns = self.now_ns + ms * NS
        while self.now_ns < until_ns:
            self.now_ns += max(1, min(runner.step(), POLL_MS)) * NS

    def said(self) -> list[tuple[str, int, int]]:
        """(channel, messages, failures) of each entry of the journal."""
        facts = [one for one in self.w.events(AlertsDelivered) if isinstance(one, AlertsDelivered)]
        return [(one.channel, one.messages, len(one.failures)) for one in facts]


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.w.close()


def test_what_comes_is_gathered_told_once_and_written_down(bench: Bench) -> None:
    desk = Desk()
    runner = bench.runner(desk)
    bench.runs(runner)
    assert desk.messages == []
    bench.escalates("A")
    assert runner.step() == POLL_MS
    assert desk.messages == [], "it waits for what may come with it"
    bench.escalates("A", "B")
    bench.runs(runner)
    (message,) = desk.messages
    assert message.title == "trueup mt5:5001: 2 alerts, 2 critical"
    assert bench.said() == [("desk", 0, 0), ("desk", 1, 0)]
    assert dict(bench.w.state.alerts_delivered)["desk"] == bench.w.state.position - 1
    bench.runs(runner, 100_000)
    assert len(desk.messages) == 1
    bench.w.sees(row("HELD", "1"), times=2)
    bench.runs(runner)
    assert desk.messages[-1].title == "trueup mt5:5001: 2 resolved"
    assert (runner.standing.waiting, runner.standing.messages, runner.standing.failure) == (0, 2, None)


def test_a_new_channel_hears_of_what_comes_and_another_process_goes_on_where_it_was(bench: Bench) -> None:
    bench.escalates("OLD")
    first = Desk()
    runner = bench.runner(first)
    bench.runs(runner)
    assert first.messages == [], "what was before the channel is history"
    bench.escalates("OLD", "NEW")  # and the process dies before it is told
    second = Desk()
    bench.runs(bench.runner(second))
    assert [one.title for one in second.messages] == ["trueup mt5:5001: 1 alert, 1 critical"]
    assert "NEW" in second.messages[0].body
    bench.w.sees(row("HELD", "1"), times=2)
    third = Desk()
    bench.runs(bench.runner(third))
    assert third.messages[0].title == "trueup mt5:5001: 2 resolved", "the fold knows what had been alerted"


def test_a_failing_channel_is_left_alone_longer_and_longer_and_nothing_is_lost(bench: Bench) -> None:
    tried_ms: list[int] = []

    class Timed(Desk):
        def send(self, message: Message) -> Sent:
            tried_ms.append(bench.now_ns // NS)
            return super().send(message)

    desk = Timed("desk", *[Sent("later", "HTTP 500: down")] * 4)
    runner = bench.runner(desk)
    bench.escalates("A")
    bench.runs(runner, 1_500)
    assert (desk.tries, runner.standing.failure) == (1, "HTTP 500: down")
    bench.escalates("A", "B")
    bench.runs(runner, sum(BACKOFF_MS[:4]) + 5_000)
    waits = [later - earlier for earlier, later in pairwise(tried_ms[:5])]
    assert all(0 <= wait - due <= POLL_MS for wait, due in zip(waits, BACKOFF_MS, strict=False)), waits
    assert ["A" in one.body or "B" in one.body for one in desk.messages] == [True, True]
    assert bench.said() == [("desk", 0, 0), ("desk", 0, 1), ("desk", 1, 0), ("desk", 1, 0)], "one failure for the row"
    assert bench.notes == [
        "alerts on desk do not go out: HTTP 500: down; they are kept, and tried again",
        "alerts on desk: told again",
    ]


def test_a_service_that_asks_to_wait_is_not_asked_before(bench: Bench) -> None:
    desk = Desk("desk", Sent("later", "HTTP 429", 30_000))
    runner = bench.runner(desk)
    bench.escalates("A")
    bench.runs(runner, 29_000)
    assert desk.tries == 1
    bench.runs(runner, 3_000)
    assert (desk.tries, len(desk.messages)) == (2, 1)


def test_one_channel_that_fails_does_not_make_another_hear_twice(bench: Bench) -> None:
    ill, well = Desk("ill", *[Sent("later", "no")] * 3), Desk("well")
    runners = [bench.runner(ill), bench.runner(well)]
    bench.escalates("A")
    for _ in range(40):
        for runner in runners:
            bench.runs(runner, 500)
    assert (len(ill.messages), len(well.messages)) == (1, 1)


def test_a_message_that_is_refused_as_such_is_given_up_and_the_next_one_says_so(bench: Bench) -> None:
    desk = Desk("desk", *[Sent("refused", "HTTP 400: bad")] * REFUSALS_MAX)
    runner = bench.runner(desk)
    bench.escalates("A")
    bench.runs(runner, sum(BACKOFF_MS[:REFUSALS_MAX]) + 5_000)
    assert (desk.tries, desk.messages) == (REFUSALS_MAX, [])
    facts = [one for one in bench.w.events(AlertsDelivered) if isinstance(one, AlertsDelivered)]
    assert facts[-1].failures[0][1] == "given up: HTTP 400: bad"
    assert facts[-1].upto > facts[0].upto, "it does not stand in the way of what comes after"
    bench.escalates("A", "B")
    bench.runs(runner, 20_000)
    assert desk.messages[0].body.startswith("1 earlier ones were refused by this channel: trueup audit")


def test_l60_a_storm_is_at_most_five_messages_a_minute(bench: Bench) -> None:
    desk = Desk()
    runner = bench.runner(desk)
    symbols: list[str] = []
    for number in range(12):
        symbols.append(f"S{number}")
        bench.escalates(*symbols)
        bench.runs(runner, 4_000)
    assert len(desk.messages) == 5
    assert runner.standing.waiting == 7
    bench.runs(runner, WINDOW_MS)
    assert desk.messages[5].title.startswith("trueup mt5:5001: 7 alerts")


def test_messages_keep_the_distance_that_a_service_asks_for(bench: Bench) -> None:
    desk = Desk()
    desk.spacing_ms, desk.body_max = 1_200, 200
    runner = bench.runner(desk)
    for number in range(3):
        bench.escalates(*(f"S{n}" for n in range(number + 1)))
    sent_at: list[int] = []
    for _ in range(400):
        before = len(desk.messages)
        runner.step()
        if len(desk.messages) > before:
            sent_at.append(bench.now_ns // NS)
        bench.now_ns += 50 * NS
    assert len(sent_at) >= 2
    assert all(later - earlier >= 1_200 for earlier, later in pairwise(sent_at))


def test_below_the_threshold_nothing_is_told(bench: Bench) -> None:
    desk = Desk()
    runner = bench.runner(desk, severity="critical", resolved=False)
    bench.escalates("A")
    bench.w.sees(row("HELD", "1"), times=2)
    bench.runs(runner, 5_000)
    assert [one.severity for one in desk.messages] == ["critical"]


def test_a_journal_that_fails_is_said_and_what_waits_stays(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    runner = bench.runner(desk)
    bench.escalates("A")
    broken = lambda *_, **__: (_ for _ in ()).throw(JournalError("the disk is full"))  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setattr(bench.w._reader, "read", broken)
        assert runner._guarded_step(stopping=False) == POLL_MS
        runner._guarded_step(stopping=False)
    assert bench.notes == ["alerts on desk: the disk is full"]
    assert runner.standing.failure == "the disk is full"
    runner._guarded_step(stopping=False)
    bench.runs(runner)
    assert len(desk.messages) == 1
    assert runner.standing.failure is None


def test_names_differ_and_their_number_is_bounded(bench: Bench) -> None:
    rec = Rec(bench.w)
    with pytest.raises(InputError, match="two are called 'desk'"):
        Messenger(rec, [Rule(Desk()), Rule(Desk())], command=COMMAND)
    with pytest.raises(InputError, match=f"{CHANNELS_MAX} are allowed"):
        Messenger(rec, [Rule(Desk(f"d{n}")) for n in range(CHANNELS_MAX + 1)], command=COMMAND)


# -- with threads, a reconciler and a real socket ---------------------------------------------------------------


def quick() -> Policy:
    return Policy.guarded(lag_ms_max={"positions": 1}, confirm_interval_ms=1, startup_timeout_s=5)


def opened(path: Path, broker: SimulatedBroker) -> Reconciler:
    return Reconciler.open(f"sqlite:///{path}", account="mt5:5001", broker=broker, policy=quick(), baseline=False)


def test_from_a_pass_to_a_web_service_and_back_into_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins.slack import NotifySlack

    broker = SimulatedBroker(position_mode="netting")
    broker.open("EURUSD", "buy", "1")
    with web() as service, opened(tmp_path / "s.db", broker) as rec:
        monkeypatch.setattr(NotifySlack, "webhook_url", service.url)
        rules = [Rule(open_channel("desk", SLACK))]
        with Messenger(rec, rules, command=COMMAND, gather_ms=1) as messenger:
            report = rec.startup_recovery()
            assert report.status == "PARTIAL"
            (body,) = service.wait_for(1)
            assert "1 break waits for a human: recovery EURUSD" in str(body)
        assert messenger.standings()[0].messages == 1
        assert rec.ledger.state.alerts_delivered[-1][0] == "desk"
        with Messenger(rec, rules, command=COMMAND, gather_ms=1):
            rec.sync_positions()
        assert len(service.requests) == 1, "and what was told is not told again"


def test_a_pass_does_not_wait_for_a_channel_that_hangs(tmp_path: Path) -> None:
    release, asked = threading.Event(), threading.Event()

    class Hanging(Desk):
        def send(self, message: Message) -> Sent:
            asked.set()
            assert release.wait(30)
            return super().send(message)

    broker = SimulatedBroker(position_mode="netting")
    broker.open("EURUSD", "buy", "1")
    desk = Hanging()
    with opened(tmp_path / "s.db", broker) as rec:
        messenger = Messenger(rec, [Rule(desk)], command=COMMAND, gather_ms=1)
        messenger.start()
        try:
            rec.startup_recovery()
            assert asked.wait(10)
            assert rec.sync_positions().status == "PARTIAL", "while the channel hangs"
        finally:
            release.set()
            messenger.stop()
    assert len(desk.messages) == 1


def test_stopping_tells_what_is_there(tmp_path: Path) -> None:
    broker = SimulatedBroker(position_mode="netting")
    broker.open("EURUSD", "buy", "1")
    desk = Desk()
    with opened(tmp_path / "s.db", broker) as rec:
        with Messenger(rec, [Rule(desk)], command=COMMAND, gather_ms=3_600_000):
            rec.startup_recovery()
        assert len(desk.messages) == 1


def test_a_new_channel_begins_at_once_and_hears_nothing_of_what_was_before(tmp_path: Path) -> None:
    broker = SimulatedBroker(position_mode="netting")
    broker.open("EURUSD", "buy", "1")
    with opened(tmp_path / "s.db", broker) as rec:
        rec.startup_recovery()
        head, desk = rec.ledger.state.position, Desk()
        with Messenger(rec, [Rule(desk)], command=COMMAND, gather_ms=1):
            assert rec.ledger.state.alerts_delivered == (("desk", head),), "before anything else can be raised"
        assert desk.messages == []


def test_a_stop_does_not_wait_for_a_channel_that_hangs_and_the_next_process_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup_adapters.alerts.messenger.STOP_S", 0.05)
    release, asked, ended = threading.Event(), threading.Event(), threading.Event()

    class Hanging(Desk):
        def send(self, message: Message) -> Sent:
            asked.set()
            assert release.wait(30)
            ended.set()
            return super().send(message)

    broker = SimulatedBroker(position_mode="netting")
    broker.open("EURUSD", "buy", "1")
    hanging, desk = Hanging(), Desk()
    with opened(tmp_path / "s.db", broker) as rec:
        messenger = Messenger(rec, [Rule(hanging)], command=COMMAND, gather_ms=1)
        messenger.start()
        rec.startup_recovery()
        assert asked.wait(10)
        messenger.stop()
    release.set()
    assert ended.wait(10)
    for runner in messenger._runners:
        runner._thread.join(10)
        assert not runner._thread.is_alive()
    with opened(tmp_path / "s.db", SimulatedBroker(position_mode="netting")) as rec:
        with Messenger(rec, [Rule(desk)], command=COMMAND, gather_ms=1):
            pass
        assert len(desk.messages) == 1, "at least once: that it arrived was never written down"


def test_a_process_that_dies_before_it_wrote_down_what_it_told_tells_it_again(bench: Bench) -> None:
    desk = Desk()
    runner = bench.runner(desk)
    bench.escalates("A")
    with pytest.MonkeyPatch.context() as patch:

        def dies(*_: object, **__: object) -> None:
            raise JournalError("killed")

        patch.setattr(bench.w.ledger, "alerts_delivered", dies)
        for _ in range(3):
            bench.now_ns += 1_000 * NS
            runner._guarded_step(stopping=False)
    assert len(desk.messages) == 1, "this process does not repeat itself"
    again = Desk()
    bench.runs(bench.runner(again))
    assert len(again.messages) == 1


def test_what_came_while_a_batch_waited_is_not_written_down_with_it(bench: Bench) -> None:
    desk = Desk("desk", Sent("later", "no"))
    runner = bench.runner(desk)
    bench.escalates("A")
    bench.runs(runner, 1_500)
    assert (desk.tries, desk.messages) == (1, [])
    bench.escalates("A", "B")
    while not desk.messages:
        bench.now_ns += 100 * NS
        runner.step()
    again = Desk()  # and the process dies right then
    bench.runs(bench.runner(again))
    assert ["B" in one.body for one in again.messages] == [True]
