"""How is a bot's own collection of orders in Firestore read and corrected?

One document is one order. What the collection says still works is read whole, without the words of ended ones; orders
that are asked for by name are looked up. Written as positions are (`firestore`): in a transaction that reads its
documents again, so that the server refuses it when somebody changed them meanwhile. Tried with Google's client against
a server on the same machine that speaks its protocol; never against Google's service. Needs `trueup[firestore]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud.firestore_v1.base_query import FieldFilter

from trueup.errors import InputError
from trueup.foreign import OrderName, OrderRow, OrdersAnswer, OrderWrite, Places, Wrote, unreadable_orders
from trueup.model import Refusal
from trueup_adapters.books.cells import moment
from trueup_adapters.books.firestore import ROWS_MAX, WAIT_S, as_kept, attempted, client_of, words
from trueup_adapters.books.leaving import no_order_there, order_still_there
from trueup_adapters.books.order_cells import ends_now, order_cells_of, order_of
from trueup_adapters.books.order_mapping import OrderMapping

NAMES_AT_ONCE: Final = 30
"""Values that one query of Firestore's may ask for."""
ENDS_MAX: Final = 10
"""Values that one query of Firestore's may leave out."""
_Found = list[tuple[OrderRow | Refusal, Any]]


class FirestoreOrders:
    """One collection of one project."""

    def __init__(self, client: Any, collection: str, mapping: OrderMapping, *, name: str | None = None) -> None:
        """
        client      a `google.cloud.firestore.Client`; closed with the orders
        collection  its path: `orders`, `bots/b1/orders`

        Raises InputError for a mapping that cannot be meant.
        """
        mapping.check()
        if len(mapping.ends) > ENDS_MAX:
            raise InputError(
                f"statuses has {len(mapping.ends)} words for ends; Firestore leaves out {ENDS_MAX} at most"
            )
        self._client = client
        self._collection = client.collection(collection)
        self._name = name or f"firestore://{client.project}#{collection}"
        self._mapping = mapping

    @classmethod
    def of(cls, url: str, collection: str, mapping: OrderMapping) -> FirestoreOrders:
        """From `firestore://PROJECT[/DATABASE]`. Raises InputError as `FirestoreBook.of` does."""
        return cls(client_of(url), collection, mapping)

    @property
    def name(self) -> str:
        """Project and collection."""
        return self._name

    @property
    def places(self) -> Places:
        """As it is mapped."""
        return self._mapping.places

    # -- reading -------------------------------------------------------------------------------------------

    def read(self, known: Sequence[OrderName]) -> OrdersAnswer:
        """All that still work, then those that are asked for and are not among them: each query of one moment."""
        status, ends = self._mapping.status, list(self._mapping.ends)
        try:
            working = self._query().where(filter=FieldFilter(status, "not-in", ends)).limit(ROWS_MAX + 1)
            found = self._rows(working.stream(retry=None, timeout=WAIT_S))
            if len(found) > ROWS_MAX:
                return unreadable_orders(
                    f"more than {ROWS_MAX:,} of its orders work; do the words of ended ones count?"
                )
            seen = {reference.path for _, reference in found}
            more = [one for one in self._named(found, known) if one[1].path not in seen]
        except (GoogleAPICallError, GoogleAuthError, RetryError, OSError) as error:
            return unreadable_orders(words(error))
        found += {reference.path: (row, reference) for row, reference in more}.values()
        rows = [row for row, _ in found if isinstance(row, OrderRow)]
        refused = tuple(row for row, _ in found if isinstance(row, Refusal))
        why = f"{len(refused)} rows refused" if refused else ""
        return OrdersAnswer(completeness="partial" if refused else "complete", why=why, orders=rows, refused=refused)

    def _named(self, found: _Found, known: Sequence[OrderName]) -> _Found:
        """What the collection has of the orders that are asked for and were not found yet."""
        ids = {one.client_order_id for one, _ in found if isinstance(one, OrderRow)}
        ids |= {one.order_id for one, _ in found if isinstance(one, OrderRow)}
        asked = [one for one in known if not ids & ({one.client_order_id, one.order_id} - {None})]
        more: _Found = []
        for first in range(0, len(asked), NAMES_AT_ONCE):
            for query in self._of(asked[first : first + NAMES_AT_ONCE]):
                more += self._rows(query.stream(retry=None, timeout=WAIT_S))
        return more

    def _of(self, names: Sequence[OrderName]) -> list[Any]:
        """Queries for these orders, by whichever id they have."""
        mapping = self._mapping
        ours = [one.client_order_id for one in names if one.client_order_id is not None]
        theirs = [one.order_id for one in names if one.order_id is not None]
        return [
            self._query().where(filter=FieldFilter(field, "in", ids))
            for field, ids in ((mapping.client_order_id, ours), (mapping.order_id, theirs))
            if field is not None and ids
        ]

    def _query(self) -> Any:
        """Documents of this account."""
        query = self._collection
        for name, value in self._mapping.only.items():
            query = query.where(filter=FieldFilter(name, "==", value))
        return query

    def _rows(self, documents: Any) -> _Found:
        found: _Found = []
        for place, document in enumerate(documents, 1):
            path = document.reference.path
            found.append((order_of(self._mapping, document.to_dict() or {}, place=place, ref=path), document.reference))
        return found

    # -- writing -------------------------------------------------------------------------------------------

    def write(self, write: OrderWrite) -> Wrote:
        """One order, in one transaction that is tried once."""
        return attempted(self._client, self._query(), self._change, write)

    def _change(self, transaction: Any, write: OrderWrite) -> Wrote:
        before, after, mapping = write.before, write.after, self._mapping
        names = [OrderName(after.client_order_id, after.order_id)]
        if before is not None:
            names.append(OrderName(before.client_order_id, before.order_id))
        found: _Found = []
        for query in self._of(names):
            found += self._rows(query.stream(transaction=transaction, retry=None, timeout=WAIT_S))
        cells = as_kept(order_cells_of(mapping, write), mapping.numbers, mapping.floats)
        if cells.get(mapping.reduce_only or "") is not None:
            cells[mapping.reduce_only or ""] = cells[mapping.reduce_only or ""] == "1"
        if mapping.closed_at is not None and ends_now(write):
            cells[mapping.closed_at] = moment(write.at_ns, mapping.time_zone)
        if before is None:
            no_order_there([row for row, _ in found], write, what="document")
            new = self._collection.document(f"trueup-{write.correction_id}")  # one correction, one document (L49)
            transaction.create(new, cells)
        else:
            transaction.update(order_still_there(found, write, before, what="document"), cells)
        return Wrote("written")

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()
