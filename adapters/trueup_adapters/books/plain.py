"""How is a book kept that only its own process can read and write: a dictionary, a service, a library of yours?

Two callables. `read` returns all open positions, or raises; `write` takes one correction, and says whether the book
still said what the correction starts from. Two more for its orders, where it keeps them. All are called on trueup's
thread, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import cast

from trueup.changes import OrderUpdate, PositionSet
from trueup.errors import InputError
from trueup.foreign import (
    BookAnswer,
    BookRow,
    BookWrite,
    OrderName,
    OrderRow,
    OrdersAnswer,
    OrderWrite,
    Places,
    Wrote,
    unreadable,
    unreadable_orders,
)
from trueup.model import TERMINAL, ZERO, OrderStatus, Refusal, Stop, exact, signed


class PlainBook:
    """A book behind two callables.

        def read() -> list[PositionSet]: ...
        def write(write: BookWrite) -> bool: ...
        book = PlainBook(read, write, name="my positions")

    read    every open position. What it raises makes the read a failed one, of which nothing is concluded; an empty
            list says that nothing is held. Positions with `quantity` 0 are closed ones, and passed over
    write   bring one position from `write.before` to `write.after` (None: closed) if it still is `write.before`, in
            one step: return True when that was done, False when it is something else by now. What it raises leaves
            the outcome unknown: the book is read again before anything else is written
    """

    def __init__(
        self,
        read: Callable[[], Iterable[PositionSet]],
        write: Callable[[BookWrite], bool],
        *,
        name: str = "callables",
    ) -> None:
        self._read = read
        self._write = write
        self._name = name

    @property
    def name(self) -> str:
        """As it was given."""
        return self._name

    def read(self) -> BookAnswer:
        """All open positions."""
        try:
            found = list(self._read())
        except Exception as error:  # noqa: BLE001 - the user's code; said, and nothing is concluded (L01)
            return unreadable(f"{self._name}: reading raised {type(error).__name__}: {error}")
        rows: list[BookRow] = []
        refused: list[Refusal] = []
        for place, one in enumerate(found, 1):
            try:
                row = _row(one)
            except InputError as error:
                refused.append(Refusal(place, str(error)))
                continue
            if row is not None:
                rows.append(row)
        why = f"{len(refused)} rows refused" if refused else ""
        return BookAnswer(
            completeness="partial" if refused else "complete", why=why, positions=rows, refused=tuple(refused)
        )

    def write(self, write: BookWrite) -> Wrote:
        """One correction."""
        try:
            done = self._write(write)
        except Exception as error:  # noqa: BLE001 - the user's code; it may have written before it raised (law 6)
            return Wrote("unknown", f"{self._name}: writing raised {type(error).__name__}: {error}")
        if done is True:
            return Wrote("written")
        symbol = write.before.symbol if write.before is not None else write.after.symbol if write.after else "it"
        return Wrote("conflict", f"{symbol}: {self._name} does not say any more what the correction starts from")

    def close(self) -> None:
        """Nothing is held."""


class PlainOrders:
    """Orders behind two callables.

        def read() -> list[OrderUpdate]: ...
        def write(write: OrderWrite) -> bool: ...
        orders = PlainOrders(read, write, name="my orders")

    read    every order that works, and as many that have ended as you like: an order that is not among them is unknown,
            not ended. What it raises makes the read a failed one
    write   say of one order what `write.after` does, in the fields that `write.fields` names, if it still is
            `write.before`; where that is None add it. In one step: return True when that was done, False when the
            order is something else by now. What it raises leaves the outcome unknown
    places  which fields and statuses there is a place for
    """

    def __init__(
        self,
        read: Callable[[], Iterable[OrderUpdate]],
        write: Callable[[OrderWrite], bool],
        *,
        name: str = "callables",
        places: Places | None = None,
    ) -> None:
        self._read = read
        self._write = write
        self._name = name
        self._places = places or Places()

    @property
    def name(self) -> str:
        """As it was given."""
        return self._name

    @property
    def places(self) -> Places:
        """As they were given."""
        return self._places

    def read(self, known: Sequence[OrderName]) -> OrdersAnswer:
        """All that still work, and what is known of those that are asked for."""
        try:
            found = list(self._read())
        except Exception as error:  # noqa: BLE001 - the user's code; said, and nothing is concluded (L01)
            return unreadable_orders(f"{self._name}: reading raised {type(error).__name__}: {error}")
        asked = {one.client_order_id for one in known}
        rows: list[OrderRow] = []
        refused: list[Refusal] = []
        for place, one in enumerate(found, 1):
            try:
                row = _order(one)
            except InputError as error:
                symbol, name = getattr(one, "symbol", None), getattr(one, "client_order_id", None)
                refused.append(Refusal(place, str(error), symbol, name))
                continue
            if row.status not in TERMINAL or row.client_order_id in asked:
                rows.append(row)
        why = f"{len(refused)} rows refused" if refused else ""
        return OrdersAnswer(
            completeness="partial" if refused else "complete", why=why, orders=rows, refused=tuple(refused)
        )

    def write(self, write: OrderWrite) -> Wrote:
        """One order."""
        try:
            done = self._write(write)
        except Exception as error:  # noqa: BLE001 - the user's code; it may have written before it raised (law 6)
            return Wrote("unknown", f"{self._name}: writing raised {type(error).__name__}: {error}")
        if done is True:
            return Wrote("written")
        name = write.after.client_order_id
        return Wrote("conflict", f"order {name}: {self._name} does not say any more what this starts from")

    def close(self) -> None:
        """Nothing is held."""


def _order(one: object) -> OrderRow:
    if not isinstance(one, OrderUpdate):
        raise InputError(f"read gave a {type(one).__name__}; it must give OrderUpdate")
    if not isinstance(one.status, OrderStatus):
        raise InputError(f"its status is {one.status!r}, which nobody knows (L41)")
    numbers = (one.average_price, one.limit, one.stop)
    average, limit, stop = (cast("Decimal | None", number) for number in numbers)  # settled when it was made
    return OrderRow(
        client_order_id=one.client_order_id,
        order_id=one.order_id,
        symbol=one.symbol,
        side=one.side,
        type=one.type,
        quantity=cast(Decimal, one.quantity),
        status=one.status,
        filled=ZERO if one.filled is None else cast(Decimal, one.filled),
        average_price=average,
        limit=limit,
        stop=stop,
        reduce_only=one.reduce_only,
        strategy=one.strategy,
        ref=one.client_order_id,
    )


def _row(one: object) -> BookRow | None:
    if not isinstance(one, PositionSet):
        raise InputError(f"read gave a {type(one).__name__}; it must give PositionSet")
    quantity = exact(one.quantity, what="PositionSet.quantity")
    if not quantity:
        return None
    stop = one.stop
    return BookRow(
        symbol=one.symbol,
        signed_quantity=signed(one.side, quantity),
        ticket=one.ticket,
        price=None if one.price is None else exact(one.price, what="PositionSet.price"),
        stop=_stop(stop),
        strategy=one.strategy,
        opened_at=None if one.at is None else one.at.isoformat(),
        ref=one.ticket or one.symbol,
    )


def _stop(given: object) -> Stop | None:
    if given is None:
        return Stop()
    return (
        Stop(exact(given, what="PositionSet.stop"))
        if isinstance(given, int | str) or hasattr(given, "is_finite")
        else None
    )
