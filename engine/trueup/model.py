"""What are the values that everything else speaks of: accounts, keys, exact numbers, moments, positions?

Conventions, once for all of trueup:
  quantities   exact `Decimal` in the instrument's own unit; *signed* ones are + long / bought, - short / sold
  prices       exact `Decimal` in the quote currency; an unknown price is `None`, never 0 (L36)
  times        integer nanoseconds; `at_ns` is UTC wall time as read, `tick_ns` is monotonic within one epoch
  keys         text; `EURUSD` when netting, `#123456` (the ticket) when hedging, `?...` for a book entry
               that has no ticket yet
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import (
    ROUND_HALF_EVEN,
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    Subnormal,
    Underflow,
    localcontext,
)
from enum import Enum
from functools import wraps
from typing import Final, Literal, ParamSpec, TypeAlias, TypeVar

import msgspec

from trueup.errors import BadNumber, InputError

Key: TypeAlias = str
Surface: TypeAlias = Literal["positions", "open_orders", "order", "fills", "balances"]
Side: TypeAlias = Literal["long", "short"]
TradeSide: TypeAlias = Literal["buy", "sell"]
PositionMode: TypeAlias = Literal["netting", "hedging"]
Source: TypeAlias = Literal["fill", "set"]

EXTERNAL = "external"
"""The owner of a position whose owner nobody could name."""

# -- exact numbers -----------------------------------------------------------------------------------------

DIGITS_MAX = 34
EXPONENT_MAX = 18
"""A number has at most 34 digits and lies within 1e-18 .. 1e18 (L43); everything real does."""

EXACT = Context(
    prec=200, rounding=ROUND_HALF_EVEN, Emin=-999_999, Emax=999_999, capitals=1, clamp=0, flags=[],
    traps=[InvalidOperation, DivisionByZero, Overflow, Underflow, Subnormal, Clamped],
)  # fmt: skip
"""Our own context: the embedding process may have set any precision on its threads, and plain `a - b` uses
that one. At 200 digits sums and products of admitted numbers never round. Every field is given: what is left out would
come from a default that the process may have changed, too."""

P = ParamSpec("P")
R = TypeVar("R")


def exactly(work: Callable[P, R]) -> Callable[P, R]:
    """`work`, done by our own arithmetic: even the text of a number, and so every stored byte, hangs on the context of
    the thread that writes it (law 1)."""

    @wraps(work)
    def done(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext(EXACT):
            return work(*args, **kwargs)

    return done


ZERO = Decimal(0)
_SHORT = re.compile(r"[+-]?[0-9]{1,16}(?:\.[0-9]{1,16})?\Z")
"""Text that lies within every bound for being as short as it is: nearly all that is recorded."""
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?\Z", re.ASCII)


def exact(value: object, *, what: str = "number") -> Decimal:
    """`value` as an exact Decimal within bounds.

    Raises BadNumber for floats (L35), for text that is not a number, and for NaN, infinities, and sizes
    that no market has (L43). `what` names the value in the message.
    """
    if type(value) is str and _SHORT.match(value):
        return Decimal(value)
    if isinstance(value, bool) or not isinstance(value, Decimal | str | int):
        raise BadNumber(
            f"{what} is {value!r}, a {type(value).__name__}; give a Decimal or its text, for example '0.01'"
        )
    if isinstance(value, str) and not (len(value) <= 80 and _NUMBER.match(value)):
        raise BadNumber(f"{what} is {value[:80]!r}, which is not a decimal number")
    number = Decimal(value)
    if not number.is_finite():
        raise BadNumber(f"{what} is {number}, which is not a finite number")
    digits = number.as_tuple()
    assert isinstance(digits.exponent, int)
    if len(digits.digits) > DIGITS_MAX or digits.exponent < -EXPONENT_MAX or number.adjusted() > EXPONENT_MAX:
        raise BadNumber(f"{what} is {str(number)[:40]}, which is beyond {DIGITS_MAX} digits or 1e±{EXPONENT_MAX}")
    return number


def plain(number: Decimal) -> str:
    """Text without exponent or trailing zeros: `0.01`, `100`, `0`."""
    text = str(number)
    if "E" in text or "e" in text:  # as the thread's arithmetic has it
        text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


add: Final = EXACT.add
"""`add(a, b)`: a + b, exactly, whatever the calling thread's decimal context says. The context's own method, because a
function around it costs more than the sum: a fold adds and subtracts some ten times a fill."""
subtract: Final = EXACT.subtract
"""`subtract(a, b)`: a - b, exactly, as `add`."""


# -- identities --------------------------------------------------------------------------------------------

TEXT_MAX = 128
_ACCOUNT = re.compile(r"[A-Za-z0-9_.\-]{1,32}:[A-Za-z0-9_.@\-]{1,64}\Z", re.ASCII)


def account_of(text: str) -> str:
    """`text` if it is an account, `broker:id` (L32: it is part of every key). Raises InputError."""
    if not _ACCOUNT.match(text):
        raise InputError(f"account {text[:80]!r} is not of the form broker:id, for example 'mt5:5001' or 'alpaca:PA3X'")
    return text


def is_name(text: str) -> bool:
    """Whether a text can name something: 1 to 128 printable characters, no surrounding space."""
    return 0 < len(text) <= TEXT_MAX and text.isprintable() and text[0] != " " and text[-1] != " "


def name_of(value: object, *, what: str) -> str:
    """`value` as a symbol, ticket, id or strategy: 1 to 128 printable characters, no surrounding space.

    Identifiers are text whatever their shape (L45: tickets above 2^63 exist). Raises InputError.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise InputError(f"{what} is {value!r}, a {type(value).__name__}; it must be text")
    if not is_name(value):
        raise InputError(
            f"{what} is {value[:40]!r}; it must be 1 to {TEXT_MAX} printable characters without surrounding space"
        )
    return value


def symbol_key(symbol: str) -> Key:
    """The key of a position when netting."""
    return symbol


def ticket_key(ticket: str) -> Key:
    """The key of a position when hedging (L29, L30)."""
    return "#" + ticket


def unbound_key(reference: str) -> Key:
    """The key of a hedging book entry that no ticket names yet."""
    return "?" + reference


def is_unbound(key: Key) -> bool:
    """Whether `key` (of a hedging book) still waits for its ticket."""
    return key[0] == "?"


# -- time --------------------------------------------------------------------------------------------------


class Moment(msgspec.Struct, frozen=True, array_like=True, order=False, gc=False):
    """When something reached us: wall time as read, and our own monotonic order within an epoch (L16)."""

    at_ns: int
    """Wall time, UTC, nanoseconds since 1970, as the clock said; never used to order within an epoch."""
    tick_ns: int
    """Monotonic nanoseconds since the epoch's claim."""
    epoch: int
    """The writer's tenure in which it was read; 0 before any."""


def elapsed_ns(earlier: Moment, later: Moment) -> int:
    """Nanoseconds from `earlier` to `later`; negative when `later` came first.

    Within one epoch by ticks. Across epochs by the wall clock, but at least the ticks since the later epoch's
    claim: that much has surely passed, even if the wall clock was set back in between.
    """
    if earlier.epoch == later.epoch:
        return later.tick_ns - earlier.tick_ns
    if earlier.epoch > later.epoch:
        return -elapsed_ns(later, earlier)
    return max(0, later.tick_ns, later.at_ns - earlier.at_ns)


# -- positions ---------------------------------------------------------------------------------------------


class Stop(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A reported stop: its price, or `None` for "there is none". A side that says nothing has no `Stop`."""

    price: Decimal | None = None


class BrokerPosition(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One position as the broker states it. Only what identifies it: no profit, no mark price."""

    symbol: str
    """Canonical: aliases are already resolved (L33); `spelling` keeps the broker's own when it differs."""
    signed_quantity: Decimal
    """+ long, - short, in the instrument's unit; never 0."""
    ticket: str | None = None
    price: Decimal | None = None
    """Opening (hedging) or average (netting) price; None when not reported."""
    stop: Stop | None = None
    """None: not reported, hence not compared."""
    strategy: str | None = None
    """The owner, where the broker's data names one."""
    opened_at: str | None = None
    """The broker's own time, as text: evidence, never order (L46)."""
    spelling: str | None = None
    unit: str | None = None
    """The unit of the quantity where the broker states it (L34)."""
    client_order_id: str | None = None
    """The client id of the order that opened it, where the broker states it."""


class Holding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One position as the book holds it."""

    symbol: str
    signed_quantity: Decimal
    """+ long, - short, never 0: a closed position is not in the book."""
    ticket: str | None = None
    price: Decimal | None = None
    stop: Stop | None = None
    strategy: str = EXTERNAL
    source: Source | None = None
    """What moves the quantity (L15): fills, or whole positions; None until a first record says."""
    opened_at: str | None = None


Reason: TypeAlias = Literal[
    "by_hand", "by_program", "stop", "take_profit", "liquidation", "split", "rollover", "payment", "other"
]
"""What the broker itself says made a deal, in our words (`causes.deal_words` reads theirs). A *payment* (funding, swap)
is listed like an execution of the whole position by some venues, and moves none."""


class Execution(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One execution, keyed by the broker's own id (L20)."""

    execution_id: str
    symbol: str
    signed_quantity: Decimal
    """+ bought, - sold, never 0."""
    price: Decimal | None = None
    ticket: str | None = None
    order_id: str | None = None
    client_order_id: str | None = None
    strategy: str | None = None
    fee: Decimal | None = None
    fee_asset: str | None = None
    happened_at: str | None = None
    """The broker's own time, ISO 8601 text: evidence, never order (L46)."""
    reason: Reason | None = None
    """What made it, by the broker's own word; None where it says nothing that is understood."""


class OrderStatus(Enum):
    """Where an order stands. `UNKNOWN` keeps its raw word beside it and changes nothing (L41)."""

    SCHEDULED = "scheduled"
    """Planned, not sent: a later slice of a plan such as a TWAP."""
    PENDING = "pending"
    """Recorded; sent now or in a moment: whether it arrived is not known."""
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    REPLACED = "replaced"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    FAILED = "failed"
    """It never came to be at the broker."""
    UNKNOWN = "unknown"


TERMINAL = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.REJECTED,
        OrderStatus.EXPIRED,
        OrderStatus.FAILED,
        OrderStatus.REPLACED,
    }
)
"""Nothing more is to be expected of the order; a late fill is believed all the same (L17)."""
TRANSIENT = frozenset({OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_REPLACE})
"""On the way to somewhere: decides nothing (L23)."""


class BrokerOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One order as the broker states it."""

    symbol: str
    """Canonical; `spelling` keeps the broker's own when it differs."""
    side: TradeSide
    type: str
    """In the broker's words, lower case: `limit`, `stop`, `market`, `stop_limit`."""
    quantity: Decimal
    """As ordered, greater than 0, in the instrument's unit."""
    status: OrderStatus
    raw_status: str = ""
    """The broker's own word, kept where `status` is UNKNOWN (L41)."""
    order_id: str | None = None
    client_order_id: str | None = None
    filled: Decimal | None = None
    """Cumulative; None: not reported."""
    average_price: Decimal | None = None
    limit: Decimal | None = None
    stop: Decimal | None = None
    reduce_only: bool | None = None
    ticket: str | None = None
    """The position that it belongs to, where the broker states one."""
    strategy: str | None = None
    updated_at: str | None = None
    """The broker's own time, as text: evidence, never order (L46)."""
    spelling: str | None = None


class BookOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One order as the book holds it."""

    client_order_id: str
    symbol: str
    side: TradeSide
    type: str
    quantity: Decimal
    """As ordered, greater than 0."""
    status: OrderStatus
    raw_status: str = ""
    order_id: str | None = None
    filled: Decimal = ZERO
    """Cumulative; only grows."""
    average_price: Decimal | None = None
    limit: Decimal | None = None
    stop: Decimal | None = None
    reduce_only: bool | None = None
    strategy: str = EXTERNAL
    parent: str | None = None
    scheduled_for: str | None = None
    ticket: str | None = None
    """The position that it belongs to, where somebody named one."""
    mark: str = ""
    """What a person should know of it: `no price` for one that is filled at a price nobody states."""

    @property
    def is_open(self) -> bool:
        """Whether more is to be expected of it."""
        return self.status not in TERMINAL

    @property
    def lacks_price(self) -> bool:
        """Whether it was filled and nobody ever stated at what price: accepted, marked, never made up (L36)."""
        return self.status is OrderStatus.FILLED and self.average_price is None

    @property
    def remaining(self) -> Decimal:
        """What may still be filled; 0 when it was overfilled."""
        left = add(self.quantity, self.filled.copy_negate())
        return left if left > 0 else ZERO


class Refusal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One row that could not be used: which, of what as far as it can be read, and why (L42)."""

    row: int
    """Its place in the list, from 1."""
    why: str
    symbol: str | None = None
    ticket: str | None = None


def side_of(signed_quantity: Decimal) -> Side:
    """`long` or `short` (L28: the sign lives here and nowhere else)."""
    return "short" if signed_quantity.is_signed() else "long"


def signed(side: Side | TradeSide, quantity: Decimal) -> Decimal:
    """A non-negative quantity with the sign of its side."""
    return quantity if side in ("long", "buy") else quantity.copy_negate()
