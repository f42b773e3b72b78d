"""On what do two files disagree, a book's and a broker's, taken as one moment?

No confirmations and no mass absence: whoever hands in two files says that they belong together. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from trueup.compare import Difference, compare
from trueup.evidence import Present
from trueup.explain import described, named
from trueup.policy import Policy
from trueup.report import remedy
from trueup_adapters.files.match import Pair, pairs
from trueup_adapters.files.order_breaks import ended_strangers, order_breaks, unknown_statuses
from trueup_adapters.files.order_rules import ordered_orders
from trueup_adapters.files.report import CheckReport, FileBreak, RefusedRow, counted, failed_check
from trueup_adapters.files.rules import Ordered, ordered
from trueup_adapters.files.sheet import AccountsDiffer, OrderList, Sheet


def check(book: Sheet, broker: Sheet, policy: Policy) -> CheckReport:
    """Every break between two sheets, sorted by of, symbol, ticket and field, and every refused row.

    A refused row makes its side partial: what that side does not list proves nothing (law 4); what both list is
    compared. Positions and orders are partial apart. Each are compared where both sheets have a list of them, and
    otherwise left alone; where that leaves nothing, nobody can tell whether they agree. Raises AccountsDiffer.
    """
    if book.account is not None and broker.account is not None and book.account != broker.account:
        raise AccountsDiffer(
            f"{book.name} is of {book.account} and {broker.name} of {broker.account}; compare files of one account"
        )
    if not _both_have_positions(book, broker) and (book.orders is None or broker.orders is None):
        why = f"{book.name} and {broker.name}: one lists positions and the other orders; there is nothing to compare"
        return failed_check([why], book.account or broker.account)
    ours, theirs, said = _positions(book, broker)
    our_orders, their_orders, notes = _orders(book, broker)
    breaks = [row for pair in pairs(ours, theirs) for row in _rows(pair, policy)]
    held = ordered(broker).rows  # it says which orders protect something, whether or not the book can be compared
    breaks.extend(order_breaks(our_orders, their_orders, held, policy))
    breaks.sort(key=_in_order)
    refused = (
        *(RefusedRow("book", one.row, one.why) for one in (*ours.refused, *our_orders.refused)),
        *(RefusedRow("broker", one.row, one.why) for one in (*theirs.refused, *their_orders.refused)),
    )
    return CheckReport(
        account=book.account or broker.account,
        agrees=not breaks and not refused,
        breaks=tuple(breaks),
        refused=refused,
        counts=counted(breaks),
        notes=(*said, *notes) or UNSET,
    )


def _in_order(row: FileBreak) -> tuple[str, str, str, str, str]:
    return (row.of, row.symbol, row.ticket or "", row.field or "", row.kind)


def _both_have_positions(book: Sheet, broker: Sheet) -> bool:
    return book.has_positions and broker.has_positions


def _positions(book: Sheet, broker: Sheet) -> tuple[Ordered, Ordered, tuple[str, ...]]:
    """The positions of both sides as far as they can be compared, and what is to be said of the rest."""
    if _both_have_positions(book, broker):
        return ordered(book), ordered(broker), ()
    said = [
        f"{one.name}: its {len(one.rows) + len(one.refused):,} positions were not compared; {other.name} has no list "
        "`positions`"
        for one, other in ((book, broker), (broker, book))
        if one.has_positions
    ]
    return Ordered((), ()), Ordered((), ()), tuple(said)


def _orders(book: Sheet, broker: Sheet) -> tuple[OrderList, OrderList, tuple[str, ...]]:
    """The orders of both sides as far as they can be compared, and what is to be said of the rest.

    What only one side reports is not compared, as with any field: a file without a list of orders is no account
    without orders (law 4).
    """
    if book.orders is None or broker.orders is None:
        said = [
            f"{one.name}: its {one.orders.count:,} orders were not compared; {other.name} has no list `orders`"
            for one, other in ((book, broker), (broker, book))
            if one.orders is not None
        ]
        return OrderList(), OrderList(), tuple(said)
    ours, theirs = ordered_orders(book.orders), ordered_orders(broker.orders)
    lines = (
        unknown_statuses(book.name, ours),
        unknown_statuses(broker.name, theirs),
        ended_strangers(broker.name, ours, theirs),
    )
    return ours, theirs, tuple(line for line in lines if line is not None)


def _rows(pair: Pair, policy: Policy) -> Iterator[FileBreak]:
    for difference in compare(pair.book, pair.seen, policy):
        yield FileBreak(
            of="position",
            kind=difference.kind,
            symbol=pair.symbol,
            ticket=pair.ticket,
            field=difference.field,
            book=difference.book,
            broker=difference.broker,
            correction=remedy(difference.kind, policy),
            why=_why(pair, difference),
        )


def _why(pair: Pair, difference: Difference) -> str:
    """One plain sentence."""
    name = named(pair.symbol, pair.ticket)
    if difference.kind == "ghost":
        assert pair.book is not None
        return f"the book holds {name}, {described(pair.book)}{_legs(pair.legs[0])}, and the broker does not list it"
    if difference.kind == "recovery":
        assert isinstance(pair.seen, Present)
        return f"the broker lists {name}, {described(pair.seen.value)}{_legs(pair.legs[1])}, and the book lacks it"
    sums = f", after adding up {pair.legs[0]} rows of the book and {pair.legs[1]} of the broker"
    return (
        f"the {difference.field} of {name} is {difference.book} in the book and {difference.broker} at the broker"
        f"{sums if max(pair.legs) > 1 else ''}"
    )


def _legs(count: int) -> str:
    return f" in {count} rows" if count > 1 else ""
