"""How is a book kept true that lives elsewhere: in a table of the bot's own, in Firestore, behind two callables?

Read in this order: `port` what a book must be able to do · `differing` what one read of it says that the journal does
not know, and what is to be written back · `orders_differing` the same of its orders, where it keeps them · `keeping`
the driver · `watching` the broker that has the book read before each question. `trueup.testing.book_contract` and
`order_book_contract` are the test suites that every book inherits.
"""

from trueup.foreign.keeping import Keeper, Kept
from trueup.foreign.port import (
    Book,
    BookAnswer,
    BookRow,
    BookWrite,
    OrderBook,
    OrderField,
    OrderName,
    OrderRow,
    OrdersAnswer,
    OrderWrite,
    Places,
    Wrote,
    unreadable,
    unreadable_orders,
)
from trueup.foreign.watching import Watching, keep

__all__ = [
    "Book",
    "BookAnswer",
    "BookRow",
    "BookWrite",
    "Keeper",
    "Kept",
    "OrderBook",
    "OrderField",
    "OrderName",
    "OrderRow",
    "OrderWrite",
    "OrdersAnswer",
    "Places",
    "Watching",
    "Wrote",
    "keep",
    "unreadable",
    "unreadable_orders",
]
