"""Which files are the pure core just now?

Prints them as coverage's `--include` wants them: paths from the root of the checkout, with commas between.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "scripts" / "pure_core.txt"
PACKAGE = ROOT / "engine" / "trueup"


def pure_core() -> list[Path]:
    """The listed files that exist, in order."""
    lines = (line.strip() for line in LIST.read_text("utf-8").splitlines())
    return sorted({file for line in lines if line and not line.startswith("#") for file in PACKAGE.glob(line)})


if __name__ == "__main__":
    sys.stdout.write(",".join(str(file.relative_to(ROOT)) for file in pure_core()) + "\n")
