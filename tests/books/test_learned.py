"""What of a position does a foreign book take over: its ticket, and what fills had moved before?"""

from __future__ import annotations

from books.bench import Bench, at_book
from lessons.world import row
from trueup import Policy
from trueup.changes import Fill
from trueup.decisions import RecordRefused
from trueup.foreign import Wrote


def test_l29_a_hedging_book_is_kept_by_ticket_and_what_has_none_is_bound() -> None:
    bench = Bench(at_book("EURUSD", "1", ticket="7"), at_book("EURUSD", "-2"), mode="hedging")
    bench.keeper.step()
    bench.w.sees(row("EURUSD", "1", ticket="7"), row("EURUSD", "-2", ticket="8"), times=2)
    assert bench.held == {"#7": 1, "#8": -2}
    bench.w.sees(row("EURUSD", "1", ticket="7"), row("EURUSD", "-2", ticket="8"))
    bench.shelf.keeps = False  # it has no place for a ticket
    assert bench.keeper.step().written == 1
    assert [(one.after.ticket, one.before) for one in bench.shelf.writes if one.after] == [("8", bench.shelf.rows[1])]
    bench.keeper.step()
    before = bench.w.state.position
    assert bench.keeper.step().written == 0
    assert bench.w.state.position == before, "the row without a ticket is known by what it was bound to, and left so"
    bench.shelf.rows.pop()
    bench.keeper.step()
    bench.keeper.step()
    assert bench.held == {"#7": 1}


def test_l13_a_ticket_is_written_when_the_bot_had_its_time_to_do_so() -> None:
    bench = Bench(at_book("EURUSD", "-2"), mode="hedging")
    bench.w.passes(s=5)
    bench.keeper.step()
    bench.w.sees(row("EURUSD", "-2", ticket="8"), step_ms=1)
    kept = bench.keeper.step()
    assert (bench.held, kept.written) == ({"#8": -2}, 0)
    assert kept.waits_ns is not None
    bench.w.passes(ms=kept.waits_ns // 1_000_000)
    bench.shelf.outcomes = [Wrote("unknown", "gone")]
    assert bench.keeper.step().trouble != ""
    assert bench.keeper.step().written == 1, "nobody knew whether it was written"
    assert [one.ticket for one in bench.shelf.rows] == ["8"]
    before = bench.w.state.position
    for _ in range(2):
        assert bench.keeper.step().written == 0
    assert bench.w.state.position <= before + 1, "that it is there now is said once"
    assert bench.w.state.foreign.left == ()


def test_l15_a_book_takes_over_what_fills_moved_before() -> None:
    """An account that recorded its fills itself, and is given a book: the book is the one source from then on."""
    bench = Bench(at_book("AAPL", "5", "11"), at_book("TSLA", "1"))
    fills = [Fill(execution_id=f"x{n}", symbol=symbol, side="buy", quantity=3, price=10)
             for n, symbol in enumerate(("AAPL", "MSFT", "NVDA"))]  # fmt: skip
    bench.w.record(*fills, Fill(execution_id="y", symbol="TSLA", side="buy", quantity=1, price=1))
    bench.w.record(Fill(execution_id="z", symbol="NVDA", side="sell", quantity=3, price=10))
    assert bench.held == {"AAPL": 3, "MSFT": 3, "TSLA": 1}
    bench.keeper.step()
    assert bench.held == {"AAPL": 5, "TSLA": 1}
    holding = bench.w.state.held("AAPL")
    assert holding is not None
    assert (holding.source, holding.price) == ("set", 11)
    assert bench.facts(RecordRefused) == []
    before = bench.w.state.position
    bench.keeper.step()
    assert bench.w.state.position == before
    bench.w.record(Fill(execution_id="w", symbol="AAPL", side="buy", quantity=3, price=10))
    assert bench.held == {"AAPL": 5, "TSLA": 1}
    bench.shelf.rows.append(at_book("NVDA", "2"))
    bench.keeper.step()
    assert bench.held["NVDA"] == 2, "also of what was closed by fills"


def test_a_policy_that_only_looks_writes_no_ticket() -> None:
    bench = Bench(at_book("EURUSD", "-2"), mode="hedging", policy=Policy.observe(confirm_interval_ms=0))
    bench.keeper.step()
    bench.w.sees(row("EURUSD", "-2", ticket="8"), times=2)
    assert bench.held == {"#8": -2}
    assert (bench.keeper.step().written, bench.shelf.writes) == (0, [])
