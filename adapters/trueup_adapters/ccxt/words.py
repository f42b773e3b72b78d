"""Which word means what: sides, kinds and states of orders, kinds of trades?

ccxt's own words are few; where it has none it leaves out the word, and the exchange's own row is asked. A word that
nobody knows decides nothing and is kept (L41).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from trueup.model import ZERO, OrderStatus, Side, TradeSide
from trueup_adapters.ccxt.numbers import rough_cell
from trueup_adapters.ccxt.rows import BadRow, Row, printable, raw_cells, readable, row_in, word

# -- sides -------------------------------------------------------------------------------------------------

_POSITION_SIDES: Final[dict[str, Side]] = {"long": "long", "short": "short", "buy": "long", "sell": "short"}
_TURNED: Final = frozenset({"bitget", "bitteam"})
"""Exchanges whose own side of a trade may be another than the account's. bitget's hedge mode names a closing trade by
the position's side: to close a long is `buy`, `close`. ccxt puts that right for orders, and in some versions not for
trades. bitteam names the taker's side, whoever asks. (toobit is none of these: ccxt calls its `BUY_OPEN` a sell.)"""


_AT: Final = ("market", "limit", "ioc", "fok", "postonly")
_TRADE_SIDES: Final[dict[str, TradeSide]] = {
    "buy": "buy",
    "bid": "buy",
    "openlong": "buy",
    "closeshort": "buy",
    "sell": "sell",
    "ask": "sell",
    "openshort": "sell",
    "closelong": "sell",
    **{f"buy{how}": "buy" for how in _AT},
    **{f"sell{how}": "sell" for how in _AT},
}
"""What ccxt hands on as a side: mostly its own two words, of some exchanges theirs (digifinex's `sell_market`,
latoken's `BID`). `long` is no trade's side: whether it was opened or closed would be a guess."""


def _trade_side_of(value: object) -> TradeSide | None:
    return _TRADE_SIDES.get(word(value))


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
    if given is None and own and all(one == own[0] for one in own) and exchange not in _TURNED:
        side = own[0]
    elif side is not None and exchange == "bitget":
        side = _bitgets(row, raw, side)
    if side is None:
        raise BadRow(f"its side is {printable(repr(given))[:40]}, which is neither buy nor sell")
    said = word(raw.get("side"))
    if exchange not in _TURNED and said.startswith("buy" if side == "sell" else "sell"):
        raise BadRow(f"its side is {side}, and the exchange's own row says {printable(str(raw.get('side')))[:40]}")
    return side


def _bitgets(row: Row, raw: Mapping[str, object], side: TradeSide) -> TradeSide:
    """The side of an order or trade of bitget's, whichever ccxt makes of it; a trade's is not to be known without its
    row's `posMode`, and in hedge mode not without its `tradeSide`. Raises BadRow."""
    mode, does = word(raw.get("posmode")), word(raw.get("tradeside"))
    if does.endswith(("closelong", "closeshort")):  # forced, such as burst_close_long
        return "sell" if does.endswith("long") else "buy"
    if mode == "hedgemode":
        own = _trade_side_of(raw.get("side"))
        if own is None or does not in ("open", "close"):
            raise BadRow("its side is not to be known: in hedge mode bitget's row must say side, and open or close")
        return own if does == "open" else "sell" if own == "buy" else "buy"
    classic = {"tradeid", "basevolume"} <= raw.keys() and ":" in str(row.get("symbol"))
    if classic and mode not in _ONE_WAY:
        raise BadRow("its side is not to be known: bitget's row does not say in which mode the account is (posMode)")
    return side


_LEG_NAMES: Final = ("positionside", "posside", "holdside")
_MODE_NAMES: Final = ("posmode", "positionmode", "holdmode", "mode")
_ONE_WAY: Final = frozenset({"both", "net", "netmode", "onewaymode", "oneway", "single", "singleside", "singlehold"})
_HEDGED: Final = frozenset(
    {"hedge", "hedged", "hedgemode", "dualside", "doublehold", "duallong", "dualshort", "longshortmode"}
)


def is_leg(row: Row) -> bool:
    """Whether a row is about one leg of a symbol on an account in hedge mode (L29). The exchange's own word comes
    first: of some exchanges ccxt calls every row hedged."""
    raw = raw_cells(row)
    said = {word(raw.get(name)) for name in (*_LEG_NAMES, *_MODE_NAMES)}
    if said & _HEDGED or word(raw.get("positionidx")) in ("1", "2"):
        return True
    return row.get("hedged") is True and not said & _ONE_WAY


def names_leg(row: Row) -> bool:
    """Whether a row belongs to a leg, or names one without saying in which mode its account is."""
    raw = raw_cells(row)
    named = {word(raw.get(name)) for name in _LEG_NAMES} & {"long", "short"}
    return is_leg(row) or bool(named and not {word(raw.get(name)) for name in _MODE_NAMES} & _ONE_WAY)


def leg_side(row: Row, side: TradeSide, *, reduces: bool | None) -> Side | None:
    """Which leg of a hedged symbol a trade or order belongs to; None where nothing says so.

    Exchanges name the leg (`positionSide: LONG`), or whether it opens or closes one.
    """
    raw = raw_cells(row)
    for name in _LEG_NAMES:
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


def said_filled(row: Row) -> bool:
    """Whether the exchange's own word says that an order is filled."""
    return _ENDS.get(word(_raw_state(row))) is OrderStatus.FILLED


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
    "stoplossmarket": ("market", True),
    "takeprofit": ("market", True),
    "takeprofitmarket": ("market", True),
    "takeprofitlimit": ("limit", True),
    "marketiftouched": ("market", True),
    "limitiftouched": ("limit", True),
    "triggermarket": ("market", True),
    "triggerlimit": ("limit", True),
    **{f"{kind}{side}": (kind, False) for kind in ("market", "limit") for side in ("buy", "sell")},
    **{f"{side}{kind}": (kind, False) for kind in ("market", "limit") for side in ("buy", "sell")},
}
"""ccxt's types: whether they execute at a limit or at the market, and whether they wait for a price first."""


def type_of(row: Row, trigger: Decimal | None) -> str:
    """`market`, `limit`, `stop` or `stop_limit`; `take_profit` (and `_limit`) for a trigger on the gaining side;
    any other type in the exchange's own words, lower case, and `unknown` where there is none."""
    said = readable(row.get("type"))
    if said is None:
        known = _untold(row)
        if known is None:
            return UNKNOWN_TYPE
    else:
        found = _TYPES.get(word(said)) or (_algo_type(row) if word(said) in _ALGOS and trigger is not None else None)
        if found is None:
            return said.lower()[:64]
        known = found
    kind, waits = known
    if not waits and trigger is None:
        return kind
    name = "take_profit" if takes_profit(row) else "stop"
    return name if kind == "market" else f"{name}_limit"


def _untold(row: Row) -> tuple[str, bool] | None:
    """What an order is that ccxt has no type for, by the exchange's own word."""
    own = next((_TYPES[one] for one in _own_types(row) if one in _TYPES), None)
    return ("limit", True) if own is not None and own[1] and rough_cell(row.get("price")) else own


_ALGOS: Final = frozenset({"conditional", "trigger", "sl", "tp"})
"""okx's and htx's types of an order that waits for one price (one that waits for two, `oco`, keeps its word)."""
_ALGO_PRICES: Final = ("ordpx", "slordpx", "tpordpx")


def _algo_type(row: Row) -> tuple[str, bool]:
    """At what such an order executes: at the price it names; okx writes -1 for the market."""
    raw = raw_cells(row)
    own = [said for name in _ALGO_PRICES if (said := str(raw.get(name) or "")) not in ("", "0")]
    return ("limit" if "-1" not in own and (own or rough_cell(row.get("price"))) else "market"), True


def waits_by_nature(row: Row) -> bool:
    """Whether an order waits for a price although ccxt only says at which its profit is taken or its loss stopped:
    a working market order does, so does one that the exchange itself calls a stop, and one of which nothing else is
    known."""
    if word(row.get("type")) == "market" and word(row.get("status")) == "open":
        return True
    if readable(row.get("type")) is None:
        return True
    parts = ("stoploss", "takeprofit", "trigger", "conditional")
    return any(said in ("sl", "tp") or any(part in said for part in parts) for said in _own_types(row))


def takes_profit(row: Row) -> bool:
    """Whether the price that an order waits for is on the gaining side, as far as anybody says."""
    said = (word(row.get("type")), *_own_types(row))
    named = any(one == "tp" or "takeprofit" in one or "iftouched" in one for one in said)
    return named or bool(rough_cell(row.get("takeProfitPrice")) and not rough_cell(row.get("stopLossPrice")))


_TYPE_NAMES: Final = (
    "type",
    "origtype",
    "ordertype",
    "ordtype",
    "stopordertype",
    "strategytype",
    "entrusttype",
    "algotype",
)


def _own_types(row: Row) -> list[str]:
    """The exchange's own words for an order's type; kraken's stand in a row within the row."""
    raw = raw_cells(row)
    cells = [raw, *(raw_cells({"info": cell}) for cell in raw.values() if row_in(cell) is not None)]
    return [word(one.get(name)) for one in cells for name in _TYPE_NAMES]


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
