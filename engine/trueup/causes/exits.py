"""Why is a position no more: which reason may a ghost's correction state?

The entry point for the aggregate. A reason is stated only where the evidence is unambiguous and more than a coincidence
of numbers; everything else stays `CLOSED_EXTERNALLY`, which claims nothing (law 13).
"""

from __future__ import annotations

from typing import Final

import msgspec

from trueup.causes.material import BreakFacts, Cause
from trueup.causes.ranking import propose

CLOSED_EXTERNALLY: Final = "CLOSED_EXTERNALLY"
"""It is gone, and nobody explained why."""

_REASONS: Final[dict[Cause, str]] = {
    "liquidation": "LIQUIDATED",
    "stop_hit": "STOP_HIT",
    "take_profit_hit": "TAKE_PROFIT_HIT",
    "manual_trade": "CLOSED_BY_HAND",
    "missed_fill": "CLOSED_BY_MISSED_FILL",
    "duplicate_fill": "NEVER_HELD",
    "partial_close": "CONTINUED_UNDER_ANOTHER_TICKET",
    "swap_or_funding": "CONTINUED_UNDER_ANOTHER_TICKET",
    "symbol_alias": "CONTINUED_UNDER_ANOTHER_NAME",
    "base_asset_fee": "SPENT_ON_FEES",
    "split": "SPLIT",
}
"""What a ghost's correction says of its cause. Stored for ever: a name is never given another meaning."""


class ExitReason(msgspec.Struct, frozen=True):
    """Why a position is no more, and by what one knows."""

    reason: str
    """`CLOSED_EXTERNALLY`, or the explained cause."""
    why: str = ""
    """One plain sentence; '' when nothing explains it."""
    evidence: tuple[int, ...] = ()
    """Journal positions, ascending."""


def exit_reason(facts: BreakFacts) -> ExitReason:
    """The reason that a ghost's correction may state.

    facts   as for `propose`, with `broker` None and `book` the position that is gone. What matters of it:
            `deals`    what the answers on fills (and pushes) stated, each with the moment and the journal position at
                       which it was first heard of, and `counted` for what has moved the book already
            `orders`   the broker's, with their type: what executed a stop order was a stop
            `agreed`   when the last complete answer that still listed the position was asked for, and `lag_ns`, how
                       stale that may have been; without them an older exit cannot be told from today's (L59)
            `seen`     when the first answer without the position was received

    A proposal counts if it is `certain` or `likely` and not ambiguous. Pure and deterministic (law 1), so that it may
    be called while deciding. Costs microseconds without deals; bounded by `sums.STEPS_MAX` with many.
    """
    best = propose(facts)[0]
    if best.strength not in ("certain", "likely") or best.ambiguous:
        return ExitReason(CLOSED_EXTERNALLY)
    return ExitReason(_REASONS.get(best.cause, CLOSED_EXTERNALLY), best.why, best.positions)
