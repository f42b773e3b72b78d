"""How do tests have a gateway to talk to, in a process of its own, started as a user would?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trueup_adapters.gateway import Control

POLICY = """
lag_ms_max = {positions = 20}
confirm_interval_ms = 10
startup_timeout_s = 2
retries_max = 0
total_absence_s = 0
"""
"""Short times, so that what takes seconds in earnest takes milliseconds here."""


@contextmanager
def gateway(*arguments: str) -> Iterator[tuple[str, Control]]:
    """Its address, and the strings; stopped at the end."""
    command = [sys.executable, "-m", "trueup", "gateway", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            with Control(ready["control_url"]) as control:
                yield ready["url"], control
                control.stop()
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()  # after a failed assertion nobody else would end it


@contextmanager
def started(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, its output readable line by line."""
    command = [sys.executable, "-m", "trueup", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> Any:
    """The next line of JSON that it prints."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())
