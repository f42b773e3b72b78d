"""What does a book that lives elsewhere do to the state, and how far is it known?

Its rows reach the journal as local changes; here is only what is known of the book itself: since when it is read, how
far corrections were written back, what vanished from it. Pure handlers on a draft.
"""

from __future__ import annotations

from msgspec.structs import replace

from trueup.facts import BookRead, BookWriting, BookWritten
from trueup.reconciliation.draft import Draft
from trueup.reconciliation.state import ForeignBook


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
    draft.foreign = replace(
        known, read=first, written=max(known.written, first), missing=missing, held=fact.held, refused=fact.refused,
        unread="",
    )  # fmt: skip


def book_writing(draft: Draft, position: int, fact: BookWriting) -> None:
    """From here on, until the outcome is journalled, nobody knows what was written."""
    draft.foreign = replace(draft.foreign, writing=fact.corrections)


def book_written(draft: Draft, position: int, fact: BookWritten) -> None:
    """What is behind us is settled; what failed is looked up before it is written again."""
    known = draft.foreign
    upto = max(known.written, fact.upto)
    writing = tuple(one for one in known.writing if one > upto)
    draft.foreign = replace(known, written=upto, writing=writing, unwritten=fact.failed)
