"""Which word means what: sides, kinds and states of orders, kinds of trades?

ccxt's own words are few; where it has none it leaves out the word, and the exchange's own row is asked. A word that
nobody knows decides nothing and is kept (L41).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from trueup.model import ZERO, OrderStatus, Side, TradeSide
from trueup_adapters.ccxt.rows import BadRow, Row, printable, raw_cells, readable, row_in, word

# -- sides -------------------------------------------------------------------------------------------------

_POSITION_SIDES: Final[dict[str, Side]] = {"long": "long", "short": "short", "buy": "long", "sell": "short"}
_TURNED: Final = frozenset({"bitget"})
"""Exchanges whose hedge mode names a closing trade by the position's side: to close a long is `buy`, `close`. ccxt
puts that right for orders, and in some versions not for trades."""


def _trade_side_of(value: object) -> TradeSide | None:
    said = word(value)
    return "buy" if said == "buy" else "sell" if said == "sell" else None


def position_side(row: Row) -> Side:
    """`long` or `short`. Raises BadRow for a row that says neither: the sign lives here and nowhere else (L28)."""
    side = _POSITION_SIDES.get(word(row.get("side")))
    if side is None:
        raise BadRow(f"its side is {printable(repr(row.get('side')))[:40]}, which is neither long nor short")
    return side


def trade_side(row: Row, exchange: str) -> TradeSide:
    """`buy` or `sell`, by ccxt, else by the exchange's own row. Raises BadRow."""
    raw = raw_cells(row)
    own: list[TradeSide | None] = [_trade_side_of(raw[name]) for name in ("side", "direction") if name in raw]
    given = row.get("side")
    side: TradeSide | None = _trade_side_of(given)
    if given is None and own and all(one == own[0] for one in own):
        side = own[0]
    elif side is not None and exchange in _TURNED and word(raw.get("posmode")) == "hedgemode":
        closing = word(raw.get("tradeside")) == "close"
        if closing and _trade_side_of(raw.get("side")) == side:
            side = "sell" if side == "buy" else "buy"
    if side is None:
        raise BadRow(f"its side is {printable(repr(given))[:40]}, which is neither buy nor sell")
    return side


def leg_side(row: Row, side: TradeSide, *, reduces: bool | None) -> Side | None:
    """Which leg of a hedged symbol a trade or order belongs to; None where nothing says so.

    Exchanges name the leg (`positionSide: LONG`), or whether it opens or closes one.
    """
    raw = raw_cells(row)
    for name in ("positionside", "posside", "holdside"):
        leg = _POSITION_SIDES.get(word(raw.get(name)))
        if leg is not None and word(raw.get(name)) in ("long", "short"):
            return leg
    if (index := word(raw.get("positionidx"))) in ("1", "2"):
        return "long" if index == "1" else "short"
    opens = {"open": True, "close": False}.get(word(raw.get("tradeside")), None if reduces is None else not reduces)
    if opens is None:
        return None
    return "long" if (side == "buy") == opens else "short"


# -- orders ------------------------------------------------------------------------------------------------

UNKNOWN_TYPE: Final = "unknown"
"""The type of an order that nobody names."""
_STATES: Final[dict[str, OrderStatus]] = {
    "canceled": OrderStatus.CANCELED,
    "cancelled": OrderStatus.CANCELED,
    "canceling": OrderStatus.PENDING_CANCEL,
    "cancelling": OrderStatus.PENDING_CANCEL,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}
_RAW_STATES: Final = ("status", "state", "orderstatus", "orderstate", "ordstatus", "ordstate")
_ENDS: Final[dict[str, OrderStatus]] = {
    "filled": OrderStatus.FILLED,
    "fullyfilled": OrderStatus.FILLED,
    "fullfill": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "cancelled": OrderStatus.CANCELED,
    "partialcanceled": OrderStatus.CANCELED,
    "partiallyfilledcanceled": OrderStatus.CANCELED,
    "partiallycanceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}
"""What an order that ccxt calls `closed` came to, in the exchanges' own words."""


def status_of(row: Row, quantity: Decimal, filled: Decimal | None) -> tuple[OrderStatus, str]:
    """(where the order stands, the exchange's own word where that is UNKNOWN).

    ccxt's `closed` only says that an order works no more: filled it is when its fills cover it, or when the exchange
    itself says so; else the exchange's word decides, and without one nothing does (L41).
    """
    said = word(row.get("status"))
    if said in _STATES:
        return _STATES[said], ""
    if said == "open":
        return (OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.ACCEPTED), ""
    raw = _raw_state(row)
    if said == "closed":
        if filled is not None and filled >= quantity:
            return OrderStatus.FILLED, ""
        if (end := _ENDS.get(word(raw))) is not None and not (end is OrderStatus.FILLED and filled == ZERO):
            return end, ""
    kept = row.get("status") if said and said != "closed" else raw or row.get("status")
    return OrderStatus.UNKNOWN, "" if kept is None else printable(str(kept))[:64]


def _raw_state(row: Row) -> str:
    raw = raw_cells(row)
    return next((text for name in _RAW_STATES if (text := readable(raw.get(name))) is not None), "")


_TYPES: Final[dict[str, tuple[str, bool]]] = {
    "market": ("market", False),
    "limit": ("limit", False),
    "limitmaker": ("limit", False),
    "postonly": ("limit", False),
    "ioc": ("limit", False),
    "fok": ("limit", False),
    "stop": ("market", True),
    "stopmarket": ("market", True),
    "stoploss": ("market", True),
    "stoplimit": ("limit", True),
    "stoplosslimit": ("limit", True),
}
"""ccxt's types: whether they execute at a limit or at the market, and whether they wait for a price first."""


def type_of(row: Row, trigger: Decimal | None) -> str:
    """`market`, `limit`, `stop` or `stop_limit`; `take_profit` (and `_limit`) for a trigger on the gaining side;
    any other type in the exchange's own words, lower case, and `unknown` where there is none."""
    said = readable(row.get("type"))
    if said is None:
        return UNKNOWN_TYPE
    if (known := _TYPES.get(word(said))) is None:
        return said.lower()[:64]
    kind, waits = known
    if not waits and trigger is None:
        return kind
    name = "take_profit" if _takes_profit(row) else "stop"
    return name if kind == "market" else f"{name}_limit"


def waits_by_nature(row: Row) -> bool:
    """Whether an order waits for a price although ccxt only says at which its profit is taken or its loss stopped:
    a working market order does, and so does one that the exchange itself calls a stop."""
    if word(row.get("type")) == "market" and word(row.get("status")) == "open":
        return True
    return any(
        part in said for said in _own_types(row) for part in ("stoploss", "takeprofit", "trigger", "conditional")
    )


def _takes_profit(row: Row) -> bool:
    named = any("takeprofit" in said for said in _own_types(row))
    return named or bool(row.get("takeProfitPrice") and not row.get("stopLossPrice"))


def _own_types(row: Row) -> list[str]:
    """The exchange's own words for an order's type; kraken's stand in a row within the row."""
    raw = raw_cells(row)
    cells = [raw, *(raw_cells({"info": cell}) for cell in raw.values() if row_in(cell) is not None)]
    return [word(one.get(name)) for one in cells for name in ("type", "origtype", "ordertype", "stopordertype")]


# -- trades ------------------------------------------------------------------------------------------------

_TRADE_KINDS: Final = ("exectype", "tradetype", "filltype", "eventtype")
_NO_TRADES: Final = frozenset({"funding", "fundingfee", "fundingrate", "interest", "fee", "commission", "rebate"})
_NOT_UNDERSTOOD: Final = frozenset(
    {"reversal", "correction", "busted", "cancel", "canceled", "cancelled", "settle", "settlement", "delivery"}
    | {"sessionsettlepnl", "synthetic"}
)
_CODES: Final[Mapping[tuple[str, str, str], str]] = {
    ("phemex", "tradetype", "4"): "funding",
    ("phemex", "tradetype", "10"): "liquidation order",
}


def no_execution(row: Row, exchange: str) -> str | None:
    """What a trade row is instead, where it is no execution (a funding payment, bybit's `execType: Funding`).

    Raises BadRow for one that takes an execution back, or moves a position otherwise: an `Execution` cannot say that.
    """
    raw = raw_cells(row)
    for name in _TRADE_KINDS:
        said = word(raw.get(name))
        kind = _CODES.get((exchange, name, said), said)
        if kind in _NO_TRADES:
            return f"a {kind} entry, which moves no position"
        if kind in _NOT_UNDERSTOOD:
            raise BadRow(f"its {name} is {printable(str(raw.get(name)))[:40]}: look at the account by hand")
    if raw.get("istransfer") is True:
        raise BadRow("it is a transfer of a position, no execution: look at the account by hand")
    return None
