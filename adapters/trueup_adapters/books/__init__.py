"""Where may a bot keep its own book, and how is it read and written there?

`plain` two callables of your own · `sql` one table, through SQLAlchemy Core · `firestore` one collection. `mapping`
says which column or field means what; `cells` reads exact numbers and times out of them; `leaving` says when nothing is
written. Each of the three inherits `trueup.testing.book_contract`. Of orders the same: `sql_orders`,
`firestore_orders`, `PlainOrders` in `plain`, with `order_mapping` and `order_cells`, and
`trueup.testing.order_book_contract`.
"""

from trueup_adapters.books.mapping import Mapping
from trueup_adapters.books.order_mapping import OrderMapping
from trueup_adapters.books.plain import PlainBook, PlainOrders

__all__ = ["Mapping", "OrderMapping", "PlainBook", "PlainOrders"]
