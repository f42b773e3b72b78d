"""What is there in an account at the fake Alpaca: assets, positions, orders, fills, and refusals?"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.model import ZERO, TradeSide

AssetClass: TypeAlias = Literal["us_equity", "us_option", "crypto"]
CLOSED: Final = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})
"""The statuses of orders that `status=open` leaves out; any other word counts as open."""
HELD: Final = "held"
"""The status of a leg that waits for another order: still open, and yet left out by `status=open`."""
_OPTION: Final = re.compile(r"[A-Z]{1,6}\d{6}[CP]\d{8}\Z", re.ASCII)


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be traded."""

    id: str
    symbol: str
    """As Alpaca's list of assets has it: `AAPL`, `BTC/USD`, `AAPL240119C00100000`."""
    asset_class: AssetClass
    shortable: bool = True
    fractionable: bool = True

    @property
    def position_symbol(self) -> str:
        """As the list of positions spells it: a pair has no slash there (L33)."""
        return self.symbol.replace("/", "") if self.asset_class == "crypto" else self.symbol


def class_of(symbol: str) -> AssetClass:
    """What a symbol looks like, for an asset that nobody has described."""
    if "/" in symbol:
        return "crypto"
    return "us_option" if _OPTION.match(symbol) else "us_equity"


class Held(msgspec.Struct, frozen=True):
    """One position."""

    asset: Asset
    signed_quantity: Decimal
    """+ long, - short, never 0."""
    price: Decimal
    """Average entry price."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order, as it stands."""

    id: str
    client_order_id: str
    asset: Asset
    side: TradeSide
    type: str
    time_in_force: str
    created_ns: int
    updated_ns: int
    quantity: Decimal | None = None
    notional: Decimal | None = None
    """Instead of a quantity: an amount of money."""
    status: str = "new"
    filled: Decimal = ZERO
    average_price: Decimal | None = None
    limit: Decimal | None = None
    stop: Decimal | None = None
    position_intent: str | None = None
    order_class: str = "simple"
    extended_hours: bool = False
    replaced_by: str | None = None
    replaces: str | None = None
    parent: str | None = None
    """Of a leg: the order that it is a leg of."""
    legs: tuple[str, ...] = ()
    """The ids of its own legs."""
    ended_ns: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended; `status=open` lists it then, unless it is held."""
        return self.status not in CLOSED


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One activity of type FILL."""

    id: str
    order_id: str
    symbol: str
    side: str
    """`buy`, `sell`, or `sell_short`."""
    quantity: Decimal
    price: Decimal
    cumulative: Decimal
    leaves: Decimal
    at_ns: int


class OtherActivity(msgspec.Struct, frozen=True, kw_only=True):
    """An activity that is no trade: a split, a dividend."""

    id: str
    activity_type: str
    symbol: str
    quantity: Decimal
    at_ns: int


class Refused(Exception):
    """Alpaca's no: an HTTP status, its own code, and its words."""

    def __init__(self, status: int, code: int, message: str, **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, object] = {"code": code, "message": message, **more}


def unprocessable(message: str, *, code: int = 42210000) -> Refused:
    """HTTP 422: the request as such cannot be done."""
    return Refused(422, code, message)


def missing(message: str) -> Refused:
    """HTTP 404, in Alpaca's own words."""
    return Refused(404, 40410000, message)
