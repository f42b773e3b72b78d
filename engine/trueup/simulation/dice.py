"""What falls by chance in a simulation? Whatever the seed says: the same in every process, for ever.

One stream of numbers for each purpose, so that what one of them draws does not move the others.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A stream of numbers, by name."""

    def __init__(self, *name: int | str) -> None:
        self._random = random.Random("/".join(map(str, name)))  # of text, whatever PYTHONHASHSEED is

    def below(self, limit: int) -> int:
        """0 to `limit` - 1; 0 where the limit is below 1."""
        return self._random.randrange(limit) if limit > 0 else 0

    def between(self, least: int, most: int) -> int:
        """Both ends included."""
        return self._random.randint(least, max(least, most))

    def percent(self, chance: int) -> bool:
        """True so many times of a hundred."""
        return self._random.randrange(100) < chance

    def one_of(self, some: Sequence[T]) -> T:
        """One of them, each as likely as the others."""
        return self._random.choice(some)

    def some_of(self, some: Sequence[T], chance: int) -> list[T]:
        """Each with a chance of so many in a hundred, in their order."""
        return [one for one in some if self.percent(chance)]
