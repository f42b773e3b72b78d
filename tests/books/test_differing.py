"""What does one read of a foreign book mean, case by case, and does the journal say all of it?"""

from __future__ import annotations

from decimal import Decimal

import pytest

from books.bench import Bench, at_book
from lessons.world import deal, row
from trueup import Policy, PushedExecution
from trueup.audit import sentence
from trueup.changes import Fill
from trueup.decisions import BreakMoved
from trueup.errors import JournalError
from trueup.facts import BookRead, BookWriting, BookWritten, PositionRecorded
from trueup.foreign import BookRow, Keeper, Wrote
from trueup.model import Refusal, Stop


def test_the_first_read_is_the_book_and_no_baseline_is_taken(bench: Bench) -> None:
    kept = bench.keeper.step()
    assert (kept.edits, kept.written, kept.trouble) == (2, 0, "")
    assert bench.held == {"AAPL": 3, "MSFT": -2}
    assert bench.w.state.baseline == "forgone"
    before = bench.w.state.position
    assert bench.keeper.step() == type(kept)()
    assert bench.w.state.position == before, "a read that says nothing new is not journalled"


def test_an_empty_book_says_something_too() -> None:
    bench = Bench()
    bench.keeper.step()
    bench.w.sees(row("AAPL", "3"), times=2)
    assert [one.kind for one in bench.w.corrections()] == ["recovery"]
    assert bench.keeper.step().written == 1
    assert [one.symbol for one in bench.shelf.rows] == ["AAPL"]


def test_what_our_book_holds_and_the_first_read_does_not_list_is_closed() -> None:
    bench = Bench(at_book("AAPL", "3"))
    bench.w.sees(row("AAPL", "3"), row("MSFT", "1"))
    assert bench.held == {"AAPL": 3, "MSFT": 1}
    bench.keeper.step()
    assert bench.held == {"AAPL": 3}


def test_the_bots_own_edits_are_recorded_and_told(bench: Bench) -> None:
    bench.keeper.step()
    bench.shelf.rows = [at_book("AAPL", "5", "11", stop=Stop(Decimal(9)), strategy="trend"), at_book("MSFT", "-2")]
    bench.keeper.step()
    holding = bench.w.state.held("AAPL")
    assert holding is not None
    assert (holding.signed_quantity, holding.price, holding.strategy) == (5, 11, "trend")
    read = bench.facts(BookRead)[-1]
    assert sentence(read) == "the book shelf was read: 2 positions; 1 changed by its own process"


def test_l01_a_read_that_fails_says_nothing_and_is_told_once(bench: Bench) -> None:
    bench.keeper.step()
    bench.shelf.fails = "database is locked"
    kept = [bench.keeper.step() for _ in range(3)]
    assert all("database is locked" in one.trouble for one in kept)
    assert bench.held == {"AAPL": 3, "MSFT": -2}
    assert [one.completeness for one in bench.facts(BookRead)] == ["complete", "failed"]  # type: ignore[attr-defined]
    assert bench.alerts() == ["book-unread"]
    assert "could not be read, and nothing is concluded: database is locked" in sentence(bench.facts(BookRead)[-1])
    bench.shelf.fails = ""
    bench.keeper.step()
    assert bench.w.state.foreign.unread == ""
    bench.shelf.raises = RuntimeError("boom")
    assert "the adapter raised RuntimeError: boom" in bench.keeper.step().trouble


def test_l02_one_row_that_is_gone_waits_for_a_second_read(bench: Bench) -> None:
    bench.w.policy = Policy.adopt(confirm_interval_ms=500)
    bench.w.restart(down_s=1)
    bench.keeper = Keeper(bench.w.ledger, bench.w._reader, bench.shelf)
    bench.keeper.step()
    bench.shelf.rows.pop()
    bench.keeper.step()
    bench.w.passes(ms=499)
    bench.keeper.step()
    assert bench.held == {"AAPL": 3, "MSFT": -2}
    assert len(bench.facts(BookRead)) == 2, "that it still is missing is no news"
    assert "1 missing until a second read" in sentence(bench.facts(BookRead)[-1])
    bench.w.passes(ms=1)
    bench.keeper.step()
    assert bench.held == {"AAPL": 3}


def test_l02_a_small_book_that_is_gone_whole_waits_longer(bench: Bench) -> None:
    bench.keeper.step()
    bench.shelf.rows = []
    bench.keeper.step()
    bench.w.passes(s=9)
    bench.keeper.step()
    assert len(bench.held) == 2
    bench.w.passes(s=1)
    bench.keeper.step()
    assert bench.held == {}


def test_l02_what_the_broker_lists_no_more_either_is_believed_at_once(bench: Bench) -> None:
    bench.keeper.step()
    bench.w.sees(row("AAPL", "3"))
    bench.shelf.rows.pop()
    bench.keeper.step()
    assert bench.held == {"AAPL": 3}


def test_l02_many_that_are_gone_are_held_until_somebody_says_so() -> None:
    rows = [at_book(name, "1") for name in "ABCD"]
    bench = Bench(*rows)
    bench.keeper.step()
    bench.w.sees(*(row(name, "1") for name in "ABCD"))
    bench.shelf.rows = rows[:1]
    for _ in range(3):
        bench.keeper.step()
        bench.w.passes(s=60)
    assert len(bench.held) == 4
    assert bench.alerts() == ["book-mass-absence"]
    assert "3 of them held back as too many at once" in sentence(bench.facts(BookRead)[-1])
    bench.shelf.rows = rows[:3]  # most are back: what is left begins anew
    bench.keeper.step()
    assert bench.w.state.foreign.held == ()
    assert len(bench.held) == 4
    bench.shelf.rows = rows[:1]
    bench.keeper.step()
    bench.w.says("ack", what="mass-absence", why="moved")
    bench.keeper.step()
    assert bench.held == {"A": 1}
    bench.w.says("ack", what="mass-absence", why="again")
    assert bench.alerts() == ["book-mass-absence"] * 2


def test_a_correction_is_written_once_and_journalled_around(bench: Bench) -> None:
    bench.keeper.step()
    bench.w.sees(row("AAPL", "4"), row("MSFT", "-2"), times=2)
    kept = bench.keeper.step()
    assert (kept.written, kept.conflicts) == (1, ())
    (write,) = bench.shelf.writes
    assert write.before is not None
    assert write.after is not None
    assert (write.before.signed_quantity, write.after.signed_quantity) == (3, 4)
    writing, written = bench.facts(BookWriting, BookWritten)
    assert isinstance(writing, BookWriting)
    assert isinstance(written, BookWritten)
    assert writing.corrections == (written.upto,)
    assert sentence(writing) == f"corrections {written.upto} are about to be written into shelf"
    assert f"1 rows of shelf written, corrections up to {written.upto} are settled" in sentence(written)
    bench.keeper.step()
    assert len(bench.shelf.writes) == 1


def test_several_corrections_of_one_position_are_one_write(bench: Bench) -> None:
    bench.keeper.step()
    for quantity in ("4", "5"):
        bench.w.passes(s=5)
        bench.w.sees(row("AAPL", quantity), row("MSFT", "-2"), times=2)
    assert len(bench.w.corrections()) == 2
    assert bench.keeper.step().written == 1
    assert [one.signed_quantity for one in bench.shelf.rows if one.symbol == "AAPL"] == [5]


def test_what_the_book_says_already_is_not_written(bench: Bench) -> None:
    bench.keeper.step()
    bench.w.sees(row("AAPL", "4"), row("MSFT", "-2"), times=2)
    bench.shelf.rows[0] = at_book("AAPL", "4", "10")
    assert bench.keeper.step().written == 0
    assert bench.shelf.writes == []
    assert bench.w.state.foreign.written == max(
        one.position for one in bench.w.journal() if isinstance(one.event, BreakMoved)
    )
    bench.w.sees(row("MSFT", "-2"), times=3)
    bench.shelf.rows.pop(0)  # the bot closes what we just closed
    bench.keeper.step()
    assert bench.shelf.writes == []


def test_an_edit_of_the_bots_in_between_is_a_conflict_and_its_newer_word(bench: Bench) -> None:
    bench.keeper.step()
    bench.w.sees(row("AAPL", "4"), row("MSFT", "-2"), times=2)
    bench.shelf.rows[0] = at_book("AAPL", "7", "10")
    kept = bench.keeper.step()
    assert kept.conflicts == (
        "AAPL: the book says long 7 at 10, and the correction starts from long 3 at 10; left as it is",
    )
    assert bench.shelf.writes == []
    assert bench.held["AAPL"] == 7
    assert bench.alerts() == ["book-conflict"]
    assert "conflicts and was not written" in sentence(bench.facts(BookWritten)[-1])
    bench.w.sees(row("AAPL", "4"), row("MSFT", "-2"), times=3)
    assert bench.keeper.step().written == 1, "two answers later the broker is right again, and now it can be written"


def test_a_row_that_is_gone_when_its_correction_comes_is_a_conflict(bench: Bench) -> None:
    bench.keeper.step()
    bench.w.sees(row("AAPL", "4"), row("MSFT", "-2"), times=2)
    bench.shelf.rows.pop(0)
    (why,) = bench.keeper.step().conflicts
    assert "the book has no open row" in why
    assert bench.held["AAPL"] == 4


def test_nothing_is_added_beside_a_row_that_cannot_be_read(bench: Bench) -> None:
    bench.keeper.step()
    bench.shelf.refused = [Refusal(3, "its quantity is a float", "NVDA")]
    bench.keeper.step()
    assert bench.alerts() == ["book-refused"]
    assert "row 3 refused: its quantity is a float" in sentence(bench.facts(BookRead)[-1])
    bench.w.sees(row("AAPL", "3"), row("MSFT", "-2"), row("NVDA", "1"), times=2)
    (why,) = bench.keeper.step().conflicts
    assert "row 3 of the book may be about it and cannot be read" in why
    assert bench.shelf.writes == []


def test_l42_of_what_an_unreadable_row_may_be_about_nothing_is_concluded() -> None:
    bench = Bench(at_book("AAPL", "3"), at_book("MSFT", "1"), at_book("NVDA", "1"), at_book("TSLA", "1"))
    bench.keeper.step()
    bench.shelf.rows = [at_book("NVDA", "1"), at_book("TSLA", "1")]
    bench.shelf.refused = [Refusal(1, "a float", "AAPL")]
    bench.keeper.step()
    bench.keeper.step()
    assert bench.held == {"AAPL": 3, "NVDA": 1, "TSLA": 1}, "MSFT is gone, AAPL is unknown"


def test_l42_a_row_without_a_symbol_may_be_any_of_them() -> None:
    bench = Bench(*(at_book(name, "1") for name in "ABCDE"))
    bench.keeper.step()
    bench.shelf.rows.pop()
    bench.shelf.refused = [Refusal(1, "no symbol")]
    bench.keeper.step()
    bench.keeper.step()
    assert "E" in bench.held
    assert bench.w.state.foreign.missing == ()


def test_l29_two_rows_of_one_position_are_refused_both() -> None:
    bench = Bench(at_book("AAPL", "3"), at_book("AAPL", "4"), at_book("AAPL", "5"), at_book("MSFT", "1"))
    bench.keeper.step()
    assert bench.held == {"MSFT": 1}
    assert len(bench.w.state.foreign.refused) == 2


def test_law_6_an_unknown_outcome_is_read_back_before_anything_is_written_again(bench: Bench) -> None:
    bench.keeper.step()
    bench.w.sees(row("AAPL", "4"), row("MSFT", "-3"), times=2)
    bench.shelf.outcomes = [Wrote("unknown", "the server went away"), Wrote("written")]
    kept = bench.keeper.step()
    assert (kept.written, "the server went away" in kept.trouble) == (1, True)
    assert bench.alerts() == ["book-unwritten"]
    assert "the rest failed: the server went away" in sentence(bench.facts(BookWritten)[-1])
    assert len(bench.w.state.foreign.writing) == 2, "nobody knows what became of the first"
    bench.shelf.rows[0] = at_book("AAPL", "4", "10")  # it had been written after all
    kept = bench.keeper.step()
    assert (kept.written, kept.trouble) == (0, "")
    assert (bench.w.state.foreign.writing, bench.w.state.foreign.unwritten) == ((), "")
    assert len(bench.shelf.writes) == 2


def test_an_adapter_that_raises_while_it_writes_leaves_the_outcome_unknown(bench: Bench) -> None:
    bench.keeper.step()
    bench.w.sees(row("AAPL", "4"), row("MSFT", "-2"), times=2)
    bench.shelf.outcomes = [RuntimeError("boom"), Wrote("unknown"), Wrote("conflict", "AAPL: it says long 9 now")]
    assert "RuntimeError: boom" in bench.keeper.step().trouble
    assert "its outcome is unknown" in bench.keeper.step().trouble
    assert len(bench.facts(BookWriting)) == 1, "the intent stands as it is"
    assert bench.keeper.step().conflicts == ("AAPL: it says long 9 now",)


def test_what_is_decided_while_the_book_is_read_waits_for_the_next_read(bench: Bench) -> None:
    bench.keeper.step()
    bench.w.sees(row("AAPL", "4"), row("MSFT", "-2"), times=2)
    bench.w.passes(s=5)
    bench.shelf.meanwhile = lambda: bench.w.sees(row("AAPL", "5"), row("MSFT", "-2"), times=2)
    bench.keeper.step()
    assert bench.shelf.writes == []
    assert bench.w.state.foreign.written == bench.w.state.foreign.read
    assert bench.keeper.step().written == 1
    assert [one.signed_quantity for one in bench.shelf.rows if one.symbol == "AAPL"] == [5]
    bench.shelf.rows[0], bench.shelf.rows[1] = bench.shelf.rows[1], bench.shelf.rows[0]
    bench.w.passes(s=5)
    bench.shelf.meanwhile = lambda: bench.w.sees(row("AAPL", "6"), row("MSFT", "-2"), times=2)
    bench.keeper.step()
    assert bench.held["AAPL"] == 6, "the older row is no edit"


def test_l15_fills_move_nothing_where_the_book_is_elsewhere(bench: Bench) -> None:
    bench.keeper.step()
    bench.w.deals()
    bench.w.deals(deal("x1", "NVDA", "1"))
    fill = Fill(execution_id="x2", symbol="TSLA", side="buy", quantity=1, price=1)
    bench.w.ledger.push(PushedExecution(fill=fill))
    assert bench.held == {"AAPL": 3, "MSFT": -2}


def test_another_book_begins_anew(bench: Bench) -> None:
    bench.keeper.step()
    bench.w.sees(row("AAPL", "4"), row("MSFT", "-2"), times=2)
    bench.shelf.name = "another"
    bench.keeper.step()
    assert bench.shelf.writes == []
    assert bench.w.state.foreign.book == "another"
    assert bench.held["AAPL"] == 3, "its word, from now on"


def test_a_book_that_is_only_read_is_never_written(bench: Bench) -> None:
    keeper = Keeper(bench.w.ledger, bench.w._reader, bench.shelf, writes=False)
    keeper.step()
    bench.w.sees(row("AAPL", "4"), row("MSFT", "-2"), times=2)
    assert keeper.step().written == 0
    assert bench.facts(BookWriting, BookWritten) == []


def test_the_thread_takes_a_step_when_it_is_woken_and_a_last_one_at_its_end(bench: Bench) -> None:
    with bench.keeper as keeper:
        keeper.wake()
    assert bench.held == {"AAPL": 3, "MSFT": -2}
    assert bench.shelf.fails == "closed"
    assert "is closed" in keeper.step().trouble


def test_a_law_that_breaks_on_the_thread_is_raised_at_the_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise AssertionError("a law")

    def fails(*_: object) -> None:
        raise JournalError("disk full")

    with monkeypatch.context() as patched, bench.keeper as keeper:
        patched.setattr(bench.w.ledger, "judged", fails)
        keeper.wake()
    assert keeper.failure is None
    again = Keeper(bench.w.ledger, bench.w._reader, bench.shelf)
    again._thread.start()
    monkeypatch.setattr(bench.w.ledger, "judged", breaks)
    again.wake()
    again._thread.join(20)
    with pytest.raises(AssertionError, match="a law"):
        again.wake()
    with pytest.raises(AssertionError, match="a law"):
        again.__exit__(None, None, None)


def test_positions_are_recorded_only_with_the_read_that_says_so(bench: Bench) -> None:
    bench.keeper.step()
    events = [one.event for one in bench.w.journal()]
    first = next(place for place, one in enumerate(events) if isinstance(one, BookRead))
    assert [type(one) for one in events[first : first + 3]] == [BookRead, PositionRecorded, PositionRecorded]


@pytest.mark.parametrize(
    "said",
    [
        at_book("AAPL", "-3", "10", stop=Stop(), strategy="trend"),
        at_book("AAPL", "3", "11", stop=Stop(), strategy="trend"),
        at_book("AAPL", "3", "10", stop=Stop(Decimal(9)), strategy="trend"),
        at_book("AAPL", "3", "10", stop=Stop(), strategy="mean-reversion"),
    ],
)
def test_each_field_that_the_book_has_a_place_for_is_an_edit_alone(said: BookRow) -> None:
    bench = Bench(at_book("AAPL", "3", "10", stop=Stop(), strategy="trend"))
    bench.keeper.step()
    bench.shelf.rows = [said]
    assert bench.keeper.step().edits == 1
    holding = bench.w.state.held("AAPL")
    assert holding is not None
    assert (holding.signed_quantity, holding.price, holding.stop, holding.strategy) == (
        said.signed_quantity, said.price, said.stop, said.strategy,
    )  # fmt: skip
    assert bench.keeper.step().edits == 0


def test_what_the_book_has_no_place_for_is_no_edit() -> None:
    bench = Bench(at_book("AAPL", "3", "10", stop=Stop(Decimal(9)), strategy="trend"))
    bench.keeper.step()
    bench.shelf.rows = [at_book("AAPL", "3")]
    assert bench.keeper.step().edits == 0


def test_half_of_a_book_is_not_yet_too_much() -> None:
    bench = Bench(*(at_book(name, "1") for name in "ABCD"))
    bench.keeper.step()
    bench.shelf.rows = bench.shelf.rows[:2]
    bench.keeper.step()
    assert bench.w.state.foreign.held == ()
    bench.keeper.step()
    assert bench.held == {"A": 1, "B": 1}


def test_a_conflict_behind_a_failure_is_told_once(bench: Bench) -> None:
    bench.keeper.step()
    bench.w.sees(row("AAPL", "4"), row("MSFT", "-3"), times=2)
    bench.shelf.rows[1] = at_book("MSFT", "-9")
    bench.shelf.outcomes = [Wrote("unknown", "gone")]
    assert bench.keeper.step().conflicts == ()
    assert len(bench.keeper.step().conflicts) == 1
    assert sum(len(one.conflicts) for one in bench.facts(BookWritten)) == 1  # type: ignore[attr-defined]
    assert bench.held["MSFT"] == -9
