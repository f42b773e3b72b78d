"""How is a book kept true that lives elsewhere: in a table of the bot's own, in Firestore, behind two callables?

Read in this order: `port` what a book must be able to do · `differing` what one read of it says that the journal does
not know, and what is to be written back · `keeping` the driver · `watching` the broker that has the book read before
each question. `trueup.testing.book_contract` is the test suite that every book inherits.
"""

from trueup.foreign.keeping import Keeper, Kept
from trueup.foreign.port import Book, BookAnswer, BookRow, BookWrite, Wrote, unreadable
from trueup.foreign.watching import Watching, keep

__all__ = [
    "Book",
    "BookAnswer",
    "BookRow",
    "BookWrite",
    "Keeper",
    "Kept",
    "Watching",
    "Wrote",
    "keep",
    "unreadable",
]
