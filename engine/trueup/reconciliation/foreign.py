"""What does a book that lives elsewhere do to the state, and how far is it known?

Its rows reach the journal as local changes; here is only what is known of the book itself: since when it is read, how
far corrections were written back, what vanished from it. Pure handlers on a draft.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from trueup.facts import BookRead, BookWriting, BookWritten, OrdersRead
from trueup.reconciliation.draft import Draft
from trueup.reconciliation.foreign_state import ForeignBook, ForeignOrders

LEFT_MAX: Final = 1_000
"""Rows that are remembered as left (law 12); of more the latest."""


def book_read(draft: Draft, position: int, fact: BookRead) -> None:
    """The first usable read begins: what was corrected before it is no business of this book's."""
    known = draft.foreign if draft.foreign.book == fact.book else ForeignBook(fact.book)
    if fact.completeness == "failed":
        draft.foreign = replace(known, unread=fact.why)  # and nothing else is concluded (L01)
        return
    if draft.baseline == "open":
        draft.baseline = "forgone"  # an empty table says something too: the book holds nothing
    first = known.read or position
    since = dict(known.missing)
    missing = tuple((key, since.get(key, draft.at)) for key in sorted(fact.missing))
    orders = known.orders if fact.orders is None else _orders_read(known.orders, position, fact.orders)
    draft.foreign = replace(
        known, read=first, written=max(known.written, first), missing=missing, held=fact.held, refused=fact.refused,
        unread="", orders=orders, left=fact.left[-LEFT_MAX:],
    )  # fmt: skip


def _orders_read(known: ForeignOrders, position: int, read: OrdersRead) -> ForeignOrders:
    if known.book != read.book:
        known = ForeignOrders(read.book)
    if read.completeness == "failed":
        return replace(known, unread=read.why)
    first = known.read or position
    return replace(
        known, read=first, written=max(known.written, first), missing=read.missing, refused=read.refused,
        left=read.left[-LEFT_MAX:], unread="",
    )  # fmt: skip


def book_writing(draft: Draft, position: int, fact: BookWriting) -> None:
    """From here on, until the outcome is journalled, nobody knows what was written."""
    known = draft.foreign
    orders = replace(known.orders, writing=fact.orders) if known.orders.read else known.orders
    draft.foreign = replace(known, writing=fact.corrections, orders=orders)


def book_written(draft: Draft, position: int, fact: BookWritten) -> None:
    """What is behind us is settled; what failed is looked up before it is written again."""
    known, orders = draft.foreign, draft.foreign.orders
    upto = max(known.written, fact.upto)
    writing = tuple(one for one in known.writing if one > upto)
    if orders.read:
        orders = replace(
            orders, written=max(orders.written, fact.orders_upto), writing=orders.writing if fact.failed else (),
            left=(*orders.left, *fact.orders_left)[-LEFT_MAX:],
        )  # fmt: skip
    draft.foreign = replace(
        known, written=upto, writing=writing, unwritten=fact.failed, orders=orders,
        left=(*known.left, *fact.left)[-LEFT_MAX:],
    )  # fmt: skip
