"""Does each book keep the contract, in every convention of keeping positions?"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from books.tables import Table
from trueup import PositionSet
from trueup.foreign import BookWrite
from trueup.model import Holding, plain
from trueup.testing.book_contract import BookContract
from trueup_adapters.books import PlainBook


class TestSqlBook(BookContract):
    @pytest.fixture(params=["signed", "sided", "zero"])
    def harness(self, tmp_path: Path, request: pytest.FixtureRequest) -> Table:
        return Table(tmp_path, request.param)


class _Shelf:
    """A dictionary of a bot's."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, str]] = {}
        self.silent = False
        self.book = PlainBook(self._read, self._write, name="shelf")

    def _read(self) -> list[PositionSet]:
        if self.silent:
            raise OSError("gone")
        return [_set(symbol, *row) for symbol, row in self.rows.items()]

    def _write(self, write: BookWrite) -> bool:
        if self.silent:
            raise OSError("gone")
        after, before = write.after, write.before
        symbol = (after or before).symbol  # type: ignore[union-attr]
        now = self.rows.get(symbol)
        expected = None if before is None else plain(before.signed_quantity)
        if (None if now is None else now[0]) != expected:
            return False
        if after is None:
            del self.rows[symbol]
        else:
            self.rows[symbol] = (plain(after.signed_quantity), str(after.price))
        return True

    def put(self, symbol: str, quantity: str, price: str) -> None:
        self.rows[symbol] = (quantity, price)

    def drop(self, symbol: str) -> None:
        self.rows.pop(symbol, None)

    def held(self) -> dict[str, str]:
        return {symbol: quantity for symbol, (quantity, _) in self.rows.items()}

    def spoil(self, symbol: str) -> None:
        self.rows[symbol] = ("many", "1")

    def silence(self) -> None:
        self.silent = True


def _set(symbol: str, quantity: str, price: str) -> PositionSet:
    if quantity == "many":
        return {"symbol": symbol}  # type: ignore[return-value]
    side = "short" if quantity.startswith("-") else "long"
    return PositionSet(symbol=symbol, side=side, quantity=quantity.lstrip("-"), price=price)


class TestPlainBook(BookContract):
    @pytest.fixture
    def harness(self) -> _Shelf:
        return _Shelf()


def test_a_holding_is_written_as_it_is(tmp_path: Path) -> None:
    table = Table(tmp_path, "sided")
    after = Holding("EURUSD", Decimal("-0.10"), price=Decimal("1.0543"), strategy="trend")
    assert table.book.write(BookWrite(cursor=1, correction_id="x", before=None, after=after)).state == "written"
    (row,) = table.do("SELECT account, symbol, side, qty, avg, status, strategy, source FROM positions")
    assert row == ("main", "EURUSD", "SHORT", 0.1, 1.0543, "OPEN", "trend", "trueup")
