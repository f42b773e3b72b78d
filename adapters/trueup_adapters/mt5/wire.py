"""What do the bytes of a reply say? Pure: no socket, no clock, no memory.

The order of reading is the point: is it one whole JSON object; does its status, in the words of a dialect that is
known (L47), say that the question was answered (L48: a failure may carry an empty list, which means nothing);
is the list there; and only then the rows, one by one (L42). Whatever falls through any of these is a
failed answer, and never an empty one (L01, L03, L44).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from trueup.ports import Answer, Question, failed
from trueup_adapters.json_text import not_numbers_as_text
from trueup_adapters.mt5.deals import JudgedDeals, judge_deals
from trueup_adapters.mt5.heads import (
    MALFORMED,
    REPLY_BYTES_MAX,
    Head,
    judged_head,
    not_json,
    unreadable,
)
from trueup_adapters.mt5.orders import JudgedOrders, judge_orders
from trueup_adapters.mt5.positions import Judged, Reading, judge
from trueup_adapters.mt5.rows import (
    BadRow,
    DealRow,
    Dialect,
    OrderRow,
    PositionRow,
    Unread,
    unread,
    unread_deal,
    unread_order,
)
from trueup_adapters.mt5.texts import Texts

# -- whose reply it is -------------------------------------------------------------------------------------


class _Echo(msgspec.Struct):
    req_id: Any = None


_ECHO = msgspec.json.Decoder(_Echo)
_ECHO_LAST = re.compile(rb'[,{]\s*"req_id"\s*:\s*"([^"\\]{1,128})"\s*\}\s*\Z')
_ECHO_FIRST = re.compile(rb'\s*\{\s*"req_id"\s*:\s*"([^"\\]{1,128})"\s*[,}]')
_ENDS: Final = 256


def echoed(raw: bytes) -> str | None:
    """The `req_id` that a reply echoes, or None where it has none or is not JSON at all.

    A reply ends with its top-level object, so an echo in the last (or first) place is found without
    reading 10,000 positions in between.
    """
    found = _ECHO_LAST.search(raw[-_ENDS:]) or _ECHO_FIRST.match(raw[:_ENDS])
    if found is not None:
        return found[1].decode("utf-8", "replace")
    try:
        req_id = _ECHO.decode(raw).req_id
    except MALFORMED:
        return None
    return req_id if isinstance(req_id, str) or req_id is None else repr(req_id)


# -- the reply as a whole ----------------------------------------------------------------------------------


class _PositionsReply(Head):
    positions: list[PositionRow] | UnsetType = UNSET


class _DealsReply(Head):
    deals: list[DealRow] | UnsetType = UNSET


class _OrdersReply(Head):
    orders: list[OrderRow] | UnsetType = UNSET


class _RawReply(Head):
    """A reply some row of which is not as it should be: the rows are kept for one-by-one reading."""

    positions: Raw | UnsetType = UNSET
    deals: Raw | UnsetType = UNSET
    orders: Raw | UnsetType = UNSET
    order: Raw | UnsetType = UNSET


Row = TypeVar("Row", PositionRow, DealRow, OrderRow)


class Opened(msgspec.Struct, Generic[Row], frozen=True):
    """A reply that was answered in a known dialect: its rows, in its order, those that cannot be read marked."""

    dialect: Dialect
    rows: list[Row | Unread]


_POSITIONS = msgspec.json.Decoder(_PositionsReply)
_DEALS = msgspec.json.Decoder(_DealsReply)
_ORDERS = msgspec.json.Decoder(_OrdersReply)
_RAW = msgspec.json.Decoder(_RawReply)
_LIST = msgspec.json.Decoder(list[Raw])
POSITIONS: Final = Texts(PositionRow)
_DEAL: Final = Texts(DealRow)
_ORDER: Final = Texts(OrderRow)


def open_positions(raw: bytes, *, closely: bool = True) -> Opened[PositionRow] | Answer:
    """The rows of a positions reply, or the answer that it is instead: failed or unsupported.

    closely   whether their text is looked at too; who leaves it out looks at those that matter, by `texts`
    """
    try:
        reply = _POSITIONS.decode(raw)
    except MALFORMED:
        return open_positions_slowly(raw)
    if closely and _is_spoilt(raw, reply.positions, POSITIONS):
        return open_positions_slowly(raw)
    return _opened(reply, raw, reply.positions, "positions")


def open_positions_slowly(raw: bytes) -> Opened[PositionRow] | Answer:
    """The same, each row looked at on its own."""
    return _open_slowly(raw, "positions", POSITIONS.read)


def _is_spoilt(raw: bytes, rows: Sequence[Row] | UnsetType, texts: Texts[Row]) -> bool:
    return rows is not UNSET and texts.looks_spoilt(raw, len(rows))


def open_deals(raw: bytes) -> Opened[DealRow] | Answer:
    """The rows of a deals reply, or the answer that it is instead: failed or unsupported."""
    try:
        reply = _DEALS.decode(raw)
    except MALFORMED:
        return _open_slowly(raw, "deals", _DEAL.read, unread_deal)
    if _is_spoilt(raw, reply.deals, _DEAL):
        return _open_slowly(raw, "deals", _DEAL.read, unread_deal)
    return _opened(reply, raw, reply.deals, "deals")


def open_orders(raw: bytes) -> Opened[OrderRow] | Answer:
    """The rows of an orders reply, or the answer that it is instead: failed or unsupported."""
    try:
        reply = _ORDERS.decode(raw)
    except MALFORMED:
        return _open_slowly(raw, "orders", _ORDER.read, unread_order)
    if _is_spoilt(raw, reply.orders, _ORDER):
        return _open_slowly(raw, "orders", _ORDER.read, unread_order)
    return _opened(reply, raw, reply.orders, "orders")


def open_order(raw: bytes) -> Opened[OrderRow] | Answer:
    """The one row of a look-up's reply or none, or the answer that it is instead: failed or unsupported.

    `order` null says that there is none, and so does an empty list `orders`; that neither is there says nothing (L44).
    """
    try:
        reply = _RAW.decode(raw)
    except MALFORMED as error:
        return failed(not_json(error), raw=raw)
    if reply.order is UNSET:
        return _open_slowly(raw, "orders", _ORDER.read, unread_order, "order")
    dialect = judged_head(reply, raw)
    if isinstance(dialect, Answer):
        return dialect
    if reply.orders is not UNSET:
        return failed("the reply has both `order` and `orders`; only one can be the answer", raw=raw, dialect=dialect)
    rows = [] if bytes(reply.order) == b"null" else [_row_or_unread(reply.order, _ORDER.read, unread_order)]
    return Opened(dialect, rows)


def _open_slowly(
    raw: bytes,
    name: str,
    decode: Callable[[Raw], Row],
    spoiled: Callable[[Raw, Exception], Unread] = unread,
    wanted: str = "",
) -> Opened[Row] | Answer:
    """The same for a reply that does not decode in one go: row by row, so that one bad row costs one row (L42)."""
    text = not_numbers_as_text(raw)
    try:
        reply = _RAW.decode(text)
    except MALFORMED as error:
        return failed(not_json(error), raw=raw)
    lists = {"positions": reply.positions, "deals": reply.deals, "orders": reply.orders}
    listed = lists[name]
    rows: list[Row | Unread] | UnsetType = UNSET
    if listed is not UNSET:
        try:
            cells = _LIST.decode(listed)
        except MALFORMED:
            head: Opened[Row] | Answer = _opened(reply, raw, [], name)  # the status comes first (L48)
            return head if isinstance(head, Answer) else failed(f"`{name}` is not a list", raw=raw)
        rows = [_row_or_unread(cell, decode, spoiled) for cell in cells]
    return _opened(reply, raw, rows, wanted or name)


def _row_or_unread(
    cell: Raw, decode: Callable[[Raw], Row], spoiled: Callable[[Raw, Exception], Unread]
) -> Row | Unread:
    try:
        return decode(cell)
    except (*MALFORMED, BadRow) as error:
        return spoiled(cell, error)


def _opened(head: Head, raw: bytes, rows: Sequence[Row | Unread] | UnsetType, name: str) -> Opened[Row] | Answer:
    """What the status says; the rows count only after it said that the question was answered (L48)."""
    dialect = judged_head(head, raw)
    if isinstance(dialect, Answer):
        return dialect
    if rows is UNSET:
        return failed(f"the reply says {head.status} but has no `{name}`", raw=raw, dialect=dialect)
    return Opened(dialect, rows if isinstance(rows, list) else list(rows))


# -- answers -----------------------------------------------------------------------------------------------


def refusal_of(raw: bytes, reply_bytes_max: int = REPLY_BYTES_MAX) -> Answer | None:
    """The failed answer that an empty, an overlong or a garbled reply is, before anybody looks into it (law 12)."""
    why = unreadable(raw, reply_bytes_max)
    return failed(why, raw=raw if 0 < len(raw) <= reply_bytes_max else b"") if why else None


def positions_answer(raw: bytes, reading: Reading) -> Answer:
    """A positions reply as an `Answer`. Pure: the same bytes, the same answer. Never raises for what they hold."""
    opened = refusal_of(raw) or open_positions(raw)
    if isinstance(opened, Answer):
        return opened
    return stated_positions(judge(opened.rows, opened.dialect, reading), opened.dialect, raw)


def stated_positions(judged: Judged, dialect: Dialect, raw: bytes) -> Answer:
    """What was judged, as an answer: complete only if no row was refused."""
    listed = len(judged.refused) + len(judged.positions)
    return _stated(
        Answer(completeness="complete", dialect=dialect, positions=judged.positions, raw=raw), judged, listed
    )


def deals_answer(raw: bytes, reading: Reading) -> Answer:
    """A deals reply as an `Answer`. Pure: the same bytes, the same answer. Never raises for what they hold."""
    opened = refusal_of(raw) or open_deals(raw)
    if isinstance(opened, Answer):
        return opened
    judged = judge_deals(opened.rows, opened.dialect, reading)
    answer = Answer(completeness="complete", dialect=opened.dialect, executions=judged.executions, raw=raw)
    return _stated(answer, judged, len(opened.rows))


def orders_answer(raw: bytes, reading: Reading) -> Answer:
    """An orders reply as an `Answer`. Pure: the same bytes, the same answer. Never raises for what they hold."""
    opened = refusal_of(raw) or open_orders(raw)
    if isinstance(opened, Answer):
        return opened
    judged = judge_orders(opened.rows, reading)
    answer = Answer(completeness="complete", dialect=opened.dialect, orders=judged.orders, raw=raw)
    return _stated(answer, judged, len(opened.rows))


def order_answer(raw: bytes, reading: Reading, question: Question) -> Answer:
    """A look-up's reply as an `Answer`: with the order, or complete and without one, which says "not found".

    Three things stay three (L04, L06, L44): a reply that tells of another order than the one that was asked for, or
    of several, is a failed answer; a row that cannot be used makes it partial, for something is there.
    """
    opened = refusal_of(raw) or open_order(raw)
    if isinstance(opened, Answer):
        return opened
    if len(opened.rows) > 1:
        why = f"one order was asked for, and the reply has {len(opened.rows)}"
        return failed(why, raw=raw, dialect=opened.dialect)
    judged = judge_orders(opened.rows, reading)
    for order in judged.orders:
        another = _another(question.order_id, order.order_id) or _another(
            question.client_order_id, order.client_order_id
        )
        if another:
            return failed(f"the reply tells of another order: {another}", raw=raw, dialect=opened.dialect)
    answer = Answer(completeness="complete", dialect=opened.dialect, orders=judged.orders, raw=raw)
    return _stated(answer, judged, len(opened.rows))


def _another(asked: str | None, told: str | None) -> str:
    """How an id that is told differs from the one that was asked for; '' where it does not, or is not told."""
    return "" if asked is None or told is None or asked == told else f"{told}, and not {asked}"


def _stated(answer: Answer, judged: Judged | JudgedDeals | JudgedOrders, listed: int) -> Answer:
    """The answer, complete only if no row was refused."""
    if not judged.refused:
        return answer
    why = f"{len(judged.refused)} of {listed} rows could not be used"
    return msgspec.structs.replace(answer, completeness="partial", why=why, refused=judged.refused)
