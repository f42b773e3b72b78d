"""What must a person hear of a book that lives elsewhere?

That it cannot be read, that too much vanished from it at once, that a correction met an edit of its own process and
was not written. Each once, when it begins. Pure.
"""

from __future__ import annotations

from typing import Final

from trueup.decisions import MassAbsenceMoved
from trueup.facts import BookRead, BookWritten, CommandGiven, OrdersRead
from trueup.reconciliation.deciding import Deciding

TOLD_MAX: Final = 5
"""Conflicts that one alert names; it says how many more there are (L60)."""


def book_read(deciding: Deciding, fact: BookRead) -> None:
    """Say so when it cannot be read any more, when rows cannot be used, and when too much is missing."""
    known = deciding.before.foreign
    if fact.completeness == "failed":  # journalled when it begins, not with each read
        deciding.alert("warning", "book-unread", f"the book {fact.book} cannot be read: {fact.why}")
        return
    if fact.held and not known.held:
        deciding.alert(
            "critical",
            "book-mass-absence",
            f"{len(fact.held)} positions vanished from {fact.book} at once, and the broker still has them: none of it "
            "is believed until they are back, the broker lists them no more, or somebody says `ack mass-absence`",
        )
    if fact.refused and fact.refused != known.refused:
        first = fact.refused[0]
        deciding.alert(
            "warning", "book-refused",
            f"{len(fact.refused)} rows of {fact.book} cannot be used; the first, row {first.row}: {first.why}",
        )  # fmt: skip
    if fact.orders is not None:
        _orders_read(deciding, fact.orders)


def _orders_read(deciding: Deciding, read: OrdersRead) -> None:
    """The same of its orders."""
    known = deciding.before.foreign.orders
    if read.completeness == "failed":
        deciding.alert("warning", "book-orders-unread", f"the orders of {read.book} cannot be read: {read.why}")
        return
    if read.refused and read.refused != known.refused:
        first = read.refused[0]
        deciding.alert(
            "warning", "book-refused",
            f"{len(read.refused)} orders of {read.book} cannot be used; the first, row {first.row}: {first.why}",
        )  # fmt: skip


def book_written(deciding: Deciding, fact: BookWritten) -> None:
    """Say what was not written because somebody else had been there first."""
    if fact.conflicts:
        named = "; ".join(why for _, why in fact.conflicts[:TOLD_MAX])
        more = len(fact.conflicts) - TOLD_MAX
        text = f"{len(fact.conflicts)} corrections were not written into {fact.book}: {named}"
        deciding.alert("warning", "book-conflict", text + (f"; and {more} more" if more > 0 else ""))
    if fact.failed and not deciding.before.foreign.unwritten:
        deciding.alert("warning", "book-unwritten", f"corrections cannot be written into {fact.book}: {fact.failed}")


def acknowledged(deciding: Deciding, fact: CommandGiven) -> bool:
    """An operator says that what vanished from the book is really gone from it; False when nothing of it is held."""
    held = deciding.state.foreign.held
    if not held:
        return False
    why = f"acknowledged by {fact.who}: {fact.why}"
    mark = deciding.state.policy_mark
    moved = MassAbsenceMoved(
        deciding.cause, deciding.at_ns, mark, "acknowledged", held, len(held), len(deciding.state.book), why
    )
    deciding.emit([moved])
    return True
