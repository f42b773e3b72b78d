"""Run every benchmark and say which promises hold: `scripts/bench [--json] [--quick] [--picture FILE]`."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import long, rows, simulated
from benchmarks.harness import Measured
from benchmarks.picture import svg


def main() -> int:
    """Exit 0 when every bound is met, 1 when one is not."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, nothing over 10,000 positions")
    parser.add_argument("--picture", type=Path, help="write pass time against size as SVG")
    parser.add_argument("--only", default="", help="only promises whose group contains this word")
    options = parser.parse_args()
    found: list[Measured] = []
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="trueup-bench-") as name:
        for group, some in _groups(Path(name), options.quick, options.picture, options.only):
            if not options.json:
                console.print(f"  {group}", style="dim")
            found.extend(some)
    if options.json:
        print(json.dumps(_as_json(found), indent=2))
    else:
        Console().print(_table(found))
    return 0 if all(one.met is not False for one in found) else 1


def _groups(directory: Path, quick: bool, picture: Path | None, only: str) -> Iterator[tuple[str, list[Measured]]]:
    rounds = 9 if quick else 25
    sizes = [100, 1_000, 10_000] if quick else [100, 1_000, 10_000, 100_000]
    work = {
        "passes": lambda: [
            one for size in sizes for one in rows.passes(directory, size, 5 if size > 10_000 else rounds)
        ],
        "recovery": lambda: [
            rows.cold_recovery(directory, size, 3 if quick else 7) for size in sizes if size <= 10_000
        ],
        "recording": lambda: [
            rows.recording(directory, "full", 1.5, 300 if quick else 1_000),
            rows.recording(directory, "normal", 4.0, 300 if quick else 1_000),
            rows.recording_meanwhile(directory, 10_000),
        ],
        "loop": lambda: rows.throttled(directory),
        "replay": lambda: [rows.replaying(directory, 20_000 if quick else 100_000, 3)],
        "journal": lambda: [rows.growth_bytes(directory, size) for size in sizes if size <= 10_000],
        "memory": lambda: [long.memory(directory, 10_000 if quick else 100_000)],
        "length": lambda: [long.independent_of_length(directory, 2_000 if quick else 20_000)],
        "simulator": lambda: [*simulated.histories(40 if quick else 200), simulated.quiet(30 if quick else 365)],
        "restart": lambda: long.restarts(directory, [1_000, 10_000] if quick else [1_000, 10_000, 50_000]),
    }
    for group, measure in work.items():
        if only in group:
            yield group, measure()
    if only in "growth":
        found, times = long.linear(directory, sizes, 5 if quick else 9)
        if picture is not None:
            picture.write_text(svg(times), encoding="utf-8")
        yield "growth", found


def _as_json(found: list[Measured]) -> dict[str, object]:
    return {
        "machine": {"python": sys.version.split()[0], "system": platform.system(), "machine": platform.machine()},
        "rows": [
            {
                "work": one.work,
                "value": round(one.value, 3),
                "unit": one.what,
                "bound": one.bound,
                "at_least": one.at_least,
                "met": one.met,
                "detail": one.detail,
            }
            for one in found
        ],
        "met": all(one.met is not False for one in found),
    }


def _table(found: list[Measured]) -> Table:
    table = Table("work", "", "found", "bound", "", title="trueup against the least the same work can cost")
    table.columns[2].justify = table.columns[3].justify = "right"
    for one in found:
        verdict = {True: "[green]met[/]", False: "[bold red]missed[/]", None: "[dim]-[/]"}[one.met]
        sign = ">=" if one.at_least else "<="
        bound = "" if one.bound is None else f"{sign} {one.bound:g}"
        table.add_row(one.work, verdict, f"{one.value:,.2f}", bound, f"[dim]{one.what}; {one.detail}[/]")
    return table


if __name__ == "__main__":
    sys.exit(main())
