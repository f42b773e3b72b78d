"""How much was ordered, and how much of it is filled, by whose word?

ccxt fills in what an exchange leaves out: what was spent through a price, `filled` of whatever is closed. A quantity is
believed where the exchange's own row states it (law 13, L34).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from trueup.model import EXACT, ZERO, TradeSide, plain
from trueup_adapters.ccxt.markets import parts_of
from trueup_adapters.ccxt.numbers import SIZE_NAME, Stated, rough_cell, same_digits
from trueup_adapters.ccxt.rows import BadRow, Row, list_in, raw_cells, word
from trueup_adapters.ccxt.words import said_filled


class MayBeMoney(BadRow):
    """An amount may be what was to be spent, rather than how much was to be bought. Never leaves this package."""


_BY_QUOTE: Final = frozenset({"quotecoin", "quoteccy", "byquote", "quote", "true"})
_BY_BASE: Final = frozenset({"basecoin", "baseccy", "bybase", "base", "false"})
_FILL_NAME: Final = re.compile(r"fill|exec|deal|cum|trade|done|match|actualsz|accum|processed|completed")
_WORTH_NAME: Final = re.compile(r"av(era)?g|cost|value|funds|cash|turnover|notional|total")
_REST_NAME: Final = re.compile(r"remain|leaves|unfilled|left|pending|outstanding|rest|open")
_PRICE_NAMES: Final = frozenset({"price", "limitprice", "rate", "px", "limitpx", "orderprice", "ordpx"})
_AT_MARKET: Final = frozenset({"market", "stop", "take_profit"})


def check_quantity(
    row: Row, stated: Stated, symbol: str, side: TradeSide, kind: str, quantity: Decimal, filled: Decimal | None
) -> None:
    """Raises BadRow for an amount that nobody stated, or that may be money."""
    if quantity <= ZERO:
        raise BadRow(f"its amount is {plain(quantity)}; it must be greater than 0")
    spot = parts_of(symbol).settle is None
    if spot and quantity != filled and _may_be_at_market(row, stated, kind):
        by = _ordered_by(row, symbol)
        if by == "quote" or (by is None and side == "buy"):
            raise MayBeMoney(
                f"its amount {plain(quantity)} may be what it was to cost, not how much it was to buy: "
                f"{'nothing' if filled is None else plain(filled)} is filled"
            )
    if not _is_stated(stated, quantity, filled):
        raise BadRow(f"its amount {plain(quantity)} stands nowhere in the exchange's own row: ccxt has worked it out")


def _may_be_at_market(row: Row, stated: Stated, kind: str) -> bool:
    """Whether an order is, or may be, executed at the market: one of an unknown type is not where its row names a
    price of its own, for at the market nobody names one."""
    if kind in _AT_MARKET or kind.endswith("limit"):
        return kind in _AT_MARKET
    price = rough_cell(row.get("price"))
    own = [number for name, number in stated.cells if name in _PRICE_NAMES]
    return not price or not any(same_digits(price, number) for number in own)


def _is_stated(stated: Stated, quantity: Decimal, filled: Decimal | None) -> bool:
    """Whether the exchange's own row states an amount, or what is filled of it and what is left."""
    if not stated.lacks(quantity):
        return True
    if filled is None or stated.lacks(filled):
        return False
    left = EXACT.subtract(quantity, filled)
    return any(same_digits(left, number) for number in stated.named(_REST_NAME))


def is_filled(row: Row, stated: Stated, quantity: Decimal, filled: Decimal) -> bool:
    """Whether a fill is the exchange's own word (law 13), itself or by what is left: of whatever is `closed` ccxt says
    that it is filled, and a waiting order that was triggered, or taken back, is closed too."""
    if not filled or not stated.cells or row.get("trades"):
        return True
    if filled != quantity or word(row.get("status")) != "closed":
        return not stated.lacks(filled) or not stated.lacks(EXACT.subtract(quantity, filled))
    if said_filled(row) or list_in(row.get("info")) is not None:  # a row that is a list names nothing
        return True
    sizes = [(name, number) for name, number in stated.cells if not _NO_SIZE.search(name)]
    fills = [number for name, number in sizes if _FILL_NAME.search(name)]
    rests = [number for name, number in sizes if _REST_NAME.search(name)]
    others = [number for name, number in sizes if SIZE_NAME.match(name) and not _FILL_NAME.search(name)]
    worth = [number for name, number in stated.cells if _FILL_NAME.search(name) and _WORTH_NAME.search(name)]
    stated_twice = sum(same_digits(number, filled) for number in others) > 1
    return (
        any(number and same_digits(number, filled) for number in fills)
        or not all([*rests, *others])  # nothing is left of it
        or any(worth)
        or stated_twice
    )


_NO_SIZE: Final = re.compile(
    r"id$|time|price|px|fee|side|type|rate|at$|count|trigger|stop|iceberg|display|visible|hidden|limit|min|max"
)
"""Cells whose names sound like a size's, and are none."""


def _ordered_by(row: Row, symbol: str) -> str | None:
    """Whether the exchange says that its amount is in the coin (`base`) or in money (`quote`)."""
    raw = raw_cells(row)
    for name in ("marketunit", "tgtccy", "qtytype", "sizeinquote"):
        cell = raw.get(name)
        said = str(cell).lower() if isinstance(cell, bool) else word(cell)
        if said in _BY_QUOTE:
            return "quote"
        if said in _BY_BASE:
            return "base"
    if {"ccy", "markettype"} <= raw.keys():  # coinex names the coin that its amount is in
        parts = parts_of(symbol)
        return {word(parts.base): "base", word(parts.quote): "quote"}.get(word(raw["ccy"]))
    by_sum = [number for name, number in Stated(row.get("info")).cells if name == "origquoteorderqty"]
    return "base" if by_sum and not any(by_sum) else None
