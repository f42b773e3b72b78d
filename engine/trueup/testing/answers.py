"""What does a simulated broker answer, and how do its answers go wrong?

Rows are judged one by one (L42), and of rows that contradict each other none is believed (L29): as an adapter has
to read what a wire brings it. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, TypeVar

import msgspec

from trueup.model import TERMINAL, BrokerOrder, BrokerPosition, Refusal, add, plain, symbol_key, ticket_key
from trueup.ports import Answer, Question

Trouble: TypeAlias = Literal[
    "silence",
    "empty",
    "failure",
    "garbage",
    "truncated",
    "bad_row",
    "bad_number",
    "twin",
    "contradiction",
    "stale",
    "unsupported",
]
"""What one answer can be troubled by:

silence        no answer ever comes: whoever asked must give up
empty          a successful answer that lists nothing, whatever there is (L02)
failure        a failure that carries an empty list (L48)
garbage        bytes that are no answer at all
truncated      an answer that breaks off
bad_row        the first row is of a kind that nobody knows (L41, L42)
bad_number     the first row's quantity is NaN (L43)
twin           the first row is there twice, in the same words (L29)
contradiction  the first row is there twice, with different quantities (L29)
stale          the answer of one change ago
unsupported    the broker does not know the question
"""

ActionTrouble: TypeAlias = Literal["silence", "lost_ack", "refusal", "garbage"]
"""What one action can be troubled by:

silence    it is not done, and no answer ever comes
lost_ack   it is done, and no answer ever comes (L21)
refusal    the broker says no
garbage    bytes that are no answer at all; whether it was done, they do not say
"""

_Stated = TypeVar("_Stated", BrokerPosition, BrokerOrder)


def positions_answer(positions: Sequence[BrokerPosition], trouble: Trouble | None, *, netting: bool) -> Answer:
    """These positions as an answer, spoilt as `trouble` says."""
    rows: list[BrokerPosition | str] = list(positions)
    if rows:
        _spoil(rows, trouble)
    stated, refused = _judged(rows)
    return Answer(
        completeness="partial" if refused else "complete",
        why=f"{len(refused)} of {len(rows)} rows could not be used" if refused else "",
        dialect="simulated",
        positions={symbol_key(row.symbol) if netting else ticket_key(row.ticket or ""): row for row in stated},
        refused=refused,
        raw="\n".join(map(_text, rows)).encode(),
    )


def orders_answer(orders: Sequence[BrokerOrder], trouble: Trouble | None) -> Answer:
    """These orders as an answer, spoilt as `trouble` says."""
    rows: list[BrokerOrder | str] = list(orders)
    if rows:
        _spoil(rows, trouble)
    stated, refused = _judged(rows)
    return Answer(
        completeness="partial" if refused else "complete",
        why=f"{len(refused)} of {len(rows)} rows could not be used" if refused else "",
        dialect="simulated",
        orders=stated,
        refused=refused,
        raw="\n".join(map(_text, rows)).encode(),
    )


def wanted(order: BrokerOrder, question: Question) -> bool:
    """Whether an order belongs in the answer: a working one in a list, the very one in a look-up."""
    if question.surface == "open_orders":
        return order.status not in TERMINAL
    asked = (question.order_id, question.client_order_id)
    return asked != (None, None) and asked[0] in (None, order.order_id) and asked[1] in (None, order.client_order_id)


def _spoil(rows: list[_Stated | str], trouble: Trouble | None) -> None:
    """Spoil the first row, or add a second one to it."""
    first = rows[0]
    assert not isinstance(first, str)
    if trouble == "bad_row":
        rows[0] = "its kind is unknown"
    elif trouble == "bad_number":
        rows[0] = "its quantity is NaN"
    elif trouble == "twin":
        rows.append(msgspec.structs.replace(first))
    elif trouble == "contradiction":
        rows.append(_doubled(first))


def _doubled(row: _Stated) -> _Stated:
    """The same, with twice the quantity."""
    if isinstance(row, BrokerOrder):
        return msgspec.structs.replace(row, quantity=add(row.quantity, row.quantity))
    return msgspec.structs.replace(row, signed_quantity=add(row.signed_quantity, row.signed_quantity))


def _judged(rows: Sequence[_Stated | str]) -> tuple[tuple[_Stated, ...], tuple[Refusal, ...]]:
    """Every row, on one side or the other."""
    stated: list[_Stated] = []
    refused: list[Refusal] = []
    for number, row in enumerate(rows, 1):
        if isinstance(row, str):
            refused.append(Refusal(number, row))
            continue
        same = [other for other in rows if not isinstance(other, str) and _id_of(other) == _id_of(row)]
        if row in stated or any(other != row for other in same):
            refused.append(Refusal(number, "it is listed twice", row.symbol, row.ticket))
        else:
            stated.append(row)
    return tuple(stated), tuple(refused)


def _id_of(row: BrokerPosition | BrokerOrder) -> str | None:
    return row.order_id if isinstance(row, BrokerOrder) else row.ticket


def _text(row: BrokerPosition | BrokerOrder | str) -> str:
    """A row in the raw reply."""
    if isinstance(row, str):
        return row
    if isinstance(row, BrokerOrder):
        filled = "" if row.filled is None else plain(row.filled)
        words = (row.order_id or "", row.symbol, row.side, row.type, plain(row.quantity), filled)
        return " ".join((*words, row.status.value, row.raw_status))
    price = "" if row.price is None else plain(row.price)
    stop = "" if row.stop is None or row.stop.price is None else plain(row.stop.price)
    return " ".join((row.ticket or "", row.symbol, plain(row.signed_quantity), price, stop))
