"""Do the commands on the page about incidents run as they stand there, and find what the page says?"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from cli.conftest import shell as shell_fixture
from cli.shell import NOON_NS, Shell
from house.source import ROOT
from laws.stores import S
from replay.journals import stored
from replay.recording import Recording, fill

shell = shell_fixture

PAGE = (ROOT / "docs" / "how-to" / "replay-an-incident.md").read_text("utf-8")
COMMANDS = [
    line.removeprefix("$ trueup ")
    for block in re.findall(r"(?s)```console\n(.*?)```", PAGE)
    for line in block.splitlines()
    if line.startswith("$ ")
]
THREE_NS = NOON_NS - 9 * 3_600 * S
"""2026-01-15T03:00:00Z, where the page's incident begins."""


@pytest.fixture
def incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the page's reader stands: a store whose book was closed and opened for nothing."""
    monkeypatch.chdir(tmp_path)
    recording = Recording()
    recording.clock.wall_offset_ns = THREE_NS + 60 * S - recording.clock.now_ns
    recording.record(fill("e1", "EURUSD", 2))
    recording.says(5_000, EURUSD=2)
    for _ in range(2):
        recording.says(300_000, GBPUSD=1)
    for _ in range(3):
        recording.says(300_000, EURUSD=2, GBPUSD=1)
    (tmp_path / "var").mkdir()
    stored(recording.journal, tmp_path / "var" / "trueup.db")
    (tmp_path / "incidents").mkdir()
    shutil.copy(tmp_path / "var" / "trueup.db", tmp_path / "incidents" / "one.db")
    for name, body in re.findall(r"(?s)```toml\n# (\S+)\n(.*?)```", PAGE):
        (tmp_path / name).write_text(body)
    (tmp_path / "quick.toml").write_text("confirmations = 2\nmass_absence_count_min = 100\n")
    return tmp_path


def test_every_command_on_the_page_runs(incident: Path, shell: Shell) -> None:
    assert len(COMMANDS) >= 8
    for command in COMMANDS:
        ended = shell(*shlex.split(command))
        assert ended.status in (0, 1), (command, ended.err)
        assert ended.out, command
    assert (incident / "then.db").exists()


def test_it_finds_what_the_page_says(incident: Path, shell: Shell) -> None:
    (policy,) = [command for command in COMMANDS if "--policy" in command]
    said = shell(*shlex.split(policy))
    assert said.status == 1
    assert "avoided" in said.out
    (again,) = [command for command in COMMANDS if re.fullmatch(r"replay --store \S+", command)]
    assert re.search(r"inputs, \d+ of \d+ decisions made again, all identical", shell(*shlex.split(again)).out)
    assert "decisions made again, all identical" in PAGE
