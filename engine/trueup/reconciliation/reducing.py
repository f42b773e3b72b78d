"""How much of a live position may still be taken away, so that nothing can ever turn it over?

What the broker states, minus everything that has a claim on it already: working orders on the closing side (the book's
and the broker's lists), what we asked the broker for ourselves, permits that were given and not used yet. What was
filled so lately that the answer may not show it is taken off as well, or the book's own word taken where that is less
(law 9, L15, L22, L24). Everything here errs towards less. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

import msgspec

from trueup.model import (
    TERMINAL,
    ZERO,
    BookOrder,
    BrokerOrder,
    BrokerPosition,
    Moment,
    OrderStatus,
    add,
    elapsed_ns,
    plain,
    subtract,
)
from trueup.orders import protects
from trueup.protection import closing_side
from trueup.reconciliation.keys import key_of_row
from trueup.reconciliation.order_inputs import named, still_held
from trueup.reconciliation.state import OrderSlot, State

CLAIMS_TOLD_MAX: Final = 3
"""Claims that a refusal names; it says how many more there are (L60)."""


_MAY_HAVE_FILLED: Final = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REPLACED})
"""Ends before which an order may have filled without anybody having heard of it yet (L17, L18)."""


class Room(msgspec.Struct, frozen=True):
    """What is left of a live position."""

    live: Decimal
    """Unsigned, as the broker states it."""
    free: Decimal
    """At least 0: what an order may still take."""
    free_settled: Decimal
    """The same once the answer could no longer be older than the last fill: worth asking again then."""
    settles_ns: int
    """How long after the asking that is; 0: it is so already."""
    claims: tuple[str, ...]
    """Who else has a claim on it, one phrase each."""

    def told(self) -> str:
        """Why no more than `free` is left."""
        more = len(self.claims) - CLAIMS_TOLD_MAX
        names = "; ".join(self.claims[:CLAIMS_TOLD_MAX]) + (f"; and {more} more" if more > 0 else "")
        return f"{plain(self.free)} of {plain(self.live)} is left{': ' if names else ''}{names}"


class _Claim(msgspec.Struct, frozen=True):
    quantity: Decimal
    what: str


def _total(claims: Iterable[_Claim]) -> Decimal:
    total = ZERO
    for one in claims:
        total = add(total, one.quantity)
    return total


def room(
    state: State,
    row: BrokerPosition,
    asked: Moment,
    now: Moment,
    *,
    order: str | None = None,
    action: str | None = None,
    stops: bool = True,
) -> Room:
    """What may still be taken of a position.

    row     the position as an answer states it, which was asked for at `asked`
    now     this moment: permits lapse
    order   the client id of the order that it is for: its own record and permit have no claim against it
    action  the client id of the action that it is for, likewise
    stops   whether orders that protect the position count: not for whoever closes it whole, reduce-only
    """
    live = row.signed_quantity.copy_abs()
    window_ns = state.settle_ns("positions")
    claims = [
        *_orders(state, row, order, stops=stops),
        *_actions(state, row, asked, window_ns, action, stops=stops),
        *_permits(state, row, now, order),
    ]
    late, late_ns = _late(state, row, asked, window_ns, order)
    book, book_ns = _book(state, row, asked, window_ns)
    taken = _total(claims)
    settled = subtract(live, taken)
    bound = subtract(live, _total(late))
    if book is not None and book.quantity < bound:
        bound, late = book.quantity, [*late, book]
    free = subtract(bound, taken)
    return Room(
        live=live,
        free=max(free, ZERO),
        free_settled=max(settled, ZERO),
        settles_ns=max(late_ns, book_ns),
        claims=tuple(one.what for one in (*claims, *late)),
    )


# -- working orders ----------------------------------------------------------------------------------------


def _orders(state: State, row: BrokerPosition, order: str | None, *, stops: bool) -> Iterator[_Claim]:
    """What working orders may still take: each counted once, by whichever side says that more of it is left."""
    listed = state.view("open_orders")
    left: dict[str, Decimal] = {}
    for name in sorted(state.orders):
        ours = state.orders[name].order
        if name != order and ours.status is not OrderStatus.SCHEDULED and _takes(state, ours, row, stops=stops):
            left[name] = ours.remaining
    for ref in sorted(listed.orders):
        theirs = listed.orders[ref]
        known = named(state, theirs)
        if theirs.status in TERMINAL or not _takes(state, theirs, row, stops=stops):
            continue
        if theirs.client_order_id in state.outbox or (order is not None and order in (known, theirs.client_order_id)):
            continue
        slot = None if known is None else state.order(known)
        if slot is not None and not slot.order.is_open and elapsed_ns(listed.complete_asked, slot.changed) > 0:
            continue  # our own word that it has ended is newer than that list
        rest = max(subtract(theirs.quantity, theirs.filled or ZERO), ZERO)
        name = known or f"@{ref}"
        left[name] = max(left.get(name, ZERO), rest)
    for name, rest in left.items():
        if rest:
            yield _Claim(rest, f"order {name.removeprefix('@')} may still take {plain(rest)}")


def _takes(state: State, order: BookOrder | BrokerOrder, row: BrokerPosition, *, stops: bool) -> bool:
    """Whether an order would take from that position. When netting every order on the closing side does; when hedging
    one that names its ticket, or a reduce-only one that names none."""
    if order.symbol != row.symbol or order.side != closing_side(row):
        return False
    if not stops and protects(order, row.signed_quantity):
        return False
    if state.mode == "netting":
        return True
    return order.ticket == row.ticket or (order.ticket is None and order.reduce_only is True)


# -- our own actions, and permits --------------------------------------------------------------------------


def _actions(
    state: State, row: BrokerPosition, asked: Moment, window_ns: int, action: str | None, *, stops: bool
) -> Iterator[_Claim]:
    """What we asked the broker for ourselves: under way, or so lately that neither list may show it yet."""
    kinds = ("close_position", "place_stop") if stops else ("close_position",)
    lately_ns = max(window_ns, state.policy.in_flight_s_max * 1_000_000_000)
    slots = dict(state.outbox)
    if row.symbol in state.order_ends:
        for memory in (state.ended_actions.old, state.ended_actions.young):
            slots.update({
                name: slot
                for name, slot in memory.items()
                if slot.state == "done" and elapsed_ns(slot.sent, asked) < lately_ns
            })  # fmt: skip
    for client_id in sorted(slots):
        terms = slots[client_id].terms
        if client_id == action or terms.kind not in kinds or terms.symbol != row.symbol:
            continue
        if terms.ticket not in (None, row.ticket):
            continue
        quantity = row.signed_quantity.copy_abs() if terms.quantity is None else terms.quantity
        yield _Claim(quantity, f"action {client_id} may take {plain(quantity)}")


def _permits(state: State, row: BrokerPosition, now: Moment, order: str | None) -> Iterator[_Claim]:
    for one in still_held(state, now):
        if (one.symbol, one.side) != (row.symbol, closing_side(row)) or one.ticket not in (None, row.ticket):
            continue
        name = one.client_order_id
        if name is None or (name != order and state.order(name) is None):
            yield _Claim(one.quantity, f"the permit at {one.position} holds {plain(one.quantity)}")


# -- what the answer may not show yet ----------------------------------------------------------------------


def _late(
    state: State, row: BrokerPosition, asked: Moment, window_ns: int, order: str | None
) -> tuple[list[_Claim], int]:
    """(what orders took so lately that the answer may be older, and the book does not have as executions yet; how long
    after the asking an answer would show it)."""
    claims: list[_Claim] = []
    wait_ns = 0
    known = state.slot(key_of_row(state.mode, row))
    by_fills = known is not None and known.source == "fill"  # only then do executions move the book (L15)
    for name, slot in _lately_changed(state, row.symbol, asked, window_ns):
        ended = slot.order.status in _MAY_HAVE_FILLED
        booked = slot.executed if by_fills else ZERO
        unseen = subtract(slot.order.quantity if ended else slot.order.filled, booked)
        if name != order and unseen > 0 and _takes(state, slot.order, row, stops=True):
            what = "ended, and may have taken" if ended else "taken"
            claims.append(_Claim(unseen, f"order {name} has just {what} {plain(unseen)}"))
            wait_ns = max(wait_ns, window_ns - elapsed_ns(slot.changed, asked))
    return claims, wait_ns


def _lately_changed(state: State, symbol: str, asked: Moment, window_ns: int) -> Iterator[tuple[str, OrderSlot]]:
    ended = state.order_ends.get(symbol)
    memories: Iterable[Iterable[tuple[str, OrderSlot]]] = (state.orders.items(),)
    if ended is not None and elapsed_ns(ended, asked) < window_ns:
        older = {**state.ended_orders.old, **state.ended_orders.young}
        memories = (*memories, older.items())
    for memory in memories:
        for name, slot in sorted(memory):
            if slot.order.symbol == symbol and elapsed_ns(slot.changed, asked) < window_ns:
                yield name, slot


def _book(state: State, row: BrokerPosition, asked: Moment, window_ns: int) -> tuple[_Claim | None, int]:
    """(what the book holds of it, where the book changed so lately that the answer may be older; how long after the
    asking an answer would show that)."""
    slot = state.slot(key_of_row(state.mode, row))
    if slot is None or elapsed_ns(slot.changed, asked) >= window_ns:
        return None, 0
    held = slot.holding
    same = held is not None and held.signed_quantity.is_signed() == row.signed_quantity.is_signed()
    size = held.signed_quantity.copy_abs() if held is not None and same else ZERO
    claim = _Claim(size, f"the book has just changed it and holds {plain(add(size, ZERO))}")
    return claim, window_ns - elapsed_ns(slot.changed, asked)
