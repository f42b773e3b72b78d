"""Where may a bot keep its own book, and how is it read and written there?

`plain` two callables of your own · `sql` one table, through SQLAlchemy Core · `firestore` one collection. `mapping`
says which column or field means what; `cells` reads exact numbers and times out of them. Each of the three inherits
`trueup.testing.book_contract`.
"""

from trueup_adapters.books.mapping import Mapping
from trueup_adapters.books.plain import PlainBook

__all__ = ["Mapping", "PlainBook"]
