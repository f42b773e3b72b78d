"""How does a test have a bot's table of orders, in one convention or another, and reach into it as the bot would?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from trueup.model import plain
from trueup_adapters.books import OrderMapping
from trueup_adapters.books.sql_orders import SqlOrders

OURS = OrderMapping(client_order_id="cid", order_id="oid", filled="filled", limit="price")
THEIRS = OrderMapping(
    client_order_id="cid", order_id="oid", side="direction", buy="B", sell="S", type="kind", quantity="qty",
    status="state", filled="done", exit_reason="reason", closed_at="ended", only={"account": "main"},
    added={"source": "trueup"},
    statuses={"NEW": "pending", "OPEN": "accepted", "PART": "partially_filled", "DONE": "filled", "DEAD": "canceled"},
)  # fmt: skip
MAPPINGS = {"ours": OURS, "theirs": THEIRS}
SCHEMAS = {
    "ours": (
        "CREATE TABLE orders (cid TEXT PRIMARY KEY, oid TEXT, symbol TEXT, side TEXT, type TEXT, quantity TEXT, "
        "filled TEXT, price TEXT, status TEXT)"
    ),
    "theirs": (
        "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, cid TEXT, oid TEXT, symbol "
        "TEXT NOT NULL, direction TEXT NOT NULL, kind TEXT NOT NULL, qty NUMERIC NOT NULL, done NUMERIC, "
        "state TEXT NOT NULL, reason TEXT, ended DATETIME, source TEXT)"
    ),
}


class Orders:
    """A SQLite table in one of two conventions: the bot's side, and trueup's book on it."""

    def __init__(self, folder: Path, convention: str = "ours") -> None:
        self.path = folder / "bot.db"
        self.convention = convention
        self.mapping = MAPPINGS[convention]
        self.words = {ours: word for word, ours in self.mapping.statuses.items()}
        self.do(SCHEMAS[convention])
        self.orders = SqlOrders(f"sqlite:///{self.path}", "orders", self.mapping, name="bot")

    def do(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """One statement of the bot's own."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()

    def put(self, name: str, status: str, *, filled: str = "0", order_id: str | None = None, side: str = "buy") -> None:
        mapping, word = self.mapping, self.words.get(status, status)
        if self.do("SELECT 1 FROM orders WHERE cid = ?", name):
            self.do(
                f"UPDATE orders SET {mapping.status} = ?, {mapping.filled} = ?, oid = ? WHERE cid = ?",
                word, filled, order_id, name,
            )  # fmt: skip
            return
        if self.convention == "theirs":
            direction = "B" if side == "buy" else "S"
            self.do(
                "INSERT INTO orders (account, cid, oid, symbol, direction, kind, qty, done, state) VALUES ('main', ?, "
                "?, 'AAPL', ?, 'LMT', 10, ?, ?)", name, order_id, direction, filled, word,
            )  # fmt: skip
            return
        self.do(
            "INSERT INTO orders (cid, oid, symbol, side, type, quantity, filled, price, status) VALUES (?, ?, 'AAPL', "
            "?, 'limit', '10', ?, '100', ?)", name, order_id, side, filled, word,
        )  # fmt: skip

    def drop(self, name: str) -> None:
        self.do("DELETE FROM orders WHERE cid = ?", name)

    def held(self) -> dict[str, tuple[str, str, str | None]]:
        mapping = self.mapping
        rows = self.do(f"SELECT cid, {mapping.status}, CAST({mapping.filled} AS TEXT), oid FROM orders")
        return {
            str(name): (mapping.statuses.get(str(word), str(word)), plain(Decimal(str(filled or 0))),
                        None if oid is None else str(oid))
            for name, word, filled, oid in rows
        }  # fmt: skip

    def spoil(self, name: str) -> None:
        self.put(name, "parked")

    def silence(self) -> None:
        self.path.unlink()
        self.path.mkdir()
