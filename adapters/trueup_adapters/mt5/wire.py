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

from trueup.ports import Answer, Question, failed, unsupported
from trueup_adapters.mt5.deals import JudgedDeals, judge_deals
from trueup_adapters.mt5.positions import Judged, Reading, judge
from trueup_adapters.mt5.rows import (
    DIALECT_1,
    DIALECT_2,
    DealRow,
    Dialect,
    PositionRow,
    Unread,
    printable,
    unread,
)

REPLY_BYTES_MAX: Final = 64 * 1024 * 1024
SERVER_CLOCK_OFFSET_S_MAX: Final = 86_400
"""How far the gateway's clock may be from UTC (L46): deals are asked for from so much earlier, because a
deal listed twice is recognised by its id and one that is not listed is lost."""

_DIALECT_OF: Final[dict[str, Dialect]] = {"SUCCESS": DIALECT_1, "ok": DIALECT_2}
_FAILURES: Final = frozenset({"FAILED", "ERROR", "error"})
_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError)
"""What decoding may raise for what a reply holds: ArithmeticError for an exponent beyond Decimal's own."""


# -- questions ---------------------------------------------------------------------------------------------


class _Request(msgspec.Struct, omit_defaults=True):
    action: str
    req_id: str
    symbol: str | UnsetType = UNSET
    since: int | UnsetType = UNSET


ACTION_OF: Final = {"positions": "GET_POSITIONS", "fills": "GET_DEALS"}
"""The surfaces that can be asked, and the words for it."""


def request(question: Question, *, req_id: str, symbol: str = "*") -> bytes:
    """The bytes that put `question` to a gateway."""
    asked = _Request(action=ACTION_OF[question.surface], req_id=req_id, symbol=symbol)
    if question.since_ns is not None:
        asked.since = max(0, question.since_ns // 1_000_000_000 - SERVER_CLOCK_OFFSET_S_MAX)
    return msgspec.json.encode(asked)


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
    except _MALFORMED:
        return None
    return req_id if isinstance(req_id, str) or req_id is None else repr(req_id)


# -- the reply as a whole ----------------------------------------------------------------------------------


class _Head(msgspec.Struct):
    """What every reply has, whatever was asked."""

    status: Any = None
    error: Any = None
    error_code: Any = None
    error_msg: Any = None
    message: Any = None


class _PositionsReply(_Head):
    positions: list[PositionRow] | UnsetType = UNSET


class _DealsReply(_Head):
    deals: list[DealRow] | UnsetType = UNSET


class _RawReply(_Head):
    """A reply some row of which is not as it should be: the rows are kept for one-by-one reading."""

    positions: Raw | UnsetType = UNSET
    deals: Raw | UnsetType = UNSET


Row = TypeVar("Row", PositionRow, DealRow)


class Opened(msgspec.Struct, Generic[Row], frozen=True):
    """A reply that was answered in a known dialect: its rows, in its order, those that cannot be read marked."""

    dialect: Dialect
    rows: list[Row | Unread]


_POSITIONS = msgspec.json.Decoder(_PositionsReply)
_DEALS = msgspec.json.Decoder(_DealsReply)
_RAW = msgspec.json.Decoder(_RawReply)
_LIST = msgspec.json.Decoder(list[Raw])
_POSITION = msgspec.json.Decoder(PositionRow)
_DEAL = msgspec.json.Decoder(DealRow)


def open_positions(raw: bytes) -> Opened[PositionRow] | Answer:
    """The rows of a positions reply, or the answer that it is instead: failed or unsupported."""
    if not _is_text(raw):
        return _garbled(raw)
    try:
        reply = _POSITIONS.decode(raw)
    except _MALFORMED:
        return _open_slowly(raw, "positions", _POSITION.decode)
    return _judged_head(reply, raw, reply.positions, "positions")


def open_deals(raw: bytes) -> Opened[DealRow] | Answer:
    """The rows of a deals reply, or the answer that it is instead: failed or unsupported."""
    if not _is_text(raw):
        return _garbled(raw)
    try:
        reply = _DEALS.decode(raw)
    except _MALFORMED:
        return _open_slowly(raw, "deals", _DEAL.decode)
    return _judged_head(reply, raw, reply.deals, "deals")


def _open_slowly(raw: bytes, name: str, decode: Callable[[Raw], Row]) -> Opened[Row] | Answer:
    """The same for a reply that does not decode in one go: row by row, so that one bad row costs one row (L42)."""
    try:
        reply = _RAW.decode(raw)
    except _MALFORMED as error:
        return failed(f"the reply is not a JSON object of the expected kind: {_reason(error)}", raw=raw)
    listed = reply.positions if name == "positions" else reply.deals
    rows: list[Row | Unread] | UnsetType = UNSET
    if listed is not UNSET:
        try:
            cells = _LIST.decode(listed)
        except _MALFORMED:
            head: Opened[Row] | Answer = _judged_head(reply, raw, [], name)  # the status comes first (L48)
            return head if isinstance(head, Answer) else failed(f"`{name}` is not a list", raw=raw)
        rows = [_row_or_unread(cell, decode) for cell in cells]
    return _judged_head(reply, raw, rows, name)


def _row_or_unread(cell: Raw, decode: Callable[[Raw], Row]) -> Row | Unread:
    try:
        return decode(cell)
    except _MALFORMED as error:
        return unread(cell, error)


def _judged_head(head: _Head, raw: bytes, rows: Sequence[Row | Unread] | UnsetType, name: str) -> Opened[Row] | Answer:
    """What the status says; the rows count only after it said that the question was answered (L48)."""
    words = _failure_words(head)
    status = head.status
    if _is_unknown_action(head) and not (isinstance(status, str) and status in _DIALECT_OF):
        return unsupported(words, raw=raw)
    if not isinstance(status, str):
        said = "no status" if status is None else f"the status {printable(repr(status))[:80]}"
        return failed(f"the reply has {said}; it is in no dialect that is understood", raw=raw)
    if status in _FAILURES:
        return failed(f"the gateway says {status}: {words}", raw=raw)
    dialect = _DIALECT_OF.get(status)
    if dialect is None:
        return failed(
            f"the reply has the status {printable(repr(status))[:80]}; it is in no dialect that is understood",
            raw=raw,
        )
    if head.error or head.error_code or head.error_msg:
        return failed(f"the gateway says {status} and an error at once: {words}", raw=raw, dialect=dialect)
    if rows is UNSET:
        return failed(f"the reply says {status} but has no `{name}`", raw=raw, dialect=dialect)
    return Opened(dialect, rows if isinstance(rows, list) else list(rows))


def _failure_words(head: _Head) -> str:
    """The gateway's own text, bounded and printable; it may have come as anything."""
    said = [head.error_code, head.error, head.error_msg, head.message]
    words = ": ".join(printable(cell if isinstance(cell, str) else repr(cell)) for cell in said if cell)
    return words[:300] or "nothing more"


def _is_unknown_action(head: _Head) -> bool:
    """Whether the gateway does not know the question at all, rather than having no answer to it."""
    texts = (head.error, head.error_msg, head.message)
    return head.error_code == "UNKNOWN_ACTION" or any(
        isinstance(text, str) and text.lower().startswith("unknown action") for text in texts
    )


def _is_text(raw: bytes) -> bool:
    """Whether it is all UTF-8: what the decoder skips over it does not look into."""
    if raw.isascii():
        return True
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _garbled(raw: bytes) -> Answer:
    return failed("the reply is not UTF-8 text", raw=raw)


def _reason(error: Exception) -> str:
    return printable(str(error))[:120] or type(error).__name__


# -- answers -----------------------------------------------------------------------------------------------


def refusal_of_size(raw: bytes, reply_bytes_max: int) -> Answer | None:
    """The failed answer that an empty or an overlong reply is, before anybody looks into it (law 12)."""
    if not raw:
        return failed("the reply is empty: no bytes at all")
    if len(raw) > reply_bytes_max:
        return failed(f"the reply has {len(raw)} bytes; {reply_bytes_max} are the most that is read")
    return None


def positions_answer(raw: bytes, reading: Reading) -> Answer:
    """A positions reply as an `Answer`. Pure: the same bytes, the same answer. Never raises for what they hold."""
    opened = refusal_of_size(raw, REPLY_BYTES_MAX) or open_positions(raw)
    if isinstance(opened, Answer):
        return opened
    return stated_positions(judge(opened.rows, opened.dialect, reading), opened.dialect, raw)


def stated_positions(judged: Judged, dialect: Dialect, raw: bytes) -> Answer:
    """What was judged, as an answer: complete only if no row was refused."""
    refused = judged.refused
    return Answer(
        completeness="partial" if refused else "complete",
        why=_refused_words(len(refused), len(refused) + len(judged.positions)) if refused else "",
        dialect=dialect,
        positions=judged.positions,
        refused=refused,
        raw=raw,
    )


def deals_answer(raw: bytes, reading: Reading) -> Answer:
    """A deals reply as an `Answer`. Pure: the same bytes, the same answer. Never raises for what they hold."""
    opened = refusal_of_size(raw, REPLY_BYTES_MAX) or open_deals(raw)
    if isinstance(opened, Answer):
        return opened
    judged: JudgedDeals = judge_deals(opened.rows, opened.dialect, reading)
    refused = judged.refused
    return Answer(
        completeness="partial" if refused else "complete",
        why=_refused_words(len(refused), len(opened.rows)) if refused else "",
        dialect=opened.dialect,
        executions=judged.executions,
        refused=refused,
        raw=raw,
    )


def _refused_words(refused: int, listed: int) -> str:
    return f"{refused} of {listed} rows could not be used"
