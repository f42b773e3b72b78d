"""What of an order is written back into its book, when, and what is left as it is?"""

from __future__ import annotations

from books.order_bench import OrderBench, listed, said
from lessons.world import deal, pending, row
from trueup import Policy
from trueup.audit import sentence
from trueup.decisions import BreakMoved, OrderMerged
from trueup.facts import BookWriting, BookWritten
from trueup.foreign import Keeper, Places, Wrote
from trueup.model import OrderStatus

CANCELED, FILLED, ACCEPTED = OrderStatus.CANCELED, OrderStatus.FILLED, OrderStatus.ACCEPTED


def test_what_the_broker_says_is_written_when_the_bot_had_its_time() -> None:
    bench = OrderBench(said("a", "pending"))
    bench.keeper.step()
    bench.w.lists(listed("a", "partially_filled", filled=4))
    kept = bench.keeper.step()
    assert (kept.written, bench.desk.writes) == (0, []), "its own message may be on its way (L13)"
    assert kept.waits_ns is not None
    bench.w.passes(ms=kept.waits_ns // 1_000_000)
    assert bench.keeper.step().written == 1
    now = bench.row("a")
    assert (now.status, now.filled, now.order_id) == (OrderStatus.PARTIALLY_FILLED, 4, "o-a")
    writing, written = bench.facts(BookWriting, BookWritten)
    assert isinstance(writing, BookWriting)
    assert isinstance(written, BookWritten)
    assert (writing.corrections, len(writing.orders)) == ((), 1)
    assert sentence(writing) == f"changes of orders {writing.orders[0]} are about to be written into shelf"
    assert f"those of orders up to {written.orders_upto}" in sentence(written)
    assert written.orders_upto >= max(
        one.position for one in bench.w.journal() if isinstance(one.event, BreakMoved) and one.event.order_correction
    )
    before = bench.w.state.position
    assert bench.settles() == 0
    assert bench.w.state.position == before


def test_l13_a_bot_that_writes_by_itself_meanwhile_is_left_alone() -> None:
    bench = OrderBench(said("a", "pending"))
    bench.keeper.step()
    bench.w.lists(listed("a", "partially_filled", filled=4))
    bench.keeper.step()
    bench.desk.rows = [said("a", "partially_filled", filled=4, order_id="o-a")]
    assert bench.settles() == 0
    assert bench.desk.writes == []
    assert bench.alerts() == []


def test_the_brokers_id_alone_is_written_too() -> None:
    bench = OrderBench(said("a"))
    bench.keeper.step()
    bench.w.lists(listed("a"))
    assert bench.facts(OrderMerged)
    assert bench.keeper.step().waits_ns is not None
    assert bench.settles() == 1
    assert [one.fields for one in bench.desk.writes] == [("order_id",)]
    assert bench.row("a").order_id == "o-a"


def test_an_end_that_the_bot_missed_is_written_with_its_reason() -> None:
    bench = OrderBench(said("a", order_id="o-a"), said("b", order_id="o-b"), said("c", order_id="o-c"))
    bench.keeper.step()
    bench.w.lists(listed("a"), listed("b"), listed("c"))
    bench.w.lists()
    bench.w.looks_up("a", listed("a", "filled", filled=10, average_price=100))
    bench.w.looks_up("b", listed("b", "canceled"))
    bench.w.deals()
    bench.w.looks_up("c", times=3)
    bench.w.deals()
    bench.w.looks_up("c", times=2)
    assert bench.w.order("c").status is CANCELED
    assert bench.settles() == 3
    assert [(one.after.client_order_id, one.after.status, one.exit_reason) for one in bench.desk.writes] == [
        ("a", FILLED, None), ("b", CANCELED, "CLOSED_EXTERNALLY"), ("c", CANCELED, "CLOSED_EXTERNALLY"),
    ]  # fmt: skip
    assert (bench.row("a").filled, bench.row("a").average_price) == (10, 100)
    assert bench.settles() == 0


def test_l17_a_fill_after_the_end_that_the_book_states_reopens_nothing_and_counts() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.desk.rows = [said("a", "canceled", order_id="o-a")]
    bench.keeper.step()
    bench.w.looks_up("a", listed("a", "filled", filled=10))
    assert bench.w.order("a").status is FILLED
    assert bench.settles() == 1
    assert (bench.row("a").status, bench.row("a").filled) == (FILLED, 10)


def test_an_end_that_the_book_states_is_never_turned_back_and_told_once() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.desk.rows = [said("a", "canceled", order_id="o-a")]
    bench.keeper.step()
    assert bench.w.order("a").status is CANCELED
    bench.w.lists(listed("a"), times=3)
    assert bench.w.order("a").status is ACCEPTED, "two answers say that it works"
    kept = bench.keeper.step()
    assert kept.conflicts == (
        "order a works on at the broker, and the book says that it is canceled: an end that it states is never turned "
        "back",
    )
    for _ in range(3):
        assert bench.settles() == 0
        bench.w.lists(listed("a"))
    assert bench.w.order("a").status is ACCEPTED, "what the book went on saying is no news"
    assert bench.alerts().count("book-conflict") == 1
    assert bench.desk.writes == []
    assert len(bench.w.state.foreign.orders.left) == 1
    bench.w.looks_up("a", listed("a", "filled", filled=10))
    assert bench.settles() == 1, "filled is beyond canceled"
    assert bench.row("a").status is FILLED


def test_a_size_that_was_corrected_is_written_over_what_it_starts_from() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.lists(listed("a", limit=101, quantity=8), times=3)
    assert bench.w.order("a").limit == 101
    bench.w.lists(listed("a", limit=102, quantity=8), times=3)
    assert bench.keeper.step().edits == 0, "the row is what the first correction starts from, and no edit"
    assert bench.settles() + bench.keeper.step().written <= 1
    assert (bench.row("a").limit, bench.row("a").quantity) == (102, 8)
    assert [one.fields for one in bench.desk.writes] == [("quantity", "limit")]
    assert bench.alerts() == []
    assert bench.settles() == 0


def test_a_type_and_reduce_only_that_were_corrected_are_written_too() -> None:
    bench = OrderBench(said("a", order_id="o-a", reduce_only=True, stop=90), said("b", order_id="o-b", type="LMT"))
    bench.keeper.step()
    bench.w.lists(listed("a", type="stop_limit", reduce_only=False, stop=90), listed("b"), times=3)
    assert (bench.w.order("a").type, bench.w.order("a").reduce_only) == ("stop_limit", False)
    assert bench.settles() == 1
    assert (bench.row("a").type, bench.row("a").reduce_only) == ("stop_limit", False)
    assert [one.fields for one in bench.desk.writes] == [("type", "reduce_only")]
    assert bench.settles() == 0
    assert bench.alerts() == []


def test_an_edit_in_between_is_a_conflict_and_the_bots_newer_word() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.lists(listed("a", limit=101), times=3)
    bench.desk.rows = [said("a", order_id="o-a", limit=95)]
    (why,) = bench.keeper.step().conflicts
    assert why == (
        "order a: the book says buy 10 limit at 95, accepted, and the correction starts from buy 10 limit at 100; left "
        "as it is"
    )
    assert bench.w.order("a").limit == 95
    assert bench.alerts() == ["book-conflict"]
    bench.w.passes(s=5)
    bench.w.lists(listed("a", limit=101), times=3)
    assert bench.settles() == 1, "two answers later the broker is right again"
    assert bench.row("a").limit == 101


def test_another_edit_leaves_the_correction_to_the_next_step() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.lists(listed("a", limit=101), times=3)
    bench.w.passes(s=5)
    bench.desk.rows = [said("a", order_id="o-a", strategy="trend")]
    kept = bench.keeper.step()
    assert (kept.edits, kept.written, kept.conflicts) == (1, 0, ())
    assert (bench.w.order("a").limit, bench.w.order("a").strategy) == (101, "trend")
    assert bench.settles() == 1
    assert bench.row("a").limit == 101


def test_an_orphan_that_is_adopted_is_added() -> None:
    bench = OrderBench(policy=Policy.adopt(confirm_interval_ms=0, on_orphan_order="adopt"))
    bench.keeper.step()
    bench.w.lists(listed("x"), times=3)
    assert bench.w.order("x").status is ACCEPTED
    assert bench.settles() == 1
    (write,) = bench.desk.writes
    assert (write.before, write.after.client_order_id, write.correction_id != "") == (None, "x", True)
    assert bench.row("x").order_id == "o-x"
    before = bench.w.state.position
    assert bench.settles() == 0
    assert bench.w.state.position == before


def test_an_adopted_order_that_ended_meanwhile_is_not_added() -> None:
    bench = OrderBench(policy=Policy.adopt(confirm_interval_ms=0, on_orphan_order="adopt"))
    bench.keeper.step()
    bench.w.lists(listed("x"), times=2)
    assert bench.keeper.step().waits_ns is not None
    bench.w.looks_up("x", listed("x", "canceled"))
    assert bench.settles() == 0
    assert bench.desk.writes == []
    assert bench.settles() == 0


def test_a_book_is_told_in_its_own_words_only() -> None:
    bench = OrderBench(said("a"), said("b", "pending_cancel"), said("c"))
    bench.desk.places = Places(frozenset({"status"}), frozenset({ACCEPTED, CANCELED, FILLED}))
    bench.keeper.step()
    bench.w.lists(listed("a", "partially_filled", filled=4), listed("b"), listed("c"))
    assert bench.settles() == 0, "it has neither a word for it nor a place for the quantity"
    bench.w.lists(listed("a", "partially_filled", filled=4))
    bench.w.looks_up("b", listed("b", "expired"))
    bench.w.looks_up("c", listed("c", "rejected"))
    assert bench.settles() == 2
    assert (bench.row("b").status, bench.row("c").status) == (CANCELED, CANCELED)
    assert bench.settles() == 0


def test_what_it_has_no_word_for_is_not_added() -> None:
    bench = OrderBench(policy=Policy.adopt(confirm_interval_ms=0, on_orphan_order="adopt"))
    bench.desk.places = Places(words=frozenset({OrderStatus.PENDING, CANCELED, FILLED}))
    bench.keeper.step()
    bench.w.lists(listed("x"), times=2)
    bench.w.passes(s=3)
    assert bench.keeper.step().conflicts == ("order x: the book has no word for accepted; it was not added",)
    assert bench.settles() == 0


def test_an_unknown_status_of_the_broker_is_not_written() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.lists(listed("a", "Bunched", filled=0))
    assert bench.settles() == 0


def test_law_6_an_unknown_outcome_is_read_back_before_anything_is_written_again() -> None:
    bench = OrderBench(said("a", order_id="o-a"), said("b", order_id="o-b"))
    bench.keeper.step()
    bench.w.lists(listed("a", limit=101), listed("b", "partially_filled", filled=4), times=3)
    bench.desk.outcomes = [Wrote("unknown", "the server went away"), RuntimeError("boom")]
    bench.w.passes(s=3)
    kept = bench.keeper.step()
    assert (kept.written, kept.trouble, kept.orders_read) == (0, "", True)
    assert kept.orders_trouble == "what was learned of orders could not be written into desk: the server went away"
    assert bench.alerts() == ["book-unwritten"]
    assert len(bench.w.state.foreign.orders.writing) == 2
    bench.desk.rows[0] = said("a", order_id="o-a", limit=101)  # the first had been written after all
    kept = bench.keeper.step()
    assert (kept.edits, kept.written, kept.trouble, kept.orders_trouble) == (0, 1, "", "")
    assert bench.row("b").filled == 4
    assert bench.w.state.foreign.orders.writing == ()
    assert len(bench.desk.writes) == 3


def test_an_unknown_outcome_that_repeats_is_intended_once() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.lists(listed("a", limit=101), times=3)
    bench.w.passes(s=3)
    bench.desk.outcomes = [Wrote("unknown", "gone"), Wrote("unknown", "gone")]
    bench.keeper.step()
    bench.keeper.step()
    assert len(bench.facts(BookWriting)) == 1, "the intent stands as it is"
    assert bench.keeper.step().written == 1
    assert bench.row("a").limit == 101


def test_a_row_that_refuses_is_left_until_it_or_the_order_changes() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.lists(listed("a", limit=101), times=3)
    bench.w.passes(s=3)
    bench.desk.outcomes = [Wrote("conflict", "order a: the table refuses it")]
    assert bench.keeper.step().conflicts == ("order a: the table refuses it",)
    for _ in range(3):
        assert bench.settles() == 0
        bench.w.lists(listed("a", limit=101))
    assert (len(bench.desk.writes), bench.alerts()) == (1, ["book-conflict"])
    assert bench.w.order("a").limit == 101, "that the row goes on saying 100 is no news"
    bench.w.lists(listed("a", "partially_filled", limit=101, filled=4))
    assert bench.settles() == 1, "there is more to tell"
    assert (bench.row("a").filled, bench.row("a").limit) == (4, 100)
    bench.keeper.step()
    assert bench.w.state.foreign.orders.left == ()
    assert bench.w.order("a").limit == 100, "and what the row says now is its word"


def test_what_is_decided_while_the_orders_are_read_waits_for_the_next_read() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.lists(listed("a", limit=101), times=3)
    bench.w.passes(s=5)
    bench.desk.meanwhile = lambda: bench.w.lists(listed("a", "partially_filled", filled=4, limit=101))
    kept = bench.keeper.step()
    assert (kept.edits, kept.written, kept.conflicts) == (0, 0, ())
    assert kept.waits_ns is not None
    assert bench.settles() == 1
    assert (bench.row("a").limit, bench.row("a").filled) == (101, 4)


def test_corrections_of_positions_and_of_orders_are_settled_apart() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.lists(listed("a", limit=101), times=3)
    bench.w.sees(row("MSFT", "1"), times=2, step_ms=2_001)
    bench.w.lists(listed("a", "partially_filled", filled=1, limit=101), step_ms=1)
    kept = bench.keeper.step()
    assert (kept.written, [one.symbol for one in bench.shelf.rows]) == (1, ["MSFT"])
    known = bench.w.state.foreign
    assert known.written > known.orders.written
    assert bench.settles() == 1
    assert (bench.row("a").limit, bench.row("a").filled) == (101, 1)
    assert len(bench.shelf.writes) == 1


def test_orders_that_are_only_read_are_never_written() -> None:
    bench = OrderBench(said("a"))
    keeper = Keeper(bench.w.ledger, bench.w._reader, bench.shelf, orders=bench.desk, writes=False)
    keeper.step()
    bench.w.lists(listed("a", "partially_filled", filled=4))
    bench.w.passes(s=5)
    kept = keeper.step()
    assert (kept.written, kept.waits_ns, bench.desk.writes) == (0, None, [])
    assert bench.facts(BookWriting, BookWritten) == []


def test_l17_l20_a_fill_after_the_end_that_only_the_deals_tell_of_is_written_and_moves_no_position() -> None:
    bench = OrderBench(said("a", order_id="o-a"), said("b", order_id="o-b"))
    bench.keeper.step()
    bench.w.deals(deal("x0", "AAPL", "2", order_id="o-a"))  # the first answer is history
    bench.w.looks_up("a", listed("a", "canceled", filled=2))
    assert bench.settles() == 1
    bench.w.deals(deal("x0", "AAPL", "2", order_id="o-a"), deal("x1", "AAPL", "3", order_id="o-a"))
    assert (bench.w.order("a").filled, bench.alerts()) == (3, ["late-fill"]), "more than it had, as far as we know"
    assert bench.settles() == 1
    assert (bench.row("a").status, bench.row("a").filled) == (CANCELED, 3)
    assert bench.held == {}
    before = bench.w.observations()[-1]
    bench.w.deals(deal("x1", "AAPL", "3", order_id="o-a"), deal("x9", "AAPL", "1", order_id="another"))
    assert [one.execution_id for one in before.executions] == ["x1"]
    assert [one.execution_id for one in bench.w.observations()[-1].executions] == ["x9"], "journalled once"
    assert bench.w.order("a").filled == 3


def test_l20_a_deal_that_is_told_again_in_other_words_counts_once() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.deals()
    bench.w.deals(deal("x1", "AAPL", "3", order_id="o-a"))
    bench.w.deals(deal("x1", "AAPL", "3", "101.5", order_id="o-a"))
    assert [one.execution_id for one in bench.w.observations()[-1].executions] == ["x1"], "its price is new"
    assert bench.w.order("a").filled == 3


def test_l18_an_order_that_the_deals_fill_beyond_its_size_stops_its_symbol() -> None:
    bench = OrderBench(said("a", order_id="o-a"))
    bench.keeper.step()
    bench.w.deals()
    bench.w.deals(deal("x1", "AAPL", "6", order_id="o-a"), deal("x2", "AAPL", "6", order_id="o-a"))
    assert list(bench.w.state.quarantine) == ["*:AAPL"]
    assert bench.alerts() == ["overfill"]


def test_where_the_book_keeps_no_orders_fills_are_history_alone() -> None:
    bench = OrderBench()
    keeper = Keeper(bench.w.ledger, bench.w._reader, bench.shelf)
    keeper.step()
    bench.w.record(pending("a", "AAPL", "accepted", quantity=10, order_id="o-a"))
    bench.w.deals()
    bench.w.deals(deal("x1", "AAPL", "6", order_id="o-a"))
    assert bench.w.order("a").filled == 0
