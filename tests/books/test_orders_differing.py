"""What does one read of a book's orders mean, case by case, and does the journal say all of it?"""

from __future__ import annotations

from decimal import Decimal

import pytest

from books.order_bench import OrderBench, listed, said
from lessons.world import deal, order_row, pending, row
from trueup.audit import sentence
from trueup.facts import BookRead, OrderRecorded
from trueup.foreign import OrderName, OrderRow
from trueup.model import OrderStatus, Refusal
from trueup.reconciliation.waiting import next_question_ns

CANCELED, FILLED, ACCEPTED = OrderStatus.CANCELED, OrderStatus.FILLED, OrderStatus.ACCEPTED


def test_the_first_read_is_what_the_bot_has_working() -> None:
    bench = OrderBench(said("a"), said("b", "partially_filled", filled=4, order_id="o-b"), said("c", "filled"))
    kept = bench.keeper.step()
    assert (kept.edits, kept.written, kept.trouble, kept.orders_trouble) == (2, 0, "", "")
    assert sorted(bench.w.state.orders) == ["a", "b"], "what ended before we looked is history"
    assert bench.w.order("b").filled == 4
    assert bench.w.state.foreign.orders.read == bench.w.state.foreign.read
    (read,) = bench.facts(BookRead)
    assert sentence(read) == (
        "the book shelf was read: 0 positions; 0 changed by its own process; 2 orders of desk; 2 changed by its own "
        "process"
    )
    before = bench.w.state.position
    assert bench.keeper.step() == type(kept)()
    assert bench.w.state.position == before, "a read that says nothing new is not journalled"
    assert bench.desk.asked[-1] == [OrderName("a"), OrderName("b", "o-b")]


def test_an_order_that_the_book_lists_is_no_orphan() -> None:
    bench = OrderBench(said("a"))
    bench.keeper.step()
    bench.w.lists(listed("a"), times=3)
    assert not [one for one in bench.w.steps("order") if one.startswith("recovery")]
    assert dict(bench.w.state.quarantine) == {}
    bench.w.lists(listed("a"), listed("x"), times=3)
    assert [one for one in bench.w.steps("order") if one.startswith("recovery")]
    assert list(bench.w.state.quarantine) == ["*:AAPL"]
    bench.desk.rows.append(said("x"))
    bench.keeper.step()
    bench.w.lists(listed("a"), listed("x"))
    assert dict(bench.w.state.quarantine) == {}, "the book lists it after all"


def test_a_pending_order_is_in_flight() -> None:
    bench = OrderBench(said("a", "pending"))
    bench.keeper.step()
    assert bench.w.state.in_flight.get("AAPL") == ("a",)
    bench.w.sees(row("AAPL", "10"), times=2)
    assert bench.w.corrections() == [], "the position may just be moving"
    bench.desk.rows = [said("a", order_id="o-a")]
    bench.keeper.step()
    assert bench.w.state.in_flight.get("AAPL") is None


def test_what_the_bot_changes_itself_is_recorded() -> None:
    bench = OrderBench(said("a"))
    bench.keeper.step()
    bench.desk.rows = [said("a", "partially_filled", filled=3, order_id="o-a", limit=101, strategy="trend")]
    assert bench.keeper.step().edits == 1
    order = bench.w.order("a")
    assert (order.filled, order.order_id, order.limit, order.strategy) == (3, "o-a", 101, "trend")
    bench.desk.rows = [said("a", "canceled", filled=3, order_id="o-a", limit=101, strategy="trend")]
    assert bench.keeper.step().edits == 1
    assert bench.w.order("a").status is CANCELED
    assert bench.keeper.step().edits == 0
    assert bench.desk.writes == []


def test_l01_orders_that_cannot_be_read_say_nothing_and_are_told_once() -> None:
    bench = OrderBench(said("a"))
    bench.keeper.step()
    bench.desk.fails = "database is locked"
    kept = [bench.keeper.step() for _ in range(3)]
    assert {one.orders_trouble for one in kept} == {"the orders of the book desk could not be read: database is locked"}
    assert {one.trouble for one in kept} == {""}
    assert bench.w.order("a").status is ACCEPTED
    assert bench.alerts() == ["book-orders-unread"]
    assert len(bench.facts(BookRead)) == 2
    assert "the orders of desk could not be read, and nothing is concluded of them: database is locked" in sentence(
        bench.facts(BookRead)[-1]
    )
    bench.desk.fails = ""
    bench.keeper.step()
    assert bench.w.state.foreign.orders.unread == ""
    bench.desk.raises = RuntimeError("boom")
    assert "the adapter raised RuntimeError: boom" in bench.keeper.step().orders_trouble


def test_where_the_positions_cannot_be_read_the_orders_are_not_asked_for() -> None:
    bench = OrderBench(said("a"))
    bench.shelf.fails = "gone"
    assert bench.keeper.step().orders_trouble == ""
    assert bench.desk.asked == []
    assert list(bench.w.state.orders) == []


def test_l04_an_order_that_the_book_does_not_know_any_more_is_unknown() -> None:
    bench = OrderBench(said("a"), said("b"))
    bench.keeper.step()
    bench.desk.rows.pop(0)
    for _ in range(5):
        bench.w.passes(s=60)
        bench.keeper.step()
    assert bench.w.order("a").status is ACCEPTED
    assert bench.w.state.foreign.orders.missing == ("a",)
    reads = bench.facts(BookRead)
    assert len(reads) == 2, "told once"
    assert "1 of ours that it does not know: unknown until the broker says" in sentence(reads[-1])
    bench.w.lists(listed("b"), listed("a", "partially_filled", filled=2))
    assert bench.w.order("a").filled == 2
    bench.w.passes(s=5)
    bench.keeper.step()
    assert {one.after.client_order_id for one in bench.desk.writes} == {"b"}, "there is no row to write into"
    bench.w.lists(listed("b"))
    bench.w.looks_up("a", listed("a", "canceled", filled=2))
    bench.keeper.step()
    assert bench.w.state.foreign.orders.missing == ()


def test_more_fills_than_an_order_had_when_it_ended_are_the_books_word_too() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.looks_up("a", listed("a", "canceled"))
    bench.desk.rows = [said("a", "filled", filled=None, order_id="o-a")]
    bench.keeper.step()
    assert (bench.w.order("a").status, bench.w.order("a").filled) == (FILLED, 10), "filled is filled whole"


def test_an_order_without_a_client_id_is_known_by_the_brokers() -> None:
    bench = OrderBench(said(None, order_id="77"))
    bench.keeper.step()
    assert bench.w.order("external:77").order_id == "77"
    assert bench.desk.asked == [[]]
    bench.keeper.step()
    assert bench.desk.asked[-1] == [OrderName(None, "77")]
    bench.w.lists(order_row("AAPL", name="broker-made", order_id="77", quantity=10, limit=100), times=3)
    assert bench.w.steps("order") == []
    bench.desk.rows.append(said("mine", order_id="77"))
    bench.desk.rows.pop(0)
    bench.keeper.step()
    assert sorted(bench.w.state.orders) == ["external:77"], "known already, whatever the book calls it by now"


def test_two_rows_of_one_order_are_refused_both() -> None:
    bench = OrderBench(said("a"), said("a", filled=1), said("a", filled=2), said("b"))
    bench.keeper.step()
    assert sorted(bench.w.state.orders) == ["b"]
    assert len(bench.w.state.foreign.orders.refused) == 2
    assert bench.alerts() == ["book-refused"]
    assert "row 2 refused: two rows speak of order a" in sentence(bench.facts(BookRead)[-1])


@pytest.mark.parametrize(
    ("refusal", "concerns"),
    [
        (Refusal(1, "no word for 'parked'", "AAPL", "a"), True),
        (Refusal(1, "no word for 'parked'", "AAPL"), True),
        (Refusal(1, "no word for 'parked'"), True),
        (Refusal(1, "no word for 'parked'", "MSFT"), False),
        (Refusal(1, "no word for 'parked'", "AAPL", "z"), False),
    ],
)
def test_l42_of_what_an_unreadable_row_may_be_about_nothing_is_concluded(refusal: Refusal, concerns: bool) -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.lists(listed("a", limit=101), times=3)
    bench.w.passes(s=5)
    bench.desk.rows, bench.desk.refused = [], [refusal]
    kept = bench.keeper.step()
    assert bench.desk.writes == []
    assert bool(kept.conflicts) == concerns
    assert (bench.w.state.foreign.orders.missing == ("a",)) != concerns
    if concerns:
        assert "row 1 of the book may be about it and cannot be read" in kept.conflicts[0]


def test_an_average_price_is_not_told_to_and_fro() -> None:
    bench = OrderBench(said("a", "partially_filled", filled=4, order_id="o-a", average_price="100.5"))
    bench.keeper.step()
    bench.w.lists(listed("a", "partially_filled", filled=4, average_price="100.51"))
    before = bench.w.state.position
    assert bench.settles() == 0
    assert bench.w.state.position == before
    assert bench.w.order("a").average_price == Decimal("100.51")


def test_l36_an_order_that_is_filled_at_a_price_that_nobody_keeps_wakes_nobody() -> None:
    bench = OrderBench(said("a"))
    bench.keeper.step()
    bench.desk.rows = [said("a", "filled", filled=10)]
    bench.keeper.step()
    bench.w.deals(deal("x1", "AAPL", "10"))
    bench.w.passes(s=60)
    bench.w.lists()
    assert bench.w.order("a").mark == "no price"
    assert bench.alerts() == []


def test_other_orders_begin_anew() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.lists(listed("a", limit=101), times=3)
    bench.w.passes(s=3)
    bench.desk.name = "another"
    bench.keeper.step()
    assert bench.w.state.foreign.orders.book == "another"
    assert bench.w.order("a").limit == 100, "its word, from now on"
    assert bench.desk.writes == []


def test_the_orders_are_closed_with_the_book() -> None:
    bench = OrderBench(said("a"))
    with bench.keeper as keeper:
        keeper.wake()
    assert bench.desk.closed
    assert sorted(bench.w.state.orders) == ["a"]


def test_an_order_that_we_forgot_is_heard_of_anew() -> None:
    """And one that its own process still calls pending is in flight."""
    bench = OrderBench()
    bench.keeper.step()
    bench.w.record(pending("a", "AAPL", "accepted", quantity=10))
    bench.desk.rows = [said("a"), OrderRow(client_order_id="z", symbol="AAPL", side="buy", type="limit",
                                           quantity=Decimal(1), status=FILLED)]  # fmt: skip
    bench.keeper.step()
    assert [one.client_order_id for one in bench.facts(OrderRecorded)] == ["a", "a"]  # type: ignore[attr-defined]
    assert bench.w.order("a").limit == 100


def test_l51_an_order_that_no_list_shows_yet_is_waited_for_at_start_up() -> None:
    """A book that is read for the first time was not changed just now: that an order is not listed must be settled."""
    bench = OrderBench(said("a"), said("b"), said("c", "pending"))
    bench.keeper.step()
    bench.w.sees()
    bench.w.lists(listed("b"), step_ms=1)
    wait_ns = next_question_ns(bench.w.state, bench.w.ledger.now())
    assert wait_ns is not None
    assert wait_ns > 0
    bench.w.sees(step_ms=wait_ns // 1_000_000)
    bench.w.lists(listed("b"), step_ms=1)
    assert next_question_ns(bench.w.state, bench.w.ledger.now()) == 1_000_000, "it is looked up now"
    bench.w.looks_up("a", listed("a", "canceled"))
    assert next_question_ns(bench.w.state, bench.w.ledger.now()) is None
