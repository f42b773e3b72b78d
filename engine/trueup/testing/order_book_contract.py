"""Does a book of orders that lives elsewhere keep what `trueup.foreign` relies on?

Inherit `OrderBookContract`, give it a harness, and run it with pytest:

    class TestMyOrders(OrderBookContract):
        @pytest.fixture
        def harness(self, tmp_path):
            return MyHarness(tmp_path)

The harness is the bot's side: it reaches into the place where the orders are kept as the bot would.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from trueup.foreign import OrderBook, OrderField, OrderName, OrderRow, OrderWrite
from trueup.model import BookOrder, OrderStatus

FILLED, CANCELED, ACCEPTED = OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.ACCEPTED


class OrderBookHarness(Protocol):
    """The bot's side of a book of orders. All of them buy or sell 10 AAPL; `filled` is exact text."""

    orders: OrderBook

    def put(self, name: str, status: str, *, filled: str = "0", order_id: str | None = None, side: str = "buy") -> None:
        """The bot adds an order under its client order id, or changes the one that it has. `status` is one of ours."""
        ...

    def drop(self, name: str) -> None:
        """The bot deletes it."""
        ...

    def held(self) -> dict[str, tuple[str, str, str | None]]:
        """What the bot would read: (status in our words, filled as exact text, the broker's id), by client order id."""
        ...

    def spoil(self, name: str) -> None:
        """A row of that order whose status nobody can know."""
        ...

    def silence(self) -> None:
        """From here on nothing can be read or written."""
        ...


def _write(before: OrderRow | None, name: str, status: OrderStatus, *fields: OrderField, **more: object) -> OrderWrite:
    given: dict[str, object] = {"filled": Decimal(0)} | more
    after = BookOrder(name, "AAPL", "buy", "limit", Decimal(10), status, **given)  # type: ignore[arg-type]
    return OrderWrite(
        cursor=7, correction_id="0123456789abcdef", before=before, after=after, fields=fields, why="the broker says so",
        exit_reason="CLOSED_EXTERNALLY" if status is CANCELED else None, at_ns=1_767_225_600_000_000_000,
    )  # fmt: skip


class OrderBookContract:
    """What every book of orders does alike."""

    def row(self, harness: OrderBookHarness, name: str) -> OrderRow:
        """What the book says of an order."""
        answer = harness.orders.read([OrderName(name)])
        (found,) = [row for row in answer.orders if row.client_order_id == name]
        return found

    def test_it_says_what_the_bot_put_there_exactly(self, harness: OrderBookHarness) -> None:
        harness.put("a", "pending")
        harness.put("b", "partially_filled", filled="2.50", order_id="77", side="sell")
        answer = harness.orders.read([])
        assert (answer.completeness, answer.why, answer.refused) == ("complete", "", ())
        said = {row.client_order_id: (row.status, row.filled, row.order_id, row.side) for row in answer.orders}
        assert said == {
            "a": (OrderStatus.PENDING, Decimal(0), None, "buy"),
            "b": (OrderStatus.PARTIALLY_FILLED, Decimal("2.5"), "77", "sell"),
        }
        assert {(row.symbol, row.quantity) for row in answer.orders} == {("AAPL", Decimal(10))}

    def test_an_empty_book_is_an_answer(self, harness: OrderBookHarness) -> None:
        answer = harness.orders.read([])
        assert (answer.completeness, list(answer.orders)) == ("complete", [])

    def test_what_has_ended_is_stated_where_it_is_asked_for_by_name(self, harness: OrderBookHarness) -> None:
        for name, status in (("a", "filled"), ("b", "canceled"), ("c", "accepted")):
            harness.put(name, status, order_id=f"o-{name}")
        assert [row.client_order_id for row in harness.orders.read([]).orders] == ["c"]
        answer = harness.orders.read([OrderName("b", "o-b"), OrderName("c"), OrderName("gone", "o-gone")])
        assert sorted((row.client_order_id, row.status) for row in answer.orders if row.client_order_id) == [
            ("b", CANCELED), ("c", ACCEPTED),
        ]  # fmt: skip

    def test_l42_a_row_that_cannot_be_used_is_refused_and_the_rest_is_read(self, harness: OrderBookHarness) -> None:
        harness.put("a", "accepted")
        harness.spoil("b")
        answer = harness.orders.read([])
        assert answer.completeness == "partial"
        assert [row.client_order_id for row in answer.orders] == ["a"]
        assert [one.ticket for one in answer.refused] == ["b"]
        assert answer.refused[0].why

    def test_l01_a_book_that_is_silent_says_so(self, harness: OrderBookHarness) -> None:
        harness.put("a", "accepted")
        harness.silence()
        answer = harness.orders.read([])
        assert (answer.completeness, list(answer.orders)) == ("failed", [])
        assert answer.why

    def test_an_order_is_changed_and_ended(self, harness: OrderBookHarness) -> None:
        harness.put("a", "pending")
        harness.put("b", "accepted")
        write = _write(
            self.row(harness, "a"), "a", OrderStatus.PARTIALLY_FILLED, "status", "filled", "order_id",
            filled=Decimal("2.5"), order_id="77",
        )  # fmt: skip
        assert harness.orders.write(write).state == "written"
        assert harness.held() == {"a": ("partially_filled", "2.5", "77"), "b": ("accepted", "0", None)}
        write = _write(self.row(harness, "a"), "a", FILLED, "status", "filled", filled=Decimal(10), order_id="77")
        assert harness.orders.write(write).state == "written"
        write = _write(self.row(harness, "b"), "b", CANCELED, "status")
        assert harness.orders.write(write).state == "written"
        assert harness.held() == {"a": ("filled", "10", "77"), "b": ("canceled", "0", None)}

    def test_only_the_fields_that_are_named_are_written(self, harness: OrderBookHarness) -> None:
        harness.put("a", "accepted", filled="1")
        write = _write(self.row(harness, "a"), "a", CANCELED, "order_id", filled=Decimal(9), order_id="77")
        assert harness.orders.write(write).state == "written"
        assert harness.held() == {"a": ("accepted", "1", "77")}

    def test_an_order_is_added(self, harness: OrderBookHarness) -> None:
        harness.put("b", "accepted")
        assert harness.orders.write(_write(None, "a", ACCEPTED, order_id="77")).state == "written"
        assert harness.held() == {"a": ("accepted", "0", "77"), "b": ("accepted", "0", None)}
        assert self.row(harness, "a").quantity == 10

    def test_what_the_bot_changed_meanwhile_is_never_overwritten(self, harness: OrderBookHarness) -> None:
        harness.put("a", "accepted")
        before = self.row(harness, "a")
        harness.put("a", "partially_filled", filled="7")
        wrote = harness.orders.write(_write(before, "a", CANCELED, "status"))
        assert (wrote.state, harness.held()) == ("conflict", {"a": ("partially_filled", "7", None)})
        assert "order a" in wrote.why

    def test_an_end_that_the_bot_wrote_meanwhile_stands(self, harness: OrderBookHarness) -> None:
        harness.put("a", "accepted")
        before = self.row(harness, "a")
        harness.put("a", "filled", filled="10")
        wrote = harness.orders.write(_write(before, "a", CANCELED, "status"))
        assert (wrote.state, harness.held()) == ("conflict", {"a": ("filled", "10", None)})

    def test_what_the_bot_deleted_meanwhile_is_not_there_again(self, harness: OrderBookHarness) -> None:
        harness.put("a", "accepted")
        before = self.row(harness, "a")
        harness.drop("a")
        assert harness.orders.write(_write(before, "a", CANCELED, "status")).state == "conflict"
        assert harness.held() == {}

    def test_what_the_bot_added_meanwhile_is_not_added_twice(self, harness: OrderBookHarness) -> None:
        harness.put("a", "pending")
        assert harness.orders.write(_write(None, "a", ACCEPTED, order_id="77")).state == "conflict"
        assert harness.held() == {"a": ("pending", "0", None)}

    def test_l49_what_is_written_twice_is_written_once(self, harness: OrderBookHarness) -> None:
        harness.put("b", "accepted")
        added = _write(None, "a", ACCEPTED, order_id="77")
        ended = _write(self.row(harness, "b"), "b", CANCELED, "status")
        for write in (added, ended):
            states = [harness.orders.write(write).state for _ in range(2)]
            assert states[0] == "written"
            assert states[1] in ("already", "conflict")
        assert harness.held() == {"a": ("accepted", "0", "77"), "b": ("canceled", "0", None)}

    def test_law_6_a_silent_book_was_perhaps_written(self, harness: OrderBookHarness) -> None:
        harness.put("a", "accepted")
        before = self.row(harness, "a")
        harness.silence()
        wrote = harness.orders.write(_write(before, "a", CANCELED, "status"))
        assert wrote.state == "unknown"
        assert wrote.why
