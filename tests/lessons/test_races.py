"""Does the book stay right when messages come late, twice, in another order, or after the end? (L13 to L20)"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations

from lessons.world import LAG_MS, World, deal, fill, held, pending, row
from trueup import PushedExecution
from trueup.decisions import FillSettled, RecordRefused

Worlds = Callable[..., World]


def settled(w: World) -> list[FillSettled]:
    """What fills were found to have been inferred already."""
    return [one for one in w.events(FillSettled) if isinstance(one, FillSettled)]


def test_l13_a_position_that_moves_before_its_fill_waits(world: Worlds) -> None:
    """In most recorded fills the position changed first and the message about the fill came later. With the order in
    flight the difference is seen and waits; the fill then makes the two sides agree, and nothing was corrected."""
    w = world(fill("x1", "EURUSD", "1"))
    w.sees(row("EURUSD", "1"))
    w.record(pending("c2", "EURUSD"))
    w.sees(row("EURUSD", "2"), times=4)
    assert w.book == {"EURUSD": "1"}
    assert w.state.breaks["EURUSD"][0].sightings.count == 0
    w.record(pending("c2", "EURUSD", "filled"), fill("x2", "EURUSD", "1", client_order_id="c2"))
    w.sees(row("EURUSD", "2"))
    assert w.book == {"EURUSD": "2"}
    assert w.corrections() == []
    assert w.steps() == ["drift opened", "drift cleared"]


def test_l13_a_fresh_fill_that_the_broker_does_not_show_yet_waits(world: Worlds) -> None:
    """The other way round: our fill is recorded, the broker's list a moment old. That is no drift yet."""
    w = world(fill("x1", "EURUSD", "1"))
    w.sees(row("EURUSD", "1"))
    w.record(fill("x2", "EURUSD", "1"))
    w.sees(row("EURUSD", "1"), step_ms=LAG_MS - 1)
    assert w.state.breaks["EURUSD"][0].sightings.count == 0
    assert w.state.breaks["EURUSD"][0].why.startswith("the book changed it too shortly")
    w.sees(row("EURUSD", "2"))
    assert w.corrections() == []
    assert w.book == {"EURUSD": "2"}


def test_l14_the_real_fill_replaces_the_inferred_one(world: Worlds) -> None:
    """A correction had put in what the broker showed; then the fill arrived and was added on top. Here it consumes
    what was inferred, part by part, and only what goes beyond moves the position."""
    w = world(fill("x1", "EURUSD", "1"))
    w.sees(row("EURUSD", "3"), times=2)
    assert w.book == {"EURUSD": "3"}
    inferred = w.corrections()[-1].id
    w.record(fill("x2", "EURUSD", "0.5"))
    assert w.book == {"EURUSD": "3"}
    w.record(fill("x3", "EURUSD", "2"))
    assert w.book == {"EURUSD": "3.5"}
    assert [(one.execution_id, one.consumed, one.moved) for one in settled(w)] == [
        ("x2", ((inferred, 0.5),), 0),
        ("x3", ((inferred, 1.5),), 0.5),
    ]


def test_l14_a_fill_the_other_way_consumes_nothing(world: Worlds) -> None:
    """What was inferred as bought is not what is now sold."""
    w = world(fill("x1", "EURUSD", "1"))
    w.sees(row("EURUSD", "3"), times=2)
    w.record(fill("x2", "EURUSD", "-1"))
    assert w.book == {"EURUSD": "2"}
    assert settled(w) == []


def test_l14_a_ghosts_own_exit_does_not_open_the_other_side(world: Worlds) -> None:
    """The position was closed as a ghost; then its closing fill arrived late and made a short out of nothing. It was
    inferred already."""
    w = world(fill("x1", "EURUSD", "1"), fill("y1", "USDJPY", "1"))
    w.sees(row("USDJPY", "1"), times=2)
    assert w.book == {"USDJPY": "1"}
    w.record(fill("x2", "EURUSD", "-1"))
    assert w.book == {"USDJPY": "1"}


def test_l14_an_order_younger_than_the_question_is_new(world: Worlds) -> None:
    """A fill of an order that we sent only after the correction's question was asked cannot be what that answer saw:
    it moves the position in full."""
    w = world(fill("x1", "EURUSD", "1"))
    w.sees(row("EURUSD", "2"), times=2)
    w.record(pending("new", "EURUSD"))
    w.record(fill("x2", "EURUSD", "1", client_order_id="new"))
    assert w.book == {"EURUSD": "3"}
    w.record(fill("x3", "EURUSD", "1", client_order_id="older than our memory"))
    assert w.book == {"EURUSD": "3"}, "of an order that we never recorded: it may well be what was seen"


def test_l14_what_was_inferred_too_long_ago_is_settled(world: Worlds) -> None:
    """An inference does not wait for ever: after `inferred_s_max` a fill is new."""
    w = world(fill("x1", "EURUSD", "1"))
    w.sees(row("EURUSD", "2"), times=2)
    w.passes(s=301)
    w.record(fill("x2", "EURUSD", "1"))
    assert w.book == {"EURUSD": "3"}


def test_l15_a_position_that_is_set_is_not_moved_by_fills(world: Worlds) -> None:
    """The snapshot held the fills already that were then applied on top: minus one became plus three. A key has one
    source; fills on a set one are history."""
    w = world(held("EURUSD", "-1"))
    w.record(fill("x1", "EURUSD", "2"), fill("x2", "EURUSD", "2"))
    assert w.book == {"EURUSD": "-1"}
    w.record(held("EURUSD", "3"))
    assert w.book == {"EURUSD": "3"}


def test_l15_a_position_that_fills_move_is_not_set(world: Worlds) -> None:
    """And the other way: a whole position on a fill-sourced key may name its stop and owner, not another quantity, and
    the journal says so."""
    w = world(fill("x1", "EURUSD", "1"))
    w.record(held("EURUSD", "3", stop="1.01", strategy="trend"))
    assert w.book == {"EURUSD": "1"}
    holding = w.state.held("EURUSD")
    assert holding is not None
    assert holding.stop is not None
    assert (str(holding.stop.price), holding.strategy) == ("1.01", "trend")
    refused = [one for one in w.events(RecordRefused) if isinstance(one, RecordRefused)]
    assert "one source per quantity" in refused[0].why


def test_l15_the_baseline_contains_the_fills_that_come_after_it(world: Worlds) -> None:
    """The process starts, the broker's list becomes the book, and then the process replays the fills that led there.
    They were in the list already."""
    w = world()
    w.sees(row("EURUSD", "3"))
    w.record(fill("x1", "EURUSD", "1"), fill("x2", "EURUSD", "2"))
    assert w.book == {"EURUSD": "3"}
    w.record(fill("x3", "EURUSD", "1"))
    assert w.book == {"EURUSD": "4"}


def test_l16_grace_is_counted_from_our_own_receipt(world: Worlds) -> None:
    """Grace was counted by the broker's stamp, hours off, and so was either over at once or never. What the fill says
    of its own time makes no difference: our receipt does."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for stamp in (now - timedelta(hours=3), now, now + timedelta(hours=3)):
        w = world(fill("x0", "EURUSD", "1"))
        w.sees(row("EURUSD", "1"))
        w.record(fill("x1", "EURUSD", "1", at=stamp))
        w.sees(row("EURUSD", "1"), step_ms=LAG_MS - 1)
        assert w.state.breaks["EURUSD"][0].sightings.count == 0, stamp
        w.sees(row("EURUSD", "1"), step_ms=1)
        assert w.state.breaks["EURUSD"][0].sightings.count == 1, stamp


def test_l16_a_wall_clock_that_jumps_grants_and_takes_no_grace(world: Worlds) -> None:
    """Our own wall clock may be set, by hours, at any moment. Within an epoch only the monotonic clock counts."""
    for jump_s in (-7200, 7200):
        w = world(held("EURUSD", "1"), held("USDJPY", "1"))
        w.clock.wall += jump_s * 1_000_000_000
        w.sees(row("USDJPY", "1"), step_ms=LAG_MS - 1)
        assert w.state.breaks["EURUSD"][0].sightings.count == 0
        w.sees(row("USDJPY", "1"))
        w.clock.wall -= jump_s * 1_000_000_000
        w.sees(row("USDJPY", "1"), step_ms=LAG_MS - 20)
        assert "EURUSD" in w.book, "too soon after the last answer to be a second witness"
        w.sees(row("USDJPY", "1"))
        assert "EURUSD" not in w.book


def test_l17_a_fill_counts_although_its_order_was_over(world: Worlds) -> None:
    """The order had been declared cancelled, rejected or expired; then its fill came and was refused. A fill is what
    happened: it moves the book, whatever the order is called."""
    for ended in ("canceled", "rejected", "expired"):
        w = world(pending("c1", "EURUSD"))
        w.record(pending("c1", "EURUSD", ended))
        w.record(fill("x1", "EURUSD", "1", client_order_id="c1"))
        assert w.book == {"EURUSD": "1"}, ended
        w.record(pending("c1", "EURUSD"))
        assert "EURUSD" not in w.state.in_flight, "and an ended order is not put in flight again"


def test_l17_a_fill_that_was_pushed_after_the_end_enters_too(world: Worlds) -> None:
    """The same, when the broker pushes the fill: it enters as a correction that says so."""
    w = world(pending("c1", "EURUSD"), pending("c1", "EURUSD", "canceled"))
    w.ledger.push(PushedExecution(fill=fill("x1", "EURUSD", "1", client_order_id="c1")))
    assert w.book == {"EURUSD": "1"}
    assert [one.kind for one in w.corrections()] == ["missed-fill"]


def test_l20_the_order_of_fills_makes_no_difference(world: Worlds) -> None:
    """Fills of one millisecond came in any order, and some twice. Whatever the order, and however often, the quantity
    is the same."""
    fills = [fill("x1", "EURUSD", "1"), fill("x2", "EURUSD", "-3"), fill("x3", "EURUSD", "5")]
    for some in permutations(fills):
        w = world()
        for one in (*some, *reversed(some)):
            w.record(one)
        assert w.book == {"EURUSD": "3"}


def test_l20_one_execution_is_one_whichever_way_it_comes(world: Worlds) -> None:
    """Recorded by the process, pushed by the broker, listed by the broker, recorded again: once."""
    w = world(held("USDJPY", "1"))
    w.deals()
    w.ledger.push(PushedExecution(fill=fill("x1", "EURUSD", "1")))
    w.deals(deal("x1", "EURUSD", "1"))
    w.record(fill("x1", "EURUSD", "1"))
    w.ledger.push(PushedExecution(fill=fill("x1", "EURUSD", "1")))
    w.restart()
    w.record(fill("x1", "EURUSD", "1"))
    assert w.book == {"EURUSD": "1", "USDJPY": "1"}
    assert len(w.corrections()) == 1


def test_l20_an_id_that_is_used_for_another_fill_is_told(world: Worlds) -> None:
    """One id, two different executions: one of them would be lost. The second is refused, and a person told."""
    w = world(fill("x1", "EURUSD", "1"))
    w.record(fill("x1", "EURUSD", "2"))
    assert w.book == {"EURUSD": "1"}
    assert [one.topic for one in w.alerts()] == ["execution-id-reused"]
    assert "EURUSD 1, now EURUSD 2" in w.alerts()[0].text
