"""Is silence, an error, half an answer, or one glitch ever taken for "there is nothing"? (L01 to L10)"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from lessons.world import ACCOUNT, LAG_MS, STEP_MS, FakeClock, World, deal, fill, held, pending, row
from trueup import AsyncReconciler, Policy, PushedState
from trueup.decisions import AlertRaised, BreakMoved, FillAdopted, MassAbsenceMoved
from trueup.gate import GateRefusal, Intent
from trueup.model import Refusal
from trueup.ports import Answer, failed
from trueup.testing.broker import SimulatedBroker

Worlds = Callable[..., World]

FIVE = [row(symbol, "1") for symbol in ("AUDUSD", "EURUSD", "GBPUSD", "USDCHF", "USDJPY")]
FIVE_HELD = [held(one.symbol, "1") for one in FIVE]


def test_l01_a_time_out_is_not_an_empty_list(world: Worlds) -> None:
    """A read timed out, somebody turned that into `[]`, and the whole book was closed. Here a failed answer is of
    another type: however often it comes, it opens no break and moves nothing."""
    w = world(*FIVE_HELD)
    w.sees(*FIVE)
    before = w.book
    assert w.fails("no answer within 10 s", times=12) == []
    assert w.book == before
    assert not w.state.breaks
    assert w.state.view().failures == 12
    assert [one.completeness for one in w.observations()] == ["complete"] + ["failed"] * 12


def test_l01_l06_an_error_between_two_sightings_counts_for_nothing(world: Worlds) -> None:
    """During an outage every error was read as "not found". Here one complete answer lacks the position, then five
    errors come: that is still one sighting. Only a second complete answer makes two."""
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.sees(row("USDJPY", "1"))
    w.fails("name resolution failed", times=5)
    assert w.book == {"EURUSD": "1", "USDJPY": "1"}
    assert w.state.breaks["EURUSD"][0].sightings.count == 1
    w.sees(row("USDJPY", "1"))
    assert w.book == {"USDJPY": "1"}


def test_l02_one_empty_success_closes_nothing(world: Worlds) -> None:
    """One successful, empty list closed everything at once. Here it holds: nothing is closed however often the list
    stays empty, new risk is refused, a person is told once, and when the broker lists all again the hold ends."""
    w = world(*FIVE_HELD)
    w.sees(*FIVE)
    assert w.ledger.gate.status == "open"
    w.sees(times=10)
    assert len(w.book) == 5
    assert w.corrections() == []
    assert w.ledger.gate.status == "reduce_only"
    assert [one.topic for one in w.alerts()] == ["mass-absence"]
    w.sees(*FIVE)
    assert w.state.hold is None
    assert not w.state.breaks
    assert w.ledger.gate.status == "open"
    assert w.corrections() == []


def test_l02_a_book_too_small_for_a_mass_takes_longer_to_vanish(world: Worlds) -> None:
    """One or two positions are no mass, and yet an empty answer is suspicious: it takes five of them, over ten
    seconds, before the book follows."""
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.sees(row("EURUSD", "1"), row("USDJPY", "1"))
    w.sees(times=4)
    assert len(w.book) == 2
    w.sees()
    assert w.book == {}
    assert [one.exit_reason for one in w.corrections()] == ["CLOSED_EXTERNALLY"] * 2


def test_l02_five_quick_answers_are_not_ten_seconds(world: Worlds) -> None:
    """Patience has two measures, and both are needed: five empty answers within eight seconds do not do."""
    policy = Policy.adopt(confirmations_total=3)
    w = world(held("EURUSD", "1"), policy=policy)
    w.sees(times=3, step_ms=LAG_MS)
    assert w.book == {"EURUSD": "1"}, "three answers within five seconds are too few seconds"
    w.sees(times=3, step_ms=LAG_MS)
    assert w.book == {}


def test_l02_what_was_closed_wrongly_is_restored(world: Worlds) -> None:
    """The positions came back at the broker and the book never took them back. Here a later answer restores them,
    with their owner, by a correction that names the one it undoes."""
    w = world(held("EURUSD", "1", strategy="trend"), held("USDJPY", "1"))
    w.sees(row("USDJPY", "1"), times=2)
    ghost = w.corrections()[-1]
    assert (ghost.kind, w.book) == ("ghost", {"USDJPY": "1"})
    w.sees(row("USDJPY", "1"), row("EURUSD", "1"), times=2)
    restored = w.corrections()[-1]
    assert (restored.kind, restored.compensates) == ("recovery", ghost.id)
    assert w.book == {"EURUSD": "1", "USDJPY": "1"}
    assert w.owner("EURUSD") == "trend"


def test_l02_a_mass_that_the_deals_explain_is_let_go(world: Worlds) -> None:
    """Everything may truly be gone: a margin call, a hand on another terminal. When another surface shows for each
    vanished position the deals that ended it, the book follows, by ordinary confirmed corrections."""
    w = world(*FIVE_HELD)
    w.sees(*FIVE)
    w.deals()  # the first answer on deals is history
    w.sees(times=2)
    assert w.state.hold is not None
    w.deals(*(deal(f"x{n}", one.symbol, "-1") for n, one in enumerate(FIVE[:4])))
    assert w.state.hold is None
    moved = [one for one in w.events(MassAbsenceMoved) if isinstance(one, MassAbsenceMoved)]
    assert (moved[-1].state, len(moved[-1].missing)) == ("explained", 4)
    w.sees(times=2)
    assert w.book == {}, "four are explained; the fifth alone is no mass"


def test_l02_an_operator_can_say_that_it_is_true(world: Worlds) -> None:
    """The way out for a person: the acknowledgement is journalled with who and why, and what was held is closed."""
    w = world(*FIVE_HELD)
    w.sees(*FIVE)
    w.sees(times=2)
    w.says("ack", what="mass-absence", who="ada", why="the desk closed all by phone")
    assert w.state.hold is None
    moved = [one for one in w.events(MassAbsenceMoved) if isinstance(one, MassAbsenceMoved)]
    assert moved[-1].why == "acknowledged by ada: the desk closed all by phone"
    w.sees(times=2)
    assert w.book == {}
    assert "acknowledged" in w.corrections()[-1].why


def test_l03_a_client_library_that_parses_to_nothing(world: Worlds) -> None:
    """An upgrade made a client library parse live positions to `[]`, with status success, for as long as it ran.
    Hundreds of such answers must not wear the book down."""
    w = world(*FIVE_HELD)
    w.sees(*FIVE)
    w.sees(times=200)
    assert len(w.book) == 5
    assert w.corrections() == []
    assert len(w.alerts()) == 1, "one alert, not one per pass"


def test_l03_a_parser_that_drops_rows_has_not_answered_completely(world: Worlds) -> None:
    """Rows that were there and could not be read make the answer partial: what it does not state is unknown."""
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.sees_part(row("USDJPY", "1"), refused=[Refusal(2, "its kind is unknown")], times=10)
    assert w.book == {"EURUSD": "1", "USDJPY": "1"}
    assert not w.state.breaks


def test_l05_a_first_page_proves_nothing_about_the_second(world: Worlds) -> None:
    """Only the first 100 rows were read, and the others looked absent. A page that may continue is partial: it makes
    no ghost, though what it states still counts; and what it does not mention may not grow meanwhile."""
    w = world(*FIVE_HELD)
    w.sees(*FIVE)
    w.sees_part(row("AUDUSD", "2"), row("EURUSD", "1"), times=5)
    assert w.book == {"AUDUSD": "2", "EURUSD": "1", "GBPUSD": "1", "USDCHF": "1", "USDJPY": "1"}
    assert [one.kind for one in w.corrections()] == ["drift"]
    assert w.ledger.gate.status == "reduce_only"


def test_l07_the_union_of_keys_is_compared(world: Worlds) -> None:
    """Who walks the broker's keys never sees what vanished there; who walks the book's never sees what appeared. One
    pair of answers must show all three kinds of disagreement."""
    w = world(held("EURUSD", "1"), held("GBPUSD", "1"), held("USDCHF", "1"))
    w.sees(row("GBPUSD", "2"), row("USDCHF", "1"), row("USDJPY", "1"), times=2)
    assert w.book == {"GBPUSD": "2", "USDCHF": "1", "USDJPY": "1"}
    assert [one.kind for one in w.corrections()] == ["recovery", "ghost", "drift"]


def test_l08_outside_its_window_a_list_of_fills_says_nothing(world: Worlds) -> None:
    """What was older than the look-back window looked lost. A list of fills proves what it lists; a fill that it does
    not list was not undone by that, even when the list is complete for its window."""
    w = world(fill("old", "EURUSD", "1"))
    w.deals(deal("old", "EURUSD", "1"))
    for _ in range(5):
        assert w.deals() == []
    assert w.book == {"EURUSD": "1"}
    assert not w.state.breaks


def test_l09_heartbeats_do_not_make_up_for_a_lost_fill(world: Worlds) -> None:
    """The stream was alive and one fill on it was lost. Signs of life neither renew the verification nor excuse the
    missing fill: the gate ages, and the next answers bring the book right."""
    w = world(fill("x1", "EURUSD", "1"))
    w.sees(row("EURUSD", "1"))
    assert w.ledger.gate.status == "open"
    for _ in range(61):
        w.passes(s=1)
        w.ledger.push(PushedState(surface="balances", text="heartbeat"))
    assert w.ledger.gate.status == "closed"
    assert w.book == {"EURUSD": "1"}
    w.sees(row("EURUSD", "3"), times=2)
    assert w.book == {"EURUSD": "3"}


def test_l10_the_fills_of_a_gap_enter_when_they_are_asked_for(world: Worlds) -> None:
    """Two fills happened while the connection was down. The next list of fills brings them in, each as a correction of
    its own, marked as missed, and none twice."""
    w = world(fill("x1", "EURUSD", "1"))
    w.deals(deal("x1", "EURUSD", "1"))
    w.deals(deal("x1", "EURUSD", "1"), deal("x2", "EURUSD", "2"), deal("x3", "EURUSD", "-0.5"))
    assert w.book == {"EURUSD": "2.5"}
    assert w.deals(deal("x2", "EURUSD", "2"), deal("x3", "EURUSD", "-0.5")) == []
    assert [one.kind for one in w.corrections()] == ["missed-fill", "missed-fill"]
    assert [one.execution.execution_id for one in w.events(FillAdopted) if isinstance(one, FillAdopted)] == ["x2", "x3"]


class _StillClock(FakeClock):
    """Sleeping lets others run and no time pass."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def test_l10_a_reconnect_makes_a_pass_due_at_once() -> None:
    """After the reconnect nobody asked again until the next regular pass, and what was missed stayed missed. Here the
    connection's return is itself the reason: no time passes in this test."""

    async def story() -> None:
        broker = SimulatedBroker(position_mode="netting")
        broker.open("EURUSD", "long", "1")
        url = "memory://lesson-10"
        async with AsyncReconciler.open(url, account=ACCOUNT, broker=broker, clock=_StillClock()) as rec:
            await rec.startup_recovery()
            asked = len(broker.asked)
            for _ in range(50):
                rec.sync_continuous()
                await asyncio.sleep(0)
            assert len(broker.asked) == asked, "the interval is not over and nothing has happened"
            broker.reconnect()
            await rec.sync_positions()
            asked = len(broker.asked)
            for _ in range(50):
                rec.sync_continuous()
                await asyncio.sleep(0)
            assert len(broker.asked) > asked

    asyncio.run(story())


def test_l44_none_and_empty_stay_apart(world: Worlds) -> None:
    """One client answers `None` for an error and `()` for "nothing is there". The first leaves no trace in what is
    known of the keys; the second is a sighting."""
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.answered(failed("the client returned None"))
    assert not w.state.breaks
    w.sees()
    assert sorted(w.state.breaks) == ["EURUSD", "USDJPY"]


def test_l48_a_failure_that_carries_a_list_is_a_failure(world: Worlds) -> None:
    """A failure reply carried `"positions": []`. Whatever list comes with a failure, empty or full of rows, is not
    looked at."""
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    for rows in ({}, {"EURUSD": row("EURUSD", "7")}):
        for _ in range(3):
            assert w.answered(Answer(completeness="failed", why="FAILED", positions=rows)).decisions == ()
    assert w.book == {"EURUSD": "1", "USDJPY": "1"}
    assert all(one.positions is None for one in w.observations())


def test_l47_a_dialect_changes_nothing_and_an_unknown_one_is_no_answer(world: Worlds) -> None:
    """The same reply comes in several dialects. The same rows in another dialect are the same rows; a reply in none
    that we know is a failed answer, and the dialect stands in the journal."""
    w = world(held("EURUSD", "1"))
    rows = {"EURUSD": row("EURUSD", "1")}
    for dialect in ("SUCCESS", "ok"):
        w.answered(Answer(completeness="complete", dialect=dialect, positions=dict(rows)))
    w.answered(failed("status 'fine' is of no dialect that is known", raw=b'{"status": "fine"}'))
    assert not w.events(BreakMoved)
    assert [one.dialect for one in w.observations()] == ["SUCCESS", "ok", ""]
    assert [one.completeness for one in w.observations()] == ["complete", "complete", "failed"]


def test_l12_a_skewed_pair_of_answers_corrects_nothing(world: Worlds) -> None:
    """Two surfaces of one broker contradicted each other for ten seconds. A single deviating answer opens a break and
    no more; the next one that agrees clears it."""
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    good = [row("EURUSD", "1"), row("USDJPY", "1")]
    w.sees(*good)
    for skewed in ([row("EURUSD", "2"), row("USDJPY", "1")], [row("EURUSD", "1")], [*good, row("GBPUSD", "1")]):
        w.sees(*skewed)
        w.sees(*good)
    assert w.corrections() == []
    assert w.steps() == [f"{kind} {step}" for kind in ("drift", "ghost", "recovery") for step in ("opened", "cleared")]


def test_l12_two_answers_out_of_one_cache_are_one(world: Worlds) -> None:
    """An answer asked for sooner than the declared lag after the last one may come out of the same cache: it does not
    count as a second witness."""
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    w.sees(row("USDJPY", "1"))
    w.sees(row("USDJPY", "1"), times=3, step_ms=LAG_MS // 8)
    assert "EURUSD" in w.book
    w.sees(row("USDJPY", "1"), step_ms=STEP_MS)
    assert "EURUSD" not in w.book


def test_l60_a_thousand_breaks_are_one_alert(world: Worlds) -> None:
    """Ten thousand orphans produced ten thousand alerts, and one message outgrew its channel and was dropped. Here all
    that one answer escalates is one bounded alert, which says how many it does not name."""
    w = world(policy=Policy.guarded(), baseline=False)
    rows = [row(f"S{n:04}", "1") for n in range(1_000)]
    w.sees(*rows, times=2)
    assert w.book == {}
    assert len(w.alerts()) == 1
    alert = w.alerts()[0]
    assert len(alert.breaks) == 100
    assert alert.text.startswith("1000 breaks wait for a human: recovery S0000, ")
    assert alert.text.endswith("and 995 more")
    assert len(alert.text) < 300
    w.sees(*rows, times=3)
    assert len(w.alerts()) == 1


def test_l02_the_gate_refuses_by_name_while_a_mass_is_held(world: Worlds) -> None:
    """While too much is missing the account may only be reduced, and the refusal says what would release it."""
    w = world(*FIVE_HELD)
    w.sees(*FIVE)
    w.sees()
    refused = w.ledger.gate.check(Intent(symbol="EURUSD", side="buy", quantity=Decimal(1)))
    assert isinstance(refused, GateRefusal)
    assert refused.scope == "account"
    assert refused.reason.startswith("5 positions are missing at once")
    assert w.ledger.gate.check(Intent(symbol="EURUSD", side="sell", quantity=1, kind="cancel")) is None


def test_l06_an_error_does_not_end_an_order_in_flight(world: Worlds) -> None:
    """An error said nothing about the order, and it was dropped. An order recorded as pending stays in flight through
    any number of errors, so its symbol is left alone."""
    w = world(held("USDJPY", "1"))
    w.record(pending("c1", "EURUSD"))
    w.fails("name resolution failed", times=3)
    w.sees(row("EURUSD", "1"), row("USDJPY", "1"))
    assert w.book == {"USDJPY": "1"}
    assert w.state.breaks["EURUSD"][0].why == "order c1 on EURUSD is in flight"
    assert not [one for one in w.alerts() if isinstance(one, AlertRaised)]
