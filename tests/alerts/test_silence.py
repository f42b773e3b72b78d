"""Is a person told that the broker is silent, once, and that it is back, without a storm?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from alerts.test_messenger import Bench, Desk
from alerts.test_news import pending_of, told
from lessons.world import World, held, row
from trueup import Policy
from trueup.errors import JournalError
from trueup.facts import BookRead, BookWritten, OrdersRead
from trueup.policy import ClosedHours
from trueup.ports import Answer, failed
from trueup_adapters.alerts.news import RECALLED_MAX, Batch, News, Pending
from trueup_adapters.alerts.silence import AGAIN_NS, GRAVE_AFTER, SILENT_AFTER, STEADY_AFTER

PATIENT = {"verified_age_s_max": 100_000}
"""So that only the number of questions counts."""


def world(**knobs: object) -> World:
    """A broker that has answered."""
    made = World(held("HELD", "1"), policy=Policy.adopt(**(PATIENT | knobs)))  # type: ignore[arg-type]
    answers(made)
    return made


def answers(w: World, times: int = 1) -> None:
    w.sees(row("HELD", "1"), times=times)


def heard(w: World, **more: object) -> list[News]:
    batch = pending_of(w, **more).take()
    return [] if batch is None else list(batch.news)


def words(w: World, **more: object) -> list[str]:
    return [one.kind if one.kind == "resolved" else one.severity for one in heard(w, **more)]


def test_a_silent_broker_is_told_once_and_once_more_when_it_lasts_and_when_it_is_back() -> None:
    w = world()
    w.fails(times=SILENT_AFTER - 1)
    assert heard(w) == [], "one answer that did not come is nothing"
    w.fails("connection refused.")
    (first,) = heard(w)
    assert (first.severity, first.topic, first.position) == ("warning", "broker-silent", w.state.position)
    assert first.text == (
        "the broker does not answer since 2026-01-01T00:00:03Z: 3 questions in a row, connection refused. Nothing is "
        "concluded from that; orders that add risk are refused once the book has been unverified for 100000 s"
    )
    w.fails(times=GRAVE_AFTER - SILENT_AFTER)
    w.fails(times=200)
    assert words(w) == ["warning", "critical"]
    assert heard(w)[1].text.startswith("the broker still does not answer since 2026-01-01T00:00:03Z: 10 questions")
    answers(w, STEADY_AFTER - 1)
    assert words(w) == ["warning", "critical"], "one answer may be luck"
    answers(w, 50)
    *_, back = heard(w)
    assert words(w) == ["warning", "critical", "resolved"]
    assert back.text == "the broker answers again, after no answer since 2026-01-01T00:00:03Z"
    assert back.severity == "critical"
    assert words(w, threshold="critical") == ["critical", "resolved"]
    assert words(w, resolved=False) == ["warning", "critical"]
    w.close()


def test_what_was_over_before_it_was_grave_is_nothing_to_who_hears_of_grave_things_only() -> None:
    w = world()
    w.fails(times=SILENT_AFTER)
    answers(w, STEADY_AFTER)
    assert words(w) == ["warning", "resolved"]
    assert words(w, threshold="critical") == []
    w.close()


def test_a_silence_that_closes_the_gate_is_told_after_however_few_questions() -> None:
    w = world(verified_age_s_max=60)
    w.answered(failed("no answer"), step_ms=10_000, took_ms=46_000)
    assert heard(w) == []
    w.close()
    w = world(verified_age_s_max=60)
    w.answered(failed("no answer"), step_ms=15_000, took_ms=46_000)
    assert [one.text.split(": ")[1][:37] for one in heard(w)] == ["one question with all its attempts, n"]
    w.close()


def test_a_process_that_did_not_ask_learns_nothing_about_that_while() -> None:
    w = world(verified_age_s_max=60)
    w.answered(failed("no answer"), step_ms=7_200_000)
    assert heard(w) == [], "the bot paused for two hours, not the broker"
    w.restart(down_s=7_200)
    w.fails()
    assert heard(w) == []
    w.answered(failed("no answer"), took_ms=60_000)
    assert words(w) == ["warning"], "and goes by its own clock from then on"
    w.close()
    w = world(verified_age_s_max=60)
    w.restart()
    w.answered(failed("no answer"), took_ms=60_000)
    assert words(w) == ["warning"]
    w.close()


def test_questions_are_counted_across_restarts() -> None:
    """As `trueup run --once` from a scheduler makes them."""
    w = world()
    for _ in range(SILENT_AFTER):
        assert heard(w) == []
        w.restart(down_s=300)
        w.fails()
    assert words(w) == ["warning"]
    w.close()


def test_a_broker_that_never_answered_is_told_of_as_well() -> None:
    w = World(policy=Policy.adopt(**PATIENT))  # type: ignore[arg-type]
    w.fails(times=SILENT_AFTER)
    assert [one.text.split(":")[0] for one in heard(w)] == ["the broker does not answer"]
    w.close()


def test_l60_a_broker_that_comes_and_goes_is_told_of_once_an_hour_until_it_lasts() -> None:
    w = world()
    began_ns = w.clock.wall
    for _ in range(400):
        w.fails(times=SILENT_AFTER)
        answers(w, STEADY_AFTER)
    hours = (w.clock.wall - began_ns) / AGAIN_NS
    assert 1 < hours < 2
    assert words(w) == ["warning", "resolved"] * 2
    w.fails(times=GRAVE_AFTER)
    assert words(w) == ["warning", "resolved"] * 2 + ["critical"], "what lasts is told at once"
    w.close()


def test_a_broker_that_answers_now_and_then_is_silent_until_it_is_steady() -> None:
    w = world()
    for _ in range(30):
        w.fails(times=SILENT_AFTER)
        answers(w)
    assert words(w) == ["warning"]
    answers(w)
    assert words(w) == ["warning", "resolved"]
    w.close()


def test_in_closed_hours_nobody_is_told_and_they_count_for_nothing_afterwards() -> None:
    thursday = 3 * 24 * 60  # the clock begins on a Thursday at midnight
    w = world(verified_age_s_max=60, sessions=(ClosedHours(thursday, thursday + 60),))
    w.fails(times=GRAVE_AFTER * 10)
    assert heard(w) == []
    w.passes(s=3_600)
    w.fails()
    assert heard(w) == [], "nor is the time before it opened"
    w.fails(times=SILENT_AFTER - 1)
    assert words(w) == ["warning"]
    w.close()
    w = world(verified_age_s_max=60, sessions=(ClosedHours(thursday + 1, thursday + 61),))
    w.passes(s=30)
    w.fails()
    w.passes(s=30)
    w.fails()
    w.passes(s=3_600)
    w.fails()
    assert heard(w) == [], "one before they closed, one after they opened"
    w.close()


def test_a_surface_that_is_silent_alone_is_told_of_and_with_the_rest_it_is_not() -> None:
    w = world()
    for _ in range(SILENT_AFTER):
        answers(w)
        w.answered(failed("HTTP 500"), surface="fills")
    assert heard(w) == [], "what was never answered may not be there"
    w.deals()
    for _ in range(SILENT_AFTER):
        answers(w)
        w.answered(failed("HTTP 500"), surface="fills")
    (one,) = heard(w)
    assert one.text.startswith("the broker does not answer about fills since 2026-01-01T00:00:")
    assert one.text.endswith("3 questions in a row, HTTP 500. Nothing is concluded from that")
    w.answered(Answer(completeness="unsupported", why="gone"), surface="fills")
    w.deals()
    w.deals()
    assert words(w) == ["warning", "resolved"]
    w.close()
    w = world()
    w.deals()
    answers(w)
    w.answered(failed("no answer"), surface="fills", took_ms=200_000_000)
    assert heard(w) == [], "no gate closes for it"
    for _ in range(SILENT_AFTER):
        w.fails()
        w.answered(failed("HTTP 500"), surface="fills")
    assert [one.text[:29] for one in heard(w)] == ["the broker does not answer si"]
    w.close()


def test_after_a_restart_the_fold_knows_which_surfaces_answer() -> None:
    w = world(unverified="warn")
    w.deals()
    state, upto = w.state, w.state.position
    w.answered(failed("HTTP 500"), surface="fills")
    w.answered(failed("HTTP 500"), surface="fills")
    w.answered(failed("HTTP 500"), surface="fills")
    pending = Pending(upto=upto)
    pending.know(state)
    for recorded in w.journal()[upto:]:
        pending.read(recorded.position, recorded.event)
    assert told(pending.take()) == [("alert", "broker-silent")]
    w.fails(times=SILENT_AFTER)
    for recorded in w.journal()[-SILENT_AFTER:]:
        pending.read(recorded.position, recorded.event)
    assert [one.text[-18:] for one in (pending.take() or Batch(0, 0, ())).news] == ["oncluded from that"], (
        "and which policy"
    )
    w.close()


def test_a_policy_that_only_warns_is_not_said_to_refuse() -> None:
    w = world(unverified="warn")
    w.fails(times=SILENT_AFTER)
    assert [one.text.endswith("Nothing is concluded from that") for one in heard(w)] == [True]
    w.close()


# -- on a channel ------------------------------------------------------------------------------------------------


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.w.close()


def test_it_goes_out_once_and_a_restart_does_not_repeat_it_and_knows_when_it_is_over(bench: Bench) -> None:
    desk = Desk()
    runner = bench.runner(desk)
    bench.runs(runner)
    bench.w.fails(times=SILENT_AFTER)
    bench.runs(runner)
    assert [one.title for one in desk.messages] == ["trueup mt5:5001: 1 alert"]
    bench.w.fails(times=SILENT_AFTER)
    again = bench.runner(desk)  # the next process
    bench.runs(again)
    assert len(desk.messages) == 1, "what was told is not told again"
    bench.w.sees(row("HELD", "1"), times=STEADY_AFTER)
    bench.runs(bench.runner(desk))
    assert [one.title for one in desk.messages[1:]] == ["trueup mt5:5001: 1 resolved"]


def test_an_archive_that_is_elsewhere_keeps_nobody_from_being_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk()
    bench.runs(bench.runner(desk))
    bench.w.fails(times=SILENT_AFTER)
    upto = dict(bench.w.state.alerts_delivered)["desk"]
    whole = bench.w._reader.read

    def read(*, after: int = 0, upto_: int = upto, **more: Any) -> Any:
        if after < upto_:
            raise JournalError("the archive of events 1 to 3 is not there")
        return whole(after=after, **more)

    monkeypatch.setattr(bench.w._reader, "read", read)
    bench.runs(bench.runner(desk))
    assert [one.title for one in desk.messages] == ["trueup mt5:5001: 1 alert"]


def test_of_a_silence_alone_the_open_breaks_say_nothing(bench: Bench) -> None:
    desk = Desk()
    runner = bench.runner(desk)
    runner._details = "trueup breaks"
    bench.runs(runner)
    bench.w.fails(times=SILENT_AFTER)
    bench.runs(runner)
    bench.w.sees(row("HELD", "1"), row("A", "1"), times=2)
    bench.runs(runner)
    assert [one.body.endswith("open breaks: trueup breaks") for one in desk.messages] == [False, True]


def test_a_silence_that_began_before_the_last_restart_grows_grave_in_time(bench: Bench) -> None:
    desk = Desk()
    bench.runs(bench.runner(desk))
    bench.w.fails(times=SILENT_AFTER)
    bench.runs(bench.runner(desk))
    bench.w.fails(times=GRAVE_AFTER - SILENT_AFTER)
    bench.runs(bench.runner(desk))
    assert [one.title for one in desk.messages] == [
        "trueup mt5:5001: 1 alert",
        "trueup mt5:5001: 1 alert, 1 critical",
    ]
    assert GRAVE_AFTER < RECALLED_MAX


# -- the bot's own book ------------------------------------------------------------------------------------------


def test_a_book_that_can_be_read_and_written_again_is_told() -> None:
    w = world()
    book = "sqlite:///bot.db"
    w.ledger.judged(lambda _, at: [BookRead(at, book, "complete", "")])
    w.ledger.judged(lambda _, at: [BookRead(at, book, "failed", "locked")])
    w.ledger.judged(lambda _, at: [BookWritten(at, book, 1, failed="disk full")])
    middle, upto = w.state, w.state.position
    assert [(one.severity, one.topic) for one in heard(w)] == [
        ("warning", "book-unread"),
        ("warning", "book-unwritten"),
    ]
    w.ledger.judged(lambda _, at: [BookRead(at, book, "complete", "")])
    w.ledger.judged(lambda _, at: [BookWritten(at, book, 1)])
    w.ledger.judged(lambda _, at: [BookRead(at, book, "complete", "")])
    over = ["the book sqlite:///bot.db can be read again", "the book sqlite:///bot.db can be written again"]
    assert [one.text for one in heard(w) if one.kind == "resolved"] == over
    later = Pending(upto=upto)
    later.know(middle)
    for recorded in w.journal()[upto:]:
        later.read(recorded.position, recorded.event)
    assert told(later.take()) == [("resolved", "book-unread"), ("resolved", "book-unwritten")]
    w.close()


def test_that_the_orders_of_a_book_cannot_be_read_is_told_and_when_they_can_be_again() -> None:
    """Apart from its positions: a read of these alone does not say that the orders are there again."""
    w, book = World(), "sqlite:///bot.db"
    gone, there = OrdersRead(f"{book}#orders", "failed", "no such table"), OrdersRead(f"{book}#orders", "complete")
    w.ledger.judged(lambda _, at: [BookRead(at, book, "complete", "", orders=there)])
    w.ledger.judged(lambda _, at: [BookRead(at, book, "complete", "", orders=gone)])
    w.ledger.judged(lambda _, at: [BookRead(at, book, "complete", "")])
    assert [(one.kind, one.topic) for one in heard(w)] == [("alert", "book-orders-unread")]
    later = Pending(upto=w.state.position)
    later.know(w.state)
    w.ledger.judged(lambda _, at: [BookRead(at, book, "complete", "", orders=there)])
    assert [one.text for one in heard(w)][1:] == [f"the orders of {book}#orders can be read again"]
    for recorded in w.journal()[later.upto :]:
        later.read(recorded.position, recorded.event)
    assert told(later.take()) == [("resolved", "book-orders-unread")]
