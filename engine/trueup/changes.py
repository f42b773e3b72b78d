"""What can a trading process tell its book, and the broker's stream push at it?

These are the words of the public interface: lenient in what they take (`Decimal`, or text that is one),
exact in what they hold. The ledger turns them into facts. Building one raises `InputError` (or its kind
`BadNumber`) at once, in the caller's own line.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Final, TypeAlias, get_args

import msgspec

from trueup.errors import BadNumber, InputError
from trueup.model import OrderStatus, Side, Surface, TradeSide, exact, is_name, name_of

Number: TypeAlias = Decimal | str | int

FREE_TEXT_MAX: Final = 4_000
"""The longest reason that an operator may give (law 12)."""
ARGUMENTS_MAX: Final = 100
"""Arguments of one command (law 12)."""


def _positive(value: Number, what: str) -> Decimal:
    number = exact(value, what=what)
    if number <= 0:
        raise BadNumber(f"{what} is {number}; it must be greater than 0, the side says the direction")
    return number


def _not_negative(value: Number, what: str) -> Decimal:
    number = exact(value, what=what)
    if number < 0:
        raise BadNumber(f"{what} is {number}; it must not be negative, the side says the direction")
    return number or Decimal(0)


def _one_of(value: object, allowed: tuple[str, ...], what: str) -> None:
    if value not in allowed:
        raise InputError(f"{what} is {value!r}; it must be one of {', '.join(allowed)}")


def _kind(value: object, kind: type, what: str) -> None:
    if not isinstance(value, kind):
        raise InputError(f"{what} is {value!r}, of type {type(value).__name__}; it must be of type {kind.__name__}")


def _whole(value: str, what: str) -> None:
    """Text that can be stored: halves of characters (lone surrogates) cannot."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{what} is {value[:40]!r}, which holds half a character; write it whole") from error


def _utc(value: datetime | None, what: str) -> None:
    if value is None:
        return
    _kind(value, datetime, what)
    if value.tzinfo is None or value.utcoffset() != UTC.utcoffset(None):
        raise InputError(f"{what} is {value.isoformat()}; give a time in UTC (datetime with tzinfo=UTC)")


class _Checked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="change"):
    """Lets a frozen Struct settle its fields once, while it is being made."""

    def _names(self, *fields: str) -> None:
        """These fields name something; those that may be left out may be None."""
        for field in fields:
            value = getattr(self, field)
            if type(value) is str and is_name(value):
                continue  # the rule: nothing is to be settled, and recording a fill is measured in microseconds
            if value is not None or field in _required(type(self)):
                self._settle(field, name_of(value, what=f"{type(self).__name__}.{field}"))

    def _texts(self, *fields: str) -> None:
        """These fields are free text within bounds. Anything else would be stored and never be read again."""
        for field in fields:
            value = getattr(self, field)
            what = f"{type(self).__name__}.{field}"
            if not isinstance(value, str):
                raise InputError(f"{what} is {value!r}, of type {type(value).__name__}; it must be text")
            if len(value) > FREE_TEXT_MAX:
                raise InputError(f"{what} is {len(value):,} characters long; at most {FREE_TEXT_MAX:,} are taken")
            _whole(value, what)

    def _settle(self, field: str, value: object) -> None:
        msgspec.structs.force_setattr(self, field, value)


@cache
def _required(cls: type[msgspec.Struct]) -> frozenset[str]:
    """The fields that cannot be left out."""
    return frozenset(field.name for field in msgspec.structs.fields(cls) if field.required)


class Fill(_Checked, frozen=True, kw_only=True, tag="fill"):
    """One execution of ours. Recorded once per `execution_id`, however often it is handed in (L20)."""

    execution_id: str
    symbol: str
    side: TradeSide
    quantity: Number
    """Greater than 0, in the instrument's unit."""
    price: Number
    client_order_id: str | None = None
    order_id: str | None = None
    ticket: str | None = None
    strategy: str | None = None
    fee: Number | None = None
    """In `fee_asset`; positive is paid, negative a rebate."""
    fee_asset: str | None = None
    at: datetime | None = None

    def __post_init__(self) -> None:
        self._names("execution_id", "symbol", "client_order_id", "order_id", "ticket", "strategy", "fee_asset")
        _one_of(self.side, get_args(TradeSide), "Fill.side")
        self._settle("quantity", _positive(self.quantity, "Fill.quantity"))
        self._settle("price", exact(self.price, what="Fill.price"))
        if self.fee is not None:
            self._settle("fee", exact(self.fee, what="Fill.fee"))
        _utc(self.at, "Fill.at")


class OrderUpdate(_Checked, frozen=True, kw_only=True, tag="order"):
    """What we now know of an order of ours. Record it as `pending` *before* it is sent (L21)."""

    client_order_id: str
    symbol: str
    side: TradeSide
    type: str
    quantity: Number
    status: OrderStatus | str
    """One of `OrderStatus`' words; any other is kept as a raw word and changes nothing (L41)."""
    order_id: str | None = None
    filled: Number | None = None
    """Cumulative; only grows (L19)."""
    average_price: Number | None = None
    limit: Number | None = None
    stop: Number | None = None
    reduce_only: bool | None = None
    strategy: str | None = None
    parent: str | None = None
    scheduled_for: datetime | None = None
    at: datetime | None = None

    def __post_init__(self) -> None:
        self._names("client_order_id", "symbol", "type", "order_id", "strategy", "parent")
        _one_of(self.side, get_args(TradeSide), "OrderUpdate.side")
        self._settle("quantity", _positive(self.quantity, "OrderUpdate.quantity"))
        for field in ("filled", "average_price", "limit", "stop"):
            value = getattr(self, field)
            if value is not None:
                what = f"OrderUpdate.{field}"
                self._settle(field, _not_negative(value, what) if field == "filled" else exact(value, what=what))
        if isinstance(self.status, str) and self.status in {s.value for s in OrderStatus}:
            self._settle("status", OrderStatus(self.status))
        elif isinstance(self.status, str):
            self._settle("status", name_of(self.status, what="OrderUpdate.status"))
        else:
            _kind(self.status, OrderStatus, "OrderUpdate.status")
        if self.reduce_only is not None:
            _kind(self.reduce_only, bool, "OrderUpdate.reduce_only")
        _utc(self.scheduled_for, "OrderUpdate.scheduled_for")
        _utc(self.at, "OrderUpdate.at")


class PositionSet(_Checked, frozen=True, kw_only=True, tag="position"):
    """A whole position as the process now holds it, for a bot that only knows positions.

    `quantity` 0 means closed. `stop` left out means "not reported"; `None` means "there is none".
    """

    symbol: str
    side: Side
    quantity: Number
    ticket: str | None = None
    price: Number | None = None
    strategy: str | None = None
    stop: Number | msgspec.UnsetType | None = msgspec.UNSET
    at: datetime | None = None

    def __post_init__(self) -> None:
        self._names("symbol", "ticket", "strategy")
        _one_of(self.side, get_args(Side), "PositionSet.side")
        self._settle("quantity", _not_negative(self.quantity, "PositionSet.quantity"))
        if self.price is not None:
            self._settle("price", exact(self.price, what="PositionSet.price"))
        if self.stop is not None and self.stop is not msgspec.UNSET:
            self._settle("stop", exact(self.stop, what="PositionSet.stop"))
        _utc(self.at, "PositionSet.at")


Change: TypeAlias = Fill | OrderUpdate | PositionSet
"""What `record` takes."""


class PushedExecution(_Checked, frozen=True, kw_only=True, tag="pushed-execution"):
    """An execution that the broker pushed at us; enters the book as a `missed-fill` if it lacks it."""

    fill: Fill
    message_id: str | None = None

    def __post_init__(self) -> None:
        _kind(self.fill, Fill, "PushedExecution.fill")
        self._names("message_id")


class PushedState(_Checked, frozen=True, kw_only=True, tag="pushed-state"):
    """A state (position, order) that the broker pushed: corrects nothing, makes us ask (section 4)."""

    surface: Surface
    symbol: str | None = None
    message_id: str | None = None
    text: str = ""
    """The message as it came, for the journal; at most 4,000 characters are kept."""

    def __post_init__(self) -> None:
        _one_of(self.surface, get_args(Surface), "PushedState.surface")
        self._names("symbol", "message_id")
        _kind(self.text, str, "PushedState.text")
        if not self.text.isascii():  # the outside's own words: half a character in them must end nothing
            self._settle("text", self.text.encode("utf-8", "replace").decode())


Message: TypeAlias = PushedExecution | PushedState
"""What `observe` takes."""


class Command(_Checked, frozen=True, kw_only=True, tag="command"):
    """What an operator asks of the writer; travels through the inbox and becomes an input."""

    name: str
    who: str
    why: str
    arguments: dict[str, str] = {}

    def __post_init__(self) -> None:
        self._names("name", "who")
        self._texts("why")
        _kind(self.arguments, dict, "Command.arguments")
        if len(self.arguments) > ARGUMENTS_MAX:
            raise InputError(f"Command.arguments has {len(self.arguments)} entries; at most {ARGUMENTS_MAX} are taken")
        for name, value in self.arguments.items():
            name_of(name, what="the name of a Command's argument")
            _kind(value, str, f"Command.arguments[{name!r}]")
            _whole(value, f"Command.arguments[{name!r}]")
