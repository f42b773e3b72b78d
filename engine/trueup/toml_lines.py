"""On which line of a TOML text does a key stand, and which key was perhaps meant instead?

The standard library's reader says what a file holds, but not where. These are looked up line by line, tables of tables
included; a key that cannot be placed exactly is placed at the nearest table around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands: the names of its tables and its key; a number for the place in a list of tables."""

_NAME: Final = r"""(?:[A-Za-z0-9_\-]+|"[^"]*"|'[^']*')"""
_PATH: Final = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_HEADER: Final = re.compile(rf"\s*(\[\[?)\s*({_PATH})\s*\]")
_KEY: Final = re.compile(rf"\s*({_PATH})\s*=")


def line_of(text: str, path: Path) -> int | None:
    """The line (from 1) that gives `path` its value, or the nearest table around it; None when none can be told."""
    table: Path = ()
    counts: dict[Path, int] = {}
    best: int | None = None
    length = 0
    for number, line in enumerate(text.splitlines(), 1):
        key = _KEY.match(line)
        header = None if key else _HEADER.match(line)
        if header:
            table = _table(_dotted(header[2]), counts, several=header[1] == "[[")
        if key or header:
            here = (*table, *(_dotted(key[1]) if key else ()))
            for found in (here, here[:-1]) if isinstance(here[-1], int) else (here,):
                if len(found) > length and found == path[: len(found)]:
                    best, length = number, len(found)
    return best


def meant(what: str, shown: str, key: str, known: Iterable[str]) -> str:
    """`there is no knob 'confirmatons'; did you mean 'confirmations'?`"""
    near = get_close_matches(key, tuple(known), 1)
    return f"there is no {what} {shown!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _table(names: tuple[str, ...], counts: dict[Path, int], *, several: bool) -> Path:
    """The path of a header; `counts` knows how many of each list of tables there have been."""
    here: Path = ()
    for place, name in enumerate(names, 1):
        here = (*here, name)
        if several and place == len(names):
            counts[here] = counts.get(here, -1) + 1
        if here in counts:
            here = (*here, counts[here])
    return here


def _dotted(path: str) -> tuple[str, ...]:
    return tuple(name.strip("\"'") for name in re.findall(_NAME, path))
