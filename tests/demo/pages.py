"""What do the pages hold: blocks of code, what they are said to print, links?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from house.source import ROOT, tracked

PAGES = tuple(
    path for path in tracked() if path == ROOT / "README.md" or (path.suffix == ".md" and ROOT / "docs" in path.parents)
)

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    info: str
    """What stands behind the opening fence: `python`, `python no-run`, `text output`."""
    body: str
    line: int


def blocks(page: Path) -> tuple[Block, ...]:
    """Every fenced block of a page, in order."""
    text = page.read_text("utf-8")
    return tuple(
        Block(found[1].strip(), found[2], text.count("\n", 0, found.start(2)) + 1) for found in _FENCE.finditer(text)
    )


def examples(page: Path) -> tuple[tuple[Block, str | None], ...]:
    """(a Python block that is to be run, what it is said to print if the next block says so)."""
    found = blocks(page)
    following: tuple[Block | None, ...] = (*found[1:], None) if found else ()
    return tuple(
        (block, after.body if after is not None and after.info == "text output" else None)
        for block, after in zip(found, following, strict=True)
        if block.info == "python"
    )


def links(page: Path) -> tuple[str, ...]:
    """Where a page points to within the repository."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    return tuple(link for link in _LINK.findall(text) if "://" not in link and not link.startswith("#"))


def place(page: Path) -> str:
    """A page as a person would name it."""
    return page.relative_to(ROOT).as_posix()
