"""What made an execution, by the exchange's own word: a liquidation, a stop, a profit that was taken (L40)?

ccxt has no cell for it. Each exchange says it in a word or a code of its own; what is not known here says nothing.
"""

from __future__ import annotations

from typing import Final

from trueup.causes import reason_of
from trueup.model import Reason
from trueup_adapters.ccxt.rows import Row, raw_cells, word

_NAMES: Final = ("exectype", "filltype", "createtype", "stopordertype", "tradeside", "dir", "execstatus")
"""Cells that name what made an execution: bybit's, krakenfutures', bitget's, hyperliquid's, phemex's."""
_FORCED: Final = frozenset(
    {"liquidation", "liqtrade", "adltrade", "busttrade", "createbyliq", "unwindbankrupt", "autodeleveraging"}
)
_FORCED_BEGINS: Final = ("burst", "reduceclose", "reducebuy", "reducesell", "createbyadl", "dtesysadl", "liquidated")
_OKX_FORCED: Final = frozenset(map(str, (*range(100, 108), *range(125, 129))))
"""okx's `subType` of partial liquidations, liquidations and auto-deleveraging."""


def reason_in(row: Row, exchange: str) -> Reason | None:
    """What made an execution; None where the exchange's own row says nothing that is understood."""
    raw = raw_cells(row)
    for name in _NAMES:
        said = word(raw.get(name))
        if said in _FORCED or said.startswith(_FORCED_BEGINS):
            return "liquidation"
        known = reason_of(said.removeprefix("createby")) if said else None
        if known in ("stop", "take_profit", "liquidation"):
            return known
    if exchange in ("okx", "okxus", "myokx") and word(raw.get("subtype")) in _OKX_FORCED:
        return "liquidation"
    mine, theirs = word(raw.get("liquidity")), word(raw.get("liquidation"))
    if exchange == "deribit" and mine in ("m", "t") and mine in theirs:
        return "liquidation"  # its letters say on which side somebody was liquidated
    return None
