"""What does a piece of JSON say that a decoder keeps to itself: keys named twice, and bare words that are no JSON?"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

_NOT_NUMBERS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b')


def not_numbers_as_text(raw: bytes) -> bytes:
    """The text with bare `NaN` and `Infinity` as strings, so that they cost one row, or nothing in a field that is not
    read (L42, L43). Many servers write them for a division by zero; JSON knows neither."""
    if b"NaN" not in raw and b"Infinity" not in raw:
        return raw
    return _NOT_NUMBERS.sub(lambda found: found[0] if found[0][:1] == b'"' else b'"%s"' % found[0], raw)


def first_named_twice(raw: bytes, keys: Sequence[str]) -> str:
    """Which of `keys` the object `raw` itself names more than once; '' for none, and for what is no JSON object.

    A decoder silently takes the last of them: of two quantities nobody can say which is meant (law 13). Most objects
    name each key once, and are only searched for it; an escape could hide one.
    """
    if b"\\u" not in raw and all(raw.count(b'"%s"' % key.encode()) <= 1 for key in keys):
        return ""
    names: list[str] = []

    def _remember(pairs: list[tuple[str, object]]) -> None:
        names[:] = (name for name, _ in pairs)  # the outermost object is closed last

    try:
        json.loads(raw, object_pairs_hook=_remember, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return ""  # whoever decodes it says why
    return next((key for key in keys if names.count(key) > 1), "")
