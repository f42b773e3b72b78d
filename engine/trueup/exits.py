"""Which exit reason does a closed position get, by the word of the deal that closed it?

Only the broker's own word for a forced or automatic exit counts, given with a deal of that very ticket (a ticket never
comes back). A position that somebody closed by hand was closed externally, and of everything else nobody knows more
(law 13). What other evidence makes likely is proposed by `trueup.causes`, and not stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trueup.model import Execution, Reason

CLOSED_EXTERNALLY: Final = "CLOSED_EXTERNALLY"
"""It is gone, and nobody explained why."""

SAID: Final[Mapping[Reason, str]] = {
    "stop": "STOP_HIT",
    "take_profit": "TAKE_PROFIT_HIT",
    "liquidation": "LIQUIDATED",
}
"""Stored for ever: a name is never given another meaning."""


def exit_said(execution: Execution) -> str | None:
    """The exit reason that a deal states; None where it states none, or not for which position."""
    return None if execution.reason is None or execution.ticket is None else SAID.get(execution.reason)
