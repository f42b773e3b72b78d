"""Where do a world and a command line for an examination come from, and who sees to it that they end as they should?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from cli.shell import Shell
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


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Runs command lines, with nothing of the developer's own environment in them."""
    for name in ("GTW_HOST", "GTW_PORT", "GTW_TIMEOUT_MS", "GTW_INSECURE", "SYNC_INTERVAL_SEC", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return Shell(capsys)
