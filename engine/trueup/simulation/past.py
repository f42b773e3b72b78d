"""What was so at any earlier moment? States with their times, the latest of each moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Final, Generic, TypeVar

V = TypeVar("V")
EVER: Final = -(2**62)


class Past(Generic[V]):
    """A mapping and all that it ever was."""

    def __init__(self) -> None:
        self._times: list[int] = [EVER]
        self._states: list[Mapping[str, V]] = [{}]

    def note(self, now_ns: int, state: Mapping[str, V]) -> None:
        """From now on it is so; a copy is kept."""
        if self._times[-1] == now_ns:
            self._states[-1] = dict(state)
        else:
            self._times.append(now_ns)
            self._states.append(dict(state))

    def at(self, ns: int) -> Mapping[str, V]:
        """What was so at a moment; the very same object as long as nothing changed."""
        return self._states[bisect_right(self._times, ns) - 1]

    def during(self, since_ns: int, until_ns: int) -> list[Mapping[str, V]]:
        """Every state that held at some moment from `since_ns` to `until_ns`, the oldest first."""
        return self._states[bisect_right(self._times, since_ns) - 1 : bisect_right(self._times, until_ns)]

    def __iter__(self) -> Iterator[tuple[int, Mapping[str, V]]]:
        """(since when, what was so), the oldest first; the first is what was so for ever before."""
        return zip(self._times, self._states, strict=True)
