"""Does a text hold what looks like a secret: a password, a key, a token?

By its shape alone: this finds what people leave in URLs, headers and replies by accident, and proves nothing of what it
does not find. Pure.
"""

from __future__ import annotations

import re
from typing import Final

_NAMES: Final = (
    r"pass(?:word|wd|phrase)|secret|api[_-]?(?:key|secret|token)|(?:access|auth|bearer|refresh|session)[_-]?(?:key|token)|"
    r"private[_-]?key|secret[_-]?key|client[_-]?secret|apca-api-[a-z-]+|x-[a-z]+-apikey"
)
_SHAPES: Final = (
    ("a URL with a password in it", re.compile(r"[a-z][a-z0-9+.\-]*://[^\s/:@\"'<>]*:(?!\*\*\*@)[^\s/@\"'<>]+@", re.I)),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("an authorization header", re.compile(r"\b(?:bearer|basic)\s+[A-Za-z0-9+/._~\-]{16,}=*", re.I)),
    ("a signed token", re.compile(r"\beyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}")),
    (
        "a password or key by name",
        re.compile(rf"(?:{_NAMES})[\\\"']*\s*[:=]\s*[\\\"']*(?!null\b|none\b|\*\*\*|<)[^\s\"'\\,;&}}]{{4,}}", re.I),
    ),
)


def secret_in(text: str) -> str | None:
    """What it looks like, in words; None where nothing does."""
    return next((what for what, shape in _SHAPES if shape.search(text)), None)
