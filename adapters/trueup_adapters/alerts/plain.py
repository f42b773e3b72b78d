"""How is text from outside made harmless before a chat service or a mail program reads it?

A symbol, a comment or a broker's reason may hold `@everyone`, `<!here>`, a link or markup, by accident or by malice,
and services act on them even in the middle of a sentence (L60). What is left reads the same, and pings nobody. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

ZERO_WIDTH: Final = "\u200b"
"""A space that nobody sees; it parts what a service would otherwise read as one."""
_ANGLES: Final = str.maketrans({"<": "‹", ">": "›", "`": "ʼ"})
_LINK: Final = re.compile(r"(?<=\])(?=\()|(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
_MARKDOWN: Final = re.compile(r"([\\*_~|\[\]()#])")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Controls, direction overrides, halves of characters, line separators: what hides or reorders text."""


def harmless(text: str) -> str:
    """`text` on one line, without anything that a service would take for a mention, a tag or a link."""
    shown = "".join(" " if unicodedata.category(one) in _INVISIBLE else one for one in text)
    shown = shown.translate(_ANGLES)
    # After every at-sign, full-width and small ones too: some services fold them into the plain one.
    shown = re.sub(r"[@＠﹫]", lambda found: found[0] + ZERO_WIDTH, shown)
    return re.sub(r" {2,}", " ", _LINK.sub(ZERO_WIDTH, shown)).strip()


def escaped(text: str) -> str:
    """`text` for a service that reads Markdown into whatever it is given: each mark of it after a backslash."""
    return _MARKDOWN.sub(r"\\\1", text)


def size(text: str) -> int:
    """How long a service may count `text`: in UTF-16 units, with what HTML has to escape at its longest."""
    return sum(6 if one in "&\"'" else 2 if ord(one) > 0xFFFF else 1 for one in text)


def cut(text: str, size_max: int) -> str:
    """`text`, or as much of its beginning as fits with an ellipsis."""
    if size(text) <= size_max:
        return text
    room = size_max - 1
    kept: list[str] = []
    for one in text:
        room -= size(one)
        if room < 0:
            break
        kept.append(one)
    return "".join(kept).rstrip("\\") + "…"
