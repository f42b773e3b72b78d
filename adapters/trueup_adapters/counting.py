"""How is a number of things said to a person: `1 position`, `2 positions`, `10,000 positions`?"""

from __future__ import annotations


def many(count: int, thing: str) -> str:
    """So many of a thing whose plural takes an s."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
