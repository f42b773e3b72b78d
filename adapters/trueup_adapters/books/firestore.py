"""How is a bot's own collection of positions in Firestore read and corrected?

One document is one position. Corrections are written in a transaction that reads the position's documents again, so
that the server itself refuses the write when somebody changed them meanwhile. Tried with Google's client against a
server on the same machine that speaks its protocol; never against Google's service. Needs `trueup[firestore]`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from trueup.errors import InputError
from trueup.foreign import BookAnswer, BookRow, BookWrite, Wrote, unreadable
from trueup.model import Holding, PositionMode, Refusal, exact
from trueup_adapters.books.cells import cells_of, differs, moment, row_of, same, unchanged
from trueup_adapters.books.leaving import Left
from trueup_adapters.books.mapping import Mapping

ROWS_MAX: Final = 100_000
"""Documents of one collection that are read at most (law 12)."""
WAIT_S: Final = 10
"""How long an answer is waited for."""


class FirestoreBook:
    """One collection of one project."""

    def __init__(
        self, client: Any, collection: str, mapping: Mapping, *, position_mode: PositionMode, name: str | None = None
    ) -> None:
        """
        client      a `google.cloud.firestore.Client`; closed with the book
        collection  its path: `positions`, `bots/b1/positions`

        Raises InputError for a mapping that cannot be meant.
        """
        mapping.check()
        if position_mode == "hedging" and mapping.ticket is None:
            raise InputError(
                "a hedging account keeps positions by ticket, and the book has no field for it; map ticket"
            )
        self._client = client
        self._collection = client.collection(collection)
        self._name = name or f"firestore://{client.project}#{collection}"
        self._mapping = mapping
        self._mode = position_mode

    @classmethod
    def of(cls, url: str, collection: str, mapping: Mapping, *, position_mode: PositionMode) -> FirestoreBook:
        """From `firestore://PROJECT[/DATABASE]`; credentials as Google's library finds them
        (GOOGLE_APPLICATION_CREDENTIALS), or none where FIRESTORE_EMULATOR_HOST names a server.

        Raises InputError for an address that is none, or where no credentials are found.
        """
        return cls(client_of(url), collection, mapping, position_mode=position_mode)

    @property
    def name(self) -> str:
        """Project and collection."""
        return self._name

    # -- reading -------------------------------------------------------------------------------------------

    def read(self) -> BookAnswer:
        """All open positions, as of one moment: a query is answered from one snapshot."""
        try:
            found = self._rows(self._query().limit(ROWS_MAX + 1).stream(retry=None, timeout=WAIT_S))
        except (GoogleAPICallError, GoogleAuthError, RetryError, OSError) as error:
            return unreadable(words(error))
        if len(found) > ROWS_MAX:
            return unreadable(f"it has more than {ROWS_MAX:,} documents; keep closed positions elsewhere")
        rows = [row for row, _ in found if isinstance(row, BookRow)]
        refused = tuple(row for row, _ in found if isinstance(row, Refusal))
        why = f"{len(refused)} rows refused" if refused else ""
        return BookAnswer(completeness="partial" if refused else "complete", why=why, positions=rows, refused=refused)

    def _query(self, *, symbol: str | None = None) -> Any:
        """Documents of this account that are not closed; of one symbol."""
        mapping, query = self._mapping, self._collection
        for name, value in mapping.only.items():
            query = query.where(filter=FieldFilter(name, "==", value))
        if mapping.status is not None:
            query = query.where(filter=FieldFilter(mapping.status, "!=", mapping.closed_word))
        if symbol is not None:
            query = query.where(filter=FieldFilter(mapping.symbol, "==", symbol))
        return query

    def _rows(self, documents: Any) -> list[tuple[BookRow | Refusal, Any]]:
        found: list[tuple[BookRow | Refusal, Any]] = []
        for place, document in enumerate(documents, 1):
            row = row_of(self._mapping, document.to_dict() or {}, place=place, ref=document.reference.path)
            if row is not None:
                found.append((row, document.reference))
        return found

    # -- writing -------------------------------------------------------------------------------------------

    def write(self, write: BookWrite) -> Wrote:
        """One correction, in one transaction that is tried once."""
        return attempted(self._client, self._query(), self._change, write)

    def _change(self, transaction: Any, write: BookWrite) -> Wrote:
        before, after = write.before, write.after
        symbol = before.symbol if before is not None else after.symbol if after is not None else ""
        documents = self._query(symbol=symbol).stream(transaction=transaction, retry=None, timeout=WAIT_S)
        found = self._rows(documents)
        if before is None:
            assert after is not None
            self._nothing_there([row for row, _ in found], after)
            new = self._collection.document(f"trueup-{write.correction_id}")  # one correction, one document (L49)
            transaction.create(new, self._typed(cells_of(self._mapping, after, new=True)))
            return Wrote("written")
        reference = self._still_there(found, before, after)
        if after is not None:
            transaction.update(reference, self._typed(cells_of(self._mapping, after, new=False)))
        elif self._mapping.closed == "delete":
            transaction.delete(reference)
        else:
            transaction.update(reference, self._closing(write))
        return Wrote("written")

    def _nothing_there(self, rows: Sequence[BookRow | Refusal], after: Holding) -> None:
        for row in rows:
            if isinstance(row, Refusal):
                raise Left(Wrote("conflict", f"{after.symbol}: a document cannot be read: {row.why}"))
            if self._mode == "netting" or row.ticket == after.ticket:
                if same(row, after):
                    raise Left(Wrote("already", "it is there"))
                raise Left(Wrote("conflict", f"{after.symbol}: a document is there meanwhile, {differs(row)}"))

    def _still_there(
        self, found: Sequence[tuple[BookRow | Refusal, Any]], before: BookRow, after: Holding | None
    ) -> Any:
        """The document, if it still says what the correction starts from."""
        for row, reference in found:
            if not isinstance(row, BookRow) or row.ref != before.ref:
                continue
            if unchanged(row, before):
                return reference
            if same(row, after):
                raise Left(Wrote("already", "it says so"))
            raise Left(Wrote("conflict", f"{before.symbol}: it was changed meanwhile, {differs(row)}"))
        if after is None and not found:
            raise Left(Wrote("already", "it is closed"))
        raise Left(Wrote("conflict", f"{before.symbol}: its document is gone, or another has taken its place"))

    def _closing(self, write: BookWrite) -> dict[str, Any]:
        mapping = self._mapping
        change = self._typed({mapping.quantity: "0"}) if mapping.closed == "zero" else {}
        if mapping.closed == "status" and mapping.status is not None:
            change[mapping.status] = mapping.closed_word
        if mapping.exit_reason is not None:
            change[mapping.exit_reason] = write.exit_reason or "CLOSED_EXTERNALLY"
        if mapping.closed_at is not None:
            change[mapping.closed_at] = moment(write.at_ns, mapping.time_zone)
        return change

    def _typed(self, cells: dict[str, str | None]) -> dict[str, Any]:
        """As the book keeps numbers."""
        mapping = self._mapping
        return as_kept(cells, (mapping.quantity, mapping.price, mapping.stop), mapping.floats)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


def client_of(url: str) -> Any:
    """A client for `firestore://PROJECT[/DATABASE]`. Raises InputError where that is no address, or no credentials are
    found."""
    parts = urlsplit(url)
    if not parts.netloc:
        raise InputError("the book's url names no project; write firestore://PROJECT")
    database = parts.path.strip("/") or None
    try:
        return firestore.Client(project=parts.netloc, database=database)
    except (GoogleAuthError, OSError, ValueError) as error:
        raise InputError(f"Firestore has no credentials here: {words(error)}") from error


def as_kept(cells: dict[str, str | None], numbers: Sequence[str | None], floats: str) -> dict[str, Any]:
    """Numbers as exact text; as Firestore's own where the book keeps them so, if they are then still the same.

    Raises InputError for one that a binary float cannot hold.
    """
    found: dict[str, Any] = dict(cells)
    if floats == "text":
        for name in numbers:
            text = cells.get(name or "")
            if name is None or text is None:
                continue
            number = json.loads(text)
            if exact(repr(number), what=name) != exact(text, what=name):
                raise InputError(f"{name} would be {text}, which a binary float does not hold; keep it as text")
            found[name] = number
    return found


transactional: Callable[[Callable[..., Wrote]], Callable[..., Wrote]] = getattr(firestore, "transactional")  # noqa: B009
"""Typed here, as the library's own is not."""


def attempted(client: Any, query: Any, change: Callable[..., Wrote], write: object) -> Wrote:
    """What came of `change`, in one transaction that is tried once.

    query  something that the collection can be asked. To begin a transaction the client tries for a minute, whatever
           one says; this it asks once
    """
    try:
        list(query.limit(1).stream(retry=None, timeout=WAIT_S))
        return transactional(change)(client.transaction(max_attempts=1), write)
    except Left as left:
        return left.wrote
    except InputError as error:
        return Wrote("conflict", str(error))
    except (GoogleAPICallError, GoogleAuthError, RetryError, OSError) as error:
        return Wrote("unknown", f"{words(error)}; its outcome is unknown")
    except ValueError as error:  # what the client makes of its only attempt, and of one that never began
        if not isinstance(error.__cause__ or error.__context__, GoogleAPICallError | RetryError):
            raise
        return Wrote("unknown", f"somebody else wrote at the same moment, or nobody heard: {words(error)}")


def words(error: Exception) -> str:
    """One line of what the client says."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
