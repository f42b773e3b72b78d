"""How does a MetaTrader 5 account history, saved as HTML, become a recording that `trueup import` reads?

    python scripts/recipes/mt5_statement.py ReportHistory.html --utc-offset +02:00 > incident.jsonl

In the terminal: History, right click, Report, HTML. Each deal becomes a fill that the process knew of, at its time; the
open positions at the end become the broker's answer, complete, at the time of the report. So the import says whether
the statement adds up to its own positions. Import it with --mode netting: deals do not name the position they move.

--utc-offset  of the broker's server, whose clock the report shows without naming it (L46)
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

SECTIONS = ("Positions", "Orders", "Deals", "Open Positions", "Working Orders", "Results", "Summary")


class Cells(HTMLParser):
    """The rows of all tables, as text; cells that the report hides are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._hidden = False
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._text, self._hidden = [], "hidden" in (dict(attrs).get("class") or "")

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._text is not None and self.rows:
            if not self._hidden:
                self.rows[-1].append(" ".join("".join(self._text).split()))
            self._text = None


def converted(html: str, offset: str) -> Iterator[dict[str, Any]]:
    """The statement's deals in order, and the positions that are open at its end."""
    cells = Cells()
    cells.feed(html)
    section, header, last = "", [""], ""
    held: list[dict[str, Any]] = []
    for row in (row for row in cells.rows if any(row)):
        filled = [cell for cell in row if cell]
        if filled[0] in SECTIONS and len(filled) == 1:
            section, header = filled[0], []
        elif filled[0] == "Date:":
            last = utc(filled[1], offset)
        elif section in ("Deals", "Open Positions") and not header:
            header = row
        elif section == "Deals" and len(row) >= len(header) and named(row, header, "Type") in ("buy", "sell"):
            last = last or utc(row[0], offset)
            yield {"at": utc(row[0], offset), "kind": "local", "fill": deal(row, header)}
        elif section == "Open Positions" and named(row, header, "Type") in ("buy", "sell"):
            held.append(position(row, header))
    yield {"at": last, "kind": "snapshot", "surface": "positions", "complete": True, "positions": held}


def named(row: list[str], header: list[str], column: str) -> str:
    """The cell under a column's title; '' where there is none."""
    return row[header.index(column)] if column in header and header.index(column) < len(row) else ""


def utc(text: str, offset: str) -> str:
    """`2026.01.15 09:30:00`, as the broker's server has it, in UTC."""
    when = datetime.fromisoformat(text.replace(".", "-", 2) + offset)
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def amount(text: str) -> str:
    """`1 234.50` without its spaces; of `0.10 / 0.10` the first, which is the volume."""
    return text.partition("/")[0].replace(" ", "").replace("\u00a0", "")


def deal(row: list[str], header: list[str]) -> dict[str, Any]:
    """One deal as a fill."""
    return {
        "execution_id": named(row, header, "Deal"),
        "order_id": named(row, header, "Order"),
        "symbol": named(row, header, "Symbol"),
        "side": named(row, header, "Type"),
        "quantity": amount(named(row, header, "Volume")),
        "price": amount(named(row, header, "Price")),
    }


def position(row: list[str], header: list[str]) -> dict[str, Any]:
    """One open position."""
    return {
        "symbol": named(row, header, "Symbol"),
        "side": "long" if named(row, header, "Type") == "buy" else "short",
        "quantity": amount(named(row, header, "Volume")),
        "ticket": named(row, header, "Position"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("report")
    parser.add_argument("--utc-offset", required=True)
    asked = parser.parse_args()
    with open(asked.report, "rb") as file:
        raw = file.read()
    html = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")  # MetaTrader saves UTF-16
    for line in converted(html, asked.utc_offset):
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
