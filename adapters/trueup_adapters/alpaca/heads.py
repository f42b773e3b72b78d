"""Does a reply answer what was asked, does it say no in Alpaca's own words, or can nobody tell?

The status comes before the body (L48). "Not found" counts only in Alpaca's own words, as JSON with its code: any proxy
and every wrong address says 404 too (L06).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw

from trueup.ports import Answer, failed
from trueup_adapters.alpaca.cells import MALFORMED, printable
from trueup_adapters.alpaca.transport import Reply
from trueup_adapters.json_text import not_numbers_as_text

_MISSING: Final = range(40_410_000, 40_420_000)
_LIST = msgspec.json.Decoder(list[Raw])


class Said(msgspec.Struct, frozen=True):
    """What Alpaca says where it does not answer."""

    code: int | None = None
    """Its own code; None where the body is not Alpaca's."""
    message: str = ""


class _Error(msgspec.Struct):
    code: Any = None
    message: Any = None


_ERROR = msgspec.json.Decoder(_Error)


def said(reply: Reply) -> Said:
    """The code and words of an error, as far as they are Alpaca's."""
    try:
        error = _ERROR.decode(reply.body)
    except MALFORMED:
        return Said()
    if not isinstance(error.code, int) or isinstance(error.code, bool) or not isinstance(error.message, str):
        return Said()
    return Said(error.code, printable(error.message))


def is_missing(reply: Reply) -> bool:
    """Whether Alpaca itself says that there is no such thing; that there is no such *endpoint* says nothing of it."""
    words = said(reply)
    return reply.status == 404 and (words.code or 0) in _MISSING and "endpoint" not in words.message.lower()


def why_not(reply: Reply) -> str:
    """Why a reply is no answer; '' where its status says that it is one."""
    if reply.status == 200:
        return "" if reply.body else "the reply is empty: no bytes at all"
    words = said(reply).message or "in no words of Alpaca's"
    if reply.status in (401, 403):
        return f"Alpaca refuses to answer ({reply.status}: {words}); check the keys, and the environment they are for"
    if reply.status == 429:
        return f"Alpaca asks for fewer requests (429: {words})"
    if 300 <= reply.status < 400:
        return f"the reply is a redirect ({reply.status}), and none is followed: check the address"
    return f"Alpaca answers {reply.status}: {words}"


def rows_of(reply: Reply) -> list[Raw] | Answer:
    """The rows of a list, each still as it came; or the failed answer that the reply is instead."""
    if why := why_not(reply):
        return failed(why, raw=reply.body)
    text = readable_text(reply.body)
    if text is None:
        return failed("the reply is not UTF-8 text", raw=reply.body)
    try:
        return _LIST.decode(text)
    except MALFORMED as error:
        return failed(f"the reply is not a JSON list: {printable(str(error))[:120]}", raw=reply.body)


def readable_text(raw: bytes) -> bytes | None:
    """A body for the decoder, or None where it is no text."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return not_numbers_as_text(raw)
