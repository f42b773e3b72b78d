"""Does each book of orders keep the contract, in every convention of keeping them?"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from books.order_tables import Orders
from trueup import OrderUpdate
from trueup.foreign import OrderName, OrderWrite
from trueup.model import plain
from trueup.testing.order_book_contract import OrderBookContract
from trueup_adapters.books import PlainOrders


class TestSqlOrders(OrderBookContract):
    @pytest.fixture(params=["ours", "theirs"])
    def harness(self, tmp_path: Path, request: pytest.FixtureRequest) -> Orders:
        return Orders(tmp_path, request.param)


class Ledger:
    """A dictionary of a bot's."""

    def __init__(self) -> None:
        self.rows: dict[str, OrderUpdate] = {}
        self.silent = False
        self.orders = PlainOrders(self._read, self._write, name="ledger")

    def _read(self) -> list[OrderUpdate]:
        if self.silent:
            raise OSError("gone")
        return list(self.rows.values())

    def _write(self, write: OrderWrite) -> bool:
        if self.silent:
            raise OSError("gone")
        after, now = write.after, self.rows.get(write.after.client_order_id)
        if (now is None) != (write.before is None):
            return False
        said = {"status": "accepted", "filled": "0", "order_id": None}
        if now is not None and write.before is not None:
            if (now.status, now.filled, now.order_id) != (
                write.before.status, write.before.filled, write.before.order_id,
            ):  # fmt: skip
                return False
            said = {"status": now.status, "filled": now.filled, "order_id": now.order_id}  # type: ignore[dict-item]
        fields = write.fields if now is not None else ("status", "filled", "order_id")
        said |= {field: getattr(after, field) for field in fields}
        self.rows[after.client_order_id] = made(after.client_order_id, **said)
        return True

    def put(self, name: str, status: str, *, filled: str = "0", order_id: str | None = None, side: str = "buy") -> None:
        self.rows[name] = made(name, status=status, filled=filled, order_id=order_id, side=side)

    def drop(self, name: str) -> None:
        del self.rows[name]

    def held(self) -> dict[str, tuple[str, str, str | None]]:
        return {
            name: (one.status.value, plain(Decimal(str(one.filled))), one.order_id)  # type: ignore[union-attr]
            for name, one in self.rows.items()
        }

    def spoil(self, name: str) -> None:
        self.rows[name] = made(name, status="parked")

    def silence(self) -> None:
        self.silent = True


def made(name: str, **more: object) -> OrderUpdate:
    given = {"symbol": "AAPL", "side": "buy", "type": "limit", "quantity": 10, "status": "accepted"} | more
    return OrderUpdate(client_order_id=name, **given)  # type: ignore[arg-type]


class TestPlainOrders(OrderBookContract):
    @pytest.fixture
    def harness(self) -> Ledger:
        return Ledger()


def test_what_is_no_order_at_all_is_refused() -> None:
    orders = PlainOrders(lambda: [{"symbol": "AAPL"}, made("a", filled=None)], lambda _: True)  # type: ignore[list-item]
    answer = orders.read([OrderName("a")])
    assert [one.why for one in answer.refused] == ["read gave a dict; it must give OrderUpdate"]
    assert [(row.client_order_id, row.filled) for row in answer.orders] == [("a", 0)]
    assert orders.name == "callables"
    orders.close()
