"""Is a person told that our own journal cannot be written, although nothing about it can be journalled?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alerts.test_messenger import Bench, Desk
from trueup.facts import AlertsDelivered
from trueup_adapters.alerts import Sent
from trueup_adapters.alerts.digest import MESSAGES_MAX
from trueup_adapters.alerts.messenger import BACKOFF_MS, WINDOW_MS
from trueup_adapters.alerts.outage import AGAIN_NS, PATIENCE_NS

MS = 1_000_000
FAILURE = "the journal cannot be written: sqlite:///a.db: could not append: the disk is full"
SHOWN = FAILURE.replace("://", ":\u200b//")


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.w.close()


def fails(bench: Bench, why: str | None = FAILURE) -> None:
    bench.w.ledger._failure = why


def titles(desk: Desk) -> list[str]:
    return [one.title for one in desk.messages]


def test_a_full_disk_is_told_once_and_so_is_its_end_and_both_are_journalled_then(bench: Bench) -> None:
    desk = Desk()
    runner = bench.runner(desk)
    fails(bench)
    bench.runs(runner, PATIENCE_NS // MS - 1)
    assert desk.messages == [], "it may be over in a moment"
    bench.runs(runner, 100_000)
    (message,) = desk.messages
    assert (message.title, message.severity) == ("trueup mt5:5001: 1 alert, 1 critical", "critical")
    said = f"{SHOWN}. The gate is closed, and nothing is corrected or journalled until it can be"
    assert message.body.partition("] ")[2] == said
    fails(bench, None)
    bench.runs(runner, 100_000)
    assert titles(desk)[1:] == ["trueup mt5:5001: 1 resolved"]
    assert desk.messages[1].body.endswith("the journal can be written again")
    last = bench.w.events(AlertsDelivered)[-1]
    assert isinstance(last, AlertsDelivered)
    assert (last.channel, last.messages, last.upto) == ("desk", 2, dict(bench.w.state.alerts_delivered)["desk"])


def test_a_moment_is_nothing(bench: Bench) -> None:
    desk = Desk()
    runner = bench.runner(desk)
    for _ in range(20):
        fails(bench)
        bench.runs(runner, PATIENCE_NS // MS // 2)
        fails(bench, None)
        bench.runs(runner, 1_000)
    assert desk.messages == []


def test_l60_a_disk_that_is_nearly_full_is_no_storm(bench: Bench) -> None:
    desk = Desk()
    runner = bench.runner(desk)
    for _ in range(100):
        fails(bench)
        bench.runs(runner, 2 * PATIENCE_NS // MS)
        fails(bench, None)
        bench.runs(runner, 2_000)
    assert len(desk.messages) == 2, "what comes back for less than a minute"
    fails(bench)
    bench.runs(runner, AGAIN_NS // MS + 1_000)
    assert len(desk.messages) == 3


def test_a_channel_that_fails_is_tried_again_and_one_that_wants_no_ends_hears_of_none(bench: Bench) -> None:
    desk = Desk("desk", *[Sent("later", "HTTP 500.")] * 2)
    runner = bench.runner(desk, resolved=False)
    fails(bench)
    bench.runs(runner, PATIENCE_NS // MS + 500)
    assert (desk.tries, runner.standing.failures) == (1, 1)
    assert bench.notes == ["alerts on desk do not go out: HTTP 500; they are kept, and tried again"]
    bench.runs(runner, BACKOFF_MS[0] + 500)
    bench.runs(runner, BACKOFF_MS[1] - 1_500)
    assert (desk.tries, runner.standing.failures) == (2, 2)
    bench.runs(runner, 2_000)
    assert (desk.tries, len(desk.messages), runner.standing.failures) == (3, 1, 0)
    fails(bench, None)
    bench.runs(runner, 10_000)
    assert len(desk.messages) == 1
    last = bench.w.events(AlertsDelivered)[-1]
    assert isinstance(last, AlertsDelivered)
    assert last.messages == 1


def test_l60_it_is_one_of_five_messages_a_minute(bench: Bench) -> None:
    desk = Desk()
    runner = bench.runner(desk)
    symbols: list[str] = []
    for number in range(MESSAGES_MAX):
        symbols.append(f"S{number}")
        bench.escalates(*symbols)
        bench.runs(runner, 2_000)
    assert len(desk.messages) == MESSAGES_MAX
    fails(bench)
    bench.runs(runner, 30_000)
    assert len(desk.messages) == MESSAGES_MAX
    bench.runs(runner, WINDOW_MS)
    assert len(desk.messages) == MESSAGES_MAX + 1


def test_what_comes_afterwards_is_told_as_ever(bench: Bench) -> None:
    desk = Desk()
    runner = bench.runner(desk)
    fails(bench)
    bench.runs(runner, 20_000)
    fails(bench, None)
    bench.escalates("A")
    bench.runs(runner, 10_000)
    assert titles(desk) == [
        "trueup mt5:5001: 1 alert, 1 critical",
        "trueup mt5:5001: 1 resolved",
        "trueup mt5:5001: 1 alert, 1 critical",
    ]
