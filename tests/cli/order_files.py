"""How do these tests write two files with orders, and have them compared?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.shell import ACCOUNT, Ended, Shell

Check = Callable[..., Ended]
ORDER: dict[str, Any] = {
    "client_order_id": "c1", "order_id": "91", "symbol": "EURUSD", "side": "buy", "type": "limit",
    "quantity": "1", "filled": "0", "limit": "1.0500", "status": "accepted",
}  # fmt: skip
LONG: dict[str, Any] = {"symbol": "EURUSD", "ticket": "1", "side": "long", "quantity": "1"}


def order(**cells: Any) -> dict[str, Any]:
    """The usual order with other cells; `...` leaves one out."""
    return {name: cell for name, cell in (ORDER | cells).items() if cell is not ...}


def ours(**cells: Any) -> dict[str, Any]:
    """The usual order as a book has it that knows no order id."""
    return order(order_id=..., **cells)


def theirs(**cells: Any) -> dict[str, Any]:
    """The usual order as a broker lists it that keeps no client order ids."""
    return order(client_order_id=..., **cells)


BAD = order(client_order_id="bad", order_id="90", quantity="-1")
"""A row that is refused."""


def written(path: Path, orders: list[Any] | None, positions: list[Any] | None = None) -> Path:
    """A file of these orders and positions; None: it has no list of orders."""
    content: dict[str, Any] = {"account": ACCOUNT, "positions": positions or []}
    path.write_text(json.dumps(content if orders is None else content | {"orders": orders}))
    return path


def checker(shell: Shell, tmp_path: Path) -> Check:
    """`trueup check --json` of two lists of orders; None: the file has no such list."""

    def run(
        book: list[Any] | None,
        broker: list[Any] | None,
        *more: object,
        positions: tuple[list[Any], list[Any]] = ([], []),
    ) -> Ended:
        one = written(tmp_path / "book.json", book, positions[0])
        return shell("check", one, written(tmp_path / "broker.json", broker, positions[1]), "--json", *more)

    return run
