"""Which fixtures do the tests of foreign books share?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from books.bench import Bench, at_book, made


@pytest.fixture(autouse=True)
def replayed() -> Iterator[None]:
    """Law 1 of every story: each journal is decided anew, byte for byte, and its state survives being saved."""
    yield
    while made:
        made.pop().w.close()


@pytest.fixture
def bench() -> Bench:
    """A book of two positions, and a world that has heard nothing yet."""
    return Bench(at_book("AAPL", "3", "10"), at_book("MSFT", "-2"))
