"""Why is a position no more: which exit reason does all the evidence together support?

For whoever asks afterwards; what a correction itself states is the broker's own word alone (`trueup.exits`). A reason
is given only where the evidence is unambiguous and more than a coincidence of numbers; everything else stays
`CLOSED_EXTERNALLY`, which claims nothing (law 13).
"""

from __future__ import annotations

from typing import Final

import msgspec

from trueup.causes.material import BreakFacts, Cause
from trueup.causes.ranking import propose
from trueup.exits import CLOSED_EXTERNALLY, SAID

_REASONS: Final[dict[Cause, str]] = {
    "liquidation": SAID["liquidation"],
    "stop_hit": SAID["stop"],
    "take_profit_hit": SAID["take_profit"],
    "manual_trade": "CLOSED_BY_HAND",
    "missed_fill": "CLOSED_BY_MISSED_FILL",
    "duplicate_fill": "NEVER_HELD",
    "partial_close": "CONTINUED_UNDER_ANOTHER_TICKET",
    "swap_or_funding": "CONTINUED_UNDER_ANOTHER_TICKET",
    "symbol_alias": "CONTINUED_UNDER_ANOTHER_NAME",
    "base_asset_fee": "SPENT_ON_FEES",
    "split": "SPLIT",
}
"""By cause; where the broker says it itself, in the words that a correction states."""


class ExitReason(msgspec.Struct, frozen=True):
    """Why a position is no more, and by what one knows."""

    reason: str
    """`CLOSED_EXTERNALLY`, or the explained cause."""
    why: str = ""
    """One plain sentence; '' when nothing explains it."""
    evidence: tuple[int, ...] = ()
    """Journal positions, ascending."""


def exit_reason(facts: BreakFacts) -> ExitReason:
    """The exit reason that the best proposal supports.

    facts   as for `propose`, with `broker` None and `book` the position that is gone. What matters of it:
            `deals`    what the answers on fills (and pushes) stated, each with the moment and the journal position at
                       which it was first heard of, and `counted` for what has moved the book already
            `orders`   the broker's, with their type: what executed a stop order was a stop
            `agreed`   when the last complete answer that still listed the position was asked for, and `lag_ns`, how
                       stale that may have been; without them an older exit cannot be told from today's (L59)
            `seen`     when the first answer without the position was received

    A proposal counts if it is `certain` or `likely` and not ambiguous. Pure and deterministic (law 1). Costs
    microseconds without deals; bounded by `sums.STEPS_MAX` with many.
    """
    best = propose(facts)[0]
    if best.strength not in ("certain", "likely") or best.ambiguous:
        return ExitReason(CLOSED_EXTERNALLY)
    return ExitReason(_REASONS.get(best.cause, CLOSED_EXTERNALLY), best.why, best.positions)
