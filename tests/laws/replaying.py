"""What does another process make of the same journals? One line of digests for each line of events."""

from __future__ import annotations

import sys
from pathlib import Path

from laws.oracle import replay


def main(path: str) -> None:
    """Replay each journal of the file: events as `name:hex`, one journal a line."""
    for line in Path(path).read_text("ascii").splitlines():
        pairs = (cell.split(":") for cell in line.split())
        stored = [(name, bytes.fromhex(state)) for name, state in pairs]
        sys.stdout.write(replay("test:1", stored).digest + "\n")
