"""How does a person, a script or a scheduler use trueup from a shell?

Reading order:
    exits    what the exit statuses mean, and which error leads to which
    output   one JSON value for programs, tables for people
    options  the options that several commands share
    stores   which account of a store is meant, and which moment of it
    check, run, look, seal, keep, ack, play   the commands
    app      all of them under one name, and what a wrong word is answered with
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["INTERRUPTED", "main"]

INTERRUPTED: Final = 130
"""The exit status after Ctrl-C, as shells have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line (default: `sys.argv`) and returns its exit status.

    Loading the commands takes a moment, in which Ctrl-C may come as well as later: no traceback tells of either.
    """
    try:
        from trueup_adapters.cli.app import main as run
    except KeyboardInterrupt:
        return INTERRUPTED
    return run(arguments)
