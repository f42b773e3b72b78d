"""What does one read of a foreign book's orders say that the journal does not know, and what is to be written back?

What can only grow (fills, ends, ids) joins: a row that is ahead of us was changed by its own process, one that is
behind is written to once its process has had time to do so by itself (L13). What can be changed (size, prices) goes by
what a correction starts from, as positions do. An end that the book states is never turned back, and an order that it
does not know any more is unknown, not ended (L04). Pure: the same state and read give the same plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from trueup.exits import CLOSED_EXTERNALLY
from trueup.facts import OrderRecorded, OrdersRead, RowLeft
from trueup.foreign.port import OrderField, OrderName, OrderRow, OrdersAnswer, OrderWrite, Places
from trueup.model import TERMINAL, ZERO, BookOrder, Moment, OrderStatus, Refusal, elapsed_ns, plain
from trueup.orders import RANK, external_name, said_order, told_name
from trueup.reconciliation.foreign_state import ForeignOrders
from trueup.reconciliation.order_inputs import restated
from trueup.reconciliation.state import OrderSlot, State

_TERMS: Final[tuple[OrderField, ...]] = ("side", "type", "quantity", "limit", "stop", "reduce_only")
_NEAREST: Final[dict[OrderStatus, tuple[OrderStatus, ...]]] = {
    OrderStatus.PARTIALLY_FILLED: (OrderStatus.ACCEPTED,),
    OrderStatus.PENDING_CANCEL: (OrderStatus.ACCEPTED,),
    OrderStatus.PENDING_REPLACE: (OrderStatus.ACCEPTED,),
    OrderStatus.FAILED: (OrderStatus.REJECTED, OrderStatus.CANCELED),
    OrderStatus.REJECTED: (OrderStatus.CANCELED,),
    OrderStatus.EXPIRED: (OrderStatus.CANCELED,),
    OrderStatus.REPLACED: (OrderStatus.CANCELED,),
}
"""How a status is told to a book that has no word for it."""
_EXTERNAL_ENDS: Final = (OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REPLACED)


class OrderDue(msgspec.Struct, frozen=True):
    """One correction of an order that was not written back yet."""

    cursor: int
    """Its journal position."""
    before: BookOrder | None
    """None: the book lacked it."""
    after: BookOrder
    why: str
    correction_id: str
    kind: str = "drift"


class OrdersPlan(msgspec.Struct, frozen=True):
    """What follows from one read."""

    read: OrdersRead | None = None
    """To be journalled; None: it says nothing new."""
    edits: tuple[OrderRecorded, ...] = ()
    """The changes that its own process made."""
    writes: tuple[tuple[OrderWrite, int], ...] = ()
    """Each with the first correction that it carries (0: none), in the order in which the journal tells of them."""
    conflicts: tuple[tuple[int, str], ...] = ()
    settled: int = 0
    """The last correction of an order that is settled, once `writes` are."""
    waits_ns: int | None = None
    """How long until what its process may still write by itself could be written; None: nothing waits."""
    behind: tuple[str, ...] = ()
    """Orders whose rows have to be looked at again, also where they have ended by now."""


def wanted(state: State, pending: Sequence[OrderDue], behind: Sequence[str] = ()) -> list[OrderName]:
    """The orders that a read is to state whatever the book says of them: those that work, and those to be written.

    behind  what the last plan said of the like (`OrdersPlan.behind`): they may have ended since
    """
    orders = {name: slot.order for name, slot in state.orders.items()}
    for name in (*behind, *(due.after.client_order_id for due in pending)):
        slot = state.order(name)
        if slot is not None:
            orders[name] = slot.order
    return [OrderName(told_name(orders[name]), orders[name].order_id) for name in sorted(orders)]


def orders_planned(
    before: State,
    state: State,
    answer: OrdersAnswer,
    pending: Sequence[OrderDue],
    *,
    at: Moment,
    known: ForeignOrders,
    places: Places,
) -> OrdersPlan:
    """What one read of the orders kept at `known.book` means.

    before   the state when reading began; orders that changed since are left to the next read
    state    the state now
    pending  corrections that were not written back, as of `before`, in journal order
    """
    if answer.completeness == "failed":
        return OrdersPlan(None if known.unread else OrdersRead(known.book, "failed", answer.why))
    return _Comparison(before, state, answer, pending, at, known, places).plan()


class _Comparison:
    """One read beside what it should say."""

    def __init__(
        self,
        before: State,
        state: State,
        answer: OrdersAnswer,
        pending: Sequence[OrderDue],
        at: Moment,
        known: ForeignOrders,
        places: Places,
    ) -> None:
        self._before = before
        self._state = state
        self._answer = answer
        self._at = at
        self._known = known
        self._places = places
        self._pending = pending
        self._settled = pending[-1].cursor if pending else 0
        self._chains: dict[str, list[OrderDue]] = {}
        for change in pending:
            self._chains.setdefault(change.after.client_order_id, []).append(change)
        self._refused = list(answer.refused)
        self._rows = self._by_name(answer.orders)
        self._left_before = {one.name: one for one in known.left}
        self._left: list[RowLeft] = []
        self._edits: list[OrderRecorded] = []
        self._writes: list[tuple[OrderWrite, int]] = []
        self._conflicts: list[tuple[int, str]] = []
        self._missing: list[str] = []
        self._behind: list[str] = []
        self._waits_ns: int | None = None

    def _by_name(self, rows: Sequence[OrderRow]) -> Mapping[str, OrderRow]:
        """Rows by the order that they speak of. Two of one order are refused both (L29)."""
        found: dict[str, OrderRow] = {}
        twice: set[str] = set()
        for place, row in enumerate(rows, 1):
            name = self._name_of(row)
            if name in found or name in twice:
                why = f"two rows speak of order {name}; which one is it?"
                self._refused.append(Refusal(place, why, row.symbol, row.client_order_id or row.order_id))
                found.pop(name, None)
                twice.add(name)
                continue
            found[name] = row
        return found

    def _name_of(self, row: OrderRow) -> str:
        """What we call the order of a row: by its client id, or as it is known by the broker's id already."""
        by_id = None if row.order_id is None else self._state.order_names.get(row.order_id)
        name = row.client_order_id
        if name is not None and (by_id is None or self._state.order(name) is not None):
            return name
        return by_id or external_name(row.order_id)

    def plan(self) -> OrdersPlan:
        """All that follows."""
        for name in sorted({*self._rows, *self._chains, *self._state.orders}):
            slot, chain, row = self._state.order(name), self._chains.get(name, ()), self._rows.get(name)
            if slot is not self._before.order(name):
                self._wait(name, chain, self._state.settle_ns("order"))  # changed while it was read: it is older
            elif slot is None:
                self._heard_of(name, row)
            elif row is None:
                self._gone(name, slot, chain)
            else:
                self._judge(name, slot, row, chain)
        known, missing, refused = self._known, tuple(self._missing), tuple(self._refused)
        told = (
            not known.read
            or self._edits
            or known.unread
            or missing != known.missing
            or refused != known.refused
            or tuple(self._left) != known.left
        )
        partial = self._answer.completeness != "complete" or bool(refused)
        why = self._answer.why or (f"{len(refused)} rows refused" if refused else "")
        read = OrdersRead(
            known.book, "partial" if partial else "complete", why, len(self._rows), len(self._edits), missing, refused,
            tuple(self._left),
        )  # fmt: skip
        self._writes.sort(key=lambda one: one[0].cursor)
        return OrdersPlan(
            read if told else None, tuple(self._edits), tuple(self._writes), tuple(sorted(self._conflicts)),
            self._settled, self._waits_ns, tuple(self._behind),
        )  # fmt: skip

    def _wait(self, name: str, chain: Sequence[OrderDue], for_ns: int) -> None:
        """Nothing of it is settled yet."""
        self._behind.append(name)
        self._waits_ns = for_ns if self._waits_ns is None else min(self._waits_ns, for_ns)
        if chain:
            earlier = [one.cursor for one in self._pending if one.cursor < chain[0].cursor]
            self._settled = min(self._settled, earlier[-1] if earlier else 0)

    # -- one order -----------------------------------------------------------------------------------------

    def _heard_of(self, name: str, row: OrderRow | None) -> None:
        """An order that we did not know. One that ended before we heard of it is history."""
        if row is not None and row.status not in TERMINAL:
            self._edits.append(self._recorded(name, row))

    def _gone(self, name: str, slot: OrderSlot, chain: Sequence[OrderDue]) -> None:
        """An order that the book does not know: unknown, not ended. What we took over from the broker is added."""
        doubt = self._unreadable(slot.order)
        if chain and doubt is not None:
            why = f"order {name}: row {doubt.row} of the book may be about it and cannot be read; left as it is"
            self._conflicts.append((chain[-1].cursor, why))
        elif chain and chain[0].before is None and slot.order.is_open:
            if self._word(slot.order.status) is None:
                why = f"order {name}: the book has no word for {slot.order.status.value}; it was not added"
                self._conflicts.append((chain[-1].cursor, why))
            elif self._rested(slot, chain):
                self._write(slot, None, (), chain)
        elif doubt is None and slot.order.is_open:
            self._missing.append(name)

    def _judge(self, name: str, slot: OrderSlot, row: OrderRow, chain: Sequence[OrderDue]) -> None:
        """An order that both know: is the row ahead of us, behind us, or at odds with us?"""
        order, said = slot.order, told_row(row)
        left = self._left_before.get(name)
        stands = left is not None and left.said == said
        stale = not stands and _says_terms_of(row, _starts(chain)) and not _same_terms(row, order)
        turned = _turned_back(chain, row, order)
        odd = bool(chain) and not (stands or turned or stale or _same_terms(row, order))
        fact = self._recorded(name, row)
        if stale or stands:
            fact = replace(
                fact, side=order.side, type=order.type, quantity=order.quantity, limit=order.limit, stop=order.stop,
                reduce_only=order.reduce_only,
            )  # fmt: skip
        if stands or turned:
            fact = replace(fact, status=order.status, filled=None)
        if order.average_price is not None:  # the broker states it with every fill: not to be told to and fro
            fact = replace(fact, average_price=None)
        if stands:
            assert left is not None
            self._left.append(left)
        elif turned:
            self._left.append(RowLeft(name, said, slot.position))
            word = f"order {name} works on at the broker, and the book says that it is {row.status.value}"
            self._conflicts.append((chain[-1].cursor, f"{word}: an end that it states is never turned back"))
        elif odd:
            expected = said_order(chain[0].before or order)
            why = f"order {name}: the book says {said}, and the correction starts from {expected}; left as it is"
            self._conflicts.append((chain[-1].cursor, why))
        if restated(order, fact) != order or (not order.is_open and (fact.filled or ZERO) > order.filled):
            self._edits.append(fact)
            self._wait(name, () if odd or turned else chain, self._state.settle_ns("order"))  # what it lacks: later
            return
        fields = self._lacking(row, order, terms=stale)
        if self._state.policy.on_drift != "correct" and all(one.kind == "drift" for one in chain):
            return  # the policy leaves it to a person, or only looks
        if turned or not fields or (stands and left is not None and left.position == slot.position):
            return  # it says all that it can, or had its chance
        if self._rested(slot, chain):
            self._write(slot, row, fields, chain)

    def _rested(self, slot: OrderSlot, chain: Sequence[OrderDue]) -> bool:
        """Whether its own process has had the time to write by itself what we learned (L13)."""
        left_ns = self._state.settle_ns("order") - elapsed_ns(slot.changed, self._at)
        if left_ns > 0:
            self._wait(slot.order.client_order_id, chain, left_ns)
        return left_ns <= 0

    def _lacking(self, row: OrderRow, order: BookOrder, *, terms: bool) -> tuple[OrderField, ...]:
        """What we know of an order and its row does not say, as far as it has a place and a word for it."""
        found: list[OrderField] = []
        word = self._word(order.status)
        if word is not None and _is_behind(row.status, word):
            found.append("status")
        if order.filled > (row.filled or ZERO):
            found.append("filled")
        if row.order_id is None and order.order_id is not None:
            found.append("order_id")
        if row.average_price is None and order.average_price is not None:
            found.append("average_price")
        if terms:
            found.extend(name for name in _TERMS if getattr(row, name) not in (None, getattr(order, name)))
        return tuple(name for name in found if name in self._places.fields)

    def _word(self, status: OrderStatus) -> OrderStatus | None:
        """The status that the book has a word for and that says the same, or the nearest to it."""
        choice = (status, *_NEAREST.get(status, ()))
        return next((one for one in choice if one in self._places.words), None)

    def _write(
        self, slot: OrderSlot, row: OrderRow | None, fields: tuple[OrderField, ...], chain: Sequence[OrderDue]
    ) -> None:
        order = slot.order
        ends = not order.is_open and "status" in fields and row is not None and row.status not in TERMINAL
        word = self._word(order.status)
        write = OrderWrite(
            cursor=slot.position,
            correction_id=chain[-1].correction_id if chain else "",
            before=row,
            after=order if word is None else replace(order, status=word),
            fields=fields,
            exit_reason=CLOSED_EXTERNALLY if ends and order.status in _EXTERNAL_ENDS else None,
            why=chain[-1].why if chain else "the broker states it",
            at_ns=self._at.at_ns,
        )
        self._writes.append((write, chain[0].cursor if chain else 0))

    def _unreadable(self, order: BookOrder) -> Refusal | None:
        """A refused row that may be about an order."""
        for one in self._refused:
            symbol = None if one.symbol is None else self._state.policy.canonical(one.symbol)
            if one.ticket in (order.client_order_id, order.order_id) or (
                one.ticket is None and symbol in (None, order.symbol)
            ):
                return one
        return None

    def _recorded(self, name: str, row: OrderRow) -> OrderRecorded:
        """What the row says, as if its own process had recorded it. Filled is filled whole."""
        whole = row.quantity if row.status is OrderStatus.FILLED else None
        return OrderRecorded(
            self._at, client_order_id=name, symbol=self._state.policy.canonical(row.symbol), side=row.side,
            type=row.type, quantity=row.quantity, status=row.status, order_id=row.order_id,
            filled=whole if row.filled is None else row.filled, average_price=row.average_price, limit=row.limit,
            stop=row.stop, reduce_only=row.reduce_only, strategy=row.strategy,
        )  # fmt: skip


def _starts(chain: Sequence[OrderDue]) -> tuple[BookOrder, ...]:
    """What corrections that are not written yet start from, one after the other."""
    return tuple(one.before for one in chain if one.before is not None)


def _says_terms_of(row: OrderRow, orders: Sequence[BookOrder]) -> bool:
    return any(_same_terms(row, one) for one in orders)


def _same_terms(row: OrderRow, order: BookOrder) -> bool:
    """Whether a row says the size and prices of an order, as far as it has a place for them."""
    return all(getattr(row, name) in (None, getattr(order, name)) for name in _TERMS)


def _turned_back(chain: Sequence[OrderDue], row: OrderRow, order: BookOrder) -> bool:
    """Whether a correction says that an order works on which the row says has ended."""
    return order.is_open and any(one.status is row.status and one.status in TERMINAL for one in _starts(chain))


def _is_behind(row: OrderStatus, ours: OrderStatus) -> bool:
    """Whether our status of an order is beyond the row's, and may be written over it."""
    if row not in RANK:  # on its way to somewhere, in the book's words: only an end goes beyond it
        return ours in TERMINAL
    return RANK.get(ours, 0) > RANK[row]


def told_row(row: OrderRow) -> str:
    """What a row says, in words: `buy 1 limit at 1.05, accepted`."""
    level = row.limit if row.limit is not None else row.stop
    at = "" if level is None else f" at {plain(level)}"
    filled = f", {plain(row.filled)} filled" if row.filled else ""
    return f"{row.side} {plain(row.quantity)} {row.type}{at}, {row.status.value}{filled}"
