"""How does a test have a bot's table, in one convention or another, and reach into it as the bot would?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from trueup.model import PositionMode, plain
from trueup_adapters.books import Mapping
from trueup_adapters.books.sql import SqlBook

SIGNED = Mapping(price="price")
SIDED = Mapping(
    quantity="qty", side="side", price="avg", closed="status", status="status", open_word="OPEN", closed_word="CLOSED",
    exit_reason="exit_reason", closed_at="closed_at", long="LONG", short="SHORT", strategy="strategy",
    only={"account": "main"}, added={"source": "trueup"},
)  # fmt: skip
ZERO = Mapping(price="price", closed="zero", exit_reason="exit_reason")
HEDGED = Mapping(ticket="ticket", side="side", long="buy", short="sell", price="price")
SCHEMAS = {
    "hedged": "CREATE TABLE positions (ticket TEXT PRIMARY KEY, symbol TEXT, side TEXT, quantity TEXT, price TEXT)",
    "signed": "CREATE TABLE positions (symbol TEXT PRIMARY KEY, quantity TEXT NOT NULL, price TEXT)",
    "sided": (
        "CREATE TABLE positions (id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, symbol TEXT NOT NULL, "
        "side TEXT NOT NULL, qty NUMERIC NOT NULL, avg NUMERIC, status TEXT NOT NULL, strategy TEXT, exit_reason TEXT, "
        "closed_at DATETIME, source TEXT)"
    ),
    "zero": "CREATE TABLE positions (symbol TEXT, quantity TEXT, price TEXT, exit_reason TEXT)",
}
MAPPINGS = {"signed": SIGNED, "sided": SIDED, "zero": ZERO, "hedged": HEDGED}


class Table:
    """A SQLite table in one of three conventions: the bot's side, and trueup's book on it."""

    def __init__(self, folder: Path, convention: str = "signed", *, position_mode: PositionMode = "netting") -> None:
        self.path = folder / "bot.db"
        self.convention = convention
        self.do(SCHEMAS[convention])
        self.book = SqlBook(
            f"sqlite:///{self.path}", "positions", MAPPINGS[convention], position_mode=position_mode, name="bot"
        )

    def do(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """One statement of the bot's own."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()

    def put(self, symbol: str, quantity: str, price: str) -> None:
        self.drop(symbol)
        if self.convention == "sided":
            side = "SHORT" if quantity.startswith("-") else "LONG"
            self.do(
                "INSERT INTO positions (account, symbol, side, qty, avg, status) VALUES ('main', ?, ?, ?, ?, 'OPEN')",
                symbol, side, quantity.lstrip("-"), price,
            )  # fmt: skip
        else:
            self.do("INSERT INTO positions (symbol, quantity, price) VALUES (?, ?, ?)", symbol, quantity, price)

    def drop(self, symbol: str) -> None:
        self.do({
            "signed": "DELETE FROM positions WHERE symbol = ?",
            "sided": "UPDATE positions SET status = 'CLOSED' WHERE symbol = ? AND status = 'OPEN'",
            "zero": "UPDATE positions SET quantity = '0' WHERE symbol = ?",
        }[self.convention], symbol)  # fmt: skip

    def held(self) -> dict[str, str]:
        from decimal import Decimal

        if self.convention == "sided":
            rows = self.do(
                "SELECT symbol, side, CAST(qty AS TEXT) FROM positions WHERE status = 'OPEN' AND account = 'main'"
            )
            return {str(s): plain(Decimal(str(q)) * (-1 if side == "SHORT" else 1)) for s, side, q in rows}
        return {str(s): str(q) for s, q in self.do("SELECT symbol, quantity FROM positions") if q != "0"}

    def spoil(self, symbol: str) -> None:
        self.put(symbol, "many", "1")

    def silence(self) -> None:
        self.path.unlink()
        self.path.mkdir()
