"""What do a file's bytes say, whichever of the known formats they are in?

JSON in our own format, a gateway's raw reply in either dialect, or CSV. What is none of them, or a reply that failed,
is unusable: nothing is concluded from it, least of all that nothing is held (law 4, L01, L47, L48).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from trueup.model import BrokerPosition, Refusal, side_of
from trueup.policy import Policy
from trueup.ports import Answer
from trueup_adapters.files.objects import Object, is_reply, opened, sheet_of_object
from trueup_adapters.files.order_cells import refused_order
from trueup_adapters.files.sheet import FILE_BYTES_MAX, OrderList, OrderRow, Row, Sheet, UnusableFile
from trueup_adapters.files.tables import looks_like_table, sheet_of_table
from trueup_adapters.mt5.positions import Reading
from trueup_adapters.mt5.wire import orders_answer, positions_answer

_BOM: Final = b"\xef\xbb\xbf"
_Row = TypeVar("_Row")


def read_sheet(path: Path, policy: Policy) -> Sheet:
    """What the file at `path` says. Raises UnusableFile, AccountsDiffer."""
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UnusableFile(f"{path}: cannot be read: {error.strerror or error}") from error
    return sheet_of(raw, name=str(path), policy=policy)


def sheet_of(raw: bytes, *, name: str, policy: Policy) -> Sheet:
    """What a file's bytes say; `name` is what messages call it, and its ending decides between formats.

    Raises UnusableFile, AccountsDiffer. Pure.
    """
    if len(raw) > FILE_BYTES_MAX:
        raise UnusableFile(f"{name}: is longer than {FILE_BYTES_MAX:,} bytes; that is the most that is read")
    raw = raw.removeprefix(_BOM)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnusableFile(
            f"{name}: is not UTF-8 text ({error.reason} at byte {error.start}); save it as such"
        ) from error
    if not text.strip():
        raise UnusableFile(f"{name}: is empty, which says nothing; a book that holds nothing has an empty list")
    ending = name.lower().rpartition(".")[2]
    if ending == "csv" or (ending != "json" and looks_like_table(text)):
        return sheet_of_table(text, name, policy)
    content = opened(text, name)
    if is_reply(content):
        return _sheet_of_reply(raw, content, name, policy)
    return sheet_of_object(content, name, policy)


def _sheet_of_reply(raw: bytes, content: Object, name: str, policy: Policy) -> Sheet:
    """What a gateway's reply says, read exactly as the adapter reads it live: a list of orders where it is one, and
    else the positions, whatever stands beside them."""
    reading = Reading("hedging", policy.strategies, policy.canonical, {})
    if "orders" in content and "positions" not in content:
        return Sheet(name=name, has_positions=False, orders=_order_list(_usable(orders_answer(raw, reading), name)))
    held = _usable(positions_answer(raw, reading), name)
    rows = tuple(_row(number, one) for number, one in _placed(held, list(held.positions.values())))
    return Sheet(name=name, rows=rows, refused=tuple(held.refused))


def _usable(answer: Answer, name: str) -> Answer:
    if answer.completeness not in ("complete", "partial"):
        raise UnusableFile(f"{name}: {answer.why}")
    return answer


def _order_list(listed: Answer) -> OrderList:
    rows = tuple(OrderRow(number, order) for number, order in _placed(listed, list(listed.orders)))
    return OrderList(rows, tuple(_as_order(refusal) for refusal in listed.refused))


def _as_order(refusal: Refusal) -> Refusal:
    """A refusal that says that it is an order's, as those of the other formats do."""
    if refusal.why.startswith("order "):
        return refusal
    return refused_order(refusal.row, None, refusal.why, refusal.symbol)


def _placed(answer: Answer, used: Sequence[_Row]) -> Iterator[tuple[int, _Row]]:
    """What could be used of a list with its place there: the places that no refused row has."""
    refused = {refusal.row for refusal in answer.refused}
    return zip((n for n in itertools.count(1) if n not in refused), used, strict=False)


def _row(place: int, position: BrokerPosition) -> Row:
    return Row(
        number=place,
        symbol=position.symbol,
        spelling=position.spelling or position.symbol,
        side=side_of(position.signed_quantity),
        quantity=position.signed_quantity.copy_abs(),
        ticket=position.ticket,
        price=position.price,
        stop=position.stop,
        strategy=position.strategy,
        opened_at=position.opened_at,
    )
