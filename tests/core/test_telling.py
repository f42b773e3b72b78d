"""Is everything that stands in a journal told in one plain, right sentence, and reported as it is?"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from lessons.world import NEW_YEAR_NS, World, deal, fill, held, pending, row
from trueup import Policy, PushedExecution, PushedState
from trueup.audit import entry, sentence
from trueup.decisions import AlertRaised, BaselineTaken, GateMoved
from trueup.events import Event, names
from trueup.explain import answers, described, missed, named, title
from trueup.facts import (
    AlertsDelivered,
    CorrectionsDelivered,
    ExecutionPushed,
    InboxTaken,
    OrderRecorded,
    PositionRecorded,
)
from trueup.journal import Recorded
from trueup.model import Execution, Holding, Moment, OrderStatus, Refusal, Stop
from trueup.ports import failed
from trueup.report import (
    SurfaceRow,
    break_rows,
    changed_fields,
    correction_rows,
    counted,
    failed_report,
    iso,
    report,
)

Worlds = Callable[..., World]
AT = Moment(NEW_YEAR_NS, 1_000_000, 1)


def told(w: World) -> list[str]:
    """Each entry of the journal: its name and its sentence."""
    return [f"{one.name}: {one.sentence}" for one in map(entry, w.journal())]


def test_a_story_from_beginning_to_end(world: Worlds) -> None:
    """Every kind of input and decision that a first day may bring, as a person reads it at three in the morning."""
    policy = Policy.adopt(on_recovery="quarantine")
    w = world(fill("x1", "EURUSD", "0.5", "1.1", ticket="7"), policy=policy, mode="hedging")
    w.record(fill("x2", "EURUSD", "-0.2", "1.2", ticket="7"), held("USDJPY", "-1", ticket="8"), pending("c1", "EURUSD"))
    w.record(pending("c1", "EURUSD", "held for review"), pending("c1", "EURUSD", "filled"))
    w.sees(row("EURUSD", "0.3", ticket="7"), row("USDJPY", "-2", ticket="8"), row("GBPUSD", "1", ticket="9"), times=2)
    w.ledger.push(PushedState(surface="positions"))
    w.ledger.push(PushedExecution(fill=fill("x3", "EURUSD", "-0.3", "1.3", ticket="7")))
    w.record(held("USDJPY", "0", ticket="8"))
    w.says("release", scope="*:GBPUSD", who="ada", why="known")
    w.fails("no answer within 10 s")
    w.record(fill("x1", "EURUSD", "9", "1.1", ticket="7"))
    lines = told(w)
    mark = policy.mark.hex()
    wanted = [
        "writer-claimed/1: epoch 1 begins: pid ",
        f"policy-adopted/1: policy adopt ({mark}) is in force",
        "fill-recorded/1: the process recorded fill x1: bought 0.5 EURUSD #7 at 1.1",
        "fill-recorded/1: the process recorded fill x2: sold 0.2 EURUSD #7 at 1.2",
        "position-recorded/1: the process recorded USDJPY #8: short 1",
        "order-recorded/1: the process recorded order c1: buy 1 EURUSD, pending",
        "order-recorded/1: the process recorded order c1: buy 1 EURUSD, held for review",
        "alert-raised/1: warning alert: order c1 on EURUSD has the status 'held for review', which nobody knows: ",
        "order-recorded/1: the process recorded order c1: buy 1 EURUSD, filled",
        "observed/1: positions asked (periodic pass 1), complete in 10 ms: 3 positions",
        "break-moved/1: GBPUSD #9: recovery opened (book nothing, broker long 1): first seen; 2 ",
        "break-moved/1: USDJPY #8: drift of quantity opened (book 1, broker 2): first seen; 2 ",
        "order-merged/1: order c1 on EURUSD: it is filled, and nobody states at what price: marked",
        "alert-raised/1: critical alert: order c1 on EURUSD is filled, and nobody states at what price: taken as ",
        "gate-moved/1: gate open: compared and agreeing; reduce-only: GBPUSD, USDJPY",
        "observed/1: positions asked (periodic pass 2), complete in 10 ms: unchanged since 10",
        "break-moved/1: GBPUSD #9: recovery confirmed, recovery escalated (book nothing, broker long 1): policy adopt: "
        "on_recovery = quarantine, a human decides",
        "break-moved/1: 2 independent answers state USDJPY #8 otherwise than the book: quantity 1 -> 2; the "
        "broker is right",
        "quarantine-moved/1: quarantine *:GBPUSD entered: policy adopt: on_recovery = quarantine, a human decides",
        "alert-raised/1: critical alert: 1 break waits for a human: recovery GBPUSD #9",
        "gate-moved/1: gate open: compared and agreeing; reduce-only: GBPUSD",
        "state-pushed/1: the broker pushed a state of positions: a reason to ask",
        "execution-pushed/1: the broker pushed execution x3: sold 0.3 EURUSD #7 at 1.3",
        "fill-adopted/1: the broker reports execution x3, sold 0.3 EURUSD #7, which the book lacked: entered as a "
        "missed fill; now flat",
        "position-recorded/1: the process recorded USDJPY #8 closed",
        "command-given/1: ada said release *:GBPUSD: known",
        "quarantine-moved/1: quarantine *:GBPUSD released: released by ada: known",
        "observed/1: positions asked (periodic pass 3), failed in 10 ms: no answer within 10 s",
        "fill-recorded/1: the process recorded fill x1: bought 9 EURUSD #7 at 1.1",
        "record-refused/1: fill x1 did not change the book: another execution was recorded under that id: EURUSD 0.5, "
        "now EURUSD 9",
        "alert-raised/1: critical alert: fill x1: another execution was recorded under that id: EURUSD 0.5, "
        "now EURUSD 9",
    ]  # fmt: skip
    assert [line[: len(want)] for line, want in zip(lines, wanted, strict=True)] == wanted


def test_the_rest_of_what_may_be_told(world: Worlds) -> None:
    symbols = ("AUDUSD", "EURUSD", "GBPUSD", "USDJPY")
    w = world()
    w.sees(*(row(symbol, "1") for symbol in symbols))
    w.sees(row("NZDUSD", "1"))
    w.says("ack", what="mass-absence", who="ada", why="all sold by phone")
    w.record(fill("x1", "AUDUSD", "1"))
    w.sees_part(refused=[Refusal(1, "its volume is NaN"), Refusal(2, "its kind is unknown", "EURUSD")])
    lines = told(w)
    assert (
        "baseline-taken/1: baseline: 4 positions taken over; the first complete answer lists 4 positions; " in lines[3]
    )
    assert any(
        line.startswith("mass-absence-moved/1: mass absence held: 4 positions are missing at once, of a book of 4: ")
        for line in lines
    )
    assert "mass-absence-moved/1: mass absence acknowledged: acknowledged by ada: all sold by phone" in lines
    assert "command-given/1: ada said ack mass-absence: all sold by phone" in lines
    assert "fill-settled/1: fill x1: already inferred: 1 by baseline; 0 moved the position" in lines
    many = world()
    for gone in (0, 2):
        many.sees(*(row(f"S{n}", "1" if n != 9 else str(1 + gone)) for n in range(gone, 20)))
    assert "complete in 10 ms: since 3: 1 new or changed, 2 gone" in "\n".join(told(many))
    assert (
        "observed/1: positions asked (periodic pass 3), partial in 10 ms: one page of several; 0 positions; "
        "row 1 refused: its volume is NaN; row 2 refused: its kind is unknown"
    ) in lines


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (InboxTaken(AT, 7, b"d"), "inbox item 7 was copied"),
        (CorrectionsDelivered(AT, 9), "corrections up to 9 were handed to the trading process"),
        (
            CorrectionsDelivered(AT, 9, ((4, "KeyError: 'x'"), (5, "y"))),
            "corrections up to 9 were handed to the trading process; 2 failed: KeyError: 'x'",
        ),
        (AlertsDelivered(AT, "desk", 9, 2), "alerts up to 9 were told on desk in 2 messages"),
        (AlertsDelivered(AT, "desk", 9), "alerts on desk: told from here on, up to 9"),
        (
            AlertsDelivered(AT, "desk", 9, 1, ((8, "HTTP 404"),)),
            "alerts up to 9 were told on desk in 1 messages; 1 failed: HTTP 404",
        ),
        (
            AlertsDelivered(AT, "desk", 4, 0, ((9, "HTTP 404"),)),
            "alerts on desk: none told, up to 4; 1 failed: HTTP 404",
        ),
        (
            ExecutionPushed(AT, Execution("x", "EURUSD", Decimal("-1E+1"))),
            "the broker pushed execution x: sold 10 EURUSD",
        ),
        (PositionRecorded(AT, "EURUSD", Decimal("1.50"), "buy"), "the process recorded EURUSD: long 1.5"),
        (
            OrderRecorded(AT, "c", "EURUSD", "sell", "limit", Decimal(2), OrderStatus.UNKNOWN, "weird"),
            "the process recorded order c: sell 2 EURUSD, weird",
        ),
        (
            GateMoved(1, 0, b"", "open", "fine", tuple((f"S{n}", "break") for n in range(7))),
            "gate open: fine; reduce-only: S0, S1, S2, S3, S4 and 2 more",
        ),
        (GateMoved(1, 0, b"", "reduce_only", "held"), "gate reduce_only: held"),
        (AlertRaised(1, 0, b"", "warning", "topic", "look"), "warning alert: look"),
        (BaselineTaken(1, 0, b"", ("A",), "so"), "baseline: 1 positions taken over; so"),
    ],
)
def test_single_sentences(event: Event, says: str) -> None:
    assert sentence(event) == says


def test_an_observation_tells_attempts_and_executions(world: Worlds) -> None:
    w = world()
    w.deals(deal("x1", "EURUSD", "1"), deal("x2", "EURUSD", "1"))
    asking = w.ledger.asking()
    w.ledger.observe("fills", failed("refused"), asking, attempts=4)
    lines = told(w)
    assert lines[2] == "observed/1: fills asked (periodic pass 1), complete in 10 ms: 2 executions"
    assert "observed/1: fills asked (manual pass 2), failed in 0 ms: refused; 4 attempts" in lines
    bare = next(one for one in w.observations() if one.completeness == "complete")
    assert sentence(msgspec.structs.replace(bare, executions=())) == (
        "fills asked (periodic pass 1), complete in 10 ms"
    )


def test_an_entry_says_when_of_what_and_why(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1"), held("USDJPY", "1"), pending("c1", "GBPUSD"))
    w.sees(row("EURUSD", "1"), row("USDJPY", "2"), times=2)
    w.ledger.push(PushedExecution(fill=fill("x2", "NZDUSD", "1")))
    entries = [entry(one) for one in w.journal()]
    assert [one.position for one in entries] == list(range(1, len(entries) + 1))
    assert entries[0].at == "2026-01-01T00:00:00Z"
    assert [one.symbol for one in entries[2:5]] == ["EURUSD", "USDJPY", "GBPUSD"]
    corrections = [one for one in entries if one.correction is not None]
    assert [one.symbol for one in corrections] == ["USDJPY", "NZDUSD"]
    assert [one.correction for one in corrections] == [one.id for one in w.corrections()]
    for one in entries:
        assert (one.what == "decision") == (one.cause is not None)
        if one.cause is not None:
            assert entries[one.cause - 1].what == "input"
            assert entries[one.cause - 1].at == one.at


def test_every_stored_name_can_be_told(world: Worlds) -> None:
    from trueup.audit import _SENTENCES
    from trueup.events import name_of_event
    from trueup.reconciliation.fold import _HANDLERS

    told_names = {str(cls.__struct_config__.tag) for cls in _SENTENCES}
    folded_names = {str(cls.__struct_config__.tag) for cls in _HANDLERS}
    assert told_names == folded_names == set(names())
    assert name_of_event(InboxTaken(AT, 7, b"d")) == "inbox-taken/1"


# -- words -------------------------------------------------------------------------------------------------


def test_names_and_words() -> None:
    assert (named("EURUSD", None), named("EURUSD", "7")) == ("EURUSD", "EURUSD #7")
    assert (answers(1), answers(2)) == ("1 answer", "2 independent answers")
    assert described(Holding("EURUSD", Decimal("-0.10"))) == "short 0.1"
    assert described(Holding("EURUSD", Decimal(1), price=Decimal("1.0500"))) == "long 1 at 1.05"
    assert [title("EURUSD", "EURUSD"), title("#7", "EURUSD"), title("?order/c1", "EURUSD")] == [
        "EURUSD",
        "EURUSD #7",
        "EURUSD (order/c1, no ticket yet)",
    ]
    assert "bought 1 EURUSD #7, which" in missed("EURUSD", "7", "x", Decimal(1))


@pytest.mark.parametrize(
    ("at_ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_500, "1970-01-01T00:00:00.000001Z"),
        (NEW_YEAR_NS + 999_999_999, "2026-01-01T00:00:00.999999Z"),
        (9_007_199_254_740_993_000, "2255-06-05T23:47:34.740993Z"),
    ],
)
def test_moments_in_words_lose_nothing_down_to_the_microsecond(at_ns: int, text: str) -> None:
    assert iso(at_ns) == text


# -- reports -----------------------------------------------------------------------------------------------


def reported(w: World, *, complete: bool = True, disagreements: int = 0, silent: tuple[str, ...] = ()) -> str:
    return report(
        w.state,
        (),
        [SurfaceRow("positions", complete, "")],
        pass_number=1,
        kind="manual",
        gate="open",
        at_ns=0,
        duration_ns=0,
        disagreements=disagreements,
        silent=silent,
    ).status


def test_the_worst_status_wins(world: Worlds) -> None:
    agreed = world(held("EURUSD", "1"))
    agreed.sees(row("EURUSD", "1"))
    assert reported(agreed) == "SUCCESS"
    assert reported(agreed, complete=False) == "PARTIAL"
    assert reported(agreed, disagreements=1) == "PARTIAL", "what a fresh comparison finds counts (L51)"
    assert reported(agreed, complete=False, disagreements=1, silent=("fills: no",)) == "DEGRADED"
    broken = world(held("EURUSD", "1"))
    broken.sees(row("EURUSD", "2"))
    assert reported(broken) == "PARTIAL"
    assert failed_report("mt5:1", "startup", "the disk is full", 0).status == "FAILED"


def test_a_report_counts_each_correction_once_and_the_baseline_with_them(world: Worlds) -> None:
    w = world()
    first = w.sees(row("EURUSD", "1", price="1.1"), row("USDJPY", "1"))
    done = report(
        w.state, first, [], pass_number=3, kind="startup", gate="open", at_ns=NEW_YEAR_NS, duration_ns=2_999_999,
        disagreements=0, silent=(),
    )  # fmt: skip
    assert (done.baseline, done.reconciled_count, done.corrections) == (2, 2, ())
    assert (done.pass_number, done.at, done.duration_ms) == (3, "2026-01-01T00:00:00Z", 2)
    w.sees(row("EURUSD", "-2", price="1.2"), row("USDJPY", "1"))
    second = w.sees(row("EURUSD", "-2", price="1.2"), row("USDJPY", "1"))
    done = report(
        w.state, second, [], pass_number=4, kind="manual", gate="open", at_ns=0, duration_ns=0, disagreements=0,
        silent=(),
    )  # fmt: skip
    assert [(one.field, one.before, one.after) for one in done.corrections] == [
        ("side", "long", "short"),
        ("quantity", "1", "2"),
        ("price", "1.1", "1.2"),
    ]
    assert (done.reconciled_count, done.baseline) == (1, None)
    assert [(one.field, one.state) for one in done.breaks] == [
        ("price", "corrected"),
        ("quantity", "corrected"),
        ("side", "corrected"),
    ]
    assert done.counts == {"recovery": 0, "ghost": 0, "drift": 3}


def test_a_held_mass_stays_critical_in_every_report(world: Worlds) -> None:
    symbols = ("AUDUSD", "EURUSD", "GBPUSD", "USDJPY")
    w = world(*(held(symbol, "1") for symbol in symbols))
    w.sees(*(row(symbol, "1") for symbol in symbols))
    began = w.sees()
    for decisions, texts in ((began, 1), ((), 1)):
        done = report(
            w.state, decisions, [], pass_number=1, kind="manual", gate="reduce_only", at_ns=0, duration_ns=0,
            disagreements=0, silent=(),
        )  # fmt: skip
        assert len(done.critical) == texts
        assert "4 positions are missing at once" in done.critical[0]
        assert done.status == "PARTIAL"


def test_breaks_are_listed_in_order_with_what_is_done_about_them(world: Worlds) -> None:
    w = world(held("B", "1"), held("A", "1", ticket="2"), held("C", "1"), policy=Policy.observe())
    w.sees(row("B", "2"), row("A", "1", ticket="1", stop=None), row("D", "1"))
    rows = break_rows(w.state, ())
    assert [(one.symbol, one.kind, one.state, one.correction) for one in rows] == [
        ("B", "drift", "opened", "alert"),
        ("C", "ghost", "opened", "alert"),
        ("D", "recovery", "opened", "alert"),
    ]
    assert counted(rows) == {"recovery": 1, "ghost": 1, "drift": 1}


def test_fields_that_changed() -> None:
    one = Holding("EURUSD", Decimal(1))
    other = Holding("EURUSD", Decimal("-2.0"), price=Decimal("1.10"), stop=Stop(None))
    assert changed_fields(one, one) == ()
    assert changed_fields(None, one) == ((None, None, "long 1"),)
    assert changed_fields(other, None) == ((None, "short 2", None),)
    assert changed_fields(one, other) == (
        ("side", "long", "short"),
        ("quantity", "1", "2"),
        ("price", None, "1.1"),
        ("stop", None, "none"),
    )
    assert changed_fields(None, None) == (), "a fill that had been inferred: nothing moved"


def test_a_missed_fill_is_a_correction_row_and_other_decisions_are_none(world: Worlds) -> None:
    w = world(held("USDJPY", "1"))
    w.deals()
    decisions = w.deals(deal("x1", "EURUSD", "1", "1.1"))
    rows = [one for decision in decisions for one in correction_rows(decision)]
    assert [(one.kind, one.symbol, one.after) for one in rows] == [("missed-fill", "EURUSD", "long 1")]
    assert correction_rows(GateMoved(1, 0, b"", "open", "fine")) == ()


def test_a_recorded_event_of_another_stream_is_told_the_same() -> None:
    one = entry(Recorded(12, InboxTaken(AT, 7, b"d"), b""))
    assert (one.position, one.name, one.what, one.cause, one.symbol) == (12, "inbox-taken/1", "input", None, None)
