"""Does a book that lives elsewhere keep what `trueup.foreign` relies on?

Inherit `BookContract`, give it a harness, and run it with pytest:

    class TestMyBook(BookContract):
        @pytest.fixture
        def harness(self, tmp_path):
            return MyHarness(tmp_path)

The harness is the bot's side: it reaches into the place where the book is kept as the bot would.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from trueup.foreign import Book, BookRow, BookWrite
from trueup.model import Holding


class BookHarness(Protocol):
    """The bot's side of a book. Quantities are signed text: `-2` is short."""

    book: Book

    def put(self, symbol: str, quantity: str, price: str) -> None:
        """The bot adds an open position, or changes the one that it has."""
        ...

    def drop(self, symbol: str) -> None:
        """The bot closes it, in its own way."""
        ...

    def held(self) -> dict[str, str]:
        """What the bot would read: signed quantity as exact text, by symbol, of what is open."""
        ...

    def spoil(self, symbol: str) -> None:
        """A row of that symbol that nobody can use."""
        ...

    def silence(self) -> None:
        """From here on nothing can be read or written."""
        ...


def _correction(before: BookRow | None, after: Holding | None) -> BookWrite:
    return BookWrite(
        cursor=7, correction_id="0123456789abcdef", before=before, after=after, why="the broker says so",
        exit_reason=None if after is not None else "CLOSED_EXTERNALLY", at_ns=1_767_225_600_000_000_000,
    )  # fmt: skip


def _held(symbol: str, quantity: str, price: str = "10") -> Holding:
    return Holding(symbol=symbol, signed_quantity=Decimal(quantity), price=Decimal(price))


class BookContract:
    """What every book does alike."""

    def row(self, harness: BookHarness, symbol: str) -> BookRow:
        """What the book says of a symbol."""
        answer = harness.book.read()
        (found,) = [row for row in answer.positions if row.symbol == symbol]
        return found

    def test_it_says_what_the_bot_put_there_exactly(self, harness: BookHarness) -> None:
        harness.put("AAPL", "3", "190.5")
        harness.put("BTC/USD", "-0.00012345", "60000.01")
        answer = harness.book.read()
        assert (answer.completeness, answer.why, answer.refused) == ("complete", "", ())
        said = {row.symbol: (row.signed_quantity, row.price) for row in answer.positions}
        assert said == {
            "AAPL": (Decimal(3), Decimal("190.5")),
            "BTC/USD": (Decimal("-0.00012345"), Decimal("60000.01")),
        }

    def test_an_empty_book_is_an_answer(self, harness: BookHarness) -> None:
        answer = harness.book.read()
        assert (answer.completeness, list(answer.positions)) == ("complete", [])

    def test_what_is_closed_is_not_listed(self, harness: BookHarness) -> None:
        harness.put("AAPL", "3", "190.5")
        harness.drop("AAPL")
        assert list(harness.book.read().positions) == []

    def test_l42_a_row_that_cannot_be_used_is_refused_and_the_rest_is_read(self, harness: BookHarness) -> None:
        harness.put("AAPL", "3", "190.5")
        harness.spoil("MSFT")
        answer = harness.book.read()
        assert answer.completeness == "partial"
        assert [row.symbol for row in answer.positions] == ["AAPL"]
        assert len(answer.refused) == 1
        assert answer.refused[0].why

    def test_l01_a_book_that_is_silent_says_so(self, harness: BookHarness) -> None:
        harness.put("AAPL", "3", "190.5")
        harness.silence()
        answer = harness.book.read()
        assert (answer.completeness, list(answer.positions)) == ("failed", [])
        assert answer.why

    def test_a_position_is_added_changed_and_closed(self, harness: BookHarness) -> None:
        assert harness.book.write(_correction(None, _held("AAPL", "2.5"))).state == "written"
        assert harness.held() == {"AAPL": "2.5"}
        before = self.row(harness, "AAPL")
        assert harness.book.write(_correction(before, _held("AAPL", "-1.25"))).state == "written"
        assert harness.held() == {"AAPL": "-1.25"}
        before = self.row(harness, "AAPL")
        assert harness.book.write(_correction(before, None)).state == "written"
        assert harness.held() == {}

    def test_only_the_row_that_is_meant_is_touched(self, harness: BookHarness) -> None:
        harness.put("AAPL", "3", "10")
        harness.put("MSFT", "4", "10")
        assert harness.book.write(_correction(self.row(harness, "AAPL"), _held("AAPL", "5"))).state == "written"
        assert harness.held() == {"AAPL": "5", "MSFT": "4"}
        assert harness.book.write(_correction(self.row(harness, "MSFT"), None)).state == "written"
        assert harness.held() == {"AAPL": "5"}

    def test_what_the_bot_changed_meanwhile_is_never_overwritten(self, harness: BookHarness) -> None:
        harness.put("AAPL", "3", "10")
        before = self.row(harness, "AAPL")
        harness.put("AAPL", "7", "10")
        wrote = harness.book.write(_correction(before, _held("AAPL", "5")))
        assert (wrote.state, harness.held()) == ("conflict", {"AAPL": "7"})
        assert "AAPL" in wrote.why
        wrote = harness.book.write(_correction(before, None))
        assert (wrote.state, harness.held()) == ("conflict", {"AAPL": "7"})

    def test_what_the_bot_closed_meanwhile_is_not_opened_again(self, harness: BookHarness) -> None:
        harness.put("AAPL", "3", "10")
        before = self.row(harness, "AAPL")
        harness.drop("AAPL")
        assert harness.book.write(_correction(before, _held("AAPL", "5"))).state == "conflict"
        assert harness.held() == {}

    def test_what_the_bot_added_meanwhile_is_not_added_twice(self, harness: BookHarness) -> None:
        harness.put("AAPL", "7", "10")
        assert harness.book.write(_correction(None, _held("AAPL", "5"))).state == "conflict"
        assert harness.held() == {"AAPL": "7"}

    def test_l49_a_correction_that_is_written_twice_is_written_once(self, harness: BookHarness) -> None:
        harness.put("AAPL", "3", "10")
        for before, after in ((None, _held("MSFT", "1")), (self.row(harness, "AAPL"), _held("AAPL", "5"))):
            states = [harness.book.write(_correction(before, after)).state for _ in range(2)]
            assert states[0] == "written"
            assert states[1] in ("already", "conflict")
        assert harness.held() == {"AAPL": "5", "MSFT": "1"}
        before = self.row(harness, "AAPL")
        assert harness.book.write(_correction(before, None)).state == "written"
        assert harness.book.write(_correction(before, None)).state in ("already", "conflict")
        assert harness.held() == {"MSFT": "1"}

    def test_law_6_a_silent_book_was_perhaps_written(self, harness: BookHarness) -> None:
        harness.put("AAPL", "3", "10")
        before = self.row(harness, "AAPL")
        harness.silence()
        wrote = harness.book.write(_correction(before, _held("AAPL", "5")))
        assert wrote.state == "unknown"
        assert wrote.why
