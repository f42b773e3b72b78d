"""How do position exports of a broker, one CSV file a moment, become a recording that `trueup import` reads?

    python scripts/recipes/broker_csv.py columns.toml 2026-01-15T09:30:00Z=morning.csv 2026-01-15T17:00:00Z=evening.csv

columns.toml says which of the broker's columns is which of ours, and what its words for the sides are:

    symbol = "Instrument"
    side = "Buy/Sell"
    quantity = "Units"
    price = "Avg price"
    sides = { Buy = "long", Sell = "short" }
    delimiter = ";"

Without `side` the sign of the quantity says it (L28). Each file is a whole list: an export that was cut off is not, and
nothing in a CSV file shows that, so look at its last line.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OURS = ("symbol", "ticket", "side", "quantity", "price", "stop", "strategy", "opened_at")


def converted(columns: dict[str, Any], files: list[tuple[str, Path]]) -> Iterator[dict[str, Any]]:
    """One snapshot a file."""
    for at, path in files:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [position(row, columns) for row in csv.DictReader(file, delimiter=columns.get("delimiter", ","))]
        yield {"at": at, "kind": "snapshot", "surface": "positions", "complete": True, "positions": rows}


def position(row: dict[str, str], columns: dict[str, Any]) -> dict[str, Any]:
    """One row in our words; a cell that is empty says nothing."""
    made = {ours: (row.get(columns[ours]) or "").strip() for ours in OURS if ours in columns}
    if "side" in made:
        made["side"] = columns.get("sides", {}).get(made["side"], made["side"])
    else:
        made["side"] = "short" if made["quantity"].startswith("-") else "long"
        made["quantity"] = made["quantity"].lstrip("+-")
    return {ours: cell for ours, cell in made.items() if cell}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("columns")
    parser.add_argument("files", nargs="+", metavar="TIME=FILE")
    asked = parser.parse_args()
    columns = tomllib.loads(Path(asked.columns).read_text("utf-8"))
    named = [(at, Path(path)) for at, _, path in (one.partition("=") for one in asked.files)]
    for line in converted(columns, named):
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
