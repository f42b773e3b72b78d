"""Which fixtures do the tests of incidents share?"""

from __future__ import annotations

import pytest

from cli.shell import Shell


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    """Runs command lines."""
    return Shell(capsys)
