"""How far are corrections of orders settled, where several wait, conflict or fail, and is each told of by its place?"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from books.bench import Bench
from books.order_bench import Desk, OrderBench, listed, said
from lessons.world import pending
from trueup import Policy
from trueup.decisions import BreakMoved
from trueup.facts import BookRead, BookWriting, BookWritten, Sought
from trueup.foreign import Keeper, OrderName, Places, Wrote
from trueup.foreign.orders_differing import OrderDue, wanted
from trueup.model import OrderStatus, Refusal
from trueup.reconciliation.outbox import to_look_up

ACCEPTED, CANCELED = OrderStatus.ACCEPTED, OrderStatus.CANCELED


def corrections(bench: OrderBench) -> list[int]:
    """Where the journal has corrections of orders."""
    return [
        one.position for one in bench.w.journal() if isinstance(one.event, BreakMoved) and one.event.order_correction
    ]


def written(bench: OrderBench) -> BookWritten:
    """What the last writing came to."""
    fact = bench.facts(BookWritten)[-1]
    assert isinstance(fact, BookWritten)
    return fact


def test_what_waits_holds_back_only_what_lies_behind_it() -> None:
    bench = OrderBench(*(said(name, order_id=f"o-{name}") for name in "abc"))
    bench.keeper.step()
    bench.w.lists(listed("a"), listed("b"), listed("c", limit=101), times=3)
    bench.w.lists(listed("a", limit=102), listed("b"), listed("c", limit=101), times=3)
    bench.w.passes(s=2)
    bench.w.lists(listed("a", limit=102), listed("b", "partially_filled", filled=1), listed("c", limit=101), step_ms=1)
    first, second, third = corrections(bench)
    kept = bench.keeper.step()
    assert kept.written == 2
    assert (written(bench).orders_upto, written(bench).conflicts) == (second, ()), "the third waits"
    assert bench.w.state.foreign.orders.written == second
    assert kept.waits_ns is not None
    bench.w.lists(listed("a", limit=102), listed("b", "partially_filled", filled=1), listed("c", "canceled", limit=101),
                  step_ms=1_000)  # fmt: skip
    waits = bench.keeper.step().waits_ns
    assert waits is not None
    assert waits < 1_000_000_000, "the one that waits least"
    assert bench.settles() == 2
    assert bench.w.state.foreign.orders.written >= third
    assert first < second


def test_a_conflict_is_told_by_the_place_of_the_last_correction_and_what_the_first_starts_from() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.lists(listed("a", limit=101), times=3)
    bench.w.lists(listed("a", limit=102), times=3)
    _, last = corrections(bench)
    bench.desk.rows = [said("a", order_id="o-a", limit=95)]
    (why,) = bench.keeper.step().conflicts
    assert "the correction starts from buy 10 limit at 100" in why
    assert [position for position, _ in written(bench).conflicts] == [last]


def test_an_unreadable_row_is_told_by_the_place_of_the_last_correction_too() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.lists(listed("a", limit=101), times=3)
    bench.w.lists(listed("a", limit=102), times=3)
    bench.desk.rows, bench.desk.refused = [], [said_refused("a")]
    bench.w.passes(s=3)
    bench.keeper.step()
    assert [position for position, _ in written(bench).conflicts] == corrections(bench)[-1:]
    (read,) = [one for one in bench.facts(BookRead)[-1:] if isinstance(one, BookRead)]
    assert read.orders is not None
    assert (read.orders.completeness, read.orders.why) == ("partial", "1 rows refused")


def said_refused(name: str) -> Refusal:
    return Refusal(1, "no word for 'parked'", "AAPL", name)


def test_a_complete_read_is_told_as_one() -> None:
    bench = OrderBench(said("a"))
    bench.keeper.step()
    (read,) = bench.facts(BookRead)
    assert isinstance(read, BookRead)
    assert read.orders is not None
    assert (read.orders.completeness, read.orders.why) == ("complete", "")


def test_an_order_that_was_adopted_and_corrected_since_is_added_as_it_is_now() -> None:
    bench = OrderBench(policy=Policy.adopt(confirm_interval_ms=0, on_orphan_order="adopt"))
    bench.keeper.step()
    bench.w.lists(listed("x"), times=2)
    bench.w.lists(listed("x", limit=101), times=2)
    assert len(corrections(bench)) == 2
    assert bench.settles() == 1
    assert [(one.before, one.after.limit) for one in bench.desk.writes] == [(None, 101)]
    assert bench.settles() == 0


def test_an_end_that_is_never_turned_back_is_told_by_the_place_of_its_correction() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.desk.rows = [said("a", "canceled", order_id="o-a")]
    bench.keeper.step()
    bench.w.lists(listed("a"), times=3)
    bench.w.lists(listed("a", limit=101), times=2)
    assert len(corrections(bench)) == 2
    bench.keeper.step()
    assert [position for position, _ in written(bench).conflicts] == corrections(bench)[-1:]


def test_what_a_row_refuses_that_can_only_grow_is_tried_again_when_the_order_changes() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.lists(listed("a", "partially_filled", filled=1))
    bench.w.passes(s=3)
    bench.desk.outcomes = [Wrote("conflict", "order a: the table refuses it")]
    assert bench.keeper.step().written == 0
    for _ in range(3):
        assert bench.settles() == 0
    assert len(bench.desk.writes) == 1
    bench.w.lists(listed("a", "partially_filled", filled=2))
    assert bench.settles() == 1
    assert bench.row("a").filled == 2


def test_two_rows_of_one_broker_id_are_named_by_it() -> None:
    bench = OrderBench(said(None, order_id="77"), said(None, order_id="77", filled=1))
    bench.keeper.step()
    assert [one.ticket for one in bench.w.state.foreign.orders.refused] == ["77"]
    (read,) = bench.facts(BookRead)
    assert isinstance(read, BookRead)
    assert read.orders is not None
    assert (read.orders.completeness, read.orders.why) == ("partial", "1 rows refused")


def test_what_it_has_no_word_for_is_told_by_the_place_of_the_last_correction() -> None:
    bench = OrderBench(policy=Policy.adopt(confirm_interval_ms=0, on_orphan_order="adopt"))
    bench.desk.places = Places(words=frozenset({OrderStatus.PENDING, CANCELED, OrderStatus.FILLED}))
    bench.keeper.step()
    bench.w.lists(listed("x"), times=2)
    bench.w.lists(listed("x", limit=101), times=2)
    bench.keeper.step()
    assert [position for position, _ in written(bench).conflicts] == corrections(bench)[-1:]


def test_l18_an_end_that_the_book_states_is_looked_up_once_for_fills_that_it_missed() -> None:
    bench = OrderBench(said("a", order_id="o-a"), said("b", order_id="o-b"), said("c", order_id="o-c"))
    bench.keeper.step()
    bench.desk.rows = [
        said("a", "canceled", order_id="o-a"), said("b", "rejected", order_id="o-b"),
        said("c", "filled", filled=10, order_id="o-c"),
    ]  # fmt: skip
    bench.keeper.step()
    assert to_look_up(bench.w.state, bench.w.ledger.now()) == [Sought("a", "o-a"), Sought("b", "o-b")]
    bench.w.looks_up("a", listed("a", "canceled", filled=6))
    bench.w.looks_up("b", failure="no answer")
    assert bench.w.state.doubted == ("b",), "an error is no answer (L06)"
    bench.w.looks_up("b")
    assert bench.w.state.doubted == ()
    assert (bench.w.order("a").filled, bench.w.order("b").status) == (6, OrderStatus.REJECTED)
    assert bench.settles() == 1
    assert (bench.row("a").status, bench.row("a").filled) == (CANCELED, 6)
    assert [one.exit_reason for one in bench.desk.writes] == [None], "the bot ended it itself"
    bench.w.passes(s=60)
    assert to_look_up(bench.w.state, bench.w.ledger.now()) == []
    assert bench.alerts() == []


def test_what_the_broker_cannot_be_asked_for_is_not_doubted() -> None:
    bench = Bench()
    desk = Desk([said("a")])
    keeper = Keeper(bench.w.ledger, bench.w._reader, bench.shelf, orders=desk)
    keeper.step()
    desk.rows = [said("a", "canceled")]
    keeper.step()
    assert bench.w.order("a").status is CANCELED
    assert bench.w.state.doubted == ()


def test_an_open_order_that_is_doubted_and_not_found_is_an_absence_like_any_other() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.deals()
    bench.w.record(pending("a", "AAPL", "canceled", quantity=10))
    bench.desk.rows = []
    bench.w.lists(listed("a"), times=3)
    assert bench.w.order("a").status is ACCEPTED
    bench.w.looks_up("a")
    assert bench.w.state.doubted == ("a",)


@pytest.mark.parametrize("policy", [Policy.observe(confirm_interval_ms=0), Policy.guarded(confirm_interval_ms=0)])
def test_a_policy_that_corrects_nothing_writes_nothing(policy: Policy) -> None:
    """What can only grow is believed all the same: it is our knowledge, and not the table's."""
    bench = OrderBench(said("a", "pending"), said("b", order_id="o-b"), policy=policy)
    bench.keeper.step()
    bench.w.lists(listed("a", "partially_filled", filled=4), listed("b"), times=2)
    bench.w.looks_up("b", listed("b", "canceled"))
    assert (bench.w.order("a").filled, bench.w.order("b").status) == (4, CANCELED)
    assert bench.settles() == 0
    kept = bench.keeper.step()
    assert (kept.waits_ns, bench.desk.writes, bench.facts(BookWriting)) == (None, [], [])


def test_an_end_that_the_policy_lets_be_proven_is_written_whatever_it_says_of_drifts() -> None:
    bench = OrderBench(said("a", order_id="o-a"), policy=Policy.adopt(confirm_interval_ms=0, on_drift="alert"))
    bench.keeper.step()
    bench.w.deals()
    bench.w.lists()
    bench.w.looks_up("a")
    bench.w.deals()
    bench.w.looks_up("a", times=2)
    assert bench.w.order("a").status is CANCELED
    assert bench.settles() == 1
    assert bench.row("a").status is CANCELED


def test_an_unknown_outcome_leaves_its_first_correction_open_and_what_is_written_says_why() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.lists(listed("a", limit=101), times=3)
    bench.w.lists(listed("a", limit=102), times=3)
    bench.w.passes(s=3)
    first, _ = corrections(bench)
    _, last = bench.w.order_corrections()
    bench.desk.outcomes = [Wrote("unknown", "gone")]
    bench.keeper.step()
    assert written(bench).orders_upto == first - 1
    assert [(one.why, one.correction_id) for one in bench.desk.writes] == [(last.why, last.id)]
    assert bench.keeper.step().written == 1
    assert bench.row("a").limit == 102


def test_what_an_order_lacks_is_written_also_where_the_bot_ends_it_meanwhile() -> None:
    """The bot missed a fill, and wrote that it cancelled the rest before the fill was written for it."""
    bench = OrderBench(said("a"), said("b", order_id="o-b"))
    bench.keeper.step()
    bench.w.lists(listed("a", average_price=99), listed("b", "partially_filled", filled=8))
    assert bench.keeper.step().written == 0, "it has its time"
    bench.desk.rows = [said("a", "canceled"), said("b", "canceled", filled=3, order_id="o-b")]
    assert bench.keeper.step().edits == 2
    bench.w.looks_up("a", listed("a", "canceled", average_price=99))
    bench.w.looks_up("b", listed("b", "canceled", filled=8))
    bench.desk.fails = "locked"
    bench.keeper.step()
    bench.shelf.fails, bench.desk.fails = "locked", ""
    bench.keeper.step()
    bench.shelf.fails = ""
    assert bench.settles() == 2, "a read that fails in between forgets nothing"
    assert (bench.row("a").order_id, bench.row("a").average_price) == ("o-a", 99)
    assert (bench.row("b").status, bench.row("b").filled) == (CANCELED, 8)
    assert bench.settles() == 0
    assert bench.desk.asked[-1] == []


def test_a_correction_outlives_a_restart_between_the_bots_end_and_its_writing() -> None:
    bench = OrderBench(said("b", order_id="o-b"))
    bench.keeper.step()
    bench.w.lists(listed("b", "partially_filled", filled=8))
    bench.desk.rows = [said("b", "canceled", filled=3, order_id="o-b")]
    assert bench.keeper.step().edits == 1
    bench.w.restart(down_s=5)
    bench.keeper = Keeper(bench.w.ledger, bench.w._reader, bench.shelf, orders=bench.desk)
    assert bench.settles() == 1
    assert (bench.row("b").status, bench.row("b").filled) == (CANCELED, 8)


def test_an_order_that_was_forgotten_is_not_asked_for() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    due = OrderDue(1, None, replace(bench.w.order("a"), client_order_id="long ago"), "", "")
    assert wanted(bench.w.state, [due], ["longer ago"]) == [OrderName("a", "o-a")]
