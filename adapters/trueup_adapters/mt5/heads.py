"""Does a reply say that what was asked has been answered, and in which dialect?

What every reply has, whatever it is a reply to: a status, which is read before anything else (L48), and words for
what went wrong. Pure, like all that reads bytes.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from trueup.ports import Answer, failed, unsupported
from trueup_adapters.json_text import first_named_twice
from trueup_adapters.mt5.rows import DIALECT_1, DIALECT_2, Dialect, printable

REPLY_BYTES_MAX: Final = 64 * 1024 * 1024

DIALECT_OF: Final[dict[str, Dialect]] = {"SUCCESS": DIALECT_1, "ok": DIALECT_2}
FAILURES: Final = frozenset({"FAILED", "ERROR", "error"})
MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError)
"""What decoding may raise for what a reply holds: ArithmeticError for an exponent beyond Decimal's own."""


class Head(msgspec.Struct):
    """What every reply has, whatever was asked."""

    status: Any = None
    error: Any = None
    error_code: Any = None
    error_msg: Any = None
    errors: Any = None
    """A list of what went wrong, as some gateways keep one beside a status that says success."""
    message: Any = None


def judged_head(head: Head, raw: bytes) -> Dialect | Answer:
    """The dialect in which a question was answered, or the answer that the reply is instead (L47, L48)."""
    words = failure_words(head)
    if is_unknown_action(head):
        return unsupported(words, raw=raw)
    status = head.status
    if not isinstance(status, str):
        return failed(f"the reply has {_said(status)}; it is in no dialect that is understood", raw=raw)
    if status in FAILURES:
        return failed(f"the gateway says {status}: {words}", raw=raw)
    dialect = DIALECT_OF.get(status)
    if dialect is None:
        return failed(f"the reply has {_said(status)}; it is in no dialect that is understood", raw=raw)
    if has_error(head):
        return failed(f"the gateway says {status} and an error at once: {words}", raw=raw, dialect=dialect)
    return dialect


def _said(status: object) -> str:
    return "no status" if status is None else f"the status {printable(repr(status))[:80]}"


def has_error(head: Head) -> bool:
    """Whether it speaks of an error, whatever its status says."""
    return bool(head.error or head.error_code or head.error_msg or head.errors)


def failure_words(head: Head) -> str:
    """The gateway's own text, bounded and printable; it may have come as anything."""
    said = [head.error_code, head.error, head.error_msg, head.errors, head.message]
    words = ": ".join(printable(cell if isinstance(cell, str) else repr(cell)) for cell in said if cell)
    return words[:300] or "nothing more"


def is_unknown_action(head: Head) -> bool:
    """Whether the gateway does not know what was asked at all, rather than having no answer to it."""
    if isinstance(head.status, str) and head.status in DIALECT_OF:
        return False
    texts = (head.error, head.error_msg, head.message)
    return head.error_code == "UNKNOWN_ACTION" or any(
        isinstance(text, str) and text.lower().startswith("unknown action") for text in texts
    )


def unreadable(raw: bytes, reply_bytes_max: int = REPLY_BYTES_MAX) -> str:
    """Why a reply is not even looked into (law 12, L01); '' where it is."""
    if not raw:
        return "the reply is empty: no bytes at all"
    if len(raw) > reply_bytes_max:
        return f"the reply has {len(raw)} bytes; {reply_bytes_max} are the most that is read"
    if not _is_text(raw):
        return "the reply is not UTF-8 text"
    twice = _named_twice(raw)
    return f"the reply names `{twice}` twice, and nobody can say which is meant" if twice else ""


_DECISIVE: Final = ("status", "positions", "deals", "orders", "order")
"""The keys of a reply that must not contradict each other."""


def _named_twice(raw: bytes) -> str:
    """Which decisive key the reply names more than once; '' for none, and for what is no JSON object.

    A decoder silently takes the last, and so a list that an empty one follows for nothing held (L03, law 13). Most
    replies name each key once and are only searched for it; a row's own `status` makes for a closer look.
    """
    outside = raw
    opens, closes = raw.find(b"["), raw.rfind(b"]")
    if 0 <= opens < closes and raw.find(b"[", opens + 1) < 0 and raw.find(b"]", opens, closes) < 0:
        outside = raw[:opens] + raw[closes:]  # one list: only what lies around it can name a key of the reply
    if b"\\u" not in outside and all(outside.count(b'"%s"' % key.encode()) <= 1 for key in _DECISIVE):
        return ""
    return first_named_twice(raw, _DECISIVE)


def _is_text(raw: bytes) -> bool:
    """Whether it is all UTF-8: what the decoder skips over it does not look into."""
    if raw.isascii():
        return True
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def not_json(error: Exception) -> str:
    """Why a reply could not be decoded, in words for a reason."""
    words = printable(str(error))[:120] or type(error).__name__
    return f"the reply is not a JSON object of the expected kind: {words}"
