"""Which adapter does the address of a bot's own book, and of its orders, mean, and how is it made?

    firestore://PROJECT[/DATABASE]    one collection, `table`; credentials as Google's library finds them
    anything else                     one table, `table`, of a database that SQLAlchemy speaks to

Adapters are imported only when they are asked for, and one that is not installed says which extra brings it.
"""

from __future__ import annotations

from trueup.errors import TrueupError
from trueup.foreign import Book, OrderBook
from trueup.model import PositionMode
from trueup_adapters.config.reading import BookSettings


def open_book(settings: BookSettings, mode: PositionMode) -> Book:
    """The book; it connects to nothing yet.

    Raises InputError for an address or mapping that cannot be meant, TrueupError for a missing extra.
    """
    url = settings.url or ""
    if url.partition("://")[0].lower() == "firestore":
        try:
            from trueup_adapters.books.firestore import FirestoreBook
        except ImportError as error:
            raise TrueupError('a book in Firestore needs its extra; pip install "trueup[firestore]"') from error
        return FirestoreBook.of(url, settings.table, settings.mapping, position_mode=mode)
    try:
        from trueup_adapters.books.sql import SqlBook
    except ImportError as error:
        raise TrueupError('a book in a database needs its extra; pip install "trueup[sql]"') from error
    return SqlBook(url, settings.table, settings.mapping, position_mode=mode)


def open_orders(settings: BookSettings) -> OrderBook | None:
    """Its orders; None where it keeps none. It connects to nothing yet. Raises as `open_book` does."""
    orders, url = settings.orders, settings.url or ""
    if orders is None:
        return None
    if url.partition("://")[0].lower() == "firestore":
        try:
            from trueup_adapters.books.firestore_orders import FirestoreOrders
        except ImportError as error:
            raise TrueupError('a book in Firestore needs its extra; pip install "trueup[firestore]"') from error
        return FirestoreOrders.of(url, orders.table, orders.mapping)
    try:
        from trueup_adapters.books.sql_orders import SqlOrders
    except ImportError as error:
        raise TrueupError('a book in a database needs its extra; pip install "trueup[sql]"') from error
    return SqlOrders(url, orders.table, orders.mapping)
