"""`python -m trueup_adapters.demo`: the demo, as `trueup demo` plays it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from trueup.errors import InputError
from trueup_adapters.demo.play import run

USAGE = 2
INTERRUPTED = 130


def main() -> int:
    """The exit status of the demo; 2 for a directory that cannot be used, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description="trueup, shown on a gateway of its own.")
    parser.add_argument("--json", action="store_true", help="one JSON object a scene")
    parser.add_argument("--directory", type=Path, metavar="DIR", help="keep the journal in this new or empty folder")
    given = parser.parse_args()
    try:
        return run(Console(), as_json=given.json, directory=given.directory)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    except KeyboardInterrupt:
        sys.stderr.write("stopped; nothing is left running\n")
        return INTERRUPTED


if __name__ == "__main__":
    raise SystemExit(main())
