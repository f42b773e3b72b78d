"""What does the broker say made a deal, in words that we understand?

Brokers say it in a code (MetaTrader's ENUM_DEAL_REASON), in a word (`liquidation`, `adl`), in the deal's comment
(`[sl 1.0543]`, `so: 49%`) or in the client id that they gave a forced order (`autoclose-...`). What nobody knows says
nothing: a reason is never guessed (law 13).
"""

from __future__ import annotations

import re
from typing import Final

from trueup.model import Reason

_WORDS: Final[dict[str, Reason]] = {
    "client": "by_hand",
    "mobile": "by_hand",
    "web": "by_hand",
    "manual": "by_hand",
    "expert": "by_program",
    "sl": "stop",
    "stop": "stop",
    "stop_loss": "stop",
    "stoploss": "stop",
    "tp": "take_profit",
    "take_profit": "take_profit",
    "takeprofit": "take_profit",
    "so": "liquidation",
    "stop_out": "liquidation",
    "stopout": "liquidation",
    "liquidation": "liquidation",
    "liquidated": "liquidation",
    "adl": "liquidation",
    "bankruptcy": "liquidation",
    "margin_call": "liquidation",
    "busttrade": "liquidation",
    "adltrade": "liquidation",
    "trailingstop": "stop",
    "partialstoploss": "stop",
    "partialtakeprofit": "take_profit",
    "split": "split",
    "rollover": "rollover",
    "vmargin": "rollover",
    "swap": "payment",
    "funding": "payment",
    "settlement": "payment",
    "corporate_action": "other",
}
"""Exact words, lower case, blanks and dashes as underscores, MetaTrader's `DEAL_REASON_` left out."""

_CODES: Final[tuple[Reason, ...]] = (
    "by_hand", "by_hand", "by_hand", "by_program", "stop", "take_profit", "liquidation", "rollover", "rollover",
    "split", "other",
)  # fmt: skip
"""ENUM_DEAL_REASON of MetaTrader 5: client, mobile, web, expert, sl, tp, so, rollover, vmargin, split, corporate
action."""

_COMMENT: Final = re.compile(r"\[(sl|tp)(?: [\d.]+)?\]|(so):? ?\d")
"""As a server writes it, at the beginning: `[sl 1.0543]`, `so: 49.9%/...`. What people write has other forms."""
_FORCED: Final = re.compile(r"(?:adl_)?autoclose-", re.IGNORECASE)


def reason_of(said: object = None, *, comment: object = None, client_id: str | None = None) -> Reason | None:
    """What made a deal, by the broker's own word; None where it says nothing that is understood.

    said       a code or a word, in the field for it; wins over the rest
    comment    the deal's comment: only the forms that a server writes by itself count
    client_id  of its order: the names that a venue gives to orders of its own
    """
    if isinstance(said, int) and not isinstance(said, bool):
        return _CODES[said] if 0 <= said < len(_CODES) else None
    if isinstance(said, str) and said:
        word = said.strip().lower().replace(" ", "_").replace("-", "_").removeprefix("deal_reason_")
        return _WORDS.get(word)
    if isinstance(comment, str) and (found := _COMMENT.match(comment)):
        return _WORDS[found[1] or found[2]]
    if client_id is not None and _FORCED.match(client_id):
        return "liquidation"
    return None
