"""Which fixtures do the tests of the command line share?"""

from __future__ import annotations

import pytest

from cli.shell import Shell


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Runs command lines, with nothing of the developer's own environment in them."""
    for name in (
        "GTW_HOST", "GTW_PORT", "GTW_TIMEOUT_MS", "GTW_INSECURE", "GTW_CURVE_SERVER", "GTW_CURVE_SECRET",
        "SYNC_INTERVAL_SEC", "FORCE_COLOR",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    return Shell(capsys)
