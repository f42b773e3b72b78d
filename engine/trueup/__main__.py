"""How does `python -m trueup` find the command line, which lives in another package?

By its entry point, as any installed command is found: the engine imports nothing of the adapters, and a
program that embeds only the engine gets one clear sentence instead of a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import cast

COMMAND = "trueup"
COULD_NOT = 3
"""The exit status of everything that could not be done."""


def main() -> int:
    """Runs the command line with what `sys.argv` says; its exit status, 3 when it is not installed."""
    found = tuple(entry_points(group="console_scripts", name=COMMAND))
    command = _loaded(found[0]) if found else None
    if command is None:
        sys.stderr.write(
            "The command line of trueup is not installed here: it comes with the package trueup_adapters, "
            "which a whole installation (`pip install trueup`) holds.\n"
        )
        return COULD_NOT
    status = command()
    return status if isinstance(status, int) else 0


def _loaded(point: EntryPoint) -> Callable[[], object] | None:
    """What the entry point names; None when its package or module is not there."""
    try:
        return cast(Callable[[], object], point.load())
    except ModuleNotFoundError as missing:
        if missing.name is not None and (point.module + ".").startswith(missing.name + "."):
            return None
        raise  # the command line is there and lacks something of its own: that must be seen


if __name__ == "__main__":
    raise SystemExit(main())
