"""Where does a world for an examination come from, and who sees to it that it ends as it should?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lessons.world import World


@pytest.fixture
def world() -> Iterator[Callable[..., World]]:
    """Makes worlds; each is replayed and closed when the test is over."""
    made: list[World] = []

    def make(*changes: object, **how: object) -> World:
        made.append(World(*changes, **how))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()
